"""A lab's corpus: right answers in many spellings and wrong ones with one misconception each.

Every entry is graded the way a student's work is. Right entries must lose nothing; a wrong one must lose
points in its question and in no other.
"""

from autograder.corpus.entries import Change, Entry, read_corpus, read_every_run, write_submission
from autograder.corpus.grading import grade_corpus
from autograder.corpus.models import make_models

__all__ = [
    "Change",
    "Entry",
    "grade_corpus",
    "make_models",
    "read_corpus",
    "read_every_run",
    "write_submission",
]
