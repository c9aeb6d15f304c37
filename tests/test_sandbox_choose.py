"""Which sandbox a machine gets, and what is said where it has none."""

from __future__ import annotations

import socket

import pytest
from sandbox_jobs import make_job, make_sandbox, run

from autograder.errors import MachineFault, UsageProblem
from autograder.sandbox import choose as choosing
from autograder.sandbox import engine
from autograder.sandbox.choose import choose, describe_machine
from autograder.sandbox.docker import DockerSandbox
from autograder.sandbox.workers import WorkerSandbox


@pytest.fixture
def machine(monkeypatch):
    """Make a machine with or without Docker and bubblewrap: None stands for one that works."""

    def make(no_docker, no_bubblewrap):
        monkeypatch.setattr(choosing.DockerSandbox, "available", lambda self: no_docker)
        monkeypatch.setattr(choosing, "no_bubblewrap", lambda: no_bubblewrap)

    return make


@pytest.fixture
def no_engine(monkeypatch, tmp_path):
    """A machine whose Docker client finds nobody at the other end."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")


@pytest.mark.parametrize(
    ("kind", "no_docker", "no_bubblewrap", "name"),
    [
        ("auto", None, None, "docker"),
        ("auto", "none", None, "bubblewrap"),
        ("docker", None, "none", "docker"),
        ("local", None, None, "bubblewrap"),
        ("local", None, "none", "processes"),
    ],
)
def test_the_strongest_that_was_asked_for_is_chosen(machine, kind, no_docker, no_bubblewrap, name):
    """Docker goes before bubblewrap; plain processes come only where `local` was asked for."""
    machine(no_docker, no_bubblewrap)

    assert name == choose(kind).name


def test_only_plain_processes_do_not_isolate(machine):
    """The sandbox without walls says so, to programs and to people."""
    machine(None, None)
    assert choose("docker").isolated
    assert choose("local").isolated

    machine("none", "none")
    assert not choose("local").isolated
    assert choose("local").isolation.startswith("NOT ISOLATED")


def test_auto_never_falls_back_to_no_isolation(machine):
    """Without Docker and bubblewrap, both reasons are given and nothing runs."""
    machine("it is off", "it is not installed")
    with pytest.raises(UsageProblem) as caught:
        choose("auto")

    assert (
        "nothing here isolates student code. Docker: it is off. Bubblewrap: it is not installed"
        == caught.value.what
    )


def test_docker_asked_for_and_absent(machine):
    """The reason is given, and bubblewrap does not step in unasked."""
    machine("it is off", None)
    with pytest.raises(UsageProblem, match="Docker cannot be used: it is off"):
        choose("docker")


def test_an_unknown_kind():
    """The kinds that exist are named."""
    with pytest.raises(UsageProblem, match="choose one of: auto, docker, containers, local"):
        choose("podman")


def test_the_given_image_is_used(machine):
    """An image named by the caller takes the place of this version's own."""
    machine(None, None)

    assert "another:1" == choose("docker", "another:1").image


@pytest.mark.usefixtures("no_engine")
def test_no_engine_is_said_and_not_raised():
    """A machine without an engine is described, row by row."""
    facts = {fact.name: fact for fact in describe_machine()}

    assert ["Docker engine", "room image", "bubblewrap", "memory", "cores", "data", "free disk here"] == [
        *facts
    ]
    assert not facts["Docker engine"].good
    assert "install and start Docker, or rely on bubblewrap" == facts["Docker engine"].hint


def test_the_data_sets_are_named(monkeypatch, tmp_path):
    """The row on data lists what DNNLAB_DATA holds."""
    monkeypatch.setenv("DNNLAB_DATA", str(tmp_path))
    (tmp_path / "cifar10.npz").touch()
    facts = {fact.name: fact for fact in describe_machine()}

    assert ("cifar10.npz", True) == (facts["data"].value, facts["data"].good)


@pytest.mark.usefixtures("no_engine")
def test_an_engine_that_fails_is_a_fault_of_the_machine(tmp_path):
    """Running, sweeping and asking for the identity all raise MachineFault, whatever Docker said."""
    sandbox = DockerSandbox("some:image")
    job = make_job(tmp_path, "")
    for act in (lambda: run(sandbox, job), lambda: sandbox.sweep("batch"), sandbox.identity):
        with pytest.raises(MachineFault) as caught:
            act()
        assert "see whether the engine runs" in caught.value.hint


def test_no_docker_command(monkeypatch, tmp_path):
    """A machine without Docker's client is told from one without an engine."""
    monkeypatch.setenv("PATH", str(tmp_path))

    assert "there is no `docker` command" == DockerSandbox("some:image").available()
    with pytest.raises(MachineFault, match="there is no `docker` command"):
        DockerSandbox("some:image").sweep("batch")


def test_an_engine_that_hangs_is_not_waited_for(monkeypatch):
    """A socket where somebody listens and never answers counts as no engine, within the time for asking."""
    if engine.engine_version()[1] == "there is no `docker` command":
        pytest.skip("Docker's client is not installed")
    monkeypatch.setattr(engine, "PROBE_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.getsockname()[1]}")

        assert "the engine did not answer within 0.5 seconds" == DockerSandbox("some:image").available()


@pytest.mark.docker
def test_a_missing_image_is_said_before_and_raised_after(tmp_path):
    """An engine without the image is unavailable with the way to make it; running all the same is a fault."""
    make_sandbox("containers")
    sandbox = DockerSandbox("autograder-no-such-image:1")

    assert "the image autograder-no-such-image:1 is not there (run `autograder image`)" == sandbox.available()
    for kind in (sandbox, WorkerSandbox(sandbox.image)):
        with pytest.raises(MachineFault, match="No such image"):
            run(kind, make_job(tmp_path / type(kind).__name__, ""))


@pytest.mark.docker
def test_a_job_that_cannot_start_is_a_fault_with_the_reason(tmp_path):
    """A folder that is not there is the engine's complaint, not a result."""
    job = make_job(tmp_path, "")
    job.data.rmdir()
    with pytest.raises(MachineFault, match=r"the container did not run to its end .*does not exist"):
        run(make_sandbox("containers"), job)
    with pytest.raises(MachineFault, match=r"a worker did not start: .*does not exist"):
        run(make_sandbox("docker"), job)


def test_a_local_job_that_cannot_start_is_a_fault(monkeypatch, tmp_path):
    """A Python that cannot be started is the machine's fault."""
    monkeypatch.setattr("sys.executable", str(tmp_path / "nowhere"))
    with pytest.raises(MachineFault, match="could not be started"):
        run(make_sandbox("processes"), make_job(tmp_path, ""))
