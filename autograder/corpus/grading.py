"""Grade a corpus, like a batch of students, once or several times over."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from autograder.batch.parts import Progress
from autograder.corpus.entries import Entry, write_submission
from autograder.corpus.matrix import Matrix, Row, Run, read_run
from autograder.corpus.models import make_models
from autograder.corpus.pools import pools_of
from autograder.errors import UsageProblem
from autograder.labs import Lab
from autograder.sandbox.contract import Sandbox

__all__ = ["grade_corpus"]

_Grader = Callable[[Sequence[Entry], Path], dict[str, Run]]
"""Grades entries into a results folder; returns what each came to, by name."""


def grade_corpus(
    lab: Lab,
    entries: Iterable[Entry],
    *,
    out: Path,
    sandbox: Sandbox,
    data: Path,
    jobs: int | None = None,
    times: int = 1,
    apart: bool = False,
    progress: Progress | None = None,
) -> Matrix:
    """Grade entries of a lab; what `out` already holds of them and has not changed is kept.

    Answers to different questions share a notebook (see `autograder.corpus.pools`), and are graded one by one
    only where such a pool does not come out as it must. apart: each is graded by itself, so many times; each
    time has a results folder of its own, `out/1` and so on. jobs: how many at a time; without it one more
    than there are cores, as each now and then waits. Raises LabProblem where an entry or a recipe does not
    fit the lab, UsageProblem for several times but not apart, and whatever
    `autograder.batch.grade` raises.
    """
    from autograder.data import load

    if times > 1 and not apart:
        raise UsageProblem("answers that share a notebook are graded once", hint="grade them apart")
    jobs = jobs or (os.cpu_count() or 1) + 1
    chosen = tuple(entries)
    tests: dict[str, None] = {}
    models = make_models(lab, (entry.models for entry in chosen), data)

    def grade_these(some: Sequence[Entry], results: Path) -> dict[str, Run]:
        from autograder.batch import grade
        from autograder.build.reference import submission_notebook
        from autograder.intake import Candidate

        reference = submission_notebook(lab)
        found: dict[str, Run] = {}
        with tempfile.TemporaryDirectory(prefix="autograder-corpus-") as scratch:
            for entry in some:
                write_submission(entry, lab, Path(scratch) / entry.name, models, reference)
            candidates = [Candidate(name=entry.name, path=Path(scratch) / entry.name) for entry in some]
            for outcome in grade(
                candidates, lab, out=results, sandbox=sandbox, data=data, jobs=jobs, progress=progress
            ):
                found[outcome.submission], seen = read_run(outcome, results)
                tests.update(dict.fromkeys(seen))
        return found

    if apart:
        runs = [grade_these(chosen, out / str(number)) for number in range(1, times + 1)]
    else:
        runs = [_grade_pooled(chosen, out, grade_these)]
    rows = tuple(Row(entry=entry, runs=tuple(run[entry.name] for run in runs)) for entry in chosen)
    return Matrix(lab=lab.name, data=load(data, lab.dataset).identity, tests=tuple(tests), rows=rows)


def _grade_pooled(entries: tuple[Entry, ...], out: Path, grade_these: _Grader) -> dict[str, Run]:
    """Grade entries in pools, and those of a pool that does not tell by themselves."""
    pools = pools_of(entries)
    graded = grade_these([pool.entry for pool in pools], out / "pools")
    found: dict[str, Run] = {}
    for pool in pools:
        found |= pool.runs(graded[pool.entry.name]) or {}
    doubtful = [entry for entry in entries if entry.name not in found]
    return found | (grade_these(doubtful, out / "1") if doubtful else {})
