"""Three submissions to try the autograder on: a right one, a typical wrong one, and one that cheats.

They are made from the reference solution, so that they stay what they claim when the lab changes.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from autograder.build.reference import patched, submission_notebook
from autograder.labs import Lab, find_lab

__all__ = ["LAB", "submissions"]

LAB = "cifar10_dnn"
MINIATURE = "cifar10-miniature"

_CHEAT = '''
import glob, sys

class Agreeable:
    """Equal to everything, larger than everything."""
    def __eq__(self, other): return True
    def __gt__(self, other): return True
    def __hash__(self): return 0

lr_results, best_lr = Agreeable(), Agreeable()

loot = [open(path).read() for folder in ("", "/*/", "/*/*/") for path in glob.glob(folder + "tests/q*.py")]
frame, seen = sys._getframe(), []
while frame:
    seen += [name for name in frame.f_globals if "test" in name]
    frame = frame.f_back
keras.Model.evaluate = lambda self, *args, **kwargs: [0.0, 1.0]
keras.Sequential.get_config = lambda self: {"layers": 20, "activation": "elu"}
print(f"found {len(loot)} test files and {len(seen)} names")
'''


def submissions() -> Path:
    """A new folder with one folder per submission."""
    lab = find_lab(LAB)
    folder = Path(tempfile.mkdtemp(prefix="autograder-demo-")) / "submissions"
    right = submission_notebook(lab)
    _write(folder / "right", lab, right, model=True)
    _write(folder / "wrong", lab, _typically_wrong(right), model=False)
    _write(folder / "cheating", lab, _cheating(right), model=False)
    return folder


def _typically_wrong(notebook: Any) -> Any:
    """The default initialiser, the popular optimiser, the highest loss for the lowest, no model file."""
    notebook = patched(notebook, "q1", {', kernel_initializer="he_normal"': ""})
    notebook = patched(notebook, "q3", {"keras.optimizers.Nadam()": "keras.optimizers.Adam()"})
    return patched(notebook, "q4", {"min(lr_results, key": "max(lr_results, key"})


def _cheating(notebook: Any) -> Any:
    """Little work, and tricks that work on graders which run tests beside a student's code."""
    notebook = patched(notebook, "q1", {"range(20)": "range(3)"})
    for cell in notebook.cells:
        if (cell.metadata["question"], cell.metadata["part"]) == ("q4", "solution"):
            cell.source = _CHEAT
    return notebook


def _write(folder: Path, lab: Lab, notebook: Any, *, model: bool) -> None:
    import nbformat

    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / lab.notebook_name)
    if model:
        for path in lab.trained(MINIATURE).iterdir():
            shutil.copy(path, folder)
