"""Docker: every job in a fresh container, without network, that vanishes with it."""

from __future__ import annotations

import functools
import json
import subprocess
import time
from pathlib import Path
from typing import Any

from autograder.sandbox.contract import Ending, How, Job
from autograder.sandbox.engine import (
    ENGINE_SECONDS,
    PROBE_SECONDS,
    docker,
    engine_faults,
    engine_version,
    mount,
    remove,
    start_killing,
    state_of,
)
from autograder.sandbox.environment import ROOM, command_of, environment_of
from autograder.sandbox.streams import follow

__all__ = ["PATH", "SMALL_BYTES", "DockerSandbox", "tmpfs"]

SMALL_BYTES = 64 << 20
_LABEL = "autograder.batch"
PATH = "/opt/venv/bin:/usr/local/bin:/usr/bin:/bin"


class DockerSandbox:
    """Run jobs in containers of one image, on the engine that DOCKER_HOST or Docker's context names."""

    name = "docker"
    isolation = (
        "Docker: student code runs in a container of its own, without network, on a read-only system, as an "
        "unprivileged user without capabilities, and sees only its own read-only folders."
    )
    isolated = True

    def __init__(self, image: str) -> None:
        self.image = image

    def available(self) -> str | None:
        """Why this sandbox cannot be used now; None where it can. Takes six seconds at most."""
        version, reason = engine_version()
        if not version:
            return reason
        try:
            docker("image", "inspect", "--format", "{{.Id}}", self.image, timeout=PROBE_SECONDS)
        except subprocess.CalledProcessError:
            return f"the image {self.image} is not there (run `autograder image`)"
        except subprocess.TimeoutExpired:
            return f"the engine did not answer within {PROBE_SECONDS:g} seconds"
        return None

    def identity(self) -> str:
        """The image's digest and the versions that it is labelled with. Raises MachineFault without image."""
        labels = self._image["Config"]["Labels"] or {}
        versions = [
            f"{label.removeprefix('autograder.')} {value}"
            for label, value in sorted(labels.items())
            if label.startswith("autograder.")
        ]
        return ", ".join([f"docker: {self._image['Id']}", *versions])

    def run(self, job: Job, *, output: Path, events: Path) -> Ending:
        """Run a job to its end, and remove its container. Raises MachineFault where the engine fails."""
        started = time.monotonic()
        with engine_faults(job.name):
            process = subprocess.Popen(
                ["docker", *self._arguments(job)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # Ctrl-C is for the batch, which ends its jobs; the client would pass it on to student code.
                start_new_session=True,
            )
            killer: list[subprocess.Popen[bytes]] = []
            try:
                how = follow(
                    process,
                    output=output,
                    events=events,
                    limits=job.limits,
                    stop=lambda: killer.append(start_killing(job.name)),
                )
                for kill in killer:
                    kill.wait(ENGINE_SECONDS)
                state = state_of(job.name, events)
            finally:
                # The client first, as nobody reads any more what the container says; it alone is not enough.
                process.kill()
                process.wait()
                remove(job.name)
        return _ending(how, state, time.monotonic() - started)

    def sweep(self, batch: str) -> int:
        """Remove all containers of this batch; says how many. Raises MachineFault where the engine fails."""
        with engine_faults(batch):
            names = docker("ps", "--all", "--quiet", "--filter", f"label={_LABEL}={batch}").split()
            if names:
                docker("rm", "--force", "--volumes", *names)
        return len(names)

    @functools.cached_property
    def _image(self) -> dict[str, Any]:
        with engine_faults(self.image):
            (found,) = json.loads(docker("image", "inspect", self.image))
        return dict(found)

    @functools.cached_property
    def _cores(self) -> float:
        with engine_faults(self.image):
            return float(docker("info", "--format", "{{.NCPU}}"))

    def _walls(self, job: Job, *, name: str, **flags: Any) -> list[str]:
        """The arguments of `docker` for a container that runs this job, or jobs like it, but for its command.

        There is no `--ulimit nproc`: the kernel counts a user's processes over all containers, so that
        one job could starve another; `--pids-limit` is per container.
        """
        limits = job.limits
        every = {
            "name": name,
            "label": f"{_LABEL}={job.batch}",
            "pull": "never",
            "log-driver": "none",
            "hostname": "room",
            "network": "none",
            "cap-drop": "ALL",
            "security-opt": "no-new-privileges",
            "memory": limits.memory_bytes,
            "memory-swap": limits.memory_bytes,
            "oom-score-adj": 500,
            "cpus": min(limits.cpus, self._cores),
            "shm-size": SMALL_BYTES,
        }
        ulimits = {"core": 0, "nofile": 4096, "fsize": limits.file_bytes}
        folders = [(job.kit, ROOM.kit)]
        if "autograder.data" not in (self._image["Config"]["Labels"] or {}):
            folders.append((job.data, ROOM.data))
        return [
            "run",
            "--read-only",
            *(f"--{flag}={value}" for flag, value in (every | flags).items()),
            *(f"--ulimit={limit}={value}:{value}" for limit, value in ulimits.items()),
            tmpfs("/tmp", SMALL_BYTES, "mode=1777"),
            *(mount(path, place) for path, place in folders),
        ]

    def _arguments(self, job: Job) -> list[str]:
        """The arguments of `docker` that run the job, attached."""
        limits, user = job.limits, job.user
        numbers = {"user": f"{user}:{user}", "pids-limit": limits.processes, "workdir": ROOM.work}
        return [
            *self._walls(job, name=job.name, **numbers),
            tmpfs(ROOM.work, limits.scratch_bytes, f"uid={user},gid={user},mode=0700"),
            mount(job.submission, ROOM.submission),
            *(f"--env={name}={value}" for name, value in environment_of(job, ROOM, path=PATH).items()),
            # Ends the container even where the batch was killed and nobody sweeps.
            *("--entrypoint=timeout", self.image, "--signal=KILL", str(limits.wall_seconds + 60)),
            *command_of(job, "python3"),
        ]


def tmpfs(place: str, size: int, more: str) -> str:
    """The argument of `docker` for a folder in memory of that size, on which no program can be run."""
    return f"--tmpfs={place}:rw,nosuid,nodev,noexec,size={size},{more}"


def _ending(how: How, state: dict[str, Any], seconds: float) -> Ending:
    status = int(state["ExitCode"])
    # The engine says OOMKilled also where only a child of the job was killed and the job went on.
    starved = bool(state["OOMKilled"])
    if how is How.FINISHED and status == 137:
        how = How.OUT_OF_MEMORY if starved else How.KILLED
    return Ending(how=how, exit_status=status, wall_seconds=seconds, out_of_memory=starved)
