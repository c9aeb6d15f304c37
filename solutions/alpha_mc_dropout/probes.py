"""Probes of `alpha_mc_dropout`: they try out what a student wrote, and hold no expected value.

A probe is a function of the `room`, which gives the student's names (`room.defined`) and turns what was
found into evidence (`room.model`, `room.value`). So that a mistake in one question costs no other, a
question is tried out on networks and a layer of the probes' own as well.
"""

import keras
import numpy as np

IMAGE = (32, 32, 3)
CLASSES = 10
ROWS = 100
SHARE = 0.6


# ------------------------------------------------------------------------------------------- the network, q1


def build_alpha_dropout_dnn(room):
    """The model that `build_alpha_dropout_dnn()` returns, fresh from its initialisers."""
    return room.model(room.defined("build_alpha_dropout_dnn")(), input_shape=IMAGE)


def build_alpha_dropout_dnn_with_rate(room):
    """The model that `build_alpha_dropout_dnn(rate=0.3)` returns."""
    return room.model(_of_rate(room.defined("build_alpha_dropout_dnn"), 0.3), input_shape=IMAGE)


def _of_rate(make, rate):
    """What a function or class makes of a rate, whatever it calls its first argument."""
    try:
        return make(rate=rate)
    except TypeError:
        return make(rate)


# --------------------------------------------------------------------------------------------- the layer, q2


def MCAlphaDropout(room):
    """What the layer makes of numbers from a standard normal distribution, called in every way."""
    make = room.defined("MCAlphaDropout")
    layer = _of_rate(make, 0.5)
    inputs = np.random.default_rng(0).standard_normal((100, 50)).astype(np.float32)
    network = keras.Sequential([keras.Input((50,)), _of_rate(make, 0.5)])
    return {
        "bases": [cls.__name__ for cls in type(layer).__mro__ if cls.__module__.startswith("keras.")],
        "inputs": inputs,
        "called": layer(inputs),
        "inference": layer(inputs, training=False),
        "training": layer(inputs, training=True),
        "predicted": network.predict(inputs, verbose=0),
        "again": network.predict(inputs, verbose=0),
        "rebuilt": _rebuilt(layer),
    }


def _rebuilt(layer):
    """The rate of the layer that the configuration of this one describes, or why there is none."""
    try:
        return float(type(layer).from_config(layer.get_config()).rate)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


# ---------------------------------------------------------------------------------------- the conversion, q3


class _Restless(keras.layers.AlphaDropout):
    """Gives out something else whenever it is called. All that counts here, and no answer to question 2."""

    def call(self, inputs, training=None):
        drawn = keras.random.uniform((), 0.5, 1.5, seed=self.seed_generator)
        return inputs * keras.ops.cast(drawn, inputs.dtype)


def to_mc_model(room):
    """What becomes of a network of the probe's own, with a layer of its own; and of the student's two."""
    convert = room.defined("to_mc_model")
    with room.standing_in("MCAlphaDropout", _Restless):
        standard = _converted(room, convert, _small_network())
    return {"standard": standard, "own": _converted(room, convert, _own_network(room))}


def _small_network():
    layers = [keras.layers.Flatten()]
    for rate in (0.2, 0.3):
        layers.append(keras.layers.Dense(10, activation="selu"))
        layers.append(keras.layers.AlphaDropout(rate))
    layers.append(keras.layers.Dense(CLASSES, activation="softmax"))
    return keras.Sequential([keras.Input(IMAGE), *layers])


def _own_network(room):
    try:
        return _of_rate(room.defined("build_alpha_dropout_dnn"), 0.3)
    except Exception:  # that is another question
        return None


def _converted(room, convert, original):
    """The original before and after, and what it was converted to; outputs of both, twice each."""
    if not isinstance(original, keras.Model):
        return None
    images = np.random.default_rng(1).standard_normal((16, *IMAGE)).astype(np.float32)
    found = {"before": room.model(original, IMAGE)}
    try:
        converted = convert(original)
        found["converted"] = room.model(converted, IMAGE)
        if isinstance(converted, keras.Model):
            found["outputs"] = [np.asarray(converted(images, training=False)) for _ in range(2)]
        found["after"] = room.model(original, IMAGE)
        found["original_outputs"] = [np.asarray(original(images, training=False)) for _ in range(2)]
    except Exception as error:
        found["problem"] = f"{type(error).__name__}: {error}"
    return found


# ------------------------------------------------------------------------------------------ the sampling, q4


class _Draw(keras.layers.Layer):
    """Answers an image with one of two rows of probabilities in its pixels, drawn anew each time.

    Counts the rows that it is run on, in a variable: code of Python runs only once within `predict`.
    """

    def __init__(self):
        # In full precision, whatever the notebook's networks are in: its answers are compared.
        super().__init__(dtype="float32")
        self.supports_jit = False
        self.seeds = keras.random.SeedGenerator(1)
        self.rows_run = keras.Variable(0, dtype="int32", trainable=False)

    def call(self, images, training=None):
        pixels = keras.ops.reshape(images, (-1, int(np.prod(IMAGE))))
        self.rows_run.assign(self.rows_run + keras.ops.cast(keras.ops.shape(pixels)[0], "int32"))
        drawn = keras.random.uniform((keras.ops.shape(pixels)[0], 1), seed=self.seeds)
        return keras.ops.where(drawn < SHARE, pixels[:, :CLASSES], pixels[:, CLASSES : 2 * CLASSES])


def _tables():
    """Two rows of probabilities for each image: the first leans a little to one class, the second clearly to
    another."""
    rng = np.random.default_rng(2)
    tables = []
    for one, other in ((0.45, 0.40), (0.02, 0.90)):
        table = rng.random((ROWS, CLASSES))
        at = np.arange(ROWS)
        table[at, at % CLASSES] = table[at, (at + 3) % CLASSES] = 0
        table *= (1 - one - other) / table.sum(axis=1, keepdims=True)
        table[at, at % CLASSES], table[at, (at + 3) % CLASSES] = one, other
        tables.append(table.astype(np.float32))
    return tables


def _sampled():
    """A random model and its images."""
    first, second = _tables()
    images = np.zeros((ROWS, int(np.prod(IMAGE))), np.float32)
    images[:, : 2 * CLASSES] = np.concatenate([first, second], axis=1)
    return keras.Sequential([keras.Input(IMAGE), _Draw()]), images.reshape(ROWS, *IMAGE)


def random_model(room):
    """What the random model of the next probes answers: an image's first row that often, or its second."""
    first, second = _tables()
    return {"first": first, "second": second, "share": SHARE}


def mc_dropout_predict_probas(room):
    """The answer for seven passes through the random model."""
    return room.value(room.defined("mc_dropout_predict_probas")(*_sampled(), n_samples=7))


def mc_dropout_predict_probas_by_default(room):
    """The answer where nothing is said of the number of passes."""
    return room.value(room.defined("mc_dropout_predict_probas")(*_sampled()))


def mc_dropout_predict_classes(room):
    """The classes for thirty passes through the random model, and how many rows it was run on."""
    return _classes(room, n_samples=30)


def mc_dropout_predict_classes_by_default(room):
    """The same where nothing is said of the number of passes."""
    return _classes(room)


def _classes(room, **passes):
    model, images = _sampled()
    classes = room.defined("mc_dropout_predict_classes")(model, images, **passes)
    return {"classes": classes, "rows_run": int(model.layers[-1].rows_run), "images": len(images)}
