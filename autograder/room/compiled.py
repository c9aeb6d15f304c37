"""Describe how a Keras model was compiled: optimiser, loss and metrics.

A loss or a metric of a student's own is a name that says nothing. So it is asked, too, what it makes of some
fixed labels and probabilities.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras.src.trainers.compile_utils import CompileLoss

__all__ = ["ROWS", "describe_compilation", "example_answers"]

ROWS = 12
CLASSES = 10
_MOST_ASKED = 100
_asked: dict[tuple[int, int], tuple[Any, dict[str, Any]]] = {}
"""What was asked before: a notebook compiles with one function many times."""


def example_answers(classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Fixed labels and the probabilities beside them: int64 (rows,) and float32 (rows, classes)."""
    rng = np.random.default_rng(classes)
    raw = rng.random((ROWS, classes)) + 0.1
    return rng.integers(0, classes, ROWS), (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)


def describe_compilation(model: keras.Model) -> dict[str, Any] | None:
    """How a model was compiled, or None: optimiser, loss and metrics by name and settings."""
    if not getattr(model, "compiled", False):
        return None
    # With mixed precision Keras wraps what the student gave.
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    # What was given, and not Keras's configuration of it: of some things that may be given there is none.
    given = getattr(getattr(model, "_compile_config", None), "config", None)
    given = given if isinstance(given, Mapping) else {}
    classes = _classes(model)
    return {
        "optimizer": {
            "class": type(optimizer).__name__,
            "bases": [cls.__name__ for cls in type(optimizer).__mro__],
            "learning_rate": _rate(optimizer),
        },
        "loss": _described(_only(given.get("loss", model.loss)), _loss_values, classes),
        "metrics": [_described(one, _metric_values, classes) for one in _listed(given.get("metrics"))],
    }


def _rate(optimizer: Any) -> float | None:
    try:
        return float(np.asarray(optimizer.learning_rate))
    except Exception:
        return None


def _classes(model: Any) -> int:
    shape = getattr(model, "output_shape", None) if getattr(model, "built", False) else None
    last = shape[-1] if isinstance(shape, tuple) and shape else None
    return last if isinstance(last, int) and 1 < last <= 1000 else CLASSES


def _only(loss: Any) -> Any:
    """The loss of a model with one output, which may be given in a list or by the output's name."""
    if isinstance(loss, (list, tuple, dict)) and len(loss) == 1:
        return next(iter(loss.values() if isinstance(loss, dict) else loss))
    return loss


def _listed(metrics: Any) -> list[Any]:
    """Metrics one by one, given in a list, in lists in it, or by outputs' names."""
    if metrics is None:
        return []
    if isinstance(metrics, Mapping):
        metrics = list(metrics.values())
    if not isinstance(metrics, (list, tuple)):
        metrics = [metrics]
    return [one for entry in metrics for one in (entry if isinstance(entry, (list, tuple)) else [entry])][:20]


def _described(
    thing: Any, compute: Callable[[Any, np.ndarray, np.ndarray], float], classes: int
) -> str | dict[str, Any] | None:
    """A loss or metric as text, or as {"name": ..., "config": ...}; of a student's own, what it gives."""
    if thing is None or isinstance(thing, str):
        return thing
    if isinstance(thing, type) and _is_keras(thing):
        return {"name": thing.__name__, "config": {}}
    name, function = _name(thing), hasattr(thing, "__name__")
    if _is_keras(thing if function else type(thing)) and not _wraps(thing):
        return name if function else {"name": name, "config": _settings(thing)}
    return {"name": name, "config": _settings(thing), "values": _values(thing, compute, classes)}


def _is_keras(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "")).split(".")[0] == "keras"


def _wraps(thing: Any) -> bool:
    """Whether an object of Keras's does no more than call a function that was given to it."""
    return type(thing).__name__ in ("LossFunctionWrapper", "MeanMetricWrapper")


def _name(thing: Any) -> str:
    if isinstance(thing, functools.partial):
        return _name(thing.func)
    return str(getattr(thing, "__name__", type(thing).__name__))[:80]


def _settings(thing: Any) -> dict[str, Any]:
    with contextlib.suppress(Exception):
        return {k: v for k, v in thing.get_config().items() if isinstance(v, (str, int, float, bool))}
    return {}


def _values(
    thing: Any, compute: Callable[[Any, np.ndarray, np.ndarray], float], classes: int
) -> dict[str, float | str | None]:
    """What a loss or metric gives for `example_answers`, with labels of either form; None where it fails."""
    known = _asked.get((id(thing), classes))
    if known is not None and known[0] is thing:
        return known[1]
    labels, probabilities = example_answers(classes)
    forms = {"whole": labels[:, None], "flat": labels, "one_hot": np.eye(classes, dtype=np.float32)[labels]}
    found: dict[str, float | str | None] = {"classes": classes}
    for form, given in forms.items():
        found[form] = None
        with contextlib.suppress(Exception):
            value = compute(thing, given, probabilities)
            found[form] = value if np.isfinite(value) else str(value)
    if len(_asked) < _MOST_ASKED:
        _asked[id(thing), classes] = thing, found
    return found


def _loss_values(loss: Any, labels: np.ndarray, probabilities: np.ndarray) -> float:
    return float(CompileLoss(loss)(labels, probabilities))


def _metric_values(metric: Any, labels: np.ndarray, probabilities: np.ndarray) -> float:
    metric = getattr(metric, "_fn", metric)
    if isinstance(metric, keras.metrics.Metric):
        metric = type(metric).from_config(metric.get_config())
        metric.update_state(labels, probabilities)
        return float(metric.result())
    wrapped = keras.metrics.MeanMetricWrapper(metric)
    wrapped.update_state(labels, probabilities)
    return float(wrapped.result())
