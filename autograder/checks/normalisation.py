"""Where a network normalises over the batch: ahead of its first layer, behind each hidden one, how often.

Each place is a check of its own, so that a mistake at one of them costs that one only.
"""

from __future__ import annotations

from autograder.checks.findings import Finding
from autograder.checks.structure import hidden_and_output, repeated_layer, stack_of
from autograder.evidence import ModelView
from autograder.networks.records import Node
from autograder.networks.stack import Block

__all__ = [
    "check_hidden_layers_normalised",
    "check_input_normalised",
    "check_normalised_first",
    "check_output_bare",
]

KIND = "batch_normalization"


def check_input_normalised(model: ModelView) -> list[Finding]:
    """Batch normalisation stands ahead of the first hidden layer."""
    stack = stack_of(model)
    found = [node for node in stack.preprocessing if node.kind == KIND]
    if found:
        return [] if any(map(_learns, found)) else [_idle(found[0], "ahead of the first hidden layer")]
    message = (
        "No BatchNormalization layer stands ahead of the first hidden layer, so that layer takes the pixels "
        "as they come. Look at what your model does between flattening and its first dense layer."
    )
    return [Finding(message=message, where=stack.blocks[0].dense.name)]


def check_hidden_layers_normalised(model: ModelView) -> list[Finding]:
    """Every hidden layer is followed by batch normalisation, once."""
    hidden, _ = hidden_and_output(stack_of(model))
    counts = {number: block.kinds.count(KIND) for number, block in enumerate(hidden, start=1)}
    missing = [number for number, count in counts.items() if count == 0]
    findings = []
    if missing:
        several = f" (the first of {len(missing)})" if len(missing) > 1 else ""
        message = (
            f"Hidden layer {missing[0]}{several} has no BatchNormalization layer behind it: from there on "
            "the signal drifts again. Is the layer added inside the loop, and to every turn of it?"
        )
        findings.append(Finding(message=message, where=hidden[missing[0] - 1].dense.name))
    repeated = next((number for number, count in counts.items() if count > 1), None)
    if repeated:
        message = (
            f"Hidden layer {repeated} is followed by {counts[repeated]} BatchNormalization layers: what is "
            "normalised already is normalised again."
        )
        findings.append(Finding(message=message, where=hidden[repeated - 1].dense.name))
    again = repeated_layer(node for block in hidden for node in block.after if node.kind == KIND)
    if again:
        message = (
            f"One and the same BatchNormalization layer (`{again[1].name}`) stands behind several hidden "
            "layers: it keeps one mean and one deviation for signals that have different ones. Make a new "
            "layer for each turn of the loop."
        )
        findings.append(Finding(message=message, where=again[1].name))
    idle = [
        (number, node)
        for number, block in enumerate(hidden, start=1)
        for node in block.after
        if node.kind == KIND and not _learns(node)
    ]
    if idle:
        number, node = idle[0]
        several = f" (the first of {len(idle)})" if len(idle) > 1 else ""
        findings.append(_idle(node, f"behind hidden layer {number}{several}"))
    return findings


def _learns(node: Node) -> bool:
    """Whether a layer takes the moments of the batch while the network is trained."""
    return node.trainable and node.get("training") is not False


def _idle(node: Node, place: str) -> Finding:
    message = (
        f"The BatchNormalization layer {place} never normalises: `trainable=False`, or a call with "
        "`training=False`, has it use its running mean and deviation in training too, and these stay 0 and 1 "
        "as they were at the start."
    )
    return Finding(message=message, where=node.name)


def check_normalised_first(model: ModelView) -> list[Finding]:
    """What is normalised is the sum that goes into the activation, not what comes out of it."""
    hidden, _ = hidden_and_output(stack_of(model))
    late = [number for number, block in enumerate(hidden, start=1) if _normalises_late(block)]
    if not late:
        return []
    message = (
        f"At hidden layer {late[0]} the activation comes first and the BatchNormalization layer behind it. "
        "Asked for is the other order: normalise the weighted sums, then bend them. An activation inside the "
        "dense layer leaves no room for anything between the two."
    )
    return [Finding(message=message, where=hidden[late[0] - 1].dense.name)]


def _normalises_late(block: Block) -> bool:
    """Whether all of a block's normalisation comes after an activation."""
    kinds = block.kinds
    return KIND in kinds and "activation" in kinds and kinds.index("activation") < kinds.index(KIND)


def check_output_bare(model: ModelView) -> list[Finding]:
    """Nothing is normalised between the output layer and the probabilities, nor after them."""
    _, output = hidden_and_output(stack_of(model))
    if output is None or KIND not in output.kinds:
        return []
    message = (
        "A BatchNormalization layer stands behind the output layer. There it would pull the scores of every "
        "class to one common mean and spread, and those are what the network wants to say."
    )
    return [Finding(message=message, where=output.dense.name)]
