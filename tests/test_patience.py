"""Limits on time count what a job does with the machine, not how busy that is with others."""

import asyncio
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from autograder.room import driver, patience
from autograder.room.patience import MOST, Clock
from autograder.sandbox.streams import PATIENCE, crowding


@pytest.mark.parametrize(
    ("waited", "spent"),
    [(0.0, 100.0), (60.0, 40.0), (99.0, 100 / MOST), (-5.0, 100.0)],
    ids=["never waited", "waited", "hardly ran", "another process of that number"],
)
def test_waiting_for_a_core_does_not_count(waited, spent, monkeypatch):
    """Of 100 seconds, those count in which the process had a core or wanted none, and a quarter always."""
    times, waits = iter([1000.0, 1100.0]), iter([7.0, 7.0 + waited])
    monkeypatch.setattr(patience.time, "monotonic", lambda: next(times))
    monkeypatch.setattr(patience, "_seconds_waited", lambda pid: next(waits))

    assert spent == Clock(1).spent()


@pytest.mark.parametrize("pid", [None, 2**30])
def test_of_a_process_that_is_not_there_nothing_is_known(pid):
    """Where the system does not tell how long a process waited, all its time counts."""
    assert 0.0 == patience._seconds_waited(pid)


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="only Linux tells")
def test_the_system_tells_how_long_a_process_waited():
    """It is a number of seconds for a process that runs."""
    assert 0.0 <= patience._seconds_waited(os.getpid()) < 1e6


@pytest.mark.parametrize(
    ("load", "cores", "expected"),
    [(0.5, 2, 1.0), (5.0, 2, 2.5), (90.0, 2, PATIENCE)],
    ids=["idle", "crowded", "bombed"],
)
def test_a_crowded_machine_is_given_time(load, cores, expected, monkeypatch):
    """Wall time is as many times as long as there are processes for each core, up to a bound."""
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, load, 0.0))
    monkeypatch.setattr(os, "cpu_count", lambda: cores)

    assert expected == crowding()


def run_that(reacts, monkeypatch):
    """A run whose kernel does nothing until it is interrupted, and then does or does not react."""
    done = asyncio.Event()

    async def interrupt():
        if reacts:
            done.set()

    monkeypatch.setattr(driver, "GRACE_SECONDS", 0.05)
    run = object.__new__(driver._Run)
    run.client = SimpleNamespace(km=SimpleNamespace(interrupt_kernel=interrupt, provisioner=None))
    return run, done


def test_what_takes_too_long_is_interrupted(monkeypatch):
    """At the limit the kernel is interrupted, and what it was doing is told to be late."""

    async def scene():
        run, done = run_that(True, monkeypatch)
        return await run._within(0.05, done.wait())

    assert asyncio.run(scene()) is False


def test_what_does_not_react_has_hung(monkeypatch):
    """A kernel that does not react to being interrupted is given up."""

    async def scene():
        run, done = run_that(False, monkeypatch)
        await run._within(0.05, done.wait())

    with pytest.raises(driver._Hung):
        asyncio.run(scene())


def test_what_is_done_in_time_is_left_alone(monkeypatch):
    """Nothing is interrupted that ends by itself, and what it raises is passed on."""

    async def fails():
        raise ValueError("the notebook's own")

    async def scene(running):
        run, _ = run_that(False, monkeypatch)
        return await run._within(60.0, running)

    assert asyncio.run(scene(asyncio.sleep(0))) is True
    with pytest.raises(ValueError, match="the notebook's own"):
        asyncio.run(scene(fails()))
