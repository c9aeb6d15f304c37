"""The images that a model is for: which of a data set it was to be trained and tried on, and how scaled.

All figures of a model (its calibration, its marks, a submission's accuracy) are taken on these.
"""

from __future__ import annotations

import functools

import attrs
import numpy as np
import numpy.typing as npt

from autograder.data import VALID, DataSet
from autograder.labs import Task

__all__ = ["SETS", "Part", "Preparation", "Trial", "part_of", "preparation_of", "renumbered", "trial_of"]

SETS = ("train", "valid", "test")
PAIRS = 10_000
"""How many pairs of images a model for pairs is tried on."""

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


@attrs.frozen(kw_only=True, eq=False)
class Preparation:
    """An affine map of pixels, `pixel * scale + offset`; scalars, or arrays of one row's features."""

    scale: np.ndarray
    offset: np.ndarray

    def apply(self, images: np.ndarray) -> np.ndarray:
        """Scaled images: float32, in the shape given."""
        flat = images.reshape(len(images), -1).astype(np.float32) * self.scale + self.offset
        return np.asarray(flat, np.float32).reshape(images.shape)

    def like(self, other: Preparation) -> bool:
        """Whether two maps are equal to a thousandth of the pixels' span, which is all that matters."""
        span = 255 * float(np.abs(self.scale).mean())
        differences = (255 * np.abs(self.scale - other.scale), np.abs(self.offset - other.offset))
        return all(float(np.max(difference)) <= 1e-3 * span for difference in differences)


@attrs.frozen(kw_only=True, eq=False)
class Part:
    """One of the three sets as it should be, under the names that a student's arrays have."""

    images_name: str
    labels_name: str
    images: Images
    labels: Labels


@attrs.frozen(kw_only=True, eq=False)
class Trial:
    """What a model is tried on: for each of its inputs an image per row, and the right answers."""

    images: Images
    chosen: tuple[npt.NDArray[np.int64], ...]
    """For each input, the images that its rows show."""
    answers: Labels
    guessing: float
    """The accuracy that guessing reaches."""
    pairs: bool = False

    def rows(self, rows: slice) -> tuple[Images, ...]:
        """The images of some rows, for each input."""
        return tuple(self.images[chosen[rows]] for chosen in self.chosen)


def part_of(task: Task, which: str, data: DataSet) -> Part:
    """The images and labels of "train", "valid" or "test".

    Validation is the first 5,000 of the data set's training images, as far as they are of the task's classes.
    """
    images, labels = _chosen(data, which, task.classes)
    place = task.sets[SETS.index(which)]
    return Part(
        images_name=task.images.format(place),
        labels_name=task.labels.format(place),
        images=images,
        labels=labels,
    )


def trial_of(task: Task, which: str, data: DataSet) -> Trial:
    """What "valid" or "test" asks of the task's model: each image's class, or about pairs of these images."""
    images, labels = _chosen(data, which, task.classes)
    if task.pairs:
        chosen, answers = _pairs(data, which, task.classes)
        return Trial(images=images, chosen=chosen, answers=answers, guessing=0.5, pairs=True)
    every = np.arange(len(labels))
    return Trial(images=images, chosen=(every,), answers=labels, guessing=1 / (len(task.classes) or 10))


def renumbered(task: Task, labels: Labels) -> Labels:
    """Labels of the data set as the task numbers them; -1 for a class that it does not have."""
    return _renumbered(labels, task.classes)


def preparation_of(task: Task, data: DataSet) -> Preparation:
    """How the reference scales the pixels that it gives to the model."""
    if not task.standardised:
        return Preparation(scale=np.asarray(1 / 255, np.float32), offset=np.zeros((), np.float32))
    mean, std = _statistics(data, task.classes)
    return Preparation(scale=(1 / std).astype(np.float32), offset=(-mean / std).astype(np.float32))


@functools.lru_cache(maxsize=12)
def _chosen(data: DataSet, which: str, classes: tuple[int, ...]) -> tuple[Images, Labels]:
    images, labels = {
        "train": (data.x_train[VALID:], data.y_train[VALID:]),
        "valid": (data.x_train[:VALID], data.y_train[:VALID]),
        "test": (data.x_test, data.y_test),
    }[which]
    if not classes:
        return images, labels
    numbers = _renumbered(labels, classes)
    kept = numbers >= 0
    return images[kept], numbers[kept]


@functools.lru_cache(maxsize=8)
def _pairs(data: DataSet, which: str, classes: tuple[int, ...]) -> tuple[tuple[Labels, Labels], Labels]:
    """Pairs of images, always the same: half of one class (0), half of two (1), none of one image twice."""
    _, labels = _chosen(data, which, classes)
    rng = np.random.default_rng(0)
    answers = np.arange(PAIRS) % 2
    first, second = rng.integers(len(labels), size=PAIRS), np.empty(PAIRS, np.int64)
    for label in np.unique(labels):
        own, others = np.flatnonzero(labels == label), np.flatnonzero(labels != label)
        same, different = ((labels[first] == label) & (answers == answer) for answer in (0, 1))
        # Some steps further round the circle of its class: any image of it but itself.
        steps = rng.integers(1, len(own), size=np.count_nonzero(same))
        second[same] = own[(np.searchsorted(own, first[same]) + steps) % len(own)]
        second[different] = rng.choice(others, size=np.count_nonzero(different))
    return (first, second), answers


def _renumbered(labels: Labels, classes: tuple[int, ...]) -> Labels:
    if not classes:
        return labels
    numbers = np.full(max(int(labels.max(initial=0)), *classes) + 1, -1, np.int64)
    numbers[list(classes)] = np.arange(len(classes))
    return numbers[labels]


@functools.lru_cache(maxsize=4)
def _statistics(
    data: DataSet, classes: tuple[int, ...]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and standard deviation of each feature over the training part; 1 where a feature never varies."""
    images, _ = _chosen(data, "train", classes)
    flat = images.reshape(len(images), -1)
    mean = flat.mean(axis=0, dtype=np.float64)
    std = flat.std(axis=0, dtype=np.float64)
    std[std == 0] = 1.0
    return mean, std
