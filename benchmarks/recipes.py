"""What training a lab's reference costs, against the recipe that is usual for such exercises, in one run.

    python benchmarks/recipes.py batch_norm selu
    python benchmarks/recipes.py --whole batch_norm

For each lab the reference solution is trained as a student would, with the seed of the master: its whole
notebook, start-up included, searches and plots aside. Then the same architecture by the usual recipe: arrays
given to `fit`, small batches, early stopping with a patience of 20. Without --whole only two epochs of that
are run, which tell what an epoch costs. Machines differ and are busy or not; what counts are the ratios
within one run.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import attrs
import click
from rich.console import Console
from rich.table import Table

from autograder.calibrate import train_reference
from autograder.data import DataSet, load, prepare
from autograder.labs import Lab, find_lab
from autograder.tasks import part_of, preparation_of, renumbered

SEED = 42
PATIENCE = 20
MOST_EPOCHS = 100


@attrs.frozen
class Recipe:
    """The usual recipe for an exercise: which optimiser at which rate, and how large the batches."""

    optimiser: str
    rate: float
    batch_size: int


RECIPES = {
    "cifar10_dnn": Recipe("Nadam", 5e-5, 32),
    "batch_norm": Recipe("Nadam", 5e-4, 32),
    "selu": Recipe("Nadam", 7e-4, 32),
    "alpha_mc_dropout": Recipe("Nadam", 5e-4, 32),
    # Against the constant rate that 1cycle is to beat.
    "one_cycle": Recipe("Nadam", 7e-4, 32),
    "mnist_transfer": Recipe("Adam", 1e-3, 20),
}
"""After A. Géron, "Hands-on machine learning", whose exercises on deep networks these labs follow."""


@attrs.frozen(kw_only=True)
class Training:
    """What one training cost and reached."""

    seconds: float
    epochs: int
    accuracy: float
    """The best validation accuracy, in [0, 1]."""

    @property
    def per_epoch(self) -> float:
        """Seconds an epoch."""
        return self.seconds / self.epochs


def reference(lab: Lab, data: Path, folder: Path) -> Training:
    """Train the reference solution whole; its first model is left in the folder."""
    started = time.monotonic()
    train_reference(lab, SEED, data, folder)
    seconds = time.monotonic() - started
    text = (folder / f"{lab.models[0]}.history.json").read_text(encoding="utf-8")
    history: dict[str, list[float]] = json.loads(text)["history"]
    return Training(seconds=seconds, epochs=len(history["loss"]), accuracy=max(history["val_accuracy"]))


def usual(recipe: Recipe, lab: Lab, data: DataSet, trained: Path, *, epochs: int) -> Training:
    """Train the architecture of a saved model from scratch by the usual recipe, for some epochs at most."""
    import keras

    network: Any = keras.models.clone_model(keras.models.load_model(trained, compile=False))
    optimiser = getattr(keras.optimizers, recipe.optimiser)(learning_rate=recipe.rate)
    network.compile(optimizer=optimiser, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    task = lab.tasks[0]
    arrays = []
    for which in ("train", "valid"):
        part = part_of(task, which, data)
        arrays.append((preparation_of(task, data).apply(part.images), renumbered(task, part.labels)))
    stop = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
    started = time.monotonic()
    history = network.fit(
        *arrays[0],
        batch_size=recipe.batch_size,
        epochs=epochs,
        validation_data=arrays[1],
        callbacks=[stop],
        verbose=0,
    ).history
    seconds = time.monotonic() - started
    return Training(seconds=seconds, epochs=len(history["loss"]), accuracy=max(history["val_accuracy"]))


@click.command()
@click.argument("labs", nargs=-1, type=click.Choice(sorted(RECIPES)))
@click.option("--data", metavar="DIR|miniature", help="As of `autograder calibrate`.")
@click.option("--whole", is_flag=True, help="Train by the usual recipe to the end, which takes long.")
def main(labs: tuple[str, ...], data: str | None, whole: bool) -> None:
    """Compare the reference's training with the usual recipe, lab by lab (all of them by default)."""
    table = Table("lab", "training", "seconds", "epochs", "s an epoch", "validation", "times the reference's")
    for name in labs or RECIPES:
        lab = find_lab(name)
        folder = prepare(lab.dataset, data)
        with tempfile.TemporaryDirectory() as scratch:
            ours = reference(lab, folder, Path(scratch))
            model = Path(scratch) / f"{lab.models[0]}.keras"
            epochs = MOST_EPOCHS if whole else 2
            theirs = usual(RECIPES[name], lab, load(folder, lab.dataset), model, epochs=epochs)
        _add(table, name, "reference", ours, 1.0)
        if whole:
            _add(table, name, "usual", theirs, theirs.seconds / ours.seconds)
        else:
            _add(table, name, "usual, begun", theirs, theirs.per_epoch / ours.per_epoch)
    Console(width=100).print(table)


def _add(table: Table, lab: str, name: str, training: Training, ratio: float) -> None:
    table.add_row(
        lab,
        name,
        f"{training.seconds:.0f}",
        str(training.epochs),
        f"{training.per_epoch:.1f}",
        f"{training.accuracy:.1%}",
        f"{ratio:.1f}",
    )


if __name__ == "__main__":
    main()
