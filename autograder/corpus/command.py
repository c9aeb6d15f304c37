"""`autograder corpus`: grade the corpora of labs and write their kill matrices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs
import click
from rich.console import Console

from autograder.batch.results import replace_text
from autograder.corpus.core import core_of
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

_CORE, _WHOLE, _SINGLE = "core", "whole", "single"
"""What part of a corpus is graded, and the folder of what comes of it."""


def run_corpora(
    labs: Sequence[str],
    *,
    names: Sequence[str],
    whole: bool,
    times: int,
    apart: bool,
    jobs: int | None,
    source: str,
    out: Path | None,
    tell: bool,
) -> None:
    """Grade, print and write; all labs where none is named. Raises LabProblem where a matrix has problems.

    Without names it is the core of the corpus that is graded, or the `whole`, which `tell` is about as well.
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
            entries, extent = _entries(lab, names, whole or tell)
            folder = (out or cache() / "results") / lab.name / load(data, lab.dataset).identity / extent
            progress = live_progress(Console(stderr=True))
            try:
                matrix = grade_corpus(
                    lab,
                    entries,
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
            found += _show(matrix, folder, extent)
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


def _entries(lab: Lab, names: Sequence[str], whole: bool) -> tuple[tuple[Entry, ...], str]:
    """What is to be graded, and what part of the corpus that is."""
    entries = read_corpus(lab)
    if names:
        return chosen(entries, names, where=str(lab.folder / "corpus")), _SINGLE
    return (entries, _WHOLE) if whole else (core_of(entries, read_every_run(lab)), _CORE)


def _show(matrix: Matrix, folder: Path, extent: str) -> int:
    if extent == _SINGLE:
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
    if extent == _CORE:
        click.echo(f"  The core of the corpus: {len(matrix.rows)} entries. With --whole all are graded.")
    return len(matrix.problems())
