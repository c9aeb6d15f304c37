"""Conclusions in a dictionary of the student's own keys: figures that the notebook's runs gave."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

from autograder.checks.findings import Finding
from autograder.checks.fits import fits_of_question
from autograder.evidence import ArrayView, Evidence, HistoryView, Unanswered, describe

__all__ = ["check_comparison", "check_positive"]

TOLERANCE = 6e-3
"""A student may round to two decimals."""
_MEASURED = ("acc", "loss", "gap", "val")


def check_comparison(evidence: Evidence, name: str, *, question: str) -> list[Finding]:
    """The comparison is a dictionary of figures that this notebook's trainings gave.

    Its keys are the student's own: a figure is held against the runs where its key says that it is a loss, an
    accuracy or a gap, and all of them count as measured where one of them is found.
    """
    value = evidence.value(name)
    if not isinstance(value, dict):
        raise Unanswered(f"`{name}` is {describe(value)}; it should be a dictionary.")
    found = list(_numbers(value, ""))
    if len(found) < 2:
        return [Finding(message=f"`{name}` has fewer than two figures: there is nothing to compare.")]
    if not any(math.isfinite(number) for _, number in found):
        return [Finding(message=f"No figure in `{name}` is finite.")]
    if not evidence.observed:
        return []
    if not fits_of_question(evidence, question) and not _loaded(evidence):
        message = (
            f"No network was trained for `{name}` when your notebook ran: compare trainings, not guesses."
        )
        return [Finding(message=message)]
    return _held_to_runs(evidence, name, found)


def _held_to_runs(evidence: Evidence, name: str, found: list[tuple[str, float]]) -> list[Finding]:
    named = [number for key, number in found if any(word in key for word in _MEASURED)]
    named = [number for number in named if math.isfinite(number) and number != math.floor(number)]
    if not named:
        return []
    seen = _figures(evidence)
    if any(
        abs(number / scale - other) <= TOLERANCE for number in named for scale in (1, 100) for other in seen
    ):
        return []
    message = (
        f"`{name}` holds figures such as {named[0]:.4g}, and no training of your notebook gave them when it "
        "ran. Take them from the histories."
    )
    return [Finding(message=message)]


def _numbers(value: Any, key: str) -> Iterator[tuple[str, float]]:
    """Every number in nested dictionaries and lists, with the keys that lead to it, in small letters."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _numbers(item, f"{key} {name}".lower())
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _numbers(item, key)
    elif isinstance(value, HistoryView):
        yield from _numbers(dict(value.history), key)
    elif isinstance(value, ArrayView) and value.data is not None and value.data.size <= 1_000:
        yield from ((key, float(item)) for item in value.data.reshape(-1))
    elif isinstance(value, (bool, int, float)):
        yield key, float(value)


def _loaded(evidence: Evidence) -> bool:
    """Whether the notebook holds a history of a training that it did not run."""
    return any(isinstance(found, HistoryView) for found in evidence.names.values())


def _figures(evidence: Evidence) -> set[float]:
    """What trainings and evaluations gave, and differences within one training and between evaluations."""
    histories = [fit.history for fit in evidence.fits]
    histories += [found.history for found in evidence.names.values() if isinstance(found, HistoryView)]
    figures: set[float] = set()
    for history in histories:
        ends = [_ends(values) for values in history.values()]
        figures.update(value for values in history.values() for value in values)
        figures.update(
            one - other for left, right in itertools.permutations(ends, 2) for one in left for other in right
        )
        figures.update(_epochwise(history))
    results = [one.results for one in evidence.evaluations[:60]]
    figures.update(value for values in results for value in values)
    figures.update(
        left - right
        for one, other in itertools.permutations(results, 2)
        for left, right in zip(one, other, strict=False)
    )
    return {round(value, 6) for value in figures if math.isfinite(value)}


def _ends(values: list[float]) -> set[float]:
    finite = [value for value in values if math.isfinite(value)]
    return {finite[-1], min(finite), max(finite), sum(finite) / len(finite)} if finite else set()


def _epochwise(history: Any) -> Iterator[float]:
    """Differences between training and validation figures, epoch by epoch."""
    for metric, values in history.items():
        for one, other in zip(values, history.get(f"val_{metric}", []), strict=False):
            yield one - other
            yield other - one


def check_positive(evidence: Evidence, name: str) -> list[Finding]:
    """The value is a positive, finite number."""
    value = evidence.value(name)
    if isinstance(value, ArrayView) and value.data is not None and value.data.size == 1:
        value = value.data.reshape(-1)[0].item()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unanswered(f"`{name}` is {describe(value)}, not a number.")
    if math.isfinite(value) and value > 0:
        return []
    return [
        Finding(
            message=f"`{name}` is {value:g}. A quotient of two times is a positive number: divide the time "
            "without the cache by the time with it."
        )
    ]
