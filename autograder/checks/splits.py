"""How data were divided: sizes, which image stands where, overlap, and labels in step with images."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from autograder.checks.findings import Finding, quoted
from autograder.checks.preparation import identify, infer, recognise, rows_of
from autograder.evidence import ArrayView, Evidence, Unanswered, describe
from autograder.tasks import SETS, Part, Preparation, part_of, renumbered

if TYPE_CHECKING:
    from autograder.data import DataSet
    from autograder.labs import Task

__all__ = [
    "as_asked",
    "check_classes",
    "check_from_training",
    "check_labels",
    "check_overlap",
    "check_rows",
    "check_scaled_alike",
    "check_sizes",
    "class_numbers",
    "preparations",
    "unlike",
]

SHARED = 0.005
"""The share of a set that may recur in another: CIFAR-10 itself holds a few pictures twice."""
COMPARED = 256
"""So many pictures are scaled in both ways, to see whether these differ."""
UNLIKE = 0.1
"""How far two scalings of the same pictures may lie apart on average, as a share of their spread."""
SAME_PIXEL = 1e-3
"""How far equal pixels may come out apart, as a share of the span of what they became."""
FEW_LEVELS = 16
"""So many different pixels are needed to see what became of them."""
SOME = 0.02
"""The share of a sample that may look like other pictures than it shows."""


def _parts(evidence: Evidence, model: str, sets: tuple[str, ...] = SETS) -> dict[str, Part]:
    task = evidence.task(model)
    return {which: part_of(task, which, evidence.data) for which in sets}


def _array(evidence: Evidence, name: str) -> ArrayView:
    found = evidence.value(name)
    if not isinstance(found, ArrayView) or found.ndim < 1:
        raise Unanswered(f"`{name}` is {describe(found)}, not an array.")
    return found


def check_classes(evidence: Evidence, model: str) -> list[Finding]:
    """Every set holds images of the classes of that model's task and of no other, and all of these."""
    task = evidence.task(model)
    findings = []
    for part in _parts(evidence, model).values():
        labels = class_numbers(_array(evidence, part.labels_name))
        found = set() if labels is None else set(np.unique(labels).tolist())
        wrong = sorted(found - set(range(len(task.classes))))
        if wrong:
            message = (
                f"`{part.labels_name}` holds the label {wrong[-1]}, for which this task has no class: with "
                f"{len(task.classes)} output units there are places for 0 to {len(task.classes) - 1} only, "
                "and the loss of any other is an error or NaN. Look at how the rows are picked: the end of a "
                "range, or a `<=` too many."
            )
        elif len(found) < len(task.classes):
            message = f"`{part.labels_name}` holds {len(found)} classes; the task has more."
        else:
            message = _strange_images(evidence, part.images_name, task)
        if message:
            findings.append(Finding(message=message, where=part.labels_name))
    return findings


def _strange_images(evidence: Evidence, name: str, task: Task) -> str:
    """Say which classes are among the images of an array that should not be, if any; else nothing."""
    kept = rows_of(_array(evidence, name))
    if kept is None:
        return ""
    source = identify(kept[0], evidence.data).images
    every = np.concatenate([evidence.data.y_train, evidence.data.y_test])
    classes = every[source[source >= 0]]
    strange = classes[~np.isin(classes, task.classes)]
    if len(strange) <= SHARED * len(classes):
        return ""
    return f"`{name}` holds pictures of the class {strange.max()}, which does not belong to this task."


def check_sizes(evidence: Evidence, model: str, sets: tuple[str, ...] = SETS) -> list[Finding]:
    """Each set of that model's task has as many images, and as many labels, as were asked for."""
    wrong: dict[tuple[int, str], list[str]] = {}
    for part in _parts(evidence, model, sets).values():
        for name in (part.images_name, part.labels_name):
            rows = len(_array(evidence, name))
            if rows != len(part.labels):
                how = "more" if rows > len(part.labels) else "fewer"
                wrong.setdefault((rows, how), []).append(name)
    # Images and labels are mostly cut alike: what is wrong with both is said once.
    return [
        Finding(
            message=f"{quoted(names)} {'have' if len(names) > 1 else 'has'} {rows:,} rows, {how} than the "
            "question asks for.",
            where=names[0],
        )
        for (rows, how), names in wrong.items()
    ]


def check_rows(evidence: Evidence, model: str) -> list[Finding]:
    """Every set holds the images that were asked for, in their order, however pixels are scaled."""
    findings = []
    for which, part in _parts(evidence, model).items():
        array = _array(evidence, part.images_name)
        if _aligned(array, part.images) is None:
            message = _what_is_there(array, part, evidence.data, test=which == "test")
            findings.append(Finding(message=message, where=part.images_name))
    return findings


def _aligned(array: ArrayView, images: np.ndarray) -> Preparation | None:
    """The preparation of an array whose rows are these images in this order, or None."""
    kept = rows_of(array)
    if kept is None or kept[0].shape[1] != int(np.prod(images.shape[1:])):
        return None
    rows, positions = kept
    if int(positions.max()) >= len(images):
        return None
    return infer(rows, images[positions])


def _what_is_there(array: ArrayView, part: Part, dataset: DataSet, *, test: bool) -> str:
    """Say what an array holds that does not hold what it should."""
    kept = rows_of(array)
    if kept is None or kept[0].shape[1] != int(np.prod(part.images.shape[1:])):
        return f"`{part.images_name}` has shape {array.shape}; these are not the pictures, pixel by pixel."
    rows, positions = kept
    source = identify(rows, dataset)
    if int(positions.max()) < len(part.images) and (how := _not_in_proportion(rows, part.images[positions])):
        return f"`{part.images_name}` holds the right pictures, but not their pixels in proportion: {how}"
    if not source.known:
        return (
            f"The rows of `{part.images_name}` are not the pictures with their pixels scaled. Any other "
            "preparation belongs "
            "inside the model, where it cannot be forgotten when new pictures come."
        )
    if not test and source.from_test > 0.5:
        return (
            f"`{part.images_name}` holds pictures of the test set. What you choose by looking at them is no "
            "longer tested by "
            "anything: take this set from the training pictures."
        )
    if test and source.from_test < 0.5:
        return (
            f"`{part.images_name}` holds training pictures: the test set is the one that the data set comes "
            "with."
        )
    steps = np.diff(source.images[source.images >= 0])
    if (steps > 0).mean() > 0.95:
        return (
            f"`{part.images_name}` holds other pictures than those asked for: look at where the cut is made, "
            "and from which end."
        )
    return (
        f"The pictures of `{part.images_name}` are not in their original order: the question asks for a cut, "
        "not for a random draw."
    )


def _not_in_proportion(rows: np.ndarray, images: np.ndarray) -> str:
    """What arithmetic on whole numbers has done to the pixels of these images; empty where it has not."""
    pixels = images.reshape(len(images), -1)
    if rows.shape != pixels.shape or not np.isfinite(rows).all():
        return ""
    counts = np.bincount(pixels.ravel(), minlength=256)
    sums, squares = (np.bincount(pixels.ravel(), weights=rows.ravel() ** power) for power in (1, 2))
    seen = counts[: len(sums)] > 0
    became = sums[seen] / counts[: len(sums)][seen]
    spread = np.sqrt(np.maximum(squares[seen] / counts[: len(sums)][seen] - became**2, 0)).max()
    span = float(np.ptp(became))
    if not span or not spread <= SAME_PIXEL * span or len(became) < FEW_LEVELS:
        return ""
    if not (became[1:-1] - became[0]).any():
        return (
            "all but the brightest have become one number. Whole numbers have no fractions: look at where "
            "the pixels turn into `float32`, and how they are divided."
        )
    steps = np.diff(became)
    falls = steps < -span / 2
    if falls.any() and (steps[~falls] >= -SAME_PIXEL * span).all():
        return (
            "from some value on, brighter ones start again from the darkest. Whole numbers of 8 bits end at "
            "255 and go on with 0 (`uint8`): turn the pixels into `float32` first, and calculate then."
        )
    return ""


def check_scaled_alike(evidence: Evidence, model: str, sets: tuple[str, ...] = SETS) -> list[Finding]:
    """Every set is scaled as the first one is, whichever way that may be."""
    parts = _parts(evidence, model, sets)
    for part in parts.values():
        _array(evidence, part.images_name)  # without it, this cannot be judged
    scaled = {which: _preparation(evidence, part) for which, part in parts.items()}
    first = scaled[sets[0]]
    findings = []
    for which, part in parts.items():
        found = scaled[which]
        if first is None or found is None:
            continue
        if unlike(found, first, part.images):
            message = (
                f"The pixels of `{part.images_name}` are scaled otherwise than those of "
                f"`{parts[sets[0]].images_name}`: to a network that was trained on the latter, its pictures "
                "look like nothing it has seen. Have one and the same code prepare them all."
            )
            findings.append(Finding(message=message, where=part.images_name))
    return findings


def unlike(one: Preparation, other: Preparation, images: np.ndarray) -> bool:
    """Whether two preparations make something else of the first of these images."""
    wanted = other.apply(images[:COMPARED])
    strays = float(np.abs(one.apply(images[:COMPARED]) - wanted).mean())
    return strays > UNLIKE * float(wanted.std())


def _preparation(evidence: Evidence, part: Part) -> Preparation | None:
    """How the pixels of an array are scaled, whichever pictures it holds; None where that cannot be told."""
    array = evidence.names.get(part.images_name)
    if not isinstance(array, ArrayView):
        return None
    preparation, kept = _aligned(array, part.images), rows_of(array)
    return recognise(kept[0], evidence.data) if preparation is None and kept is not None else preparation


def check_from_training(evidence: Evidence, model: str, sets: tuple[str, ...]) -> list[Finding]:
    """Every one of these sets holds training images, whichever they are, however pixels are scaled."""
    findings = []
    for part in _parts(evidence, model, sets).values():
        array = _array(evidence, part.images_name)
        kept = rows_of(array)
        source = identify(kept[0], evidence.data) if kept is not None else None
        if source is None or not source.known or source.from_test > 0.5:
            message = _what_is_there(array, part, evidence.data, test=False)
        elif source.from_test > SOME:
            message = (
                f"Some pictures of `{part.images_name}` are pictures of the test set, which then tests "
                "nothing: take them all from the training pictures."
            )
        else:
            continue
        findings.append(Finding(message=message, where=part.images_name))
    return findings


def check_overlap(evidence: Evidence, model: str, sets: tuple[str, ...] = SETS) -> list[Finding]:
    """No picture is in two sets."""
    names = {which: part.images_name for which, part in _parts(evidence, model, sets).items()}
    hashes = {which: _hashes(_array(evidence, name)) for which, name in names.items()}
    findings = []
    for one, other in itertools.combinations(names, 2):
        shared = len(np.intersect1d(hashes[one], hashes[other]))
        if shared > SHARED * min(len(hashes[one]), len(hashes[other])):
            message = f"{shared:,} pictures are in `{names[one]}` and in `{names[other]}`. " + (
                "A set that shares pictures with the training set measures memory, not learning."
                if "train" in (one, other)
                else "What is chosen by looking at the one is then no longer tested by the other."
            )
            findings.append(Finding(message=message, where=names[other]))
    return findings


def _hashes(array: ArrayView) -> np.ndarray:
    if array.summary is not None:
        return array.summary.hashes
    data = np.ascontiguousarray(array.data)
    return np.array([hash(row.tobytes()) for row in data], np.int64)


def check_labels(evidence: Evidence, model: str, sets: tuple[str, ...] = SETS) -> list[Finding]:
    """The label beside each picture is that picture's, also where the pictures are others than asked for."""
    findings, strays = [], []
    for part in _parts(evidence, model, sets).values():
        compared = _compared(evidence, part, evidence.task(model))
        if isinstance(compared, str):
            findings.append(Finding(message=compared, where=part.labels_name))
        elif (compared[0] == compared[1]).mean() < 0.99:
            strays.append(part)
    return findings + _out_of_step(strays)


def _compared(evidence: Evidence, part: Part, task: Task) -> tuple[np.ndarray, np.ndarray] | str:
    """Labels as given and as they are, or what to say where they cannot be held beside the pictures."""
    name = part.labels_name
    array, labels = _array(evidence, part.images_name), class_numbers(_array(evidence, name))
    if labels is None:
        return f"`{name}` is {describe(evidence.value(name))}, which does not look like class numbers."
    if len(labels) != len(array):
        return f"`{part.images_name}` has {len(array):,} rows and `{name}` {len(labels):,}."
    given, true = _labels_in_step(array, labels, part, evidence.data, task)
    if len(given):
        return given, true
    return (
        f"In `{part.images_name}` no picture of this task can be recognised, so nothing tells whether the "
        f"labels in `{name}` belong to the pictures."
    )


def _out_of_step(strays: list[Part]) -> list[Finding]:
    """One finding for all sets: they are mostly cut by one and the same line."""
    if not strays:
        return []
    message = (
        f"The labels in {quoted(part.labels_name for part in strays)} are not those of the pictures in "
        f"{quoted(part.images_name for part in strays)}, row by row. Cut, shuffle and pick both in the same "
        "way, or a network learns noise."
    )
    return [Finding(message=message, where=strays[0].labels_name)]


def _labels_in_step(
    array: ArrayView, labels: np.ndarray, part: Part, dataset: DataSet, task: Task
) -> tuple[np.ndarray, np.ndarray]:
    """Labels as given and as they are: of all rows if the pictures are as asked, else of known ones.

    A picture of a class that the task does not have has no right label: another check says that it is there.
    """
    whole = len(labels) == len(part.labels)
    if whole and _aligned(array, part.images) is not None:
        return labels, part.labels
    kept = rows_of(array)
    if kept is None:
        return labels[:0], labels[:0]
    if whole and _not_in_proportion(kept[0], part.images[kept[1]]):
        return labels, part.labels
    source = identify(kept[0], dataset).images
    every = renumbered(task, np.concatenate([dataset.y_train, dataset.y_test]))
    known = (source >= 0) & (every[source] >= 0)
    return labels[kept[1][known]], every[source[known]]


def class_numbers(array: ArrayView | None) -> np.ndarray | None:
    """Labels as class numbers: int64 (n,), from (n,), (n, 1) or one-hot rows; None for anything else."""
    if array is None or array.data is None:
        return None
    data: np.ndarray = array.data.astype(np.float64)
    if data.ndim == 2 and data.shape[1] == 1:
        data = data[:, 0]
    if (
        data.ndim == 2
        and data.shape[1] > 1
        and (data.sum(axis=1) == 1).all()
        and (data.max(axis=1) == 1).all()
    ):
        classes: np.ndarray = np.argmax(data, axis=1)
        return classes
    if data.ndim != 1 or not np.isfinite(data).all() or (data != np.floor(data)).any():
        return None
    return data.astype(np.int64)


def as_asked(evidence: Evidence, model: str) -> bool:
    """Whether the validation set is the one asked for, so that figures measured on it can be compared."""
    part = part_of(evidence.task(model), "valid", evidence.data)
    found = evidence.names.get(part.images_name)
    return (
        isinstance(found, ArrayView)
        and len(found) == len(part.images)
        and _aligned(found, part.images) is not None
    )


def preparations(evidence: Evidence, model: str) -> list[Preparation]:
    """The ways in which the notebook's own arrays scale their pictures."""
    found = [_preparation(evidence, part) for part in _parts(evidence, model).values()]
    return [preparation for preparation in found if preparation is not None]
