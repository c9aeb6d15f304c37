"""Which epoch of a submitted history the submitted weights are of, and which was the best."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from autograder.checks.splits import as_asked
from autograder.evidence import Evidence
from autograder.networks.inference import Evaluation

__all__ = ["History", "best_epochs", "is_past_its_best", "kept_epoch"]

LOSS_TOLERANCE = 0.01
ACCURACY_TOLERANCE = 0.005
History = Mapping[str, list[float]]


def is_past_its_best(evidence: Evidence, name: str, validation: Evaluation) -> bool:
    """Whether the submitted weights, which gave these figures, are of another epoch than the best."""
    history = evidence.saved_history(name)
    epoch = kept_epoch(evidence, name, validation)
    return history is not None and epoch is not None and epoch not in best_epochs(history)


def best_epochs(history: History) -> set[int]:
    """The epochs that count as the best one.

    Lowest validation loss, or highest validation accuracy, by which a checkpoint may choose.
    """
    losses = np.asarray(history["val_loss"], float)
    best = {int(epoch) for epoch in np.flatnonzero(losses <= np.nanmin(losses) + LOSS_TOLERANCE / 2)}
    accuracies = np.asarray(history.get("val_accuracy", []), float)
    if len(accuracies) == len(losses) and np.isfinite(accuracies).any():
        best |= {int(epoch) for epoch in np.flatnonzero(accuracies == np.nanmax(accuracies))}
    return best


def kept_epoch(evidence: Evidence, name: str, validation: Evaluation) -> int | None:
    """The epoch whose validation figures these are, of the submitted weights; None where it cannot be told.

    It cannot be told without a history, nor where the student's validation set is another one.
    """
    history = evidence.saved_history(name)
    if history is None or not history.get("val_loss") or not as_asked(evidence, name):
        return None
    distances = np.abs(np.asarray(history["val_loss"], float) - validation.loss)
    distances[~np.isfinite(distances)] = np.inf
    accuracies = history.get("val_accuracy")
    if accuracies is not None and len(accuracies) == len(distances):
        distances += np.abs(np.asarray(accuracies, float) - validation.accuracy)
    epoch = int(distances.argmin())
    tolerance = LOSS_TOLERANCE * max(1.0, validation.loss) + ACCURACY_TOLERANCE
    return epoch if distances[epoch] <= tolerance else None
