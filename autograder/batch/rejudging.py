"""Judge evidence that was kept, after a lab's tests or marks changed; no student code is run."""

from __future__ import annotations

import os
import shutil
import traceback
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import attrs

from autograder.batch.identity import combine, data_identity, lab_version
from autograder.batch.judging import Judges
from autograder.batch.ledger import Ledger, now, open_ledger
from autograder.batch.parts import Parts, Progress, Silent
from autograder.batch.results import Results, disk_faults, open_results, replace_text
from autograder.batch.scores import read_scores
from autograder.errors import AutograderError, Ungradable, UsageProblem
from autograder.labs import Lab
from autograder.records import Outcome, Verdict
from autograder.report import write_grades
from autograder.suspicion.records import TRACES

__all__ = ["rejudge"]

_STALE = "the evidence was collected with other probes; grade again to collect it anew"


@attrs.frozen(kw_only=True)
class _Setting:
    lab: Lab
    version: str
    tests: Path
    kit_hash: str
    data: Path
    results: Results
    ledger: Ledger
    judges: Judges


def rejudge(
    out: Path,
    lab: Lab,
    *,
    data: Path,
    jobs: int = 1,
    progress: Progress | None = None,
    parts: Parts | None = None,
) -> list[Outcome]:
    """Judge again what has evidence in the results folder; returns all the folder's outcomes, by name.

    `results.json` and `outcome.json` are replaced; the results before are `results.previous.json`.
    Raises UsageProblem where `out` holds no results, those of another lab, or of other data.
    """
    parts = parts or Parts.real()
    progress = progress or Silent()
    if not (out / ".lock").is_file():
        raise UsageProblem(f"{out} is no results folder", hint="give the folder that was --out when grading")
    with open_results(out) as results, open_ledger(results.root) as ledger:
        results.demand_lab(lab.name)
        book = results.outcomes()
        known = data_identity(data, lab.dataset)
        todo = [
            one for name, one in book.items() if one.evidence and (results.root / name / "evidence").is_dir()
        ]
        if other := next((one.data for one in todo if one.data != known), None):
            raise UsageProblem(
                f"these submissions were run on the data {other}, not {known}",
                hint="give the same data with --data ('miniature' for the bundled one), or grade again",
            )
        tests = results.keep(parts.tests_for(lab))
        kit_hash = parts.make_kit(lab, results.work / "kit")
        count = max(1, min(jobs, os.cpu_count() or 1, len(todo)))
        names = [one.submission for one in todo]
        run = ledger.run("rejudge", lab=lab.name, sandbox="", jobs=count, names=names, done=book)
        pool = ThreadPoolExecutor(count)
        with Judges(parts.judge, count=count, logs=results.work) as judges, run, pool:
            setting = _Setting(
                lab=lab,
                version=lab_version(lab, tests),
                tests=tests,
                kit_hash=kit_hash,
                data=data,
                results=results,
                ledger=ledger,
                judges=judges,
            )
            progress.begin(len(todo))
            try:
                for future in as_completed([pool.submit(_rejudge_one, one, setting) for one in todo]):
                    outcome = future.result()
                    book[outcome.submission] = outcome
                    progress.finished(outcome, kept=False)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                judges.stop()
                raise
            finally:
                write_grades(results.root, book.values())
    return [book[name] for name in sorted(book)]


def _rejudge_one(before: Outcome, setting: _Setting) -> Outcome:
    place = setting.results.root / before.submission
    work = setting.results.work / "submissions" / before.submission
    fresh = combine(before.content, setting.kit_hash, before.image, before.data)
    draft = attrs.evolve(
        before,
        verdict=Verdict.FAULT,
        score=None,
        possible=None,
        questions=(),
        reason="",
        hint="",
        lab_version=setting.version,
        identity=combine(before.evidence, setting.version),
        notes=tuple(note for note in before.notes if note != _STALE)
        + ((_STALE,) if before.evidence != fresh else ()),
    )
    with disk_faults():
        work.mkdir(parents=True)
        begun = now()
        setting.ledger.running(before.submission, 1, begun)
        setting.ledger.judging(before.submission)
        outcome = _judged(draft, place / "evidence", work, setting)
        _replace(place, work, outcome)
        setting.ledger.done(outcome, attempt=1, started=begun)
    return outcome


def _judged(draft: Outcome, evidence: Path, work: Path, setting: _Setting) -> Outcome:
    try:
        setting.judges.judge(
            evidence=evidence, lab=setting.lab.name, tests=setting.tests, data=setting.data, destination=work
        )
        score, possible, questions = read_scores(work / "results.json", setting.lab)
    except Ungradable as error:
        return attrs.evolve(draft, verdict=Verdict.UNGRADABLE, reason=error.what, hint=error.hint)
    # As in grading: one submission must never stop the others.
    except Exception as error:
        log = "".join(traceback.format_exception(error))
        (work / "fault.log").write_text(log, encoding="utf-8", errors="backslashreplace")
        reason = (
            error.what if isinstance(error, AutograderError) else "a fault of the autograder; see fault.log"
        )
        return attrs.evolve(draft, reason=reason, hint="judge again; if it stays, report it with fault.log")
    return attrs.evolve(draft, verdict=Verdict.GRADED, score=score, possible=possible, questions=questions)


def _replace(place: Path, work: Path, outcome: Outcome) -> None:
    """Replace what was judged; the evidence stays where it is, and no score stays beside a fault."""
    results = place / "results.json"
    if results.exists():
        results.replace(place / "results.previous.json")
    if outcome.verdict is Verdict.GRADED:
        (work / "results.json").replace(results)
    replace_text(place / "outcome.json", outcome.to_json())
    for name in ("tests.jsonl", "fault.log", *TRACES):
        (place / name).unlink(missing_ok=True)
        if (work / name).exists():
            (work / name).replace(place / name)
    shutil.rmtree(work, ignore_errors=True)
