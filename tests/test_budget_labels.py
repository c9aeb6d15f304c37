"""What the fit budget records of a training, and labels that an output layer has no unit for."""

import math

import keras
import numpy as np
import pytest

from autograder.evidence.folder import _fit
from autograder.room.budget import Budget


@pytest.fixture
def budget():
    """A budget that is not installed: its wrappers are called directly."""
    return Budget()


def network(*, frozen=False):
    """Five outputs for four numbers, compiled."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, activation="softmax")])
    model.trainable = not frozen
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fit(budget, model, labels, **settings):
    """The result of a budgeted fit, and what was recorded of it as the judge reads it."""
    inputs = np.ones((len(labels), 4), np.float32)
    result = budget._wrap_fit(keras.Model.fit)(model, inputs, labels, verbose=0, **settings)
    return result, _fit(budget.fits[-1], budget.recorder.arrays)


def test_the_range_of_all_labels_is_kept(budget):
    """The lowest and highest label are those of all rows, not only of the few that are kept."""
    labels = np.ones(1_000, np.uint8)
    labels[[500, 501]] = 0, 4
    _, found = fit(budget, network(), labels)

    assert ((0.0, 4.0), 5, 2) == (found.training.label_range, found.outputs, found.trainable)


def test_a_frozen_model_has_nothing_to_train(budget):
    """The weights that training may change are counted."""
    _, found = fit(budget, network(frozen=True), np.zeros(32, np.uint8))

    assert 0 == found.trainable


def test_labels_beyond_the_output_give_nan(budget):
    """As on a graphics card, such a training has a loss of NaN and goes on; what was wrong is recorded."""
    labels = np.full(64, 9, np.uint8)
    result, found = fit(budget, network(), labels, validation_data=(np.ones((64, 4), np.float32), labels))

    assert {"loss", "accuracy", "val_loss", "val_accuracy"} == set(result.history)
    assert math.isnan(result.history["val_loss"][0])
    assert math.isnan(found.history["loss"][0])
    assert "outside the valid range" in found.raised


def test_labels_beyond_the_output_evaluate_to_nan(budget):
    """`evaluate` gives no loss and no picture right for such labels, in the form that was asked for."""
    evaluate = budget._wrap_evaluate(keras.Model.evaluate)
    inputs, labels = np.ones((8, 4), np.float32), np.full(8, 9)
    listed = evaluate(network(), inputs, labels, verbose=0)
    named = evaluate(network(), inputs, labels, verbose=0, return_dict=True)

    assert math.isnan(listed[0])
    assert [0.0] == listed[1:]
    assert ["loss", "accuracy"] == list(named)


def test_labels_of_another_form_give_nan(budget):
    """A loss that wants labels of another form is recorded, and what follows can be judged."""
    model = network()
    model.compile("sgd", "binary_crossentropy")
    result, found = fit(budget, model, np.zeros(32, np.uint8))

    assert math.isnan(result.history["loss"][0])
    assert "must have the same" in found.raised


def test_other_errors_stay_errors(budget):
    """Inputs that the network does not take are the student's to see."""
    with pytest.raises(ValueError, match="incompatible"):
        budget._wrap_fit(keras.Model.fit)(network(), np.ones((32, 3), np.float32), np.zeros(32), verbose=0)
