"""Recipes of model files for the corpus: what students hand in who train or save otherwise.

Each recipe writes into `folder`, starting from the files in `reference`; `data` is the data set.
"""

import json
import shutil

import numpy as np

NAME = "cifar10_alpha_dropout"
VALID = 5_000
HIDDEN, UNITS = 20, 100
SEED = 42


def mc_file(reference, data, folder):
    """The reference converted by `to_mc_model`, saved in its place."""
    import keras

    class MCAlphaDropout(keras.layers.AlphaDropout):
        def call(self, inputs, training=None):
            return super().call(inputs, training=True)

    # As a class of a notebook is written down: without a module from which it could be imported.
    MCAlphaDropout.__module__ = "__main__"
    network = _network(MCAlphaDropout)
    network.set_weights(_reference_network(reference).get_weights())
    network.save(folder / f"{NAME}.keras")
    shutil.copy(reference / f"{NAME}.history.json", folder)


def last_weights(reference, data, folder):
    """What is left when training goes on past the best epoch and nothing brings its weights back."""
    network, curves = _reference_network(reference), _history(reference)
    best = int(np.argmin(curves["val_loss"])) + 1
    further = _train(network, data, slice(VALID, None), epochs=4, rate=1e-3)
    _write(network, {name: curves[name][:best] + further[name] for name in curves}, folder)


def trained_on_test(reference, data, folder):
    """The reference after further epochs on the test set; the history is of the last of them."""
    network = _reference_network(reference)
    curves = _train(network, data, None, epochs=8, rate=5e-4)
    _write(network, {name: values[-1:] for name, values in curves.items()}, folder)


def plain_dropout(reference, data, folder):
    """A network with ordinary dropout, shortly trained."""
    import keras

    network = _network(keras.layers.Dropout)
    _write(network, _train(network, data, slice(-5_000, None), epochs=2, rate=1e-3), folder)


def another_rate(reference, data, folder):
    """The reference's weights and history, in a network whose dropout has another rate."""
    import keras

    network = _network(lambda rate: keras.layers.AlphaDropout(2 * rate))
    network.set_weights(_reference_network(reference).get_weights())
    network.save(folder / f"{NAME}.keras")
    shutil.copy(reference / f"{NAME}.history.json", folder)


def untrained(reference, data, folder):
    """The network of the reference as it was before training, with the reference's history."""
    import keras

    _write(_network(keras.layers.AlphaDropout), _history(reference), folder)


def foreign_history(reference, data, folder):
    """The reference with the history of another, shorter training."""
    import keras

    shutil.copy(reference / f"{NAME}.keras", folder)
    curves = _train(_network(keras.layers.AlphaDropout), data, slice(-5_000, None), epochs=3, rate=1e-3)
    _write_history(curves, folder)


def _network(dropout):
    import keras

    keras.utils.set_random_seed(SEED)
    layers = [keras.Input((32, 32, 3)), keras.layers.Flatten()]
    for _ in range(HIDDEN):
        layers.append(keras.layers.Dense(UNITS, activation="selu", kernel_initializer="lecun_normal"))
    return keras.Sequential([*layers, dropout(0.1), keras.layers.Dense(10, activation="softmax")])


def _reference_network(reference):
    import keras

    return keras.models.load_model(reference / f"{NAME}.keras", compile=False)


def _train(network, data, rows, *, epochs, rate):
    """Train for some epochs on rows of the training images, None for the test set; returns the history."""
    import keras

    keras.utils.set_random_seed(SEED)
    pixels = data.x_train[VALID:].astype(np.float32)
    mean, std = pixels.mean(axis=0, dtype=np.float64).astype(np.float32), pixels.std(axis=0)
    images, labels = (data.x_test, data.y_test) if rows is None else (data.x_train[rows], data.y_train[rows])
    network.compile(keras.optimizers.Nadam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
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
