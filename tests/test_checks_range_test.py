"""The learning rate range test: which curves pass, and what is said of the others."""

import attrs
import numpy as np
import pytest

from autograder.checks import range_test
from autograder.checks.range_test import Run
from autograder.evidence import ArrayView, Evidence, Unanswered

COMPILED = {
    "rate": 0.007,
    "optimizer": "SGD",
    "momentum": 0.1,
    "loss": "sparse_categorical_crossentropy",
    "measured": ["accuracy", "loss"],
}


def array(values):
    """An array as evidence has it."""
    values = np.asarray(values, np.float64)
    return ArrayView(shape=values.shape, dtype=values.dtype, data=values)


def run(rates, losses=None, used=None, **seen):
    """What a test of 20 batches from 1e-4 to 0.1 gave."""
    losses = np.full(len(rates), 2.4) if losses is None else losses
    seen = {"used": array(rates if used is None else used), "loss_before": 2.4, **seen}
    return Run(
        batches=20,
        lowest=1e-4,
        highest=0.1,
        found=[array(rates), array(losses)],
        seen={"found": None, **seen},
    )


def growing(count=20, beyond=0):
    """Rates at the right pace, of the batches from `beyond` on."""
    return 1e-4 * 1000 ** ((np.arange(count) + beyond) / 20)


@pytest.mark.parametrize(
    "rates",
    [growing(), growing(beyond=1), np.geomspace(1e-4, 0.1, 20), np.geomspace(1e-4, 0.1, 19), growing(21)],
)
def test_an_honest_curve_passes(rates):
    """Rates that end a step before the top, at it or behind it are all right; so is one more or less."""
    found = run(rates)

    assert [] == range_test.check_counts(found)
    assert [] == range_test.check_geometric(found)
    assert [] == range_test.check_range(found)


def test_single_precision_passes():
    """Rates that were multiplied in single precision grow by one factor all the same."""
    assert [] == range_test.check_geometric(run(np.cumprod(np.full(20, 1.4125, np.float32)) * 1e-4))


@pytest.mark.parametrize("last", [np.nan, np.inf, 9.0])
def test_a_test_may_stop_as_the_loss_explodes(last):
    """Fewer rates than batches are all right where the loss has exploded."""
    found = run(growing(13), losses=[2.4] * 6 + [2.0] * 6 + [last])

    assert [] == range_test.check_counts(found) + range_test.check_range(found)


def test_a_test_may_leave_the_exploded_loss_out():
    """So they are where the last loss noted is that before the explosion, near the top of the range."""
    assert [] == range_test.check_counts(run(growing(16)))


@pytest.mark.parametrize("count", [1, 10, 25])
def test_a_rate_for_each_batch(count):
    """Rates of one epoch only, of each epoch, or more than there are batches are found out."""
    assert ["For 20 batches"] == [f.message[:14] for f in range_test.check_counts(run(growing(count)))]


def test_rates_and_losses_are_as_many():
    """A loss is missing."""
    assert "20 rates and 19 losses" in range_test.check_counts(run(growing(), np.ones(19)))[0].message


@pytest.mark.parametrize(
    ("losses", "words"),
    [
        (np.full(20, np.nan), "not finite"),
        (np.full(20, 0.1), "is it the loss"),
        (np.full(20, 1e300), "is it the loss"),
    ],
)
def test_losses_are_losses(losses, words):
    """Losses begin at about the loss that the network came with."""
    assert words in range_test.check_counts(run(growing(), losses))[0].message


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        (np.linspace(1e-4, 0.1, 20), "same difference"),
        (np.full(20, 1e-4), "are the same"),
        (growing()[::-1], "falls"),
        (np.repeat(growing(10), 2), "stays the same"),
        (growing() ** 2 * np.linspace(1, 90, 20), "goes from"),
        (np.zeros(20), "not positive"),
        (np.full(20, np.nan), "not positive"),
        (growing(2), "too few"),
    ],
)
def test_other_growth_is_named(rates, words):
    """What grows otherwise than by a factor is told by how it grows."""
    assert words in range_test.check_geometric(run(rates))[0].message


def test_rates_that_were_never_set():
    """Rates that are right on paper and were not trained with are found out by the optimiser."""
    found = range_test.check_geometric(run(growing(), used=np.full(20, 0.007)))

    assert "but the network was trained at one rate all the time" in found[0].message


def test_a_rate_that_was_set_once():
    """Where the rate was set for the first batch and never again, nobody is told that it never was."""
    found = range_test.check_geometric(run(growing(), used=np.r_[0.007, np.full(19, 1e-4)]))

    assert "trained with are the same: the rate should grow" in found[0].message


def test_a_late_first_rate_and_a_copy_are_let_pass():
    """The first step may have had another rate, and a copy of the model was not watched at all."""
    late = np.concatenate([[0.007], growing(19)])

    assert [] == range_test.check_geometric(run(growing(), used=late))
    assert [] == range_test.check_geometric(run(growing(), used=[]))


@pytest.mark.parametrize(
    ("rates", "words"), [(growing() / 10, "first rate"), (growing() ** 1.2 * 6.4, "last rate")]
)
def test_the_range_is_the_one_asked_for(rates, words):
    """Both ends are those of the call."""
    assert words in range_test.check_range(run(rates))[0].message


def test_weights_are_compared():
    """Weights that differ, that exploded or that are of another network are told apart."""
    before = array([1.0, 2.0])
    said = [
        range_test.check_weights_restored(run(growing(), weights_before=before, weights_after=after))
        for after in (before, array([1.0, 2.1]), array([np.nan, 2.0]), array([1.0]), None)
    ]

    assert [] == said[0]
    for found, words in zip(said[1:], ("other weights", "not finite", "not the", "not the"), strict=True):
        assert words in found[0].message


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (None, "not compiled"),
        (COMPILED | {"rate": 0.1}, "goes with 0.1"),
        (COMPILED | {"rate": None}, "no number"),
        (COMPILED | {"optimizer": "Adam"}, "Adam"),
        (COMPILED | {"loss": "mean_squared_error"}, "mean_squared_error"),
        (COMPILED | {"momentum": 0.0}, "momentum"),
        (COMPILED | {"measured": ["loss"]}, "metrics"),
        (COMPILED | {"measured": None}, "metrics"),
    ],
)
def test_compilation_is_compared(after, words):
    """The rate, the optimiser, the loss, the momentum and the metrics are those from before."""
    found = run(growing(), compiled_before=COMPILED, compiled_after=after)

    assert words in range_test.check_rate_restored(found)[0].message


def test_the_same_compilation_passes():
    """A rate in single precision and a loss in another spelling are the same."""
    after = COMPILED | {"rate": float(np.float32(0.007)), "loss": "SparseCategoricalCrossentropy"}
    found = run(growing(), compiled_before=COMPILED, compiled_after=after)

    assert [] == range_test.check_rate_restored(found)


@pytest.mark.parametrize(
    "found", [None, 3.0, [array([1.0])], [array([1.0]), None], [array([]), array([])], {}]
)
def test_what_is_no_pair_is_said(found):
    """Anything but two series of numbers is named, and breaks nothing."""
    with pytest.raises(Unanswered, match="find_learning_rate"):
        range_test.check_counts(attrs.evolve(run(growing()), found=found))


def test_a_probe_speaks_of_the_function():
    """Where the function failed, the message names it and not the probe."""
    evidence = Evidence(names={}, probes={"longer": Unanswered("`longer` could not be tried out: no.")})

    with pytest.raises(Unanswered, match="`find_learning_rate` could not"):
        range_test.run_of(evidence, "longer", batches=20, lowest=1e-4, highest=0.1)
