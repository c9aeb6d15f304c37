"""Kernels that are forked from a process that has imported TensorFlow, and what is asked of it.

Importing takes seconds, forking milliseconds. The parent only imports and never runs an operation, as a child
that is forked after one hangs; it has no threads of its own and no event loop. A connection asks for one
kernel, in lines of JSON, and the kernel ends with the connection:

    {"arguments": [...], "folder": "...", "environment": {...}, "limits": {"RLIMIT_...": [soft, hard]},
     "connection": "..."}     how to connect to it, as its connection file has it
    {"poll": true}            the exit status, null while the kernel runs
    {"signal": 9}             to the kernel and all that it started in its session
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import random
import resource
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import attrs

__all__ = [
    "MOST_BYTES",
    "Kernel",
    "fork",
    "import_everything",
    "keep_only",
    "settle",
    "start_kernel",
    "take_over",
]

_MOST_DESCRIPTORS = 4096
MOST_BYTES = 1 << 20
_LATE = (
    *("encodings.ascii", "encodings.idna", "encodings.latin_1", "sqlite3", "tornado.platform.asyncio"),
    *("ipykernel.debugger", "ipykernel.zmqshell", "matplotlib.pyplot", "matplotlib_inline.backend_inline"),
    *("IPython.core.completerlib", "IPython.core.logger", "IPython.extensions.storemagic"),
)
"""What a kernel imports only when it begins."""
_STAGES = ("archive", "driver", "models_stage", "provisioner")
"""What the two stages need: h5py and nbclient come with these."""


def import_everything() -> None:
    """Import what kernels and stages need. What is there then stays shared: collectors leave it alone."""
    for name in (*(f"autograder.room.{stage}" for stage in _STAGES), "autograder.room.kernel", *_LATE):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def fork(act: Callable[[], int | None]) -> int:
    """The number of a child that does this, and nothing else, and ends with the status that it returns."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        status = act() or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def keep_only(*descriptors: int) -> None:
    """Make these descriptors 0, 1, 2 and so on, fill up with nothing to three, and close all others."""
    kept = [os.dup(one) for one in descriptors]
    while len(kept) < 3:
        kept.append(os.open(os.devnull, os.O_RDWR))
    # None of those that are still to be moved may lie where one is moved to.
    kept = [_lifted(one, len(kept)) for one in kept]
    for number, one in enumerate(kept):
        os.dup2(one, number)
    os.closerange(len(kept), _MOST_DESCRIPTORS)


def _lifted(descriptor: int, least: int) -> int:
    while descriptor < least:
        descriptor = os.dup(descriptor)
    return descriptor


@attrs.define
class Kernel:
    """A driver's connection and its kernel; `status` is its exit status, or None while it runs."""

    connection: socket.socket
    begin: Callable[[dict[str, Any]], int | None]
    """What the forked child does with the request, until the kernel ends; its exit status."""
    pid: int = 0
    status: int | None = None

    def answer(self) -> bool:
        """Answer one request; False when there are no more."""
        try:
            line = self._receive()
            if not line:
                return False
            request: dict[str, Any] = json.loads(line)
            reply: Any = None
            if "signal" in request:
                self.signal(int(request["signal"]))
            elif "poll" in request:
                reply = self.poll()
            else:
                reply = self.pid = fork(lambda: self.begin(request))
            self.connection.sendall(json.dumps(reply).encode() + b"\n")
        except OSError:
            return False
        return True

    def _receive(self) -> bytes:
        return self.connection.recv(MOST_BYTES)

    def poll(self) -> int | None:
        """The exit status, or None."""
        if self.pid and self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def signal(self, number: int) -> None:
        """Send a signal to the kernel's session."""
        # Its session may outlive it, and as long as it does, the number is no one else's.
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def end(self) -> None:
        """End the kernel and its connection."""
        self.signal(signal.SIGKILL)
        if self.pid and self.status is None:
            os.waitpid(self.pid, 0)
        self.connection.close()


def start_kernel(request: dict[str, Any]) -> None:
    """Turn this child, which has its session, user and streams, into a kernel; return when that ends."""
    from autograder.room import kernel

    take_over(request)
    sys.argv[1:] = request["arguments"]
    # Every child has the parent's generator: without this, two kernels would draw the same numbers.
    random.seed()
    import numpy as np

    np.random.seed()
    kernel.start()


def take_over(request: dict[str, Any]) -> None:
    """Have the limits, the environment and the folder of a request, and the kit that it names."""
    for name, limits in request["limits"].items():
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(getattr(resource, name), tuple(limits))
    served, wanted = (variables["ROOM_KIT"] for variables in (os.environ, request["environment"]))
    sys.path[:] = [wanted if entry == served else entry for entry in sys.path]
    settle(request["environment"], request["folder"])


def settle(environment: dict[str, str], folder: str) -> None:
    """Take over an environment and a current folder, and forget what was derived from those before."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    tempfile.tempdir = None
