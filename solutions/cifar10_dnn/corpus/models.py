"""Recipes of model files for the corpus: what students hand in who prepare, build, train or save otherwise.

Most hold the network of the reference solution in another form, computed exactly; a few train for seconds.
Each recipe writes into `folder`, starting from the files in `reference`; `data` is the data set.
"""

import json
import shutil

import numpy as np

NAME = "cifar10_dnn"
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


def subclass(reference, data, folder):
    """The reference as a class of a student's own, with layers in lists."""
    import keras

    class DeepNet(keras.Model):
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

    network = DeepNet()
    network(np.zeros((1, 32, 32, 3), np.float32))
    _save(network, reference, folder)


def nested(reference, data, folder):
    """The reference with its hidden layers as a model inside the model."""
    import keras

    hidden = keras.Sequential([_hidden() for _ in range(HIDDEN)], name="hidden")
    _save(_sequential([keras.layers.Flatten(), hidden, _output()]), reference, folder)


def rescaling_inside(reference, data, folder):
    """The reference behind a layer that divides by 255."""
    import keras

    _save(_network(keras.layers.Rescaling(1 / 255)), reference, folder)


def normalization_inside(reference, data, folder):
    """The reference behind an adapted layer that standardises each colour, undone by the first kernel."""
    import keras

    layer = keras.layers.Normalization()
    layer.adapt(data.x_train[VALID : VALID + 2_000].astype(np.float32))
    mean, std = np.asarray(layer.mean).reshape(-1), np.sqrt(np.asarray(layer.variance)).reshape(-1)
    _save(_network(layer), reference, folder, mean=mean, std=std)


def standardised_features(reference, data, folder):
    """The reference for pictures standardised per feature."""
    mean, std = _statistics(data, axis=0)
    _save(_network(), reference, folder, mean=mean, std=std)


def standardised_channels(reference, data, folder):
    """The reference for pictures standardised per colour."""
    mean, std = _statistics(data, axis=(0, 1, 2))
    _save(_network(), reference, folder, mean=mean, std=std)


def standardised_whole(reference, data, folder):
    """The reference for pictures standardised by one mean and one deviation."""
    mean, std = _statistics(data, axis=None)
    _save(_network(), reference, folder, mean=mean, std=std)


def minus_one_to_one(reference, data, folder):
    """The reference for pixels from -1 to 1."""
    _save(_network(), reference, folder, mean=127.5, std=127.5)


def checkpoint(reference, data, folder):
    """The reference as `model.save` and ModelCheckpoint write it: with the optimiser's state."""
    network = _reference_network(reference)
    network.compile("nadam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    network.optimizer.build(network.trainable_variables)
    network.save(folder / f"{NAME}.keras")
    # Written as a student does who knows nothing of dnnlab: the curves alone.
    (folder / f"{NAME}.history.json").write_text(json.dumps(_history(reference)))


def sparse_metric(reference, data, folder):
    """The reference with the history that `SparseCategoricalAccuracy()` gives."""
    _rename_accuracy(reference, folder, "sparse_categorical_accuracy")


def categorical_metric(reference, data, folder):
    """The reference with the history that `CategoricalAccuracy()` gives."""
    _rename_accuracy(reference, folder, "categorical_accuracy")


# ----------------------------------------------------------------------------------- other or worse networks


def last_weights(reference, data, folder):
    """What is left when training goes on past the best epoch and nothing brings its weights back."""
    network, curves = _reference_network(reference), _history(reference)
    best = int(np.argmin(curves["val_loss"])) + 1
    further = _train(network, data.x_train[VALID:], data.y_train[VALID:], data, epochs=4, rate=8e-4)
    _write(network, {name: curves[name][:best] + further[name] for name in curves}, folder)


def trained_on_test(reference, data, folder):
    """The reference after further epochs on the test set; the history is of the last of them."""
    network = _reference_network(reference)
    curves = _train(network, data.x_test, data.y_test, data, epochs=6, rate=4e-4)
    _write(network, {name: values[-1:] for name, values in curves.items()}, folder)


def relu(reference, data, folder):
    """A network with another activation, shortly trained."""
    _short_training(
        _sequential([_flat(), *(_hidden("relu") for _ in range(HIDDEN)), _output()]), data, folder
    )


def ten_layers(reference, data, folder):
    """A network with ten hidden layers, shortly trained."""
    _short_training(_sequential([_flat(), *(_hidden() for _ in range(HIDDEN // 2)), _output()]), data, folder)


def convolutions(reference, data, folder):
    """A small convolutional network, shortly trained."""
    from keras import layers

    stem = [layers.Conv2D(16, 3, 2, activation="relu"), layers.Conv2D(32, 3, 2, activation="relu")]
    _short_training(_sequential([*stem, _flat(), _output()]), data, folder)


def untrained(reference, data, folder):
    """The network of the reference as it was before training, with the reference's history."""
    _write(_network(), _history(reference), folder)


def exploded(reference, data, folder):
    """What is left when the loss becomes nan in the third epoch and training goes on."""
    network, curves = _reference_network(reference), _history(reference)
    network.set_weights([np.full_like(weights, np.nan) for weights in network.get_weights()])
    curves = {name: values[:2] + [float("nan")] * 3 for name, values in curves.items()}
    _write(network, curves, folder)


# ------------------------------------------------------------------------------------------ other file pairs


def foreign_history(reference, data, folder):
    """The reference with the history of another, shorter training."""
    shutil.copy(reference / f"{NAME}.keras", folder)
    network = _network()
    curves = _train(network, data.x_train[-5_000:], data.y_train[-5_000:], data, epochs=3, rate=4e-4)
    _write_history(curves, folder)


def history_without_validation(reference, data, folder):
    """The reference with a history that has training figures only."""
    shutil.copy(reference / f"{NAME}.keras", folder)
    curves = _history(reference)
    _write_history({name: curves[name] for name in ("loss", "accuracy")}, folder)


def damaged(reference, data, folder):
    """The reference with its model file cut short."""
    content = (reference / f"{NAME}.keras").read_bytes()
    (folder / f"{NAME}.keras").write_bytes(content[: len(content) // 2])
    shutil.copy(reference / f"{NAME}.history.json", folder)


# -------------------------------------------------------------------------------------------------- networks


def _flat():
    import keras

    return keras.layers.Flatten()


def _hidden(activation="elu"):
    import keras

    initializer = keras.initializers.HeNormal(seed=SEED)
    return keras.layers.Dense(UNITS, activation=activation, kernel_initializer=initializer)


def _output():
    import keras

    return keras.layers.Dense(10, activation="softmax")


def _sequential(layers):
    import keras

    keras.utils.set_random_seed(SEED)
    return keras.Sequential([keras.Input((32, 32, 3)), *layers])


def _network(*scaling):
    return _sequential([*scaling, _flat(), *(_hidden() for _ in range(HIDDEN)), _output()])


def _reference_network(reference):
    import keras

    return keras.models.load_model(reference / f"{NAME}.keras", compile=False)


def _statistics(data, axis):
    pixels = data.x_train[VALID : VALID + 10_000].astype(np.float64)
    mean, std = pixels.mean(axis=axis), pixels.std(axis=axis)
    return np.float32(mean), np.float32(std)


def _save(network, reference, folder, *, mean=0.0, std=255.0):
    """Save a network with the reference's weights, for pictures scaled to (pixel - mean) / std.

    The reference takes pixel / 255 = z * std / 255 + mean / 255, so with its first kernel W and bias b the
    new ones are W * std / 255, row by row, and b + mean / 255 @ W.
    """
    kernel, bias, *others = _reference_network(reference).get_weights()
    means, stds = (np.broadcast_to(np.float64(value), (32, 32, 3)).reshape(-1) / 255 for value in (mean, std))
    first = [kernel * stds[:, None], bias + means @ kernel]
    dense = [variable for variable in network.weights if variable.path.endswith(("kernel", "bias"))]
    for variable, value in zip(dense, [*first, *others], strict=True):
        variable.assign(value.astype(np.float32))
    network.save(folder / f"{NAME}.keras")
    shutil.copy(reference / f"{NAME}.history.json", folder)


# -------------------------------------------------------------------------------------- training and history


def _train(network, images, labels, data, *, epochs, rate):
    """Train for some epochs; returns the history, measured on the lab's validation set."""
    import keras

    keras.utils.set_random_seed(SEED)
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


def _rename_accuracy(reference, folder, name):
    shutil.copy(reference / f"{NAME}.keras", folder)
    curves = _history(reference)
    _write_history({key.replace("accuracy", name): values for key, values in curves.items()}, folder)
