"""Another user for each stage, in a container that is thrown away: isolation by rights alone, as root."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import attrs
import psutil

from autograder.errors import MachineFault
from autograder.sandbox.contract import Ending, Job, Limits
from autograder.sandbox.environment import Places, command_of, environment_of
from autograder.sandbox.local import end_guarded, launch_command, rlimits_of, run_locally, versions

__all__ = ["UsersSandbox", "container_memory"]

_OFFLINE = Path(__file__).with_name("offline.py")
_SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/lock")
"""Where everybody may write."""
_MEMORY = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""The limit of a container, by either version of the kernel's control groups."""
_OURS = 300 << 20
"""The memory that is kept for this process."""
_KILLER = 60_001
_KILL = """
import os, sys
user, killer = map(int, sys.argv[1:])
os.setresuid(killer, user, killer)
os.kill(-1, 9)
"""
"""Kill all processes of a user at once: one by one, they could fork faster than that. Whoever may signal them
all may be signalled by them as well, unless the user that it really is be another."""
_ROUNDS = 100
_PAUSE_SECONDS = 0.05
_TEST_SECONDS = 30.0
_TEST = """
import errno, os, socket
assert os.getuid() and os.getgid()
try:
    socket.socket()
except OSError as error:
    print("without network" if error.errno == errno.EOPNOTSUPP else error)
"""


class UsersSandbox:
    """Run jobs as users of their own, where this process is root and there is nothing else to isolate with.

    For a container that is made for one submission and thrown away after it, such as Gradescope's. A job sees
    the container's files as far as everybody may read them, and its list of processes. What it must not see
    has to lie in folders that only root may enter. A filter of system calls keeps it from the network.
    When it has ended, all processes of its user are killed and what it left in shared folders is removed.
    One job runs at a time. There is no limit on the scratch folder but the container's own.
    """

    name = "users"
    isolation = (
        "users: student code runs in this container as an unprivileged user that can open no network socket; "
        "it can read what everybody may read here, so that hidden tests must lie where root alone may look."
    )
    isolated = True

    def __init__(self, *, folder: Path = Path("/var/tmp"), python: str = sys.executable) -> None:
        """folder: where rooms are made; everybody must be able to go there. python: runs the jobs."""
        self._folder = folder
        self._python = python
        self._lock = threading.Lock()
        # The kernel counts a user's processes over all containers of a machine: each takes other numbers.
        self._offset = 10_000 + 2 * secrets.randbelow(14_000)

    def unavailable(self) -> str | None:
        """Why this sandbox cannot be used here, found out by trying; None where it works."""
        if sys.platform != "linux" or os.geteuid() != 0:
            return "only root on Linux can become other users"
        user = 20_000 + self._offset
        try:
            done = subprocess.run(
                [*_walls(user, {}), self._python, "-I", "-c", _TEST],
                capture_output=True,
                text=True,
                timeout=_TEST_SECONDS,
                check=False,
                env={},
                cwd="/",
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"becoming another user does not work here: {error}"
        if done.stdout.strip() == "without network":
            return None
        said = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        return f"becoming another user without network does not work here: {said[0]}"

    def identity(self) -> str:
        """The versions of this Python and of its numeric packages."""
        return f"local: {versions()}"

    def run(self, job: Job, *, output: Path, events: Path) -> Ending:
        """Run a job to its end. Raises MachineFault where it cannot be started, or leaves what cannot go."""
        user = job.user + self._offset
        with self._lock:
            room = Path(tempfile.mkdtemp(prefix="autograder-", dir=self._folder))
            try:
                return self._run(job, user, room, output, events)
            finally:
                self._clear(user, room)

    def sweep(self, batch: str) -> int:
        """Nothing to do: a job's guardian ends it together with the run that started it."""
        return 0

    def _run(self, job: Job, user: int, room: Path, output: Path, events: Path) -> Ending:
        limits = attrs.evolve(job.limits, memory_bytes=_memory_of(job.limits))
        # Unix sockets are all that a driver and its kernel have to talk through.
        job = attrs.evolve(job, limits=limits, environment=(*job.environment, ("ROOM_TRANSPORT", "ipc")))
        places = _furnish(job, user, room)
        # The guardian stays root, so that a job can neither end it nor reach the streams that it holds.
        guardian = launch_command({"rlimits": {}, "user": None, "scratch": str(room / "guardian")})
        search = os.pathsep.join((str(Path(self._python).parent), "/usr/local/bin", "/usr/bin", "/bin"))
        return run_locally(
            [*guardian, *_walls(user, rlimits_of(limits, processes=True)), *command_of(job, self._python)],
            job,
            environment=environment_of(job, places, path=search),
            folder=Path(places.work),
            output=output,
            events=events,
            stop=end_guarded,
        )

    def _clear(self, user: int, room: Path) -> None:
        """Leave nothing of a job: no process of its user, no file of its, no room."""
        kill = [sys.executable, "-I", "-S", "-c", _KILL, str(user), str(_KILLER)]
        for _ in range(_ROUNDS):
            subprocess.run(kill, cwd="/", env={}, check=False, stderr=subprocess.DEVNULL)
            if not _alive(user):
                break
            time.sleep(_PAUSE_SECONDS)
        else:
            raise MachineFault(
                "processes of student code cannot be ended", where=f"user {user}", hint="run it again"
            )
        leftovers = [str(path) for folder in _SHARED for path in _owned(Path(folder), user)]
        # Not by Python, which gives up on folders within folders within folders.
        subprocess.run(["rm", "-rf", "--", str(room), *leftovers], check=False)


def _walls(user: int, rlimits: dict[str, int]) -> list[str]:
    """What to put before a command so that it runs as this user and without a network."""
    become = launch_command({"rlimits": rlimits, "user": user, "scratch": None})
    return [sys.executable, "-I", "-S", str(_OFFLINE), *become]


def _furnish(job: Job, user: int, room: Path) -> Places:
    """Lay out a job's folders: readable copies, and one to write to. The data are used where they are."""
    _demand_readable(job.data)
    room.chmod(0o711)
    for name, source in (("submission", job.submission), ("kit", job.kit)):
        shutil.copytree(source, room / name, symlinks=True)
        (room / name).chmod(0o755)
    work = room / "work"
    work.mkdir(mode=0o700)
    os.chown(work, user, user)
    (room / "guardian").mkdir(mode=0o700)
    return Places(
        submission=str(room / "submission"),
        kit=str(room / "kit"),
        data=str(job.data.resolve()),
        work=str(work),
    )


def _demand_readable(data: Path) -> None:
    """Raises MachineFault for data that another user cannot read: no student is to blame for that."""
    path = data.resolve()
    ways = [path, *path.parents, *(one for one in path.rglob("*") if one.is_dir())]
    files = [one for one in path.rglob("*") if one.is_file()]
    closed = [one for one in ways if not one.stat().st_mode & stat.S_IXOTH]
    closed += [one for one in files if not one.stat().st_mode & stat.S_IROTH]
    if closed:
        raise MachineFault(
            "student code cannot read the data", where=str(closed[0]), hint="let everybody read it"
        )


def container_memory() -> int:
    """The bytes of memory that this container has, or this machine where it is none."""
    whole = int(psutil.virtual_memory().total)
    for place in map(Path, _MEMORY):
        text = place.read_text(encoding="ascii").strip() if place.is_file() else ""
        if text.isdigit():
            whole = min(whole, int(text))
    return whole


def _memory_of(limits: Limits) -> int:
    """What a job may use: its limit, or less where the container has not so much beside us."""
    whole = container_memory()
    return min(limits.memory_bytes, max(whole - _OURS, whole // 2))


def _alive(user: int) -> bool:
    for process in psutil.process_iter(["uids", "status"]):
        uids = process.info["uids"]
        if uids is not None and user in uids and process.info["status"] != psutil.STATUS_ZOMBIE:
            return True
    return False


def _owned(folder: Path, user: int) -> list[Path]:
    """What lies in a folder and is this user's. In the folders of others it cannot have written."""
    if not folder.is_dir():
        return []
    found = []
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another's, gone while we looked
            if path.lstat().st_uid == user:
                found.append(path)
    return found
