"""Builders for the tests of sandboxes: a job whose room runs a few given lines.

In a worker these run as the user of the models stage, which has its streams and is the kernel's otherwise.
"""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import Any

import attrs
import pytest

import autograder
from autograder.sandbox.bubblewrap import BubblewrapSandbox, unavailable
from autograder.sandbox.contract import Ending, Job, Limits, Sandbox
from autograder.sandbox.docker import DockerSandbox
from autograder.sandbox.image import image_tag
from autograder.sandbox.processes import ProcessSandbox
from autograder.sandbox.workers import WorkerSandbox

__all__ = ["CONTAINERS", "DOCKER", "Ran", "make_job", "make_sandbox", "run"]

DOCKER = pytest.param("docker", marks=pytest.mark.docker)
CONTAINERS = pytest.param("containers", marks=pytest.mark.docker)

_ROOM = Path(autograder.__file__).with_name("room")
_REAL = ("worker.py", "relay.py", "sweep.py", "forking.py")
_EMPTY = ("__init__.py", "archive.py", "driver.py", "provisioner.py", "kernel.py")
_MAIN = """
import sys
if sys.argv[1] == "worker":
    from autograder.room import worker
    sys.exit(worker.main(sys.argv[2]))
from autograder.room import code
"""
_MODELS_STAGE = """
import sys
from pathlib import Path

def main():
    sys.argv = ["room", "notebook"]
    try:
        for place in ("/room/submission/code.py", "/room/kit/autograder/room/code.py"):
            if Path(place).exists():
                exec(compile(Path(place).read_text(), place, "exec"), {"__name__": "__main__"})
                return 0
    except SystemExit as error:
        return error.code
"""


@attrs.frozen(kw_only=True)
class Ran:
    """What a job left: how it ended, and its two streams."""

    ending: Ending
    output: str
    events: str


def make_sandbox(name: str) -> Sandbox:
    """The sandbox of that name; skips the test where this machine has none."""
    if name == "processes":
        return ProcessSandbox()
    if name == "bubblewrap":
        reason = unavailable()
        sandbox: Sandbox = BubblewrapSandbox()
    else:
        sandbox = (WorkerSandbox if name == "docker" else DockerSandbox)(image_tag())
        reason = sandbox.available()
    if reason is not None:
        pytest.skip(reason)
    return sandbox


def make_job(folder: Path, code: str, *, batch: str = "tests", **limits: Any) -> Job:
    """A job over empty folders, whose kit has these lines as its room."""
    room = folder / "kit" / "autograder" / "room"
    room.mkdir(parents=True)
    (room.parent / "__init__.py").touch()
    for name in _EMPTY:
        (room / name).touch()
    for name in _REAL:
        shutil.copy(_ROOM / name, room)
    (room / "models_stage.py").write_text(_MODELS_STAGE, encoding="utf-8")
    (room / "__main__.py").write_text(_MAIN, encoding="utf-8")
    (room / "code.py").write_text(code, encoding="utf-8")
    for name in ("submission", "data"):
        (folder / name).mkdir()
    return Job(
        name=f"test-{uuid.uuid4().hex}",
        batch=batch,
        stage="notebook",
        submission=folder / "submission",
        kit=folder / "kit",
        data=folder / "data",
        limits=Limits(**{"wall_seconds": 120.0, **limits}),
        user=20001,
    )


def run(sandbox: Sandbox, job: Job) -> Ran:
    """Run the job, keeping its streams beside its kit."""
    if isinstance(sandbox, WorkerSandbox):
        job = attrs.evolve(job, stage="models")
    output, events = job.kit.parent / "output", job.kit.parent / "events"
    ending = sandbox.run(job, output=output, events=events)
    return Ran(
        ending=ending,
        output=output.read_text(encoding="utf-8", errors="replace"),
        events=events.read_text(encoding="utf-8", errors="replace"),
    )
