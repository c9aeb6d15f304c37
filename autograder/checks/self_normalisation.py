"""Whether a fresh network keeps its signal's size: self-normalisation, seen at work.

Klambauer et al. 2017, "Self-normalizing neural networks" (arXiv:1706.02515). The initialiser alone does not
show it, nor does the last layer alone: from whatever enters, such a network finds back to a standard
deviation of 1 within a few layers. So the first layer is looked at, too, on inputs that are standardised.
"""

from __future__ import annotations

import numpy as np

from autograder.checks.findings import Finding
from autograder.checks.structure import graph_of, hidden_layers, stack_of
from autograder.evidence import Evidence, ModelView, Unanswered
from autograder.networks.inference import WeightsDoNotFit, statistics_of
from autograder.networks.records import UnsupportedModel
from autograder.networks.stack import hidden_ends
from autograder.signals import IMAGES, signal_images
from autograder.tasks import part_of

__all__ = ["check_first_layer", "check_last_layer"]


def check_first_layer(evidence: Evidence, model: str) -> list[Finding]:
    """In a fresh network, the first hidden layer's output is spread as in fresh networks that are right."""
    low, high = evidence.sampled(model).first_interval()
    spreads = _spreads(evidence, model, at=0)
    if any(low <= spread <= high for spread in spreads):
        return []
    advice = "Its activation and the spread of its weights decide that together."
    return [_finding(spreads[0], high, "the first hidden layer", advice)]


def check_last_layer(evidence: Evidence, model: str) -> list[Finding]:
    """In a fresh network, the last hidden layer's output is spread as in fresh networks that are right."""
    net = _network(evidence, model)
    low, high = evidence.sampled(model).last_interval(repeated=_repeats(net))
    spreads = _spreads(evidence, model, at=-1)
    if any(low <= spread <= high for spread in spreads):
        return []
    advice = "Activation and initialiser have to be the pair that fits."
    return [_finding(spreads[0], high, "the last hidden layer", advice)]


def _finding(spread: float, high: float, where: str, advice: str) -> Finding:
    if not np.isfinite(spread):
        what = "is not finite"
    else:
        what = (
            f"has a standard deviation of {spread:.3g}, which is too {'large' if spread > high else 'small'}"
        )
    message = f"In a network fresh from your function, on standardised images, the output of {where} {what}."
    return Finding(message=f"{message} {advice}")


def _network(evidence: Evidence, model: str) -> ModelView:
    return evidence.probe_model(evidence.task(model).builder)


def _spreads(evidence: Evidence, model: str, *, at: int) -> list[float]:
    """The standard deviation of a hidden layer's output, on our own standardised images.

    A network that scales its inputs itself may expect them raw: then it is tried on those as well.
    """
    net = _network(evidence, model)
    graph, hidden = graph_of(net), hidden_layers(net)
    if not hidden:
        raise Unanswered("The model has no hidden dense layer.")
    task = evidence.task(model)
    inputs = [signal_images(task, evidence.data)]
    if stack_of(net).before_first_dense:
        inputs.append(part_of(task, "train", evidence.data).images[:IMAGES])
    end = hidden_ends(graph, len(hidden))[at]
    try:
        return [
            float(
                statistics_of(graph, net.weights, images.reshape(len(images), *graph.input_shape), (end,))[
                    0, 1
                ]
            )
            for images in inputs
        ]
    except (UnsupportedModel, WeightsDoNotFit) as problem:
        raise Unanswered(f"The model cannot be tried on images: {problem.what}.") from problem
    except ValueError as problem:
        raise Unanswered(f"The model cannot be tried on images: it takes {graph.input_shape}.") from problem


def _repeats(net: ModelView) -> bool:
    """Whether two hidden layers start from the same weights, as with one initialiser object for both."""
    arrays = [net.weights.get(block.dense.name) for block in hidden_layers(net)]
    kernels = [(kept[0].shape, kept[0].tobytes()) for kept in arrays if kept]
    return len(set(kernels)) < len(kernels)
