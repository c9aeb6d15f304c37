"""A search by cross-validation: candidates, folds, the choice, and figures that were measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from autograder.checks.findings import Finding
from autograder.checks.fits import fits_of_question, rows_fed, validated_on_test
from autograder.evidence import ArrayView, Evidence, Fit, Unanswered, describe

__all__ = ["check_best", "check_entries", "check_folds", "check_scores_measured"]

SLACK = 0.15
"""How far a score of a short training may lie from others of its kind."""
EQUAL = 5e-4
"""How far a mean may be from what it is the mean of: a student may round to three decimals."""
MOST_SETTINGS = 1_000
"""How many numbers an array of settings may hold, such as the units of each layer."""
_LOWER = ("loss", "error", "mse", "crossentropy", "cross_entropy")


@attrs.frozen(kw_only=True)
class _Candidate:
    """One entry of the results."""

    params: Any
    mean: float
    std: float
    lower_is_better: bool
    """Whether the name of the mean says that it is a loss."""


def _candidates(evidence: Evidence, name: str) -> list[_Candidate]:
    """The results as records. Raises Unanswered where they are none."""
    results = evidence.value(name)
    if results == []:
        raise Unanswered(f"`{name}` is empty.")
    if not isinstance(results, list):
        raise Unanswered(
            f"`{name}` is {describe(results)}; it should be a list with a dictionary for each try."
        )
    return [_candidate(entry, name) for entry in results]


def _candidate(entry: Any, name: str) -> _Candidate:
    if not isinstance(entry, dict):
        raise Unanswered(f"An entry of `{name}` is {describe(entry)}; it should be a dictionary.")
    params, mean, std = (_find(entry, word) for word in ("param", "mean", "std"))
    for word, found in (("params", params), ("mean", mean), ("std", std)):
        if found is None:
            raise Unanswered(
                f"An entry of `{name}` has no `{word}`; it has {', '.join(map(str, entry))[:200]}."
            )
    assert params is not None and mean is not None and std is not None
    return _Candidate(
        params=params[1],
        mean=_number(mean[1], name, "mean"),
        std=_number(std[1], name, "std"),
        lower_is_better=any(word in mean[0] for word in _LOWER) and "neg" not in mean[0],
    )


def _find(entry: Mapping[Any, Any], word: str) -> tuple[str, Any] | None:
    """The key that is, or else contains, a word, in small letters, with its value."""
    named = [(str(key).lower(), value) for key, value in entry.items()]
    exact = [pair for pair in named if pair[0].rstrip("s") == word]
    return next(iter(exact + [pair for pair in named if word in pair[0]]), None)


def _number(value: Any, name: str, what: str) -> float:
    if isinstance(value, ArrayView) and value.data is not None and value.data.size == 1:
        value = value.data.reshape(-1)[0].item()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unanswered(f"The {what} of an entry of `{name}` is {describe(value)}, not a number.")
    return float(value)


def check_entries(evidence: Evidence, name: str, *, at_least: int) -> list[Finding]:
    """There are several candidates that differ, each with its settings, a mean and a standard deviation."""
    found = _candidates(evidence, name)
    if len(found) < at_least:
        entries = "1 entry" if len(found) == 1 else f"{len(found)} entries"
        return [Finding(message=f"`{name}` has {entries}, fewer than were asked for.")]
    if any(_same(one.params, other.params) for at, one in enumerate(found) for other in found[:at]):
        return [Finding(message=f"Two entries of `{name}` have the same settings.")]
    if any(not math.isfinite(one.std) or one.std < 0 for one in found if math.isfinite(one.mean)):
        return [Finding(message=f"A standard deviation in `{name}` is negative or not a number.")]
    if not any(math.isfinite(one.mean) for one in found):
        return [Finding(message=f"No mean in `{name}` is a finite number: every training exploded.")]
    return []


def check_folds(evidence: Evidence, name: str, *, question: str, at_least: int) -> list[Finding]:
    """Each candidate was trained once for each fold, on that many folds or more."""
    candidates = len(_candidates(evidence, name))
    if not evidence.observed:
        return []
    trainings = fits_of_question(evidence, question)
    fits, fresh = len(trainings), sum(not fit.continues for fit in trainings)
    if fresh >= candidates * at_least:
        return _wrong_folds(trainings, at_least) or _always_the_same(evidence, name, trainings)
    if fits >= candidates * at_least:
        message = (
            f"For the {candidates} entries of `{name}` only {fresh} trainings started from fresh weights; "
            "the others went on with a network that had been trained before. By then it has seen "
            "the pictures that are held out, and does better on them than on new ones: build a new network "
            "for every candidate and fold."
        )
        return [Finding(message=message)]
    if not fits:
        message = (
            f"No network was trained for `{name}` when your notebook ran: its figures have to come from "
            "trainings in the notebook itself."
        )
    else:
        message = (
            f"For the {candidates} entries of `{name}` there were {fits} trainings. Cross-validation trains "
            "each candidate afresh for each fold, with that fold held out; too few folds, and the standard "
            "deviation says nothing."
        )
    return [Finding(message=message)]


def _wrong_folds(trainings: list[Fit], at_least: int) -> list[Finding]:
    """What to say of trainings whose pictures are not divided as folds divide them, as far as it is known."""
    known = [fit.division for fit in trainings if fit.division is not None]
    measured = [one for one in known if one.held_out]
    leaking = [one for one in measured if one.both and 2 * one.both > (one.held_out or 0)]
    turned = [one for one in measured if one.trained < (one.held_out or 0)]
    if 2 * len(leaking) > len(trainings):
        message = (
            "The pictures that are held out are among those that are trained on. A network is always good at "
            "what it has seen: train on the other folds only, then measure on the one left out."
        )
    elif 2 * len(turned) > len(trainings):
        message = (
            "The trainings are given fewer pictures than are held out. It is one fold that is held out, and "
            "all the others together that are trained on: have the two been mixed up?"
        )
    elif len(known) == len(trainings) and len({one.print for one in known}) < at_least:
        message = (
            "The trainings of a candidate are all given the same pictures, so that the same fold is held out "
            "each time. Their mean is then no better than a single number: hold out another fold each time."
        )
    else:
        return []
    return [Finding(message=message)]


def _always_the_same(evidence: Evidence, name: str, trainings: list[Fit]) -> list[Finding]:
    """What to say where all means are of one and the same set of pictures, which is no fold."""
    held_out = [rows.tobytes() for fit in trainings if (rows := rows_fed(fit.validation)) is not None]
    if len(held_out) < len(trainings) or len(set(held_out)) > 1:
        return []
    candidates = _candidates(evidence, name)
    if not any(_all_are(trainings, candidates, metric) for metric in _accuracies(trainings, new=True)):
        return []  # measured otherwise, as by `evaluate`: then these pictures may say when to stop
    if any(validated_on_test(evidence, fit) for fit in trainings):
        which = (
            "pictures of the test set, every time. Whoever chooses settings by them has no pictures left to "
            "tell how good the choice is"
        )
    else:
        which = (
            "the same pictures every time. Which of them are easy is then a matter of luck, as with a single "
            "validation set"
        )
    message = f"Every candidate is measured on {which}: measure on the fold that is held out, each in turn."
    return [Finding(message=message)]


def check_best(evidence: Evidence, name: str, best: str) -> list[Finding]:
    """The chosen settings are those of the candidate with the best mean."""
    found = [one for one in _candidates(evidence, name) if math.isfinite(one.mean)]
    chosen = evidence.value(best)
    if not found:
        return [Finding(message=f"No mean in `{name}` is finite, so that none is the best.")]
    own = [one for one in found if _same(one.params, chosen)]
    if not own:
        return [
            Finding(
                message=f"`{best}` is not the settings of any entry of `{name}`: take the dictionary of the "
                "best."
            )
        ]
    means = [one.mean for one in found]
    # A mean above 1 is no share: without a name that tells, it is a loss, unless it is written in percent.
    lower = found[0].lower_is_better or (max(means) > 1 and not _percent(evidence, means))
    target, opposite = (min(means), max(means)) if lower else (max(means), min(means))
    if any(one.mean == target for one in own):
        return []
    word, other = ("lowest", "highest") if lower else ("highest", "lowest")
    if any(one.mean == opposite for one in own):
        what = "a loss is good when it is low" if lower else "an accuracy is good when it is high"
        message = f"`{best}` belongs to the {other} mean, and {what}: which of the two, `min` or `max`?"
    else:
        message = f"`{best}` is not of the entry with the {word} mean. Let Python find it in `{name}`."
    return [Finding(message=message)]


def _percent(evidence: Evidence, means: list[float]) -> bool:
    """Whether means are accuracies in percent: then they are of the size of those that were seen."""
    shares, losses = _scores(evidence, list(evidence.fits))
    percent = [100 * value for value in shares]
    return all(_within(mean, percent) for mean in means) and not all(_within(mean, losses) for mean in means)


def _same(one: Any, other: Any) -> bool:
    """Whether two settings are the same. Functions and objects are where they are one and the same."""
    one, other = _plain(one), _plain(other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-12)
    return type(one) is type(other) and not isinstance(one, ArrayView) and bool(one == other)


def _plain(setting: Any) -> Any:
    """A setting as it is; a small array as the list that it might have been."""
    if isinstance(setting, ArrayView) and setting.data is not None and setting.data.size <= MOST_SETTINGS:
        return setting.data.tolist()
    return setting


def check_scores_measured(evidence: Evidence, name: str, *, question: str) -> list[Finding]:
    """Each mean may stem from the figures of its own trainings in the notebook, where these are known."""
    if not evidence.observed:
        return []
    fits = fits_of_question(evidence, question)
    if not fits:
        return [Finding(message=f"No network was trained for `{name}` when your notebook ran.")]
    candidates = _candidates(evidence, name)
    if _of_training(fits, candidates):
        message = (
            f"The means in `{name}` are of the accuracy on the pictures that each network was trained on. "
            "Asked for is that on the fold that was held out: what a network makes of new pictures."
        )
        return [Finding(message=message)]
    if not any("val_loss" in fit.history for fit in fits) and not evidence.evaluations:
        return []
    foreign = min((_foreign(way, candidates, evidence) for way in _groups(fits, len(candidates))), key=len)
    return [
        Finding(
            message=f"`{name}` holds a mean of {one.mean:.4g}, and the trainings of that candidate gave no "
            "figures of that size when your notebook ran. Figures have to come from the trainings themselves."
        )
        for one in foreign[:1]
    ]


def _groups(fits: list[Fit], count: int) -> Iterator[list[list[Fit]]]:
    """Each candidate's trainings: candidate by candidate, or fold by fold; all where it cannot be told."""
    if count and len(fits) % count == 0:
        size = len(fits) // count
        yield [fits[at * size : (at + 1) * size] for at in range(count)]
        yield [fits[at::count] for at in range(count)]
    else:
        yield [fits] * count


def _of_training(fits: list[Fit], candidates: list[_Candidate]) -> bool:
    """Whether all means are those of the accuracies in training, and not all are of those on new pictures."""
    own, new = (_accuracies(fits, new=which) for which in (False, True))
    return any(_all_are(fits, candidates, metric) for metric in own) and not any(
        _all_are(fits, candidates, metric) for metric in new
    )


def _accuracies(fits: list[Fit], *, new: bool) -> set[str]:
    """The names under which trainings report accuracies, on new pictures or on those that are trained on."""
    metrics = {metric for fit in fits for metric in fit.history if "acc" in metric}
    return {metric for metric in metrics if metric.startswith("val_") == new}


def _all_are(fits: list[Fit], candidates: list[_Candidate], metric: str) -> bool:
    """Whether every mean is that of this metric over the candidate's own trainings."""
    return any(
        all(
            _is_mean(one.mean, [fit.history.get(metric, []) for fit in group])
            for one, group in zip(candidates, way, strict=True)
        )
        for way in _groups(fits, len(candidates))
    )


def _is_mean(mean: float, curves: list[list[float]]) -> bool:
    """Whether it is the mean over trainings of the last figure of each, or of the best."""
    if not curves or not all(curves):
        return False
    means = [float(np.mean([taken(curve) for curve in curves])) for taken in (max, lambda curve: curve[-1])]
    return any(abs(mean - scale * one) <= EQUAL * scale for scale in (1, 100) for one in means)


def _foreign(groups: list[list[Fit]], candidates: list[_Candidate], evidence: Evidence) -> list[_Candidate]:
    """The candidates whose mean comes from no trainings of their own, in whatever order they are listed."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    possible = [[_may_stem_from(one, group, evidence) for group in groups] for one in candidates]
    matched = maximum_bipartite_matching(csr_array(np.array(possible, bool)), perm_type="column")
    return [one for one, group in zip(candidates, matched, strict=True) if group < 0]


def _may_stem_from(one: _Candidate, fits: list[Fit], evidence: Evidence) -> bool:
    shares, losses = _means(evidence, fits)
    errors = [1 - value for value in shares] if one.lower_is_better else []
    likely = (shares, [100 * value for value in shares], losses, errors)
    if not any(likely):
        return True  # scored by what nothing records, such as `predict`
    return not math.isfinite(one.mean) or any(_within(abs(one.mean), seen) for seen in likely)


def _means(evidence: Evidence, fits: list[Fit]) -> tuple[list[float], list[float]]:
    """The least and the largest mean over these trainings, of accuracies and losses, by the epochs taken."""
    scores = [_scores(evidence, [fit]) for fit in fits]
    shares, losses = ([score[kind] for score in scores if score[kind]] for kind in (0, 1))
    return _ends(shares), _ends(losses)


def _ends(scores: list[list[float]]) -> list[float]:
    return [float(np.mean([taken(one) for one in scores])) for taken in (min, max)] if scores else []


def _scores(evidence: Evidence, fits: list[Fit]) -> tuple[list[float], list[float]]:
    """Accuracies and losses on held-out images from these trainings, or from evaluations of their models."""
    histories = [(metric, value) for fit in fits for metric in fit.history for value in fit.history[metric]]
    shares = [value for metric, value in histories if metric.startswith("val_") and "acc" in metric]
    losses = [value for metric, value in histories if metric == "val_loss"]
    if not shares and not losses:
        models = {fit.model for fit in fits}
        tried = [one for one in evidence.evaluations if one.model in models]
        shares = [value for one in tried for value in one.results[1:]]
        losses = [value for one in tried for value in one.results[:1]]
    return list(filter(math.isfinite, shares)), list(filter(math.isfinite, losses))


def _within(mean: float, values: list[float]) -> bool:
    """Whether a mean is of the size of these values. It may be over other images than they are."""
    if not values:
        return False
    slack = SLACK * max(1.0, max(values))
    return min(values) - slack <= mean <= max(values) + slack
