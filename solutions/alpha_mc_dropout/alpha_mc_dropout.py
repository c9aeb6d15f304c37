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
# Alpha dropout and Monte Carlo dropout on CIFAR-10

A network that has seen the same images ten times begins to know them by heart. Dropout is a remedy:
at every step of training it switches off some units at random, so that no unit can rely on another
one always being there. In this lab you put dropout into a network that does not take kindly to it,
and then you use the same dropout for something that it was not made for: asking a network how sure
it is.

1. A self-normalising network of twenty SELU layers, with the kind of dropout that it can live with,
2. a dropout layer that stays awake after training,
3. a way to turn a trained network into one that is made of such layers,
4. predictions that are the mean of many random passes,
5. the training itself, and what the passes say about single pictures.

The pictures are those of CIFAR-10: small colour photographs of ten kinds of things. A network made
only of dense layers gets about every second one right, so do not expect wonders.

You need no graphics card. On an ordinary laptop all cells together take two to three minutes, nearly
all of it in question 5.

**How to work.** Answer in the cells that hold `...`, run them, then run the `grader.check` cell
below. A check costs nothing and may be run as often as you like. It looks at names, shapes and
types and takes a few seconds; passing it means that your answer can be graded, not yet that it is
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
`dnnlab.set_seed` makes initial weights and dropout repeatable. Unlike `keras.utils.set_random_seed`
it leaves TensorFlow's *global* seed alone: with that one set, `fit` on arrays gets the very same
batches in the very same order in every epoch, and the network learns somewhat worse. For the same
reason the training below takes its batches from `dnnlab.batches(X, y, batch_size, seed)`, which
shuffles anew for each epoch, in a way that the seed repeats.
"""

# %% [markdown]
"""
## The data

`dnnlab.load_cifar10()` returns what `keras.datasets.cifar10.load_data()` returns. Without the real
data set and without a connection it falls back on a small stand-in and says so; everything below
runs on that too, but its accuracies mean nothing.

The first 5,000 training images are set aside for validation, the other 45,000 are for training. A
self-normalising network keeps the mean of its signals near 0 and their standard deviation near 1
from layer to layer, *if the input comes that way*. So every feature (a pixel's red, green or blue)
is standardised: its mean is taken off, and it is divided by its standard deviation. Both are those
of the training images only, for validation and test images are to stand for pictures that nobody
has seen.
"""

# %%
(train_images, train_labels), (test_images, test_labels) = dnnlab.load_cifar10()

y_valid, y_train, y_test = train_labels[:5000], train_labels[5000:], test_labels
X_valid, X_train, X_test = (
    images.astype(np.float32) for images in (train_images[:5000], train_images[5000:], test_images)
)
feature_means, feature_stds = X_train.mean(axis=0, dtype=np.float64), X_train.std(axis=0)
for X in (X_train, X_valid, X_test):
    X -= feature_means.astype(np.float32)
    X /= feature_stds

print("training set:  ", X_train.shape, X_train.dtype, "labels", y_train.shape)
print("validation set:", X_valid.shape, "test set:", X_test.shape)
print(f"mean {X_train[::50].mean():.3f}, standard deviation {X_train[::50].std():.3f}")

# %%
pictures = dnnlab.show_images(train_images, train_labels, dnnlab.CIFAR10_CLASSES, n=20)

# %% [markdown]
"""
*To think about, not graded:* which of these pictures would you hesitate over yourself? At the end of
this lab you will see over which pictures the network hesitates, and between which two answers.
"""

# %% [raw]
"""
# BEGIN QUESTION
name: q1
"""

# %% [markdown]
"""
## Question 1: dropout that SELU can live with

Write `build_alpha_dropout_dnn(rate=0.1)`. It returns a new Keras model, not compiled, that

- takes images of 32 x 32 pixels and 3 colours, and flattens them,
- has **20 hidden dense layers of 100 units each**, with the **SELU** activation and **LeCun normal**
  initialisation,
- has **alpha dropout** (`keras.layers.AlphaDropout`) with the given `rate` between the last hidden
  layer and the output; more such layers with the same `rate` after other hidden layers are welcome,
  but not asked for,
- ends in a softmax over the 10 classes.

**Why SELU and LeCun?** SELU is an ELU, stretched by just so much that a layer whose input has mean 0
and variance 1 gives an output with mean near 0 and variance near 1, again and again, however deep
the network is. Nothing has to be normalised on the way; the network does it itself. That only holds
if the weights start with variance 1 / n, where n is the number of inputs of the layer. This is LeCun
initialisation. He's is twice that: right for an activation that loses half of its input, too much
for SELU.

**Why not `Dropout`?** Ordinary dropout sets units to 0 and scales up the others. The mean survives
that, the variance does not, and the next layer gets what SELU was not stretched for. Zero is not
even a special value for SELU: what a unit gives when it is *off* is the limit of SELU far to the
left, about -1.76. Alpha dropout sets units to that limit, and then scales and shifts everything so
that mean **and** variance are what they were.

`rate` is the share of units that are dropped. Let the function pass it on, so that others can be
tried; the network you hand in has the default.
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""

# %%


def build_alpha_dropout_dnn(rate=0.1):
    """Return the network of this question, not compiled. rate: the share of units that are dropped."""
    # BEGIN SOLUTION
    network = keras.Sequential([keras.layers.Input(shape=(32, 32, 3)), keras.layers.Flatten()])
    for _ in range(20):
        network.add(keras.layers.Dense(100, activation="selu", kernel_initializer="lecun_normal"))
    network.add(keras.layers.AlphaDropout(rate))
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


def test_build_alpha_dropout_dnn_returns_a_model(env):
    assert "build_alpha_dropout_dnn" in env, "build_alpha_dropout_dnn is not defined"
    assert callable(env["build_alpha_dropout_dnn"]), "build_alpha_dropout_dnn should be a function"
    network = env["build_alpha_dropout_dnn"]()
    assert network is not None, "build_alpha_dropout_dnn() returns None: does it end with a return?"


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_build_alpha_dropout_dnn_takes_images_and_gives_classes(env):
    network = env["build_alpha_dropout_dnn"]()
    taken, given = getattr(network, "input_shape", None), getattr(network, "output_shape", None)
    if taken is None or given is None:
        return  # a model that has not seen an image yet has no shapes
    taken, given = tuple(taken), tuple(given)
    assert taken == (None, 32, 32, 3), f"the model takes {taken[1:]}; an image is (32, 32, 3)"
    assert len(given) == 2, f"the model gives {given[1:]} for an image: is there a Flatten layer?"
    assert given[1] == 10, f"the model gives {given[1]} numbers for an image; there are 10 classes"


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_build_alpha_dropout_dnn_takes_a_rate(env):
    network = env["build_alpha_dropout_dnn"](rate=0.25)
    assert network is not None, "build_alpha_dropout_dnn(rate=0.25) returns None"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The network takes images of 32 x 32 pixels in 3 colours.
failure_message: The network should take images of 32 x 32 pixels in 3 colours, before any flattening.
"""  # END TEST CONFIG


def test_input(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "alpha_mc_dropout").probe_model("build_alpha_dropout_dnn")
    require(structure.check_input(net, shape=(32, 32, 3), ahead=("alpha_dropout",)))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: The network has 20 hidden dense layers of 100 units, and nothing strange between them.
failure_message: Count the hidden dense layers and their units, and look at what stands between them.
"""  # END TEST CONFIG


def test_hidden_layers(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "alpha_mc_dropout").probe_model("build_alpha_dropout_dnn")
    require(structure.check_hidden_layers(net, count=20, units=100, between=("alpha_dropout",)))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: Every hidden layer is followed by one SELU.
failure_message: Every hidden layer needs the SELU activation, exactly once.
"""  # END TEST CONFIG


def test_activations(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "alpha_mc_dropout").probe_model("build_alpha_dropout_dnn")
    require(structure.check_activations(net, "selu"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: Every hidden layer uses LeCun initialisation.
failure_message: Every hidden layer needs LeCun initialisation. The default of Keras is another one.
"""  # END TEST CONFIG


def test_initialisers(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "alpha_mc_dropout").probe_model("build_alpha_dropout_dnn")
    require(structure.check_initialisers(net, "lecun"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The network ends in a softmax over 10 classes.
failure_message: The last layer should be dense, with one unit for each class and a softmax.
"""  # END TEST CONFIG


def test_output(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "alpha_mc_dropout").probe_model("build_alpha_dropout_dnn")
    require(structure.check_output(net, units=10, activation="softmax"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: Alpha dropout stands between the last hidden layer and the output.
failure_message: Alpha dropout should stand between the last hidden layer and the output layer.
"""  # END TEST CONFIG


def test_alpha_dropout(env):
    from autograder.checks import dropout, evidence_of, require

    net = evidence_of(env, "alpha_mc_dropout").probe_model("build_alpha_dropout_dnn")
    require(dropout.check_placement(net))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The rate of the dropout is the argument, with the default that was asked for.
failure_message: The rate of the dropout should be the argument rate, with the default of the question.
"""  # END TEST CONFIG


def test_rate(env):
    from autograder.checks import dropout, evidence_of, require

    evidence = evidence_of(env, "alpha_mc_dropout")
    require(dropout.check_rate(evidence.probe_model("build_alpha_dropout_dnn"), 0.1))
    require(dropout.check_rate(evidence.probe_model("build_alpha_dropout_dnn_with_rate"), 0.3))


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
## Question 2: a layer that stays awake

After training, dropout does nothing: in `predict` and `evaluate` a dropout layer hands on what it
gets. Define a class `MCAlphaDropout` that derives from `keras.layers.AlphaDropout` and is **active
whenever it is called**: in training, in `predict`, and also if it is told `training=False`.

**What for?** One pass through a trained network gives one row of probabilities, and they are often
far too sure of themselves. Keep dropout awake, ask again and again, and each pass asks a slightly
different network. Where all of them agree, you may believe the answer. Where they quarrel, the
network does not know. Averaging over them is called *Monte Carlo dropout*, and it costs nothing but
time: the network need not be trained anew.

**How?** A Keras layer does its work in `call(self, inputs, training=...)`; that is what you
redefine. Let the parent class do the dropping, and decide what it is told about `training`. Leave
the constructor alone, or take all that the parent's takes: Keras writes down the settings of a layer
(`get_config`) and makes it again from them, wherever a model is copied or loaded.

Be careful to derive from the right class. `MCDropout(keras.layers.Dropout)` is what most texts show,
and it would set units to 0.
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""


# %%
# Define the class MCAlphaDropout.
# BEGIN SOLUTION
class MCAlphaDropout(keras.layers.AlphaDropout):
    """Alpha dropout that is active at inference as well."""

    def call(self, inputs, training=None):
        """Drop units, whatever is said of training."""
        return super().call(inputs, training=True)


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


def test_MCAlphaDropout_makes_a_layer(env):
    assert "MCAlphaDropout" in env, "MCAlphaDropout is not defined"
    assert callable(env["MCAlphaDropout"]), "MCAlphaDropout should be a class"
    layer = env["MCAlphaDropout"](0.5)
    assert layer is not None, "MCAlphaDropout(0.5) gives None, not a layer"


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_the_layer_keeps_shapes(env):
    layer = env["MCAlphaDropout"](0.5)
    if not hasattr(layer, "get_config"):
        return  # what a grader recorded, not a layer
    images = env["X_valid"][:3]
    given = tuple(layer(images, training=False).shape)
    assert given == images.shape, f"the layer turns values of shape {images.shape} into {given}"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 7
success_message: The layer drops units however it is called, and others each time.
failure_message: The layer should drop units however it is called, also in predict and with training=False.
"""  # END TEST CONFIG


def test_active(env):
    from autograder.checks import dropout, evidence_of, require

    evidence = evidence_of(env, "alpha_mc_dropout")
    require(dropout.check_active(evidence.probe("MCAlphaDropout")))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: What it does is alpha dropout, so that mean and variance are kept.
failure_message: What the layer does is not alpha dropout, which keeps mean and variance.
"""  # END TEST CONFIG


def test_alpha_noise(env):
    from autograder.checks import dropout, evidence_of, require

    evidence = evidence_of(env, "alpha_mc_dropout")
    require(dropout.check_alpha_noise(evidence.probe("MCAlphaDropout"), rate=0.5))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: The class derives from AlphaDropout, and Keras can make such a layer again.
failure_message: The class should derive from AlphaDropout, and keep its settings for Keras.
"""  # END TEST CONFIG


def test_is_a_layer(env):
    from autograder.checks import dropout, evidence_of, require

    evidence = evidence_of(env, "alpha_mc_dropout")
    require(dropout.check_is_a_layer(evidence.probe("MCAlphaDropout"), base="AlphaDropout", rate=0.5))


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
Two passes of the same numbers through the layer. They go in with mean 0 and standard deviation 1, and
should come out with a mean near 0 and a standard deviation near 1. (They are not normally distributed
any more: half of them have become one and the same number.)
"""

# %%
some_numbers = np.random.default_rng(SEED).standard_normal((1, 10_000)).astype(np.float32)
for attempt in (1, 2):
    dropped = np.asarray(MCAlphaDropout(0.5)(some_numbers, training=False))
    print(f"pass {attempt}: mean {dropped.mean():.2f}, standard deviation {dropped.std():.2f}")

# %% [markdown]
"""
*To think about, not graded:* put `keras.layers.Dropout(0.5)(some_numbers, training=True)` in its
place. What becomes of the standard deviation after twenty such layers?
"""

# %% [raw]
"""
# BEGIN QUESTION
name: q3
"""

# %% [markdown]
"""
## Question 3: wake up a trained network

Write `to_mc_model(model)`. It takes a trained model of layers in a row and returns a model

- in which **every** `AlphaDropout` layer is replaced by an `MCAlphaDropout` of the same rate, be it
  one or several,
- with all other layers as they were, and **with the same weights**.

The model that it was given must **stay what it was**: its own dropout asleep, its weights untouched.
Somebody may want to go on training it, or to compare the two.

**Where this goes wrong.** `keras.models.clone_model` makes new layers, and new layers start from
*fresh* weights. Nothing warns you: the copy runs, and its answers are worth as much as guessing.
`model.get_weights()` and `set_weights` carry the old ones over. The opposite works as well: a layer
object may be part of two models at a time and then has one set of weights, so a new `Sequential` can
be made of the very layers of the old one, the dropout layers excepted.

And do not change the dropout layers of the old model in place: both models would be awake then.
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""

# %%


def to_mc_model(model):
    """Return a model with the weights of `model` in which every alpha dropout layer is always active."""

    # BEGIN SOLUTION
    def copy(layer):
        if isinstance(layer, keras.layers.AlphaDropout):
            return MCAlphaDropout(layer.rate)
        return layer.__class__.from_config(layer.get_config())

    mc_model = keras.models.clone_model(model, clone_function=copy)
    mc_model.set_weights(model.get_weights())
    return mc_model
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


def test_to_mc_model_returns_a_model(env):
    assert "to_mc_model" in env, "to_mc_model is not defined"
    assert callable(env["to_mc_model"]), "to_mc_model should be a function"
    mc_model = env["to_mc_model"](env["build_alpha_dropout_dnn"]())
    assert mc_model is not None, "to_mc_model(model) returns None: does it end with a return?"


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_the_converted_model_gives_classes(env):
    mc_model = env["to_mc_model"](env["build_alpha_dropout_dnn"]())
    if not callable(mc_model):
        return  # what a grader recorded, not a model
    given = tuple(mc_model(env["X_valid"][:2]).shape)
    assert given == (2, 10), f"for 2 images the converted model gives an array of shape {given}"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: The converted model has the weights of the original.
failure_message: The converted model should have the weights of the original, layer by layer.
"""  # END TEST CONFIG


def test_weights_kept(env):
    from autograder.checks import dropout, evidence_of, require

    evidence = evidence_of(env, "alpha_mc_dropout")
    require(dropout.check_converted_weights(evidence.probe("to_mc_model")))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 6
success_message: Every alpha dropout layer is active in the converted model, and nothing else has changed.
failure_message: Every alpha dropout layer should be active in the converted model, all else unchanged.
"""  # END TEST CONFIG


def test_dropout_replaced(env):
    from autograder.checks import dropout, evidence_of, require

    evidence = evidence_of(env, "alpha_mc_dropout")
    require(dropout.check_conversion(evidence.probe("to_mc_model")))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: The original is what it was.
failure_message: The model that was given should stay what it was.
"""  # END TEST CONFIG


def test_original_unchanged(env):
    from autograder.checks import dropout, evidence_of, require

    evidence = evidence_of(env, "alpha_mc_dropout")
    require(dropout.check_original_unchanged(evidence.probe("to_mc_model")))


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
## Question 4: ask many times, and take the mean

Write two functions. Both take a model that is awake, images `X`, and the number of passes:

- `mc_dropout_predict_probas(mc_model, X, n_samples=10)` runs all of `X` through the model
  `n_samples` times and returns the **mean** of the probabilities: an array with a row for each image
  and a column for each class, whose rows sum to 1;
- `mc_dropout_predict_classes(mc_model, X, n_samples=10)` returns for each image the number of the
  class that is most likely **by that mean**: a one-dimensional array of whole numbers.

**Why the mean of probabilities, and not a vote?** Suppose that out of ten passes six say *cat* with
51 % and four say *dog* with 99 %. In a vote the cat wins, by the word of passes that did not know.
The mean of the probabilities counts how sure each pass was, and says *dog*. So the largest is taken
once, at the end.

**Which passes?** Each of them has to run the model anew, as dropout draws anew each time; a single
answer written down ten times has a mean, too, and you would have waited for nothing. Whether you
call `mc_model(X)`, use `mc_model.predict(X, verbose=0)`, or repeat the images and run all copies at
once is up to you: only memory and time differ.
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""

# %%


def mc_dropout_predict_probas(mc_model, X, n_samples=10):
    """Return the mean of the probabilities of `n_samples` passes: an array (images, classes)."""
    # BEGIN SOLUTION
    return np.mean([np.asarray(mc_model(X)) for _ in range(n_samples)], axis=0)
    # END SOLUTION


def mc_dropout_predict_classes(mc_model, X, n_samples=10):
    """Return the class of each image that is most likely by the mean of `n_samples` passes."""
    # BEGIN SOLUTION
    return mc_dropout_predict_probas(mc_model, X, n_samples).argmax(axis=1)
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


def test_mc_dropout_predict_probas_gives_a_row_for_each_image(env):
    assert "mc_dropout_predict_probas" in env, "mc_dropout_predict_probas is not defined"
    try:
        mc_model = env["to_mc_model"](env["build_alpha_dropout_dnn"]())
    except Exception as problem:
        raise AssertionError("to_mc_model has to work before this check can say anything") from problem
    images = env["X_valid"][:4] if hasattr(env.get("X_valid"), "__getitem__") else None
    answer = env["mc_dropout_predict_probas"](mc_model, images, n_samples=3)
    assert answer is not None, "mc_dropout_predict_probas returns None: does it end with a return?"
    shape = getattr(answer, "shape", None)
    assert shape is None or len(shape) == 2, (
        f"the answer has the shape {tuple(shape)}; two are wanted, images and classes"
    )


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_mc_dropout_predict_classes_gives_a_class_for_each_image(env):
    assert "mc_dropout_predict_classes" in env, "mc_dropout_predict_classes is not defined"
    try:
        mc_model = env["to_mc_model"](env["build_alpha_dropout_dnn"]())
    except Exception as problem:
        raise AssertionError("to_mc_model has to work before this check can say anything") from problem
    images = env["X_valid"][:4] if hasattr(env.get("X_valid"), "__getitem__") else None
    answer = env["mc_dropout_predict_classes"](mc_model, images, n_samples=3)
    assert answer is not None, "mc_dropout_predict_classes returns None: does it end with a return?"
    shape = getattr(answer, "shape", None)
    assert shape is None or len(shape) == 1, (
        f"the answer has the shape {tuple(shape)}; one number for each image is wanted"
    )


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: The probabilities are the mean of what the passes gave.
failure_message: The probabilities should be the mean of what the passes gave, with rows that sum to 1.
"""  # END TEST CONFIG


def test_mean_of_passes(env):
    from autograder.checks import dropout, evidence_of, require

    evidence = evidence_of(env, "alpha_mc_dropout")
    found, model = evidence.probe("mc_dropout_predict_probas"), evidence.probe("random_model")
    require(dropout.check_mean_of_passes(found, model, passes=7))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: Every pass runs the model anew, and there are as many as asked for.
failure_message: Every pass should run the model anew, as often as n_samples says.
"""  # END TEST CONFIG


def test_number_of_passes(env):
    from autograder.checks import dropout, evidence_of, require

    evidence = evidence_of(env, "alpha_mc_dropout")
    found, model = evidence.probe("mc_dropout_predict_probas"), evidence.probe("random_model")
    require(dropout.check_number_of_passes(found, model, passes=7))
    by_default = evidence.probe("mc_dropout_predict_probas_by_default")
    require(dropout.check_number_of_passes(by_default, model, passes=10))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: The classes are the most likely ones by the mean of the passes.
failure_message: The classes should be whole numbers, the most likely ones by the mean of the passes.
"""  # END TEST CONFIG


def test_classes(env):
    from autograder.checks import dropout, evidence_of, require

    evidence = evidence_of(env, "alpha_mc_dropout")
    probe = "mc_dropout_predict_classes"
    asked, by_default = (evidence.probe(f"{probe}{which}") for which in ("", "_by_default"))
    require(dropout.check_classes(dropout.classes_of(asked), evidence.probe("random_model")))
    require(dropout.check_passes_of_classes(asked, by_default, passes=30, default=10))


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
name: q5
"""

# %% [markdown]
"""
## Question 5: train it

Build a network with `build_alpha_dropout_dnn()`, with its default rate: the file must hold that
network. Compile it and train it on the whole training set. Do it inside the `if` below, which loads a
training that you saved before unless `RETRAIN` says otherwise. What is asked for:

- compile with the **Nadam** optimiser, the cross-entropy that takes integer labels, and accuracy as
  a metric,
- train with batches of 128 from `dnnlab.batches(...)`, for at most `max_epochs` epochs, with the
  validation set as `validation_data`, and keep what `fit` returns as `history`,
- stop early: watch the **validation loss**, be patient for some epochs, and end up with the weights
  of the **best** epoch rather than the last.

Train the network of question 1, with its dropout asleep at inference; `to_mc_model` wakes it up
afterwards. So early stopping sees a validation loss without noise.

**Which learning rate?** With batches of 128, start between 2e-4 and 1e-3. SELU networks learn fast and
soon know their images by heart: expect the validation loss to turn up after about ten epochs, while
the training loss goes on falling. Dropout delays the turn; it does not abolish it. If the loss of the
first epochs jumps about, take half the learning rate.

**Look twice at the first epochs.** The *training* loss may well lie above the validation loss there.
That is mostly because Keras shows the mean over all batches of the epoch, while the weights improve
from batch to batch, and the validation loss is measured when the epoch is over. Dropout adds a
little: it is awake for the former and asleep for the latter.

*Time:* one to two minutes on a laptop, ten to twenty epochs.
"""

# %%
fit_size = 10_000 if QUICK else len(X_train)
max_epochs = 5 if QUICK else 40

# %% [raw]
"""
# BEGIN SOLUTION
"""

# %%
if RETRAIN or not dnnlab.is_saved("cifar10_alpha_dropout"):
    # Build, compile and train model on the first fit_size images of X_train (all of them, unless QUICK).
    # BEGIN SOLUTION
    dnnlab.set_seed(SEED)
    model = build_alpha_dropout_dnn()
    model.compile(
        optimizer=keras.optimizers.Nadam(learning_rate=6e-4),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
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
    dnnlab.save_training(model, history, "cifar10_alpha_dropout")
else:
    model, history = dnnlab.load_training("cifar10_alpha_dropout")

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

    evidence = evidence_of(env, "alpha_mc_dropout")
    require(
        training.check_early_stopping(evidence, "cifar10_alpha_dropout", monitor="val_loss", question="q5")
    )


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: The saved weights are those of the best epoch.
failure_message: The saved weights are not those of the epoch with the lowest validation loss.
"""  # END TEST CONFIG


def test_best_epoch_kept(env):
    from autograder.checks import evidence_of, require, training

    evidence = evidence_of(env, "alpha_mc_dropout")
    require(training.check_best_kept(evidence, "cifar10_alpha_dropout", question="q5"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: The saved history and the saved network belong together.
failure_message: The saved history does not belong to the saved network. Save both from one training.
"""  # END TEST CONFIG


def test_history_belongs(env):
    from autograder.checks import evidence_of, require, training

    evidence = evidence_of(env, "alpha_mc_dropout")
    require(training.check_history_belongs(evidence, "cifar10_alpha_dropout"))


# %% [raw]
"""
# ACCURACY LADDER
model: cifar10_alpha_dropout
points: {validation: 3, test: 1}
hints:
- Look at the learning rate and the number of epochs.
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
*To think about, not graded:* from which epoch on do the two losses part? Compare with a network
without dropout, if you have trained one.
"""

# %% [markdown]
"""
## Asleep and awake

The same weights, once with dropout asleep and once as the mean of many passes. Look at three things:

- The **accuracy** hardly differs: half a point either way is luck. With a dropout rate of 0.1 before
  the output, the passes are close relatives.
- The **confidence** (the largest probability of a row, on average) comes down, towards the accuracy.
  A network that is 60 % sure on average and right in 50 % of all cases is too sure of itself; the
  mean of its passes is more modest.
- The **agreement**: in how many passes the winning class came first. Where all passes agree, the
  answer is right clearly more often than where they quarrel. The pictures below are those on which
  they quarrel most. Above each stands what it shows; the list says, picture by picture, which two
  classes came first in the most passes.

*Time:* a few seconds for each ten passes. The cells need a saved training, and do nothing without.
"""

# %%
passes = 10 if QUICK else 100
if dnnlab.is_saved("cifar10_alpha_dropout"):
    mc_model = to_mc_model(model)
    asleep = np.asarray(model(X_valid))
    awake = np.asarray(mc_dropout_predict_probas(mc_model, X_valid, n_samples=passes))
    truth = np.reshape(y_valid, -1)
    plain_accuracy, mc_accuracy = (np.mean(rows.argmax(axis=1) == truth) for rows in (asleep, awake))
    print(f"asleep: accuracy {plain_accuracy:.1%}, mean confidence {asleep.max(axis=1).mean():.1%}")
    print(f"mean of {passes} passes: accuracy {mc_accuracy:.1%}, ", end="")
    print(f"mean confidence {awake.max(axis=1).mean():.1%}")

# %%
if dnnlab.is_saved("cifar10_alpha_dropout"):
    winners = awake.argmax(axis=1)
    votes = np.stack([np.asarray(mc_model(X_valid)).argmax(axis=1) for _ in range(passes // 2)])
    agreement = np.mean(votes == winners, axis=0)
    for name, chosen in (("all passes agree", agreement == 1), ("passes quarrel", agreement < 0.8)):
        right = np.mean(winners[chosen] == truth[chosen])
        print(f"where {name} ({np.sum(chosen)} pictures): {right:.1%} right")
    unsure = np.argsort(agreement)[:20]
    print("\nthe pictures below, from left to right, and the two classes that came first most often:")
    for number, votes_of_one in enumerate(votes[:, unsure].T, start=1):
        tally = np.bincount(votes_of_one, minlength=len(dnnlab.CIFAR10_CLASSES))
        leaders = [f"{dnnlab.CIFAR10_CLASSES[i]} in {tally[i]}" for i in np.argsort(-tally)[:2]]
        shown = dnnlab.CIFAR10_CLASSES[truth[unsure[number - 1]]]
        print(f"{number:2d}. {shown}: {' and '.join(leaders)} of {len(votes)} passes")
    hesitant = dnnlab.show_images(train_images[unsure], y_valid[unsure], dnnlab.CIFAR10_CLASSES, n=20)

# %% [markdown]
"""
*To think about, not graded:* which two classes does the network most often hesitate between, and
would you? Do all passes agreeing mean that the answer is right? What would happen to the accuracy, to
the confidence and to the agreement with `build_alpha_dropout_dnn(0.3)`?

Now, once, the test set.
"""

# %%
if dnnlab.is_saved("cifar10_alpha_dropout"):
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
print("saved training found" if dnnlab.is_saved("cifar10_alpha_dropout") else "no saved training found")

# %% [markdown]
"""
## Hand in

Restart the kernel, run all cells from top to bottom (with `RETRAIN = False` that takes half a
minute: your saved network is loaded) and save the notebook. Then hand in these three files:

- `alpha_mc_dropout.ipynb`, this notebook,
- `cifar10_alpha_dropout.keras`, your network: it is evaluated again by the grader, so a number
  printed here counts for nothing,
- `cifar10_alpha_dropout.history.json`, which shows how its training went.

The grader runs your notebook with trainings cut short after a few steps, to see *how* you train;
what your training *reached* it reads from the two saved files, with dropout asleep. Marks for
accuracy come in steps, so a network that falls short of the goal still earns some.
"""
