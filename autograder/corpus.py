"""A lab's corpus: right answers in many spellings and wrong ones with one misconception each.

Every entry is the reference submission with something changed, and is graded the way a student's work is.
Right entries must lose nothing; a wrong one must lose points in its question and in no other.

    solutions/<lab>/corpus/correct/<name>.toml
    solutions/<lab>/corpus/wrong/<name>.toml
    solutions/<lab>/corpus/models.py            recipes of model files

An entry:

    about = "one line: what it is, or the misconception"
    fails = ["q3"]                 # wrong entries only: the one question that loses points
    models = "reference"           # the model files: "reference", "no-history", "none" or a recipe's name
    checks = true                  # whether the notebook calls grader.check

    [[change]]                     # any number, applied in order
    question = "q1"                # "" for cells outside of questions
    cell = "solution"              # or "given", "check"
    old = "..."                    # a text that stands exactly once in those cells,
    new = "..."                    #   and what replaces it; or
    whole = "..."                  # the new source of those cells, all of them together; or
    add = "..."                    # a new code cell behind the last of those cells

A recipe is a function of `models.py` with the name that entries use, hyphens as underscores:
`recipe(reference, data, folder)` writes model files into `folder`. `reference` is the folder of the files
that the reference solution reached, `data` an `autograder.data.DataSet`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import multiprocessing
import os
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import attrs

from autograder.errors import AutograderError, LabProblem
from autograder.labs import Lab
from autograder.records import Outcome
from autograder.sandbox.contract import Sandbox

__all__ = ["Change", "Entry", "grade_corpus", "make_models", "read_corpus", "write_submission"]

_REFERENCE, _NO_HISTORY, _NONE = "reference", "no-history", "none"
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
    models: str = _REFERENCE
    checks: bool = True
    changes: tuple[Change, ...] = ()


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


def _read(path: Path, lab: Lab, *, correct: bool) -> Entry:
    try:
        record: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        changes = tuple(Change(**change) for change in record.pop("change", ()))
        fails = tuple(record.pop("fails", ()))
        entry = Entry(name=path.stem, correct=correct, fails=fails, changes=changes, **record)
        if len(fails) != (0 if correct else 1) or not set(fails) <= {one.name for one in lab.questions}:
            raise ValueError("a wrong entry fails exactly one question, a right one none")
    except (OSError, TypeError, ValueError) as error:
        raise LabProblem(
            f"this entry cannot be used: {error}", where=str(path), hint="compare it with another entry"
        ) from error
    return entry


def write_submission(entry: Entry, lab: Lab, folder: Path, models: Path) -> None:
    """Write what a student with this answer would hand in, into a new folder.

    models: a folder with a folder of model files for each recipe, as `make_models` returns it.
    Raises LabProblem where the reference solution has no place for a change of this entry.
    """
    from autograder.build.notebooks import notebook_bytes, with_stable_cells
    from autograder.build.reference import submission_notebook

    notebook = submission_notebook(lab)
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
    for path in sorted((models / entry.models).iterdir()) if entry.models != _NONE else ():
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


def make_models(lab: Lab, recipes: Iterable[str], data: Path, cache: Path | None = None) -> Path:
    """A folder with the model files of each recipe, made now unless an earlier call made the same.

    data: a folder as `autograder.data.prepare` returns it. Raises LabProblem for a recipe that does not work.
    """
    from autograder.data import load

    identity = load(data, lab.dataset).identity
    reference = lab.trained(identity)
    if not reference.is_dir():
        raise LabProblem(
            f"there are no trained models of {lab.name} on {identity!r}",
            where=str(reference),
            hint="train the reference solution on these data and keep its files there",
        )
    folder = (cache or _cache()) / lab.name / _hash(lab, reference, identity)
    folder.mkdir(parents=True, exist_ok=True)
    _make(folder / _REFERENCE, lambda to: _copy(reference, to))
    _make(folder / _NO_HISTORY, lambda to: _copy(reference, to, without=".history.json"))
    missing = sorted({one for one in recipes if one != _NONE and not (folder / one).exists()})
    if missing:
        # A process of its own: whoever grades a corpus should not become one that has run TensorFlow.
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as worker:
            for name in missing:
                worker.submit(_cook, lab, name, data, reference, folder).result()
    return folder


def _cook(lab: Lab, name: str, data: Path, reference: Path, folder: Path) -> None:
    from autograder.data import load

    try:
        recipe = getattr(_recipes(lab), name.replace("-", "_"))
        _make(folder / name, lambda to: recipe(reference, load(data, lab.dataset), to))
    except AutograderError:
        raise
    except Exception as error:  # a recipe is a lab's code: it can raise anything
        raise LabProblem(
            f"the recipe {name!r} does not work: {type(error).__name__}: {error}",
            where=str(lab.folder / "corpus" / "models.py"),
            hint="mend the recipe",
        ) from error


def _recipes(lab: Lab) -> Any:
    path = lab.folder / "corpus" / "models.py"
    spec = importlib.util.spec_from_file_location("corpus_models", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _make(folder: Path, fill: Callable[[Path], None]) -> None:
    """Fill a new folder and put it into place when it is complete."""
    if folder.exists():
        return
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new-"))
    try:
        fill(fresh)
        if not folder.exists():
            fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _copy(source: Path, target: Path, *, without: str = "\0") -> None:
    for path in source.iterdir():
        if not path.name.endswith(without):
            shutil.copyfile(path, target / path.name)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "autograder" / "corpus"


def _hash(lab: Lab, reference: Path, identity: str) -> str:
    digest = hashlib.sha256(identity.encode())
    for path in (lab.folder / "corpus" / "models.py", *sorted(reference.iterdir())):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def grade_corpus(
    lab: Lab, out: Path, jobs: int, sandbox: Sandbox, data: Path, *, entries: Iterable[Entry] | None = None
) -> dict[str, Outcome]:
    """Grade the entries, by default all of them, like a batch of students; what `out` already holds is kept.

    Returns the outcome of each entry by its name.
    """
    from autograder.batch import grade
    from autograder.intake import Candidate

    chosen = read_corpus(lab) if entries is None else tuple(entries)
    models = make_models(lab, (entry.models for entry in chosen), data)
    with tempfile.TemporaryDirectory(prefix="autograder-corpus-") as scratch:
        for entry in chosen:
            write_submission(entry, lab, Path(scratch) / entry.name, models)
        candidates = [Candidate(name=entry.name, path=Path(scratch) / entry.name) for entry in chosen]
        outcomes = grade(candidates, lab, out=out, sandbox=sandbox, data=data, jobs=jobs)
    return {outcome.submission: outcome for outcome in outcomes}
