"""Checks: pure functions from evidence to findings, for the hidden tests of the labs.

A hidden test reads `require(structure.check_input(evidence_of(env, LAB).probe_model(NAME), shape=...))`.
Names are the field's; each check's first docstring line is what the rubric says.
"""

from autograder.checks import (
    accuracy,
    compiling,
    convergence,
    cross_validation,
    diagnosis,
    dropout,
    fits,
    fitting,
    inserted,
    layer_statistics,
    measured,
    normalisation,
    one_cycle,
    pairs,
    preparation,
    range_test,
    reuse,
    search,
    self_normalisation,
    small_set,
    splits,
    standardisation,
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
    "convergence",
    "cross_validation",
    "diagnosis",
    "dropout",
    "evidence_of",
    "fits",
    "fitting",
    "inserted",
    "layer_statistics",
    "measured",
    "normalisation",
    "one_cycle",
    "pairs",
    "preparation",
    "range_test",
    "require",
    "reuse",
    "search",
    "self_normalisation",
    "small_set",
    "splits",
    "standardisation",
    "structure",
    "training",
]
