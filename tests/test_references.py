"""Every lab's reference, handed in like a student's: recognised, graded in the sandbox, full marks."""

import os
import shutil

import attrs
import pytest
from readiness import lacking

from autograder.batch import grade
from autograder.build.notebooks import notebook_bytes
from autograder.build.reference import submission_notebook
from autograder.data import MINIATURE, load, prepare
from autograder.errors import UsageProblem
from autograder.intake import Candidate
from autograder.intake.notebooks import parse
from autograder.intake.recognise import likeness
from autograder.labs import find_labs
from autograder.records import Verdict

LABS = {lab.name: lab for lab in find_labs()}


def data_of(lab):
    """The prepared data of a lab: the real ones where this machine has them, else the miniature."""
    try:
        return prepare(lab.dataset, os.environ.get("DNNLAB_DATA") or MINIATURE)
    except UsageProblem:
        return prepare(lab.dataset, MINIATURE)


@pytest.mark.parametrize("name", [name for name in LABS if name != "cifar10_dnn"])
def test_the_reference_gets_full_marks_in_the_sandbox(name, room, tmp_path):
    """The reference notebook with its trained models, as handed in, is graded and loses nothing.

    That of the remaining lab is graded in the same room, on the same data, in `test_end_to_end`.
    """
    lab = LABS[name]
    data = data_of(lab)
    if reason := lacking(lab, load(data, lab.dataset).identity):
        pytest.skip(reason)
    folder = tmp_path / "class" / "reference"
    shutil.copytree(lab.trained(load(data, lab.dataset).identity), folder)
    (folder / lab.notebook_name).write_bytes(notebook_bytes(submission_notebook(lab)))
    candidate = Candidate(name="reference", path=folder)
    (outcome,) = grade([candidate], lab, out=tmp_path / "out", sandbox=room, data=data)

    assert (Verdict.GRADED, "") == (outcome.verdict, outcome.reason)
    assert {} == {one.name: one.score for one in outcome.questions if one.score != one.possible}
    assert 100 == outcome.possible == outcome.score


@pytest.mark.parametrize("name", LABS)
@pytest.mark.parametrize("declared", [True, False], ids=["as handed in", "without its checks"])
def test_a_notebook_is_told_to_its_lab(name, declared):
    """Among all labs, each lab's notebook is known as its own and as no other's, with and without checks."""
    lab, others = LABS[name], [other for other in LABS.values() if other.name != name]
    notebook = submission_notebook(lab)
    if not declared:
        notebook.cells = [cell for cell in notebook.cells if cell.metadata.get("part") != "check"]
    handed_in = parse(notebook_bytes(notebook), where=name)
    if not declared:
        handed_in = attrs.evolve(handed_in, declared=())

    assert likeness(handed_in, lab, LABS.values()).matches
    assert [] == [other.name for other in others if likeness(handed_in, other, LABS.values()).matches]
