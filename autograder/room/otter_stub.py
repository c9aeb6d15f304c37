"""Stands in for Otter inside the room, under the name `otter`.

A student's notebook calls `grader.check("q1")`. The public tests have already served their purpose on
the student's machine, and the grader's own judgement happens elsewhere; here such a call only marks the
point at which a question's names are complete, so that what is judged is what the student checked.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Notebook"]


class Notebook:
    """Accepts the calls that a notebook makes to `otter.Notebook`."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        pass

    def check(self, question: str = "", *args: Any, **settings: Any) -> str:
        """Mark the question as done at this point of the notebook."""
        from autograder.room import kernel

        kernel.mark(question)
        return f"{question}: noted. Tests do not run while the notebook is being graded."

    def check_all(self, *args: Any, **settings: Any) -> str:
        """Do nothing: every question is judged in any case."""
        return "Tests do not run while the notebook is being graded."

    def export(self, *args: Any, **settings: Any) -> None:
        """Do nothing: there is nobody to hand an export to."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **settings: None


def __getattr__(name: str) -> Any:
    return lambda *args, **settings: None
