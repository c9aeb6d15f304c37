"""Names and texts of students in what people are shown: each gives that, and what it must not hold."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
from rich.console import Console

from autograder.corpus import Entry
from autograder.corpus.matrix import Matrix, Row, Run
from autograder.corpus.report import to_html
from autograder.records import Outcome, Verdict
from autograder.report import outcome_line, print_table, write_grades

__all__ = ["SHOWN"]

SHOWN: dict[str, Callable[[Path], tuple[list[str], tuple[str, ...]]]] = {}
"""By name: the texts that are shown, and what none of them may hold or begin with."""


def _shown(attack: Any) -> Any:
    SHOWN[attack.__name__] = attack
    return attack


def _refused(name: str, reason: str = "x") -> Outcome:
    return Outcome(submission=name, lab="deep", verdict=Verdict.UNGRADABLE, reason=reason, hint=reason)


@_shown
def formula(folder: Path) -> tuple[list[str], tuple[str, ...]]:
    """Cells of the gradebook that begin as formulas do, also in wide letters and behind blanks."""
    words = ("=cmd|' /C calc'!A0", "+1+1", "-1", "@SUM(A1)", "＝1+1", "\t=1", "\u00a0=1", "\u200b=1", "\r=1")
    write_grades(folder, [_refused(f"{word}{at}", word) for at, word in enumerate(words)])
    text = (folder / "grades.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))[1:]
    return [cell.strip()[:1] for row in rows for cell in (row[0], row[-1])], ("=", "+", "-", "@", "＝")


@_shown
def script(folder: Path) -> tuple[list[str], tuple[str, ...]]:
    """Messages, names and tests that are HTML."""
    evil = "</pre></td>'\"><script>alert(1)</script><img src=x onerror=alert(1)>"
    run = Run(outcome=attrs.evolve(_refused(evil, evil)), failed={"q1 - a": evil})
    row = Row(entry=Entry(name=evil, about=evil, correct=False, fails=("q1",)), runs=(run,))
    return [to_html(Matrix(lab="deep", data=evil, tests=("q1 - a",), rows=(row,)))], ("<script", "<img")


@_shown
def terminal_codes(folder: Path) -> tuple[list[str], tuple[str, ...]]:
    """Codes that clear a terminal, turn its letters round, or are markup to what prints."""
    evil = _refused(
        "\x1b[2J\x1b]0;t\x07[red]a[/red]\u202eb\u2066", "[link=http://x]\x1b[1A\r100/100[/link]\x9b1A"
    )
    console = Console(file=io.StringIO(), width=200)
    print_table([evil], console)
    return [console.file.getvalue(), outcome_line(evil)], ("\x1b", "\x07", "\r", "\x9b", "\u202e", "\u2066")  # type: ignore[attr-defined]
