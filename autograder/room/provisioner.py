"""A kernel that a fork server makes, for jupyter_client in place of a process that it starts itself."""

from __future__ import annotations

import json
import os
import resource
import socket
import time
from pathlib import Path
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

__all__ = ["ForkedProvisioner"]

_LIMITS = ("RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_NOFILE")
_PAUSE_SECONDS = 0.02


class _ForkedProcess:
    """As much of `subprocess.Popen` as jupyter_client uses, for a process that is another's child."""

    stdin = stdout = stderr = None

    def __init__(self, place: str, request: dict[str, Any]) -> None:
        if place.isdigit():
            self._server = socket.socket(fileno=int(place))
        else:
            self._server = socket.socket(socket.AF_UNIX)
            self._server.connect(place)
        self._answers = self._server.makefile("r")
        self.returncode: int | None = None
        self.pid = int(self._ask(**request))

    def _ask(self, **request: Any) -> Any:
        self._server.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(self._answers.readline() or "-9")

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._ask(poll=True)
        return self.returncode

    def wait(self) -> int:
        while self.poll() is None:
            time.sleep(_PAUSE_SECONDS)
        self._server.close()
        return int(self.returncode or 0)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            self._ask(signal=int(number))

    def kill(self) -> None:
        self.send_signal(9)

    def terminate(self) -> None:
        self.send_signal(15)


class ForkedProvisioner(LocalProvisioner):
    """Asks for the kernel at the socket that `ROOM_FORKSERVER` names, by its path or as a descriptor."""

    async def launch_kernel(self, cmd: list[str], **settings: Any) -> Any:
        """Have the kernel of this command forked, with this process's limits; returns how to connect."""
        place = cmd.index("-f")
        request = {
            "arguments": cmd[place:],
            # For a kernel of another user, which cannot read the driver's file.
            "connection": Path(cmd[place + 1]).read_text(encoding="utf-8"),
            "folder": str(settings["cwd"]),
            "environment": settings["env"],
            "limits": {name: resource.getrlimit(getattr(resource, name)) for name in _LIMITS},
        }
        process: Any = _ForkedProcess(os.environ["ROOM_FORKSERVER"], request)
        self.process = process
        self.pid = process.pid
        self.pgid = None  # another session: signals go through the server
        self.cwd = settings["cwd"]
        return self.connection_info
