"""The labs as students get them: generated from their masters, and working on a student's machine."""

import ast
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
from nbclient import NotebookClient

from autograder.build.command import build_labs
from autograder.build.master import read_master
from autograder.build.reference import reference_notebook, set_switches
from autograder.build.student import assignment_folder
from autograder.labs import find_lab, find_labs

LABS = [lab.name for lab in find_labs()]
ANSWER = "otter_answer_cell"
SIX_RATES, TWO_RATES = "[1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3]", "[3e-4, 1e-3]"
"""Of a search in the reference, the longest of all cells: two rates of it show what six do."""


def student_notebook(lab):
    """The lab's notebook as students get it."""
    return nbformat.read(assignment_folder(lab) / lab.notebook_name, as_version=4)


def run(notebook, lab, folder):
    """Run a notebook in a plain kernel beside the lab's files; returns it with its outputs."""
    shutil.copytree(assignment_folder(lab), folder)
    client = NotebookClient(
        notebook, timeout=1200, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    return client.execute()


def shown(notebook, call):
    """What the cell with this call displayed, as text."""
    (cell,) = (cell for cell in notebook.cells if cell.source == call)
    return "".join(output.data["text/plain"] for output in cell.outputs if "data" in output)


def test_assignments_are_what_the_masters_give():
    """Every committed student version is byte by byte what `autograder build` makes."""
    said = []
    status = build_labs([], check=True, echo=said.append)

    assert (0, [f"{name}: up to date" for name in LABS]) == (status, said)


@pytest.mark.parametrize("name", LABS)
def test_public_tests_are_free_and_plain(name):
    """Public tests carry no points and import nothing: they run on live objects and on evidence alike."""
    for case in read_master(find_lab(name)).cases:
        if not case.hidden:
            nodes = list(ast.walk(ast.parse(case.source)))

            assert (case.name, 0) == (case.name, case.points)
            assert not [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)], case.name


@pytest.mark.parametrize("name", LABS)
def test_the_points_make_a_hundred(name):
    """A lab has 100 points."""
    assert 100 == read_master(find_lab(name)).points


@pytest.mark.parametrize("name", LABS)
def test_reference_defines_what_the_lab_asks_for(name):
    """Each question's solution, or code that is given, defines the names that `lab.toml` promises for it."""
    lab = find_lab(name)
    defined = {question.name: set() for question in lab.questions}
    given = set()
    for cell in reference_notebook(lab).cells:
        if cell.metadata.get("part") in ("solution", "given") and cell.cell_type == "code":
            own = defined[cell.metadata.question] if cell.metadata["part"] == "solution" else given
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.FunctionDef | ast.ClassDef):
                    own.add(node.name)
                elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    own.add(node.id)

    for question in lab.questions:
        assert set() == set(question.defines) - defined[question.name] - given


@pytest.mark.parametrize("name", LABS)
def test_every_solution_has_its_place(name):
    """The student version has one answer cell for each solution cell, and no answer in it."""
    lab = find_lab(name)
    answers = [cell for cell in reference_notebook(lab).cells if cell.metadata.get("part") == "solution"]
    places = [cell for cell in student_notebook(lab).cells if ANSWER in cell.metadata.get("tags", ())]

    assert len([cell for cell in answers if cell.cell_type == "code"]) == len(places)
    assert all("..." in cell.source for cell in places)


def untouched(lab):
    """A lab's notebook as students get it, up to its first check."""
    notebook = student_notebook(lab)
    call = f'grader.check("{lab.questions[0].name}")'
    sources = [cell.source for cell in notebook.cells]
    notebook.cells = notebook.cells[: sources.index(call) + 1]
    return notebook


def solved(lab):
    """A lab's notebook as students get it with the reference's answers in their places, in quick mode."""
    reference = set_switches(reference_notebook(lab), QUICK=True)
    answers = iter(
        cell.source
        for cell in reference.cells
        if cell.metadata.get("part") == "solution" and cell.cell_type == "code"
    )
    notebook = student_notebook(lab)
    for cell in notebook.cells:
        if ANSWER in cell.metadata.get("tags", ()):
            cell.source = next(answers)
        cell.source = cell.source.replace("QUICK = False\n", "QUICK = True\n").replace(SIX_RATES, TWO_RATES)
    return notebook


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """What is asked for by (how it is made, lab) as a future: the notebook after its run, and its folder.

    All of them run on the miniature, as many at a time as there are cores.
    """
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(os.cpu_count()) as pool:
        patch.setenv("DNNLAB_DATA", "miniature")

        def execute(make, name):
            lab = find_lab(name)
            folder = tmp_path_factory.getbasetemp() / f"{make.__name__}-{name}"
            return run(make(lab), lab, folder), folder

        yield {
            (make, name): pool.submit(execute, make, name) for make in (untouched, solved) for name in LABS
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", LABS)
def test_unanswered_notebook_runs_up_to_its_first_check(name, executed):
    """An untouched notebook runs without an error up to the first check, which says what is missing."""
    notebook, _ = executed[untouched, name].result()
    call = f'grader.check("{find_lab(name).questions[0].name}")'

    assert "result" in shown(notebook, call)
    assert "All test cases passed!" not in shown(notebook, call)


@pytest.mark.parametrize("name", LABS)
def test_solved_notebook_passes_its_own_checks(name, executed):
    """With the reference's answers, in quick mode on the miniature, every public check passes.

    The trained models are saved under the names that the lab asks for, with their histories.
    """
    lab = find_lab(name)
    notebook, folder = executed[solved, name].result()

    for question in lab.questions:
        result = shown(notebook, f'grader.check("{question.name}")')
        assert f"{question.name} results: All test cases passed!" == result
    for model in lab.models:
        assert (folder / f"{model}.keras").is_file()
        assert json.loads((folder / f"{model}.history.json").read_text())
