"""The search for a learning rate, and early stopping: by what was chosen, and from where it started."""

import attrs
import numpy as np
import pytest

from autograder.checks import fits, search, training
from autograder.data import DataSet
from autograder.evidence import ArrayView, Callback, Compilation, Evidence, Fed, Fit

RATES = {1e-4: 2.0, 1e-3: 1.0}
STOPS = {"monitor": "val_loss", "patience": 5, "restore_best_weights": True}


@pytest.fixture(scope="module")
def data():
    """Made-up images, each unlike all others."""
    x = np.random.default_rng(0).integers(0, 256, (80, 8, 8), np.uint8)
    y = np.arange(80) % 10
    return DataSet(
        name="made up", identity="made-up", x_train=x[:60], y_train=y[:60], x_test=x[60:], y_test=y[60:]
    )


def callback(name, **settings):
    """A callback of Keras."""
    return Callback(type=name, bases=(name, "Callback", "object"), settings=settings)


def fit(rate=1e-3, loss=1.0, *, validated=None, callbacks=(), **more):
    """A recorded training at that rate."""
    fed = None
    if validated is not None:
        images = validated[:16].astype(np.float32)
        view = ArrayView(shape=images.shape, dtype=images.dtype, data=images)
        fed = Fed(rows=len(images), inputs=view, labels=None)
    compiled = Compilation(
        optimizer="Nadam", optimizer_bases=("Nadam",), learning_rate=rate, loss="", metrics=()
    )
    settings = {"model": 1, "after": (), "epochs": 2, "batch_size": 32, "validation_split": 0.0, "raised": ""}
    settings |= {"compilation": compiled, "training": None, "validation": fed, "callbacks": callbacks}
    return Fit(**(settings | {"history": {"val_loss": [loss]}} | more))


def measured(data, *trainings):
    """What is said of results that these trainings gave."""
    evidence = Evidence(names={"lr_results": RATES}, probes={}, fits=trainings, dataset=data)
    return [finding.message for finding in search.check_measured(evidence, "lr_results")]


def stopping(data, *trainings, question="q2"):
    """What is said of the early stopping of these trainings."""
    evidence = Evidence(names={}, probes={}, fits=trainings, dataset=data)
    found = training.check_early_stopping(evidence, "net", monitor="val_loss", question=question)
    return [finding.message for finding in found]


def test_each_rate_from_the_start(data):
    """Trainings that start afresh, or go on at their own rate, are measurements."""
    fresh = fit(1e-4, 2.0, validated=data.x_train)

    assert [] == measured(data, fresh, fit(1e-3, 1.0, validated=data.x_train))
    assert [] == measured(data, fresh, fit(1e-3, 1.0, trained_at=(1e-3,)))


def test_a_head_start(data):
    """A network that was trained at another rate before does not tell what its present rate is worth."""
    (found,) = measured(data, fit(1e-4, 2.0), fit(1e-3, 1.0, trained_at=(1e-4,)))

    assert "at the rate 0.001 had been trained at another rate before" in found
    assert [] == measured(data, fit(1e-4, 2.0), fit(1e-3, 1.0, trained_at=(1e-4,)), fit(1e-3, 1.0))


def test_rates_compared_on_the_test_set(data):
    """A loss on pictures of the test set is refused, though it was measured."""
    (found,) = measured(data, fit(1e-4, 2.0, validated=data.x_test), fit(1e-3, 1.0, validated=data.x_test))

    assert "measured on pictures of the test set" in found


def test_stopping_on_the_validation_set(data):
    """Early stopping that watches training images held out is as it should be."""
    stop = callback("EarlyStopping", **STOPS)

    assert [] == stopping(data, fit(validated=data.x_train, callbacks=(stop,)))
    assert [] == stopping(data, fit(callbacks=(stop,)))


def test_stopping_on_the_test_set(data):
    """Early stopping must not watch the test set."""
    stop = callback("EarlyStopping", **STOPS)
    (found,) = stopping(data, fit(validated=data.x_test, callbacks=(stop,)))

    assert "measured on pictures of the test set" in found and "`validation_data`" in found


def test_stopping_at_the_highest_loss(data):
    """A loss is good when it is low, whatever `mode` says."""
    stop = callback("EarlyStopping", **STOPS, mode="max")
    (found,) = stopping(data, fit(callbacks=(stop,)))

    assert "takes a high value for a good one" in found


@pytest.mark.parametrize(
    ("name", "counts"), [("TerminateOnNaN", False), ("CSVLogger", False), ("ModelCheckpoint", True)]
)
def test_a_search_is_not_taken_for_the_training(data, name, counts):
    """Where the training was taken out, a search does not stand for it that only watches its losses."""
    searched = fit(callbacks=(callback(name),), after=("q1",))
    evidence = Evidence(names={}, probes={}, fits=(searched,), dataset=data)

    assert counts == bool(fits.trainings_of(evidence, "q5"))
    assert counts == bool(fits.trainings_of(attrs.evolve(evidence, dataset=None), "q5"))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"same": False, "shared": 0}, ""),
        ({"same": True, "shared": 42}, "gives the very same network both times"),
        ({"same": False, "shared": 40}, "gives a network with the same layers both times"),
        (None, ""),
    ],
)
def test_a_function_that_builds_anew(found, words):
    """One network for all calls, or layers that all networks share, are named with what comes of it."""
    said = [finding.message for finding in search.check_new_each_time(found, "build")]

    assert bool(words) == bool(said)
    assert all(words in message for message in said)


def test_a_head_start_that_another_question_pays_for(data):
    """Where each call gives the same network, the search itself is not to blame for it."""
    trainings = fit(1e-4, 2.0), fit(1e-3, 1.0, trained_at=(1e-4,))
    results = [
        search.check_measured(
            Evidence(names={"lr_results": RATES}, probes=probes, fits=trainings, dataset=data),
            "lr_results",
            two_networks="two",
        )
        for probes in ({}, {"two": {"same": False, "shared": 0}}, {"two": {"same": True, "shared": 42}})
    ]

    assert [1, 1, 0] == [len(found) for found in results]
