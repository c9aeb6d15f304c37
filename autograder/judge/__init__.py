"""The judge: runs a lab's tests on evidence, where no student code runs."""

from autograder.judge.judging import judge, judge_evidence

__all__ = ["judge", "judge_evidence"]
