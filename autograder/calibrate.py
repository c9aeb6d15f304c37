"""Train the reference solution over many seeds and keep every sample.

The reference notebook itself is run, with another `SEED`, as it stands in the master: there is no second
copy of the training to go out of step. Each training runs in a process of its own and its sample is written
as soon as it is there, so a calibration can be interrupted and resumed at will.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from autograder import dnnlab
from autograder.build.reference import reference_notebook, set_switches
from autograder.calibration import Sample, add_sample, read_samples
from autograder.data import DataSet, load, prepare
from autograder.errors import LabProblem
from autograder.labs import Lab, Task
from autograder.networks.graph import parse
from autograder.networks.inference import accuracy_and_loss
from autograder.networks.trained import reference_networks
from autograder.room.archive import read_archive
from autograder.signals import add_signals, read_signals, sample_signals
from autograder.tasks import Trial, preparation_of, trial_of

__all__ = ["calibrate", "run_reference", "train_reference"]

_MEASURES = "measures.json"


def calibrate(
    lab: Lab, seeds: Iterable[int], source: str | None, *, say: Callable[[str], object] = print
) -> None:
    """Add a sample for each seed that has none yet, and samples of fresh networks where the lab wants them.

    source: as `autograder.data.prepare` takes it. say: told of each new sample.
    """
    folder = prepare(lab.dataset, source)
    data = load(folder, lab.dataset)
    _sample_fresh(lab, data, say)
    for seed in seeds:
        if all(_has(lab, model, data, seed) for model in lab.models):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            started = time.monotonic()
            train_reference(lab, seed, folder, Path(scratch))
            seconds = time.monotonic() - started
            samples = {task.name: _measure(Path(scratch), task, data, seed, seconds) for task in lab.tasks}
        for model, sample in samples.items():
            if not _has(lab, model, data, seed):
                add_sample(lab.calibration, model, data.identity, sample, _versions())
            say(
                f"{model} on {data.identity}, seed {seed}: {sample.validation:.1%} validation, "
                f"{sample.test:.1%} test, {sample.epochs} epochs, {seconds:.0f} s"
            )


def _sample_fresh(lab: Lab, data: DataSet, say: Callable[[str], object]) -> None:
    """Sample how signals pass through fresh networks of the reference, unless there are as many samples."""
    graphs = reference_networks(lab, data.identity)
    for task in lab.tasks:
        known = read_signals(lab, task.name, data.identity)
        if not task.fresh or (known is not None and len(known.first) == task.fresh):
            continue
        if task.name not in graphs:
            say(f"{task.name} on {data.identity}: train a reference first, then sample its signals")
            continue
        signals = sample_signals(graphs[task.name], task, data, task.fresh)
        add_signals(lab, task.name, data.identity, signals)
        say(f"{task.name} on {data.identity}: signals in {task.fresh} fresh networks")


def _has(lab: Lab, model: str, data: DataSet, seed: int) -> bool:
    return any(seed == sample.seed for sample in read_samples(lab.calibration, model, data.identity))


def train_reference(lab: Lab, seed: int, data: Path, folder: Path) -> None:
    """Run the reference notebook with that seed; its models are saved in the folder. Raises LabProblem."""
    notebook = set_switches(reference_notebook(lab), SEED=seed, RETRAIN=True)
    notebook.cells = [
        cell
        for cell in notebook.cells
        if cell.metadata.get("question") not in lab.calibrate_without and not _only_shows(cell)
    ]
    notebook.cells.append(_writes_measures(lab))
    run_reference(notebook, lab, data, folder)


def run_reference(notebook: Any, lab: Lab, data: Path, folder: Path) -> None:
    """Run a notebook of the lab in that folder, as a student does. Raises LabProblem where a cell fails."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    shutil.copy(dnnlab.__file__, folder)
    environment = {
        **os.environ,
        "DNNLAB_DATA": str(data),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "MPLBACKEND": "agg",
    }
    client = NotebookClient(
        notebook, timeout=None, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    try:
        client.execute(env=environment)
    except CellExecutionError as error:
        raise LabProblem(
            f"the reference solution failed: {error}", where=lab.name, hint="run its notebook by hand"
        ) from error


def _only_shows(cell: Any) -> bool:
    """Plots take time and need names of cells that were left out."""
    return cell.cell_type == "code" and ("dnnlab.plot_" in cell.source or "dnnlab.show_" in cell.source)


def _writes_measures(lab: Lab) -> Any:
    """A last cell that writes down the numbers that the lab's `measures` name."""
    from nbformat.v4 import new_code_cell

    names = sorted({name for task in lab.tasks for name in task.measures})
    numbers = ", ".join(f"{name!r}: float({name})" for name in names)
    return new_code_cell(
        f"import json\nfrom pathlib import Path\nPath({_MEASURES!r}).write_text(json.dumps({{{numbers}}}))"
    )


def _measure(folder: Path, task: Task, data: DataSet, seed: int, seconds: float) -> Sample:
    history = json.loads((folder / f"{task.name}.history.json").read_text(encoding="utf-8"))["history"]
    record, arrays = read_archive(folder / f"{task.name}.keras")
    graph = parse(record["config"])
    weights = {path: [arrays[key] for key in keys] for path, keys in record["weights"].items()}
    measured = json.loads((folder / _MEASURES).read_text(encoding="utf-8")) if task.measures else {}
    accuracies, losses = [], []
    preparation = preparation_of(task, data)
    for which in ("valid", "test"):
        trial = trial_of(task, which, data)

        def take(rows: slice, trial: Trial = trial) -> tuple[Any, ...]:
            return tuple(preparation.apply(images) for images in trial.rows(rows))

        found = accuracy_and_loss(graph, weights, take, trial.answers)
        accuracies.append(found.accuracy)
        losses.append(found.loss)
    return Sample(
        seed=seed,
        epochs=len(history["val_loss"]),
        seconds=round(seconds, 1),
        first_epoch=round(history["val_accuracy"][0], 5),
        validation=round(accuracies[0], 5),
        validation_loss=round(losses[0], 5),
        test=round(accuracies[1], 5),
        measures={name: round(measured[name], 5) for name in task.measures},
    )


def _versions() -> dict[str, str]:
    return {package: importlib.metadata.version(package) for package in ("keras", "numpy", "tensorflow-cpu")}
