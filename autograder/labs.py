"""Find the labs under `solutions/` and describe them.

A lab is a folder with a `lab.toml`; `lab.toml` holds nothing that a student must not see, as part of
it travels into the room with the student's notebook.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import attrs

from autograder.errors import LabProblem, UsageProblem

__all__ = ["Lab", "Question", "Task", "find_lab", "find_labs", "solutions_folder"]


@attrs.frozen(kw_only=True)
class Question:
    """One question: its name and the names that a student defines for it."""

    name: str
    defines: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Task:
    """A model that students hand in, by the name of its file without suffix, and what it is for."""

    name: str
    builder: str = ""
    """The student's function that builds the network; empty where any network will do."""
    images: str = "X_{}"
    """The names of the student's arrays of images, with a place for train, valid and test."""
    labels: str = "y_{}"
    sets: tuple[str, ...] = ("train", "valid", "test")
    """What stands in that place for each of the three, in this order."""
    classes: tuple[int, ...] = ()
    """The classes of the data set that it tells apart, numbered anew from 0; empty for all of them."""
    standardised: bool = False
    """Whether the reference gives it standardised pixels, rather than pixels from 0 to 1."""
    fresh: int = 0
    """How many fresh networks of the reference a calibration measures signals in; 0 where no check asks."""
    measures: tuple[str, ...] = ()
    """Numbers of the notebook that a calibration keeps beside the accuracy, such as a rival's accuracy."""
    pairs: bool = False
    """Whether it is shown two images, and tells whether their classes differ (1) or are the same (0)."""


@attrs.frozen(kw_only=True)
class Lab:
    """A lab as its `lab.toml` describes it."""

    name: str
    title: str
    folder: Path
    dataset: str
    questions: tuple[Question, ...]
    tasks: tuple[Task, ...]
    """The trained models that students submit as `.keras` files, and what each is for."""
    calibrate_without: tuple[str, ...] = ()
    """Questions that training the reference solution does not need, such as a search."""
    cell_seconds: float
    wall_seconds: float
    draft: bool = False
    """Whether the lab is in preparation: found by its name, but not among all labs."""

    @property
    def models(self) -> tuple[str, ...]:
        """The names, without suffix, of the trained models that students submit."""
        return tuple(task.name for task in self.tasks)

    @property
    def master(self) -> Path:
        """The text notebook from which everything is generated."""
        return self.folder / f"{self.name}.py"

    @property
    def notebook_name(self) -> str:
        """The file name of the notebook that students submit."""
        return f"{self.name}.ipynb"

    @property
    def probes(self) -> Path:
        """The module of small functions that exercise a student's code in the room."""
        return self.folder / "probes.py"

    @property
    def calibration(self) -> Path:
        """The committed samples of the reference solution, and the marks that follow from them."""
        return self.folder / "calibration.json"

    @property
    def signals(self) -> Path:
        """The committed samples of how signals pass through fresh networks of the reference."""
        return self.folder / "signals.json"

    def trained(self, data: str) -> Path:
        """The folder of models that the reference solution reached on the data set of that identity."""
        return self.folder / "trained" / data


def solutions_folder() -> Path:
    """The folder of labs: `AUTOGRADER_SOLUTIONS`, or `solutions/` beside the package."""
    chosen = os.environ.get("AUTOGRADER_SOLUTIONS")
    return Path(chosen) if chosen else Path(__file__).resolve().parent.parent / "solutions"


def find_labs() -> list[Lab]:
    """All labs but drafts, by name. Raises LabProblem where a `lab.toml` is wrong."""
    labs = [_read(path.parent) for path in sorted(solutions_folder().glob("*/lab.toml"))]
    return [lab for lab in labs if not lab.draft]


def find_lab(name: str) -> Lab:
    """The lab of that name. Raises UsageProblem where there is none, LabProblem where it is wrong."""
    folder = solutions_folder() / name
    if not (folder / "lab.toml").is_file() or folder.parent != solutions_folder():
        known = ", ".join(path.parent.name for path in sorted(solutions_folder().glob("*/lab.toml")))
        raise UsageProblem(f"there is no lab named {name!r}", hint=f"choose one of: {known or 'none found'}")
    return _read(folder)


def _read(folder: Path) -> Lab:
    try:
        data: dict[str, Any] = tomllib.loads((folder / "lab.toml").read_text(encoding="utf-8"))
        return Lab(
            name=folder.name,
            title=data["title"],
            folder=folder,
            dataset=data["dataset"],
            questions=tuple(
                Question(name=name, defines=tuple(defines)) for name, defines in data["questions"].items()
            ),
            tasks=tuple(_task(name, settings) for name, settings in data.get("models", {}).items()),
            calibrate_without=tuple(data.get("calibrate_without", ())),
            cell_seconds=float(data["limits"]["cell_seconds"]),
            wall_seconds=float(data["limits"]["wall_seconds"]),
            draft=bool(data.get("draft", False)),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise LabProblem(
            f"lab.toml cannot be used: {error}", where=str(folder), hint="compare it with another lab's"
        ) from error


def _task(name: str, settings: dict[str, Any]) -> Task:
    lists: dict[str, Any] = {
        key: tuple(settings[key]) for key in ("classes", "measures", "sets") if key in settings
    }
    return Task(name=name, **settings | lists)
