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

Whether a mark that follows keeps its promise is seen by resampling (Efron 1979, "Bootstrap methods: another
look at the jackknife"): what the samples would have been with other luck, and how often each of these sets
says that the mark is missed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs
import numpy as np

__all__ = ["MANY", "PEAKS", "Peaks", "peaks_of", "risk_beyond", "stray"]

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
    found = peaks_of(values)
    # The scale is known no better than so many excesses tell: that makes the tail of one further longer.
    return attrs.evolve(found, shape=found.shape + 1 / found.number).quantile(risk)


@attrs.frozen(kw_only=True)
class Peaks:
    """A tail: what lies beyond a threshold, as a generalised Pareto distribution."""

    threshold: float
    number: int
    """How many samples lie beyond the threshold."""
    share: float
    """The probability of lying beyond it."""
    scale: float
    shape: float
    """0 for an exponential tail, more for a longer one."""

    def quantile(self, risk: float) -> float:
        """What is passed with that probability, of at most `share`."""
        rate = self.share / risk
        factor = math.expm1(self.shape * math.log(rate)) / self.shape if self.shape else math.log(rate)
        return self.threshold + self.scale * factor

    def risk(self, value: float) -> float:
        """The probability of passing a value at or beyond the threshold; `share` for any before it."""
        from scipy.stats import genpareto

        if self.scale == 0:
            return self.share * (value <= self.threshold)
        return self.share * float(genpareto.sf(value - self.threshold, self.shape, scale=self.scale))


def peaks_of(values: np.ndarray) -> Peaks:
    """The upper tail of samples: float64 (n,), of which there are ten or more."""
    ordered = np.sort(values)
    number = round(_SHARE * len(ordered))
    threshold = float(ordered[-number - 1])
    excesses = ordered[-number:] - threshold
    shape = max(0.0, _shape(excesses)) if number >= PEAKS else 0.0
    return Peaks(
        threshold=threshold,
        number=number,
        share=number / len(ordered),
        scale=float(excesses.mean()) * (1 - shape),
        shape=shape,
    )


def _shape(excesses: np.ndarray) -> float:
    """The shape of the Pareto distribution of excesses, in ascending order; 0 is an exponential tail."""
    n, mean = len(excesses), float(excesses.mean())
    # Each excess weighted by the share of those that are larger.
    weighted = float((excesses * np.arange(n - 1, -1, -1)).sum()) / (n * (n - 1))
    return 2 - mean / (mean - 2 * weighted) if mean > 2 * weighted else 0.0


def risk_beyond(samples: Sequence[float] | np.ndarray, bound: float, *, resamples: int = 400) -> float:
    """The probability that one further sample lies above a bound, as resampling estimates it.

    The samples are drawn anew from themselves so many times; of each such set, the probability is that of the
    distribution fitted to it (a normal one to few samples, peaks over threshold to many). Their mean also
    counts what the samples leave open of their own spread. The same call gives the same number.
    """
    values = np.asarray(samples, np.float64)
    rng = np.random.default_rng(0)
    drawn = (rng.choice(values, len(values)) for _ in range(resamples))
    one = _risk_by_peaks if len(values) >= MANY else _risk_by_normal
    return float(np.mean([one(again, bound) for again in drawn]))


def _risk_by_peaks(values: np.ndarray, bound: float) -> float:
    return peaks_of(values).risk(bound)


def _risk_by_normal(values: np.ndarray, bound: float) -> float:
    from scipy.special import ndtr

    spread = float(values.std(ddof=1))
    return float(ndtr((values.mean() - bound) / spread)) if spread else float(values.mean() > bound)
