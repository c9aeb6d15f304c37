"""Recognise a student's pictures: which images they are, and how their pixels were scaled.

Arrays that come out of a room are claims, and could carry labels in their pixels. So a model is never
evaluated on them: the scaling is inferred from a sample of rows, as one affine map or one per feature,
held to the remaining rows, and applied to the grader's own copy of the images.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import attrs
import numpy as np

from autograder.evidence import ArrayView
from autograder.tasks import Preparation

if TYPE_CHECKING:
    from autograder.data import DataSet

__all__ = ["Source", "identify", "infer", "recognise", "rows_of"]

TOLERANCE = 4e-3
"""Largest residual of a map, as a share of the spread of the rows: half-precision inputs still pass."""
SIGNATURE_SIDE = 8
LIKE = 0.85
"""Smallest correlation between a row and an image, both reduced to 8 x 8, to call it that image."""


@attrs.frozen(kw_only=True, eq=False)
class Source:
    """For each row the image that it shows: an index into training images followed by test images, or -1."""

    images: np.ndarray
    training: int
    """How many training images there are; larger indices are test images."""

    @property
    def from_test(self) -> float:
        """The share of the recognised rows that are test images; 0 where most rows are not recognised.

        A few rows of something else are taken for pictures by chance, and say nothing of the others.
        """
        images = self.images[self.images >= 0]
        return float((images >= self.training).mean()) if self.known else 0.0

    @property
    def recognised(self) -> float:
        """The share of rows that are images of this data set at all."""
        return float((self.images >= 0).mean()) if len(self.images) else 0.0

    @property
    def known(self) -> bool:
        """Whether most rows are images of this data set: only then their sources tell anything."""
        return self.recognised >= 0.5


def rows_of(array: ArrayView) -> tuple[np.ndarray, np.ndarray] | None:
    """The kept rows of an array, flattened to float64 (kept, features), and their positions."""
    if array.data is not None and array.ndim >= 2 and len(array):
        return array.data.reshape(len(array), -1).astype(np.float64), np.arange(len(array))
    if array.summary is not None:
        sample = array.summary.sample
        return sample.reshape(len(sample), -1).astype(np.float64), array.summary.positions
    return None


def infer(rows: np.ndarray, images: np.ndarray) -> Preparation | None:
    """The affine map that makes these rows of these images, or None where no such map does.

    rows: (n, features) as prepared; images: (n, ...) uint8, the same pictures. A single map is tried first,
    as a feature that never varies in the sample has no slope of its own.
    """
    pixels = images.reshape(len(images), -1).astype(np.float64)
    if rows.shape != pixels.shape or len(rows) < 2 or not np.isfinite(rows).all():
        return None
    spread = float(rows.std())
    if spread == 0 or not np.isfinite(spread):
        return None
    for axis in (None, 0):
        known, held = slice(0, None, 2), slice(1, None, 2)
        scale, offset = _regress(pixels[known], rows[known], axis)
        residual = np.abs(pixels[held] * scale + offset - rows[held])
        if axis == 0:
            # A feature with few different values in half a sample has a poor slope: leave those to the rest.
            residual = residual[:, pixels[known].std(axis=0) > 1]
        if (
            residual.size
            and float(np.quantile(residual, 0.999)) <= TOLERANCE * spread
            and np.abs(scale).max() > 0
        ):
            scale, offset = _regress(pixels, rows, axis)
            return Preparation(scale=np.asarray(scale, np.float32), offset=np.asarray(offset, np.float32))
    return None


def _regress(pixels: np.ndarray, rows: np.ndarray, axis: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Least squares for `pixels * scale + offset = rows`, over everything or per feature."""
    mean_pixels, mean_rows = pixels.mean(axis=axis), rows.mean(axis=axis)
    variance = ((pixels - mean_pixels) ** 2).mean(axis=axis)
    covariance = ((pixels - mean_pixels) * (rows - mean_rows)).mean(axis=axis)
    scale = np.divide(covariance, variance, out=np.zeros_like(covariance), where=variance > 0)
    return scale, mean_rows - scale * mean_pixels


def identify(rows: np.ndarray, dataset: DataSet) -> Source:
    """Which images of the data set these rows show, whatever their affine preparation.

    rows: (n, features). Compares rows and images reduced to 8 x 8 pixels, without mean and spread.
    """
    source = _by_signature(rows, dataset)
    if not source.known and rows.ndim == 2 and rows.shape[1] == len(_statistics(dataset)[0]):
        # Pixels that were standardised one by one look like nothing until that is undone.
        mean, std = _statistics(dataset)
        undone = _by_signature(rows * std + mean, dataset)
        if undone.recognised > 0.5 and _infer_from(rows, undone, dataset) is not None:
            return undone
    return source


def _by_signature(rows: np.ndarray, dataset: DataSet) -> Source:
    signatures = _signatures(dataset)
    shape = dataset.x_train.shape[1:]
    if rows.ndim != 2 or rows.shape[1] != int(np.prod(shape)) or not np.isfinite(rows).all():
        return Source(images=np.full(len(rows), -1), training=len(dataset.x_train))
    likeness = _signature(rows.reshape(-1, *shape)) @ signatures.T
    best = likeness.argmax(axis=1)
    best[likeness[np.arange(len(rows)), best] < LIKE] = -1
    return Source(images=best, training=len(dataset.x_train))


def recognise(rows: np.ndarray, dataset: DataSet) -> Preparation | None:
    """The preparation of rows that show some of the data set's images, in any order; None where none fits."""
    return _infer_from(rows, identify(rows, dataset), dataset)


def _infer_from(rows: np.ndarray, source: Source, dataset: DataSet) -> Preparation | None:
    known = source.images >= 0
    images = [
        dataset.x_train[index] if index < source.training else dataset.x_test[index - source.training]
        for index in source.images[known]
    ]
    return infer(rows[known], np.stack(images)) if images else None


@functools.lru_cache(maxsize=2)
def _statistics(dataset: DataSet) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each pixel of the training images."""
    flat = dataset.x_train.reshape(len(dataset.x_train), -1)
    return flat.mean(axis=0, dtype=np.float64), flat.std(axis=0, dtype=np.float64)


@functools.lru_cache(maxsize=2)
def _signatures(dataset: DataSet) -> np.ndarray:
    blocks = [
        _signature(images[start : start + 5000])
        for images in (dataset.x_train, dataset.x_test)
        for start in range(0, len(images), 5000)
    ]
    return np.concatenate(blocks)


def _signature(images: np.ndarray) -> np.ndarray:
    """float32 (n, features): pictures averaged over tiles, centred, of unit length."""
    count, height, width = images.shape[:3]
    tall, wide = height // SIGNATURE_SIDE, width // SIGNATURE_SIDE
    cut = images[:, : tall * SIGNATURE_SIDE, : wide * SIGNATURE_SIDE].astype(np.float32)
    tiles = (
        cut.reshape(count, SIGNATURE_SIDE, tall, SIGNATURE_SIDE, wide, -1)
        .mean(axis=(2, 4))
        .reshape(count, -1)
    )
    tiles -= tiles.mean(axis=1, keepdims=True)
    unit: np.ndarray = tiles / np.maximum(np.linalg.norm(tiles, axis=1, keepdims=True), 1e-12)
    return unit
