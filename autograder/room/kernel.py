"""The student's kernel: an ordinary ipykernel with our data, the fit budget and a way to collect.

Started by the driver as `from autograder.room import kernel; kernel.start()`. Student code shares this
process, so nothing here is secret, and what leaves it is the student's claim.
"""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dnnlab
import keras
import keras._tf_keras.keras as tf_keras
import numpy as np
import tensorflow as tf

from autograder.room.budget import Budget
from autograder.room.describe import Recorder
from autograder.room.guard import Guard
from autograder.room.job import RoomJob
from autograder.room.models import describe_model
from autograder.room.stream import npz_bytes

__all__ = ["Collector", "ProbeRoom", "collect", "mark", "run_probe", "start"]

PARTS = ".evidence"
"""The folder, in the scratch folder, through which the kernel hands parts to the driver."""
MAX_MARKS = 100


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

    def model(self, model: Any, input_shape: tuple[int, ...] | None = None) -> dict[str, Any]:
        """The record of a model; of anything else, what it is."""
        if isinstance(model, keras.Model):
            return describe_model(self._recorder, model, input_shape)
        return self._recorder.value(model)

    def value(self, thing: Any) -> dict[str, Any]:
        """The record of any value."""
        return self._recorder.value(thing)


class Collector:
    """Gathers evidence from one namespace: names per question, probes, and what the budget recorded."""

    def __init__(self, questions: dict[str, list[str]], namespace: Callable[[], dict[str, Any]], budget: Budget | None) -> None:
        self._questions = questions
        self._namespace = namespace
        self._budget = budget
        self._recorder = Recorder("n")
        self._marked: dict[str, dict[str, Any]] = {}
        self._marks = 0

    @property
    def marked(self) -> list[str]:
        """The questions that were marked so far, in that order."""
        return list(self._marked)

    def mark(self, question: str) -> None:
        """Describe a question's names as they are now; the last mark counts."""
        self._marks += 1
        if question in self._questions and self._marks <= MAX_MARKS:
            self._marked[question] = self._describe(question)

    def _describe(self, question: str) -> dict[str, Any]:
        namespace = self._namespace()
        return {name: self._recorder.value(namespace[name]) for name in self._questions[question] if name in namespace}

    def names(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """All names of all questions, and the training calls. A mark outranks the end of the notebook."""
        names: dict[str, Any] = {}
        for question in self._questions:
            names.update(self._describe(question) | self._marked.get(question, {}))
        record: dict[str, Any] = {"schema": 1, "names": names, "global_seed_set": bool(dnnlab.global_seed_is_set())}
        arrays = dict(self._recorder.arrays)
        if self._budget is not None:
            record["fits"], record["evaluations"] = self._budget.fits, self._budget.evaluations
            arrays.update(self._budget.recorder.arrays)
        return record, arrays

    def probe(self, function: Callable[[ProbeRoom], Any]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Run one probe. What the student's code raises becomes part of the record."""
        recorder = Recorder("p")
        record: dict[str, Any] = {"schema": 1}
        try:
            found = function(ProbeRoom(self._namespace(), recorder))
            record["value"] = found if isinstance(found, dict) and "kind" in found else recorder.value(found)
        except BaseException as error:  # a student's function may raise SystemExit too
            record["problem"] = f"{type(error).__name__}: {error}"[:2000]
            record["lines"] = _student_lines(error)
        return record, recorder.arrays


def _student_lines(error: BaseException) -> list[str]:
    """The source lines of the notebook that an error went through, innermost last."""
    frames = traceback.extract_tb(error.__traceback__)
    return [frame.line or "" for frame in frames if "ipykernel" in frame.filename and "site-packages" not in frame.filename][-3:]


class _Kernel:
    """The parts of this process that belong to the grader."""

    def __init__(self) -> None:
        self.job = RoomJob.from_environment()
        self.budget = Budget(lambda: self.collector.marked)
        self.budget.install()
        _serve_data()
        # Saved trainings stay readable, but the code that made them is what the room wants to see run.
        dnnlab.is_saved = lambda name: False
        self.probes = _load_probes(self.job.kit / "lab_probes.py")
        self.collector = Collector(self.job.questions, self._namespace, self.budget)
        self.guard = Guard(("keras", "numpy", "json", "dnnlab", "autograder"))

    def _namespace(self) -> dict[str, Any]:
        from ipykernel.kernelapp import IPKernelApp

        return IPKernelApp.instance().shell.user_ns

    def write(self, part: str, found: tuple[dict[str, Any], dict[str, np.ndarray]], **more: Any) -> None:
        """Hand a part to the driver."""
        folder = self.job.work / PARTS
        folder.mkdir(exist_ok=True)
        record, arrays = found
        (folder / f"{part}.npz").write_bytes(npz_bytes(arrays))
        (folder / f"{part}.json").write_text(json.dumps(_without_private(record | more)), encoding="utf-8")


_kernels: list[_Kernel] = []


def start() -> None:
    """Become the kernel that the connection file in `sys.argv` describes."""
    from ipykernel.kernelapp import IPKernelApp

    _prefer_to_die()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    _kernels.append(_Kernel())
    sys.path.append(os.getcwd())
    app = IPKernelApp.instance()
    app.initialize(sys.argv[1:])
    app.start()


def mark(question: str) -> None:
    """Note that a question's names are complete (called by the stand-in for Otter)."""
    kernel = _kernels[0]
    with kernel.guard.restored():
        kernel.collector.mark(question)


def collect() -> None:
    """Write the names part."""
    kernel = _kernels[0]
    with kernel.guard.restored() as changed:
        kernel.write("names", kernel.collector.names(), patched=changed[:50])


def run_probe(name: str) -> None:
    """Run one probe and write its part."""
    kernel = _kernels[0]
    with kernel.guard.restored():
        kernel.write(f"probe_{name}", kernel.collector.probe(kernel.probes[name]))


def load_probes(path: Path) -> dict[str, Callable[[ProbeRoom], Any]]:
    """The public functions of a lab's probe module, by name."""
    spec = importlib.util.spec_from_file_location("lab_probes", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {
        name: function
        for name, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == "lab_probes" and not name.startswith("_")
    }


def _load_probes(path: Path) -> dict[str, Callable[[ProbeRoom], Any]]:
    return load_probes(path) if path.exists() else {}


def _prefer_to_die() -> None:
    """Let the memory killer take this process rather than the driver."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _serve_data() -> None:
    """Make `keras.datasets.*.load_data()` return the data of this machine, without a download."""
    for name in ("mnist", "fashion_mnist", "cifar10"):
        load = getattr(dnnlab, f"load_{name}")
        for package in (keras, tf_keras):
            getattr(package.datasets, name).load_data = lambda *args, _load=load, **kwargs: _load()


def _without_private(record: Any) -> Any:
    """A record without the keys that only this process needs."""
    if isinstance(record, dict):
        return {key: _without_private(value) for key, value in record.items() if not str(key).startswith("_")}
    return [_without_private(item) for item in record] if isinstance(record, (list, tuple)) else record
