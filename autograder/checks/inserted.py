"""Layers inserted between hidden layers: batch normalisation and dropout, wherever people put them."""

from __future__ import annotations

from autograder.checks.findings import Finding
from autograder.checks.structure import stack_of
from autograder.evidence import ModelView

__all__ = ["check_dropout", "check_normalised"]

_ROUNDING = 1e-6


def check_normalised(model: ModelView) -> list[Finding]:
    """Every hidden layer has its batch normalisation, ahead of it or behind it; the output has none."""
    stack = stack_of(model)
    # Between two layers one is enough, for the layer below or for the one above: a second adds nothing.
    places = [stack.preprocessing, *(block.after for block in stack.hidden)]
    count = sum(any(node.kind == "batch_normalization" for node in place) for place in places)
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
            message=f"For {len(stack.hidden)} hidden layers there is batch normalisation in {count} places. "
            "Where it is missing, the next layer's input drifts as training goes on."
        )
    ]


def check_dropout(model: ModelView, *, lowest: float, highest: float) -> list[Finding]:
    """There is dropout behind every hidden layer, at a rate in that range, and none behind the output."""
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
    without = [number for number, block in enumerate(stack.hidden, start=1) if "dropout" not in block.kinds]
    if without:
        return [
            Finding(
                message=f"Of {len(stack.hidden)} hidden layers, {len(without)} have no Dropout layer behind "
                f"them, the first of them hidden layer {without[0]}. Its units may still rely on each other."
            )
        ]
    odd = [rate for rate in rates if not lowest - _ROUNDING <= rate <= highest + _ROUNDING]
    if odd:
        message = (
            f"A Dropout layer has a rate of {odd[0]:g}, which is outside of what the question asks for. The "
            "rate is the share of units that are switched off, not of those that are kept."
        )
        return [Finding(message=message)]
    return []
