# ---
# jupyter:
#   jupytext:
#     cell_markers: '"""'
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [raw]
"""
# ASSIGNMENT CONFIG
init_cell: true
export_cell: false
check_all_cell: false
run_tests: false
solutions_pdf: false
template_pdf: false
show_question_points: true
python_version: 3.11
files:
  - dnnlab.py
tests:
  ok_format: false
  files: true
"""

# %% [markdown]
"""
# The 1cycle schedule on CIFAR-10

One number decides more than any other how a training goes: the learning rate. And there is no need
to keep it fixed. In this lab you train the network of the `selu` lab once more, for about as long,
and it comes out *two to three points better*, by plain steps with momentum at a rate that first
climbs and then falls:

1. you write a function that finds out in a few seconds how large a rate a network can bear,
2. you write a callback that changes the rate with every batch, in one cycle,
3. you train with it: fifteen epochs, decided in advance.

The cycle is Leslie Smith's idea (2018). Starting low lets the first, wild steps do no harm. The
high rate in the middle takes long strides, and its noise works like a regulariser: it cannot settle
in a narrow valley of the loss, only in a wide one. The fall at the end lets the network settle at
the bottom of that valley.

You need no graphics card. On an ordinary laptop all cells together take one to two minutes, nearly
all of it in question 3.

**How to work.** Answer in the cells that hold `...`, run them, then run the `grader.check` cell
below. A check costs nothing and may be run as often as you like. It looks at names, shapes and
types and takes a second or so; passing it means that your answer can be graded, not yet that it is
right.
"""

# %% [markdown]
"""
## Three switches

- `QUICK`: with `True`, the training of question 3 takes 10,000 images instead of 45,000, and the
  whole notebook runs in less than a minute. That is for trying things out. Hand in a training made
  with `QUICK = False`.
- `RETRAIN`: with `False`, a network that you trained and saved before is loaded instead of trained
  again, so you can close the notebook today and go on tomorrow. With `True` it is trained afresh
  and the saved one is replaced. A quick training is saved like any other: after playing with
  `QUICK`, set `RETRAIN = True` once for the real one.
- `SEED`: where the random numbers start. With the same seed you get the same initial weights and
  the same order of images, so you can tell whether a change of yours helped or whether you were
  lucky. Choose a number of your own, and keep it.
"""

# %%
QUICK = False
RETRAIN = False
SEED = 42

# %%
import math

import keras
import matplotlib.pyplot as plt
import numpy as np

import dnnlab

dnnlab.set_seed(SEED)

# %% [markdown]
"""
**Why `dnnlab.set_seed` and not `keras.utils.set_random_seed`?** The latter also sets TensorFlow's
*global* seed, and with that set, `fit` on arrays hands the network the very same batches in the
very same order in every epoch. Nothing warns you; the network just learns somewhat worse.
`dnnlab.set_seed` makes weights repeatable without that side effect, and
`dnnlab.batches(X, y, batch_size, seed)` gives `fit` a dataset that is shuffled anew for each epoch,
and in the same way each time you run it. Use the two together.
"""

# %% [markdown]
"""
## The data

CIFAR-10 once more: 50,000 small colour pictures of ten kinds of things to train on, 10,000 to test
with. The first 5,000 of the training pictures are the validation set. All pixels are *standardised*,
each with the mean and the standard deviation that it has in the training set, since the network
below needs inputs with mean 0 and standard deviation 1. All of this is given; look at it, and go on.

Without the real data set and without a connection, `dnnlab.load_cifar10()` falls back on a small
stand-in and says so; everything below runs on that too, but its accuracies mean nothing.
"""

# %%
(train_images, train_labels), (test_images, test_labels) = dnnlab.load_cifar10()

X_train = train_images[5_000:].astype("float32")
pixel_mean, pixel_std = X_train.mean(axis=0), X_train.std(axis=0)


def standardise(images):
    """Pixels with mean 0 and standard deviation 1 over the training set."""
    return (images.astype("float32") - pixel_mean) / pixel_std


X_train, y_train = standardise(train_images[5_000:]), train_labels[5_000:]
X_valid, y_valid = standardise(train_images[:5_000]), train_labels[:5_000]
X_test, y_test = standardise(test_images), test_labels

print("training set:  ", X_train.shape, X_train.dtype)
print("validation set:", X_valid.shape)
print("test set:      ", X_test.shape)

# %% [markdown]
"""
## Two networks

`build_selu_dnn()` builds the network that you will train: twenty hidden dense layers of 100 units
with SELU and LeCun initialisation, which together keep the signal at mean 0 and standard deviation
1 from layer to layer.

`small_problem()` gives you a toy: a network with one hidden layer, compiled with a rate of 0.05, and
640 made-up rows. Trying your functions out on it takes a second.
"""


# %%
def build_selu_dnn():
    """The network of this lab, not compiled."""
    network = keras.Sequential([keras.layers.Input(shape=(32, 32, 3)), keras.layers.Flatten()])
    for _ in range(20):
        network.add(keras.layers.Dense(100, activation="selu", kernel_initializer="lecun_normal"))
    network.add(keras.layers.Dense(10, activation="softmax"))
    return network


def small_problem():
    """A small compiled network and made-up rows to try things on: (model, X, y)."""
    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(640, 8)).astype("float32")
    y = (X @ rng.normal(size=(8, 10))).argmax(axis=1)
    model = keras.Sequential(
        [
            keras.layers.Input(shape=(8,)),
            keras.layers.Dense(16, activation="selu", kernel_initializer="lecun_normal"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate=0.05),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model, X, y


# %% [raw]
"""
# BEGIN QUESTION
name: q1
"""

# %% [markdown]
"""
## Question 1: how large a rate can the network bear?

Train for one epoch, and *let the rate grow with every batch*: from so small that nothing happens to
so large that the loss explodes. Plot the loss over the rate, and you see the whole range at a
glance: first a plain where the rate is too small to matter, then a slope where the network learns,
then a cliff. This is called a *learning rate range test*, and it replaces dozens of trial trainings.

Write

`find_learning_rate(model, X, y, epochs=1, batch_size=32, min_rate=1e-5, max_rate=10)`

for a `model` that has been compiled. It

- trains the model on `X, y` for that many epochs with batches of that size,
- starts at `min_rate` and multiplies the rate after **every batch by the same factor**, such that
  the last batch is trained at about `max_rate`,
- returns `rates, losses`: the rate of each batch, and the loss at that batch,
- leaves the model compiled as it was, with **the weights and the learning rate** that it had before.

**Why a factor and not a difference?** What counts is the ratio of two rates. Between 1e-5 and 10 lie
six decades. CIFAR-10 has 352 batches of 128; equal differences would spend nine tenths of them on
the last decade, and the first four would fly by within four batches. With n batches and a factor f,
the rate ends at `min_rate` times f to the power n. Solve for f.

**Why put things back?** By its end the training has exploded, and the weights are ruined. The test
should be something like a thermometer, which tells you something and leaves things as they are. The
weights: `model.get_weights()` and `model.set_weights(...)`. The rate: `model.optimizer.learning_rate`
can be read (`float(...)` makes a number of it) and assigned to. One thing is not put back, and not
asked for: an optimiser with momentum keeps its velocities, and they are those of an explosion, as a
rule `nan`. So before you train in earnest, build and compile a network anew.

**How to act between two batches?** With a callback: a class of yours that derives from
`keras.callbacks.Callback`, with a method `on_train_batch_end(self, batch, logs=None)` (or
`on_train_batch_begin`). Keras calls it at every batch; the model in training is `self.model`, and
`logs["loss"]` is the loss. Keras gives you the *mean over the batches of the epoch so far*, which is
smoother and lags behind a little; that is good enough. If you would rather have the loss of each
batch alone, work it out from two such means in a row. You may stop as soon as the loss has exploded.

*To think about:* Would the curve look the same if you went from large rates to small ones?
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""


# %%
# Write find_learning_rate, and any class that it needs.
# BEGIN SOLUTION
class ExponentialRate(keras.callbacks.Callback):
    """Multiplies the learning rate by a factor after each batch, and notes rates and losses."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor
        self.rates, self.losses = [], []

    def on_train_batch_end(self, batch, logs=None):
        rate = float(self.model.optimizer.learning_rate)
        self.rates.append(rate)
        self.losses.append(logs["loss"])
        self.model.optimizer.learning_rate = rate * self.factor


def find_learning_rate(model, X, y, epochs=1, batch_size=32, min_rate=1e-5, max_rate=10):
    """Return the rate of each batch of a training from min_rate to max_rate, and the losses."""
    weights = model.get_weights()
    rate = float(model.optimizer.learning_rate)
    batches = math.ceil(len(X) / batch_size) * epochs
    growing = ExponentialRate((max_rate / min_rate) ** (1 / batches))
    model.optimizer.learning_rate = min_rate
    model.fit(X, y, epochs=epochs, batch_size=batch_size, callbacks=[growing], verbose=0)
    model.set_weights(weights)
    model.optimizer.learning_rate = rate
    return growing.rates, growing.losses


# END SOLUTION

# %% [raw]
"""
# END SOLUTION
"""

# %% [raw]
"""
# BEGIN TESTS
"""

# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_find_learning_rate_returns_two_lists(env):
    assert "find_learning_rate" in env, "find_learning_rate is not defined"
    assert callable(env["find_learning_rate"]), "find_learning_rate should be a function"
    if "small_problem" not in env:
        return
    found = env["find_learning_rate"](*env["small_problem"]())
    assert found is not None, "find_learning_rate returns None: does it end with a return?"
    assert hasattr(found, "__len__"), "find_learning_rate returns one thing; asked for are rates, losses"
    assert len(found) == 2, f"find_learning_rate returns {len(found)} things; asked for are rates, losses"
    rates, losses = found
    assert len(rates) == len(losses), f"there are {len(rates)} rates and {len(losses)} losses"
    assert len(rates) > 1, "there is one rate only: it should be noted at every batch"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: There is a rate and a loss for every batch.
failure_message: find_learning_rate should return two series of numbers, a rate and a loss for every batch.
"""  # END TEST CONFIG


def test_one_rate_for_each_batch(env):
    from autograder.checks import evidence_of, range_test, require

    evidence = evidence_of(env, "one_cycle")
    run = range_test.run_of(evidence, "find_learning_rate", batches=20, lowest=1e-5, highest=10)
    require(range_test.check_counts(run))
    run = range_test.run_of(
        evidence, "find_learning_rate_with_settings", batches=20, lowest=1e-4, highest=0.1
    )
    require(range_test.check_counts(run))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 6
success_message: The rate grows by the same factor from batch to batch.
failure_message: The rate should be multiplied by the same factor after every batch, and be trained with.
"""  # END TEST CONFIG


def test_rates_grow_by_a_factor(env):
    from autograder.checks import evidence_of, range_test, require

    evidence = evidence_of(env, "one_cycle")
    run = range_test.run_of(
        evidence, "find_learning_rate_with_settings", batches=20, lowest=1e-4, highest=0.1
    )
    require(range_test.check_geometric(run))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 6
success_message: The rates run from min_rate to max_rate.
failure_message: The rates should begin at min_rate and end at about max_rate, whatever these are.
"""  # END TEST CONFIG


def test_rates_cover_the_range(env):
    from autograder.checks import evidence_of, range_test, require

    evidence = evidence_of(env, "one_cycle")
    run = range_test.run_of(evidence, "find_learning_rate", batches=20, lowest=1e-5, highest=10)
    require(range_test.check_range(run))
    run = range_test.run_of(
        evidence, "find_learning_rate_with_settings", batches=20, lowest=1e-4, highest=0.1
    )
    require(range_test.check_range(run))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: The weights are put back.
failure_message: After find_learning_rate the model should have the weights that it had before.
"""  # END TEST CONFIG


def test_weights_are_put_back(env):
    from autograder.checks import evidence_of, range_test, require

    evidence = evidence_of(env, "one_cycle")
    run = range_test.run_of(
        evidence, "find_learning_rate_with_settings", batches=20, lowest=1e-4, highest=0.1
    )
    require(range_test.check_weights_restored(run))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: The learning rate is put back.
failure_message: After find_learning_rate the model should be compiled, and have the rate, as before.
"""  # END TEST CONFIG


def test_learning_rate_is_put_back(env):
    from autograder.checks import evidence_of, range_test, require

    evidence = evidence_of(env, "one_cycle")
    run = range_test.run_of(
        evidence, "find_learning_rate_with_settings", batches=20, lowest=1e-4, highest=0.1
    )
    require(range_test.check_rate_restored(run))


# %% [raw]
"""
# END TESTS
"""

# %% [raw]
"""
# END QUESTION
"""

# %% [markdown]
"""
Now for the real network, with batches of 128. This takes five to ten seconds.
"""

# %%
dnnlab.set_seed(SEED)
trial = build_selu_dnn()
trial.compile(
    optimizer=keras.optimizers.SGD(momentum=0.9),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
rates, losses = find_learning_rate(trial, X_train, y_train, epochs=1, batch_size=128)

# %%
figure, axis = plt.subplots(figsize=(6, 3.6), layout="constrained")
axis.plot(rates, losses)
axis.set(xscale="log", xlabel="learning rate", ylabel="loss", ylim=(np.nanmin(losses) - 0.1, losses[0] + 0.2))
axis.grid(alpha=0.3)

# %% [markdown]
"""
**What to look at.** On the left the loss hardly moves. Then it falls, and it is *steepest* about
where the network learns best. Soon after its lowest point it shoots up: there the rate is too large
for stable training. A training with a fixed rate would take something like a tenth of the rate at
the lowest point. A cycle may go higher, since it stays up there only for a moment: a third to a half of
that rate is a good peak. Where the curve ends, the loss has become `nan`.

The curve flatters a little: it lasts for one epoch, and a rate that a network bears for some batches
may blow it up over many. When in doubt, take the smaller one.
"""

# %% [raw]
"""
# BEGIN QUESTION
name: q2
"""

# %% [markdown]
"""
## Question 2: one cycle

Write `OneCycleScheduler`, a Keras callback that sets the learning rate **before every batch**:

`OneCycleScheduler(iterations, max_rate, start_rate=None, last_iterations=None, last_rate=None)`

Count the batches of the whole training from 0, across all epochs; there are `iterations` of them.
The last `last_iterations` are the last stretch. Half of what is before that, rounded down, is

`half = (iterations - last_iterations) // 2`

The rate is made of three straight lines:

| batches | the rate goes |
|---|---|
| from 0 to `half` | up, from `start_rate` to `max_rate` |
| from `half` to `2 * half` | down, from `max_rate` back to `start_rate` |
| from `2 * half` to `iterations` | further down, from `start_rate` to `last_rate` |

So batch 0 is trained at `start_rate`, batch `half` at `max_rate`, batch `2 * half` at `start_rate`
again, and a batch in between at what the line says: on a line from rate a at batch i to rate b at
batch j, batch t has

`rate = a + (b - a) * (t - i) / (j - i)`.

The last stretch may reach `last_rate` at the last batch, or where one more batch would be.

Where an argument is left out, it is worked out from the others:

| argument | where it is left out |
|---|---|
| `start_rate` | a tenth of `max_rate` |
| `last_iterations` | `iterations // 10 + 1` |
| `last_rate` | a thousandth of `start_rate` |

The cell below draws the shape for a small example: find the three lines and the numbers that belong
to them.

**Per batch, not per epoch.** Fifteen epochs would be fifteen stairs, and the peak a flat step of 352
batches at the largest rate. A `keras.callbacks.LearningRateScheduler` as it comes is asked once an
epoch; that is why you write a callback of your own.

**Before the batch, not after it.** A rate that is set at the end of a batch is the *next* batch's.
That may be done, but then somebody has to take care of the very first one. `on_train_batch_begin`
has no such trap. And mind that its argument `batch` starts again from 0 in every epoch, so you need a
counter of your own.

*To think about:* The rate at the peak would ruin the network if training *started* there. Why does
it not at batch `half`?
"""

# %%
corners = [0, 45, 90, 100]
figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
axis.plot(corners, [0.01, 0.1, 0.01, 0.001], marker="o")
axis.set(
    xlabel="batch",
    ylabel="learning rate",
    title="OneCycleScheduler(100, 0.1, last_iterations=10, last_rate=0.001)",
)
axis.grid(alpha=0.3)


# %%
def rates_used(scheduler, epochs=3):
    """Train the small problem, 20 batches an epoch; the rate that each batch was trained with."""
    model, X, y = small_problem()

    rates = []

    def note(batch, logs):
        rates.append(float(model.optimizer.learning_rate))

    recorder = keras.callbacks.LambdaCallback(on_train_batch_begin=note)
    model.fit(X, y, batch_size=32, epochs=epochs, callbacks=[scheduler, recorder], verbose=0)
    return rates


# %% [raw]
"""
# BEGIN SOLUTION
"""


# %%
# Write OneCycleScheduler.
# BEGIN SOLUTION
class OneCycleScheduler(keras.callbacks.Callback):
    """Sets the learning rate before each batch: up, down, and a last stretch."""

    def __init__(self, iterations, max_rate, start_rate=None, last_iterations=None, last_rate=None):
        super().__init__()
        start_rate = max_rate / 10 if start_rate is None else start_rate
        last_iterations = iterations // 10 + 1 if last_iterations is None else last_iterations
        last_rate = start_rate / 1000 if last_rate is None else last_rate
        half = (iterations - last_iterations) // 2
        self.corners = [0, half, 2 * half, iterations]
        self.heights = [start_rate, max_rate, start_rate, last_rate]
        self.iteration = 0

    def on_train_batch_begin(self, batch, logs=None):
        rate = np.interp(self.iteration, self.corners, self.heights)
        self.model.optimizer.learning_rate = float(rate)
        self.iteration += 1


# END SOLUTION

# %% [raw]
"""
# END SOLUTION
"""

# %% [raw]
"""
# BEGIN TESTS
"""

# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_the_scheduler_is_there(env):
    assert "OneCycleScheduler" in env, "OneCycleScheduler is not defined"
    assert env["OneCycleScheduler"] is not None, "OneCycleScheduler should be a class"


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_the_rate_changes_from_batch_to_batch(env):
    if "rates_used" not in env:
        return
    kind = env["OneCycleScheduler"]
    scheduler = kind(60, 0.1) if callable(kind) else kind
    rates = env["rates_used"](scheduler)
    assert len(rates) > 0, "no batch was trained"
    assert all(rate > 0 for rate in rates), "a learning rate has to be a positive number"
    assert len(set(rates)) > 1, "every batch is trained at the same rate"
    assert len(set(rates)) > 6, f"{len(rates)} batches are trained at {len(set(rates))} different rates only"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 8
success_message: The learning rate changes with every batch.
failure_message: The learning rate should change with every batch, and be set before the batch is trained.
"""  # END TEST CONFIG


def test_one_update_for_each_batch(env):
    from autograder.checks import evidence_of, one_cycle, require

    cycle = one_cycle.Cycle.of(48, 0.1, 0.02, 11, 0.0005)
    run = one_cycle.trace_of(evidence_of(env, "one_cycle"), "one_cycle_scheduler", cycle)
    require(one_cycle.check_per_batch(run))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 10
success_message: The rate goes up to its peak and down again in two straight lines.
failure_message: Look at the first two lines of the cycle, at where each begins and ends, and how high.
"""  # END TEST CONFIG


def test_up_and_down(env):
    from autograder.checks import evidence_of, one_cycle, require

    cycle = one_cycle.Cycle.of(48, 0.1, 0.02, 11, 0.0005)
    run = one_cycle.trace_of(evidence_of(env, "one_cycle"), "one_cycle_scheduler", cycle)
    require(one_cycle.check_ramps(run))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 6
success_message: The last stretch falls to last_rate.
failure_message: The last stretch should fall from start_rate to last_rate, batch by batch.
"""  # END TEST CONFIG


def test_last_stretch(env):
    from autograder.checks import evidence_of, one_cycle, require

    cycle = one_cycle.Cycle.of(48, 0.1, 0.02, 11, 0.0005)
    run = one_cycle.trace_of(evidence_of(env, "one_cycle"), "one_cycle_scheduler", cycle)
    require(one_cycle.check_last_stretch(run))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 6
success_message: What is left out is worked out from the other arguments.
failure_message: Look at what is worked out where start_rate, last_iterations or last_rate are left out.
"""  # END TEST CONFIG


def test_defaults(env):
    from autograder.checks import evidence_of, one_cycle, require

    evidence, cycle = evidence_of(env, "one_cycle"), one_cycle.Cycle.of(48, 0.1, 0.02, 11, 0.0005)
    given = one_cycle.trace_of(evidence, "one_cycle_scheduler", cycle)
    run = one_cycle.trace_of(evidence, "one_cycle_scheduler_defaults", one_cycle.Cycle.of(33, 0.2))
    require(one_cycle.check_defaults(run, given))


# %% [raw]
"""
# END TESTS
"""

# %% [raw]
"""
# END QUESTION
"""

# %% [markdown]
"""
Does yours draw the same shape? Three epochs of 20 batches of the toy, with the rate that every batch
was trained with. Look at the first point above all. Is batch 0 at `start_rate`, or at the rate the toy
was compiled with? And where is the peak: is it where `half` says, for these arguments?
"""

# %%
figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
axis.plot(rates_used(OneCycleScheduler(60, max_rate=0.1)), marker=".")
axis.set(xlabel="batch", ylabel="learning rate", title="OneCycleScheduler(60, max_rate=0.1)")
axis.grid(alpha=0.3)

# %% [raw]
"""
# BEGIN QUESTION
name: q3
"""

# %% [markdown]
"""
## Question 3: fifteen epochs

Train a network from `build_selu_dnn()` with your scheduler, and save it. (A network of your own is
welcome, too, as long as it is made of dense layers, batch normalisation and dropout.) Do it inside
the `if` below, which loads a training that you saved before unless `RETRAIN` says otherwise. What is
asked for:

- **15 epochs** with **batches of 128**, on the first `fit_size` images of `X_train` (all of them,
  unless `QUICK`),
- a `OneCycleScheduler` of yours among the callbacks, told the right number of `iterations` (a wrong
  number costs accuracy): all batches of all epochs. The last batch of an epoch may be a smaller
  one, and counts,
- the validation set as `validation_data`, and what `fit` returns kept as `history`,
- the network that comes out of the *last* epoch saved.

**Which optimiser?** SGD with a momentum of 0.9, as the cycle was invented for it. (Momentum makes each
step about ten times as long, so the peak that suits it is smaller than the one without.) Accuracy among the
metrics.

**Which peak?** Read it off the curve of question 1, and round it *down*. Train a network that is
built and compiled anew, not the one that the curve was drawn with. If the loss of the middle epochs
rises or turns `nan`, take half; if the accuracies of the first and the last epochs are hardly apart,
double it.

**No early stopping?** Here it would do harm. Around the peak the validation loss hardly moves, and
may rise for an epoch; at the end it rises, and accuracy still climbs. Early stopping would take
either for the end. The schedule brings the network down by itself, and by accuracy the last
epochs, with their small rates, are the best ones. What you give up for it: the number of epochs has
to be decided in advance.

**What to look at in the curves.** Accuracy on the validation set hardly moves around the peak, and
jumps once the rate has begun to fall. The two losses part on the way down: the smaller the steps,
the more is learned by heart. A few epochs before the end the validation loss has its lowest point.
After that it rises, though accuracy goes up a little still: the network gets a few more pictures
right, and is far too sure of those that it gets wrong.

*Time:* a minute or so on a laptop.
"""

# %%
fit_size = 10_000 if QUICK else len(X_train)

# %% [raw]
"""
# BEGIN SOLUTION
"""

# %%
if RETRAIN or not dnnlab.is_saved("cifar10_one_cycle"):
    # Train on the first fit_size images of X_train.
    # BEGIN SOLUTION
    dnnlab.set_seed(SEED)
    n_epochs, batch_size = 15, 128
    model = build_selu_dnn()
    model.compile(
        optimizer=keras.optimizers.SGD(momentum=0.9),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    images, labels = X_train[:fit_size], y_train[:fit_size]
    one_cycle = OneCycleScheduler(n_epochs * math.ceil(len(images) / batch_size), max_rate=0.02)
    history = model.fit(
        dnnlab.batches(images, labels, batch_size, seed=SEED),
        epochs=n_epochs,
        shuffle=False,
        validation_data=(X_valid, y_valid),
        callbacks=[one_cycle],
        verbose=2,
    )
    # END SOLUTION
    dnnlab.save_training(model, history, "cifar10_one_cycle")
else:
    model, history = dnnlab.load_training("cifar10_one_cycle")

# %% [raw]
"""
# END SOLUTION
"""

# %% [raw]
"""
# BEGIN TESTS
"""

# %% [raw]
"""
# SEED CHECK
"""

# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_history_has_losses(env):
    assert "history" in env, "history is not defined: keep what fit returns"
    curves = getattr(env["history"], "history", None)
    assert isinstance(curves, dict), "history should be what fit returns"
    assert "val_loss" in curves, "history has no val_loss: give fit the validation set as validation_data"
    epochs = len(curves["val_loss"])
    assert epochs > 0, "history is empty: not one epoch was trained"
    assert len(curves["loss"]) == epochs, "history has more losses of one kind than of the other"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 8
success_message: The network is trained with a scheduler of your own.
failure_message: Your own scheduler should be among the callbacks of the training.
"""  # END TEST CONFIG


def test_own_scheduler(env):
    from autograder.checks import evidence_of, fitting, require

    evidence = evidence_of(env, "one_cycle")
    require(
        fitting.check_own_callback(
            evidence, "cifar10_one_cycle", "OneCycleScheduler", epochs=15, question="q3"
        )
    )


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: The training is as long as asked for.
failure_message: The training should be as many epochs long as the question asks for.
"""  # END TEST CONFIG


def test_epochs(env):
    from autograder.checks import evidence_of, fitting, require

    evidence = evidence_of(env, "one_cycle")
    require(fitting.check_epochs(evidence, "cifar10_one_cycle", 15, question="q3"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: The batches are as large as asked for.
failure_message: The batches should be as large as the question asks for.
"""  # END TEST CONFIG


def test_batch_size(env):
    from autograder.checks import evidence_of, fitting, require

    evidence = evidence_of(env, "one_cycle")
    require(fitting.check_batch_size(evidence, "cifar10_one_cycle", 128, epochs=15, question="q3"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 7
success_message: The saved history and the saved network belong together.
failure_message: The saved history does not belong to the saved network. Save both from one training.
"""  # END TEST CONFIG


def test_history_belongs(env):
    from autograder.checks import evidence_of, require, training

    require(training.check_history_belongs(evidence_of(env, "one_cycle"), "cifar10_one_cycle"))


# %% [raw]
"""
# ACCURACY LADDER
model: cifar10_one_cycle
points: {validation: 3, test: 1}
hints:
- Look at the peak and at the number of batches.
- Look at the peak of the cycle and at its end.
- Look at the peak of the cycle and at its end.
- A somewhat smaller or larger peak may do it.
"""

# %% [raw]
"""
# END TESTS
"""

# %% [raw]
"""
# END QUESTION
"""

# %%
curves = dnnlab.plot_history(history)

# %% [markdown]
"""
What is marked as best is the epoch of the lowest validation loss. The network that you saved is that
of the last epoch, which gets more pictures right.

*To think about, not graded:* which epoch would early stopping with a patience of 2 have kept, and
how much accuracy would it have cost?

Now, once, the test set. `evaluate` changes nothing in the model.
"""

# %%
test_loss, test_accuracy = model.evaluate(X_test, y_test, batch_size=500, verbose=0)
print(f"accuracy on the validation set, last epoch: {history.history['val_accuracy'][-1]:.1%}")
print(f"accuracy on the test set: {test_accuracy:.1%}")

# %% [markdown]
"""
The two should be within two points or so of each other. If the test accuracy is far below, something
of the validation set has got into the training.
"""

# %%
if QUICK:
    print("QUICK is on. Before you hand in, train once with QUICK = False and RETRAIN = True.")
print("saved training found" if dnnlab.is_saved("cifar10_one_cycle") else "no saved training found")

# %% [markdown]
"""
## Hand in

Restart the kernel, run all cells from top to bottom (with `RETRAIN = False` that takes less than a
minute: your saved network is loaded) and save the notebook. Then hand in these three files:

- `one_cycle.ipynb`, this notebook,
- `cifar10_one_cycle.keras`, your network: it is evaluated again by the grader, so a number printed
  here counts for nothing,
- `cifar10_one_cycle.history.json`, which shows how its training went.

The grader tries out your function and your callback on a small problem of its own. It runs your
notebook with trainings cut short after a few steps, to see *how* you train; what your training
*reached* it reads from the two saved files. Marks for accuracy come in steps, so a network that
falls short of the goal still earns some.
"""
