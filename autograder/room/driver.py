"""Run a notebook cell by cell through nbclient, then have the kernel describe what it holds.

A cell that fails does not end the run. A cell that ends the kernel (`os._exit`, memory) or cannot be
interrupted ends this attempt: the driver says so as an event, and the outside starts a new attempt that
leaves the culprit out.
"""

from __future__ import annotations

import ast
import asyncio
import ctypes
import json
import os
import re
import secrets
import stat
import subprocess
import sys
import tarfile
import time
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from autograder.room.job import PART_REQUEST, RoomJob
from autograder.room.stream import event

__all__ = ["main"]

GRACE_SECONDS = 10
"""How long a cell may take to react to being interrupted."""
PART_SECONDS = 90
MAX_CELL_OUTPUT = 200_000
MAX_PART_BYTES = 120 << 20
LOST = 3
"""The exit status of an attempt that a cell or a probe ended."""


class _LostKernel(Exception):
    """The kernel died or no longer reacts."""


_OUTPUT = ("stream", "display_data", "execute_result", "error", "update_display_data")
_COURSE = ("status", "execute_input", "clear_output")


class _Client(NotebookClient):
    """nbclient that throws away output beyond a limit, where a flood would fill the driver's memory.

    So would the state of widgets, which nobody sees and which nbclient keeps to the end.
    """

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
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


class _Run:
    """One attempt at one notebook."""

    def __init__(self, job: RoomJob) -> None:
        self.job = job
        self.notebook = nbformat.read(job.submission / job.notebook, as_version=4)
        self.client = _Client(
            self.notebook,
            kernel_name="room",
            timeout=int(job.cell_seconds),
            interrupt_on_timeout=True,
            allow_errors=True,
            startup_timeout=90,
            iopub_timeout=4,
            resources={"metadata": {"path": str(job.work)}},
        )
        self.cells: list[dict[str, Any]] = []
        self.peak_bytes: int | None = None
        self.parts = job.work
        self.archive = tarfile.open(fileobj=sys.stdout.buffer, mode="w|")  # noqa: SIM115 - closed in run()

    async def run(self) -> int:
        """Run cells, then parts. Returns the exit status."""
        status = 0
        self._prepare_kernel()
        # Our own streams carry the evidence: student code gets no hold of them.
        nowhere = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        await self.client.async_start_new_kernel(cwd=str(self.job.work), **nowhere)
        await self.client.async_start_new_kernel_client()
        try:
            await self._run_cells()
            self.peak_bytes = _peak_bytes(self.client)
            self._send_cells()
            await self._collect()
        except _LostKernel:
            status = LOST
            self._send_cells()
        finally:
            self.archive.close()
            sys.stdout.buffer.flush()
            await self.client._async_cleanup_kernel()
        return status

    def _prepare_kernel(self) -> None:
        manager = self.client.create_kernel_manager()
        if os.environ.get("ROOM_TRANSPORT") == "ipc":  # a room without so much as a loopback
            manager.transport, manager.ip = "ipc", str(self.job.work / ".kernel")
        if "ROOM_FORKSERVER" in os.environ:
            from autograder.room.provisioner import ForkedProvisioner

            manager.provisioner = ForkedProvisioner(
                kernel_id=manager.kernel_id, kernel_spec=manager.kernel_spec, parent=manager
            )

    async def _run_cells(self) -> None:
        deadline = time.monotonic() + self.job.run_seconds
        until = len(self.notebook.cells) if self.job.until is None else self.job.until
        for number, cell in enumerate(self.notebook.cells):
            if cell.cell_type != "code" or not cell.source.strip():
                continue
            record = {"cell": number, "status": "ok", "seconds": 0.0}
            self.cells.append(record)
            left_out = self._left_out(number)
            if left_out is not None and -1 in left_out:
                record["status"] = "left out"
            elif number >= until or time.monotonic() > deadline:
                record["status"] = "not reached"
            else:
                await self._run_cell(number, cell, record, left_out)

    def _left_out(self, number: int) -> tuple[int, ...] | None:
        """The statements of a cell that are not to be run; None where the cell is run as a whole."""
        apart = self.job.by_statement is not None and number >= self.job.by_statement
        return self.job.skip_cells.get(number, () if apart else None)

    async def _run_cell(
        self, number: int, cell: Any, record: dict[str, Any], left_out: tuple[int, ...] | None
    ) -> None:
        started = time.monotonic()
        statements = _statements(cell.source)
        if left_out is None:
            await self._execute(cell, record, cell=number, statement=None, statements=len(statements))
        else:
            outputs: list[Any] = []
            for index, source in enumerate(statements):
                if index in left_out:
                    continue
                piece = nbformat.v4.new_code_cell(source)
                await self._execute(piece, record, cell=number, statement=index, statements=len(statements))
                outputs += piece.outputs
                if record["status"] != "ok":
                    break
            cell.outputs = outputs
            if left_out:
                record["left_out"] = list(left_out)
        record["seconds"] = round(time.monotonic() - started, 3)

    async def _execute(self, code: Any, record: dict[str, Any], **place: Any) -> None:
        event(event="start", **place)
        started = time.monotonic()
        limit = self.job.cell_seconds
        try:
            await asyncio.wait_for(self.client.async_execute_cell(code, place["cell"]), limit + GRACE_SECONDS)
        except Exception as error:  # dead, silent, or out of its mind: messages can be malformed in any way
            hung = time.monotonic() - started > limit
            record["status"] = "hung" if hung else "ended the kernel"
            event(event="lost", why=f"{record['status']} ({type(error).__name__})", **place)
            raise _LostKernel from error
        errors = [output for output in code.outputs if output.output_type == "error"]
        if time.monotonic() - started > limit:
            record["status"] = "interrupted"
        elif errors:
            record["status"] = "error"
            record["error"] = f"{errors[-1].get('ename', '')}: {errors[-1].get('evalue', '')}"[:500]
        if code.metadata.pop("output_cut", False):
            record["output_cut"] = True
        code.metadata.pop("output_size", None)

    async def _collect(self) -> None:
        # A new name: nothing that a notebook laid out before can pass for evidence.
        self.parts = self.job.work / f".evidence-{secrets.token_hex(8)}"
        for question in self.job.questions:
            await self._part(f"question {question}")
        await self._part("names", file="names")
        for probe in sorted(_probe_names(self.job.kit / "lab_probes.py")):
            await self._part(f"probe {probe}", file=f"probe_{probe}")
        event(event="collected")

    async def _part(self, name: str, file: str | None = None) -> None:
        """Have the kernel describe one part. Where it writes a file, pass that on at once."""
        if name in self.job.skip_parts:
            return
        event(event="part", part=name)
        cell = nbformat.v4.new_code_cell(f"{PART_REQUEST}{self.parts.name} {name}")
        self.client.timeout = PART_SECONDS
        try:
            await asyncio.wait_for(
                self.client.async_execute_cell(cell, 0, store_history=False), PART_SECONDS + GRACE_SECONDS
            )
        except Exception as error:  # as with a cell
            event(event="lost", part=name, why=f"ended the kernel ({type(error).__name__})")
            raise _LostKernel from error
        finally:
            if file is not None:
                self._send_part(file)
        problems = [output for output in cell.outputs if output.output_type == "error"]
        if problems:
            event(event="problem", part=name, error=str(problems[-1].get("evalue", ""))[:500])

    def _send_part(self, file: str) -> None:
        for suffix in ("json", "npz"):
            path = self.parts / f"{file}.{suffix}"
            content = _content(path)
            if content is not None:
                self._send(path.name, content)

    def _send_cells(self) -> None:
        record = {"schema": 1, "cells": self.cells, "peak_bytes": self.peak_bytes}
        self._send("cells.json", json.dumps(record).encode())
        # Messages of a kernel may hold halves of characters, which are no text.
        self._send("executed.ipynb", nbformat.writes(self.notebook).encode("utf-8", "replace"))

    def _send(self, name: str, content: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        self.archive.addfile(member, BytesIO(content))
        sys.stdout.buffer.flush()


def _peak_bytes(client: NotebookClient) -> int | None:
    """The most memory that the kernel has had resident; None where the system does not tell."""
    process = getattr(getattr(client.km, "provisioner", None), "pid", None)
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _statements(source: str) -> list[str]:
    """The top-level statements of a cell; the whole cell where it is not plain Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return [source]
    # Cut by hand: `ast.get_source_segment` reads the whole cell again for every statement, and leaves out
    # decorators.
    lines = [line.encode() for line in StringIO(source, newline="")]
    return [_segment(lines, node) for node in tree.body]


def _segment(lines: list[bytes], node: Any) -> str:
    """The text of a top-level statement."""
    decorators = [one.lineno for one in getattr(node, "decorator_list", ())]
    first, start = (min(decorators), 0) if decorators else (node.lineno, node.col_offset)
    text = lines[first - 1 : node.end_lineno]
    text[-1] = text[-1][: node.end_col_offset]
    text[0] = text[0][start:]
    return b"".join(text).decode()


def _probe_names(path: Path) -> list[str]:
    """The probes of a lab, by name, without importing them."""
    if not path.exists():
        return []
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        node.name for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]


def _content(path: Path) -> bytes | None:
    """The bytes of a plain file that is not too large, though its owner may change it in this moment."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        content = file.read(MAX_PART_BYTES + 1)
    return content if len(content) <= MAX_PART_BYTES else None


def _shut_off() -> None:
    """Close this process's memory, descriptors and environment to a kernel that runs as the same user."""
    if sys.platform == "linux":
        pr_set_dumpable = 4
        ctypes.CDLL(None).prctl(pr_set_dumpable, 0, 0, 0, 0)


def main() -> int:
    """Run the notebook stage in the current scratch folder."""
    _shut_off()
    job = RoomJob.from_environment()
    os.environ["DNNLAB_DATA"] = os.environ["ROOM_DATA"]
    os.environ["JUPYTER_PATH"] = str(job.kit / "jupyter")
    return asyncio.run(_Run(job).run())
