"""Hostile submissions, as they are handed in: each makes one in a folder and says where it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from submissions import misplaced, notebook, write, write_bomb, write_zip

__all__ = ["SUBMISSIONS"]

SUBMISSIONS: dict[str, Callable[[Path], Path]] = {}
"""By name: writes a submission into a folder; its notebook is good work."""


def _taken(attack: Any) -> Any:
    SUBMISSIONS[attack.__name__] = attack
    return attack


@_taken
def leads_outside(folder: Path) -> Path:
    """Into a neighbour's folder, and into the grader's."""
    names = ("../neighbour/deep.ipynb", "../../../../etc/cron.d/x", "..\\..\\neighbour\\deep.keras")
    return write_zip(folder / "s.zip", [("deep.ipynb", notebook()), *((name, b"x") for name in names)])


@_taken
def linked_file(folder: Path) -> Path:
    """A link to a file that the grader can read."""
    write(folder / "s", {"deep.ipynb": notebook()})
    (folder / "s" / "deep.keras").symlink_to("/etc/passwd")
    return folder / "s"


@_taken
def zip_bomb(folder: Path) -> Path:
    """Zeros, many times the size of the zip."""
    return write_bomb(folder / "s.zip", size=200 << 20)


@_taken
def misplaced_file(folder: Path) -> Path:
    """A list that says that a file lies where no file can be, which a system's call for a place refuses."""
    path = write_zip(folder / "s.zip", [("deep.ipynb", notebook())])
    path.write_bytes(misplaced(path.read_bytes(), -1000))
    return path


@_taken
def hidden_dots(folder: Path) -> Path:
    """Dots with nothing to be seen between them."""
    names = (".\u200b./.\u200b./x", ".\u2060.\\x")
    return write_zip(folder / "s.zip", [("deep.ipynb", notebook()), *((name, b"x") for name in names)])


@_taken
def own_tests(folder: Path) -> Path:
    """Files that would stand in for the grader's, or be run as Python starts."""
    names = (
        "tests/q1.py",
        "dnnlab.py",
        "sitecustomize.py",
        "usercustomize.py",
        "keras.json",
        "autograder/x.py",
    )
    names += (".keras/keras.json", "otter/__init__.py", ".ipython/profile_default/startup/x.py")
    return write(folder / "s", {"deep.ipynb": notebook(), **dict.fromkeys(names, b"raise SystemExit")})


@_taken
def mirrored_name(folder: Path) -> Path:
    """A name that reads as a model file, and as another's."""
    return write(folder / "s", {"deep.ipynb": notebook(), "\u202esarek.peed": b"x", "a\u200bb.txt": b"x"})


@_taken
def pipe_in_folder(folder: Path) -> Path:
    """A pipe into which nobody writes."""
    write(folder / "s", {"deep.ipynb": notebook()})
    os.mkfifo(folder / "s" / "deep.keras")
    return folder / "s"
