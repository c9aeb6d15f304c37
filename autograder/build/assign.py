"""Run Otter Assign on a master, in a process and a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import attrs

from autograder.build.master import master_notebook
from autograder.build.notebooks import notebook_bytes, with_stable_cells
from autograder.errors import LabProblem, MachineFault
from autograder.labs import Lab

__all__ = ["Assigned", "library", "run_assign"]

_SECONDS = 180
_PROGRAM = """
import sys
from otter.assign import main

main(sys.argv[1], sys.argv[2], no_run_tests=True, no_pdfs=True)
"""


@attrs.frozen(kw_only=True)
class Assigned:
    """What Otter Assign made of a master; still with Otter's random ids and dates."""

    notebook: Path
    """The student version."""
    public_tests: Path
    all_tests: Path
    archive: Path
    """The zip for `otter run -a`."""


def library() -> Path:
    """The students' library, which goes into every assignment. Raises MachineFault where it is missing."""
    path = Path(__file__).resolve().parent.parent / "dnnlab.py"
    if not path.is_file():
        raise MachineFault("dnnlab.py is missing from the package", where=str(path), hint="install it again")
    return path


def run_assign(lab: Lab, folder: Path) -> Assigned:
    """Run Otter Assign on the lab's master; takes about three seconds.

    folder: an empty one, which also becomes Otter's home, so that nothing of the user's settings counts.
    Raises LabProblem where Otter refuses the master, MachineFault where it does not come to an end.
    """
    master = folder / lab.notebook_name
    master.write_bytes(notebook_bytes(with_stable_cells(master_notebook(lab))))
    shutil.copyfile(library(), folder / "dnnlab.py")
    made = folder / "made"
    command = [sys.executable, "-P", "-c", _PROGRAM, str(master), str(made)]
    try:
        ended = subprocess.run(
            command, cwd=folder, env=_environment(folder), capture_output=True, text=True, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise MachineFault(
            f"Otter Assign took more than {_SECONDS} s", where=lab.name, hint="try again"
        ) from error
    archives = sorted((made / "autograder").glob("*.zip"))
    if ended.returncode != 0 or len(archives) != 1:
        last = (ended.stderr or ended.stdout).strip().splitlines()[-3:]
        raise LabProblem(
            "Otter Assign refuses the master: " + " / ".join(last),
            where=str(lab.master),
            hint="the message is Otter's; cells are counted from 1",
        )
    return Assigned(
        notebook=made / "student" / lab.notebook_name,
        public_tests=made / "student" / "tests",
        all_tests=made / "autograder" / "tests",
        archive=archives[0],
    )


def _environment(home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "TZ": "UTC",
    }
