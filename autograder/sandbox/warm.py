"""Plain processes that are forked from one that has imported everything: for many trusted notebooks."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType

import attrs

from autograder.errors import MachineFault
from autograder.sandbox.contract import Ending, Job
from autograder.sandbox.environment import Places, environment_of
from autograder.sandbox.processes import ProcessSandbox

__all__ = ["WarmProcessSandbox"]

_START_SECONDS = 120.0


class WarmProcessSandbox(ProcessSandbox):
    """Run jobs as `ProcessSandbox` does, but start them in milliseconds; a context manager.

    Memory and processes of a job are not watched. So it is for what a lab itself brings: its reference
    solution and its corpus. All kits have the same code of the room, so that one server does for every lab.
    """

    _watched = False  # what is forked does not descend from a job's own process

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._fork_server: _ForkServer | None = None

    def __enter__(self) -> WarmProcessSandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fork_server is not None:
            self._fork_server.stop()

    def run(self, job: Job, *, output: Path, events: Path) -> Ending:
        """Run a job to its end. Raises MachineFault where it cannot be started."""
        place = ("ROOM_FORKSERVER", str(self._server(job).socket))
        job = attrs.evolve(job, environment=(*job.environment, place))
        return super().run(job, output=output, events=events)

    def _command(self, job: Job) -> list[str]:
        client = job.kit.resolve() / "autograder" / "room" / "forked.py"
        place = dict(job.environment)["ROOM_FORKSERVER"]
        return [sys.executable, "-I", "-S", str(client), place, job.stage]

    def _server(self, job: Job) -> _ForkServer:
        with self._lock:
            if self._fork_server is None or not self._fork_server.alive():
                self._fork_server = _ForkServer(job)
            return self._fork_server


class _ForkServer:
    """A process of `autograder.room.forkserver`; it ends when this one does, by whatever cause."""

    def __init__(self, job: Job) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="autograder-fork-"))
        self.socket = self._folder / "socket"
        places = Places.of_job(job, work=self._folder)
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "autograder.room", "forkserver", str(self.socket)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=environment_of(job, places),
                cwd=self._folder,
                start_new_session=True,
            )
        until = time.monotonic() + _START_SECONDS
        while not self.socket.exists():
            if not self.alive() or time.monotonic() > until:
                said = (self._folder / "log").read_text(encoding="utf-8", errors="replace")[-500:]
                self.stop()
                raise MachineFault("no kernel could be prepared", submission=job.name, hint=said)
            time.sleep(0.05)

    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
