"""The core of a corpus: what it has, and how few notebooks it takes."""

import pytest
from gradings import right, wrong

from autograder.corpus import core, read_corpus, read_every_run
from autograder.corpus.core import core_of
from autograder.corpus.pools import pools_of
from autograder.labs import find_labs

LABS = {lab.name: lab for lab in find_labs()}


@pytest.fixture(autouse=True)
def two_of_each(monkeypatch):
    """A core of two right and two wrong answers."""
    monkeypatch.setattr(core, "RIGHT", 2)
    monkeypatch.setattr(core, "WRONG", 2)


def names(entries):
    """Their names, in order."""
    return [entry.name for entry in entries]


def test_what_fits_beside_the_needed_comes_first():
    """An answer that shares a notebook with the needed ones is taken before one that needs another."""
    needed = wrong("needed", "q1", "test")
    entries = [
        right("a", "q1"),
        right("b", "q2"),
        right("c", "q3"),
        wrong("d", "q1", "test"),
        wrong("e", "q4", "test"),
        needed,
    ]

    assert ["b", "c", "e", "needed"] == names(core_of(entries, [needed]))


def test_another_notebook_is_filled_for_the_kind_that_lacks():
    """Where no notebook has a place, another is begun, and no more of the other kind are taken."""
    needed = [wrong("one", "q1", "test"), wrong("two", "q2", "test")]
    entries = [right("a", "q1"), right("b", "q1"), right("c", "q1"), wrong("d", "q3", "test"), *needed]

    assert ["a", "b", "one", "two"] == names(core_of(entries, needed))


def test_narrow_answers_come_before_broad_and_lonely_ones():
    """What changes one question leaves room for others; what goes alone is taken last."""
    entries = [
        right("alone", "q1", alone=True),
        right("broad", "q1", "q2", "q3"),
        right("narrow", "q1"),
        right("other", "q2"),
        *(wrong(name, name, name) for name in ("q3", "q4")),
    ]

    assert ["narrow", "other", "q3", "q4"] == names(core_of(entries, []))


def test_a_small_corpus_is_its_own_core():
    """Where there are fewer than a core has, all of them are in it."""
    entries = [
        right("a", "q1"),
        wrong("b", "q2", "test"),
        right("c", "q1", alone=True),
    ]

    assert ["a", "b", "c"] == names(core_of(entries, entries[:1]))


def test_all_that_is_needed_is_there():
    """However many are needed, they are in the core."""
    entries = [right(str(number), "q1") for number in range(5)]

    assert names(entries) == names(core_of(entries, entries))


@pytest.mark.parametrize("name", LABS)
def test_the_core_of_a_lab(name, monkeypatch):
    """It has the entries of every run and twenty right and twenty-five wrong ones, in a few notebooks."""
    monkeypatch.undo()
    entries, needed = read_corpus(LABS[name]), read_every_run(LABS[name])

    chosen = core_of(entries, needed)

    assert set(names(needed)) <= set(names(chosen))
    assert 20 <= sum(entry.correct for entry in chosen)
    assert 25 <= sum(not entry.correct for entry in chosen)
    assert 15 >= len(pools_of(chosen))
