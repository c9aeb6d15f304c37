"""What is known of one submission after grading: `outcome.json`, read and written here only.

Schema 1, one object per submission:

    schema        1
    submission    its name in the results folder and the gradebook
    canvas_id     the student's id in Canvas; empty where it is not known
    lab           the lab's name
    outcome       "graded", "ungradable" or "fault"
    score         points, null unless graded
    possible      points that could be had, null unless graded
    questions     list of {name, score, possible}, in the lab's order; empty unless graded
    reason, hint  why there is no score and what to do; empty where graded
    notes         what a TA should know of how the submission was read
    content       sha256 of the submission as staged; empty where it could not be staged
    evidence      hash of all that the evidence depends on; empty where there is none
    identity      hash of all that the result depends on; empty where intake refused it
    lab_version   hash of the lab's tests, probes, calibration and of the code that judges
    sandbox       the kind of sandbox
    image         the sandbox's own identity
    data          identity of the data that the submission was run and judged on
    attempts      how many times it was tried
    seconds       wall time of the last attempt
    started       when, ISO 8601 with offset
"""

from __future__ import annotations

import enum
import json
import math
from typing import Any

import attrs

__all__ = ["Outcome", "QuestionScore", "Verdict"]

_SCHEMA = 1


class Verdict(enum.Enum):
    """How grading one submission ended; only the first carries a score."""

    GRADED = "graded"
    UNGRADABLE = "ungradable"
    FAULT = "fault"


@attrs.frozen(kw_only=True)
class QuestionScore:
    """The points of one question."""

    name: str
    score: float
    possible: float


@attrs.frozen(kw_only=True)
class Outcome:
    """One submission's result. Raises ValueError for a score without a grade, or a grade without one."""

    submission: str
    lab: str
    verdict: Verdict
    score: float | None = None
    possible: float | None = None
    questions: tuple[QuestionScore, ...] = ()
    reason: str = ""
    hint: str = ""
    notes: tuple[str, ...] = ()
    content: str = ""
    evidence: str = ""
    identity: str = ""
    lab_version: str = ""
    sandbox: str = ""
    image: str = ""
    data: str = ""
    attempts: int = 1
    seconds: float = 0.0
    started: str = ""
    canvas_id: str = ""

    def __attrs_post_init__(self) -> None:
        graded = self.verdict is Verdict.GRADED
        if graded != (self.score is not None) or graded != (self.possible is not None):
            raise ValueError(f"{self.submission}: a score belongs to a graded submission, and to no other")
        if graded and not (math.isfinite(self.score or 0.0) and math.isfinite(self.possible or 0.0)):
            raise ValueError(f"{self.submission}: a score must be a finite number")

    @property
    def percent(self) -> float | None:
        """The score in percent of what could be had; None without a score, or where nothing could."""
        if self.score is None or not self.possible:
            return None
        return 100 * self.score / self.possible

    def to_json(self) -> str:
        """The text of `outcome.json`."""
        data = attrs.asdict(self)
        data["outcome"] = data.pop("verdict").value
        return json.dumps({"schema": _SCHEMA, **data}, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Outcome:
        """The record of an `outcome.json`. Raises ValueError where it is not one of this schema."""
        try:
            data: dict[str, Any] = json.loads(text)
            if data.pop("schema") != _SCHEMA:
                raise ValueError("another schema")
            data["verdict"] = Verdict(data.pop("outcome"))
            data["questions"] = tuple(QuestionScore(**question) for question in data["questions"])
            data["notes"] = tuple(data["notes"])
            return cls(**data)
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"not an outcome of schema {_SCHEMA}: {error}") from error
