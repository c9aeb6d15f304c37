"""The Docker engine: short commands to it, and what goes wrong with them as faults of the machine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autograder.errors import MachineFault

__all__ = [
    "ENGINE_SECONDS",
    "PROBE_SECONDS",
    "docker",
    "engine_faults",
    "engine_version",
    "mount",
    "remove",
    "start_killing",
    "state_of",
]

PROBE_SECONDS = 3.0
ENGINE_SECONDS = 60.0
_TAIL_CHARACTERS = 500


def engine_version() -> tuple[str, str]:
    """The version of the engine that answers, or an empty string and the reason; in three seconds at most."""
    try:
        done = docker("version", "--format", "{{.Server.Version}}", timeout=PROBE_SECONDS)
    except FileNotFoundError:
        return "", "there is no `docker` command"
    except subprocess.TimeoutExpired:
        return "", f"the engine did not answer within {PROBE_SECONDS:g} seconds"
    except subprocess.CalledProcessError as error:
        return "", _last_line(error.stderr) or "the engine does not answer"
    return done.strip(), ""


def docker(*arguments: str, timeout: float = ENGINE_SECONDS) -> str:
    """What a short command of Docker says. Its errors are translated by `engine_faults`."""
    command = ["docker", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=timeout, check=True
    )
    return done.stdout


@contextmanager
def engine_faults(about: str) -> Iterator[None]:
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


def start_killing(name: str) -> subprocess.Popen[bytes]:
    """Kill the container, and go on reading what it says: the engine waits for that before it kills.

    Where the container ended by itself in that moment this fails; in any other case its removal will say so.
    """
    return subprocess.Popen(
        ["docker", "kill", name],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def remove(name: str) -> None:
    """Remove a container, running or not, or not even there."""
    try:
        docker("rm", "--force", "--volumes", name)
    except subprocess.CalledProcessError as error:
        if "no such container" not in error.stderr.lower():
            raise


def state_of(name: str, events: Path) -> dict[str, Any]:
    """How the engine says that the container ended. Raises MachineFault where it never started."""
    try:
        state: dict[str, Any] = json.loads(docker("inspect", "--format", "{{json .State}}", name))
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


def mount(path: Path, place: str) -> str:
    """The argument of `docker` that shows a folder of this machine at that place, read-only."""
    # The value is a row of CSV, and a path may hold commas and quotes.
    source = f"src={path.resolve()}".replace('"', '""')
    return f'--mount=type=bind,"{source}",dst={place},readonly'


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
