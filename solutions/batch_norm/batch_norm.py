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
# Batch normalisation

A careful initialisation sets up a deep network so that the signal keeps its size from layer to layer.
But that holds for the first step only. As soon as the weights move, each layer's inputs drift, and
the layers behind it have to follow something that will not stand still.

Batch normalisation does not hope that the signal stays in shape: it puts it back into shape, at every
layer, for every batch. In this lab you put it into the network of twenty hidden layers and measure
what it buys and what it costs:

1. where the normalisation belongs,
2. how far the network gets with it,
3. how to say, in one number, how soon a training gets somewhere,
4. with and without: sooner, better, slower?

The pictures are those of CIFAR-10, small colour photographs of ten kinds of things. A network of
dense layers alone cannot do wonders on them: guessing gets one picture in ten, twenty plain layers
about every second one, and a good answer to this lab some more than that.

You need no graphics card. On an ordinary laptop all cells together take three to five minutes,
nearly all of it in questions 2 and 4.

**How to work.** Answer in the cells that hold `...`, run them, then run the `grader.check` cell
below. A check costs nothing and may be run as often as you like. It looks at names, shapes and
types and takes a second or so; passing it means that your answer can be graded, not yet that it is
right.
"""

# %% [markdown]
"""
## Three switches

- `QUICK`: with `True`, the trainings below take few images and few epochs, and the whole notebook
  runs in less than two minutes. That is for trying things out. Hand in a training made with
  `QUICK = False`.
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
import keras
import numpy as np

import dnnlab

dnnlab.set_seed(SEED)

# %% [markdown]
"""
**Use `dnnlab.set_seed` and `dnnlab.batches` here, of all labs.** With TensorFlow's *global* seed
set, as `keras.utils.set_random_seed` does, `fit` on arrays hands the network the very same batches
in every epoch. A plain network loses a point or two by that. Batch normalisation loses many: each
picture is normalised together with the others of its batch, and if these are always the same ones,
the network learns the company that a picture keeps instead of the picture. `dnnlab.set_seed` makes
weights repeatable without that side effect, and `dnnlab.batches(X, y, batch_size, seed)` gives
`fit` a dataset that is shuffled anew for each epoch.
"""

# %% [markdown]
"""
## The data

All of this is done for you: the first 5,000 training images are the validation set, the others are
for training, and pixels are numbers from 0 to 1. Without the real data set and without a connection,
`dnnlab.load_cifar10()` falls back on a small stand-in and says so; everything below runs on that
too, but its accuracies mean nothing.
"""

# %%
(train_images, train_labels), (test_images, test_labels) = dnnlab.load_cifar10()


def as_unit_interval(images):
    return images.astype("float32") / 255


X_valid, y_valid = as_unit_interval(train_images[:5_000]), train_labels[:5_000]
X_train, y_train = as_unit_interval(train_images[5_000:]), train_labels[5_000:]
X_test, y_test = as_unit_interval(test_images), test_labels

fit_size = 10_000 if QUICK else len(X_train)

print(f"{len(X_train):,} images to train on, {len(X_valid):,} to validate, {len(X_test):,} to test")

# %% [raw]
"""
# BEGIN QUESTION
name: q1
"""

# %% [markdown]
"""
## Question 1: put the normalisation in its place

Write `build_bn_dnn()`. It returns a new Keras model, not compiled, that

- takes images of 32 x 32 pixels and 3 colours and flattens them,
- has **20 hidden dense layers of 100 units each**, with the **ELU** activation and **He**
  initialisation,
- has a `BatchNormalization` layer **ahead of the first hidden layer**,
- has one more behind **every** hidden dense layer, **before its activation**,
- ends in a softmax over the 10 classes, with nothing normalised behind the output layer.

**What does the layer do?** In training it takes each unit's values over the batch, subtracts their
mean and divides by their standard deviation; then it multiplies by a factor and adds an offset, both
learned, one pair for each unit. So no unit can drift away or fade, whatever the layers below it do,
and yet the network can still choose the size and the place of each signal, where it helps. In use
there is no batch to speak of: there the layer takes a running mean and deviation that it kept while
it was trained.

**Why one ahead of the first layer?** It does for the pixels what the others do for the signals:
each of the 3,072 inputs gets mean 0 and deviation 1. You need no other scaling then.

**Why before the activation?** There the values are sums of a hundred terms, spread symmetrically, and
mean and deviation describe them well. Behind an ELU they are crowded at -1 and stretched on the other
side. (Normalising behind the activation works too and has its friends. In this lab it is before, so
that everybody measures the same thing.) An activation that is an argument of the dense layer comes
right after its sums and leaves no room for anything between, so give the dense layer none and add it
as a layer of its own.

**Why none behind the output?** The scores of the ten classes are what the network has to say. Pulled
to one mean and one spread, they say less.

**A detail to save work:** the normalisation subtracts the mean, and with it any bias that the dense
layer has added. Its own offset does the same job. Hidden layers may therefore have
`use_bias=False`; with a bias the answer counts just the same.
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""


# %%
def build_bn_dnn():
    """Return the network of this question, not compiled."""
    # BEGIN SOLUTION
    network = keras.Sequential([keras.layers.Input(shape=(32, 32, 3)), keras.layers.Flatten()])
    network.add(keras.layers.BatchNormalization())
    for _ in range(20):
        network.add(keras.layers.Dense(100, kernel_initializer="he_normal", use_bias=False))
        network.add(keras.layers.BatchNormalization())
        network.add(keras.layers.Activation("elu"))
    network.add(keras.layers.Dense(10, activation="softmax"))
    return network
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


def test_build_bn_dnn_returns_a_model(env):
    assert callable(env["build_bn_dnn"]), "build_bn_dnn should be a function: def build_bn_dnn(): ..."
    network = env["build_bn_dnn"]()
    assert network is not None, "build_bn_dnn() returns None: does it end with a return?"


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_build_bn_dnn_takes_images_and_gives_classes(env):
    network = env["build_bn_dnn"]()
    taken, given = getattr(network, "input_shape", None), getattr(network, "output_shape", None)
    if taken is None or given is None:
        return  # a model that has not seen an image yet has no shapes
    taken, given = tuple(taken), tuple(given)
    assert taken == (None, 32, 32, 3), f"the model takes {taken[1:]}; an image is (32, 32, 3)"
    assert len(given) == 2, f"the model gives {given[1:]} for an image: is there a Flatten layer?"
    assert given[1] == 10, f"the model gives {given[1]} numbers for an image; there are 10 classes"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 1
success_message: The network takes images of 32 x 32 pixels in 3 colours.
failure_message: The network should take images of 32 x 32 pixels in 3 colours, before any flattening.
"""  # END TEST CONFIG


def test_input(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "batch_norm").probe_model("build_bn_dnn")
    require(structure.check_input(net, shape=(32, 32, 3), ahead=("batch_normalization",)))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: The network has 20 hidden dense layers of 100 units.
failure_message: Count the hidden dense layers and their units. The output layer does not count as hidden.
"""  # END TEST CONFIG


def test_hidden_layers(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "batch_norm").probe_model("build_bn_dnn")
    require(structure.check_hidden_layers(net, count=20, units=100, between=("batch_normalization",)))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: Every hidden layer is followed by one ELU.
failure_message: Every hidden layer needs the ELU activation, exactly once.
"""  # END TEST CONFIG


def test_activations(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "batch_norm").probe_model("build_bn_dnn")
    require(structure.check_activations(net, "elu"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: Every hidden layer uses He initialisation.
failure_message: Every hidden layer needs He initialisation. The default of Keras is another one.
"""  # END TEST CONFIG


def test_initialisers(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "batch_norm").probe_model("build_bn_dnn")
    require(structure.check_initialisers(net, "he"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: The network ends in a softmax over 10 classes.
failure_message: The last layer should be dense, with one unit for each class and a softmax.
"""  # END TEST CONFIG


def test_output(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "batch_norm").probe_model("build_bn_dnn")
    require(structure.check_output(net, units=10, activation="softmax", between=("batch_normalization",)))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: What goes into the first hidden layer is normalised.
failure_message: What goes into the first hidden layer should be normalised over the batch.
"""  # END TEST CONFIG


def test_input_normalised(env):
    from autograder.checks import evidence_of, normalisation, require

    net = evidence_of(env, "batch_norm").probe_model("build_bn_dnn")
    require(normalisation.check_input_normalised(net))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: Every hidden layer has its batch normalisation.
failure_message: Every hidden dense layer needs one BatchNormalization layer behind it.
"""  # END TEST CONFIG


def test_layers_normalised(env):
    from autograder.checks import evidence_of, normalisation, require

    net = evidence_of(env, "batch_norm").probe_model("build_bn_dnn")
    require(normalisation.check_hidden_layers_normalised(net))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: Batch normalisation comes before the activation.
failure_message: Batch normalisation should come before the activation of its layer, not after it.
"""  # END TEST CONFIG


def test_normalised_before_activation(env):
    from autograder.checks import evidence_of, normalisation, require

    net = evidence_of(env, "batch_norm").probe_model("build_bn_dnn")
    require(normalisation.check_normalised_first(net))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The output is left as it is.
failure_message: Nothing should be normalised behind the output layer.
"""  # END TEST CONFIG


def test_output_not_normalised(env):
    from autograder.checks import evidence_of, normalisation, require

    net = evidence_of(env, "batch_norm").probe_model("build_bn_dnn")
    require(normalisation.check_output_bare(net))


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
*To think about, not graded:* print `build_bn_dnn().count_params()`. More than half of the parameters belong
to the first normalisation and the first dense layer: which of those does no gradient change?
"""

# %% [raw]
"""
# BEGIN QUESTION
name: q2
"""

# %% [markdown]
"""
## Question 2: train it

Train a network from `build_bn_dnn()` on the training set and save the result, inside the `if` below,
which loads a training that you saved before unless `RETRAIN` says otherwise. What is asked for:

- the model is `model`, compiled with a cross-entropy for integer labels and with accuracy as a
  metric; the optimiser is your choice,
- train on the first `fit_size` images, with batches from `dnnlab.batches(...)`, for at most
  `max_epochs` epochs, with the validation set as `validation_data`, and keep what `fit` returns as
  `history`,
- stop early: watch the **validation loss**, be patient for some epochs, and end up with the weights
  of the **best** epoch rather than the last,
- give `fit` a `dnnlab.EpochTimer()` among its callbacks. It notes the seconds of each epoch in
  `history.history["seconds"]`, which question 4 needs.

**Which batches?** The name says it: the batch is what is normalised over. With 8 images mean and
deviation are rough guesses, and the noise in them hurts; with thousands there is hardly any noise,
and a little noise is welcome, as it keeps the network from learning pictures by heart. 64 to 256 is
a good range; 128 is quicker than the usual 32.

**Which rate?** Where every layer puts the signal back into shape, steps may be large: 0.01 to 0.1 for
SGD with momentum, or 1e-3 for Nadam, are fine here. With a large rate the network gets into the right
region quickly and then rattles about in it. What brings it to rest is a rate that **falls** while it
trains. A schedule does that: for instance
`keras.optimizers.schedules.PolynomialDecay(start, steps, end)` goes down a straight line from `start`
to `end` within so many steps, and is given to the optimiser in place of the rate. An epoch has
`fit_size / batch size` steps. Or let `ReduceLROnPlateau` lower it when nothing gets better any more.

**Which patience?** While the rate is still large, the validation loss may find no new low for several
epochs. That is no sign that nothing more is to come: the gain comes when the rate gets small. Choose
a patience that lets it, or early stopping ends the training before the best of it.

**If the validation loss of the first epochs is far above the training loss, or jumps about:** in training
the network sees each batch's own mean and deviation, in validation the running ones. While everything
still moves quickly, these lag behind.

*Time:* one and a half to three minutes on a laptop.
"""

# %%
max_epochs = 5 if QUICK else 30

# %% [raw]
"""
# BEGIN SOLUTION
"""

# %%
if RETRAIN or not dnnlab.is_saved("cifar10_bn"):
    # Build, compile and train the network; define model and history.
    # BEGIN SOLUTION
    dnnlab.set_seed(SEED)
    model = build_bn_dnn()
    # Down from a large rate to a small one within fifteen epochs; then on at the small one.
    steps = 15 * -(-fit_size // 128)
    falling = keras.optimizers.schedules.PolynomialDecay(0.05, steps, 0.002)
    model.compile(
        optimizer=keras.optimizers.SGD(falling, momentum=0.9),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    stop_at_best = keras.callbacks.EarlyStopping(monitor="val_loss", patience=4, restore_best_weights=True)
    history = model.fit(
        dnnlab.batches(X_train[:fit_size], y_train[:fit_size], batch_size=128, seed=SEED),
        epochs=max_epochs,
        shuffle=False,
        validation_data=(X_valid, y_valid),
        callbacks=[stop_at_best, dnnlab.EpochTimer()],
        verbose=2,
    )
    # END SOLUTION
    dnnlab.save_training(model, history, "cifar10_bn")
else:
    model, history = dnnlab.load_training("cifar10_bn")

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
points: 0
"""  # END TEST CONFIG


def test_history_has_seconds(env):
    curves = getattr(env["history"], "history", {})
    hint = "give fit a dnnlab.EpochTimer() among its callbacks, and train again (RETRAIN = True)"
    assert "seconds" in curves, "history does not tell how long an epoch took: " + hint


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: Training stops early on the validation loss.
failure_message: Training should stop early on the validation loss, with some patience.
"""  # END TEST CONFIG


def test_early_stopping(env):
    from autograder.checks import evidence_of, require, training

    evidence = evidence_of(env, "batch_norm")
    require(training.check_early_stopping(evidence, "cifar10_bn", monitor="val_loss", question="q2"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: The saved weights are those of the best epoch.
failure_message: The saved weights are not those of the epoch with the lowest validation loss.
"""  # END TEST CONFIG


def test_best_epoch_kept(env):
    from autograder.checks import evidence_of, require, training

    require(training.check_best_kept(evidence_of(env, "batch_norm"), "cifar10_bn", question="q2"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: The saved history and the saved network belong together.
failure_message: The saved history does not belong to the saved network. Save both from one training.
"""  # END TEST CONFIG


def test_history_belongs(env):
    from autograder.checks import evidence_of, require, training

    require(training.check_history_belongs(evidence_of(env, "batch_norm"), "cifar10_bn"))


# %% [raw]
"""
# ACCURACY LADDER
model: cifar10_bn
points: {validation: 4, test: 2}
hints:
- Look at the rate and the number of epochs.
- Look at the rate, and at how it falls.
- Did early stopping wait until the rate was small?
- A rate that falls to almost nothing may do it.
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
curves = dnnlab.plot_history(history, "with batch normalisation")

# %% [markdown]
"""
**What to look at.** The gap between the two losses at the best epoch, and whether it grows from there on.

*To think about, not graded:* not all of that gap is learning by heart. What have the moments to do with it
at which Keras takes the one loss and the other?

Now, once, the test set. `evaluate` changes nothing in the model.
"""

# %%
test_loss, test_accuracy = model.evaluate(X_test, y_test, batch_size=500, verbose=0)
best_epoch = int(np.argmin(history.history["val_loss"])) + 1
print(f"best epoch: {best_epoch} of {len(history.history['val_loss'])}")
print(f"accuracy on the test set: {test_accuracy:.1%}")

# %% [raw]
"""
# BEGIN QUESTION
name: q3
"""

# %% [markdown]
"""
## Question 3: how soon is soon?

"It converges faster" is a feeling until somebody says what is counted. Two trainings of different
length, stopped at different moments, cannot be compared by their last epochs. What can be compared is
how long each of them takes to get to one and the same place.

Write `epochs_to_reach(history, target_loss)`:

- `history` is what `fit` returns, `target_loss` a number,
- it returns the **first** epoch whose **validation loss** is `target_loss` or lower, **counted from
  1** as people count epochs,
- if there is no such epoch, it returns `None`.

Keras prints `Epoch 1/15` for what Python's lists call number 0. And curves are bumpy: a training can
fall below a target, rise above it and come back. The first time counts.
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""


# %%
def epochs_to_reach(history, target_loss):
    """Return the first epoch, from 1, whose validation loss is at most target_loss, or None."""
    # BEGIN SOLUTION
    for epoch, loss in enumerate(history.history["val_loss"], start=1):
        if loss <= target_loss:
            return epoch
    return None
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


def test_epochs_to_reach_is_a_function(env):
    assert callable(env["epochs_to_reach"]), "epochs_to_reach should be a function of history and target_loss"


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_epochs_to_reach_gives_whole_numbers(env):
    losses = [1.9, 1.6, 1.7, 1.5]
    short = type("Short", (), {"history": {"loss": losses, "val_loss": losses}, "epoch": [0, 1, 2, 3]})()
    answer = env["epochs_to_reach"](short, 1.65)
    assert answer is None or hasattr(answer, "__index__"), f"an epoch is a whole number, not {answer!r}"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 7
success_message: The function gives the first epoch, counted from 1.
failure_message: The function should give the first epoch that gets there, counted from 1.
"""  # END TEST CONFIG


def test_first_epoch(env):
    from autograder.checks import convergence, evidence_of, require

    require(convergence.check_first_epoch(evidence_of(env, "batch_norm").probe("epochs_to_targets")))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: A loss that equals the target counts.
failure_message: A loss that equals the target has reached it.
"""  # END TEST CONFIG


def test_limit_included(env):
    from autograder.checks import convergence, evidence_of, require

    require(convergence.check_limit_included(evidence_of(env, "batch_norm").probe("epochs_to_targets")))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: A target that was never reached gives None.
failure_message: A target that was never reached should give None.
"""  # END TEST CONFIG


def test_never_reached(env):
    from autograder.checks import convergence, evidence_of, require

    require(convergence.check_never_reached(evidence_of(env, "batch_norm").probe("epochs_to_targets")))


# %% [raw]
"""
# END TESTS
"""

# %% [raw]
"""
# END QUESTION
"""

# %% [raw]
"""
# BEGIN QUESTION
name: q4
"""

# %% [markdown]
"""
## Question 4: with and without

For a comparison there has to be something to compare with. The next cell trains the same network without
any normalisation, `build_dnn()`, for a dozen epochs on the same images, with the optimiser that suits it,
and keeps `history_plain`. It is no more than a yardstick: you do not hand it in. And it is stopped before
its best: in twice as many epochs it would get a point or two further. Keep that in mind when you judge
`better_model`.

*Time:* about a minute on a laptop.
"""


# %%
def build_dnn():
    """Return the plain network: the same layers, with nothing normalised."""
    network = keras.Sequential([keras.layers.Input(shape=(32, 32, 3)), keras.layers.Flatten()])
    for _ in range(20):
        network.add(keras.layers.Dense(100, activation="elu", kernel_initializer="he_normal"))
    network.add(keras.layers.Dense(10, activation="softmax"))
    return network


if RETRAIN or not dnnlab.is_saved("cifar10_plain"):
    dnnlab.set_seed(SEED)
    plain_model = build_dnn()
    plain_model.compile(
        optimizer=keras.optimizers.Nadam(learning_rate=4e-4),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    history_plain = plain_model.fit(
        dnnlab.batches(X_train[:fit_size], y_train[:fit_size], batch_size=128, seed=SEED),
        epochs=4 if QUICK else 12,
        shuffle=False,
        validation_data=(X_valid, y_valid),
        callbacks=[dnnlab.EpochTimer()],
        verbose=2,
    )
    dnnlab.save_training(plain_model, history_plain, "cifar10_plain")
else:
    plain_model, history_plain = dnnlab.load_training("cifar10_plain")

# %%
trainings = {"with batch normalisation": history, "plain": history_plain}

# The lowest validation loss that both trainings got to, rounded up to three decimals.
target_loss = float(np.ceil(1000 * max(min(one.history["val_loss"]) for one in trainings.values())) / 1000)
print(f"both trainings got to a validation loss of {target_loss:.3f}")

# %%
import matplotlib.pyplot as plt

figure, axis = plt.subplots(figsize=(6, 3.6), layout="constrained")
for what, one in trainings.items():
    losses = one.history["val_loss"]
    axis.plot(range(1, len(losses) + 1), losses, marker=".", label=what)
axis.axhline(target_loss, color="grey", linestyle=":", label="target_loss")
axis.set(xlabel="epoch", ylabel="validation loss")
axis.grid(alpha=0.3)
legend = axis.legend()

# %% [markdown]
"""
**What to look at.** The epoch in which each curve first gets down to the dotted line, and where the other
one is at that moment.

*To think about, not graded:* is there a height of the line at which the plain network would be the first?

Now define `comparison`, a dictionary with four entries, all **computed from the two histories**:

- `"faster_convergence"`: `True` if the network with batch normalisation takes fewer epochs than the
  plain one to get down to the validation loss `target_loss`, else `False`,
- `"better_model"`: `True` if its best validation accuracy is higher, else `False`,
- `"epoch_time_ratio"`: the duration of an epoch with batch normalisation divided by that of an epoch of
  the plain network; 2.0 would mean that it takes twice as long,
- `"slower_epochs"`: `True` if its epochs take longer, else `False`.

Have Python find the answers; do not type them in. The grader runs your notebook with trainings of two
epochs, in which anything may happen, and looks whether `comparison` says what those two histories say.

**Which duration?** `history.history["seconds"]` has one for each epoch. The first epoch takes longer than
the others, as TensorFlow prepares the network's graph in it, and another one may have had to share the
computer with something else. The *median* of them does not care.

**Why epochs and seconds?** Because they answer different questions. Fewer epochs means that the network
learns more from each look at a picture. Whether you also wait less depends on what a look costs.
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""

# %%
# Define comparison.
# BEGIN SOLUTION
ratio = float(np.median(history.history["seconds"]) / np.median(history_plain.history["seconds"]))
comparison = {
    "faster_convergence": epochs_to_reach(history, target_loss) < epochs_to_reach(history_plain, target_loss),
    "better_model": max(history.history["val_accuracy"]) > max(history_plain.history["val_accuracy"]),
    "slower_epochs": ratio > 1,
    "epoch_time_ratio": ratio,
}
comparison
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


def test_comparison_is_a_dictionary(env):
    assert "comparison" in env, "comparison is not defined"
    found = env["comparison"]
    assert isinstance(found, dict), f"comparison should be a dictionary, not a {type(found).__name__}"
    for key in ("faster_convergence", "better_model", "slower_epochs", "epoch_time_ratio"):
        assert key in found, f"comparison has no entry {key}"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: The comparison has its four entries.
failure_message: The comparison should have four entries, three of them True or False and one a number.
"""  # END TEST CONFIG


def test_entries(env):
    from autograder.checks import convergence, evidence_of, require

    require(convergence.check_entries(evidence_of(env, "batch_norm")))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: The two entries about durations agree.
failure_message: The two entries about durations contradict each other, or one of them cannot be.
"""  # END TEST CONFIG


def test_consistency(env):
    from autograder.checks import convergence, evidence_of, require

    require(convergence.check_consistency(evidence_of(env, "batch_norm")))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: The ratio of durations is the right way round.
failure_message: The ratio of durations is not what the two histories say.
"""  # END TEST CONFIG


def test_ratio_direction(env):
    from autograder.checks import convergence, evidence_of, require

    require(convergence.check_ratio_direction(evidence_of(env, "batch_norm")))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: The conclusions are those of the two histories.
failure_message: The conclusions are not what the two histories of the run say.
"""  # END TEST CONFIG


def test_agreement(env):
    from autograder.checks import convergence, evidence_of, require

    require(convergence.check_agreement(evidence_of(env, "batch_norm")))


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
*To think about, not graded:* multiply. With its epochs to the target and the ratio of durations, does
batch normalisation also get there in less *time*? And what would you say of a colleague who compares
the two networks at one and the same learning rate?
"""

# %%
if QUICK:
    print("QUICK is on. Before you hand in, train once with QUICK = False and RETRAIN = True.")
print("saved training found" if dnnlab.is_saved("cifar10_bn") else "no saved training found")

# %% [markdown]
"""
## Hand in

Restart the kernel, run all cells from top to bottom (with `RETRAIN = False` that takes seconds: your
saved networks are loaded) and save the notebook. Then hand in these three files:

- `batch_norm.ipynb`, this notebook,
- `cifar10_bn.keras`, your network: it is evaluated again by the grader, so a number printed here
  counts for nothing,
- `cifar10_bn.history.json`, which shows how its training went.

The grader runs your notebook with trainings cut short after a few steps, to see *how* you train;
what your training *reached* it reads from the two saved files. Marks for accuracy come in steps, so
a network that falls short of the goal still earns some.
"""
