"""What tests of whole submissions share: the lab, this machine's best data and sandbox, submissions.

A machine without the real data uses the miniature, one without Docker uses bubblewrap; where there is
neither, or where the lab has no marks for the data yet, the tests that need them are skipped and say why.
"""

import os
import shutil
from pathlib import Path

import nbformat
import pytest
from readiness import lacking

from autograder.build.bundle import tests_for
from autograder.build.reference import submission_notebook
from autograder.data import MINIATURE, load, prepare
from autograder.errors import UsageProblem
from autograder.kit import make_kit
from autograder.labs import find_lab
from autograder.run import collect_evidence
from autograder.sandbox.choose import choose

LONGEST = (
    *("test_corpora", "test_attacks", "test_assignments", "test_references", "test_end_to_end"),
    *("test_ta_day", "test_demo", "test_live", "test_gradescope_container", "test_judge", "test_fuzz"),
)
"""Files of tests that take more than a minute, the longest first."""


def pytest_collection_modifyitems(items):
    """The longest files first: where several run at a time, none of them is left alone at the end."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


@pytest.fixture(scope="session")
def lab():
    """The lab that these tests grade."""
    return find_lab("cifar10_dnn")


@pytest.fixture(scope="session")
def source(lab):
    """What to give as `--data`: the real data where DNNLAB_DATA has them, else the miniature.

    Skips where the lab has no marks or no trained models for these data.
    """
    chosen = os.environ.get("DNNLAB_DATA") or MINIATURE
    try:
        folder = prepare(lab.dataset, chosen)
    except UsageProblem:
        chosen, folder = MINIATURE, prepare(lab.dataset, MINIATURE)
    _demand_marks(lab, load(folder, lab.dataset).identity)
    return chosen


@pytest.fixture(scope="session")
def miniature(lab):
    """The prepared miniature. Skips where the lab has no marks for it."""
    folder = prepare(lab.dataset, MINIATURE)
    _demand_marks(lab, load(folder, lab.dataset).identity)
    return folder


def _demand_marks(lab, identity):
    if reason := lacking(lab, identity):
        pytest.skip(reason)


@pytest.fixture(scope="session")
def data(lab, source):
    """The prepared data of `source`."""
    return prepare(lab.dataset, source)


@pytest.fixture(scope="session")
def trained(lab, data):
    """The folder of what the reference solution reached on these data."""
    return lab.trained(load(data, lab.dataset).identity)


@pytest.fixture(scope="session")
def room():
    """The sandbox that a batch would choose here; skips where nothing here isolates."""
    try:
        return choose("auto")
    except UsageProblem as problem:
        pytest.skip(problem.what)


@pytest.fixture(scope="session")
def hidden_tests(lab):
    """The folder of the lab's tests, hidden ones too."""
    return tests_for(lab)


@pytest.fixture(scope="session")
def hand_in(lab, trained):
    """Write a submission: a notebook, and those of the reference's model files that end so."""

    def write(folder, notebook, endings=(".keras", ".history.json")):
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / lab.notebook_name)
        for path in trained.iterdir():
            if path.name.endswith(tuple(endings)):
                shutil.copy(path, folder)
        return folder

    return write


@pytest.fixture(scope="session")
def reference_evidence(lab, data, room, hand_in, tmp_path_factory) -> Path:
    """The evidence of the reference submission, collected once for all tests that only read it."""
    place = tmp_path_factory.mktemp("reference")
    make_kit(lab, place / "kit")
    staged = hand_in(place / "staged", submission_notebook(lab))
    names = {"batch": f"ag-tests-{os.getpid()}", "name": f"ag-tests-{os.getpid()}-reference"}
    collect_evidence(staged, lab, room, data, place / "kit", place / "evidence", **names)
    return place / "evidence"
