"""The result of one test, and all of them in Gradescope's format."""

from __future__ import annotations

import math
from typing import Any

import attrs

from autograder.evidence import Evidence

__all__ = ["TestResult", "gradescope"]


@attrs.frozen(kw_only=True)
class TestResult:
    """What one test said of one submission."""

    __test__ = False  # pytest would take the name for a test class

    question: str
    number: int
    test: str
    """The test function's name."""
    hidden: bool
    passed: bool
    score: float
    possible: float
    message: str
    """The test's own message, the same for every student."""
    found: str
    """What was found in this submission; empty where the test passed."""


def gradescope(results: list[TestResult], evidence: Evidence) -> dict[str, Any]:
    """The results as a Gradescope `results.json`; its score is the sum of the tests' scores.

    Format: https://gradescope-autograders.readthedocs.io/en/latest/specs/#output-format
    """
    return {
        "score": math.fsum(result.score for result in results),
        "output": _summary(evidence),
        "output_format": "text",
        "visibility": "visible",
        "tests": [
            {
                "name": f"{result.question} - {_title(result)}",
                "number": f"{result.question}.{result.number}",
                "score": result.score,
                "max_score": result.possible,
                "status": "passed" if result.passed else "failed",
                "visibility": "visible",
                "output": "\n".join(part for part in (result.message, result.found) if part),
                "output_format": "text",
            }
            for result in results
        ],
    }


def _title(result: TestResult) -> str:
    return result.test.removeprefix("test_").replace("_", " ")


def _summary(evidence: Evidence) -> str:
    """What happened while the notebook ran: for the student, above all tests."""
    lines = [cell.trouble for cell in evidence.cells if cell.trouble]
    if evidence.global_seed_set:
        lines.append(
            "Your notebook sets TensorFlow's global seed. With it, `fit` on arrays sees the same batches "
            "in every epoch, "
            "which costs some accuracy; `dnnlab.set_seed` and `dnnlab.batches` do not have that effect."
        )
    lines += [
        f"`{name}` was replaced by your notebook; the original was used for grading."
        for name in evidence.patched[:5]
    ]
    return "\n".join(lines) or "Your notebook ran from top to bottom."
