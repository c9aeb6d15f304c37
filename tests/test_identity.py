"""A submission is judged anew when anything that its result depends on has changed, and only then."""

import shutil
from pathlib import Path

import pytest
from submissions import make_labs, write

import autograder
from autograder.batch import identity
from autograder.batch.identity import lab_version
from autograder.labs import find_lab


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A lab with all its files, its hidden tests, and a copy of the package's code."""
    solutions = make_labs(tmp_path / "solutions")
    monkeypatch.setenv("AUTOGRADER_SOLUTIONS", str(solutions))
    lab = {"calibration.json": b"{}", "signals.json": b"{}", "trained/cifar10/deep.keras": b"0"}
    write(solutions / "deep", {**lab, "probes.py": b"", "deep.py": b"", "corpus/wrong/a.patch": b""})
    write(tmp_path / "tests", {"q1.py": b""})
    shutil.copytree(Path(autograder.__file__).parent, tmp_path / "autograder")
    monkeypatch.setattr(identity.autograder, "__file__", str(tmp_path / "autograder" / "__init__.py"))
    return tmp_path


def version(place):
    """The lab's version as it stands."""
    return lab_version(find_lab("deep"), place / "tests")


@pytest.mark.parametrize(
    "changed",
    [
        *("tests/q1.py", "solutions/deep/lab.toml", "solutions/deep/probes.py"),
        *("solutions/deep/calibration.json", "solutions/deep/signals.json"),
        *("solutions/deep/trained/cifar10/deep.keras", "autograder/calibration.py", "autograder/samples.py"),
        *("autograder/signals.py", "autograder/tasks.py", "autograder/checks/structure.py"),
        *("autograder/networks/inference.py", "autograder/judge/judging.py", "autograder/evidence/folder.py"),
    ],
)
def test_what_a_result_depends_on(place, changed):
    """Another hidden test, task, mark, sample, reference network or way of judging is another version."""
    before = version(place)
    path = place / changed
    path.write_bytes(path.read_bytes() + b"\n")

    assert before != version(place)


@pytest.mark.parametrize(
    "changed",
    [
        "solutions/deep/deep.py",
        "solutions/deep/corpus/wrong/a.patch",
        "autograder/report.py",
        "autograder/cli.py",
    ],
)
def test_what_no_result_depends_on(place, changed):
    """The master, the corpus, reports and the command line leave results as they are."""
    before = version(place)
    path = place / changed
    path.write_bytes(path.read_bytes() + b"\n")

    assert before == version(place)
