"""Each lab's corpus: right answers in any spelling lose nothing, wrong ones lose points in one question only.

A lab's entries are graded once, like a batch of students, and every entry is a test of its own: those on the
list `corpus/every_run.txt`, on the miniature, where that takes a few seconds each. `autograder corpus`
grades all there is, on any data: due when checks change. Results are kept between runs in the folder that
AUTOGRADER_CORPUS names, if any: then only what changed is graded again.
"""

import functools
import os
import re
from pathlib import Path

import pytest
from readiness import lacking

from autograder.build.master import read_master
from autograder.calibration import read_calibration
from autograder.corpus import Entry, grade_corpus, read_corpus, read_every_run
from autograder.corpus.models import NO_HISTORY, NONE, REFERENCE, recipes_of
from autograder.data import MINIATURE, load, prepare
from autograder.labs import find_labs
from autograder.records import Verdict
from autograder.sandbox.warm import WarmProcessSandbox

LABS = {lab.name: lab for lab in find_labs()}
ENTRIES = {name: read_every_run(lab) for name, lab in LABS.items()}


def cases(*, correct):
    """(lab, entry) of every right or wrong entry of this run, lab by lab."""
    return [
        pytest.param(name, entry, id=f"{name}-{entry.name}")
        for name in LABS
        for entry in ENTRIES[name]
        if entry.correct == correct
    ]


@pytest.fixture(scope="session")
def matrix_of(tmp_path_factory):
    """The kill matrix of a lab, by name. Entries are ours and trusted, so that a warm sandbox will do.

    Skips for a lab in preparation, which has no marks on these data yet.
    """
    kept = os.environ.get("AUTOGRADER_CORPUS")
    with WarmProcessSandbox() as sandbox:

        @functools.cache
        def grade(name):
            lab = LABS[name]
            out = Path(kept) / name if kept else tmp_path_factory.mktemp(name)
            data = prepare(lab.dataset, MINIATURE)
            if reason := lacking(lab, load(data, lab.dataset).identity):
                pytest.skip(reason)
            return grade_corpus(lab, ENTRIES[name], out=out, sandbox=sandbox, data=data)

        yield grade


def row_of(matrix, entry):
    """The row of an entry."""
    (row,) = (row for row in matrix.rows if row.entry.name == entry.name)
    return row


@pytest.mark.parametrize(("name", "entry"), cases(correct=True))
def test_a_right_answer_loses_nothing(name, entry, matrix_of):
    """However a right answer is spelled, it gets every point."""
    row = row_of(matrix_of(name), entry)
    (run,) = row.runs

    assert (Verdict.GRADED, "") == (run.outcome.verdict, run.outcome.reason)
    assert {} == row.failed
    assert run.outcome.possible == run.outcome.score


@pytest.mark.parametrize(("name", "entry"), cases(correct=False))
def test_a_wrong_answer_loses_points_in_its_question_only(name, entry, matrix_of):
    """A misconception costs points in the question it is about, and in no other."""
    row = row_of(matrix_of(name), entry)
    (run,) = row.runs

    assert (Verdict.GRADED, "") == (run.outcome.verdict, run.outcome.reason)
    assert set(entry.fails) == run.lost, row.failed


@pytest.mark.parametrize(("name", "entry"), cases(correct=False))
def test_messages_say_what_is_wrong_and_no_mark(name, entry, matrix_of):
    """Beside a test's own text stands what was found, in words: no source line, no mark to be reached."""
    matrix = matrix_of(name)
    marks = marks_of(matrix)

    for message in row_of(matrix, entry).failed.values():
        assert "\n" in message
        assert [] == [word for word in ("assert ", "Traceback", "evidence", "Unanswered") if word in message]
        assert [] == [mark for mark in marks if re.search(rf"(?<![\d.]){re.escape(mark)}", message)]


@pytest.mark.parametrize(("name", "entry"), cases(correct=False))
def test_students_are_told_what_was_reviewed(name, entry, matrix_of):
    """What a student with a wrong answer reads is what stands beside it, numbers aside.

    So are steps of accuracy, which a short training for the corpus may reach or not.
    """
    words = row_of(matrix_of(name), entry).other_words()

    assert [] == [word for word in words if " accuracy " not in word]


@pytest.mark.parametrize("name", LABS)
def test_every_wrong_answer_has_its_messages(name):
    """Beside every wrong answer stands what a student with it is told, of its own question only."""
    wrong = [entry for entry in read_corpus(LABS[name]) if not entry.correct]

    assert [] == [entry.name for entry in wrong if not entry.told]
    assert [] == [
        entry.name for entry in wrong for test in entry.told if test.split(" ")[0] not in entry.fails
    ]


@pytest.mark.parametrize("name", LABS)
def test_messages_begin_as_the_tests_do(name):
    """Each message beside an entry opens with what the master says now when that test fails."""
    says = {
        f"{case.question} - {case.name.removeprefix('test_').replace('_', ' ')}": case.failure_message
        for case in read_master(LABS[name]).cases
    }

    for entry in read_corpus(LABS[name]):
        assert {test: says[test] for test in entry.told} == {
            test: message.partition("\n")[0] for test, message in entry.told.items()
        }


def marks_of(matrix):
    """Every mark of the calibration as a message would write it, where that is more than two figures."""
    marks = set()
    lab = LABS[matrix.lab]
    for model in lab.models:
        found = read_calibration(lab.calibration, model, matrix.data)
        for value in (found.floor(), found.full("validation"), found.full("test"), found.largest_gap()):
            marks |= {f"{value:.1%}", f"{value:.2%}", f"{value:.3f}", f"{value:.4f}"}
    return {mark for mark in marks if len(mark.strip("0.%").replace(".", "")) > 2}


@pytest.mark.parametrize("name", LABS)
def test_every_hidden_test_is_failed_by_a_wrong_answer(name, matrix_of):
    """No hidden test is idle: each of them catches something."""
    matrix = matrix_of(name)
    hidden = [case for case in read_master(LABS[name]).cases if case.hidden]

    assert len(hidden) == len(matrix.tests)
    assert [] == [test for test in matrix.tests if not matrix.killed_by(test)]


@pytest.mark.parametrize("name", LABS)
def test_the_corpus_is_large_enough(name):
    """A lab has twenty right and twenty-five wrong answers at least, and one that changes nothing."""
    entries = read_corpus(LABS[name])
    same = [
        entry.name for entry in entries if entry == Entry(name=entry.name, about=entry.about, correct=True)
    ]

    assert ["reference"] == same
    assert 20 <= sum(entry.correct for entry in entries)
    assert 25 <= sum(not entry.correct for entry in entries)


@pytest.mark.parametrize("name", LABS)
def test_each_question_is_answered_wrong_in_every_run(name):
    """What every run of the tests grades has a wrong answer for each question."""
    questions = {question.name for question in LABS[name].questions}

    assert questions == {entry.fails[0] for entry in ENTRIES[name] if not entry.correct}


@pytest.mark.parametrize("name", LABS)
def test_every_recipe_is_used_and_is_there(name):
    """The recipes that entries name and those that `models.py` has are the same."""
    named = {entry.models for entry in read_corpus(LABS[name])} - {REFERENCE, NO_HISTORY, NONE}
    module = recipes_of(LABS[name])
    has = {
        name.replace("_", "-")
        for name, recipe in vars(module).items()
        if getattr(recipe, "__module__", "") == "corpus_models" and not name.startswith("_")
    }

    assert has == named
