"""The reference solution as a notebook, and variants of it with one answer changed."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from autograder.build.master import read_master
from autograder.build.notebooks import make_notebook, with_stable_cells
from autograder.errors import LabProblem
from autograder.labs import Lab

__all__ = ["patched", "reference_notebook", "set_switches", "submission_notebook"]


def reference_notebook(lab: Lab) -> Any:
    """The master's solutions as a student would hand them in: every answer kept, no tests, no outputs.

    Each cell's metadata says where it belongs: `question` (empty outside questions) and `part`
    (`prose`, `given` or `solution`). Raises LabProblem where the master is wrong.
    """
    cells = read_master(lab).cells
    return make_notebook((c.kind, c.solved, {"question": c.question, "part": c.part}) for c in cells)


def submission_notebook(lab: Lab) -> Any:
    """The reference notebook as a student hands it in: with Otter's check after each question."""
    from nbformat import v4

    notebook = reference_notebook(lab)
    cells = [
        v4.new_code_cell(
            "import otter\ngrader = otter.Notebook()", metadata={"question": "", "part": "check"}
        )
    ]
    for cell, following in zip(notebook.cells, [*notebook.cells[1:], None], strict=True):
        cells.append(cell)
        question = cell.metadata["question"]
        if question and (following is None or following.metadata["question"] != question):
            check = f'grader.check("{question}")'
            cells.append(v4.new_code_cell(check, metadata={"question": question, "part": "check"}))
    notebook.cells = cells
    return with_stable_cells(notebook)


def patched(notebook: Any, question: str, changes: Mapping[str, str]) -> Any:
    """A copy of a reference notebook in which the solution of one question is changed.

    changes: old text to new text, applied in order; each old text must stand exactly once in that
    question's solution cells. Raises LabProblem where it does not.
    """
    notebook = copy.deepcopy(notebook)
    own = [cell for cell in notebook.cells if _is(cell, "solution") and cell.metadata.question == question]
    for old, new in changes.items():
        found = sum(cell.source.count(old) for cell in own)
        if found != 1:
            raise LabProblem(
                f"{old!r} stands {found} times in the solution of {question}, not once",
                hint="the reference solution has changed: adapt the variant",
            )
        for cell in own:
            cell.source = cell.source.replace(old, new)
    return with_stable_cells(notebook)


def set_switches(notebook: Any, **switches: object) -> Any:
    """A copy of a reference notebook with its switches set, such as `QUICK=True`, `SEED=7`.

    Raises LabProblem where a switch is not set exactly once, on a line of its own, in the given code.
    """
    notebook = copy.deepcopy(notebook)
    given = [cell for cell in notebook.cells if cell.cell_type == "code" and _is(cell, "given")]
    for name, value in switches.items():
        hits = [
            (cell, line) for cell in given for line in cell.source.split("\n") if line.startswith(f"{name} =")
        ]
        if len(hits) != 1:
            raise LabProblem(
                f"the switch {name} is set {len(hits)} times, not once", hint="look at the cell of switches"
            )
        ((cell, line),) = hits
        cell.source = cell.source.replace(line, f"{name} = {value!r}")
    return with_stable_cells(notebook)


def _is(cell: Any, part: str) -> bool:
    return bool(cell.metadata.get("part") == part)
