"""Recipes of model files for the corpus: what students hand in who prepare, build, train or save otherwise.

Most hold the network of the reference solution in another form, computed exactly; a few train for seconds.
Each recipe writes into `folder`, starting from the files in `reference`; `data` is the data set.
"""

import json
import shutil

import numpy as np

NAME = "cifar10_one_cycle"
VALID = 5_000
HIDDEN, UNITS = 20, 100
SEED = 42


# ---------------------------------------------------------------------------- the reference in another form


def with_optimizer(reference, data, folder):
    """The reference as `model.save` and ModelCheckpoint write it: with the optimiser's state."""
    import keras

    network = _reference_network(reference)
    network.compile(
        keras.optimizers.SGD(momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    network.optimizer.build(network.trainable_variables)
    network.save(folder / f"{NAME}.keras")
    # Written as a student does who knows nothing of dnnlab: the curves alone.
    (folder / f"{NAME}.history.json").write_text(json.dumps(_history(reference)))


def normalization_inside(reference, data, folder):
    """The reference behind an adapted layer that standardises each colour, for raw pixels."""
    import keras

    layer = keras.layers.Normalization()
    layer.adapt(data.x_train[VALID : VALID + 2_000].astype(np.float32))
    mean, std = np.asarray(layer.mean).reshape(-1), np.sqrt(np.asarray(layer.variance)).reshape(-1)
    _save(_network(layer), reference, data, folder, mean=mean, std=std)


def unit_interval(reference, data, folder):
    """The reference for pixels from 0 to 1."""
    _save(_network(), reference, data, folder, mean=0.0, std=255.0)


def batch_norm(reference, data, folder):
    """The reference as a functional model with batch normalisation that changes nothing."""
    import keras

    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Flatten()(inputs)
    for _ in range(HIDDEN):
        x = _hidden()(x)
    normal = keras.layers.BatchNormalization()
    network = keras.Model(inputs, _output()(normal(x)))
    normal.moving_variance.assign(np.full(UNITS, 1 - normal.epsilon, np.float32))
    dense = [variable for variable in network.weights if variable.path.endswith(("kernel", "bias"))]
    for variable, value in zip(dense, _reference_network(reference).get_weights(), strict=True):
        variable.assign(value)
    network.save(folder / f"{NAME}.keras")
    shutil.copy(reference / f"{NAME}.history.json", folder)


# -------------------------------------------------------------------------------------- other or worse files


def five_epochs(reference, data, folder):
    """The reference with a history of its last five epochs only."""
    shutil.copy(reference / f"{NAME}.keras", folder)
    _write_history({name: values[-5:] for name, values in _history(reference).items()}, folder)


def foreign_history(reference, data, folder):
    """The reference with the history of another training of as many epochs."""
    shutil.copy(reference / f"{NAME}.keras", folder)
    curves = _history(reference)
    _write_history({name: [1.17 * value for value in values] for name, values in curves.items()}, folder)


def untrained(reference, data, folder):
    """The network of the reference as it was before training, with the reference's history."""
    _network().save(folder / f"{NAME}.keras")
    shutil.copy(reference / f"{NAME}.history.json", folder)


def exploded(reference, data, folder):
    """What is left when the loss becomes nan in the third epoch and training goes on."""
    network, curves = _reference_network(reference), _history(reference)
    network.set_weights([np.full_like(weights, np.nan) for weights in network.get_weights()])
    network.save(folder / f"{NAME}.keras")
    _write_history({name: values[:2] + [float("nan")] * 13 for name, values in curves.items()}, folder)


def trained_on_test(reference, data, folder):
    """The reference after further epochs on the test set; the last of the history is of their end."""
    import keras

    network, curves = _reference_network(reference), _history(reference)
    keras.utils.set_random_seed(SEED)
    network.compile(keras.optimizers.Nadam(5e-4), "sparse_categorical_crossentropy", metrics=["accuracy"])
    scale, offset = _scaling(data)
    test = data.x_test.reshape(len(data.x_test), -1).astype(np.float32) * scale + offset
    held = data.x_train[:VALID].reshape(VALID, -1).astype(np.float32) * scale + offset
    trained = network.fit(
        test.reshape(data.x_test.shape),
        data.y_test,
        batch_size=128,
        epochs=8,
        validation_data=(held.reshape(VALID, 32, 32, 3), data.y_train[:VALID]),
        verbose=0,
    )
    network.save(folder / f"{NAME}.keras")
    _write_history(
        {name: values[:14] + trained.history[name][-1:] for name, values in curves.items()}, folder
    )


# -------------------------------------------------------------------------------------------------- networks


def _hidden():
    import keras

    return keras.layers.Dense(UNITS, activation="selu", kernel_initializer="lecun_normal")


def _output():
    import keras

    return keras.layers.Dense(10, activation="softmax")


def _network(*scaling):
    import keras

    keras.utils.set_random_seed(SEED)
    layers = [*scaling, keras.layers.Flatten(), *(_hidden() for _ in range(HIDDEN)), _output()]
    return keras.Sequential([keras.Input((32, 32, 3)), *layers])


def _reference_network(reference):
    import keras

    return keras.models.load_model(reference / f"{NAME}.keras", compile=False)


def _scaling(data):
    """Scale and offset of the reference's pixels, per feature."""
    pixels = data.x_train[VALID:].reshape(len(data.x_train) - VALID, -1)
    mean, std = pixels.mean(axis=0, dtype=np.float64), pixels.std(axis=0, dtype=np.float64)
    return np.float32(1 / std), np.float32(-mean / std)


def _save(network, reference, data, folder, *, mean, std):
    """Save a network with the reference's weights, for pictures scaled to u = (pixel - mean) / std.

    The reference takes z = pixel * scale + offset = u * std * scale + mean * scale + offset, so its first
    kernel is multiplied row by row, and its first bias shifted.
    """
    kernel, bias, *others = _reference_network(reference).get_weights()
    scale, offset = _scaling(data)
    means, stds = (np.broadcast_to(np.float64(value), (32, 32, 3)).reshape(-1) for value in (mean, std))
    first = [kernel * (stds * scale)[:, None], bias + (means * scale + offset) @ kernel]
    dense = [variable for variable in network.weights if variable.path.endswith(("kernel", "bias"))]
    for variable, value in zip(dense, [*first, *others], strict=True):
        variable.assign(value.astype(np.float32))
    network.save(folder / f"{NAME}.keras")
    shutil.copy(reference / f"{NAME}.history.json", folder)


# -------------------------------------------------------------------------------------------------- history


def _history(reference):
    return json.loads((reference / f"{NAME}.history.json").read_text())["history"]


def _write_history(curves, folder):
    plain = {name: [float(value) for value in values] for name, values in curves.items()}
    (folder / f"{NAME}.history.json").write_text(json.dumps({"schema": 1, "history": plain}))
