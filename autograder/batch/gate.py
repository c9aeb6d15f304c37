"""Hold a batch up while the machine fails, so that one submission after the other doesn't become its fault.

Which of the two is at fault, the machine or one submission, is found out by trial: an empty room is run.
Where that fails, too, the machine is at fault, and nobody's attempt counts until it is well again. Where it
goes well and yet one submission after the other ends as a fault, the batch slows down and says why.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

from autograder.batch.ledger import Ledger
from autograder.batch.parts import Parts, Progress
from autograder.batch.results import Results, disk_faults
from autograder.errors import MachineFault
from autograder.sandbox.contract import Ending, Job, Sandbox

__all__ = ["Gate", "Patience", "Stopped", "Told", "Trial", "UntilStopped"]

_PROBE_BYTES = 1 << 20

_AGAIN = "run the same command again"


@attrs.frozen(kw_only=True)
class Patience:
    """How much a batch puts up with before it ends."""

    faults: int = 3
    """Submissions in a row that end as faults before the batch pauses, though the machine seems well."""
    waits: tuple[float, ...] = (5, 15, 30, 60, 120, 300)
    """Seconds of one pause after the other; after the last the batch ends."""
    spared: int = 3
    """Attempts at one submission that don't count as the machine was at fault: it may be what breaks it."""


class Stopped(Exception):
    """The run was interrupted: what this submission came to doesn't count."""


@attrs.frozen
class UntilStopped:
    """The batch's sandbox, which starts no job any more once the batch was told to end.

    A job that is ended then looks like one that somebody killed, and would be run once more.
    """

    _sandbox: Sandbox
    _stopping: threading.Event

    def run(self, job: Job, *, output: Path, events: Path) -> Ending:
        """Run a job to its end. Raises MachineFault where it cannot be started, or is not to be."""
        if self._stopping.is_set():
            raise MachineFault("the batch was told to end")
        return self._sandbox.run(job, output=output, events=events)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sandbox, name)


@attrs.frozen(kw_only=True)
class Trial:
    """Whether the machine is well: whether its disk takes a file, and its sandbox runs an empty room."""

    parts: Parts
    results: Results
    sandbox: Sandbox
    data: Path
    kit: Path
    _numbers: Iterator[int] = attrs.field(factory=itertools.count, init=False)

    def __call__(self) -> None:
        """Raises MachineFault where it is not."""
        batch = self.results.batch
        with disk_faults():
            probe = self.results.work / "probe"
            try:
                probe.write_bytes(bytes(_PROBE_BYTES))
            finally:
                probe.unlink(missing_ok=True)
            # Another name each time: an engine that died may have left the room before behind.
            name = f"{batch}-trial-{next(self._numbers)}"
            self.parts.try_room(self.sandbox, self.data, self.kit, batch=batch, name=name)


@attrs.frozen(kw_only=True)
class Told:
    """Tells the TA and the ledger that the batch pauses, or, by an empty line, that it goes on."""

    ledger: Ledger
    progress: Progress

    def __call__(self, line: str) -> None:
        """Pass the line on."""
        self.progress.said(line or "going on")
        # A full disk may be what it is about.
        with contextlib.suppress(MachineFault):
            self.ledger.pause(line)


class Gate:
    """What every worker passes before each attempt; its lock closes it while one sees to the machine.

    trial: raises MachineFault where the machine is not well. tell: given a line for the TA when the batch
    pauses, an empty one when it goes on.
    """

    def __init__(
        self,
        trial: Callable[[], None],
        *,
        patience: Patience,
        tell: Callable[[str], None],
        stopping: threading.Event,
    ) -> None:
        self._trial = trial
        self._patience = patience
        self._tell = tell
        self._stopping = stopping
        self._lock = threading.Lock()
        self._end: MachineFault | None = None
        self._in_a_row = 0
        self._last = ""
        self._due = False
        self.failures = 0
        """How often the machine was found to be at fault."""

    def enter(self) -> int:
        """Wait until the batch may go on; returns what `was_the_machine` is to be asked with.

        Raises Stopped after an interrupt, MachineFault where the batch is at its end.
        """
        with self._lock:
            self._demand_going_on()
            if self._due:
                self._due = False
                self._slow_down()
            return self.failures

    def was_the_machine(self, since: int) -> bool:
        """Whether the machine was at fault for what went wrong since `enter`; returns when it is well again.

        Raises as `enter` does.
        """
        with self._lock:
            self._demand_going_on()
            if self.failures > since:
                return True  # another worker met with the same, and has seen to it
            fault = self._tried()
            if fault is None:
                return False
            self.failures += 1
            self._wait_for_the_machine(fault)
            return True

    def ended(self, fault: str) -> None:
        """A submission is done: with this fault of the machine, or an empty text for any other outcome."""
        with self._lock:
            self._in_a_row = self._in_a_row + 1 if fault else 0
            self._last = fault
            self._due = self._in_a_row >= self._patience.faults

    def _wait_for_the_machine(self, fault: MachineFault) -> None:
        waits = self._patience.waits
        self._tell(
            f"paused, as the machine fails: {_line(fault.what)}. It is tried again for {_span(sum(waits))}; "
            "Ctrl-C ends the batch, and the same command goes on with it"
        )
        for seconds in waits:
            self._pause(seconds)
            again = self._tried()
            if again is None:
                self._tell("")
                return
            fault = again
        hint = fault.hint if _AGAIN in fault.hint else f"{fault.hint}, then {_AGAIN}"
        self._give_up(f"the batch ends, as the machine fails: {_line(fault.what)}", hint)

    def _slow_down(self) -> None:
        """Several in a row were faults, and no trial explains it: wait, then let the next one try."""
        waits = self._patience.waits
        number = self._in_a_row - self._patience.faults
        what = (
            f"{self._in_a_row} submissions in a row ended as faults, the last one with: {_line(self._last)}"
        )
        if number >= len(waits):
            self._give_up(f"the batch ends: {what}", f"see their fault.log, then {_AGAIN}")
        self._tell(f"paused for {_span(waits[number])}: {what}")
        self._pause(waits[number])
        self._tell("")

    def _give_up(self, what: str, hint: str) -> None:
        self._end = MachineFault(what, hint=f"{hint}: it goes on, as all that is complete is kept")
        raise self._end

    def _tried(self) -> MachineFault | None:
        try:
            self._trial()
        except MachineFault as fault:
            return fault
        return None

    def _pause(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise Stopped

    def _demand_going_on(self) -> None:
        if self._stopping.is_set():
            raise Stopped
        if self._end is not None:
            raise self._end


def _line(text: str) -> str:
    return " ".join(text.split())


def _span(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
