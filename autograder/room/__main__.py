"""Run a stage: `python -m autograder.room models` or `notebook`; or `forkserver SOCKET`, `worker USER`."""

import sys
from pathlib import Path

# `python -m` puts the current folder on the path, and student files will soon lie in it.
sys.path[:] = [entry for entry in sys.path if entry and Path(entry).resolve() != Path.cwd().resolve()]


def main(stage: str, *arguments: str) -> int:
    """Run the stage of that name and return the exit status of the process."""
    if stage == "models":
        from autograder.room import models_stage

        return models_stage.main()
    if stage == "notebook":
        from autograder.room import driver

        return driver.main()
    if stage == "forkserver":
        from autograder.room import forkserver

        return forkserver.main(*arguments)
    if stage == "worker":
        from autograder.room import worker

        return worker.main(*arguments)
    print(f"there is no stage named {stage!r}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
