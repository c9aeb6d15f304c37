"""Evidence: what a submission did, as plain data. `FORMAT.md` beside this file describes the format.

The room writes it (`autograder.room`); this package is the reading end, and trusts nothing it reads.
"""

from autograder.evidence.environment import Environment
from autograder.evidence.folder import (
    Callback,
    Cell,
    Division,
    Evaluation,
    Evidence,
    Fed,
    Fit,
    SavedFile,
    Unanswered,
    describe,
    in_one_line,
    read_evidence,
)
from autograder.evidence.stream import unpack
from autograder.evidence.values import (
    ArrayView,
    ClassView,
    Compilation,
    FunctionView,
    HistoryView,
    ModelView,
    OpaqueView,
    Summary,
)

__all__ = [
    "ArrayView",
    "Callback",
    "Cell",
    "ClassView",
    "Compilation",
    "Division",
    "Environment",
    "Evaluation",
    "Evidence",
    "Fed",
    "Fit",
    "FunctionView",
    "HistoryView",
    "ModelView",
    "OpaqueView",
    "SavedFile",
    "Summary",
    "Unanswered",
    "describe",
    "in_one_line",
    "read_evidence",
    "unpack",
]
