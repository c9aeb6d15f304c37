"""The 1cycle schedule: the rate of every batch, up, down, and the last stretch.

What counts is the rate that the optimiser had at each step, however a callback brought it about.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from autograder.checks.findings import Finding
from autograder.checks.sources import tried_out
from autograder.evidence import ArrayView, Evidence, Unanswered

__all__ = [
    "Cycle",
    "Trace",
    "check_defaults",
    "check_last_stretch",
    "check_per_batch",
    "check_ramps",
    "trace_of",
]

SLACK = 0.1
"""How far a rate may lie beside its line, as a share of the step from one batch to the next."""
SAME = 1e-4
"""Relative difference up to which two rates are the same: callbacks compute in single precision, too."""
END_TOLERANCE = 1e-3

Floats = npt.NDArray[np.float64]


@attrs.frozen(kw_only=True)
class Cycle:
    """A cycle as it should be; what is None follows from the rest."""

    iterations: int
    max_rate: float
    start_rate: float
    last_iterations: int
    last_rate: float

    @classmethod
    def of(cls, iterations: int, max_rate: float, *given: float | None) -> Cycle:
        """The cycle for the arguments of `OneCycleScheduler`, in their order."""
        start, last_iterations, last = (*given, None, None, None)[:3]
        start = max_rate / 10 if start is None else start
        return cls(
            iterations=iterations,
            max_rate=max_rate,
            start_rate=start,
            last_iterations=iterations // 10 + 1 if last_iterations is None else int(last_iterations),
            last_rate=start / 1000 if last is None else last,
        )

    @property
    def half(self) -> int:
        """The batch of the peak."""
        return (self.iterations - self.last_iterations) // 2

    @property
    def step(self) -> float:
        """How far the rate goes from one batch to the next on its way up and down."""
        return (self.max_rate - self.start_rate) / self.half

    def ramps(self) -> Floats:
        """The rates of batches 0 to 2 * half."""
        corners = [0, self.half, 2 * self.half]
        heights = [self.start_rate, self.max_rate, self.start_rate]
        return np.interp(np.arange(2 * self.half + 1), corners, heights)

    def ends(self) -> list[float]:
        """The rates that the last batch may have: on a straight line or a geometric one."""
        n = self.iterations - 2 * self.half
        done = [(n - 1) / n, n / (n + 1), 1.0]
        line = [self.start_rate + (self.last_rate - self.start_rate) * share for share in done]
        return line + [self.start_rate * (self.last_rate / self.start_rate) ** share for share in done]


@attrs.frozen(kw_only=True, eq=False)
class Trace:
    """The rates of a short training under a student's scheduler, and the cycle that it should follow."""

    cycle: Cycle
    rates: Floats
    """float64 (batches,)"""
    momentum: Floats
    before: float
    """The rate that the optimiser had been compiled with."""
    epochs: int

    @property
    def late(self) -> bool:
        """Whether the rates come one batch late: each is set after the batch that it was meant for."""
        expected = self.cycle.ramps()[: max(2, self.cycle.half // 2)]
        return bool(
            np.isclose(self.rates[0], self.before, rtol=SAME)
            and np.allclose(self.rates[1 : len(expected) + 1], expected, atol=SLACK * self.cycle.step)
        )

    def in_time(self) -> Floats:
        """The rates without a delay by one batch, which is found elsewhere."""
        return self.rates[1:] if self.late else self.rates


def trace_of(evidence: Evidence, probe: str, cycle: Cycle) -> Trace:
    """What a probe found that trains under `OneCycleScheduler`. Raises Unanswered."""
    found = tried_out(evidence, probe, name="OneCycleScheduler")
    if not isinstance(found, dict):
        raise Unanswered("`OneCycleScheduler` could not be tried out in a training.")
    rates, momentum = _series(found.get("rates")), _series(found.get("momentum"))
    before, epochs = found.get("before"), found.get("epochs")
    if not isinstance(before, float) or not isinstance(epochs, int) or rates is None or momentum is None:
        raise Unanswered("`OneCycleScheduler` could not be tried out: its training shows no learning rates.")
    if len(rates) < cycle.iterations:
        raise Unanswered(
            f"A training under your scheduler ended after {len(rates)} batches, before its epochs were over."
        )
    if not np.isfinite(rates).all():
        raise Unanswered("Your scheduler sets learning rates that are not finite numbers.")
    return Trace(
        cycle=cycle, rates=rates[: cycle.iterations], momentum=momentum, before=before, epochs=max(1, epochs)
    )


def _series(found: Any) -> Floats | None:
    if isinstance(found, ArrayView) and found.data is not None and found.ndim == 1:
        return np.asarray(found.data, np.float64)
    return None


def check_per_batch(trace: Trace) -> list[Finding]:
    """Every batch is trained at a rate of its own, which was set before it."""
    return _check_changes(trace) or _check_in_time(trace)


def _check_changes(trace: Trace) -> list[Finding]:
    rates = trace.rates
    if _same(rates[1:]):
        return _never_changes(trace)
    if _changes_by_epochs(trace):
        return [
            Finding(
                message="The rate changes once an epoch and stays the same for all batches in between. The "
                "cycle is to be followed batch by batch."
            )
        ]
    still = int(np.isclose(np.diff(rates), 0, atol=SAME * rates.max()).sum())
    if still > len(rates) // 4:
        return [
            Finding(
                message=f"The rate is the same as at the batch before for {still} of {len(rates)} batches. "
                "It should be set anew for every batch."
            )
        ]
    return []


def _changes_by_epochs(trace: Trace) -> bool:
    """Whether the rate is the same for all batches of each epoch, the first aside."""
    each = len(trace.rates) // trace.epochs
    starts = range(0, each * trace.epochs, each)
    return all(_same(trace.rates[start + 1 : start + each]) for start in starts)


def _never_changes(trace: Trace) -> list[Finding]:
    if len(trace.momentum) and not _same(trace.momentum):
        return [
            Finding(
                message="The momentum changes from batch to batch and the learning rate does not. The cycle "
                "is one of the learning rate; the momentum may follow it, the other way round."
            )
        ]
    if np.isclose(trace.rates[-1], trace.before, rtol=SAME):
        return [
            Finding(
                message="The network is trained at the rate that it was compiled with, all the time: the "
                "scheduler does not change the rate of `self.model.optimizer`."
            )
        ]
    return [Finding(message="The rate is set once and never changes after that.")]


def _check_in_time(trace: Trace) -> list[Finding]:
    if trace.late or np.isclose(trace.rates[0], trace.before, rtol=SAME):
        return [
            Finding(
                message="The first batch is trained at the rate that the network was compiled with, and what "
                "the scheduler sets comes a batch late: it sets the rate after the batch, not before it."
            )
        ]
    return []


def _same(values: Floats) -> bool:
    return bool(len(values) == 0 or np.allclose(values, values[0], rtol=SAME, atol=0))


def _if_it_changes(trace: Trace, findings: list[Finding]) -> list[Finding]:
    """These findings, where the rate changes within an epoch; one that stands still has no shape to judge."""
    if not findings or not (_same(trace.rates[1:]) or _changes_by_epochs(trace)):
        return findings
    message = (
        "This cannot be seen while the rate does not change with every batch: see 'one update for each "
        "batch'."
    )
    return [Finding(message=message)]


def check_ramps(trace: Trace) -> list[Finding]:
    """The rate goes up to `max_rate` and down again in two straight lines; the peak is in its place."""
    return _if_it_changes(trace, _ramps(trace))


def _ramps(trace: Trace) -> list[Finding]:
    cycle, rates = trace.cycle, trace.in_time()
    expected = cycle.ramps()
    slack = SLACK * cycle.step
    if np.allclose(rates[: len(expected)], expected, rtol=0, atol=slack):
        return []
    peak = int(rates.argmax())
    if not np.isclose(rates[0], cycle.start_rate, rtol=0, atol=slack):
        text = f"The first batch is trained at {rates[0]:.3g}, which is not `start_rate`."
    elif not np.isclose(rates[peak], cycle.max_rate, rtol=0, atol=slack):
        text = f"The highest rate is {rates[peak]:.3g}, which is not `max_rate`."
    elif peak != cycle.half:
        text = (
            f"With {cycle.iterations} batches, the last {cycle.last_iterations} of them apart, the highest "
            f"rate comes at batch {peak}, counted from 0. Work out `half` by hand and compare."
        )
    elif np.allclose(rates[: peak + 1], expected[: peak + 1], rtol=0, atol=slack):
        text = (
            "The way up is right, and the way down is not: it should be as long as the way up, straight, "
            "and end where that began."
        )
    else:
        text = "Between `start_rate` and `max_rate` the rates do not lie on a straight line."
    return [Finding(message=text)]


def check_last_stretch(trace: Trace) -> list[Finding]:
    """The rest falls batch by batch from `start_rate` to `last_rate`, at the last batch or next to it."""
    return _if_it_changes(trace, _last_stretch(trace))


def _last_stretch(trace: Trace) -> list[Finding]:
    cycle = trace.cycle
    tail = trace.in_time()[2 * cycle.half :]
    start, last = cycle.start_rate, cycle.last_rate
    # Rates that come a batch late lack the last one.
    missing = (start - last) / (len(tail) + 1) if trace.late else 0.0
    if tail[0] > start + 2 * cycle.step or tail[-1] > start * (1 + SAME):
        text = "At the end of the training the rate is still above `start_rate`: the last stretch is missing."
    elif np.allclose(tail, start, rtol=0.02):
        text = "At the end of the training the rate stays at `start_rate`: the last stretch is missing."
    elif (np.diff(tail) > SAME * start).any():
        text = "In the last stretch the rate goes up at some batch. It should fall to the end."
    elif tail[-1] < last * (1 - END_TOLERANCE) - SAME * start:
        text = f"In the last stretch the rate falls to {tail[-1]:.3g}, below `last_rate`."
    elif tail[-1] > (max(cycle.ends()) + missing) * (1 + END_TOLERANCE):
        text = f"In the last stretch the rate falls to {tail[-1]:.3g} only, and `last_rate` is not reached."
    elif len(np.unique(np.round(tail / start, 4))) <= len(tail) // 2:
        text = "In the last stretch the rate jumps to `last_rate`. It should fall to it batch by batch."
    else:
        return []
    return [Finding(message=text)]


def check_defaults(trace: Trace, given: Trace) -> list[Finding]:
    """What was left out follows from the rest.

    given: a trace with every argument given, as a peak beside its place there says nothing of defaults here.
    """
    return _if_it_changes(trace, _defaults(trace, given))


def _defaults(trace: Trace, given: Trace) -> list[Finding]:
    cycle, rates = trace.cycle, trace.in_time()
    offset = int(given.in_time().argmax()) - given.cycle.half
    if not np.isclose(rates[0], cycle.start_rate, rtol=0, atol=SLACK * cycle.step):
        return [
            Finding(
                message=f"Without a `start_rate`, and with {cycle.max_rate:g} for `max_rate`, the cycle "
                f"starts at {rates[0]:.3g}."
            )
        ]
    if int(rates.argmax()) != cycle.half + offset:
        return [
            Finding(
                message=f"Without `last_iterations`, the peak of {cycle.iterations} batches is at batch "
                f"{int(rates.argmax())}, counted from 0: the last stretch has another length than asked for."
            )
        ]
    if not trace.late and not any(
        np.isclose(rates[-1], end, rtol=END_TOLERANCE, atol=0) for end in cycle.ends()
    ):
        return [
            Finding(
                message=f"Without a `last_rate`, the last batch is trained at {rates[-1]:.3g}, which "
                "does not fit what the table gives for it."
            )
        ]
    return []
