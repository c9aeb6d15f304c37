"""Undo what student code patched, before anything is described.

A notebook may replace `keras.Model.get_config` or `numpy.asarray`, by mistake or to mislead. The guard
remembers the functions and classes of the libraries that the description relies on, and puts them back.
It stops plain patching only; what gets past it must still agree with weights and outputs, which the
judge computes for itself.
"""

from __future__ import annotations

import contextlib
import gc
import sys
import types
from collections.abc import Iterator
from typing import Any

__all__ = ["Guard"]

_KEPT = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    type,
    property,
    classmethod,
    staticmethod,
)


class Guard:
    """A snapshot of the functions and classes of some packages."""

    def __init__(self, packages: tuple[str, ...]) -> None:
        self._attributes: list[tuple[Any, str, Any]] = []
        self._bodies: list[tuple[types.FunctionType, types.CodeType, Any, Any]] = []
        classes: dict[int, type] = {}
        for name, module in list(sys.modules.items()):
            if module is None or name.split(".")[0] not in packages:
                continue
            for attribute, value in list(vars(module).items()):
                if isinstance(value, _KEPT):
                    self._remember(module, attribute, value)
                if isinstance(value, type) and value.__module__.split(".")[0] in packages:
                    classes[id(value)] = value
        for cls in classes.values():
            for attribute, value in list(vars(cls).items()):
                if isinstance(value, _KEPT):
                    self._remember(cls, attribute, value)

    def _remember(self, owner: Any, attribute: str, value: Any) -> None:
        self._attributes.append((owner, attribute, value))
        if isinstance(value, types.FunctionType):
            self._bodies.append((value, value.__code__, value.__defaults__, value.__kwdefaults__))

    @contextlib.contextmanager
    def restored(self) -> Iterator[list[str]]:
        """Within the block everything is as it was; yields what had been changed, as `module.name`."""
        sys.settrace(None)
        sys.setprofile(None)
        gc.callbacks.clear()
        bodies = [
            (function, function.__code__)
            for function, code, *_ in self._bodies
            if function.__code__ is not code
        ]
        for function, code, defaults, keyword_defaults in self._bodies:
            function.__code__, function.__defaults__, function.__kwdefaults__ = (
                code,
                defaults,
                keyword_defaults,
            )
        changed = [
            (owner, name, vars(owner).get(name))
            for owner, name, value in self._attributes
            if vars(owner).get(name) is not value
        ]
        for owner, name, value in self._attributes:
            if vars(owner).get(name) is not value:
                _set(owner, name, value)
        names = [f"{function.__module__}.{function.__qualname__}" for function, _ in bodies]
        names += [f"{getattr(owner, '__name__', owner)}.{name}" for owner, name, _ in changed]
        try:
            yield sorted(set(names))
        finally:
            for owner, name, value in changed:
                if value is not None:
                    _set(owner, name, value)
            for function, code in bodies:
                function.__code__ = code


def _set(owner: Any, name: str, value: Any) -> None:
    # Types made in C cannot be changed, neither by a student nor back.
    with contextlib.suppress(AttributeError, TypeError):
        setattr(owner, name, value)
