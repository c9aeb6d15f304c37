"""Docker: every job in a fresh container, without network, that vanishes with it."""

from __future__ import annotations

import functools
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autograder.errors import MachineFault
from autograder.sandbox.contract import Ending, How, Job
from autograder.sandbox.environment import ROOM, command_of, environment_of
from autograder.sandbox.streams import follow

__all__ = ["DockerSandbox", "engine_version"]

_PROBE_SECONDS = 3.0
_ENGINE_SECONDS = 60.0
_SMALL_BYTES = 64 << 20
_LABEL = "autograder.batch"
_PATH = "/opt/venv/bin:/usr/local/bin:/usr/bin:/bin"
_TAIL_CHARACTERS = 500


def engine_version() -> tuple[str, str]:
    """The version of the engine that answers, or an empty string and the reason; in three seconds at most."""
    try:
        done = _docker("version", "--format", "{{.Server.Version}}", timeout=_PROBE_SECONDS)
    except FileNotFoundError:
        return "", "there is no `docker` command"
    except subprocess.TimeoutExpired:
        return "", f"the engine did not answer within {_PROBE_SECONDS:g} seconds"
    except subprocess.CalledProcessError as error:
        return "", _last_line(error.stderr) or "the engine does not answer"
    return done.strip(), ""


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
            _docker("image", "inspect", "--format", "{{.Id}}", self.image, timeout=_PROBE_SECONDS)
        except subprocess.CalledProcessError:
            return f"the image {self.image} is not there (run `autograder image`)"
        except subprocess.TimeoutExpired:
            return f"the engine did not answer within {_PROBE_SECONDS:g} seconds"
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
        with _engine_faults(job.name):
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
                    stop=lambda: killer.append(_start_killing(job.name)),
                )
                for kill in killer:
                    kill.wait(_ENGINE_SECONDS)
                state = _state(job.name, events)
            finally:
                # The client first, as nobody reads any more what the container says; it alone is not enough.
                process.kill()
                process.wait()
                _remove(job.name)
        return _ending(how, state, time.monotonic() - started)

    def sweep(self, batch: str) -> int:
        """Remove all containers of this batch; says how many. Raises MachineFault where the engine fails."""
        with _engine_faults(batch):
            names = _docker("ps", "--all", "--quiet", "--filter", f"label={_LABEL}={batch}").split()
            if names:
                _docker("rm", "--force", "--volumes", *names)
        return len(names)

    @functools.cached_property
    def _image(self) -> dict[str, Any]:
        with _engine_faults(self.image):
            (found,) = json.loads(_docker("image", "inspect", self.image))
        return dict(found)

    @functools.cached_property
    def _cores(self) -> float:
        with _engine_faults(self.image):
            return float(_docker("info", "--format", "{{.NCPU}}"))

    def _arguments(self, job: Job) -> list[str]:
        """The arguments of `docker` that run the job, attached.

        There is no `--ulimit nproc`: the kernel counts a user's processes over all containers, so that
        one job could starve another; `--pids-limit` is per container.
        """
        limits, user = job.limits, job.user
        size = f"size={limits.scratch_bytes},uid={user},gid={user},mode=0700"
        flags = {
            "name": job.name,
            "label": f"{_LABEL}={job.batch}",
            "pull": "never",
            "log-driver": "none",
            "hostname": "room",
            "network": "none",
            "user": f"{user}:{user}",
            "cap-drop": "ALL",
            "security-opt": "no-new-privileges",
            "memory": limits.memory_bytes,
            "memory-swap": limits.memory_bytes,
            "oom-score-adj": 500,
            "cpus": min(limits.cpus, self._cores),
            "pids-limit": limits.processes,
            "shm-size": _SMALL_BYTES,
            "workdir": ROOM.work,
        }
        ulimits = {"core": 0, "nofile": 4096, "fsize": limits.file_bytes}
        folders = [(job.submission, ROOM.submission), (job.kit, ROOM.kit)]
        if "autograder.data" not in (self._image["Config"]["Labels"] or {}):
            folders.append((job.data, ROOM.data))
        environment = environment_of(job, ROOM, path=_PATH)
        return [
            "run",
            "--read-only",
            *(f"--{name}={value}" for name, value in flags.items()),
            *(f"--ulimit={name}={value}:{value}" for name, value in ulimits.items()),
            f"--tmpfs={ROOM.work}:rw,nosuid,nodev,noexec,{size}",
            f"--tmpfs=/tmp:rw,nosuid,nodev,noexec,size={_SMALL_BYTES},mode=1777",
            *(_mount(path, place) for path, place in folders),
            *(f"--env={name}={value}" for name, value in environment.items()),
            # Ends the container even where the batch was killed and nobody sweeps.
            *("--entrypoint=timeout", self.image, "--signal=KILL", str(limits.wall_seconds + 60)),
            *command_of(job, "python3"),
        ]


def _docker(*arguments: str, timeout: float = _ENGINE_SECONDS) -> str:
    """What a short command of Docker says. Its errors are translated by `_engine_faults`."""
    command = ["docker", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=timeout, check=True
    )
    return done.stdout


@contextmanager
def _engine_faults(about: str) -> Iterator[None]:
    """Turn what goes wrong between us and the engine into a MachineFault."""
    hint = "see whether the engine runs (`autograder doctor`), then run the same command again"
    try:
        yield
    except FileNotFoundError as error:
        raise MachineFault(
            "there is no `docker` command", submission=about, hint="install Docker, or use bubblewrap"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise MachineFault(
            f"the Docker engine did not answer within {error.timeout:g} seconds",
            submission=about,
            hint=hint,
        ) from error
    except subprocess.CalledProcessError as error:
        said = _last_line(error.stderr) or f"exit status {error.returncode}"
        raise MachineFault(f"`docker {error.cmd[1]}` failed: {said}", submission=about, hint=hint) from error
    except (OSError, ValueError, KeyError) as error:
        raise MachineFault(f"running a container failed: {error!r}", submission=about, hint=hint) from error


def _start_killing(name: str) -> subprocess.Popen[bytes]:
    """Kill the container, and go on reading what it says: the engine waits for that before it kills.

    Where the container ended by itself in that moment this fails; in any other case its removal will say so.
    """
    return subprocess.Popen(
        ["docker", "kill", name],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _remove(name: str) -> None:
    try:
        _docker("rm", "--force", "--volumes", name)
    except subprocess.CalledProcessError as error:
        if "no such container" not in error.stderr.lower():
            raise


def _state(name: str, events: Path) -> dict[str, Any]:
    """How the engine says that the container ended. Raises MachineFault where it never started."""
    try:
        state: dict[str, Any] = json.loads(_docker("inspect", "--format", "{{json .State}}", name))
    except subprocess.CalledProcessError:
        state = {"Status": "never created"}
    if state["Status"] not in ("exited", "dead"):
        with events.open("rb") as file:
            said = file.read(_TAIL_CHARACTERS).decode(errors="replace").strip()
        raise MachineFault(
            f"the container did not run to its end ({state['Status']}): {state.get('Error') or said}",
            submission=name,
            hint="see whether the engine runs and its disk has room, then run the same command again",
        )
    return state


def _ending(how: How, state: dict[str, Any], seconds: float) -> Ending:
    status = int(state["ExitCode"])
    # The engine says OOMKilled also where only a child of the job was killed and the job went on.
    starved = bool(state["OOMKilled"])
    if how is How.FINISHED and status == 137:
        how = How.OUT_OF_MEMORY if starved else How.KILLED
    return Ending(how=how, exit_status=status, wall_seconds=seconds, out_of_memory=starved)


def _mount(path: Path, place: str) -> str:
    # The value is a row of CSV, and a path may hold commas and quotes.
    source = f"src={path.resolve()}".replace('"', '""')
    return f'--mount=type=bind,"{source}",dst={place},readonly'


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
