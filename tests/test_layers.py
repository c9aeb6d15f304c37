"""The arrows between the parts of the package go one way, and the room knows nothing of the rest."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import autograder
from autograder.kit import make_kit
from autograder.labs import find_lab

PACKAGE = Path(autograder.__file__).parent
JUDGING = ("judge", "checks", "networks", "evidence", "calibration", "signals", "suspicion")
DRIVING = ("batch", "cli", "report", "run", "build", "sandbox", "intake", "corpus", "proof", "calibrate")
DRIVING += ("gradescope",)
ALLOWED = {
    "room": (),
    "networks": ("errors", "labs"),
    "sandbox": ("errors",),
    "evidence": ("errors", "calibration", "signals", "data", "labs", "networks"),
    "checks": ("errors", "evidence", "networks", "data", "labs", "tasks", "signals", "live"),
    "suspicion": ("checks", "evidence"),
    "judge": (
        "errors",
        "evidence",
        "networks",
        "checks",
        "calibration",
        "signals",
        "suspicion",
        "data",
        "labs",
    ),
    "intake": ("errors", "labs"),
}
"""What each part may import of the package, itself aside."""


def imported(folder):
    """The parts of the package that the modules of a part import, by import statements anywhere in them."""
    found = set()
    for path in (PACKAGE / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            found |= {name.split(".")[1] for name in names if name.startswith("autograder.")}
    return found - {folder, "__version__"}


def test_the_room_imports_nothing_of_the_rest():
    """Neither judge nor checks nor anything else of the package is imported by the code beside students."""
    assert set() == imported("room")


@pytest.mark.parametrize("part", ALLOWED)
def test_arrows_go_one_way(part):
    """A part imports only what lies below it."""
    assert set() == imported(part) - set(ALLOWED[part])


def test_the_kit_holds_the_room_alone(tmp_path):
    """What enters a sandbox has no module of the judging or the driving side, and no test."""
    make_kit(find_lab("cifar10_dnn"), tmp_path)
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.py")}

    assert {"autograder/room/kernel.py", "dnnlab.py", "lab_probes.py", "otter/__init__.py"} <= names
    assert [] == [name for name in names if any(f"/{part}" in name for part in (*JUDGING, *DRIVING, "tests"))]


def test_the_room_runs_from_the_kit_alone(tmp_path):
    """With the kit as the only copy of the package, the room's modules import, and nothing else does."""
    make_kit(find_lab("cifar10_dnn"), tmp_path)
    code = (
        "import autograder.room.driver, autograder.room.models_stage, sys\n"
        "import importlib.util as util\n"
        # An editable installation finds the checkout's modules from anywhere, but not from inside a sandbox.
        "sys.meta_path[:] = [one for one in sys.meta_path if 'ditable' not in repr(one)]\n"
        f"print([part for part in {JUDGING + DRIVING!r} if util.find_spec('autograder.' + part)])\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('tensorflow', 'keras')])\n"
    )
    shown = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert ["[]", "[]"] == shown.stdout.splitlines()
