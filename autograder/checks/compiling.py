"""How a model was compiled: optimiser, loss and metrics."""

from __future__ import annotations

import contextlib

from autograder.checks.findings import Finding
from autograder.checks.losses import BINARY, Loss, gives_accuracy, name_of, plain, read_loss
from autograder.checks.splits import class_numbers
from autograder.checks.structure import stack_of
from autograder.evidence import ArrayView, Compilation, ModelView, Unanswered

__all__ = ["check_loss", "check_metric", "check_optimiser"]

SPARSE_ACCURACY, CATEGORICAL_ACCURACY = "sparse_categorical_accuracy", "categorical_accuracy"


def _compiled(model: ModelView) -> Compilation:
    if model.compilation is None:
        raise Unanswered(
            "The model has not been compiled: call its `compile` with an optimiser, a loss and metrics."
        )
    return model.compilation


def check_optimiser(model: ModelView, name: str) -> list[Finding]:
    """The model is compiled with that optimiser, whatever its learning rate."""
    compiled = _compiled(model)
    known = {plain(base) for base in (compiled.optimizer, *compiled.optimizer_bases)}
    if plain(name) in known:
        return []
    return [
        Finding(
            message=f"The model is compiled with {compiled.optimizer}, which is not the optimiser asked for."
        )
    ]


def check_loss(model: ModelView, *, labels: ArrayView | None) -> list[Finding]:
    """The loss is the cross-entropy that fits the labels and the output layer.

    labels: those that the model is trained with; where they are not known, either cross-entropy is taken.
    """
    compiled = _compiled(model)
    loss = read_loss(compiled.loss)
    if not (loss.whole or loss.one_hot):
        shown = loss.name or "no loss"
        # Neither names the loss to take: which of the two it is depends on the labels, and one of them fails.
        why = (
            ", which takes each output for a question of its own. Here exactly one class is right."
            if loss.family == plain(BINARY)
            else ". Where exactly one class is right, a network learns by a cross-entropy over all classes, "
            "in the variant that fits how the labels are written."
        )
        return [Finding(message=f"The model is compiled with {shown}{why}")]
    one_hot = _one_hot(labels)
    if one_hot is False and not loss.whole:
        return [
            Finding(
                message="The labels are whole numbers, and `categorical_crossentropy` wants one number "
                "for each class, of which one is 1. There is a variant of this loss for whole numbers."
            )
        ]
    if one_hot is True and not loss.one_hot:
        return [
            Finding(
                message="The labels are one-hot, and the sparse variant of the cross-entropy wants whole "
                "numbers."
            )
        ]
    return _check_logits(model, loss)


def _one_hot(labels: ArrayView | None) -> bool | None:
    if class_numbers(labels) is None or labels is None:
        return None
    return labels.ndim == 2 and labels.shape[1] > 1


def _check_logits(model: ModelView, loss: Loss) -> list[Finding]:
    if loss.logits and _ends_in_softmax(model):
        return [
            Finding(
                message="The loss is told to expect logits (`from_logits=True`), but the model ends in a "
                "softmax: softmax is then applied twice."
            )
        ]
    return []


def _ends_in_softmax(model: ModelView) -> bool:
    """False where the model cannot be read, as one that has not seen a picture yet: that costs elsewhere."""
    with contextlib.suppress(Unanswered):
        return stack_of(model).output.activation == "softmax"
    return False


def check_metric(model: ModelView, name: str, *, labels: ArrayView | None = None) -> list[Finding]:
    """The model records accuracy, under any of the names that Keras has for it, and for such labels.

    labels: those that the model is trained with; where they are not known, either variant is taken.
    """
    compiled = _compiled(model)
    assert name == "accuracy", "the only metric that a lab asks for so far"
    one_hot = _one_hot(labels)
    accepted = {"accuracy", "acc", plain(SPARSE_ACCURACY), plain(CATEGORICAL_ACCURACY)}
    unfit = "" if one_hot is None else plain(SPARSE_ACCURACY if one_hot else CATEGORICAL_ACCURACY)
    accepted -= {unfit}
    own = [gives_accuracy(entry, one_hot=one_hot) for entry in compiled.metrics]
    if any(own):
        return []
    for entry in (entry for entry, gives in zip(compiled.metrics, own, strict=True) if gives is None):
        if isinstance(entry, str) and plain(entry) in accepted:
            return []
        if isinstance(entry, dict) and plain(name_of(entry)) in accepted - {"accuracy"}:
            return []
    if any(isinstance(entry, dict) and plain(name_of(entry)) == "accuracy" for entry in compiled.metrics):
        return [
            Finding(
                message="`keras.metrics.Accuracy()` compares labels with outputs number by number, which "
                "never match for probabilities. Ask for accuracy by its name as text."
            )
        ]
    if any(plain(name_of(entry)) == unfit for entry in compiled.metrics):
        return [
            Finding(
                message="The metric is the accuracy for labels of another form: those of your training set "
                f"are {'one-hot' if one_hot else 'whole numbers'}, and it compares the wrong positions, "
                "without a word of warning. Asked for by its name as text, accuracy takes the form that fits."
            )
        ]
    return [
        Finding(message="Accuracy is not among the metrics, so neither `fit` nor `evaluate` will tell it.")
    ]
