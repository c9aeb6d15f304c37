"""Gather evidence from a namespace: a question's names, and what the lab's probes find."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import json
import traceback
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from autograder.room.describe import PRIVATE, Record, Recorder, said
from autograder.room.models import Shapes, describe_model
from autograder.room.opened import library_bases
from autograder.room.stream import npz_bytes

__all__ = ["Collector", "Part", "ProbeRoom", "load_probes", "write_part"]

Part = tuple[dict[str, Any], dict[str, np.ndarray]]
"""A record and the arrays that it names."""
MAX_MARKS = 100
MAX_CLASSES = 50


class ProbeRoom:
    """What a probe is given: the student's names, and ways to describe what it finds."""

    def __init__(self, namespace: dict[str, Any], recorder: Recorder) -> None:
        self._namespace = namespace
        self._recorder = recorder

    def defined(self, name: str) -> Any:
        """What the student defined under this name. Raises NameError where there is nothing."""
        if name not in self._namespace:
            raise NameError(f"{name} is not defined")
        return self._namespace[name]

    @contextlib.contextmanager
    def standing_in(self, name: str, thing: Any) -> Iterator[None]:
        """Within the block the student's code finds `thing` under this name, whatever it defined there."""
        missing = object()
        before = self._namespace.get(name, missing)
        self._namespace[name] = thing
        try:
            yield
        finally:
            if before is missing:
                self._namespace.pop(name, None)
            else:
                self._namespace[name] = before

    def rerun(self, source: str, **names: Any) -> dict[str, Any]:
        """All names after code of the student's ran once more, with these names in place of theirs.

        What the student defined stays as it is. Raises whatever the code raises.
        """
        namespace = {**self._namespace, **names}
        exec(compile(source, "<rerun>", "exec"), namespace)
        return namespace

    def model(self, model: Any, input_shape: Shapes | None = None) -> Record:
        """The record of a model as it is now; of anything else, what it is. It may be put into containers."""
        if isinstance(model, keras.Model):
            return Record(describe_model(self._recorder.keep, model, input_shape))
        return self.value(model)

    def value(self, thing: Any) -> Record:
        """The record of any value as it is now. It may be put into containers."""
        return Record(self._recorder.value(thing))


class Collector:
    """Gathers evidence from one namespace: names per question, probes, and what the budget recorded."""

    def __init__(self, questions: dict[str, list[str]], namespace: Callable[[], dict[str, Any]]) -> None:
        self._questions = questions
        self._namespace = namespace
        self._recorder = Recorder("n")
        self._marked: dict[str, dict[str, Any]] = {}
        self._complete: dict[str, dict[str, Any]] = {}
        self._marks = 0

    @property
    def marked(self) -> list[str]:
        """The questions that were marked so far, in that order."""
        return list(self._marked)

    def mark(self, question: str) -> None:
        """Describe a question's names as they are now; the last mark counts."""
        self._marks += 1
        if question in self._questions and self._marks <= MAX_MARKS:
            self._marked[question] = self._describe(question, but=())

    def complete(self, question: str) -> None:
        """Describe the names of a question that no mark found, as they are at the end of the notebook."""
        marked = self._marked.get(question, {})
        self._complete[question] = marked | self._describe(question, but=marked)

    def _describe(self, question: str, but: Collection[str]) -> dict[str, Any]:
        namespace = self._namespace()
        return {
            name: self._recorder.value(namespace[name])
            for name in self._questions[question]
            if name in namespace and name not in but
        }

    def names(self) -> Part:
        """All names of the questions that are complete, or of all if none is."""
        for question in () if self._complete else self._questions:
            self.complete(question)
        names = {name: record for found in self._complete.values() for name, record in found.items()}
        record = {"schema": 1, "names": names, "layer_classes": _layer_classes(self._namespace())}
        return record, dict(self._recorder.arrays)

    def probe(self, function: Callable[[ProbeRoom], Any]) -> Part:
        """Run one probe. What the student's code raises becomes part of the record."""
        recorder = Recorder("p")
        record: dict[str, Any] = {"schema": 1}
        try:
            found = function(ProbeRoom(self._namespace(), recorder))
            record["value"] = found if isinstance(found, dict) and "kind" in found else recorder.value(found)
        except BaseException as error:  # a student's function may raise SystemExit too
            record["problem"] = said(error)
            record["lines"] = _student_lines(error)
        return record, recorder.arrays


def _layer_classes(namespace: dict[str, Any]) -> dict[str, list[str]]:
    """The layer classes that a notebook defined, by name, with the Keras classes that each derives from."""
    found: dict[str, list[str]] = {}
    for thing in list(namespace.values()):
        # Whatever stands in a notebook may pretend to be a class, and break when it is looked at, or leave.
        with contextlib.suppress(BaseException):
            if issubclass(type(thing), type) and issubclass(thing, keras.layers.Layer):
                bases = [] if issubclass(thing, keras.Model) else library_bases(thing)
                if bases and len(found) < MAX_CLASSES:
                    found[thing.__name__[:200]] = bases[:20]
    return found


def _student_lines(error: BaseException) -> list[str]:
    """The source lines of the notebook that an error went through, innermost last."""
    frames = traceback.extract_tb(error.__traceback__)
    return [
        frame.line or ""
        for frame in frames
        if "ipykernel" in frame.filename and "site-packages" not in frame.filename
    ][-3:]


def write_part(folder: Path, name: str, part: Part) -> None:
    """Write a part as `<name>.json` and `<name>.npz`, for the driver's group to read."""
    record, arrays = part
    said = json.dumps(_without_private(record)).encode()
    for path, content in ((folder / f"{name}.npz", npz_bytes(arrays)), (folder / f"{name}.json", said)):
        path.write_bytes(content)
        path.chmod(0o640)


def load_probes(path: Path) -> dict[str, Callable[[ProbeRoom], Any]]:
    """The public functions of a lab's probe module, by name; none where there is no such module."""
    if not path.exists():
        return {}
    spec = importlib.util.spec_from_file_location("lab_probes", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {
        name: function
        for name, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == "lab_probes" and not name.startswith("_")
    }


def _without_private(record: Any) -> Any:
    """A record without what only this process needs."""
    if isinstance(record, dict):
        return {key: _without_private(value) for key, value in record.items() if key != PRIVATE}
    return [_without_private(item) for item in record] if isinstance(record, (list, tuple)) else record
