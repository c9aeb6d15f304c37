"""Which loss or metric a model was compiled with, also where a student wrapped it in a function of their own.

Those are known by what they give for labels and probabilities that the room has fixed
(`autograder.room.compiled`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

__all__ = ["BINARY", "CATEGORICAL", "SPARSE", "Loss", "gives_accuracy", "name_of", "plain", "read_loss"]

SPARSE, CATEGORICAL = "sparse_categorical_crossentropy", "categorical_crossentropy"
BINARY = "binary_crossentropy"
_SHORT = {"bce": BINARY}
"""Other names that Keras has for a loss."""
_ROWS = 12
_TOLERANCE = 1e-3
_MOST_CLASSES = 1000
_WHOLE, _ONE_HOT = ("whole", "flat"), ("one_hot",)


@attrs.frozen(kw_only=True)
class Loss:
    """What a loss is, as far as it matters here."""

    name: str
    """What it is called; empty for none."""
    whole: bool
    """Whether it is the cross-entropy for whole numbers as labels."""
    one_hot: bool
    """Whether it is the cross-entropy for one-hot labels."""
    logits: bool
    """Whether it takes what the model gives for logits."""

    @property
    def family(self) -> str:
        """Its name without case and underscores; that of Keras's own where it is one of these."""
        if self.whole == self.one_hot:
            return plain(_SHORT.get(plain(self.name), self.name))
        return plain(SPARSE if self.whole else CATEGORICAL)


def plain(name: str) -> str:
    """A name without case and underscores, as Keras takes both spellings."""
    return name.replace("_", "").lower()


def name_of(entry: Any) -> str:
    """The name of a loss or metric as it was recorded; empty for none."""
    if isinstance(entry, Mapping):
        entry = entry.get("name", "")
    return entry if isinstance(entry, str) else ""


def read_loss(entry: Any) -> Loss:
    """A loss as it was recorded: a name, or a name with its settings, or with what it gives."""
    name = name_of(entry)
    values = _values(entry)
    if values is not None:
        truth, of_logits = _cross_entropies(*_example_answers(values["classes"]))
        asked = {
            logits: [_gives(values, forms, expected) for forms in (_WHOLE, _ONE_HOT)]
            for logits, expected in ((False, truth), (True, of_logits))
        }
        logits = not any(asked[False])
        whole, one_hot = asked[logits]
        return Loss(name=name, whole=whole, one_hot=one_hot, logits=logits and (whole or one_hot))
    settings = entry.get("config") if isinstance(entry, Mapping) else None
    return Loss(
        name=name,
        whole=plain(name) == plain(SPARSE),
        one_hot=plain(name) == plain(CATEGORICAL),
        logits=isinstance(settings, Mapping) and settings.get("from_logits") is True,
    )


def gives_accuracy(entry: Any, *, one_hot: bool | None) -> bool | None:
    """Whether a metric of a student's own is accuracy, for labels of that form or any; None for Keras's."""
    values = _values(entry)
    if values is None:
        return None
    labels, probabilities = _example_answers(values["classes"])
    forms = (*_WHOLE, *_ONE_HOT) if one_hot is None else _ONE_HOT if one_hot else _WHOLE
    return _gives(values, forms, float((probabilities.argmax(axis=1) == labels).mean()))


def _values(entry: Any) -> Mapping[str, Any] | None:
    values = entry.get("values") if isinstance(entry, Mapping) else None
    classes = values.get("classes") if isinstance(values, Mapping) else None
    return values if type(classes) is int and 1 < classes <= _MOST_CLASSES else None


def _gives(values: Mapping[str, Any], forms: tuple[str, ...], expected: float) -> bool:
    given = [values.get(form) for form in forms]
    return any(
        isinstance(one, float) and math.isclose(one, expected, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
        for one in given
    )


def _example_answers(classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The labels and probabilities for which the room asked."""
    rng = np.random.default_rng(classes)
    raw = rng.random((_ROWS, classes)) + 0.1
    return rng.integers(0, classes, _ROWS), raw / raw.sum(axis=1, keepdims=True)


def _cross_entropies(labels: np.ndarray, probabilities: np.ndarray) -> tuple[float, float]:
    """The cross-entropy of these probabilities, and that of the same numbers taken for logits."""
    rows = np.arange(len(labels))
    sums = np.log(np.exp(probabilities).sum(axis=1))
    return (
        float(-np.log(probabilities[rows, labels]).mean()),
        float((sums - probabilities[rows, labels]).mean()),
    )
