"""Show all that is known of one submission to a TA: a person's words to a student begin here.

Tests, messages and names hold what strangers wrote: they are shown as text, without effect on the terminal.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.intake.names import legible
from autograder.records import Outcome, Verdict
from autograder.report import outcome_line
from autograder.suspicion.records import Suspicion, from_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["print_sheet", "suspicions_in"]


def print_sheet(root: Path, outcome: Outcome, console: Console) -> None:
    """Print a submission of the results folder `root`: score or reason, tests, what ran, notes, files."""
    from rich.rule import Rule
    from rich.text import Text

    folder = root / outcome.submission
    results = _read(folder / "results.json") if outcome.verdict is Verdict.GRADED else {}
    console.print(Rule(Text(legible(outcome.submission)), align="left"))
    console.print(Text(outcome_line(outcome)))
    tests = [test for test in results.get("tests", []) if isinstance(test, dict)]
    if tests:
        console.print(_table(tests))
    lines = str(results.get("output", "")).splitlines()
    lines += [f"Note: {note}" for note in outcome.notes]
    lines += [
        f"For a person to look at: {', '.join(one.submissions)}: {one.text}"
        for one in suspicions_in(root)
        if outcome.submission in one.submissions
    ]
    for line in lines:
        console.print(Text(legible(line)))
    for name in ("executed.ipynb", "results.json", "fault.log"):
        if (folder / name).is_file():
            console.print(Text(str(folder / name)), soft_wrap=True)


def _table(tests: list[dict[str, Any]]) -> Table:
    """A row a test; those that lost points in full, of the others the points only."""
    from rich.table import Table
    from rich.text import Text

    table = Table(show_lines=False)
    table.add_column("test", overflow="fold")
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("what the student is told", overflow="fold")
    for test in tests:
        score, possible = test.get("score") or 0, test.get("max_score") or 0
        failed = test.get("status") == "failed" or score < possible
        table.add_row(
            Text(legible(str(test.get("name", "")))),
            Text(f"{score:g}/{possible:g}" if possible else "", style="red" if failed else "green"),
            Text("\n".join(map(legible, str(test.get("output", "")).splitlines())) if failed else ""),
        )
    return table


def suspicions_in(root: Path) -> list[Suspicion]:
    """What the last run into the results folder `root` found suspicious; nothing where it kept nothing."""
    try:
        return from_json((root / "suspicions.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []


def _read(path: Path) -> dict[str, Any]:
    """What our own side wrote there; nothing where it wrote none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
