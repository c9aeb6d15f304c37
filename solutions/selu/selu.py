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
# A network that normalises itself

In `cifar10_dnn`, twenty dense layers learned something because every layer was started with care. There
is a second way, and it is a piece of mathematics that surprised many people in 2017: choose the
activation function such that the *fixed point* of the signal is "mean 0, standard deviation 1". If a
layer gets inputs that are a little too loud, its outputs are a little less loud; if they are too
quiet, its outputs are louder. Whatever goes in, after some layers it is near that point and stays
there, without any layer whose job it is. The activation is called **SELU**, and networks that use it in
this way are *self-normalising*.

The catch: it holds only if everything else plays along. In this lab you

1. standardise the images, with nobody's statistics but the training set's,
2. build the network with the one initialisation that fits,
3. measure the signal in every layer, and see the self-normalisation happen,
4. train the network and keep its best epoch.

You need no graphics card. On an ordinary laptop all cells together take two to three minutes, nearly all
of it in question 4.

**How to work.** Answer in the cells that hold `...`, run them, then run the `grader.check` cell
below. A check costs nothing and may be run as often as you like. It looks at names, shapes and
types and takes a second or so; passing it means that your answer can be graded, not yet that it is
right.
"""

# %% [markdown]
"""
## Three switches

- `QUICK`: with `True`, the training below takes few images and few epochs, and the whole notebook
  runs in less than a minute. That is for trying things out. Hand in a training made with
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

`dnnlab.load_cifar10()` returns what `keras.datasets.cifar10.load_data()` returns. Without the real
data set and without a connection it falls back on a small stand-in and says so; everything below
runs on that too, but its accuracies mean nothing.

The first 5,000 images of the training set are set aside for validation. Their pixels are whole numbers
from 0 to 255, of type `uint8`; that is where question 1 begins.
"""

# %%
(train_images, train_labels), (test_images, test_labels) = dnnlab.load_cifar10()

X_valid, y_valid = train_images[:5_000], train_labels[:5_000]
X_train, y_train = train_images[5_000:], train_labels[5_000:]
X_test, y_test = test_images, test_labels

for part, images in (("training", X_train), ("validation", X_valid), ("test", X_test)):
    print(f"{part:>10}: {images.shape} {images.dtype}, pixels from {images.min()} to {images.max()}")

# %%
pictures = dnnlab.show_images(X_train, y_train, dnnlab.CIFAR10_CLASSES, n=20)

# %% [markdown]
"""
*To think about, not graded:* compare the corners of the pictures above with their middles. Where would you
expect the pixels to differ most from one picture to the next?
"""

# %% [raw]
"""
# BEGIN QUESTION
name: q1
"""

# %% [markdown]
"""
## Question 1: standardised inputs

Define `X_train_scaled`, `X_valid_scaled` and `X_test_scaled`: the three sets with every **feature**
standardised. A feature is one number of a picture: this row, this column, this colour; a picture has
32 x 32 x 3 = 3,072 of them. To standardise it means to subtract the feature's mean and to divide by its
standard deviation.

- Mean and standard deviation are those of the **training set**, `X_train`, one of each **per feature**.
- All three sets are scaled with the **same** means and standard deviations.
- The rows stay in their order. Keep the images' shape.

**Why per feature?** The theory of self-normalisation assumes that each input has mean 0 and standard
deviation 1. One mean for all pixels does not give you that: the sky is at the top of most
pictures, so the upper pixels would still be brighter than 0 on average, all of them together, and the
first layer would add up what they have in common.

**Why the training set's only?** A mean is something you *learn* from data. If the test set has a say in
it, the network is tried on images that helped to prepare it; the harm is small here, and it is a habit
that will hurt one day. And why not each set with its own? Because the same picture would then be a
different input depending on who stands next to it. When a single new picture comes, it has no mean to
offer: it must be scaled by what you know already.

**Mind the types.** The pixels are `uint8`, and `X_train - 120` with such whole numbers wraps around at
zero without a word. Convert to `float32` first. (`float64` is right too, and takes twice the memory
for nothing.)
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""

# %%
# Define X_train_scaled, X_valid_scaled and X_test_scaled.
# BEGIN SOLUTION
pixel_means = X_train.mean(axis=0).astype("float32")
pixel_deviations = X_train.astype("float32").std(axis=0)


def standardised(images):
    return (images.astype("float32") - pixel_means) / pixel_deviations


X_train_scaled = standardised(X_train)
X_valid_scaled = standardised(X_valid)
X_test_scaled = standardised(X_test)
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


def test_the_scaled_sets_exist(env):
    for name in ("X_train_scaled", "X_valid_scaled", "X_test_scaled"):
        assert name in env, f"{name} is not defined"
        assert hasattr(env[name], "shape"), f"{name} should be an array"


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_the_scaled_sets_are_pictures(env):
    shapes = {name: tuple(env[name].shape) for name in ("X_train_scaled", "X_valid_scaled", "X_test_scaled")}
    for name, shape in shapes.items():
        assert shape[1:] in ((32, 32, 3), (3072,)), f"{name} has shape {shape}; keep the images 32 x 32 x 3"
    assert len({shape[1:] for shape in shapes.values()}) == 1, f"the three sets should be alike: {shapes}"


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_standardised_pixels_are_fractions(env):
    for name in ("X_train_scaled", "X_valid_scaled", "X_test_scaled"):
        kind = str(env[name].dtype)
        assert "float" in kind, f"{name} is of type {kind}; numbers around zero need a float type"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: The three sets hold the right images in the right order, all of them finite.
failure_message: The scaled sets should hold the images of the unscaled ones, in order and finite.
"""  # END TEST CONFIG


def test_pictures(env):
    from autograder.checks import evidence_of, require, standardisation

    require(standardisation.check_pictures(evidence_of(env, "selu"), "cifar10_selu"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 8
success_message: Every feature of the training set is standardised with its own statistics.
failure_message: The features of the training set are not standardised as the question asks.
"""  # END TEST CONFIG


def test_training_statistics(env):
    from autograder.checks import evidence_of, require, standardisation

    require(standardisation.check_training_set(evidence_of(env, "selu"), "cifar10_selu"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 8
success_message: The three sets are scaled alike, by what the training set says.
failure_message: Validation and test images should be scaled exactly as the training images are.
"""  # END TEST CONFIG


def test_scaled_alike(env):
    from autograder.checks import evidence_of, require, standardisation

    require(standardisation.check_other_sets(evidence_of(env, "selu"), "cifar10_selu"))


# %% [raw]
"""
# END TESTS
"""

# %% [raw]
"""
# END QUESTION
"""


# %%
def describe_features(images):
    """Mean and standard deviation of every seventh feature, over the images (all of them take memory)."""
    flat = images.reshape(len(images), -1)[:, ::7]
    return flat.mean(axis=0), flat.std(axis=0)


for part, images in (("training", X_train_scaled), ("validation", X_valid_scaled), ("test", X_test_scaled)):
    means, deviations = describe_features(images)
    print(
        f"{part:>10}: feature means {means.min():+.3f} to {means.max():+.3f}, "
        f"standard deviations {deviations.min():.3f} to {deviations.max():.3f}"
    )

# %% [markdown]
"""
*To think about, not graded:* only one of the three sets should have means of 0 and standard deviations of
1 everywhere. Which one, and why would it be a bad sign if all three had?
"""

# %% [raw]
"""
# BEGIN QUESTION
name: q2
"""

# %% [markdown]
"""
## Question 2: SELU and what it demands

Write `build_selu_dnn()`. It returns a new Keras model, not compiled, that

- takes images of 32 x 32 pixels and 3 colours,
- flattens them,
- has **20 hidden dense layers of 100 units each**, with the **SELU** activation and **LeCun normal**
  initialisation,
- ends in a softmax over the 10 classes,
- and has nothing else in it: no batch normalisation, no dropout.

**What is SELU?** An ELU stretched in both directions: for positive z it is 1.0507 z, for negative z it is
1.7581 (exp(z) - 1). Both constants are the solution of two equations: if the inputs of a unit are many,
independent, with mean 0 and variance 1, and the weights have mean 0 and variance 1 / n, then the *outputs*
have mean 0 and variance 1 again. The slope above 1 lets a signal that is too quiet grow; the flat
negative end damps one that is too loud.

**Why LeCun, and not He?** Look at the sentence above: weights of variance **1 / n**, with n the number of
inputs. That is LeCun's initialisation. He has twice as much, which is right for an activation that throws
half of the signal away, and SELU does not. Glorot, the default in Keras, has 2 / (inputs + outputs): in a
layer of 100 inputs and 100 outputs that *is* 1 / 100, so you would see no difference in nineteen of twenty
layers. In the first one you would.

**Why nothing else?** Batch normalisation would take over the job. Ordinary dropout sets outputs to 0,
and 0 is not where a silent SELU unit is: mean and variance are both lost, in every layer. (There is an
*alpha dropout* that keeps them; it has a lab of its own.)

**A trap.** Give the initialiser by its name, or make a new object for each layer. In Keras 3 *one*
initialiser object handed to twenty layers gives all of them the very same weights.
(That is no mistake in the sense of this question, and not what you want either.)
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""


# %%
def build_selu_dnn():
    """Return the network of this question, not compiled."""
    # BEGIN SOLUTION
    network = keras.Sequential([keras.layers.Input(shape=(32, 32, 3)), keras.layers.Flatten()])
    for _ in range(20):
        network.add(keras.layers.Dense(100, activation="selu", kernel_initializer="lecun_normal"))
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


def test_build_selu_dnn_returns_a_model(env):
    assert callable(env["build_selu_dnn"]), "build_selu_dnn should be a function: def build_selu_dnn(): ..."
    network = env["build_selu_dnn"]()
    assert network is not None, "build_selu_dnn() returns None: does it end with a return?"


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_build_selu_dnn_takes_images_and_gives_classes(env):
    network = env["build_selu_dnn"]()
    taken, given = getattr(network, "input_shape", None), getattr(network, "output_shape", None)
    if taken is None or given is None:
        return  # a model that has not seen an image yet has no shapes
    taken, given = tuple(taken)[1:], tuple(given)[1:]
    assert taken in ((32, 32, 3), (3072,)), f"the model takes {taken}; an image is (32, 32, 3)"
    assert len(given) == 1, f"the model gives {given} for an image: is there a Flatten layer?"
    assert given[0] == 10, f"the model gives {given[0]} numbers for an image; there are 10 classes"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The network takes images, and only scales or flattens them before its first layer.
failure_message: The network should take images of 32 x 32 x 3, and at most scale or flatten them at first.
"""  # END TEST CONFIG


def test_input(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "selu").probe_model("build_selu_dnn")
    require(structure.check_input(net, shape=(32, 32, 3), flat=True))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 6
success_message: The network has 20 hidden dense layers of 100 units and nothing between them.
failure_message: Count the hidden dense layers and their units. Nothing but activations stands between.
"""  # END TEST CONFIG


def test_hidden_layers(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "selu").probe_model("build_selu_dnn")
    require(structure.check_hidden_layers(net, count=20, units=100))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: Every hidden layer is followed by one SELU.
failure_message: Every hidden layer needs the SELU activation, exactly once.
"""  # END TEST CONFIG


def test_activations(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "selu").probe_model("build_selu_dnn")
    require(structure.check_activations(net, "selu"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 6
success_message: Every hidden layer uses LeCun normal initialisation.
failure_message: Every hidden layer needs LeCun normal initialisation. The default of Keras is another one.
"""  # END TEST CONFIG


def test_initialisers(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "selu").probe_model("build_selu_dnn")
    require(structure.check_initialisers(net, "lecun", distribution="normal"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: The network ends in a softmax over 10 classes.
failure_message: The last layer should be dense, with one unit for each class and a softmax.
"""  # END TEST CONFIG


def test_output(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "selu").probe_model("build_selu_dnn")
    require(structure.check_output(net, units=10, activation="softmax"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: The first hidden layer hands on a signal of the right size.
failure_message: In a fresh network the signal has the wrong size after the first hidden layer already.
"""  # END TEST CONFIG


def test_signal_after_the_first_layer(env):
    from autograder.checks import evidence_of, require, self_normalisation

    evidence = evidence_of(env, "selu")
    require(self_normalisation.check_first_layer(evidence, "cifar10_selu"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: The signal keeps its size through all layers, so that the network normalises itself.
failure_message: In a fresh network the signal does not keep its size up to the last hidden layer.
"""  # END TEST CONFIG


def test_signal_at_depth(env):
    from autograder.checks import evidence_of, require, self_normalisation

    evidence = evidence_of(env, "selu")
    require(self_normalisation.check_last_layer(evidence, "cifar10_selu"))


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
## Question 3: watch the signal

A claim about every layer should be looked at in every layer. Write `layer_statistics(model, X)`. It returns
a NumPy array of shape `(n_hidden, 2)`: for each **hidden** dense layer, from the first to the last, one row
with

- the **mean** of the layer's output,
- the **standard deviation** of the layer's output,

each over **all rows of `X` and all units of the layer together**: one number, not one per unit. A layer's
output is what it hands on to the next, *after* its activation. The output layer is no hidden layer: its
softmax is made of probabilities, and says nothing about the signal. `X` are images in the shape that the
model takes. The function works for any network that is made like yours, whatever the number of its layers,
and leaves the model as it was.

**How to get at the layers?** `model.layers` lists them, and a layer of a built model has an `output`. From
those, `keras.Model(model.inputs, [layer.output, ...])` makes a model that shares all weights with yours
and answers with the output of every layer that you name; as `model.inputs` is a list, call it on `[X]`.
Or feed `X` through the layers yourself, one after the other.

**Why look at numbers at all, if there is a proof?** Because the proof speaks of infinitely wide layers and
independent inputs. Yours have 100 units, and neighbouring pixels are anything but independent. Whether
theory and your network agree is a question for a measurement.
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""


# %%
def layer_statistics(model, X):
    """Return mean and standard deviation of each hidden layer's output, as an array (n_hidden, 2)."""
    # BEGIN SOLUTION
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    tapped = keras.Model(model.inputs, [layer.output for layer in dense[:-1]])
    outputs = [np.asarray(output) for output in tapped([X])]
    return np.array([[output.mean(), output.std()] for output in outputs])
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


def test_layer_statistics_gives_two_numbers_for_each_layer(env):
    network = env["build_selu_dnn"]()
    if getattr(network, "input_shape", None) is None:
        return  # a model that has not seen an image yet has no shapes
    assert "X_train_scaled" in env, "X_train_scaled is not defined: question 1 comes first"
    images = env["X_train_scaled"]
    found = env["layer_statistics"](network, images[:4] if hasattr(images, "__getitem__") else images)
    assert found is not None, "layer_statistics returns None: does it end with a return?"
    assert hasattr(found, "__len__"), "layer_statistics returns something that is no array"
    inner = [len(row) for row in found[:1] if hasattr(row, "__len__")] if isinstance(found, list) else []
    shape = tuple(found.shape) if hasattr(found, "shape") else (len(found), *inner)
    assert len(shape) == 2, f"layer_statistics returns something of shape {shape}, not rows of two numbers"
    assert shape[1] == 2, f"each row has {shape[1]} numbers, not a mean and a standard deviation"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: There is one row for each hidden layer.
failure_message: There should be one row for each hidden layer, with a mean and a standard deviation.
"""  # END TEST CONFIG


def test_one_row_for_each_hidden_layer(env):
    from autograder.checks import evidence_of, layer_statistics, require

    require(layer_statistics.check_rows(evidence_of(env, "selu"), "cifar10_selu"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: The means are those of the outputs of the layers.
failure_message: The means are not those of the outputs of the hidden layers, over all rows and units.
"""  # END TEST CONFIG


def test_means(env):
    from autograder.checks import evidence_of, layer_statistics, require

    require(layer_statistics.check_means(evidence_of(env, "selu"), "cifar10_selu"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: The standard deviations are those of the outputs of the layers.
failure_message: The standard deviations are not those of the outputs of the hidden layers, all units at once.
"""  # END TEST CONFIG


def test_standard_deviations(env):
    from autograder.checks import evidence_of, layer_statistics, require

    require(layer_statistics.check_deviations(evidence_of(env, "selu"), "cifar10_selu"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The function goes by the layers of the model it is given, however many these are.
failure_message: The function should be right for a network of another number of layers, too.
"""  # END TEST CONFIG


def test_any_number_of_layers(env):
    from autograder.checks import evidence_of, layer_statistics, require

    require(layer_statistics.check_any_depth(evidence_of(env, "selu"), "cifar10_selu"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 1
success_message: The function leaves the model as it was.
failure_message: The function should leave the model as it was.
"""  # END TEST CONFIG


def test_model_untouched(env):
    from autograder.checks import evidence_of, layer_statistics, require

    require(layer_statistics.check_untouched(evidence_of(env, "selu"), "cifar10_selu"))


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
Now look: a fresh network, not trained at all, on the same 1,000 images prepared in three ways. The grey
line is where the theory wants the signal to be. (A second or two.)
"""

# %%
dnnlab.set_seed(SEED)
fresh = build_selu_dnn()
prepared = {
    "standardised": X_train_scaled[:1_000],
    "pixels from 0 to 1": X_train[:1_000].reshape(X_train_scaled[:1_000].shape).astype("float32") / 255,
    "standardised, ten times too loud": X_train_scaled[:1_000] * 10,
}
figure, axes = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
for label, images in prepared.items():
    statistics = np.asarray(layer_statistics(fresh, images))
    for axis, values in zip(axes, statistics.T, strict=True):
        axis.plot(range(1, len(values) + 1), values, marker=".", label=label)
for axis, title, wanted in zip(axes, ("mean", "standard deviation"), (0, 1), strict=True):
    axis.axhline(wanted, color="grey", linewidth=1)
    axis.set(title=f"{title} of the outputs", xlabel="hidden layer")
    axis.grid(alpha=0.3)
axes[1].set(yscale="log")
legend = axes[0].legend()

# %% [markdown]
"""
**What to look at.** On the right, the layer in which the three curves have come together.

*To think about, not graded:* if the network finds its way back by itself even from inputs that are ten times
too loud, what is lost by not standardising?
"""

# %% [raw]
"""
# BEGIN QUESTION
name: q4
"""

# %% [markdown]
"""
## Question 4: train it, and keep the best epoch

Train a network from `build_selu_dnn()` on the whole standardised training set and save the result. Do it
inside the `if` below, which loads a training that you saved before unless `RETRAIN` says otherwise. What is
asked for:

- the model is `model`, compiled with a cross-entropy for integer labels and with accuracy as a metric;
  the optimiser is your choice (the rates below are for Nadam),
- train with batches from `dnnlab.batches(...)`, for at most `max_epochs` epochs, with the scaled
  validation set as `validation_data`, and keep what `fit` returns as `history`,
- stop early: watch the **validation loss**, be patient for some epochs, and end up with the weights
  of the **best** epoch rather than the last.

**Which rate?** The curves above say that the signal has the same size in every layer, so one rate suits them
all. With batches of 128 or 256, rates from 3e-4 to 7e-4 are a good start.

**And then?** This network learns quickly, and learns by heart quickly: at a constant rate its validation
loss is bumpy and turns up after some eight to ten epochs. Smaller steps may help by then. The callback
`keras.callbacks.ReduceLROnPlateau` takes them by itself: halve the rate (`factor=0.5`) when the validation
loss has found no new low for two epochs (`patience=2`). It is not asked for, and it needs a patience of
early stopping that lets it act first. Whether it helps the epoch that you keep, or comes too late, shows in
your curves.

**What to expect.** The training loss goes on falling for as long as you like. The validation *accuracy* often
creeps up for a few epochs after the validation loss has turned: the network gets more images right and is,
where it is wrong, ever more sure of itself. The loss notices that, the accuracy does not.

*Time:* one to two minutes on a laptop, 13 to 15 epochs or so.
"""

# %%
fit_size = 10_000 if QUICK else len(X_train_scaled)
max_epochs = 5 if QUICK else 40

# %% [raw]
"""
# BEGIN SOLUTION
"""

# %%
if RETRAIN or not dnnlab.is_saved("cifar10_selu"):
    # Train on the first fit_size images of X_train_scaled (all, unless QUICK), for at most max_epochs.
    # BEGIN SOLUTION
    dnnlab.set_seed(SEED)
    model = build_selu_dnn()
    model.compile(
        optimizer=keras.optimizers.Nadam(learning_rate=5e-4),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    smaller_steps = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=2)
    stop_at_best = keras.callbacks.EarlyStopping(monitor="val_loss", patience=5, restore_best_weights=True)
    history = model.fit(
        dnnlab.batches(X_train_scaled[:fit_size], y_train[:fit_size], batch_size=256, seed=SEED),
        epochs=max_epochs,
        shuffle=False,
        validation_data=(X_valid_scaled, y_valid),
        callbacks=[smaller_steps, stop_at_best],
        verbose=2,
    )
    # END SOLUTION
    dnnlab.save_training(model, history, "cifar10_selu")
else:
    model, history = dnnlab.load_training("cifar10_selu")

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

    evidence = evidence_of(env, "selu")
    require(training.check_early_stopping(evidence, "cifar10_selu", monitor="val_loss", question="q4"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: The saved weights are those of the best epoch.
failure_message: The saved weights are not those of the epoch with the lowest validation loss.
"""  # END TEST CONFIG


def test_best_epoch_kept(env):
    from autograder.checks import evidence_of, require, training

    require(training.check_best_kept(evidence_of(env, "selu"), "cifar10_selu", question="q4"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: The saved history and the saved network belong together.
failure_message: The saved history does not belong to the saved network. Save both from one training.
"""  # END TEST CONFIG


def test_history_belongs(env):
    from autograder.checks import evidence_of, require, training

    require(training.check_history_belongs(evidence_of(env, "selu"), "cifar10_selu"))


# %% [raw]
"""
# ACCURACY LADDER
model: cifar10_selu
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
**What to look at.** The epoch with the lowest validation loss, and the one with the highest validation
accuracy.

*To think about, not graded:* for which use would you rather have the latter of the two networks?

The mathematics of question 2 is about fresh weights. The next cell measures the network that you keep beside
a fresh one.
"""

# %%
trained_statistics = np.asarray(layer_statistics(model, X_valid_scaled[:1_000]))
fresh_statistics = np.asarray(layer_statistics(fresh, X_valid_scaled[:1_000]))
figure, axis = plt.subplots(figsize=(5.5, 3.4), layout="constrained")
axis.plot(range(1, len(fresh_statistics) + 1), fresh_statistics[:, 1], marker=".", label="fresh")
axis.plot(range(1, len(trained_statistics) + 1), trained_statistics[:, 1], marker=".", label="trained")
axis.axhline(1, color="grey", linewidth=1)
axis.set(title="standard deviation of the outputs", xlabel="hidden layer")
axis.grid(alpha=0.3)
legend = axis.legend()

# %% [markdown]
"""
**What to look at.** Where, and how far, the curve of the trained network leaves the grey line.

*To think about, not graded:* would you call the trained network self-normalising?

Now, once, the test set. `evaluate` changes nothing in the model.
"""

# %%
test_loss, test_accuracy = model.evaluate(X_test_scaled, y_test, batch_size=500, verbose=0)
best_epoch = int(np.argmin(history.history["val_loss"])) + 1
print(f"best epoch: {best_epoch} of {len(history.history['val_loss'])}")
print(f"accuracy on the test set: {test_accuracy:.1%}")

# %% [markdown]
"""
Compare with what the plain network of `cifar10_dnn` reached, in how many epochs and in what time. The test
accuracy should be within two points or so of the validation accuracy at the best epoch.
"""

# %%
if QUICK:
    print("QUICK is on. Before you hand in, train once with QUICK = False and RETRAIN = True.")
print("saved training found" if dnnlab.is_saved("cifar10_selu") else "no saved training found")

# %% [markdown]
"""
## Hand in

Restart the kernel, run all cells from top to bottom (with `RETRAIN = False` that takes half a minute:
your saved network is loaded) and save the notebook. Then hand in these three files:

- `selu.ipynb`, this notebook,
- `cifar10_selu.keras`, your network: it is evaluated again by the grader, so a number printed here
  counts for nothing,
- `cifar10_selu.history.json`, which shows how its training went.

The grader runs your notebook with trainings cut short after a few steps, to see *how* you train;
what your training *reached* it reads from the two saved files. Marks for accuracy come in steps, so
a network that falls short of the goal still earns some.
"""
