"""The core of a corpus: what tells within minutes whether a change of a check has broken anything.

It has all entries that every run of the tests grades, so that each hidden test fails one of them, and so many
further ones of each kind, chosen such that they share few notebooks.
"""

from __future__ import annotations

from collections.abc import Iterable

from autograder.corpus.entries import Entry, named
from autograder.corpus.models import GIVEN
from autograder.corpus.pools import pools_of

__all__ = ["RIGHT", "WRONG", "core_of"]

RIGHT, WRONG = 20, 25
"""A core has at least so many right and wrong entries, where there are as many."""


def core_of(entries: Iterable[Entry], needed: Iterable[Entry]) -> tuple[Entry, ...]:
    """The needed entries and as many further ones as a core has, in their order; the same ones every time.

    A notebook more is filled only where those there are have no place for an entry of the kind that lacks.
    Entries whose model files have to be made first are the last resort.
    """
    entries = tuple(entries)
    core = {entry.name for entry in needed}
    further = sorted((entry for entry in entries if entry.name not in core), key=_room_taken)
    for ready in (True, False):
        core |= _added(entries, core, [entry for entry in further if (entry.models in GIVEN) == ready])
    return named(entries, core)


def _added(entries: tuple[Entry, ...], core: set[str], further: list[Entry]) -> set[str]:
    """A core with what it lacks of these further entries, in as few notebooks more as will do."""
    core, notebooks = set(core), len(pools_of(named(entries, core)))
    while further := [entry for entry in further if _lacks(named(entries, core), entry.correct)]:
        for entry in further:
            wider = core | {entry.name}
            lacks = _lacks(named(entries, core), entry.correct)
            if lacks and len(pools_of(named(entries, wider))) <= notebooks:
                core = wider
        further = [entry for entry in further if entry.name not in core]
        notebooks += 1
    return core


def _room_taken(entry: Entry) -> tuple[bool, bool, int]:
    """What leaves least room for others in a notebook sorts last."""
    return entry.alone, not entry.checks, len(entry.touches)


def _lacks(core: tuple[Entry, ...], correct: bool) -> bool:
    return sum(entry.correct == correct for entry in core) < (RIGHT if correct else WRONG)
