"""Recipes of model files for the corpus: what students hand in who prepare, build, train or save otherwise.

Most hold the networks of the reference solution in another form, computed exactly; a few train for seconds.
Each recipe writes into `folder`, starting from the files in `reference`; `data` is the data set.
"""

import json
import shutil

import numpy as np

PAIRS, CLASSIFIER = "mnist_pairs", "mnist_pairwise"
SPLIT = 5_000
SEED = 42


# --------------------------------------------------------------------------- the references in another form


def nested(reference, data, folder):
    """Both networks with the towers as models of their own, activations as layers."""
    import keras

    weights = _weights(reference)
    towers = {letter: _sequential(*_tower_layers(apart=True)) for letter in "ab"}
    inputs = [keras.Input((28, 28)), keras.Input((28, 28))]
    x = keras.layers.Concatenate()([towers["a"](inputs[0]), towers["b"](inputs[1])])
    # The reference's layer of ten is an ELU as well.
    x = keras.layers.Dense(10, activation="elu")(x)
    x = keras.layers.Activation("sigmoid")(keras.layers.Dense(1)(x))
    network = keras.Model(inputs, x)
    for letter in "ab":
        towers[letter].set_weights([array for pair in weights[letter] for array in pair])
    _fill_head(network, weights["head"])
    network.save(folder / f"{PAIRS}.keras")
    classifier = keras.Sequential([keras.Input((28, 28)), towers["a"], keras.layers.Dense(10, "softmax")])
    classifier.layers[-1].set_weights(weights["answer"])
    classifier.save(folder / f"{CLASSIFIER}.keras")
    _histories(reference, folder)


def subclass(reference, data, folder):
    """The pair network as a class of a student's own, with layers in lists."""
    import keras

    class PairModel(keras.Model):
        def __init__(self, **settings):
            super().__init__(**settings)
            self.flatten = keras.layers.Flatten()
            self.a = [keras.layers.Dense(100, "elu") for _ in range(5)]
            self.b = [keras.layers.Dense(100, "elu") for _ in range(5)]
            self.join = keras.layers.Concatenate()
            self.compare = keras.layers.Dense(10, "elu")
            self.answer = keras.layers.Dense(1, "sigmoid")

        def call(self, inputs):
            a, b = inputs
            a, b = self.flatten(a), self.flatten(b)
            for layer in self.a:
                a = layer(a)
            for layer in self.b:
                b = layer(b)
            return self.answer(self.compare(self.join([a, b])))

    weights, network = _weights(reference), PairModel()
    network((np.zeros((1, 28, 28), np.float32), np.zeros((1, 28, 28), np.float32)))
    dense = [*network.a, *network.b, network.compare, network.answer]
    for layer, values in zip(dense, [*weights["a"], *weights["b"], *weights["head"]], strict=True):
        layer.set_weights(values)
    network.save(folder / f"{PAIRS}.keras")
    _keep(reference, folder, f"{CLASSIFIER}.keras")
    _histories(reference, folder)


def flat(reference, data, folder):
    """Both networks for pictures that were flattened beforehand."""
    _rebuilt(reference, folder, shape=(784,))


def rescaling_inside(reference, data, folder):
    """Both networks behind layers that divide by 255."""
    import keras

    _rebuilt(reference, folder, ahead=lambda: [keras.layers.Rescaling(1 / 255)])


def standardised(reference, data, folder):
    """Both networks for pixels standardised to (pixel - 33.3) / 78.6.

    The reference takes pixel / 255 = z * std / 255 + mean / 255, so with a first kernel W and bias b the new
    ones are W * std / 255, row by row, and b + mean / 255 @ W.
    """
    _rebuilt(reference, folder, mean=33.3, std=78.6)


def standardised_pixels(reference, data, folder):
    """Both networks for pictures that were standardised pixel by pixel."""
    flat_pixels = data.x_train.reshape(len(data.x_train), -1).astype(np.float32)
    std = flat_pixels.std(axis=0)
    _rebuilt(reference, folder, mean=flat_pixels.mean(axis=0), std=np.where(std == 0, 1, std))


def inverted(reference, data, folder):
    """The pair network with 1 for the same digit: the output's weights with the other sign."""
    network = _load(reference, PAIRS)
    network.layers[-1].set_weights([-array for array in network.layers[-1].get_weights()])
    network.save(folder / f"{PAIRS}.keras")
    _keep(reference, folder, f"{CLASSIFIER}.keras")
    _histories(reference, folder)


def no_validation(reference, data, folder):
    """The references with a history of training figures alone."""
    _networks(reference, folder)
    curves = _history(reference, PAIRS)
    _write_history(folder, PAIRS, {name: curves[name] for name in ("loss", "accuracy")})
    _keep(reference, folder, f"{CLASSIFIER}.history.json")


def plain_history(reference, data, folder):
    """The references, the pair network's history as a student writes it who does without dnnlab."""
    _networks(reference, folder)
    (folder / f"{PAIRS}.history.json").write_text(json.dumps(_history(reference, PAIRS)))
    _keep(reference, folder, f"{CLASSIFIER}.history.json")


def fine_tuned(reference, data, folder):
    """The classifier after two more epochs at a small rate with nothing frozen."""
    classifier = _load(reference, CLASSIFIER)
    classifier.trainable = True
    for layer in classifier._flatten_layers():
        layer.trainable = True
    _train(classifier, data, epochs=2, rate=1e-4)
    _with_classifier(classifier, reference, folder)


# ------------------------------------------------------------------------------------ other or worse networks


def untrained_pairs(reference, data, folder):
    """The pair network as it was before training."""
    import keras

    keras.utils.set_random_seed(SEED)
    _pair_network().save(folder / f"{PAIRS}.keras")
    _keep(reference, folder, f"{CLASSIFIER}.keras")
    _histories(reference, folder)


def foreign_history(reference, data, folder):
    """The references with the history of a pair training that came to nothing."""
    _networks(reference, folder)
    curves = {
        "loss": [0.71, 0.69],
        "accuracy": [0.5, 0.52],
        "val_loss": [0.7, 0.69],
        "val_accuracy": [0.5, 0.51],
    }
    _write_history(folder, PAIRS, curves)
    _keep(reference, folder, f"{CLASSIFIER}.history.json")


def tower_b(reference, data, folder):
    """A classifier on tower B, shortly trained."""
    weights = _weights(reference)
    classifier = _classifier(weights["b"], frozen=True)
    _train(classifier, data, epochs=12, rate=5e-3)
    _with_classifier(classifier, reference, folder)


def from_scratch(reference, data, folder):
    """A network like the classifier that was trained from scratch on split 2."""
    classifier = _classifier(None, frozen=False)
    _train(classifier, data, epochs=8, rate=2e-3)
    _with_classifier(classifier, reference, folder)


def small_classifier(reference, data, folder):
    """A network of one hidden layer, trained on split 2."""
    import keras

    keras.utils.set_random_seed(SEED)
    layers = [keras.layers.Flatten(), keras.layers.Dense(100, "relu"), keras.layers.Dense(10, "softmax")]
    classifier = _sequential(*layers)
    _train(classifier, data, epochs=8, rate=2e-3)
    _with_classifier(classifier, reference, folder)


def untrained_classifier(reference, data, folder):
    """Tower A with a new layer that has learned nothing."""
    _with_classifier(_classifier(_weights(reference)["a"], frozen=True), reference, folder)


# ------------------------------------------------------------------------------------------ missing files


def no_pairs_file(reference, data, folder):
    """Everything but the pair network."""
    _keep(reference, folder, f"{CLASSIFIER}.keras")
    _histories(reference, folder)


def no_pairs_history(reference, data, folder):
    """Everything but the pair network's history."""
    _networks(reference, folder)
    _keep(reference, folder, f"{CLASSIFIER}.history.json")


def no_classifier_file(reference, data, folder):
    """Everything but the classifier."""
    _keep(reference, folder, f"{PAIRS}.keras")
    _histories(reference, folder)


# -------------------------------------------------------------------------------------------------- networks


def _load(reference, name):
    import keras

    return keras.models.load_model(reference / f"{name}.keras", compile=False)


def _weights(reference):
    """Kernel and bias of every dense layer: of towers "a" and "b", of the "head", and of the new "answer"."""
    network, classifier = _load(reference, PAIRS), _load(reference, CLASSIFIER)
    found = {
        letter: [
            network.get_layer(name).get_weights()
            for name in (*(f"hidden_{letter}{number}" for number in range(1, 5)), f"tower_{letter}")
        ]
        for letter in "ab"
    }
    head = [layer.get_weights() for layer in network.layers[-2:]]
    return {**found, "head": head, "answer": classifier.layers[-1].get_weights()}


def _tower_layers(*, apart=False, ahead=list, shape=(28, 28)):
    """Fresh layers of a tower; apart: with layers of their own for the activations."""
    import keras

    layers = [*ahead(), *([keras.layers.Flatten()] if len(shape) > 1 else [])]
    for _ in range(5):
        activation = None if apart else "elu"
        layers.append(keras.layers.Dense(100, activation=activation, kernel_initializer="he_normal"))
        if apart:
            layers.append(keras.layers.ELU())
    return layers


def _sequential(*layers, shape=(28, 28)):
    import keras

    return keras.Sequential([keras.Input(shape), *layers])


def _pair_network(shape=(28, 28), ahead=list):
    """A fresh pair network; its dense layers are, in order of creation, those of a, of b, and of the head."""
    import keras

    inputs, ends = [], []
    for _ in "ab":
        inputs.append(keras.Input(shape))
        x = inputs[-1]
        for layer in _tower_layers(ahead=ahead, shape=shape):
            x = layer(x)
        ends.append(x)
    x = keras.layers.Dense(10, activation="elu", kernel_initializer="he_normal")(
        keras.layers.concatenate(ends)
    )
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))


def _classifier(tower, *, frozen, shape=(28, 28), ahead=list):
    """A tower of these weights, or fresh, with a new layer of ten."""
    import keras

    keras.utils.set_random_seed(SEED)
    layers = _tower_layers(ahead=ahead, shape=shape)
    network = _sequential(*layers, keras.layers.Dense(10, activation="softmax"), shape=shape)
    dense = [layer for layer in layers if isinstance(layer, keras.layers.Dense)]
    for layer, values in zip(dense, tower or [], strict=False):
        layer.set_weights(values)
        layer.trainable = not frozen
    return network


def _rebuilt(reference, folder, *, shape=(28, 28), ahead=list, mean=0.0, std=255.0):
    """Write both references as networks for other inputs."""
    weights = _weights(reference)
    towers = {letter: [_rescaled(*weights[letter][0], mean, std), *weights[letter][1:]] for letter in "ab"}
    network = _pair_network(shape, ahead)
    # Keras lists layers by their depth, one of tower a and one of tower b in turn.
    dense = [layer for layer in network.layers if type(layer).__name__ == "Dense"]
    for letter, layers in (("a", dense[0:10:2]), ("b", dense[1:10:2])):
        for layer, values in zip(layers, towers[letter], strict=True):
            layer.set_weights(values)
    _fill_head(network, weights["head"])
    network.save(folder / f"{PAIRS}.keras")
    classifier = _classifier(towers["a"], frozen=True, shape=shape, ahead=ahead)
    classifier.layers[-1].set_weights(weights["answer"])
    classifier.save(folder / f"{CLASSIFIER}.keras")
    _histories(reference, folder)


def _rescaled(kernel, bias, mean, std):
    mean, std = (np.broadcast_to(np.float32(value) / 255, len(kernel)) for value in (mean, std))
    return [kernel * std[:, None], bias + mean @ kernel]


def _fill_head(network, head):
    dense = [layer for layer in network.layers if type(layer).__name__ == "Dense"]
    for layer, values in zip(dense[-2:], head, strict=True):
        layer.set_weights(values)


# ---------------------------------------------------------------------------------------- training and files


def _train(network, data, *, epochs, rate):
    import keras

    network.compile(keras.optimizers.Nadam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    images = data.x_train[:SPLIT].astype(np.float32) / 255
    network.fit(images, data.y_train[:SPLIT], batch_size=128, epochs=epochs, verbose=0)


def _with_classifier(classifier, reference, folder):
    classifier.save(folder / f"{CLASSIFIER}.keras")
    _keep(reference, folder, f"{PAIRS}.keras")
    _histories(reference, folder)


def _networks(reference, folder):
    _keep(reference, folder, f"{PAIRS}.keras", f"{CLASSIFIER}.keras")


def _histories(reference, folder):
    _keep(reference, folder, f"{PAIRS}.history.json", f"{CLASSIFIER}.history.json")


def _keep(reference, folder, *names):
    for name in names:
        shutil.copy(reference / name, folder)


def _history(reference, name):
    return json.loads((reference / f"{name}.history.json").read_text())["history"]


def _write_history(folder, name, curves):
    (folder / f"{name}.history.json").write_text(json.dumps({"schema": 1, "history": curves}))
