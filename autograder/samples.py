"""The files in which a lab keeps its samples: JSON, one record per model and data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from autograder.errors import LabProblem

__all__ = ["damaged", "read_record", "write_record"]


def read_record(path: Path) -> dict[str, Any]:
    """What a file of samples holds, empty where there is none yet. Raises LabProblem for a damaged one."""
    if not path.exists():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise damaged(path, error) from error
    if not isinstance(record, dict):
        raise damaged(path, "it holds no samples")
    return record


def write_record(path: Path, text: str) -> None:
    """Replace the file at once: whoever is interrupted loses no sample."""
    beside = path.with_suffix(".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def damaged(path: Path, why: object) -> LabProblem:
    """The error to raise for a file of samples that cannot be read."""
    return LabProblem(
        f"its samples cannot be read: {why}", where=str(path), hint="restore it from version control"
    )
