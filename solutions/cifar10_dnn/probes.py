"""Probes of `cifar10_dnn`: they try out what a student wrote, and hold no expected value.

A probe is a function of the `room`, which gives the student's names (`room.defined`) and turns what was
found into evidence (`room.model`, `room.value`).
"""

import keras
import numpy as np

SHAPE = (32, 32, 3)


def build_dnn(room):
    """The model that `build_dnn()` returns, fresh from its initialisers."""
    return room.model(room.defined("build_dnn")(), input_shape=SHAPE)


def two_networks(room):
    """What two networks of `build_dnn()` have in common: whether they are one, how many weights that learn.

    A layer that was adapted to the data once, for all networks, has none of these.
    """
    one, other = (_built(room.defined("build_dnn")()) for _ in range(2))
    shared = set(map(id, one.trainable_weights)) & set(map(id, other.trainable_weights))
    return {"same": one is other, "shared": len(shared)}


def _built(network):
    if isinstance(network, keras.Model) and not network.built:
        network(np.zeros((1, *SHAPE), np.float32))
    return network
