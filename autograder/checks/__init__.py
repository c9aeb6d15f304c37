"""Checks: pure functions from evidence to findings, for the hidden tests of the labs.

A hidden test reads `require(structure.check_input(evidence_of(env, LAB).probe_model(NAME), shape=...))`.
Names are the field's; each check's first docstring line is what the rubric says.
"""

from autograder.checks import (
    accuracy,
    compiling,
    cross_validation,
    diagnosis,
    fits,
    inserted,
    measured,
    preparation,
    reuse,
    search,
    setup,
    small_set,
    splits,
    structure,
    training,
)
from autograder.checks.findings import CheckFailed, Finding, require
from autograder.checks.sources import evidence_of

__all__ = [
    "CheckFailed",
    "Finding",
    "accuracy",
    "compiling",
    "cross_validation",
    "diagnosis",
    "evidence_of",
    "fits",
    "inserted",
    "measured",
    "preparation",
    "require",
    "reuse",
    "search",
    "setup",
    "small_set",
    "splits",
    "structure",
    "training",
]
