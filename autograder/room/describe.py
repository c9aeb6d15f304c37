"""Describe Python objects of a notebook as plain data: JSON-able records and NumPy arrays.

Nothing is judged here and nothing is trusted to be what it seems: a value is described by its exact
type, so that an object that merely behaves like a number or claims to equal everything stays an
"object". `autograder/evidence/FORMAT.md` says what each record means.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["PRIVATE", "SAMPLE_ROWS", "Record", "Recorder", "row_hashes", "said", "sample_positions"]

WHOLE_BYTES = 1 << 20
PRIVATE = "_print"
"""A key of records that only this process needs."""
SAMPLE_ROWS = 256
BLOCK_BYTES = 1 << 20
"""Arrays are gone through in blocks that stay in a processor's cache."""
MAX_TEXT = 2_000
MAX_ITEMS = 1_000
MAX_DEPTH = 6


def sample_positions(rows: int, count: int = SAMPLE_ROWS) -> np.ndarray:
    """The rows of an array that are kept: int64, sorted, the first and the last among them.

    The same for every array of that length, so that inputs and labels are sampled in step.
    """
    if rows <= count:
        return np.arange(rows)
    chosen = np.random.default_rng(rows).choice(rows, size=count - 2, replace=False)
    return np.unique(np.concatenate([[0, rows - 1], chosen]))


def row_hashes(array: np.ndarray) -> np.ndarray:
    """A 64-bit number for each row of an array: uint64 (rows,). Equal rows have equal numbers."""
    rows = len(array)
    width = int(np.prod(array.shape[1:], dtype=np.int64)) * array.dtype.itemsize
    words = -(-width // 8)
    odd = np.random.default_rng(20).integers(0, 2**63, size=words, dtype=np.uint64) * np.uint64(
        2
    ) + np.uint64(1)
    hashes = np.empty(rows, np.uint64)
    step = max(1, BLOCK_BYTES // max(1, width))
    for start in range(0, rows, step):
        flat = np.ascontiguousarray(array[start : start + step]).reshape(-1).view(np.uint8)
        block = flat.reshape(-1, width)
        if width % 8:
            block = np.pad(block, ((0, 0), (0, words * 8 - width)))
        mixed = np.ascontiguousarray(block).view(np.uint64) ^ (odd >> np.uint64(7))
        hashes[start : start + step] = (mixed * odd).sum(axis=1, dtype=np.uint64)
    return hashes


def said(error: BaseException, most: int = MAX_TEXT) -> str:
    """An error's class and message; of one that breaks when it is asked for them, that it is an error."""
    try:
        return f"{type(error).__name__}: {error}"[:most]
    except KeyboardInterrupt:
        raise
    except BaseException:
        return "an error that says nothing"


class Record(dict[str, Any]):
    """A record that was made before: within a container it stays what it is."""


class Recorder:
    """Turns objects into records; keeps their arrays under short keys beside them."""

    def __init__(self, prefix: str = "a") -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self._prefix = prefix
        self._seen: dict[int, tuple[Any, dict[str, Any]]] = {}
        self._objects: dict[int, tuple[Any, int]] = {}

    def keep(self, array: np.ndarray) -> str:
        """Store an array and return its key."""
        key = f"{self._prefix}{len(self.arrays)}"
        self.arrays[key] = np.ascontiguousarray(array)
        return key

    def value(self, thing: Any, depth: int = 0) -> dict[str, Any]:
        """The record of any object; never raises."""
        try:
            return self._value(thing, depth)
        except KeyboardInterrupt:  # from the driver, as this takes too long
            raise
        except BaseException as error:  # a student's object may raise SystemExit when it is looked at
            return {"kind": "object", "type": _type_name(thing), "problem": said(error)}

    def _value(self, thing: Any, depth: int) -> dict[str, Any]:
        kind = type(thing)
        if kind is Record:
            return dict(thing)
        if thing is None:
            return {"kind": "none"}
        if kind in (bool, int, float) or (isinstance(thing, np.generic) and kind.__module__ == "numpy"):
            return _number(thing)
        if kind is str:
            return {"kind": "text", "value": thing[:MAX_TEXT]}
        if kind in (list, tuple, dict) or (isinstance(thing, Mapping) and kind.__module__ == "collections"):
            return self._container(thing, depth)
        if kind is np.ndarray or np.ndarray in kind.__mro__:
            return self._array(thing)
        return self._library_object(thing)

    def _container(self, thing: Any, depth: int) -> dict[str, Any]:
        if depth >= MAX_DEPTH or len(thing) > MAX_ITEMS:
            return {"kind": "object", "type": _type_name(thing), "problem": "too deep or too long"}
        if isinstance(thing, Mapping):
            items = [[self.value(k, depth + 1), self.value(v, depth + 1)] for k, v in thing.items()]
            return {"kind": "dict", "items": items}
        return {"kind": "list", "items": [self.value(item, depth + 1) for item in thing]}

    def _library_object(self, thing: Any) -> dict[str, Any]:
        import keras
        import tensorflow as tf

        if isinstance(thing, (tf.Tensor, tf.Variable, keras.Variable)):
            array = np.asarray(thing)
            return _number(array[()]) if array.ndim == 0 else self._array(array)
        if _type_name(thing).startswith("pandas.") and hasattr(thing, "to_numpy"):
            return self._array(np.asarray(thing.to_numpy()))
        if isinstance(thing, keras.callbacks.History) or _looks_like_history(thing):
            return self._history(thing)
        if isinstance(thing, keras.Model):
            from autograder.room.models import describe_model

            return describe_model(self.keep, thing)
        if isinstance(thing, tf.data.Dataset):
            return {"kind": "dataset", "spec": str(thing.element_spec)[:MAX_TEXT]}
        if issubclass(type(thing), type):
            return {"kind": "class", "type": _type_name(thing)}
        kind = "function" if callable(thing) else "object"
        return {"kind": kind, "type": _type_name(thing), "which": self._which(thing)}

    def _which(self, thing: Any) -> int:
        """The same number for the same object: two optimisers of one class are not one setting.

        The object is kept, so that no later one gets its place in memory.
        """
        return self._objects.setdefault(id(thing), (thing, len(self._objects)))[1]

    def _history(self, thing: Any) -> dict[str, Any]:
        history = {
            str(metric)[:80]: [_plain(float(value)) for value in list(values)[:MAX_ITEMS]]
            for metric, values in list(dict(thing.history).items())[:50]
        }
        return {"kind": "history", "history": history}

    def _array(self, thing: np.ndarray) -> dict[str, Any]:
        array = np.asarray(np.ndarray.view(thing, np.ndarray))
        if array.dtype.name == "bfloat16":  # of mixed precision: no dtype of NumPy's own
            array = array.astype(np.float32)
        record: dict[str, Any] = {"kind": "array", "shape": list(array.shape), "dtype": str(array.dtype)}
        if array.dtype.kind not in "biuf":
            return {**record, "problem": f"an array of {array.dtype} is not numeric"}
        kept = self._seen.get(id(thing))
        # The same object may have been changed in place since: its length and ends tell most of that.
        print_of = _fingerprint(array)
        if kept is not None and kept[1].get(PRIVATE) == print_of:
            return kept[1]
        record[PRIVATE] = print_of
        whole = _narrow(array)
        if whole.nbytes <= WHOLE_BYTES:
            record["data"] = self.keep(whole)
        else:
            record["summary"] = self._summary(array)
        self._seen[id(thing)] = (thing, record)
        return record

    def _summary(self, array: np.ndarray) -> dict[str, Any]:
        rows = len(array)
        features = int(np.prod(array.shape[1:], dtype=np.int64))
        total, square = np.zeros(features), np.zeros(features)
        low, high, finite = math.inf, -math.inf, True
        step = max(1, BLOCK_BYTES // max(1, features * array.dtype.itemsize))
        for start in range(0, rows, step):
            block = array[start : start + step].reshape(-1, features)
            low, high = min(low, float(block.min())), max(high, float(block.max()))
            total += block.sum(axis=0, dtype=np.float64)
            square += np.einsum("ij,ij->j", block, block, dtype=np.float64)
            finite = finite and math.isfinite(low + high) and bool(np.isfinite(total).all())
        mean = total / rows
        std = np.sqrt(np.maximum(square / rows - mean**2, 0))
        positions = sample_positions(rows)
        return {
            "low": _plain(low),
            "high": _plain(high),
            "finite": finite,
            "mean": self.keep(mean.astype(np.float32)),
            "std": self.keep(std.astype(np.float32)),
            "positions": self.keep(positions),
            "sample": self.keep(_as_float32(array[positions])),
            "hashes": self.keep(row_hashes(array)),
        }


def _fingerprint(array: np.ndarray) -> str:
    ends = array.reshape(len(array), -1)[[0, -1]] if array.size else array
    return f"{array.shape}{array.dtype}{array.__array_interface__['data'][0]}{hash(ends.tobytes())}"


def _as_float32(array: np.ndarray) -> np.ndarray:
    return array if array.dtype.itemsize <= 4 else array.astype(np.float32)


def _narrow(array: np.ndarray) -> np.ndarray:
    """Whole numbers in the smallest type that holds them all; other arrays as they are."""
    if array.dtype.kind not in "iuf" or array.size == 0 or array.ndim > 2:
        return array
    if array.dtype.kind == "f" and not (array == np.floor(array)).all():
        return array
    low, high = array.min(), array.max()
    for kind in (np.uint8, np.int8, np.int16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return array.astype(kind)
    return array


def _number(thing: Any) -> dict[str, Any]:
    if isinstance(thing, (bool, np.bool_)):
        return {"kind": "number", "type": "bool", "value": bool(thing)}
    if isinstance(thing, (int, np.integer)):
        whole = int(thing)
        return {
            "kind": "number",
            "type": "int",
            "value": whole if abs(whole) < 2**53 else _plain(float(whole)),
        }
    return {"kind": "number", "type": "float", "value": _plain(float(thing))}


def _plain(value: float) -> float | str:
    """A float as JSON can carry it: NaN and the infinities become text."""
    return value if math.isfinite(value) else str(value)


def _looks_like_history(thing: Any) -> bool:
    return type(thing).__name__ in ("History", "SavedHistory", "SimpleNamespace") and isinstance(
        getattr(thing, "history", None), dict
    )


def _type_name(thing: Any) -> str:
    cls = thing if issubclass(type(thing), type) else type(thing)
    # Not by its attributes, which a class of classes may answer as it likes.
    name, module = type.__dict__["__qualname__"].__get__(cls), ""
    with contextlib.suppress(AttributeError):  # one that was made by hand may lack it
        module = type.__dict__["__module__"].__get__(cls)
    return f"{module}.{name}"[:200]
