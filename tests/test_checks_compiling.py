"""How a model was compiled: what is said of a loss that does not fit."""

import numpy as np
import pytest

from autograder.checks import compiling
from autograder.evidence import ArrayView, Compilation, ModelView

WHOLE = np.array([0, 1, 2])
ONE_HOT = np.eye(3)


def said(loss, labels):
    """The messages about a loss and the labels that the model is trained with."""
    view = ArrayView(shape=labels.shape, dtype=labels.dtype, data=labels)
    compiled = Compilation(
        optimizer="Adam", optimizer_bases=("Adam",), learning_rate=1e-3, loss=loss, metrics=()
    )
    model = ModelView(type="Model", config=None, weights={}, compilation=compiled)
    return [finding.message for finding in compiling.check_loss(model, labels=view)]


@pytest.mark.parametrize(
    ("loss", "labels"),
    [("sparse_categorical_crossentropy", WHOLE), ("categorical_crossentropy", ONE_HOT)],
)
def test_the_loss_that_fits(loss, labels):
    """Each way to write labels has its cross-entropy."""
    assert [] == said(loss, labels)


@pytest.mark.parametrize(
    ("loss", "labels", "words"),
    [
        ("binary_crossentropy", WHOLE, "each output for a question of its own. Here exactly one class is"),
        ({"name": "BinaryCrossentropy", "config": {}}, ONE_HOT, "each output for a question of its own"),
        ("mean_squared_error", WHOLE, "cross-entropy over all classes, in the variant that fits"),
        (None, WHOLE, "compiled with no loss. Where exactly one class is right"),
        ("categorical_crossentropy", WHOLE, "There is a variant of this loss for whole numbers"),
        ("sparse_categorical_crossentropy", ONE_HOT, "The labels are one-hot"),
    ],
)
def test_a_loss_that_does_not_fit(loss, labels, words):
    """The cause is told, and none is sent from one loss that fails to another."""
    (found,) = said(loss, labels)

    assert words in found
    assert "want a categorical" not in found


@pytest.mark.parametrize(
    ("metric", "labels", "fits"),
    [
        ("accuracy", WHOLE, True),
        ("accuracy", ONE_HOT, True),
        ("sparse_categorical_accuracy", WHOLE, True),
        ({"name": "CategoricalAccuracy", "config": {}}, ONE_HOT, True),
        ({"name": "CategoricalAccuracy", "config": {}}, WHOLE, False),
        ("sparse_categorical_accuracy", ONE_HOT, False),
    ],
)
def test_an_accuracy_for_these_labels(metric, labels, fits):
    """Each way to write labels has its accuracy; the other one's figures mean nothing."""
    view = ArrayView(shape=labels.shape, dtype=labels.dtype, data=labels)
    compiled = Compilation(
        optimizer="Adam", optimizer_bases=("Adam",), learning_rate=1e-3, loss="", metrics=(metric,)
    )
    model = ModelView(type="Model", config=None, weights={}, compilation=compiled)
    found = compiling.check_metric(model, "accuracy", labels=view)

    assert fits == (not found)
    assert fits or "the accuracy for labels of another form" in found[0].message
    assert [] == compiling.check_metric(model, "accuracy")
