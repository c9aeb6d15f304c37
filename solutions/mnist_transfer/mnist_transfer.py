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
# Digits 0 to 4, then 5 to 9 from few images

Somebody has trained a network on thousands of images; you have five hundred of your own, of other
things. Does the big training help with the small task? That is transfer learning, and in this lab you
do both parts yourself. First you train a network on MNIST's digits **0 to 4**, with all the images
there are. Then you reuse it for the digits **5 to 9**, of which you take only **100 images each**.

On the way you meet most of what people do with a network once it trains at all:

1. search for settings by cross-validation,
2. try batch normalisation and dropout, and measure what they change,
3. reuse layers, freeze them, cache what frozen layers compute, and unfreeze them again.

**A warning, so that you measure instead of believing.** Transfer learning has a great name, earned
with convolutional networks and millions of pictures. Here the network is dense and the base is small.
You will compare every step with the plainest rival there is, a network trained from scratch on the
same 500 images. Expect some steps to lose against it. Which step wins, and by how much, is what
this lab is about.

You need no graphics card. On an ordinary laptop all cells together take three to five minutes.

**How to work.** Answer in the cells that hold `...`, run them, then run the `grader.check` cell
below. A check costs nothing and may be run as often as you like. It looks at names, shapes and
types; passing it means that your answer can be graded, not yet that it is right.
"""

# %% [markdown]
"""
## Three switches

- `QUICK`: with `True`, the trainings below take few images and few epochs, and the whole notebook
  runs in less than two minutes. That is for trying things out. Hand in trainings made with
  `QUICK = False`.
- `RETRAIN`: with `False`, networks that you trained and saved before are loaded instead of trained
  again. With `True` they are trained afresh and the saved ones are replaced. A quick training is
  saved like any other: after playing with `QUICK`, set `RETRAIN = True` once for the real one.
- `SEED`: where the random numbers start. With the same seed you get the same initial weights and
  the same order of images, so you can tell whether a change of yours helped or whether you were
  lucky. Choose a number of your own, and keep it.
"""

# %%
QUICK = False
RETRAIN = False
SEED = 42

# %%
import time

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

`dnnlab.load_mnist()` returns what `keras.datasets.mnist.load_data()` returns. Without the real data
set and without a connection it falls back on a small stand-in and says so; everything below runs on
that too, but its accuracies mean nothing.
"""

# %%
(train_images, train_labels), (test_images, test_labels) = dnnlab.load_mnist()

print("training set:", train_images.shape, train_images.dtype, "labels", train_labels.shape)
print("test set:    ", test_images.shape, test_images.dtype, "labels", test_labels.shape)
print("images of each digit:", np.bincount(train_labels))

# %%
pictures = dnnlab.show_images(train_images, train_labels, n=20)

# %% [markdown]
"""
*To think about, not graded:* which strokes do the digits 5 to 9 share with 0 to 4? A network that has
learned to see these has learned something that the second task can use.
"""

# %% [raw]
"""
# BEGIN QUESTION
name: q1
"""

# %% [markdown]
"""
## Question 1: the first five digits

Define `X_train_04, y_train_04, X_valid_04, y_valid_04, X_test_04, y_test_04`:

- the **validation set** is what the **first 5,000** training images hold of the digits 0 to 4,
- the **training set** is what the *other* training images hold of them, in the same order,
- the **test set** is what MNIST's test set holds of them,
- the pixels are numbers from 0 to 1 of type `float32`, in all three sets; keep the images' shape.

**Pick by comparing.** `labels <= 4` is an array of `True` and `False`, one for each image. Used as
an index it picks rows, of images and of labels alike. Use the same one for both, or they get out of
step. And mind the end of `range` and of slices: a stray digit 5 in the first task has no unit in the
output layer to go to.

**Why `float32`?** `images / 255` is `float64`, eight bytes for each number, and Keras turns it into
`float32` anyway. Convert first, divide then.

*To think about:* why must the images of 5 to 9 stay out of the first training altogether, even if
nobody used their labels?
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""


# %%
# Define X_train_04, y_train_04, X_valid_04, y_valid_04, X_test_04 and y_test_04.
# BEGIN SOLUTION
def digits_between(low, high, images, labels):
    chosen = (labels >= low) & (labels <= high)
    return images[chosen].astype("float32") / 255, labels[chosen]


X_valid_04, y_valid_04 = digits_between(0, 4, train_images[:5_000], train_labels[:5_000])
X_train_04, y_train_04 = digits_between(0, 4, train_images[5_000:], train_labels[5_000:])
X_test_04, y_test_04 = digits_between(0, 4, test_images, test_labels)
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
    for part in ("train", "valid", "test"):
        for name in ("X_" + part + "_04", "y_" + part + "_04"):
            assert name in env, f"{name} is not defined"
            assert hasattr(env[name], "shape"), f"{name} should be an array"


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_every_image_has_a_label(env):
    for part in ("train", "valid", "test"):
        images, labels = len(env["X_" + part + "_04"]), len(env["y_" + part + "_04"])
        assert images == labels, f"X_{part}_04 has {images} images, y_{part}_04 has {labels} labels"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: The sets hold the digits 0 to 4 and no other.
failure_message: The sets should hold the digits 0 to 4, and no other.
"""  # END TEST CONFIG


def test_digits(env):
    from autograder.checks import evidence_of, require, splits

    require(splits.check_classes(evidence_of(env, "mnist_transfer"), "mnist_0_4"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 1
success_message: The three sets have the right sizes.
failure_message: The sizes are off. Look at where the validation set is cut, and at which digits are picked.
"""  # END TEST CONFIG


def test_sizes(env):
    from autograder.checks import evidence_of, require, splits

    require(splits.check_sizes(evidence_of(env, "mnist_transfer"), "mnist_0_4"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: Each set holds the images asked for, in their order, and all are scaled alike.
failure_message: Each set should hold the images asked for, in their order, scaled as those of the others.
"""  # END TEST CONFIG


def test_validation_rows(env):
    from autograder.checks import evidence_of, require, splits

    require(splits.check_rows(evidence_of(env, "mnist_transfer"), "mnist_0_4"))
    require(splits.check_scaled_alike(evidence_of(env, "mnist_transfer"), "mnist_0_4"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: No image is in two sets.
failure_message: Some images are in more than one set, so that one of them no longer measures new images.
"""  # END TEST CONFIG


def test_no_overlap(env):
    from autograder.checks import evidence_of, require, splits

    require(splits.check_overlap(evidence_of(env, "mnist_transfer"), "mnist_0_4"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: Every image has its own label.
failure_message: Images and labels are out of step. Pick both with the same rows.
"""  # END TEST CONFIG


def test_labels_in_step(env):
    from autograder.checks import evidence_of, require, splits

    require(splits.check_labels(evidence_of(env, "mnist_transfer"), "mnist_0_4"))


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
## Question 2: the base network

Write `build_dnn_04()`. It returns a new Keras model, not compiled, that takes an image, flattens
it, has **5 hidden dense layers of 100 units** with the **ELU** activation and **He**
initialisation, and ends in a **softmax over 5 classes**.

**Why five units and not ten?** The base never sees a digit above 4. Units for 5 to 9 would only
learn to say no. That is also why its output layer cannot be reused later: its first unit means the
digit 0, and no amount of freezing makes that a 5.
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""


# %%
def build_dnn_04():
    """Return the network of this question, not compiled."""
    # BEGIN SOLUTION
    network = keras.Sequential([keras.layers.Input(shape=(28, 28)), keras.layers.Flatten()])
    for _ in range(5):
        network.add(keras.layers.Dense(100, activation="elu", kernel_initializer="he_normal"))
    network.add(keras.layers.Dense(5, activation="softmax"))
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


def test_build_dnn_04_returns_a_model(env):
    assert callable(env["build_dnn_04"]), "build_dnn_04 should be a function"
    network = env["build_dnn_04"]()
    assert network is not None, "build_dnn_04() returns None: does it end with a return?"
    given = getattr(network, "output_shape", None)
    assert given is None or len(given) == 2, f"the model gives {given[1:]} for an image: is there a Flatten?"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 1
success_message: The network takes an image.
failure_message: The network should take an image, and only flatten or scale it ahead of the first layer.
"""  # END TEST CONFIG


def test_input(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "mnist_transfer").probe_model("build_dnn_04")
    shapes = ((28, 28), (28, 28, 1), (784,))
    require(min((structure.check_input(net, shape=shape) for shape in shapes), key=len))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The network has 5 hidden dense layers of 100 units.
failure_message: Count the hidden dense layers and their units. The output layer does not count as hidden.
"""  # END TEST CONFIG


def test_hidden_layers(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "mnist_transfer").probe_model("build_dnn_04")
    require(structure.check_hidden_layers(net, count=5, units=100))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: Every hidden layer is followed by one ELU.
failure_message: Every hidden layer needs the ELU activation, exactly once.
"""  # END TEST CONFIG


def test_activations(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "mnist_transfer").probe_model("build_dnn_04")
    require(structure.check_activations(net, "elu"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 1
success_message: Every hidden layer uses He initialisation.
failure_message: Every hidden layer needs He initialisation. The default of Keras is another one.
"""  # END TEST CONFIG


def test_initialisers(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "mnist_transfer").probe_model("build_dnn_04")
    require(structure.check_initialisers(net, "he"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The network ends in a softmax over 5 classes.
failure_message: The last layer should be dense, with one unit for each of the five digits and a softmax.
"""  # END TEST CONFIG


def test_output(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "mnist_transfer").probe_model("build_dnn_04")
    require(structure.check_output(net, units=5, activation="softmax"))


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
## Question 3: train the base

Train a network from `build_dnn_04()` on the digits 0 to 4, inside the `if` below:

- compile it with **Adam**, the **sparse categorical cross-entropy** (the labels are whole numbers)
  and **accuracy** as a metric,
- train with batches of 128 from `dnnlab.batches(...)`, for at most `max_epochs` epochs, with your
  validation set as `validation_data`, and keep what `fit` returns as **`history_04`**,
- **stop early** on the validation loss with some patience, and keep the **best** epoch: either let
  early stopping restore it, or save it with a `ModelCheckpoint` and load it when training is over.

The aim is at least **99 %** on the test set. Adam's usual rate gets close in a few epochs, then the
validation loss begins to jump: each step is now too long for what is left to correct. What helps is
a rate that falls when progress stops (`keras.callbacks.ReduceLROnPlateau`). Leave early stopping
more patience than that, or training ends before the smaller rate has had its turn.

Why is the *binary* cross-entropy wrong here? It treats each output as a question of its own, to be
answered with yes or no. Behind a softmax exactly one class is right, and the label is its number.

*Time:* ten to thirty seconds.
"""

# %%
fit_size = 4_000 if QUICK else len(X_train_04)
max_epochs = 4 if QUICK else 40

# %% [raw]
"""
# BEGIN SOLUTION
"""

# %%
if RETRAIN or not dnnlab.is_saved("mnist_0_4"):
    # Train model_04 on the first fit_size images of X_train_04, for at most max_epochs.
    # BEGIN SOLUTION
    dnnlab.set_seed(SEED)
    model_04 = build_dnn_04()
    model_04.compile(
        optimizer=keras.optimizers.Adam(learning_rate=1e-3),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    history_04 = model_04.fit(
        dnnlab.batches(X_train_04[:fit_size], y_train_04[:fit_size], batch_size=128, seed=SEED),
        epochs=max_epochs,
        shuffle=False,
        validation_data=(X_valid_04, y_valid_04),
        callbacks=[
            keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.3, patience=2),
            keras.callbacks.EarlyStopping(monitor="val_loss", patience=6, restore_best_weights=True),
        ],
        verbose=2,
    )
    # END SOLUTION
    dnnlab.save_training(model_04, history_04, "mnist_0_4")
else:
    model_04, history_04 = dnnlab.load_training("mnist_0_4")

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
    assert "history_04" in env, "history_04 is not defined: keep what fit returns"
    curves = getattr(env["history_04"], "history", None)
    assert isinstance(curves, dict), "history_04 should be what fit returns"
    assert "val_loss" in curves, "history_04 has no val_loss: give fit your validation set as validation_data"
    assert len(curves["val_loss"]) > 0, "history_04 is empty: not one epoch was trained"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 1
success_message: The base is trained with Adam.
failure_message: The base should be trained with Adam.
"""  # END TEST CONFIG


def test_optimiser(env):
    from autograder.checks import evidence_of, fitting, require

    require(
        fitting.check_optimiser_used(evidence_of(env, "mnist_transfer"), "mnist_0_4", "adam", question="q3")
    )


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 1
success_message: The loss fits the labels.
failure_message: The loss does not fit. Whole numbers as labels want the sparse categorical cross-entropy.
"""  # END TEST CONFIG


def test_loss_fits(env):
    from autograder.checks import evidence_of, fitting, require

    require(fitting.check_loss_used(evidence_of(env, "mnist_transfer"), "mnist_0_4", question="q3"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: Training stops early on the validation loss.
failure_message: Training should stop early on the validation loss, with some patience.
"""  # END TEST CONFIG


def test_early_stopping(env):
    from autograder.checks import evidence_of, require, training

    evidence = evidence_of(env, "mnist_transfer")
    require(training.check_early_stopping(evidence, "mnist_0_4", monitor="val_loss", question="q3"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: The saved weights are those of the best epoch.
failure_message: The saved weights are not those of the epoch with the lowest validation loss.
"""  # END TEST CONFIG


def test_best_epoch_kept(env):
    from autograder.checks import evidence_of, require, training

    require(training.check_best_kept(evidence_of(env, "mnist_transfer"), "mnist_0_4", question="q3"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 1
success_message: The saved history and the saved network belong together.
failure_message: The saved history does not belong to the saved network. Save both from one training.
"""  # END TEST CONFIG


def test_history_belongs(env):
    from autograder.checks import evidence_of, require, training

    require(training.check_history_belongs(evidence_of(env, "mnist_transfer"), "mnist_0_4"))


# %% [raw]
"""
# ACCURACY LADDER
model: mnist_0_4
points: {validation: 1, test: 1}
hints:
- Look at the rate and the epochs.
- Look at the learning rate and the patience.
- Look at the learning rate and the patience.
- A rate that falls when progress stops may do it.
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
curves = dnnlab.plot_history(history_04)

# %% [markdown]
"""
*To look at:* follow both losses past the marked epoch, the best one. The training loss goes on towards
zero; does the validation loss stay where it was, or does it rise?

*To think about, not graded:* it may rise while the validation accuracy stays. How can mistakes cost
more without becoming more frequent?
"""

# %% [raw]
"""
# BEGIN QUESTION
name: q4
"""

# %% [markdown]
"""
## Question 4: search by cross-validation

One validation set gives one number, and a lucky split can make a poor choice look good.
**Cross-validation** splits the images into k parts, the *folds*. Each candidate is trained k times,
each time with another fold held out to measure it. The mean of the k results is a better estimate
than any single one, and their standard deviation says how much of a difference to take seriously.

Try **at least three** settings (the learning rate, the number of units, the initialiser: your
choice) with **k = 3 folds or more**, on `X_search, y_search` from the cell below. Train a *fresh*
network for every candidate and fold. Define

- `cv_results`: a list with one dictionary for each candidate: `params` (a dictionary of its
  settings), `mean` and `std` of its **accuracy** on the held-out folds,
- `best_params`: the `params` with the best mean. Let Python find it.

Build the folds by hand with `np.array_split`, or take scikit-learn's `KFold`. Three candidates
times three folds are nine short trainings: keep them short.

*Time:* half a minute. *To think about:* is the winner's lead larger than its `std`?
"""

# %%
search_size = min(900 if QUICK else 3_000, len(X_train_04))
search_epochs = 2 if QUICK else 5
X_search, y_search = X_train_04[:search_size], y_train_04[:search_size]

# %% [raw]
"""
# BEGIN SOLUTION
"""


# %%
# Define cv_results and best_params.
# BEGIN SOLUTION
def accuracy_on_fold(params, held_out, others):
    dnnlab.set_seed(SEED)
    candidate = build_dnn_04()
    candidate.compile(
        optimizer=keras.optimizers.Adam(learning_rate=params["learning_rate"]),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    trial = candidate.fit(
        dnnlab.batches(X_search[others], y_search[others], batch_size=64, seed=SEED),
        epochs=search_epochs,
        shuffle=False,
        validation_data=(X_search[held_out], y_search[held_out]),
        verbose=0,
    )
    return trial.history["val_accuracy"][-1]


folds = np.array_split(np.random.default_rng(SEED).permutation(search_size), 3)
cv_results = []
for learning_rate in [1e-4, 1e-3, 1e-2]:
    params = {"learning_rate": learning_rate}
    scores = [
        accuracy_on_fold(params, fold, np.concatenate(folds[:k] + folds[k + 1 :]))
        for k, fold in enumerate(folds)
    ]
    cv_results.append({"params": params, "mean": float(np.mean(scores)), "std": float(np.std(scores))})
    print(cv_results[-1])

best_params = max(cv_results, key=lambda result: result["mean"])["params"]
print("the best of these:", best_params)
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


def test_cv_results_is_a_list_of_dictionaries(env):
    assert "cv_results" in env, "cv_results is not defined"
    results = env["cv_results"]
    assert isinstance(results, list), f"cv_results should be a list, not a {type(results).__name__}"
    assert len(results) > 0, "cv_results is empty"
    for entry in results:
        assert isinstance(entry, dict), (
            f"an entry of cv_results is a {type(entry).__name__}, not a dictionary"
        )


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_best_params_is_defined(env):
    assert "best_params" in env, "best_params is not defined"
    assert isinstance(env["best_params"], dict), "best_params should be the dictionary of one candidate"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: There are enough candidates, each with its settings, mean and standard deviation.
failure_message: Try three settings or more, each with its params and the mean and std of its accuracy.
"""  # END TEST CONFIG


def test_entries(env):
    from autograder.checks import cross_validation, evidence_of, require

    require(cross_validation.check_entries(evidence_of(env, "mnist_transfer"), "cv_results", at_least=3))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: Every candidate was trained once for each fold.
failure_message: Train every candidate once for each fold, on three folds or more.
"""  # END TEST CONFIG


def test_folds(env):
    from autograder.checks import cross_validation, evidence_of, require

    evidence = evidence_of(env, "mnist_transfer")
    require(cross_validation.check_folds(evidence, "cv_results", question="q4", at_least=3))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: best_params are those of the best mean.
failure_message: best_params are not those of the candidate with the best mean.
"""  # END TEST CONFIG


def test_best_params(env):
    from autograder.checks import cross_validation, evidence_of, require

    require(cross_validation.check_best(evidence_of(env, "mnist_transfer"), "cv_results", "best_params"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The results come from trainings in this notebook.
failure_message: The results in cv_results do not come from trainings in this notebook.
"""  # END TEST CONFIG


def test_measured(env):
    from autograder.checks import cross_validation, evidence_of, require

    require(
        cross_validation.check_scores_measured(
            evidence_of(env, "mnist_transfer"), "cv_results", question="q4"
        )
    )


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
## Question 5: does batch normalisation help?

Write `build_bn_dnn_04()`: the network of question 2 with a `BatchNormalization` layer for **every
hidden layer**, ahead of its activation or behind it, and none behind the output. Train it as you
trained the base (same optimiser and rate, same early stopping), then define

- `comparison_bn`: a dictionary that compares the two from their histories. A good set of keys:
  `best_val_loss_plain`, `best_val_loss_bn`, `best_val_accuracy_plain`, `best_val_accuracy_bn`,
  `epochs_plain`, `epochs_bn` (how many epochs to the lowest validation loss). Take each figure from
  the histories as it stands there, or as the difference of two, and let its key say what it is
  (`loss`, `accuracy` or `gap`). Further entries are welcome.

Batch normalisation recentres and rescales what each layer receives, batch by batch, and so lets
gradients through where layers would drift apart. Twenty layers gain a lot from it. Five layers with
He and ELU hardly need it, so look at what it changes: the number of epochs, the best loss, or
nothing that matters?

*Time:* twenty to forty seconds.
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""


# %%
def build_bn_dnn_04():
    """Return the network of question 2 with batch normalisation, not compiled."""
    # BEGIN SOLUTION
    network = keras.Sequential([keras.layers.Input(shape=(28, 28)), keras.layers.Flatten()])
    for _ in range(5):
        network.add(keras.layers.Dense(100, kernel_initializer="he_normal", use_bias=False))
        network.add(keras.layers.BatchNormalization())
        network.add(keras.layers.Activation("elu"))
    network.add(keras.layers.Dense(5, activation="softmax"))
    return network
    # END SOLUTION


# %%
# Train it and define comparison_bn.
# BEGIN SOLUTION
dnnlab.set_seed(SEED)
model_bn = build_bn_dnn_04()
model_bn.compile(
    optimizer=keras.optimizers.Adam(learning_rate=1e-3),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
history_bn = model_bn.fit(
    dnnlab.batches(X_train_04[:fit_size], y_train_04[:fit_size], batch_size=128, seed=SEED),
    epochs=max_epochs,
    shuffle=False,
    validation_data=(X_valid_04, y_valid_04),
    callbacks=[
        keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.3, patience=2),
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=6, restore_best_weights=True),
    ],
    verbose=0,
)

comparison_bn = {}
for kind, past in (("plain", history_04), ("bn", history_bn)):
    best = int(np.argmin(past.history["val_loss"]))
    comparison_bn["best_val_loss_" + kind] = past.history["val_loss"][best]
    comparison_bn["best_val_accuracy_" + kind] = past.history["val_accuracy"][best]
    comparison_bn["epochs_" + kind] = best + 1
print(comparison_bn)
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


def test_build_bn_dnn_04_returns_a_model(env):
    assert callable(env["build_bn_dnn_04"]), "build_bn_dnn_04 should be a function"
    assert env["build_bn_dnn_04"]() is not None, "build_bn_dnn_04() returns None"


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_comparison_bn_is_a_dictionary(env):
    assert "comparison_bn" in env, "comparison_bn is not defined"
    assert isinstance(env["comparison_bn"], dict), "comparison_bn should be a dictionary"
    assert len(env["comparison_bn"]) > 1, "comparison_bn should hold figures of both networks"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The hidden layers are those of question 2.
failure_message: It should have the hidden layers of question 2, with one ELU each and He initialisation.
"""  # END TEST CONFIG


def test_bn_hidden_layers(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "mnist_transfer").probe_model("build_bn_dnn_04")
    kinds = ("batch_normalization", "dropout")
    require(structure.check_hidden_layers(net, count=5, units=100, between=kinds))
    require(structure.check_activations(net, "elu"))
    require(structure.check_initialisers(net, "he"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: Every hidden layer is batch-normalised.
failure_message: Every hidden layer needs its batch normalisation, and the output none.
"""  # END TEST CONFIG


def test_batch_normalisation(env):
    from autograder.checks import evidence_of, inserted, require

    net = evidence_of(env, "mnist_transfer").probe_model("build_bn_dnn_04")
    require(inserted.check_normalised(net))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 1
success_message: The network ends in a softmax over 5 classes.
failure_message: The last layer should be dense, with a softmax over the five digits.
"""  # END TEST CONFIG


def test_bn_output(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "mnist_transfer").probe_model("build_bn_dnn_04")
    require(structure.check_output(net, units=5, activation="softmax"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The comparison comes from trainings in this notebook.
failure_message: comparison_bn should hold figures from the histories, under keys that say what they are.
"""  # END TEST CONFIG


def test_bn_comparison(env):
    from autograder.checks import evidence_of, measured, require

    evidence = evidence_of(env, "mnist_transfer")
    asked = dict(question="q5", layer="BatchNormalization")
    require(measured.check_comparison(evidence, "comparison_bn", **asked))


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
name: q6
"""

# %% [markdown]
"""
## Question 6: does dropout help?

Write `build_dropout_dnn_04()`: the network of question 2 with `Dropout` **behind every hidden
layer**, at a rate of your choice (10 % to 50 %), and none behind the output. Train it as before and
define

- `comparison_dropout`: a dictionary that compares it with the base. A good set of keys:
  `gap_plain`, `gap_dropout` (training accuracy minus validation accuracy at the best epoch) and
  `best_val_accuracy_plain`, `best_val_accuracy_dropout`. Take each figure from the histories as it
  stands there, or as the difference of two, and let its key say what it is (`loss`, `accuracy` or
  `gap`). The two gaps have to be among them. Further entries are welcome.

Dropout makes learning by heart harder, so the gap between training and validation should shrink, or
even turn negative: the training accuracy is measured with units switched off, the validation
accuracy with all of them. What the gap says is how much there was to gain. With 99 % right, not
much.

*Time:* twenty to forty seconds.
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""


# %%
def build_dropout_dnn_04():
    """Return the network of question 2 with dropout, not compiled."""
    # BEGIN SOLUTION
    network = keras.Sequential([keras.layers.Input(shape=(28, 28)), keras.layers.Flatten()])
    for _ in range(5):
        network.add(keras.layers.Dense(100, activation="elu", kernel_initializer="he_normal"))
        network.add(keras.layers.Dropout(0.2))
    network.add(keras.layers.Dense(5, activation="softmax"))
    return network
    # END SOLUTION


# %%
# Train it and define comparison_dropout.
# BEGIN SOLUTION
dnnlab.set_seed(SEED)
model_dropout = build_dropout_dnn_04()
model_dropout.compile(
    optimizer=keras.optimizers.Adam(learning_rate=1e-3),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
history_dropout = model_dropout.fit(
    dnnlab.batches(X_train_04[:fit_size], y_train_04[:fit_size], batch_size=128, seed=SEED),
    epochs=max_epochs,
    shuffle=False,
    validation_data=(X_valid_04, y_valid_04),
    callbacks=[
        keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.3, patience=2),
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=6, restore_best_weights=True),
    ],
    verbose=0,
)

comparison_dropout = {}
for kind, past in (("plain", history_04), ("dropout", history_dropout)):
    best = int(np.argmin(past.history["val_loss"]))
    right, right_on_new = past.history["accuracy"][best], past.history["val_accuracy"][best]
    comparison_dropout["gap_" + kind] = right - right_on_new
    comparison_dropout["best_val_accuracy_" + kind] = right_on_new
print(comparison_dropout)
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


def test_build_dropout_dnn_04_returns_a_model(env):
    assert callable(env["build_dropout_dnn_04"]), "build_dropout_dnn_04 should be a function"
    assert env["build_dropout_dnn_04"]() is not None, "build_dropout_dnn_04() returns None"


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_comparison_dropout_is_a_dictionary(env):
    assert "comparison_dropout" in env, "comparison_dropout is not defined"
    assert isinstance(env["comparison_dropout"], dict), "comparison_dropout should be a dictionary"
    assert len(env["comparison_dropout"]) > 1, "comparison_dropout should hold figures of both networks"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The hidden layers are those of question 2.
failure_message: It should have the hidden layers of question 2, with one ELU each and He initialisation.
"""  # END TEST CONFIG


def test_dropout_hidden_layers(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "mnist_transfer").probe_model("build_dropout_dnn_04")
    kinds = ("dropout", "batch_normalization")
    require(structure.check_hidden_layers(net, count=5, units=100, between=kinds))
    require(structure.check_activations(net, "elu"))
    require(structure.check_initialisers(net, "he"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: There is dropout behind every hidden layer.
failure_message: Put dropout behind every hidden layer, at a rate of 10 % to 50 %, and none behind the output.
"""  # END TEST CONFIG


def test_dropout(env):
    from autograder.checks import evidence_of, inserted, require

    net = evidence_of(env, "mnist_transfer").probe_model("build_dropout_dnn_04")
    require(inserted.check_dropout(net, lowest=0.1, highest=0.5))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 1
success_message: The network ends in a softmax over 5 classes.
failure_message: The last layer should be dense, with a softmax over the five digits.
"""  # END TEST CONFIG


def test_dropout_output(env):
    from autograder.checks import evidence_of, require, structure

    net = evidence_of(env, "mnist_transfer").probe_model("build_dropout_dnn_04")
    require(structure.check_output(net, units=5, activation="softmax"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The comparison comes from trainings in this notebook.
failure_message: comparison_dropout should hold the two gaps, as the histories give them.
"""  # END TEST CONFIG


def test_dropout_comparison(env):
    from autograder.checks import evidence_of, measured, require

    evidence = evidence_of(env, "mnist_transfer")
    asked = dict(question="q6", layer="Dropout", gaps=True)
    require(measured.check_comparison(evidence, "comparison_dropout", **asked))


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
name: q7
"""

# %% [markdown]
"""
## Question 7: a new task from 500 images

Now the digits 5 to 9. Define

- `X_small_59, y_small_59`: **500 training images, 100 of each digit**: of each digit 100, such as the
  first ones, that come *after* the first 5,000 training images. Pixels as before. The **labels are 0 to 4**,
  for the digits 5 to 9 in that order,
- in the same way `X_valid_59, y_valid_59` to stop on: 30 of each digit, from the *first* 5,000, and
  `X_test_59, y_test_59`: all the test images of these digits.

**Two traps.** The first 500 rows of the whole set are *not* 100 of each digit: some digits come
more often than others. And a softmax of five units knows the labels 0 to 4. Feed it a 7 and there
is no unit for it: the loss turns NaN, and a moment later so does every weight. (On a machine
without a graphics card Keras stops with an error instead. Be glad of it.)

Then write `build_transfer_model(base)`. It returns a new model that

- takes over **all five hidden layers** of `base`, **with their weights**, and **freezes** them,
- ends in a **new** softmax over 5 classes, the only part that learns,
- is compiled, after the flags `trainable` are set: `compile` is where they take effect.

`base` itself must stay as it is, weights and flags: you will need it again. So work on a copy.
`keras.models.clone_model(base)` copies the architecture and draws *new* weights; the learned ones
come over with `set_weights(base.get_weights())`.

Train the result, `transfer_59`, on your 500 images for at most `small_epochs` epochs, with early
stopping on `X_valid_59, y_valid_59`; and as a rival, in the same way, `scratch_59`, a network from
`build_dnn_04()` that starts from scratch. Compile both with accuracy as a metric: they are evaluated
at the end.

*Time:* twenty seconds. *To think about:* who wins, and can you say why?
"""

# %%
small_epochs = 8 if QUICK else 40

# %% [raw]
"""
# BEGIN SOLUTION
"""


# %%
# Define X_small_59, y_small_59, and in the same way X_valid_59, y_valid_59, X_test_59, y_test_59.
# BEGIN SOLUTION
def first_of_each_digit(count, images, labels):
    rows = [np.flatnonzero(labels == digit)[:count] for digit in range(5, 10)]
    chosen = np.sort(np.concatenate(rows))
    return images[chosen].astype("float32") / 255, labels[chosen] - 5


X_small_59, y_small_59 = first_of_each_digit(100, train_images[5_000:], train_labels[5_000:])
X_valid_59, y_valid_59 = first_of_each_digit(30, train_images[:5_000], train_labels[:5_000])
X_test_59, y_test_59 = first_of_each_digit(None, test_images, test_labels)
# END SOLUTION


# %%
def build_transfer_model(base):
    """Return a new model: the hidden layers of base, copied and frozen, and a new softmax."""
    # BEGIN SOLUTION
    copy = keras.models.clone_model(base)
    copy.set_weights(base.get_weights())
    for layer in copy.layers[:-1]:
        layer.trainable = False
    outputs = keras.layers.Dense(5, activation="softmax", name="digits_5_to_9")(copy.layers[-2].output)
    network = keras.Model(copy.inputs[0], outputs)
    network.compile(
        optimizer=keras.optimizers.Adam(learning_rate=5e-3),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return network
    # END SOLUTION


# %%
# Train a transfer model and, as its rival, a network from scratch, on the same images.
# BEGIN SOLUTION
def train_on_small(network):
    stop_at_best = keras.callbacks.EarlyStopping(patience=6, restore_best_weights=True)
    return network.fit(
        dnnlab.batches(X_small_59, y_small_59, batch_size=32, seed=SEED),
        epochs=small_epochs,
        shuffle=False,
        validation_data=(X_valid_59, y_valid_59),
        callbacks=[stop_at_best],
        verbose=0,
    )


dnnlab.set_seed(SEED)
scratch_59 = build_dnn_04()
scratch_59.compile(
    optimizer=keras.optimizers.Adam(learning_rate=1e-3),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
train_on_small(scratch_59)
dnnlab.set_seed(SEED)
transfer_59 = build_transfer_model(model_04)
train_on_small(transfer_59)
for name, network in (("from scratch", scratch_59), ("five frozen layers", transfer_59)):
    _, right = network.evaluate(X_test_59, y_test_59, batch_size=500, verbose=0)
    print(f"{name}: {right:.1%} of the test set")
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


def test_the_small_set_has_images_and_labels(env):
    for name in ("X_small_59", "y_small_59"):
        assert name in env, f"{name} is not defined"
        assert hasattr(env[name], "shape"), f"{name} should be an array"
    images, labels = len(env["X_small_59"]), len(env["y_small_59"])
    assert images == labels, f"X_small_59 has {images} images, y_small_59 has {labels} labels"


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_build_transfer_model_returns_a_model(env):
    assert callable(env["build_transfer_model"]), "build_transfer_model should be a function"
    network = env["build_transfer_model"](env["build_dnn_04"]())
    assert network is not None, "build_transfer_model(base) returns None: does it end with a return?"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: The small set holds 100 training images of each digit, and the test set test images.
failure_message: Learn from 100 training images of each digit, after the first 5,000; test on test images.
"""  # END TEST CONFIG


def test_small_images(env):
    from autograder.checks import evidence_of, require, small_set, splits

    evidence = evidence_of(env, "mnist_transfer")
    names = dict(images="X_small_59", labels="y_small_59")
    require(small_set.check_images(evidence, "mnist_5_9", **names, each=100))
    require(small_set.check_set_aside(evidence, images="X_valid_59", trained="X_small_59"))
    known = tuple(f"X_{part}_04" for part in ("train", "valid", "test"))
    require(small_set.check_scaled_as(evidence, ("X_small_59", "X_valid_59", "X_test_59"), like=known))
    if {"X_test_59", "y_test_59"} <= evidence.names.keys():  # under other names, they are not looked at
        require(small_set.check_test_images(evidence, images="X_test_59"))
        require(splits.check_sizes(evidence, "mnist_5_9", ("test",)))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: The labels run from 0 to 4 and are those of the images.
failure_message: The labels should run from 0 to 4, and each should be that of its image.
"""  # END TEST CONFIG


def test_small_labels(env):
    from autograder.checks import evidence_of, require, small_set, splits

    evidence = evidence_of(env, "mnist_transfer")
    require(small_set.check_labels(evidence, "mnist_5_9", images="X_small_59", labels="y_small_59"))
    if {"X_test_59", "y_test_59"} <= evidence.names.keys():
        require(splits.check_labels(evidence, "mnist_5_9", ("test",)))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: All five hidden layers of the base are reused, with their weights.
failure_message: The new model should begin with the five hidden layers of the base and their weights.
"""  # END TEST CONFIG


def test_reused_layers(env):
    from autograder.checks import evidence_of, require, reuse

    require(reuse.check_reused(evidence_of(env, "mnist_transfer"), "build_transfer_model", layers=5))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The reused layers are frozen, and stay as they are in training.
failure_message: The reused layers should be frozen before compiling, and stay as they are in training.
"""  # END TEST CONFIG


def test_frozen_layers(env):
    from autograder.checks import evidence_of, require, reuse

    require(reuse.check_frozen(evidence_of(env, "mnist_transfer"), "build_transfer_model", layers=5))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The output layer is a new softmax over 5 classes.
failure_message: The output layer should be new, with a softmax over 5 classes, and trainable.
"""  # END TEST CONFIG


def test_new_output(env):
    from autograder.checks import evidence_of, require, reuse

    require(reuse.check_new_output(evidence_of(env, "mnist_transfer"), "build_transfer_model", units=5))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The base stays as it was.
failure_message: The base should stay as it was, weights and flags. Work on a copy.
"""  # END TEST CONFIG


def test_base_unchanged(env):
    from autograder.checks import evidence_of, require, reuse

    require(reuse.check_base_unchanged(evidence_of(env, "mnist_transfer"), "build_transfer_model"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 1
success_message: Loss, labels and output layer of the trainings fit each other.
failure_message: A training cannot learn what it should. Loss, labels and output layer have to fit.
"""  # END TEST CONFIG


def test_small_training(env):
    from autograder.checks import diagnosis, evidence_of, require

    require(diagnosis.check_trainings(evidence_of(env, "mnist_transfer"), question="q7"))


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
name: q8
"""

# %% [markdown]
"""
## Question 8: cache what the frozen layers compute

Frozen layers give the same output for the same image, in every epoch. So why compute it in every
epoch? Write `cache_hidden_outputs(base, X)`: the outputs of the **last hidden layer** of `base` for
all images of `X`, as an array with one row of 100 numbers for each image. A new softmax layer can
then be trained on these rows alone. `base` itself must stay as it is: `base.pop()` would take its
output layer away for good.

Measure what that saves. Train a transfer model for `timed_epochs` epochs and note the time, then
train a single softmax layer on the cached outputs for as many epochs, and define

- `speedup`: the time without the cache, divided by the time with it.

`time.perf_counter()` tells the time. The first epoch of any training includes building its graph,
which costs the same either way and drowns the rest: train each for an epoch before the clock starts.

*Time:* ten seconds. *To think about:* the layers ahead take nearly all of the arithmetic. Why is the
speedup so far from that? What would it be with a network of fifty convolutional layers?
"""

# %%
timed_epochs = 5 if QUICK else 20

# %% [raw]
"""
# BEGIN SOLUTION
"""


# %%
def cache_hidden_outputs(base, X):
    """Return what the last hidden layer of base gives for the images X: (images, units)."""
    # BEGIN SOLUTION
    body = keras.Model(base.inputs[0], base.layers[-2].output)
    return body.predict(X, batch_size=500, verbose=0)
    # END SOLUTION


# %%
# Measure and define speedup.
# BEGIN SOLUTION
def seconds_to_train(network, inputs):
    data = dnnlab.batches(inputs, y_small_59, batch_size=32, seed=SEED)
    network.fit(data, epochs=1, shuffle=False, verbose=0)
    start = time.perf_counter()
    network.fit(data, epochs=timed_epochs, shuffle=False, verbose=0)
    return time.perf_counter() - start


head = keras.Sequential([keras.layers.Input(shape=(100,)), keras.layers.Dense(5, activation="softmax")])
head.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
without_cache = seconds_to_train(build_transfer_model(model_04), X_small_59)
with_cache = seconds_to_train(head, cache_hidden_outputs(model_04, X_small_59))
speedup = without_cache / with_cache
print(f"{without_cache:.2f} s without the cache, {with_cache:.2f} s with it: {speedup:.1f} times as fast")
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


def test_cache_hidden_outputs_is_a_function(env):
    assert callable(env["cache_hidden_outputs"]), "cache_hidden_outputs should be a function"


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_speedup_is_a_number(env):
    assert "speedup" in env, "speedup is not defined"
    assert float(env["speedup"]) > 0, "speedup should be a positive number"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: The cache holds what the last hidden layer gives.
failure_message: The cache should hold what the last hidden layer of the base gives, a row for each image.
"""  # END TEST CONFIG


def test_cached_outputs(env):
    from autograder.checks import evidence_of, require, reuse

    require(reuse.check_cached(evidence_of(env, "mnist_transfer"), "cache_hidden_outputs"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 1
success_message: Caching leaves the base as it was.
failure_message: The base should be the same after caching as before, in its layers, weights and flags.
"""  # END TEST CONFIG


def test_cache_base_unchanged(env):
    from autograder.checks import evidence_of, require, reuse

    evidence = evidence_of(env, "mnist_transfer")
    require(reuse.check_cache_base_unchanged(evidence, "cache_hidden_outputs"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The speedup is a positive number, measured with and without the cache.
failure_message: speedup should be the time without the cache divided by the time with it, both measured.
"""  # END TEST CONFIG


def test_speedup(env):
    from autograder.checks import evidence_of, measured, require

    evidence = evidence_of(env, "mnist_transfer")
    require(measured.check_positive(evidence, "speedup", question="q8"))
    require(measured.check_fed_otherwise(evidence, "speedup", question="q8"))


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
name: q9
"""

# %% [markdown]
"""
## Question 9: reuse one layer less

The last hidden layer has learned to tell 0 to 4 apart; perhaps it throws away just what would tell
an 8 from a 9. Write `build_transfer_model_4(base)`: as in question 7, but with the **four lowest
hidden layers** only, copied and frozen, and a new softmax on top. Train `transfer_4_59`, made with
it, on your 500 images.

Here is why frozen low layers carry so little over in a *dense* network. A convolutional layer learns
strokes and edges that occur anywhere in any picture. A dense layer learns weights for *these pixels
of these digits*: what lies where no 0 to 4 ever has ink was never trained at all. And with each
layer, what the base did not need for its own five classes gets lost a bit more.

*Time:* ten seconds.
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""


# %%
def build_transfer_model_4(base):
    """Return a new model: the four lowest hidden layers of base, copied and frozen, and a new softmax."""
    # BEGIN SOLUTION
    copy = keras.models.clone_model(base)
    copy.set_weights(base.get_weights())
    for layer in copy.layers[:-2]:
        layer.trainable = False
    outputs = keras.layers.Dense(5, activation="softmax", name="digits_5_to_9")(copy.layers[-3].output)
    network = keras.Model(copy.inputs[0], outputs)
    network.compile(
        optimizer=keras.optimizers.Adam(learning_rate=5e-3),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return network
    # END SOLUTION


# %%
# Train it on the small set.
# BEGIN SOLUTION
dnnlab.set_seed(SEED)
transfer_4_59 = build_transfer_model_4(model_04)
train_on_small(transfer_4_59)
_, right = transfer_4_59.evaluate(X_test_59, y_test_59, batch_size=500, verbose=0)
print(f"four frozen layers: {right:.1%} of the test set")
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


def test_build_transfer_model_4_returns_a_model(env):
    assert callable(env["build_transfer_model_4"]), "build_transfer_model_4 should be a function"
    network = env["build_transfer_model_4"](env["build_dnn_04"]())
    assert network is not None, "build_transfer_model_4(base) returns None: does it end with a return?"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The four lowest hidden layers of the base are reused, with their weights.
failure_message: The new model should begin with the four lowest hidden layers of the base and their weights.
"""  # END TEST CONFIG


def test_four_reused_layers(env):
    from autograder.checks import evidence_of, require, reuse

    require(reuse.check_reused(evidence_of(env, "mnist_transfer"), "build_transfer_model_4", layers=4))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The reused layers are frozen, and stay as they are in training.
failure_message: The reused layers should be frozen before compiling, and stay as they are in training.
"""  # END TEST CONFIG


def test_four_frozen_layers(env):
    from autograder.checks import evidence_of, require, reuse

    require(reuse.check_frozen(evidence_of(env, "mnist_transfer"), "build_transfer_model_4", layers=4))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 1
success_message: The output layer is a new softmax over 5 classes.
failure_message: The output layer should be new, with a softmax over 5 classes, and trainable.
"""  # END TEST CONFIG


def test_four_new_output(env):
    from autograder.checks import evidence_of, require, reuse

    require(reuse.check_new_output(evidence_of(env, "mnist_transfer"), "build_transfer_model_4", units=5))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 1
success_message: The base stays as it was.
failure_message: The base should stay as it was, weights and flags. Work on a copy.
"""  # END TEST CONFIG


def test_four_base_unchanged(env):
    from autograder.checks import evidence_of, require, reuse

    require(reuse.check_base_unchanged(evidence_of(env, "mnist_transfer"), "build_transfer_model_4"))


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
name: q10
"""

# %% [markdown]
"""
## Question 10: unfreeze, and catch up

The new output layer has settled by now, so errors that flow back from it are small and mean
something. Write `unfreeze_top_two(model)`: it makes the **two top hidden layers** of the model of
question 9 trainable (those next to the output, which is not a hidden layer), leaves the others
frozen, **compiles** the model again and returns it. Set the flags of the layers, one by one: the
flag of the whole model may be `True` already, and setting it again reaches no layer. And without
compiling again, a model that has been trained goes on training just what it trained before: newer
versions of Keras warn of it in a line that is easily missed, older ones say nothing.

The rest stands inside the `if`, each time with early stopping on `X_valid_59, y_valid_59`:

1. Train what `unfreeze_top_two(transfer_4_59)` gives; call it `model_59`.
2. Then take the **last step**, which is the one that brings transfer up: make *all* layers of
   `model_59` trainable, compile it with about a **third of the rate** that you have just used, and
   with accuracy as a metric, and train it once more. Keep what this last `fit` returns as
   **`history_59`**. The small rate matters: the layers below hold something worth keeping, and
   500 images would soon wash it out.

The line below your code saves `model_59` and `history_59` as `mnist_5_9`. It has to come from the
same run as the base that you hand in: after training the base anew, train this one anew too.

What to expect of the real digits: frozen layers alone end up some points below the network from
scratch, with two of them unfrozen the two are about level, and with everything unfrozen at a small
rate transfer gets ahead. In ten runs of ours it ended at 91.4 % on average, the network from scratch
at 89.2 %; once they were level, at best four points lay between them. That is less than the great
name promises. Five hundred images were nearly enough for the plain way, and this base, trained until
it was right in 99 cases of 100, had become good at 0 to 4 and at nothing else. The fewer images you
have, the more a base is worth: try 20 of each digit, in a copy of the whole folder.

*Time:* fifteen seconds.
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""


# %%
def unfreeze_top_two(model):
    """Make the two top hidden layers trainable, compile the model again and return it."""
    # BEGIN SOLUTION
    for layer in model.layers[-3:]:
        layer.trainable = True
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=1e-3),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model
    # END SOLUTION


# %%
if RETRAIN or not dnnlab.is_saved("mnist_5_9"):
    # Train model_59, first with two layers unfrozen, then with all; keep the last history as history_59.
    # BEGIN SOLUTION
    model_59 = unfreeze_top_two(transfer_4_59)
    train_on_small(model_59)
    _, right = model_59.evaluate(X_test_59, y_test_59, batch_size=500, verbose=0)
    print(f"two layers unfrozen: {right:.1%} of the test set")
    for layer in model_59.layers:
        layer.trainable = True
    model_59.compile(
        optimizer=keras.optimizers.Adam(learning_rate=3e-4),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    history_59 = train_on_small(model_59)
    # END SOLUTION
    dnnlab.save_training(model_59, history_59, "mnist_5_9")
else:
    model_59, history_59 = dnnlab.load_training("mnist_5_9")

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


def test_unfreeze_top_two_is_a_function(env):
    assert callable(env["unfreeze_top_two"]), "unfreeze_top_two should be a function"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: The two top hidden layers are trainable, the others frozen.
failure_message: Of the hidden layers the two next to the output should be trainable, and no other.
"""  # END TEST CONFIG


def test_unfrozen_layers(env):
    from autograder.checks import evidence_of, require, reuse

    require(reuse.check_unfrozen(evidence_of(env, "mnist_transfer"), "unfreeze_top_two", top=2))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The model is compiled after its layers were unfrozen.
failure_message: The model has to be compiled again after its layers were unfrozen.
"""  # END TEST CONFIG


def test_recompiled(env):
    from autograder.checks import evidence_of, require, reuse

    require(reuse.check_recompiled(evidence_of(env, "mnist_transfer"), "unfreeze_top_two", question="q10"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The saved network is a transfer, trained on from the saved base.
failure_message: The saved network should be the transfer model, with four or five hidden layers of the base.
"""  # END TEST CONFIG


def test_saved_network(env):
    from autograder.checks import evidence_of, require, reuse

    evidence = evidence_of(env, "mnist_transfer")
    asked = dict(base="mnist_0_4", hidden=(4, 5), units=100, activation="elu", classes=5)
    require(reuse.check_saved_network(evidence, "mnist_5_9", **asked))


# %% [raw]
"""
# ACCURACY LADDER
model: mnist_5_9
points: {test: 1}
name: transfer_accuracy
title: Test accuracy on 5 to 9
hints:
- Look at the rates and at what is unfrozen.
- Look at the rates and at what is unfrozen.
- Look at the rates and at what is unfrozen.
- Look at the rates and at what is unfrozen.
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
curves = dnnlab.plot_history(history_59)

# %% [markdown]
"""
*To look at:* these are the epochs of the last step alone, so the curves do not begin where an untrained
network begins. How far do the two losses part, and how soon? The validation set has 150 images: a
single one of them moves its accuracy by more than half a point.

*To think about, not graded:* what would this plot look like if the last step had been taken at ten times
the rate?

## Who won?

The rivals once more, on the test images of 5 to 9. Both learned from the same 500 images.
"""

# %%
scratch_loss, scratch_accuracy = scratch_59.evaluate(X_test_59, y_test_59, batch_size=500, verbose=0)
transfer_loss, transfer_accuracy = model_59.evaluate(X_test_59, y_test_59, batch_size=500, verbose=0)
print(f"from scratch: {scratch_accuracy:.1%} right, loss {scratch_loss:.3f}")
print(f"transfer: {transfer_accuracy:.1%} right, loss {transfer_loss:.3f}")

# %% [markdown]
"""
*To think about, not graded:* is the lead of the winner larger than what luck makes of it? Work in a
copy of the whole folder, so that nothing happens to the files that you hand in. Set `RETRAIN = True`
there and run all cells with other values of `SEED`. By how much do the results of one method differ
among themselves?
"""

# %%
if QUICK:
    print("QUICK is on. Before you hand in, train once with QUICK = False and RETRAIN = True.")
for name in ("mnist_0_4", "mnist_5_9"):
    print(name, "is saved" if dnnlab.is_saved(name) else "is not saved yet")

# %% [markdown]
"""
## Hand in

Restart the kernel, run all cells from top to bottom (with `RETRAIN = False` the two big trainings
are loaded) and save the notebook. Then hand in these five files:

- `mnist_transfer.ipynb`, this notebook,
- `mnist_0_4.keras` and `mnist_5_9.keras`, your networks: they are evaluated again by the grader, so
  a number printed here counts for nothing,
- `mnist_0_4.history.json` and `mnist_5_9.history.json`, which show how their trainings went.

The grader runs your notebook with trainings cut short after a few steps, to see *how* you train;
what your trainings *reached* it reads from the saved files. Marks for accuracy come in steps, so a
network that falls short of the goal still earns some.
"""
