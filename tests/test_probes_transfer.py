"""What the probes of `mnist_transfer` find where transfers are written in styles of one's own."""

import json
import os

import numpy as np
import pytest

from autograder.checks import reuse
from autograder.evidence import Evidence
from autograder.evidence.values import view
from autograder.labs import find_lab

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
keras = pytest.importorskip("keras")

from autograder.room.collector import ProbeRoom, load_probes  # noqa: E402
from autograder.room.describe import Recorder  # noqa: E402


def hidden():
    """A hidden layer as question 2 has it."""
    return keras.layers.Dense(100, "elu", kernel_initializer="he_normal")


def answer():
    """A new output layer."""
    return keras.layers.Dense(5, "softmax")


def compiled(model):
    """The model, ready to be trained."""
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def build_dnn_04():
    """The network of question 2."""
    return keras.Sequential(
        [keras.Input((28, 28)), keras.layers.Flatten(), *(hidden() for _ in range(5)), answer()]
    )


def copied(base):
    """A copy of a model with its weights."""
    copy = keras.models.clone_model(base)
    copy.set_weights(base.get_weights())
    return copy


def by_slice(base):
    """A slice of a copy's layers, which does not know the shape of its input."""
    model = keras.Sequential(copied(base).layers[:-1])
    for layer in model.layers:
        layer.trainable = False
    model.add(answer())
    return compiled(model)


def built_late(base):
    """The same, built after it was compiled."""
    model = by_slice(base)
    model.build((None, 28, 28))
    return model


def frozen_late(base):
    """Frozen when it is compiled and trained already."""
    model = copied(base)
    model = keras.Sequential([keras.Input((28, 28)), *model.layers[:-1], answer()])
    compiled(model)
    for layer in model.layers[:-1]:
        layer.trainable = False
    return model


class Digits(keras.Model):
    """A network that is known by its attributes."""

    def __init__(self, count=5):
        super().__init__()
        self.flatten = keras.layers.Flatten()
        self.hidden = [hidden() for _ in range(count)]
        self.answer = answer()

    def features(self, inputs):
        """What the last hidden layer gives."""
        x = self.flatten(inputs)
        for layer in self.hidden:
            x = layer(x)
        return x

    def call(self, inputs):
        """Probabilities of classes."""
        return self.answer(self.features(inputs))


def by_attributes(base):
    """A transfer between two networks of that class."""
    model = Digits()
    model(np.zeros((1, 28, 28), np.float32))
    for new, old in zip(model.hidden, base.hidden, strict=True):
        new.set_weights(old.get_weights())
        new.trainable = False
    return compiled(model)


class Hidden(keras.layers.Layer):
    """A hidden layer that is made of another one."""

    def __init__(self):
        super().__init__()
        self.dense = hidden()

    def call(self, inputs):
        """What the layer inside gives."""
        return self.dense(inputs)


def build_of_blocks():
    """The network of question 2 with layers inside of layers."""
    return keras.Sequential(
        [keras.Input((28, 28)), keras.layers.Flatten(), *(Hidden() for _ in range(5)), answer()]
    )


def of_blocks(base):
    """A transfer that is made of these blocks, and asks for them."""
    model = build_of_blocks()
    for new, old in zip(model.layers[1:-1], base.layers[1:-1], strict=True):
        new.dense.set_weights(old.dense.get_weights())
        new.trainable = False
    return compiled(model)


def build_flat():
    """The network of question 2 for flattened images."""
    return keras.Sequential([keras.Input((784,)), *(hidden() for _ in range(5)), answer()])


def by_builder(base):
    """A transfer that is made of the builder for flattened images."""
    model = build_flat()
    for new, old in zip(model.layers[:-1], base.layers[:-1], strict=True):
        new.set_weights(old.get_weights())
        new.trainable = False
    return compiled(model)


def unfrozen(layers):
    """A function that makes these layers of a model trainable and compiles it again."""

    def unfreeze_top_two(model):
        for layer in layers(model):
            layer.trainable = True
        return compiled(model)

    return unfreeze_top_two


def found(probe, **names):
    """Evidence of what one probe finds with these names defined."""
    recorder = Recorder("p")
    record = load_probes(find_lab("mnist_transfer").probes)[probe](ProbeRoom(names, recorder))
    value = view(json.loads(json.dumps(record)), recorder.arrays)
    return Evidence(names={}, probes={probe: value})


STYLES = [
    (build_dnn_04, by_slice),
    (build_dnn_04, built_late),
    (Digits, by_attributes),
    (build_of_blocks, of_blocks),
    (build_flat, by_builder),
]


@pytest.mark.parametrize(("base", "transfer"), STYLES)
def test_honest_transfers(base, transfer):
    """A model that is built late, of a class of one's own, of blocks or for flat images counts the same."""
    name = "build_transfer_model"
    evidence = found(name, build_dnn_04=base, build_transfer_model=transfer)

    assert [] == reuse.check_reused(evidence, name, layers=5)
    assert [] == reuse.check_frozen(evidence, name, layers=5)
    assert [] == reuse.check_new_output(evidence, name, units=5)
    assert [] == reuse.check_base_unchanged(evidence, name)


def test_frozen_too_late():
    """Flags that were set after compiling are told, whichever model they are of."""
    evidence = found("build_transfer_model", build_dnn_04=build_dnn_04, build_transfer_model=frozen_late)
    (told,) = reuse.check_frozen(evidence, "build_transfer_model", layers=5)

    assert "were set after `compile`" in told.message


@pytest.mark.parametrize(
    ("base", "transfer", "layers"),
    [
        (build_dnn_04, by_slice, lambda model: model.layers[-3:]),
        (Digits, by_attributes, lambda model: model.hidden[-2:]),
        (build_of_blocks, of_blocks, lambda model: model.layers[-3:-1]),
    ],
)
def test_unfrozen_models(base, transfer, layers):
    """The two top layers are found by their place, by an attribute or inside of others."""
    name, made = "unfreeze_top_two", {"build_dnn_04": base, "build_transfer_model": transfer}
    evidence = found(name, unfreeze_top_two=unfrozen(layers), **made)

    assert [] == reuse.check_recompiled(evidence, name, question="q10")


@pytest.mark.parametrize(
    ("base", "cache"),
    [
        (Digits, lambda base, X: base.features(X)),
        (build_flat, lambda base, X: keras.Model(base.inputs, base.layers[-2].output)(X.reshape(-1, 784))),
        (build_dnn_04, lambda base, X: np.stack([_through(base, X[at : at + 1])[0] for at in range(len(X))])),
    ],
)
def test_caches(base, cache):
    """A cache is what the last hidden layer gives, however it is computed."""
    evidence = found("cache_hidden_outputs", build_dnn_04=base, cache_hidden_outputs=cache)

    assert [] == reuse.check_cached(evidence, "cache_hidden_outputs")


def _through(base, x):
    for layer in base.layers[:-1]:
        x = layer(x)
    return np.asarray(x)
