"""How a training was set up: whose callbacks, how many epochs, how large the batches."""

from types import SimpleNamespace

import numpy as np
import pytest

from autograder.checks import fitting
from autograder.evidence import ArrayView, Callback, ClassView, Evidence, Fed, Fit, SavedFile

DATA = SimpleNamespace(x_train=np.zeros((1, 32, 32, 3), np.uint8))
OWN = Callback(type="OneCycleScheduler", bases=("OneCycleScheduler", "Callback", "object"), settings={})
ASKED = Callback(type="Mine", bases=("Mine", "LearningRateScheduler", "Callback", "object"), settings={})
DERIVED = Callback(type="Talking", bases=("Talking", *OWN.bases), settings={})
KERAS = Callback(
    type="LearningRateScheduler", bases=("LearningRateScheduler", "Callback", "object"), settings={}
)


def fit(
    epochs=15, batch_size=128, callbacks=(OWN,), model=1, after=("q1", "q2"), rows=45_000, shape=(32, 32, 3)
):
    """A recorded training."""
    inputs = ArrayView(shape=(32, *shape), dtype=np.dtype("float32"))
    return Fit(
        model=model,
        after=after,
        compilation=None,
        epochs=epochs,
        batch_size=batch_size,
        validation_split=0.0,
        callbacks=callbacks,
        training=Fed(rows=rows, inputs=inputs, labels=None),
        validation=None,
        history={},
        raised="",
    )


def evidence(*fits, history=15, names=None):
    """Evidence of these trainings, of a submitted history of so many epochs, and of what was defined."""
    name = "net.history.json"
    saved = SavedFile(name=name, problem="", history={"val_loss": [1.0] * history})
    return Evidence(
        names=names or {}, probes={}, fits=fits, files={name: saved} if history else {}, dataset=DATA
    )


def said(found):
    """Whether each check has something to say."""
    return [
        bool(fitting.check_own_callback(found, "net", "OneCycleScheduler", epochs=15, question="q3")),
        bool(fitting.check_epochs(found, "net", 15, question="q3")),
        bool(fitting.check_batch_size(found, "net", 128, epochs=15, question="q3")),
    ]


@pytest.mark.parametrize(
    "fits",
    [
        [fit()],
        [fit(shape=(3072,))],
        [fit(callbacks=(KERAS, ASKED))],
        [fit(rows=None)],
        [fit(rows=None, batch_size=None)],
        [fit(epochs=1, callbacks=(OWN,)) for _ in range(15)],
    ],
)
def test_an_honest_training_passes(fits):
    """Arrays or a dataset, flat pictures or not, in one call or in fifteen."""
    assert [False, False, False] == said(evidence(*fits))


@pytest.mark.parametrize(
    ("wrong", "which"),
    [
        (fit(callbacks=()), 0),
        (fit(callbacks=(KERAS,)), 0),
        (fit(epochs=10), 1),
        (fit(batch_size=64), 2),
        (fit(batch_size=None), 2),
        (fit(rows=None, batch_size=64), 2),
    ],
)
def test_a_wrong_setting_costs_its_test_only(wrong, which):
    """No callback of one's own, another length, other batches: each is found once."""
    assert [number == which for number in range(3)] == said(evidence(wrong))


@pytest.mark.parametrize("callbacks", [(OWN,), (DERIVED,), (KERAS, OWN)])
def test_the_class_that_was_defined_passes(callbacks):
    """The scheduler may be of the student's class or of one derived from it."""
    names = {"OneCycleScheduler": ClassView(type="__main__.OneCycleScheduler")}

    assert [False, False, False] == said(evidence(fit(callbacks=callbacks), names=names))


def test_a_class_goes_by_its_own_name():
    """A class that has another name of its own is found among the callbacks by that one."""
    names = {"OneCycleScheduler": ClassView(type="__main__.make.<locals>.Mine")}

    assert [False, False, False] == said(evidence(fit(callbacks=(ASKED,)), names=names))
    assert [True, False, False] == said(evidence(fit(callbacks=(OWN,)), names=names))


def test_another_class_of_ones_own_is_no_scheduler():
    """A callback that has nothing to do with the class of the lab does not stand for it."""
    names = {"OneCycleScheduler": ClassView(type="__main__.OneCycleScheduler")}
    found = evidence(fit(callbacks=(ASKED,)), names=names)

    assert [True, False, False] == said(found)
    said_of_it = fitting.check_own_callback(found, "net", "OneCycleScheduler", epochs=15, question="q3")
    assert "(Mine) there is no `OneCycleScheduler`" in said_of_it[0].message


@pytest.mark.parametrize("epochs", [10, 15, 30])
def test_a_comparison_does_not_count(epochs):
    """A training of other settings, shorter or longer, before or after, is there for comparison."""
    other = fit(epochs=epochs, batch_size=32, callbacks=(), model=2)

    assert [False, False, False] == said(evidence(fit(), other))
    assert [False, False, False] == said(evidence(other, fit()))


def test_tries_do_not_count():
    """What tries something out, on other rows or for one epoch, is not taken for the training."""
    tries = [
        fit(epochs=1, batch_size=32, callbacks=(), model=0),
        fit(epochs=30, batch_size=32, callbacks=(), model=2, shape=(8,)),
    ]

    assert [False, False, False] == said(evidence(*tries, fit()))
    assert [False, False, False] == said(evidence(*tries))


def test_a_loaded_training_is_judged_by_its_history():
    """Without a training in the notebook the history tells how long it was, and nothing else is asked."""
    assert [False, False, False] == said(evidence())
    assert [False, True, False] == said(evidence(history=10))
    assert [True, True, True] == said(evidence(history=0))
