"""Careful reading of settings that a stranger wrote: right in type and range, or an error that says why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from autograder.networks.records import UnsupportedModel

__all__ = ["MOST_VALUES", "Fields", "check_size", "numbers_of"]

MOST_VALUES = 500_000
_DEEPEST = 80
_MOST_FEATURES = 10_000_000


def check_size(config: object) -> None:
    """Raise UnsupportedModel where a configuration has too many values, or nests too deep to be a model."""
    seen = 0
    pending: list[tuple[object, int]] = [(config, 0)]
    while pending:
        value, depth = pending.pop()
        seen += 1
        if seen > MOST_VALUES or depth > _DEEPEST:
            raise UnsupportedModel("the model's configuration is too large or too deeply nested to be read")
        if isinstance(value, Mapping):
            pending.extend((part, depth + 1) for part in value.values())
        elif isinstance(value, list | tuple):
            pending.extend((part, depth + 1) for part in value)


def numbers_of(value: object) -> Any:
    """A finite number as float, or nested tuples of them; None for anything else.

    Reads Keras's own spelling of arrays as well: {"class_name": "__numpy__", "config": {"value": ...}}.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if abs(value) < 1e300 and math.isfinite(value) else None
    if isinstance(value, Mapping) and value.get("class_name") in ("__numpy__", "__tensor__"):
        inner = value.get("config")
        return numbers_of(inner.get("value")) if isinstance(inner, Mapping) else None
    if isinstance(value, list | tuple) and value:
        parts = tuple(numbers_of(part) for part in value)
        same_shape = len({_shape_of(part) for part in parts}) == 1
        return parts if same_shape and None not in parts else None
    return None


def _shape_of(value: Any) -> tuple[int, ...]:
    return (len(value), *_shape_of(value[0])) if isinstance(value, tuple) else ()


class Fields:
    """The settings of one layer, read one by one. Every reader raises UnsupportedModel naming the layer."""

    def __init__(self, layer: str, data: object) -> None:
        self.layer = layer
        if not isinstance(data, Mapping):
            raise UnsupportedModel("its settings are missing or damaged", layer=layer)
        self.data = data

    def problem(self, what: str) -> UnsupportedModel:
        """The error to raise about this layer."""
        return UnsupportedModel(what, layer=self.layer)

    def whole(self, key: str, *, least: int = 1, most: int = _MOST_FEATURES) -> int:
        """A whole number within bounds."""
        value = self.data.get(key)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.problem(f"its setting '{key}' is {_show(value)}, not a whole number that can be used")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A finite number; `default` where the setting is absent."""
        value = numbers_of(self.data.get(key, default))
        if not isinstance(value, float):
            raise self.problem(f"its setting '{key}' is {_show(self.data.get(key))}, not a number")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """True or False; `default` where the setting is absent."""
        value = self.data.get(key, default)
        if not isinstance(value, bool):
            raise self.problem(f"its setting '{key}' is {_show(value)}, not True or False")
        return value

    def numbers(self, key: str, default: float) -> Any:
        """A number, or nested tuples of numbers."""
        value = numbers_of(self.data.get(key, default))
        if value is None:
            raise self.problem(f"its setting '{key}' is {_show(self.data.get(key))}, not numbers")
        return value

    def wholes(self, key: str) -> tuple[int | None, ...]:
        """A list of whole numbers, some of which may be left open (None)."""
        value = self.data.get(key)
        if isinstance(value, Mapping) and value.get("class_name") == "__tuple__":
            value = value.get("items")
        good = isinstance(value, list | tuple) and all(
            part is None or (isinstance(part, int) and not isinstance(part, bool)) for part in value
        )
        if not good or len(value) > 16:  # type: ignore[arg-type]
            raise self.problem(f"its setting '{key}' is {_show(value)}, not a list of whole numbers")
        return tuple(value)  # type: ignore[arg-type]

    def check_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The same shape, if its size is within reason."""
        if any(size < 1 for size in shape) or math.prod(shape) > _MOST_FEATURES:
            raise self.problem(f"its shape {shape} is not one that can be used")
        return shape


def _show(value: object) -> str:
    text = "missing" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
