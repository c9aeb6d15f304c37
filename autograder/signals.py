"""How the signal passes through untrained networks: samples of the reference's, and what is usual.

`solutions/<lab>/signals.json` holds, per model and data set, the standard deviation of what the first and the
last hidden layer give out, in fresh networks of the reference's architecture on the reference's inputs. A
right network strays from them by its random weights alone. The intervals are so wide that it is outside of
one of their four ends less than once in 10,000 times.

In Keras 3, an initialiser object that is given to several layers draws the same kernel for all of them. What
chance does in one layer it then does in all, and the last layer strays further: such samples stand apart.
"""

from __future__ import annotations

import json
import math
from typing import Any

import attrs
import numpy as np

from autograder.data import DataSet
from autograder.errors import LabProblem
from autograder.labs import Lab, Task
from autograder.networks.drawing import draw_weights
from autograder.networks.inference import statistics_of
from autograder.networks.records import Graph
from autograder.networks.stack import hidden_ends
from autograder.samples import damaged, read_record, write_record
from autograder.tails import stray
from autograder.tasks import part_of, preparation_of

__all__ = [
    "FEWEST",
    "IMAGES",
    "Signals",
    "add_signals",
    "read_signals",
    "sample_signals",
    "signal_images",
    "signals_of",
]

RISK = 2e-5
"""At each end of the two intervals that one network has to lie in: less than 1e-4 in all."""
FEWEST = 200
"""Fewer samples than this make no interval."""
IMAGES = 1_000
"""The first images of the training part, on which signals are measured."""


@attrs.frozen(kw_only=True)
class Signals:
    """Samples of one model on one data set: standard deviations, one of each kind per fresh network."""

    first: tuple[float, ...]
    """Of the first hidden layer's output."""
    last: tuple[float, ...]
    """Of the last hidden layer's output."""
    last_repeated: tuple[float, ...]
    """Of the last hidden layer's output where all layers of one shape have the same kernel."""

    def first_interval(self) -> tuple[float, float]:
        """Where the first hidden layer's standard deviation may lie."""
        return _interval(self.first)

    def last_interval(self, *, repeated: bool) -> tuple[float, float]:
        """Where the last hidden layer's may lie. repeated: whether layers share their kernels."""
        return _interval(self.last_repeated if repeated else self.last)


def _interval(samples: tuple[float, ...]) -> tuple[float, float]:
    """Both ends that one further sample passes with probability RISK each.

    For the logarithm of a standard deviation, as it is a product of as many factors as there are layers.
    """
    logarithms = np.log(samples)
    middle = float(logarithms.mean())
    return math.exp(middle - stray(-logarithms, RISK)), math.exp(middle + stray(logarithms, RISK))


def signal_images(task: Task, data: DataSet) -> np.ndarray:
    """The images, scaled as the reference scales them, on which signals are measured."""
    return preparation_of(task, data).apply(part_of(task, "train", data).images[:IMAGES])


def sample_signals(graph: Graph, task: Task, data: DataSet, count: int) -> Signals:
    """Measure that many fresh networks of this architecture; the same call gives the same samples."""
    images = signal_images(task, data).reshape(-1, *graph.input_shape)
    ends = hidden_ends(graph)
    found: dict[bool, np.ndarray] = {}
    for repeated in (False, True):
        rng = np.random.default_rng(int(repeated))
        found[repeated] = np.array(
            [
                statistics_of(
                    graph, draw_weights(graph, rng, repeated=repeated), images, (ends[0], ends[-1])
                )[:, 1]
                for _ in range(count)
            ]
        )
    return Signals(
        first=_rounded(found[False][:, 0]),
        last=_rounded(found[False][:, 1]),
        last_repeated=_rounded(found[True][:, 1]),
    )


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)


def read_signals(lab: Lab, model: str, data: str) -> Signals | None:
    """The samples of a model on the data set of that identity; None where there are none.

    Raises LabProblem for a damaged file, and for too few samples.
    """
    entry = read_record(lab.signals).get(model, {}).get(data)
    if entry is None:
        return None
    try:
        found = Signals(**{name: tuple(map(float, values)) for name, values in entry.items()})
    except (TypeError, ValueError, AttributeError) as error:
        raise damaged(lab.signals, error) from error
    if min(len(found.first), len(found.last), len(found.last_repeated)) < FEWEST:
        raise LabProblem(
            f"{model} has too few samples of fresh networks on {data!r}; {FEWEST} are needed",
            where=str(lab.signals),
            hint="run `autograder calibrate` for this lab on these data",
        )
    return found


def signals_of(lab: Lab, data: str) -> dict[str, Signals]:
    """The samples of every model of a lab that has some on the data set of that identity."""
    found = {task.name: read_signals(lab, task.name, data) for task in lab.tasks if task.fresh}
    return {model: signals for model, signals in found.items() if signals is not None}


def add_signals(lab: Lab, model: str, data: str, signals: Signals) -> None:
    """Put the samples of a model on a data set into the lab's file, replacing those that are there."""
    record = read_record(lab.signals)
    record.setdefault(model, {})[data] = attrs.asdict(signals)
    write_record(lab.signals, _text(record))


def _text(record: dict[str, Any]) -> str:
    """JSON with one line for each kind of sample."""
    models = []
    for model, by_data in sorted(record.items()):
        sets = [
            f"  {json.dumps(data)}: {{\n"
            + ",\n".join(
                f"   {json.dumps(name)}: {json.dumps(values)}" for name, values in sorted(one.items())
            )
            + "\n  }"
            for data, one in sorted(by_data.items())
        ]
        models.append(f" {json.dumps(model)}: {{\n" + ",\n".join(sets) + "\n }")
    return "{\n" + ",\n".join(models) + "\n}\n"
