"""The learning rate range test: rates that grow by a factor over the whole range, nothing left changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from autograder.checks.findings import Finding
from autograder.checks.sources import tried_out
from autograder.evidence import ArrayView, Evidence, Unanswered, describe

__all__ = [
    "Run",
    "check_counts",
    "check_geometric",
    "check_range",
    "check_rate_restored",
    "check_weights_restored",
    "run_of",
]

UNEVEN = 1.05
"""How many times the smallest factor between two batches the largest may be."""
EXPLODED = 1.5
"""How many times the lowest loss a loss is that has plainly turned up."""
NEAR_TOP = 10
"""A test that stops early, and leaves out the loss at which it did, came within this factor of the top."""
RATE_TOLERANCE, WEIGHT_TOLERANCE = 1e-3, 1e-6

Floats = npt.NDArray[np.float64]


@attrs.frozen(kw_only=True, eq=False)
class Run:
    """One call of a student's `find_learning_rate`: what was asked for, and what the probe found."""

    batches: int
    lowest: float
    highest: float
    found: Any
    seen: Mapping[str, Any]
    """What else the probe saw of this call; empty where it looked at nothing but the result."""

    @property
    def factor(self) -> float:
        """The factor between two batches that fits the range exactly."""
        return float((self.highest / self.lowest) ** (1 / self.batches))

    @property
    def rates(self) -> Floats:
        """The rates. Raises Unanswered where there are none."""
        return self._pair()[0]

    @property
    def losses(self) -> Floats:
        """The losses. Raises Unanswered where there are none."""
        return self._pair()[1]

    def _pair(self) -> tuple[Floats, Floats]:
        if not isinstance(self.found, list) or len(self.found) != 2:
            raise Unanswered(
                f"`find_learning_rate` returns {_described(self.found)}; asked for are two things, "
                "`rates, losses`."
            )
        rates, losses = (_series(part) for part in self.found)
        if rates is None or losses is None:
            wrong = self.found[0] if rates is None else self.found[1]
            raise Unanswered(
                "`find_learning_rate` should return two series of numbers, `rates, losses`; one of "
                f"them is {_described(wrong)}."
            )
        if not len(rates):
            raise Unanswered("`find_learning_rate` returns no rates at all: they are noted batch by batch.")
        return rates, losses


def run_of(evidence: Evidence, probe: str, *, batches: int, lowest: float, highest: float) -> Run:
    """What a probe found that calls `find_learning_rate` with these settings. Raises Unanswered."""
    found = tried_out(evidence, probe, name="find_learning_rate")
    seen = found if isinstance(found, dict) and "found" in found else {}
    result = seen["found"] if seen else found
    return Run(batches=batches, lowest=lowest, highest=highest, found=result, seen=seen)


def _described(found: Any) -> str:
    if isinstance(found, list):
        return f"{len(found)} things"
    text = describe(found)
    return f"something {text}" if text.startswith("of type") else text


def _series(found: Any) -> Floats | None:
    """A series of numbers, or None."""
    if isinstance(found, ArrayView) and found.data is not None and found.ndim == 1:
        return np.asarray(found.data, np.float64)
    if isinstance(found, list) and all(type(value) in (int, float) for value in found):
        return np.asarray(found, np.float64)
    return None


def check_counts(run: Run) -> list[Finding]:
    """There is one rate and one loss for every batch, unless the test stopped as the loss exploded."""
    rates, losses = run.rates, run.losses
    if len(rates) != len(losses):
        return [
            Finding(
                message=f"`find_learning_rate` returns {len(rates)} rates and {len(losses)} losses: each "
                "rate needs the loss at it."
            )
        ]
    if len(rates) > run.batches + 1 or (len(rates) < run.batches - 1 and not _stopped_early(run)):
        return [
            Finding(
                message=f"For {run.batches} batches `find_learning_rate` returns {len(rates)} rates. There "
                "should be one for each batch of each epoch: look at how `epochs` and `batch_size` are used."
            )
        ]
    return _check_losses(run, losses)


def _stopped_early(run: Run) -> bool:
    """Whether a run that is too short stepped on at the right pace until its loss exploded."""
    rates, losses = run.rates, run.losses
    if len(rates) < 2 or not _at_pace(run, rates):
        return False
    if rates[-1] >= run.highest / NEAR_TOP or not np.isfinite(losses[-1]):
        return True
    finite = losses[np.isfinite(losses)]
    return bool(losses[-1] >= EXPLODED * finite.min())


def _at_pace(run: Run, rates: Floats) -> bool:
    if not (np.isfinite(rates) & (rates > 0)).all():
        return False
    step = float(np.exp(np.diff(np.log(rates)).mean()))
    return run.factor / UNEVEN <= step <= run.factor * UNEVEN


def _check_losses(run: Run, losses: Floats) -> list[Finding]:
    early = losses[: max(1, run.batches // 4)]
    if not np.isfinite(losses[: max(1, len(losses) // 3)]).all():
        return [
            Finding(
                message="Among the losses at the smallest rates are some that are not finite, long before "
                "the rate is large enough to do harm."
            )
        ]
    before = run.seen.get("loss_before")
    if isinstance(before, float) and not before / 2 <= early.max() <= before * 2:
        return [
            Finding(
                message="At the smallest rates nothing has been learned yet, so the first losses should be "
                f"about the loss that the network came with. They are about {early.max():.3g}: is it the "
                "loss that is noted?"
            )
        ]
    return []


def check_geometric(run: Run) -> list[Finding]:
    """The rate grows by one factor from batch to batch, in what is returned and in what was trained with."""
    return _check_growth(run.rates, "the rates that it returns") or _check_trained(run)


def _check_growth(rates: Floats, what: str) -> list[Finding]:
    if not (np.isfinite(rates) & (rates > 0)).all():
        return [Finding(message=f"Among {what} are some that are not positive numbers.")]
    if len(rates) < 3:
        return [Finding(message=f"Of {what} there are too few to see how they grow.")]
    factors = rates[1:] / rates[:-1]
    if _never_grows(rates):
        return [Finding(message=f"All of {what} are the same: the rate should grow with every batch.")]
    if (factors < 1).all():
        return [Finding(message=f"In {what} the rate falls. It should start small and grow.")]
    if factors.min() > 1 and factors.max() <= UNEVEN * factors.min():
        return []
    steps = np.diff(rates)
    if np.allclose(steps, steps.mean(), rtol=UNEVEN - 1):
        return [
            Finding(
                message=f"In {what} the rate grows by the same difference from batch to batch. "
                "Nearly all batches then lie in the last decade; multiply by a factor instead."
            )
        ]
    if np.isclose(factors, 1, atol=1e-4).any():
        return [
            Finding(message=f"In {what} the rate stays the same over several batches: it grows too rarely.")
        ]
    return [
        Finding(
            message=f"In {what} the factor from one batch to the next goes from {factors.min():.3g} to "
            f"{factors.max():.3g}. It should be the same all along."
        )
    ]


def _never_grows(rates: Floats) -> bool:
    return bool((rates > 0).all() and np.allclose(rates[1:] / rates[:-1], 1, atol=1e-4))


def _check_trained(run: Run) -> list[Finding]:
    """The rates that the optimiser had at each step; those of a copy of the model were not seen."""
    used = _series(run.seen.get("used"))
    if used is None or not run.batches - 1 <= len(used) <= run.batches + 1:
        return []
    if _never_grows(used):
        message = (
            "The rates that it returns grow, but the network was trained at one rate all the time: they are "
            "worked out and never given to the optimiser."
        )
        return [Finding(message=message)]
    # The first step aside: whoever sets the rate after a batch may have left it as it was.
    return _check_growth(used[1:], "the rates that the network was trained with")


def check_range(run: Run) -> list[Finding]:
    """The first rate is about `min_rate` and the last one about `max_rate`."""
    rates = run.rates
    slack = run.factor**1.5
    if not run.lowest / slack <= rates[0] <= run.lowest * slack:
        return [Finding(message=f"The first rate is {rates[0]:.3g}, and `min_rate` was {run.lowest:.3g}.")]
    if rates[-1] > run.highest * slack or (rates[-1] < run.highest / slack and not _stopped_early(run)):
        return [
            Finding(
                message=f"The last rate is {rates[-1]:.3g}, and `max_rate` was {run.highest:.3g}. The "
                "factor has to fit the number of batches: all batches of all epochs."
            )
        ]
    return [] if np.isfinite(rates[-1]) else [Finding(message="The last rate is not a number.")]


def check_weights_restored(run: Run) -> list[Finding]:
    """The model has the weights that it had before."""
    before, after = (_series(run.seen.get(name)) for name in ("weights_before", "weights_after"))
    if before is None or after is None or len(before) != len(after):
        return [Finding(message="After `find_learning_rate` the model is not the network that it was.")]
    if not np.isfinite(after).all():
        return [
            Finding(
                message="After `find_learning_rate` the model has weights that are not finite: those of a "
                "training that exploded. Keep its weights before, and put them back."
            )
        ]
    if float(np.abs(before - after).max()) > WEIGHT_TOLERANCE:
        return [
            Finding(
                message="After `find_learning_rate` the model has other weights than before. A test that "
                "ends in an explosion leaves ruins: keep the weights first, and put them back."
            )
        ]
    return []


def check_rate_restored(run: Run) -> list[Finding]:
    """The model is compiled as before, with the learning rate that it had."""
    before, after = run.seen.get("compiled_before"), run.seen.get("compiled_after")
    if not isinstance(before, dict) or not isinstance(after, dict):
        return [Finding(message="After `find_learning_rate` the model is not compiled any more.")]
    rate = after.get("rate")
    if not isinstance(rate, float) or not np.isclose(rate, float(before["rate"]), rtol=RATE_TOLERANCE):
        shown = f"{rate:.3g}" if isinstance(rate, float) else "no number"
        return [
            Finding(
                message=f"The model came with a learning rate of {float(before['rate']):.3g} and goes with "
                f"{shown}. Whoever trains it next would start there: keep the rate first, and put it back."
            )
        ]
    for part in ("optimizer", "loss"):
        if _plain(before.get(part)) != _plain(after.get(part)):
            return [
                Finding(
                    message=f"The model came with {before.get(part)} as its {part} and goes with "
                    f"{after.get(part)}."
                )
            ]
    return _check_settings(before, after)


def _check_settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Finding]:
    """The optimiser's momentum and the metrics, which get lost where a model is compiled anew."""
    for part, name in (("momentum", "the momentum of its optimiser"), ("measured", "its metrics")):
        if before.get(part) is not None and before.get(part) != after.get(part):
            return [
                Finding(
                    message=f"The model came with {name}, and goes with another setting of that. Whoever "
                    "trains it next trains it otherwise: was it compiled anew? Nothing but the rate needs "
                    "to be put back, and it can be assigned to."
                )
            ]
    return []


def _plain(name: Any) -> str:
    return str(name).replace("_", "").lower()
