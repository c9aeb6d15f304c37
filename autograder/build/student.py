"""The folder that students get: notebook, library, public tests and a page on how to start."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from autograder.build.assign import Assigned, library
from autograder.build.notebooks import notebook_bytes, with_stable_cells
from autograder.errors import LabProblem
from autograder.labs import Lab, solutions_folder

__all__ = ["assignment_folder", "student_files"]

_OTTER_CELL = "# Initialize Otter\n"
# Otter's own cell names the notebook's file and fails where that is not there: on Colab, or renamed.
_SETUP = """\
# Otter checks your answers. On Google Colab: upload dnnlab.py and the folder tests beside this
# notebook, take the # away from the next line, and run this cell.
# %pip install -q otter-grader=={otter}
import otter

grader = otter.Notebook()"""

_README = """\
# {title}

Everything for this lab is in this folder:

- `{notebook}`: the exercise. Open it in JupyterLab, VS Code or Google Colab and work from top to bottom.
- `dnnlab.py`: the course's small library (data, seeds, plots, saving). Keep it beside the notebook.
- `tests/`: the public checks that `grader.check` runs. Passing them means that an answer can be graded.

Python 3.11 or newer, with these packages:

    pip install "tensorflow>=2.21,<2.22" matplotlib scikit-learn jupyterlab otter-grader=={otter}

The grader has these, and ipywidgets, numpy, pandas, scipy, seaborn, tensorboard and tqdm. A cell that imports
anything else, or a file of your own, does not run there.

On Google Colab, upload `dnnlab.py` and `tests/` beside the notebook and follow the first cell.

The data are downloaded once, by Keras. To use a copy that you have, set `DNNLAB_DATA` to the folder
that holds it before you start Jupyter. Without a connection a small stand-in is used, which says so.

Hand in:

{hand_in}
"""


def assignment_folder(lab: Lab) -> Path:
    """Where the student version of a lab is kept: beside `solutions/`."""
    return solutions_folder().parent / "assignments" / lab.name


def student_files(lab: Lab, assigned: Assigned) -> dict[str, bytes]:
    """All files of the student version, by path in its folder; the same bytes for the same master.

    Raises LabProblem where the master turned off the cell that sets Otter up.
    """
    files = {
        "README.md": _readme(lab).encode(),
        "dnnlab.py": library().read_bytes(),
        lab.notebook_name: notebook_bytes(_student_notebook(lab, assigned.notebook)),
    }
    for test in sorted(assigned.public_tests.glob("*.py")):
        files[f"tests/{test.name}"] = test.read_bytes().rstrip() + b"\n"
    return dict(sorted(files.items()))


def _student_notebook(lab: Lab, path: Path) -> Any:
    import nbformat

    read: Any = nbformat.read
    notebook = read(path, as_version=4)
    setup = [
        cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.startswith(_OTTER_CELL)
    ]
    if len(setup) != 1:
        raise LabProblem(
            f"{len(setup)} cells set Otter up, not one",
            where=str(lab.master),
            hint="put init_cell: true into the assignment's settings",
        )
    setup[0].source = _SETUP.format(otter=version("otter-grader"))
    return with_stable_cells(notebook)


def _readme(lab: Lab) -> str:
    hand_in = [lab.notebook_name]
    for model in lab.models:
        hand_in += [f"{model}.keras", f"{model}.history.json"]
    return _README.format(
        title=lab.title,
        notebook=lab.notebook_name,
        otter=version("otter-grader"),
        hand_in="\n".join(f"- `{name}`" for name in hand_in),
    )
