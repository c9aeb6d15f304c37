"""Suspicions about a class: networks that are more alike than separate trainings make them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs
import numpy as np

from autograder.suspicion.likeness import Fingerprint, Likeness, compare, worth_comparing
from autograder.suspicion.records import TRACES, Suspicion

__all__ = ["ALIKE", "SAME", "look_among"]

ALIKE = 0.5
"""Networks from different random weights correlate far less than this, and those from equal ones far more:
wide layers hardly leave where they start."""
SAME = 0.9999
"""From the same random weights, other data or another recipe leads further away than this."""


@attrs.frozen(kw_only=True)
class _Traces:
    submission: str
    seeds: frozenset[int]
    networks: dict[str, Fingerprint]
    own: tuple[Suspicion, ...]


def look_among(root: Path, submissions: Iterable[str]) -> list[Suspicion]:
    """All suspicions of a class, those of each submission first. What left no traces is left out.

    root: the results folder; submissions: their names in it.
    """
    known = [_read(root / name) for name in sorted(submissions) if (root / name / TRACES[0]).is_file()]
    models = sorted({model for one in known for model in one.networks})
    alike = [suspicion for model in models for suspicion in _alike(known, model)]
    return [suspicion for one in known for suspicion in one.own] + alike


def _read(folder: Path) -> _Traces:
    record = json.loads((folder / TRACES[0]).read_text(encoding="utf-8"))
    with np.load(folder / TRACES[1], allow_pickle=False) as arrays:
        kernels: dict[str, list[np.ndarray]] = {}
        for key in arrays.files:
            kernels.setdefault(key.rpartition("/")[0], []).append(arrays[key].astype(np.float32))
    return _Traces(
        submission=folder.name,
        seeds=frozenset(record["seeds"]),
        networks={model: Fingerprint(kernels=tuple(own)) for model, own in kernels.items()},
        own=tuple(Suspicion(**one | {"submissions": (folder.name,)}) for one in record["suspicions"]),
    )


def _alike(known: list[_Traces], model: str) -> Iterator[Suspicion]:
    """Groups of submissions whose networks have a common origin, each group once for each reason."""
    having = [one for one in known if model in one.networks]
    pairs: dict[str, list[tuple[_Traces, _Traces, Likeness]]] = {}
    for first, second in worth_comparing([one.networks[model] for one in having]):
        one, other = having[first], having[second]
        likeness = compare(one.networks[model], other.networks[model])
        if likeness is not None and (why := _reason(one, other, likeness)):
            pairs.setdefault(why, []).append((one, other, likeness))
    for why, found in pairs.items():
        for group in _groups(found):
            least = min(pair[2].correlation for pair in found if pair[0].submission in group)
            text = f"{model}.keras is one network: its weights correlate at {least:.5f} or more. {why}"
            yield Suspicion(kind="alike", model=model, text=text, submissions=tuple(sorted(group)))


def _reason(one: _Traces, other: _Traces, likeness: Likeness) -> str:
    """Why the likeness of two networks is worth a look; empty where it is not."""
    if likeness.correlation < ALIKE:
        return ""
    if likeness.reordered:
        return "Units of its hidden layers stand in another order, which no training does."
    if not one.seeds & other.seeds:
        return "The notebooks do not set the same seed: separate trainings do not end up that close."
    if likeness.correlation > SAME:
        return (
            "The notebooks set the same seed, so that one recipe on the same kind of machine may lead to "
            "this, and so may one file. Compare their texts."
        )
    return ""


def _groups(pairs: list[tuple[_Traces, _Traces, Likeness]]) -> list[set[str]]:
    """The connected groups among pairs."""
    groups: list[set[str]] = []
    for one, other, _ in pairs:
        joined = {one.submission, other.submission}
        apart = [group for group in groups if not group & joined]
        groups = [*apart, joined.union(*(group for group in groups if group & joined))]
    return groups
