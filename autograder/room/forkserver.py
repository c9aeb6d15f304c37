"""Fork kernels from a parent that has imported TensorFlow: `python -m autograder.room forkserver SOCKET`.

Importing takes seconds, forking milliseconds. The parent only imports and never runs an operation, as a child
that is forked after one hangs. It has no threads of its own and no event loop, listens on a Unix socket, and
ends, with every kernel, when its standard input does. A driver's connection asks for one kernel, in lines of
JSON, and the kernel ends with the connection:

    {"arguments": [...], "folder": "...", "environment": {...}, "limits": {"RLIMIT_...": [soft, hard]}}
    {"poll": true}        the exit status, null while the kernel runs
    {"signal": 9}         to the kernel and all that it started in its session

The kernels run as this process's user: this is for notebooks that are trusted.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import random
import resource
import selectors
import signal
import socket
import sys
from typing import Any

import attrs

__all__ = ["main"]

_MOST_DESCRIPTORS = 256
_MOST_BYTES = 1 << 20


@attrs.define
class _Kernel:
    """A connection and its kernel; `status` is its exit status, or None while it runs."""

    connection: socket.socket
    pid: int = 0
    status: int | None = None

    def poll(self) -> int | None:
        if self.pid and self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def signal(self, number: int) -> None:
        # Its session may outlive it, and as long as it does, the number is no one else's.
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def end(self) -> None:
        self.signal(signal.SIGKILL)
        if self.pid and self.status is None:
            os.waitpid(self.pid, 0)
        self.connection.close()


def main(place: str) -> int:
    """Serve on a socket at this path until standard input ends."""
    _import_everything()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place)
    listener.listen()
    # What is there now stays shared with the kernels: their collector leaves it alone.
    gc.collect()
    gc.freeze()
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        kernels: dict[int, _Kernel] = {}
        while True:
            for key, _ in selector.select():
                if key.fileobj is sys.stdin:
                    for kernel in kernels.values():
                        kernel.end()
                    return 0
                if key.fileobj is listener:
                    connection, _ = listener.accept()
                    selector.register(connection, selectors.EVENT_READ)
                    kernels[connection.fileno()] = _Kernel(connection)
                elif not _serve(kernels[key.fd]):
                    selector.unregister(key.fileobj)
                    kernels.pop(key.fd).end()


def _import_everything() -> None:
    import encodings.ascii
    import encodings.idna  # noqa: F401 - a kernel would import it late

    import matplotlib.pyplot  # noqa: F401
    import matplotlib_inline.backend_inline  # noqa: F401

    from autograder.room import kernel  # noqa: F401


def _serve(kernel: _Kernel) -> bool:
    """Answer one request; False when there are no more."""
    try:
        line = kernel.connection.recv(_MOST_BYTES)
        if not line:
            return False
        request: dict[str, Any] = json.loads(line)
        answer: Any = None
        if "arguments" in request:
            answer = kernel.pid = _fork(request)
        elif "signal" in request:
            kernel.signal(int(request["signal"]))
        else:
            answer = kernel.poll()
        kernel.connection.sendall(json.dumps(answer).encode() + b"\n")
    except OSError:
        return False
    return True


def _fork(request: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        _become(request)
        status = 0
    finally:
        os._exit(status)


def _become(request: dict[str, Any]) -> None:
    """Turn this child into a kernel, and return when that ends."""
    from autograder.room import kernel

    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.closerange(3, _MOST_DESCRIPTORS)
    for name, limits in request["limits"].items():
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(getattr(resource, name), tuple(limits))
    served, wanted = (variables["ROOM_KIT"] for variables in (os.environ, request["environment"]))
    sys.path[:] = [wanted if entry == served else entry for entry in sys.path]
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv[1:] = request["arguments"]
    # Every child has the parent's generator: without this, two kernels would draw the same numbers.
    random.seed()
    import numpy as np

    np.random.seed()
    kernel.start()
