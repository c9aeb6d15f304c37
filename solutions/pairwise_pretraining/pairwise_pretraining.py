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
# Learning from pairs: is this the same digit?

Labels are expensive. To say *which* digit a picture shows somebody has to look at it and know the ten
classes; with medical pictures that somebody is a doctor. It is often much cheaper to learn whether two
pictures show *the same* thing: two photographs from one burst, two signatures from one account, two
scans of one patient.

In this lab you train a network on nothing but that question. It sees two handwritten digits and says
whether they belong to the same class. It is never told what the classes are. To answer, it has to find
out by itself what makes a three a three. Then you take half of it, freeze it, put one new layer on top,
and teach that layer the names of the digits with only 5,000 named pictures. You compare the result with
a network that has to learn everything from those 5,000.

1. build a network with two inputs and two towers,
2. divide the data, and draw pairs from it,
3. train the towers on pairs,
4. use one tower again, and see what it was worth.

You need no graphics card. On an ordinary laptop all cells together take one to two minutes, most of it
in question 3.

**How to work.** Answer in the cells that hold `...`, run them, then run the `grader.check` cell below.
A check costs nothing and may be run as often as you like. It looks at names, shapes and types and takes
a second or so; passing it means that your answer can be graded, not yet that it is right.
"""

# %% [markdown]
"""
## Three switches

- `QUICK`: with `True`, the trainings below take few pictures and few epochs, and the whole notebook
  runs in less than a minute. That is for trying things out. Hand in trainings made with `QUICK =
  False`.
- `RETRAIN`: with `False`, a network that you trained and saved before is loaded instead of trained
  again, so you can close the notebook today and go on tomorrow. With `True` it is trained afresh and
  the saved one is replaced. A quick training is saved like any other: after playing with `QUICK`, set
  `RETRAIN = True` once for the real one.
- `SEED`: where the random numbers start. With the same seed you get the same initial weights and
  the same pairs, so you can tell whether a change of yours helped or whether you were lucky. Choose
  a number of your own, and keep it.
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
`dnnlab.set_seed` makes initial weights repeatable without setting TensorFlow's *global* seed. With the
global one, `fit` on arrays hands a network the very same batches in the very same order in every epoch.
`dnnlab.batches(X, y, batch_size, seed)`, which you will use in question 4, gives `fit` a dataset that
is shuffled anew for each epoch, and in the same way each time you run it.
"""

# %% [markdown]
"""
## The data

`dnnlab.load_mnist()` returns what `keras.datasets.mnist.load_data()` returns: 60,000 pictures of
handwritten digits to train on and 10,000 to test with. Without the real data set and without a
connection it falls back on a small stand-in of 10,000 + 2,000 pictures and says so; everything below
runs on that too, but its accuracies mean nothing.
"""

# %%
(train_images, train_labels), (test_images, test_labels) = dnnlab.load_mnist()
X_test, y_test = test_images.astype("float32") / 255, test_labels

print("training set:", train_images.shape, train_images.dtype, "labels", train_labels.shape)
print("test set:    ", test_images.shape, test_images.dtype, "labels", test_labels.shape)
print("pixels from", train_images.min(), "to", train_images.max())

# %%
pictures = dnnlab.show_images(train_images, train_labels, n=20)

# %% [markdown]
"""
*To look at:* compare two pictures of one digit pixel by pixel, and then two of different digits. Which pair
has more pixels in common? What makes them the same digit is not the pixels.
"""

# %% [raw]
"""
# BEGIN QUESTION
name: q1
"""

# %% [markdown]
"""
## Question 1: two towers

Write `build_pair_model()`. It returns a new Keras model, not compiled, that takes **two** pictures of
28 x 28 pixels and gives **one** number, the probability that they show **different** digits:

- **tower A** takes the first picture: it flattens it and passes it through **5 hidden dense layers of
  100 units**, each with the **ELU** activation and **He** initialisation. A tower has no output layer.
- **tower B** does the same with the second picture. It has **weights of its own**.
- The outputs of the two towers are **concatenated**.
- One **hidden dense layer of 10 units**, with an activation of your choice, compares them.
- One **sigmoid unit** answers.

A `Sequential` model has one input, so this takes the functional API: two `keras.Input`, layers that are
called on what comes before them, and `keras.Model(inputs=[a, b], outputs=...)` around it all. Mind the
order: the first input belongs to tower A.

**Why a hidden layer behind the towers?** Each tower describes its picture with 100 numbers. If there
were only the output unit, it would add up evidence from the left and evidence from the right. But that
A looks like a three is evidence for neither answer: it all depends on B. *Same or different* is a
relation, the XOR of old, and that takes at least one hidden layer with a bend in it.

**A small help for later.** In question 4 you will want to find the end of tower A again. Give the last
layer of each tower a `name`, such as `tower_a` and `tower_b`; then `model.get_layer("tower_a").output`
is what tower A says.

*To think about, not graded:* two towers *with the same weights* (a Siamese network) would describe both
pictures in one and the same code, and would have about half as many weights to learn. What might speak
for two that learn apart?
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""


# %%
def build_pair_model():
    """Return the network of this question, not compiled."""
    # BEGIN SOLUTION
    inputs, towers = [], []
    for letter in "ab":
        inputs.append(keras.Input(shape=(28, 28), name=f"picture_{letter}"))
        x = keras.layers.Flatten()(inputs[-1])
        for number in range(1, 6):
            name = f"tower_{letter}" if number == 5 else f"hidden_{letter}{number}"
            x = keras.layers.Dense(100, activation="elu", kernel_initializer="he_normal", name=name)(x)
        towers.append(x)
    x = keras.layers.concatenate(towers)
    x = keras.layers.Dense(10, activation="elu", kernel_initializer="he_normal")(x)
    return keras.Model(inputs=inputs, outputs=keras.layers.Dense(1, activation="sigmoid")(x))
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


def test_build_pair_model_returns_a_model(env):
    assert callable(env["build_pair_model"]), "build_pair_model should be a function"
    network = env["build_pair_model"]()
    assert network is not None, "build_pair_model() returns None: does it end with a return?"


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_two_pictures_in_one_number_out(env):
    network = env["build_pair_model"]()
    taken = getattr(network, "inputs", None) or getattr(network, "input_shapes", None)
    if taken:
        assert len(taken) == 2, f"the model takes {len(taken)} inputs; it should take two pictures"
    given = getattr(network, "output_shape", None)
    if given is not None:
        assert tuple(given) == (None, 1), f"the model gives {tuple(given)[1:]} for a pair, not one number"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: The network takes two pictures.
failure_message: The network should take two pictures, one for each tower.
"""  # END TEST CONFIG


def test_inputs(env):
    from autograder.checks import evidence_of, pairs, require

    net = evidence_of(env, "pairwise_pretraining").probe_model("build_pair_model")
    require(pairs.check_inputs(net, pixels=784))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 6
success_message: Each tower has 5 hidden dense layers of 100 units.
failure_message: Count the dense layers of each tower and their units. A tower has no output layer.
"""  # END TEST CONFIG


def test_towers(env):
    from autograder.checks import evidence_of, pairs, require

    net = evidence_of(env, "pairwise_pretraining").probe_model("build_pair_model")
    require(pairs.check_towers(net, count=5, units=100))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: Every hidden layer of both towers is followed by one ELU.
failure_message: Every hidden layer of both towers needs the ELU activation, exactly once.
"""  # END TEST CONFIG


def test_activations(env):
    from autograder.checks import evidence_of, pairs, require

    net = evidence_of(env, "pairwise_pretraining").probe_model("build_pair_model")
    require(pairs.check_activations(net, "elu", count=5))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: Every hidden layer of both towers uses He initialisation.
failure_message: Every hidden layer of a tower needs He initialisation. The default of Keras is another one.
"""  # END TEST CONFIG


def test_initialisers(env):
    from autograder.checks import evidence_of, pairs, require

    net = evidence_of(env, "pairwise_pretraining").probe_model("build_pair_model")
    require(pairs.check_initialisers(net, "he", count=5))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: Each tower has weights of its own.
failure_message: The two towers should not share their weights.
"""  # END TEST CONFIG


def test_separate_weights(env):
    from autograder.checks import evidence_of, pairs, require

    evidence = evidence_of(env, "pairwise_pretraining")
    net = evidence.probe_model("build_pair_model")
    require(pairs.check_separate(net, evidence.probe("pair_model_variables")))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: Behind the towers come a hidden layer of 10 units and one sigmoid unit.
failure_message: Behind the joined towers belong one hidden dense layer of 10 units and one sigmoid unit.
"""  # END TEST CONFIG


def test_head(env):
    from autograder.checks import evidence_of, pairs, require

    net = evidence_of(env, "pairwise_pretraining").probe_model("build_pair_model")
    require(pairs.check_head(net, units=10))


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
## Question 2: divide the data, draw pairs

**First**, define `X1, y1, X2, y2`:

- **split 2** (`X2, y2`) is the **first 5,000** pictures of the training set with their labels: all that
  the classifier of question 4 may learn names from,
- **split 1** (`X1, y1`) is all the **others**, 55,000 of them: the towers learn from pairs of these (of
  the stand-in's 10,000 pictures, 5,000 are left for split 1),
- the pixels are numbers from 0 to 1 of type `float32`; keep the pictures' shape.

No picture may be in both: else the classifier would be taught with pictures that its tower knows
already, and you would not see how well a tower describes *new* ones.

**Then** write `generate_pairs(X, y, batch_size, rng)`. It returns one batch `((a, b), labels)`: two
arrays of `batch_size` pictures each, and the labels of the pairs. (If you prefer, make it a generator
that yields such batches without end. Both count.)

- Exactly **half** of the pairs show the **same** digit; their label is **0**. The other half show two
  **different** digits; their label is **1**. `batch_size` is even.
- The pairs are **shuffled**: whether a pair is of the one kind or of the other cannot be told from its
  place in the batch.
- **No picture is paired with itself.** Two equal pictures are the easiest pair of all, and there is
  nothing to learn from it.
- All digits turn up, and any picture of `X` may, in either place. Every random number comes from `rng`,
  a generator that `np.random.default_rng(seed)` makes. So a new batch is a new draw, and a run can be
  repeated.

**Why half and half?** Two pictures that are drawn freely show the same digit one time in ten. A network
that always says *different* would be right in 90 % of the cases without looking, and for a while that
is all it would learn.

**Two ways to do it.** Choose a first picture and then one of those that suit it, which takes some
bookkeeping about who is of which class. Or draw both freely, look which pairs are not what they should
be, and draw their second picture again, until all fit. NumPy does either for a whole batch at a time; a
Python loop over single pairs works too, and takes ten times as long.

There are about one and a half thousand million pairs of 55,000 pictures. You will not run out of them,
and hardly any pair turns up twice: a network cannot learn pairs by heart.
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""


# %%
# Define X1, y1, X2 and y2.
# BEGIN SOLUTION
def as_unit_interval(images):
    return images.astype("float32") / 255


X2, y2 = as_unit_interval(train_images[:5_000]), train_labels[:5_000]
X1, y1 = as_unit_interval(train_images[5_000:]), train_labels[5_000:]
# END SOLUTION


# %%
def generate_pairs(X, y, batch_size, rng):
    """Return ((a, b), labels): batch_size pairs of pictures of X, and 0 for one digit, 1 for two."""
    # BEGIN SOLUTION
    labels = rng.permutation(batch_size) % 2
    first = rng.integers(len(X), size=batch_size)
    second = rng.integers(len(X), size=batch_size)
    wrong = np.arange(batch_size)
    while len(wrong):
        second[wrong] = rng.integers(len(X), size=len(wrong))
        a, b = first[wrong], second[wrong]
        fits = ((y[a] != y[b]) == labels[wrong]) & (a != b)
        wrong = wrong[~fits]
    return (X[first], X[second]), labels
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


def test_the_four_arrays_exist(env):
    for name in ("X1", "y1", "X2", "y2"):
        assert name in env, f"{name} is not defined"
        assert hasattr(env[name], "shape"), f"{name} should be an array"
    for number in "12":
        images, labels = len(env["X" + number]), len(env["y" + number])
        assert images == labels, f"X{number} has {images} pictures, y{number} has {labels} labels"
    kinds = {name: str(env[name].dtype) for name in ("X1", "X2")}
    alike = len(set(kinds.values())) == 1
    assert alike, f"both splits should be prepared alike; their types are {kinds}"


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_generate_pairs_gives_two_arrays_and_labels(env):
    assert callable(env["generate_pairs"]), "generate_pairs should be a function"
    rng = env["np"].random.default_rng(0) if "np" in env else None
    found = env["generate_pairs"](env["X1"], env["y1"], 8, rng)
    batch = next(found) if hasattr(found, "__next__") else found
    assert batch is not None, "generate_pairs returns None: does it end with a return?"
    assert len(batch) == 2, f"a batch is ((a, b), labels), two things; this one has {len(batch)}"
    assert len(batch[0]) == 2, f"the first thing of a batch is (a, b); this one has {len(batch[0])} parts"
    for name, part in (("a", batch[0][0]), ("b", batch[0][1]), ("labels", batch[1])):
        assert len(part) == 8, f"asked for 8 pairs, and {name} has {len(part)} rows"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The two splits have the sizes asked for.
failure_message: The sizes are off. Split 2 takes 5,000 pictures, split 1 all the others.
"""  # END TEST CONFIG


def test_sizes(env):
    from autograder.checks import evidence_of, require, splits

    require(splits.check_sizes(evidence_of(env, "pairwise_pretraining"), "mnist_pairs", ("train", "valid")))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: No picture is in both splits.
failure_message: Some pictures are in both splits.
"""  # END TEST CONFIG


def test_disjoint(env):
    from autograder.checks import evidence_of, require, splits

    require(splits.check_overlap(evidence_of(env, "pairwise_pretraining"), "mnist_pairs", ("train", "valid")))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: Both splits hold training pictures, scaled alike.
failure_message: The splits should be made of training pictures alone, scaled in one and the same way.
"""  # END TEST CONFIG


def test_training_images(env):
    from autograder.checks import evidence_of, require, splits

    evidence, sets = evidence_of(env, "pairwise_pretraining"), ("train", "valid")
    require(splits.check_from_training(evidence, "mnist_pairs", sets))
    require(splits.check_scaled_alike(evidence, "mnist_pairs", sets))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: Every picture has its own label.
failure_message: Pictures and labels are out of step. Cut and order both in the same way.
"""  # END TEST CONFIG


def test_labels_in_step(env):
    from autograder.checks import evidence_of, require, splits

    require(splits.check_labels(evidence_of(env, "pairwise_pretraining"), "mnist_pairs", ("train", "valid")))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 5
success_message: Pairs of one digit have label 0, pairs of two label 1.
failure_message: The labels are not those of the pairs. One digit makes 0, two different ones make 1.
"""  # END TEST CONFIG


def test_pair_labels(env):
    from autograder.checks import evidence_of, pairs, require

    require(
        pairs.check_pair_labels(pairs.drawn(evidence_of(env, "pairwise_pretraining").probe("drawn_pairs")))
    )


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: Half of each batch are pairs of one digit.
failure_message: Half of the pairs of each batch should be of one digit, the other half of two.
"""  # END TEST CONFIG


def test_balance(env):
    from autograder.checks import evidence_of, pairs, require

    require(pairs.check_balance(pairs.drawn(evidence_of(env, "pairwise_pretraining").probe("drawn_pairs"))))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: The pairs are shuffled.
failure_message: The pairs of a batch should be shuffled.
"""  # END TEST CONFIG


def test_shuffled(env):
    from autograder.checks import evidence_of, pairs, require

    require(pairs.check_shuffled(pairs.drawn(evidence_of(env, "pairwise_pretraining").probe("drawn_pairs"))))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: No picture is paired with itself.
failure_message: Some pictures are paired with themselves.
"""  # END TEST CONFIG


def test_no_image_with_itself(env):
    from autograder.checks import evidence_of, pairs, require

    require(
        pairs.check_no_image_with_itself(
            pairs.drawn(evidence_of(env, "pairwise_pretraining").probe("drawn_pairs"))
        )
    )


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: All digits and pictures turn up, and the draws come from rng.
failure_message: Each batch should be a new draw from rng that reaches all digits and pictures.
"""  # END TEST CONFIG


def test_draws(env):
    from autograder.checks import evidence_of, pairs, require

    require(pairs.check_draws(pairs.drawn(evidence_of(env, "pairwise_pretraining").probe("drawn_pairs"))))


# %% [raw]
"""
# END TESTS
"""

# %% [raw]
"""
# END QUESTION
"""

# %%
shown = generate_pairs(X1, y1, 10, np.random.default_rng(SEED))
(a, b), labels = next(shown) if hasattr(shown, "__next__") else shown
sides = np.concatenate([np.reshape(a, (-1, 28, 28)), np.reshape(b, (-1, 28, 28))], axis=2)
pairs_shown = dnnlab.show_images(sides, np.reshape(labels, -1).astype(int), ("same", "different"), n=10)

# %% [markdown]
"""
*To look at:* the words above the pairs have to be right. Which of the pairs of one digit would you have
taken for two, from the pixels alone?
"""

# %% [raw]
"""
# BEGIN QUESTION
name: q3
"""

# %% [markdown]
"""
## Question 3: learn what same means

Train a network from `build_pair_model()` on pairs from split 1, and save it. Do it inside the `if`
below, which loads a training that you saved before unless `RETRAIN` says otherwise. What is asked for:

- a **new** model, as `pair_model`, compiled with the **binary cross-entropy** and **accuracy** as a
  metric. Nadam with a learning rate of 0.001 suits it,
- `epochs` epochs of `steps` batches, each of 128 **fresh** pairs from split 1,
- as validation data 5,000 pairs from split 2, always the same ones,
- what `fit` returns, as `history_pair`.

**How do fresh pairs get into `fit`?** `fit` takes a Python generator, that is, a function with `yield`
in it. Write one that yields a batch from `generate_pairs` without end, and say with `steps_per_epoch`
how many batches make an epoch: with an endless supply, an epoch is whatever you call one. Pass
`shuffle=False`; there is nothing left to shuffle. (If your `generate_pairs` is itself such a generator,
pass it to `fit` as it is, and take the validation pairs from one with `next(...)`.)

**What to expect.** A network that has learned nothing has a loss of ln 2, about 0.69, and is right
about every second pair. For some dozens of batches nothing seems to happen; then the towers begin to
agree on what they look at, and it goes fast. More than 95 % of new pairs are within reach.

**Why is there no early stopping here?** It guards against learning by heart, and these pairs cannot be
learned by heart. (Their *pictures* can, in the end: watch whether the two losses part.)

*Time:* half a minute to a minute on a laptop.
"""

# %%
steps = 100 if QUICK else 200
epochs = 4 if QUICK else 12

# %% [raw]
"""
# BEGIN SOLUTION
"""

# %%
if RETRAIN or not dnnlab.is_saved("mnist_pairs"):
    # Train a new pair_model on batches of 128 pairs from split 1, for `epochs` epochs of `steps` batches.
    # BEGIN SOLUTION
    dnnlab.set_seed(SEED)
    pair_model = build_pair_model()
    pair_model.compile(
        optimizer=keras.optimizers.Nadam(learning_rate=1e-3),
        loss="binary_crossentropy",
        metrics=["accuracy"],
    )
    rng = np.random.default_rng(SEED)

    def endless_pairs():
        while True:
            yield generate_pairs(X1, y1, 128, rng)

    history_pair = pair_model.fit(
        endless_pairs(),
        steps_per_epoch=steps,
        epochs=epochs,
        shuffle=False,
        validation_data=generate_pairs(X2, y2, 5_000, np.random.default_rng(SEED + 1)),
        verbose=2,
    )
    # END SOLUTION
    dnnlab.save_training(pair_model, history_pair, "mnist_pairs")
else:
    pair_model, history_pair = dnnlab.load_training("mnist_pairs")

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


def test_history_pair_has_losses(env):
    assert "history_pair" in env, "history_pair is not defined: keep what fit returns"
    curves = getattr(env["history_pair"], "history", None)
    assert isinstance(curves, dict), "history_pair should be what fit returns"
    assert len(curves.get("loss", [])) > 0, "history_pair is empty: not one epoch was trained"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: The pair network is trained with binary cross-entropy.
failure_message: The pair network should be trained with the binary cross-entropy.
"""  # END TEST CONFIG


def test_loss_fits(env):
    from autograder.checks import evidence_of, pairs, require

    evidence = evidence_of(env, "pairwise_pretraining")
    require(pairs.check_pair_loss(evidence, question="q3", builder="build_pair_model"))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: The saved history and the saved network belong together.
failure_message: The saved history does not belong to the saved network. Save both from one training.
"""  # END TEST CONFIG


def test_history_belongs(env):
    from autograder.checks import accuracy, evidence_of, pairs, require

    evidence = evidence_of(env, "pairwise_pretraining")
    reached = accuracy.reached(evidence, "mnist_pairs").test.accuracy
    require(pairs.check_curve(evidence, "mnist_pairs", accuracy=reached))


# %% [raw]
"""
# ACCURACY LADDER
model: mnist_pairs
points: {test: 3}
hints:
- Look at the pairs and at the learning rate.
- Look at the learning rate and the number of batches.
- Look at the learning rate and the number of batches.
- Some more batches may do it.
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
curves = dnnlab.plot_history(history_pair, title="same or different?")

# %%
test_pairs = generate_pairs(X_test, y_test, 5_000, np.random.default_rng(SEED))
(a, b), labels = next(test_pairs) if hasattr(test_pairs, "__next__") else test_pairs
pair_loss, pair_accuracy = pair_model.evaluate((a, b), labels, batch_size=500, verbose=0)
print(f"right about {pair_accuracy:.1%} of 5,000 pairs of test pictures")

# %% [markdown]
"""
*To look at:* in the first epochs the validation loss may lie *below* the training loss. That is no
mistake: the training loss is the mean over an epoch in which the network still got better, the
validation loss is measured at its end. Later on, watch whether the two change places, and part.

*To think about, not graded:* a classifier that names each of two digits correctly with probability p
tells pairs apart about as often as it gets both right. Which p would be as good as your network?
"""

# %% [raw]
"""
# BEGIN QUESTION
name: q4
"""

# %% [markdown]
"""
## Question 4: one tower, ten names

Nobody has told tower A what a three is. Still its 100 numbers must say what is drawn, in some code of
its own: how else would the layer behind it know whether tower B saw the same? Reading that code should
take one layer and few examples.

- Write `build_classifier_from(pair_model)`. It returns a model, not compiled, that takes one picture:
  the **five hidden layers of tower A**, with the weights they have, **frozen**, and a **new softmax
  layer for 10 classes** on top. It works for any model that `build_pair_model()` has built.
- Inside the `if` below, build `classifier` from your trained `pair_model`, train it on split 2, and
  keep what `fit` returns as `history_classifier`. Keep 500 pictures of split 2 aside as validation
  data, stop early on the validation loss, and end up with the weights of the best epoch.
- `transfer_accuracy`: the accuracy of the classifier on `X_test, y_test`.
- `baseline_accuracy`: that of a network of the same layers, none of them frozen, that starts from
  **fresh** weights and is trained **from scratch** on the same pictures of split 2 in the same way. No
  file is asked for; it takes seconds.

**Frozen** means that training leaves a layer as it is: `layer.trainable = False`, set *before* the
model is compiled. Why freeze? The new layer starts with random weights, so its first gradients are
mostly noise, and they would shake what the tower has learned. (A layer is one object, in the pair model
and in the classifier: once frozen it is frozen in both, and whatever changes its weights changes them
for both.)

**What to expect.** In ten runs of ours the frozen tower with its new layer got 95.6 % of the test pictures
right on average, the network from scratch 92.3 %: the tower is worth about three points, two fifths of the
mistakes, and it was ahead every time. It is not magic. Split 1 does hold information about classes, 55,000
pictures' worth, only in another form; what you have shown is that *same or different* is enough of it.

*Time:* 10 to 20 seconds for both.
"""

# %%
classifier_size = 500 if QUICK else 4_500
classifier_epochs = 3 if QUICK else 30

# %% [raw]
"""
# BEGIN SOLUTION
"""


# %%
def build_classifier_from(pair_model):
    """Return tower A of this pair model, frozen, with a new softmax layer for ten classes."""
    # BEGIN SOLUTION
    tower = keras.Model(pair_model.inputs[0], pair_model.get_layer("tower_a").output)
    tower.trainable = False
    answer = keras.layers.Dense(10, activation="softmax")
    return keras.Sequential([keras.Input(shape=(28, 28)), tower, answer])
    # END SOLUTION


# %%
# BEGIN SOLUTION
def train(network):
    """Train a network on split 2; its first 500 pictures say when to stop."""
    network.compile(
        optimizer=keras.optimizers.Nadam(learning_rate=1e-3),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    stop_at_best = keras.callbacks.EarlyStopping(monitor="val_loss", patience=5, restore_best_weights=True)
    return network.fit(
        dnnlab.batches(X2[-classifier_size:], y2[-classifier_size:], batch_size=128, seed=SEED),
        epochs=classifier_epochs,
        shuffle=False,
        validation_data=(X2[:500], y2[:500]),
        callbacks=[stop_at_best],
        verbose=0,
    )


# END SOLUTION
if RETRAIN or not dnnlab.is_saved("mnist_pairwise"):
    # Build classifier from pair_model and train it on split 2.
    # BEGIN SOLUTION
    dnnlab.set_seed(SEED)
    classifier = build_classifier_from(pair_model)
    history_classifier = train(classifier)
    # END SOLUTION
    dnnlab.save_training(classifier, history_classifier, "mnist_pairwise")
else:
    classifier, history_classifier = dnnlab.load_training("mnist_pairwise")

# %%
# Define transfer_accuracy and baseline_accuracy.
# BEGIN SOLUTION
dnnlab.set_seed(SEED)
baseline = keras.Sequential([keras.Input(shape=(28, 28)), keras.layers.Flatten()])
for _ in range(5):
    baseline.add(keras.layers.Dense(100, activation="elu", kernel_initializer="he_normal"))
baseline.add(keras.layers.Dense(10, activation="softmax"))
train(baseline)

transfer_accuracy = classifier.evaluate(X_test, y_test, batch_size=500, verbose=0)[1]
baseline_accuracy = baseline.evaluate(X_test, y_test, batch_size=500, verbose=0)[1]
# END SOLUTION
print(f"tower from pairs: {transfer_accuracy:.1%}, from scratch: {baseline_accuracy:.1%}")

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


def test_build_classifier_from_gives_ten_probabilities(env):
    assert callable(env["build_classifier_from"]), "build_classifier_from should be a function"
    network = env["build_classifier_from"](env["build_pair_model"]())
    assert network is not None, "build_classifier_from returns None: does it end with a return?"
    given = getattr(network, "output_shape", None)
    if given is not None:
        assert tuple(given) == (None, 10), f"the classifier gives {tuple(given)[1:]}, not ten numbers"


# %%
""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_the_two_accuracies_are_numbers(env):
    for name in ("baseline_accuracy", "transfer_accuracy"):
        assert name in env, f"{name} is not defined"
        assert 0 <= float(env[name]) <= 1, f"{name} is {env[name]}; an accuracy is a share, from 0 to 1"


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: The classifier is a tower with a new softmax layer for 10 classes.
failure_message: The classifier should be the five hidden layers of a tower and a new softmax layer.
"""  # END TEST CONFIG


def test_classifier(env):
    from autograder.checks import evidence_of, pairs, require

    evidence = evidence_of(env, "pairwise_pretraining")
    require(pairs.of_either(evidence, lambda found: pairs.check_classifier(found, classes=10)))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 4
success_message: The classifier has the weights of tower A.
failure_message: The classifier should have the weights that tower A has in the pair model it is given.
"""  # END TEST CONFIG


def test_tower_a_is_reused(env):
    from autograder.checks import evidence_of, pairs, require

    evidence = evidence_of(env, "pairwise_pretraining")
    require(pairs.of_either(evidence, lambda found: pairs.check_reuse(found)))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: The tower is frozen, and only the new layer learns.
failure_message: Training the classifier should leave the tower as it is.
"""  # END TEST CONFIG


def test_tower_is_frozen(env):
    from autograder.checks import evidence_of, pairs, require

    evidence = evidence_of(env, "pairwise_pretraining")
    require(pairs.of_either(evidence, lambda found: pairs.check_frozen(found)))


# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: The saved network is a tower of the saved pair network with a new layer.
failure_message: The saved network is not tower A of the saved pair network with a new layer.
"""  # END TEST CONFIG


def test_saved_network(env):
    from autograder.checks import evidence_of, pairs, require

    evidence = evidence_of(env, "pairwise_pretraining")
    shape = {"count": 5, "units": 100, "classes": 10}
    require(pairs.check_saved_classifier(evidence, "mnist_pairwise", "mnist_pairs", **shape))


# %% [raw]
"""
# ACCURACY LADDER
model: mnist_pairwise
points: {test: 2}
hints:
- Look at the learning rate and the number of epochs.
- Look at the learning rate and the number of epochs.
- Look at the tower, and at how long training went on.
- A tower that was trained on pairs gets further.
"""

# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 2
success_message: The two accuracies are those of two networks, one of which learned in all its layers.
failure_message: Each accuracy should be a share from 0 to 1, as evaluate gives it of its own network here.
"""  # END TEST CONFIG


def test_accuracies(env):
    from autograder.checks import evidence_of, pairs, require

    evidence, names = evidence_of(env, "pairwise_pretraining"), ("baseline_accuracy", "transfer_accuracy")
    require(pairs.check_accuracies(evidence, names))
    require(pairs.check_rivals(evidence, question="q4", scratch=names[0], reused=names[1]))
    require(pairs.check_stopped_by(evidence, question="q4"))


# %% [raw]
"""
# END TESTS
"""

# %% [raw]
"""
# END QUESTION
"""

# %%
curves = dnnlab.plot_history(history_classifier, title="a new layer on tower A")

# %% [markdown]
"""
*To look at:* the training accuracy and the validation accuracy of the classifier hardly part. It has a
thousand weights to learn and cannot do much by heart. The network from scratch has 120,000, and its
curves look different.

*To think about, not graded:* with how many named pictures does the network from scratch catch up? Try
500, and 20,000 (name 15,000 pictures of split 1 as well, as split 2 has only 5,000). Work in a copy of
the whole folder, so that nothing happens to the files that you hand in.
"""

# %%
if QUICK:
    print("QUICK is on. Before you hand in, train once with QUICK = False and RETRAIN = True.")
for name in ("mnist_pairs", "mnist_pairwise"):
    print(name, "is saved" if dnnlab.is_saved(name) else "is NOT saved")

# %% [markdown]
"""
## Hand in

Restart the kernel, run all cells from top to bottom (with `RETRAIN = False` that takes half a minute:
your saved networks are loaded) and save the notebook. Then hand in these five files:

- `pairwise_pretraining.ipynb`, this notebook,
- `mnist_pairs.keras`, your pair network, and `mnist_pairs.history.json`, which shows how its training
  went,
- `mnist_pairwise.keras`, your classifier, and `mnist_pairwise.history.json`.

The grader runs your notebook with trainings cut short after a few steps, to see *how* you train; what
your trainings *reached* it reads from the saved files: both networks are evaluated again, on pictures
and pairs of the test set, so a number printed here counts for nothing. Marks for accuracy come in
steps, so a network that falls short of the goal still earns some.
"""
