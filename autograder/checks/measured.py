"""Conclusions in a dictionary of the student's own keys: figures that the notebook's runs gave."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from autograder.checks.findings import Finding
from autograder.checks.fits import fits_of_question
from autograder.evidence import ArrayView, Evidence, HistoryView, Unanswered, describe

__all__ = ["check_comparison", "check_positive"]

TOLERANCE = 6e-3
"""A student may round to two decimals."""
_MEASURED = ("gap", "loss", "acc")
_ASIDE = ("ratio", "time", "second", "faster", "speed")
"""What a figure may be that no training reports: entries beside those asked for."""
_FEWEST = 2


def check_comparison(evidence: Evidence, name: str, *, question: str, gaps: bool = False) -> list[Finding]:
    """The comparison is a dictionary with figures that this notebook's trainings gave.

    Its keys are the student's own: a figure is held against the runs where its key says that it is a loss,
    an accuracy or a gap. Two found there will do, whatever else there is.

    gaps: whether two of those found have to be gaps.
    """
    value = evidence.value(name)
    if not isinstance(value, dict):
        raise Unanswered(f"`{name}` is {describe(value)}; it should be a dictionary.")
    found = list(_numbers(value, ""))
    named = [(key, number) for key, number in found if math.isfinite(number) and _kinds(key)]
    if gaps:
        named = [(key, number) for key, number in named if "gap" in key]
    if len(named) < _FEWEST:
        return [_too_few(name, found, gaps=gaps)]
    if not evidence.observed:
        return []
    if not fits_of_question(evidence, question) and not _loaded(evidence):
        message = (
            f"No network was trained for `{name}` when your notebook ran: compare trainings, not guesses."
        )
        return [Finding(message=message)]
    return _held_to_runs(evidence, name, question, named)


def _too_few(name: str, found: list[tuple[str, float]], *, gaps: bool) -> Finding:
    keys = ", ".join(dict.fromkeys(key.strip() for key, _ in found))[:200] or "none"
    if gaps:
        # Another name for a figure makes no gap of it: what a gap is comes first.
        message = (
            f"`{name}` has no two gaps: training accuracy minus validation accuracy, once for each of the "
            "networks. The gap says how much better a network does on pictures that it has seen, and it is "
            f"what you set out to close. Its keys: {keys}."
        )
    else:
        message = (
            f"`{name}` has fewer than two figures that are named a `loss`, an `accuracy` or a `gap`, so that "
            f"there is nothing to compare. Its keys: {keys}. Let the key of each figure say what it is."
        )
    return Finding(message=message)


def _held_to_runs(
    evidence: Evidence, name: str, question: str, named: list[tuple[str, float]]
) -> list[Finding]:
    seen = _figures(evidence, question)
    strange = [number for key, number in named if not any(_among(number, seen[kind]) for kind in _kinds(key))]
    if len(named) - len(strange) >= _FEWEST:
        return []
    message = (
        f"`{name}` holds figures such as {strange[0]:.4g}, and no training of your notebook gave them when "
        "it ran. Take them from the histories."
    )
    return [Finding(message=message)]


def _kinds(key: str) -> list[str]:
    """What a figure says of itself by its key; nothing where it need not be of a training at all."""
    words = re.findall(r"[^\W\d_]+", key)
    if any(word.startswith(_ASIDE) for word in words):
        return []
    return [kind for kind in _MEASURED if kind in key] or (["val"] if "val" in words else [])


def _among(number: float, figures: set[float]) -> bool:
    """Whether a figure is one of these; where it is beyond 1, it may be one of them in percent."""
    scales = (1, 100) if abs(number) > 1 else (1,)
    return any(abs(number / scale - other) <= TOLERANCE for scale in scales for other in figures)


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


def _figures(evidence: Evidence, question: str) -> dict[str, set[float]]:
    """What the trainings of the question and evaluations gave, by kind, and differences of equal kind."""
    histories = [fit.history for fit in fits_of_question(evidence, question)]
    histories += [found.history for found in evidence.names.values() if isinstance(found, HistoryView)]
    tried = evidence.evaluations
    losses = [value for one in tried for value in one.results[:1]]
    shares = [value for one in tried for value in one.results[1:]]
    gaps = [
        left - right
        for one, other in itertools.permutations(tried[:60], 2)
        if one.model == other.model
        for left, right in zip(one.results, other.results, strict=False)
    ]
    ends: dict[str, list[float]] = {"loss": [], "acc": []}
    for history in histories:
        gaps += _gaps(history)
        for metric, values in history.items():
            (losses if "loss" in metric else shares).extend(values)
            ends["loss" if "loss" in metric else "acc"].extend(_ends(values))
    found = {"gap": set(gaps), "loss": {*losses, *_differences(ends["loss"])}}
    found["acc"] = {*shares, *_differences(ends["acc"])}
    found["val"] = set().union(*found.values())
    return {
        kind: {round(value, 6) for value in values if math.isfinite(value)} for kind, values in found.items()
    }


def _differences(values: list[float]) -> list[float]:
    return [one - other for one, other in itertools.permutations(values[:40], 2)]


def _ends(values: list[float]) -> list[float]:
    finite = [value for value in values if math.isfinite(value)]
    return [finite[-1], min(finite), max(finite), sum(finite) / len(finite)] if finite else []


def _gaps(history: Mapping[str, list[float]]) -> Iterator[float]:
    """Differences between training and validation figures: epoch by epoch, and of their ends."""
    for metric, values in history.items():
        others = history.get(f"val_{metric}", [])
        pairs = [*zip(values, others, strict=False), *zip(_ends(values), _ends(others), strict=False)]
        for one, other in pairs:
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
