"""Every limit holds, in every sandbox that promises it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sandbox_jobs import CONTAINERS, DOCKER, make_job, make_sandbox, run

from autograder.sandbox.contract import How

MIB = 1 << 20

STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
time.sleep(600)
"""

GREEDY = """
import time
held = [bytearray(16 << 20) for _ in range(40)]
for block in held:
    block[::4096] = b"x" * len(block[::4096])
time.sleep(600)
"""

GREEDY_CHILD = """
import os, time
pid = os.fork()
if pid == 0:
    held = [b"x" * (16 << 20) for _ in range(40)]
    time.sleep(600)
os.waitpid(pid, 0)
print("still here")
"""

CROWD = """
import os, time
pid = os.fork()
if pid == 0:
    {begin}
    for _ in range(40):
        if os.fork() == 0:
            held = b"x" * ({each} << 20)
            time.sleep(600)
    os.wait()
    os._exit(0)
own = b"x" * ({own} << 20)
os.waitpid(pid, 0)
print("still here")
"""
"""A process and its forty children; sizes in MiB."""

LARGE_PARENT = CROWD.format(begin='shared = b"x" * (64 << 20)', each=6, own=24)
OFFERED = CROWD.format(begin='open("/proc/self/oom_score_adj", "w").write("1000")', each=8, own=64)

FORKING = """
import os, time
count = 0
try:
    while count < 1500:
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)
        count += 1
except OSError:
    print("stopped after", count, flush=True)
else:
    time.sleep(600)
os.kill(0, 9)
"""

LARGE_FILE = """
import errno
try:
    with open("large", "wb") as file:
        for _ in range(64):
            file.write(b"x" * (1 << 20))
except OSError as error:
    print(errno.errorcode[error.errno])
"""

MANY_FILES = """
import errno
try:
    for number in range(64):
        with open(f"part{number}", "wb") as file:
            file.write(b"x" * (1 << 20))
except OSError as error:
    print(errno.errorcode[error.errno])
"""


@pytest.fixture(params=[DOCKER, CONTAINERS, "bubblewrap", "processes"])
def sandbox(request):
    """Each sandbox in turn."""
    return make_sandbox(request.param)


@pytest.fixture(params=[DOCKER, CONTAINERS, "bubblewrap"])
def walled(request):
    """Each sandbox that isolates, in turn."""
    return make_sandbox(request.param)


def test_a_job_that_ends_by_itself_is_finished(sandbox, tmp_path):
    """The two streams arrive whole, with the exit status."""
    code = "import sys; print(sys.argv[1]); print('an event', file=sys.stderr); sys.exit(3)"
    ran = run(sandbox, make_job(tmp_path, code))

    assert (How.FINISHED, 3) == (ran.ending.how, ran.ending.exit_status)
    assert ("notebook\n", "an event\n") == (ran.output, ran.events)
    assert not ran.ending.out_of_memory


def test_wall_time_ends_a_job_that_ignores_signals(sandbox, tmp_path):
    """A job that ignores TERM and has forked twice is ended, and its streams are closed."""
    ran = run(sandbox, make_job(tmp_path, STUBBORN, wall_seconds=2.0))

    assert How.TIMEOUT is ran.ending.how


def test_memory_over_the_limit_ends_the_job(sandbox, tmp_path):
    """A job that fills memory is ended for that reason."""
    ran = run(sandbox, make_job(tmp_path, GREEDY, memory_bytes=256 * MIB))

    assert How.OUT_OF_MEMORY is ran.ending.how
    assert ran.ending.out_of_memory


def test_memory_of_a_child_is_told_apart(sandbox, tmp_path):
    """The greedy child alone is killed: the job finishes, and the ending says what happened."""
    ran = run(sandbox, make_job(tmp_path, GREEDY_CHILD, memory_bytes=256 * MIB))

    assert (How.FINISHED, 0, True) == (ran.ending.how, ran.ending.exit_status, ran.ending.out_of_memory)
    assert "still here\n" == ran.output


def test_memory_of_a_crowd_does_not_end_the_job(sandbox, tmp_path):
    """Of a process and its forty children some are killed, and not the one that has begun the job."""
    ran = run(sandbox, make_job(tmp_path, LARGE_PARENT, memory_bytes=256 * MIB))

    assert (How.FINISHED, 0, True) == (ran.ending.how, ran.ending.exit_status, ran.ending.out_of_memory)
    assert "still here\n" == ran.output


def test_who_offers_itself_is_killed_first(sandbox, tmp_path):
    """A crowd of processes that offer themselves, as a kernel does, spares the larger one that does not."""
    ran = run(sandbox, make_job(tmp_path, OFFERED, memory_bytes=256 * MIB))

    assert (How.FINISHED, 0, True) == (ran.ending.how, ran.ending.exit_status, ran.ending.out_of_memory)
    assert "still here\n" == ran.output


def test_a_fork_loop_meets_a_bound(walled, tmp_path):
    """No more processes than allowed come to be."""
    ran = run(walled, make_job(tmp_path, FORKING, processes=64))

    assert ran.output.startswith("stopped after ")
    assert 64 > int(ran.output.split()[-1])


def test_plain_processes_end_a_fork_loop(tmp_path):
    """Where the kernel does not count for us, a job with too many processes is killed."""
    ran = run(make_sandbox("processes"), make_job(tmp_path, FORKING, processes=64))

    assert How.KILLED is ran.ending.how


def test_a_file_has_a_largest_size(sandbox, tmp_path):
    """Writing past the limit fails in the job."""
    ran = run(sandbox, make_job(tmp_path, LARGE_FILE, file_bytes=8 * MIB))

    assert "EFBIG\n" == ran.output


def test_the_scratch_folder_has_a_largest_size(walled, tmp_path):
    """Many small files together meet the limit too."""
    ran = run(walled, make_job(tmp_path, MANY_FILES, scratch_bytes=8 * MIB))

    assert "ENOSPC\n" == ran.output


@pytest.mark.parametrize("stream", [1, 2], ids=["output", "events"])
def test_a_flood_is_cut_off(sandbox, tmp_path, stream):
    """The file of a flooded stream ends at its limit, and so does the job."""
    code = f"import os\nwhile True: os.write({stream}, b'x' * 65536)"
    ran = run(sandbox, make_job(tmp_path, code, output_bytes=MIB, events_bytes=MIB))

    assert How.TOO_MUCH_OUTPUT is ran.ending.how
    assert MIB == len(ran.output if stream == 1 else ran.events)


def test_a_job_killed_by_a_stranger_is_killed(sandbox, tmp_path):
    """A job that dies by SIGKILL within its limits is neither finished nor out of memory."""
    ran = run(sandbox, make_job(tmp_path, "import os; os.kill(os.getpid(), 9)"))

    assert (How.KILLED, 137) == (ran.ending.how, ran.ending.exit_status)
    assert not ran.ending.out_of_memory


@pytest.mark.parametrize("name", ["bubblewrap", "processes"])
def test_a_batch_ends_its_own_jobs(tmp_path, name):
    """Sweeping ends the jobs of that batch that this program runs, and those of no other."""
    sandbox = make_sandbox(name)
    job = make_job(tmp_path, "import time; print('begun', flush=True); time.sleep(600)", batch="ag-1")
    with ThreadPoolExecutor() as pool:
        running = pool.submit(run, sandbox, job)
        output = tmp_path / "output"
        while not (output.exists() and output.read_text()):
            time.sleep(0.05)

        assert (0, 1) == (sandbox.sweep("ag-2"), sandbox.sweep("ag-1"))
        assert How.KILLED is running.result().ending.how
    assert 0 == sandbox.sweep("ag-1")
