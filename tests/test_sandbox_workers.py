"""A container that serves one submission after another keeps nothing of any, or is given up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import attrs
import nbformat
import pytest
from sandbox_jobs import make_job, make_sandbox, run

from autograder.data import MINIATURE, prepare
from autograder.errors import MachineFault
from autograder.evidence import read_evidence
from autograder.kit import make_kit
from autograder.labs import Question
from autograder.run import collect_evidence
from autograder.sandbox.contract import How

pytestmark = pytest.mark.docker

PROJECT = Path(__file__).resolve().parents[1]

LOOKS = """
import json, os
from pathlib import Path
PLACES = ("/room/work/home", "/room/driver", "/tmp", "/dev/shm", "/dev/mqueue")
programs = []
for one in Path("/proc").glob("[0-9]*/cmdline"):
    try:
        programs.append(one.read_text())
    except OSError:  # the engine's own helper, which starts the relay, has just gone
        pass
print(json.dumps({
    "born": Path("/proc/1/stat").read_text().split()[21],
    "programs": sorted(programs),
    "files": sorted(str(one) for place in PLACES for one in Path(place).rglob("*")),
    "used": [os.statvfs(place).f_blocks - os.statvfs(place).f_bfree for place in PLACES],
    "objects": [len(open(f"/proc/sysvipc/{kind}").readlines()) for kind in ("shm", "sem", "msg")],
    "sockets": [line.split()[7] for line in open("/proc/net/unix") if "@" in line],
    "listening": [line.split()[1] for line in open("/proc/net/tcp") if " 0A " in line],
}))
"""

DAEMON = """
import os, signal, socket, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in range(1, 32):
            if number not in (signal.SIGKILL, signal.SIGSTOP):
                signal.signal(number, signal.SIG_IGN)
        held = socket.socket(socket.AF_UNIX)
        held.bind("\\0left")
        held.listen()
        server = socket.create_server(("127.0.0.1", 45678))
        time.sleep(600)
    os._exit(0)
time.sleep(0.5)
"""

FLEEING = """
import os
if os.fork() == 0:
    os.setsid()
    while True:
        if os.fork():
            os._exit(0)
        open(f"/tmp/{os.getpid()}", "w").write("x")
"""

FILES = """
import os
for place in (os.getcwd(), "/tmp", "/dev/shm"):
    os.chdir(place)
    open(".hidden", "w").write("left")
    os.link(".hidden", "hard")
    os.symlink("/", "soft")
    os.symlink("/room/kit", "kit")
    os.mkfifo("fifo")
    open(b"odd\\xff\\n name", "w").write("left")
    os.mkdir("closed")
    open("closed/inside", "w").write("left")
    os.chmod("closed", 0)
    for _ in range(1500):
        os.mkdir("deep")
        os.chdir("deep")
"""

POSIX = """
import ctypes, os
libc = ctypes.CDLL(None)
assert libc.mq_open(b"/left", os.O_CREAT | os.O_RDWR, 0o666, None) >= 0
assert libc.sem_open(b"/left", os.O_CREAT, 0o666, 1)
assert libc.shm_open(b"/memory", os.O_CREAT | os.O_RDWR, 0o666) >= 0
"""

SYSTEM_V = """
import ctypes
libc = ctypes.CDLL(None)
assert libc.shmget(4711, 1 << 20, 0o1666) >= 0
assert libc.semget(4711, 3, 0o1666) >= 0
assert libc.msgget(4711, 0o1666) >= 0
"""

IN_FLIGHT = """
import os, socket
for number in range(4):
    file = open(f"/tmp/file{number}", "wb+")
    file.write(bytes(8 << 20))
    os.unlink(file.name)
    left, right = socket.socketpair()
    # Each end is on its way through the other: nobody but the kernel's collector of garbage can free them.
    socket.send_fds(left, [b"x"], [file.fileno(), left.fileno(), right.fileno()])
    socket.send_fds(right, [b"x"], [file.fileno(), left.fileno(), right.fileno()])
"""

HOARD = """
import os
held = bytearray(200 << 20)
held[::4096] = b"x" * len(held[::4096])
name = os.memfd_create("left")
os.write(name, bytes(100 << 20))
"""

LEFTOVERS = {
    "daemon": DAEMON,
    "fleeing": FLEEING,
    "files": FILES,
    "posix": POSIX,
    "system v": SYSTEM_V,
    "in flight": IN_FLIGHT,
    "memory": HOARD,
}

PRYING = """
import json, os, socket
reached = []
def attempt(name, act):
    try:
        act()
    except (OSError, ProcessLookupError):
        return
    reached.append(name)
others = [int(one) for one in os.listdir("/proc") if one.isdigit() and int(one) != os.getpid()]
for pid in others:
    for part in ("mem", "environ", "maps", "root/room", "cwd/room", "fd", "fdinfo", "task/%d/mem" % pid):
        path = f"/proc/{pid}/{part}"
        attempt(path, lambda: os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1))
    attempt(f"oom {pid}", lambda: open(f"/proc/{pid}/oom_score_adj", "w").write("1000"))
    attempt(f"kill {pid}", lambda: os.kill(pid, 9))
    attempt(f"stop {pid}", lambda: os.kill(pid, 19))
for place in ("/room/control", "/room/driver/home"):
    attempt(place, lambda: os.listdir(place))
attempt("socket", lambda: socket.socket(socket.AF_UNIX).connect("/room/control/socket"))
for place in ("/room/control/x", "/room/driver/x", "/room/submission/x", "/room/work/x", "/room/kit/x", "/x"):
    attempt(place, lambda: open(place, "w"))
attempt("descriptors", lambda: os.fstat(3))
attempt("root", lambda: os.setuid(0))
attempt("another", lambda: os.setuid(os.getuid() - 2))
print(json.dumps([reached, len(others) >= 3, os.getuid(), os.getgid(), os.getgroups()]))
"""

REMEMBERS = "kept = [('the word is ' + 'swordfish'[:5]) * 3 for _ in range(1000)]  # xyzzy-plugh"

SEARCHES = r"""
import json, re
found, seen = [], 0
wanted = re.compile(b"(xyzzy[-]plugh)|(the word is [s]word)")
with open("/proc/self/mem", "rb") as memory:
    for line in open("/proc/self/maps"):
        place, rights = line.split()[:2]
        if not rights.startswith("rw"):
            continue
        first, last = (int(part, 16) for part in place.split("-"))
        try:
            memory.seek(first)
            content = memory.read(last - first)
        except (OSError, ValueError):
            continue
        seen += len(content)
        found += [str(one) for one in wanted.findall(content)]
print(json.dumps([found, seen > 1 << 20]))
"""


def told(job, code):
    """The same job with another submission, which says what is run."""
    name = f"test-{uuid.uuid4().hex}"
    folder = job.kit.parent / name
    folder.mkdir()
    (folder / "code.py").write_text(code, encoding="utf-8")
    return attrs.evolve(job, name=name, submission=folder)


@attrs.define
class Served:
    """A sandbox of workers, and a job to vary."""

    sandbox: object
    job: object

    def run(self, code, **changes):
        """Run these lines as a job of their own."""
        return run(self.sandbox, attrs.evolve(told(self.job, code), **changes))

    def look(self):
        """What a new job finds."""
        return json.loads(self.run(LOOKS).output)

    def containers(self):
        """The containers that run now."""
        command = ["docker", "ps", "--quiet", "--filter", f"label=autograder.batch={self.job.batch}"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def serve(folder, **limits):
    """Workers for a batch of their own."""
    return Served(make_sandbox("docker"), make_job(folder, "", batch=f"test-{uuid.uuid4().hex}", **limits))


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A sandbox that all of these tests share."""
    found = serve(tmp_path_factory.mktemp("workers"))
    yield found
    found.sandbox.close()


@pytest.fixture(scope="module")
def fresh(served):
    """What the first job of a worker finds."""
    return served.look()


@pytest.fixture
def apart(tmp_path):
    """Workers for one test."""
    found = serve(tmp_path)
    yield found
    found.sandbox.sweep(found.job.batch)


@pytest.mark.parametrize("kind", LEFTOVERS)
def test_nothing_is_left_for_the_next(served, fresh, kind):
    """After a job that left something, the next one finds the same container as the first one did."""
    assert 0 == served.run(LEFTOVERS[kind]).ending.exit_status

    assert fresh == served.look()


def test_a_first_look_is_not_blind(fresh):
    """What is compared is there: the worker, its relay, the supervisor and the job, and no file of anyone."""
    assert 4 == len(fresh["programs"])
    assert [] == fresh["files"] + fresh["sockets"] + fresh["listening"]
    assert [1, 1, 1] == fresh["objects"]


def test_nothing_else_in_the_container_can_be_reached(served):
    """Worker, supervisor and relay can neither be read nor stopped, and the worker's socket is closed."""
    reached, looked, user, group, groups = json.loads(served.run(PRYING).output)

    assert ([], True) == (reached, looked)
    assert 0 != user == group
    assert {group} >= set(groups)


def test_each_job_has_a_user_of_its_own(served):
    """No two jobs of a worker share a user number."""
    users = [served.run("import os; print(os.getuid())").output for _ in range(3)]

    assert 3 == len(set(users))


def test_no_memory_of_an_earlier_submission(served):
    """A job's own memory, a copy of the worker's, holds no word of the submission before it."""
    assert 0 == served.run(REMEMBERS).ending.exit_status

    assert [[], True] == json.loads(served.run(SEARCHES).output)


def test_the_search_finds_what_is_there(served):
    """The same search finds the words where the job itself has them."""
    found, _ = json.loads(served.run(REMEMBERS + "\n" + SEARCHES).output)

    assert [] != found


def test_no_name_is_shown(served):
    """Arguments of processes and mounts tell nothing of who is being graded."""
    job = told(served.job, "print(open('/proc/self/mounts').read())\n" + LOOKS)
    ran = run(served.sandbox, job)

    assert "/room/kit" in ran.output
    assert job.name not in ran.output


def test_a_job_killed_for_memory_gives_its_worker_up(tmp_path):
    """After the kernel killed a process for memory, the next job has a new container."""
    served = serve(tmp_path, memory_bytes=400 << 20)
    before = served.look()["born"]
    greedy = "import os, time\nif os.fork() == 0: held = b'x' * (500 << 20)\nos.wait()"
    ran = served.run(greedy)

    assert (How.FINISHED, True) == (ran.ending.how, ran.ending.out_of_memory)
    assert [] == served.containers()
    assert before != served.look()["born"]
    served.sandbox.close()
    assert [] == served.containers()


def test_damage_gives_a_worker_up(apart):
    """A worker that says that something is left gets no other job; what the job said counts."""
    sweep = apart.job.kit / "autograder" / "room" / "sweep.py"
    with sweep.open("a", encoding="utf-8") as file:
        file.write("\nSweeper.sweep = lambda self: 'files are left'\n")
    ran = apart.run("print('said')")

    assert ("said\n", 0) == (ran.output, ran.ending.exit_status)
    assert [] == apart.containers()


def test_neighbours_are_in_containers_of_their_own(apart):
    """Two jobs at a time do not see each other; a worker that is taken away is a fault of the machine."""
    faults = []

    def wait():
        try:
            apart.run("print('waiting', flush=True)\nimport time; time.sleep(600)")
        except MachineFault as fault:
            faults.append(fault)

    thread = threading.Thread(target=wait)
    thread.start()
    assert becomes_true(lambda: len(apart.containers()) == 1)
    (first,) = apart.containers()
    found = apart.look()
    assert 4 == len(found["programs"])
    assert 2 == len(apart.containers())
    subprocess.run(["docker", "kill", first], check=True, capture_output=True)
    thread.join(60)

    assert ["a worker"] == [str(fault.what)[:8] for fault in faults]


def test_a_worker_that_died_at_rest_is_replaced(apart):
    """A container that ended between two jobs costs nothing but a new one."""
    before = apart.look()["born"]
    subprocess.run(["docker", "kill", *apart.containers()], check=True, capture_output=True)
    (worker,) = [one for idle in apart.sandbox._idle.values() for one in idle]
    assert becomes_true(lambda: not worker.alive())

    assert before != apart.look()["born"]


def test_a_sweep_removes_workers_at_rest(apart):
    """Workers that wait for their next job count as nothing left behind, and are gone."""
    apart.look()

    assert 1 == len(apart.containers())
    assert 0 == apart.sandbox.sweep(apart.job.batch)
    assert [] == apart.containers()


def test_killing_the_batch_ends_its_worker(tmp_path):
    """After SIGKILL of who runs a job its container ends by itself; the next sweep removes it."""
    served = serve(tmp_path)
    starter = (
        f"import sys; sys.path[:0] = [{str(PROJECT)!r}, {str(PROJECT / 'tests')!r}]\n"
        "from pathlib import Path\n"
        "import sandbox_jobs\n"
        "code = 'import time; print(1, flush=True); time.sleep(600)'\n"
        f"job = sandbox_jobs.make_job(Path({str(tmp_path)!r}) / 'again', code, batch={served.job.batch!r})\n"
        "sandbox_jobs.run(sandbox_jobs.make_sandbox('docker'), job)\n"
    )
    batch = subprocess.Popen([sys.executable, "-c", starter])
    try:
        output = tmp_path / "again" / "output"
        assert becomes_true(lambda: output.exists() and output.read_text() == "1\n")
    finally:
        os.kill(batch.pid, signal.SIGKILL)
        batch.wait()

    assert becomes_true(lambda: served.containers() == [])
    assert 1 == served.sandbox.sweep(served.job.batch)


NOTEBOOKS = {
    "first": ["import os\nuser, home = os.getuid(), os.getcwd()", "open('mine', 'w').write('x')", REMEMBERS],
    "second": [
        "import os\nuser, home = os.getuid(), os.getcwd()\nfiles = sorted(os.listdir())",
        "import keras\nnet = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2)])\n"
        "net.compile(loss='mse')\nimport numpy as np\nnet.fit(np.ones((8, 4)), np.ones((8, 2)), verbose=0)",
        SEARCHES.replace("print(json.dumps(", "found = (").replace("]))", "])[0]"),
    ],
}


def test_notebooks_run_one_after_another(lab, tmp_path):
    """Two notebooks in one worker: each with a user of its own, trained models, and nothing of the other."""
    names = ("user", "home", "files", "found")
    lab = attrs.evolve(lab, questions=(Question(name="q1", defines=names),), tasks=(), wall_seconds=60)
    data = prepare(lab.dataset, MINIATURE)
    make_kit(lab, (kit := tmp_path / "kit"))
    batch = f"test-{uuid.uuid4().hex}"
    sandbox = make_sandbox("docker")
    found = {}
    for name, cells in NOTEBOOKS.items():
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        (staged := tmp_path / name).mkdir()
        nbformat.write(notebook, staged / lab.notebook_name)
        evidence = tmp_path / f"{name}-evidence"
        collect_evidence(staged, lab, sandbox, data, kit, evidence, batch=batch, name=f"{batch}-{name}")
        found[name] = read_evidence(evidence)
    assert 0 == sandbox.sweep(batch)

    first, second = (found[name].names for name in NOTEBOOKS)
    assert first["user"] != second["user"]
    assert first["home"] == second["home"] == "/room/work/home"
    assert "mine" not in second["files"] and lab.notebook_name in second["files"]
    assert [] == second["found"]
    assert 1 == len(found["second"].fits)


def becomes_true(fact, seconds=120.0):
    """Whether the fact comes true; the time is a bound for a broken machine, not a measure."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if fact():
            return True
        time.sleep(0.05)
    return False
