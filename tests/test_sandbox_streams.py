"""Following a process: its streams, its end, and the limits that it crosses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from autograder.sandbox.contract import How, Limits
from autograder.sandbox.streams import follow, plain_status


@pytest.fixture
def start():
    """Start a Python that runs some lines; all are ended after the test."""
    started = []

    def make(code):
        command = [sys.executable, "-S", "-c", code]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        started.append(process)
        return process

    yield make
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _follow(process, tmp_path, **settings):
    limits = Limits(**{"wall_seconds": 60.0, "output_bytes": 1000, "events_bytes": 1000, **settings})
    return follow(
        process, output=tmp_path / "output", events=tmp_path / "events", limits=limits, stop=process.kill
    )


def test_streams_up_to_their_limit_are_whole(start, tmp_path):
    """A stream of exactly the limit is not too much."""
    process = start("import sys; sys.stdout.write('o' * 1000); sys.stderr.write('e' * 1000)")

    assert How.FINISHED is _follow(process, tmp_path)
    assert "o" * 1000 == (tmp_path / "output").read_text()
    assert "e" * 1000 == (tmp_path / "events").read_text()


def test_one_byte_more_is_too_much(start, tmp_path):
    """Also where the process has long ended by the time its last bytes are read."""
    process = start("import sys; sys.stdout.write('o' * 1001)")
    process.wait()

    assert How.TOO_MUCH_OUTPUT is _follow(process, tmp_path)
    assert 1000 == (tmp_path / "output").stat().st_size


def test_closed_streams_do_not_end_a_process(start, tmp_path):
    """A process that closes its streams is waited for, up to the wall limit."""
    process = start("import os, time; os.close(1); os.close(2); time.sleep(600)")

    assert How.TIMEOUT is _follow(process, tmp_path, wall_seconds=1.0)


def test_the_watch_can_end_a_process(start, tmp_path):
    """What the watch says becomes how the job ended."""
    process = start("import time; time.sleep(600)")
    how = follow(
        process,
        output=tmp_path / "output",
        events=tmp_path / "events",
        limits=Limits(wall_seconds=60.0),
        stop=process.kill,
        watch=lambda: How.OUT_OF_MEMORY,
    )

    assert How.OUT_OF_MEMORY is how


def test_a_stranger_with_the_pipe_in_hand_is_not_waited_for(start, tmp_path, monkeypatch):
    """A process that has ended is done with, though a grandchild still holds its streams."""
    monkeypatch.setattr("autograder.sandbox.streams._DRAIN_SECONDS", 0.2)
    process = start("import os, time; os.fork() or time.sleep(600)")
    process.wait()

    assert How.FINISHED is _follow(process, tmp_path)


@pytest.mark.parametrize(("status", "plain"), [(0, 0), (3, 3), (-9, 137), (-15, 143), (None, None)])
def test_statuses_are_those_of_a_shell(status, plain):
    """A signal counts from 128."""
    assert plain == plain_status(status)
