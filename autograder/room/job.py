"""What a job is told: folders and settings from the environment, the lab from the kit."""

from __future__ import annotations

import json
import os
from pathlib import Path

import attrs

__all__ = ["RoomJob"]


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
    """Cells that ended an earlier attempt are run statement by statement, without these statements
    (counted from 0); -1 leaves out the whole cell."""
    skip_probes: tuple[str, ...]

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
            skip_probes=tuple(skip.get("probes", ())),
        )
