"""Probes of `pairwise_pretraining`: they try out what a student wrote, and hold no expected value.

A probe is a function of the `room`, which gives the student's names (`room.defined`) and turns what was
found into evidence (`room.model`, `room.value`).
"""

import keras
import numpy as np

PICTURES = 200
CLASSES = 10
DRAWS = ((8, 1), (64, 2), (64, 3), (128, 4), (128, 4), (64, 5))
"""How many pairs are asked for, and the seed of the generator."""


# ------------------------------------------------------------------------------------------ the pair network


def build_pair_model(room):
    """The model that `build_pair_model()` returns, fresh from its initialisers."""
    return room.model(room.defined("build_pair_model")(), input_shape=((28, 28), (28, 28)))


def pair_model_variables(room):
    """How many different variables that model has: layers that share theirs count once."""
    model = room.defined("build_pair_model")()
    room.model(model, input_shape=((28, 28), (28, 28)))  # builds one that has not seen a picture
    return room.value(len({id(variable) for variable in model.variables if "seed" not in variable.name}))


# ----------------------------------------------------------------------------------------- pairs of pictures


def generate_pairs(room):
    """Eight pairs of made-up pictures, as `generate_pairs` gives them."""
    images, labels = _pictures(room)
    batch, _ = _drawn(room.defined("generate_pairs"), images, labels, 8, 0)
    return room.value(batch)


def drawn_pairs(room):
    """What `generate_pairs` draws from made-up pictures: which of them stands where, and its labels."""
    function = room.defined("generate_pairs")
    images, labels = _pictures(room)
    batches = []
    for size, seed in DRAWS:
        for number, batch in enumerate(_drawn(function, images, labels, size, seed)):
            if batch is not None:
                batches.append({"size": size, "seed": seed, "number": number} | _read(batch, images))
    return room.value({"classes": labels, "batches": batches})


def _pictures(room):
    """Pictures of noise, in the form of the student's own, and their classes."""
    rng = np.random.default_rng(7)
    try:
        shape = np.shape(room.defined("X1"))[1:]
    except NameError:
        shape = (28, 28)
    images = rng.random((PICTURES, *shape), dtype=np.float32)
    return images, rng.permutation(np.arange(PICTURES) % CLASSES).astype(np.uint8)


def _drawn(function, images, labels, size, seed):
    """The first two batches that the function gives; it may return one, or an iterator over many."""
    try:
        rng = np.random.default_rng(seed)
        first, more = _first(function, images, labels, size, rng)
    except Exception:
        # A function that wants a seed, or NumPy's older generator, where others take a generator.
        for other in (seed, np.random.RandomState(seed)):
            try:
                return _first(function, images, labels, size, other)[0], None
            except Exception:
                continue
        raise
    if more is not None:
        return first, next(more, None)
    return first, function(images.copy(), labels.copy(), size, rng)


def _first(function, images, labels, size, rng):
    """A batch, and what gives further ones, if anything does."""
    found = function(images.copy(), labels.copy(), size, rng)
    batches = _iterator(found)
    return (found, None) if batches is None else (next(batches), batches)


def _iterator(found):
    if hasattr(found, "element_spec"):
        return iter(found)
    return found if hasattr(found, "__next__") else None


def _read(batch, images):
    """Which pictures a batch pairs, by their rows, and its labels; or in words why it cannot be read."""
    try:
        pair, labels = batch
        first, second = pair
        if isinstance(pair, dict):
            raise TypeError("its keys are no pictures")
    except (TypeError, ValueError):
        return {"problem": f"{_in_words(batch)} where two pictures and a label for each pair belong"}
    rows = {"first": _rows(first, images), "second": _rows(second, images)}
    return {**rows, "labels": np.asarray(labels)}


def _in_words(thing):
    if thing is None:
        return "nothing"
    if isinstance(thing, dict):
        return f"a dictionary of {', '.join(map(repr, thing))}"[:80]
    if isinstance(thing, (tuple, list)):
        return f"({', '.join(_in_words(part) for part in thing[:4])})" if len(thing) < 5 else "a long list"
    shape = getattr(thing, "shape", None)
    return type(thing).__name__ if shape is None else f"an array of shape {tuple(shape)}"


def _rows(pictures, images):
    """The row of `images` that each picture is, however its pixels are scaled; -1 for none of them."""
    given = np.asarray(pictures, np.float32)
    if given.ndim < 2 or not len(given) or given[0].size != images[0].size:
        return np.full(len(given) if given.ndim else 0, -1)
    likeness = _centred(given) @ _centred(images).T
    rows = likeness.argmax(axis=1)
    return np.where(likeness.max(axis=1) > 0.99, rows, -1)


def _centred(pictures):
    flat = pictures.reshape(len(pictures), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)


# ------------------------------------------------------------------------------------- a tower is used again


def build_classifier_from(room):
    """The model that `build_classifier_from` makes of a new pair model of the student's own."""
    pair_model = room.defined("build_pair_model")()
    shape = _picture_shape(pair_model)
    return room.model(room.defined("build_classifier_from")(pair_model), input_shape=shape)


def classifier_from_own_pairs(room):
    """What `build_classifier_from` makes of the student's own pair model, before and after some training."""
    return _classifier(room, room.defined("build_pair_model")())


def classifier_from_given_pairs(room):
    """What `build_classifier_from` makes of a pair model of another's making."""
    return _classifier(room, _pair_model())


def _classifier(room, pair_model):
    shape = _picture_shape(pair_model)
    shapes = (shape, shape)
    found = [("pair", room.model(pair_model, input_shape=shapes))]
    classifier = room.defined("build_classifier_from")(pair_model)
    found.append(("classifier", room.model(classifier, input_shape=shape)))
    if isinstance(classifier, keras.Model) and _trained(classifier, shape):
        found.append(("trained", room.model(classifier)))
        found.append(("pair_trained", room.model(pair_model, input_shape=shapes)))
    return {"kind": "dict", "items": [[room.value(name), record] for name, record in found]}


def _trained(classifier, shape):
    """Whether a step of training was possible."""
    pictures = np.random.default_rng(8).random((32, *_picture_shape(classifier, shape)), dtype=np.float32)
    try:
        classifier.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", run_eagerly=True)
        classifier.train_on_batch(pictures, np.arange(32) % CLASSES)
    except Exception:
        return False
    return True


def _picture_shape(model, otherwise=(28, 28)):
    """The shape of the pictures that a model takes; a class of one's own, or one not built, does not say."""
    inputs = getattr(model, "inputs", None)
    return tuple(inputs[0].shape[1:]) if inputs else otherwise


def _pair_model():
    """A pair model as plain as can be, one layer after the other; narrow, and so no answer to question 1."""
    inputs, ends = [], []
    for letter in "ab":
        inputs.append(keras.Input((28, 28), name=f"input_{letter}"))
        x = keras.layers.Flatten(name=f"flatten_{letter}")(inputs[-1])
        for name in (*(f"hidden_{letter}{number}" for number in range(1, 5)), f"tower_{letter}"):
            x = keras.layers.Dense(40, activation="tanh", name=name)(x)
        ends.append(x)
    x = keras.layers.Dense(7, activation="tanh")(keras.layers.concatenate(ends))
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))
