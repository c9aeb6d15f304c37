"""What is forked from a warm parent runs like anything else, and is gone when it should be."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import attrs
import nbformat
import psutil
import pytest

from autograder.data import MINIATURE, prepare
from autograder.evidence import read_evidence
from autograder.kit import make_kit
from autograder.labs import Question
from autograder.run import collect_evidence
from autograder.sandbox.contract import Job, Limits
from autograder.sandbox.warm import WarmProcessSandbox

LEAVES = """
import os, subprocess, numpy as np
kernel, drawn, place = os.getpid(), float(np.random.rand()), os.getcwd()
child = subprocess.Popen(["sleep", "1000"]).pid
"""
NAMES = ("kernel", "drawn", "place", "child", "after")


@pytest.fixture(scope="module")
def runs(lab, tmp_path_factory):
    """Two notebooks run in one warm sandbox, and what they left behind; the second ends its kernel first."""
    folder = tmp_path_factory.mktemp("warm")
    lab = attrs.evolve(
        lab, folder=folder, questions=(Question(name="q1", defines=NAMES),), tasks=(), wall_seconds=60
    )
    data = prepare(lab.dataset, MINIATURE)
    make_kit(lab, (kit := folder / "kit"))
    found = []
    with WarmProcessSandbox() as sandbox:
        for name, cells in (("plain", [LEAVES]), ("ending", ["import os; os._exit(1)", LEAVES, "after = 1"])):
            notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
            (staged := folder / name).mkdir()
            nbformat.write(notebook, staged / lab.notebook_name)
            evidence = folder / f"{name}-evidence"
            collect_evidence(staged, lab, sandbox, data, kit, evidence, batch="warm", name=f"warm-{name}")
            found.append(read_evidence(evidence).names)
    return found


def test_a_forked_kernel_runs_a_notebook(runs):
    """Each notebook runs in a process and a folder of its own and draws numbers of its own."""
    plain, ending = runs

    assert {"kernel", "drawn", "place", "child"} == plain.keys()
    assert all(plain[name] != ending[name] for name in plain)


def test_a_forked_kernel_that_ends_is_replaced(runs):
    """A cell that ends its kernel is left out in the next attempt, and what follows runs."""
    assert 1 == runs[1]["after"]


def test_nothing_is_left_of_forked_kernels(runs):
    """Kernels, what they started and their folders are gone when the sandbox is."""
    for names in runs:
        assert not os.path.exists(names["place"])  # noqa: PTH110 - a text of the notebook
        # An orphan ends at once, and is reaped somewhat later.
        there = [one for one in psutil.process_iter() if one.pid in (names["kernel"], names["child"])]
        assert [] == psutil.wait_procs(there, timeout=10)[1]


def test_a_sweep_ends_what_was_forked(lab, tmp_path):
    """A batch that is interrupted leaves neither a kernel that would run for ever nor its driver."""
    lab = attrs.evolve(lab, folder=tmp_path, questions=(), tasks=(), wall_seconds=600)
    data = prepare(lab.dataset, MINIATURE)
    make_kit(lab, (kit := tmp_path / "kit"))
    place = tmp_path / "pids"
    cell = f"import os, time; open({str(place)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    (staged := tmp_path / "staged").mkdir()
    nbformat.write(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)]), staged / lab.notebook_name
    )
    job = Job(
        name="endless",
        batch="swept",
        stage="notebook",
        user=0,
        submission=staged,
        kit=kit,
        data=data,
        limits=Limits(wall_seconds=600),
    )
    with WarmProcessSandbox() as sandbox, ThreadPoolExecutor(1) as thread:
        ending = thread.submit(sandbox.run, job, output=tmp_path / "output", events=tmp_path / "events")
        while not (place.exists() and place.read_text()):
            assert not ending.done(), ending.result()
            time.sleep(0.1)
        server = psutil.Process(int(place.read_text())).parent()
        forked = server.children()
        assert 2 == len(forked)
        assert 1 == sandbox.sweep("swept")
        assert ending.result().exit_status != 0

        assert [] == psutil.wait_procs(forked, timeout=20)[1]
