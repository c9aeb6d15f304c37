"""How alike two sets of weights are, one of which may have been trained on from the other."""

from __future__ import annotations

import numpy as np

__all__ = ["likeness"]


def likeness(one: np.ndarray, other: np.ndarray) -> float | None:
    """The correlation of two arrays of weights; None where it says nothing."""
    if one.shape != other.shape:
        return None
    left, right = one.astype(np.float64).ravel(), other.astype(np.float64).ravel()
    if not np.isfinite(left.sum() + right.sum()) or left.std() == 0 or right.std() == 0:
        return None
    return float(np.corrcoef(left, right)[0, 1])
