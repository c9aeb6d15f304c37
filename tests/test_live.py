"""Plain Otter grades with the very bundle that the judge uses, by `otter run`.

Two runs of Otter, side by side, on notebooks in quick mode: a few trainings of a second or two each. They
are of the lab whose trainings are the shortest; what is shown here is the same for all.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import attrs
import nbformat
import pytest

import autograder
from autograder import dnnlab, live
from autograder.build import bundle
from autograder.build.reference import patched, set_switches, submission_notebook
from autograder.data import load, prepare
from autograder.errors import LabProblem
from autograder.labs import find_lab

LAB = find_lab("pairwise_pretraining")
SECONDS = 1800
OTTER = "import sys; from otter.cli import cli; sys.exit(cli(sys.argv[1:]))"


def start(folder, notebook):
    """Start `otter run` on a zip of notebook, library and model files, on the miniature."""
    trained = LAB.trained(load(prepare(LAB.dataset, "miniature"), LAB.dataset).identity)
    shutil.copytree(trained, folder / "submission")
    nbformat.write(notebook, folder / "submission" / LAB.notebook_name)
    shutil.copy(dnnlab.__file__, folder / "submission")
    with zipfile.ZipFile(folder / "submission.zip", "w") as archive:
        for path in (folder / "submission").iterdir():
            archive.write(path, path.name)
    (folder / "out").mkdir()
    environment = os.environ | {
        "AUTOGRADER_SOLUTIONS": str(LAB.folder.parent),
        "DNNLAB_DATA": "miniature",
        "PYTHONPATH": str(Path(autograder.__file__).parent.parent),
        "MPLBACKEND": "agg",
    }
    graded_by = bundle.dist_folder(LAB) / "autograder.zip"
    arguments = ["run", "--no-logo", "-a", str(graded_by), "-o", "out", "submission.zip"]
    return subprocess.Popen(
        [sys.executable, "-c", OTTER, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What Otter makes of the reference and of a wrong answer: (score, possible, output) by test."""
    bundle.tests_for(LAB)
    right = set_switches(submission_notebook(LAB), QUICK=True)
    notebooks = {
        "right": right,
        "wrong": patched(right, "q1", {', kernel_initializer="he_normal", name=name': ", name=name"}),
    }
    folders = {name: tmp_path_factory.mktemp(name) for name in notebooks}
    running = {name: start(folders[name], notebook) for name, notebook in notebooks.items()}
    found = {}
    for name, process in running.items():
        said, _ = process.communicate(timeout=SECONDS)
        assert 0 == process.returncode, said
        record = json.loads((folders[name] / "out" / "results.json").read_text(encoding="utf-8"))
        found[name] = {
            test["name"]: (test["score"], test["max_score"], test.get("output", ""))
            for test in record["tests"]
            if test.get("max_score")
        }
    return found


def test_the_reference_gets_full_marks(results):
    """`otter run` with the bundle gives the reference solution all points of every question."""
    marks = {name: (score, possible) for name, (score, possible, _) in results["right"].items()}

    assert {question.name for question in LAB.questions} == set(marks)
    assert 100 == sum(score for score, _ in marks.values())
    assert all(score == possible for score, possible in marks.values())


def test_a_mistake_costs_the_same_as_with_the_judge(results):
    """The default initialiser costs the marks for initialisers, and no other question's."""
    lost = {
        name: possible - score for name, (score, possible, _) in results["wrong"].items() if score < possible
    }

    assert {"q1": 4} == lost
    assert "CheckFailed: In tower A, hidden layer 1 starts from Glorot" in results["wrong"]["q1"][2]


class TestEvidenceOfNotebook:
    """A live notebook as evidence."""

    def test_a_lab_without_marks_says_so_at_once(self, tmp_path, monkeypatch):
        """Without calibration nothing of the notebook is described first: every test would do it again."""
        monkeypatch.setenv("DNNLAB_DATA", "miniature")
        monkeypatch.setattr(live, "find_lab", lambda name: attrs.evolve(LAB, folder=tmp_path))

        with pytest.raises(LabProblem, match="has 0 calibration samples"):
            live.evidence_of_notebook({}, LAB.name)
