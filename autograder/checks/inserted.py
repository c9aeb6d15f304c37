"""Layers inserted between hidden layers: batch normalisation and dropout, wherever people put them."""

from __future__ import annotations

from autograder.checks.findings import Finding, listed
from autograder.checks.structure import stack_of
from autograder.evidence import ModelView

__all__ = ["check_dropout", "check_normalised"]

_ROUNDING = 1e-6


def check_normalised(model: ModelView) -> list[Finding]:
    """Every hidden layer has its batch normalisation, ahead of it or behind it; the output has none."""
    stack = stack_of(model)
    # Between two layers one is enough, for the layer below or for the one above: a second adds nothing.
    places = [stack.preprocessing, *(block.after for block in stack.hidden)]
    counts = [sum(node.kind == "batch_normalization" for node in place) for place in places]
    if any(kind == "batch_normalization" for kind in stack.output.kinds):
        return [
            Finding(
                message="The output is batch-normalised: what comes out is no probability any more, and "
                "depends on the rest of the batch."
            )
        ]
    if sum(count > 0 for count in counts) >= len(stack.hidden):
        return []
    return [Finding(message=_say_missing(counts))]


def _say_missing(counts: list[int]) -> str:
    """Which hidden layers lack batch normalisation, and which have it more than once.

    counts: how many there are ahead of the first hidden layer and behind each. Those between two layers may
    be meant for the one or the other: taken is what leaves fewer layers without.
    """
    behind, ahead = counts[1:], counts[:-1]
    by_front = ahead.count(0) < behind.count(0)
    own = dict(enumerate(ahead if by_front else behind, start=1))
    missing = [number for number, count in own.items() if count == 0]
    repeated = [number for number, count in own.items() if count > 1]
    way = "goes into" if by_front else "comes out of"
    message = (
        f"{_lacking(missing, len(own), 'batch normalisation')}, so what {way} "
        f"{'it' if len(missing) == 1 else 'them'} drifts as training goes on"
    )
    if repeated:
        often = "twice" if all(own[number] == 2 for number in repeated) else "more than once"
        message += f"; {_layers(repeated)} it {often}"
    return f"{message}. Look at the loop."


def _lacking(missing: list[int], total: int, what: str) -> str:
    if len(missing) == total:
        return f"No hidden layer has {what}"
    return f"{_layers(missing).capitalize()} no {what.removeprefix('a ')}"


def _layers(numbers: list[int]) -> str:
    """Hidden layers as a subject: "hidden layer 1 has", "hidden layers 1 and 2 have"."""
    return f"hidden layer {numbers[0]} has" if len(numbers) == 1 else f"hidden layers {listed(numbers)} have"


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
        several = 1 < len(without) < len(stack.hidden)
        lacking = _lacking(without, len(stack.hidden), "a Dropout layer")
        message = (
            f"{lacking} behind {'them' if several else 'it'}. "
            f"{'Its' if len(without) == 1 else 'Their'} units may still rely on each other."
        )
        return [Finding(message=message)]
    odd = [rate for rate in rates if not lowest - _ROUNDING <= rate <= highest + _ROUNDING]
    if odd:
        message = (
            f"A Dropout layer has a rate of {odd[0]:g}, which is outside of what the question asks for. The "
            "rate is the share of units that are switched off, not of those that are kept."
        )
        return [Finding(message=message)]
    return []
