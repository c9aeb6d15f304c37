"""Recipes of model files for the corpus: what students hand in who prepare, build, train or save otherwise.

Most hold the network of the reference solution in another form, computed exactly; a few train for seconds.
Each recipe writes into `folder`, starting from the files in `reference`; `data` is the data set.
"""

import json
import shutil

import numpy as np

NAME = "cifar10_bn"
VALID = 5_000
HIDDEN, UNITS = 20, 100
EPSILON = 1e-3
SEED = 42


# ---------------------------------------------------------------------------- the reference in another form


def with_biases(reference, data, folder):
    """The reference with a bias in every hidden layer, which the normalisation behind it takes out again."""
    import keras

    network, own = _network(use_bias=True), _reference_network(reference)
    rng, bias = np.random.default_rng(SEED), np.zeros(UNITS, np.float32)
    for at, (layer, like) in enumerate(zip(network.layers, own.layers, strict=True)):
        weights = like.get_weights()
        if isinstance(layer, keras.layers.Dense) and layer is not network.layers[-1]:
            bias = rng.normal(size=UNITS).astype(np.float32)
            weights = [*weights, bias]
        elif isinstance(layer, keras.layers.BatchNormalization) and at > 1:
            gamma, beta, mean, variance = weights
            weights = [gamma, beta, mean + bias, variance]
        layer.set_weights(weights)
    _save(network, reference, folder)


def functional(reference, data, folder):
    """The reference as a functional model."""
    import keras

    inputs = keras.Input((32, 32, 3))
    x = inputs
    for layer in _layers():
        x = layer(x)
    network = keras.Model(inputs, x)
    network.set_weights(_reference_network(reference).get_weights())
    _save(network, reference, folder)


def rescaling_inside(reference, data, folder):
    """The reference behind a layer that divides by 255."""
    import keras

    network = _sequential([keras.layers.Rescaling(1 / 255), *_layers()])
    network.set_weights(_reference_network(reference).get_weights())
    _save(network, reference, folder)


def raw_pixels(reference, data, folder):
    """The reference for pixels from 0 to 255, which its first normalisation scales."""
    _save_for(0.0, 1.0, reference, folder)


def standardised_features(reference, data, folder):
    """The reference for pictures standardised per feature."""
    pixels = data.x_train[VALID : VALID + 10_000].astype(np.float64)
    pixels = pixels.reshape(len(pixels), -1)
    _save_for(pixels.mean(axis=0), pixels.std(axis=0), reference, folder)


def checkpoint(reference, data, folder):
    """The reference as `model.save` and ModelCheckpoint write it, with a history that has curves only."""
    network = _reference_network(reference)
    network.compile("nadam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    network.optimizer.build(network.trainable_variables)
    network.save(folder / f"{NAME}.keras")
    curves = _history(reference)
    curves.pop("seconds", None)
    (folder / f"{NAME}.history.json").write_text(json.dumps(curves))


def sparse_metric(reference, data, folder):
    """The reference with the history that `SparseCategoricalAccuracy()` gives."""
    shutil.copy(reference / f"{NAME}.keras", folder)
    curves = _history(reference)
    named = {key.replace("accuracy", "sparse_categorical_accuracy"): curves[key] for key in curves}
    _write_history(named, folder)


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
    curves = _train(network, data.x_test, data.y_test, data, epochs=12, rate=1e-3)
    _write(network, {name: values[-1:] for name, values in curves.items()}, folder)


def plain(reference, data, folder):
    """A network without any normalisation, shortly trained."""
    import keras

    layers = [layer for layer in _layers() if not isinstance(layer, keras.layers.BatchNormalization)]
    _short_training(_sequential(layers), data, folder)


def shortly_trained(reference, data, folder):
    """The right network after one epoch on a few images."""
    network = _network()
    curves = _train(network, data.x_train[-2_000:], data.y_train[-2_000:], data, epochs=1, rate=1e-3)
    _write(network, curves, folder)


def untrained(reference, data, folder):
    """The network of the reference as it was before training, with the reference's history."""
    _write(_network(), _history(reference), folder)


# ------------------------------------------------------------------------------------------ other file pairs


def foreign_history(reference, data, folder):
    """The reference with the history of another, shorter training."""
    shutil.copy(reference / f"{NAME}.keras", folder)
    curves = _train(_network(), data.x_train[-5_000:], data.y_train[-5_000:], data, epochs=3, rate=4e-4)
    _write_history(curves, folder)


# -------------------------------------------------------------------------------------------------- networks


def _layers(*, use_bias=False):
    import keras

    layers = [keras.layers.Flatten(), keras.layers.BatchNormalization()]
    for number in range(HIDDEN):
        initializer = keras.initializers.HeNormal(seed=SEED + number)
        layers.append(keras.layers.Dense(UNITS, kernel_initializer=initializer, use_bias=use_bias))
        layers.append(keras.layers.BatchNormalization())
        layers.append(keras.layers.Activation("elu"))
    return [*layers, keras.layers.Dense(10, activation="softmax")]


def _sequential(layers):
    import keras

    return keras.Sequential([keras.Input((32, 32, 3)), *layers])


def _network(*, use_bias=False):
    return _sequential(_layers(use_bias=use_bias))


def _reference_network(reference):
    import keras

    return keras.models.load_model(reference / f"{NAME}.keras", compile=False)


def _save_for(mean, std, reference, folder):
    """Save the reference for pictures scaled to (pixel - mean) / std, by its first normalisation.

    That one sees z = (255 * x - mean) / std where the reference sees x, and takes
    (x - m) / sqrt(v + epsilon) of it.
    """
    network = _reference_network(reference)
    norm = network.layers[1]
    gamma, beta, m, v = (np.float64(weights) for weights in norm.get_weights())
    factor = 255 / np.broadcast_to(std, m.shape)
    moved = factor * m - np.broadcast_to(mean, m.shape) / np.broadcast_to(std, m.shape)
    norm.set_weights([gamma, beta, moved, (v + EPSILON) * factor**2 - EPSILON])
    _save(network, reference, folder)


def _save(network, reference, folder):
    network.save(folder / f"{NAME}.keras")
    shutil.copy(reference / f"{NAME}.history.json", folder)


# -------------------------------------------------------------------------------------- training and history


def _train(network, images, labels, data, *, epochs, rate):
    """Train for some epochs; returns the history, measured on the lab's validation set."""
    import keras

    network.compile(keras.optimizers.Nadam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    validation = (_scaled(data.x_train[:VALID]), data.y_train[:VALID])
    trained = network.fit(
        _scaled(images), labels, batch_size=128, epochs=epochs, validation_data=validation, verbose=0
    )
    return trained.history


def _short_training(network, data, folder):
    curves = _train(network, data.x_train[-5_000:], data.y_train[-5_000:], data, epochs=2, rate=1e-3)
    _write(network, curves, folder)


def _scaled(images):
    return images.astype(np.float32) / 255


def _history(reference):
    return json.loads((reference / f"{NAME}.history.json").read_text())["history"]


def _write(network, curves, folder):
    network.save(folder / f"{NAME}.keras")
    _write_history(curves, folder)


def _write_history(curves, folder):
    plain = {name: [float(value) for value in values] for name, values in curves.items()}
    (folder / f"{NAME}.history.json").write_text(json.dumps({"schema": 1, "history": plain}))
