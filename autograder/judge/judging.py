"""Run the Otter tests of a lab on evidence, one test at a time, and keep each result at once."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from autograder.calibration import Calibration, read_calibration
from autograder.checks.findings import CheckFailed
from autograder.data import DataSet, load
from autograder.errors import AutograderError, LabProblem, MachineFault
from autograder.evidence import Environment, Evidence, Unanswered, read_evidence
from autograder.judge.results import TestResult, gradescope
from autograder.labs import Lab
from autograder.networks.trained import reference_networks
from autograder.signals import signals_of
from autograder.suspicion.alone import write_traces

if TYPE_CHECKING:
    from otter.test_files.exception_test import ExceptionTestFile

__all__ = ["judge", "judge_evidence"]

_LONGEST = 4_000
"""Of what is told of one test."""


def judge(*, evidence: Path, lab: Lab, tests: Path, data: Path, destination: Path) -> None:
    """Judge one evidence folder.

    Writes `tests.jsonl`, a line per test as it is judged, and at the end Gradescope's `results.json` and what
    a class is compared by.
    tests: the folder of Otter test files. data: as `autograder.data.prepare` gives it.
    Raises LabProblem where the lab is wrong, MachineFault where a test breaks rather than fails.
    """
    destination.mkdir(parents=True, exist_ok=True)
    found = _with_our_side(read_evidence(evidence), lab, data)
    results: list[TestResult] = []
    with (destination / "tests.jsonl").open("w", encoding="utf-8") as lines:
        for result in judge_evidence(found, tests):
            results.append(result)
            lines.write(json.dumps(attrs.asdict(result)) + "\n")
            lines.flush()
    write_traces(found, destination)
    record = gradescope(results, found)
    (destination / "results.json").write_text(json.dumps(record, indent=1), encoding="utf-8")


def _with_our_side(evidence: Evidence, lab: Lab, folder: Path) -> Evidence:
    """The evidence together with what the tests hold it against: our data, marks and networks."""
    data = _data(folder, lab.dataset)
    references = _references(lab, data.identity)
    return attrs.evolve(
        evidence,
        dataset=data,
        calibrations=_calibrations(lab, data),
        signals=signals_of(lab, data.identity),
        references=references,
        tasks={task.name: task for task in lab.tasks},
    )


@functools.lru_cache(maxsize=4)
def _data(folder: Path, name: str) -> DataSet:
    # A judge works through a class: what is kept of the images between submissions hangs on this object.
    return load(folder, name)


def _calibrations(lab: Lab, data: DataSet) -> dict[str, Calibration]:
    return {model: read_calibration(lab.calibration, model, data.identity) for model in lab.models}


_references = functools.lru_cache(maxsize=4)(reference_networks)


def judge_evidence(evidence: Evidence, tests: Path) -> Iterator[TestResult]:
    """The results of all tests of a folder on this evidence, in order."""
    environment = Environment(evidence)
    files = sorted(tests.glob("*.py"))
    if not files:
        raise LabProblem("there are no tests", where=str(tests), hint="run `autograder build`")
    for path in files:
        for number, case in enumerate(_read_tests(path).test_cases, start=1):
            yield _run(path.stem, number, case, environment)


@functools.lru_cache(maxsize=64)
def _read_tests(path: Path) -> ExceptionTestFile:
    from otter.test_files.exception_test import ExceptionTestFile

    try:
        return ExceptionTestFile.from_file(str(path))
    except Exception as error:  # a test file is code: it can raise anything
        raise LabProblem(
            f"the tests cannot be read: {error}", where=path.name, hint="run `autograder build`"
        ) from error


def _told(error: AssertionError, *, hidden: bool) -> str:
    """What a student reads of a failure. Of a hidden test only what was written for students."""
    meant = not hidden or isinstance(error, (CheckFailed, Unanswered))
    told = (str(error) if meant else "") or "This is not what the question asks for."
    # Names and texts of a student's own stand in it, as long as they please.
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}…"


def _run(question: str, number: int, case: Any, environment: Environment) -> TestResult:
    """Run one test. Only an assertion is a student's mistake; anything else is ours."""
    name = case.body.test_func.__name__
    failure = None
    try:
        case.body.call_func(environment)
    except AutograderError:
        raise
    except AssertionError as error:
        failure = _told(error, hidden=bool(case.hidden))
    except Exception as error:
        # Public tests run on a student's machine as well and may stumble over what is not there. A hidden
        # test that breaks is ours, unless the student's process left evidence that cannot be read.
        if case.hidden and not environment.evidence.problems:
            raise MachineFault(
                f"the test {name} broke: {type(error).__name__}: {error}",
                where=question,
                hint="report this with fault.log",
            ) from error
        unreadable = "What your notebook left behind for this question could not be read."
        failure = unreadable if case.hidden else f"{type(error).__name__}: {error}"
    passed = failure is None
    points = float(case.points or 0)
    return TestResult(
        question=question,
        number=number,
        test=name,
        hidden=bool(case.hidden),
        passed=passed,
        score=points if passed else 0.0,
        possible=points,
        message=(case.success_message if passed else case.failure_message) or "",
        found=failure or "",
    )
