"""Recipes of model files for the corpus: what students hand in who build, train or save otherwise.

Most hold the network of the reference solution in another form; a few train for seconds.
Each recipe writes into `folder`, starting from the files in `reference`; `data` is the data set.
"""

import json
import shutil

import numpy as np

NAME = "cifar10_selu"
VALID = 5_000
HIDDEN, UNITS = 20, 100
SEED = 42


# ---------------------------------------------------------------------------- the reference in another form


def functional(reference, data, folder):
    """The reference as a functional model."""
    import keras

    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Flatten()(inputs)
    for _ in range(HIDDEN):
        x = _hidden()(x)
    _save(keras.Model(inputs, _output()(x)), reference, folder)


def flat(reference, data, folder):
    """The reference for pictures that come as rows of numbers."""
    import keras

    _save(keras.Sequential([keras.Input((32 * 32 * 3,)), *_dense_layers()]), reference, folder)


def subclass(reference, data, folder):
    """The reference as a class of a student's own, with layers in lists."""
    import keras

    class SeluNet(keras.Model):
        def __init__(self, **settings):
            super().__init__(**settings)
            self.flatten = keras.layers.Flatten()
            self.hidden = [_hidden() for _ in range(HIDDEN)]
            self.classify = _output()

        def call(self, inputs):
            x = self.flatten(inputs)
            for layer in self.hidden:
                x = layer(x)
            return self.classify(x)

    network = SeluNet()
    network(np.zeros((1, 32, 32, 3), np.float32))
    _save(network, reference, folder)


# ----------------------------------------------------------------------------------- other or worse networks


def last_weights(reference, data, folder):
    """What is left when training goes on past the best epoch and nothing brings its weights back.

    So slowly that only the loss shows it: the accuracy lies far from all steps of the marks.
    """
    network, curves = _reference_network(reference), _history(reference)
    best = int(np.argmin(curves["val_loss"])) + 1
    further = _train(network, data.x_train[VALID:], data.y_train[VALID:], data, epochs=4, rate=1e-4)
    _write(network, {name: curves[name][:best] + further[name] for name in further}, folder)


def trained_on_test(reference, data, folder):
    """The reference after further epochs on the test set; the history is of the last of them."""
    network = _reference_network(reference)
    curves = _train(network, data.x_test, data.y_test, data, epochs=8, rate=4e-4)
    _write(network, {name: values[-1:] for name, values in curves.items()}, folder)


def elu(reference, data, folder):
    """A network with another activation, shortly trained."""
    network = _network("elu")
    curves = _train(network, data.x_train[-5_000:], data.y_train[-5_000:], data, epochs=2, rate=1e-3)
    _write(network, curves, folder)


def untrained(reference, data, folder):
    """The network of the reference as it was before training, with the reference's history."""
    _write(_network(), _history(reference), folder)


def foreign_history(reference, data, folder):
    """The reference with the history of another, shorter training."""
    shutil.copy(reference / f"{NAME}.keras", folder)
    curves = _train(_network(), data.x_train[-5_000:], data.y_train[-5_000:], data, epochs=3, rate=4e-4)
    _write_history(curves, folder)


# -------------------------------------------------------------------------------------------------- networks


def _hidden(activation="selu"):
    import keras

    return keras.layers.Dense(UNITS, activation=activation, kernel_initializer="lecun_normal")


def _output():
    import keras

    return keras.layers.Dense(10, activation="softmax")


def _dense_layers(activation="selu"):
    return [*(_hidden(activation) for _ in range(HIDDEN)), _output()]


def _network(activation="selu"):
    import keras

    keras.utils.set_random_seed(SEED)
    return keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten(), *_dense_layers(activation)])


def _reference_network(reference):
    import keras

    return keras.models.load_model(reference / f"{NAME}.keras", compile=False)


def _save(network, reference, folder):
    """Save a network with the reference's weights."""
    network.set_weights(_reference_network(reference).get_weights())
    network.save(folder / f"{NAME}.keras")
    shutil.copy(reference / f"{NAME}.history.json", folder)


# -------------------------------------------------------------------------------------- training and history


def _train(network, images, labels, data, *, epochs, rate):
    """Train for some epochs; returns the history, measured on the lab's validation set."""
    import keras

    keras.utils.set_random_seed(SEED)
    network.compile(keras.optimizers.Nadam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    pixels = data.x_train[VALID:].astype(np.float32)
    mean, std = pixels.mean(axis=0), pixels.std(axis=0)
    validation = ((data.x_train[:VALID] - mean) / std, data.y_train[:VALID])
    trained = network.fit(
        (images - mean) / std, labels, batch_size=128, epochs=epochs, validation_data=validation, verbose=0
    )
    return trained.history


def _history(reference):
    return json.loads((reference / f"{NAME}.history.json").read_text())["history"]


def _write(network, curves, folder):
    network.save(folder / f"{NAME}.keras")
    _write_history(curves, folder)


def _write_history(curves, folder):
    plain = {name: [float(value) for value in values] for name, values in curves.items()}
    (folder / f"{NAME}.history.json").write_text(json.dumps({"schema": 1, "history": plain}))
