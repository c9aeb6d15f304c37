"""From what students handed in to what the room takes, or to the reason why it cannot be graded."""

from autograder.intake.finding import Candidate, find_submissions
from autograder.intake.staging import Staged, stage

__all__ = ["Candidate", "Staged", "find_submissions", "stage"]
