"""What the sandboxes without a container engine share: start the job, watch its memory, end all of it."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import attrs
import psutil

from autograder.errors import MachineFault
from autograder.sandbox.contract import Ending, How, Job, Limits
from autograder.sandbox.streams import follow, plain_status

__all__ = [
    "LAUNCH",
    "Running",
    "TreeWatch",
    "end_guarded",
    "launch_command",
    "rlimits_of",
    "run_locally",
    "versions",
]

LAUNCH = Path(__file__).with_name("launch.py")

_END_SECONDS = 10.0
_WATCH_SECONDS = 0.2
_PAUSE = 2.0
"""The pause after a look at the job's processes, as a multiple of the time that it took."""


def versions() -> str:
    """What results depend on where there is no image: this Python and the numeric packages it would use."""
    names = ("tensorflow", "tensorflow-cpu", "keras", "numpy", "scikit-learn")
    found = [f"python {platform.python_version()}"]
    for name in names:
        with suppress(metadata.PackageNotFoundError):
            found.append(f"{name} {metadata.version(name)}")
    return ", ".join(found)


def rlimits_of(limits: Limits, *, processes: bool) -> dict[str, int]:
    """The kernel's own limits for every process of a job; `processes` only where its user is not ours.

    DATA is a fuse against one huge allocation between two looks of the watch, which enforces the limit
    proper (AS would count the gigabytes that TensorFlow maps and never touches). CPU ends what
    would outlive everything else.
    """
    found = {
        "CORE": 0,
        "FSIZE": limits.file_bytes,
        "NOFILE": 4096,
        "CPU": int(limits.wall_seconds * max(1.0, limits.cpus)) + 60,
    }
    if sys.platform == "linux":
        found["DATA"] = limits.memory_bytes + (2 << 30)
    if processes:
        found["NPROC"] = limits.processes
    return found


def launch_command(settings: dict[str, Any], launch: str = str(LAUNCH)) -> list[str]:
    """What to put before a job's command so that it runs under these settings of `launch.py`."""
    return [sys.executable, "-I", "-S", launch, json.dumps(settings)]


def end_guarded(process: subprocess.Popen[bytes]) -> None:
    """Closing the guardian's input makes it end the job; one that no longer listens is killed."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        for one in (*psutil.Process(process.pid).children(recursive=True), process):
            with suppress(psutil.NoSuchProcess):
                one.kill()
        process.wait()


@attrs.define
class TreeWatch:
    """Look at a process and all that it started, a few times a second.

    Over the memory limit, processes are killed until the rest fits, in the order that the kernel has for it
    in a container: a job whose kernel ate the memory can still hand in what came before.
    """

    process: psutil.Process
    limits: Limits
    count: bool
    """Whether to count processes too: where the kernel does not do it for us."""
    starved: bool = False
    """Whether a process was killed for memory."""
    _next: float = 0.0

    def __call__(self) -> How:
        """KILLED where there are too many processes, else FINISHED."""
        started = time.monotonic()
        if started < self._next:
            return How.FINISHED
        how = self._look()
        # Hundreds of processes take seconds to look at, in which nobody takes the job's streams off it.
        spent = time.monotonic() - started
        self._next = started + spent + max(_WATCH_SECONDS, _PAUSE * spent)
        return how

    def _look(self) -> How:
        try:
            tree = [self.process, *self.process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return How.FINISHED
        if self.count and len(tree) > self.limits.processes:
            return How.KILLED
        if sum(map(_resident, tree)) > self.limits.memory_bytes:
            self._make_room(tree)
        return How.FINISHED

    def _make_room(self, tree: list[psutil.Process]) -> None:
        # Pages that forked processes share counted for each of them before, and count once here; slower.
        shares = {one: _proportional(one) for one in tree}
        total = sum(shares.values())
        # Those that offer themselves come first, which a notebook's kernel does and all that it starts, so
        # that the driver is spared. Then by all that each one sees: the share of each of two hundred
        # children is less than that of their parent.
        for one in sorted(tree, key=lambda one: (_offered(one), _resident(one), one.pid), reverse=True):
            if total <= self.limits.memory_bytes:
                return
            with suppress(psutil.Error):
                one.kill()
            self.starved = True
            total -= shares[one]


class Running:
    """The jobs of a sandbox that run at this moment, so that a batch that is interrupted can end them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stops: dict[str, tuple[str, Callable[[], None]]] = {}

    @contextmanager
    def while_running(self, job: Job, stop: Callable[[], None]) -> Iterator[None]:
        """This job runs, and `stop` ends it; from any thread, and more than once."""
        with self._lock:
            self._stops[job.name] = (job.batch, stop)
        try:
            yield
        finally:
            with self._lock:
                del self._stops[job.name]

    def end(self, batch: str) -> int:
        """End the jobs of this batch; says how many."""
        with self._lock:
            stops = [stop for other, stop in self._stops.values() if other == batch]
        for stop in stops:
            stop()
        return len(stops)


def run_locally(
    command: Sequence[str],
    job: Job,
    *,
    environment: dict[str, str],
    folder: Path,
    output: Path,
    events: Path,
    stop: Callable[[subprocess.Popen[bytes]], None],
    running: Running | None = None,
    count: bool = False,
    watched: bool = True,
) -> Ending:
    """Run a command in `folder` to its end, with standard input open until then; `stop` ends all of it.

    watched: whether to look at the memory of what it starts, which takes some hundredths of a core.
    """
    started = time.monotonic()
    try:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
    except OSError as error:
        raise MachineFault(
            f"{command[0]} could not be started: {error}",
            submission=job.name,
            hint="see whether the machine is out of memory or processes, then run `autograder doctor`",
        ) from error
    watch = TreeWatch(process=psutil.Process(process.pid), limits=job.limits, count=count)
    try:
        with (running or Running()).while_running(job, lambda: stop(process)):
            how = follow(
                process,
                output=output,
                events=events,
                limits=job.limits,
                stop=lambda: stop(process),
                watch=watch if watched else lambda: How.FINISHED,
            )
    finally:
        stop(process)
    status = plain_status(process.returncode)
    if how is How.FINISHED and status == 137:
        how = How.OUT_OF_MEMORY if watch.starved else How.KILLED
    return Ending(
        how=how,
        exit_status=status,
        wall_seconds=time.monotonic() - started,
        out_of_memory=watch.starved,
    )


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _offered(process: psutil.Process) -> int:
    """How much a process prefers to be killed for memory: from -1000 to 1000, and 0 where it says nothing."""
    try:
        return int(Path(f"/proc/{process.pid}/oom_score_adj").read_text(encoding="ascii"))
    except (OSError, ValueError):  # it has ended, or this is not Linux
        return 0


def _proportional(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.Error, AttributeError):  # not ours to read, or not Linux
        return _resident(process)
