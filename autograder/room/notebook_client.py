"""The driver's side of a kernel: nbclient, with bounds on what a kernel sends, and without idle waits."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_core.utils import ensure_async
from nbclient import NotebookClient

__all__ = ["Client"]

START_SECONDS = 300
"""A bound for a machine that is busy with much else; alone, a kernel takes some seconds to start."""
MAX_CELL_OUTPUT = 200_000
_OUTPUT = ("stream", "display_data", "execute_result", "error", "update_display_data")
_COURSE = ("status", "execute_input", "clear_output")


class _KernelClient(AsyncKernelClient):
    """jupyter_client's, which waits for a silence of 0.2 s before every notebook.

    What a kernel says of its own start would be heard in it; nbclient passes such messages over anyway.
    """

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Return when the kernel has answered on both channels. Raises RuntimeError where it does not."""
        until = time.monotonic() + (timeout or START_SECONDS)
        while time.monotonic() < until and await ensure_async(self.is_alive()):
            self.kernel_info()
            with suppress(Empty):
                await self.get_shell_msg(timeout=1)
                # Before this channel is connected, what is said there is lost.
                await self.get_iopub_msg(timeout=0.2)
                return
        raise RuntimeError("the kernel did not get ready")


class Client(NotebookClient):
    """nbclient that throws away output beyond a limit, where a flood would fill the driver's memory.

    So would the state of widgets, which nobody sees and which nbclient keeps to the end.
    """

    def __init__(self, notebook: Any, *, folder: Path) -> None:
        """folder: where the kernel runs."""
        super().__init__(
            notebook,
            kernel_name="room",
            timeout=None,  # time is the driver's to keep
            allow_errors=True,
            startup_timeout=START_SECONDS,
            iopub_timeout=4,
            resources={"metadata": {"path": str(folder)}},
        )
        self._folder = folder

    async def start(self) -> None:
        """Start the kernel; return when it answers."""
        manager = self.create_kernel_manager()
        manager.client_factory = _KernelClient
        if os.environ.get("ROOM_TRANSPORT") == "ipc":  # a room without so much as a loopback
            manager.transport, manager.ip = "ipc", str(self._folder / ".kernel")
        if "ROOM_FORKSERVER" in os.environ:
            from autograder.room.provisioner import ForkedProvisioner

            manager.provisioner = ForkedProvisioner(
                kernel_id=manager.kernel_id, kernel_spec=manager.kernel_spec, parent=manager
            )
        # Our own streams carry the evidence: student code gets no hold of them.
        nowhere = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        await self.async_start_new_kernel(cwd=str(self._folder), **nowhere)
        await self.async_start_new_kernel_client()

    async def end(self) -> None:
        """Kill the kernel: all that it had to say is said, and its own way of ending may take any time."""
        assert self.km is not None and self.km.provisioner is not None
        await self.km.provisioner.kill()
        if self.kc is not None:
            self.kc.stop_channels()

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        """Pass on what a notebook shows, up to a limit, and how a cell goes along; nothing else."""
        if msg["msg_type"] not in (*_OUTPUT, *_COURSE):
            return None
        if msg["msg_type"] in _OUTPUT:
            size = len(str(msg["content"]))
            used = cell.metadata.get("output_size", 0) + size
            cell.metadata["output_size"] = used
            if used > MAX_CELL_OUTPUT:
                cell.metadata["output_cut"] = True
                return None
        return super().process_message(msg, cell, cell_index)
