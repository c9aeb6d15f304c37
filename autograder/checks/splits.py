"""How data were divided: sizes, which image stands where, overlap, and labels in step with images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from autograder.checks.findings import Finding
from autograder.checks.preparation import Preparation, identify, infer, recognise, rows_of
from autograder.evidence import ArrayView, Evidence, Unanswered, describe

if TYPE_CHECKING:
    from autograder.data import DataSet

__all__ = [
    "as_asked",
    "check_labels",
    "check_overlap",
    "check_rows",
    "check_sizes",
    "class_numbers",
    "preparations",
]

SETS = ("train", "valid", "test")
SHARED = 0.005
"""The share of a set that may recur in another: CIFAR-10 itself holds a few pictures twice."""


@attrs.frozen(kw_only=True, eq=False)
class _Part:
    """One of the three sets as it should be: which of the data set's images, in order."""

    name: str
    images: np.ndarray
    labels: np.ndarray


def _parts(dataset: DataSet, valid: int) -> dict[str, _Part]:
    return {
        "train": _Part(name="X_train", images=dataset.x_train[valid:], labels=dataset.y_train[valid:]),
        "valid": _Part(name="X_valid", images=dataset.x_train[:valid], labels=dataset.y_train[:valid]),
        "test": _Part(name="X_test", images=dataset.x_test, labels=dataset.y_test),
    }


def _array(evidence: Evidence, name: str) -> ArrayView:
    found = evidence.value(name)
    if not isinstance(found, ArrayView) or found.ndim < 1:
        raise Unanswered(f"`{name}` is {describe(found)}, not an array.")
    return found


def check_sizes(evidence: Evidence, *, valid: int) -> list[Finding]:
    """Each set has as many images, and as many labels, as were asked for."""
    findings = []
    for key, part in _parts(evidence.data, valid).items():
        for name in (f"X_{key}", f"y_{key}"):
            rows = len(_array(evidence, name))
            if rows != len(part.labels):
                findings.append(
                    Finding(
                        message=f"`{name}` has {rows:,} rows, which is not the number that was asked for.",
                        where=name,
                    )
                )
    return findings


def check_rows(evidence: Evidence, *, valid: int) -> list[Finding]:
    """Every set holds the images that were asked for, in their order, however pixels are scaled."""
    parts = _parts(evidence.data, valid)
    return [finding for key in SETS for finding in _check_part(evidence, parts[key])]


def _check_part(evidence: Evidence, part: _Part) -> list[Finding]:
    array = _array(evidence, part.name)
    if _aligned(array, part.images) is not None:
        return []
    return [Finding(message=_what_is_there(array, part, evidence.data), where=part.name)]


def _aligned(array: ArrayView, images: np.ndarray) -> Preparation | None:
    """The preparation of an array whose rows are these images in this order, or None."""
    kept = rows_of(array)
    if kept is None or kept[0].shape[1] != int(np.prod(images.shape[1:])):
        return None
    rows, positions = kept
    if int(positions.max()) >= len(images):
        return None
    return infer(rows, images[positions])


def _what_is_there(array: ArrayView, part: _Part, dataset: DataSet) -> str:
    """Say what an array holds that does not hold what it should."""
    kept = rows_of(array)
    if kept is None or kept[0].shape[1] != int(np.prod(part.images.shape[1:])):
        return f"`{part.name}` has shape {array.shape}; these are not the pictures, pixel by pixel."
    rows, _ = kept
    source = identify(rows, dataset)
    if source.recognised < 0.5:
        return (
            f"The rows of `{part.name}` are not the pictures with their pixels scaled. Any other "
            "preparation belongs "
            "inside the model, where it cannot be forgotten when new pictures come."
        )
    if part.name != "X_test" and source.from_test > 0.5:
        return (
            f"`{part.name}` holds pictures of the test set. What you choose by looking at them is no "
            "longer tested by "
            "anything: take this set from the training pictures."
        )
    if part.name == "X_test" and source.from_test < 0.5:
        return "`X_test` holds training pictures: the test set is the one that the data set comes with."
    steps = np.diff(source.images[source.images >= 0])
    if (steps > 0).mean() > 0.95:
        return (
            f"`{part.name}` holds other pictures than those asked for: look at where the cut is made, "
            "and from which end."
        )
    return (
        f"The pictures of `{part.name}` are not in their original order: the question asks for a cut, "
        "not for a random draw."
    )


def check_overlap(evidence: Evidence) -> list[Finding]:
    """No picture is in two sets."""
    hashes = {key: _hashes(_array(evidence, f"X_{key}")) for key in SETS}
    findings = []
    for one, other in (("train", "valid"), ("train", "test"), ("valid", "test")):
        shared = len(np.intersect1d(hashes[one], hashes[other]))
        if shared > SHARED * min(len(hashes[one]), len(hashes[other])):
            message = (
                f"{shared:,} pictures are in `X_{one}` and in `X_{other}`. A set that shares pictures "
                "with the training "
                "set measures memory, not learning."
            )
            findings.append(Finding(message=message, where=f"X_{other}"))
    return findings


def _hashes(array: ArrayView) -> np.ndarray:
    if array.summary is not None:
        return array.summary.hashes
    data = np.ascontiguousarray(array.data)
    return np.array([hash(row.tobytes()) for row in data], np.int64)


def check_labels(evidence: Evidence, *, valid: int) -> list[Finding]:
    """The label beside each picture is that picture's, also where the pictures are others than asked for."""
    return [
        finding
        for key, part in _parts(evidence.data, valid).items()
        for finding in _check_labels(evidence, key, part)
    ]


def _check_labels(evidence: Evidence, key: str, part: _Part) -> list[Finding]:
    name = f"y_{key}"
    array, labels = _array(evidence, part.name), class_numbers(_array(evidence, name))
    if labels is None:
        return [
            Finding(
                message=f"`{name}` is {describe(evidence.value(name))}, which does not look like class "
                "numbers.",
                where=name,
            )
        ]
    if len(labels) != len(array):
        return [
            Finding(
                message=f"`{part.name}` has {len(array):,} rows and `{name}` {len(labels):,}.", where=name
            )
        ]
    given, true = _labels_in_step(array, labels, part, evidence.data)
    if len(given) and (given == true).mean() >= 0.99:
        return []
    message = (
        f"The labels in `{name}` are not those of the pictures in `{part.name}`, row by row. Cut, "
        "shuffle and pick both "
        "in the same way, or a network learns noise."
    )
    return [Finding(message=message, where=name)]


def _labels_in_step(
    array: ArrayView, labels: np.ndarray, part: _Part, dataset: DataSet
) -> tuple[np.ndarray, np.ndarray]:
    """Labels as given and as they are: of all rows if the pictures are as asked, else of known ones."""
    if len(labels) == len(part.labels) and _aligned(array, part.images) is not None:
        return labels, part.labels
    kept = rows_of(array)
    if kept is None:
        return labels[:0], labels[:0]
    source = identify(kept[0], dataset).images
    known = source >= 0
    return labels[kept[1][known]], np.concatenate([dataset.y_train, dataset.y_test])[source[known]]


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


def as_asked(evidence: Evidence, *, valid: int) -> bool:
    """Whether the validation set is the one asked for, so that figures measured on it can be compared."""
    found = evidence.names.get("X_valid")
    part = _parts(evidence.data, valid)["valid"]
    return (
        isinstance(found, ArrayView)
        and len(found) == len(part.images)
        and _aligned(found, part.images) is not None
    )


def preparations(evidence: Evidence, *, valid: int) -> list[Preparation]:
    """The ways in which the notebook's own arrays scale their pictures."""
    found = []
    for key, part in _parts(evidence.data, valid).items():
        array = evidence.names.get(f"X_{key}")
        if not isinstance(array, ArrayView):
            continue
        preparation = _aligned(array, part.images)
        kept = rows_of(array)
        if preparation is None and kept is not None:
            preparation = recognise(kept[0], evidence.data)
        if preparation is not None:
            found.append(preparation)
    return found
