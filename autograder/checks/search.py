"""The search for a learning rate: enough rates, the right choice, and figures that were measured."""

from __future__ import annotations

import math
from typing import Any

from autograder.checks.findings import Finding
from autograder.checks.fits import validated_on_test
from autograder.evidence import Evidence, Fit, Unanswered, describe

__all__ = ["check_choice", "check_measured", "check_new_each_time", "check_rates"]

SLACK = 1e-6
RATE_TOLERANCE = 1e-3
LOSS_TOLERANCE = 6e-3
"""A student may round to two decimals."""


def _numbers(results: Any) -> dict[float, float]:
    """The results as numbers. Raises Unanswered where they are none."""
    if not isinstance(results, dict):
        raise Unanswered(
            f"`lr_results` is {describe(results)}; it should be a dictionary from each rate to its loss."
        )
    for rate, loss in results.items():
        for value in (rate, loss):
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise Unanswered(f"`lr_results` should hold plain numbers; this is {describe(value)}.")
    return {float(rate): float(loss) for rate, loss in results.items()}


def check_rates(results: Any, *, at_least: int, decades: float) -> list[Finding]:
    """There are enough rates, spread wide enough, each with a finite loss or an explosion."""
    numbers = _numbers(results)
    rates = [rate for rate in numbers if rate > 0 and math.isfinite(rate)]
    if len(rates) < len(numbers):
        return [Finding(message="A learning rate has to be a positive number.")]
    if len(rates) < at_least:
        return [
            Finding(
                message=f"`lr_results` holds {len(rates)} learning rates, fewer than the question asks for."
            )
        ]
    span = math.log10(max(rates) / min(rates))
    if span < decades - SLACK:
        return [
            Finding(
                message=f"The learning rates lie within a factor of {max(rates) / min(rates):.3g}. What "
                "suits a network may lie further off: spread them wider."
            )
        ]
    return _check_plausible(numbers)


def _check_plausible(numbers: dict[float, float]) -> list[Finding]:
    losses = [loss for loss in numbers.values() if math.isfinite(loss)]
    if not losses:
        return [
            Finding(
                message="No learning rate has a finite loss: every training exploded. Look at the inputs "
                "and at the largest rates."
            )
        ]
    if any(loss <= 0 for loss in losses):
        return [Finding(message="A validation loss of zero or less is no cross-entropy. Is it the accuracy?")]
    return []


def check_choice(results: Any, best: Any) -> list[Finding]:
    """The chosen rate is the one with the lowest loss. A loss that exploded never counts as the lowest."""
    numbers = _numbers(results)
    if isinstance(best, bool) or not isinstance(best, (int, float)):
        raise Unanswered(f"`best_lr` is {describe(best)}, not a number.")
    finite = {rate: loss for rate, loss in numbers.items() if math.isfinite(loss)}
    chosen = next((rate for rate in numbers if math.isclose(rate, best, rel_tol=RATE_TOLERANCE)), None)
    if chosen is None and any(_equal(loss, best) for loss in finite.values()):
        return [
            Finding(message=f"`best_lr` is {best:g}, which is a loss; asked for is the rate it belongs to.")
        ]
    if chosen is None:
        return [Finding(message=f"`best_lr` is {best:g}, which is not a rate of `lr_results`.")]
    if finite and numbers[chosen] <= min(finite.values()):
        return []
    if finite and numbers[chosen] == max(finite.values()):
        return [
            Finding(
                message=f"`best_lr` is {best:g}, the rate with the highest loss. A loss should be low: "
                "which of the two, `min` or `max`?"
            )
        ]
    return [Finding(message=f"`best_lr` is {best:g}, but another rate of `lr_results` has a lower loss.")]


def check_measured(evidence: Evidence, name: str, *, two_networks: str = "") -> list[Finding]:
    """Each loss was measured: a training at that rate took place in the notebook and gave it.

    two_networks: the probe that tells whether the student's function builds a new network each time. Where
    it does not, which costs in its own question, no head start counts here.
    """
    built_anew = not _shared_by(evidence.probes.get(two_networks))
    numbers = _numbers(evidence.value(name))
    if not numbers:
        return [Finding(message=f"`{name}` is empty.")]
    if not evidence.observed:
        return []
    for rate, loss in numbers.items():
        fits = [fit for fit in evidence.fits if _ran_at(fit, rate)]
        if not fits and not any(_close(rate, e.learning_rate) for e in evidence.evaluations):
            return [
                Finding(
                    message=f"No network was trained at the rate {rate:g} when your notebook ran. "
                    f"`{name}` has to be filled by the notebook itself."
                )
            ]
        if _measured(evidence, fits, rate, loss):
            gave = [fit for fit in fits if _has(fit, "val_loss", loss)]
            problem = _unfair(evidence, gave, rate, built_anew=built_anew)
            if problem:
                return [Finding(message=problem)]
            continue
        if any(_has(fit, "val_accuracy", loss) or _has(fit, "accuracy", loss) for fit in fits):
            return [
                Finding(
                    message=f"For the rate {rate:g}, `{name}` holds an accuracy. Compare rates by the "
                    "validation loss, which also tells apart what is barely right from what is surely right."
                )
            ]
        if any(_has(fit, "loss", loss) for fit in fits):
            return [
                Finding(
                    message=f"For the rate {rate:g}, `{name}` holds the training loss. Compare rates by "
                    "the validation loss: the training loss rewards learning by heart."
                )
            ]
        return [
            Finding(
                message=f"For the rate {rate:g}, `{name}` holds {loss:g}, and the training at that rate "
                "gave another validation loss. Figures have to come from the trainings of this notebook."
            )
        ]
    return []


def _shared_by(found: Any) -> int:
    """How many weights two networks of a student's function have in common; 0 where that is not known."""
    shared = found.get("shared") if isinstance(found, dict) else None
    return shared if isinstance(shared, int) else 0


def check_new_each_time(found: Any, function: str) -> list[Finding]:
    """The function builds a new network each time that it is called, with layers and weights of its own.

    found: what a probe tells that called it twice.
    """
    shared = _shared_by(found)
    if not shared:
        return []
    what = "the very same network" if found.get("same") is True else "a network with the same layers"
    message = (
        f"Called twice, `{function}()` gives {what} both times, so that whatever the one has learned, the "
        "other begins with. Make the network, and each of its layers, inside of the function."
    )
    return [Finding(message=message)]


def _unfair(evidence: Evidence, fits: list[Fit], rate: float, *, built_anew: bool) -> str:
    """What is wrong with all trainings that gave a loss, though they gave it; empty where one is sound."""
    if built_anew and fits and all(_has_a_head_start(fit) for fit in fits):
        return (
            f"The network that was trained at the rate {rate:g} had been trained at another rate before, so "
            "it had a head start over the others: their losses cannot be compared. Look at where the "
            "network is built, inside of the loop over the rates or ahead of it."
        )
    if fits and all(validated_on_test(evidence, fit) for fit in fits):
        return (
            f"For the rate {rate:g}, the loss was measured on pictures of the test set. A rate is a choice, "
            "and what was chosen by the test set is not tested by it any more: compare on the validation set."
        )
    return ""


def _has_a_head_start(fit: Fit) -> bool:
    """Whether a training went on from weights that trainings at other rates had left."""
    own = fit.compilation.learning_rate if fit.compilation else None
    return any(own is not None and not _close(own, rate) for rate in fit.trained_at)


def _ran_at(fit: Fit, rate: float) -> bool:
    return _close(rate, fit.compilation.learning_rate if fit.compilation else None)


def _close(rate: float, other: float | None) -> bool:
    return other is not None and math.isclose(rate, other, rel_tol=RATE_TOLERANCE)


def _measured(evidence: Evidence, fits: list[Fit], rate: float, loss: float) -> bool:
    if any(_has(fit, "val_loss", loss) for fit in fits):
        return True
    results = [e.results for e in evidence.evaluations if _close(rate, e.learning_rate)]
    return any(_equal(value, loss) for values in results for value in values[:1])


def _has(fit: Fit, metric: str, value: float) -> bool:
    return any(_equal(entry, value) for entry in fit.history.get(metric, []))


def _equal(one: float, other: float) -> bool:
    if not (math.isfinite(one) and math.isfinite(other)):
        return not math.isfinite(one) and not math.isfinite(other)
    return abs(one - other) <= LOSS_TOLERANCE * max(1.0, abs(one))
