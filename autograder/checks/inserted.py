"""Layers inserted between hidden layers: batch normalisation and dropout, wherever people put them."""

from __future__ import annotations

from autograder.checks.findings import Finding
from autograder.checks.structure import stack_of
from autograder.evidence import ModelView

__all__ = ["check_dropout", "check_normalised"]


def check_normalised(model: ModelView) -> list[Finding]:
    """Every hidden layer has its batch normalisation, ahead of it or behind it; the output has none."""
    stack = stack_of(model)
    nodes = [*stack.preprocessing, *(node for block in stack.hidden for node in block.after)]
    count = sum(node.kind == "batch_normalization" for node in nodes)
    if any(kind == "batch_normalization" for kind in stack.output.kinds):
        return [
            Finding(
                message="The output is batch-normalised: what comes out are no probabilities, and depend on "
                "the rest of the batch."
            )
        ]
    if count >= len(stack.hidden):
        return []
    return [
        Finding(
            message=f"For {len(stack.hidden)} hidden layers there are {count} layers of batch normalisation. "
            "Where one is missing, the next layer's input drifts as training goes on."
        )
    ]


def check_dropout(model: ModelView) -> list[Finding]:
    """There is dropout between the hidden layers, at a rate between 0 and 1, and none behind the output."""
    stack = stack_of(model)
    nodes = [*stack.preprocessing, *(node for block in stack.hidden for node in block.after)]
    rates = [float(node["rate"]) for node in nodes if node.kind == "dropout"]
    if any(kind == "dropout" for kind in stack.output.kinds):
        return [
            Finding(
                message="There is dropout behind the output layer: it sets probabilities of classes to zero "
                "at random, the right one's among them."
            )
        ]
    if not rates:
        return [Finding(message="There is no Dropout layer between the hidden layers.")]
    if not all(0 < rate < 1 for rate in rates):
        return [Finding(message="A Dropout layer has a rate of 0, which does nothing.")]
    return []
