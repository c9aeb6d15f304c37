"""Fork kernels for many drivers: `python -m autograder.room forkserver SOCKET`; see `forking`.

The server listens on a Unix socket and ends, with every kernel, when its standard input does. The kernels run
as this process's user: this is for notebooks that are trusted.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
from typing import Any

from autograder.room.forking import Kernel, import_everything, keep_only, start_kernel

__all__ = ["main"]


def main(place: str) -> int:
    """Serve on a socket at this path until standard input ends."""
    import_everything()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place)
    listener.listen()
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        kernels: dict[int, Kernel] = {}
        while True:
            for key, _ in selector.select():
                if key.fileobj is sys.stdin:
                    for kernel in kernels.values():
                        kernel.end()
                    return 0
                if key.fileobj is listener:
                    connection, _ = listener.accept()
                    selector.register(connection, selectors.EVENT_READ)
                    kernels[connection.fileno()] = Kernel(connection, _become)
                elif not kernels[key.fd].answer():
                    selector.unregister(key.fileobj)
                    kernels.pop(key.fd).end()


def _become(request: dict[str, Any]) -> None:
    os.setsid()
    keep_only()
    start_kernel(request)
