"""What student code cannot see, reach, write or become in a sandbox that isolates."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest
from sandbox_jobs import CONTAINERS, DOCKER, make_job, make_sandbox, run

from autograder.sandbox.contract import How
from autograder.sandbox.environment import ROOM
from autograder.sandbox.workers import WorkerSandbox

PROJECT = Path(__file__).resolve().parents[1]

CONNECTING = """
import json, socket
try:
    socket.create_connection(("127.0.0.1", {port}), timeout=5)
    outcome = "connected"
except OSError as error:
    outcome = type(error).__name__
names = [line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]]
print(json.dumps([outcome, names]))
"""

OWN_LOOPBACK = """
import socket
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
server.accept()[0].sendall(b"hello")
print(client.recv(5).decode())
"""

WRITING = """
import json, os
written = []
own = [os.environ["ROOM_" + name] for name in ("SUBMISSION", "KIT", "DATA")]
for folder in ("/", "/usr", "/etc", "/room", *own):
    try:
        open(os.path.join(folder, "written"), "w").close()
        written.append(folder)
    except OSError:
        pass
open(os.path.join(os.environ["ROOM_WORK"], "written"), "w").close()
print(json.dumps(written))
"""

WHO = """
import json, os
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
try:
    os.setuid(0)
    became = "root"
except OSError:
    became = "nobody else"
rights = [int(status["CapEff"], 16), int(status["NoNewPrivs"]), became]
print(json.dumps([os.getuid(), os.getgid(), os.getgroups(), *rights]))
"""

ALL_ENVIRONMENTS = """
import glob
for path in glob.glob("/proc/*/environ"):
    try:
        print(open(path, errors="replace").read().replace("\\0", "\\n"))
    except OSError:
        pass
"""

SEARCHING = """
import json, os, sys
found, seen = [], 0
for folder, folders, files in os.walk("/"):
    if folder in ("/proc", "/sys"):
        folders.clear()
    seen += len(files)
    found += [os.path.join(folder, name) for name in folders + files if name.startswith({marker!r})]
found += [path for path in {paths!r} if os.path.exists(path)]
print(json.dumps([found, seen > 100]))
"""

SLOW = "import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}, {marker!r}])"


@pytest.fixture(params=[DOCKER, CONTAINERS, "bubblewrap"])
def walled(request):
    """Each sandbox that isolates, in turn."""
    return make_sandbox(request.param)


@pytest.fixture
def planted():
    """Files with a name of their own in the folders that hold answers: the name, and the paths."""
    marker = f"marker-{uuid.uuid4().hex}"
    folders = [PROJECT, PROJECT / "tests", PROJECT / "solutions", PROJECT / "autograder" / "judge"]
    paths = [folder / marker for folder in folders if folder.is_dir()]
    for path in paths:
        path.touch()
    yield marker, [str(path) for path in paths]
    for path in paths:
        path.unlink()


def test_no_network(walled, tmp_path):
    """A listener on the host's loopback is out of reach; the job has its own and no other interface."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ran = run(walled, make_job(tmp_path, CONNECTING.format(port=server.getsockname()[1])))

    assert ["ConnectionRefusedError", ["lo"]] == json.loads(ran.output)


def test_a_notebook_can_talk_to_its_kernel(walled, tmp_path):
    """The job's own loopback works."""
    assert "hello\n" == run(walled, make_job(tmp_path, OWN_LOOPBACK)).output


def test_only_the_scratch_folder_is_writable(walled, tmp_path):
    """The system and the job's three folders are read-only."""
    assert [] == json.loads(run(walled, make_job(tmp_path, WRITING)).output)


def test_the_user_has_no_rights(walled, tmp_path):
    """The job's user is its own, without groups or capabilities, and can become nobody else."""
    if walled.name == "bubblewrap" and os.geteuid() != 0:
        pytest.skip("as an ordinary user, bubblewrap keeps that user's groups")
    uid, gid, groups, capabilities, no_new_privileges, became = json.loads(
        run(walled, make_job(tmp_path, WHO)).output
    )

    assert (20001 if not isinstance(walled, WorkerSandbox) else uid) == uid == gid > 20000
    assert {uid} >= set(groups)
    assert (0, 1, "nobody else") == (capabilities, no_new_privileges, became)


def test_nothing_of_the_environment_leaks(walled, tmp_path, monkeypatch):
    """A variable of the host is in no environment that the job can read."""
    monkeypatch.setenv("AUTOGRADER_TEST_SECRET", "swordfish")
    ran = run(walled, make_job(tmp_path, ALL_ENVIRONMENTS))

    assert f"ROOM_KIT={ROOM.kit}" in ran.output
    assert "SECRET" not in ran.output
    assert "swordfish" not in ran.output


def test_plain_processes_pass_no_environment_on(tmp_path, monkeypatch):
    """A variable of the host is not in the job's own environment, even where nothing isolates."""
    monkeypatch.setenv("AUTOGRADER_TEST_SECRET", "swordfish")
    ran = run(make_sandbox("processes"), make_job(tmp_path, "import os; print(dict(os.environ))"))

    assert str(tmp_path / "kit") in ran.output
    assert "swordfish" not in ran.output


def test_nothing_of_the_project_is_visible(walled, tmp_path, planted):
    """Marked files in the project, its tests, its solutions and its judge are nowhere in the sandbox."""
    marker, paths = planted
    ran = run(walled, make_job(tmp_path, SEARCHING.format(marker=marker, paths=paths)))

    assert [[], True] == json.loads(ran.output)


def test_a_bubblewrap_inside_the_system_hides_the_project(monkeypatch):
    """A project that lies within a folder that the job sees is covered."""
    make_sandbox("bubblewrap")
    from autograder.sandbox import bubblewrap

    monkeypatch.setattr(bubblewrap, "_PROJECT", Path("/usr/share/somewhere"))
    mounts = bubblewrap._mounts()

    assert "--tmpfs" == mounts[mounts.index("/usr/share/somewhere") - 1]
    assert mounts.index("/usr") < mounts.index("/usr/share/somewhere")


@pytest.mark.parametrize(("user", "first"), [(0, False), (1000, True)], ids=["root", "someone"])
def test_nobody_of_the_same_user_holds_the_streams(monkeypatch, user, first):
    """Where bubblewrap's own first process would be of the job's user, the job takes its place."""
    from autograder.sandbox import bubblewrap

    monkeypatch.setattr(bubblewrap.os, "geteuid", lambda: user)

    assert first is ("--as-pid-1" in bubblewrap._walls("bwrap"))


def test_two_jobs_at_once_have_two_users():
    """As root, the limit on processes is per user: jobs that run together do not share one."""
    sandbox = make_sandbox("bubblewrap")
    with sandbox._user(20001) as first, sandbox._user(20001) as second, sandbox._user(20002) as third:
        assert [20001, 21001, 20002] == [first, second, third]
    with sandbox._user(20001) as again:
        assert 20001 == again


@pytest.mark.parametrize("name", ["bubblewrap", "processes"])
def test_killing_the_batch_leaves_nothing_running(tmp_path, name):
    """After SIGKILL of the process that runs a job, all of the job is gone, its children too."""
    make_sandbox(name)
    marker = f"marker-{uuid.uuid4().hex}"
    sleeping = "import time; print('ready', flush=True); time.sleep(600)"
    make_job(tmp_path, SLOW.format(code=sleeping, marker=marker))
    starter = (
        f"import sys; sys.path[:0] = [{str(PROJECT)!r}, {str(PROJECT / 'tests')!r}]\n"
        "from pathlib import Path\n"
        "import sandbox_jobs\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "code = (folder / 'kit/autograder/room/code.py').read_text()\n"
        "job = sandbox_jobs.make_job(folder / 'again', code)\n"
        f"sandbox_jobs.run(sandbox_jobs.make_sandbox({name!r}), job)\n"
    )
    batch = subprocess.Popen([sys.executable, "-c", starter])
    try:
        output = tmp_path / "again" / "output"
        assert _becomes_true(lambda: output.exists() and output.read_text() == "ready\n")
        assert _running(marker)
    finally:
        os.kill(batch.pid, signal.SIGKILL)
        batch.wait()

    assert _becomes_true(lambda: not _running(marker))


@pytest.mark.docker
def test_a_sweep_removes_what_an_interrupted_batch_left():
    """Containers of that batch are removed and counted; those of another stay."""
    sandbox = make_sandbox("docker")
    batches = [f"batch-{uuid.uuid4().hex}" for _ in range(2)]
    for batch in batches:
        command = ["docker", "run", "--detach", "--network=none", f"--label=autograder.batch={batch}"]
        subprocess.run([*command, sandbox.image, "sleep", "600"], check=True, capture_output=True)

    assert [1, 0, 1] == [sandbox.sweep(batch) for batch in (batches[0], batches[0], batches[1])]


@pytest.mark.docker
def test_a_container_is_gone_after_its_job(tmp_path):
    """Whether it ended by itself or was ended, nothing of a job stays in the engine."""
    for name in ("docker", "containers"):
        sandbox = make_sandbox(name)
        job = make_job(tmp_path / name, "import time; time.sleep(600)", wall_seconds=1.0, batch="gone")

        assert How.TIMEOUT is run(sandbox, job).ending.how
        assert 0 == sandbox.sweep("gone")


@pytest.mark.docker
def test_the_image_holds_nothing_of_this_project(tmp_path):
    """What the job can import as `autograder` is the kit's alone; the judge is not there."""
    code = (
        "import autograder, importlib.util as u; print(autograder.__path__, u.find_spec('autograder.judge'))"
    )
    ran = run(make_sandbox("docker"), make_job(tmp_path, code))

    assert "['/room/kit/autograder'] None\n" == ran.output


@pytest.mark.parametrize("name", ["bubblewrap", "processes"])
def test_local_jobs_use_the_kit(tmp_path, name):
    """Where this project is installed beside the packages, the kit still goes first."""
    code = "import autograder, os; print(autograder.__path__[0] == os.environ['ROOM_KIT'] + '/autograder')"
    ran = run(make_sandbox(name), make_job(tmp_path, code))

    assert "True\n" == ran.output


def _running(marker: str) -> bool:
    # The process that runs the job names it too: only what the job itself started counts.
    lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return any(line[-1:] == [marker] for line in lines)


def _becomes_true(fact, seconds=60.0):
    """Whether the fact comes true; the time is a bound for a broken machine, not a measure."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if fact():
            return True
        time.sleep(0.05)
    return False
