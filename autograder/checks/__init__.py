"""Checks: pure functions from evidence to findings, for the hidden tests of the labs.

A hidden test reads `require(structure.check_input(evidence_of(env, LAB).probe_model(NAME), shape=...))`.
Names are the field's; each check's first docstring line is what the rubric says.
"""

from autograder.checks import accuracy, compiling, pairs, preparation, search, splits, structure, training
from autograder.checks.findings import CheckFailed, Finding, require
from autograder.checks.sources import evidence_of

__all__ = [
    "CheckFailed",
    "Finding",
    "accuracy",
    "compiling",
    "evidence_of",
    "pairs",
    "preparation",
    "require",
    "search",
    "splits",
    "structure",
    "training",
]
