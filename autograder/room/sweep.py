"""Leave nothing of one job behind in a container that the next one will use.

What a user without rights can leave: processes; files under the places that everybody may write to, POSIX
semaphores, shared memory and message queues among them; System V's three kinds; memory. Sockets, locks,
timers and watches end with the processes. Every kind is looked for again afterwards, and the container is of
no more use where something of it is still there.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import attrs

__all__ = ["Sweeper", "killed_for_memory", "reap"]

_PLACES = ("/room/work", "/room/submission", "/room/driver", "/tmp", "/dev/shm", "/dev/mqueue")
_SECONDS = 10.0
_PAUSE_SECONDS = 0.005
_DELETING_SECONDS = 60.0
_MEMORY_SLACK = 64 << 20
_SYSTEM_V = {"shm": ("shmid", "shmctl"), "sem": ("semid", "semctl"), "msg": ("msqid", "msgctl")}
"""Per kind: the column of the number, and the function that removes."""
_OOM = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
_MEMORY = ("/sys/fs/cgroup/memory.stat", "/sys/fs/cgroup/memory/memory.stat")
"""In version 2 of control groups, and in version 1."""


def reap() -> dict[int, int]:
    """Take leave of all children that have ended; their statuses by number."""
    found: dict[int, int] = {}
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            found[pid] = status
    return found


def killed_for_memory() -> int:
    """How many processes of this container were killed for memory. Raises OSError where nobody counts."""
    text = _first_of(_OOM)
    found = re.search(r"^oom_kill (\d+)$", text, flags=re.MULTILINE)
    if found is None:
        raise OSError("the kernel does not count the processes that it kills for memory")
    return int(found[1])


class Sweeper:
    """Knows how the container was before the first job, and makes it so again; to be used by process 1."""

    def __init__(self) -> None:
        killed_for_memory()
        self._memory = _memory()
        self._usage = [_usage(place) for place in _PLACES]

    def sweep(self) -> str:
        """Remove everything that is left; returns what could not be removed, or nothing."""
        with contextlib.suppress(ProcessLookupError):
            # From process 1: every other process of the container at once, so that none escapes by forking.
            os.kill(-1, signal.SIGKILL)
        if not _becomes_true(_alone):
            return "a process did not end"
        _remove_system_v()
        if _system_v():
            return "something of System V's is left"
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            _delete()
        if not _becomes_true(lambda: self._usage == [_usage(place) for place in _PLACES]):
            return "files are left"
        if not _becomes_true(lambda: _memory() <= self._memory + _MEMORY_SLACK):
            return "memory was not given back"
        return ""


def _becomes_true(fact: Callable[[], bool]) -> bool:
    until = time.monotonic() + _SECONDS
    while not fact():
        if time.monotonic() > until:
            return False
        time.sleep(_PAUSE_SECONDS)
    return True


def _alone() -> bool:
    """Whether there is no process but this one."""
    reap()
    return [one.name for one in Path("/proc").iterdir() if one.name.isdigit()] == [str(os.getpid())]


def _delete() -> None:
    # find goes down into any depth, where Python's own functions recur, and follows no link.
    command = ["/usr/bin/find", *_PLACES, "-xdev", "-mindepth", "1", "-delete"]
    subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=_DELETING_SECONDS,
        check=False,
        env={},
    )
    for place in _PLACES:
        # When something last changed here is a message, too.
        os.utime(place, (0, 0))


def _usage(place: str) -> tuple[int, int, int]:
    """How many entries, blocks and inodes a place has in use; a deleted file counts while it is open."""
    state = os.statvfs(place)
    return len(list(Path(place).iterdir())), state.f_blocks - state.f_bfree, state.f_files - state.f_ffree


@attrs.frozen
class _Object:
    """One object of System V's: its kind, its number, and who made it."""

    kind: str
    number: int
    creator: int


def _system_v() -> list[_Object]:
    found = []
    for kind, (column, _) in _SYSTEM_V.items():
        head, *lines = Path(f"/proc/sysvipc/{kind}").read_text(encoding="ascii").splitlines()
        names = head.split()
        for line in lines:
            row = dict(zip(names, line.split(), strict=True))
            found.append(_Object(kind, int(row[column]), int(row["cuid"])))
    return found


def _remove_system_v() -> None:
    """Remove every object as its creator, who always may; root, without that capability, may not."""
    for one in _system_v():
        pid = os.fork()
        if pid == 0:
            try:
                os.setresuid(*[one.creator] * 3)
                # The command to remove is 0, as is what each of the three takes beside it.
                getattr(ctypes.CDLL(None), _SYSTEM_V[one.kind][1])(one.number, 0, None)
            finally:
                os._exit(0)
        os.waitpid(pid, 0)


def _memory() -> int:
    """Bytes that the container holds beside what it has of files on disks."""
    found = dict(line.split() for line in _first_of(_MEMORY).splitlines())
    return int(found.get("anon", found.get("rss", 0))) + int(found.get("shmem", 0))


def _first_of(paths: tuple[str, ...]) -> str:
    for path in paths:
        with contextlib.suppress(OSError):
            return Path(path).read_text(encoding="ascii")
    raise OSError(f"none of {', '.join(paths)} can be read")
