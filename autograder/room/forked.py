"""A process that a fork server makes, as those see it that asked for it; see `forking`.

Run as `python -I -S forked.py SOCKET STAGE` it has a stage of a job forked and stands for it: the stage has
this process's output streams, folder, environment and limits, this process ends with the stage's status, and
the stage ends with this process. With the standard library only, as starting has to be quick.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
import time
from typing import Any

__all__ = ["ForkedProcess", "limits"]

_LIMITS = ("RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_NOFILE")
_PAUSE_SECONDS = 0.02


def limits() -> dict[str, tuple[int, int]]:
    """This process's limits, for a process that is to have the same."""
    return {name: resource.getrlimit(getattr(resource, name)) for name in _LIMITS}


class ForkedProcess:
    """As much of `subprocess.Popen` as jupyter_client uses, for a process that is another's child."""

    stdin = stdout = stderr = None

    def __init__(self, place: str, request: dict[str, Any], *, streams: tuple[int, ...] = ()) -> None:
        """place: the server's socket, by its path or as a descriptor. streams: handed over with the request.

        Raises OSError where there is no server.
        """
        if place.isdigit():
            self._server = socket.socket(fileno=int(place))
        else:
            self._server = socket.socket(socket.AF_UNIX)
            self._server.connect(place)
        self._answers = self._server.makefile("r")
        self.returncode: int | None = None
        self.pid = int(self._ask(streams, **request))

    def _ask(self, streams: tuple[int, ...] = (), **request: Any) -> Any:
        line = json.dumps(request).encode() + b"\n"
        if streams:
            socket.send_fds(self._server, [line], streams)
        else:
            self._server.sendall(line)
        return json.loads(self._answers.readline() or "-9")

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        if self.returncode is None:
            self.returncode = self._ask(poll=True)
        return self.returncode

    def wait(self) -> int:
        """Return the exit status when there is one."""
        while self.poll() is None:
            time.sleep(_PAUSE_SECONDS)
        self._server.close()
        return int(self.returncode or 0)

    def send_signal(self, number: int) -> None:
        """Send a signal to it and all that it started in its session."""
        if self.poll() is None:
            self._ask(signal=int(number))

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(9)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(15)


def _stand_for(place: str, stage: str) -> int:
    request = {
        "stage": stage,
        "folder": os.getcwd(),  # noqa: PTH109 - pathlib takes longer to import than all else
        "environment": dict(os.environ),
        "limits": limits(),
    }
    status = ForkedProcess(place, request, streams=(1, 2)).wait()
    return 128 - status if status < 0 else status


if __name__ == "__main__":
    sys.exit(_stand_for(*sys.argv[1:]))
