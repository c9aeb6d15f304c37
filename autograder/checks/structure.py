"""What a network is: its graph and initialisers, compared with what a question asks for.

A student's process says what its model is; two things must agree with that claim. The graph with the
weights must give the outputs that the model gave for fixed inputs, and weights that were just initialised
must be spread as their initialiser would spread them. So any spelling of the right network passes, and a
patched `get_config` does not make another network right.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable

import attrs
import numpy as np

from autograder.checks.findings import Finding
from autograder.evidence import ModelView, Unanswered
from autograder.networks.functions import ACTIVATIONS
from autograder.networks.graph import parse
from autograder.networks.inference import WeightsDoNotFit, forward
from autograder.networks.records import Graph, Node, UnsupportedModel
from autograder.networks.stack import Block, Stack, layers_in_order

__all__ = [
    "agree",
    "check_activations",
    "check_hidden_layers",
    "check_initialisers",
    "check_input",
    "check_output",
    "graph_of",
    "hidden_and_output",
    "hidden_layers",
    "repeated_layer",
    "stack_of",
    "starts_from",
    "starts_wrong",
]

ACTIVATION_GRID = np.linspace(-4, 4, 33, dtype=np.float32)
"""The inputs at which the room records activation functions (`autograder.room.models`)."""
GRID_TOLERANCE = 1e-4
OUTPUT_TOLERANCE = 2e-3
HALF_TOLERANCE = 0.1
"""Of the outputs of a network that computes with half precision, relative to their norm: twenty layers in
bfloat16 stray by up to 5 % (measured), other activation functions in them by 24 % or more."""
MOST_EXAMPLES = 64
SPREAD_TOLERANCE = 0.08
"""Relative error allowed in the spread of freshly drawn weights; 10,000 of them stray by 0.7 %."""
STRAY = 0.003
"""How far two families have to lie apart in a layer to be told from each other by the weights alone."""
FEWEST_WEIGHTS = 2_000
"""Matrices smaller than this say too little about their spread."""
_NAMES = {"he": "He", "glorot": "Glorot", "lecun": "LeCun"}


@functools.lru_cache(maxsize=16)
def graph_of(model: ModelView, *, random: bool = False) -> Graph:
    """The canonical graph of a model, checked against its outputs. Raises Unanswered.

    random: whether the model may answer differently each time, so that its outputs say nothing.
    """
    if model.problem:
        raise Unanswered(f"The model cannot be read: {model.problem}")
    try:
        graph = _with_known_functions(parse(model.config, model.bases), model)
        if not random:
            _require_outputs(graph, model)
    except (UnsupportedModel, WeightsDoNotFit) as problem:
        raise Unanswered(f"The model cannot be judged: {problem.what}.") from problem
    return graph


def _with_known_functions(graph: Graph, model: ModelView) -> Graph:
    """Replace activation functions of the student's own by the known ones that they equal."""
    nodes = tuple(_known(node, model) if node.kind == "custom" else node for node in graph.nodes)
    return attrs.evolve(graph, nodes=nodes)


def _known(node: Node, model: ModelView) -> Node:
    values = model.activations.get(node.name)
    if values is None or values.shape != ACTIVATION_GRID.shape:
        return node
    for name in ("elu", "selu", "relu", "tanh", "sigmoid", "softplus", "silu", "gelu", "softmax"):
        settings = {"function": name, "alpha": 1.0, "axis": -1, "max_value": None, "threshold": 0.0}
        settings |= {"negative_slope": 0.0, "approximate": False}
        expected = ACTIVATIONS[name](ACTIVATION_GRID[None].copy(), settings)[0]
        if np.abs(values - expected).max() < GRID_TOLERANCE:
            return attrs.evolve(node, kind="activation", settings=tuple(settings.items()))
    return node


def _require_outputs(graph: Graph, model: ModelView) -> None:
    """Hold the outputs that the model gave to those that its graph and weights give."""
    recorded = model.outputs
    if recorded is None and len(graph.outputs) != 1:
        return
    if recorded is not None and recorded.ndim >= 1 and 0 < len(recorded) <= MOST_EXAMPLES:
        given = tuple(
            np.random.default_rng(number).random((len(recorded), *entry.shape), dtype=np.float32)
            for number, entry in enumerate(graph.inputs)
        )
        computed = forward(graph, model.weights, given)
        # A dropout of the student's own class may be active whenever it likes: its outputs are random.
        random = any(node.get("own_class") for node in graph.nodes)
        if computed.shape == recorded.shape and (random or agree(computed, recorded, model)):
            return
    raise Unanswered(
        "What the model computes is not what its layers say. Has something changed how its layers are "
        "called, or what they say about themselves?"
    )


def agree(computed: np.ndarray, recorded: np.ndarray, model: ModelView) -> bool:
    """Whether these are the same outputs of that model, but for rounding. Both are of one shape."""
    if np.allclose(computed, recorded, 1e-2, OUTPUT_TOLERANCE, True):
        return True
    half = "float16" in str(model.config)
    strays = np.linalg.norm(computed - recorded) <= HALF_TOLERANCE * np.linalg.norm(computed)
    return half and bool(strays)


def stack_of(model: ModelView) -> Stack:
    """The model as a chain of dense layers. Raises Unanswered where it is none."""
    stack = layers_in_order(graph_of(model))
    if stack is None:
        raise Unanswered("The model is not one chain of layers from one input to one output.")
    if not stack.blocks:
        raise Unanswered("The model has no dense layer.")
    return stack


def hidden_layers(model: ModelView) -> tuple[Block, ...]:
    """The hidden dense layers with what follows each. Raises Unanswered."""
    hidden, _ = hidden_and_output(stack_of(model))
    return hidden


def check_input(
    model: ModelView, *, shape: tuple[int, ...], ahead: tuple[str, ...] = (), flat: bool = False
) -> list[Finding]:
    """The model takes inputs of that shape, and only scales and flattens them before the first layer.

    ahead: further kinds of layers, such as "batch_normalization", that may stand ahead of the first.
    flat: whether it may as well take them as rows of numbers.
    """
    stack = stack_of(model)
    if stack.input_shape != shape and not (flat and stack.input_shape == (math.prod(shape),)):
        if stack.input_shape == (math.prod(shape),):
            message = (
                f"Your model takes rows of {stack.input_shape[0]:,} numbers, so somebody has to flatten each "
                "picture first, and may forget to. Let the model do it."
            )
        else:
            message = f"Your model takes inputs of shape {stack.input_shape}; a picture has another shape."
        return [Finding(message=message, where="input")]
    findings = []
    for node in stack.preprocessing:
        if node.kind not in ("flatten", "reshape", "rescaling", "normalization", *ahead):
            message = (
                f"Ahead of the first hidden layer stands {_article(node)} (`{node.name}`). Only "
                "flattening and scaling of "
                "the pixels belong there."
            )
            findings.append(Finding(message=message, where=node.name))
    return findings


def _article(node: Node) -> str:
    return _with_article(f"{node.kind.replace('_', ' ')} layer")


def _with_article(words: str) -> str:
    return f"{'an' if words[0].lower() in 'aeiou' else 'a'} {words}"


def hidden_and_output(stack: Stack) -> tuple[tuple[Block, ...], Block | None]:
    """Hidden blocks and output block; None where the last block is like the one before it, so hidden too."""
    if len(stack.blocks) >= 2:
        last, before = stack.blocks[-1], stack.blocks[-2]
        if (
            last.units == before.units
            and last.activation == before.activation
            and last.activation != "softmax"
        ):
            return stack.blocks, None
    return stack.blocks[:-1], stack.blocks[-1]


def check_hidden_layers(
    model: ModelView, *, count: int, units: int, between: tuple[str, ...] = ()
) -> list[Finding]:
    """The model has that many hidden dense layers of that many units.

    between: the kinds of layers, such as "batch_normalization", that may stand between them.
    """
    hidden, _ = hidden_and_output(stack_of(model))
    findings = []
    if len(hidden) != count:
        message = (
            f"Your model has {len(hidden)} hidden dense layers (the output layer does not count as "
            "hidden). Compare that "
            "with the question, and look at the loop that makes them."
        )
        findings.append(Finding(message=message))
    again = repeated_layer(block.dense for block in hidden)
    if again:
        number, node = again
        message = (
            f"Hidden layer {number} is the layer `{node.name}` once more: one layer that is called again "
            "has the same weights each time. Make a new layer for each turn of the loop."
        )
        findings.append(Finding(message=message, where=node.name))
    odd = [(number, block) for number, block in enumerate(hidden, start=1) if block.units != units]
    if odd:
        number, block = odd[0]
        findings.append(
            Finding(
                message=f"Hidden layer {number} has {block.units} units, which is not what was asked for.",
                where=block.dense.name,
            )
        )
    extra = [
        (number, node)
        for number, block in enumerate(hidden, start=1)
        for node in block.after
        if node.kind not in ("activation", *between)
    ]
    if extra:
        number, node = extra[0]
        if node.kind == "dropout" and any("dropout" in kind for kind in between):
            message = (
                f"After hidden layer {number} stands plain dropout (`{node.name}`). The question asks for "
                "dropout, but for another kind of it."
            )
        else:
            message = (
                f"After hidden layer {number} stands {_article(node)} (`{node.name}`), which does not belong "
                "in this network."
            )
        findings.append(Finding(message=message, where=node.name))
    return findings


def repeated_layer(nodes: Iterable[Node]) -> tuple[int, Node] | None:
    """The first of these nodes whose layer was among them before, and its number from 1; None without."""
    seen: set[str] = set()
    for number, node in enumerate(nodes, start=1):
        if node.name in seen:
            return number, node
        seen.add(node.name)
    return None


def check_activations(model: ModelView, function: str) -> list[Finding]:
    """Every hidden layer is followed by that activation, once."""
    wrong = {
        number: block
        for number, block in enumerate(hidden_layers(model), start=1)
        if len(block.activations) != 1
        or block.activation != function
        or block.activations[0].get("alpha", 1.0) != 1.0
    }
    if not wrong:
        return []
    block = next(iter(wrong.values()))
    found = block.describe_activation()
    layer = _first_of([number for number, other in wrong.items() if other.describe_activation() == found])
    if not block.activations:
        message = (
            f"{layer} has no activation. Without one, two layers in a row compute no more than a single one."
        )
    elif len(block.activations) > 1:
        message = f"{layer} is followed by more than one activation: {found}."
    else:
        message = f"{layer} uses {found}, which is not the activation asked for."
    return [Finding(message=message, where=block.dense.name)]


def _first_of(numbers: list[int]) -> str:
    """The first of several hidden layers that have the same fault, as the subject of a sentence."""
    several = f", the first of {len(numbers)}," if len(numbers) > 1 else ""
    return f"Hidden layer {numbers[0]}{several}"


def check_initialisers(model: ModelView, family: str, *, distribution: str | None = None) -> list[Finding]:
    """Every hidden layer's kernel starts from that family of initialisers, and that distribution if asked.

    Judged by the weights of a model that was just built: their standard deviation is sqrt(2 / fan_in) for He
    (He et al. 2015, arXiv:1502.01852, equation 10), sqrt(1 / fan_in) for LeCun, sqrt(2 / (fan_in + fan_out))
    for Glorot; layers too small for that are taken by what they say.

    distribution: "normal", truncated or not, or "uniform"; any where it is not given.
    """
    hidden = dict(enumerate(hidden_layers(model), start=1))
    failing = {number: block for number, block in hidden.items() if not starts_from(model, block, family)}
    if failing:
        alike = _alike(failing)
        return [starts_wrong(model, hidden[alike[0]], _first_of(alike))]
    for number, block in hidden.items():
        found = _distribution(model, block)
        if distribution is not None and found != distribution:
            message = (
                f"The weights of hidden layer {number} have the right spread, but are drawn from "
                f"{'a ' + found if found else 'another'} distribution, which is not the one asked for."
            )
            return [Finding(message=message, where=block.dense.name)]
    return []


def _alike(failing: dict[int, Block]) -> list[int]:
    """The numbers of the failing layers that say that they start from the same as the first of them."""
    named = next(iter(failing.values())).initialiser
    return [number for number, block in failing.items() if block.initialiser == named]


def starts_from(model: ModelView, block: Block, family: str) -> bool:
    """Whether the kernel of a block of this model was drawn as that family of initialisers draws it."""
    kernel = _kernel(model, block)
    if kernel is None or kernel.size < FEWEST_WEIGHTS:
        return block.initialiser.family == family
    inputs, outputs = kernel.shape
    variances = {"he": 2 / inputs, "lecun": 1 / inputs, "glorot": 2 / (inputs + outputs)}
    spread, wanted = float(kernel.std()), variances[family] ** 0.5
    centred = abs(float(kernel.mean())) < 0.1 * wanted
    if not (centred and abs(spread / wanted - 1) < SPREAD_TOLERANCE):
        return False
    # In a layer with many more inputs than units two families come close. Then it counts what the layer says,
    # unless its weights, set by hand, are clearly those of the family asked for.
    others = [variance**0.5 for variance in variances.values() if variance != variances[family]]
    nearest = min(others, key=lambda other: abs(spread - other), default=wanted)
    named = block.initialiser.family
    other = variances[named] ** 0.5 if named else nearest
    return bool(other == wanted or abs(spread - wanted) + STRAY * wanted < abs(spread - other))


def starts_wrong(model: ModelView, block: Block, layer: str) -> Finding:
    """What to say of a block that starts from another initialiser. layer: its name in the sentence."""
    kernel = _kernel(model, block)
    if kernel is not None and kernel.size > 1 and kernel.min() == kernel.max():
        message = (
            f"{layer} starts from equal weights: all its units compute the same and are changed in the same "
            "way, so they never learn different things."
        )
    else:
        message = (
            f"{layer} starts from {block.initialiser.describe()}{_measured_spread(model, block)}. In a deep "
            "network, a spread that does not fit the activation shrinks the signal, or blows it up, layer by "
            "layer."
        )
    return Finding(message=message, where=block.dense.name)


def _distribution(model: ModelView, block: Block) -> str:
    """How a kernel's weights are distributed: "normal", "uniform", or empty for neither."""
    kernel = _kernel(model, block)
    if kernel is None or kernel.size < FEWEST_WEIGHTS:
        named = dict(block.initialiser.parameters).get("distribution", "")
        return "normal" if str(named).endswith("normal") else str(named)
    # Beyond 1.2 and 1.8 standard deviations a uniform distribution has 31 % and nothing, a normal one, cut at
    # two or not, 23 % and 7 %.
    distances = np.abs(kernel - kernel.mean()) / kernel.std()
    far, farthest = float((distances > 1.2).mean()), float((distances > 1.8).mean())
    if farthest < 0.005:
        return "uniform" if 0.27 < far < 0.35 else ""
    return "normal" if 0.05 < farthest < 0.1 else ""


def _measured_spread(model: ModelView, block: Block) -> str:
    """The spread of a block's weights as an aside; empty where it has none that can be read."""
    kernel = _kernel(model, block)
    return "" if kernel is None else f" (its weights have a standard deviation of {float(kernel.std()):.3g})"


def _kernel(model: ModelView, block: Block) -> np.ndarray | None:
    arrays = model.weights.get(block.dense.name)
    return arrays[0] if arrays and arrays[0].ndim == 2 else None


def check_output(
    model: ModelView, *, units: int, activation: str, between: tuple[str, ...] = ()
) -> list[Finding]:
    """The last layer is dense, with that many units and that activation.

    between: the kinds of layers that another check judges, should they stand after it.
    """
    _, output = hidden_and_output(stack_of(model))
    if output is None:
        return [
            Finding(
                message="The output layer is missing: your model ends with a hidden layer, so it gives "
                "no probability per class."
            )
        ]
    findings = []
    if output.units != units:
        findings.append(
            Finding(
                message=f"The output layer has {output.units} units; it needs one for each class.",
                where=output.dense.name,
            )
        )
    extra = [node for node in output.after if node.kind not in ("activation", *between)]
    if extra:
        message = (
            f"After the output layer stands {_article(extra[0])} (`{extra[0].name}`). Nothing belongs there."
        )
        findings.append(Finding(message=message, where=extra[0].name))
    if output.activation != activation:
        words = output.describe_activation()
        found = _with_article(words) if output.activations else words
        message = f"The output layer has {found}: its values are not probabilities that sum to one."
        findings.append(Finding(message=message, where=output.dense.name))
    return findings
