"""The first thing that runs in a local sandbox: set the limits, become the job's user, run the job.

A script of its own that needs the standard library only, run as
`python -I -S launch.py SETTINGS COMMAND...` where SETTINGS is a JSON object:

    rlimits   names of resource limits without `RLIMIT_`, and their values; one that is higher than
              what this process may have is lowered to that
    user      the user and group number to become, or null; needs the right to do so
    scratch   null: the job replaces this process. Otherwise this process stays as the job's guardian: it
              kills all that the job started and removes this folder, as soon as the job has ended
              or standard input has ended (which it does when whoever started us dies, even by SIGKILL)
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

__all__ = ["main"]

_PR_SET_CHILD_SUBREAPER = 36
_ROUNDS = 500
_PAUSE_SECONDS = 0.01


def main(arguments: list[str]) -> None:
    """Run the command in `arguments[1:]` under the settings in `arguments[0]`; does not return."""
    settings: dict[str, Any] = json.loads(arguments[0])
    command = arguments[1:]
    for name, value in settings["rlimits"].items():
        _limit(getattr(resource, f"RLIMIT_{name}"), value)
    if settings["user"] is not None:
        os.setgroups([])
        os.setresgid(*[settings["user"]] * 3)
        os.setresuid(*[settings["user"]] * 3)
    if settings["scratch"] is None:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execv(command[0], command)
    _guard(command, Path(settings["scratch"]))


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (allowed, allowed))


def _guard(command: list[str], scratch: Path) -> None:
    if sys.platform == "linux":
        # Orphans of the job become our children, so that none escapes by forking twice.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    job = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=_wait_for_the_end_of_input, args=(job,), daemon=True).start()
    status = job.wait()
    _kill_the_rest(job.pid)
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(128 - status if status < 0 else status)


def _wait_for_the_end_of_input(job: subprocess.Popen[bytes]) -> None:
    while os.read(0, 4096):
        pass
    job.kill()  # the main thread, waiting for it, does the rest


def _kill_the_rest(group: int) -> None:
    # The number of rounds is bounded: whoever forks faster than we kill wins, here.
    for _ in range(_ROUNDS):
        with suppress(OSError):
            os.killpg(group, signal.SIGKILL)
        for child in _children():
            with suppress(OSError):
                os.kill(child, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(_PAUSE_SECONDS)


def _children() -> list[int]:
    """Our children by /proc; elsewhere the job's process group has to do."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # After the name in parentheses, which may hold anything: state, parent.
            parent = entry.read_text(errors="replace").rpartition(")")[2].split()[1]
        except OSError:
            continue  # it ended while we looked
        if int(parent) == os.getpid():
            found.append(int(entry.parent.name))
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
