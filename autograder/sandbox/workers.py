"""Docker: a few containers that serve one submission after another, from a process that has TensorFlow.

A container of its own for each submission pays for starting it and for importing TensorFlow, several seconds
of a core. Here a container does this once, for as many submissions as come: its first process forks, for each
job, a driver and a kernel (`autograder.room.worker`). Student code is kept in no less for that:

- One job at a time is in a container, so that its limits on memory, processors and processes are the job's,
  and no neighbour is ever there to be seen or disturbed. Parallel jobs are in different containers.
- A job's driver and kernel have two user numbers that no other job has, in any container; neither is root and
  neither has a capability, and what root may do itself is no more than to become them, to end them and to
  remove their files.
- A submission comes in by the standard input of its job, and its evidence leaves by that job's own streams:
  no folder of submissions or results is mounted. The first process reads no byte of either, so that a kernel,
  which is a copy of it, finds nothing of an earlier submission in its memory.
- After each job every process of the container but the first is killed by one call; files, POSIX and System V
  objects are removed; and processes, usage of every place that can be written to, objects and memory are
  compared with how they were before the first job. Anything that differs ends the container, as do a
  process killed for memory and a limit that was crossed: the next job gets a new one.

What is weaker than with a container for each: all kernels and drivers of a container have one layout of
addresses, as they are forked from one process; that helps only who has a hole in Python or ZeroMQ to use. And
the container's counters, such as its processor time and its peak of memory, go on from one job to the next.
What is stronger: the kernel is another user than its driver, and cannot reach, stop or kill it.
"""

from __future__ import annotations

import json
import os
import secrets
import selectors
import subprocess
import tarfile
import tempfile
import threading
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import attrs

from autograder.errors import MachineFault
from autograder.sandbox.contract import Ending, How, Job, Limits
from autograder.sandbox.docker import PATH, SMALL_BYTES, DockerSandbox, tmpfs
from autograder.sandbox.engine import ENGINE_SECONDS, engine_faults, remove, start_killing, state_of
from autograder.sandbox.environment import ROOM, environment_of
from autograder.sandbox.streams import follow

__all__ = ["WorkerSandbox"]

_START_SECONDS = 600.0
"""A bound for a machine that is busy with much else; alone, it takes five seconds."""
_SWEEP_SECONDS = 120.0
_OWN_PROCESSES = 96
"""Processes and threads of the container that are not the kernel's, which has its own limit."""
_RIGHTS = ("SETUID", "SETGID", "KILL", "CHOWN", "DAC_OVERRIDE", "FOWNER")
_FIRST_USER, _LAST_USER = 1 << 20, 1 << 30
_MOST_JOBS = 1 << 10
"""How far apart the first users of two workers are; after half as many jobs a worker is replaced."""
_RELAY = ("python3", "-I", "-S", f"{ROOM.kit}/autograder/room/relay.py")
_PLACES = attrs.evolve(ROOM, work=f"{ROOM.work}/home")


@attrs.frozen(kw_only=True)
class _Kind:
    """What a worker can serve: jobs that differ in nothing of this."""

    batch: str
    kit: Path
    data: Path
    limits: Limits

    @classmethod
    def of(cls, job: Job) -> _Kind:
        limits = attrs.evolve(job.limits, wall_seconds=0.0)
        return cls(batch=job.batch, kit=job.kit.resolve(), data=job.data.resolve(), limits=limits)


class WorkerSandbox(DockerSandbox):
    """Run jobs in containers that are used again: as many as run at the same time, and no more."""

    isolation = (
        "Docker: student code runs in a container without network, on a read-only system, as an unprivileged "
        "user without capabilities; a container serves one submission at a time, each as another user, and "
        "is thrown away unless nothing is left of it."
    )

    def __init__(self, image: str) -> None:
        super().__init__(image)
        self._lock = threading.Lock()
        self._idle: dict[_Kind, list[_Worker]] = {}
        # Also at the end of the program; one that is killed leaves containers that end by themselves.
        self._finalizer = weakref.finalize(self, _remove_all, self._idle)

    def close(self) -> None:
        """Remove the workers that nobody uses."""
        with self._lock:
            _remove_all(self._idle)

    def run(self, job: Job, *, output: Path, events: Path) -> Ending:
        """Run a job to its end in a worker that is free, or in a new one. Raises MachineFault without any."""
        kind = _Kind.of(job)
        with engine_faults(job.name):
            worker = self._take(kind) or self._start(job)
            try:
                ending = worker.run(job, output=output, events=events)
            finally:
                if not worker.fit:
                    worker.remove()
            if worker.fit:
                with self._lock:
                    self._idle.setdefault(kind, []).append(worker)
        return ending

    def sweep(self, batch: str) -> int:
        """Remove all containers of this batch; says how many were not this sandbox's, at rest."""
        with self._lock:
            _remove_all(self._idle, batch)
        return super().sweep(batch)

    def _take(self, kind: _Kind) -> _Worker | None:
        with self._lock:
            idle = self._idle.get(kind, [])
            while idle:
                worker = idle.pop()
                if worker.alive():
                    return worker
                worker.remove()
        return None

    def _start(self, job: Job) -> _Worker:
        name = f"{job.batch}-w-{secrets.token_hex(4)}"
        step = _FIRST_USER // _MOST_JOBS + secrets.randbelow((_LAST_USER - _FIRST_USER) // _MOST_JOBS)
        worker = _Worker(name, self._worker_arguments(job, name, first_user=step * _MOST_JOBS))
        try:
            worker.await_ready()
        except BaseException:
            worker.remove()
            raise
        return worker

    def _worker_arguments(self, job: Job, name: str, *, first_user: int) -> list[str]:
        """The arguments of `docker` that start a worker for jobs like this one, attached."""
        limits = job.limits
        root = {"user": "0:0", "pids-limit": limits.processes + _OWN_PROCESSES, "workdir": "/"}
        environment = environment_of(attrs.evolve(job, environment=()), ROOM, path=PATH)
        # Nothing of one job, as all kernels come from this process; and folders that are root's alone.
        for variable in ("ROOM_JOB", "ROOM_BATCH"):
            del environment[variable]
        environment |= dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), "/room/control")
        return [
            *self._walls(job, name=name, **root),
            "--interactive",
            *(f"--cap-add={right}" for right in _RIGHTS),
            tmpfs(ROOM.work, limits.scratch_bytes, "mode=0755"),
            tmpfs(ROOM.submission, limits.scratch_bytes, "mode=0755"),
            tmpfs("/room/driver", SMALL_BYTES, "mode=0755"),
            tmpfs("/room/control", SMALL_BYTES, "mode=0700"),
            *(f"--env={name}={value}" for name, value in environment.items()),
            *("--entrypoint=python3", self.image, "-P", "-m", "autograder.room", "worker", str(first_user)),
        ]


class _Worker:
    """One container, from its start to its removal; its first process ends when our end of its input does."""

    def __init__(self, name: str, arguments: list[str]) -> None:
        self.fit = True
        """Whether another job may be given to it."""
        self._name = name
        self._jobs = 0
        self._said = b""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in remove()
        self._process = subprocess.Popen(
            ["docker", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
        )

    def alive(self) -> bool:
        """Whether the container still runs, as far as its client knows."""
        return self._process.poll() is None

    def await_ready(self) -> None:
        """Wait until it has imported everything. Raises MachineFault where it does not come to that."""
        if not self._report(_START_SECONDS):
            self._log.seek(0)
            said = self._log.read().decode(errors="replace").strip()
            raise MachineFault(
                f"a worker did not start: {said[-500:] or 'it said nothing'}",
                submission=self._name,
                hint="see whether the engine runs (`autograder doctor`), then run the same command again",
            )

    def run(self, job: Job, *, output: Path, events: Path) -> Ending:
        """Run one job. Raises MachineFault where the worker, not the job, was what ended."""
        started = time.monotonic()
        killer: list[subprocess.Popen[bytes]] = []
        # Until everything about this job is known to be well.
        self.fit = False
        self._jobs += 1
        with tempfile.TemporaryFile() as stream:
            _pack(job, stream)
            stream.seek(0)
            process = subprocess.Popen(
                ["docker", "exec", "--interactive", self._name, *_RELAY],
                stdin=stream,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        try:
            how = follow(
                process,
                output=output,
                events=events,
                limits=job.limits,
                stop=lambda: killer.append(start_killing(self._name)),
            )
        finally:
            process.kill()
            process.wait()
        for kill in killer:
            kill.wait(ENGINE_SECONDS)
        report = {} if killer else self._report(_SWEEP_SECONDS)
        if not report:
            report = self._last_words(how, events)
        self.fit = not (killer or report["starved"] or report["damage"] or self._jobs >= _MOST_JOBS // 2)
        return _ending(how, report, time.monotonic() - started)

    def remove(self) -> None:
        """End the container and everything in it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            remove(self._name)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
            self._log.close()

    def _report(self, seconds: float) -> dict[str, Any]:
        """The worker's next line; empty where it ended, or took longer, before it said one."""
        assert self._process.stdout is not None
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._said:
                if not selector.select(max(0.0, until - time.monotonic())):
                    return {}
                if not (more := os.read(self._process.stdout.fileno(), 4096)):
                    return {}
                self._said += more
        line, _, self._said = self._said.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found

    def _last_words(self, how: How, events: Path) -> dict[str, Any]:
        """What is known of a job whose worker ended. Raises MachineFault where neither of us ended it."""
        state = {} if how is How.FINISHED and self.alive() else state_of(self._name, events)
        starved = bool(state.get("OOMKilled"))
        if how is How.FINISHED and not starved:
            raise MachineFault(
                "a worker ended, or stopped answering, in the middle of a job",
                submission=self._name,
                hint="see whether the engine runs and was left alone, then run the same command again",
            )
        return {"status": 137, "starved": starved, "damage": "the worker ended"}


def _pack(job: Job, stream: IO[bytes]) -> None:
    """What the worker is told of a job, and the submission's files."""
    header = {
        "stage": job.stage,
        "processes": job.limits.processes,
        "environment": environment_of(job, _PLACES, path=PATH),
    }
    stream.write(json.dumps(header).encode() + b"\n")
    with tarfile.open(fileobj=stream, mode="w|") as archive:
        for path in sorted(job.submission.rglob("*")):
            if path.is_symlink() or not path.is_file():
                continue
            member = tarfile.TarInfo(path.relative_to(job.submission).as_posix())
            with path.open("rb") as file:
                member.size = os.fstat(file.fileno()).st_size
                archive.addfile(member, file)


def _ending(how: How, report: dict[str, Any], seconds: float) -> Ending:
    status, starved = int(report["status"]), bool(report["starved"])
    if how is How.FINISHED and status == 137:
        how = How.OUT_OF_MEMORY if starved else How.KILLED
    return Ending(how=how, exit_status=status, wall_seconds=seconds, out_of_memory=starved)


def _remove_all(idle: dict[_Kind, list[_Worker]], batch: str | None = None) -> None:
    for kind in [kind for kind in idle if batch in (None, kind.batch)]:
        for worker in idle.pop(kind):
            # Without an engine nothing can be done about it here; a sweep will say so.
            with suppress(OSError, subprocess.SubprocessError):
                worker.remove()
