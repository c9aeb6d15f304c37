"""How far one further sample strays: not too near, whatever the samples follow, and not much too far."""

import numpy as np
import pytest
from scipy import stats

from autograder.tails import MANY, PEAKS, risk_beyond, stray

RISK = 1e-4
DISTRIBUTIONS = {"normal": stats.norm(), "longer tails": stats.t(10), "skewed": stats.gamma(9)}


def risks(distribution, n, runs):
    """The true risk beyond the bound, for bounds from so many sets of n samples."""
    rng = np.random.default_rng(n)
    drawn = (distribution.rvs(n, random_state=rng) for _ in range(runs))
    return [distribution.sf(values.mean() + stray(values, RISK)) for values in drawn]


@pytest.mark.parametrize("n", [10, 30])
def test_few_normal_samples(n):
    """The risk of a further sample is what was asked, on average over many sets of samples."""
    assert 0.5 * RISK < np.mean(risks(stats.norm(), n, 4000)) < 1.5 * RISK


@pytest.mark.parametrize("n", [MANY, 500, 5000])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_many_samples_of_any_kind(name, n):
    """Whatever the samples follow, the average risk is about what was asked or less."""
    assert np.mean(risks(DISTRIBUTIONS[name], n, 300)) < 1.5 * RISK


@pytest.mark.parametrize("n", [MANY, 500])
def test_the_bound_is_exact_for_exponential_tails(n):
    """Where excesses are exponential, the average risk is what was asked."""
    assert 0.8 * RISK < np.mean(risks(stats.expon(), n, 6_000)) < 1.2 * RISK


@pytest.mark.parametrize("n", [MANY, 500, 5000])
def test_normal_samples_are_not_spared_too_much(n):
    """For normal samples the bound lies at 6.5 standard deviations at most, where 3.7 would do."""
    rng = np.random.default_rng(n)

    assert 3.3 < np.median([stray(rng.normal(size=n), RISK) for _ in range(100)]) < 6.5


def test_longer_tails_get_more_room():
    """At the same deviation, samples that stray further move the bound further."""
    rng = np.random.default_rng(0)
    normal, longer = rng.normal(size=10 * PEAKS), rng.standard_t(4, size=10 * PEAKS)

    assert 1.2 * stray(normal / normal.std(), RISK) < stray(longer / longer.std(), RISK)


def test_each_side_has_its_own_bound():
    """The side to which samples stray further gets more room."""
    rng = np.random.default_rng(0)
    skewed = rng.gamma(4, size=1000)

    assert 1.5 * stray(-skewed, RISK) < stray(skewed, RISK)


@pytest.mark.parametrize("n", [5, MANY, 20 * PEAKS])
def test_equal_samples_do_not_stray(n):
    """Samples without spread give a bound without room, and no error."""
    assert 0 == pytest.approx(stray([0.5] * n, RISK))


def test_a_smaller_risk_needs_more_room():
    """The bound grows as the risk shrinks."""
    values = np.random.default_rng(0).normal(size=500)

    assert stray(values, 1e-3) < stray(values, 1e-4) < stray(values, 1e-5)


@pytest.mark.parametrize("n", [20, 500, 5000])
@pytest.mark.parametrize("deviations", [2, 3])
def test_resampling_finds_the_risk(n, deviations):
    """For normal samples the estimate is the true risk, or up to three times it where samples are few."""
    rng = np.random.default_rng(n)
    true = stats.norm.sf(deviations)
    found = [risk_beyond(rng.normal(size=n), deviations, resamples=50) for _ in range(30)]

    assert 0.7 * true < np.mean(found) < 3 * true


@pytest.mark.parametrize("n", [10, MANY])
def test_the_risk_without_spread(n):
    """Equal samples never lie above a bound above them, and always above one below."""
    assert 0 == risk_beyond([0.5] * n, 0.6)
    assert 0 < risk_beyond([0.5] * n, 0.4)
