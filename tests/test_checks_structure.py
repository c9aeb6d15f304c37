"""Structure beyond what the corpora try: distributions of fresh weights, inputs as rows of numbers."""

import numpy as np
import pytest
from networks_by_hand import dense_model, scaling

from autograder.checks import structure

WIDTHS = (100, 100, 10)


def normal(rng, shape):
    """LeCun normal, not truncated."""
    return rng.normal(0, shape[0] ** -0.5, shape)


def truncated(rng, shape):
    """LeCun normal as Keras draws it."""
    values = rng.normal(0, 1, shape)
    while (far := np.abs(values) > 2).any():
        values[far] = rng.normal(0, 1, far.sum())
    return values / 0.8796 * shape[0] ** -0.5


def uniform(rng, shape):
    """LeCun uniform."""
    return rng.uniform(-1, 1, shape) * (3 / shape[0]) ** 0.5


def two_values(rng, shape):
    """The right spread, of two values only."""
    return rng.choice([-1, 1], shape) * shape[0] ** -0.5


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("draw", [normal, truncated])
def test_a_normal_distribution(draw, seed):
    """Truncated or not, a normal distribution is one, and no uniform one."""
    net = dense_model(300, WIDTHS, "selu", draw=draw, seed=seed)

    assert [] == structure.check_initialisers(net, "lecun")
    assert [] == structure.check_initialisers(net, "lecun", distribution="normal")
    (found,) = structure.check_initialisers(net, "lecun", distribution="uniform")
    assert "drawn from a normal distribution, which is not the one asked for" in found.message


@pytest.mark.parametrize("seed", range(5))
def test_a_uniform_distribution(seed):
    """A uniform distribution of the right spread is told from a normal one where one was asked for."""
    net = dense_model(300, WIDTHS, "selu", draw=uniform, seed=seed)

    assert [] == structure.check_initialisers(net, "lecun")
    assert [] == structure.check_initialisers(net, "lecun", distribution="uniform")
    (found,) = structure.check_initialisers(net, "lecun", distribution="normal")
    assert "hidden layer 1 have the right spread, but are drawn from a uniform distribution" in found.message


def test_neither():
    """What is neither is called another distribution."""
    net = dense_model(300, WIDTHS, "selu", draw=two_values)
    (found,) = structure.check_initialisers(net, "lecun", distribution="normal")

    assert "drawn from another distribution" in found.message


@pytest.mark.parametrize(
    ("named", "found"), [("truncated_normal", 0), ("untruncated_normal", 0), ("uniform", 1)]
)
def test_small_layers_are_taken_by_their_word(named, found):
    """Weights too few to tell are taken for what their initialiser says."""
    net = dense_model(6, (5, 4), "selu", initialiser=scaling(1.0, named))

    assert found == len(structure.check_initialisers(net, "lecun", distribution="normal"))


def test_rows_of_numbers():
    """Images may be taken as rows of numbers only where that is said, and only of the right length."""
    net = dense_model(192, WIDTHS, "selu")

    assert [] == structure.check_input(net, shape=(8, 8, 3), flat=True)
    assert 1 == len(structure.check_input(net, shape=(8, 8, 3)))
    assert 1 == len(structure.check_input(net, shape=(8, 8, 1), flat=True))
    assert [] == structure.check_input(dense_model((8, 8, 3), WIDTHS, "selu"), shape=(8, 8, 3), flat=True)
