"""Why a training went wrong: causes and cures, from what was recorded of it.

Nothing here takes marks by itself; a check that finds a training failed says with these why it did.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from autograder.checks.findings import Finding
from autograder.checks.fits import fits_of_question, fits_of_task, rows_fed
from autograder.checks.losses import read_loss
from autograder.evidence import ArrayView, Compilation, Evidence, Fit

__all__ = ["check_trainings", "explain", "explain_nan", "loss_name"]

SPARSE, CATEGORICAL, BINARY = (
    "sparsecategoricalcrossentropy",
    "categoricalcrossentropy",
    "binarycrossentropy",
)
LARGE_INPUT = 30.0
"""Inputs beyond this are pixels as they come: standardised ones hardly reach a tenth of it."""
LEARNED = 0.95
"""A loss that stays above this share of that of guessing shows no learning."""


def check_trainings(evidence: Evidence, *, question: str) -> list[Finding]:
    """The trainings of the question have a loss that fits labels and outputs, and something to train."""
    return _faults_of(fits_of_question(evidence, question))


def explain(evidence: Evidence, name: str) -> str:
    """Why the submitted network of that name may have learned badly; empty where nothing shows why."""
    return _joined(_faults_of(_fits_of(evidence, name)) or _of_history(evidence, name))


def explain_nan(evidence: Evidence, name: str) -> str:
    """Why the weights of the submitted network of that name are no numbers."""
    faults = _faults_of(_fits_of(evidence, name))
    return _joined(faults) or _why_nan_unseen(evidence, name, "and with it every weight")


def _fits_of(evidence: Evidence, name: str) -> list[Fit]:
    return fits_of_task(evidence, evidence.task(name))


def _joined(findings: list[Finding]) -> str:
    return " ".join(finding.message for finding in findings[:2])


def _faults_of(fits: list[Fit]) -> list[Finding]:
    """What is wrong with these trainings, each fault once."""
    by_fault: dict[str, list[Fit]] = {}
    for fit in fits:
        by_fault.setdefault(_fault(fit), []).append(fit)
    by_fault.pop("", None)
    return [Finding(message=_naming(fault, faulty, fits)) for fault, faulty in by_fault.items()]


def _fault(fit: Fit) -> str:
    """What is wrong with one training; the first of these explains the others."""
    looks = (_labels_beyond, _unfit_loss, _nothing_to_train, _exploded)
    return next((message for look in looks if (message := look(fit))), "")


def _naming(fault: str, faulty: list[Fit], fits: list[Fit]) -> str:
    """The fault, and which of the trainings has it, where one network is frozen and another is not."""
    found, known = ({fit.trainable or 0 for fit in some} for some in (faulty, fits))
    if not fault.startswith(_A_TRAINING) or not known & ONE_LAYER or known <= ONE_LAYER:
        return fault
    if found <= ONE_LAYER:
        return fault.replace(_A_TRAINING, "The training of the network with frozen layers", 1)
    if found == {max(known)}:
        return fault.replace(_A_TRAINING, "The training of the network in which every layer learns", 1)
    return fault


ONE_LAYER = {1, 2}
"""How many weights training may change where one layer learns: its kernel, and its bias if it has one."""
_A_TRAINING = "A training"


def loss_name(compilation: Compilation | None) -> str:
    """The loss that a model was compiled with, in small letters and without underscores."""
    return read_loss(compilation.loss).family if compilation else ""


def _whole_labels(labels: ArrayView | None) -> bool:
    """Whether labels are one number for each row."""
    return labels is not None and (labels.ndim == 1 or (labels.ndim == 2 and labels.shape[1] == 1))


def _labels_beyond(fit: Fit) -> str:
    fed, units = fit.training, fit.outputs
    if fed is None or fed.label_range is None or not units or units < 2 or not _whole_labels(fed.labels):
        return ""
    low, high = fed.label_range
    if low >= 0 and high < units:
        return ""
    return (
        f"A network with {units} output units was trained with labels from {low:g} to {high:g}. A softmax of "
        f"{units} units has places for the labels 0 to {units - 1} only: for any other label the loss turns "
        "NaN, and with it every weight (on a machine without a graphics card Keras stops instead, with "
        "`label value outside the valid range`). Number the classes anew from 0."
    )


def _unfit_loss(fit: Fit) -> str:
    loss, fed = loss_name(fit.compilation), fit.training
    if fed is None or fed.labels is None or not fit.outputs or fit.outputs < 2:
        return ""
    whole = _whole_labels(fed.labels)
    if loss == BINARY and whole:
        return (
            "A training uses `binary_crossentropy` with whole numbers as labels. That loss is for outputs "
            "that each say yes or no, with a 0 or a 1 for each as label; classes of which exactly one is "
            "right, behind a softmax, want the sparse categorical cross-entropy."
        )
    if loss == CATEGORICAL and whole:
        return (
            "A training uses `categorical_crossentropy` with whole numbers as labels. It wants one-hot "
            "labels; for whole numbers there is a sparse variant."
        )
    if loss == SPARSE and not whole:
        return (
            "A training uses the sparse cross-entropy, which wants a whole number for each row, with labels "
            f"of shape {fed.labels.shape}. One-hot labels want the variant that is not sparse."
        )
    return ""


def _nothing_to_train(fit: Fit) -> str:
    if fit.trainable != 0:
        return ""
    return (
        "A network was trained of which every layer is frozen: nothing can change, and the loss stays where "
        "it is. At least the new output layer has to be trainable."
    )


def _exploded(fit: Fit) -> str:
    losses = [*fit.history.get("loss", []), *fit.history.get("val_loss", [])]
    if all(map(math.isfinite, losses)):
        return ""
    return _why_nan(_raw_inputs(fit))


def _why_nan(raw: bool) -> str:
    cure = (
        "Its inputs are pixels up to 255: scale them first."
        if raw
        else "Most often the learning rate is too large: divide it by ten."
    )
    return f"The loss of a training turned NaN: its weights grew without bound. {cure}"


def _why_nan_unseen(evidence: Evidence, name: str, also: str = "") -> str:
    """Why the loss of a training turned NaN of which there is the outcome only."""
    if _given_pixels(evidence, name):
        return _why_nan(raw=True)
    turned = "The loss of a training turned NaN" + (f", {also}" if also else "")
    return (
        f"{turned}. Two things do that: a label for which there is no output unit, or a learning rate that "
        "is far too large. Look at the lowest and the highest label that `fit` is given, then at the rate."
    )


def _given_pixels(evidence: Evidence, name: str) -> bool:
    return any(map(_raw_inputs, _fits_of(evidence, name)))


def _raw_inputs(fit: Fit) -> bool:
    rows = rows_fed(fit.training)
    return rows is not None and rows.size > 0 and float(np.nanmax(np.abs(rows))) > LARGE_INPUT


def _of_history(evidence: Evidence, name: str) -> list[Finding]:
    """What the submitted curves show."""
    history = evidence.saved_history(name) or {}
    losses = history.get("loss", [])
    if any(not math.isfinite(loss) for loss in losses):
        return [Finding(message=_why_nan_unseen(evidence, name))]
    if losses and _is_dead(evidence, name, history):
        raw = _given_pixels(evidence, name)
        cause = "Its inputs are pixels up to 255: scale them." if raw else _CAUSES_OF_DEATH
        message = (
            "Over the whole training the loss hardly left that of guessing: the network answers nearly the "
            f"same whatever it is shown. {cause}"
        )
        return [Finding(message=message)]
    return []


_CAUSES_OF_DEATH = (
    "A learning rate that is far too large or far too small does that, and so do equal initial weights."
)


def _is_dead(evidence: Evidence, name: str, history: Mapping[str, list[float]]) -> bool:
    classes = len(evidence.task(name).classes) or 10
    return min(history["loss"]) > LEARNED * math.log(classes)
