"""A plain classifier as people describe it: what comes first, then dense layers with what follows each."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from autograder.networks.activations import describe_activation
from autograder.networks.records import Graph, Initialiser, Node

__all__ = ["Block", "Stack", "hidden_ends", "layers_in_order", "same_architecture"]


@attrs.frozen(kw_only=True)
class Block:
    """A dense layer and, in order, every node between it and the next dense layer."""

    dense: Node
    after: tuple[Node, ...]

    @property
    def units(self) -> int:
        """How many units the dense layer has."""
        return int(self.dense["units"])

    @property
    def use_bias(self) -> bool:
        """Whether the dense layer has a bias."""
        return bool(self.dense["use_bias"])

    @property
    def initialiser(self) -> Initialiser:
        """How the dense layer's kernel starts."""
        initialiser: Initialiser = self.dense["kernel_initializer"]
        return initialiser

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of what follows, such as ("batch_normalization", "activation")."""
        return tuple(node.kind for node in self.after)

    @property
    def activations(self) -> tuple[Node, ...]:
        """Every activation of the block, in order."""
        return tuple(node for node in self.after if node.kind == "activation")

    @property
    def activation(self) -> str:
        """The name of its activation function: "linear" where it has none, "several" where more than one."""
        names = [str(node["function"]) for node in self.activations]
        return "linear" if not names else names[0] if len(names) == 1 else "several"

    def describe_activation(self) -> str:
        """Its activations in words, such as "ELU" or "ELU, then softmax"."""
        return ", then ".join(describe_activation(node.settings) for node in self.activations) or (
            "no activation"
        )


@attrs.frozen(kw_only=True)
class Stack:
    """A network that is one chain: `preprocessing` is what stands ahead of the first dense layer."""

    input_shape: tuple[int, ...]
    preprocessing: tuple[Node, ...]
    blocks: tuple[Block, ...]

    @property
    def hidden(self) -> tuple[Block, ...]:
        """Every block but the last."""
        return self.blocks[:-1]

    @property
    def output(self) -> Block:
        """The last block. Raises IndexError where there is no dense layer at all."""
        return self.blocks[-1]

    @property
    def before_first_dense(self) -> tuple[Node, ...]:
        """What normalises the input, of `preprocessing`."""
        kinds = ("rescaling", "normalization", "batch_normalization")
        return tuple(node for node in self.preprocessing if node.kind in kinds)


def layers_in_order(graph: Graph) -> Stack | None:
    """The network as a stack, or None where it is not one chain from one input to one output."""
    nodes = graph.nodes
    if len(graph.inputs) != 1 or graph.outputs != (len(nodes) - 1,):
        return None
    if any(node.inbound != ((at - 1,) if at else ()) for at, node in enumerate(nodes)):
        return None
    starts = [at for at, node in enumerate(nodes) if node.kind == "dense"]
    ends = [*starts[1:], len(nodes)] if starts else []
    return Stack(
        input_shape=graph.input_shape,
        preprocessing=nodes[1 : starts[0] if starts else len(nodes)],
        blocks=tuple(
            Block(dense=nodes[start], after=nodes[start + 1 : end])
            for start, end in zip(starts, ends, strict=True)
        ),
    )


def hidden_ends(graph: Graph, hidden: int | None = None) -> tuple[int, ...]:
    """The nodes that give out what each hidden layer does: its last activation, or the dense layer itself.

    hidden: how many of the dense layers, the first ones, are hidden; all but the last where it is not said.
    """
    starts = [at for at, node in enumerate(graph.nodes) if node.kind == "dense"]
    limits = [*starts[1:], len(graph.nodes)]
    ends = [
        max((at for at in range(start, limit) if graph.nodes[at].kind == "activation"), default=start)
        for start, limit in zip(starts, limits, strict=True)
    ]
    return tuple(ends[: len(ends) - 1 if hidden is None else hidden])


def same_architecture(
    first: Graph,
    second: Graph,
    *,
    names: tuple[str, str] = ("the first model", "the second"),
    initialisers: bool = False,
    preprocessing: bool = False,
) -> list[str]:
    """How two networks differ, in plain words; an empty list where they are of one architecture.

    Compared are inputs, dense layers (units, bias, how many there are apart from repeated calls), and what
    follows each (kind and order, activation functions, rates). Names of layers never count; initialisers,
    and what stands ahead of the first dense layer, only where asked.
    """
    one, other = layers_in_order(first), layers_in_order(second)
    if one is None or other is None:
        return _compare_graphs(first, second, names, initialisers=initialisers)
    differences = []
    if one.input_shape != other.input_shape:
        differences.append(_differ("as its input", str(one.input_shape), str(other.input_shape), names))
    if preprocessing and _described(one.preprocessing) != _described(other.preprocessing):
        described = (_listed(one.preprocessing), _listed(other.preprocessing))
        differences.append(_differ("ahead of the first dense layer", *described, names))
    if len(one.blocks) != len(other.blocks):
        counts = (f"{len(one.blocks)} dense layers", str(len(other.blocks)))
        return [*differences, _differ("in all", *counts, names)]
    own = [len({block.dense.name for block in stack.blocks}) for stack in (one, other)]
    if own[0] != own[1]:
        counts = (f"{own[0]} dense layers with weights of their own", str(own[1]))
        return [*differences, _differ("in all", *counts, names)]
    for number, (left, right) in enumerate(zip(one.blocks, other.blocks, strict=True), start=1):
        where = f"dense layer {number}" if number < len(one.blocks) else "the output layer"
        differences += _compare_blocks(where, left, right, names, initialisers=initialisers)
    return differences


def _compare_blocks(
    where: str, left: Block, right: Block, names: tuple[str, str], *, initialisers: bool
) -> list[str]:
    pairs = [
        ("in ", f"{left.units} units", f"{right.units} units"),
        ("in ", *("a bias" if block.use_bias else "no bias" for block in (left, right))),
        ("after ", _listed(left.after), _listed(right.after)),
    ]
    if initialisers:
        pairs.append(("in ", left.initialiser.describe(), right.initialiser.describe()))
    return [_differ(prefix + where, one, other, names) for prefix, one, other in pairs if one != other]


def _compare_graphs(first: Graph, second: Graph, names: tuple[str, str], *, initialisers: bool) -> list[str]:
    """Node by node, connections included: for networks with branches."""
    if len(first.nodes) != len(second.nodes):
        counts = (f"{len(first.nodes)} steps", str(len(second.nodes)))
        return [_differ("in all", *counts, names)]
    differences = []
    for left, right in zip(first.nodes, second.nodes, strict=True):
        words = [_describe(node, initialisers=initialisers) for node in (left, right)]
        if words[0] != words[1]:
            differences.append(_differ(f"as layer '{left.name}'", words[0], words[1], names))
        elif left.inbound != right.inbound or left.shape != right.shape:
            differences.append(f"layer '{left.name}' of {names[0]} is connected otherwise in {names[1]}")
    if first.outputs != second.outputs:
        differences.append(f"the outputs of {names[0]} are not those of {names[1]}")
    return differences


def _differ(where: str, left: str, right: str, names: tuple[str, str]) -> str:
    return f"{where} {names[0]} has {left}, {names[1]} has {right}"


def _described(nodes: Sequence[Node]) -> list[str]:
    return [_describe(node) for node in nodes]


def _listed(nodes: Sequence[Node]) -> str:
    described = _described(nodes)
    # In brackets, as commas stand between the two networks too.
    return f"[{', '.join(described)}]" if len(described) > 1 else "".join(described) or "nothing"


def _describe(node: Node, *, initialisers: bool = False) -> str:
    """A node in words, with the settings that belong to an architecture."""
    label = node.kind.replace("_", " ")
    if node.kind == "activation":
        return describe_activation(node.settings)
    if node.kind == "dense":
        bias = "" if node["use_bias"] else ", no bias"
        start = f", {node['kernel_initializer'].describe()}" if initialisers else ""
        return f"dense ({node['units']} units{bias}{start})"
    if node.kind == "custom":
        return f"your own {node['class_name']}"
    for setting in ("rate", "stddev"):
        if setting in dict(node.settings):
            return f"{label} ({setting} {node[setting]:g})"
    if node.kind in ("reshape", "input"):
        return f"{label} {node.shape}"
    return label
