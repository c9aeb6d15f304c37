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
import sys
import tarfile
import time
from collections.abc import Coroutine
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import nbformat
from jupyter_core.utils import ensure_async

from autograder.room.fstrings import readable
from autograder.room.job import PART_REQUEST, RoomJob
from autograder.room.notebook_client import Client
from autograder.room.patience import Clock
from autograder.room.stream import event

__all__ = ["main"]

GRACE_SECONDS = 10
"""How long a cell may take to react to being interrupted."""
TICK_SECONDS = 0.2
PART_SECONDS = 90
MAX_PART_BYTES = 120 << 20
LOST = 3
"""The exit status of an attempt that a cell or a probe ended."""


class _LostKernel(Exception):
    """The kernel died or no longer reacts."""


class _Hung(Exception):
    """The kernel does not react to being interrupted."""


class _Run:
    """One attempt at one notebook."""

    def __init__(self, job: RoomJob) -> None:
        self.job = job
        self.notebook = nbformat.read(job.submission / job.notebook, as_version=4)
        self.client = Client(self.notebook, folder=job.work)
        self.cells: list[dict[str, Any]] = []
        self.peak_bytes: int | None = None
        self.parts = job.work
        self.archive = tarfile.open(fileobj=sys.stdout.buffer, mode="w|")  # noqa: SIM115 - closed in run()

    async def run(self) -> int:
        """Run cells, then parts. Returns the exit status."""
        status = 0
        await self.client.start()
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
            await self.client.end()
        return status

    async def _run_cells(self) -> None:
        clock = self._clock()
        until = len(self.notebook.cells) if self.job.until is None else self.job.until
        for number, cell in enumerate(self.notebook.cells):
            if cell.cell_type != "code" or not cell.source.strip():
                continue
            record = {"cell": number, "status": "ok", "seconds": 0.0}
            self.cells.append(record)
            left_out = self._left_out(number)
            if left_out is not None and -1 in left_out:
                record["status"] = "left out"
            elif number >= until or clock.spent() > self.job.run_seconds:
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
        running = self.client.async_execute_cell(code, place["cell"])
        try:
            in_time = await self._within(self.job.cell_seconds, running)
        except Exception as error:  # dead, silent, or out of its mind: messages can be malformed in any way
            record["status"] = "hung" if isinstance(error, _Hung) else "ended the kernel"
            event(event="lost", why=f"{record['status']} ({type(error).__name__})", **place)
            raise _LostKernel from error
        errors = [output for output in code.outputs if output.output_type == "error"]
        if not in_time:
            record["status"] = "interrupted"
        elif errors:
            record["status"] = "error"
            record["error"] = f"{errors[-1].get('ename', '')}: {errors[-1].get('evalue', '')}"[:500]
        if code.metadata.pop("output_cut", False):
            record["output_cut"] = True
        code.metadata.pop("output_size", None)

    async def _within(self, seconds: float, running: Coroutine[Any, Any, Any]) -> bool:
        """Wait for the kernel to have done something, and interrupt it at the limit; whether it was in time.

        Raises _Hung where it does not react to that, and what `running` raises.
        """
        task = asyncio.ensure_future(running)
        clock, limit, in_time = self._clock(), seconds, True
        while not task.done():
            await asyncio.wait({task}, timeout=max(TICK_SECONDS, limit - clock.spent()))
            if task.done() or clock.spent() < limit:
                continue
            if not in_time:
                task.cancel()
                await asyncio.wait({task}, timeout=GRACE_SECONDS)
                raise _Hung
            in_time, limit = False, limit + GRACE_SECONDS
            assert self.client.km is not None
            await ensure_async(self.client.km.interrupt_kernel())
        await task
        return in_time

    def _clock(self) -> Clock:
        return Clock(_process_of(self.client))

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
        running = self.client.async_execute_cell(cell, 0, store_history=False)
        try:
            await self._within(PART_SECONDS, running)
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


def _process_of(client: Client) -> int | None:
    """The number of the kernel's process, where it is known."""
    return getattr(getattr(client.km, "provisioner", None), "pid", None)


def _peak_bytes(client: Client) -> int | None:
    """The most memory that the kernel has had resident; None where the system does not tell."""
    try:
        status = Path(f"/proc/{_process_of(client)}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _statements(source: str) -> list[str]:
    """The top-level statements of a cell; the whole cell where it is not plain Python."""
    source = readable(source)
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
