"""A network of several chains that meet: each chain and what follows as a stack of its own."""

from __future__ import annotations

import attrs

from autograder.networks.records import Graph, Input, Node
from autograder.networks.stack import Stack, layers_in_order

__all__ = ["Meeting", "chains_that_meet"]


@attrs.frozen(kw_only=True)
class Meeting:
    """One chain from each input to where they are joined, and the chain from there to the output."""

    towers: tuple[Stack, ...]
    """In the order of the network's inputs."""
    join: Node
    """What joins the towers' ends: "concatenate" or "add"."""
    head: Stack

    @property
    def shared(self) -> frozenset[str]:
        """The names of the dense layers that stand in more than one tower."""
        seen: set[str] = set()
        twice: set[str] = set()
        for tower in self.towers:
            names = {block.dense.name for block in tower.blocks}
            twice |= seen & names
            seen |= names
        return frozenset(twice)


def chains_that_meet(graph: Graph) -> Meeting | None:
    """The network as chains, one from each input, that are joined once; None where it is anything else.

    A layer that stands in two chains counts in both.
    """
    joins = [at for at, node in enumerate(graph.nodes) if len(node.inbound) > 1]
    if len(joins) != 1 or len(graph.outputs) != 1:
        return None
    (join,) = joins
    chains = [_back_to_input(graph, at) for at in graph.nodes[join].inbound]
    head = _back(graph, graph.outputs[0], join)
    by_input = {chain[0]: _stack(graph, chain) for chain in chains if chain}
    towers = [by_input.get(entry.node) for entry in graph.inputs]
    if head is None or len(chains) != len(by_input) or len(chains) != len(towers) or None in towers:
        return None
    return Meeting(
        towers=tuple(tower for tower in towers if tower is not None),
        join=graph.nodes[join],
        head=_stack(graph, head),
    )


def _back_to_input(graph: Graph, at: int) -> list[int]:
    """The nodes of the chain from an input to this node; empty where it is no chain."""
    for entry in graph.inputs:
        found = _back(graph, at, entry.node)
        if found is not None:
            return found
    return []


def _back(graph: Graph, at: int, start: int) -> list[int] | None:
    """The nodes from `start` to `at`, each taking the output of the one before it alone; None otherwise."""
    chain = [at]
    while chain[-1] != start:
        inbound = graph.nodes[chain[-1]].inbound
        if len(inbound) != 1:
            return None
        chain.append(inbound[0])
    return chain[::-1]


def _stack(graph: Graph, chain: list[int]) -> Stack:
    """A chain of nodes as a stack; whatever it begins with counts as its input."""
    first = graph.nodes[chain[0]]
    nodes = [Node(name=first.name, kind="input", shape=first.shape)]
    nodes += [attrs.evolve(graph.nodes[at], inbound=(place,)) for place, at in enumerate(chain[1:])]
    begin = Input(name=first.name, shape=first.shape, node=0)
    stack = layers_in_order(Graph(inputs=(begin,), nodes=tuple(nodes), outputs=(len(nodes) - 1,)))
    assert stack is not None, "a chain is a stack"
    return stack
