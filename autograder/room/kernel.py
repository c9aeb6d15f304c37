"""The student's kernel: an ordinary ipykernel with our data, the fit budget and a way to collect.

Started by the driver as `from autograder.room import kernel; kernel.start()`. Student code shares this
process, so nothing here is secret, and what leaves it is the student's claim.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import dnnlab
import keras
import keras._tf_keras.keras as tf_keras
import tensorflow as tf

from autograder.room.budget import Budget
from autograder.room.collector import Collector, Part, load_probes, write_part
from autograder.room.guard import Guard
from autograder.room.job import RoomJob

__all__ = ["collect", "mark", "run_probe", "start"]

PARTS = ".evidence"
"""The folder, in the scratch folder, through which the kernel hands parts to the driver."""


class _Kernel:
    """The parts of this process that belong to the grader."""

    def __init__(self) -> None:
        self.job = RoomJob.from_environment()
        self.budget = Budget(lambda: self.collector.marked)
        self.budget.install()
        _serve_data()
        # Saved trainings stay readable, but the code that made them is what the room wants to see run.
        dnnlab.is_saved = lambda name: False
        self.probes = load_probes(self.job.kit / "lab_probes.py")
        self.collector = Collector(self.job.questions, self._namespace)
        self.guard = Guard(("keras", "numpy", "json", "dnnlab", "autograder"))

    def _namespace(self) -> dict[str, Any]:
        from ipykernel.kernelapp import IPKernelApp

        shell: Any = IPKernelApp.instance().shell
        namespace: dict[str, Any] = shell.user_ns
        return namespace

    def names(self, patched: list[str]) -> Part:
        """The names part: what the notebook defined, how it trained, what it replaced."""
        record, arrays = self.collector.names()
        record |= {"fits": self.budget.fits, "evaluations": self.budget.evaluations, "patched": patched[:50]}
        record["global_seed_set"] = bool(dnnlab.global_seed_is_set())
        return record, arrays | self.budget.recorder.arrays

    def write(self, name: str, part: Part) -> None:
        """Hand a part to the driver."""
        folder = self.job.work / PARTS
        folder.mkdir(exist_ok=True)
        write_part(folder, name, part)


_kernels: list[_Kernel] = []


def start() -> None:
    """Become the kernel that the connection file in `sys.argv` describes."""
    from ipykernel.kernelapp import IPKernelApp

    _prefer_to_die()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    _kernels.append(_Kernel())
    sys.path.append(str(Path.cwd()))
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
        kernel.write("names", kernel.names(changed))


def run_probe(name: str) -> None:
    """Run one probe and write its part."""
    kernel = _kernels[0]
    with kernel.guard.restored():
        kernel.write(f"probe_{name}", kernel.collector.probe(kernel.probes[name]))


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
