"""The student's kernel: an ordinary ipykernel with our data, the fit budget and a way to collect.

Started by the driver as `from autograder.room import kernel; kernel.start()`. Student code shares this
process, so nothing here is secret, and what leaves it is the student's claim. All the same, plain patching
changes nothing: the driver's requests for evidence pass IPython by, and put patched functions back first.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dnnlab
import keras
import keras._tf_keras.keras as tf_keras
import tensorflow as tf
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp

from autograder.room.budget import Budget
from autograder.room.collector import Collector, Part, load_probes, write_part
from autograder.room.describe import said
from autograder.room.fstrings import readable
from autograder.room.guard import Guard
from autograder.room.job import PART_REQUEST, RoomJob
from autograder.room.scratch import fresh_folder, lay_out

__all__ = ["RoomKernel", "mark", "start"]

_GUARDED = (
    *("keras", "numpy", "json", "dnnlab", "autograder", "tensorflow._api"),
    *("contextlib", "inspect", "io", "math", "os", "pathlib", "posixpath", "traceback", "zipfile"),
)
"""The packages whose functions are put back before anything is described: what the description relies on."""
_MOST_SEEDS = 50
"""So many different seeds are noted; more say nothing."""


class _Room:
    """The parts of this process that belong to the grader."""

    def __init__(self) -> None:
        self.job = RoomJob.from_environment()
        self.budget = Budget(lambda: self.collector.marked)
        self.budget.install()
        _serve_data()
        # Saved trainings stay readable, but the code that made them is what the room wants to see run.
        dnnlab.is_saved = lambda name: False
        self.seeds: set[int] = set()
        dnnlab.set_seed = self._note_seeds(dnnlab.set_seed)
        self.probes = load_probes(self.job.kit / "lab_probes.py")
        self.collector = Collector(self.job.questions, _namespace)
        # Taken now, as a notebook may replace the method later.
        self._restored = Guard(_GUARDED).restored
        self._parts: dict[str, Callable[[str], None]] = {
            "question": self.collector.complete,
            "names": self._write_names,
            "probe": self._write_probe,
        }
        self._changed: set[str] = set()
        self._folder = self.job.work

    def _note_seeds(self, set_seed: Callable[[int], None]) -> Callable[[int], None]:
        @functools.wraps(set_seed)
        def noted(n: int) -> None:
            set_seed(n)
            if len(self.seeds) < _MOST_SEEDS:
                self.seeds.add(int(n))

        return noted

    def mark(self, question: str) -> None:
        """Note that a question's names are complete."""
        with self._restored():
            self.collector.mark(question)

    def answer(self, request: str) -> None:
        """Do what the driver asks for: "FOLDER question q1", "FOLDER names" or "FOLDER probe NAME"."""
        with self._restored() as changed:
            self._changed.update(changed)
            folder, kind, *name = request.split(" ")
            if folder != self._folder.name:
                fresh_folder(self.job.work / folder)
                self._folder = self.job.work / folder
            self._parts[kind](" ".join(name))

    def _write_names(self, _: str) -> None:
        """The names part: what the notebook defined, how it trained, what it replaced."""
        record, arrays = self.collector.names()
        record |= {"fits": self.budget.fits, "evaluations": self.budget.evaluations}
        record |= {"patched": sorted(self._changed)[:50]}
        record |= {"global_seed_set": bool(dnnlab.global_seed_is_set()), "seeds": sorted(self.seeds)}
        self._write("names", (record, arrays | self.budget.recorder.arrays))

    def _write_probe(self, name: str) -> None:
        with self.budget.probing():
            part = self.collector.probe(self.probes[name])
        self._write(f"probe_{name}", part)

    def _write(self, name: str, part: Part) -> None:
        """Hand a part to the driver."""
        write_part(self._folder, name, part)


_rooms: list[_Room] = []


class RoomKernel(IPythonKernel):
    """An IPython kernel that answers the driver itself, whatever a notebook did to its shell."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)  # type: ignore[no-untyped-call]
        self.room: _Room | None = None

    async def do_execute(self, code: str, silent: bool, *args: Any, **settings: Any) -> dict[str, Any]:
        """Run a cell, or hand over a part."""
        if self.room is None or not code.startswith(PART_REQUEST):
            run: Any = super().do_execute
            reply: dict[str, Any] = await run(code, silent, *args, **settings)
            return reply
        done: dict[str, Any] = {"status": "ok", "execution_count": 0, "payload": [], "user_expressions": {}}
        try:
            self.room.answer(code.removeprefix(PART_REQUEST))
        except BaseException as error:  # a student's object may raise anything while it is looked at
            told = {"ename": type(error).__name__, "evalue": said(error, 500), "traceback": []}
            self.send_response(self.iopub_socket, "error", told)  # type: ignore[no-untyped-call]
            done |= {"status": "error", **told}
        return done


def start() -> None:
    """Become the kernel that the connection file in `sys.argv` describes."""
    _prefer_to_die()
    # What was imported stays for good: collections need not look at it.
    gc.freeze()
    job = RoomJob.from_environment()
    lay_out(job.submission, job.work)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    app: Any = IPKernelApp.instance(kernel_class=RoomKernel)
    app.initialize(sys.argv[1:])
    app.shell.ask_exit = _stay
    app.shell.input_transformers_post.append(_readable)
    sys.path.append(str(Path.cwd()))
    # Only now: what ipykernel itself replaces is not a student's doing.
    app.kernel.room = _Room()
    _rooms.append(app.kernel.room)
    app.start()


def mark(question: str) -> None:
    """Note that a question's names are complete (called by the stand-in for Otter)."""
    if _rooms:
        _rooms[0].mark(question)


def _stay() -> None:
    """Stand in for leaving by `exit()` or `quit()`, which would end the kernel some cells later."""
    raise SystemExit("the notebook wants to end here; it is run to its end all the same")


def _readable(lines: list[str]) -> list[str]:
    return readable("".join(lines)).splitlines(keepends=True)


def _namespace() -> dict[str, Any]:
    shell: Any = IPKernelApp.instance().shell
    namespace: dict[str, Any] = shell.user_ns
    return namespace


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
