"""A small training set with as many images of each class: which images, and how labelled."""

from __future__ import annotations

import numpy as np

from autograder.checks.findings import Finding, listed
from autograder.checks.preparation import Source, identify, recognise, rows_of
from autograder.checks.splits import class_numbers, unlike
from autograder.data import VALID
from autograder.evidence import ArrayView, Evidence, Unanswered, describe
from autograder.tasks import Preparation

__all__ = ["check_images", "check_labels", "check_scaled_as", "check_set_aside", "check_test_images"]

_REPEATED = "Some pictures stand in `{}` more than once: whoever draws at random must not put them back."
FEW = 0.02
"""The share of rows that may be mistaken for other images."""


def _array(evidence: Evidence, name: str) -> ArrayView:
    found = evidence.value(name)
    if not isinstance(found, ArrayView) or found.ndim < 1 or len(found) == 0:
        raise Unanswered(f"`{name}` is {describe(found)}, not an array with rows.")
    return found


def _source(evidence: Evidence, name: str) -> tuple[Source, np.ndarray]:
    """What the kept rows of an array show, and which rows these are. Raises Unanswered."""
    kept = rows_of(_array(evidence, name))
    if kept is None:
        raise Unanswered(f"`{name}` does not hold one image in each row.")
    source = identify(kept[0], evidence.data)
    if not source.known:
        raise Unanswered(
            f"The rows of `{name}` are not the pictures with their pixels scaled. Any other preparation "
            "belongs inside the model."
        )
    return source, kept[1]


def _true_classes(evidence: Evidence, source: Source) -> np.ndarray:
    """The class of each row's image; -1 where it was not recognised."""
    labels = np.concatenate([evidence.data.y_train, evidence.data.y_test]).astype(np.int64)
    return np.where(source.images >= 0, labels[source.images], -1)


def check_images(evidence: Evidence, model: str, *, images: str, labels: str, each: int) -> list[Finding]:
    """The set holds that many training images of each class of the model's task, none of them twice."""
    source, _ = _source(evidence, images)
    classes = evidence.task(model).classes
    rows = len(_array(evidence, images))
    findings = _strangers(images, _true_classes(evidence, source), classes)
    findings += _counts(evidence, images, labels, classes, rows=rows, each=each)
    findings += _places(images, source)
    if _repeated(_array(evidence, images)):
        findings.append(Finding(message=_REPEATED.format(images)))
    return findings


def _strangers(name: str, true: np.ndarray, classes: tuple[int, ...]) -> list[Finding]:
    known = true[true >= 0]
    foreign = sorted(set(known[~np.isin(known, classes)].tolist()))
    if not foreign or np.isin(known, classes).mean() >= 1 - FEW:
        return []
    message = (
        f"`{name}` holds pictures of the digits {', '.join(map(str, foreign))}, which the base has learned "
        "already. Pick the rows by their labels before you take the first ones."
    )
    return [Finding(message=message, where=name)]


def _counts(
    evidence: Evidence, images: str, labels: str, classes: tuple[int, ...], *, rows: int, each: int
) -> list[Finding]:
    given = class_numbers(evidence.labels(labels))
    numbers = [] if given is None else np.unique(given, return_counts=True)[1].tolist()
    if rows == each * len(classes) and (given is None or numbers == [each] * len(classes)):
        return []
    if rows == each:
        what = f"`{images}` holds {rows} images in all. The question asks for that many of each digit."
    else:
        what = f"`{images}` holds {rows:,} images."
    counted = f" By their labels they are {listed(numbers)}." if 0 < len(numbers) <= 2 * len(classes) else ""
    cure = (
        " The first rows of the whole set hold each digit as often as it happens to come: find the rows of "
        "each digit, and take the first ones of each."
    )
    uneven = len(set(numbers)) > 1
    return [Finding(message=what + (counted + cure if uneven else counted), where=images)]


def _places(name: str, source: Source) -> list[Finding]:
    if source.from_test > FEW:
        message = (
            f"`{name}` holds pictures of the test set. Once trained on, they can no longer tell how the "
            "network does on new ones."
        )
        return [Finding(message=message, where=name)]
    known = source.images[source.images >= 0]
    if len(known) and float((known < VALID).mean()) > FEW:
        message = (
            f"`{name}` holds pictures that this lab sets aside for validation, the first {VALID:,} of the "
            "training set. Take them from the rest."
        )
        return [Finding(message=message, where=name)]
    return []


def check_test_images(evidence: Evidence, *, images: str) -> list[Finding]:
    """A test set is made of test images, whose number another check looks at."""
    source, _ = _source(evidence, images)
    if source.from_test >= 1 - FEW:
        return []
    message = (
        f"`{images}` holds training images. What a network reaches on images that it may have seen tells "
        "nothing about new ones: take the test images."
    )
    return [Finding(message=message, where=images)]


def check_set_aside(evidence: Evidence, *, images: str, trained: str) -> list[Finding]:
    """The images to stop on, where there are any under that name, are neither trained on nor tested with."""
    if not isinstance(evidence.names.get(images), ArrayView):
        return []
    kept = [rows_of(_array(evidence, name)) for name in (images, trained)]
    if kept[0] and identify(kept[0][0], evidence.data).from_test > FEW:
        message = (
            f"`{images}` holds pictures of the test set. When to stop is then chosen by them, and none are "
            "left to tell how the network does on new ones: take them from the training pictures."
        )
        return [Finding(message=message, where=images)]
    held, own = ({row.tobytes() for row in rows[0].astype(np.float32)} if rows else set() for rows in kept)
    if len(held & own) <= FEW * len(held):
        return []
    message = (
        f"Images of `{images}` are in `{trained}` as well. A loss on images that are trained on goes on "
        "falling while the network learns them by heart: it cannot say when to stop."
    )
    return [Finding(message=message, where=images)]


def check_scaled_as(evidence: Evidence, names: tuple[str, ...], *, like: tuple[str, ...]) -> list[Finding]:
    """Each of these arrays, where it is there, is scaled as one of some others is, whichever way."""
    wanted = [found for name in like if (found := _scaling(evidence, name)) is not None]
    for name in names:
        own = _scaling(evidence, name)
        if own is None or not wanted or not all(unlike(own, one, evidence.data.x_train) for one in wanted):
            continue
        message = (
            f"The pixels of `{name}` are scaled otherwise than those that the base was trained on, so that "
            "its layers see nothing that they know: prepare all pictures with one and the same code."
        )
        return [Finding(message=message, where=name)]
    return []


def _scaling(evidence: Evidence, name: str) -> Preparation | None:
    """How the pixels of an array are scaled; None where there is none, or it cannot be told."""
    array = evidence.names.get(name)
    kept = rows_of(array) if isinstance(array, ArrayView) else None
    return recognise(kept[0], evidence.data) if kept is not None else None


def _repeated(array: ArrayView) -> bool:
    """Whether a picture stands there twice, as no two of a data set of digits are the same."""
    if array.summary is not None:
        keys = array.summary.hashes
        return len(np.unique(keys)) < len(keys)
    rows = np.ascontiguousarray(array.data).reshape(len(array), -1)
    return len({row.tobytes() for row in rows}) < len(rows)


def check_labels(evidence: Evidence, model: str, *, images: str, labels: str) -> list[Finding]:
    """The labels are numbered from 0, and each is that of its image."""
    array = _array(evidence, labels)
    given, classes = class_numbers(array), evidence.task(model).classes
    if given is None:
        return [Finding(message=f"`{labels}` is {describe(array)}, which does not look like class numbers.")]
    if len(given) != len(_array(evidence, images)):
        return [Finding(message=f"`{labels}` has {len(given):,} rows and `{images}` another number.")]
    if given.min() < 0 or given.max() >= len(classes):
        # What comes of it is told of the training.
        what = "These are digits; a" if set(given.tolist()) <= set(classes) else "A"
        message = (
            f"The labels in `{labels}` run from {given.min()} to {given.max()}. {what} network of "
            f"{len(classes)} units wants class numbers, which begin at 0."
        )
        return [Finding(message=message, where=labels)]
    source, positions = _source(evidence, images)
    true = _true_classes(evidence, source)
    known = true >= 0
    if (np.asarray(classes)[given[positions[known]]] == true[known]).mean() >= 1 - FEW:
        return []
    message = (
        f"The labels in `{labels}` are not those of the pictures in `{images}`, row by row. Pick and order "
        "both with the same row numbers."
    )
    return [Finding(message=message, where=labels)]
