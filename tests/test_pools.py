"""Pools of corpus entries: who shares a notebook, and what its grading says of each."""

import attrs
import pytest
from gradings import ONE, OTHER, graded, right, ungraded, wrong

from autograder.corpus.models import NONE
from autograder.corpus.pools import pools_of

LAYERS, LOSS = wrong("layers", "q1", ONE), wrong("loss", "q2", OTHER)


def names(pools):
    """The members' names, pool by pool."""
    return [[member.name for member in pool.members] for pool in pools]


class TestWhoSharesANotebook:
    """Answers to different questions that can be told apart."""

    def test_answers_to_different_questions_do(self):
        """Each goes into the first pool that has no answer to its questions."""
        entries = [right("a", "q1"), right("b", "q1", "q2"), right("c", "q2"), right("d", "q3")]

        assert [["a", "c", "d"], ["b"]] == names(pools_of(entries))

    def test_right_and_wrong_ones_do(self):
        """A right answer stands beside wrong ones to other questions; the pool is wrong as they are."""
        together, other = pools_of([right("a", "q3"), LAYERS, LOSS, right("b", "q1", "q3")])

        assert [["a", "layers", "loss"], ["b"]] == names([together, other])
        assert (False, ("q1", "q2")) == (together.entry.correct, together.entry.fails)

    @pytest.mark.parametrize(
        "other",
        [
            wrong("loss", "q2", OTHER, alone=True),
            wrong("loss", "q2", OTHER, checks=False),
            wrong("loss", "q2"),
            attrs.evolve(LOSS, changes=LAYERS.changes),
            wrong("loss", "q2", OTHER, rests_on=["q1"]),
        ],
        ids=["alone", "without checks", "nothing told", "changes the same question", "builds on it"],
    )
    def test_some_never_do(self, other):
        """What cannot be told apart in a common notebook has one of its own."""
        assert [["layers"], ["loss"]] == names(pools_of([LAYERS, other]))

    def test_only_one_brings_files(self):
        """Two that hand in model files of their own are apart, and whose files they are is kept."""
        files = [right("a", "q1", models=NONE), right("b", "q2", models="other"), right("c", "q3")]
        first, second = pools_of(files)

        assert ([["a", "c"], ["b"]], NONE) == (names([first, second]), first.entry.models)

    def test_who_rests_on_the_reference_files_has_them(self):
        """An answer that needs the reference's files is not beside one that brings its own."""
        loads = right("loads", "q3", rests_on=["models"])

        assert [["loads", "layers"]] == names(pools_of([loads, LAYERS]))
        assert [["loads"], ["brings"]] == names(pools_of([loads, right("brings", "q1", models="other")]))

    def test_the_common_answer_has_all_changes(self):
        """What is graded has each member's changes, failures and messages."""
        (pool,) = pools_of([LAYERS, LOSS])

        assert (("q1", "q2"), LAYERS.changes + LOSS.changes) == (pool.entry.fails, pool.entry.changes)
        assert LAYERS.told | LOSS.told == pool.entry.told


class TestWhatAGradingSays:
    """Of each member what it would come to alone, or nothing."""

    def test_each_gets_its_own_share(self):
        """Points and messages of a member's own question are its; of the others it lost nothing."""
        (pool,) = pools_of([LAYERS, LOSS])
        runs = pool.runs(graded(ONE, OTHER, name="pool-01"))

        assert graded(ONE, name="layers") == runs["layers"]
        assert graded(OTHER, name="loss") == runs["loss"]

    def test_right_ones_lost_nothing(self):
        """A pool of right answers that loses nothing speaks for each."""
        (pool,) = pools_of([right("a", "q1"), right("b", "q2")])

        assert {name: graded(name=name) for name in ("a", "b")} == pool.runs(graded(name="pool-01"))

    def test_a_right_one_loses_nothing_beside_wrong_ones(self):
        """What the wrong answer of a pool lost is not the right one's, which gets all there is."""
        (pool,) = pools_of([right("a", "q2"), LAYERS])
        runs = pool.runs(graded(ONE, name="pool-01"))

        assert (graded(name="a"), graded(ONE, name="layers")) == (runs["a"], runs["layers"])

    def test_a_right_one_that_loses_points_is_amiss(self):
        """A test of the right answer's question fails: the pool says nothing, nor of the wrong one."""
        (pool,) = pools_of([right("a", "q2"), LAYERS])

        assert pool.runs(graded(ONE, OTHER)) is None

    @pytest.mark.parametrize(
        "run",
        [graded(ONE), graded(ONE, "q1 - units", OTHER), graded(), ungraded()],
        ids=["one survives", "a test more", "all survive", "no score"],
    )
    def test_a_pool_that_is_amiss_says_nothing(self, run):
        """Where anything is other than the members' entries say, they must be graded one by one."""
        (pool,) = pools_of([LAYERS, LOSS])

        assert pool.runs(run) is None

    def test_other_words_are_amiss(self):
        """A message that no member's entry has makes the whole pool doubtful."""
        (pool,) = pools_of([LAYERS, attrs.evolve(LOSS, told={OTHER: "Another cause."})])

        assert pool.runs(graded(ONE, OTHER)) is None

    def test_one_alone_is_what_it_is(self):
        """A pool of one keeps its grading, whatever that is."""
        (pool,) = pools_of([LAYERS])
        run = graded(OTHER, name="layers")

        assert {"layers": run} == pool.runs(run)
