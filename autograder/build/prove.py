"""Prove that what was made of a master can grade: the test files load, and say what the master says."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from autograder.build.master import Case, Master
from autograder.build.reference import reference_notebook
from autograder.errors import LabProblem
from autograder.labs import Lab

__all__ = ["GradeReference", "prove_reference", "prove_tests"]


class GradeReference(Protocol):
    """Grades a notebook of a lab with the hidden tests in a folder: returns (score, possible)."""

    def __call__(self, lab: Lab, notebook: Any, tests: Path) -> tuple[float, float]:
        """Grade it."""
        ...


def prove_tests(master: Master, *, public: Path, every: Path) -> None:
    """Load every generated test file with Otter and hold it against the master.

    public: the folder of tests that students get; every: the folder with all tests. Names, points,
    messages and what is hidden must be as the master has them. Otter itself does not look: it reports
    success on test files that are syntax errors. Raises LabProblem.
    """
    if master.points <= 0:
        raise LabProblem("all tests together have no points", hint="give the hidden tests points")
    _compare(every, master.cases)
    _compare(public, [case for case in master.cases if not case.hidden])


def prove_reference(lab: Lab, tests: Path, grade: GradeReference) -> tuple[float, float]:
    """Grade the reference solution: full marks, and more than none. Raises LabProblem if it falls short."""
    score, possible = grade(lab, reference_notebook(lab), tests)
    if possible <= 0 or score < possible:
        raise LabProblem(
            f"the reference solution gets {score:g} of {possible:g} points",
            where=str(lab.master),
            hint="see its report; mend the solution or the test",
        )
    return score, possible


def _compare(folder: Path, cases: Iterable[Case]) -> None:
    expected: dict[str, list[tuple[object, ...]]] = {}
    for case in cases:
        expected.setdefault(case.question, []).append(_told(case))
    names = sorted(path.stem for path in folder.glob("*.py"))
    if names != sorted(expected):
        raise LabProblem(
            f"there are test files for {names}, the master has tests for {sorted(expected)}",
            where=folder.name,
            hint="look at the raw cells around the tests",
        )
    for name in names:
        found = _loaded(folder / f"{name}.py")
        if found != expected[name]:
            odd = next(
                (pair for pair in zip(found, expected[name], strict=False) if pair[0] != pair[1]), None
            )
            raise LabProblem(
                f"the generated tests differ from the master's: {odd or (len(found), len(expected[name]))}",
                where=f"{folder.name}/{name}.py",
                hint="this is a change in Otter, or in how it reads the test's settings",
            )


def _told(case: Case) -> tuple[object, ...]:
    return (case.name, case.hidden, case.points, case.success_message, case.failure_message)


def _loaded(path: Path) -> list[tuple[object, ...]]:
    from otter.test_files.exception_test import ExceptionTestFile

    try:
        cases = ExceptionTestFile.from_file(str(path)).test_cases
    except Exception as error:  # a test file is code: anything may come out of it
        raise LabProblem(
            f"a generated test file cannot be loaded: {type(error).__name__}: {error}",
            where=f"{path.parent.name}/{path.name}",
            hint="look for quotes in its messages",
        ) from error
    return [
        (c.body.test_func.__name__, c.hidden, float(c.points), c.success_message, c.failure_message)
        for c in cases
    ]
