"""Kill a batch again and again, at random moments, and see that nothing is lost, doubled or half done.

What is killed, with SIGKILL: the batch, one of its judging processes, a worker (or the program in a room,
where there are no workers), a container, and the Docker engine, which this script starts for itself, as root,
in a temporary folder (its image comes from the engine that DOCKER_HOST names). After a kill of the batch the
same command is given again, until all is done. Where 40 submissions are done before all kills are, another 40
begin. See `stub_batch.py` for what is graded.

python benchmarks/kills.py
python benchmarks/kills.py --submissions 10 --kills 20 --sandbox local
python benchmarks/kills.py --sandbox containers --image python:3.11-slim
"""

from __future__ import annotations

import collections
import contextlib
import csv
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import click
import psutil
from rich.console import Console
from rich.table import Table
from stub_batch import write_place

from autograder.batch.ledger import FILE
from autograder.batch.results import Results
from autograder.batch.status import read_status
from autograder.sandbox.image import image_tag

PROGRAM = Path(__file__).with_name("stub_batch.py")
START_SECONDS = 60
DOWN_SECONDS = 3.0
WAIT_SECONDS = 10.0
START_SHARE = 0.002
"""How probable it is, each tenth of a second, not to wait for the start of a batch before killing."""


@attrs.define
class Engine:
    """A Docker engine of our own."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"unix://{self.folder}/docker.sock"

    def start(self) -> None:
        """Start it, also after it was killed, and wait until it answers."""
        # Its containerd died with it; to the number in that file another process may answer by now.
        for left in ("pid", "docker.sock", "exec/containerd/containerd.pid"):
            (self.folder / left).unlink(missing_ok=True)
        places = {"data-root": "root", "exec-root": "exec", "pidfile": "pid"}
        options = [f"--{name}={self.folder / place}" for name, place in places.items()]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["dockerd", "--bridge=none", "--iptables=false", "-H", self.address, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + START_SECONDS
        while self.docker("version").returncode:
            if time.monotonic() > until or self.process.poll() is not None:
                raise click.ClickException(f"dockerd does not start; see {self.folder / 'log'}")
            time.sleep(0.1)

    def docker(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Ask it something."""
        command = ["docker", "-H", self.address, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def kill(self) -> bool:
        """Kill it; it is back a moment later."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        time.sleep(random.uniform(0, DOWN_SECONDS))
        self.start()
        return True

    def stop(self) -> None:
        """End it for good, and the containerd that a killed one left behind."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
        for one in psutil.process_iter(["cmdline"]):
            if any(str(self.folder) in part for part in one.info["cmdline"] or ()):
                with contextlib.suppress(psutil.Error):
                    one.kill()
        # Of containers that were under way when their engine was killed.
        for line in reversed(Path("/proc/mounts").read_text(encoding="utf-8").splitlines()):
            place = line.split()[1]
            if place.startswith(f"{self.folder}/"):
                subprocess.run(["umount", "--lazy", place], check=False)


@contextlib.contextmanager
def own_engine(image: str) -> Iterator[Engine]:
    """An engine with this image, fetched from the one that DOCKER_HOST names."""
    with tempfile.TemporaryDirectory(prefix="autograder-kills-", ignore_cleanup_errors=True) as folder:
        engine = Engine(Path(folder))
        try:
            engine.start()
            with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saved:
                load = ["docker", "-H", engine.address, "load", "--quiet"]
                subprocess.run(load, stdin=saved.stdout, stdout=subprocess.DEVNULL, check=True)
            yield engine
        finally:
            engine.stop()


@attrs.define(kw_only=True)
class Batch:
    """The command that is given again and again, and everything in it that can be killed."""

    place: Path
    kind: str
    image: str
    jobs: int
    engine: Engine | None
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0

    def running(self) -> bool:
        """Whether it runs at this moment."""
        return self.process is not None and self.process.poll() is None

    def begun(self) -> bool:
        """Whether the command given last is at its first submission."""
        assert self.process is not None
        return any(self.out.glob(f".work/{self.process.pid}-*/submissions/*"))

    def start(self) -> None:
        """Give the command."""
        self.starts += 1
        host = {"DOCKER_HOST": self.engine.address} if self.engine else {}
        with (self.place / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(PROGRAM), str(self.place), self.kind, self.image, str(self.jobs)],
                env=os.environ | host,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> bool:
        """Kill the batch itself, and nothing else of it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        return True

    def end(self) -> None:
        """See that it doesn't outlive this script."""
        if self.running():
            self.kill()

    def kill_judge(self) -> bool:
        """Kill a judging process."""
        found = [one for one in self._family() if "spawn_main" in " ".join(_command(one))]
        return _kill_one(found)

    def kill_room(self) -> bool:
        """Kill the program that runs in a room: in a container its first process, which may be a worker."""
        if self.engine is None:
            rooms = [one for one in self._family() if "autograder.room" in _command(one)]
            # The job itself, and not what holds its namespace.
            return _kill_one([one for one in rooms if Path(_command(one)[0]).name.startswith("python")])
        for name in self._containers():
            told = self.engine.docker("inspect", "--format", "{{.State.Pid}}", name).stdout.strip()
            if told not in ("", "0"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(told), signal.SIGKILL)
                    return True
        return False

    def kill_container(self) -> bool:
        """Kill a container, as somebody at the engine might; a whole sandbox where there is no engine."""
        if self.engine is None:
            return _kill_one([one for one in self._family() if Path(_command(one)[0]).name == "bwrap"])
        return any(self.engine.docker("kill", name).returncode == 0 for name in self._containers()[:1])

    def _containers(self) -> list[str]:
        assert self.engine is not None
        label = f"label=autograder.batch={Results(root=self.out, work=self.out).batch}"
        names = self.engine.docker("ps", "--quiet", "--filter", label).stdout.split()
        random.shuffle(names)
        return names

    @property
    def out(self) -> Path:
        """The results folder."""
        return (self.place / "out").resolve()

    def _family(self) -> list[psutil.Process]:
        assert self.process is not None
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline() or [""]
    except psutil.Error:
        return [""]


def _kill_one(processes: list[psutil.Process]) -> bool:
    if not processes:
        return False
    with contextlib.suppress(psutil.NoSuchProcess):
        random.choice(processes).kill()
        return True
    return False


def grade_and_kill(
    batch: Batch, scores: dict[str, int], kills: int, pause: float
) -> collections.Counter[str]:
    """Grade a class with at most so many kills, a random time apart; returns how often what was killed."""
    ways: dict[str, Callable[[], bool]] = {
        "batch": batch.kill,
        "judge": batch.kill_judge,
        "worker" if batch.kind == "docker" else "room": batch.kill_room,
        "container" if batch.engine else "sandbox": batch.kill_container,
    }
    if batch.engine:
        ways["engine"] = batch.engine.kill
    done: collections.Counter[str] = collections.Counter()
    while True:
        if not batch.running():
            if batch.process is not None and batch.process.returncode == 0:
                return done
            demand_whole(batch.out, scores)
            batch.start()
            # Most of a short run is its start, when there is little to kill; some kills may fall there.
            while batch.running() and not batch.begun() and random.random() > START_SHARE:
                time.sleep(0.1)
        with contextlib.suppress(subprocess.TimeoutExpired):
            assert batch.process is not None
            batch.process.wait(random.uniform(0, 2 * pause) if done.total() < kills else None)
        if done.total() < kills and batch.running():
            way = min(ways, key=lambda way: (done[way], random.random()))
            # What is rarely there is waited for, or it would hardly ever be killed.
            until = time.monotonic() + WAIT_SECONDS
            while batch.running() and time.monotonic() < until:
                if ways[way]():
                    done[way] += 1
                    if done.total() % 10 == 0:
                        click.echo(f"{done.total()} kills", err=True)
                    break
                time.sleep(0.05)


def demand_whole(out: Path, scores: dict[str, int]) -> None:
    """Fails where a result that is in place is not whole, or has a wrong score."""
    for folder in out.glob("s[0-9]*"):
        outcome = json.loads((folder / "outcome.json").read_text(encoding="utf-8"))
        if outcome["outcome"] == "graded":
            results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
            told = (outcome["score"], sum(test["score"] for test in results["tests"]))
            evidence = sorted(path.name for path in (folder / "evidence").iterdir())
            expected = (scores[folder.name], scores[folder.name])
            if told != expected or evidence != ["models.json", "names.json", "run.json"]:
                raise click.ClickException(f"{folder}: {told} instead of {expected}; evidence: {evidence}")
        elif outcome["outcome"] != "fault" or outcome["score"] is not None:
            raise click.ClickException(f"{folder}: {outcome}")


def demand_all(batch: Batch, scores: dict[str, int]) -> None:
    """Fails where a result is missing, doubled or wrong, and where anything else is left."""
    demand_whole(batch.out, scores)
    names = sorted(path.name for path in batch.out.iterdir())
    with (batch.out / "grades.csv").open(encoding="utf-8-sig", newline="") as stream:
        grades = [
            (row["student"], row["outcome"], float(row["score"] or -1)) for row in csv.DictReader(stream)
        ]
    status = read_status(batch.out)
    wrong = [
        names != sorted([".ledger.sqlite", ".lock", "grades.csv", *scores]),
        grades != [(name, "graded", score) for name, score in sorted(scores.items())],
        status.count("done", "graded") != len(scores) or status.ending != "complete",
        bool(batch.engine) and bool(batch._containers()),
    ]
    if any(wrong):
        raise click.ClickException(f"{batch.out} is not as it should be: {wrong}, {names}, {status.ending}")


@click.command()
@click.option("--submissions", default=40, show_default=True)
@click.option("--kills", default=100, show_default=True)
@click.option(
    "--sandbox",
    "kind",
    type=click.Choice(["docker", "containers", "local"]),
    default="docker",
    show_default=True,
)
@click.option(
    "--image",
    default=image_tag,
    show_default="the room's",
    help="It is copied into the engine that is killed; any with Python will do for containers.",
)
@click.option("--jobs", default=2, show_default=True)
@click.option("--seconds", default=2.0, show_default=True, help="What the code of a submission takes.")
@click.option("--pause", default=4.0, show_default=True, help="Mean seconds between two kills.")
@click.option("--seed", type=int, help="Of the random moments; without it another each time.")
def main(
    submissions: int,
    kills: int,
    kind: str,
    image: str,
    jobs: int,
    seconds: float,
    pause: float,
    seed: int | None,
) -> None:
    """Grade a class undisturbed, then under kills, and compare."""
    random.seed(seed)
    with contextlib.ExitStack() as stack:
        engine = stack.enter_context(own_engine(image)) if kind != "local" else None
        table = Table("run", "kills", "of which", "commands given", "attempts that failed", "seconds")
        left, number = kills, 0
        while number == 0 or left > 0:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="autograder-kills-")))
            scores = write_place(place, submissions, seconds)
            batch = Batch(place=place, kind=kind, image=image, jobs=jobs, engine=engine)
            stack.callback(batch.end)
            started = time.monotonic()
            done = grade_and_kill(batch, scores, left if number else 0, pause)
            took = time.monotonic() - started
            demand_all(batch, scores)
            left -= done.total()
            of_which = ", ".join(f"{count} {what}" for what, count in sorted(done.items()))
            with contextlib.closing(sqlite3.connect(batch.out / FILE)) as ledger:
                (failed,) = ledger.execute("SELECT COUNT(*) FROM attempts WHERE verdict = 'fault'").fetchone()
            name = f"kills {number}" if number else "undisturbed"
            table.add_row(name, str(done.total()), of_which, str(batch.starts), str(failed), f"{took:.0f}")
            click.echo(f"{name}: {done.total()} kills ({of_which}), {took:.0f} s", err=True)
            number += 1
    Console().print(table)
    told = f"{submissions} submissions, {kills - left} kills"
    click.echo(f"{told}: every result there once, none half done, all scores as undisturbed")


if __name__ == "__main__":
    main()
