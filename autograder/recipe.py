"""The part of a reference notebook that trains, and a name for it: what the samples of a lab depend on."""

from __future__ import annotations

import ast
import hashlib
from typing import Any

from autograder.build.reference import reference_notebook
from autograder.labs import Lab

__all__ = ["recipe_of", "training_notebook"]

_SAVES = "save_training"


def training_notebook(lab: Lab) -> Any:
    """The reference notebook without what training does not need: searches, as the lab says, and plots."""
    notebook = reference_notebook(lab)
    notebook.cells = [
        cell
        for cell in notebook.cells
        if cell.metadata.get("question") not in lab.calibrate_without and not _only_shows(cell)
    ]
    return notebook


def _only_shows(cell: Any) -> bool:
    """Plots take time and need names of cells that were left out."""
    return cell.cell_type == "code" and ("dnnlab.plot_" in cell.source or "dnnlab.show_" in cell.source)


def recipe_of(lab: Lab) -> str:
    """A hash of the code that the saved trainings depend on; comments, docstrings and plots do not count."""
    sources = [cell.source for cell in training_notebook(lab).cells if cell.cell_type == "code"]
    code = "\n".join(ast.dump(_without_docstrings(tree)) for tree in _needed([*map(ast.parse, sources)]))
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def _needed(cells: list[ast.Module]) -> list[ast.Module]:
    """The cells that save a training, and those that define, directly or not, what these use."""
    chosen: list[ast.Module] = []
    wanted: set[str] = set()
    for cell in reversed(cells):
        used, defined = _names(cell)
        if _SAVES in used or defined & wanted:
            chosen.insert(0, cell)
            wanted |= used
    return chosen


def _names(cell: ast.Module) -> tuple[set[str], set[str]]:
    """The names and attributes that a cell uses, and the names that it defines."""
    used, defined = set(), set()
    for node in ast.walk(cell):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name):
                used.add(name)
            case ast.Name(id=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                defined.add(name)
            case ast.alias(name=name, asname=asname):
                defined.add(asname or name.split(".")[0])
    return used, defined


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return tree
