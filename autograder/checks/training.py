"""How training went: stopped early, best epoch kept, history and weights of one training.

Two sources speak of it: the call of `fit` that the room saw, and the history and weights that were
submitted. A training that was loaded from files leaves the second only.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from autograder.checks.accuracy import reached
from autograder.checks.epochs import History, best_epochs, kept_epoch
from autograder.checks.findings import Finding
from autograder.checks.fits import KNOWN_CALLBACKS, early_stoppings, trainings_of, validated_on_test
from autograder.checks.splits import as_asked
from autograder.evidence import Callback, Evidence, Fit, Unanswered

__all__ = [
    "check_best_kept",
    "check_early_stopping",
    "check_history_belongs",
]


def _own(fits: list[Fit]) -> list[Callback]:
    """Callbacks of the student's own, which may do anything."""
    return [
        callback for fit in fits for callback in fit.callbacks if not KNOWN_CALLBACKS & set(callback.bases)
    ]


def check_early_stopping(evidence: Evidence, name: str, *, monitor: str, question: str) -> list[Finding]:
    """Training stops early on that quantity, with a patience."""
    fits = trainings_of(evidence, question)
    stoppers = early_stoppings(fits)
    history = evidence.saved_history(name)
    if not stoppers and (not fits or _own(fits)):
        if history is not None and not fits:
            _demand_network(evidence, name)
        return (
            []
            if history is not None and _went_past_its_best(history, monitor)
            else [_no_stopping(bool(fits))]
        )
    if not stoppers:
        return [_no_stopping(True)]
    settings = [stopper.settings for stopper in stoppers]
    watched = [setting for setting in settings if setting.get("monitor", monitor) == monitor]
    if not watched:
        seen = settings[0].get("monitor")
        return [
            Finding(message=f"Early stopping watches `{seen}`, which is not what the question asks to watch.")
        ]
    if all(_for_the_highest(setting) for setting in watched):
        return [
            Finding(
                message=f"Early stopping watches `{monitor}`, but takes a high value for a good one: look at "
                "its `mode`. So the first epoch, in which the loss is highest, counts as the best."
            )
        ]
    if any(validated_on_test(evidence, fit) for fit in fits if early_stoppings([fit])):
        return [
            Finding(
                message="What early stopping watches is measured on pictures of the test set. The moment to "
                "stop is then chosen by them, and nothing is left that tells honestly how the network does "
                "on new ones: look at what `fit` gets as `validation_data`."
            )
        ]
    if not any(_patience(setting) > 0 for setting in watched):
        return [
            Finding(
                message="Early stopping has no patience: it gives up after the first epoch that is no "
                "better, and these losses are bumpy."
            )
        ]
    return []


def _for_the_highest(setting: Mapping[str, object]) -> bool:
    return setting.get("mode") == "max"


def _patience(setting: Mapping[str, object]) -> float:
    value = setting.get("patience", 0)
    return float(value) if isinstance(value, (int, float)) else 0.0


def _no_stopping(seen: bool) -> Finding:
    if seen:
        return Finding(
            message="The training in your notebook has no early stopping among its callbacks: it goes on "
            "after the network has begun to learn by heart."
        )
    return Finding(
        message="Your notebook shows no training, and no submitted history shows one that stopped some "
        "epochs after its best."
    )


def _went_past_its_best(history: History, monitor: str) -> bool:
    losses = history.get(monitor, [])
    finite = [epoch for epoch, loss in enumerate(losses) if np.isfinite(loss)]
    return bool(finite) and min(finite, key=lambda epoch: losses[epoch]) < len(losses) - 1


def check_best_kept(evidence: Evidence, name: str, *, question: str) -> list[Finding]:
    """The weights of the best epoch are kept, not those of the last."""
    fits = trainings_of(evidence, question)
    if (
        fits
        and not _own(fits)
        and not any(_keeps_best(callback) for fit in fits for callback in fit.callbacks)
    ):
        return [
            Finding(
                message="When training stops, the weights are those of the last epoch, some epochs past "
                "the best one. Neither early stopping nor a checkpoint brings the best ones back."
            )
        ]
    history = evidence.saved_history(name)
    epoch = _epoch_of_file(evidence, name)
    if history is None:
        return (
            []
            if fits
            else [
                Finding(
                    message=f"No `{name}.history.json` was submitted, and the notebook shows no "
                    "training: nothing tells which epoch was kept."
                )
            ]
        )
    if not fits:
        _demand_network(evidence, name)
    if epoch is None or epoch in best_epochs(history):
        return []
    return [
        Finding(
            message=f"The weights in `{name}.keras` are those of epoch {epoch + 1} of "
            f"{len(history['val_loss'])}, which is not the epoch with the lowest validation loss."
        )
    ]


def _demand_network(evidence: Evidence, name: str) -> None:
    """Raise Unanswered where there is no network to a history: anybody can write down a curve."""
    reached(evidence, name)


def _keeps_best(callback: Callback) -> bool:
    if "EarlyStopping" in callback.bases:
        return callback.settings.get("restore_best_weights") is True
    if "ModelCheckpoint" in callback.bases:
        return callback.settings.get("save_best_only") is True
    return False


def _epoch_of_file(evidence: Evidence, name: str) -> int | None:
    """The epoch whose validation figures the submitted weights have; None where it cannot be told."""
    if not evidence.saved_history(name):
        return None
    try:
        return kept_epoch(evidence, name, reached(evidence, name).validation)
    except Unanswered:
        return None


def check_history_belongs(evidence: Evidence, name: str) -> list[Finding]:
    """The submitted weights have the validation figures of one epoch of the submitted history."""
    reached(evidence, name)
    history = evidence.saved_history(name)
    if history is None:
        return [
            Finding(
                message=f"No `{name}.history.json` was submitted, or it cannot be read: there is no "
                "curve to compare the network with."
            )
        ]
    if not history.get("val_loss"):
        return [
            Finding(message=f"`{name}.history.json` has no validation loss: give `fit` the validation set.")
        ]
    if not as_asked(evidence, name) or _epoch_of_file(evidence, name) is not None:
        return []
    result = reached(evidence, name).validation
    message = (
        f"`{name}.keras` has a validation loss of {result.loss:.3f}, and no epoch of "
        f"`{name}.history.json` has that loss and "
        "its accuracy. Save both right after one and the same training."
    )
    return [Finding(message=message, where=f"{name}.history.json")]
