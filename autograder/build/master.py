"""Read a lab's master: the one text of which student version, hidden tests and reference are made.

A master is a notebook as text (Jupytext, `py:percent`) with the raw cells of Otter Assign around
questions, solutions and tests. Otter reads it too, later and by its own rules; this reader is
independent of Otter's, so that the two can be held against each other: what is a secret here must not
appear in what Otter made for students.
"""

from __future__ import annotations

import ast
import re
from typing import Any

import attrs

from autograder.build.settings import read_settings
from autograder.build.stock import expand
from autograder.errors import LabProblem
from autograder.labs import Lab

__all__ = ["Case", "Cell", "Master", "master_notebook", "read_master"]

_BOUNDARY = re.compile(r"#\s+(begin|end)\s+(question|solution|tests|prompt)\b", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"#\s+assignment\s+config\b", re.IGNORECASE)
_CASE = re.compile(
    r'\A"""\s*#\s*BEGIN TEST CONFIG\s*\n(?P<config>.*?)^"""\s*#\s*END TEST CONFIG\s*\n(?P<body>.*)\Z',
    re.DOTALL | re.MULTILINE,
)
_MESSAGES = ("success_message", "failure_message")


@attrs.frozen(kw_only=True)
class Cell:
    """A cell that ends up in some notebook."""

    kind: str
    """`markdown` or `code`."""
    source: str
    question: str
    """Empty outside a question."""
    part: str
    """`prose`, `given` (code that students get as it is) or `solution`."""

    @property
    def answer_lines(self) -> tuple[str, ...]:
        """The lines that students must not get, without the markers."""
        return _lines(self, answers=True)

    @property
    def given_lines(self) -> tuple[str, ...]:
        """The lines that students get."""
        return _lines(self, answers=False)

    @property
    def solved(self) -> str:
        """The cell with its answer and without the markers."""
        lines = [line for line, _ in _marked_lines(self.source)] if self.kind == "code" else [self.source]
        return "\n".join(lines)


@attrs.frozen(kw_only=True)
class Case:
    """A test as the master states it."""

    question: str
    name: str
    """The name of its function."""
    hidden: bool
    points: float
    success_message: str | None
    failure_message: str | None
    source: str


@attrs.frozen(kw_only=True)
class Master:
    """What a master holds, in its order."""

    cells: tuple[Cell, ...]
    cases: tuple[Case, ...]

    @property
    def questions(self) -> tuple[str, ...]:
        """The questions that have tests."""
        return tuple(dict.fromkeys(case.question for case in self.cases))

    @property
    def points(self) -> float:
        """All points together."""
        return sum(case.points for case in self.cases)


def master_notebook(lab: Lab) -> Any:
    """The master as Otter Assign takes it: with a cell for each test, also of those in stock.

    Raises LabProblem where it is missing or cannot be read, and for a ladder that cannot be expanded.
    """
    from nbformat.v4 import new_code_cell

    notebook = _read_notebook(lab)
    cells = []
    for number, cell in enumerate(notebook.cells, start=1):
        tests = _in_stock(cell, lab, _place(lab, number))
        cells += [cell] if tests is None else [new_code_cell(test) for test in tests]
    notebook.cells = cells
    return notebook


def _in_stock(cell: Any, lab: Lab, where: str) -> list[str] | None:
    return expand(cell.source, lab.name, where) if cell.cell_type == "raw" else None


def _place(lab: Lab, number: int) -> str:
    return f"{lab.master}, cell {number}"


def _read_notebook(lab: Lab) -> Any:
    import jupytext

    try:
        return jupytext.reads(lab.master.read_text(encoding="utf-8"), fmt="py:percent")
    except (OSError, ValueError) as error:
        raise LabProblem(
            f"the master cannot be read: {error}", where=str(lab.master), hint="see another lab's master"
        ) from error


def read_master(lab: Lab) -> Master:
    """Read a lab's master and check what Otter Assign would let pass.

    Raises LabProblem for blocks that do not match, a message that Otter would write into a test file as
    a syntax error, two tests of one name (the second would replace the first), a solution without a
    marker (students would get it), a question without public or without hidden tests, and questions
    other than those of `lab.toml`.
    """
    cells: list[Cell] = []
    cases: list[Case] = []
    blocks: list[str] = []
    question = ""
    for number, cell in enumerate(_read_notebook(lab).cells, start=1):
        where = _place(lab, number)
        stock = _in_stock(cell, lab, where)
        if stock is not None:
            cases += [_read_case(test, question, where) for test in _among_tests(stock, blocks, where)]
        elif cell.cell_type == "raw":
            question = _follow_boundary(cell.source, blocks, question, where)
        elif blocks[-1:] == ["tests"]:
            cases.append(_read_case(cell.source, question, where))
        else:
            part = (
                "solution"
                if blocks[-1:] == ["solution"]
                else "prose"
                if cell.cell_type == "markdown"
                else "given"
            )
            cells.append(Cell(kind=cell.cell_type, source=cell.source, question=question, part=part))
            _check_markers(cells[-1], where)
    if blocks:
        raise LabProblem(f"the last {blocks[-1]} has no end", where=str(lab.master), hint="add the END cell")
    master = Master(cells=tuple(cells), cases=tuple(cases))
    _check_cases(master, lab)
    return master


def _follow_boundary(source: str, blocks: list[str], question: str, where: str) -> str:
    """Step over a raw cell, keeping the open blocks; returns the name of the question it leaves us in."""
    found = _BOUNDARY.match(source)
    if not found:
        if _ASSIGNMENT.match(source):
            return question
        raise LabProblem(
            f"a raw cell that Otter Assign does not know: {source[:40]!r}", where=where, hint="remove it"
        )
    edge, block = found[1].lower(), found[2].lower()
    if edge == "end":
        if blocks[-1:] != [block]:
            raise LabProblem(
                f"an end of {block} without its begin", where=where, hint="match BEGIN and END cells"
            )
        blocks.pop()
        return "" if block == "question" else question
    if bool(blocks) != (block != "question") or len(blocks) > 1:
        raise LabProblem(f"{block} begins in the wrong place", where=where, hint="match BEGIN and END cells")
    blocks.append(block)
    return str(read_settings(source, where).get("name", "")) if block == "question" else question


def _among_tests(stock: list[str], blocks: list[str], where: str) -> list[str]:
    if blocks[-1:] != ["tests"]:
        raise LabProblem("tests outside BEGIN TESTS and END TESTS", where=where, hint="move the cell there")
    return stock


def _read_case(source: str, question: str, where: str) -> Case:
    found = _CASE.match(source)
    if not found:
        raise LabProblem(
            "a test without a configuration block",
            where=where,
            hint='begin it with """ # BEGIN TEST CONFIG ... """ # END TEST CONFIG',
        )
    config = read_settings(found["config"], where)
    _check_config(config, where)
    try:
        (function,) = ast.parse(found["body"]).body
    except (SyntaxError, ValueError) as error:
        raise LabProblem("a test must be one function", where=where, hint="def test_x(env): ...") from error
    if not isinstance(function, ast.FunctionDef):
        raise LabProblem("a test must be one function", where=where, hint="def test_x(env): ...")
    return Case(
        question=question,
        name=function.name,
        hidden=config.get("hidden", False),
        points=float(config["points"]),
        source=found["body"].strip(),
        **{key: config.get(key) for key in _MESSAGES},
    )


def _check_config(config: dict[str, Any], where: str) -> None:
    unknown = set(config) - {"hidden", "points", *_MESSAGES}
    if unknown or not isinstance(config.get("points"), int | float):
        raise LabProblem(
            f"a test's settings are wrong: {sorted(unknown) or 'no points'}",
            where=where,
            hint="points must be given; hidden, success_message and failure_message may be",
        )
    for key in _MESSAGES:
        message = config.get(key)
        if config.get("hidden") and not message:
            raise LabProblem(
                f"a hidden test without {key}", where=where, hint="say what it means to a student"
            )
        if message is not None and (not isinstance(message, str) or re.search(r'["\\\n]', message)):
            raise LabProblem(
                f"{key} holds a double quote, a backslash or a line end: Otter would write a broken test",
                where=where,
                hint="rephrase it in one line, with single quotes",
            )


def _check_cases(master: Master, lab: Lab) -> None:
    known = tuple(question.name for question in lab.questions)
    if master.questions != known:
        raise LabProblem(
            f"the master has tests for {list(master.questions)}, lab.toml names {list(known)}",
            where=str(lab.master),
            hint="make the two agree",
        )
    for question in known:
        own = [case for case in master.cases if case.question == question]
        twice = sorted({case.name for case in own if [other.name for other in own].count(case.name) > 1})
        if twice:
            raise LabProblem(
                f"{question} has two tests named {twice[0]}", where=str(lab.master), hint="rename one of them"
            )
        if not any(case.hidden for case in own) or all(case.hidden for case in own):
            raise LabProblem(
                f"{question} needs a public and a hidden test",
                where=str(lab.master),
                hint="add the missing one",
            )


def _check_markers(cell: Cell, where: str) -> None:
    if cell.part == "solution" and cell.kind == "code" and not cell.answer_lines:
        raise LabProblem(
            "a solution cell in which nothing is marked as solution: students would get all of it",
            where=where,
            hint="put # BEGIN SOLUTION and # END SOLUTION around it, or # SOLUTION behind it",
        )
    if cell.part != "solution" and cell.kind == "code" and cell.answer_lines:
        raise LabProblem(
            "a solution marker outside a solution block: Otter would leave the solution in",
            where=where,
            hint="put raw cells BEGIN SOLUTION and END SOLUTION around the cell",
        )


def _marked_lines(source: str) -> list[tuple[str, bool]]:
    """The lines of a code cell without Otter's markers, each with whether it is part of the answer."""
    lines, inside = [], False
    for line in source.split("\n"):
        bare = line.strip()
        if bare.startswith("# BEGIN SOLUTION"):
            inside = True
        elif bare == "# END SOLUTION":
            inside = False
        else:
            answer = re.sub(r"\s*#\s?SOLUTION( NO PROMPT)?\s*$", "", line)
            lines.append((answer, inside or answer != line))
    return lines


def _lines(cell: Cell, *, answers: bool) -> tuple[str, ...]:
    if cell.kind == "markdown":
        return tuple(cell.source.split("\n")) if (cell.part == "solution") == answers else ()
    return tuple(line for line, answer in _marked_lines(cell.source) if answer == answers)
