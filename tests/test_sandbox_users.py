"""What a job cannot do as a user of its own, kept in by rights and a filter alone; as root only."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from sandbox_jobs import make_job, run

from autograder.errors import MachineFault
from autograder.sandbox import offline, users
from autograder.sandbox.contract import How, Limits
from autograder.sandbox.users import UsersSandbox

SYSTEM_PYTHON = "/usr/bin/python3"
"""This Python may lie where only root may go."""

WHO = """
import json, os
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
try:
    os.setuid(0)
    became = "root"
except OSError:
    became = "nobody else"
rights = [int(status["CapEff"], 16), int(status["NoNewPrivs"]), became]
print(json.dumps([os.getuid() == 0, os.getgroups(), *rights]))
"""

CONNECTING = """
import json, socket
outcomes = []
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_UNIX):
    try:
        socket.socket(family).close()
        outcomes.append("opened")
    except OSError:
        outcomes.append("refused")
print(json.dumps(outcomes))
"""

PRYING = """
import json, os
found = []
for place in {places!r}:
    try:
        found.append(os.listdir(place) if os.path.isdir(place) else open(place).read())
    except OSError:
        pass
for pid in filter(str.isdigit, os.listdir("/proc")):
    if os.stat("/proc/" + pid).st_uid == 0:
        for name in ("environ", "fd/1", "mem"):
            try:
                open("/proc/" + pid + "/" + name).close()
                found.append(pid + " " + name)
            except OSError:
                pass
print(json.dumps(found))
"""

LEAVING = """
import os, time
os.makedirs("/dev/shm/{mark}/a/b")
open("/tmp/{mark}", "w").close()
os.symlink("/etc/passwd", "/var/tmp/{mark}")
deep = os.getcwd()
for _ in range(2000):
    os.mkdir("d")
    os.chdir("d")
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
print(os.getuid(), flush=True)
"""

SLAYING = """
import os, signal
print(os.getuid(), flush=True)
signal.alarm(60)
while True:
    if os.fork():
        os._exit(0)
    try:
        os.kill(-1, 9)
    except OSError:
        pass
"""


@pytest.fixture
def sandbox():
    """The sandbox with the system's Python; skips the test where this process cannot become others."""
    found = UsersSandbox(python=SYSTEM_PYTHON)
    if reason := found.unavailable():
        pytest.skip(reason)
    return found


@pytest.fixture
def place():
    """A folder to which everybody may go, as pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="users-test-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def running(user):
    """The processes of a user that are not dead."""
    return [one for one in psutil.process_iter() if user in one.uids() and one.status() != "zombie"]


def test_the_user_has_no_rights(sandbox, place):
    """A job is not root, has no groups and no capabilities, and can become nobody else."""
    ran = run(sandbox, make_job(place, WHO))

    assert [False, [], 0, 1, "nobody else"] == json.loads(ran.output)
    assert (How.FINISHED, 0) == (ran.ending.how, ran.ending.exit_status)


def test_no_socket_but_unix_ones(sandbox, place):
    """A job opens no socket that leads out of the machine, nor to the machine's loopback."""
    ran = run(sandbox, make_job(place, CONNECTING))

    assert ["refused", "refused", "refused", "opened"] == json.loads(ran.output)


def test_what_is_roots_stays_roots(sandbox, place):
    """A folder of mode 700, and root's processes with their streams and memory, cannot be looked into."""
    secret = place / "secret"
    secret.mkdir(mode=0o700)
    (secret / "q1.py").write_text("hidden")
    code = PRYING.format(places=[str(secret), str(secret / "q1.py"), "/root"])

    assert [] == json.loads(run(sandbox, make_job(place, code)).output)


def test_the_submission_and_the_kit_are_copies_that_can_be_read(sandbox, place):
    """A job reads what was handed in, from wherever it lay, and cannot write there."""
    job = make_job(
        place,
        "import os\n"
        "folder = os.environ['ROOM_SUBMISSION']\n"
        "print(open(folder + '/a.ipynb').read(), os.access(folder, os.W_OK), os.access('.', os.W_OK))",
    )
    job.submission.chmod(0o700)
    (job.submission / "a.ipynb").write_text("{}")

    assert "{} False True\n" == run(sandbox, job).output


def test_nothing_is_left(sandbox, place):
    """After a job its daemons are dead, and its files in shared folders and its room are gone."""
    mark = f"left-{place.name}"
    rooms = set(Path("/var/tmp").glob("autograder-*"))
    ran = run(sandbox, make_job(place, LEAVING.format(mark=mark)))

    assert [] == running(int(ran.output))
    assert [] == [str(Path(folder) / mark) for folder in users._SHARED if (Path(folder) / mark).is_symlink()]
    assert [] == [str(Path(folder) / mark) for folder in users._SHARED if (Path(folder) / mark).exists()]
    assert rooms == set(Path("/var/tmp").glob("autograder-*"))


def test_who_kills_and_forks_without_end_is_ended(sandbox, place):
    """A job whose processes hand on to each other and kill all that they may is gone when it has ended."""
    ran = run(sandbox, make_job(place, SLAYING))

    assert [] == running(int(ran.output))


def test_data_that_nobody_else_can_read_are_a_fault(sandbox, place):
    """Where student code could not open the data, no notebook runs: it would fail for nothing."""
    job = make_job(place, "print('ran')")
    (job.data / "x.npy").touch(mode=0o600)

    with pytest.raises(MachineFault, match="student code cannot read the data"):
        run(sandbox, job)


def test_a_python_that_others_cannot_reach_is_told(sandbox, place):
    """A sandbox whose Python is root's alone says so before anything is graded."""
    shutil.copy(SYSTEM_PYTHON, place / "python")
    (place / "python").chmod(0o700)

    assert "Permission denied" in UsersSandbox(python=str(place / "python")).unavailable()


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("3221225472\n", (3 << 30) - (300 << 20)), ("max\n", 5 << 30)],
    ids=["3 GB", "none"],
)
def test_a_container_sets_the_memory_limit(tmp_path, monkeypatch, limit, expected):
    """A job gets what its container has beside the grader, and never more than its own limit."""
    place = tmp_path / "memory.max"
    place.write_text(limit)
    monkeypatch.setattr(users, "_MEMORY", (str(place), str(tmp_path / "none")))
    monkeypatch.setattr(users.psutil, "virtual_memory", lambda: type("Memory", (), {"total": 64 << 30}))

    assert expected == users._memory_of(Limits(wall_seconds=1.0))


def test_containers_use_different_users():
    """Two containers of one machine hardly ever share a user, by whom the kernel counts processes."""
    offsets = {UsersSandbox()._offset for _ in range(20)}

    assert 1 < len(offsets)
    assert all(30_000 < 20_001 + offset < 20_002 + offset < users._KILLER for offset in offsets)


def test_an_unknown_machine_runs_nothing(monkeypatch):
    """Where no filter is known, the command is not run without one."""
    monkeypatch.setattr(offline.platform, "machine", lambda: "riscv64")

    with pytest.raises(OSError, match="no filter is known for riscv64"):
        offline.main([sys.executable, "-c", "print('ran')"])


@pytest.mark.skipif(sys.platform != "linux", reason="the filter is Linux's")
def test_the_filter_needs_no_rights():
    """Whoever runs it, the command that follows has no network."""
    command = [sys.executable, "-I", "-S", offline.__file__, sys.executable, "-I", "-c", CONNECTING]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)

    assert ["refused", "refused", "refused", "opened"] == json.loads(ran.stdout)
