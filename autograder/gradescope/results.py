"""What Gradescope is told of one submission.

A fault of the machine has no place here: without a `results.json` Gradescope says that the autograder
failed to execute, and gives no score until it is run again. That is what a fault is to be.
"""

from __future__ import annotations

from typing import Any

from autograder.labs import Lab
from autograder.records import Outcome, Verdict

__all__ = ["results_of"]


def results_of(outcome: Outcome, lab: Lab, judged: dict[str, Any] | None) -> dict[str, Any]:
    """The content of `results.json`; judged: what the judge wrote, of a graded submission.

    Gradescope has no way to say "no score". So one that cannot be graded gets 0 and a row that says so
    above all else; its student may hand in again. Standard output, which Gradescope keeps, is for
    instructors alone, and so is `extra_data`. Raises ValueError for a fault.
    """
    if outcome.verdict is Verdict.FAULT:
        raise ValueError("a fault has no results")
    told = judged if outcome.verdict is Verdict.GRADED and judged is not None else _ungraded(outcome, lab)
    return {
        **told,
        "execution_time": round(outcome.seconds),
        "stdout_visibility": "hidden",
        "extra_data": {
            "outcome": outcome.verdict.value,
            "reason": outcome.reason,
            "hint": outcome.hint,
            "notes": list(outcome.notes),
        },
    }


def _ungraded(outcome: Outcome, lab: Lab) -> dict[str, Any]:
    models = [f"{model}{suffix}" for model in lab.models for suffix in (".keras", ".history.json")]
    wanted = ", ".join([lab.notebook_name, *models])
    text = (
        f"This submission could not be graded: {outcome.reason}.\n"
        f"The 0 stands for no score; nothing in your work has been judged. Hand in again, with: {wanted}."
    )
    row = {"score": 0, "max_score": 0, "status": "failed", "visibility": "visible", "output_format": "text"}
    return {
        "score": 0,
        "output": text,
        "output_format": "text",
        "visibility": "visible",
        "tests": [{"name": "NOT GRADED", "number": "0", "output": outcome.reason, **row}],
    }
