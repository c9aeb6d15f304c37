"""Every threshold that hidden tests read, with the samples that it follows from: as a table and as plots."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from autograder.calibration import FEWEST, Calibration, read_samples
from autograder.labs import Lab
from autograder.samples import read_record
from autograder.signals import read_signals
from autograder.tails import MANY

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Threshold", "plot", "table", "thresholds_of"]

_SAMPLES = {False: "Student's t bound for one further sample", True: "peaks over threshold"}
"""How far one further sample strays, by whether there are many."""


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
            source=f"{_way(samples)}, or {found.margin(which):.1%} under the mean",
        )
    yield Threshold(
        **place,
        measure="test above validation accuracy",
        samples=tuple(sample.test - sample.validation for sample in samples),
        marks={"at most": found.largest_gap()},
        source=f"{_way(samples)}, or 3 points",
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
            source=f"{_way(samples)}, of the logarithm",
        )


def _way(samples: Sized) -> str:
    return _SAMPLES[len(samples) >= MANY]


def table(thresholds: list[Threshold]) -> Table:
    """One row a threshold: of how many samples, their mean and spread, the marks, and how they follow."""
    from rich.table import Table

    found = Table("lab", "model", "data", "measure", "samples", "mean", "spread", "marks", "source")
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
            one.source,
        )
    return found


def plot(thresholds: list[Threshold], path: Path) -> None:
    """Draw each threshold's samples, the t distribution of one further sample, and its marks, as a PNG."""
    from matplotlib.figure import Figure
    from scipy import stats

    figure = Figure(figsize=(8, 2.2 * len(thresholds)), layout="constrained")
    for number, one in enumerate(thresholds, start=1):
        axes = figure.add_subplot(len(thresholds), 1, number)
        n, mean, spread = len(one.samples), np.mean(one.samples), np.std(one.samples, ddof=1)
        ends = [*one.samples, *one.marks.values()]
        margin = 0.05 * (max(ends) - min(ends))
        grid = np.linspace(min(ends) - margin, max(ends) + margin, 400)
        further = stats.t(n - 1, loc=mean, scale=spread * np.sqrt(1 + 1 / n))
        axes.hist(one.samples, bins=min(40, max(5, n // 5)), density=True, color="lightgrey")
        axes.plot(one.samples, np.zeros(n), "|", color="black", markersize=12)
        axes.plot(grid, further.pdf(grid), color="tab:blue")
        for name, value in one.marks.items():
            axes.axvline(value, color="tab:red", linestyle="--")
            axes.annotate(name, (value, 0.95), xycoords=("data", "axes fraction"), rotation=90, va="top")
        axes.set_title(f"{one.model}, {one.data}: {one.measure} ({n} samples)", fontsize=9)
        axes.set_yticks([])
    figure.savefig(path, dpi=100)
