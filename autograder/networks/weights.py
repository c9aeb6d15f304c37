"""Weights, checked against a graph before anything is computed with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograder.networks.functions import Floats
from autograder.networks.records import Graph, Node

__all__ = ["Weights", "WeightsDoNotFit", "fit_in_order", "prepared_weights"]

Weights = Mapping[str, Sequence[NDArray[Any]]]
"""By the path of a layer, its arrays in the order of `layer.variables`."""


class WeightsDoNotFit(Exception):
    """Weights that are not those of the graph, or not finite; `what` says so in words for their author."""

    def __init__(self, what: str, *, layer: str) -> None:
        super().__init__(f"layer '{layer}': {what}")
        self.what = str(self)
        self.layer = layer


def prepared_weights(graph: Graph, weights: Weights) -> dict[int, tuple[Floats, ...]]:
    """The weights of each node that has some, as finite float32 arrays of the right shapes.

    Arrays of nodes without weights (a dropout's random state, say) are ignored. Raises WeightsDoNotFit.
    """
    prepared = {}
    for at, node in enumerate(graph.nodes):
        shapes = _shapes_of(graph, node)
        if shapes:
            prepared[at] = _checked(node, shapes, weights.get(node.name))
    return prepared


def fit_in_order(graph: Graph, layers: Sequence[Sequence[NDArray[Any]]]) -> dict[str, list[NDArray[Any]]]:
    """Weights by path for a graph whose file names its layers otherwise, as a subclassed model's does.

    layers: the arrays of each layer in the order of creation. Each layer of the graph takes the first that is
    left and has its shapes. Raises WeightsDoNotFit where none is left for a layer.
    """
    left = [list(arrays) for arrays in layers]
    fitted: dict[str, list[NDArray[Any]]] = {}
    for node in graph.nodes:
        shapes = _shapes_of(graph, node)
        if not shapes or node.name in fitted:
            continue
        match = next((at for at, arrays in enumerate(left) if _fits(shapes, arrays)), None)
        if match is None:
            raise WeightsDoNotFit("the file has no weights of its shapes", layer=node.name)
        fitted[node.name] = left.pop(match)
    return fitted


def _fits(shapes: Sequence[tuple[int, ...]], arrays: Sequence[NDArray[Any]]) -> bool:
    return tuple(shapes) == tuple(array.shape for array in arrays[: len(shapes)])


def _checked(
    node: Node, shapes: Sequence[tuple[int, ...]], arrays: Sequence[NDArray[Any]] | None
) -> tuple[Floats, ...]:
    if arrays is None:
        raise WeightsDoNotFit("it has no weights in the file", layer=node.name)
    if not _fits(shapes, arrays):
        found = ", ".join(str(array.shape) for array in arrays) or "none"
        wanted = ", ".join(map(str, shapes))
        raise WeightsDoNotFit(f"its weights have shapes {found}, not {wanted}", layer=node.name)
    result = []
    for array in arrays[: len(shapes)]:
        if array.dtype.kind not in "fiu":
            raise WeightsDoNotFit(f"its weights are of type {array.dtype}, not numbers", layer=node.name)
        values = np.ascontiguousarray(array, dtype=np.float32)
        if not np.isfinite(values).all():
            raise WeightsDoNotFit("its weights are not finite numbers", layer=node.name)
        result.append(values)
    return tuple(result)


def _shapes_of(graph: Graph, node: Node) -> list[tuple[int, ...]]:
    """The shapes of a node's weights, in order; none where it has none."""
    reader = _SHAPES.get(node.kind)
    return reader(node, graph.nodes[node.inbound[0]].shape) if reader else []


def _dense(node: Node, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    bias = [(node["units"],)] if node["use_bias"] else []
    return [(shape[-1], node["units"]), *bias]


def _batch_normalization(node: Node, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [(shape[node["axis"]],)] * (2 + node["scale"] + node["center"])


def _normalization(node: Node, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [tuple(shape[axis] for axis in node["axis"])] * 2 if node["mean"] is None else []


def _activation(node: Node, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    if node["function"] != "prelu":
        return []
    shared = node["shared_axes"]
    return [tuple(1 if axis in shared else size for axis, size in enumerate(shape, start=1))]


_SHAPES: dict[str, Callable[[Node, tuple[int, ...]], list[tuple[int, ...]]]] = {
    "dense": _dense,
    "batch_normalization": _batch_normalization,
    "normalization": _normalization,
    "activation": _activation,
}
