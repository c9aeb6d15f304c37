"""Corpus entries and gradings of them, made by hand: two questions, three tests of a point each."""

import attrs

from autograder.corpus import Change, Entry
from autograder.corpus.matrix import Run
from autograder.records import Outcome, QuestionScore, Verdict

__all__ = ["ONE", "OTHER", "TESTS", "TWO", "graded", "right", "ungraded", "wrong"]

ONE, TWO, OTHER = "q1 - layers", "q1 - units", "q2 - loss"
TESTS = (ONE, TWO, OTHER)
POSSIBLE = 3.0


def graded(*failed, name="sample"):
    """A grading in which these tests, each of one point, failed."""
    lost = {question: sum(test.startswith(question) for test in failed) for question in ("q1", "q2")}
    scores = tuple(
        QuestionScore(name=question, score=possible - lost[question], possible=possible)
        for question, possible in (("q1", 2.0), ("q2", 1.0))
    )
    outcome = Outcome(
        submission=name,
        lab="deep",
        verdict=Verdict.GRADED,
        score=sum(question.score for question in scores),
        possible=POSSIBLE,
        questions=scores,
    )
    return Run(outcome=outcome, failed={test: f"{test} failed.\nBecause." for test in failed})


def ungraded():
    """A grading that came to nothing."""
    outcome = Outcome(submission="sample", lab="deep", verdict=Verdict.UNGRADABLE, reason="no notebook")
    return Run(outcome=outcome, failed={})


def right(name, *questions, **settings):
    """A right answer that changes these questions."""
    changes = tuple(Change(question=question, add=f"# {name}") for question in questions)
    return Entry(name=name, about=f"about {name}", correct=True, changes=changes, **settings)


def wrong(name, question, *tests, **settings):
    """An answer that is wrong in this question, and what a student is told of it."""
    told = {test: f"{test} failed.\nBecause." for test in tests}
    return attrs.evolve(right(name, question, **settings), correct=False, fails=(question,), told=told)
