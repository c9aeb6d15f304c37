"""The entries of a lab's corpus: each is the reference submission with something changed.

    solutions/<lab>/corpus/correct/<name>.toml
    solutions/<lab>/corpus/wrong/<name>.toml
    solutions/<lab>/corpus/models.py            recipes of model files
    solutions/<lab>/corpus/every_run.txt        the entries that every run of the tests grades, by name

An entry:

    about = "one line: what it is, or the misconception"
    fails = ["q3"]                 # wrong entries only: the one question that loses points
    models = "reference"           # the model files: "reference", "no-history", "none" or a recipe's name
    checks = true                  # whether the notebook calls grader.check
    rests_on = []                  # further questions that others in its notebook must not change, as its own
                                   #   answer builds on the reference's answers to them; "models" for files
    alone = false                  # whether it never shares a notebook with others: what it does is seen in
                                   #   the answers to other questions, too, though it costs nothing there

    [[change]]                     # any number, applied in order
    question = "q1"                # "" for cells outside of questions
    cell = "solution"              # or "given", "check"
    old = "..."                    # a text that stands exactly once in those cells,
    new = "..."                    #   and what replaces it; or
    whole = "..."                  # the new source of those cells, all of them together; or
    add = "..."                    # a new code cell behind the last of those cells

    [told]                         # wrong entries only, written by `autograder corpus --tell`:
    "q1 - hidden layers" = "..."   # what a student is told by each test that fails it, on the miniature
"""

from __future__ import annotations

import copy
import functools
import json
import shutil
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs

from autograder.corpus.models import NONE, REFERENCE
from autograder.errors import LabProblem
from autograder.labs import Lab

__all__ = [
    "MODELS",
    "Change",
    "Entry",
    "chosen",
    "named",
    "read_corpus",
    "read_every_run",
    "write_submission",
    "write_told",
]

MODELS = "models"
"""What an entry rests on that needs the reference's model files."""
_CELLS = ("solution", "given", "check")


@attrs.frozen(kw_only=True)
class Change:
    """One change of the reference notebook; exactly one of `old`, `whole` and `add` is given."""

    question: str
    cell: str = attrs.field(default="solution", validator=attrs.validators.in_(_CELLS))
    old: str | None = None
    new: str | None = None
    whole: str | None = None
    add: str | None = None

    def __attrs_post_init__(self) -> None:
        if (self.old is None) != (self.new is None):
            raise ValueError("`old` and `new` go together")
        if sum(way is not None for way in (self.old, self.whole, self.add)) != 1:
            raise ValueError("a change has one of `old`, `whole` and `add`")


@attrs.frozen(kw_only=True)
class Entry:
    """One answer of the corpus."""

    name: str
    about: str
    correct: bool
    fails: tuple[str, ...] = ()
    models: str = REFERENCE
    checks: bool = True
    rests_on: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    alone: bool = False
    changes: tuple[Change, ...] = ()
    told: dict[str, str] = attrs.field(factory=dict)

    @functools.cached_property
    def touches(self) -> frozenset[str]:
        """What questions it changes or builds on, and MODELS where it brings files of its own."""
        own = {change.question for change in self.changes} | {*self.fails, *self.rests_on}
        return frozenset(own | ({MODELS} if self.models != REFERENCE else set()))


def read_corpus(lab: Lab) -> tuple[Entry, ...]:
    """All entries of a lab, the right ones first, each kind by name.

    Raises LabProblem for an entry that is not as described above, and for two of one name.
    """
    folder = lab.folder / "corpus"
    entries = [
        _read(path, lab, correct=kind == "correct")
        for kind in ("correct", "wrong")
        for path in sorted((folder / kind).glob("*.toml"))
    ]
    names = [entry.name for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise LabProblem(f"two entries are named {twice[0]}", where=str(folder), hint="rename one of them")
    return tuple(entries)


def read_every_run(lab: Lab) -> tuple[Entry, ...]:
    """The entries that every run of the tests grades: those on the lab's list, or all if it has none.

    Raises LabProblem for a name on the list that no entry has.
    """
    path, entries = lab.folder / "corpus" / "every_run.txt", read_corpus(lab)
    if not path.exists():
        return entries
    return chosen(entries, path.read_text(encoding="utf-8").split(), where=str(path))


def chosen(entries: tuple[Entry, ...], names: Iterable[str], *, where: str) -> tuple[Entry, ...]:
    """The entries of these names. Raises LabProblem for a name that no entry has."""
    wanted = set(names)
    unknown = sorted(wanted - {entry.name for entry in entries})
    if unknown:
        raise LabProblem(f"no entry is named {unknown[0]}", where=where, hint="mend the name")
    return named(entries, wanted)


def named(entries: tuple[Entry, ...], names: set[str]) -> tuple[Entry, ...]:
    """Those of the entries that have these names, in their order."""
    return tuple(entry for entry in entries if entry.name in names)


def _read(path: Path, lab: Lab, *, correct: bool) -> Entry:
    try:
        record: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        changes = tuple(Change(**change) for change in record.pop("change", ()))
        fails = tuple(record.pop("fails", ()))
        entry = Entry(name=path.stem, correct=correct, fails=fails, changes=changes, **record)
        known = {one.name for one in lab.questions}
        if len(fails) != (0 if correct else 1) or not set(fails) <= known:
            raise ValueError("a wrong entry fails exactly one question, a right one none")
        if not set(entry.rests_on) <= known | {MODELS}:
            raise ValueError("it rests on a question that the lab does not have")
    except (OSError, TypeError, ValueError) as error:
        raise LabProblem(
            f"this entry cannot be used: {error}", where=str(path), hint="compare it with another entry"
        ) from error
    return entry


def write_told(lab: Lab, entry: Entry, told: dict[str, str]) -> None:
    """Put what a student is told into the entry's file, in place of what stands there."""
    path = lab.folder / "corpus" / ("correct" if entry.correct else "wrong") / f"{entry.name}.toml"
    rest = path.read_text(encoding="utf-8").partition("\n[told]\n")[0].rstrip()
    lines = [f"{_quoted(test)} = {_quoted(message)}" for test, message in told.items()]
    text = "\n".join([rest, "", "[told]", *lines, ""]) if told else f"{rest}\n"
    path.write_text(text, encoding="utf-8")


def _quoted(text: str) -> str:
    """A TOML string: over several lines where it has some and that is possible."""
    if "\n" in text and "'''" not in text and text.replace("\n", "").isprintable():
        return f"'''\n{text}'''"
    return json.dumps(text, ensure_ascii=False)


def write_submission(entry: Entry, lab: Lab, folder: Path, models: Path, reference: Any = None) -> None:
    """Write what a student with this answer would hand in, into a new folder.

    models: a folder with a folder of model files for each recipe, as `make_models` returns it.
    reference: what `submission_notebook` makes of the lab, for many entries; left as it is.
    Raises LabProblem where the reference solution has no place for a change of this entry.
    """
    from autograder.build.notebooks import notebook_bytes, with_stable_cells
    from autograder.build.reference import submission_notebook

    notebook = copy.deepcopy(reference) if reference else submission_notebook(lab)
    for change in entry.changes:
        try:
            _apply(notebook, change)
        except ValueError as error:
            raise LabProblem(
                f"{error} in {change.question or 'the cells outside of questions'}",
                where=f"corpus entry {entry.name}",
                hint="the reference solution has changed: adapt the entry",
            ) from error
    if not entry.checks:
        notebook.cells = [cell for cell in notebook.cells if cell.metadata.get("part") != "check"]
    folder.mkdir(parents=True)
    (folder / lab.notebook_name).write_bytes(notebook_bytes(with_stable_cells(notebook)))
    for path in sorted((models / entry.models).iterdir()) if entry.models != NONE else ():
        shutil.copyfile(path, folder / path.name)


def _apply(notebook: Any, change: Change) -> None:
    own = [
        (at, cell)
        for at, cell in enumerate(notebook.cells)
        if (cell.cell_type, cell.metadata.get("part"), cell.metadata.get("question"))
        == ("code", change.cell, change.question)
    ]
    if not own:
        raise ValueError(f"there is no {change.cell} cell")
    last, cell = own[-1]
    if change.add is not None:
        from nbformat.v4 import new_code_cell

        place = {"question": change.question, "part": "added"}
        notebook.cells.insert(last + 1, new_code_cell(change.add.rstrip(), metadata=place))
    elif change.whole is not None:
        for at, _ in reversed(own[:-1]):
            del notebook.cells[at]
        cell.source = change.whole.rstrip()
    else:
        _replace(own, change.old or "", change.new or "")


def _replace(own: list[tuple[int, Any]], old: str, new: str) -> None:
    found = sum(cell.source.count(old) for _, cell in own)
    if found != 1:
        raise ValueError(f"{old!r} stands {found} times, not once,")
    for _, cell in own:
        cell.source = cell.source.replace(old, new)
