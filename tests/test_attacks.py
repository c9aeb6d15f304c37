"""Notebooks that attack the room: what they score is what their honest work is worth.

Most attacks share one notebook, as they do not hinder each other: once around honest work, which must keep
full marks, and once around wrong work, which must score what it scores without them. Those that end or starve
the kernel or its driver have notebooks of their own, short ones.
"""

import ast
import json
import socket

import attrs
import pytest
from attacks.making import Attack, attacked, honest, short, words_of, write_submission, wrong
from sandbox_jobs import DOCKER, make_sandbox

from autograder import batch, run
from autograder.build import bundle
from autograder.calibration import read_calibration
from autograder.data import prepare
from autograder.intake import find_submissions
from autograder.labs import find_lab
from autograder.records import Verdict

LAB = "cifar10_dnn"
MISSING = "lr_results[learning_rate] = min(trial"
"""Of the reference solution, in a question that the wrong work leaves out."""
SAMPLE = {"epochs": 20, "first_epoch": 0.25, "seconds": 20.0, "validation_loss": 1.40123}


@attrs.frozen(kw_only=True)
class Graded:
    """One submission's outcome: the score of each question, and what its cells printed."""

    outcome: object
    folder: object

    @property
    def scores(self):
        """Points by question."""
        assert self.outcome.verdict is Verdict.GRADED, self.outcome.reason
        return {question.name: question.score for question in self.outcome.questions}

    @property
    def printed(self):
        """What each code cell that begins an attack printed, by the attack's own words."""
        notebook = json.loads((self.folder / "executed.ipynb").read_text(encoding="utf-8"))
        outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
        text = "".join("".join(output.get("text", "")) for output in outputs)
        return [line for line in text.split("\n") if line.startswith("attack ran")]

    @property
    def run(self):
        """The record of the attempts at this notebook."""
        return json.loads((self.folder / "evidence" / "run.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The lab with marks for the miniature that its trained models reach, in a folder of its own."""
    own, original = tmp_path_factory.mktemp("solutions"), find_lab(LAB)
    folder = own / LAB
    folder.mkdir()
    for path in (original.master, original.folder / "lab.toml", original.probes, original.folder / "trained"):
        (folder / path.name).symlink_to(path)
    samples = [SAMPLE | {"seed": seed, "validation": 0.5 + seed / 1000, "test": 0.5} for seed in range(12)]
    marks = {model: {"cifar10-miniature": {"samples": samples}} for model in original.models}
    (folder / "calibration.json").write_text(json.dumps(marks), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOGRADER_SOLUTIONS", str(own))
        patch.setenv("AUTOGRADER_DIST", str(own / "dist"))
        yield find_lab(LAB)


@pytest.fixture(scope="module")
def data(lab):
    """The miniature."""
    return prepare(lab.dataset, "miniature")


def grade(place, lab, data, sandbox, notebooks, jobs=2):
    """Grade notebooks by name, each with the reference's model files."""
    for name, notebook in notebooks.items():
        write_submission(place / "submissions" / name, lab, notebook)
    candidates = find_submissions([place / "submissions"])
    out = place / "out"
    outcomes = batch.grade(candidates, lab, out=out, sandbox=sandbox, data=data, jobs=jobs, retries=0)
    return {one.submission: Graded(outcome=one, folder=out / one.submission) for one in outcomes}


# ---------------------------------------------------------------------------------------- patching and prying

PRYING = (
    *("frames", "streams", "driver_memory", "forged_parts", "network", "environment"),
    *("hooks", "equal_to_everything", "objects", "instances"),
    *("search", "leftovers", "daemons", "prompts", "widgets", "messages", "afterwards"),
    *("evaluate", "otter", "get_config", "functions", "room_functions", "saving", "shell"),
)
PLACES = dict.fromkeys(PRYING[:6], "first") | dict.fromkeys(PRYING[6:9], "q1") | {"instances": "q3"}


def prying(lab, port, *solutions):
    """All attacks that leave the kernel alive, in their places. solutions: what else must not be found."""
    marks = read_calibration(lab.calibration, LAB, "cifar10-miniature")
    words = words_of(
        bundle.tests_for(lab), f"{SAMPLE['validation_loss']}", f"{marks.full('validation')}", *solutions
    )
    settings = {"search": (("WORDS", words), ("SECONDS", 90)), "network": (("PORT", port),)}
    return [
        Attack(name=name, place=PLACES.get(name, "last"), settings=settings.get(name, ())) for name in PRYING
    ]


@pytest.fixture(scope="module", params=["bubblewrap", DOCKER])
def pried(request, lab, data, tmp_path_factory):
    """Honest and wrong work under attack, wrong work without, and whether anyone called the host."""
    sandbox = make_sandbox(request.param)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        notebooks = {
            "honest": attacked(honest(lab), *prying(lab, port)),
            "wrong": attacked(wrong(lab), *prying(lab, port, MISSING)),
            "wrong-alone": wrong(lab),
        }
        graded = grade(tmp_path_factory.mktemp("pried"), lab, data, sandbox, notebooks)
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.accept()
    return graded


def test_honest_work_keeps_full_marks(pried):
    """Around work that is right, no attack costs a point."""
    assert {"q1": 20, "q2": 15, "q3": 15, "q4": 15, "q5": 35} == pried["honest"].scores


def test_wrong_work_gains_nothing(pried):
    """Around work that is wrong, no attack changes the score of any question."""
    assert pried["wrong-alone"].scores == pried["wrong"].scores
    assert {"q1": 15, "q2": 11, "q3": 10, "q4": 0, "q5": 35} == pried["wrong"].scores


@pytest.mark.parametrize("which", ["honest", "wrong"])
def test_every_attack_was_made(pried, which):
    """No attack stopped short of its last line."""
    assert len(PRYING) == len(pried[which].printed)
    assert 1 == len(pried[which].run["attempts"])


@pytest.mark.parametrize("which", ["honest", "wrong"])
def test_no_hidden_test_and_no_expected_value_can_be_found(pried, which):
    """A search of all files, processes, modules and objects finds no word of tests, marks or the solution."""
    (line,) = [line for line in pried[which].printed if "'found'" in line]
    found = ast.literal_eval(line.removeprefix("attack ran "))

    assert ([], False) == (found["found"], found["late"])
    assert found["seen"] > 50


@pytest.mark.parametrize("which", ["honest", "wrong"])
def test_nothing_outside_the_kernel_can_be_reached(pried, which):
    """The driver's memory and streams, read-only folders, links, the host and the network are closed."""
    lines = [line for line in pried[which].printed if "[" in line and "found" not in line]

    assert ["attack ran []"] * 7 == lines


# --------------------------------------------------------------------------------------- killing and starving

WORTH = {"q1": 20, "q2": 15, "q3": 15, "q4": 0, "q5": 35}
"""The short notebook: no search for a rate, no training, but the files of one."""
KILLING = {
    "exits": [Attack(name="exit_at_once", place="first"), Attack(name="exit_at_once", place="inside q1")],
    "ends": [
        Attack(name="system_exit", place="first"),
        Attack(name="quits", place="q1"),
        Attack(name="kill_driver", place="q2"),
    ],
    "garbled": [Attack(name="garbled", place="q1")],
    "probed": [Attack(name="exit_when_probed", place="called")],
    "described": [Attack(name="exit_when_described", place="last")],
    "endless": [Attack(name="never_ends", place="q1")],
    # By its name it is the first to begin: all that it does is to wait for its limit.
    "a-stopped-driver": [Attack(name="stop_driver", place="q1")],
    "hogs": [
        Attack(name="memory", place="first"),
        Attack(name="flood", place="q1"),
        Attack(name="disk", place="q2"),
        Attack(name="forks", place="q3"),
    ],
}


@pytest.fixture(scope="module", params=["bubblewrap", DOCKER])
def killed(request, lab, data, tmp_path_factory):
    """Short honest work with what ends or starves its kernel, and without."""
    sandbox = make_sandbox(request.param)
    quick = attrs.evolve(lab, cell_seconds=45, wall_seconds=120)
    # Containers behave like bubblewrap here but for who counts: one run of each kind will do.
    names = ("ends", "probed", "described", "hogs") if sandbox.name == "docker" else tuple(KILLING)
    notebooks = {name: attacked(short(lab), *KILLING[name]) for name in names} | {"alone": short(lab)}
    marks = read_calibration(lab.calibration, LAB, "cifar10-miniature")
    secrets = (f"{SAMPLE['validation_loss']}", f"{marks.full('validation')}", MISSING)
    # A tenth of the words, as what a dead kernel leaves lies in whole files: all of them are for the living.
    words = (*words_of(bundle.tests_for(lab))[::10], *(tuple(secret) for secret in secrets))
    search = Attack(name="search", place="last", settings=(("WORDS", words), ("SECONDS", 40)))
    notebooks = {name: attacked(notebook, search) for name, notebook in notebooks.items()}
    unchecked = notebooks["described"]
    unchecked.cells = [cell for cell in unchecked.cells if "grader.check" not in cell.source]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "START_SECONDS", 20.0)
        return grade(tmp_path_factory.mktemp("killed"), quick, data, sandbox, notebooks, jobs=3)


def test_what_was_done_beside_a_killer_counts(killed):
    """Ending the kernel or its driver, never ending, and taking all there is cost nothing but time."""
    harmless = {name: graded.scores for name, graded in killed.items() if name not in ("probed", "described")}

    assert dict.fromkeys(harmless, WORTH) == harmless


def test_a_function_that_ends_the_kernel_costs_its_own_question(killed):
    """What ends the kernel when it is tried out loses that question, and no other."""
    assert WORTH | {"q1": 0} == killed["probed"].scores


def test_an_object_that_ends_the_kernel_costs_its_own_question(killed):
    """What ends the kernel when it is described loses that question, and no other."""
    assert WORTH | {"q3": 0} == killed["described"].scores


def test_a_killer_finds_nothing_either(killed):
    """Whatever ended or starved a kernel, no word of tests, marks or the solution can be read afterwards."""
    for graded in killed.values():
        (line,) = [line for line in graded.printed if "'found'" in line]
        found = ast.literal_eval(line.removeprefix("attack ran "))

        assert ([], False) == (found["found"], found["late"])
        assert found["seen"] > 50


def test_hogs_have_had_their_fill(killed):
    """3 GB of memory, 200 processes, a full disk and a flood of output were had, in one attempt."""
    hogs = killed["hogs"]
    memory, disk, forks = [int(line.split()[-1]) for line in hogs.printed if "'found'" not in line]
    cells = json.loads((hogs.folder / "evidence" / "cells.json").read_text(encoding="utf-8"))["cells"]

    assert (30, 200) == (memory, forks)
    assert disk > 1000
    assert 1 == len([cell for cell in cells if cell.get("output_cut")])
    assert 1 == len(hogs.run["attempts"])
