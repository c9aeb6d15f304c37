"""Fork kernels and stages for many jobs: `python -m autograder.room forkserver SOCKET`; see `forking`.

The server listens on a Unix socket and ends, with all that it forked, when its standard input does. What is
forked runs as this process's user: this is for notebooks that are trusted. Of a stage the request says

    {"stage": "notebook" or "models", "folder": "...", "environment": {...}, "limits": {...}}

and comes with the descriptors of its two output streams.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
from typing import Any

import attrs

from autograder.room.forking import (
    MOST_BYTES,
    Kernel,
    import_everything,
    keep_only,
    start_kernel,
    take_over,
)

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
        children: dict[int, _Child] = {}
        while True:
            for key, _ in selector.select():
                if key.fileobj is sys.stdin:
                    for child in children.values():
                        child.end()
                    return 0
                if key.fileobj is listener:
                    connection, _ = listener.accept()
                    selector.register(connection, selectors.EVENT_READ)
                    children[connection.fileno()] = _Child(connection)
                elif not children[key.fd].answer():
                    selector.unregister(key.fileobj)
                    children.pop(key.fd).end()


@attrs.define
class _Child(Kernel):
    """A kernel, or a stage."""

    begin: Any = attrs.field(init=False)
    streams: list[int] = attrs.field(factory=list, init=False)
    """The stage's own, until it has them."""

    def __attrs_post_init__(self) -> None:
        self.begin = self._become

    def answer(self) -> bool:
        """Answer one request; False when there are no more."""
        try:
            return super().answer()
        finally:
            while self.streams:
                os.close(self.streams.pop())

    def _receive(self) -> bytes:
        line, self.streams, _, _ = socket.recv_fds(self.connection, MOST_BYTES, 2)
        return line

    def _become(self, request: dict[str, Any]) -> int:
        os.setsid()
        if "stage" not in request:
            keep_only()
            start_kernel(request)
            return 0
        keep_only(os.open(os.devnull, os.O_RDONLY), *self.streams)
        take_over(request)
        from autograder.room import driver, models_stage

        return driver.main() if request["stage"] == "notebook" else models_stage.main()
