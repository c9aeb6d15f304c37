"""What a submitted network is taken for, and what it is evaluated on; real submissions are in the corpus."""

import json
import math

import attrs
import numpy as np
import pytest

from autograder.checks import accuracy
from autograder.evidence import Unanswered, read_evidence
from autograder.judge.judging import _with_our_side
from autograder.networks.graph import parse


@pytest.fixture(scope="module")
def evidence(reference_evidence, lab, data):
    """The evidence of the reference submission, with our data and marks."""
    return _with_our_side(read_evidence(reference_evidence), lab, data)


@pytest.fixture(scope="module")
def name(lab):
    """The name of the submitted model."""
    return lab.models[0]


def with_model(evidence, name, **changes):
    """The same evidence with the submitted model changed."""
    saved = evidence.files[f"{name}.keras"]
    model = attrs.evolve(saved.model, **changes)
    return attrs.evolve(evidence, files={**evidence.files, saved.name: attrs.evolve(saved, model=model)})


def test_accuracy_is_that_of_the_history(evidence, name):
    """The judge's own arithmetic gives the validation figures that Keras recorded at the best epoch."""
    history = evidence.saved_history(name)
    best = int(np.argmin(history["val_loss"]))
    found = accuracy.reached(evidence, name).validation

    assert math.isclose(history["val_loss"][best], found.loss, abs_tol=1e-4)
    assert math.isclose(history["val_accuracy"][best], found.accuracy, abs_tol=3e-4)


def test_a_file_of_another_activation_is_refused(evidence, name):
    """A file whose layers have the right shapes and another activation is not evaluated as the right one."""
    config = json.loads(
        json.dumps(evidence.saved_model(name).config).replace('"activation": "elu"', '"activation": "relu"')
    )
    other = with_model(evidence, name, config=config)

    with pytest.raises(Unanswered, match="is not the network that `build_dnn"):
        accuracy.reached(other, name)


def test_a_file_of_an_own_class_is_read_in_order(evidence, name):
    """Weights of a student's own class, whose file lists no layers, are fitted into the network by order."""
    weights = evidence.saved_model(name).weights
    config = {
        "module": "mine",
        "class_name": "Deep",
        "config": {"trainable": True},
        "registered_name": "Deep",
    }
    own = with_model(evidence, name, config=config, weights={}, weights_in_order=tuple(weights.values()))

    assert accuracy.reached(evidence, name) == accuracy.reached(own, name)


@pytest.mark.parametrize("config", [None, [], {"config": None}, {"config": {"layers": 7}}, "text"])
def test_a_file_that_describes_nothing(evidence, name, config):
    """A file without a usable description and with no weights is refused with a reason."""
    with pytest.raises(Unanswered, match=rf"`{name}\.keras` cannot be judged"):
        accuracy.reached(with_model(evidence, name, config=config, weights={}, weights_in_order=()), name)


def test_weights_that_are_not_finite(evidence, name):
    """A network that exploded is refused, and the student told that its training diverged."""
    weights = {
        path: [np.full_like(array, np.nan) for array in arrays]
        for path, arrays in evidence.saved_model(name).weights.items()
    }

    with pytest.raises(Unanswered, match=r"weights are not finite \(training has diverged\)"):
        accuracy.reached(with_model(evidence, name, weights=weights), name)


def test_a_file_for_rows_of_numbers(evidence, name):
    """A file whose network takes each image as a row of numbers is evaluated like the one that flattens."""
    config = json.loads(json.dumps(evidence.saved_model(name).config))
    config["config"]["layers"] = [
        layer for layer in config["config"]["layers"] if layer["class_name"] != "Flatten"
    ]
    first = config["config"]["layers"][0]["config"]
    first["batch_shape"] = [None, math.prod(first["batch_shape"][1:])]
    config.pop("build_config", None)
    flat = with_model(evidence, name, config=config)
    flat = attrs.evolve(flat, references={name: parse(config)})

    assert accuracy.reached(evidence, name) == accuracy.reached(flat, name)
