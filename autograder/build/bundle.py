"""The grading side of a lab: `dist/<lab>/` with Otter's zip and all tests.

Made when needed, never committed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from autograder.build.assign import library
from autograder.build.product import Product, make_product
from autograder.labs import Lab, solutions_folder

__all__ = ["dist_folder", "tests_for", "write_bundle"]

_STAMP = "stamp"
_TOOLS = ("otter-grader", "jupytext", "nbformat")


def dist_folder(lab: Lab) -> Path:
    """Where a lab's bundle is kept: in `AUTOGRADER_DIST`, or in `dist/` beside `solutions/`."""
    chosen = os.environ.get("AUTOGRADER_DIST")
    return (Path(chosen) if chosen else solutions_folder().parent / "dist") / lab.name


def tests_for(lab: Lab) -> Path:
    """The folder of all tests of a lab, hidden ones too: `q1.py` and so on. Rebuilt if out of date.

    Safe to call from several processes at once. Raises LabProblem where the master is wrong.
    """
    folder = dist_folder(lab)
    with _locked(folder):
        if not _is_current(lab, folder):
            _replace(lab, make_product(lab), folder)
    return folder / "tests"


def write_bundle(lab: Lab, product: Product) -> Path:
    """Write `autograder.zip` and `tests/` of a lab to its dist folder, replacing what is there."""
    folder = dist_folder(lab)
    with _locked(folder):
        _replace(lab, product, folder)
    return folder


def _is_current(lab: Lab, folder: Path) -> bool:
    stamp = folder / _STAMP
    return stamp.is_file() and stamp.read_text(encoding="ascii").strip() == _sources_hash(lab)


def _replace(lab: Lab, product: Product, folder: Path) -> None:
    """Fill a new folder, then move it into place: whoever reads sees the old bundle or the new one."""
    fresh = Path(tempfile.mkdtemp(prefix=f".{lab.name}-", dir=folder.parent))
    fresh.chmod(0o755)
    (fresh / "tests").mkdir()
    for name, content in product.tests.items():
        (fresh / "tests" / name).write_bytes(content)
    (fresh / "autograder.zip").write_bytes(product.archive)
    (fresh / _STAMP).write_text(_sources_hash(lab) + "\n", encoding="ascii")
    if folder.exists():
        old = folder.rename(fresh.with_name(fresh.name + "-old"))
        fresh.rename(folder)
        shutil.rmtree(old)
    else:
        fresh.rename(folder)


def _sources_hash(lab: Lab) -> str:
    """A hash of all that a bundle depends on: master, settings, library, this code, the tools."""
    digest = hashlib.sha256()
    own = sorted(Path(__file__).resolve().parent.glob("*.py"))
    for path in [lab.master, lab.folder / "lab.toml", library(), *own]:
        digest.update(path.name.encode() + b"\0" + (path.read_bytes() if path.is_file() else b"") + b"\0")
    for tool in _TOOLS:
        digest.update(f"{tool} {version(tool)}\0".encode())
    return digest.hexdigest()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
