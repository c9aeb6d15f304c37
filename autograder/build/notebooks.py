"""Notebooks as bytes that depend on nothing but their content.

Jupytext and Otter give cells random ids and leave traces of their own in the metadata. What is
committed, or compared with what is committed, goes through here first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

__all__ = ["make_notebook", "notebook_bytes", "with_stable_cells"]

_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
_NOTEBOOK_KEYS = ("otter",)
_CELL_KEYS = ("deletable", "editable", "otter", "tags", "question", "part")


def make_notebook(cells: Iterable[tuple[str, str, dict[str, Any]]]) -> Any:
    """A notebook of cells given as (type, source, metadata), without outputs.

    Ids are made from the content: a cell keeps its own when others are added or removed around it.
    """
    from nbformat import from_dict

    seen: dict[str, int] = {}
    made: list[dict[str, Any]] = []
    build: Any = from_dict
    for kind, source, metadata in cells:
        cell: dict[str, Any] = {"id": _cell_id(f"{kind}\0{source}", seen), "cell_type": kind}
        cell |= {"source": source, "metadata": dict(metadata)}
        made.append(cell | ({"outputs": [], "execution_count": None} if kind == "code" else {}))
    about = {"kernelspec": dict(_KERNEL), "language_info": {"name": "python"}}
    return build({"cells": made, "metadata": about, "nbformat": 4, "nbformat_minor": 5})


def with_stable_cells(notebook: Any) -> Any:
    """A new notebook with the same cells, in which only known metadata is left."""
    clean = make_notebook(
        (cell.cell_type, cell.source, {key: cell.metadata[key] for key in _CELL_KEYS if key in cell.metadata})
        for cell in notebook.cells
    )
    clean.metadata.update({key: notebook.metadata[key] for key in _NOTEBOOK_KEYS if key in notebook.metadata})
    return clean


def notebook_bytes(notebook: Any) -> bytes:
    """The notebook as UTF-8 text in nbformat's own layout, with a line end at its end."""
    import nbformat

    nbformat.validate(notebook)
    writes: Any = nbformat.writes
    return (str(writes(notebook)).rstrip("\n") + "\n").encode()


def _cell_id(content: str, seen: dict[str, int]) -> str:
    """Eight hexadecimal digits, and a number where the same content stands in several cells."""
    stem = hashlib.sha256(content.encode()).hexdigest()[:8]
    seen[stem] = seen.get(stem, 0) + 1
    return stem if seen[stem] == 1 else f"{stem}-{seen[stem]}"
