"""The model files that entries of a corpus hand in, made once by recipes and kept.

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
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from autograder.errors import AutograderError, LabProblem
from autograder.labs import Lab

__all__ = ["GIVEN", "NONE", "NO_HISTORY", "REFERENCE", "cache", "make_models", "recipes_of"]

REFERENCE, NO_HISTORY, NONE = "reference", "no-history", "none"
GIVEN = (REFERENCE, NO_HISTORY, NONE)
"""What an entry may hand in without a recipe."""


def make_models(lab: Lab, recipes: Iterable[str], data: Path, keep: Path | None = None) -> Path:
    """A folder with the model files of each recipe, made now unless an earlier call made the same.

    data: a folder as `autograder.data.prepare` returns it. keep: where they are kept, by default in a cache.
    Raises LabProblem for a recipe that does not work.
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
    folder = (keep or cache() / "models") / lab.name / _hash(lab, reference, identity)
    folder.mkdir(parents=True, exist_ok=True)
    _make(folder / REFERENCE, lambda to: _copy(reference, to))
    _make(folder / NO_HISTORY, lambda to: _copy(reference, to, without=".history.json"))
    missing = sorted({one for one in recipes if one != NONE and not (folder / one).exists()})
    if missing:
        # In processes of their own: whoever grades a corpus should not become one that has run TensorFlow.
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(os.cpu_count() or 1, len(missing)), mp_context=spawn) as workers:
            made = [workers.submit(_cook, lab, name, data, reference, folder) for name in missing]
            for one in made:
                one.result()
    return folder


def _cook(lab: Lab, name: str, data: Path, reference: Path, folder: Path) -> None:
    from autograder.data import load

    try:
        recipe = getattr(recipes_of(lab), name.replace("-", "_"))
        _make(folder / name, lambda to: recipe(reference, load(data, lab.dataset), to))
    except AutograderError:
        raise
    except Exception as error:  # a recipe is a lab's code: it can raise anything
        raise LabProblem(
            f"the recipe {name!r} does not work: {type(error).__name__}: {error}",
            where=str(lab.folder / "corpus" / "models.py"),
            hint="mend the recipe",
        ) from error


def recipes_of(lab: Lab) -> Any:
    """The module of a lab's recipes."""
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


def cache() -> Path:
    """Where what corpora need is kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "autograder" / "corpus"


def _hash(lab: Lab, reference: Path, identity: str) -> str:
    digest = hashlib.sha256(identity.encode())
    for path in (lab.folder / "corpus" / "models.py", *sorted(reference.iterdir())):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
