"""Self-normalisation is judged by the signal in fresh networks, against samples of right ones."""

import attrs
import numpy as np
import pytest
from networks_by_hand import dense_model, layer

from autograder.checks import self_normalisation
from autograder.checks.structure import graph_of
from autograder.data import VALID, DataSet
from autograder.errors import LabProblem
from autograder.evidence import Evidence, Unanswered
from autograder.labs import Task
from autograder.signals import sample_signals

MODEL, SHAPE = "net", (8, 8, 3)
WIDTHS = (*([60] * 12), 10)
TASK = Task(name=MODEL, builder="build", standardised=True, fresh=200)


@pytest.fixture(scope="module")
def data():
    """Made-up images with something in common, as pictures have."""
    rng = np.random.default_rng(0)
    x = np.clip(rng.normal(rng.uniform(90, 160, SHAPE), 30, (VALID + 1_000, *SHAPE)), 0, 255).astype(np.uint8)
    y = rng.integers(0, 10, len(x))
    return DataSet(name="made up", identity="made-up", x_train=x, y_train=y, x_test=x[:50], y_test=y[:50])


@pytest.fixture(scope="module")
def signals(data):
    """Samples of right networks."""
    return sample_signals(graph_of(dense_model(SHAPE, WIDTHS, "selu")), TASK, data, 200)


@pytest.fixture
def of(data, signals):
    """The findings of both checks about a fresh network."""

    def check(net):
        evidence = Evidence(
            names={}, probes={"build": net}, dataset=data, tasks={MODEL: TASK}, signals={MODEL: signals}
        )
        checks = (self_normalisation.check_first_layer, self_normalisation.check_last_layer)
        return [" ".join(one.message for one in check(evidence, MODEL)) for check in checks]

    return check


@pytest.mark.parametrize("seed", range(8))
def test_a_right_network(of, seed):
    """SELU and LeCun normal keep the signal's size, whatever the seed."""
    assert ["", ""] == of(dense_model(SHAPE, WIDTHS, "selu", seed=seed))


@pytest.mark.parametrize("seed", range(4))
def test_one_kernel_for_all_layers(of, seed):
    """One initialiser object gives equal layers the same weights: that is compared with its like."""
    kernels = {}

    def draw(rng, shape):
        return kernels.setdefault(shape, rng.normal(0, shape[0] ** -0.5, shape))

    assert ["", ""] == of(dense_model(SHAPE, WIDTHS, "selu", seed=seed, draw=draw))


@pytest.mark.parametrize(
    ("activation", "spread", "first", "last"),
    [
        ("selu", 2.0, "too large", "too large"),
        ("selu", 0.3, "too small", ""),
        ("elu", 1.0, "too small", "too small"),
        ("relu", 1.0, "too small", "too small"),
        ("tanh", 1.0, "too small", "too small"),
    ],
)
def test_a_wrong_network(of, activation, spread, first, last):
    """Another activation or spread shows at depth, or in the first layer at the latest."""
    found = of(dense_model(SHAPE, WIDTHS, activation, spread=spread))

    assert first in found[0]
    assert "activation and the spread of its weights" in found[0]
    assert last in found[1]


def test_glorot_shows_in_the_first_layer_only(of):
    """Glorot differs from LeCun in the first layer, which has many more inputs than outputs."""

    def draw(rng, shape):
        return rng.normal(0, (2 / sum(shape)) ** 0.5, shape)

    found = of(dense_model(SHAPE, WIDTHS, "selu", draw=draw))

    assert "the first hidden layer has a standard deviation of" in found[0] and not found[1]


def test_a_network_that_standardises_itself(of, data):
    """A network that expects raw pixels, as it scales them itself, is tried on those."""
    images = data.x_train[VALID:].astype(np.float64)
    settings = {
        "axis": [1, 2, 3],
        "mean": images.mean(axis=0).tolist(),
        "variance": images.var(axis=0).tolist(),
    }
    ahead = [layer("Normalization", "scaling", invert=False, **settings)]

    assert ["", ""] == of(dense_model(SHAPE, WIDTHS, "selu", ahead=ahead))


def test_a_network_that_scales_once_more(of):
    """Standardised images made tiny inside the network do not reach the first layer as they should."""
    found = of(
        dense_model(SHAPE, WIDTHS, "selu", ahead=[layer("Rescaling", "again", scale=1 / 255, offset=0.0)])
    )

    assert "too small" in found[0]


def test_rows_of_numbers(of):
    """A network that takes images as rows of numbers is judged like any other."""
    assert ["", ""] == of(dense_model(192, WIDTHS, "selu"))


@pytest.mark.parametrize("check", ["check_first_layer", "check_last_layer"])
def test_what_cannot_be_tried(data, signals, check):
    """No network, another kind of input, weights that are none: no answer, and nothing breaks."""
    whole = dense_model(SHAPE, WIDTHS, "selu")
    odd = [
        None,
        dense_model((4, 4), WIDTHS, "selu"),
        dense_model(SHAPE, (10,), "selu"),
        attrs.evolve(whole, weights={}),
        attrs.evolve(whole, weights={name: [] for name in whole.weights}),
        attrs.evolve(whole, weights={name: [np.full((2, 2), np.nan)] for name in whole.weights}),
    ]
    for net in odd:
        evidence = Evidence(
            names={}, probes={"build": net}, dataset=data, tasks={MODEL: TASK}, signals={MODEL: signals}
        )
        with pytest.raises(Unanswered):
            getattr(self_normalisation, check)(evidence, MODEL)


def test_without_samples(data):
    """A lab that was not sampled is the lab's problem."""
    evidence = Evidence(names={}, probes={}, dataset=data, tasks={MODEL: TASK})

    with pytest.raises(LabProblem, match="no samples of fresh networks on 'made-up'"):
        self_normalisation.check_first_layer(evidence, MODEL)
