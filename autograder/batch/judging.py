"""Processes of our own that judge evidence and stay alive, so that Otter is imported once for many students.

A process that dies or hangs takes only the submission it was judging with it. Messages are JSON.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import multiprocessing
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType

import attrs

from autograder import errors
from autograder.errors import AutograderError, MachineFault
from autograder.labs import find_lab

__all__ = ["Judges", "UnexpectedInJudge"]

_SECONDS = 600.0
_TAIL = 4_000


class UnexpectedInJudge(Exception):
    """The judge raised what nobody foresaw; the text is its traceback."""


@attrs.define
class _Worker:
    process: BaseProcess
    connection: Connection
    log: Path

    def ask(self, task: dict[str, str], seconds: float) -> dict[str, str]:
        """Raises MachineFault where no answer comes; the process is dead then."""
        try:
            self.connection.send_bytes(json.dumps(task).encode())
            if self.connection.poll(seconds):
                answer: dict[str, str] = json.loads(self.connection.recv_bytes())
                return answer
            what = f"judging took longer than {seconds:.0f} seconds"
        except (EOFError, OSError):
            self.process.join(10)
            what = f"the judging process died (status {self.process.exitcode})"
        self.stop()
        fault = MachineFault(what, hint="run again; if it stays, report it with fault.log")
        with contextlib.suppress(OSError):
            fault.add_note(self.log.read_text(encoding="utf-8", errors="replace")[-_TAIL:])
        raise fault

    def stop(self) -> None:
        self.process.kill()
        self.process.join(10)
        self.connection.close()


class Judges:
    """A pool of judging processes, started when first needed. Safe to call from several threads."""

    def __init__(self, judge: str, *, count: int, logs: Path, seconds: float = _SECONDS) -> None:
        self._judge = judge
        self._seconds = seconds
        self._logs = logs
        self._lock = threading.Lock()
        self._started: list[_Worker] = []
        # Last in, first out: a process that has imported everything is asked before one is started.
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(count):
            self._idle.put(None)

    def __enter__(self) -> Judges:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End all processes; whoever waits for one gets a MachineFault."""
        with self._lock:
            for worker in self._started:
                worker.process.kill()

    def judge(self, *, evidence: Path, lab: str, tests: Path, data: Path, destination: Path) -> None:
        """Judge one submission's evidence; `results.json` is in `destination` afterwards.

        Raises what the judge raised of AutograderError, UnexpectedInJudge for anything else it raised,
        MachineFault where its process died or took too long.
        """
        paths = {"evidence": evidence, "tests": tests, "data": data, "destination": destination}
        task = {"lab": lab} | {name: str(path) for name, path in paths.items()}
        worker = self._idle.get()
        try:
            if worker is None or not worker.process.is_alive():
                worker = self._start()
            answer = worker.ask(task, self._seconds)
        finally:
            self._idle.put(worker if worker is not None and worker.process.is_alive() else None)
        _raise_from(answer)

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        log = self._logs / f"judge-{len(self._started)}.log"
        process = context.Process(target=_serve, args=(theirs, self._judge, str(log)), daemon=True)
        # Started with interrupts blocked: Ctrl-C is the batch's business. The tracker would unblock them.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with _one_thread():
                process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        worker = _Worker(process, ours, log)
        with self._lock:
            self._started.append(worker)
        return worker


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Start a process whose linear algebra uses one thread: several judges on few cores only fight."""
    name = "OPENBLAS_NUM_THREADS"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _raise_from(answer: dict[str, str]) -> None:
    if "error" in answer:
        kind: type[AutograderError] = getattr(errors, answer["error"], MachineFault)
        raise kind(answer["what"], where=answer["where"], hint=answer["hint"])
    if "traceback" in answer:
        raise UnexpectedInJudge(answer["traceback"])


def _serve(connection: Connection, judge: str, log: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What tests print is nobody's business on the screen, but explains a crash.
    stream = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    module, _, function = judge.partition(":")
    while True:
        try:
            task = json.loads(connection.recv_bytes())
        except EOFError:
            return
        connection.send_bytes(json.dumps(_answer(module, function, task)).encode())
        sys.stdout.flush()


def _answer(module: str, function: str, task: dict[str, str]) -> dict[str, str]:
    try:
        lab = find_lab(task.pop("lab"))
        paths = {name: Path(path) for name, path in task.items()}
        getattr(importlib.import_module(module), function)(lab=lab, **paths)
    except AutograderError as error:
        return {"error": type(error).__name__, "what": error.what, "where": error.where, "hint": error.hint}
    # A hidden test may raise anything, SystemExit too; it is told to the batch and ends nothing.
    except BaseException:
        return {"traceback": traceback.format_exc()}
    return {}
