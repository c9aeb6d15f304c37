"""Hand this process's three streams to the worker and wait until it has done with them.

Run as `python -I -S relay.py` by the sandbox, as the container's root, once for each job; needs the standard
library only. Nothing about the job is in its arguments or its environment, which student code can list.
"""

from __future__ import annotations

import os
import socket

__all__ = ["CONTROL", "main"]

CONTROL = "/room/control/socket"
"""Where the worker listens; the folder is closed to everybody but root."""


def main() -> None:
    """Pass the streams on, keep none, and return when the worker closes the connection."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(CONTROL)
        socket.send_fds(connection, [b"j"], [0, 1, 2])
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        connection.recv(1)


if __name__ == "__main__":
    main()
