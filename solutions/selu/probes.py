"""Probes of `selu`: they try out what a student wrote, and hold no expected value.

A probe is a function of the `room`, which gives the student's names (`room.defined`) and turns what was
found into evidence (`room.model`, `room.value`).
"""

import zlib

import keras
import numpy as np

_SHAPE = (32, 32, 3)
_ROWS = 61
_FEWER = 5
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
    hidden = [keras.layers.Dense(units, activation="selu") for units in (30, 50, 20)]
    output = keras.layers.Dense(10, activation="softmax")
    network = keras.Sequential([keras.Input(_SHAPE), keras.layers.Flatten(), *hidden, output])
    return room.value(_try_out(room, network))


def shorter_network(room):
    """What it gives for a network made like the student's own with fewer hidden layers, or None.

    None where no such network can be made: its layers are then no plain chain of known kinds.
    """
    try:
        network = _shortened(room.defined("build_selu_dnn")())
    except Exception:
        return room.value(None)
    return room.value(None if network is None else _try_out(room, network))


def _shortened(network):
    """The same kind of network, of the same layers, with some of the hidden ones left out; or None."""
    layers = [one for one in network.layers if not isinstance(one, keras.layers.InputLayer)]
    places = [at for at, one in enumerate(layers) if type(one) is keras.layers.Dense]
    sequential = type(network) is keras.Sequential
    chain = sequential or len(network.operations) == len(network.layers)
    if len(places) <= _FEWER + 1 or not chain:
        return None
    kept = [
        type(one).from_config(one.get_config()) for one in layers[: places[_FEWER]] + layers[places[-1] :]
    ]
    start = keras.Input((getattr(network, "input_shape", None) or (None, *_SHAPE))[1:])
    if sequential:
        return keras.Sequential([start, *kept])
    values = start
    for one in kept:
        values = one(values)
    return keras.Model(start, values)


def _of_own_network(room):
    if not _tried:
        network = room.defined("build_selu_dnn")()
        if isinstance(network, keras.Model) and not network.built:
            network(np.zeros((1, *_SHAPE), np.float32))
        _tried.update(_try_out(room, network))
    return _tried


def _try_out(room, network):
    # Neither centred nor of unit spread, so that a mean, a deviation and a variance cannot be mixed up.
    # Louder from row to row, so that some rows, or the statistics of batches, do not pass for those of all.
    shape = (getattr(network, "input_shape", None) or (None, *_SHAPE))[1:]
    loudness = np.linspace(0.2, 4, _ROWS).reshape(-1, *(1 for _ in shape))
    images = (loudness * np.random.default_rng(1).normal(0.2, 1, (_ROWS, *shape))).astype(np.float32)
    before = _state(network)
    found = _plain(room.defined("layer_statistics")(network, images))
    return {"network": network, "images": images, "found": found, "before": before, "after": _state(network)}


def _state(network):
    """The names of a network's layers, and a number for each array of weights; None of what is no network."""
    if not isinstance(network, keras.Model):
        return None
    weights = [zlib.crc32(np.ascontiguousarray(array).tobytes()) for array in network.get_weights()]
    return {"layers": [layer.name for layer in network.layers], "weights": weights}


def _plain(found):
    """Anything that NumPy takes for an array of numbers, as one; everything else as it is."""
    if found is None:
        return None
    try:
        return np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        return found
