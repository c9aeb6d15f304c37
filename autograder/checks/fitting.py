"""How a training was set up: its optimiser and loss, whose callbacks, how many epochs, how large the batches.

Read off the call of `fit`; a notebook that loads a saved training has none, and then the submitted history
says what it can.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from autograder.checks import compiling
from autograder.checks.findings import Finding
from autograder.checks.fits import KNOWN_CALLBACKS, fits_of_question, trainings_of
from autograder.evidence import Callback, ClassView, Evidence, Fit, ModelView, Unanswered

__all__ = [
    "check_batch_size",
    "check_epochs",
    "check_loss_used",
    "check_optimiser_used",
    "check_own_callback",
]

DEFAULT_BATCH = 32
"""The batch size of `fit` for arrays where none is given."""


def _trainings(evidence: Evidence, question: str) -> list[Fit]:
    """The calls of `fit` that train a network of the question.

    A call that feeds anything but pictures tries something out, and so does a single epoch: that is how
    learning rates are looked for.
    """
    fits = [fit for fit in trainings_of(evidence, question) if _is_fed_pictures(fit, evidence)]
    return [fit for fit in fits if sum(other.epochs for other in fits if other.model == fit.model) > 1]


def _is_fed_pictures(fit: Fit, evidence: Evidence) -> bool:
    """Whether a training is fed rows of the size of this data set's pictures, as far as it can be told."""
    if fit.training is None or fit.training.inputs is None:
        return True
    size = math.prod(evidence.data.x_train.shape[1:])
    return math.prod(fit.training.inputs.shape[1:]) == size


def _of_length(fits: list[Fit], epochs: int) -> list[Fit]:
    """The calls of `fit` that are so many epochs long, alone or together with others of their model."""
    together = {
        model: sum(fit.epochs for fit in fits if fit.model == model) for model in {f.model for f in fits}
    }
    return [fit for fit in fits if epochs in (fit.epochs, together[fit.model])]


def _candidates(evidence: Evidence, question: str, epochs: int) -> list[Fit]:
    """The trainings of a question that may be the one asked for, the last of them last.

    Those of the length asked for, as another may be there for comparison; where there is none, which is
    found elsewhere, the last of the longest.
    """
    fits = _trainings(evidence, question)
    longest = max(reversed(fits), key=lambda fit: fit.epochs, default=None)
    return _of_length(fits, epochs) or ([] if longest is None else [longest])


def _epochs_of_history(evidence: Evidence, name: str) -> int:
    history = evidence.saved_history(name) or {}
    return max((len(values) for values in history.values()), default=0)


def _nothing_to_see(evidence: Evidence, name: str) -> list[Finding]:
    """What to say where the notebook trains nothing: the history may tell of a training all the same."""
    if _epochs_of_history(evidence, name):
        return []
    return [
        Finding(
            message="Your notebook shows no training when it is run from top to bottom, and no submitted "
            "history tells of one."
        )
    ]


def check_own_callback(
    evidence: Evidence, name: str, scheduler: str, *, epochs: int, question: str
) -> list[Finding]:
    """The training has a callback of the class that the student defined under the name `scheduler`."""
    fits = _candidates(evidence, question, epochs)
    if not fits:
        return _nothing_to_see(evidence, name)
    wanted = _class_name(evidence, scheduler)
    if any(_is_of_class(callback, wanted) for fit in fits for callback in fit.callbacks):
        return []
    callbacks = fits[-1].callbacks
    if not callbacks:
        return [Finding(message="The training has no callbacks, so its learning rate stays what it was.")]
    given = ", ".join(dict.fromkeys(callback.type for callback in callbacks))
    if any(map(_is_own, callbacks)):
        text = f"there is no `{scheduler}` of yours, so nothing takes the rate through its cycle."
    else:
        text = "there is no class of your own. Those of Keras do not follow the schedule of this lab."
    return [Finding(message=f"Among the callbacks of the training ({given}) {text}")]


def _class_name(evidence: Evidence, name: str) -> str | None:
    """What the class that stands under a name calls itself; None where that is not known to be a class."""
    found = evidence.names.get(name)
    return found.type.rpartition(".")[2] if isinstance(found, ClassView) else None


def _is_of_class(callback: Callback, wanted: str | None) -> bool:
    """Whether a callback is of that class, or of one derived from it; without a name, of any of one's own."""
    return _is_own(callback) and (wanted is None or wanted in (callback.type, *callback.bases))


def _is_own(callback: Callback) -> bool:
    return "Callback" in callback.bases and callback.type not in KNOWN_CALLBACKS


def check_epochs(evidence: Evidence, name: str, epochs: int, *, question: str) -> list[Finding]:
    """The training is as many epochs long as asked for, in one call of `fit` or in several."""
    fits = _trainings(evidence, question)
    if not fits:
        found = _epochs_of_history(evidence, name)
        return _wrong_epochs(found) if found and found != epochs else _nothing_to_see(evidence, name)
    return [] if _of_length(fits, epochs) else _wrong_epochs(max(fit.epochs for fit in fits))


def _wrong_epochs(found: int) -> list[Finding]:
    return [
        Finding(message=f"The training is {found} epochs long, which is not the number that was asked for.")
    ]


def check_batch_size(
    evidence: Evidence, name: str, size: int, *, epochs: int, question: str
) -> list[Finding]:
    """The training takes batches of the size asked for, from arrays or from a dataset."""
    fits = _candidates(evidence, question, epochs)
    if not fits:
        return _nothing_to_see(evidence, name)
    sizes = [_size_of_batches(fit) for fit in fits]
    if None in sizes or size in sizes:
        return []
    return [
        Finding(
            message=f"The training takes batches of {sizes[-1]} images, which is not the number asked for. "
            "The scheduler has to know the number of batches, too."
        )
    ]


def _size_of_batches(fit: Fit) -> int | None:
    arrays = fit.training is not None and fit.training.rows is not None
    return DEFAULT_BATCH if fit.batch_size is None and arrays else fit.batch_size


def check_optimiser_used(evidence: Evidence, name: str, optimiser: str, *, question: str) -> list[Finding]:
    """The network was trained with that optimiser, whatever its learning rate."""
    return _of_any(evidence, name, question, lambda fit: compiling.check_optimiser(_shell(fit), optimiser))


def check_loss_used(evidence: Evidence, name: str, *, question: str) -> list[Finding]:
    """The network was trained with the cross-entropy that fits its labels."""
    return _of_any(
        evidence,
        name,
        question,
        lambda fit: compiling.check_loss(_shell(fit), labels=fit.training.labels if fit.training else None),
    )


def _of_any(
    evidence: Evidence, name: str, question: str, look: Callable[[Fit], list[Finding]]
) -> list[Finding]:
    """Nothing where one training of the question is as asked, or where none was seen, only its file."""
    fits = fits_of_question(evidence, question)
    if not fits:
        evidence.saved_model(name)
        return []
    findings = [_looked(look, fit) for fit in fits]
    return [] if any(not found for found in findings) else findings[-1]


def _looked(look: Callable[[Fit], list[Finding]], fit: Fit) -> list[Finding]:
    try:
        return look(fit)
    except Unanswered as problem:
        return [Finding(message=str(problem))]


def _shell(fit: Fit) -> ModelView:
    """What is known of the model that was trained: how it was compiled."""
    return ModelView(type="", config=None, weights={}, compilation=fit.compilation)
