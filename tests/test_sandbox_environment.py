"""The variables that a job gets, the same in every sandbox."""

from __future__ import annotations

import attrs
import pytest
from sandbox_jobs import make_job
from tensorboard import manager

from autograder.sandbox.environment import ROOM, Places, command_of, environment_of


def test_the_places_are_named(tmp_path):
    """A job finds its four folders and its code, wherever the sandbox puts them."""
    job = make_job(tmp_path, "")
    real = Places.of_job(job, work=tmp_path / "work")
    for places in (ROOM, real):
        found = environment_of(job, places)
        assert places.submission == found["ROOM_SUBMISSION"]
        assert places.kit == found["ROOM_KIT"] == found["PYTHONPATH"]
        assert places.data == found["ROOM_DATA"]
        assert places.work == found["ROOM_WORK"] == found["HOME"] == found["TMPDIR"]


def test_nothing_is_inherited(monkeypatch, tmp_path):
    """No variable of the host is passed on."""
    monkeypatch.setenv("AUTOGRADER_TEST_SECRET", "swordfish")
    found = environment_of(make_job(tmp_path, ""), ROOM)

    assert "AUTOGRADER_TEST_SECRET" not in found
    assert "swordfish" not in found.values()


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"])
def test_one_thread(tmp_path, name):
    """Numeric libraries use one thread each."""
    assert "1" == environment_of(make_job(tmp_path, ""), ROOM)[name]


def test_a_job_brings_its_own(tmp_path):
    """What the job asks for is there, and goes before ours."""
    job = attrs.evolve(make_job(tmp_path, ""), environment=(("ROOM_SKIP", "{}"), ("TZ", "CET")))
    found = environment_of(job, ROOM)

    assert ("{}", "CET") == (found["ROOM_SKIP"], found["TZ"])


def test_the_command_names_the_stage(tmp_path):
    """A job is a module run with one argument."""
    command = command_of(make_job(tmp_path, ""), "python3")

    assert ["python3", "-m", "autograder.room", "notebook"] == command


def test_no_tensorboard_is_started(tmp_path, monkeypatch):
    """A notebook that asks for a TensorBoard server goes on at once, and leaves no server behind."""
    found = environment_of(make_job(tmp_path, ""), ROOM)
    monkeypatch.setenv("TENSORBOARD_BINARY", found["TENSORBOARD_BINARY"])
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    ended = manager.start(["--logdir", str(tmp_path)])

    assert isinstance(ended, manager.StartFailed)
    assert 0 == ended.exit_code
