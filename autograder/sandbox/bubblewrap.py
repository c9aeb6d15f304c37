"""Bubblewrap: isolation by the kernel's namespaces, without a container engine. Linux only."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autograder.errors import MachineFault
from autograder.sandbox.contract import Ending, Job
from autograder.sandbox.environment import ROOM, command_of, environment_of
from autograder.sandbox.local import LAUNCH, Running, launch_command, rlimits_of, run_locally, versions

__all__ = ["BubblewrapSandbox", "unavailable"]

_PROJECT = Path(__file__).resolve().parents[2]
_INSIDE_LAUNCH = "/room/launch.py"
_TEST_SECONDS = 10.0
_SMALL_BYTES = 64 << 20
_SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"),
    *("/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts"),
)


def unavailable() -> str | None:
    """Why bubblewrap cannot be used on this machine, found out by trying; None where it works."""
    if sys.platform != "linux":
        return "bubblewrap is for Linux only"
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return "bubblewrap is not installed (on Debian: apt-get install bubblewrap)"
    command = [*_walls(bwrap), *_mounts(), sys.executable, "-I", "-S", "-c", "pass"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TEST_SECONDS, check=False, env={}
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not work here: {error}"
    if done.returncode != 0:
        return f"bubblewrap does not work here: {done.stderr.strip() or f'exit status {done.returncode}'}"
    return None


class BubblewrapSandbox:
    """Run jobs in fresh namespaces: no network, no process but the job's own, no file but what it needs.

    The job sees the system's programs, this Python with its packages (and nothing of this project beside
    them), and its three folders, all read-only. As root, the job gets an unprivileged user number
    of the machine, another for each of the jobs that run at the same time, so that their limits on processes
    do not add up; as anyone else, it is this user without any right in a namespace of its own.
    """

    name = "bubblewrap"
    isolation = (
        "bubblewrap: student code runs without network, as an unprivileged user, and sees only the system's "
        "programs, this Python's packages and its own read-only folders."
    )
    isolated = True

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy: set[int] = set()
        self._running = Running()

    def identity(self) -> str:
        """The versions of this Python and of its numeric packages."""
        return f"local: {versions()}"

    def run(self, job: Job, *, output: Path, events: Path) -> Ending:
        """Run a job to its end. Raises MachineFault where it cannot be started."""
        bwrap = shutil.which("bwrap")
        if bwrap is None:
            raise MachineFault(
                "bubblewrap is not installed", submission=job.name, hint="install it, or use Docker"
            )
        with self._user(job.user) as user:
            root = os.geteuid() == 0
            settings = {
                "rlimits": rlimits_of(job.limits, processes=True),
                "user": user if root else None,
                "scratch": None,
            }
            command = [
                *_walls(bwrap, user=None if root else user),
                *_mounts(),
                *_room(job),
                *launch_command(settings, _INSIDE_LAUNCH),
                *command_of(job, sys.executable),
            ]
            return run_locally(
                command,
                job,
                environment=environment_of(job, ROOM),
                folder=Path("/"),
                output=output,
                events=events,
                stop=_end,
                running=self._running,
            )

    def sweep(self, batch: str) -> int:
        """End the jobs of this batch; those of a run that was killed, the kernel has ended with it."""
        return self._running.end(batch)

    @contextmanager
    def _user(self, wanted: int) -> Iterator[int]:
        """A user number that no other running job has: the wanted one, or one far above it."""
        with self._lock:
            user = next(n for n in itertools.count(wanted, 1000) if n not in self._busy)
            self._busy.add(user)
        try:
            yield user
        finally:
            with self._lock:
                self._busy.discard(user)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Killing the outermost process takes its namespace, and all that is in it, along."""
    process.kill()
    process.wait()
    assert process.stdin is not None
    process.stdin.close()


def _walls(bwrap: str, *, user: int | None = None) -> list[str]:
    """Everything but the mounts. As root, the two rights that launch.py needs to become another user."""
    walls = [bwrap, "--unshare-all", "--die-with-parent", "--new-session", "--hostname", "room"]
    if os.geteuid() == 0:
        # A namespace of users would make the job root's twin outside; its place is taken by launch.py.
        walls.remove("--unshare-all")
        walls += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
        return [*walls, "--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    # The first process of a namespace holds the streams of the evidence. Were it of the job's own user, the
    # job could write to them through it; so the job is the first one, which nothing inside can kill either.
    walls.append("--as-pid-1")
    if user is not None:
        walls += ["--uid", str(user), "--gid", str(user)]
    return walls


def _mounts() -> list[str]:
    """The system and this Python, read-only; this project hidden where it lies within one of them."""
    shown = [path for path in map(Path, _SYSTEM) if path.exists()]
    for prefix in dict.fromkeys((sys.prefix, sys.base_prefix, os.path.realpath(sys.base_prefix))):
        parts = (Path(prefix) / name for name in ("bin", "lib", "lib64", "pyvenv.cfg"))
        shown += [part for part in parts if part.exists() and not part.is_relative_to("/usr")]
    mounts = {path: _mount_of(path) for path in shown}
    for secret in (_PROJECT, _PROJECT / "autograder"):
        if any(secret.is_relative_to(path) for path in shown):
            mounts.setdefault(secret, ["--tmpfs", str(secret)])
    mounts |= {Path("/proc"): ["--proc", "/proc"], Path("/dev"): ["--dev", "/dev"]}
    for path in ("/tmp", "/dev/shm"):
        mounts[Path(path)] = ["--perms", "1777", "--size", str(_SMALL_BYTES), "--tmpfs", path]
    for parent in {parent for path in mounts for parent in path.parents}:
        # Left to itself, bubblewrap makes these for its own user only.
        if not any(parent.is_relative_to(path) for path in shown):
            mounts.setdefault(parent, ["--perms", "0755", "--dir", str(parent)])
    # Outer folders first, or they would cover the inner ones.
    ordered = sorted(mounts, key=lambda path: len(path.parts))
    return [argument for path in ordered for argument in mounts[path]]


def _mount_of(path: Path) -> list[str]:
    # /bin and /lib are links into /usr on most systems, and stay links.
    if path.is_symlink() and str(path) in _SYSTEM:
        return ["--symlink", str(path.readlink()), str(path)]
    return ["--ro-bind", str(path), str(path)]


def _room(job: Job) -> list[str]:
    """The job's folders, and what it may write to, each with its size."""
    return [
        *("--perms", "0755", "--dir", "/room"),
        *("--ro-bind", str(LAUNCH), _INSIDE_LAUNCH),
        *("--ro-bind", str(job.submission.resolve()), ROOM.submission),
        *("--ro-bind", str(job.kit.resolve()), ROOM.kit),
        *("--ro-bind", str(job.data.resolve()), ROOM.data),
        *("--perms", "0777", "--size", str(job.limits.scratch_bytes), "--tmpfs", ROOM.work),
        *("--remount-ro", "/"),
        *("--chdir", ROOM.work),
    ]
