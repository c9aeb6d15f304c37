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
from autograder.build.reference import set_switches
from autograder.calibration import FEWEST, Sample, add_sample, drop_samples, read_recipe, read_samples
from autograder.data import MINIATURE, DataSet, load, prepare
from autograder.errors import LabProblem
from autograder.labs import Lab, Task
from autograder.networks.graph import parse
from autograder.networks.inference import accuracy_and_loss
from autograder.networks.trained import reference_networks
from autograder.recipe import recipe_of, training_notebook
from autograder.room.archive import read_archive
from autograder.signals import add_signals, read_signals, sample_signals
from autograder.tasks import Trial, preparation_of, trial_of

__all__ = ["calibrate", "run_reference", "stale_marks", "train_reference"]

_MEASURES = "measures.json"


def calibrate(
    lab: Lab,
    seeds: Iterable[int],
    source: str | None,
    *,
    anew: bool = False,
    say: Callable[[str], object] = print,
) -> None:
    """Add a sample for each seed that has none yet, and samples of fresh networks where the lab wants them.

    source: as `autograder.data.prepare` takes it. anew: drop samples that another solution reached, rather
    than raise LabProblem. say: told of each new sample.
    """
    folder = prepare(lab.dataset, source)
    data = load(folder, lab.dataset)
    recipe = recipe_of(lab)
    _refuse_older(lab, data, recipe, anew=anew)
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
                add_sample(lab.calibration, model, data.identity, sample, versions=_versions(), recipe=recipe)
            say(
                f"{model} on {data.identity}, seed {seed}: {sample.validation:.1%} validation, "
                f"{sample.test:.1%} test, {sample.epochs} epochs, {seconds:.0f} s"
            )


def _refuse_older(lab: Lab, data: DataSet, recipe: str, *, anew: bool) -> None:
    older = [model for model in lab.models if _is_older(lab, model, data.identity, recipe)]
    if older and not anew:
        raise LabProblem(
            f"the solution has changed since {older[0]} was sampled on {data.identity!r}",
            where=str(lab.calibration),
            hint="drop those samples and start again: `autograder calibrate --anew`",
        )
    for model in older:
        drop_samples(lab.calibration, model, data.identity)


def _is_older(lab: Lab, model: str, data: str, recipe: str) -> bool:
    return bool(read_samples(lab.calibration, model, data)) and (
        read_recipe(lab.calibration, model, data) != recipe
    )


def stale_marks(lab: Lab) -> list[str]:
    """What is wrong with a lab's calibration, a line each: too few samples, or those of an older solution."""
    recipe = recipe_of(lab)
    found = []
    for model in lab.models:
        for data in (lab.dataset, f"{lab.dataset}-{MINIATURE}"):
            have = len(read_samples(lab.calibration, model, data))
            if have < FEWEST:
                found.append(f"{model} on {data}: {have} of {FEWEST} samples")
            elif _is_older(lab, model, data, recipe):
                found.append(f"{model} on {data}: the solution has changed since it was sampled")
            if not (lab.trained(data) / f"{model}.keras").is_file():
                found.append(f"{model} on {data}: no trained model is kept")
    return found


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
    notebook = set_switches(training_notebook(lab), SEED=seed, RETRAIN=True)
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
