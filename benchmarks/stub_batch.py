"""A batch over a stub lab, for `kills.py`: all that is killed is real, but a notebook takes seconds.

Intake, sandbox, evidence, judging processes, results and ledger are the package's own, and so is what makes
a worker of a container. Stubs are the room's stages, which sleep instead of training, and the judge's
function, which adds up what the cells came to. A cell that is left out, as one that ends its own kernel is,
costs points.

python benchmarks/stub_batch.py PLACE docker|containers|local IMAGE JOBS
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import autograder
from autograder.batch import Parts, Patience, grade
from autograder.errors import AutograderError
from autograder.intake import find_submissions
from autograder.labs import Lab, find_lab
from autograder.run import collect_evidence, try_room
from autograder.sandbox.bubblewrap import BubblewrapSandbox
from autograder.sandbox.contract import Sandbox
from autograder.sandbox.docker import DockerSandbox
from autograder.sandbox.workers import WorkerSandbox

LAB = "stub"
ROOM = Path(autograder.__file__).with_name("room")
CELLS = 4
WAITS = (1, 2, 2, 5, 10, 20, 60)

_LAB_TOML = """\
title = "stub"
dataset = "stub"
[questions]
q1 = ["part_0"]
[limits]
cell_seconds = 30
wall_seconds = 60
"""

_MAIN = """\
import sys

if sys.argv[1] == "worker":
    from autograder.room import worker

    sys.exit(worker.main(sys.argv[2]))
from autograder.room import stub

stub.run(sys.argv[1])
"""

_STAGE = """\
from autograder.room import stub

def main():
    stub.run({stage!r})
    return 0
"""

_STUB = """\
import io, json, os, sys, tarfile, time
from pathlib import Path

def say(**fields):
    print("@room " + json.dumps(fields), file=sys.stderr, flush=True)

def send(name, data):
    content = json.dumps({"schema": 1, **data}).encode()
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    sys.stdout.buffer.flush()

def run(stage):
    if stage == "models":
        return send("models.json", {"files": []})
    skip = json.loads(os.environ["ROOM_SKIP"])
    notebook = json.loads((Path(os.environ["ROOM_SUBMISSION"]) / "stub.ipynb").read_text())
    seconds = float((Path(os.environ["ROOM_KIT"]) / "seconds").read_text())
    names = {}
    for number, cell in enumerate(notebook["cells"][1:]):
        if skip["cells"].get(str(number)) or (skip["until"] is not None and number >= skip["until"]):
            continue
        say(event="start", cell=number, statements=1, statement=None)
        exec("".join(cell["source"]), names)
        time.sleep(seconds)
    say(event="part", part="names")
    send("names.json", {"parts": [names[name] for name in sorted(names) if name.startswith("part_")]})
    say(event="collected")
"""

_WORKER = ("worker.py", "relay.py", "sweep.py", "forking.py")
"""Modules of the room that are the package's own here too."""
_EMPTY = ("__init__.py", "archive.py", "provisioner.py", "kernel.py")


def _kit(seconds: float) -> dict[str, str]:
    """The files of a kit, by their place in it."""
    room = dict.fromkeys(_EMPTY, "")
    room |= {name: (ROOM / name).read_text(encoding="utf-8") for name in _WORKER}
    room |= {"__main__.py": _MAIN, "stub.py": _STUB, "models_stage.py": _STAGE.format(stage="models")}
    room |= {"driver.py": _STAGE.format(stage="notebook")}
    files = {f"autograder/room/{name}": text for name, text in room.items()}
    return files | {"autograder/__init__.py": "", "seconds": str(seconds / CELLS)}


def write_place(place: Path, submissions: int, seconds: float) -> dict[str, int]:
    """Write a class, its lab, data and hidden tests; returns each submission's score."""
    files = {
        "solutions/stub/lab.toml": _LAB_TOML,
        "solutions/stub/probes.py": "# none\n",
        "hidden/points.txt": "none",
        "data/stub/identity.json": json.dumps({"schema": 1, "identity": "stub"}),
    }
    files |= {f"kit/{name}": text for name, text in _kit(seconds).items()}
    scores = {}
    for number in range(submissions):
        name = f"s{number:03}"
        parts = list(hashlib.sha256(name.encode()).digest()[:CELLS])
        scores[name] = sum(parts)
        files[f"class/{name}/stub.ipynb"] = _notebook(parts)
        files[f"class/{name}/stub.keras"] = "so that there is a first stage"
    for name, text in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return scores


def _notebook(parts: list[int]) -> str:
    sources = ['import otter\ngrader = otter.Notebook("stub.ipynb")']
    sources += [f"part_{number} = {value}" for number, value in enumerate(parts)]
    cells = [
        {"cell_type": "code", "source": text, "metadata": {}, "execution_count": None, "outputs": []}
        for text in sources
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def judge(evidence: Path, lab: Lab, tests: Path, data: Path, destination: Path) -> None:
    """Give as many points as the cells of the notebook came to."""
    parts = json.loads((evidence / "names.json").read_text(encoding="utf-8"))["parts"]
    tests_of = [
        {"name": f"q1 - {number}", "score": part, "max_score": 255} for number, part in enumerate(parts)
    ]
    (destination / "results.json").write_text(json.dumps({"tests": tests_of}), encoding="utf-8")


def main(place: Path, kind: str, image: str, jobs: int) -> int:
    """Grade the class of a place, with exit statuses as those of `autograder grade`."""

    def make_kit(lab: Lab, folder: Path) -> str:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.symlink_to(place / "kit")
        return "stub"

    os.environ["AUTOGRADER_SOLUTIONS"] = str(place / "solutions")
    sandboxes: dict[str, Callable[[], Sandbox]] = {
        "docker": lambda: WorkerSandbox(image),
        "containers": lambda: DockerSandbox(image),
        "local": BubblewrapSandbox,
    }
    sandbox = sandboxes[kind]()
    parts = Parts(
        tests_for=lambda lab: place / "hidden",
        make_kit=make_kit,
        collect=collect_evidence,
        try_room=try_room,
        judge="stub_batch:judge",
    )
    try:
        outcomes = grade(
            find_submissions([place / "class"]),
            find_lab(LAB),
            out=place / "out",
            sandbox=sandbox,
            data=place / "data",
            jobs=jobs,
            patience=Patience(waits=WAITS),
            parts=parts,
        )
    except AutograderError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return 0 if all(outcome.score is not None for outcome in outcomes) else 5


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
