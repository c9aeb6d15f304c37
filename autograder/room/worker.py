"""The first process of a container that serves one submission after another.

    worker (root)      has imported TensorFlow and nothing else; takes a job, forks its supervisor, sweeps
    └── supervisor     (root) unpacks the submission, forks the driver and, when that asks, the kernel
        ├── driver     a user of its own, a new one for each job: runs the notebook, holds the streams
        └── kernel     another such user: student code

Not a byte of a submission ever passes through the worker: its memory is what every later kernel is forked
from, and a kernel can search its own. So all that reads a job happens in the supervisor, which ends with it.

A job comes in by `relay`: its standard input is one line of JSON (stage, environment, limit on processes) and
a tar of the submission; its standard output and error are the job's streams. When the job has ended, the
worker kills every process but itself, removes what is left (see `sweep`), and reports on its own standard
output, a line of JSON for each job. It ends after a report of damage, and when its standard input ends.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import socket
import tarfile
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import attrs

from autograder.room.forking import Kernel, fork, import_everything, keep_only, settle, start_kernel
from autograder.room.relay import CONTROL
from autograder.room.sweep import Sweeper, killed_for_memory, reap

__all__ = ["main"]

_SUBMISSION = Path("/room/submission")
_WORK = Path("/room/work/home")
_DRIVER = Path("/room/driver/home")
_DRIVER_PROCESSES = 64
_DRIVER_FOLDERS = ("HOME", "TMPDIR", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR")
_DRIVER_OWN = (*_DRIVER_FOLDERS, "ROOM_FORKSERVER")
_TICK_SECONDS = 0.2
_DUMPABLE = 4
_MOST_HEADER = 1 << 20


@attrs.frozen
class _Users:
    """The two user numbers of a job."""

    kernel: int
    driver: int


def main(first_user: str) -> int:
    """Serve jobs until standard input ends or one leaves damage. Users are numbered from `first_user` on."""
    os.umask(0o022)
    import_everything()
    sweeper = Sweeper()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(CONTROL)
    listener.listen()
    _say(ready=True)
    user = int(first_user)
    while True:
        ready, _, _ = select.select([0, listener.fileno()], [], [])
        if 0 in ready:
            return 0
        connection, _ = listener.accept()
        users = _Users(user, user + 1)
        user += 2
        report = _serve(connection, listener, users, sweeper)
        if report is None:
            return 0
        _say(**report)
        if report["damage"]:
            return 1


def _say(**report: Any) -> None:
    os.write(1, json.dumps(report).encode() + b"\n")


def _serve(
    connection: socket.socket, listener: socket.socket, users: _Users, sweeper: Sweeper
) -> dict[str, Any] | None:
    """One job from its streams to the report about it; None where standard input ended meanwhile."""
    _, streams, _, _ = socket.recv_fds(connection, 1, 3)
    before = killed_for_memory()
    ended, alive = os.pipe()

    def supervise() -> int:
        for one in (connection, listener):
            one.close()
        os.close(ended)
        return _Supervisor(users, streams).run()

    supervisor = fork(supervise)
    for descriptor in (alive, *streams):
        os.close(descriptor)
    status = None
    while status is None:
        # The other end of the pipe closes with the supervisor; until then, orphans become our children.
        ready, _, _ = select.select([ended, 0], [], [], _TICK_SECONDS)
        if 0 in ready:
            return None
        status = reap().get(supervisor)
    os.close(ended)
    connection.close()
    damage = sweeper.sweep()
    starved = killed_for_memory() > before
    return {"status": os.waitstatus_to_exitcode(status), "starved": starved, "damage": damage}


class _Supervisor:
    """One job, in a process of its own."""

    def __init__(self, users: _Users, streams: list[int]) -> None:
        self._users = users
        self._streams = streams
        self._header: dict[str, Any] = {}

    def run(self) -> int:
        """Run the job to its end; the status of its stage."""
        nothing = os.open(os.devnull, os.O_RDWR)
        # Our own streams are the worker's; what goes wrong here is told with the job's events.
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        os.dup2(self._streams[2], 2)
        with os.fdopen(self._streams[0], "rb") as source:
            self._header = json.loads(source.readline(_MOST_HEADER))
            _unpack(source, _SUBMISSION)
        self._make_folder(_WORK, self._users.kernel, 0o750)
        if self._header["stage"] == "models":
            stage = fork(self._run_models)
            self._close_streams()
            return _wait(stage)
        self._make_folder(_DRIVER, self._users.driver, 0o700)
        ours, theirs = socket.socketpair()
        driver = fork(lambda: self._run_driver(theirs))
        theirs.close()
        self._close_streams()
        kernel = Kernel(ours, self._begin_kernel)
        while kernel.answer():
            pass
        kernel.end()
        return _wait(driver)

    def _make_folder(self, folder: Path, owner: int, mode: int) -> None:
        folder.mkdir()
        folder.chmod(mode)
        os.chown(folder, owner, owner)

    def _close_streams(self) -> None:
        """From now on only the stage holds them, and no kernel inherits them."""
        os.close(self._streams[1])
        os.close(self._streams[2])
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 2)

    @property
    def _environment(self) -> dict[str, str]:
        environment: dict[str, str] = self._header["environment"]
        return environment

    def _run_models(self) -> int:
        from autograder.room import models_stage

        keep_only(os.open(os.devnull, os.O_RDONLY), *self._streams[1:])
        self._become_kernel()
        settle(self._environment, str(_WORK))
        return models_stage.main()

    def _run_driver(self, connection: socket.socket) -> int:
        from autograder.room import driver

        keep_only(os.open(os.devnull, os.O_RDONLY), *self._streams[1:], connection.fileno())
        _become(self._users.driver, groups=[self._users.kernel], processes=_DRIVER_PROCESSES)
        own = {**dict.fromkeys(_DRIVER_FOLDERS, str(_DRIVER)), "ROOM_FORKSERVER": "3"}
        settle({**self._environment, **own}, str(_DRIVER))
        return driver.main()

    def _become_kernel(self) -> None:
        _become(self._users.kernel, processes=self._header["processes"])
        # Its memory is a copy of the worker's, which holds nothing; and programs list their own descriptors.
        ctypes.CDLL(None).prctl(_DUMPABLE, 1, 0, 0, 0)

    def _begin_kernel(self, request: dict[str, Any]) -> None:
        keep_only()
        self._become_kernel()
        descriptor, place = tempfile.mkstemp(prefix=".kernel-", suffix=".json", dir=_WORK)
        with os.fdopen(descriptor, "w") as file:
            file.write(request["connection"])
        request["arguments"][1] = place
        asked = {k: v for k, v in request["environment"].items() if k not in _DRIVER_OWN}
        request["environment"] = {**asked, **self._environment}
        request["folder"] = str(_WORK)
        start_kernel(request)


def _become(user: int, *, processes: int, groups: Any = ()) -> None:
    """Be that user for good, in a session of its own."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
    os.setgroups(list(groups))
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def _wait(pid: int) -> int:
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status if status >= 0 else 128 - status


def _unpack(source: BinaryIO, folder: Path) -> None:
    """Write the plain files and folders of the sandbox's own tar, for everybody to read."""
    with tarfile.open(fileobj=source, mode="r|") as archive:
        for member in archive:
            name = PurePosixPath(member.name)
            if name.is_absolute() or ".." in name.parts:
                raise ValueError(f"{member.name} does not lie in the submission")
            path = folder / name
            if member.isdir():
                path.mkdir(parents=True, exist_ok=True)
            elif content := archive.extractfile(member):
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as file:
                    while chunk := content.read(1 << 20):
                        file.write(chunk)
