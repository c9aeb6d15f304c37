"""How a model was compiled: what is said of a loss that does not fit."""

import functools

import keras
import numpy as np
import pytest

from autograder.checks import compiling, losses
from autograder.evidence import ArrayView, Compilation, ModelView
from autograder.room.compiled import describe_compilation

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


def wrapped(y, p):
    """The cross-entropy in a function of one's own."""
    return keras.losses.sparse_categorical_crossentropy(y, p)


class OwnLoss(keras.losses.Loss):
    """The same as a class."""

    def call(self, y, p):
        """Keras's own."""
        return keras.losses.sparse_categorical_crossentropy(y, p)


def by_hand(y, p):
    """The same by hand, for labels in one column."""
    rows = keras.ops.one_hot(keras.ops.cast(keras.ops.reshape(y, (-1,)), "int32"), 10)
    return -keras.ops.mean(keras.ops.sum(rows * keras.ops.log(p), axis=-1))


def of_one_hot(y, p):
    """The other variant."""
    return keras.losses.categorical_crossentropy(y, p)


def squared(y, p):
    """No cross-entropy."""
    return keras.ops.mean(keras.ops.square(keras.ops.one_hot(keras.ops.cast(y[:, 0], "int32"), 10) - p))


def as_logits(y, p):
    """The cross-entropy of logits."""
    return keras.losses.sparse_categorical_crossentropy(y, p, from_logits=True)


def right_share(y, p):
    """Accuracy in a function of one's own."""
    return keras.metrics.sparse_categorical_accuracy(y, p)


def compiled(loss, metrics=("accuracy",)):
    """How a network that is compiled with these is described."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(10, "softmax", name="out")])
    model.compile("nadam", loss, metrics=list(metrics))
    return describe_compilation(model)


@pytest.mark.parametrize(
    ("loss", "labels", "words"),
    [
        (wrapped, WHOLE, ""),
        (OwnLoss(), WHOLE, ""),
        (by_hand, WHOLE, ""),
        (functools.partial(keras.losses.sparse_categorical_crossentropy, from_logits=False), WHOLE, ""),
        (["sparse_categorical_crossentropy"], WHOLE, ""),
        ({"out": "sparse_categorical_crossentropy"}, WHOLE, ""),
        (of_one_hot, ONE_HOT, ""),
        (wrapped, ONE_HOT, "The labels are one-hot"),
        (of_one_hot, WHOLE, "There is a variant of this loss for whole numbers"),
        (squared, WHOLE, "compiled with squared. Where exactly one class is right"),
    ],
)
def test_a_loss_of_ones_own_is_known_by_what_it_gives(loss, labels, words):
    """A cross-entropy in a function, a class, a list or by an output's name is that cross-entropy."""
    found = said(compiled(loss)["loss"], labels)

    assert bool(words) == bool(found)
    assert all(words in one for one in found)


def test_a_loss_of_ones_own_for_logits():
    """It is told from the one for probabilities."""
    found = losses.read_loss(compiled(as_logits)["loss"])

    assert (True, True) == (found.whole, found.logits)
    assert not losses.read_loss(compiled(wrapped)["loss"]).logits


def test_a_metric_of_ones_own_is_known_by_what_it_gives():
    """Accuracy in a function is accuracy; what is only called so is not."""

    def accuracy(y, p):
        return keras.ops.mean(keras.ops.abs(y - p))

    described = [compiled("mse", [one])["metrics"][0] for one in (right_share, accuracy)]

    assert [True, False] == [losses.gives_accuracy(one, one_hot=False) for one in described]
    assert [True, False] == [not said_of_metric(one) for one in described]
    assert losses.gives_accuracy("accuracy", one_hot=False) is None


def said_of_metric(metric):
    """What is said of a metric, with whole numbers as labels."""
    view = ArrayView(shape=WHOLE.shape, dtype=WHOLE.dtype, data=WHOLE)
    found = Compilation(
        optimizer="Adam", optimizer_bases=("Adam",), learning_rate=1e-3, loss="mse", metrics=(metric,)
    )
    model = ModelView(type="Model", config=None, weights={}, compilation=found)
    return compiling.check_metric(model, "accuracy", labels=view)


def test_what_cannot_be_described_stops_nothing():
    """A schedule without a configuration, as tutorials write it, is a rate like any other."""

    class Schedule(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.25

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(10)])
    model.compile(keras.optimizers.Nadam(Schedule()), "mse", metrics=["mae"])
    found = describe_compilation(model)

    assert (0.25, "mse", ["mae"]) == (found["optimizer"]["learning_rate"], found["loss"], found["metrics"])
