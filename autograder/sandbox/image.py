"""The image of the room: Python and the packages that student code may use, and nothing of this project.

Needs the standard library only, so that a bare machine can be prepared before anything is installed:
`python3 -m autograder.sandbox.image --base python:3.11-slim`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

from autograder.errors import MachineFault, UsageProblem

__all__ = ["BASE_IMAGE", "build_image", "image_tag", "main"]

BASE_IMAGE = "python:3.11-slim"

_FOLDER = Path(__file__).with_name("docker")
_FILES = ("Dockerfile", "requirements.txt")
_LABELLED = ("keras", "tensorflow", "numpy")
_KEPT_LINES = 15


def image_tag(*, with_data: bool = False) -> str:
    """The name of the room image that belongs to this version of the Dockerfile and its packages."""
    digest = hashlib.sha256(b"\0".join((_FOLDER / name).read_bytes() for name in _FILES))
    return f"autograder-room:{digest.hexdigest()[:12]}{'-data' if with_data else ''}"


def build_image(
    base: str = BASE_IMAGE,
    tag: str | None = None,
    *,
    ca: Path | None = None,
    data: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> str:
    """Build the room image and return its name.

    base: an image with Python 3.11 and its venv module. ca: certificates, as one PEM file, that the
    machine needs to reach its package index; used during the build and not kept. data: a folder to put into
    the image as its `/room/data`, for engines that cannot mount it. progress: told every line of the build.

    Raises UsageProblem for a file or folder that is not there, MachineFault where the build fails.
    """
    for path in (ca, data):
        if path is not None and not path.exists():
            raise UsageProblem(f"{path} does not exist", hint="name an existing file or folder")
    docker = _builder()
    plain = image_tag() if tag is None or data is not None else tag
    secret = ["--secret", f"id=ca,src={ca.resolve()}"] if ca else []
    labels = [part for name, value in _versions() for part in ("--label", f"autograder.{name}={value}")]
    arguments = ["--network=host", "--build-arg", f"BASE_IMAGE={base}", *secret, *labels]
    _build([docker, "build", "--tag", plain, *arguments, str(_FOLDER)], None, progress)
    if data is None:
        return plain
    full = tag or image_tag(with_data=True)
    recipe = f"FROM {plain}\nCOPY . /room/data/\nLABEL autograder.data=baked\n"
    _build([docker, "build", "--tag", full, "--file", "-", str(data.resolve())], recipe, progress)
    return full


def _versions() -> list[tuple[str, str]]:
    """The pinned versions that results depend on, from the lock."""
    text = (_FOLDER / "requirements.txt").read_text(encoding="utf-8")
    found = re.findall(r"^([a-z0-9-]+)==([\w.]+)", text, flags=re.MULTILINE)
    # The lock is for every platform and names numpy once for each range of Python; 3.11 comes first.
    return [(name, version) for name, version in reversed(found) if name in _LABELLED]


def _builder() -> str:
    """A Docker client that can build with BuildKit.

    Clients from version 23 need the plugin buildx for that; older ones, as some systems still bring, do
    not. Where both are installed the first one found that can is taken.
    """
    clients = [shutil.which("docker", path=folder) for folder in os.environ.get("PATH", "").split(os.pathsep)]
    for client in filter(None, clients):
        version = _ask([client, "--version"])
        major = re.search(r"version (\d+)", version)
        if major and (int(major[1]) < 23 or _ask([client, "buildx", "version"])):
            return client
    raise MachineFault(
        "no Docker client here can build an image" if any(clients) else "there is no Docker client",
        hint="install Docker, with its plugin buildx where the client is version 23 or newer",
    )


def _ask(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _build(command: list[str], recipe: str | None, progress: Callable[[str], None] | None) -> None:
    last: deque[str] = deque(maxlen=_KEPT_LINES)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"},
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise MachineFault(f"{command[0]} could not be started: {error}", hint="install Docker") from error
    with process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(recipe or "")
        process.stdin.close()
        for line in process.stdout:
            last.append(line.rstrip())
            if progress is not None:
                progress(line.rstrip())
    if process.returncode != 0:
        raise MachineFault(
            "the room image could not be built; the last lines were:\n" + "\n".join(last),
            hint="see whether the engine runs and reaches the package index (certificates: --ca)",
        )


def main(arguments: list[str] | None = None) -> None:
    """Build the image from the command line, for a machine on which nothing else is installed yet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--base", default=BASE_IMAGE)
    parser.add_argument("--ca", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--name", action="store_true", help="print the image's name and build nothing")
    options = parser.parse_args(arguments)
    if options.name:
        print(image_tag(with_data=options.data is not None))
        return
    print(build_image(options.base, ca=options.ca, data=options.data, progress=_to_stderr))


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
