"""Marks for accuracy, fitted from trainings of the reference solution and committed with their samples.

`solutions/<lab>/calibration.json` holds, per data set, one sample per seed. Everything else follows:

- the full mark lies so low that the reference itself misses it at most once in 10,000 trainings (see
  `autograder.tails` for how far one further sample strays), and at least 3 points under its mean (Pham et al.
  2020, "Problems and opportunities in training deep learning software systems": equal trainings differ by
  up to 2.9 points through the implementation alone), or where the reference errs more rarely than that, so
  low that errors may double;
- the floor is the mean accuracy after the first epoch: what hardly any training reaches earns nothing. Where
  one epoch all but does, it lies so far under the full mark that there is room for a ladder;
- the largest gap is how far test accuracy may lie above validation accuracy, by the same bound: beyond it
  a network has seen the test set. It is never less than 3 points.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from autograder.errors import LabProblem
from autograder.samples import read_record, write_record
from autograder.tails import MANY, stray

__all__ = [
    "FEWEST",
    "Calibration",
    "Sample",
    "add_sample",
    "drop_samples",
    "read_calibration",
    "read_recipe",
    "read_samples",
]

RISK = 1e-4
MARGIN = 0.03
LADDER = 5 / 3
"""The least height of the ladder, in margins: each of five steps is a third of the margin or more."""
FEWEST = 10
"""Fewer samples than this make no mark."""


@attrs.frozen(kw_only=True)
class Sample:
    """One training of the reference solution; accuracies in [0, 1]."""

    seed: int
    epochs: int
    seconds: float
    first_epoch: float
    """Validation accuracy after the first epoch."""
    validation: float
    validation_loss: float
    test: float
    measures: dict[str, float] = attrs.field(factory=dict)
    """Further numbers that this training of the notebook came to, by their names in it."""


@attrs.frozen(kw_only=True)
class Calibration:
    """The marks that follow from the samples of one model on one data set."""

    samples: tuple[Sample, ...]

    def floor(self) -> float:
        """Accuracy up to which nothing is earned."""
        first = float(np.mean([sample.first_epoch for sample in self.samples]))
        ends = [self.full(which) - LADDER * self.margin(which) for which in ("validation", "test")]
        return min(first, *ends)

    def margin(self, which: str) -> float:
        """How far the full mark lies under the mean at least."""
        return min(MARGIN, 1 - self._mean(which))

    def full(self, which: str) -> float:
        """Accuracy from which everything is earned; which: "validation" or "test"."""
        # The farthest tenth of a hundred samples is ten. By resampling, which counts their own luck as well,
        # a mark that is set by them is missed up to one and a half times as often as was asked for.
        risk = RISK / 2 if len(self.samples) >= MANY else RISK
        below = stray([-value for value in self._values(which)], risk)
        return self._mean(which) - max(self.margin(which), below)

    def most(self, which: str) -> float:
        """Accuracy that this architecture hardly reaches by training alone; which: "validation" or "test".

        As far above the mean as one further sample strays at most by the bound of the full mark, and five
        points at least: others may train better than the reference does.
        """
        return self._mean(which) + max(LADDER * MARGIN, stray(self._values(which), RISK))

    def largest_gap(self) -> float:
        """How far test accuracy may lie above validation accuracy.

        Where the reference's own lies below, as of a network that was trained on those images, another's may
        lie level with it all the same.
        """
        gaps = [sample.test - sample.validation for sample in self.samples]
        return max(0.0, float(np.mean(gaps))) + max(MARGIN, stray(gaps, RISK))

    def _mean(self, which: str) -> float:
        return float(np.mean(self._values(which)))

    def _values(self, which: str) -> list[float]:
        return [getattr(sample, which) for sample in self.samples]


def read_samples(path: Path, model: str, data: str) -> tuple[Sample, ...]:
    """The samples of a model on the data set of that identity; none if there is no file yet."""
    record = read_record(path)
    return tuple(Sample(**sample) for sample in record.get(model, {}).get(data, {}).get("samples", []))


def read_calibration(path: Path, model: str, data: str) -> Calibration:
    """The marks for a model on the data set of that identity. Raises LabProblem without enough samples."""
    samples = read_samples(path, model, data)
    if len(samples) < FEWEST:
        raise LabProblem(
            f"{model} has {len(samples)} calibration samples on {data!r}; {FEWEST} are needed",
            where=str(path),
            hint="run `autograder calibrate` for this lab on these data",
        )
    return Calibration(samples=samples)


def read_recipe(path: Path, model: str, data: str) -> str:
    """The name of the recipe (see `autograder.recipe`) by which a model's samples were trained."""
    return str(read_record(path).get(model, {}).get(data, {}).get("recipe", ""))


def add_sample(
    path: Path, model: str, data: str, sample: Sample, *, versions: dict[str, str], recipe: str
) -> None:
    """Add one sample to the file, at once and in place, so that an interrupted calibration loses nothing."""
    record = read_record(path)
    entry = record.setdefault(model, {}).setdefault(data, {"samples": []})
    entry["versions"], entry["recipe"] = versions, recipe
    entry["samples"] = sorted([*entry["samples"], attrs.asdict(sample)], key=lambda item: item["seed"])
    _write(path, record)


def drop_samples(path: Path, model: str, data: str) -> None:
    """Forget all samples of a model on the data set of that identity."""
    record = read_record(path)
    record.get(model, {}).pop(data, None)
    _write(path, record)


def _write(path: Path, record: dict[str, Any]) -> None:
    write_record(path, json.dumps(record, indent=1, sort_keys=True) + "\n")
