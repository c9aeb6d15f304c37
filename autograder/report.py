"""Show outcomes to a TA: the gradebook, a table, and how far a batch is.

Everything that a student chose is shown as plain text: without control characters, without markup for
the terminal, and never as a spreadsheet's formula.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.intake.names import legible
from autograder.records import Outcome, Verdict

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from autograder.batch.parts import Progress
    from autograder.batch.status import Status
    from autograder.suspicion import Suspicion

__all__ = [
    "cell",
    "live_progress",
    "outcome_line",
    "print_status",
    "print_suspicions",
    "print_table",
    "write_grades",
]

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
_COLOURS = {Verdict.GRADED: "green", Verdict.UNGRADABLE: "yellow", Verdict.FAULT: "red"}


def write_grades(folder: Path, outcomes: Iterable[Outcome]) -> None:
    """Write `grades.csv` of these outcomes, by name, whole or not at all.

    Columns: student, outcome, score, possible, percent, reason; points are empty without a score. UTF-8
    with a byte order mark, without which spreadsheets garble names that are not in Latin letters.
    """
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["student", "outcome", "score", "possible", "percent", "reason"])
    for one in sorted(outcomes, key=lambda outcome: outcome.submission):
        percent = "" if one.percent is None else f"{one.percent:.1f}"
        points = [_points(one.score), _points(one.possible), percent]
        writer.writerow([cell(one.submission), one.verdict.value, *points, cell(one.reason)])
    beside = folder / ".grades.csv.new"
    beside.write_text(stream.getvalue(), encoding="utf-8-sig", newline="")
    beside.replace(folder / "grades.csv")


def cell(text: str) -> str:
    """A cell that a spreadsheet shows and never evaluates."""
    plain = legible(text)
    return f"'{plain}" if plain.lstrip().startswith(_FORMULA) else plain


def _points(points: float | None) -> str:
    return "" if points is None else f"{points:g}"


def outcome_line(outcome: Outcome) -> str:
    """One line on an outcome: points, or why there are none."""
    name = legible(outcome.submission)
    if outcome.verdict is Verdict.GRADED:
        return f"{name}: {_points(outcome.score)}/{_points(outcome.possible)}"
    hint = f" ({legible(outcome.hint)})" if outcome.hint else ""
    return f"{name}: {outcome.verdict.value}: {legible(outcome.reason)}{hint}"


def print_table(outcomes: Iterable[Outcome], console: Console) -> None:
    """Print one row a submission, a column a question; below it the notes, and how many ended how."""
    from rich.text import Text

    rows = sorted(outcomes, key=lambda outcome: outcome.submission)
    console.print(_table(rows))
    for one in rows:
        for note in _notes(one):
            console.print(Text(legible(f"{one.submission}: {note}")))
    counts = [
        f"{sum(one.verdict is verdict for one in rows)} {name}"
        for verdict, name in (
            (Verdict.GRADED, "graded"),
            (Verdict.UNGRADABLE, "ungradable"),
            (Verdict.FAULT, "fault of the machine (run again)"),
        )
        if verdict is Verdict.GRADED or any(one.verdict is verdict for one in rows)
    ]
    console.print(", ".join(counts), highlight=False)


def _table(rows: list[Outcome]) -> Table:
    from rich.table import Table
    from rich.text import Text

    questions = list(dict.fromkeys(question.name for one in rows for question in one.questions))
    table = Table()
    table.add_column("student", overflow="fold")
    table.add_column("outcome")
    table.add_column("score", justify="right")
    for name in questions:
        table.add_column(Text(name), justify="right")
    for one in rows:
        points = {question.name: question for question in one.questions}
        cells = [
            f"{_points(points[name].score)}/{_points(points[name].possible)}" if name in points else ""
            for name in questions
        ]
        score = "" if one.score is None else f"{_points(one.score)}/{_points(one.possible)}"
        table.add_row(
            Text(legible(one.submission)),
            Text(one.verdict.value, style=_COLOURS[one.verdict]),
            score,
            *cells,
        )
    return table


def _notes(outcome: Outcome) -> list[str]:
    reason = (
        [f"{outcome.reason}: {outcome.hint}" if outcome.hint else outcome.reason] if outcome.reason else []
    )
    return [*reason, *outcome.notes]


def print_suspicions(suspicions: Iterable[Suspicion], console: Console) -> None:
    """Print what a person should look at, a line each; nothing where there is nothing."""
    from rich.text import Text

    lines = [legible(f"{', '.join(one.submissions)}: {one.text}") for one in suspicions]
    if lines:
        console.print("For a person to look at (no point depends on it):", highlight=False)
    for line in lines:
        console.print(Text(f"- {line}"), soft_wrap=True)


def print_status(status: Status, at: str, console: Console) -> None:
    """Print how far a batch is at this time, and below it who runs, who is tried again, who has no score."""
    from rich.table import Table
    from rich.text import Text

    console.print(Text(f"{status.kind} {status.lab}: {_standing_of_all(status, at)}"), soft_wrap=True)
    if status.paused:
        console.print(Text(legible(status.paused), style="red"), soft_wrap=True)
    table = Table("student", "state", "attempt", "since", "why")
    for one in status.standings:
        if one.state in ("running", "judging") or one.reason:
            table.add_row(
                Text(legible(one.submission)),
                one.outcome or one.state,
                str(one.attempt or ""),
                one.started[11:19],
                Text(legible(one.reason)),
            )
    if table.row_count:
        console.print(table)
    counts = [
        *(f"{status.count('done', verdict.value)} {verdict.value}" for verdict in Verdict),
        *(f"{status.count(state)} {state}" for state in ("running", "judging", "waiting")),
    ]
    console.print(", ".join(counts), highlight=False)


def _standing_of_all(status: Status, at: str) -> str:
    done, total = status.count("done"), len(status.standings)
    if status.ended:
        ending = legible(status.ending)
    elif status.alive is False:
        ending = "it was killed; run the same command again to go on"
    else:
        left = status.seconds_left
        ending = "under way" if status.alive else "under way, or killed: it was started on another machine"
        ending += "" if left is None else f", about {_minutes(left)} left"
    took = f" in {_minutes(status.seconds(at))}" if status.ended or status.alive else ""
    return f"{done} of {total} done{took}; {ending}"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def live_progress(console: Console) -> Progress:
    """Progress on this console: a bar with the time left on a terminal, else a line a submission."""
    return _Bar(console) if console.is_terminal else _Lines(console)


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._total = self._done = 0

    def begin(self, total: int) -> None:
        self._total = total

    def finished(self, outcome: Outcome, *, kept: bool) -> None:
        self._done += 1
        line = f"[{self._done}/{self._total}] {outcome_line(outcome)}" + (" (kept)" if kept else "")
        self.said(line)

    def said(self, line: str) -> None:
        self._console.print(legible(line), markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        pass


class _Bar:
    """Alive from `begin` to `close`; what an earlier run had done moves it without a line."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("grading"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
            transient=True,
        )
        self._task = self._bar.add_task("grading", total=None)

    def begin(self, total: int) -> None:
        self._bar.update(self._task, total=total)
        self._bar.start()

    def finished(self, outcome: Outcome, *, kept: bool) -> None:
        if not kept:
            self.said(outcome_line(outcome))
        self._bar.advance(self._task)

    def said(self, line: str) -> None:
        self._bar.console.print(legible(line), markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self._bar.stop()
