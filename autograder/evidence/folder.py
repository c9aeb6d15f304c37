"""Read an evidence folder: everything that is known of one submission."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from autograder.errors import LabProblem, MachineFault
from autograder.evidence.files import EvidenceProblem, read_arrays, read_json
from autograder.evidence.values import (
    ArrayView,
    ClassView,
    Compilation,
    FunctionView,
    HistoryView,
    ModelView,
    class_bases,
    compilation,
    model_view,
    number,
    view,
    whole,
)

if TYPE_CHECKING:
    from autograder.calibration import Calibration
    from autograder.data import DataSet
    from autograder.labs import Task
    from autograder.networks.records import Graph
    from autograder.signals import Signals

__all__ = [
    "Callback",
    "Cell",
    "Division",
    "Evaluation",
    "Evidence",
    "Fed",
    "Fit",
    "SavedFile",
    "Unanswered",
    "describe",
    "in_one_line",
    "read_evidence",
]

MAX_ERROR = 500
"""How much of a cell's error is kept."""
MAX_SHOWN = 300
"""How much of one line of it is shown."""
MAX_RECORDS = 2_000
"""Of trainings, cells and the like; the room writes no more."""
_COLOUR = re.compile(r"\x1b(\[[0-9;]*[A-Za-z]?)?")
_SAYS_NOTHING = re.compile(r"Exception encountered when calling .*")
_DUMP = re.compile(r"value=|\[\[|Arguments received")
"""Where an error of Keras turns from words to numbers."""


class Unanswered(AssertionError):
    """A question cannot be judged, as the notebook lacks what it needs; the message is for the student."""


def in_one_line(error: str) -> str:
    """What an error says, for a message: the first line that says something, and the advice of `dnnlab`.

    Colours and arrays are left out; where a line is cut it ends with "…", and with no full stop otherwise.
    """
    text = _SAYS_NOTHING.sub("", _COLOUR.sub("", error))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and re.fullmatch(r"\w+:", lines[0]):
        lines[:2] = [" ".join(lines[:2])]
    if not lines:
        return ""
    shown = _DUMP.split(lines[0], maxsplit=1)[0][:MAX_SHOWN]
    torn = len(lines) == 1 and len(error) >= MAX_ERROR
    if torn or shown != lines[0]:
        return shown.rstrip(" ,:;.([") + "…"
    advice = next((line for line in lines[1:] if line.startswith("What to do:")), "")
    return ". ".join(part.rstrip(".:") for part in (shown, advice) if part)


_NOT_THERE = (
    " The grader has the packages that the lab's README names, and `dnnlab.py`. Do without any others, and "
    "move what you wrote into files of your own into the notebook."
)


@attrs.frozen(kw_only=True)
class Cell:
    """What became of one code cell."""

    number: int
    status: str
    """ok, error, interrupted, hung, ended the kernel, left out, or not reached."""
    error: str = ""
    seconds: float = 0.0
    count: int = 0
    """Its number among the code cells, from 1: what Jupyter shows as In [n]. `number` counts texts, too."""
    left_out: int = 0
    """How many of its statements were left out, as they ended the kernel."""

    @property
    def trouble(self) -> str:
        """A sentence for the student on a cell that did not run as it stands; empty for any other."""
        if self.status != "ok":
            why = in_one_line(self.error) or self.status
            end = "" if why.endswith(("…", "?", "!")) else "."
            advice = _NOT_THERE if self.error.startswith("ModuleNotFoundError") else ""
            return f"Code cell {self.count} of your notebook did not finish: {why}{end}{advice}"
        if self.left_out:
            return (
                f"Code cell {self.count} of your notebook ended its own kernel; it was run without the "
                "statement that did."
            )
        return ""


@attrs.frozen(kw_only=True)
class Callback:
    """A callback given to `fit`: its class, the classes it derives from, its plain settings."""

    type: str
    bases: tuple[str, ...]
    settings: Mapping[str, Any]


@attrs.frozen(kw_only=True, eq=False)
class Fed:
    """A few rows of what `fit` was given, inputs and labels in step."""

    rows: int | None
    inputs: ArrayView | None
    labels: ArrayView | None
    label_range: tuple[float, float] | None = None
    """The lowest and the highest label of all rows."""


@attrs.frozen(kw_only=True)
class Division:
    """How a small training divides its pictures into those that it is given and those that are held out."""

    trained: int
    print: str
    """The same for the same pictures to train on, in whatever order."""
    held_out: int | None = None
    both: int | None = None
    """How many of those that are held out are among those trained on."""


@attrs.frozen(kw_only=True, eq=False)
class Fit:
    """One recorded call of `fit`. It ran for a few steps only."""

    model: int
    """Which model: the same number, the same object."""
    after: tuple[str, ...]
    """The questions that the notebook had completed by then."""
    compilation: Compilation | None
    epochs: int
    batch_size: int | None
    validation_split: float
    callbacks: tuple[Callback, ...]
    training: Fed | None
    validation: Fed | None
    history: Mapping[str, list[float]]
    raised: str
    outputs: int | None = None
    """How many numbers the model gives for an input."""
    trainable: int | None = None
    """How many of the model's weights training may change."""
    trained_at: tuple[float, ...] = ()
    """The learning rates of the earlier calls that left the weights from which this one went on."""
    continues: bool = False
    """Whether it began with weights that an earlier training left."""
    layers: frozenset[str] = frozenset()
    """The classes of the model's layers, and the Keras classes that these derive from."""
    division: Division | None = None
    """Known of small trainings only."""


@attrs.frozen(kw_only=True)
class Evaluation:
    """One recorded call of `evaluate`."""

    model: int
    learning_rate: float | None
    results: tuple[float, ...]
    in_fit: bool = False
    """Whether `fit` made it, as it does with its validation data."""


@attrs.frozen(kw_only=True, eq=False)
class SavedFile:
    """A submitted model or history file, as it was before any student code ran."""

    name: str
    problem: str
    model: ModelView | None = None
    history: Mapping[str, list[float]] | None = None


@attrs.frozen(kw_only=True, eq=False)
class Evidence:
    """What a submission did. Names and probes come from the student's process and are claims."""

    names: Mapping[str, Any]
    probes: Mapping[str, Any]
    """What each probe found, or an `Unanswered`."""
    fits: tuple[Fit, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    files: Mapping[str, SavedFile] = attrs.field(factory=dict)
    cells: tuple[Cell, ...] = ()
    layer_classes: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    """Of each layer class that the notebook defined, by name, the Keras classes that it derives from."""
    patched: tuple[str, ...] = ()
    global_seed_set: bool = False
    seeds: tuple[int, ...] = ()
    """What `dnnlab.set_seed` was called with."""
    problems: tuple[str, ...] = ()
    """What could not be read of this evidence."""
    observed: bool = True
    """Whether trainings were recorded as they ran; they are not in a live notebook."""
    dataset: DataSet | None = None
    """The grader's own copy of the data."""
    calibrations: Mapping[str, Calibration] = attrs.field(factory=dict)
    """The marks of each model on that data."""
    signals: Mapping[str, Signals] = attrs.field(factory=dict)
    """How signals pass through fresh networks of the reference on that data, for models that were sampled."""
    references: Mapping[str, Graph] = attrs.field(factory=dict)
    """The network of each model in the reference solution."""
    tasks: Mapping[str, Task] = attrs.field(factory=dict)
    """What each model that is handed in is for."""

    @property
    def data(self) -> DataSet:
        """The grader's own copy of the data. Raises MachineFault where it was not given."""
        if self.dataset is None:
            raise MachineFault("a test needs the data set, and none was given to the judge")
        return self.dataset

    def task(self, model: str) -> Task:
        """What a model is for. Raises LabProblem where the lab has none of that name."""
        if model not in self.tasks:
            raise LabProblem(f"{model} is not a model of this lab", hint="add it to the models of lab.toml")
        return self.tasks[model]

    def calibrated(self, model: str) -> Calibration:
        """The marks of a model. Raises LabProblem where there are none on this data."""
        if model not in self.calibrations:
            raise LabProblem(
                f"{model} has no calibration on {self.data.identity!r}", hint="run `autograder calibrate`"
            )
        return self.calibrations[model]

    def sampled(self, model: str) -> Signals:
        """How signals pass through a fresh network of a model. Raises LabProblem without samples."""
        if model not in self.signals:
            raise LabProblem(
                f"{model} has no samples of fresh networks on {self.data.identity!r}",
                hint="say how many under `fresh` in lab.toml, and run `autograder calibrate`",
            )
        return self.signals[model]

    def labels(self, name: str) -> ArrayView | None:
        """The array of that name, or None where there is none that could be read."""
        found = self.names.get(name)
        return found if isinstance(found, ArrayView) else None

    def value(self, name: str) -> Any:
        """What the notebook defined under this name. Raises Unanswered."""
        if name not in self.names:
            raise Unanswered(
                f"`{name}` is not defined when your notebook has run from top to bottom.{self._hint()}"
            )
        return self.names[name]

    def probe(self, name: str) -> Any:
        """What a probe found. Raises Unanswered where the student's code failed or is not there."""
        if name not in self.probes:
            raise Unanswered(
                f"`{name}` could not be tried out: it ended the notebook's kernel, or never returned."
            )
        found = self.probes[name]
        if isinstance(found, Unanswered):
            raise Unanswered(str(found) + self._hint())
        return found

    def model(self, name: str) -> ModelView:
        """The model under this name, which may be unreadable (`problem`). Raises Unanswered."""
        return self._as_model(self.value(name), name)

    def probe_model(self, name: str) -> ModelView:
        """The model that a probe found, which may be unreadable (`problem`). Raises Unanswered."""
        return self._as_model(self.probe(name), f"{name}()")

    def _as_model(self, found: Any, name: str) -> ModelView:
        if not isinstance(found, ModelView):
            raise Unanswered(f"`{name}` is {describe(found)}, not a Keras model.")
        return found

    def saved_model(self, name: str) -> ModelView:
        """The submitted model file `<name>.keras`. Raises Unanswered."""
        saved = self.files.get(f"{name}.keras")
        if saved is None:
            raise Unanswered(f"`{name}.keras` was not submitted. Hand it in together with your notebook.")
        if saved.problem or saved.model is None:
            raise Unanswered(f"`{name}.keras` cannot be read: {saved.problem}")
        return saved.model

    def saved_history(self, name: str) -> Mapping[str, list[float]] | None:
        """The submitted history of a training, or None if there is none that can be read."""
        saved = self.files.get(f"{name}.history.json")
        return saved.history if saved else None

    def _hint(self) -> str:
        trouble = next((cell.trouble for cell in self.cells if cell.trouble), "")
        return f" ({trouble})" if trouble else ""


def describe(found: Any) -> str:
    """What a value is, for a message."""
    if found is None:
        return "None"
    if isinstance(found, ArrayView):
        return f"an array of shape {found.shape}"
    if isinstance(found, ClassView):
        return "a class"
    if isinstance(found, FunctionView):
        return "a function"
    if isinstance(found, HistoryView):
        return "a training history"
    name = getattr(found, "type", None) or type(found).__name__
    return f"of type {name}"


def read_evidence(folder: Path) -> Evidence:
    """Read what is there. What is missing or malformed is left out and named in `problems`."""
    problems: list[str] = []
    names, arrays = _part(folder, "names", problems)
    cells, _ = _part(folder, "cells", problems)
    files, file_arrays = _part(folder, "models", problems)
    probes = _probes(folder, problems)
    defined = _guarded(lambda: _views(names.get("names") or {}, arrays, problems), {}, problems)
    return Evidence(
        names={name: _with_answer(name, found, probes) for name, found in defined.items()},
        probes=probes,
        fits=tuple(_each(names.get("fits"), lambda record: _fit(record, arrays), problems)),
        evaluations=tuple(_each(names.get("evaluations"), _evaluation, problems)),
        files={
            file.name: file for file in _each(files.get("files"), lambda r: _saved(r, file_arrays), problems)
        },
        cells=_cells(cells.get("cells"), problems),
        layer_classes=_guarded(lambda: class_bases(names.get("layer_classes")), {}, problems),
        patched=tuple(_each(names.get("patched"), lambda name: _name(name, 200), problems))[:50],
        global_seed_set=names.get("global_seed_set") is True,
        seeds=_seeds(names.get("seeds")),
        problems=tuple(problems),
    )


def _part(folder: Path, name: str, problems: list[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    record: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    try:
        if _is_there(folder / f"{name}.json"):
            record = read_json(folder / f"{name}.json")
        if _is_there(folder / f"{name}.npz"):
            arrays = read_arrays(folder / f"{name}.npz")
    except EvidenceProblem as problem:
        problems.append(str(problem))
    return record, arrays


def _is_there(path: Path) -> bool:
    """Whether there is such a file, and no link or folder in its place. Raises EvidenceProblem."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise EvidenceProblem(f"{path.name} is not a file")
    return path.exists()


def _guarded(make: Any, otherwise: Any, problems: list[str]) -> Any:
    try:
        return make()
    except (
        EvidenceProblem,
        TypeError,
        ValueError,
        KeyError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as problem:
        problems.append(f"{type(problem).__name__}: {problem}"[:300])
        return otherwise


def _each(records: Any, make: Any, problems: list[str]) -> Iterator[Any]:
    for record in records[:MAX_RECORDS] if isinstance(records, list) else []:
        found = _guarded(lambda record=record: make(record), None, problems)
        if found is not None:
            yield found


def _views(records: dict[str, Any], arrays: dict[str, np.ndarray], problems: list[str]) -> dict[str, Any]:
    found = {
        name: _guarded(lambda r=record: view(r, arrays), None, problems) for name, record in records.items()
    }
    return {
        name: value for name, value in found.items() if value is not None or records[name] == {"kind": "none"}
    }


def _probes(folder: Path, problems: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted(folder.glob("probe_*.json")):
        name = path.stem.removeprefix("probe_")
        record, arrays = _part(folder, path.stem, problems)
        if "problem" in record:
            found[name] = Unanswered(_probe_problem(name, record))
        elif "value" in record:
            value = _guarded(lambda r=record, a=arrays: view(r["value"], a), None, problems)
            if value is not None or record["value"] == {"kind": "none"}:
                found[name] = value
    return found


def _probe_problem(name: str, record: dict[str, Any]) -> str:
    lines = (
        [str(line)[:200] for line in record.get("lines", []) if line]
        if isinstance(record.get("lines"), list)
        else []
    )
    where = f" at `{lines[-1]}`" if lines else ""
    return f"`{name}` could not be tried out: {str(record['problem'])[:500]}{where}."


def _with_answer(name: str, found: Any, probes: Mapping[str, Any]) -> Any:
    return (
        attrs.evolve(found, answer=probes[name])
        if isinstance(found, FunctionView) and name in probes
        else found
    )


def _fit(record: dict[str, Any], arrays: dict[str, np.ndarray]) -> Fit:
    history = view(record["history"], arrays) if "history" in record else None
    return Fit(
        model=whole(record["model"]),
        after=_names(record.get("after")),
        compilation=compilation(record.get("compiled")),
        epochs=whole(record["epochs"]),
        batch_size=None if record.get("batch_size") is None else whole(record["batch_size"]),
        validation_split=number(record.get("validation_split", 0)),
        callbacks=tuple(_callback(item) for item in record.get("callbacks", [])),
        training=_fed(record.get("training"), arrays),
        validation=_fed(record.get("validation"), arrays),
        history=history.history if isinstance(history, HistoryView) else {},
        raised=str(record.get("raised", ""))[:2000],
        outputs=_count(record.get("outputs")),
        trainable=_count(record.get("trainable")),
        trained_at=tuple(map(number, record.get("trained_at") or ())),
        continues=record.get("continues") is True,
        layers=frozenset(_names(record.get("layers"))),
        division=_division(record.get("division")),
    )


def _name(value: Any, longest: int = MAX_SHOWN) -> str:
    """A name or a word, cut where it is longer. Raises EvidenceProblem for anything but text."""
    if not isinstance(value, str):
        raise EvidenceProblem("a name is malformed")
    return value[:longest]


def _names(value: Any) -> tuple[str, ...]:
    found = [] if value is None else value
    if not isinstance(found, list):
        raise EvidenceProblem("a list of names is malformed")
    return tuple(map(_name, found[:MAX_RECORDS]))


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 2**53 else None


def _seeds(found: Any) -> tuple[int, ...]:
    seeds = found[:50] if isinstance(found, list) else []
    return tuple(seed for seed in seeds if type(seed) is int and abs(seed) < 2**64)


def _callback(record: dict[str, Any]) -> Callback:
    settings = {_name(name): value for name, value in record["settings"].items() if _is_plain(value)}
    return Callback(type=_name(record["class"]), bases=_names(record["bases"]), settings=settings)


def _is_plain(value: Any) -> bool:
    """Whether a callback's setting is what people type: a word, or a number that can be reckoned with."""
    if isinstance(value, str):
        return len(value) <= MAX_ERROR
    return isinstance(value, bool | int | float) and abs(value) < 2**53


def _fed(record: dict[str, Any] | None, arrays: dict[str, np.ndarray]) -> Fed | None:
    if record is None:
        return None
    inputs, labels = (
        view(record[part], arrays) if record.get(part) is not None else None for part in ("inputs", "labels")
    )
    return Fed(
        rows=_count(record.get("rows")),
        inputs=inputs if isinstance(inputs, ArrayView) else None,
        labels=labels if isinstance(labels, ArrayView) else None,
        label_range=_ends(record.get("label_range")),
    )


def _division(record: Any) -> Division | None:
    if not isinstance(record, dict) or _count(record.get("trained")) is None:
        return None
    return Division(
        trained=record["trained"],
        print=str(record.get("print", ""))[:20],
        held_out=_count(record.get("held_out")),
        both=_count(record.get("both")),
    )


def _ends(record: Any) -> tuple[float, float] | None:
    if record is None:
        return None
    low, high = map(number, record)
    return low, high


def _evaluation(record: dict[str, Any]) -> Evaluation:
    rate = record.get("learning_rate")
    values = [view(item, {}) for item in record["results"]]
    return Evaluation(
        model=whole(record["model"]),
        learning_rate=None if rate is None else number(rate),
        results=tuple(float(value) for value in values if isinstance(value, (int, float))),
        in_fit=record.get("in_fit") is True,
    )


def _cells(records: Any, problems: list[str]) -> tuple[Cell, ...]:
    found = _each(records, _cell, problems)
    return tuple(attrs.evolve(cell, count=count) for count, cell in enumerate(found, start=1))


def _cell(record: dict[str, Any]) -> Cell:
    return Cell(
        number=whole(record["cell"]),
        status=_name(record["status"], 40),
        error=_name(record.get("error", ""), MAX_ERROR),
        seconds=number(record.get("seconds", 0)),
        left_out=len(record.get("left_out") or []),
    )


def _saved(record: dict[str, Any], arrays: dict[str, np.ndarray]) -> SavedFile:
    problem = str(record.get("problem") or "")
    if problem or record.get("kind") not in ("model", "history"):
        return SavedFile(name=str(record["name"]), problem=problem or "it is of an unknown kind")
    if record["kind"] == "history":
        history = {
            str(metric): [number(value) for value in values] for metric, values in record["history"].items()
        }
        return SavedFile(name=str(record["name"]), problem="", history=history)
    return SavedFile(name=str(record["name"]), problem="", model=model_view(record, arrays))
