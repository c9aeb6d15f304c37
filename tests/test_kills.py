"""A batch that is killed between any two of its steps loses nothing, leaves nothing half done and goes on.

`benchmarks/kills.py` kills at random moments, and real rooms; here each step has its turn.
"""

import os
import shutil
import signal
import sys

import fakes
import pytest
from fakes import FakeSandbox, logged, parts
from submissions import make_labs, notebook, write

from autograder import batch
from autograder.batch import grading
from autograder.batch.ledger import Ledger
from autograder.batch.results import outcomes_in
from autograder.batch.status import read_status
from autograder.intake import find_submissions
from autograder.labs import find_lab

WHOLE = {"evidence", "executed.ipynb", "outcome.json", "results.json", "tests.jsonl"}


class JudgesHere:
    """Judges in this process, as there is no time to start others."""

    def __init__(self, judge, **settings):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def stop(self):
        """Nothing to end."""

    def judge(self, *, evidence, lab, tests, data, destination):
        """Judge at once."""
        fakes.judge(evidence, find_lab(lab), tests, data, destination)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A class of which kim was graded, and has handed in anew, and lee is new."""
    monkeypatch.setenv("AUTOGRADER_SOLUTIONS", str(make_labs(tmp_path / "solutions")))
    monkeypatch.setenv("FAKE_TESTS", str(write(tmp_path / "hidden", {"points.txt": b"5"})))
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    monkeypatch.setattr(grading, "Judges", JudgesHere)
    write(tmp_path / "data", {"cifar10/identity.json": b'{"schema": 1, "identity": "tiny"}'})
    write(tmp_path / "class", {"kim/a.ipynb": answer("kim")})
    grade(tmp_path)
    write(tmp_path / "class", {"kim/a.ipynb": answer("kim2"), "lee/a.ipynb": answer("lee")})
    return tmp_path


def answer(who):
    """A notebook of somebody."""
    return notebook(sources=[f"def build_dnn():\n    pass\n# who: {who}"])


def grade(place, out="out"):
    """Grade the class, one at a time."""
    settings = {"out": place / out, "sandbox": FakeSandbox(), "data": place / "data", "parts": parts()}
    return batch.grade(find_submissions([place / "class"]), find_lab("deep"), **settings)


def killed_at(step, place, out):
    """Grade in another process, which kills itself at this step; False where it ended before."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _kill_at(step)
            grade(place, out)
            status = 0
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0


def _kill_at(last):
    """Count each file that is put in its place, and each change of the ledger, and kill this process."""
    steps = 0
    writing = Ledger._writing

    def step(event, arguments=()):
        nonlocal steps
        if event in ("os.rename", "ledger"):
            steps += 1
            if steps == last:
                os.kill(os.getpid(), signal.SIGKILL)

    def counted(ledger):
        step("ledger")
        return writing(ledger)

    Ledger._writing = counted
    sys.addaudithook(step)


def demand_whole(out):
    """Each result in place is whole, or else set aside; the ledger claims none that isn't there."""
    found = outcomes_in(out)
    for name in found:
        assert WHOLE == {path.name for path in (out / name).iterdir()}
    assert "kim" in found or list(out.glob(".work/*/old/kim/outcome.json"))
    assert {one.submission for one in read_status(out).standings if one.state == "done"} <= set(found)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_kill_at_each_step(place):
    """Killed at its first step, at its second and so on, a batch ends well by the same command."""
    for step in range(1, 100):
        out = f"out{step}"
        shutil.copytree(place / "out", place / out)
        if not killed_at(step, place, out):
            break
        demand_whole(place / out)
        complete = outcomes_in(place / out)
        (place / "log").unlink()
        outcomes = grade(place, out)

        assert [("kim", 6.3), ("lee", 6.3)] == [(one.submission, one.score) for one in outcomes]
        assert {".ledger.sqlite", ".lock", "grades.csv", "kim", "lee"} == {
            path.name for path in (place / out).iterdir()
        }
        assert read_status(place / out).count("done", "graded") == 2
        # What was complete is not done again.
        assert {one for one in outcomes if one not in complete.values()} == {
            one for one in outcomes if f"collect {_who(one)}" in logged()
        }
    assert 15 < step < 99


def _who(outcome):
    """How a submission's notebook calls its author."""
    return "kim2" if outcome.submission == "kim" else outcome.submission
