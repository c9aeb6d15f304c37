"""What a job is told: folders and settings from the environment, the lab from the kit."""

from __future__ import annotations

import json
import os
from pathlib import Path

import attrs

__all__ = ["PART_REQUEST", "RoomJob"]

PART_REQUEST = "%room "
"""What the driver's requests for a part begin with; the kernel takes them before IPython sees them.

The name of a folder in the scratch folder follows, where the kernel is to write the part, and which part.
"""


@attrs.frozen(kw_only=True)
class RoomJob:
    """One job as the room sees it."""

    submission: Path
    kit: Path
    work: Path
    notebook: str
    dataset: str
    questions: dict[str, list[str]]
    """Per question, the names that a student defines for it."""
    cell_seconds: float
    run_seconds: float
    """Time for all cells together; what the sandbox allows beyond it is for collecting."""
    skip_cells: dict[int, tuple[int, ...]]
    """Per cell, the statements (counted from 0) that ended an earlier attempt; -1 is the whole cell."""
    by_statement: int | None
    """From this cell on, cells are run statement by statement, to find what ends the kernel."""
    until: int | None
    """The cell before which the notebook ends, in a last attempt to keep what came before."""
    skip_parts: tuple[str, ...]
    """Parts that ended an earlier attempt."""

    @classmethod
    def from_environment(cls) -> RoomJob:
        """Read the job from `ROOM_*` variables and the kit's `lab.json`."""
        kit = Path(os.environ["ROOM_KIT"])
        lab = json.loads((kit / "lab.json").read_text(encoding="utf-8"))
        skip = json.loads(os.environ.get("ROOM_SKIP", "{}"))
        return cls(
            submission=Path(os.environ["ROOM_SUBMISSION"]),
            kit=kit,
            work=Path(os.environ["ROOM_WORK"]),
            notebook=lab["notebook"],
            dataset=lab["dataset"],
            questions=lab["questions"],
            cell_seconds=float(os.environ.get("ROOM_CELL_SECONDS", lab["cell_seconds"])),
            run_seconds=float(os.environ.get("ROOM_RUN_SECONDS", lab["run_seconds"])),
            skip_cells={int(cell): tuple(left_out) for cell, left_out in skip.get("cells", {}).items()},
            by_statement=skip.get("by_statement"),
            until=skip.get("until"),
            skip_parts=tuple(skip.get("parts", ())),
        )
