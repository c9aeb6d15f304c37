"""How soon a training gets somewhere, and what a student concludes from two of them.

A function that counts epochs is judged by its answers to curves that a probe gives it. Conclusions are
judged by what they claim together, by what becomes of them when their histories are replaced, and by the two
histories of the run. Such a run is a short one: what it leaves open, and what an honest reading of its curves
supports, is never held against anybody.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from autograder.checks.findings import Finding
from autograder.evidence import ArrayView, Evidence, HistoryView, Unanswered, describe

__all__ = [
    "check_agreement",
    "check_consistency",
    "check_entries",
    "check_first_epoch",
    "check_limit_included",
    "check_never_reached",
    "check_ratio_direction",
]

Curves = Mapping[str, Sequence[float]]
FLAGS = ("faster_convergence", "better_model", "slower_epochs")
RATIO = "epoch_time_ratio"
CLEAR = 1.25
"""Epochs whose durations differ by a smaller factor may have been told apart by the machine's mood."""
FOLLOWS = 3.5
"""By how much a ratio changes at least where both of its durations follow the given histories."""
TOTALS = 0.03
"""How far a ratio may lie from that of the whole trainings, relatively, to be taken for it."""
ROUNDING = 0.05
"""How far from 1 a ratio may lie that was rounded to one decimal."""


# --------------------------------------------------------------------------------- a function that counts


@attrs.frozen(kw_only=True)
class _Case:
    """One call of a student's function: the losses and the target it was given, and its answer."""

    losses: tuple[float, ...]
    """Of the validation set."""
    training: tuple[float, ...]
    target: float
    answer: Any
    raised: str

    @property
    def expected(self) -> int | None:
        return _first(self.losses, self.target)

    @property
    def epoch(self) -> int | None:
        """The answer, where it is the number of an epoch."""
        answer = self.answer
        if isinstance(answer, bool) or not isinstance(answer, (int, float)) or answer != answer // 1:
            return None
        return int(answer)


def _first(losses: Sequence[float], target: float) -> int | None:
    """The first epoch, from 1, whose loss is at most the target."""
    return next((epoch for epoch, loss in enumerate(losses, start=1) if loss <= target), None)


def _cases(found: Any) -> list[_Case]:
    """The calls that a probe made. Raises Unanswered where its record is damaged."""
    cases = []
    for record in found if isinstance(found, list) else []:
        given: dict[str, Any] = record if isinstance(record, dict) else {}
        losses, training, target = (
            _numbers(given, "losses"),
            _numbers(given, "training"),
            given.get("target", ""),
        )
        if losses and training and _is_number(target):
            answer, raised = _plain(given.get("answer")), str(given.get("raised") or "")[:300]
            cases.append(
                _Case(losses=losses, training=training, target=float(target), answer=answer, raised=raised)
            )
    reached = [case for case in cases if case.expected is not None]
    if not reached or len(reached) == len(cases):
        raise Unanswered("`epochs_to_reach` could not be tried out: what it was given did not come back.")
    return cases


def _numbers(record: Mapping[str, Any], key: str) -> tuple[float, ...]:
    """A list of numbers; nothing where it is none."""
    values = record.get(key)
    return tuple(values) if isinstance(values, list) and all(map(_is_number, values)) else ()


def check_first_epoch(found: Any) -> list[Finding]:
    """The function gives the first epoch, counted from 1, whose validation loss is below the target."""
    cases = [case for case in _cases(found) if case.expected is not None and case.target not in case.losses]
    wrong = [case for case in cases if case.epoch != case.expected]
    return [Finding(message=_what_it_counts(cases, wrong))] if wrong else []


def _what_it_counts(cases: list[_Case], wrong: list[_Case]) -> str:
    """Say what answers to targets that were reached look like."""
    stopped = next((case for case in wrong if case.raised), None)
    if stopped:
        return f"`epochs_to_reach` stops with `{stopped.raised}` for a history that does reach the target."
    if all(case.epoch == _first(case.training, case.target) for case in cases):
        return (
            "`epochs_to_reach` looks at the training loss; asked for is the validation loss. Only "
            "the latter tells how soon a network copes with pictures that it was not trained on."
        )
    for reading, what in _READINGS:
        if all(case.epoch == reading(case.losses, case.target) for case in cases):
            return what
    odd = next((case for case in wrong if case.epoch is None), None)
    if odd and odd.answer is None:
        return "`epochs_to_reach` gives None for a history that does reach the target."
    if odd:
        return (
            f"For a history that reaches the target, `epochs_to_reach` gives something that is "
            f"{describe(odd.answer)}; asked for is the number of an epoch."
        )
    return (
        "For some histories, `epochs_to_reach` gives another epoch than the first one whose validation loss "
        "is low enough. Try it by hand on a curve that goes down, up and down again."
    )


def _last(losses: Sequence[float], target: float) -> int:
    return max(epoch for epoch, loss in enumerate(losses, start=1) if loss <= target)


_READINGS = (
    (
        lambda losses, target: (_first(losses, target) or 0) - 1,
        "`epochs_to_reach` gives one epoch too few each time: Python counts from 0, and epochs are counted "
        "from 1.",
    ),
    (
        _last,
        "`epochs_to_reach` gives the last epoch whose validation loss is low enough. How soon a training "
        "gets there is told by the first.",
    ),
    (
        lambda losses, target: losses.index(min(losses)) + 1,
        "`epochs_to_reach` gives the epoch of the lowest validation loss, whatever the target is.",
    ),
    (
        lambda losses, target: next(
            (epoch for epoch, loss in enumerate(losses, start=1) if loss > target), None
        ),
        "`epochs_to_reach` gives the first epoch whose validation loss is above the target. A loss is "
        "reached from above: it should be low.",
    ),
    (
        lambda losses, target: sum(loss <= target for loss in losses),
        "`epochs_to_reach` gives how many epochs are low enough, not which of them was the first.",
    ),
)


def check_limit_included(found: Any) -> list[Finding]:
    """A loss that equals the target has reached it: the answer is that to a target slightly above."""
    cases = _cases(found)
    equal = [
        case for case in cases if case.expected is not None and case.losses[case.expected - 1] == case.target
    ]
    for case in equal:
        above = [other for other in cases if _slightly_above(other, case)]
        if not above:
            raise Unanswered("`epochs_to_reach` could not be tried out on a loss that equals the target.")
        if case.epoch is None and all(other.epoch is None for other in above):
            raise Unanswered(
                "This can be judged once `epochs_to_reach` gives epochs for targets that are reached."
            )
        if case.epoch is None or case.epoch != min(above, key=lambda other: other.target).epoch:
            message = (
                "Where the validation loss of an epoch equals the target, `epochs_to_reach` does not count "
                "that epoch. A target is reached by whoever gets as low as the target."
            )
            return [Finding(message=message)]
    return []


def _slightly_above(other: _Case, case: _Case) -> bool:
    return (other.losses, other.expected) == (case.losses, case.expected) and other.target > case.target


def check_never_reached(found: Any) -> list[Finding]:
    """A target that was never reached gives None."""
    for case in _cases(found):
        if case.expected is not None or (case.answer is None and not case.raised):
            continue
        if case.raised:
            what = f"stops with `{case.raised}`"
        elif isinstance(case.answer, (bool, int, float, str)):
            what = f"gives {case.answer!r:.40}"
        else:
            what = f"gives something that is {describe(case.answer)}"
        message = (
            f"For a history that never reaches the target, `epochs_to_reach` {what}. Whoever calls it has to "
            "be able to tell that there is no such epoch: look at the last of the three points of the "
            "question."
        )
        return [Finding(message=message)]
    return []


# ------------------------------------------------------------------------------- conclusions from two runs


def check_entries(evidence: Evidence, name: str = "comparison") -> list[Finding]:
    """The comparison has its four entries: three truth values and a number."""
    claims = _claims(evidence, name)
    findings = []
    for key in (*FLAGS, RATIO):
        if key not in claims:
            message = f"`{name}` has no entry `{key}`: {_listed(claims)}."
            findings.append(Finding(message=message, where=name))
        elif key in FLAGS and not isinstance(claims[key], bool):
            message = (
                f"`{name}[{key!r}]` is {describe(claims[key])}; it should be True or False, as a "
                "comparison gives it."
            )
            findings.append(Finding(message=message, where=name))
        elif key == RATIO and not _is_number(claims[key]):
            message = f"`{name}[{key!r}]` is {describe(claims[key])}; it should be one number."
            findings.append(Finding(message=message, where=name))
    return findings


def _listed(claims: Mapping[Any, Any]) -> str:
    """The keys of a dictionary in words; somebody may have put anything there."""
    keys = [f"`{key:.40}`" for key in claims if isinstance(key, str) and key.isprintable()]
    return f"it has {', '.join(keys[:8])}" if keys else "it has none that could be read"


def check_consistency(evidence: Evidence, name: str = "comparison") -> list[Finding]:
    """The ratio of durations is one, and says the same as the truth value beside it."""
    claims = _claims(evidence, name)
    ratio, slower = _number(claims, name), _flag(claims, "slower_epochs", name)
    if not (math.isfinite(ratio) and ratio > 0):
        message = f"`{RATIO}` is {ratio:g}: the ratio of two durations is a positive number."
        return [Finding(message=message, where=name)]
    if _contradict(ratio, slower):
        relation = "longer than" if ratio > 1 else "no longer than"
        message = (
            f"`{name}` contradicts itself: by `{RATIO}`, an epoch with batch normalisation takes {relation} "
            f"one of the plain network, and `slower_epochs` is {slower}. Which duration is divided by which?"
        )
        return [Finding(message=message, where=name)]
    ratios, flags = (_answers_to_given(evidence, name, key) or () for key in (RATIO, "slower_epochs"))
    if any(_contradict(*pair) for pair in zip(ratios, flags, strict=False)):
        message = (
            f"`slower_epochs` is {slower} even where `{RATIO}` says the opposite, as it does for other "
            "histories. Compute it from the same durations."
        )
        return [Finding(message=message, where=name)]
    return []


def _contradict(ratio: float, slower: bool) -> bool:
    return slower != (ratio > 1) and abs(ratio - 1) > ROUNDING


def check_ratio_direction(evidence: Evidence, name: str = "comparison") -> list[Finding]:
    """The ratio is that of an epoch with batch normalisation to one without, not the inverse.

    Told by what becomes of it when the histories are others. Where it does not follow them, it is told by the
    durations of the run; and where it depends on the statistic which network was slower, it cannot be told.
    """
    ratio = _number(_claims(evidence, name), name)
    if not ratio > 0:
        return []
    given = _answers_to_given(evidence, name, RATIO)
    if given and given[0] != given[1]:
        other = _no_ratio(*given, _total_ratio(evidence, name))
        if other:
            return [Finding(message=other, where=name)]
        inverse = given[0] < given[1]
    else:
        pair = _histories(evidence)
        measured = (list(_duration_ratios(*pair)) if pair else []) or [1.0]
        inverse = (min(measured) > CLEAR and ratio < 1) or (max(measured) < 1 / CLEAR and ratio > 1)
    if not inverse:
        return []
    message = (
        f"`{RATIO}` is {ratio:.3g}, and the two histories say the opposite: it gets smaller when the epochs "
        "with batch normalisation take longer. Which of the two durations belongs above the line?"
    )
    return [Finding(message=message, where=name)]


def _no_ratio(first: float, swapped: float, totals: float) -> str:
    """Say what a figure is that is no ratio of an epoch's durations; empty where it may be one.

    first, swapped: for two given histories, and for the same with their places exchanged. totals: the ratio
    of the durations of these trainings as a whole, first case.
    """
    if min(first, swapped) <= 0:
        return (
            f"Computed from other histories, `{RATIO}` is not even positive. One duration divided by another "
            "always is: is it a difference, or the share by which an epoch takes longer?"
        )
    if abs(first / totals - 1) < TOTALS:
        return (
            f"Computed from other histories, `{RATIO}` is the ratio of the whole trainings' durations. These "
            "depend on when each was stopped; asked for is how long one epoch takes."
        )
    if first > FOLLOWS * swapped and not 1 / CLEAR < first * swapped < CLEAR:
        return (
            f"With the two histories exchanged, `{RATIO}` should turn into one divided by itself, and it "
            "does not. It is one duration divided by the other and nothing else: 2.0 for twice as long."
        )
    return ""


def _total_ratio(evidence: Evidence, name: str) -> float:
    """The ratio of the whole durations of the first pair of given histories; infinity where unknown."""
    found = next((one.get("seconds") for one in _tried(evidence, name)), None)
    seconds = [_numbers({"seconds": one}, "seconds") for one in found] if isinstance(found, list) else []
    if len(seconds) != 2 or min(map(sum, seconds)) <= 0:
        return math.inf
    return sum(seconds[0]) / sum(seconds[1])


def check_agreement(evidence: Evidence, name: str = "comparison") -> list[Finding]:
    """Which network was sooner and which was better is what the two histories say.

    Told by what becomes of a claim when the histories are others. One that does not follow them is refused
    only where every sensible reading of the run's own histories is against it.
    """
    claims, pair, ran = _claims(evidence, name), _histories(evidence), _complete(evidence.names.get(name))
    if _is_typed_in(evidence, name):
        message = (
            f"`{name}` says the same whatever the two histories are: nothing in it is taken from them. A "
            "figure that was typed in is true of one run at best. Have Python find each of the four."
        )
        return [Finding(message=message, where=name)]
    findings = []
    for key, readings in (("faster_convergence", _readings_of_faster), ("better_model", _readings_of_better)):
        claim, given = _flag(claims, key, name), _answers_to_given(evidence, name, key)
        follows = given is not None and given[0] != given[1]
        if given and follows:
            refused = not given[0]
            if not refused and key == "faster_convergence" and _of_equals(evidence, name, key) is True:
                findings.append(Finding(message=_TIE, where=name))
        else:
            refused = pair is not None and ran and claim not in set(readings(evidence, *pair))
        if refused:
            findings.append(Finding(message=_disagreement(key, claim, follows), where=name))
    return findings


_TIE = (
    "`faster_convergence` is True even where both trainings take equally many epochs. Then neither is "
    "faster: look at how the two numbers are compared."
)


def _disagreement(key: str, claim: bool, follows: bool) -> str:
    what = f"`{key}` is {claim}, and the two histories say the opposite."
    good = "And a loss is good when it is low, an accuracy when it is high."
    if follows and key == "better_model":
        return (
            f"Computed from other histories, `{key}` says the opposite of their validation curves. Does it "
            f"look at those, or at the training curves, which reward learning by heart? {good}"
        )
    if follows:
        what = f"Computed from other histories, `{key}` says the opposite of what they do."
    return (
        f"{what} Does it follow from the two histories when the notebook runs, and from the curves that the "
        f"question names? {good}"
    )


def _claims(evidence: Evidence, name: str) -> dict[Any, Any]:
    """What the comparison says: of the run, or of given histories where its code stopped half-way.

    Raises Unanswered where it is none.
    """
    answers, there = _given(evidence, name), evidence.names.get(name)
    if answers and (name not in evidence.names or (_complete(answers[0]) and not _complete(there))):
        found = answers[0]
    else:
        found = evidence.value(name)
    if not isinstance(found, dict):
        raise Unanswered(f"`{name}` is {describe(found)}; it should be a dictionary.")
    return {key: _plain(value) for key, value in found.items()}


def _complete(claims: Any) -> bool:
    """Whether all entries are there. A ratio that is none is not: a short run may leave too few durations."""
    if not isinstance(claims, dict) or not {*FLAGS, RATIO} <= claims.keys():
        return False
    ratio = _plain(claims[RATIO])
    return not (_is_number(ratio) and math.isnan(ratio))


def _given(evidence: Evidence, name: str) -> tuple[Any, Any] | None:
    """The comparison of two pairs of given histories, where a probe could run its code on both.

    In the first pair the network with batch normalisation is the quicker, better and slower to train; in the
    second pair the plain one is.
    """
    answers = [one.get(name) for one in _tried(evidence, name)[:2]]
    return (answers[0], answers[1]) if len(answers) == 2 and None not in answers else None


def _tried(evidence: Evidence, name: str) -> list[dict[str, Any]]:
    """What the probe found for each pair of given histories."""
    found = evidence.probes.get(f"{name}_of_given_histories")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _is_typed_in(evidence: Evidence, name: str) -> bool:
    """Whether histories that say the opposite of each other change nothing, and nothing else was measured."""
    given, tried = _given(evidence, name), _tried(evidence, name)
    return given is not None and given[0] == given[1] and tried[0].get("computed") is False


def _of_equals(evidence: Evidence, name: str, key: str) -> Any:
    """One entry of the comparison of two histories that are alike, where the probe could try that."""
    found = [one.get(name) for one in _tried(evidence, name)[2:]]
    return _plain(found[0].get(key)) if found and isinstance(found[0], dict) else None


def _answers_to_given(evidence: Evidence, name: str, key: str) -> tuple[Any, Any] | None:
    """One entry of the comparison of each pair of given histories, if both are of the right kind."""
    answers = [one.get(key) for one in _given(evidence, name) or () if isinstance(one, dict)]
    kind = isinstance if key in FLAGS else (lambda value, _: _is_number(value))
    plain = [_plain(answer) for answer in answers]
    return (plain[0], plain[1]) if len(plain) == 2 and all(kind(value, bool) for value in plain) else None


def _plain(value: Any) -> Any:
    """A NumPy array of no axes as the number that it holds."""
    if isinstance(value, ArrayView) and value.shape == () and value.data is not None:
        return value.data.item()
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _entry(claims: Mapping[Any, Any], key: str) -> Any:
    """An entry of the comparison. Raises Unanswered where there is none: that costs elsewhere."""
    if key not in claims:
        raise Unanswered(f"This can be judged once the entry `{key}` is there.")
    return claims[key]


def _number(claims: Mapping[Any, Any], name: str) -> float:
    value = _entry(claims, RATIO)
    if not _is_number(value):
        raise Unanswered(f"`{name}` has no number under `{RATIO}`.")
    return float(value)


def _flag(claims: Mapping[Any, Any], key: str, name: str) -> bool:
    value = _entry(claims, key)
    if not isinstance(value, bool):
        raise Unanswered(f"`{name}` has neither True nor False under `{key}`.")
    return value


def _histories(evidence: Evidence) -> tuple[Curves, Curves] | None:
    """The curves with and without batch normalisation, where the run has both."""
    found = [evidence.names.get(name) for name in ("history", "history_plain")]
    curves = [history.history for history in found if isinstance(history, HistoryView)]
    return (curves[0], curves[1]) if len(curves) == 2 else None


def _duration_ratios(normalised: Curves, plain: Curves) -> Iterator[float]:
    """How much longer an epoch with batch normalisation took, by each way to sum up several epochs."""
    one, other = (np.asarray(curves.get("seconds", []), float) for curves in (normalised, plain))
    if len(one) and len(other) and np.all(np.concatenate([one, other]) > 0):
        for summed_up in (np.mean, np.median, np.min, np.max, _newest, _oldest):
            yield float(summed_up(one) / summed_up(other))


def _newest(values: np.ndarray) -> float:
    return float(values[-1])


def _oldest(values: np.ndarray) -> float:
    return float(values[0])


def _readings_of_faster(evidence: Evidence, normalised: Curves, plain: Curves) -> Iterator[bool]:
    """Whether batch normalisation was sooner, by each sensible reading."""
    # By a target of the student's own, which these short trainings need not have reached at all.
    yield False
    pairs = list(_comparable(normalised, plain, training=True))
    if not pairs:
        yield True
    for one, other in pairs:
        for target in (min(other), max(min(one), min(other))):
            mine, its = (_first(curve, target) or math.inf for curve in (one, other))
            yield from (True, False) if mine == its else (mine < its,)
        yield one.index(min(one)) < other.index(min(other))
        yield one[0] < other[0]


def _readings_of_better(evidence: Evidence, normalised: Curves, plain: Curves) -> Iterator[bool]:
    """Whether the network with batch normalisation is the better one, by each sensible reading."""
    pairs = list(_comparable(normalised, plain, training=False))
    if not pairs:
        yield from (True, False)
    for one, other in pairs:
        yield from _below(min(one), min(other))
        yield from _below(one[-1], other[-1])
    yield from _at_the_best_loss(normalised, plain)
    results = [_evaluations_of(evidence, curves) for curves in (normalised, plain)]
    for mine in results[0]:
        for its in results[1]:
            for place, (value, against) in enumerate(zip(mine, its, strict=False)):
                yield from _below(value, against) if place == 0 else _below(-value, -against)


def _below(one: float, other: float) -> tuple[bool, ...]:
    return (True, False) if one == other else (one < other,)


def _at_the_best_loss(normalised: Curves, plain: Curves) -> Iterator[bool]:
    """By the accuracy at the lowest loss, which is what early stopping keeps."""
    kept = []
    for curves in (normalised, plain):
        losses = list(curves.get("val_loss", []))
        accuracies = next((list(curves[key]) for key in curves if _kind(key) == "val accuracy"), [])
        if not losses or len(losses) != len(accuracies):
            return
        kept.append(-accuracies[losses.index(min(losses))])
    yield from _below(kept[0], kept[1])


def _comparable(
    normalised: Curves, plain: Curves, *, training: bool
) -> Iterator[tuple[list[float], list[float]]]:
    """The curves that both histories have, the accuracies turned round: lower is better in all of them."""
    kinds = {_kind(key): curve for key, curve in plain.items()}
    for key, curve in normalised.items():
        kind = _kind(key)
        other = kinds.get(kind, [])
        if not kind or not curve or not other or not (training or kind.startswith("val ")):
            continue
        sign = -1.0 if kind.endswith("accuracy") else 1.0
        pair = [sign * value for value in curve], [sign * value for value in other]
        if all(math.isfinite(value) for value in (*pair[0], *pair[1])):
            yield pair


def _kind(metric: str) -> str:
    """What a curve shows, whatever it is called: "val loss", "accuracy"; empty for what is neither."""
    ahead = "val " if metric.startswith("val_") else ""
    name = metric.removeprefix("val_")
    return ahead + "loss" if name == "loss" else ahead + "accuracy" if "acc" in name else ""


def _evaluations_of(evidence: Evidence, curves: Curves) -> list[tuple[float, ...]]:
    """What `evaluate` gave for the model that was trained to these curves, beside what the curves have."""
    models = {fit.model for fit in evidence.fits if _same(fit.history, curves)}
    known = set(curves.get("val_loss", []))
    return [
        one.results
        for one in evidence.evaluations
        if one.model in models and one.results and one.results[0] not in known
    ]


def _same(one: Curves, other: Curves) -> bool:
    return bool(one) and list(one.get("loss", [])) == list(other.get("loss", []))
