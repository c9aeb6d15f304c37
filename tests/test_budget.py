"""The fit budget: what it cuts in a notebook and in a probe, and what it writes down."""

import keras
import numpy as np
import pytest

from autograder.room import budget as budgets
from autograder.room.budget import Budget


@pytest.fixture
def budget(monkeypatch):
    """A budget that is in force for one test."""
    for name in ("fit", "evaluate"):
        monkeypatch.setattr(keras.Model, name, getattr(keras.Model, name))
    budget = Budget()
    budget.install()
    return budget


@pytest.fixture
def network():
    """A small compiled network."""
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="softmax")])
    network.compile("sgd", "sparse_categorical_crossentropy")
    return network


class Steps(keras.callbacks.Callback):
    """Counts the steps of each epoch."""

    def __init__(self):
        super().__init__()
        self.taken = []

    def on_epoch_begin(self, epoch, logs=None):
        """Start counting anew."""
        self.taken.append(0)

    def on_train_batch_end(self, batch, logs=None):
        """Count."""
        self.taken[-1] += 1


def rows(count):
    """Inputs and labels."""
    return np.ones((count, 3), np.float32), np.zeros(count, np.int64)


def batches(count, size):
    """The same as a dataset."""
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(rows(count)).batch(size)


def trained(network, *args, **settings):
    """The steps of each epoch that a call of `fit` took."""
    steps = Steps()
    network.fit(*args, callbacks=[steps], verbose=0, **settings)
    return steps.taken


def test_a_notebook_trains_for_a_few_steps(budget, network):
    """In a notebook a training is cut to two epochs of a step, and what was asked for is written down."""
    taken = trained(network, *rows(640), batch_size=32, epochs=15)

    assert [1, 1] == taken
    assert [(15, 32)] == [(fit["epochs"], fit["batch_size"]) for fit in budget.fits]


def test_after_many_trainings_one_epoch_has_to_do(budget, network):
    """But not where a callback of the student's own may leave the first of them out."""
    begun = []
    counting = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: begun.append(epoch))
    for _ in range(budgets.MANY_CALLS):
        trained(network, *rows(64), epochs=15)

    epochs = [len(network.fit(*rows(64), epochs=15, verbose=0).epoch)]
    network.fit(*rows(64), epochs=15, callbacks=[counting], verbose=0)

    assert ([1], [0, 1]) == (epochs, begun)
    assert [1, 1] == trained(network, *rows(64), epochs=15)


def test_the_batch_size_of_a_dataset(budget, network):
    """Of a dataset, the rows of its first batch are written down as the batch size."""
    trained(network, batches(640, 128), epochs=15)

    assert [128] == [fit["batch_size"] for fit in budget.fits]


def test_a_pipeline_gives_what_it_would_have_given():
    """The first batch of each epoch is the one of the whole pipeline, whatever options a student gave it."""
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = options.experimental_optimization.apply_default_optimizations = True
    whole, cut = (
        tf.data.Dataset.range(640)
        .shuffle(640, seed=1)
        .batch(4)
        .map(lambda numbers: numbers + 1, tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
        .with_options(options)
        for _ in range(2)
    )
    settings = dict.fromkeys(("batch_size", "steps_per_epoch", "validation_data", "validation_steps"))
    settings |= {"x": cut, "epochs": 15, "initial_epoch": 0, "validation_split": 0.0}

    budgets._cut(settings, epochs=2, steps=1)

    seen = [[batch.numpy().tolist() for batch in settings["x"]] for _ in range(2)]
    assert [[next(iter(whole)).numpy().tolist()] for _ in range(2)] == seen


@pytest.mark.parametrize("eager", [False, True])
def test_a_probe_sees_a_small_training_whole(budget, network, eager):
    """A training of a probe's own size is not cut, nor run otherwise than compiled, nor recorded."""
    network.run_eagerly = eager
    with budget.probing():
        found = [trained(network, *rows(640), batch_size=32, epochs=3)]
        found.append(trained(network, batches(640, 32), epochs=3))
        network.evaluate(*rows(32), verbose=0)

    assert [[20, 20, 20]] * 2 == found
    assert eager == network.run_eagerly
    assert ([], []) == (budget.fits, budget.evaluations)


def test_a_probe_sees_many_short_epochs_whole(budget, network):
    """Epochs of one step each, of data that goes on for ever, are run as long as there are steps left."""
    with budget.probing():
        found = trained(network, batches(640, 32).repeat(), epochs=20, steps_per_epoch=1)

    assert [1] * 20 == found


@pytest.mark.parametrize("size", [32, 4_096])
def test_a_probe_does_not_train_on_everything(budget, network, size):
    """A function that trains on a whole data set stays bounded, by epochs and steps, over all its calls."""
    with budget.probing():
        first = trained(network, *rows(50_000), batch_size=size, epochs=100, validation_data=rows(5_000))
        second = trained(network, batches(50_000, 32), epochs=100)

    assert budgets.PROBE_EPOCHS == len(first)
    assert budgets.PROBE_STEPS >= sum(first)
    assert budgets.PROBE_STEPS + 1 >= sum(first) + sum(second)


def test_behind_a_probe_a_notebook_is_cut_again(budget, network):
    """What follows a probe is cut and recorded like anything else."""
    with budget.probing():
        trained(network, *rows(640), batch_size=32)

    assert [1, 1] == trained(network, *rows(640), batch_size=32, epochs=3)
    assert 1 == len(budget.fits)


def test_evaluations_of_fit_are_told_from_others(budget, network):
    """What `fit` evaluates with its validation data is written down as that, also after a fit that failed."""
    network.fit(*rows(64), validation_data=rows(32), epochs=1, verbose=0)
    with pytest.raises(ValueError, match="Unknown"):
        network.fit(*rows(64), epochs=1, verbose=0, callbacks=[RaisesValueError()])
    network.evaluate(*rows(32), verbose=0)

    assert [True, False] == [one["in_fit"] for one in budget.evaluations]


class RaisesValueError(keras.callbacks.Callback):
    """Fails as soon as training begins."""

    def on_train_begin(self, logs=None):
        """Fail."""
        raise ValueError("Unknown")


def test_what_weights_went_through(budget, network):
    """Of each training it is known at which rates the weights were trained that it started from."""
    start = network.get_weights()
    for rate in (0.1, 0.2):
        network.optimizer.learning_rate = rate
        trained(network, *rows(64), epochs=1)
    network.set_weights(start)
    trained(network, *rows(64), epochs=1)

    assert [[], [0.1], []] == [[round(rate, 3) for rate in fit["trained_at"]] for fit in budget.fits]


def test_a_training_that_goes_on(budget, network):
    """A network that is trained again goes on, unless its weights were put back."""
    start = network.get_weights()
    for _ in range(2):
        network.fit(*rows(8), verbose=0)
    network.set_weights(start)
    network.fit(*rows(8), verbose=0)

    assert [False, True, False] == [fit["continues"] for fit in budget.fits]


@pytest.mark.parametrize(("count", "eagerly"), [(128, True), (129, False)])
def test_an_evaluation_of_a_few_batches_runs_eagerly(budget, network, count, eagerly):
    """It gives what a graph would give, and leaves the network as it was compiled."""
    import tensorflow as tf

    seen = []

    def loss(wanted, given):
        seen.append(tf.executing_eagerly())
        return tf.reduce_mean(given)

    network.compile(loss=loss)

    given = network.evaluate(*rows(count), verbose=0)

    assert eagerly == all(seen)
    assert np.mean(network.predict(rows(1)[0], verbose=0)) == pytest.approx(given, rel=1e-5)
    assert not network.run_eagerly
    assert 1 == len(budget.evaluations)


@pytest.mark.parametrize("as_dataset", [False, True])
def test_how_a_small_training_divides_its_pictures(budget, network, as_dataset):
    """What is held out is counted, and what of it is trained on, from arrays and from datasets."""
    import tensorflow as tf

    inputs = np.arange(30, dtype=np.float32).reshape(10, 3)
    labels = np.zeros(10, np.int64)
    prints = set()
    for part in (slice(0, 6), slice(4, 10)):
        given = (inputs[part], labels[part])
        given = (tf.data.Dataset.from_tensor_slices(given).shuffle(6).batch(4),) if as_dataset else given
        network.fit(*given, validation_data=(inputs[4:8], labels[4:8]), verbose=0)
        prints.add(budget.fits[-1]["division"].pop("print"))

    assert [{"trained": 6, "held_out": 4, "both": both} for both in (2, 4)] == [
        fit["division"] for fit in budget.fits
    ]
    assert 2 == len(prints)


def test_a_large_training_is_not_looked_through(budget, network):
    """Of a training on many pictures nobody asks which are held out."""
    network.fit(*rows(budgets.SMALL_ROWS + 1), verbose=0)

    assert budget.fits[0]["division"] is None
