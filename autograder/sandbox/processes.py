"""Plain processes: limits and a clean environment, but no isolation. For notebooks that are trusted."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from autograder.sandbox.contract import Ending, Job
from autograder.sandbox.environment import Places, command_of, environment_of
from autograder.sandbox.local import Running, end_guarded, launch_command, rlimits_of, run_locally, versions

__all__ = ["ProcessSandbox"]


class ProcessSandbox:
    """Run jobs as ordinary processes of this user, on Linux and macOS.

    Wall time, memory (looked at five times a second), file size and output are limited, and
    everything that a job started ends with it and with the batch. Nothing keeps the job from reading what
    this user can read, nor from the network; the scratch folder has no size limit.
    """

    name = "processes"
    isolation = (
        "NOT ISOLATED: student code runs as this user, can read this machine's files (hidden tests among "
        "them) and reach the network; use it for notebooks that you trust."
    )
    isolated = False
    _watched = True

    def __init__(self) -> None:
        self._running = Running()

    def identity(self) -> str:
        """The versions of this Python and of its numeric packages."""
        return f"local: {versions()}"

    def run(self, job: Job, *, output: Path, events: Path) -> Ending:
        """Run a job to its end. Raises MachineFault where it cannot be started."""
        scratch = Path(tempfile.mkdtemp(prefix=f"autograder-{job.name}-"))
        settings = {
            "rlimits": rlimits_of(job.limits, processes=False),
            "user": None,
            "scratch": str(scratch),
        }
        places = Places.of_job(job, work=scratch)
        search = os.pathsep.join((str(Path(sys.executable).parent), "/usr/bin", "/bin"))
        try:
            return run_locally(
                [*launch_command(settings), *self._command(job)],
                job,
                environment=environment_of(job, places, path=search),
                folder=scratch,
                output=output,
                events=events,
                stop=end_guarded,
                running=self._running,
                count=True,
                watched=self._watched,
            )
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _command(self, job: Job) -> list[str]:
        return command_of(job, sys.executable)

    def sweep(self, batch: str) -> int:
        """End the jobs of this batch; its guardian has ended each of a run that was killed with it."""
        return self._running.end(batch)
