"""Builders for the tests of sandboxes: a job whose room runs a few given lines."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import attrs
import pytest

from autograder.sandbox.bubblewrap import BubblewrapSandbox, unavailable
from autograder.sandbox.contract import Ending, Job, Limits, Sandbox
from autograder.sandbox.docker import DockerSandbox
from autograder.sandbox.image import image_tag
from autograder.sandbox.processes import ProcessSandbox

__all__ = ["DOCKER", "Ran", "make_job", "make_sandbox", "run"]

DOCKER = pytest.param("docker", marks=pytest.mark.docker)


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
    docker = DockerSandbox(image_tag())
    reason = docker.available() if name == "docker" else unavailable()
    if reason is not None:
        pytest.skip(reason)
    return docker if name == "docker" else BubblewrapSandbox()


def make_job(folder: Path, code: str, *, batch: str = "tests", **limits: Any) -> Job:
    """A job over empty folders, whose kit has these lines as its room."""
    room = folder / "kit" / "autograder" / "room"
    room.mkdir(parents=True)
    (room.parent / "__init__.py").touch()
    (room / "__init__.py").touch()
    (room / "__main__.py").write_text(code, encoding="utf-8")
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
    output, events = job.kit.parent / "output", job.kit.parent / "events"
    ending = sandbox.run(job, output=output, events=events)
    return Ran(
        ending=ending,
        output=output.read_text(encoding="utf-8", errors="replace"),
        events=events.read_text(encoding="utf-8", errors="replace"),
    )
