"""Which of the recorded trainings a question, or a model that is handed in, is about."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs
import numpy as np

from autograder.checks.preparation import identify, rows_of
from autograder.evidence import ArrayView, Callback, Evidence, Fed, Fit

if TYPE_CHECKING:
    from autograder.labs import Task

__all__ = [
    "KNOWN_CALLBACKS",
    "FedImages",
    "early_stoppings",
    "fed_images",
    "fits_of_question",
    "fits_of_task",
    "rows_fed",
    "trainings_of",
    "validated_on_test",
]

_TIMER = "EpochTimer"
_WATCHERS = {"CSVLogger", "ProgbarLogger", "RemoteMonitor", "TensorBoard", "TerminateOnNaN"}
KNOWN_CALLBACKS = {
    *("BackupAndRestore", "CSVLogger", "EarlyStopping", "LambdaCallback", "LearningRateScheduler"),
    *("ModelCheckpoint", "ProgbarLogger", "ReduceLROnPlateau", "RemoteMonitor", "SwapEMAWeights"),
    *("TensorBoard", "TerminateOnNaN"),
    _TIMER,
}
"""Keras's own, and dnnlab's."""


@attrs.frozen(kw_only=True, eq=False)
class FedImages:
    """Which images of the data set a training was given, as far as its kept rows show them."""

    classes: np.ndarray
    """The class of each recognised image."""
    from_test: float
    """The share of the recognised images that are test images."""


def fits_of_question(evidence: Evidence, question: str) -> list[Fit]:
    """The trainings that ran before the question was marked, and after the nearest one before it was.

    A notebook without checks does not tell when that was: then all trainings count.
    """
    marks = {mark for fit in evidence.fits for mark in fit.after}
    earlier = [mark for mark in marks if 0 <= _number(mark) < _number(question)]
    before = max(earlier, key=_number, default=None)
    return [
        fit
        for fit in evidence.fits
        if question not in fit.after and (before is None or before in fit.after) and not _later(fit, question)
    ]


def _later(fit: Fit, question: str) -> bool:
    return any(_number(mark) > _number(question) for mark in fit.after)


def _number(question: str) -> int:
    digits = question.removeprefix("q")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 4 else -1


def trainings_of(evidence: Evidence, question: str) -> list[Fit]:
    """The calls of `fit` of the question: those between the checks of the question before it and its own.

    A notebook without checks does not tell when that was: then all calls count. One with some of its checks
    may lack the one that matters, or the training itself: then calls with callbacks count, of which a quick
    search has none but such as watch it.
    """
    if not any(fit.after for fit in evidence.fits):
        return list(evidence.fits)
    before = f"q{int(question.removeprefix('q')) - 1}"
    during = [
        fit for fit in evidence.fits if question not in fit.after and (before in fit.after or before == "q0")
    ]
    return during or [fit for fit in evidence.fits if any(not _only_watches(one) for one in fit.callbacks)]


def early_stoppings(fits: list[Fit]) -> list[Callback]:
    """The callbacks of these trainings that stop early."""
    return [callback for fit in fits for callback in fit.callbacks if "EarlyStopping" in callback.bases]


def _only_watches(callback: Callback) -> bool:
    """Whether a callback neither stops a training for its own good nor keeps anything."""
    return _TIMER in callback.bases or callback.type in _WATCHERS


def rows_fed(fed: Fed | None) -> np.ndarray | None:
    """The kept rows of what a training was given, flattened, or None where there are none."""
    kept = rows_of(fed.inputs) if fed and fed.inputs is not None else None
    return None if kept is None else kept[0]


def fed_images(evidence: Evidence, fit: Fit) -> FedImages:
    """Which images a training of this evidence was given to train on."""
    return _fed_images(evidence)[fit][0]


def validated_on_test(evidence: Evidence, fit: Fit) -> bool:
    """Whether a training was validated on test images, though others were set aside for that.

    Where it is the validation set that was taken from them, that costs in the question about the sets.
    """
    if evidence.dataset is None or _fed_images(evidence)[fit][1].from_test <= 0.5:
        return False
    return not _sets_aside_test_images(evidence)


@functools.lru_cache(maxsize=2)
def _sets_aside_test_images(evidence: Evidence) -> bool:
    """Whether a validation set that the notebook makes consists of test images."""
    names = {task.images.format(task.sets[1]) for task in evidence.tasks.values()}
    arrays = [array for name in names if isinstance(array := evidence.names.get(name), ArrayView)]
    kept = [rows for array in arrays if (rows := rows_of(array)) is not None]
    return any(identify(rows, evidence.data).from_test > 0.5 for rows, _ in kept)


@functools.lru_cache(maxsize=2)
def _fed_images(evidence: Evidence) -> Mapping[Fit, tuple[FedImages, FedImages]]:
    # Kept for a submission as a whole: a judge works through a class, and what is kept keeps its evidence.
    return {
        fit: (_look_at(fit.training, evidence), _look_at(fit.validation, evidence)) for fit in evidence.fits
    }


def _look_at(fed: Fed | None, evidence: Evidence) -> FedImages:
    rows = rows_fed(fed)
    if rows is None:
        return FedImages(classes=np.zeros(0, np.int64), from_test=0.0)
    source = identify(rows, evidence.data)
    labels = np.concatenate([evidence.data.y_train, evidence.data.y_test])
    return FedImages(classes=labels[source.images[source.images >= 0]], from_test=source.from_test)


def fits_of_task(evidence: Evidence, task: Task) -> list[Fit]:
    """The trainings on images of the task's classes; all trainings where it has all classes."""
    if not task.classes:
        return list(evidence.fits)
    return [fit for fit in evidence.fits if _is_of(fed_images(evidence, fit), task)]


def _is_of(images: FedImages, task: Task) -> bool:
    return len(images.classes) > 0 and float(np.isin(images.classes, task.classes).mean()) > 0.5
