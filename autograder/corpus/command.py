"""`autograder corpus`: grade the corpora of labs and write their kill matrices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs
import click
from rich.console import Console

from autograder.batch.results import replace_text
from autograder.corpus.entries import Entry, chosen, read_corpus, read_every_run, write_told
from autograder.corpus.grading import grade_corpus
from autograder.corpus.matrix import Matrix
from autograder.corpus.models import cache
from autograder.corpus.report import summary, to_html
from autograder.data import MINIATURE, load, prepare
from autograder.errors import LabProblem, UsageProblem
from autograder.labs import Lab, find_lab, find_labs
from autograder.report import live_progress
from autograder.sandbox.warm import WarmProcessSandbox

__all__ = ["run_corpora"]


def run_corpora(
    labs: Sequence[str],
    *,
    names: Sequence[str],
    every_run: bool,
    times: int,
    apart: bool,
    jobs: int | None,
    source: str,
    out: Path | None,
    tell: bool,
) -> None:
    """Grade, print and write; all labs where none is named. Raises LabProblem where a matrix has problems.

    Entries are ours and trusted, so that a warm sandbox will do. Single entries (`names`) cannot show that
    each test fails one: then only their own problems count. They are graded apart, and so are those that are
    graded several `times` or whose messages are wanted (`tell`).
    """
    if tell and source != MINIATURE:
        raise UsageProblem("entries hold the messages of the miniature", hint="leave out --data or --tell")
    found = 0
    with WarmProcessSandbox() as sandbox:
        for lab in [find_lab(name) for name in labs] or find_labs():
            data = prepare(lab.dataset, source)
            folder = (out or cache() / "results") / lab.name / load(data, lab.dataset).identity
            progress = live_progress(Console(stderr=True))
            try:
                matrix = grade_corpus(
                    lab,
                    _entries(lab, names, every_run),
                    out=folder,
                    sandbox=sandbox,
                    data=data,
                    jobs=jobs,
                    times=times,
                    apart=apart or tell or bool(names) or times > 1,
                    progress=progress,
                )
            finally:
                progress.close()
            if tell:
                matrix = _with_messages(matrix, lab)
            found += _show(matrix, folder, single=bool(names))
    if found:
        raise LabProblem(
            f"{found} problem(s) in the corpus",
            hint="mend the check or the entry",
        )


def _with_messages(matrix: Matrix, lab: Lab) -> Matrix:
    """Write what each wrong answer is told into its entry; returns the matrix of these entries."""
    rows = []
    for row in matrix.rows:
        if not row.entry.correct:
            write_told(lab, row.entry, row.failed)
            row = attrs.evolve(row, entry=attrs.evolve(row.entry, told=row.failed))
        rows.append(row)
    return attrs.evolve(matrix, rows=tuple(rows))


def _entries(lab: Lab, names: Sequence[str], every_run: bool) -> tuple[Entry, ...]:
    if names:
        return chosen(read_corpus(lab), names, where=str(lab.folder / "corpus"))
    return read_every_run(lab) if every_run else read_corpus(lab)


def _show(matrix: Matrix, folder: Path, *, single: bool) -> int:
    if single:
        for row in matrix.rows:
            click.echo(f"{row.entry.name}: {row.points}")
            for test, message in row.failed.items():
                click.echo(f"  {test}: {message}")
            for problem in row.problems():
                click.echo(f"  PROBLEM: {problem}")
        return sum(len(row.problems()) for row in matrix.rows)
    for line in summary(matrix):
        click.echo(line)
    replace_text(folder / "matrix.html", to_html(matrix))
    replace_text(folder / "matrix.json", matrix.to_json())
    click.echo(f"  {folder / 'matrix.html'}")
    return len(matrix.problems())
