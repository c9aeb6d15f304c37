"""The fit budget: training runs for real, for a few steps, and every call is recorded.

Grading never retrains. `fit` is capped to a few batches and epochs and runs eagerly (building the graph
of a 20-layer network costs more than these steps take), so callbacks, schedules and shapes are exercised
within seconds. `evaluate` is recorded as well, as a student may measure a validation loss with it.

A probe that asks a student's function to train hands it little data of its own, and has to see every step of
it: there `fit` is cut much later, and nothing is recorded.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from autograder.room.compiled import describe_compilation
from autograder.room.describe import Recorder, row_hashes, said, sample_positions

__all__ = ["Budget"]

EPOCHS = 2
"""So many epochs of one step each: there is a second step, and something between two epochs."""
MANY_CALLS = 2
"""After so many calls of `fit`, one epoch has to do, as a search calls it many times over.

Not where a callback may note something of each epoch, as its time: who leaves out the first needs a second.
"""
PROBE_EPOCHS, PROBE_STEPS = 5, 200
"""What a probe asks to train takes so many steps in all; where that is too few, so many epochs at most."""
EAGER_BATCHES = 4
"""So many batches are evaluated in less time than it takes to build the graph for them."""
MAX_RECORDS = 200
MAX_RATES = 20
BATCH_ROWS = 512
VALIDATION_ROWS = 2 * BATCH_ROWS
SAMPLE = 32
SMALL_ROWS = 6_000
"""So many rows are looked at all, as a training within a search has no more of them."""


class Budget:
    """Caps and records the training calls of one kernel.

    marked: tells which questions the notebook has completed, so that a call can be told to its question.
    """

    def __init__(self, marked: Callable[[], list[str]] = list) -> None:
        self._marked = marked
        self.recorder = Recorder("f")
        self.fits: list[dict[str, Any]] = []
        self.evaluations: list[dict[str, Any]] = []
        self._models: list[Any] = []
        self._left: dict[str, list[float]] = {}
        """The weights that trainings have left, and the learning rates of the trainings that led to them."""
        self._calls = 0
        self._fitting = False
        self._probe_steps: int | None = None
        """While a probe runs: the steps that it has left."""

    @contextlib.contextmanager
    def probing(self) -> Iterator[None]:
        """Within the block, trainings are those of a probe: cut much later, run as compiled, not recorded.

        A function that ignores what it is given and trains on the whole data set stays bounded, too.
        """
        self._probe_steps = PROBE_STEPS
        try:
            yield
        finally:
            self._probe_steps = None

    def install(self) -> None:
        """Put the budget into `keras.Model` for this process."""
        keras.Model.fit = self._wrap_fit(keras.Model.fit)
        keras.Model.evaluate = self._wrap_evaluate(keras.Model.evaluate)

    def _wrap_fit(self, fit: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(fit)

        @functools.wraps(fit)
        def budgeted(*args: Any, **kwargs: Any) -> Any:
            call = signature.bind(*args, **kwargs)
            call.apply_defaults()
            model, settings = call.arguments.pop("self"), dict(call.arguments)
            if self._probe_steps is not None:
                self._shrink_for_probe(settings)
                return fit(model, **settings)
            record = self._record_fit(model, settings)
            start = _fingerprint(model)
            record["continues"], record["trained_at"] = start in self._left, self._left.get(start, [])
            self._shrink(settings)
            try:
                self._fitting = True
                with _eagerly(model):
                    history = fit(model, **settings)
                record["history"] = self.recorder.value(history)
                return history
            except Exception as error:
                record["raised"] = said(error)
                if not _labels_unfit(error):
                    raise
                history = _history_of_nan(model, validated=settings["validation_data"] is not None)
                record["history"] = self.recorder.value(history)
                return history
            finally:
                self._note_weights(model, start, record["trained_at"])
                self._fitting = False

        return budgeted

    def _wrap_evaluate(self, evaluate: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(evaluate)

        @functools.wraps(evaluate)
        def recorded(model: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                short = self._is_short(model, signature.bind(model, *args, **kwargs).arguments)
                with _eagerly(model) if short else contextlib.nullcontext():
                    result = evaluate(model, *args, **kwargs)
            except Exception as error:
                if not _labels_unfit(error):
                    raise
                figures = _figures_of_nan(model)
                result = figures if kwargs.get("return_dict") else list(figures.values())
            if self._probe_steps is None and len(self.evaluations) < MAX_RECORDS:
                compiled = describe_compilation(model) or {}
                self.evaluations.append(
                    {
                        "model": self._serial(model),
                        "in_fit": self._fitting,
                        "learning_rate": compiled.get("optimizer", {}).get("learning_rate"),
                        "results": [self.recorder.value(value) for value in _results(result)],
                    }
                )
            return result

        return recorded

    def _is_short(self, model: Any, call: dict[str, Any]) -> bool:
        """Whether a call of `evaluate` in a notebook is over sooner than a graph for it could be built."""
        rows = len(call["x"]) if isinstance(call.get("x"), np.ndarray) else math.inf
        few = rows <= EAGER_BATCHES * (call.get("batch_size") or 32)
        return few and not self._fitting and self._probe_steps is None and model.test_function is None

    def _note_weights(self, model: Any, start: str, before: list[float]) -> None:
        """Note what a training has left, where it has changed anything."""
        rate = ((describe_compilation(model) or {}).get("optimizer") or {}).get("learning_rate")
        end = _fingerprint(model)
        if end not in ("", start):
            self._left[end] = ([*before, rate] if rate is not None else before)[-MAX_RATES:]

    def _serial(self, model: Any) -> int:
        for number, known in enumerate(self._models):
            if known is model:
                return number
        self._models.append(model)
        return len(self._models) - 1

    def _record_fit(self, model: Any, settings: dict[str, Any]) -> dict[str, Any]:
        self._calls += 1
        record: dict[str, Any] = {
            "model": self._serial(model),
            "after": self._marked(),
            "compiled": describe_compilation(model),
            "outputs": _outputs(model),
            "trainable": _trainable(model),
            "layers": _layer_classes(model),
            "epochs": _whole(settings["epochs"]),
            "initial_epoch": _whole(settings["initial_epoch"]),
            "batch_size": _whole(settings["batch_size"]),
            "validation_split": float(settings["validation_split"] or 0),
            "callbacks": [_callback(item) for item in _listed(settings["callbacks"])[:20]],
        }
        if len(self.fits) >= MAX_RECORDS:
            return record
        record["training"] = self._data(settings["x"], settings["y"])
        record["division"] = _division(settings["x"], settings["validation_data"])
        if record["batch_size"] is None:
            record["batch_size"] = record["training"].get("batch")
        validation = settings["validation_data"]
        if validation is not None:
            pair = validation if isinstance(validation, (list, tuple)) else (validation, None)
            record["validation"] = self._data(pair[0], pair[1] if len(pair) > 1 else None)
        self.fits.append(record)
        return record

    def _data(self, x: Any, y: Any) -> dict[str, Any]:
        """A few rows of what a model is fed, inputs and labels in step."""
        try:
            if not isinstance(x, np.ndarray) and hasattr(x, "take") and hasattr(x, "element_spec"):
                batch = next(iter(_lean(x.take(1))))
                inputs, labels = (
                    (batch[0], batch[1]) if isinstance(batch, tuple) and len(batch) > 1 else (batch, None)
                )
                return {
                    "source": "dataset",
                    "rows": None,
                    "batch": len(inputs) if hasattr(inputs, "shape") else None,
                    "inputs": self._rows(inputs, slice(SAMPLE)),
                    "labels": self._rows(labels, slice(SAMPLE)),
                    "label_range": _range(labels),
                }
            if not hasattr(x, "shape"):
                return {"source": type(x).__name__[:80], "rows": None, "inputs": None, "labels": None}
            positions = sample_positions(len(x), SAMPLE)
            return {
                "source": "arrays",
                "positions": positions.tolist(),
                "rows": len(x),
                "inputs": self._rows(x, positions),
                "labels": self._rows(y, positions),
                "label_range": _range(y),
            }
        except Exception as error:
            return {
                "source": f"unreadable: {type(error).__name__}",
                "rows": None,
                "inputs": None,
                "labels": None,
            }

    def _rows(self, data: Any, chosen: Any) -> dict[str, Any] | None:
        return None if data is None else self.recorder.value(np.asarray(data)[chosen])

    def _shrink(self, settings: dict[str, Any]) -> None:
        few = self._calls > MANY_CALLS and not any(map(_may_count, _listed(settings["callbacks"])))
        _cut(settings, epochs=1 if few else EPOCHS, steps=1)

    def _shrink_for_probe(self, settings: dict[str, Any]) -> None:
        left, wanted = self._probe_steps or 0, settings["epochs"] - (settings["initial_epoch"] or 0)
        steps = _steps(settings)
        if 0 < wanted * steps <= left:  # also many epochs of few steps: some act only between two epochs
            self._probe_steps = left - wanted * steps
            return
        epochs = max(1, min(wanted, PROBE_EPOCHS, left))
        steps = min(max(1, left // epochs), steps)
        _cut(settings, epochs=epochs, steps=steps)
        self._probe_steps = max(0, left - epochs * steps)


@contextlib.contextmanager
def _eagerly(model: Any) -> Iterator[None]:
    """Within the block a model runs eagerly; afterwards as it was compiled, with graphs yet to be built."""
    as_compiled, model.run_eagerly = model.run_eagerly, True
    try:
        yield
    finally:
        model.run_eagerly = as_compiled
        model.train_function = model.test_function = None


def _cut(settings: dict[str, Any], *, epochs: int, steps: int) -> None:
    """Cut the arguments of `fit` down to so many epochs of so many steps."""
    first = settings["initial_epoch"] or 0
    settings["epochs"] = min(settings["epochs"], first + epochs)
    batch = min(settings["batch_size"] or 32, BATCH_ROWS)
    rows = steps * batch
    if settings["validation_split"] and hasattr(settings["x"], "shape"):
        _split_validation(settings)
    if hasattr(settings["x"], "element_spec"):
        settings["x"] = _lean(settings["x"].take(steps))
    elif hasattr(settings["x"], "shape") or isinstance(settings["x"], (list, tuple, dict)):
        for name in ("x", "y", "sample_weight"):
            settings[name] = _first(settings[name], rows)
    else:
        settings["steps_per_epoch"] = min(settings["steps_per_epoch"] or steps, steps)
    if settings["steps_per_epoch"]:
        settings["steps_per_epoch"] = min(settings["steps_per_epoch"], steps)
    validation = settings["validation_data"]
    if hasattr(validation, "element_spec"):
        settings["validation_data"] = _lean(validation.take(1))
    elif isinstance(validation, (list, tuple)):
        held = min(rows, VALIDATION_ROWS)
        settings["validation_data"] = tuple(_first(part, held) for part in validation)
        settings["validation_batch_size"] = held
    if settings["validation_steps"]:
        settings["validation_steps"] = 1


def _steps(settings: dict[str, Any]) -> int:
    """The steps of one epoch, as far as they can be told; else more than any probe has."""
    if settings["steps_per_epoch"]:
        return int(settings["steps_per_epoch"])
    if hasattr(settings["x"], "element_spec"):
        batches = int(settings["x"].cardinality())
        return batches if batches > 0 else PROBE_STEPS
    if hasattr(settings["x"], "shape"):
        return max(1, math.ceil(len(settings["x"]) / min(settings["batch_size"] or 32, BATCH_ROWS)))
    return PROBE_STEPS


def _results(result: Any) -> list[Any]:
    """What `evaluate` returned, the loss first; in a dictionary its place depends on the metrics' names."""
    if isinstance(result, dict):
        return [result[name] for name in sorted(result, key=lambda name: name != "loss")][:20]
    return result[:20] if isinstance(result, list) else [result]


def _split_validation(settings: dict[str, Any]) -> None:
    """Do what Keras does with `validation_split` before the rows are cut down."""
    if settings["validation_data"] is None:
        cut = math.floor(len(settings["x"]) * (1 - settings["validation_split"]))
        tail = [settings["x"][cut:], settings["y"][cut:]]
        settings["validation_data"] = tuple(tail)
        settings["x"], settings["y"] = settings["x"][:cut], settings["y"][:cut]
    settings["validation_split"] = 0.0


def _first(data: Any, rows: int) -> Any:
    if data is None:
        return None
    if isinstance(data, dict):
        return {key: _first(value, rows) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return type(data)(_first(value, rows) for value in data)
    return data.take(1) if hasattr(data, "element_spec") else data[:rows]


def _lean(dataset: Any) -> Any:
    """The same batches, without TensorFlow's search for the quickest way to make them.

    Where a pipeline holds a large array, that takes longer than the few batches that are wanted of it.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return dataset.with_options(options)


def _listed(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return list(callbacks.callbacks)
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]


def _may_count(callback: Any) -> bool:
    """Whether it is not one of Keras, or does what a student says."""
    return not type(callback).__module__.startswith("keras.") or isinstance(
        callback, keras.callbacks.LambdaCallback
    )


def _callback(callback: Any) -> dict[str, Any]:
    """A callback by class and its plain settings, such as monitor and patience."""
    settings = {
        name: value if not isinstance(value, float) or math.isfinite(value) else str(value)
        for name, value in vars(callback).items()
        if not name.startswith("_") and type(value) in (bool, int, float, str)
    }
    if isinstance(callback, keras.callbacks.ModelCheckpoint):
        settings["filepath"] = str(callback.filepath)
    bases = [cls.__name__ for cls in type(callback).__mro__]
    return {
        "class": type(callback).__name__[:200],
        "bases": bases[:20],
        "settings": dict(list(settings.items())[:40]),
    }


def _outputs(model: Any) -> int | None:
    """How many numbers a model gives for an input; None where that is not known or not one row."""
    shape = getattr(model, "output_shape", None) if getattr(model, "built", False) else None
    return shape[-1] if isinstance(shape, tuple) and shape and isinstance(shape[-1], int) else None


def _fingerprint(model: Any) -> str:
    """What tells a model's weights from any others; empty where it has none yet."""
    digest = hashlib.sha256()
    try:
        weights = model.trainable_weights if model.built else []
        for variable in weights:
            digest.update(np.ascontiguousarray(variable).tobytes())
    except Exception:
        return ""
    return digest.hexdigest() if weights else ""


def _trainable(model: Any) -> int | None:
    """How many of a model's weights training may change; None where there are none yet."""
    return len(model.trainable_weights) if getattr(model, "built", False) else None


def _division(trained: Any, held_out: Any) -> dict[str, Any] | None:
    """How a small training divides its pictures: how many are trained on and held out, how many are both.

    None where there are too many to look at all, or what is given tells only when it is used up.
    """
    with contextlib.suppress(Exception):
        own = _row_numbers(trained)
        held = _row_numbers(held_out[0] if isinstance(held_out, (list, tuple)) else held_out)
        if own is not None:
            return {
                "trained": len(own),
                "print": f"{int(own.sum(dtype=np.uint64)):x}",
                "held_out": None if held is None else len(held),
                "both": None if held is None else int(np.isin(held, own).sum()),
            }
    return None


def _row_numbers(data: Any) -> np.ndarray | None:
    """A number for each row, the same for the same pictures; None where there are too many."""
    if hasattr(data, "element_spec"):
        batches = int(data.cardinality())
        if not 0 < batches <= SMALL_ROWS // SAMPLE:
            return None
        taken, rows = [], 0
        for batch in _lean(data):
            taken.append(row_hashes(_flat_rows(batch[0])))
            rows += len(batch[0])
            # The first batch tells how many rows there are but for the last: no need to read them all.
            if max(rows, (batches - 1) * len(batch[0])) > SMALL_ROWS:
                return None
        return np.concatenate(taken)
    if not hasattr(data, "shape") or not 0 < len(data) <= SMALL_ROWS:
        return None
    return row_hashes(_flat_rows(data))


def _flat_rows(data: Any) -> np.ndarray:
    return np.asarray(data, np.float32).reshape(len(data), -1)


def _layer_classes(model: Any) -> list[str]:
    """The classes of a model's layers, and the Keras classes that these derive from; nested ones, too."""
    layers = [layer for layer in model.layers if not isinstance(layer, keras.Model)]
    own = {
        cls.__name__ for layer in layers for cls in type(layer).__mro__ if cls.__module__.startswith("keras.")
    }
    inner = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    return sorted(own.union(*map(_layer_classes, inner)))[:60]


def _range(labels: Any) -> list[float] | None:
    """The lowest and the highest label, of all rows; None for anything but finite numbers."""
    array = np.asarray(labels)
    if array.dtype.kind not in "biuf" or not array.size:
        return None
    ends = [float(array.min()), float(array.max())]
    return ends if all(map(math.isfinite, ends)) else None


_UNFIT_LABELS = (
    "outside the valid range of [0,",
    "Arguments `target` and `output` must have the same",
    "Argument `output` must have rank (ndim) `target.ndim - 1`",
)


def _labels_unfit(error: Exception) -> bool:
    """Whether a loss refuses labels: the output layer has no unit for them, or they are of another form.

    On a graphics card, which students may train on, TensorFlow goes on after the former, with a loss of NaN;
    earlier versions of Keras went on after the latter. So it is here, that what follows can be judged.
    """
    return any(words in str(error) for words in _UNFIT_LABELS)


def _history_of_nan(model: Any, *, validated: bool) -> Any:
    """What an epoch whose loss is NaN leaves behind."""
    history = keras.callbacks.History()
    history.set_model(model)
    history.on_train_begin()
    figures = _figures_of_nan(model)
    logs = figures | ({f"val_{name}": value for name, value in figures.items()} if validated else {})
    history.on_epoch_end(0, logs)
    model.history = history
    return history


def _figures_of_nan(model: Any) -> dict[str, float]:
    """The figures of a model whose outputs are NaN: no loss, and no picture right."""
    metrics = (describe_compilation(model) or {}).get("metrics", [])
    names = [metric if isinstance(metric, str) else str(metric.get("name")) for metric in metrics]
    return {"loss": math.nan} | dict.fromkeys(names, 0.0)


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
