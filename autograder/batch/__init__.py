"""Grade many submissions so that none harms another, nothing is done twice and nothing is lost."""

from autograder.batch.gate import Patience
from autograder.batch.grading import grade
from autograder.batch.parts import Parts, Progress, Silent
from autograder.batch.rejudging import rejudge
from autograder.batch.results import lab_of

__all__ = ["Parts", "Patience", "Progress", "Silent", "grade", "lab_of", "rejudge"]
