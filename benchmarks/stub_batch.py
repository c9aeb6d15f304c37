"""A batch over a stub lab, for `kills.py`: all that is killed is real, but a notebook takes seconds.

Intake, sandbox, evidence, judging processes, results and ledger are the package's own. Stubs are the room's
program, which needs no more than Python and sleeps instead of training, and the judge's function, which adds
up what the cells came to. A cell that is left out, as one that ends its own kernel is, costs points.

python benchmarks/stub_batch.py PLACE docker|local IMAGE JOBS
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

from autograder.batch import Parts, Patience, grade
from autograder.errors import AutograderError
from autograder.intake import find_submissions
from autograder.labs import Lab, find_lab
from autograder.run import collect_evidence, try_room
from autograder.sandbox.bubblewrap import BubblewrapSandbox
from autograder.sandbox.contract import Sandbox
from autograder.sandbox.docker import DockerSandbox

LAB = "stub"
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

_ROOM = """\
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

if sys.argv[1] == "models":
    send("models.json", {"files": []})
    sys.exit()
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


def write_place(place: Path, submissions: int, seconds: float) -> dict[str, int]:
    """Write a class, its lab, data and hidden tests; returns each submission's score."""
    files = {
        "solutions/stub/lab.toml": _LAB_TOML,
        "solutions/stub/probes.py": "# none\n",
        "hidden/points.txt": "none",
        "data/stub/identity.json": json.dumps({"schema": 1, "identity": "stub"}),
        "kit/seconds": str(seconds / CELLS),
        "kit/autograder/__init__.py": "",
        "kit/autograder/room/__init__.py": "",
        "kit/autograder/room/__main__.py": _ROOM,
    }
    scores = {}
    for number in range(submissions):
        name = f"s{number:03}"
        parts = list(hashlib.sha256(name.encode()).digest()[:CELLS])
        scores[name] = sum(parts)
        files[f"class/{name}/stub.ipynb"] = _notebook(parts)
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
    sandbox: Sandbox = DockerSandbox(image) if kind == "docker" else BubblewrapSandbox()
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
