"""Undo what student code patched, before anything is described.

A notebook may replace `keras.Model.get_config` or `numpy.asarray`, by mistake or to mislead. The guard
remembers the functions and classes of the libraries that the description relies on, and puts them back.
It stops plain patching only; what gets past it must still agree with weights and outputs, which the
judge computes for itself.
"""

from __future__ import annotations

import builtins
import contextlib
import gc
import sys
import types
from collections.abc import Iterator
from typing import Any

__all__ = ["Guard"]

_KEPT = (types.ModuleType, property, classmethod, staticmethod)
"""What is remembered beside everything that can be called."""


class Guard:
    """A snapshot of the modules, functions and classes of some packages and all that is in them."""

    def __init__(self, packages: tuple[str, ...]) -> None:
        self._first = [(vars(builtins), dict(vars(builtins))), (globals(), dict(globals()))]
        self._own = dict(vars(Guard))
        self._modules: dict[str, types.ModuleType] = {}
        self._classes: dict[int, tuple[type, frozenset[str]]] = {}
        self._attributes: list[tuple[Any, str, Any]] = []
        self._bodies: list[tuple[types.FunctionType, types.CodeType, Any, Any]] = []
        self._keyword_defaults: list[tuple[dict[str, Any], dict[str, Any]]] = []
        for name, module in list(sys.modules.items()):
            if module is None or not _belongs(name, packages):
                continue
            self._modules[name] = module
            for attribute, value in list(vars(module).items()):
                if _is_kept(value):
                    self._remember(module, attribute, value)
                if isinstance(value, type) and _belongs(str(value.__module__), packages):
                    self._classes[id(value)] = value, frozenset(vars(value))
        for cls, _ in self._classes.values():
            for attribute, value in list(vars(cls).items()):
                if _is_kept(value):
                    self._remember(cls, attribute, value)

    def _remember(self, owner: Any, attribute: str, value: Any) -> None:
        self._attributes.append((owner, attribute, value))
        if isinstance(value, types.FunctionType):
            self._bodies.append((value, value.__code__, value.__defaults__, value.__kwdefaults__))
            if value.__kwdefaults__ is not None:
                self._keyword_defaults.append((value.__kwdefaults__, {**value.__kwdefaults__}))

    @contextlib.contextmanager
    def restored(self) -> Iterator[list[str]]:
        """Within the block everything is as it was; yields what had been changed, as `module.name`."""
        # First what this very code consists of; so far, it calls nothing that could be patched.
        patched = [(namespace, {**namespace}) for namespace, _ in self._first]
        for namespace, content in self._first:
            namespace.update(content)
        for name, value in self._own.items():
            _set(Guard, name, value)
        sys.settrace(None)
        sys.setprofile(None)
        gc.callbacks.clear()
        modules = self._restore_modules()
        bodies = self._restore_bodies()
        self._restore_keyword_defaults()
        changed = self._restore_attributes() + self._remove_additions()
        names = [
            f"builtins.{name}"
            for name, value in self._first[0][1].items()
            if patched[0][1].get(name) is not value
        ]
        names += [*modules, *(f"{function.__module__}.{function.__qualname__}" for function, _ in bodies)]
        names += [f"{getattr(owner, '__name__', owner)}.{name}" for owner, name, _ in changed]
        try:
            yield sorted(set(names))
        finally:
            for owner, name, value in changed:
                if value is not None:
                    _set(owner, name, value)
            for function, code in bodies:
                function.__code__ = code
            sys.modules.update(modules)
            for namespace, content in patched:
                namespace.update(content)

    def _restore_modules(self) -> dict[str, Any]:
        found = {name: sys.modules.get(name) for name in self._modules}
        swapped = {name: module for name, module in found.items() if module is not self._modules[name]}
        sys.modules.update({name: self._modules[name] for name in swapped})
        return {name: module for name, module in swapped.items() if module is not None}

    def _restore_bodies(self) -> list[tuple[types.FunctionType, types.CodeType]]:
        swapped = []
        # Only what differs is set: a function that is set anew loses what the interpreter has learned of it.
        for function, code, defaults, keyword_defaults in self._bodies:
            if function.__code__ is not code:
                swapped.append((function, function.__code__))
                function.__code__ = code
            if function.__defaults__ is not defaults:
                function.__defaults__ = defaults
            if function.__kwdefaults__ is not keyword_defaults:
                function.__kwdefaults__ = keyword_defaults
        return swapped

    def _restore_keyword_defaults(self) -> None:
        """Put back the defaults of arguments by name that were changed in place."""
        for by_name, content in self._keyword_defaults:
            pairs = zip(by_name.items(), content.items(), strict=False)
            # Compared one by one, as what a student put there may call itself equal to anything.
            if len(by_name) != len(content) or any(a is not c or b is not d for (a, b), (c, d) in pairs):
                by_name.clear()
                by_name.update(content)

    def _restore_attributes(self) -> list[tuple[Any, str, Any]]:
        changed = []
        for owner, name, value in self._attributes:
            found = vars(owner).get(name)
            if found is not value:
                changed.append((owner, name, found))
                _set(owner, name, value)
        return changed

    def _remove_additions(self) -> list[tuple[Any, str, Any]]:
        """Take away methods that a class did not have before, as they hide those of its bases."""
        added = []
        for cls, known in self._classes.values():
            for name in [name for name in vars(cls) if name not in known]:
                if _is_kept(vars(cls)[name]):
                    added.append((cls, name, vars(cls)[name]))
        for cls, name, _ in added:
            with contextlib.suppress(AttributeError, TypeError):
                delattr(cls, name)
        return added


def _is_kept(value: Any) -> bool:
    # NumPy's functions, for one, are objects of several kinds.
    return callable(value) or isinstance(value, _KEPT)


def _belongs(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _set(owner: Any, name: str, value: Any) -> None:
    # Types made in C cannot be changed, neither by a student nor back.
    with contextlib.suppress(AttributeError, TypeError):
        setattr(owner, name, value)
