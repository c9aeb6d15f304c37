"""Recipes of model files for the corpus: what students hand in who build, train or save otherwise.

Each recipe writes the files of both networks into `folder`, starting from those in `reference`; `data` is the
data set.
"""

import json
import shutil

import numpy as np

BASE, TRANSFER = "mnist_0_4", "mnist_5_9"
VALID = 5_000
SEED = 42


# ---------------------------------------------------------------------------- the reference in another form


def flat_inputs(reference, data, folder):
    """The base for images that were flattened ahead of it, with the same weights."""
    import keras

    _copy(reference, folder, TRANSFER)
    network = keras.Sequential([keras.Input((784,)), *_hidden(5), _output()])
    network.set_weights(_load(reference, BASE).get_weights())
    _write(network, _history(reference, BASE), folder, BASE)


def rescaling_inside(reference, data, folder):
    """Both networks behind a layer that divides by 255."""
    import keras

    for name, hidden in ((BASE, 5), (TRANSFER, 4)):
        layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), *_hidden(hidden), _output()]
        network = keras.Sequential([keras.Input((28, 28)), *layers])
        network.set_weights(_load(reference, name).get_weights())
        _write(network, _history(reference, name), folder, name)


def subclass(reference, data, folder):
    """The base as a class of a student's own."""
    import keras

    class Digits(keras.Model):
        def __init__(self, **settings):
            super().__init__(**settings)
            self.flatten = keras.layers.Flatten()
            self.hidden = _hidden(5)
            self.classify = _output()

        def call(self, inputs):
            x = self.flatten(inputs)
            for layer in self.hidden:
                x = layer(x)
            return self.classify(x)

    network = Digits()
    network(np.zeros((1, 28, 28), np.float32))
    network.set_weights(_load(reference, BASE).get_weights())
    _copy(reference, folder, TRANSFER)
    _write(network, _history(reference, BASE), folder, BASE)


def five_layers(reference, data, folder):
    """A transfer of all five hidden layers, everything trained at the end."""
    import keras

    _copy(reference, folder, BASE)
    base = _load(reference, BASE)
    network = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), *_hidden(5), _output()])
    for new, old in zip(network.layers[1:-1], base.layers[1:-1], strict=True):
        new.set_weights(old.get_weights())
    curves = _train(network, *_small(data), data, epochs=40)
    _write(network, curves, folder, TRANSFER)


def saved_by_hand(reference, data, folder):
    """Both networks as `model.save` writes them, without histories of the transfer."""
    _copy(reference, folder, BASE)
    shutil.copy(reference / f"{TRANSFER}.keras", folder)


# ----------------------------------------------------------------------------------- other or worse networks


def untrained_base(reference, data, folder):
    """The base as it was before training, with the reference's history."""
    _copy(reference, folder, TRANSFER)
    _write(_network(5), _history(reference, BASE), folder, BASE)


def untrained_transfer(reference, data, folder):
    """A transfer network as it was before training."""
    _copy(reference, folder, BASE)
    _write(_network(4), _history(reference, TRANSFER), folder, TRANSFER)


def last_weights(reference, data, folder):
    """What is left of the base when training goes on past the best epoch."""
    _copy(reference, folder, TRANSFER)
    network, curves = _load(reference, BASE), _history(reference, BASE)
    best = int(np.argmin(curves["val_loss"])) + 1
    images, labels = _digits(data, slice(VALID, None), range(5))
    further = _train(network, images, labels, data, epochs=3, rate=3e-3, classes=range(5))
    _write(network, {name: curves[name][:best] + further[name] for name in further}, folder, BASE)


def foreign_history(reference, data, folder):
    """The base with the history of the transfer."""
    shutil.copy(reference / f"{BASE}.keras", folder)
    _copy(reference, folder, TRANSFER)
    shutil.copy(reference / f"{TRANSFER}.history.json", folder / f"{BASE}.history.json")


def base_twice(reference, data, folder):
    """The base handed in as the transfer network as well."""
    _copy(reference, folder, BASE)
    for ending in (".keras", ".history.json"):
        shutil.copy(reference / f"{BASE}{ending}", folder / f"{TRANSFER}{ending}")


def nan_transfer(reference, data, folder):
    """What labels from 5 to 9 leave of a network with five outputs on a graphics card."""
    _copy(reference, folder, BASE)
    network = _network(4)
    network.set_weights([np.full_like(weights, np.nan) for weights in network.get_weights()])
    curves = {
        "loss": [np.nan] * 3,
        "accuracy": [0.0] * 3,
        "val_loss": [np.nan] * 3,
        "val_accuracy": [0.0] * 3,
    }
    _write(network, curves, folder, TRANSFER)


def scratch_for_transfer(reference, data, folder):
    """The rival from scratch, handed in as the transfer."""
    _copy(reference, folder, BASE)
    network = _network(5)
    _write(network, _train(network, *_small(data), data, epochs=15), folder, TRANSFER)


def convolutions(reference, data, folder):
    """A small convolutional network for 5 to 9, which has nothing of the base."""
    import keras
    from keras import layers

    _copy(reference, folder, BASE)
    stem = [layers.Reshape((28, 28, 1)), layers.Conv2D(16, 5, 2, activation="relu"), layers.Flatten()]
    network = keras.Sequential([keras.Input((28, 28)), *stem, _output()])
    _write(network, _train(network, *_small(data), data, epochs=3), folder, TRANSFER)


# -------------------------------------------------------------------------------------------------- networks


def _hidden(count):
    import keras

    settings = {"activation": "elu", "kernel_initializer": "he_normal"}
    return [keras.layers.Dense(100, **settings) for _ in range(count)]


def _output():
    import keras

    return keras.layers.Dense(5, activation="softmax")


def _network(hidden):
    import keras

    keras.utils.set_random_seed(SEED)
    return keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), *_hidden(hidden), _output()])


def _load(reference, name):
    import keras

    return keras.models.load_model(reference / f"{name}.keras", compile=False)


# -------------------------------------------------------------------------------------- training and files


def _digits(data, rows, classes):
    images, labels = data.x_train[rows], data.y_train[rows]
    chosen = np.isin(labels, list(classes))
    return images[chosen].astype(np.float32) / 255, labels[chosen] - min(classes)


def _small(data):
    images, labels = _digits(data, slice(VALID, None), range(5, 10))
    rows = np.sort(np.concatenate([np.flatnonzero(labels == digit)[:100] for digit in range(5)]))
    return images[rows], labels[rows]


def _train(network, images, labels, data, *, epochs, rate=1e-3, classes=range(5, 10)):
    import keras

    keras.utils.set_random_seed(SEED)
    network.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    validation = _digits(data, slice(VALID), classes)
    trained = network.fit(images, labels, epochs=epochs, validation_data=validation, verbose=0)
    return trained.history


def _history(reference, name):
    return json.loads((reference / f"{name}.history.json").read_text())["history"]


def _copy(reference, folder, name):
    for ending in (".keras", ".history.json"):
        shutil.copy(reference / f"{name}{ending}", folder)


def _write(network, curves, folder, name):
    network.save(folder / f"{name}.keras")
    plain = {
        key: [float(value) if np.isfinite(value) else "NaN" for value in values]
        for key, values in curves.items()
    }
    (folder / f"{name}.history.json").write_text(json.dumps({"schema": 1, "history": plain}))
