"""Gradings of corpus entries, made by hand: two questions, three tests of a point each."""

from autograder.corpus.matrix import Run
from autograder.records import Outcome, QuestionScore, Verdict

__all__ = ["ONE", "OTHER", "TESTS", "TWO", "graded", "ungraded"]

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
