"""Grade a corpus, like a batch of students, once or several times over."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from autograder.batch.parts import Progress
from autograder.corpus.entries import Entry, write_submission
from autograder.corpus.matrix import Matrix, Row, Run, read_run
from autograder.corpus.models import make_models
from autograder.labs import Lab
from autograder.sandbox.contract import Sandbox

__all__ = ["grade_corpus"]


def grade_corpus(
    lab: Lab,
    entries: Iterable[Entry],
    *,
    out: Path,
    sandbox: Sandbox,
    data: Path,
    jobs: int = 1,
    times: int = 1,
    progress: Progress | None = None,
) -> Matrix:
    """Grade entries of a lab so many times; what `out` already holds of them and has not changed is kept.

    Each time has a results folder of its own, `out/1` and so on. Raises LabProblem where an entry or a
    recipe does not fit the lab, and whatever `autograder.batch.grade` raises.
    """
    from autograder.batch import grade
    from autograder.data import load
    from autograder.intake import Candidate

    chosen = tuple(entries)
    models = make_models(lab, (entry.models for entry in chosen), data)
    runs: dict[str, list[Run]] = {entry.name: [] for entry in chosen}
    tests: tuple[str, ...] = ()
    with tempfile.TemporaryDirectory(prefix="autograder-corpus-") as scratch:
        for entry in chosen:
            write_submission(entry, lab, Path(scratch) / entry.name, models)
        candidates = [Candidate(name=entry.name, path=Path(scratch) / entry.name) for entry in chosen]
        for number in range(1, times + 1):
            results = out / str(number)
            for outcome in grade(
                candidates, lab, out=results, sandbox=sandbox, data=data, jobs=jobs, progress=progress
            ):
                run, seen = read_run(outcome, results)
                runs[outcome.submission].append(run)
                tests = tests or seen
    rows = tuple(Row(entry=entry, runs=tuple(runs[entry.name])) for entry in chosen)
    return Matrix(lab=lab.name, data=load(data, lab.dataset).identity, tests=tests, rows=rows)
