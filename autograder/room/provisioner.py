"""A kernel that a fork server makes, for jupyter_client in place of a process that it starts itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from autograder.room.forked import ForkedProcess, limits

__all__ = ["ForkedProvisioner"]


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
            "limits": limits(),
        }
        process: Any = ForkedProcess(os.environ["ROOM_FORKSERVER"], request)
        self.process = process
        self.pid = process.pid
        self.pgid = None  # another session: signals go through the server
        self.cwd = settings["cwd"]
        return self.connection_info
