"""How long a process has had its chance to run: time in which it waited for a core is not its own.

A machine that is busy with other things would otherwise end a cell that is merely slow there, and what is the
machine's fault would cost a student points.
"""

from __future__ import annotations

import time
from pathlib import Path

__all__ = ["MOST", "Clock"]

MOST = 4.0
"""So many times its limit is the most wall time that anything gets: a notebook can make itself wait."""
_NANO = 1e-9


class Clock:
    """Seconds since it was made, less those in which a process was ready to run and had no core.

    pid: the process, whose first thread is looked at; None where nothing is known of it.
    """

    def __init__(self, pid: int | None) -> None:
        self._pid = pid
        self._begun = time.monotonic()
        self._waited = _seconds_waited(pid)

    def spent(self) -> float:
        """The process's own seconds; at least a quarter of those of the wall."""
        wall = time.monotonic() - self._begun
        waited = _seconds_waited(self._pid) - self._waited
        return max(wall - max(0.0, waited), wall / MOST)


def _seconds_waited(pid: int | None) -> float:
    """How long a process has waited for a core in all; 0 where the system does not tell."""
    try:
        # Nanoseconds on a core, nanoseconds waiting for one, and how often it got one.
        return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[1]) * _NANO
    except (OSError, ValueError, IndexError):
        return 0.0
