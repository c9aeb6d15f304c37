"""Grade candidates: stage, run in the sandbox, judge, put the result in place; several at a time."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
import time
import traceback
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from pathlib import Path

import attrs

from autograder.batch.gate import Gate, Patience, Stopped, Told, Trial, UntilStopped
from autograder.batch.identity import combine, data_identity, lab_version
from autograder.batch.judging import Judges
from autograder.batch.ledger import Ledger, now, open_ledger
from autograder.batch.parts import Parts, Progress, Silent
from autograder.batch.results import Results, disk_faults, open_results, replace_text
from autograder.batch.scores import read_scores
from autograder.errors import AutograderError, MachineFault, Ungradable, UsageProblem
from autograder.intake import Candidate, stage
from autograder.labs import Lab
from autograder.records import Outcome, Verdict
from autograder.report import write_grades
from autograder.sandbox.contract import Sandbox

__all__ = ["grade"]

_DRAIN_SECONDS = 30.0
_DOUBT = "look in Canvas whose it is, put each student's files into a folder of her own, and grade these"


@attrs.frozen(kw_only=True)
class _Setting:
    """What all submissions of one run share."""

    lab: Lab
    version: str
    tests: Path
    kit: Path
    kit_hash: str
    data: Path
    data_hash: str
    sandbox: Sandbox
    image: str
    results: Results
    ledger: Ledger
    judges: Judges
    parts: Parts
    retries: int
    gate: Gate
    patience: Patience
    stopping: threading.Event


def grade(
    candidates: Iterable[Candidate],
    lab: Lab,
    *,
    out: Path,
    sandbox: Sandbox,
    data: Path,
    jobs: int = 1,
    retries: int = 1,
    patience: Patience | None = None,
    progress: Progress | None = None,
    parts: Parts | None = None,
) -> list[Outcome]:
    """Grade the candidates into the results folder `out`; what is done there and unchanged is not done again.

    Returns the candidates' outcomes, by name. One that cannot be graded, or a fault, stops no other. While
    the machine fails, all wait, as long as `patience` says. Raises UsageProblem where `out` cannot be used,
    MachineFault where nothing can go on (no sandbox, a full disk); after these and after KeyboardInterrupt
    whatever is complete is kept.
    """
    parts = parts or Parts.real()
    patience = patience or Patience()
    progress = progress or Silent()
    todo = _apart(candidates, out.resolve())
    with open_results(out) as results, open_ledger(results.root) as ledger:
        results.demand_lab(lab.name)
        sandbox.sweep(results.batch)
        tests = results.keep(parts.tests_for(lab))
        kit = results.work / "kit"
        kit_hash = parts.make_kit(lab, kit)
        count = max(1, min(jobs, os.cpu_count() or 1, len(todo)))
        stopping = threading.Event()
        trial = Trial(parts=parts, results=results, sandbox=sandbox, data=data, kit=kit)
        told = Told(ledger=ledger, progress=progress)
        run = ledger.run(
            "grade",
            lab=lab.name,
            sandbox=sandbox.name,
            jobs=jobs,
            names=[one.name for one in todo],
            done=results.outcomes(),
        )
        with Judges(parts.judge, count=count, logs=results.work) as judges, run:
            setting = _Setting(
                lab=lab,
                version=lab_version(lab, tests),
                tests=tests,
                kit=kit,
                kit_hash=kit_hash,
                data=data,
                data_hash=data_identity(data, lab.dataset),
                sandbox=sandbox,
                image=sandbox.identity(),
                results=results,
                ledger=ledger,
                judges=judges,
                parts=parts,
                retries=retries,
                gate=Gate(trial, patience=patience, tell=told, stopping=stopping),
                patience=patience,
                stopping=stopping,
            )
            return _grade_all(todo, setting, jobs, progress)


def _apart(candidates: Iterable[Candidate], root: Path) -> list[Candidate]:
    """The candidates that are not the results themselves, which may lie in the folder of submissions."""
    todo = [one for one in candidates if not one.path.is_relative_to(root)]
    for one in todo:
        if root.is_relative_to(one.path) and not one.picks:
            raise UsageProblem(f"{root} lies inside of a submission", hint="choose another folder with --out")
    return todo


def _grade_all(todo: list[Candidate], setting: _Setting, jobs: int, progress: Progress) -> list[Outcome]:
    book = setting.results.outcomes()
    done: dict[str, Outcome] = {}
    progress.begin(len(todo))
    executor = ThreadPoolExecutor(max(1, jobs), thread_name_prefix="room")
    # What was a fault in an earlier run comes last: if it ended that run, it doesn't end each one anew.
    todo = sorted(todo, key=lambda one: one.name in book and book[one.name].verdict is Verdict.FAULT)
    futures = [executor.submit(_Grading(candidate, setting).run) for candidate in todo]
    try:
        for future in as_completed(futures):
            outcome, kept = future.result()
            done[outcome.submission] = book[outcome.submission] = outcome
            write_grades(setting.results.root, book.values())
            progress.finished(outcome, kept=kept)
    except BaseException:
        setting.stopping.set()
        executor.shutdown(wait=False, cancel_futures=True)
        _drain(futures, setting)
        # With what came into place meanwhile; on a full disk the next run has to do it.
        with contextlib.suppress(OSError):
            write_grades(setting.results.root, setting.results.outcomes().values())
        raise
    executor.shutdown()
    if setting.gate.failures:
        # An engine that died left its containers behind.
        with contextlib.suppress(AutograderError):
            setting.sandbox.sweep(setting.results.batch)
    return [done[name] for name in sorted(done)]


def _drain(futures: list[Future[tuple[Outcome, bool]]], setting: _Setting) -> None:
    """End what runs. Swept more than once, as a room may have been on its way in."""
    until = time.monotonic() + _DRAIN_SECONDS
    while time.monotonic() < until:
        setting.judges.stop()
        with contextlib.suppress(AutograderError):
            setting.sandbox.sweep(setting.results.batch)
        # One that was cancelled before it began is never said to be done.
        if not wait([one for one in futures if not one.cancelled()], timeout=0.3).not_done:
            return


class _Grading:
    """One submission on its way. Its draft is a fault until it is known to be something else."""

    def __init__(self, candidate: Candidate, setting: _Setting) -> None:
        self._candidate = candidate
        self._setting = setting
        self._work = setting.results.work / "submissions" / candidate.name
        self._before = setting.results.outcome(candidate.name)
        self._begun = 0.0
        self._collected = False
        self._counted = self._spared = 0
        self._machine_failed = False
        self._draft = Outcome(
            submission=candidate.name,
            canvas_id=candidate.canvas_id,
            notes=candidate.notes,
            lab=setting.lab.name,
            verdict=Verdict.FAULT,
            lab_version=setting.version,
            sandbox=setting.sandbox.name,
            image=setting.image,
            data=setting.data_hash,
        )

    def run(self) -> tuple[Outcome, bool]:
        """The outcome, and whether it is an earlier run's. Raises only where the batch cannot go on."""
        outcome, kept = self._tried()
        with disk_faults():
            if kept:
                self._setting.ledger.done(outcome)
            else:
                self._setting.ledger.done(outcome, attempt=outcome.attempts, started=outcome.started)
                self._setting.gate.ended(outcome.reason if self._machine_failed else "")
        return outcome, kept

    def _tried(self) -> tuple[Outcome, bool]:
        while True:
            seen = self._begin()
            try:
                with disk_faults():
                    return self._attempt()
            except Ungradable as ungradable:
                return self._refuse(ungradable)
            except MachineFault as fault:
                if not self._may_try_again(fault, seen):
                    self._machine_failed = True
                    return self._fault(fault)
            # One submission must never stop the others, whatever it makes our own code do.
            except Exception as unexpected:
                return self._fault(unexpected)

    def _begin(self) -> int:
        """Wait for a machine that is well; returns what the gate wants to be asked with afterwards."""
        seen = self._setting.gate.enter()
        # Here, as it may have waited for a long time until a room was free.
        self._begun = time.monotonic()
        attempt = self._counted + self._spared + 1
        self._draft = attrs.evolve(self._draft, attempts=attempt, started=now())
        return seen

    def _may_try_again(self, fault: MachineFault, seen: int) -> bool:
        """Whether there is another attempt. One that the machine spoiled doesn't count, a few times."""
        setting = self._setting
        if setting.stopping.is_set():
            return False
        if self._spared < setting.patience.spared and setting.gate.was_the_machine(seen):
            self._spared += 1
        else:
            self._counted += 1
        if self._counted > setting.retries:
            return False
        setting.ledger.failed(self._candidate.name, fault.what)
        return True

    def _attempt(self) -> tuple[Outcome, bool]:
        setting, work, candidate = self._setting, self._work, self._candidate
        work.mkdir(parents=True, exist_ok=True)
        if candidate.doubt:
            raise Ungradable(candidate.doubt, hint=_DOUBT)
        staged = stage(candidate.path, setting.lab, work / "submission", candidate.picks)
        evidence_hash = combine(staged.identity, setting.kit_hash, setting.image, setting.data_hash)
        identity = combine(evidence_hash, setting.version)
        before = self._before
        if before is not None and before.identity == identity and before.verdict is not Verdict.FAULT:
            return before, True
        self._draft = attrs.evolve(
            self._draft,
            content=staged.identity,
            identity=identity,
            notes=candidate.notes + staged.notes,
        )
        setting.ledger.running(self._candidate.name, self._draft.attempts, self._draft.started)
        self._collect(staged.folder, evidence_hash)
        self._draft = attrs.evolve(self._draft, evidence=evidence_hash)
        setting.ledger.judging(self._candidate.name)
        setting.judges.judge(
            evidence=work / "evidence",
            lab=setting.lab.name,
            tests=setting.tests,
            data=setting.data,
            destination=work,
        )
        score, possible, questions = read_scores(work / "results.json", setting.lab)
        return self._publish(
            attrs.evolve(
                self._draft, verdict=Verdict.GRADED, score=score, possible=possible, questions=questions
            )
        )

    def _collect(self, staged: Path, evidence_hash: str) -> None:
        """Run the student's code, unless an earlier run did, or an attempt that failed after it."""
        setting, evidence = self._setting, self._work / "evidence"
        if self._collected:
            return
        shutil.rmtree(evidence, ignore_errors=True)
        kept = setting.results.root / self._candidate.name / "evidence"
        if self._may_reuse(evidence_hash) and kept.is_dir():
            shutil.copytree(kept, evidence, copy_function=_link_or_copy)
        else:
            evidence.mkdir()
            key = hashlib.sha256(self._candidate.name.encode()).hexdigest()[:12]
            setting.parts.collect(
                staged,
                setting.lab,
                UntilStopped(setting.sandbox, setting.stopping),
                setting.data,
                setting.kit,
                evidence,
                batch=setting.results.batch,
                # Another for each attempt: a container of the last one may still be there.
                name=f"{setting.results.batch}-{key}-{self._draft.attempts}",
            )
        self._collected = True

    def _may_reuse(self, evidence_hash: str) -> bool:
        """After a fault only if the lab was changed since: then the fault may have been the lab's."""
        before = self._before
        if before is None or before.evidence != evidence_hash:
            return False
        return before.verdict is not Verdict.FAULT or before.lab_version != self._setting.version

    def _refuse(self, error: Ungradable) -> tuple[Outcome, bool]:
        reason = f"{error.where}: {error.what}" if error.where else error.what
        outcome = attrs.evolve(self._draft, verdict=Verdict.UNGRADABLE, reason=reason, hint=error.hint)
        before = self._before
        if before is not None and not outcome.identity:
            told = (before.verdict, before.identity, before.reason, before.hint)
            if told == (outcome.verdict, outcome.identity, outcome.reason, outcome.hint):
                return before, True
        return self._publish(outcome)

    def _fault(self, error: Exception) -> tuple[Outcome, bool]:
        if isinstance(error, AutograderError):
            reason, hint = error.what, error.hint
        else:
            reason = f"a fault of the autograder ({type(error).__name__})"
            hint = "run the same command again; if it stays, report it with fault.log"
        with disk_faults():
            self._work.mkdir(parents=True, exist_ok=True)
            log = "".join(traceback.format_exception(error))
            (self._work / "fault.log").write_text(log, encoding="utf-8", errors="backslashreplace")
        return self._publish(attrs.evolve(self._draft, reason=reason, hint=hint))

    def _publish(self, outcome: Outcome) -> tuple[Outcome, bool]:
        """Put the results in place. What an interrupt may have touched is thrown away instead."""
        if self._setting.stopping.is_set():
            raise Stopped
        work = self._work
        outcome = attrs.evolve(outcome, seconds=round(time.monotonic() - self._begun, 2))
        with disk_faults():
            work.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(work / "submission", ignore_errors=True)
            if not outcome.evidence:
                shutil.rmtree(work / "evidence", ignore_errors=True)
            if outcome.verdict is not Verdict.GRADED:
                (work / "results.json").unlink(missing_ok=True)
            executed = work / "evidence" / "executed.ipynb"
            if executed.is_file() and not executed.is_symlink():
                shutil.copyfile(executed, work / "executed.ipynb")
            replace_text(work / "outcome.json", outcome.to_json())
            self._setting.results.publish(work, outcome.submission)
        return outcome, False


def _link_or_copy(source: str, target: str) -> None:
    # Evidence never changes once it is collected, so two results may share it.
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copyfile(source, target, follow_symlinks=False)
