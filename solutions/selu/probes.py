"""Probes of `selu`: they try out what a student wrote, and hold no expected value.

A probe is a function of the `room`, which gives the student's names (`room.defined`) and turns what was
found into evidence (`room.model`, `room.value`).
"""

import keras
import numpy as np

_SHAPE = (32, 32, 3)
_ROWS = 64
_tried = {}
"""What `layer_statistics` gave for the student's own network: tried once, told by two probes."""


def build_selu_dnn(room):
    """The model that `build_selu_dnn()` returns, fresh from its initialisers."""
    return room.model(room.defined("build_selu_dnn")(), input_shape=_SHAPE)


def layer_statistics(room):
    """What `layer_statistics` gives for a network of the student's own."""
    return room.value(_of_own_network(room)["found"])


def own_network(room):
    """The same, together with that network and the images it was given."""
    return room.value(_of_own_network(room))


def small_network(room):
    """What `layer_statistics` gives for a small network of the plainest form."""
    hidden = [
        keras.layers.Dense(units, activation="selu", kernel_initializer="lecun_normal")
        for units in (30, 50, 20)
    ]
    output = keras.layers.Dense(10, activation="softmax")
    network = keras.Sequential([keras.Input(_SHAPE), keras.layers.Flatten(), *hidden, output])
    return room.value(_try_out(room, network))


def _of_own_network(room):
    if not _tried:
        network = room.defined("build_selu_dnn")()
        if isinstance(network, keras.Model) and not network.built:
            network(np.zeros((1, *_SHAPE), np.float32))
        _tried.update(_try_out(room, network))
    return _tried


def _try_out(room, network):
    # Neither centred nor of unit spread, so that a mean, a deviation and a variance cannot be mixed up.
    shape = (getattr(network, "input_shape", None) or (None, *_SHAPE))[1:]
    images = np.random.default_rng(1).normal(0.3, 1.5, (_ROWS, *shape)).astype(np.float32)
    found = room.defined("layer_statistics")(network, images)
    return {"network": network, "images": images, "found": _plain(found)}


def _plain(found):
    """Anything that NumPy takes for an array of numbers, as one; everything else as it is."""
    if found is None:
        return None
    try:
        return np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        return found
