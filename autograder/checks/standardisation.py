"""Whether images were standardised per feature, with the training set's statistics and no others.

What counts is the map from pixels to inputs, one scale and one offset per feature, however it was written
down: dividing by 255 first, or scaling in two steps, gives the same one. Every such map is the
standardisation with some means and deviations; whose they are tells the mistake.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs
import numpy as np

from autograder.checks.findings import Finding, quoted
from autograder.checks.preparation import identify, infer, rows_of
from autograder.checks.splits import check_rows
from autograder.evidence import ArrayView, Evidence, Unanswered, describe
from autograder.tasks import SETS, Part, part_of

if TYPE_CHECKING:
    from autograder.data import DataSet
    from autograder.labs import Task

__all__ = ["check_other_sets", "check_pictures", "check_training_set"]

MEANS_APART = 0.02
"""How far means may lie from the training set's, root mean square in deviations: 2,500 of its images do."""
SPREADS_APART = 0.02
"""How far deviations may, relative to them: a small number added against division by zero is fine."""
OTHERS_NEARER = 1 / 3
"""Statistics are those of other images where these are nearer than so much of the way to the training's."""
ALIKE = 2e-4
"""Means that differ by less than this are the same: what float32 arithmetic leaves of a difference."""
RECOGNISED = 0.95
"""The share of rows by which a set is known: a few pictures of CIFAR-10 look alike."""
FLAT = 2e-3
"""Statistics that vary less than this over the features, as shares of a deviation, do not vary."""
_SEE_PICTURES = "See 'pictures': the values are not finite."
"""What the other checks say of values of which `check_pictures` says more."""


@attrs.frozen(kw_only=True, eq=False)
class _Statistics:
    """Means and deviations of every feature, in pixels: float64 (features,)."""

    mean: np.ndarray
    std: np.ndarray

    def apart(self, other: _Statistics) -> tuple[float, float]:
        """How far others lie from these: means in deviations, and deviations, root mean square."""
        means = (other.mean - self.mean) / self.std
        spreads = other.std / self.std - 1
        return float(np.sqrt((means**2).mean())), float(np.sqrt((spreads**2).mean()))


def check_pictures(evidence: Evidence, model: str) -> list[Finding]:
    """Every set holds the images that were asked for, in their order, scaled to finite numbers."""
    infinite = _not_finite(evidence, model)
    findings = [] if infinite else check_rows(evidence, model)
    shown = {part.images_name for part in _shown(evidence, model)} if infinite or findings else set()
    return _say_not_finite([name for name in infinite if name not in shown]) + [
        finding for finding in findings if finding.where not in shown
    ]


def _not_finite(evidence: Evidence, model: str) -> list[str]:
    """The names of the sets with values that are not finite."""
    names = []
    for which in SETS:
        array, part = _array(evidence, model, which)
        kept = rows_of(array)
        if kept is not None and not _finite(array, kept[0]):
            names.append(part.images_name)
    return names


def _say_not_finite(names: list[str]) -> list[Finding]:
    """One finding for all sets: mostly they are divided by the same numbers."""
    if not names:
        return []
    message = (
        f"{quoted(names)} {'hold' if len(names) > 1 else 'holds'} values that are not finite, nan or inf. "
        "Was something divided by zero?"
    )
    return [Finding(message=message, where=names[0])]


def _shown(evidence: Evidence, model: str) -> Iterator[Part]:
    """The sets whose rows show the images asked for, whatever was done to their pixels."""
    data = evidence.data
    for which in SETS:
        array, part = _array(evidence, model, which)
        kept = rows_of(array)
        if kept is None or len(array) != len(part.images):
            continue
        source = identify(kept[0], data)
        wanted = part.images[kept[1]]
        found = [_image(data, index) for index in source.images]
        same = [
            one is not None and np.array_equal(one, other) for one, other in zip(found, wanted, strict=True)
        ]
        if np.mean(same) > RECOGNISED:
            yield part


def _image(data: DataSet, index: int) -> np.ndarray | None:
    """An image by its number among training and test images; None where it was not recognised."""
    if index < 0:
        return None
    found: np.ndarray = (
        data.x_train[index] if index < len(data.x_train) else data.x_test[index - len(data.x_train)]
    )
    return found


def _finite(array: ArrayView, rows: np.ndarray) -> bool:
    return bool(np.isfinite(rows).all()) and (array.summary is None or array.summary.finite)


def check_training_set(evidence: Evidence, model: str) -> list[Finding]:
    """The training images are standardised per feature, with the training images' own statistics."""
    array, part = _array(evidence, model, "train")
    found = _statistics_in(array, part)
    if found is None:
        return [Finding(message=_no_such_map(array, part.images_name), where=part.images_name)]
    task, data = evidence.task(model), evidence.data
    size = float(_of_sets(task, data)["train"].std.mean())
    channels = part.images.shape[3] if part.images.ndim == 4 else 1
    message = _coarse(found, size, channels) or _not_the_training_set(found, task, data)
    if not message:
        return []
    return [Finding(message=f"`{part.images_name}`: {message}", where=part.images_name)]


def check_other_sets(evidence: Evidence, model: str) -> list[Finding]:
    """Validation and test images are scaled exactly as the training images are."""
    training = _statistics_in(*_array(evidence, model, "train"))
    findings = []
    for which in ("valid", "test"):
        array, part = _array(evidence, model, which)
        name = part.images_name
        found = _statistics_in(array, part)
        if found is None:
            findings.append(Finding(message=_no_such_map(array, name), where=name))
            continue
        whose = _whose(found, evidence.task(model), evidence.data)
        if whose == "train" if training is None else _same(training, found):
            continue
        message = f"`{name}` is not scaled as the training images are"
        message += f", but with statistics of {_NAMED[whose]}." if whose in _NAMED else "."
        message += (
            " One and the same picture would then be a different input in each set: use the training set's "
            "means and deviations for all three."
        )
        findings.append(Finding(message=message, where=name))
    # What names no set is said once for both.
    return list({finding.message: finding for finding in findings}.values())


def _array(evidence: Evidence, model: str, which: str) -> tuple[ArrayView, Part]:
    part = part_of(evidence.task(model), which, evidence.data)
    found = evidence.value(part.images_name)
    if not isinstance(found, ArrayView) or found.ndim < 1:
        raise Unanswered(f"`{part.images_name}` is {describe(found)}, not an array.")
    return found, part


def _statistics_in(array: ArrayView, part: Part) -> _Statistics | None:
    """The means and deviations that an array's rows were standardised with, or None where no map is found."""
    kept = rows_of(array)
    if kept is None or len(kept[1]) == 0 or int(kept[1].max()) >= len(part.images):
        return None
    rows, positions = kept
    preparation = infer(rows, part.images[positions])
    if preparation is None:
        return None
    shape = rows.shape[1:]
    scale = np.broadcast_to(preparation.scale.astype(np.float64), shape)
    offset = np.broadcast_to(preparation.offset.astype(np.float64), shape)
    if not (scale > 0).all():
        return None
    return _Statistics(mean=-offset / scale, std=1 / scale)


def _no_such_map(array: ArrayView, name: str) -> str:
    kept = rows_of(array)
    if kept is not None and len(kept[0]) and not _finite(array, kept[0]):
        return _SEE_PICTURES
    if kept is not None and kept[0].shape[1:] != (0,) and _each_by_itself(kept[0]):
        return (
            f"In `{name}`, each picture is standardised by itself: its own mean over its own pixels. A "
            "feature is one place of a picture, and its statistics run over the pictures."
        )
    return (
        f"`{name}` does not hold the asked images with one scale and one shift for each feature, so that "
        "nothing can be said about its statistics."
    )


def _each_by_itself(rows: np.ndarray) -> bool:
    with np.errstate(all="ignore"):
        centred = np.abs(rows.mean(axis=1)).max() < 0.01
        return bool(centred and np.abs(rows.std(axis=1) - 1).max() < 0.01)


def _coarse(found: _Statistics, size: float, channels: int) -> str:
    """What to say of statistics that are not one for each feature; empty where they are.

    size: of a true deviation, in pixels, beside which differences count or not.
    """
    means, spreads = found.mean / size, found.std / found.std.mean()
    if _flat(means) and _flat(spreads):
        if abs(float(means.mean())) < 0.01:
            return (
                "the pixels are at most divided by one number. Their mean is not 0 and their deviation is "
                "not 1: subtract each feature's mean and divide by its standard deviation."
            )
        return (
            "one mean and one standard deviation are used for all pixels. Asked for is one of each per "
            "feature: look at the axis over which they are taken."
        )
    if channels > 1 and all(_flat(values.reshape(-1, channels), axis=0) for values in (means, spreads)):
        return (
            "one mean and one standard deviation are used for each colour. A feature is one place of the "
            "picture in one colour: look at the axes over which they are taken."
        )
    if _flat(means):
        return "one mean is used for all pixels. Asked for is one per feature: look at the axis."
    if _flat(spreads):
        return (
            "one standard deviation is used for all pixels, or none at all. Asked for is one per feature: "
            "look at the axis."
        )
    return ""


def _flat(values: np.ndarray, axis: int | None = None) -> bool:
    """Whether values do not vary, along an axis or at all."""
    return bool(np.max(values.std(axis=axis)) <= FLAT)


_NAMED = {
    "valid": "the validation images",
    "test": "the test images",
    "train and valid": "the whole training set, the validation images among them",
    "train and test": "training and test images together",
    "valid and test": "validation and test images together",
    "all": "all images together, the test images among them",
}


def _not_the_training_set(found: _Statistics, task: Task, data: DataSet) -> str:
    whose = _whose(found, task, data)
    if whose == "train":
        return ""
    if whose:
        return (
            f"the means and deviations are those of {_NAMED[whose]}. Only the training set may have a say in "
            "how images are prepared: the others are there to stand for images that nobody has seen."
        )
    training = _of_sets(task, data)["train"]
    if any(_near(found.std, training.std**2 / unit) for unit in (1, 255)):
        return "it is divided by the variance. Divide by its square root, the standard deviation."
    what = "means" if training.apart(found)[0] > MEANS_APART else "standard deviations"
    return (
        f"the {what} that it is scaled with are not those of the training images. Print the mean and the "
        "deviation of some features: they should be 0 and 1."
    )


def _near(values: np.ndarray, others: np.ndarray) -> bool:
    return float(np.sqrt(((values / others - 1) ** 2).mean())) <= SPREADS_APART


def _whose(found: _Statistics, task: Task, data: DataSet) -> str:
    """The images that these statistics are of, by name; empty where none fit."""
    apart = {name: known.apart(found) for name, known in _of_sets(task, data).items()}
    nearest = min(apart, key=lambda name: apart[name][0])
    train, spreads = apart["train"]
    if nearest != "train" and train > ALIKE and apart[nearest][0] < OTHERS_NEARER * train:
        return nearest if apart[nearest][1] <= SPREADS_APART else ""
    return "train" if train <= MEANS_APART and spreads <= SPREADS_APART else ""


def _same(one: _Statistics, other: _Statistics) -> bool:
    means, spreads = one.apart(other)
    return means <= 2 * ALIKE and spreads <= 2 * ALIKE


@functools.lru_cache(maxsize=4)
def _of_sets(task: Task, data: DataSet) -> dict[str, _Statistics]:
    """The statistics of each set and of sets together, by name."""
    sums: dict[str, tuple[int, np.ndarray, np.ndarray]] = {}
    for which in SETS:
        images = part_of(task, which, data).images
        flat = images.reshape(len(images), -1)
        total = flat.sum(axis=0, dtype=np.float64)
        squares = sum(
            (flat[start : start + 1000].astype(np.float64) ** 2).sum(axis=0)
            for start in range(0, len(flat), 1000)
        )
        sums[which] = (len(flat), total, np.asarray(squares))
    together = {which: (which,) for which in SETS} | {
        "train and valid": ("train", "valid"),
        "train and test": ("train", "test"),
        "valid and test": ("valid", "test"),
        "all": SETS,
    }
    found = {}
    for name, parts in together.items():
        count = sum(sums[part][0] for part in parts)
        mean = np.sum([sums[part][1] for part in parts], axis=0) / count
        squares = np.sum([sums[part][2] for part in parts], axis=0) / count
        std = np.sqrt(np.maximum(squares - mean**2, 0))
        found[name] = _Statistics(mean=mean, std=np.where(std > 0, std, 1.0))
    return found
