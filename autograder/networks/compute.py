"""What each kind of node computes, in NumPy: float32, inference mode, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograder.networks.functions import ACTIVATIONS, Floats
from autograder.networks.records import Node
from autograder.networks.weights import WeightsDoNotFit

__all__ = ["COMPUTE", "SHARING"]

# Keras's epsilon: the least standard deviation in `Normalization`.
_EPSILON = np.float32(1e-7)


def _dense(node: Node, weights: tuple[Floats, ...], inputs: list[Floats]) -> Floats:
    result: Floats = np.matmul(inputs[0], weights[0])
    if len(weights) > 1:
        result += weights[1]
    return result


def _activation(node: Node, weights: tuple[Floats, ...], inputs: list[Floats]) -> Floats:
    (x,) = inputs
    if node["function"] == "prelu":
        leaky: Floats = weights[0] * np.minimum(x, np.float32(0))
        return np.maximum(x, np.float32(0)) + leaky
    return ACTIVATIONS[node["function"]](x, dict(node.settings))


def _rescaling(node: Node, weights: tuple[Floats, ...], inputs: list[Floats]) -> Floats:
    return inputs[0] * np.float32(node["scale"]) + np.float32(node["offset"])


def _normalization(node: Node, weights: tuple[Floats, ...], inputs: list[Floats]) -> Floats:
    (x,) = inputs
    mean: Any
    variance: Any
    kept = [x.shape[axis + 1] if axis in node["axis"] else 1 for axis in range(x.ndim - 1)]
    if weights:
        mean, variance = (values.reshape(kept) for values in weights)
    else:
        mean, variance = (_spread(node, node[key], kept) for key in ("mean", "variance"))
    spread = np.maximum(np.sqrt(variance), _EPSILON)
    result: Floats = x * spread + mean if node["invert"] else (x - mean) / spread
    return result


def _spread(node: Node, value: Any, kept: list[int]) -> Floats:
    """A mean from the configuration: its axes belong, from the right, to the kept axes of the input."""
    given: Floats = np.asarray(value, dtype=np.float32)
    if given.ndim == 0:
        return given
    shape = [1] * len(kept)
    try:
        for size, axis in zip(reversed(given.shape), reversed(node["axis"]), strict=False):
            shape[axis] = size
        return np.broadcast_to(given.reshape(shape), kept)
    except ValueError as exc:
        raise WeightsDoNotFit(f"its mean or variance has shape {given.shape}", layer=node.name) from exc


def _batch_normalization(node: Node, weights: tuple[Floats, ...], inputs: list[Floats]) -> Floats:
    (x,) = inputs
    shape = [1] * (x.ndim - 1)
    shape[node["axis"]] = -1
    rest = list(weights)
    gamma = rest.pop(0) if node["scale"] else np.float32(1)
    beta = rest.pop(0) if node["center"] else np.float32(0)
    mean, variance = rest
    factor = gamma / np.sqrt(variance + np.float32(node["epsilon"]))
    result: Floats = x * factor.reshape(shape)
    result += (beta - mean * factor).reshape(shape)
    return result


def _same(node: Node, weights: tuple[Floats, ...], inputs: list[Floats]) -> Floats:
    return inputs[0]


def _arranged(node: Node, weights: tuple[Floats, ...], inputs: list[Floats]) -> Floats:
    return inputs[0].reshape(len(inputs[0]), *node.shape)


def _concatenate(node: Node, weights: tuple[Floats, ...], inputs: list[Floats]) -> Floats:
    return np.concatenate(inputs, axis=node["axis"] + 1)


def _add(node: Node, weights: tuple[Floats, ...], inputs: list[Floats]) -> Floats:
    total = inputs[0] + inputs[1]
    for more in inputs[2:]:
        total += more
    return total


SHARING: dict[str, Callable[[Node, tuple[Floats, ...], list[Floats]], Floats]] = {
    **dict.fromkeys(("flatten", "reshape"), _arranged),
    **dict.fromkeys(("dropout", "alpha_dropout", "gaussian_dropout", "gaussian_noise"), _same),
    **dict.fromkeys(("activity_regularization", "custom"), _same),
}
"""The kinds whose output is their input, perhaps in another shape: both lie in one place of memory."""
COMPUTE: dict[str, Callable[[Node, tuple[Floats, ...], list[Floats]], Floats]] = {
    "dense": _dense,
    "activation": _activation,
    "rescaling": _rescaling,
    "normalization": _normalization,
    "batch_normalization": _batch_normalization,
    "concatenate": _concatenate,
    "add": _add,
    **SHARING,
}
"""By kind of node, a function of the node, its weights and its inputs, each (rows, *shape)."""
