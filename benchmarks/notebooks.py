"""How long a student waits for a lab's notebook: all of it, trainings anew, in earnest and with QUICK.

python benchmarks/notebooks.py selu one_cycle
python benchmarks/notebooks.py --quick
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from autograder.build.reference import reference_notebook, set_switches
from autograder.calibrate import run_reference
from autograder.data import prepare
from autograder.labs import Lab, find_lab, find_labs


def seconds(lab: Lab, data: Path, *, quick: bool) -> float:
    """Wall time of the reference notebook from the start of its kernel to its last cell."""
    notebook = set_switches(reference_notebook(lab), QUICK=quick, RETRAIN=True)
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        run_reference(notebook, lab, data, Path(folder))
        return time.monotonic() - started


@click.command()
@click.argument("labs", nargs=-1)
@click.option("--data", metavar="DIR|miniature", help="As of `autograder calibrate`.")
@click.option("--quick", is_flag=True, help="Only with QUICK, which takes a minute or two a lab.")
def main(labs: tuple[str, ...], data: str | None, quick: bool) -> None:
    """Time the notebooks of labs (all of them by default)."""
    table = Table("lab", "QUICK, s", "in earnest, s", "ratio")
    for lab in [find_lab(name) for name in labs] or find_labs():
        folder = prepare(lab.dataset, data)
        fast = seconds(lab, folder, quick=True)
        slow = None if quick else seconds(lab, folder, quick=False)
        whole = ("", "") if slow is None else (f"{slow:.0f}", f"{slow / fast:.1f}")
        table.add_row(lab.name, f"{fast:.0f}", *whole)
    Console().print(table)


if __name__ == "__main__":
    main()
