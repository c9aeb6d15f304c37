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
