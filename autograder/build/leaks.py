"""See to it that nothing secret is in what students get.

The generated files are searched as text, line by line, for what the master says is secret. Otter
decides what to leave out; this search shares no code with it, and so finds what Otter, or a slip in a
master, let through. It cannot see a solution that is told in other words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from autograder.build.master import Master
from autograder.errors import LabProblem

__all__ = ["check_leaks", "hidden_numbers"]

SHORTEST, LONG = 12, 25
"""Characters without spaces: a shorter line is no secret (`else:`), a long one is one even within another
line, one in between only as a line of its own (`shuffle=False,` may stand in a sentence)."""

_MARKERS = (
    r"# (BEGIN|END) (QUESTION|SOLUTION|TESTS?|PROMPT)\b",
    r"#\s?SOLUTION\b",
    r"hidden\s*=\s*True",
    r"hidden:\s*true",
    r"\bautograder\.(checks|judge|evidence|networks)\b",
)


@attrs.frozen(kw_only=True)
class _Line:
    """A line of a generated file, and where a person finds it."""

    where: str
    text: str

    @property
    def plain(self) -> str:
        return _plain(self.text)


def check_leaks(master: Master, files: Mapping[str, bytes], numbers: frozenset[str] = frozenset()) -> None:
    """Search the student version for solutions, hidden tests, their messages and hidden numbers.

    files: the student version by path. numbers: what `hidden_numbers` found. Raises LabProblem naming the
    file, the line and what was found there; also for stored outputs and execution counts.
    """
    secrets = _secrets(master)
    patterns = [(re.compile(pattern, re.IGNORECASE), "a marker of the master") for pattern in _MARKERS]
    public = {case.name for case in master.cases if not case.hidden}
    for case in master.cases:
        if case.hidden and case.name not in public:
            patterns.append((re.compile(rf"\b{re.escape(case.name)}\b"), "the name of a hidden test"))
    for number in sorted(numbers):
        patterns.append((re.compile(rf"(?<![\d.]){re.escape(number)}(?!\d)"), "a hidden number"))
    for line in _all_lines(files):
        for secret, what in secrets.items():
            if secret == line.plain or (len(secret) >= LONG and secret in line.plain):
                _raise(line, what)
        for pattern, what in patterns:
            if pattern.search(line.text):
                _raise(line, what)


def hidden_numbers(calibration: Path) -> frozenset[str]:
    """The numbers of a calibration that could give it away: those with four or more significant digits.

    Empty where the lab has no calibration. Raises LabProblem where the file is not JSON.
    """
    if not calibration.is_file():
        return frozenset()
    try:
        record = json.loads(calibration.read_text(encoding="utf-8"))
    except ValueError as error:
        raise LabProblem(
            f"the calibration is not JSON: {error}", where=str(calibration), hint="calibrate again"
        ) from error
    floats = (value for value in _values(record) if isinstance(value, float))
    return frozenset(repr(value) for value in floats if len(repr(value).strip("-0").replace(".", "")) >= 4)


def _secrets(master: Master) -> dict[str, str]:
    """What must not be found, without spaces, and what it is."""
    given = [_plain(line) for cell in master.cells for line in cell.given_lines]
    given += [_plain(line) for case in master.cases if not case.hidden for line in case.source.split("\n")]
    secrets = {}
    for cell in master.cells:
        for line in cell.answer_lines:
            secrets[_plain(line)] = f"a line of the solution of {cell.question}"
    for case in (case for case in master.cases if case.hidden):
        for line in case.source.split("\n"):
            secrets[_plain(line)] = f"a line of a hidden test of {case.question}"
        for message in (case.success_message, case.failure_message):
            secrets[_plain(message or "")] = f"the message of a hidden test of {case.question}"
    return {
        secret: what
        for secret, what in secrets.items()
        if len(secret) >= SHORTEST and not any(secret in line for line in given)
    }


def _plain(text: str) -> str:
    """Without spaces and kinds of quotes, as a test file and its source in the master differ in those."""
    return re.sub(r"\s+", "", text).replace('"', "'")


def _all_lines(files: Mapping[str, bytes]) -> Iterator[_Line]:
    for name, content in files.items():
        text = content.decode("utf-8")
        if name.endswith(".ipynb"):
            yield from _notebook_lines(name, json.loads(text))
        else:
            yield from _numbered(name, text)


def _notebook_lines(name: str, notebook: dict[str, Any]) -> Iterator[_Line]:
    for number, cell in enumerate(notebook["cells"], start=1):
        where = f"{name}, cell {number}"
        source = cell["source"]
        yield from _numbered(where, source if isinstance(source, str) else "".join(source))
        for text in _values({key: value for key, value in cell.items() if key not in ("source", "id")}):
            yield _Line(where=f"{where}, metadata", text=str(text))
        if cell.get("outputs") or cell.get("execution_count") is not None:
            _raise(_Line(where=where, text=""), "a stored output or execution count")
    for text in _values({key: value for key, value in notebook.items() if key != "cells"}):
        yield _Line(where=f"{name}, metadata", text=str(text))


def _numbered(where: str, text: str) -> Iterator[_Line]:
    for number, line in enumerate(text.split("\n"), start=1):
        yield _Line(where=f"{where}, line {number}", text=line)


def _values(record: Any) -> Iterator[Any]:
    """All keys and leaves of a JSON record."""
    if isinstance(record, dict):
        for key, value in record.items():
            yield key
            yield from _values(value)
    elif isinstance(record, list):
        for value in record:
            yield from _values(value)
    else:
        yield record


def _raise(line: _Line, what: str) -> None:
    raise LabProblem(
        f"the student version would hold {what}: {line.text.strip()[:80]!r}",
        where=line.where,
        hint="mark it as solution in the master, or write one of the two differently",
    )
