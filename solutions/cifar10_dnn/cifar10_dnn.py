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
# A very deep plain network on CIFAR-10

Twenty hidden layers, one after the other, nothing clever between them. For a long time nobody could
train such a network: the signal faded on its way forward, the gradient faded on its way back, and
the layers near the input never learned anything. In this lab you build one that does train, and you
see which choices make the difference:

1. how the layers are initialised and which activation they use,
2. how the images are prepared and split,
3. which optimiser and loss they are trained with,
4. how to look for a learning rate in a minute instead of an afternoon,
5. when to stop, and which weights to keep.

The pictures are those of CIFAR-10: small colour photographs of ten kinds of things. A network made
only of dense layers does not know that neighbouring pixels belong together, so do not expect
wonders. Guessing gets one picture in ten; a good answer to this lab gets about every second one
right, and the next labs improve on it.

You need no graphics card. On an ordinary laptop all cells together take three to five minutes,
nearly all of it in question 5.

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

`dnnlab.load_cifar10()` returns what `keras.datasets.cifar10.load_data()` returns. Without the real
data set and without a connection it falls back on a small stand-in and says so; everything below
runs on that too, but its accuracies mean nothing.
"""

# %%
(train_images, train_labels), (test_images, test_labels) = dnnlab.load_cifar10()

print("training set:", train_images.shape, train_images.dtype, "labels", train_labels.shape)
print("test set:    ", test_images.shape, test_images.dtype, "labels", test_labels.shape)
print("pixels from", train_images.min(), "to", train_images.max())

# %%
pictures = dnnlab.show_images(train_images, train_labels, dnnlab.CIFAR10_CLASSES, n=20)

# %% [markdown]
"""
*To think about, not graded:* which two classes would you mix up yourself at this size, and could a
network tell them apart by colour alone?
"""

# %% [raw]
"""
# BEGIN QUESTION
name: q1
"""

# %% [markdown]
"""
## Question 1: a network that is deep and can still learn

Write `build_dnn()`. It returns a new Keras model, not compiled, that

- takes images of 32 x 32 pixels and 3 colours,
- flattens them,
- has **20 hidden dense layers of 100 units each**, with the **ELU** activation and **He**
  initialisation,
- ends in a softmax over the 10 classes.

**Why these two, and why together?** Each layer multiplies the signal by some factor, and so it does
with the gradient on the way back. Twenty layers make it the twentieth power of that factor: 0.8
becomes 0.01, and 1.2 becomes 38. So the factor has to be close to 1, and that is what He
initialisation is for. It draws weights with variance 2 / n, where n is the number of inputs of the
layer; the 2 makes up for an activation that lets only the positive half of its input through.
Keras's default, Glorot, has no such 2: in these layers it gives half the variance, and the signal
shrinks from layer to layer.

ELU lets through more than ReLU does. For negative inputs it bends smoothly towards -1, so its
gradient there is not zero: a unit cannot die for good, and the mean output stays nearer to zero,
which keeps the next layer's input centred. The initialisation starts the network in a state where
gradients arrive; the activation keeps them arriving.

A `for` loop is shorter than twenty lines, and it is easier to count.
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""


# %%
def build_dnn():
    """Return the network of this question, not compiled."""
    # BEGIN SOLUTION
    network = keras.Sequential([keras.layers.Input(shape=(32, 32, 3)), keras.layers.Flatten()])
    for _ in range(20):
        network.add(keras.layers.Dense(100, activation="elu", kernel_initializer="he_normal"))
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


def test_build_dnn_returns_a_model(env):
    assert callable(env["build_dnn"]), "build_dnn should be a function: def build_dnn(): ..."
    network = env["build_dnn"]()
    assert network is not None, "build_dnn() returns None: does it end with a return?"


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_build_dnn_takes_images_and_gives_classes(env):
    network = env["build_dnn"]()
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
success_message: Each call builds a new network.
failure_message: Each call of build_dnn should build a new network.
"""  # END TEST CONFIG


def test_new_each_time(env):
    from autograder.checks import evidence_of, require, search

    evidence = evidence_of(env, "cifar10_dnn")
    evidence.probe_model("build_dnn")
    require(search.check_new_each_time(evidence.probe("two_networks"), "build_dnn"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The network takes images of 32 x 32 pixels in 3 colours.
failure_message: The network should take images of 32 x 32 pixels in 3 colours, before any flattening.
"""  # END TEST CONFIG


def test_input(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "cifar10_dnn").probe_model("build_dnn")
    require(structure.check_input(net, shape=(32, 32, 3)))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: The network has 20 hidden dense layers of 100 units.
failure_message: Count the hidden dense layers and their units. The output layer does not count as hidden.
"""  # END TEST CONFIG


def test_hidden_layers(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "cifar10_dnn").probe_model("build_dnn")
    require(structure.check_hidden_layers(net, count=20, units=100))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: Every hidden layer is followed by one ELU.
failure_message: Every hidden layer needs the ELU activation, exactly once.
"""  # END TEST CONFIG


def test_activations(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "cifar10_dnn").probe_model("build_dnn")
    require(structure.check_activations(net, "elu"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: Every hidden layer uses He initialisation.
failure_message: Every hidden layer needs He initialisation. The default of Keras is another one.
"""  # END TEST CONFIG


def test_initialisers(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "cifar10_dnn").probe_model("build_dnn")
    require(structure.check_initialisers(net, "he"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: The network ends in a softmax over 10 classes.
failure_message: The last layer should be dense, with one unit for each class and a softmax.
"""  # END TEST CONFIG


def test_output(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "cifar10_dnn").probe_model("build_dnn")
    require(structure.check_output(net, units=10, activation="softmax"))


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
name: q2
"""

# %% [markdown]
"""
## Question 2: prepare the images, set some aside

Define `X_train, y_train, X_valid, y_valid, X_test, y_test`:

- the **validation set** is the **first 5,000** images of the training set with their labels,
- the training set is the rest of it, in the same order,
- the test set is CIFAR-10's own,
- the pixels are numbers from 0 to 1 of type `float32`. Keep the images' shape; the network flattens
  them.

**Why divide by 255?** The argument above, that the signal keeps its size through the layers, needs
inputs of a size around one. With pixels up to 255 the first layer starts out two orders of magnitude
too loud, and a learning rate that suits it is far too small for the nineteen layers behind it. (You
may also leave the pixels alone and scale inside the model, with a `Rescaling` layer ahead of the
hidden ones. That counts the same.)

**Why `float32`?** Because `images / 255` is `float64`: eight bytes for each number instead of one,
so that the 154 MB of training images become 1.2 GB, twice as much as needed, and Keras turns them
into `float32` anyway. Convert first, divide then.

**Why three sets?** You will choose a learning rate and the moment to stop by looking at the
validation set. Whatever you choose by looking at it no longer tells you honestly how you do on new
images. The test set is for that, once, at the end.
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""


# %%
# Define X_train, y_train, X_valid, y_valid, X_test and y_test.
# BEGIN SOLUTION
def as_unit_interval(images):
    return images.astype("float32") / 255


X_valid, y_valid = as_unit_interval(train_images[:5_000]), train_labels[:5_000]
X_train, y_train = as_unit_interval(train_images[5_000:]), train_labels[5_000:]
X_test, y_test = as_unit_interval(test_images), test_labels
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


def test_the_six_arrays_exist(env):
    for name in ("X_train", "y_train", "X_valid", "y_valid", "X_test", "y_test"):
        assert name in env, f"{name} is not defined"
        assert hasattr(env[name], "shape"), f"{name} should be an array"


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_the_images_are_images(env):
    for name in ("X_train", "X_valid", "X_test"):
        shape = tuple(env[name].shape)
        assert shape[1:] == (32, 32, 3), f"{name} has shape {shape}; keep the images 32 x 32 x 3"
    kinds = {name: str(env[name].dtype) for name in ("X_train", "X_valid", "X_test")}
    assert len(set(kinds.values())) == 1, f"the three sets should be prepared alike; their types are {kinds}"


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_every_image_has_a_label(env):
    for part in ("train", "valid", "test"):
        images, labels = len(env["X_" + part]), len(env["y_" + part])
        assert images == labels, f"X_{part} has {images} images, y_{part} has {labels} labels"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: The three sets have the sizes asked for.
failure_message: The sizes are off. Set 5,000 images aside for validation and train on the rest.
"""  # END TEST CONFIG


def test_sizes(env):
    from autograder.checks import evidence_of, require, splits

    require(splits.check_sizes(evidence_of(env, "cifar10_dnn"), "cifar10_dnn"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: The validation set is the first 5,000 images of the training set.
failure_message: The validation set should be the first 5,000 images of the training set, in their order.
"""  # END TEST CONFIG


def test_validation_rows(env):
    from autograder.checks import evidence_of, require, splits

    require(splits.check_rows(evidence_of(env, "cifar10_dnn"), "cifar10_dnn"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: No image is in two sets.
failure_message: Some images are in more than one set, so that one of them no longer measures new images.
"""  # END TEST CONFIG


def test_no_overlap(env):
    from autograder.checks import evidence_of, require, splits

    require(splits.check_overlap(evidence_of(env, "cifar10_dnn"), "cifar10_dnn"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: Every image has its own label.
failure_message: Images and labels are out of step. Cut and order both in the same way.
"""  # END TEST CONFIG


def test_labels_in_step(env):
    from autograder.checks import evidence_of, require, splits

    require(splits.check_labels(evidence_of(env, "cifar10_dnn"), "cifar10_dnn"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The three sets are scaled alike.
failure_message: The three sets are not scaled alike. Prepare the pixels of all of them in the same way.
"""  # END TEST CONFIG


def test_scaled_alike(env):
    from autograder.checks import evidence_of, require, splits

    require(splits.check_scaled_alike(evidence_of(env, "cifar10_dnn"), "cifar10_dnn"))


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
name: q3
"""

# %% [markdown]
"""
## Question 3: say how it is to be trained

Define `model`: a new network from `build_dnn()`, compiled with the **Nadam** optimiser, the
**cross-entropy** that fits your labels, and **accuracy** as a metric. The learning rate does not
matter yet; you will set it in question 5.

**Why Nadam?** It is Adam, which gives every weight a step size of its own, with Nesterov's look
ahead: the gradient is taken a little further along the way that the weights are heading. In a deep
plain network that usually saves some epochs.

**Which cross-entropy?** CIFAR-10's labels are integers from 0 to 9. The *sparse* categorical
cross-entropy takes them as they are; the plain categorical one wants each label as ten numbers, of
which one is 1. With the wrong one of the two Keras stops with a complaint about shapes, if you are
lucky.

A number to remember: a network that gives every class the same chance has a loss of ln 10, about
2.30. Whoever is above that does worse than not looking at the picture.
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""

# %%
# Define model and compile it.
# BEGIN SOLUTION
dnnlab.set_seed(SEED)
model = build_dnn()
model.compile(
    optimizer=keras.optimizers.Nadam(),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
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


def test_model_is_compiled(env):
    assert "model" in env, "model is not defined"
    optimiser = getattr(env["model"], "optimizer", None)
    assert optimiser is not None, "model has no optimiser yet: call model.compile(...)"
    assert getattr(env["model"], "loss", None) is not None, "model was compiled without a loss"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: The model is compiled with Nadam.
failure_message: The model should be compiled with Nadam.
"""  # END TEST CONFIG


def test_optimiser(env):
    from autograder.checks import compiling, evidence_of, require

    require(compiling.check_optimiser(evidence_of(env, "cifar10_dnn").model("model"), "nadam"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: The loss fits the labels.
failure_message: The loss does not fit. Integer labels want the sparse categorical cross-entropy.
"""  # END TEST CONFIG


def test_loss_fits(env):
    from autograder.checks import compiling, evidence_of, require

    evidence = evidence_of(env, "cifar10_dnn")
    require(compiling.check_loss(evidence.model("model"), labels=evidence.labels("y_train")))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: Accuracy is recorded.
failure_message: Accuracy is not among the metrics that the model was compiled with.
"""  # END TEST CONFIG


def test_metric(env):
    from autograder.checks import compiling, evidence_of, require

    evidence = evidence_of(env, "cifar10_dnn")
    require(compiling.check_metric(evidence.model("model"), "accuracy", labels=evidence.labels("y_train")))


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
## Question 4: look for a learning rate

Of all the numbers that you choose, this one matters most. Too small, and an hour does the work of a
minute; too large, and the loss jumps about or explodes. Nobody can tell it by thought, but it can
be measured cheaply.

Train a **fresh** network for each of **at least five** learning rates that span **at least two
decades** (the largest is a hundred times the smallest, or more), spaced evenly on a *logarithmic*
scale: what counts is the factor between two rates. Train each briefly, on `X_search, y_search` from
the cell below: two epochs with batches of 128 will do. Then define

- `lr_results`: a dictionary from each learning rate to the **best** (lowest) validation loss of its
  training,
- `best_lr`: the learning rate whose result is best. Let Python find it in `lr_results`.

Three things to mind:

- A network that has been trained before has a head start. Build a new one for each rate, and call
  `dnnlab.set_seed(SEED)` before, so that they all start from the same weights and differ in the
  rate alone.
- `fit` returns a history; `history.history["val_loss"]` is the list of validation losses, one for
  each epoch.
- Where training explodes the loss becomes `nan`, and Python's `min` cannot be trusted with a `nan`.
  Choose a smaller largest rate then.

*Time:* half a minute to a minute for six rates.
"""

# %%
search_size = 2_000 if QUICK else 10_000
X_search, y_search = X_train[:search_size], y_train[:search_size]

# %% [raw]
"""
# BEGIN SOLUTION
"""

# %%
# Define lr_results and best_lr. Use X_search, y_search to train and X_valid, y_valid to compare.
# BEGIN SOLUTION
lr_results = {}
for learning_rate in [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3]:
    dnnlab.set_seed(SEED)
    candidate = build_dnn()
    candidate.compile(
        optimizer=keras.optimizers.Nadam(learning_rate=learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    trial = candidate.fit(
        dnnlab.batches(X_search, y_search, batch_size=128, seed=SEED),
        epochs=2,
        shuffle=False,
        validation_data=(X_valid, y_valid),
        verbose=0,
    )
    lr_results[learning_rate] = min(trial.history["val_loss"])
    print(f"learning rate {learning_rate:g}: validation loss {lr_results[learning_rate]:.3f}")

best_lr = min(lr_results, key=lr_results.get)
print(f"the best of these is {best_lr:g}")
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


def test_lr_results_is_a_dictionary_of_numbers(env):
    assert "lr_results" in env, "lr_results is not defined"
    results = env["lr_results"]
    assert isinstance(results, dict), f"lr_results should be a dictionary, not a {type(results).__name__}"
    assert len(results) > 0, "lr_results is empty"
    for rate, loss in results.items():
        assert float(rate) > 0, f"the keys of lr_results are learning rates; {rate} is none"
        assert float(loss) == float(loss), f"the loss of rate {rate} is nan: its training exploded"


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_best_lr_is_one_of_the_rates(env):
    assert "best_lr" in env, "best_lr is not defined"
    assert env["best_lr"] in env["lr_results"], f"best_lr is {env['best_lr']}, which lr_results does not have"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: The rates are enough, and far enough apart.
failure_message: Try more learning rates, or spread them wider.
"""  # END TEST CONFIG


def test_rates(env):
    from autograder.checks import evidence_of, require, search

    require(search.check_rates(evidence_of(env, "cifar10_dnn").value("lr_results"), at_least=5, decades=2))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: best_lr is the rate with the lowest validation loss.
failure_message: best_lr is not the rate with the lowest validation loss in lr_results.
"""  # END TEST CONFIG


def test_choice(env):
    from autograder.checks import evidence_of, require, search

    evidence = evidence_of(env, "cifar10_dnn")
    require(search.check_choice(evidence.value("lr_results"), evidence.value("best_lr")))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: The results come from trainings in this notebook.
failure_message: The results in lr_results do not come from a fresh training for each rate in this notebook.
"""  # END TEST CONFIG


def test_measured(env):
    from autograder.checks import evidence_of, require, search

    evidence = evidence_of(env, "cifar10_dnn")
    require(search.check_measured(evidence, "lr_results", two_networks="two_networks"))


# %% [raw]
"""
# END TESTS
"""

# %% [raw]
"""
# END QUESTION
"""

# %%
search_plot = dnnlab.plot_learning_rates(lr_results)

# %% [markdown]
"""
*To think about, not graded:* how far can you go from `best_lr`, to the left and to the right,
before the result is clearly worse and not just unlucky?
"""

# %% [raw]
"""
# BEGIN QUESTION
name: q5
"""

# %% [markdown]
"""
## Question 5: train, stop in time, keep the best

Train the `model` of question 3 on the whole training set and save the result. Do it inside the `if`
below, which loads a training that you saved before unless `RETRAIN` says otherwise. What is asked
for:

- set the learning rate with `model.optimizer.learning_rate = ...`,
- train with batches from `dnnlab.batches(...)`, for at most `max_epochs` epochs, with the
  validation set as `validation_data`, and keep what `fit` returns as `history`,
- stop early: watch the **validation loss**, be patient for some epochs, and end up with the weights
  of the **best** epoch rather than the last.

**Which rate?** Take `best_lr` for an order of magnitude. Two epochs are short, and neighbouring
rates differ by less than luck does: with another `SEED` the winner may be the one beside it. What
the search tells reliably is where the valley is. A long training can afford the upper part of it,
since early stopping watches over it: `best_lr` itself or up to twice as much is a good start. If
the loss of the first epochs jumps about or sticks at 2.30, take half; if the curve is smooth and
still falling after forty epochs, double it.

**What does early stopping keep?** At first both losses fall. Sooner or later the training loss goes
on falling while the validation loss turns up: the network has begun to learn these images by heart.
Early stopping waits, as long as you told it to be patient, for a new low, and then gives up. By
then the weights are those of the *last* epoch, past the turn, unless you ask it to restore the best
ones. A patience of 5 to 10 suits this network: its validation loss is bumpy, and a patience of 1
would stop at the first bump.

**Why not watch the test set?** Because stopping is a choice too. Choose the epoch by the test set
and its accuracy is the best of forty draws instead of an honest measurement.

*Time:* one and a half to three minutes on a laptop, 15 to 30 epochs. To start over from fresh
weights, run the cell of question 3 again first: `fit` goes on from where the model is.
"""

# %%
fit_size = 10_000 if QUICK else len(X_train)
max_epochs = 5 if QUICK else 40

# %% [raw]
"""
# BEGIN SOLUTION
"""

# %%
if RETRAIN or not dnnlab.is_saved("cifar10_dnn"):
    # Train on the first fit_size images of X_train (all of them, unless QUICK), for at most max_epochs.
    # BEGIN SOLUTION
    # The search leaves a valley from 1e-4 to 4e-4; over many epochs its upper end gets furthest.
    dnnlab.set_seed(SEED)
    model.optimizer.learning_rate = 4e-4
    stop_at_best = keras.callbacks.EarlyStopping(monitor="val_loss", patience=6, restore_best_weights=True)
    history = model.fit(
        dnnlab.batches(X_train[:fit_size], y_train[:fit_size], batch_size=128, seed=SEED),
        epochs=max_epochs,
        shuffle=False,
        validation_data=(X_valid, y_valid),
        callbacks=[stop_at_best],
        verbose=2,
    )
    # END SOLUTION
    dnnlab.save_training(model, history, "cifar10_dnn")
else:
    model, history = dnnlab.load_training("cifar10_dnn")

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
points: 5
success_message: Training stops early on the validation loss.
failure_message: Training should stop early on the validation loss, with some patience.
"""  # END TEST CONFIG


def test_early_stopping(env):
    from autograder.checks import evidence_of, require, training

    evidence = evidence_of(env, "cifar10_dnn")
    require(training.check_early_stopping(evidence, "cifar10_dnn", monitor="val_loss", question="q5"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: The saved weights are those of the best epoch.
failure_message: The saved weights are not those of the epoch with the lowest validation loss.
"""  # END TEST CONFIG


def test_best_epoch_kept(env):
    from autograder.checks import evidence_of, require, training

    require(training.check_best_kept(evidence_of(env, "cifar10_dnn"), "cifar10_dnn", question="q5"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: The saved history and the saved network belong together.
failure_message: The saved history does not belong to the saved network. Save both from one training.
"""  # END TEST CONFIG


def test_history_belongs(env):
    from autograder.checks import evidence_of, require, training

    require(training.check_history_belongs(evidence_of(env, "cifar10_dnn"), "cifar10_dnn"))


# %% [raw]
"""
# ACCURACY LADDER
model: cifar10_dnn
points: {validation: 3, test: 1}
hints:
- Look at the rate and the number of epochs.
- Look at the learning rate and the patience.
- Look at the learning rate and the patience.
- A somewhat smaller learning rate may do it.
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
*To think about, not graded:* from which epoch on do the two losses part, and does the validation
accuracy turn at the same epoch as the validation loss?

Now, once, the test set. `evaluate` changes nothing in the model.
"""

# %%
test_loss, test_accuracy = model.evaluate(X_test, y_test, batch_size=500, verbose=0)
best_epoch = int(np.argmin(history.history["val_loss"])) + 1
print(f"best epoch: {best_epoch} of {len(history.history['val_loss'])}")
print(f"accuracy on the test set: {test_accuracy:.1%}")

# %% [markdown]
"""
The test accuracy should be within two points or so of the validation accuracy at the best epoch. If
it is far below, something of the validation set has got into the training.
"""

# %%
if QUICK:
    print("QUICK is on. Before you hand in, train once with QUICK = False and RETRAIN = True.")
print("saved training found" if dnnlab.is_saved("cifar10_dnn") else "no saved training found")

# %% [markdown]
"""
## Hand in

Restart the kernel, run all cells from top to bottom (with `RETRAIN = False` that takes a minute:
your saved network is loaded) and save the notebook. Then hand in these three files:

- `cifar10_dnn.ipynb`, this notebook,
- `cifar10_dnn.keras`, your network: it is evaluated again by the grader, so a number printed here
  counts for nothing,
- `cifar10_dnn.history.json`, which shows how its training went.

The grader runs your notebook with trainings cut short after a few steps, to see *how* you train;
what your training *reached* it reads from the two saved files. Marks for accuracy come in steps, so
a network that falls short of the goal still earns some.
"""
