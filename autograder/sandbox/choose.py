"""Choose a sandbox for this machine, and say what the machine has."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import attrs

from autograder.errors import UsageProblem
from autograder.sandbox.bubblewrap import BubblewrapSandbox
from autograder.sandbox.bubblewrap import unavailable as no_bubblewrap
from autograder.sandbox.contract import Sandbox
from autograder.sandbox.docker import DockerSandbox
from autograder.sandbox.engine import engine_version
from autograder.sandbox.image import image_tag
from autograder.sandbox.processes import ProcessSandbox
from autograder.sandbox.workers import WorkerSandbox

__all__ = ["KINDS", "Fact", "choose", "describe_machine"]

KINDS = ("auto", "docker", "containers", "local")

_ENOUGH_MEMORY = 6 << 30


@attrs.frozen(kw_only=True)
class Fact:
    """One row of `autograder doctor`."""

    name: str
    value: str
    good: bool
    hint: str = ""


def choose(kind: str, image: str | None = None) -> Sandbox:
    """The sandbox of that kind, tried out.

    `docker`: containers of `image` (by default the room image of this version), each for one submission after
    another. `containers`: the same, with a fresh one for each job, which is slow. `local`: bubblewrap where
    it works, else plain processes, which do not isolate and say so. `auto`: Docker, else bubblewrap; never
    plain processes, as a machine must not silently come to run student code without walls.

    Raises UsageProblem where there is none, with all that was tried.
    """
    if kind not in KINDS:
        raise UsageProblem(f"there is no sandbox {kind!r}", hint=f"choose one of: {', '.join(KINDS)}")
    if kind == "local":
        return ProcessSandbox() if no_bubblewrap() else BubblewrapSandbox()
    docker = (DockerSandbox if kind == "containers" else WorkerSandbox)(image or image_tag())
    no_docker = docker.available()
    if no_docker is None:
        return docker
    if kind in ("docker", "containers"):
        raise UsageProblem(f"Docker cannot be used: {no_docker}", hint="see `autograder doctor`")
    no_walls = no_bubblewrap()
    if no_walls is None:
        return BubblewrapSandbox()
    raise UsageProblem(
        f"nothing here isolates student code. Docker: {no_docker}. Bubblewrap: {no_walls}",
        hint="start Docker and run `autograder image`, or, only for notebooks that you trust, "
        "choose the sandbox `local`",
    )


def describe_machine(image: str | None = None) -> list[Fact]:
    """What grading needs, row by row: whether it is here, and what to do where it is not."""
    engine, reason = engine_version()
    no_image = DockerSandbox(image or image_tag()).available() if engine else "no engine"
    no_walls = no_bubblewrap()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = os.cpu_count() or 1
    return [
        Fact(
            name="Docker engine",
            value=engine or reason,
            good=bool(engine),
            hint="" if engine else "install and start Docker, or rely on bubblewrap",
        ),
        Fact(
            name="room image",
            value=no_image or (image or image_tag()),
            good=no_image is None,
            hint="run `autograder image`" if no_image and engine else "",
        ),
        Fact(name="bubblewrap", value=no_walls or "works", good=no_walls is None),
        Fact(
            name="memory",
            value=f"{memory / (1 << 30):.1f} GiB",
            good=memory >= _ENOUGH_MEMORY,
            hint="" if memory >= _ENOUGH_MEMORY else "grade one submission at a time (--jobs 1)",
        ),
        Fact(name="cores", value=str(cores), good=cores >= 2),
        _data(),
        _disk(),
    ]


def _data() -> Fact:
    folder = os.environ.get("DNNLAB_DATA", "")
    found = sorted(path.name for path in Path(folder).glob("*.npz")) if folder else []
    return Fact(
        name="data",
        value=", ".join(found) or "DNNLAB_DATA names no folder with data sets",
        good=bool(found),
        hint="" if found else "set DNNLAB_DATA to the folder of cifar10.npz, mnist.npz, fashion_mnist.npz",
    )


def _disk() -> Fact:
    free = shutil.disk_usage(Path.cwd()).free
    return Fact(name="free disk here", value=f"{free / (1 << 30):.0f} GiB", good=free >= 5 << 30)
