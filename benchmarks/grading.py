"""What grading costs: ours in Docker against `otter run` and against a container for each submission.

    python benchmarks/grading.py                       # 200 submissions: an hour or more
    python benchmarks/grading.py --submissions 16 --rivals 2 --lab ""

All in one run, on the same notebook, the same bundle and the same machine: what counts are the ratios. The
small lab in `labs/` is the least that uses TensorFlow, so that it costs what any submission does in any case.
Needs a Docker engine with the room image. Run it on a machine that does nothing else; its load is shown.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import click
import nbformat
import psutil
from rich.console import Console
from rich.table import Table

from autograder import dnnlab
from autograder.batch import Silent, grade, rejudge
from autograder.build.bundle import dist_folder, tests_for
from autograder.build.reference import submission_notebook
from autograder.data import load, prepare
from autograder.intake import find_submissions
from autograder.labs import Lab, find_lab, solutions_folder
from autograder.records import Outcome
from autograder.sandbox.choose import choose
from autograder.sandbox.contract import Sandbox

OTTER = "import sys; from otter.cli import cli; sys.exit(cli(sys.argv[1:]))"
SMALL = Path(__file__).parent / "labs"
WORKER = ["-P", "-m", "autograder.room", "worker"]
FIRST = 10
"""So many submissions are the measure that a whole class is held against."""


@attrs.define
class Clock(Silent):
    """Notes when each submission was done; also who runs the workers then, as they are gone at the end."""

    started: float = attrs.field(factory=time.monotonic)
    ends: list[float] = attrs.field(factory=list)
    memory: int = 0
    """Bytes of main memory that the workers occupy together."""

    def finished(self, outcome: Outcome, *, kept: bool) -> None:
        """Note the time."""
        self.ends.append(time.monotonic() - self.started)
        self.memory = worker_memory() or self.memory

    def each(self, count: int) -> float:
        """Seconds for each of the first so many, the very first aside, which waits for the worker."""
        ends = self.ends[:count]
        return (ends[-1] - ends[0]) / (len(ends) - 1)


@contextmanager
def labs_in(folder: Path) -> Iterator[None]:
    """Within the block labs are looked for in that folder, and bundles are made in a passing one."""
    with tempfile.TemporaryDirectory() as dist:
        before = {name: os.environ.get(name) for name in ("AUTOGRADER_SOLUTIONS", "AUTOGRADER_DIST")}
        os.environ |= {"AUTOGRADER_SOLUTIONS": str(folder), "AUTOGRADER_DIST": dist}
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value


def hand_in(lab: Lab, data: Path, folder: Path) -> Path:
    """The reference solution as a submission, with the trained models where the lab has any."""
    folder.mkdir(parents=True)
    nbformat.write(submission_notebook(lab), folder / lab.notebook_name)
    trained = lab.trained(load(data, lab.dataset).identity)
    for path in trained.iterdir() if trained.is_dir() else ():
        if path.name.endswith((".keras", ".history.json")):
            shutil.copy(path, folder)
    return folder


def ours(lab: Lab, data: Path, place: Path, count: int, kind: str, jobs: int = 1) -> Clock:
    """Grade so many of the same submission; its results stay in `place/out`."""
    for number in range(count):
        hand_in(lab, data, place / "class" / f"s{number:03}")
    sandbox: Sandbox = choose(kind)
    clock = Clock()
    candidates = find_submissions([place / "class"])
    outcomes = grade(
        candidates, lab, out=place / "out", sandbox=sandbox, data=data, jobs=jobs, progress=clock
    )
    for outcome in outcomes:
        if outcome.score != outcome.possible or not outcome.possible:
            raise SystemExit(f"{outcome.submission} got {outcome.score}: {outcome.reason} {outcome.hint}")
    return clock


def otter_run(lab: Lab, data: Path, place: Path) -> float:
    """Seconds of `otter run` on the same submission and bundle."""
    tests_for(lab)
    folder = hand_in(lab, data, place / "submission")
    shutil.copy(dnnlab.__file__, folder)
    with zipfile.ZipFile(place / "submission.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    (place / "out").mkdir()
    bundle = dist_folder(lab) / "autograder.zip"
    command = ["run", "--no-logo", "-a", str(bundle), "-o", "out", "submission.zip"]
    environment = os.environ | {"DNNLAB_DATA": str(data), "MPLBACKEND": "agg"}
    started = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", OTTER, *command], cwd=place, env=environment, check=True, capture_output=True
    )
    if not (place / "out" / "results.json").is_file():
        raise SystemExit("otter run left no results")
    return time.monotonic() - started


def worker_memory() -> int:
    """Bytes of main memory that all workers' first processes occupy: what several share counts once."""
    workers = [
        one for one in psutil.process_iter(["cmdline"]) if "worker" in (one.info["cmdline"] or [])[-2:-1]
    ]
    with_room = [
        one for one in workers if "autograder.room" in one.info["cmdline"] and one.name() != "docker"
    ]
    try:
        return sum(int(one.memory_full_info().pss) for one in with_room)
    except psutil.Error:
        return 0


def compare(table: Table, lab: Lab, data: Path, place: Path, count: int, rivals: int) -> Clock:
    """Rows for one lab: ours, `otter run`, and a container for each, as seconds a submission."""
    theirs = [otter_run(lab, data, place / f"otter{number}") for number in range(rivals)]
    alone = ours(lab, data, place / "containers", rivals + 1, "containers").each(rivals + 1)
    clock = ours(lab, data, place / "ours", count, "docker")
    own = clock.each(min(count, FIRST))
    table.add_row(f"{lab.name}: grade", f"{own:.2f}", "1.0")
    for name, seconds in (("otter run", statistics.median(theirs)), ("a container each", alone)):
        table.add_row(f"{lab.name}: {name}", f"{seconds:.2f}", f"{seconds / own:.1f}")
    table.add_row(f"{lab.name}: start of a worker, once", f"{clock.ends[0] - own:.2f}", "")
    return clock


def growth(table: Table, clock: Clock) -> None:
    """Rows on how the cost of one grows with the class: 1.0 is linear."""
    first = clock.each(min(FIRST, len(clock.ends)))
    count = FIRST
    while count < len(clock.ends):
        count = min(2 * count, len(clock.ends))
        each = clock.each(count)
        table.add_row(f"each of {count}, against each of {FIRST}", f"{each:.2f}", f"{each / first:.2f}")


def again(table: Table, lab: Lab, data: Path, out: Path, count: int) -> None:
    """A row on judging all of them again."""
    started = time.monotonic()
    rejudge(out, lab, data=data)
    table.add_row(f"rejudge of {count}", f"{time.monotonic() - started:.2f}", "")


def memory(table: Table, lab: Lab, data: Path, place: Path) -> None:
    """Rows on what a first worker occupies, and what each further one adds to that."""
    found = [ours(lab, data, place / f"{jobs}", 2 * jobs, "docker", jobs=jobs).memory for jobs in (1, 2)]
    table.add_row("memory of a first worker, MB", f"{found[0] / 1e6:.0f}", "")
    table.add_row("memory that a second one adds, MB", f"{(found[1] - found[0]) / 1e6:.0f}", "")


@click.command()
@click.option("--submissions", default=200, show_default=True, help="How large a class of the small lab.")
@click.option("--rivals", default=3, show_default=True, help="How many runs of what we are compared with.")
@click.option("--lab", "name", default="cifar10_dnn", show_default=True, help="A whole lab; empty for none.")
@click.option("--data", "source", default="miniature", show_default=True, help="As of `autograder grade`.")
def main(submissions: int, rivals: int, name: str, source: str) -> None:
    """Measure and print."""
    table = Table("", "seconds", "ratio")
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with labs_in(SMALL):
            small = find_lab("trivial")
            data = prepare(small.dataset, source)
            clock = compare(table, small, data, place / "small", max(2, submissions), rivals)
            growth(table, clock)
            again(table, small, data, place / "small" / "ours" / "out", submissions)
            memory(table, small, data, place / "memory")
        if name:
            with labs_in(solutions_folder()):
                lab = find_lab(name)
                compare(table, lab, prepare(lab.dataset, source), place / "whole", rivals + 1, rivals)
    Console(width=100).print(table)
    load: Any = (before, os.getloadavg()[0])
    print(f"{os.cpu_count()} cores; load before {load[0]:.1f}, after {load[1]:.1f}")


if __name__ == "__main__":
    main()
