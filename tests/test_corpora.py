"""Each lab's corpus: right answers in any spelling lose nothing, wrong ones lose points in one question only.

A lab's entries are graded once, like a batch of students, and every entry is a test of its own. By default
they are graded on the miniature, where that takes a few seconds each, and of a lab that has a list
`corpus/every_run.txt` only those on it. AUTOGRADER_CORPUS_WHOLE=1 grades all there is, on the data that
DNNLAB_DATA names: due when checks change. Results are kept between runs in the folder that AUTOGRADER_CORPUS
names, if any: then only what changed is graded again.
"""

import functools
import json
import os
import re
from pathlib import Path

import attrs
import pytest
from readiness import lacking

from autograder import corpus
from autograder.build.master import read_master
from autograder.calibration import read_calibration
from autograder.corpus import Entry, grade_corpus, read_corpus
from autograder.data import MINIATURE, load, prepare
from autograder.labs import find_labs
from autograder.records import Verdict
from autograder.sandbox.warm import WarmProcessSandbox

WHOLE = bool(os.environ.get("AUTOGRADER_CORPUS_WHOLE"))
SOURCE = (WHOLE and os.environ.get("DNNLAB_DATA")) or MINIATURE
LABS = {lab.name: lab for lab in find_labs()}
ENTRIES = {name: read_corpus(lab) for name, lab in LABS.items()}
NOT_MADE_BY_RECIPES = {"reference", "no-history", "none"}


@attrs.frozen
class Corpus:
    """A lab with the entries that this run grades, and what came of them."""

    lab: object
    entries: tuple
    out: Path
    identity: str
    outcomes: dict

    def shown(self, entry):
        """What a student is shown: the text of each failed test of an entry, by the test's name."""
        record = json.loads((self.out / entry.name / "results.json").read_text(encoding="utf-8"))
        return {
            test["name"].replace(" ", "_"): test["output"]
            for test in record["tests"]
            if test["max_score"] and test["status"] == "failed"
        }

    def lost(self, entry):
        """The questions that lost points."""
        questions = self.outcomes[entry.name].questions
        return {question.name for question in questions if question.score < question.possible}


def graded_now(name):
    """The entries of a lab that this run grades."""
    chosen = LABS[name].folder / "corpus" / "every_run.txt"
    if WHOLE or not chosen.exists():
        return ENTRIES[name]
    often = set(chosen.read_text(encoding="utf-8").split())
    assert often <= {entry.name for entry in ENTRIES[name]}
    return tuple(entry for entry in ENTRIES[name] if entry.name in often)


def cases(*, correct):
    """(lab, entry) of every right or wrong entry of this run, lab by lab."""
    return [
        pytest.param(name, entry, id=f"{name}-{entry.name}")
        for name in LABS
        for entry in graded_now(name)
        if entry.correct == correct
    ]


@pytest.fixture(scope="session")
def corpus_of(tmp_path_factory):
    """The graded corpus of a lab, by name. Entries are ours and trusted, so that a warm sandbox will do.

    Skips for a lab in preparation, which has no marks on these data yet.
    """
    kept = os.environ.get("AUTOGRADER_CORPUS")
    with WarmProcessSandbox() as sandbox:

        @functools.cache
        def grade(name):
            lab, entries = LABS[name], graded_now(name)
            out = Path(kept) / name if kept else tmp_path_factory.mktemp(name)
            data = prepare(lab.dataset, SOURCE)
            if reason := lacking(lab, load(data, lab.dataset).identity):
                pytest.skip(reason)
            outcomes = grade_corpus(lab, out, os.cpu_count() or 1, sandbox, data, entries=entries)
            return Corpus(lab, entries, out, load(data, lab.dataset).identity, outcomes)

        yield grade


@pytest.mark.parametrize(("name", "entry"), cases(correct=True))
def test_a_right_answer_loses_nothing(name, entry, corpus_of):
    """However a right answer is spelled, it gets every point."""
    graded = corpus_of(name)
    outcome = graded.outcomes[entry.name]

    assert (Verdict.GRADED, "") == (outcome.verdict, outcome.reason)
    assert {} == graded.shown(entry)
    assert outcome.possible == outcome.score


@pytest.mark.parametrize(("name", "entry"), cases(correct=False))
def test_a_wrong_answer_loses_points_in_its_question_only(name, entry, corpus_of):
    """A misconception costs points in the question it is about, and in no other."""
    graded = corpus_of(name)
    outcome = graded.outcomes[entry.name]

    assert (Verdict.GRADED, "") == (outcome.verdict, outcome.reason)
    assert set(entry.fails) == graded.lost(entry)


@pytest.mark.parametrize(("name", "entry"), cases(correct=False))
def test_messages_say_what_is_wrong_and_no_mark(name, entry, corpus_of):
    """Beside a test's own text stands what was found, in words: no source line, no mark to be reached."""
    graded = corpus_of(name)
    marks = marks_of(graded)

    for message in graded.shown(entry).values():
        assert "\n" in message
        assert [] == [word for word in ("assert ", "Traceback", "evidence", "Unanswered") if word in message]
        assert [] == [mark for mark in marks if re.search(rf"(?<![\d.]){re.escape(mark)}", message)]


def marks_of(graded):
    """Every mark of the calibration as a message would write it."""
    marks = set()
    for model in graded.lab.models:
        found = read_calibration(graded.lab.calibration, model, graded.identity)
        for value in (found.floor(), found.full("validation"), found.full("test"), found.largest_gap()):
            marks |= {f"{value:.1%}", f"{value:.2%}", f"{value:.3f}", f"{value:.4f}"}
    return marks


@pytest.mark.parametrize("name", LABS)
def test_every_hidden_test_is_failed_by_a_wrong_answer(name, corpus_of):
    """No hidden test is idle: each of them catches something."""
    graded = corpus_of(name)
    cases = read_master(graded.lab).cases
    idle = {f"{case.question}_-_{case.name.removeprefix('test_')}" for case in cases if case.hidden}
    for entry in graded.entries:
        if not entry.correct:
            idle -= graded.shown(entry).keys()

    assert set() == idle


@pytest.mark.parametrize("name", LABS)
def test_the_corpus_is_large_enough(name):
    """There are answers of both kinds, wrong ones for each question, and one that changes nothing."""
    entries = ENTRIES[name]
    same = [
        entry.name for entry in entries if entry == Entry(name=entry.name, about=entry.about, correct=True)
    ]

    assert ["reference"] == same
    assert {question.name for question in LABS[name].questions} == {
        entry.fails[0] for entry in graded_now(name) if not entry.correct
    }


@pytest.mark.parametrize("name", LABS)
def test_every_recipe_is_used_and_is_there(name):
    """The recipes that entries name and those that `models.py` has are the same."""
    named = {entry.models for entry in ENTRIES[name]} - NOT_MADE_BY_RECIPES
    module = corpus._recipes(LABS[name])
    has = {
        name.replace("_", "-")
        for name, recipe in vars(module).items()
        if getattr(recipe, "__module__", "") == "corpus_models" and not name.startswith("_")
    }

    assert has == named
