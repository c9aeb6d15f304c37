"""Read a submitted notebook as untrusted JSON and make a clean one of it.

The clean notebook is built from scratch out of cell types, sources and ids, so that nothing else of
what a stranger wrote (outputs, metadata, another kernel's name) travels on.
"""

from __future__ import annotations

import json
import re
import warnings
from typing import Any

import attrs

from autograder.errors import Ungradable
from autograder.intake.names import legible
from autograder.intake.sources import File

__all__ = ["Notebook", "parse", "read_notebook"]

_BYTES = 20 * 10**6
_CELLS = 2_000
_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_AGAIN = "ask the student to open it in Jupyter, save it and submit it again"


@attrs.frozen(kw_only=True)
class Notebook:
    """A notebook that can be run: valid, of format 4.5, for the kernel python3, without outputs."""

    cells: tuple[dict[str, Any], ...]
    declared: tuple[str, ...] = ()
    """The assignments that it says it belongs to, in its metadata and where it calls Otter."""
    notes: tuple[str, ...] = ()

    @property
    def code(self) -> list[str]:
        """The sources of its code cells."""
        return [cell["source"] for cell in self.cells if cell["cell_type"] == "code"]

    def to_bytes(self) -> bytes:
        """The text of the `.ipynb`, the same for the same cells."""
        data = {
            "cells": list(self.cells),
            "metadata": {
                "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                "language_info": {"name": "python"},
            },
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        text = json.dumps(data, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        return text.encode("utf-8", "replace")


def read_notebook(file: File) -> Notebook:
    """The notebook in this file. Raises Ungradable where it is none, or too large."""
    return parse(file.read(_BYTES), where=str(file.path))


def parse(content: bytes, *, where: str) -> Notebook:
    """The notebook of these bytes. Raises Ungradable, naming `where`, for what cannot be one."""
    try:
        data = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        what = "is empty" if not content.strip() else f"is not a notebook: broken JSON ({_brief(error)})"
        raise Ungradable(what, where=where, hint=_AGAIN) from error
    if not isinstance(data, dict) or type(data.get("nbformat")) is not int:
        raise Ungradable("is JSON, but not a notebook", where=where, hint=_AGAIN)
    notes: tuple[str, ...] = ()
    version = data["nbformat"]
    if version < 4:
        data = _upgrade(data, where)
        notes = (f"{where} was in notebook format {version}; it was converted to format 4",)
    elif version > 4:
        raise Ungradable(f"is in notebook format {version}, which is unknown", where=where, hint=_AGAIN)
    cells = _cells(data.get("cells"), where)
    return Notebook(cells=cells, declared=_declared(data, cells), notes=notes)


def _upgrade(data: dict[str, Any], where: str) -> dict[str, Any]:
    import nbformat

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            old = nbformat.from_dict(data)
            upgraded: dict[str, Any] = nbformat.convert(old, 4)
    # The converter trusts its input, so a malformed notebook may raise anything in it.
    except Exception as error:
        raise Ungradable(
            f"is in the old notebook format {data['nbformat']} and cannot be converted ({_brief(error)})",
            where=where,
            hint=_AGAIN,
        ) from error
    return upgraded


def _cells(cells: object, where: str) -> tuple[dict[str, Any], ...]:
    if not isinstance(cells, list):
        raise Ungradable("is not a notebook: it has no list of cells", where=where, hint=_AGAIN)
    if len(cells) > _CELLS:
        raise Ungradable(f"has {len(cells):,} cells, more than {_CELLS:,}", where=where, hint=_AGAIN)
    used: set[str] = set()
    return tuple(_cell(cell, number, used, where) for number, cell in enumerate(cells, start=1))


def _cell(cell: object, number: int, used: set[str], where: str) -> dict[str, Any]:
    if not isinstance(cell, dict) or cell.get("cell_type") not in ("code", "markdown", "raw"):
        raise Ungradable("is not a valid notebook", where=f"{where}, cell {number}", hint=_AGAIN)
    source = cell.get("source")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise Ungradable("has a cell whose source is no text", where=f"{where}, cell {number}", hint=_AGAIN)
    name = cell.get("id")
    if not isinstance(name, str) or not _ID.fullmatch(name) or name in used:
        name = next(new for n in range(_CELLS + 1) if (new := f"cell-{number}-{n}") not in used)
    used.add(name)
    clean = {"cell_type": cell["cell_type"], "id": name, "metadata": {}, "source": source}
    return clean | {"execution_count": None, "outputs": []} if clean["cell_type"] == "code" else clean


def _declared(data: dict[str, Any], cells: tuple[dict[str, Any], ...]) -> tuple[str, ...]:
    metadata = data.get("metadata")
    otter = metadata.get("otter") if isinstance(metadata, dict) else None
    name = otter.get("assignment_name") if isinstance(otter, dict) else None
    found = [name] if isinstance(name, str) else []
    for cell in cells:
        if cell["cell_type"] == "code":
            found += re.findall(r"otter\.Notebook\(\s*[\"']([^\"'\n]{1,100})\.ipynb[\"']", cell["source"])
    return tuple(dict.fromkeys(legible(name)[:100] for name in found))


def _brief(error: BaseException) -> str:
    return legible(str(error).split("\n", 1)[0])[:120] or type(error).__name__
