"""Models as evidence has them, made without Keras: configuration, weights, and outputs that fit both."""

import attrs
import numpy as np

from autograder.evidence import ModelView
from autograder.networks.graph import parse
from autograder.networks.inference import forward


def layer(kind, name, **config):
    """One layer as Keras writes it."""
    return {"module": "keras.layers", "class_name": kind, "config": {"name": name, **config}}


def scaling(scale, distribution="truncated_normal", mode="fan_in"):
    """An initialiser as Keras writes it."""
    config = {"scale": scale, "mode": mode, "distribution": distribution}
    return {"module": "keras.initializers", "class_name": "VarianceScaling", "config": config}


def dense_model(shape, widths, activation, *, ahead=(), initialiser=None, seed=0, spread=1.0, draw=None):
    """A chain of dense layers, the last with a softmax.

    shape: of the input, a number or a tuple. ahead: further layers in front, as `layer` gives them. Kernels
    have a deviation of sqrt(spread / inputs), or are what `draw(rng, shape)` gives.
    """
    shape = shape if isinstance(shape, tuple) else (shape,)
    rng = np.random.default_rng(seed)
    layers = [layer("InputLayer", "input", batch_shape=[None, *shape]), *ahead]
    if len(shape) > 1:
        layers.append(layer("Flatten", "flatten"))
    inputs, weights = int(np.prod(shape)), {}
    for number, units in enumerate(widths):
        last = number == len(widths) - 1
        name = "output" if last else f"dense_{number}"
        layers.append(
            layer(
                "Dense",
                name,
                units=units,
                activation="softmax" if last else activation,
                use_bias=True,
                kernel_initializer=initialiser or scaling(spread),
                bias_initializer="zeros",
            )
        )
        size = (inputs, units)
        kernel = draw(rng, size) if draw else rng.normal(0, (spread / inputs) ** 0.5, size)
        weights[name] = [kernel.astype(np.float32), np.zeros(units, np.float32)]
        inputs = units
    config = {"module": "keras", "class_name": "Sequential", "config": {"name": "net", "layers": layers}}
    model = ModelView(type="Sequential", config=config, weights=weights)
    graph = parse(config)
    given = np.random.default_rng(0).random((8, *shape), dtype=np.float32)
    return attrs.evolve(model, outputs=forward(graph, weights, given))
