"""The first stage: submitted model files become evidence before any student code runs."""

from __future__ import annotations

import json

from autograder.room.archive import collect
from autograder.room.job import RoomJob
from autograder.room.stream import npz_bytes, send

__all__ = ["main"]


def main() -> int:
    """Read every model file of the submission and send what was found."""
    record, arrays = collect(RoomJob.from_environment().submission)
    send({"models.json": json.dumps(record).encode(), "models.npz": npz_bytes(arrays)})
    return 0
