"""Run by the zip's scripts in Gradescope's container: `python -m autograder.gradescope prepare|grade`."""

from __future__ import annotations

import sys

from autograder.errors import AutograderError, MachineFault
from autograder.gradescope.grading import grade, prepare
from autograder.gradescope.places import GRADESCOPE, LEAST_BYTES
from autograder.sandbox.users import UsersSandbox, container_memory

__all__ = ["main"]


def main(task: str) -> int:
    """Do what a script asks for, and return its exit status."""
    sandbox = UsersSandbox()
    try:
        if reason := sandbox.unavailable():
            raise MachineFault(
                f"student code cannot be kept apart from the hidden tests here: {reason}",
                hint="report this to whoever made the zip; nothing is graded until it works",
            )
        if task == "prepare":
            print(f"Ready to grade on {prepare(GRADESCOPE)}. {sandbox.isolation}")
            return 0
        _demand_memory()
    except AutograderError as error:
        print(f"autograder: {error}")
        return error.exit_status
    return 0 if grade(GRADESCOPE, sandbox, print) else MachineFault.exit_status


def _demand_memory() -> None:
    """Raises MachineFault in a container that is too small, where notebooks would die in the middle."""
    memory = container_memory()
    if memory < LEAST_BYTES:
        raise MachineFault(
            f"this container has {memory / 1e9:.1f} GB of memory: too little for TensorFlow and the data",
            hint="choose a larger container in the autograder's settings, then regrade",
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
