"""Follow a running job: take its two streams to files, and end it at the first limit that it crosses."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from io import FileIO
from pathlib import Path

import attrs

from autograder.sandbox.contract import How, Limits

__all__ = ["PATIENCE", "crowding", "follow", "plain_status"]

PATIENCE = 3.0
"""So many times its limit is the most wall time that a job gets: the job before it may have left a crowd."""
_CHUNK = 1 << 16
_TICK_SECONDS = 0.05
_DRAIN_SECONDS = 5.0


@attrs.define
class _Sink:
    """One stream's file, and how many bytes it may still take."""

    file: FileIO
    room: int

    def take(self, data: bytes) -> bool:
        """Write what fits; whether all of it did."""
        self.file.write(data[: self.room])
        fits = len(data) <= self.room
        self.room = max(0, self.room - len(data))
        return fits


def follow(
    process: subprocess.Popen[bytes],
    *,
    output: Path,
    events: Path,
    limits: Limits,
    stop: Callable[[], None],
    watch: Callable[[], How] = lambda: How.FINISHED,
) -> How:
    """Wait for the process and the end of its streams; returns how it ended, FINISHED if by itself.

    `stop` must end the job and everything that it started; `watch` says all the while whether the job
    has to end (anything but FINISHED). Both run in this thread. On a machine that is busy with other things
    when the job begins, the limit on wall time is as many times as long as there are processes for each core.
    """
    assert process.stdout is not None and process.stderr is not None
    deadline = time.monotonic() + limits.wall_seconds * crowding()
    ended = None  # when the process was first seen to have ended, or was stopped
    how = How.FINISHED
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for stream, path, room in (
            (process.stdout, output, limits.output_bytes),
            (process.stderr, events, limits.events_bytes),
        ):
            # Unbuffered: what an interrupted run leaves is whole up to the interruption.
            file = stack.enter_context(path.open("wb", buffering=0))
            selector.register(stream, selectors.EVENT_READ, _Sink(file, room))
        while selector.get_map() or process.poll() is None:
            fits = _pump(selector)
            if how is How.FINISHED:
                if not fits:
                    how = How.TOO_MUCH_OUTPUT
                elif process.poll() is None:
                    how = How.TIMEOUT if time.monotonic() >= deadline else watch()
                if how is not How.FINISHED:
                    stop()
            if ended is None and (how is not How.FINISHED or process.poll() is not None):
                ended = time.monotonic()
            # A process that escaped with a pipe in hand does not keep us waiting.
            if ended is not None and time.monotonic() >= ended + _DRAIN_SECONDS:
                break
    process.stdout.close()
    process.stderr.close()
    return how


def crowding() -> float:
    """How many processes want each core of this machine, over five minutes; between 1 and `PATIENCE`."""
    try:
        load = os.getloadavg()[1]
    except OSError:
        return 1.0
    return min(PATIENCE, max(1.0, load / (os.cpu_count() or 1)))


def plain_status(status: int | None) -> int | None:
    """An exit status as a shell and Docker say it: 128 and the signal's number for a job that was killed."""
    return 128 - status if status is not None and status < 0 else status


def _pump(selector: selectors.BaseSelector) -> bool:
    """Move what is there; whether the files could take all of it."""
    if not selector.get_map():
        time.sleep(_TICK_SECONDS)
        return True
    fits = True
    for key, _ in selector.select(_TICK_SECONDS):
        data = os.read(key.fd, _CHUNK)
        if not data:
            selector.unregister(key.fileobj)
        elif not key.data.take(data):
            fits = False
    return fits
