"""What a notebook defined, as views: stand-ins that offer plain data under the names of the live objects.

A hidden test sees `env["X_train"].shape` or `env["build_dnn"]().output_shape` whether `env` is a live
notebook or evidence. Nothing here behaves like more than it is: there are no student objects.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from autograder.evidence.files import EvidenceProblem

__all__ = [
    "ArrayView",
    "ClassView",
    "Compilation",
    "FunctionView",
    "HistoryView",
    "ModelView",
    "OpaqueView",
    "Summary",
    "class_bases",
    "number",
    "view",
    "whole",
]

MAX_DEPTH = 8
MAX_OUTPUTS = 64
MAX_CLASSES = 200
MAX_ITEMS = 1_000
"""Of a list or dict, as the room describes no longer ones."""
MAX_TEXT = 4_000
_LARGEST_WHOLE = 2**53
"""From here on the room writes a whole number as a float: nothing that Python cannot turn into one."""
Arrays = Mapping[str, np.ndarray]


@attrs.frozen(kw_only=True, eq=False)
class Summary:
    """What is kept of an array too large to keep: statistics per feature, some rows, a hash per row."""

    low: float
    high: float
    finite: bool
    mean: np.ndarray
    """float32 (features,)"""
    std: np.ndarray
    """float32 (features,)"""
    positions: np.ndarray
    """int64 (kept,), the row numbers of the sample"""
    sample: np.ndarray
    """(kept, *shape of a row)"""
    hashes: np.ndarray
    """uint64 (rows,); equal rows have equal hashes"""


@attrs.frozen(kw_only=True, eq=False)
class ArrayView:
    """An array: shape and dtype, and either all of it (`data`) or its `summary`."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    data: np.ndarray | None = None
    summary: Summary | None = None

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]


@attrs.frozen(kw_only=True)
class HistoryView:
    """What training recorded per epoch, as `History.history`."""

    history: Mapping[str, list[float]]


@attrs.frozen(kw_only=True)
class Compilation:
    """How a model was compiled."""

    optimizer: str
    """The optimiser's class."""
    optimizer_bases: tuple[str, ...]
    learning_rate: float | None
    loss: Any
    """A name, or {"name", "config"}, or None."""
    metrics: tuple[Any, ...]


@attrs.frozen(kw_only=True, eq=False)
class ModelView:
    """A model: Keras's own description of its graph, its weights, and what it computed for fixed inputs."""

    type: str
    config: Any
    """Keras's serialised configuration, unchecked; `autograder.networks.parse` reads it."""
    weights: Mapping[str, list[np.ndarray]]
    weights_in_order: tuple[list[np.ndarray], ...] = ()
    """For a file that carries no graph: the weights of each layer in order of creation."""
    activations: Mapping[str, np.ndarray] = attrs.field(factory=dict)
    """What each layer's activation function made of fixed inputs, by layer."""
    bases: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    """Of each layer class that is not Keras's own, by name, the Keras classes that it derives from."""
    input_shapes: tuple[tuple[int | None, ...], ...] = ()
    output_shapes: tuple[tuple[int | None, ...], ...] = ()
    outputs: np.ndarray | None = None
    compilation: Compilation | None = None
    problem: str = ""

    @property
    def input_shape(self) -> tuple[int | None, ...] | None:
        """As Keras gives it, with the batch axis ahead."""
        return (None, *self.input_shapes[0]) if len(self.input_shapes) == 1 else None

    @property
    def output_shape(self) -> tuple[int | None, ...] | None:
        """As Keras gives it, with the batch axis ahead."""
        return (None, *self.output_shapes[0]) if len(self.output_shapes) == 1 else None

    @property
    def optimizer(self) -> str | None:
        """The optimiser's class, or None if the model was not compiled."""
        return self.compilation.optimizer if self.compilation else None

    @property
    def loss(self) -> Any:
        """The loss that the model was compiled with, or None."""
        return self.compilation.loss if self.compilation else None


@attrs.frozen(kw_only=True)
class FunctionView:
    """A function of the student's. Calling it gives what the probe of that name found."""

    type: str
    answer: Any = None
    which: int | None = None
    """Which function, where that is known: the same number, the same one."""

    def __call__(self, *args: Any, **settings: Any) -> Any:
        """What the probe found; raises what it ran into."""
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@attrs.frozen(kw_only=True)
class ClassView(FunctionView):
    """A class of the student's. Calling it gives what the probe of that name found."""


@attrs.frozen(kw_only=True)
class OpaqueView:
    """Something that cannot be described as plain data, such as an object of the student's own class."""

    type: str
    which: int | None = None
    """Which object, where that is known: the same number, the same one."""


def view(record: Any, arrays: Arrays, depth: int = 0) -> Any:
    """The view of a record: plain Python values for numbers, texts, lists and dicts.

    Raises EvidenceProblem for what the format does not have.
    """
    if not isinstance(record, dict) or depth > MAX_DEPTH:
        raise EvidenceProblem("a record is malformed or too deep")
    kind = record.get("kind")
    if kind == "list":
        return [view(item, arrays, depth + 1) for item in _items(record)]
    if kind == "dict":
        return _dict(record, arrays, depth)
    read = _VIEWS.get(kind) if isinstance(kind, str) else None
    return (
        read(record, arrays) if read else OpaqueView(type=_text(record.get("type", "")), which=_which(record))
    )


def number(value: Any) -> float:
    """A number as the format writes it: JSON's, or the texts nan, inf and -inf. Raises EvidenceProblem."""
    if isinstance(value, str) and value in ("nan", "inf", "-inf"):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise EvidenceProblem("a number is malformed")
    return float(value)


def whole(value: Any) -> int:
    """A whole number as the format writes it: one that a float holds exactly. Raises EvidenceProblem."""
    if type(value) is not int or abs(value) >= _LARGEST_WHOLE:
        raise EvidenceProblem("a whole number is malformed")
    return value


def _number_of_type(record: dict[str, Any]) -> bool | int | float:
    value = record.get("value")
    if record.get("type") == "bool":
        return bool(value)
    return whole(value) if record.get("type") == "int" and type(value) is int else number(value)


def _which(record: dict[str, Any]) -> int | None:
    found = record.get("which")
    return found if type(found) is int else None


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise EvidenceProblem("a text is malformed")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise EvidenceProblem("a list is malformed")
    return value


def _items(record: dict[str, Any]) -> list[Any]:
    items = _list(record.get("items"))
    if len(items) > MAX_ITEMS:
        raise EvidenceProblem("a list is too long")
    return items


def _dict(record: dict[str, Any], arrays: Arrays, depth: int) -> dict[Any, Any]:
    found = {}
    for item in _items(record):
        if not isinstance(item, list) or len(item) != 2:
            raise EvidenceProblem("a dict is malformed")
        key = view(item[0], arrays, depth + 1)
        # A key that Python could not hash was not a key; its place is kept by its description.
        found[key if isinstance(key, (str, int, float, bool, type(None))) else repr(key)] = view(
            item[1], arrays, depth + 1
        )
    return found


def _key(arrays: Arrays, key: Any) -> np.ndarray:
    if not isinstance(key, str) or key not in arrays:
        raise EvidenceProblem("an array is missing from the evidence")
    return arrays[key]


def _shape(value: Any) -> tuple[int, ...]:
    lengths = _list(value)
    if len(lengths) > 8 or not all(type(length) is int and 0 <= length < 2**40 for length in lengths):
        raise EvidenceProblem("a shape is malformed")
    return tuple(lengths)


def _array(record: dict[str, Any], arrays: Arrays) -> ArrayView | OpaqueView:
    if "problem" in record:
        return OpaqueView(type=f"array of {_text(record.get('dtype', ''))}")
    shape = _shape(record.get("shape"))
    dtype = _dtype(record.get("dtype"))
    if "data" in record:
        data = _key(arrays, record["data"])
        if data.shape != shape:
            raise EvidenceProblem("an array does not have the shape that it says")
        return ArrayView(shape=shape, dtype=dtype, data=data)
    return ArrayView(shape=shape, dtype=dtype, summary=_summary(record.get("summary"), shape, arrays))


def _dtype(value: Any) -> np.dtype[Any]:
    try:
        dtype = np.dtype(_text(value))
    except TypeError as error:
        raise EvidenceProblem("a dtype is malformed") from error
    if dtype.kind not in "biuf":
        raise EvidenceProblem("a dtype is not numeric")
    return dtype


def _summary(record: Any, shape: tuple[int, ...], arrays: Arrays) -> Summary:
    if not isinstance(record, dict) or not shape:
        raise EvidenceProblem("a summary is malformed")
    features = math.prod(shape[1:])
    summary = Summary(
        low=number(record.get("low")),
        high=number(record.get("high")),
        finite=record.get("finite") is True,
        mean=_key(arrays, record.get("mean")),
        std=_key(arrays, record.get("std")),
        positions=_key(arrays, record.get("positions")),
        sample=_key(arrays, record.get("sample")),
        hashes=_key(arrays, record.get("hashes")),
    )
    positions = summary.positions
    fits = (
        summary.mean.shape == summary.std.shape == (features,)
        and positions.ndim == 1
        and positions.dtype.kind in "iu"
        and 0 < len(positions) <= 4096
        and summary.sample.shape == (len(positions), *shape[1:])
        and summary.hashes.shape == shape[:1]
        and summary.hashes.dtype == np.uint64
        and int(positions.min()) >= 0
        and int(positions.max()) < shape[0]
    )
    if not fits:
        raise EvidenceProblem("a summary does not fit its array")
    return summary


def _history(record: Any) -> dict[str, list[float]]:
    if not isinstance(record, dict):
        raise EvidenceProblem("a history is malformed")
    return {_text(metric): [number(value) for value in _list(values)] for metric, values in record.items()}


def model_view(record: dict[str, Any], arrays: Arrays) -> ModelView:
    """The view of a model's record, from a notebook or from a submitted file. Raises EvidenceProblem."""
    weights, activations = record.get("weights") or {}, record.get("activations") or {}
    if not isinstance(weights, dict) or not isinstance(activations, dict):
        raise EvidenceProblem("a model's weights are malformed")
    return ModelView(
        type=_text(record.get("class", "")),
        config=record.get("config"),
        weights={_text(path): [_key(arrays, key) for key in _list(keys)] for path, keys in weights.items()},
        weights_in_order=_in_order(record, arrays),
        bases=class_bases(record.get("bases")),
        activations={_text(path): _key(arrays, key) for path, key in activations.items()},
        input_shapes=_shapes(record.get("input_shapes")),
        output_shapes=_shapes(record.get("output_shapes")),
        outputs=_outputs(record.get("outputs"), arrays),
        compilation=compilation(record.get("compiled")),
        problem=_text(record.get("problem") or ""),
    )


def class_bases(record: Any) -> dict[str, tuple[str, ...]]:
    """What classes derive from, by their names; empty where nothing was recorded. Raises EvidenceProblem."""
    if record is None:
        return {}
    if not isinstance(record, dict) or len(record) > MAX_CLASSES:
        raise EvidenceProblem("a list of classes is malformed")
    return {_text(name): tuple(_text(base) for base in _list(bases)) for name, bases in record.items()}


def _in_order(record: dict[str, Any], arrays: Arrays) -> tuple[list[np.ndarray], ...]:
    return tuple(
        [_key(arrays, key) for key in _list(keys)] for keys in _list(record.get("weights_in_order") or [])
    )


def _outputs(key: Any, arrays: Arrays) -> np.ndarray | None:
    """What a model computed; for few inputs only, as the judge computes it again for as many."""
    outputs = None if key is None else _key(arrays, key)
    if outputs is not None and (outputs.ndim < 1 or len(outputs) > MAX_OUTPUTS):
        raise EvidenceProblem("a model's outputs are malformed")
    return outputs


def _shapes(record: Any) -> tuple[tuple[int | None, ...], ...]:
    shapes = _list(record or [])
    for shape in shapes:
        _shape([length for length in _list(shape) if length is not None])
    return tuple(tuple(shape) for shape in shapes)


def compilation(record: Any) -> Compilation | None:
    """How a model was compiled, from its record. Raises EvidenceProblem."""
    if record is None:
        return None
    optimizer = record.get("optimizer") if isinstance(record, dict) else None
    if not isinstance(optimizer, dict):
        raise EvidenceProblem("a compilation is malformed")
    rate = optimizer.get("learning_rate")
    return Compilation(
        optimizer=_text(optimizer.get("class")),
        optimizer_bases=tuple(_text(base) for base in _list(optimizer.get("bases") or [])),
        learning_rate=None if rate is None else number(rate),
        loss=record.get("loss"),
        metrics=tuple(_list(record.get("metrics") or [])),
    )


_VIEWS: dict[str, Callable[[dict[str, Any], Arrays], Any]] = {
    "none": lambda record, arrays: None,
    "number": lambda record, arrays: _number_of_type(record),
    "text": lambda record, arrays: _text(record.get("value")),
    "array": _array,
    "history": lambda record, arrays: HistoryView(history=_history(record.get("history"))),
    "model": model_view,
    "function": lambda record, arrays: FunctionView(type=_text(record.get("type", "")), which=_which(record)),
    "class": lambda record, arrays: ClassView(type=_text(record.get("type", ""))),
}
