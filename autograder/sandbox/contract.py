"""What every sandbox takes and gives back.

A job is a module run with this package's Python (`python -m MODULE STAGE`). It reads three read-only
folders, may write only to a scratch folder that vanishes with it, and hands back what it has to say on
two streams: standard output carries one tar archive of evidence, standard error carries events, one a
line. Both are cut off at a limit. Nothing else leaves the sandbox.

The job finds its folders in the environment: `ROOM_SUBMISSION`, `ROOM_KIT`, `ROOM_DATA` (read-only) and
`ROOM_WORK` (scratch, the current directory, also `HOME` and `TMPDIR`). `PYTHONPATH` is the kit.
"""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Protocol

import attrs

__all__ = ["Ending", "How", "Job", "Limits", "Sandbox"]


@attrs.frozen(kw_only=True)
class Limits:
    """What one job may use."""

    wall_seconds: float
    memory_bytes: int = 5 << 30
    """All of CIFAR-10 as float64, twice over, with TensorFlow beside it: what a careless notebook takes."""
    cpus: float = 1.0
    processes: int = 256
    file_bytes: int = 1 << 30
    scratch_bytes: int = 1 << 30
    output_bytes: int = 256 << 20
    events_bytes: int = 4 << 20


@attrs.frozen(kw_only=True)
class Job:
    """One run of one stage over one submission."""

    name: str
    """Unique, made of a-z, 0-9 and hyphens: also the name by which the job is killed."""
    batch: str
    """Shared by all jobs of one results folder, so that a later run can sweep what an earlier one left."""
    stage: str
    """The argument of `python -m autograder.room`: "models" or "notebook"."""
    submission: Path
    kit: Path
    data: Path
    limits: Limits
    user: int
    """The user number inside the sandbox, another for each stage; a sandbox may choose a number itself."""
    environment: tuple[tuple[str, str], ...] = ()


class How(enum.Enum):
    """How a job ended."""

    FINISHED = "finished"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out of memory"
    TOO_MUCH_OUTPUT = "too much output"
    KILLED = "killed"


@attrs.frozen(kw_only=True)
class Ending:
    """What the sandbox itself saw of a job; trusted, unlike all that the job wrote."""

    how: How
    exit_status: int | None
    wall_seconds: float
    out_of_memory: bool = False
    """Whether any process of the job was killed for memory, even where the job as a whole went on."""


class Sandbox(Protocol):
    """A place to run jobs. Raises MachineFault where the place itself fails."""

    name: str
    isolation: str
    """One sentence for people: what keeps student code in."""
    isolated: bool
    """False where student code can read this machine's files: only for trusted notebooks."""

    def identity(self) -> str:
        """What the results depend on: the image's digest, or the versions of this Python's packages."""

    def run(self, job: Job, *, output: Path, events: Path) -> Ending:
        """Run a job to its end, writing its two streams to these files. Safe to call from several threads."""

    def sweep(self, batch: str) -> int:
        """Kill what an interrupted run of this batch left behind; says how many jobs."""
