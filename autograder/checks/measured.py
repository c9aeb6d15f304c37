"""Conclusions in a dictionary of the student's own keys: figures that the notebook's runs gave."""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autograder.checks.findings import Finding
from autograder.checks.fits import fits_of_question, rows_fed
from autograder.evidence import ArrayView, Evaluation, Evidence, Fit, HistoryView, Unanswered, describe

__all__ = ["check_comparison", "check_fed_otherwise", "check_positive"]

TOLERANCE = 6e-3
"""A student may round to two decimals."""
EXACT = 5e-4
"""How far a gap lies from a figure of which its sign is told: one of two decimals may be either by chance."""
_MEASURED = {"gap": ("gap", "차이", "격차"), "loss": ("loss", "손실"), "acc": ("acc", "정확")}
"""What a training reports, and the words for it in a key, in English and in Korean."""
_ASIDE = ("ratio", "time", "second", "faster", "speed")
"""What a figure may be that no training reports: entries beside those asked for."""
_FEWEST = 2


def check_comparison(
    evidence: Evidence, name: str, *, question: str, layer: str = "", gaps: bool = False
) -> list[Finding]:
    """The comparison is a dictionary with figures that this notebook's trainings gave.

    Its keys are the student's own: a figure is held against the runs where its key says that it is a loss,
    an accuracy or a gap. Two found there will do, whatever else there is.

    layer: the class of the layers that the network has which is compared with the plain one. Such a network
    has to be trained, and some figure has to be of its training. gaps: whether two of those found have to be
    gaps.
    """
    value = evidence.value(name)
    if not isinstance(value, dict):
        raise Unanswered(f"`{name}` is {describe(value)}; it should be a dictionary.")
    found = list(_numbers(value, ""))
    named = [(key, number) for key, number in found if math.isfinite(number) and _kinds(key)]
    if gaps:
        named = [(key, number) for key, number in named if "gap" in _kinds(key)]
    if len(named) < _FEWEST:
        return [_too_few(name, found, gaps=gaps)]
    if not evidence.observed:
        return []
    if not fits_of_question(evidence, question) and not _loaded(evidence):
        message = (
            f"No network was trained for `{name}` when your notebook ran: compare trainings, not guesses."
        )
        return [Finding(message=message)]
    strange = _held_to_runs(evidence, name, question, named)
    strange = strange or _of_the_plain_one_alone(evidence, name, question, layer, named)
    return strange or (_turned(evidence, name, question, named) if gaps else [])


def _of_the_plain_one_alone(
    evidence: Evidence, name: str, question: str, layer: str, named: list[tuple[str, float]]
) -> list[Finding]:
    """What to say where the network with that layer was not trained, or no figure is of its training."""
    fits = fits_of_question(evidence, question)
    if not layer or not all(fit.layers for fit in fits):
        return []
    own = [fit for fit in fits if layer in fit.layers]
    if fits and not own:
        message = (
            f"No training for `{name}` is of a network with {layer} layers: the plain network is compared "
            "with itself. Which function builds the network that you train here?"
        )
        return [Finding(message=message)]
    others = _figures(evidence, [fit for fit in evidence.fits if fit not in own], but=own)
    mine = _figures(evidence, own, only=own)
    seen, scales = _figures(evidence, fits), _scales(named)

    def may_be_own(key: str, number: float) -> bool:
        kinds = _kinds(key)
        of_all, of_others, of_own = (
            any(_among(number, figures[kind], scales) for kind in kinds) for figures in (seen, others, mine)
        )
        return of_own or (of_all and not of_others)

    if not own or any(may_be_own(key, number) for key, number in named):
        return []
    message = (
        f"No figure of `{name}` is of the network with {layer} layers: all of them are of the other one. "
        "Look at which history each is taken from."
    )
    return [Finding(message=message)]


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
    seen, scales = _figures(evidence, fits_of_question(evidence, question)), _scales(named)
    strange = [
        number for key, number in named if not any(_among(number, seen[kind], scales) for kind in _kinds(key))
    ]
    if len(named) - len(strange) >= _FEWEST:
        return []
    message = (
        f"`{name}` holds figures such as {strange[0]:.4g}, and no training of your notebook gave them when "
        "it ran. Take them from the histories."
    )
    return [Finding(message=message)]


def _kinds(key: str) -> list[str]:
    """What a figure says of itself by its key; nothing where it need not be of a training at all."""
    key = unicodedata.normalize("NFC", key)  # Korean letters may be stored in parts
    words = re.findall(r"[^\W\d_]+", key)
    if any(word.startswith(_ASIDE) for word in words):
        return []
    found = [kind for kind, names in _MEASURED.items() if any(name in key for name in names)]
    return found or (["val"] if "val" in words else [])


def _scales(named: list[tuple[str, float]]) -> tuple[int, ...]:
    """What figures may be multiplied by: by 100 as well, where one that is no loss lies beyond 1."""
    percent = any(abs(number) > 1 for key, number in named if "loss" not in _kinds(key))
    return (1, 100) if percent else (1,)


def _among(number: float, figures: set[float], scales: tuple[int, ...], tolerance: float = TOLERANCE) -> bool:
    """Whether a figure is one of these, or one of them in percent."""
    return any(abs(number / scale - other) <= tolerance for scale in scales for other in figures)


def _turned(evidence: Evidence, name: str, question: str, gaps: list[tuple[str, float]]) -> list[Finding]:
    """What to say where gaps are validation minus training accuracy, or have lost their sign.

    Only where the figures leave no doubt: one that is a right gap as well, or of evaluations, may be right.
    """
    histories = [fit.history for fit in fits_of_question(evidence, question)]
    histories += [found.history for found in evidence.names.values() if isinstance(found, HistoryView)]
    straight = {gap for history in histories for gap in _gaps(history, turned=False)}
    wrong = {-gap for gap in straight}
    straight |= set(_gaps_of_evaluations([one for one in evidence.evaluations if not one.in_fit]))
    scales = _scales(gaps)
    known = [
        (_among(number, straight, scales, EXACT), _among(number, wrong, scales, EXACT))
        for key, number in gaps
        if "loss" not in _kinds(key)
    ]
    if (False, True) not in known or (True, False) in known:
        return []
    message = (
        f"The gaps in `{name}` have the wrong sign, or have lost theirs: a gap is the training accuracy "
        "minus the validation accuracy. It is negative where a network does better on new pictures than it "
        "did in training, as one with dropout may, whose units are all there again by then."
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


def _figures(
    evidence: Evidence, fits: list[Fit], *, only: list[Fit] | None = None, but: list[Fit] | None = None
) -> dict[str, set[float]]:
    """What these trainings and evaluations gave, by kind, and differences of equal kind.

    only, but: trainings whose models alone count, or whose models do not count, in all that was recorded.
    """
    kept, left_out = ({fit.model for fit in some or ()} for some in (only, but))
    histories = [fit.history for fit in fits]
    strange = [fit.history for fit in but or ()]
    if only is None:
        named = [found.history for found in evidence.names.values() if isinstance(found, HistoryView)]
        histories += [history for history in named if history not in strange]
    tried = tuple(
        one
        for one in evidence.evaluations
        if (only is None or one.model in kept) and one.model not in left_out
    )
    losses = [value for one in tried for value in one.results[:1]]
    shares = [value for one in tried for value in one.results[1:]]
    gaps = _gaps_of_evaluations(tried)
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


def _gaps(history: Mapping[str, list[float]], *, turned: bool = True) -> Iterator[float]:
    """Differences between training and validation figures: epoch by epoch, and of their ends.

    turned: whether to give validation minus training accuracy, too, as it is given of losses in any case.
    """
    for metric, values in history.items():
        others = history.get(f"val_{metric}", [])
        pairs = [*zip(values, others, strict=False), *zip(_ends(values), _ends(others), strict=False)]
        for one, other in pairs:
            yield one - other
            if turned or "loss" in metric:
                yield other - one


def _gaps_of_evaluations(tried: Sequence[Evaluation]) -> list[float]:
    """Differences between what evaluations of one model gave, whichever pictures they were of."""
    return [
        left - right
        for one, other in itertools.permutations(tried[:60], 2)
        if one.model == other.model
        for left, right in zip(one.results, other.results, strict=False)
    ]


def check_positive(evidence: Evidence, name: str, *, question: str) -> list[Finding]:
    """The value is a positive, finite number, and there were trainings to measure."""
    value = evidence.value(name)
    if isinstance(value, ArrayView) and value.data is not None and value.data.size == 1:
        value = value.data.reshape(-1)[0].item()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unanswered(f"`{name}` is {describe(value)}, not a number.")
    if math.isfinite(value) and value > 0:
        if not evidence.observed or fits_of_question(evidence, question):
            return []
        message = (
            f"No network was trained for `{name}` when your notebook ran, so there was no time to take. "
            "Measure both trainings in the notebook: what another machine needed says little about this one."
        )
        return [Finding(message=message)]
    return [
        Finding(
            message=f"`{name}` is {value:g}. A quotient of two times is a positive number: divide the time "
            "without the cache by the time with it."
        )
    ]


def check_fed_otherwise(evidence: Evidence, name: str, *, question: str) -> list[Finding]:
    """Of the trainings whose times are compared, one is fed what was cached in place of pictures."""
    fits = fits_of_question(evidence, question)
    fed = [rows_fed(fit.training) for fit in fits]
    pixels = math.prod(evidence.data.x_train.shape[1:])
    if len({fit.model for fit in fits}) < 2 or any(rows is None or rows.shape[1] != pixels for rows in fed):
        return []
    message = (
        f"All trainings that were timed for `{name}` are fed pictures, so that every layer is computed in "
        "both. With the cache a new output layer is trained alone, on the cached outputs."
    )
    return [Finding(message=message)]
