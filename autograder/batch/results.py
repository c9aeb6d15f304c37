"""A results folder: one folder a submission, each put in place whole, and one run at a time.

OUT/<submission>/    outcome.json, results.json, evidence/, executed.ipynb; fault.log after a fault
OUT/grades.csv       the gradebook
OUT/.work/<run>/     what a run is at; swept by the next one
OUT/.ledger.sqlite   what was tried, when, and what is under way (`autograder.batch.ledger`)
OUT/.lock            held while a run lasts; also marks the folder as ours
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import attrs

from autograder.errors import MachineFault, UsageProblem
from autograder.records import Outcome

__all__ = ["Results", "disk_faults", "lab_of", "open_results", "outcomes_in", "outcomes_of", "replace_text"]

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}


@attrs.frozen(kw_only=True)
class Results:
    """A results folder that this run alone holds."""

    root: Path
    work: Path
    """This run's own folder for what is not complete."""

    @property
    def batch(self) -> str:
        """The name by which what a run left running is found again; the same for every run of this folder."""
        return f"ag-{hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]}"

    def keep(self, tests: Path) -> Path:
        """A copy of the hidden tests, so that building the lab meanwhile changes nothing of this run."""
        return Path(shutil.copytree(tests, self.work / "tests", ignore=shutil.ignore_patterns("__pycache__")))

    def outcome(self, submission: str) -> Outcome | None:
        """What an earlier run found, or None where it is missing or cannot be read."""
        return _read_outcome(self.root / submission / "outcome.json")

    def outcomes(self) -> dict[str, Outcome]:
        """What earlier runs found, by submission."""
        return outcomes_in(self.root)

    def demand_lab(self, lab: str) -> None:
        """Raises UsageProblem where the folder holds the results of another lab."""
        for outcome in self.outcomes().values():
            if outcome.lab != lab:
                raise UsageProblem(
                    f"{self.root} holds results of the lab {outcome.lab}, not {lab}",
                    hint="choose another folder with --out",
                )

    def publish(self, folder: Path, submission: str) -> None:
        """Put a complete folder in the place of the submission's results, whole or not at all."""
        target = self.root / submission
        old = self.work / "old" / submission
        if target.exists():
            old.parent.mkdir(exist_ok=True)
            target.rename(old)
        folder.rename(target)
        shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def open_results(root: Path) -> Iterator[Results]:
    """Hold a results folder, made if need be, and remove what an interrupted run left half done.

    Raises UsageProblem where another run holds it, or where it is somebody's folder with other files.
    """
    root = root.resolve()
    with disk_faults(), _locked(root):
        _recover(root)
        work = root / ".work" / f"{os.getpid()}-{secrets.token_hex(4)}"
        work.mkdir(parents=True)
        try:
            yield Results(root=root, work=work)
        finally:
            shutil.rmtree(root / ".work", ignore_errors=True)


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    try:
        root.mkdir(parents=True, exist_ok=True)
        strange = not (root / ".lock").exists() and any(root.iterdir())
        if strange:
            raise UsageProblem(f"{root} holds other files", hint="choose a new folder for --out")
        stream = (root / ".lock").open("a+", encoding="utf-8")
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise UsageProblem(
            f"{root} cannot be a results folder: {error.strerror}", hint="choose another"
        ) from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.seek(0)
            raise UsageProblem(
                f"another run of autograder is using {root} (process {stream.read(20).strip() or 'unknown'})",
                hint="wait until it ends, or choose another folder with --out",
            ) from error
        stream.truncate(0)
        stream.write(f"{os.getpid()}\n")
        stream.flush()
        yield


def _recover(root: Path) -> None:
    """Bring back results that a killed run had moved aside, then remove its work."""
    for old in root.glob(".work/*/old/*"):
        if not (root / old.name).exists():
            old.rename(root / old.name)
    shutil.rmtree(root / ".work", ignore_errors=True)


@contextlib.contextmanager
def disk_faults() -> Iterator[None]:
    """Make a MachineFault of a disk that is full or broken; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK:
            raise
        raise MachineFault(
            f"the machine could not write or open a file: {error.strerror}",
            where=str(error.filename or ""),
            hint="free disk space (or raise the limit it names), then run the same command again",
        ) from error


def replace_text(path: Path, text: str, encoding: str = "utf-8") -> None:
    """Write a file so that a reader sees the old text or the new one, never a part."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding=encoding, newline="")
    beside.replace(path)


def lab_of(root: Path) -> str:
    """The lab whose results a folder holds. Raises UsageProblem where it holds none."""
    for outcome in outcomes_in(root).values():
        return outcome.lab
    raise UsageProblem(f"{root} holds no results", hint="give the folder that was --out when grading")


def outcomes_of(root: Path) -> dict[str, Outcome]:
    """The outcomes that a folder holds, by submission. Raises UsageProblem where it holds none."""
    lab_of(root)
    return outcomes_in(root)


def outcomes_in(root: Path) -> dict[str, Outcome]:
    """What a results folder holds, by submission; held or not."""
    found = (_read_outcome(path) for path in sorted(root.glob("*/outcome.json")))
    return {outcome.submission: outcome for outcome in found if outcome is not None}


def _read_outcome(path: Path) -> Outcome | None:
    try:
        outcome = Outcome.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return outcome if outcome.submission == path.parent.name else None
