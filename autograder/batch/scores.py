"""Read the points out of the `results.json` that the judge wrote in Gradescope's format."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

from autograder.errors import MachineFault
from autograder.labs import Lab
from autograder.records import QuestionScore

__all__ = ["read_scores"]


def read_scores(path: Path, lab: Lab) -> tuple[float, float, tuple[QuestionScore, ...]]:
    """Score, possible score and each question's share, in points.

    A test belongs to the question whose name its own begins with. The whole is the sum of all tests'
    points, or the file's own `score`. Raises MachineFault where the file is missing, malformed, or holds
    no points or a failure of the judge itself: none of these may become a zero.
    """
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        tests = [
            (str(test["name"]), float(test.get("score") or 0.0), float(test["max_score"]))
            for test in data["tests"]
            if test.get("max_score") is not None
        ]
        failed = any(test["name"] == "Autograder Failed" for test in data["tests"])
        score = float(data["score"] if "score" in data else sum(test[1] for test in tests))
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise MachineFault(
            f"the judge left no usable results ({type(error).__name__})", hint="run the same command again"
        ) from error
    possible = sum(test[2] for test in tests)
    if failed or possible <= 0 or not (math.isfinite(score) and math.isfinite(possible)):
        raise MachineFault(
            "the judge ran no test", hint="see fault.log, and try the lab's build with --check"
        )
    return _tidy(score), _tidy(possible), tuple(_questions(tests, lab))


def _questions(tests: list[tuple[str, float, float]], lab: Lab) -> list[QuestionScore]:
    found = []
    for question in lab.questions:
        own = [test for test in tests if re.match(rf"{re.escape(question.name)}(?![A-Za-z0-9])", test[0])]
        if own:
            score, possible = sum(test[1] for test in own), sum(test[2] for test in own)
            found.append(QuestionScore(name=question.name, score=_tidy(score), possible=_tidy(possible)))
    return found


def _tidy(points: float) -> float:
    """Points without the dust of adding fractions."""
    return round(points, 4)
