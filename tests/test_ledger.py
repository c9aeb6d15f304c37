"""The ledger says what a batch is at, to another process too, and never contradicts the folders."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from submissions import write

from autograder.batch.ledger import FILE, open_ledger
from autograder.batch.status import Standing, Status, read_status
from autograder.errors import MachineFault, UsageProblem
from autograder.records import Outcome, Verdict

AT = "2026-01-02T10:00:00+00:00"
NAMES = ("kim", "lee", "park")


def outcome(name, verdict=Verdict.FAULT, attempts=1):
    """The outcome of a submission."""
    points = 3.0 if verdict is Verdict.GRADED else None
    reason = "" if verdict is Verdict.GRADED else "the engine is gone"
    return Outcome(
        submission=name,
        lab="deep",
        verdict=verdict,
        score=points,
        possible=points,
        reason=reason,
        attempts=attempts,
        started=AT,
    )


def publish(root, one):
    """Put a submission's folder in place."""
    write(root / one.submission, {"outcome.json": one.to_json().encode()})


def begin(ledger, done=()):
    """A run of three submissions."""
    settings = {"lab": "deep", "sandbox": "fake", "jobs": 2, "names": NAMES}
    return ledger.run("grade", **settings, done={one.submission: one for one in done})


def states(status):
    """The state of each submission."""
    return {one.submission: one.state for one in status.standings}


class TestStanding:
    """What is read while a batch runs."""

    def test_each_step(self, tmp_path):
        """Each submission is where its worker says; what is done has its folder's verdict."""
        with open_ledger(tmp_path) as ledger, begin(ledger):
            ledger.running("kim", 1, AT)
            ledger.failed("kim", "the judge died")
            ledger.running("lee", 1, AT)
            ledger.judging("lee")
            publish(tmp_path, outcome("park", Verdict.GRADED))
            ledger.done(outcome("park", Verdict.GRADED), attempt=1, started=AT)
            status = read_status(tmp_path)

        assert {"kim": "waiting", "lee": "judging", "park": "done"} == states(status)
        assert ("the judge died", "graded") == (status.standings[0].reason, status.standings[2].outcome)
        assert (True, "", "deep", 2) == (status.alive, status.ended, status.lab, status.jobs)

    def test_read_by_another_process(self, tmp_path):
        """Another process reads the ledger while this one has it open, and sees that this one is alive."""
        code = "import sys; from pathlib import Path; from autograder.batch.status import read_status\n"
        code += "print(read_status(Path(sys.argv[1])).to_json())"
        with open_ledger(tmp_path) as ledger, begin(ledger):
            ledger.running("kim", 1, AT)
            shown = subprocess.run(
                [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True
            )
        found = json.loads(shown.stdout)

        assert (1, True, "running") == (found["schema"], found["alive"], found["standings"][0]["state"])

    def test_a_pause(self, tmp_path):
        """Why all wait is told as long as they do."""
        with open_ledger(tmp_path) as ledger, begin(ledger):
            ledger.pause("the engine is gone")
            paused = read_status(tmp_path).paused
            ledger.pause("")

            assert ("the engine is gone", "") == (paused, read_status(tmp_path).paused)

    @pytest.mark.parametrize(
        ("error", "ending"),
        [(KeyboardInterrupt(), "interrupted"), (MachineFault("no engine", hint="start it"), "no engine")],
    )
    def test_how_a_run_ended(self, tmp_path, error, ending):
        """A run that ended early says by what; what it was at waits for the next one."""
        with pytest.raises(type(error)), open_ledger(tmp_path) as ledger, begin(ledger):
            ledger.running("kim", 1, AT)
            raise error
        status = read_status(tmp_path)

        assert (ending, False, "waiting") == (status.ending, status.alive, status.standings[0].state)

    def test_the_time_that_is_left(self):
        """What is left takes as long as what is done did, shared among the jobs."""
        done = Standing(submission="a", state="done", started=AT, ended=AT.replace("10:00:00", "10:01:00"))
        kept = Standing(submission="b", state="done")
        waiting = [Standing(submission=str(number), state="waiting") for number in range(4)]
        status = Status(
            kind="grade",
            lab="deep",
            sandbox="fake",
            jobs=2,
            alive=True,
            started=AT,
            ended="",
            ending="",
            paused="",
            standings=(done, kept, *waiting),
        )

        assert 120 == status.seconds_left
        assert None is attrs.evolve(status, alive=False).seconds_left
        assert 90 == status.seconds(AT.replace("10:00:00", "10:01:30"))


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_ledger import AT, Verdict, begin, open_ledger, outcome, publish
root = Path({root!r})
with open_ledger(root) as ledger, begin(ledger):
    ledger.running("kim", 1, AT)
    ledger.running("lee", 1, AT)
    publish(root, outcome("kim", Verdict.GRADED))
    # With a transaction under way, that has begun to write to the file.
    ledger._connection.execute("PRAGMA cache_size = 1")
    ledger._connection.execute("BEGIN IMMEDIATE")
    ledger._connection.execute("UPDATE submissions SET state = 'nonsense'")
    ledger._connection.execute("CREATE TABLE big AS SELECT zeroblob(1000000) AS zeros")
    os.kill(os.getpid(), signal.SIGKILL)
"""


class TestAfterAKill:
    """A ledger whose run was killed."""

    @pytest.fixture
    def killed(self, tmp_path):
        """A folder whose run was killed between putting kim's results in place and saying so."""
        code = KILLED.format(tests=str(Path(__file__).parent), root=str(tmp_path))
        assert -9 == subprocess.run([sys.executable, "-c", code], check=False).returncode
        assert (tmp_path / f"{FILE}-journal").exists()
        return tmp_path

    def test_the_folder_counts(self, killed):
        """What is in place is done, what is not waits, and nothing of half a transaction is seen."""
        status = read_status(killed)

        assert {"kim": "done", "lee": "waiting", "park": "waiting"} == states(status)
        assert ("graded", False, "", "") == (
            status.standings[0].outcome,
            status.alive,
            status.ended,
            status.ending,
        )

    def test_the_next_run(self, killed):
        """The next run takes over, and the history of attempts goes on."""
        with open_ledger(killed) as ledger, begin(ledger):
            ledger.running("lee", 1, AT)
            status = read_status(killed)

        assert {"kim": "waiting", "lee": "running", "park": "waiting"} == states(status)
        assert 2 == sqlite3.connect(killed / FILE).execute("SELECT COUNT(*) FROM runs").fetchone()[0]


class TestAgainstTheFolders:
    """Whatever became of the ledger, the folders are the truth."""

    def test_a_folder_that_was_removed(self, tmp_path):
        """A result that somebody removed is not claimed."""
        with open_ledger(tmp_path) as ledger, begin(ledger):
            ledger.done(outcome("kim", Verdict.GRADED), attempt=1, started=AT)

        assert "waiting" == states(read_status(tmp_path))["kim"]

    def test_results_of_earlier_runs(self, tmp_path):
        """Who is not of this run but has results is shown as done."""
        publish(tmp_path, outcome("zoe"))
        with open_ledger(tmp_path) as ledger, begin(ledger, done=[outcome("zoe")]):
            status = read_status(tmp_path)

        zoe = status.standings[-1]
        assert ("zoe", "done", "fault") == (zoe.submission, zoe.state, zoe.outcome)

    @pytest.mark.parametrize("damage", ["text", "version"])
    def test_a_damaged_ledger_is_made_anew(self, tmp_path, damage):
        """A ledger that cannot be read costs its history, and no batch."""
        with open_ledger(tmp_path) as ledger, begin(ledger):
            pass
        if damage == "text":
            (tmp_path / FILE).write_bytes(b"no database " * 1000)
        else:
            sqlite3.connect(tmp_path / FILE).execute("PRAGMA user_version = 99")
        with pytest.raises(MachineFault, match="the batch's ledger cannot be read"):
            read_status(tmp_path)
        with open_ledger(tmp_path) as ledger, begin(ledger):
            assert dict.fromkeys(NAMES, "waiting") == states(read_status(tmp_path))

    def test_no_batch(self, tmp_path):
        """A folder in which nothing was ever graded has no status."""
        with pytest.raises(UsageProblem, match="holds no batch"):
            read_status(tmp_path)

    def test_a_full_disk(self, tmp_path):
        """A ledger that cannot be written is a fault of the machine, and what it held stays."""
        with open_ledger(tmp_path) as ledger, begin(ledger):
            pages = ledger._connection.execute("PRAGMA page_count").fetchone()[0]
            ledger._connection.execute(f"PRAGMA max_page_count = {pages}")
            with pytest.raises(MachineFault, match="could not be written: database or disk is full"):
                ledger.pause("x" * 100_000)

            assert "" == read_status(tmp_path).paused
