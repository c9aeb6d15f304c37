"""What a network answers, computed in NumPy: inference mode, float32, block by block.

Every layer is held equal to Keras's by the tests. Nothing here deserialises anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from autograder.networks.compute import COMPUTE, SHARING
from autograder.networks.functions import Floats, log_softmax
from autograder.networks.records import Graph, Node, UnsupportedModel
from autograder.networks.weights import Weights, WeightsDoNotFit, prepared_weights

__all__ = [
    "Evaluation",
    "Source",
    "WeightsDoNotFit",
    "accuracy_and_loss",
    "forward",
    "hidden_outputs",
    "outputs_of",
    "statistics_of",
]

Array = NDArray[Any]
Source = Array | tuple[Array, ...] | Callable[[slice], Array | tuple[Array, ...]]
"""Inputs: an array, a tuple of arrays for several inputs, or a function that makes the rows of a slice."""

_BLOCK = 1_000
# Keras's epsilon, by which probabilities are clipped.
_EPSILON = np.float32(1e-7)
# What one evaluation may cost: multiplications for one row, and values of one layer in one block (64 MB). Any
# other step takes as long for a value as so many multiplications do. A file's weights allow for 24 million.
_MOST_WORK = 30_000_000
_PER_VALUE = 40
_MOST_VALUES = 16_000_000
# What may be kept of one evaluation at a time: values of all layers that are asked for (80 MB).
_MOST_KEPT = 20_000_000


@attrs.frozen(kw_only=True)
class Evaluation:
    """Share of n examples that the network gets right, and its mean cross-entropy (natural logarithm)."""

    accuracy: float
    loss: float
    n: int


def forward(
    graph: Graph,
    weights: Weights,
    x: Source,
    *,
    batch: int = _BLOCK,
    upto: int | None = None,
    rows: int | None = None,
    passthrough: Collection[str] = (),
) -> Floats:
    """The first output of the network, or the output of node `upto`, for every row: float32, (rows, *shape).

    batch: rows at a time; fewer where layers are very wide. rows: how many there are, needed only where x is
    a function. passthrough: class names of a student's own layers, or kinds of noise that the call keeps
    active, to be taken as doing nothing. Raises UnsupportedModel for any other of those and for a network
    that is too large, WeightsDoNotFit, ValueError where x has the wrong shape.
    """
    wanted = graph.outputs[0] if upto is None else upto
    blocks = _outputs(graph, weights, x, (wanted,), batch=batch, rows=rows, passthrough=passthrough)
    parts = [outputs[0] for outputs in blocks]
    return np.concatenate(parts) if parts else np.empty((0, *graph.nodes[wanted].shape), np.float32)


def hidden_outputs(
    graph: Graph,
    weights: Weights,
    x: Source,
    *,
    batch: int = _BLOCK,
    rows: int | None = None,
    passthrough: Collection[str] = (),
) -> tuple[tuple[Node, Floats], ...]:
    """Every activation node with its outputs, in the order of the network, the last layer's softmax included.

    Raises as `forward` does.
    """
    wanted = tuple(at for at, node in enumerate(graph.nodes) if node.kind == "activation")
    blocks = list(_outputs(graph, weights, x, wanted, batch=batch, rows=rows, passthrough=passthrough))
    return tuple(
        (graph.nodes[at], np.concatenate([block[number] for block in blocks]))
        for number, at in enumerate(wanted)
    )


def outputs_of(graph: Graph, weights: Weights, x: Array, nodes: tuple[int, ...]) -> tuple[Floats, ...]:
    """What each of these nodes gives out, (rows, *shape).

    Raises as `forward` does, and UnsupportedModel for more values than should be kept.
    """
    if len(x) * sum(math.prod(graph.nodes[at].shape) for at in nodes) > _MOST_KEPT:
        raise UnsupportedModel("its layers are too wide for all of their outputs to be looked at")
    blocks = list(_outputs(graph, weights, x, nodes, batch=_BLOCK, rows=None, passthrough=()))
    return tuple(np.concatenate([block[number] for block in blocks]) for number in range(len(nodes)))


def statistics_of(graph: Graph, weights: Weights, x: Array, nodes: tuple[int, ...]) -> NDArray[np.float64]:
    """Mean and standard deviation of what each node gives out, over all rows and units: (nodes, 2).

    Raises as `outputs_of` does.
    """
    outputs = [values.astype(np.float64) for values in outputs_of(graph, weights, x, nodes)]
    with np.errstate(all="ignore"):
        return np.array([[values.mean(), values.std()] for values in outputs]).reshape(-1, 2)


def accuracy_and_loss(
    graph: Graph,
    weights: Weights,
    x: Source,
    labels: Array,
    *,
    batch: int = _BLOCK,
    passthrough: Collection[str] = (),
) -> Evaluation:
    """How good a classifier is, in one pass.

    labels: whole numbers, (n,) or (n, 1). With one output per class the loss is what Keras's
    SparseCategoricalCrossentropy reports: log-softmax of what enters a final softmax or sigmoid, otherwise of
    the logarithm of the outputs clipped to [1e-7, 1 - 1e-7]. With a single output it is binary
    cross-entropy, and the class is output > 0.5. A row whose outputs are not finite counts as wrong.
    Raises as `forward` does, and ValueError for labels outside of the classes or no labels at all.
    """
    truth = np.asarray(labels).reshape(-1)
    shape, classes = graph.output_shape, graph.output_shape[-1] if graph.output_shape else 0
    if len(shape) != 1:
        raise UnsupportedModel(f"its output has shape {shape}, not one value per class")
    if truth.dtype.kind not in "iu" or not truth.size or truth.min() < 0 or truth.max() >= max(classes, 2):
        raise ValueError(f"labels must be whole numbers from 0 to {max(classes, 2) - 1}, at least one")
    answer = graph.outputs[0]
    scores = _scores_of(graph, answer)
    right, loss, start = 0, 0.0, 0
    for outputs, values in _outputs(
        graph, weights, x, (answer, scores), batch=batch, rows=truth.size, passthrough=passthrough
    ):
        block = truth[start : start + len(outputs)]
        start += len(outputs)
        finite = np.isfinite(outputs).all(axis=1)
        chosen = outputs[:, 0] > 0.5 if classes == 1 else outputs.argmax(axis=1)
        right += int(np.count_nonzero((chosen == block) & finite))
        loss += float(_losses(values, block, scores=scores != answer).sum(dtype=np.float64))
    return Evaluation(accuracy=right / truth.size, loss=loss / truth.size, n=int(truth.size))


def _scores_of(graph: Graph, answer: int) -> int:
    """The node whose values enter the final softmax or sigmoid; the answer itself where there is none.

    Keras computes a loss from these, so that it does not end where float32 probabilities do.
    """
    last = graph.nodes[answer]
    names = ("sigmoid",) if last.shape == (1,) else ("softmax", "sigmoid")
    return last.inbound[0] if last.kind == "activation" and last["function"] in names else answer


def _losses(values: Floats, truth: Array, *, scores: bool) -> Floats:
    """Cross-entropy of each row, float32 (rows,), from scores of any size or else from probabilities."""
    with np.errstate(all="ignore"):
        if not scores:
            values = np.clip(values, _EPSILON, 1 - _EPSILON)
        if values.shape[1] > 1:
            logarithms = log_softmax(values.copy() if scores else np.log(values))
            return -logarithms[np.arange(len(truth)), truth]
        z = values[:, 0] if scores else np.log(values[:, 0] / (1 - values[:, 0]))
        # log(1 + exp(z)) - z * truth, without overflow.
        softplus = np.maximum(z, np.float32(0)) + np.log1p(np.exp(-np.abs(z)))
        result: Floats = softplus - z * truth.astype(np.float32)
        return result


def _outputs(
    graph: Graph,
    weights: Weights,
    x: Source,
    wanted: tuple[int, ...],
    *,
    batch: int,
    rows: int | None,
    passthrough: Collection[str],
) -> Iterator[list[Floats]]:
    """The outputs of the wanted nodes, block after block of rows."""
    last_use = _last_uses(graph, wanted)
    for at in last_use:
        _check_computable(graph.nodes[at], passthrough)
    batch = _affordable(graph, batch)
    parameters = prepared_weights(graph, weights)
    take, total = _taker(x, rows)
    for start in range(0, total, batch):
        size = min(batch, total - start)
        values = dict(_input_values(graph, take(slice(start, start + size)), size))
        # Overflow shows in the result; a warning here would only repeat it.
        with np.errstate(all="ignore"):
            yield _one_block(graph, parameters, values, wanted, last_use)


def _one_block(
    graph: Graph,
    parameters: dict[int, tuple[Floats, ...]],
    values: dict[int, Floats],
    wanted: tuple[int, ...],
    last_use: dict[int, int],
) -> list[Floats]:
    for at in sorted(last_use):
        node = graph.nodes[at]
        if node.kind == "input":
            continue
        inputs = [values[source] for source in node.inbound]
        if node.kind == "activation" and not _may_overwrite(graph, node.inbound[0], wanted):
            inputs = [inputs[0].copy()]
        values[at] = COMPUTE[node.kind](node, parameters.get(at, ()), inputs)
        for source in set(node.inbound):
            if last_use[source] == at:
                del values[source]
    return [values[at] for at in wanted]


def _may_overwrite(graph: Graph, at: int, wanted: tuple[int, ...]) -> bool:
    """Whether the output of a node is its own array, and of no use to anyone but the one that takes it."""
    shared = graph.nodes[at].kind in SHARING or graph.nodes[at].kind == "input"
    return not shared and at not in wanted and len(graph.consumers(at)) == 1


def _last_uses(graph: Graph, wanted: tuple[int, ...]) -> dict[int, int]:
    """Of every node that is needed, the last node that takes its output (beyond the end for wanted ones)."""
    last_use = {at: len(graph.nodes) for at in wanted}
    for at in range(len(graph.nodes) - 1, -1, -1):
        if at in last_use:
            for source in graph.nodes[at].inbound:
                last_use.setdefault(source, at)
    return last_use


def _affordable(graph: Graph, batch: int) -> int:
    """How many rows to take at a time. Raises UnsupportedModel where a row alone costs too much."""
    work = 0
    for node in graph.nodes:
        work += _PER_VALUE * math.prod(node.shape)
        if node.kind == "dense":
            work += math.prod(graph.nodes[node.inbound[0]].shape) * int(node["units"])
    if work > _MOST_WORK:
        raise UnsupportedModel(
            f"the model is too large to be evaluated ({work:,} multiplications for an image)"
        )
    widest = max(math.prod(node.shape) for node in graph.nodes)
    return max(1, min(batch, _MOST_VALUES // widest))


def _check_computable(node: Node, passthrough: Collection[str]) -> None:
    if node.kind == "custom" and node["class_name"] not in passthrough:
        raise UnsupportedModel(
            f"it is a class or function of your own ({node['class_name']}), which is not run here",
            layer=node.name,
        )
    if node.kind != "custom" and node.get("training") and node.kind not in passthrough:
        raise UnsupportedModel(
            "it is called with training=True, so that the answers are random", layer=node.name
        )


def _taker(x: Source, rows: int | None) -> tuple[Callable[[slice], Array | tuple[Array, ...]], int]:
    if callable(x):
        if rows is None:
            raise ValueError("say how many rows there are where x is a function")
        return x, rows
    arrays = x if isinstance(x, tuple) else (x,)
    total = len(arrays[0]) if rows is None else rows
    if any(len(array) != total for array in arrays):
        raise ValueError(
            f"inputs have {', '.join(str(len(array)) for array in arrays)} rows; wanted: {total}"
        )
    return (lambda part: tuple(array[part] for array in arrays)), total


def _input_values(graph: Graph, given: Array | tuple[Array, ...], size: int) -> Iterator[tuple[int, Floats]]:
    arrays = given if isinstance(given, tuple) else (given,)
    if len(arrays) != len(graph.inputs):
        raise ValueError(f"the network takes {len(graph.inputs)} inputs, not {len(arrays)}")
    for entry, array in zip(graph.inputs, arrays, strict=True):
        if array.shape != (size, *entry.shape):
            raise ValueError(f"input '{entry.name}' takes rows of shape {entry.shape}, not {array.shape[1:]}")
        yield entry.node, np.asarray(array, dtype=np.float32)
