"""How far a batch is, read by another process than the one that grades: `autograder status OUT`.

States, attempts and times are the ledger's; what became of a submission is read from its folder. So a ledger
that a kill left one step behind tells nothing wrong: what has its folder is done, what has none waits.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import platform
import sqlite3
import urllib.parse
from collections.abc import Mapping
from pathlib import Path

import attrs
import psutil

from autograder.batch.ledger import DONE, FILE, JUDGING, RUNNING, VERSION, WAITING
from autograder.batch.results import outcomes_in
from autograder.errors import MachineFault, UsageProblem
from autograder.records import Outcome

__all__ = ["Standing", "Status", "read_status"]

_SCHEMA = 1
_SAME_BIRTH_SECONDS = 1.0


@attrs.frozen(kw_only=True)
class Standing:
    """One submission of a batch."""

    submission: str
    state: str
    """waiting, running, judging or done."""
    attempt: int = 0
    """Which attempt this is, or was; 0 where there was none in this run."""
    started: str = ""
    ended: str = ""
    outcome: str = ""
    """graded, ungradable or fault, as in `outcome.json`; empty until done."""
    reason: str = ""
    """Why there is no score; while it isn't done, why the attempt before failed."""


@attrs.frozen(kw_only=True)
class Status:
    """The last run over a results folder, and where each of its submissions stands."""

    kind: str
    lab: str
    sandbox: str
    jobs: int
    alive: bool | None
    """Whether it still runs; None where that can't be told, as it was started on another machine."""
    started: str
    ended: str
    ending: str
    """"complete", "interrupted" or why it stopped; empty where it runs or was killed."""
    paused: str
    """Why all wait; empty where they don't."""
    standings: tuple[Standing, ...]

    def count(self, state: str, outcome: str = "") -> int:
        """How many are in this state, with this outcome where one is given."""
        return sum(one.state == state and (not outcome or one.outcome == outcome) for one in self.standings)

    @property
    def seconds_left(self) -> float | None:
        """An estimate from what this run took so far for each; None where it doesn't run or has none done."""
        spent = [
            _seconds(one.started, one.ended) for one in self.standings if one.state == DONE and one.started
        ]
        left = len(self.standings) - self.count(DONE)
        if not self.alive or not spent:
            return None
        return left * sum(spent) / len(spent) / max(1, self.jobs)

    def seconds(self, at: str) -> float:
        """How long it ran, or has been running at this time."""
        return _seconds(self.started, self.ended or at)

    def to_json(self) -> str:
        """All of it, as one object of schema 1."""
        data = attrs.asdict(self) | {"seconds_left": self.seconds_left}
        return json.dumps({"schema": _SCHEMA, **data}, ensure_ascii=False, indent=1)


def read_status(root: Path) -> Status:
    """The status of a results folder, whether or not a batch runs in it.

    Raises UsageProblem where no batch ever ran, MachineFault where the ledger can't be read.
    """
    path = root.resolve() / FILE
    if not path.is_file():
        raise UsageProblem(f"{root} holds no batch", hint="give the folder that was --out when grading")
    # Not read-only, where it may be written: after a kill, reading begins with rolling back.
    address = f"file:{urllib.parse.quote(str(path))}?mode=rw"
    try:
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=30)) as connection:
            connection.row_factory = sqlite3.Row
            if connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                raise sqlite3.DatabaseError("it is of another version of autograder")
            connection.execute("BEGIN")
            run = connection.execute("SELECT * FROM runs ORDER BY id DESC LIMIT 1").fetchone()
            rows = connection.execute("SELECT * FROM submissions ORDER BY name").fetchall()
            tried = connection.execute(
                "SELECT name, reason FROM attempts WHERE run = ? ORDER BY rowid", (run["id"] if run else 0,)
            ).fetchall()
    except sqlite3.Error as error:
        raise MachineFault(
            f"the batch's ledger cannot be read: {error}", where=str(path), hint="look at grades.csv instead"
        ) from error
    if run is None:
        raise UsageProblem(f"{root} holds no batch that began", hint="run `autograder grade` again")
    return _status(run, rows, {row["name"]: row["reason"] for row in tried}, outcomes_in(root.resolve()))


def _status(
    run: sqlite3.Row, rows: list[sqlite3.Row], failed: Mapping[str, str], book: Mapping[str, Outcome]
) -> Status:
    alive = None if run["host"] != platform.node() else run["ended"] is None and _runs(run)
    return Status(
        kind=run["kind"],
        lab=run["lab"],
        sandbox=run["sandbox"],
        jobs=run["jobs"],
        alive=False if run["ended"] else alive,
        started=run["started"],
        ended=run["ended"] or "",
        ending=run["ending"],
        paused=run["note"] if alive is not False else "",
        standings=tuple(
            _standing(row, alive is not False, failed.get(row["name"], ""), book.get(row["name"]))
            for row in rows
        ),
    )


def _standing(row: sqlite3.Row, going: bool, failed: str, found: Outcome | None) -> Standing:
    state = row["state"]
    # Its folder was put in place, and then the run was killed before it could say so.
    if state in (RUNNING, JUDGING) and found is not None:
        state = DONE if (found.started, found.attempts) == (row["started"], row["attempt"]) else state
    if (state in (RUNNING, JUDGING) and not going) or (state == DONE and found is None):
        state = WAITING
    done = found if state == DONE else None
    return Standing(
        submission=row["name"],
        state=state,
        attempt=row["attempt"],
        started=row["started"] or "",
        ended=row["ended"] or "",
        outcome=done.verdict.value if done else "",
        reason=done.reason if done else failed,
    )


def _runs(run: sqlite3.Row) -> bool:
    try:
        born = float(psutil.Process(run["process"]).create_time())
    except psutil.Error:
        return False
    # The number may be another process's by now.
    return abs(born - float(run["born"])) < _SAME_BIRTH_SECONDS


def _seconds(started: str, ended: str) -> float:
    times = [datetime.datetime.fromisoformat(text) for text in (started, ended)]
    return max(0.0, (times[1] - times[0]).total_seconds())
