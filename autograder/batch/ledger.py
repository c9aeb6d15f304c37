"""What a batch is at and what it tried, for whoever looks: `OUT/.ledger.sqlite`.

The truth of a result is the folder that was renamed into place; the ledger adds what no folder says: who
waits, who runs, which attempts failed and why. It is written after the folder, so after a kill it may be one
step behind, and it never claims a result that is not there. A new run writes its rows anew from the folders,
and `autograder.batch.status` reads verdicts from the folders alone.

The journal is SQLite's rollback journal, synchronous, and not a write-ahead log: that one needs memory shared
by all who have the file open, which a network file system, where results often lie, does not give. Either
survives SIGKILL and a power cut: whoever opens the file next rolls back what was not complete.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import psutil

from autograder.errors import AutograderError, MachineFault
from autograder.records import Outcome

__all__ = ["DONE", "FILE", "JUDGING", "RUNNING", "VERSION", "WAITING", "Ledger", "now", "open_ledger"]

FILE = ".ledger.sqlite"
VERSION = 1
WAITING, RUNNING, JUDGING, DONE = "waiting", "running", "judging", "done"

_SCHEMA = """
CREATE TABLE runs (           -- one row a command
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,       -- grade, rejudge
    lab TEXT NOT NULL,
    sandbox TEXT NOT NULL,
    jobs INTEGER NOT NULL,
    host TEXT NOT NULL,       -- with process and born: whether it still runs
    process INTEGER NOT NULL,
    born REAL NOT NULL,
    started TEXT NOT NULL,
    ended TEXT,               -- null: it runs, or it was killed
    ending TEXT NOT NULL DEFAULT '',
    note TEXT NOT NULL DEFAULT ''  -- why it is paused
);
CREATE TABLE submissions (    -- one row a submission of the last run
    name TEXT PRIMARY KEY,
    state TEXT NOT NULL,      -- waiting, running, judging, done
    attempt INTEGER NOT NULL DEFAULT 0,
    started TEXT,             -- of this attempt; null: an earlier run had done it
    ended TEXT
);
CREATE TABLE attempts (       -- one row an attempt that came to an end, of all runs
    run INTEGER NOT NULL REFERENCES runs (id),
    name TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    started TEXT,
    ended TEXT NOT NULL,
    verdict TEXT NOT NULL,    -- graded, ungradable, fault
    reason TEXT NOT NULL
);
"""


def now() -> str:
    """The time as the ledger and `outcome.json` write it: ISO 8601, with offset."""
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


class Ledger:
    """The ledger of one run. Safe to call from several threads.

    Raises MachineFault where it cannot be written.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._lock = threading.Lock()
        self._run: int | None = None

    @contextlib.contextmanager
    def run(
        self,
        kind: str,
        *,
        lab: str,
        sandbox: str,
        jobs: int,
        names: Iterable[str],
        done: Mapping[str, Outcome],
    ) -> Iterator[None]:
        """A run that has these submissions to do, until it ends; `done` is what the folders hold before."""
        me = psutil.Process()
        todo = dict.fromkeys(names)
        rows = [(name, WAITING) for name in todo] + [(name, DONE) for name in done if name not in todo]
        with self._writing() as connection:
            found = connection.execute(
                "INSERT INTO runs (kind, lab, sandbox, jobs, host, process, born, started) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (kind, lab, sandbox, jobs, platform.node(), me.pid, me.create_time(), now()),
            )
            self._run = found.lastrowid
            connection.execute("DELETE FROM submissions")
            connection.executemany("INSERT INTO submissions (name, state) VALUES (?, ?)", rows)
        ending = "complete"
        try:
            yield
        except BaseException as error:
            ending = _in_words(error)
            raise
        finally:
            self._end(ending)

    def running(self, name: str, attempt: int, started: str) -> None:
        """An attempt at a submission begins; `started` as its `outcome.json` will say."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE submissions SET state = ?, attempt = ?, started = ?, ended = NULL WHERE name = ?",
                (RUNNING, attempt, started, name),
            )

    def judging(self, name: str) -> None:
        """Its evidence is complete and goes to the judge."""
        with self._writing() as connection:
            connection.execute("UPDATE submissions SET state = ? WHERE name = ?", (JUDGING, name))

    def failed(self, name: str, reason: str) -> None:
        """Its attempt ended with a fault and is not the last."""
        with self._writing() as connection:
            self._attempted(connection, name, "fault", reason)
            connection.execute("UPDATE submissions SET state = ? WHERE name = ?", (WAITING, name))

    def done(self, outcome: Outcome, *, attempt: int = 0, started: str | None = None) -> None:
        """Its result is in place, by this attempt; by none where an earlier run had put it there."""
        name = outcome.submission
        with self._writing() as connection:
            connection.execute(
                "UPDATE submissions SET state = ?, attempt = ?, started = ?, ended = ? WHERE name = ?",
                (DONE, attempt, started, now(), name),
            )
            if attempt:
                self._attempted(connection, name, outcome.verdict.value, outcome.reason)

    def pause(self, why: str) -> None:
        """The whole run waits, for this reason; an empty one: it goes on."""
        with self._writing() as connection:
            connection.execute("UPDATE runs SET note = ? WHERE id = ?", (why, self._run))

    def _end(self, ending: str) -> None:
        # Where it cannot be written the run is over all the same.
        with contextlib.suppress(MachineFault), self._writing() as connection:
            connection.execute(
                "UPDATE runs SET ended = ?, ending = ?, note = '' WHERE id = ?", (now(), ending, self._run)
            )

    def _attempted(self, connection: sqlite3.Connection, name: str, verdict: str, reason: str) -> None:
        connection.execute(
            "INSERT INTO attempts SELECT ?, name, attempt, started, ?, ?, ? FROM submissions WHERE name = ?",
            (self._run, now(), verdict, reason, name),
        )

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _faults(self._path), self._connection:
            yield self._connection


def _in_words(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return error.what if isinstance(error, AutograderError) else repr(error)


@contextlib.contextmanager
def open_ledger(root: Path) -> Iterator[Ledger]:
    """The ledger of a results folder that this run holds; made anew where there is none that can be read.

    What is lost then is history; the results are in their folders.
    """
    path = root / FILE
    with _faults(path):
        try:
            connection = _connect(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            for one in (path, path.with_name(f"{FILE}-journal")):
                one.unlink(missing_ok=True)
            connection = _connect(path)
    with contextlib.closing(connection):
        yield Ledger(connection, path)


def _connect(path: Path) -> sqlite3.Connection:
    # One connection for all threads; the ledger's lock lets in one at a time.
    connection = sqlite3.connect(path, timeout=30, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA synchronous = FULL")
        if connection.execute("PRAGMA quick_check").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("a damaged ledger")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
        elif version != VERSION:
            raise sqlite3.DatabaseError(f"a ledger of version {version}")
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def _faults(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise MachineFault(
            f"the batch's ledger could not be written: {error}",
            where=os.fspath(path),
            hint="free disk space where the results lie, then run the same command again",
        ) from error
