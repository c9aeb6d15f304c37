"""The 1cycle schedule: which rates pass, and what is said of the others."""

import numpy as np
import pytest

from autograder.checks import one_cycle
from autograder.checks.one_cycle import Cycle, Trace
from autograder.evidence import ArrayView, Evidence, Unanswered

CYCLE = Cycle.of(48, 0.1, 0.02, 11, 0.0005)
SHORT = Cycle.of(33, 0.2)
EACH = {CYCLE: 12, SHORT: 11}
"""How many batches an epoch has."""
CHECKS = (one_cycle.check_per_batch, one_cycle.check_ramps, one_cycle.check_last_stretch)


def rates_of(cycle, end=0):
    """The rates of a cycle whose last stretch is so many batches shorter."""
    corners = [0, cycle.half, 2 * cycle.half, cycle.iterations - end]
    heights = [cycle.start_rate, cycle.max_rate, cycle.start_rate, cycle.last_rate]
    return np.interp(np.arange(cycle.iterations), corners, heights)


def trace(rates, cycle=CYCLE, momentum=0.9, epochs=4):
    """A trace of these rates."""
    momentum = np.broadcast_to(momentum, len(rates))
    return Trace(cycle=cycle, rates=np.asarray(rates, float), momentum=momentum, before=0.007, epochs=epochs)


def said(rates):
    """What each check says of rates, by a few words."""
    return [" ".join(finding.message for finding in check(trace(rates))) for check in CHECKS]


def by_default(rates, given=None):
    """What is said of rates where arguments were left out."""
    found = one_cycle.check_defaults(
        trace(rates, SHORT, epochs=3), trace(rates_of(CYCLE) if given is None else given)
    )
    return " ".join(finding.message for finding in found)


def geometric(cycle):
    """The rates of a cycle whose last stretch is a geometric one."""
    rates = rates_of(cycle)
    tail = 2 * cycle.half
    rates[tail:] = np.geomspace(cycle.start_rate, cycle.last_rate, cycle.iterations - tail)
    return rates


@pytest.mark.parametrize("make", [rates_of, lambda cycle: rates_of(cycle, end=1), geometric])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_an_honest_cycle_passes(make, kind):
    """The last stretch may end at the last batch or one later, on a line or by a factor."""
    assert ["", "", ""] == said(make(CYCLE).astype(kind))
    assert "" == by_default(make(SHORT).astype(kind))


def test_momentum_may_follow():
    """Momentum that changes as well is all right."""
    assert [] == one_cycle.check_per_batch(trace(rates_of(CYCLE), momentum=np.linspace(0.95, 0.85, 48)))


def test_a_rate_that_comes_late_costs_one_test():
    """Rates set after their batch are found once, and nothing else is said of them."""
    late = np.concatenate([[0.007], rates_of(CYCLE)[:-1]])

    assert ["a batch late" in said(late)[0], "", ""] == [True, *said(late)[1:]]
    assert "" == by_default(np.concatenate([[0.007], rates_of(SHORT)[:-1]]), late)


def test_constant_rates():
    """A rate that never changes is told from momentum that changes in its place."""
    assert "compiled with" in said(np.full(48, 0.007))[0]
    assert "set once" in said(np.full(48, 0.1))[0]
    only = trace(np.full(48, 0.007), momentum=np.linspace(0.85, 0.95, 48))
    assert "momentum changes" in one_cycle.check_per_batch(only)[0].message


def test_rates_of_epochs():
    """Stairs are told from a cycle."""
    assert "once an epoch" in said(np.repeat(rates_of(CYCLE)[::12], 12))[0]
    assert "at the batch before for 24" in said(np.repeat(rates_of(CYCLE)[::2], 2))[0]


@pytest.mark.parametrize(
    "make",
    [
        lambda cycle: np.full(cycle.iterations, 0.007),
        lambda cycle: np.repeat(rates_of(cycle)[:: EACH[cycle]], EACH[cycle]),
        lambda cycle: np.r_[0.007, np.full(cycle.iterations - 1, 0.1)],
    ],
    ids=["constant", "stairs", "set once"],
)
def test_a_rate_that_does_not_change_says_nothing_else(make):
    """Where the rate stays the same in an epoch, the test that says so is named, and no shape made up."""
    found = [*said(make(CYCLE))[1:], by_default(make(SHORT), make(CYCLE))]

    assert [True] * 3 == ["see 'one update for each batch'" in text for text in found]


@pytest.mark.parametrize("shift", [-1, 1])
def test_a_peak_beside_its_place(shift):
    """A peak that is off by one batch is found."""
    half = CYCLE.half
    rates = np.interp(np.arange(48), [0, half + shift, 2 * half, 48], [0.02, 0.1, 0.02, 0.0005])

    assert f"comes at batch {half + shift}" in said(rates)[1]
    assert ["", ""] == [said(rates)[0], said(rates)[2]]


def test_a_peak_held_for_two_batches():
    """A table whose way up and way down both have the peak is off by one."""
    rates = rates_of(CYCLE)
    half = CYCLE.half
    rates[:half], rates[half : 2 * half] = np.linspace(0.02, 0.1, half), np.linspace(0.1, 0.02, half)

    assert "comes at batch" in said(rates)[1]


@pytest.mark.parametrize(
    ("first", "behind", "values", "words"),
    [
        (0, 18, 0.1, "not `start_rate`"),
        (0, 48, np.minimum(rates_of(CYCLE), 0.08), "not `max_rate`"),
        (1, 18, rates_of(CYCLE)[1:18] * 0.9, "straight line"),
        (20, 36, 0.05, "way down is not"),
    ],
)
def test_other_ramps_are_named(first, behind, values, words):
    """A wrong start, a wrong height and bent lines are told apart."""
    rates = rates_of(CYCLE)
    rates[first:behind] = values

    assert words in said(rates)[1]


@pytest.mark.parametrize(
    ("tail", "words"),
    [
        (np.full(12, 0.02), "stays at"),
        (np.full(12, 0.06), "still above"),
        (np.r_[0.02, np.full(11, 0.0005)], "jumps"),
        (np.linspace(0.02, 0.01, 12), "only"),
        (np.linspace(0.02, -0.01, 12), "below"),
        (np.r_[np.linspace(0.02, 0.001, 6), np.linspace(0.01, 0.0005, 6)], "goes up"),
    ],
)
def test_other_last_stretches_are_named(tail, words):
    """A last stretch that is missing, jumps, ends too high or too low, or turns up."""
    rates = rates_of(CYCLE)
    rates[-12:] = tail

    assert words in said(rates)[2]


@pytest.mark.parametrize(("half", "words"), [(19, "comes at batch 19"), (18.5, "not `max_rate`")])
def test_half_is_rounded_down(half, words):
    """A half that is rounded up, or not at all, puts the peak beside its place."""
    rates = np.interp(np.arange(48), [0, half, 2 * half, 48], [0.02, 0.1, 0.02, 0.0005])

    assert words in said(rates)[1]


def test_other_defaults_are_named():
    """Each default is told from another one."""
    assert "start_rate" in by_default(rates_of(Cycle.of(33, 0.2, 0.008)))
    assert "last_iterations" in by_default(rates_of(Cycle.of(33, 0.2, None, 6)))
    assert "last_rate" in by_default(rates_of(Cycle.of(33, 0.2, None, None, 0.0002)))


def test_a_peak_that_is_always_late_says_nothing_of_defaults():
    """Where the peak is as far off with every argument given, the defaults are not to blame."""
    rates = rates_of(SHORT)
    rates[: 2 * SHORT.half] = np.roll(rates_of(SHORT), 1)[: 2 * SHORT.half]
    rates[0] = SHORT.start_rate
    given = np.roll(rates_of(CYCLE), 1)

    assert "" == by_default(rates, given)


def array(values):
    """An array as evidence has it."""
    values = np.asarray(values, np.float64)
    return ArrayView(shape=values.shape, dtype=values.dtype, data=values)


@pytest.mark.parametrize(
    "found",
    [
        None,
        [],
        {},
        {"rates": array(rates_of(CYCLE)), "momentum": array([]), "before": None, "epochs": 4},
        {"rates": array(np.ones(7)), "momentum": array([]), "before": 0.007, "epochs": 4},
        {"rates": array(np.full(48, np.nan)), "momentum": array([]), "before": 0.007, "epochs": 4},
    ],
)
def test_odd_evidence_is_unanswered(found):
    """Anything but a whole training's finite rates is said to be missing, and breaks nothing."""
    with pytest.raises(Unanswered):
        one_cycle.trace_of(Evidence(names={}, probes={"probe": found}), "probe", CYCLE)
