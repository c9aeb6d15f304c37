"""The core of a corpus: what tells within minutes whether a change of a check has broken anything.

It has all entries that every run of the tests grades, so that each hidden test fails one of them, and so many
further ones of each kind, chosen such that they share few notebooks.
"""

from __future__ import annotations

from collections.abc import Iterable

from autograder.corpus.entries import MODELS, Entry
from autograder.corpus.pools import pools_of

__all__ = ["RIGHT", "WRONG", "core_of"]

RIGHT, WRONG = 20, 25
"""A core has at least so many right and wrong entries, where there are as many."""


def core_of(entries: Iterable[Entry], needed: Iterable[Entry]) -> tuple[Entry, ...]:
    """The needed entries and as many further ones as a core has, in their order; the same ones every time.

    A notebook more is filled only where those there are have no place for an entry of the kind that lacks.
    """
    entries = tuple(entries)
    core = {entry.name for entry in needed}
    further = (entry for entry in entries if entry.name not in core)
    left = sorted(further, key=_room_taken)
    notebooks = len(pools_of(_named(entries, core)))
    while left := [entry for entry in left if _lacks(_named(entries, core), entry.correct)]:
        for entry in left:
            wider = _named(entries, core | {entry.name})
            if _lacks(_named(entries, core), entry.correct) and len(pools_of(wider)) <= notebooks:
                core.add(entry.name)
        left = [entry for entry in left if entry.name not in core]
        notebooks += 1
    return _named(entries, core)


def _room_taken(entry: Entry) -> tuple[bool, bool, bool, int]:
    """What leaves least room for others in a notebook, or has files to be made first, sorts last."""
    return entry.alone, not entry.checks, MODELS in entry.touches, len(entry.touches)


def _named(entries: tuple[Entry, ...], names: set[str]) -> tuple[Entry, ...]:
    return tuple(entry for entry in entries if entry.name in names)


def _lacks(core: tuple[Entry, ...], correct: bool) -> bool:
    return sum(entry.correct == correct for entry in core) < (RIGHT if correct else WRONG)
