"""Make submissions that attack: honest or wrong work of `cifar10_dnn`, with cells put into it."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import attrs
import nbformat

from autograder.build.reference import patched, submission_notebook

__all__ = ["Attack", "attack_cell", "attacked", "honest", "short", "words_of", "write_submission", "wrong"]

CELLS = Path(__file__).with_name("cells")
RATES = "[1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3]"


@attrs.frozen(kw_only=True)
class Attack:
    """A cell of `cells/`, and where it stands: "first", "last", after the check of "q1", ..., or elsewhere.

    "inside q1" is in the cell that defines `build_dnn`, after it; "called" is within that function.
    """

    name: str
    place: str
    settings: tuple[tuple[str, object], ...] = ()
    """Names in the cell that the test fills in."""


def honest(lab: Any) -> Any:
    """The reference solution with five rates in place of six, and without its plots."""
    notebook = patched(submission_notebook(lab), "q4", {RATES: "[1e-5, 1e-4, 3e-4, 1e-3, 3e-3]"})
    return _without(notebook, "plot_", "show_images", "evaluate(")


def wrong(lab: Any) -> Any:
    """Five layers, validation from the wrong end, Adam, and no search for a rate."""
    notebook = patched(honest(lab), "q1", {"range(20)": "range(5)"})
    cuts = {"train_images[:5_000]": "train_images[-5_000:]", "train_labels[:5_000]": "train_labels[-5_000:]"}
    cuts |= {"train_images[5_000:]": "train_images[:-5_000]", "train_labels[5_000:]": "train_labels[:-5_000]"}
    notebook = patched(notebook, "q2", cuts)
    notebook = patched(notebook, "q3", {"optimizers.Nadam": "optimizers.Adam"})
    return _without(notebook, "lr_results")


def short(lab: Any) -> Any:
    """The first three questions, answered right: each of their cells takes a second or two."""
    return _without(honest(lab), "lr_results", "max_epochs", "history", 'check("q4")', 'check("q5")')


def _without(notebook: Any, *texts: str) -> Any:
    kept = [cell for cell in notebook.cells if not any(text in cell.source for text in texts)]
    notebook = copy.deepcopy(notebook)
    notebook.cells = [cell for cell in copy.deepcopy(kept) if cell.cell_type == "code"]
    return notebook


def attack_cell(attack: Attack) -> str:
    """The text of an attack's cell."""
    source = (CELLS / f"{attack.name}.py").read_text(encoding="utf-8").rstrip()
    for name, value in attack.settings:
        source = source.replace(name, repr(value))
    return source


def attacked(notebook: Any, *attacks: Attack) -> Any:
    """A copy of a notebook with these attacks in their places; several in one place stay in order."""
    notebook = copy.deepcopy(notebook)
    firsts = [attack for attack in attacks if attack.place == "first"]
    for attack in (*reversed(firsts), *(one for one in attacks if one.place != "first")):
        _put(notebook, attack)
    return notebook


def _put(notebook: Any, attack: Attack) -> None:
    source = attack_cell(attack)
    if attack.place in ("inside q1", "called"):
        (cell,) = [cell for cell in notebook.cells if "def build_dnn" in cell.source]
        if attack.place == "called":
            inner = "\n".join(f"    {line}" for line in source.split("\n"))
            cell.source = cell.source.replace("    return network", f"{inner}\n    return network")
        else:
            cell.source += f"\n\n\n{source}"
        return
    cell = nbformat.v4.new_code_cell(source)
    places = {"first": 0, "last": len(notebook.cells)}
    notebook.cells.insert(places[attack.place] if attack.place in places else _after(notebook, attack), cell)


def _after(notebook: Any, attack: Attack) -> int:
    check = f'grader.check("{attack.place}")'
    (at,) = [at for at, cell in enumerate(notebook.cells) if cell.source == check]
    after = at + 1
    while after < len(notebook.cells) and attack.place == notebook.cells[after].metadata.get("after"):
        after += 1
    return after


def words_of(tests: Path, *others: str) -> tuple[tuple[str, ...], ...]:
    """What hidden tests say, and these other texts, each cut in pieces."""
    import ast

    words = list(others)
    for path in tests.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and "evidence_of" in ast.unparse(node):
                words += [f"def {node.name}(env)", ast.unparse(node.body[-1])]
            if isinstance(node, ast.keyword) and node.arg in ("success_message", "failure_message"):
                words += [str(ast.literal_eval(node.value) or "")]
    cut = [word.split("\n")[0] for word in dict.fromkeys(words) if len(word) > 12]
    return tuple(tuple(word[at : at + 7] for at in range(0, len(word), 7)) for word in cut)


def write_submission(folder: Path, lab: Any, notebook: Any) -> Path:
    """A folder with the notebook and the reference's model files for the miniature."""
    folder.mkdir(parents=True)
    for path in lab.trained("cifar10-miniature").iterdir():
        shutil.copy(path, folder)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    (folder / lab.notebook_name).write_text(json.dumps(notebook), encoding="utf-8")
    return folder
