"""What a batch drives: the room, the judge, and who is told of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import attrs

from autograder.labs import Lab
from autograder.records import Outcome

__all__ = ["Parts", "Progress", "Silent"]


@attrs.frozen(kw_only=True)
class Parts:
    """The parts of the autograder that a batch drives; a test puts others in their place."""

    tests_for: Callable[[Lab], Path]
    """The folder of a lab's hidden tests."""
    make_kit: Callable[[Lab, Path], str]
    """Write the code that enters the sandbox to a folder; says its hash."""
    collect: Callable[..., None]
    """`autograder.run.collect_evidence`."""
    try_room: Callable[..., None]
    """`autograder.run.try_room`."""
    judge: str = "autograder.judge:judge"
    """Module and function, imported in a process of its own."""

    @classmethod
    def real(cls) -> Parts:
        """The parts that grade in earnest."""
        from autograder.build.bundle import tests_for
        from autograder.kit import make_kit
        from autograder.run import collect_evidence, try_room

        return cls(tests_for=tests_for, make_kit=make_kit, collect=collect_evidence, try_room=try_room)


class Progress(Protocol):
    """Who wants to know how far a batch is. Called from one thread, but for `said`."""

    def begin(self, total: int) -> None:
        """So many submissions will be reported."""

    def finished(self, outcome: Outcome, *, kept: bool) -> None:
        """One is done; `kept` where an earlier run had done it already."""

    def said(self, line: str) -> None:
        """Something that concerns all submissions, such as a pause. Called from any thread."""

    def close(self) -> None:
        """No more will come, though perhaps not all came."""


class Silent:
    """A progress that says nothing."""

    def begin(self, total: int) -> None:
        """Say nothing."""

    def finished(self, outcome: Outcome, *, kept: bool) -> None:
        """Say nothing."""

    def said(self, line: str) -> None:
        """Say nothing."""

    def close(self) -> None:
        """Say nothing."""
