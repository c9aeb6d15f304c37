"""How far one further sample may stray to one side: the bound that a mark is set at.

Two ways, by how many samples there are:

- few: Student's t prediction bound for one further sample, t * s * sqrt(1 + 1/n), which takes the samples
  for normal and their spread for known no better than n samples tell;
- `MANY` or more: peaks over threshold. What exceeds a high threshold follows a generalised Pareto
  distribution, whatever the samples follow (Pickands 1975, "Statistical inference using extreme order
  statistics"). It is fitted to the farthest tenth by probability-weighted moments (Hosking and Wallis 1987,
  "Parameter and quantile estimation for the generalized Pareto distribution"). The tail is taken for an
  exponential one, which is longer than a normal distribution's, unless `PEAKS` or more show a longer one:
  fewer do not tell the shape of a tail, and none tells where it ends. For exponential excesses the bound is
  exact on average, as it allows for what k of them leave open of their scale: k * mean * (rate**(1/k) - 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

__all__ = ["MANY", "PEAKS", "stray"]

MANY = 100
"""From so many samples on, their tail is fitted; fewer say too little of it."""
PEAKS = 100
"""From so many samples beyond the threshold on, the shape of the tail is fitted, too."""
_SHARE = 0.1
"""The share of the samples that lies beyond the threshold."""


def stray(samples: Sequence[float] | np.ndarray, risk: float) -> float:
    """How far above their mean one further sample lies at most, but for that risk.

    For the other side, give the negatives. Two samples or more.
    """
    values = np.asarray(samples, np.float64)
    mean = float(values.mean())
    return (_from_peaks(values, risk) if len(values) >= MANY else _from_normal(values, risk)) - mean


def _from_normal(values: np.ndarray, risk: float) -> float:
    from scipy.special import stdtrit

    n = len(values)
    quantile = float(stdtrit(n - 1, 1 - risk))
    return float(values.mean()) + quantile * float(values.std(ddof=1)) * math.sqrt(1 + 1 / n)


def _from_peaks(values: np.ndarray, risk: float) -> float:
    ordered = np.sort(values)
    peaks = round(_SHARE * len(ordered))
    threshold = float(ordered[-peaks - 1])
    excesses = ordered[-peaks:] - threshold
    shape = max(0.0, _shape(excesses)) if peaks >= PEAKS else 0.0
    scale = float(excesses.mean()) * (1 - shape)
    # The scale is known no better than so many excesses tell: that makes the tail of one further longer.
    shape += 1 / peaks
    rate = peaks / (len(ordered) * risk)
    return threshold + scale * float(rate**shape - 1) / shape


def _shape(excesses: np.ndarray) -> float:
    """The shape of the Pareto distribution of excesses, in ascending order; 0 is an exponential tail."""
    n, mean = len(excesses), float(excesses.mean())
    # Each excess weighted by the share of those that are larger.
    weighted = float((excesses * np.arange(n - 1, -1, -1)).sum()) / (n * (n - 1))
    return 2 - mean / (mean - 2 * weighted) if mean > 2 * weighted else 0.0
