"""The kill matrix: which hidden test fails which entry, and what in it is not as it should be."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import attrs

from autograder.corpus.entries import Entry
from autograder.data import MINIATURE
from autograder.records import Outcome, Verdict

__all__ = ["Matrix", "Row", "Run", "read_run"]


@attrs.frozen(kw_only=True)
class Run:
    """One grading of one entry."""

    outcome: Outcome
    failed: dict[str, str]
    """What a student is told of each test that cost points, by the test's name."""

    @property
    def lost(self) -> set[str]:
        """The questions that lost points."""
        return {question.name for question in self.outcome.questions if question.score < question.possible}


@attrs.frozen(kw_only=True)
class Row:
    """One entry with all its gradings, one or more."""

    entry: Entry
    runs: tuple[Run, ...]

    @property
    def failed(self) -> dict[str, str]:
        """The tests that failed it, with the message of the first grading in which they did."""
        found: dict[str, str] = {}
        for run in self.runs:
            found = {**run.failed, **found}
        return found

    @property
    def scores(self) -> list[float]:
        """The scores that it got, each once."""
        return sorted({run.outcome.score for run in self.runs if run.outcome.score is not None})

    @property
    def points(self) -> str:
        """The scores, of as much as can be had."""
        return f"{_listed(self.scores) or 'none'}/{self.runs[0].outcome.possible or 0:g}"

    @property
    def killers(self) -> set[str]:
        """The tests that failed it every time."""
        return set.intersection(*(set(run.failed) for run in self.runs))

    def problems(self) -> list[str]:
        """What came out other than the entry says; empty where all is well."""
        found: dict[str, None] = {}
        for run in self.runs:
            if run.outcome.verdict is not Verdict.GRADED:
                found[f"is {run.outcome.verdict.value}: {run.outcome.reason}"] = None
                continue
            for question in sorted(run.lost - set(self.entry.fails)):
                tests = [test for test in run.failed if test.startswith(f"{question} ")]
                word = "right, but" if self.entry.correct else "also"
                found[f"{word} loses points in {', '.join(tests)}"] = None
            for question in sorted(set(self.entry.fails) - run.lost):
                found[f"survives: it loses nothing in {question}"] = None
        if len(self.scores) > 1:
            found[f"has not one score but {_listed(self.scores)}"] = None
        return [f"{self.entry.name}: {problem}" for problem in found]

    def other_words(self) -> list[str]:
        """Where a student is told something else than the entry says, if it says anything; numbers aside."""
        if not self.entry.told:
            return []
        expected = {test: _without_numbers(message) for test, message in self.entry.told.items()}
        found: dict[str, None] = {}
        for run in self.runs:
            said = {test: _without_numbers(message) for test, message in run.failed.items()}
            for test in sorted(said.keys() | expected.keys()):
                if said.get(test) != expected.get(test):
                    found[f"{self.entry.name}: {test} tells something else than the entry has"] = None
        return list(found)


@attrs.frozen(kw_only=True)
class Matrix:
    """All entries of a lab that were graded, against its hidden tests."""

    lab: str
    data: str
    """The identity of the data that they were graded on."""
    tests: tuple[str, ...]
    """The tests that carry points, as results name them."""
    rows: tuple[Row, ...]

    def killed_by(self, test: str) -> list[str]:
        """The wrong entries that a test fails every time it sees them."""
        return [row.entry.name for row in self.rows if not row.entry.correct and test in row.killers]

    def problems(self) -> list[str]:
        """Every survivor, every point lost without cause, every idle test; empty for a perfect matrix.

        On the miniature also every message that is not the one that stands in its entry.
        """
        found = [problem for row in self.rows for problem in row.problems()]
        if self.data.endswith(MINIATURE):
            found += [problem for row in self.rows for problem in row.other_words()]
        return found + [f"{test}: fails no wrong answer" for test in self.tests if not self.killed_by(test)]

    def to_json(self) -> str:
        """All of it, for another program."""
        record = {
            "schema": 1,
            "lab": self.lab,
            "data": self.data,
            "tests": [{"name": test, "kills": self.killed_by(test)} for test in self.tests],
            "entries": [_told(row) for row in self.rows],
            "problems": self.problems(),
        }
        return json.dumps(record, ensure_ascii=False, indent=1) + "\n"


def _without_numbers(message: str) -> str:
    """The message without its figures, and without those that Keras puts behind the names of layers."""
    return re.sub(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?", "#", re.sub(r"(?<=[a-z])_\d+\b", "", message))


def _listed(scores: list[float]) -> str:
    return ", ".join(f"{score:g}" for score in scores)


def _told(row: Row) -> dict[str, Any]:
    return {
        "name": row.entry.name,
        "about": row.entry.about,
        "correct": row.entry.correct,
        "fails": list(row.entry.fails),
        "scores": [run.outcome.score for run in row.runs],
        "possible": row.runs[0].outcome.possible,
        "seconds": [run.outcome.seconds for run in row.runs],
        "failed": row.failed,
    }


def read_run(outcome: Outcome, results: Path) -> tuple[Run, tuple[str, ...]]:
    """A grading with its messages, and the names of the tests that carry points.

    results: the results folder that the outcome was published in.
    """
    if outcome.verdict is not Verdict.GRADED:
        return Run(outcome=outcome, failed={}), ()
    record = json.loads((results / outcome.submission / "results.json").read_text(encoding="utf-8"))
    tests = [test for test in record["tests"] if test["max_score"]]
    failed = {test["name"]: test["output"] for test in tests if test["status"] == "failed"}
    return Run(outcome=outcome, failed=failed), tuple(test["name"] for test in tests)
