"""The whole way, by the real command: a class handed in, a batch killed and resumed, scores that stay.

One class is graded for all of these tests, as a room takes some twenty seconds: `graded` is what is there
after the batch was killed with some of it done, and run again.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import attrs
import h5py
import numpy as np
import pytest
from nbformat.v4 import new_code_cell

import autograder
from autograder.batch.results import Results
from autograder.build.reference import patched, submission_notebook
from autograder.data import load
from autograder.judge import judge
from autograder.records import Outcome

SECONDS = 1800
Q5 = [
    *("early_stopping", "best_epoch_kept", "history_belongs"),
    *(f"validation_accuracy_{step}" for step in range(1, 6)),
    *(f"test_accuracy_{step}" for step in range(1, 6)),
]
RUNS = {"reference", "no_model", "no_history", "standardised", "wrong_q1", "leaves"}
REFUSED = {"two_notebooks", "empty"}


@attrs.frozen(kw_only=True)
class Graded:
    """A results folder, and what was complete in it when the first run was killed."""

    out: Path
    killed_with: dict[str, str]
    resumed: dict[str, Outcome]


def write_class(folder, lab, data, hand_in):
    """A class: six submissions that run, one way or another, and two that cannot."""
    right = submission_notebook(lab)
    hand_in(folder / "reference", right)
    hand_in(folder / "no_model", right, endings=())
    hand_in(folder / "no_history", right, endings=(".keras",))
    standardise_model(hand_in(folder / "standardised", standardised(right)), lab, data)
    wrong = patched(right, "q1", {', kernel_initializer="he_normal"': ""})
    hand_in(folder / "wrong_q1", wrong)
    hand_in(folder / "leaves", leaving(right))
    (folder / "two_notebooks").mkdir()
    for name in ("reference", "wrong_q1"):
        shutil.copy(folder / name / lab.notebook_name, folder / "two_notebooks" / f"{name}.ipynb")
    zipfile.ZipFile(folder / "empty.zip", "w").close()


def standardised(notebook):
    """The reference with inputs that have mean 0 and deviation 1 in each feature."""
    changes = {
        "def as_unit_interval(images):": "MEAN = train_images[5_000:].mean(axis=0, dtype=np.float32)\n"
        "SPREAD = train_images[5_000:].std(axis=0, dtype=np.float32)\n\n\n"
        "def as_unit_interval(images):",
        'return images.astype("float32") / 255': 'return (images.astype("float32") - MEAN) / SPREAD',
    }
    return patched(notebook, "q2", changes)


def standardise_model(folder, lab, data):
    """Turn the trained network into the one that computes the same from standardised inputs.

    x / 255 = z * spread / 255 + mean / 255, so the first layer's kernel W and bias b become
    spread / 255 * W and b + mean / 255 @ W.
    """
    training = load(data, lab.dataset).x_train[5_000:].reshape(-1, 32 * 32 * 3)
    mean, spread = (statistic(axis=0, dtype=np.float32) / 255 for statistic in (training.mean, training.std))
    path = folder / f"{lab.models[0]}.keras"
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    weights = folder / "weights.h5"
    weights.write_bytes(parts["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        (first,) = (group for group in dense_groups(file) if group["0"].shape[0] == len(mean))
        first["1"][...] = first["1"][...] + mean @ first["0"][...]
        first["0"][...] = first["0"][...] * spread[:, None]
    parts["model.weights.h5"] = weights.read_bytes()
    weights.unlink()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def dense_groups(file):
    """The groups of a weights file that hold a kernel and a bias."""
    found = []
    file.visititems(lambda name, item: found.append(item) if name.endswith("/vars") and "1" in item else None)
    return found


def leaving(notebook):
    """The reference with a cell ahead that ends its own kernel."""
    notebook = patched(notebook, "q1", {})
    notebook.cells.insert(0, new_code_cell("import os\n\nos._exit(0)"))
    return notebook


def command(*arguments):
    """The command line of the autograder, and the environment to run it in."""
    environment = os.environ | {"PYTHONPATH": str(Path(autograder.__file__).parent.parent)}
    return {
        "args": [sys.executable, "-m", "autograder.cli", *map(str, arguments)],
        "env": environment,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
    }


def outcomes_in(out):
    """The text of every `outcome.json`, by submission."""
    return {path.parent.name: path.read_text(encoding="utf-8") for path in out.glob("*/outcome.json")}


def told(process):
    """What a run with `--json` says, by submission; fails with its last words where it failed."""
    assert 0 == process.returncode, process.stderr
    return {one["submission"]: Outcome.from_json(json.dumps(one)) for one in json.loads(process.stdout)}


def kill_when_one_is_graded(arguments, out):
    """Start a batch and kill it, and nothing else of it, as soon as one submission has a score."""
    process = subprocess.Popen(**command(*arguments))
    try:
        until = time.monotonic() + SECONDS
        while not any(json.loads(text)["score"] is not None for text in outcomes_in(out).values()):
            assert process.poll() is None and time.monotonic() < until, process.communicate()
            time.sleep(0.1)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def graded(lab, source, data, room, hand_in, tmp_path_factory):
    """The class, graded by a batch that was killed and a second one that went on."""
    place = tmp_path_factory.mktemp("class")
    write_class(place / "submissions", lab, data, hand_in)
    out = place / "out"
    kind = "docker" if room.name == "docker" else "local"
    arguments = ["grade", place / "submissions", "--lab", lab.name, "--out", out, "--jobs", 2]
    arguments += ["--sandbox", kind, "--data", source, "--json"]
    kill_when_one_is_graded(arguments, out)
    before = outcomes_in(out)
    second = subprocess.run(**command(*arguments), timeout=SECONDS)
    return Graded(out=out, killed_with=before, resumed=told(second))


def lost(graded, name):
    """The tests that a submission lost points in, without `test_`, by question."""
    lines = (graded.out / name / "tests.jsonl").read_text(encoding="utf-8").splitlines()
    found = {}
    for record in map(json.loads, lines):
        if record["score"] < record["possible"]:
            found.setdefault(record["question"], []).append(record["test"].removeprefix("test_"))
    return found


class TestKilledAndResumed:
    """A batch that is killed is gone on with, not begun anew."""

    def test_the_kill_came_halfway(self, graded):
        """When the first run was killed one submission at least had a score, and not all were done."""
        scores = [json.loads(text)["score"] for text in graded.killed_with.values()]

        assert any(score is not None for score in scores)
        assert RUNS - set(graded.killed_with)

    def test_everyone_has_a_result(self, graded):
        """After the second run each submission has its outcome, and each that can be graded a score."""
        verdicts = {name: outcome.verdict.value for name, outcome in graded.resumed.items()}

        assert dict.fromkeys(RUNS, "graded") | dict.fromkeys(REFUSED, "ungradable") == verdicts

    def test_nothing_is_done_twice(self, graded):
        """What the killed run had completed is untouched, to the byte and to the time it started."""
        after = outcomes_in(graded.out)

        assert graded.killed_with == {name: after[name] for name in graded.killed_with}

    def test_nothing_is_left_over(self, graded, room):
        """No job of the batch runs any more, and the results folder holds results only."""
        batch = Results(root=graded.out.resolve(), work=graded.out).batch
        names = {path.name for path in graded.out.iterdir()}

        assert 0 == room.sweep(batch)
        assert RUNS | REFUSED | {".ledger.sqlite", ".lock", "grades.csv", "suspicions.json"} == names

    def test_refusals_say_why(self, graded):
        """A submission that cannot be graded has a reason and no score."""
        reasons = {name: graded.resumed[name].reason for name in REFUSED}

        assert "the zip is empty" == reasons["empty"]
        assert reasons["two_notebooks"].startswith("there are 2 notebooks")
        assert [None, None] == [graded.resumed[name].score for name in REFUSED]


class TestScores:
    """What each submission of the class gets."""

    def test_the_reference_gets_full_marks(self, graded):
        """The reference solution gets all of the points there are."""
        assert {} == lost(graded, "reference")
        assert (100, 100) == (graded.resumed["reference"].score, graded.resumed["reference"].possible)

    @pytest.mark.docker
    @pytest.mark.real_data
    def test_the_reference_gets_full_marks_in_docker_on_the_real_data(self, graded):
        """Full marks in a container and on CIFAR-10 itself, not on a stand-in for either."""
        outcome = graded.resumed["reference"]
        if outcome.sandbox != "docker":
            pytest.skip(f"there is no Docker here; the class was graded with {outcome.sandbox}")
        if outcome.data != "cifar10":
            pytest.skip(f"DNNLAB_DATA does not name the real data; the class was graded on {outcome.data}")

        assert (100, 100) == (outcome.score, outcome.possible)

    def test_without_the_model_file_what_training_reached_is_lost(self, graded):
        """Without model and history q5 keeps its marks for how training was set up, and loses the others."""
        assert {"q5": Q5[2:]} == lost(graded, "no_model")

    def test_without_the_history_file_the_curve_is_lost(self, graded):
        """Without the history nothing is lost but the mark for it belonging to the network."""
        assert {"q5": ["history_belongs"]} == lost(graded, "no_history")

    def test_standardised_inputs_count_the_same(self, graded):
        """Inputs standardised per feature, with a network trained for them, get full marks."""
        assert {} == lost(graded, "standardised")

    def test_a_mistake_costs_its_own_question(self, graded):
        """The default initialiser costs the mark for initialisers and no other."""
        assert {"q1": ["initialisers"]} == lost(graded, "wrong_q1")

    def test_a_cell_that_ends_the_kernel_costs_nothing_else(self, graded):
        """The rest of a notebook whose first cell ends its own kernel is graded, and the student is told."""
        record = json.loads((graded.out / "leaves" / "results.json").read_text(encoding="utf-8"))

        assert {} == lost(graded, "leaves")
        assert "Code cell 1 of your notebook ended its own kernel" in record["output"]


class TestSuspicions:
    """What the batch tells a person to look at."""

    def test_who_shares_a_network_is_told(self, graded):
        """Four handed in one file: they are named together, with why that may be honest."""
        record = json.loads((graded.out / "suspicions.json").read_text(encoding="utf-8"))
        (alike,) = (one for one in record["suspicions"] if one["kind"] == "alike")

        assert ["leaves", "no_history", "reference", "wrong_q1"] == alike["submissions"]
        assert "The notebooks set the same seed" in alike["text"]


class TestSameScores:
    """A submission's score doesn't depend on when, how often or after what it is graded."""

    def test_graded_ten_times(self, graded, reference_evidence, lab, data, hidden_tests, tmp_path):
        """Two rooms and ten judgements of their evidence, five each, give one and the same result.

        A room takes twenty seconds, a judgement half of one: that is why there are not ten rooms.
        """
        folders = [graded.out / "reference" / "evidence", reference_evidence] * 5
        found = set()
        for number, evidence in enumerate(folders):
            place = tmp_path / str(number)
            judge(evidence=evidence, lab=lab, tests=hidden_tests, data=data, destination=place)
            found.add((place / "results.json").read_text(encoding="utf-8"))

        assert 1 == len(found)
        assert 100 == json.loads(found.pop())["score"]

    def test_rejudging_gives_the_same_and_runs_nothing(self, graded, source):
        """`rejudge` gives every score again, on a machine that has no sandbox at all."""
        evidence = {path: path.stat().st_mtime_ns for path in graded.out.glob("*/evidence/*")}
        nowhere = command("rejudge", graded.out, "--data", source, "--jobs", 2, "--json")
        nowhere["env"] |= {"PATH": "/nowhere", "DOCKER_HOST": "unix:///nowhere"}
        again = told(subprocess.run(**nowhere, timeout=SECONDS))

        assert {name: (one.score, one.questions) for name, one in graded.resumed.items()} == {
            name: (one.score, one.questions) for name, one in again.items()
        }
        assert evidence == {path: path.stat().st_mtime_ns for path in evidence}
