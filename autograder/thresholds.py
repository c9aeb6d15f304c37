"""Every threshold that hidden tests read, with the samples that it follows from: as a table and as plots."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from autograder.calibration import FEWEST, Calibration, read_samples
from autograder.labs import Lab, find_labs, solutions_folder
from autograder.samples import read_record, write_record
from autograder.signals import read_signals
from autograder.tails import MANY, peaks_of, risk_beyond

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Threshold", "markdown", "plot", "table", "thresholds_of", "write_table"]

_SAMPLES = {False: "Student's t", True: "peaks over threshold"}
"""How far one further sample strays, by whether there are many."""
_LOWER, _UPPER = ("full mark", "from"), ("at most", "to")
"""The marks that right work must not lie below, and those that it must not lie above."""


@attrs.frozen(kw_only=True)
class Threshold:
    """The marks that follow from one sample of numbers."""

    lab: str
    model: str
    data: str
    """The identity of the data set."""
    measure: str
    samples: tuple[float, ...]
    marks: dict[str, float]
    """By what they are called: "floor" and "full mark", "at most", or "from" and "to"."""
    source: str
    """How the marks follow from the samples, in a few words."""
    logarithms: bool = False
    """Whether it is the logarithm of the samples that is taken to stray alike to both sides."""

    def risk(self) -> float:
        """The probability that right work lies beyond a mark, as resampling estimates it."""
        below = [self._beyond(mark, -1) for name, mark in self.marks.items() if name in _LOWER]
        above = [self._beyond(mark, 1) for name, mark in self.marks.items() if name in _UPPER]
        return sum(below + above)

    def _beyond(self, mark: float, side: int) -> float:
        values = np.log(self.samples) if self.logarithms else np.asarray(self.samples)
        return risk_beyond(side * values, side * (math.log(mark) if self.logarithms else mark))


def thresholds_of(lab: Lab) -> list[Threshold]:
    """All thresholds of a lab on every data set that it has enough samples of. Raises LabProblem."""
    return [
        threshold
        for model in lab.models
        for data in sorted(read_record(lab.calibration).get(model, {}))
        for threshold in (*_of_trainings(lab, model, data), *_of_signals(lab, model, data))
    ]


def _of_trainings(lab: Lab, model: str, data: str) -> Iterator[Threshold]:
    samples = read_samples(lab.calibration, model, data)
    if len(samples) < FEWEST:
        return
    found = Calibration(samples=samples)
    place: dict[str, Any] = {"lab": lab.name, "model": model, "data": data}
    for which in ("validation", "test"):
        yield Threshold(
            **place,
            measure=f"{which} accuracy",
            samples=tuple(getattr(sample, which) for sample in samples),
            marks={"floor": found.floor(), "full mark": found.full(which)},
            source=f"{_way(samples)}, at least {100 * found.margin(which):.1f} points",
        )
    yield Threshold(
        **place,
        measure="test above validation accuracy",
        samples=tuple(sample.test - sample.validation for sample in samples),
        marks={"at most": found.largest_gap()},
        source=f"{_way(samples)}, at least 3 points",
    )


def _of_signals(lab: Lab, model: str, data: str) -> Iterator[Threshold]:
    signals = read_signals(lab, model, data)
    if signals is None:
        return
    for measure, samples, ends in (
        ("first layer's deviation", signals.first, signals.first_interval()),
        ("last layer's deviation", signals.last, signals.last_interval(repeated=False)),
        ("last layer's, shared kernels", signals.last_repeated, signals.last_interval(repeated=True)),
    ):
        yield Threshold(
            lab=lab.name,
            model=model,
            data=data,
            measure=measure,
            samples=samples,
            marks={"from": ends[0], "to": ends[1]},
            source=f"{_way(samples)} of the logarithm",
            logarithms=True,
        )


def _way(samples: Sequence[Any]) -> str:
    return _SAMPLES[len(samples) >= MANY]


def table(thresholds: Iterable[Threshold]) -> Table:
    """One row a threshold: of how many samples, their mean and spread, the marks, and how they follow.

    The risk is that of right work to miss the mark.
    """
    from rich.table import Table

    names = ("lab", "model", "data", "measure", "samples", "mean", "spread", "marks", "risk", "source")
    found = Table(*names)
    for one in thresholds:
        found.add_row(
            one.lab,
            one.model,
            one.data,
            one.measure,
            str(len(one.samples)),
            f"{np.mean(one.samples):.4f}",
            f"{np.std(one.samples, ddof=1):.4f}",
            ", ".join(f"{name} {value:.4f}" for name, value in one.marks.items()),
            _rough(one.risk()),
            one.source,
        )
    return found


def _rough(risk: float) -> str:
    """A probability as far as it means something."""
    return "< 1e-6" if risk < 1e-6 else f"{risk:.0e}"


_ABOUT = """\
# Thresholds of the hidden tests

Written by `autograder marks --write` from the samples in each lab's `calibration.json` and `signals.json`.
Accuracies lie between 0 and 1. The spread is one standard deviation. The risk is that of right work to miss
the full mark or to leave an interval, as resampling estimates it; a floor costs right work nothing.
"""


def markdown() -> str:
    """The table of all labs as a document."""
    from rich import box
    from rich.console import Console

    found = table([one for lab in find_labs() for one in thresholds_of(lab)])
    found.box = box.MARKDOWN
    console = Console(width=1_000, color_system=None)
    with console.capture() as shown:
        console.print(found)
    rows = [line.rstrip() for line in shown.get().splitlines() if line.strip()]
    return "\n".join([_ABOUT, *rows, ""])


def write_table() -> Path:
    """Keep the table of all labs beside them, as `solutions/marks.md`; returns where."""
    path = solutions_folder() / "marks.md"
    write_record(path, markdown())
    return path


def plot(thresholds: list[Threshold], path: Path) -> None:
    """Draw each threshold's samples, what is fitted to them, and the marks, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.2 * len(thresholds)), layout="constrained")
    for number, one in enumerate(thresholds, start=1):
        axes = figure.add_subplot(len(thresholds), 1, number)
        n = len(one.samples)
        ends = [*one.samples, *one.marks.values()]
        margin = 0.05 * (max(ends) - min(ends))
        grid = np.linspace(min(ends) - margin, max(ends) + margin, 400)
        axes.hist(one.samples, bins=min(40, max(5, n // 5)), density=True, color="lightgrey")
        axes.plot(one.samples, np.zeros(n), "|", color="black", markersize=12)
        for densities in _fitted(one, grid):
            axes.plot(grid, densities, color="tab:blue")
        for name, value in one.marks.items():
            axes.axvline(value, color="tab:red", linestyle="--")
            axes.annotate(name, (value, 0.95), xycoords=("data", "axes fraction"), rotation=90, va="top")
        axes.set_title(f"{one.model}, {one.data}: {one.measure} ({n} samples)", fontsize=9)
        axes.set_yticks([])
    figure.savefig(path, dpi=100)


def _fitted(one: Threshold, grid: np.ndarray) -> list[np.ndarray]:
    """Densities on a grid: of one further sample where there are few, of both tails where there are many."""
    from scipy import stats

    values, places = np.asarray(one.samples), grid
    stretch = np.ones_like(grid)
    if one.logarithms:
        values, places, stretch = np.log(values), np.log(grid), grid
    n, mean, spread = len(values), values.mean(), values.std(ddof=1)
    if n < MANY:
        return [stats.t(n - 1, loc=mean, scale=spread * np.sqrt(1 + 1 / n)).pdf(places) / stretch]
    found = []
    for side in (-1, 1):
        tail = peaks_of(side * values)
        beyond = stats.genpareto(tail.shape, loc=tail.threshold, scale=tail.scale).pdf(side * places)
        density = tail.share * beyond / stretch
        found.append(np.where(side * places < tail.threshold, np.nan, density))
    return found
