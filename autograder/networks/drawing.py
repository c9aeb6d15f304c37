"""Fresh weights, drawn as Keras would draw them: for samples of what a network does before any training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autograder.networks.functions import Floats
from autograder.networks.records import Graph, Initialiser, Node, UnsupportedModel

__all__ = ["draw_weights"]

_CUT = 2.0
"""Keras draws a truncated normal again beyond so many deviations."""
_SHRUNK = 0.87962566103423978
"""The standard deviation of a standard normal that is cut there; Keras divides by it."""


def draw_weights(
    graph: Graph, rng: np.random.Generator, *, repeated: bool = False
) -> dict[str, list[NDArray[np.float32]]]:
    """New weights for the dense layers of a graph, by layer, as their initialisers say.

    repeated: whether layers of one shape get the same kernel, as with one initialiser object for all of them.
    Raises UnsupportedModel for layers with weights that are not dense, and for other initialisers than
    variance scaling and constants.
    """
    weights: dict[str, list[Floats]] = {}
    known: dict[tuple[int, ...], Floats] = {}
    for node in graph.nodes:
        if node.kind == "batch_normalization" or node.get("function") == "prelu":
            raise UnsupportedModel("fresh weights are drawn for dense layers only", layer=node.name)
        if node.kind != "dense":
            continue
        shape = (graph.nodes[node.inbound[0]].shape[-1], int(node["units"]))
        kernel = known.get(shape) if repeated else None
        if kernel is None:
            kernel = known[shape] = _draw(node, node["kernel_initializer"], shape, rng)
        bias = [_draw(node, node["bias_initializer"], shape[1:], rng)] if node["use_bias"] else []
        weights[node.name] = [kernel, *bias]
    return weights


def _draw(node: Node, initialiser: Initialiser, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    if initialiser.kind == "constant":
        return np.full(shape, initialiser["value"], np.float32)
    if initialiser.kind != "variance_scaling" or len(shape) != 2:
        raise UnsupportedModel(f"{initialiser.describe()} cannot be drawn here", layer=node.name)
    inputs, outputs = shape
    number = {"fan_in": inputs, "fan_out": outputs, "fan_avg": (inputs + outputs) / 2}[initialiser["mode"]]
    spread = np.float32((initialiser["scale"] / number) ** 0.5)
    if initialiser["distribution"] == "uniform":
        return rng.uniform(-1, 1, shape).astype(np.float32) * np.float32(3**0.5) * spread
    values = rng.standard_normal(shape, np.float32)
    if initialiser["distribution"] == "untruncated_normal":
        return values * spread
    while (beyond := np.abs(values) > _CUT).any():
        values[beyond] = rng.standard_normal(int(beyond.sum()), np.float32)
    return values * (spread / np.float32(_SHRUNK))
