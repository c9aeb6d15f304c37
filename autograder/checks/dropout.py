"""Alpha dropout, and dropout that stays active: the layer, a network converted to it, and sampling from one.

Whatever is random is judged by what holds for every draw, or by bounds that chance does not reach. Alpha
dropout (Klambauer et al. 2017, arXiv:1706.02515, section 3) sets dropped values to SELU's limit and then
scales and shifts all of them, so that mean and variance stay as they were.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from autograder.checks.findings import Finding
from autograder.checks.structure import graph_of, stack_of
from autograder.evidence import ArrayView, ModelView, Unanswered, describe, in_one_line
from autograder.networks.records import Graph, Node
from autograder.networks.stack import same_architecture

__all__ = [
    "check_active",
    "check_alpha_noise",
    "check_classes",
    "check_conversion",
    "check_converted_weights",
    "check_is_a_layer",
    "check_mean_of_passes",
    "check_number_of_passes",
    "check_original_unchanged",
    "check_passes_of_classes",
    "check_placement",
    "check_rate",
    "classes_of",
]

LIMIT = -1.6732632423543772 * 1.0507009873554805
"""What SELU tends to for very negative inputs: the value that alpha dropout sets."""
NOISE_TOLERANCE = 0.1
"""Of mean, standard deviation and share dropped over 5,000 values: more than six times what chance gives."""
MIXTURE_TOLERANCE = 1e-3
EQUAL = 1e-6
HALF_PRECISION = 2.0**-7
"""Twice the relative step of bfloat16, the coarser of the two kinds of mixed precision."""
RARELY = 0.25
"""By votes of 30 passes the random model's rarer answer wins for fewer images; by one pass, for 40 %."""
Found = Mapping[str, Any]


# ----------------------------------------------------------------------------------------------- in a network


def check_placement(model: ModelView) -> list[Finding]:
    """An alpha dropout layer stands between the last hidden layer's activation and the output layer."""
    hidden = stack_of(model).hidden
    kinds = hidden[-1].kinds if hidden else ()
    if "alpha_dropout" in kinds:
        if "activation" in kinds[kinds.index("alpha_dropout") :]:
            message = (
                "The alpha dropout layer before the output stands ahead of an activation. It is made for "
                "values that have passed through SELU: put it behind."
            )
            return [Finding(message=message)]
        return []
    every = [node for block in hidden for node in block.after]
    plain = next((node for node in every if node.kind == "dropout"), None)
    if plain is not None:
        message = (
            f"`{plain.name}` is an ordinary dropout layer: it sets values to 0, so that mean and variance no "
            "longer stay as SELU keeps them. There is a dropout made for SELU."
        )
        return [Finding(message=message, where=plain.name)]
    if any(node.kind == "alpha_dropout" for node in every):
        message = (
            "There is alpha dropout further ahead, but none between the last hidden layer and the output."
        )
        return [Finding(message=message)]
    return [Finding(message="There is no alpha dropout between the last hidden layer and the output.")]


def check_rate(model: ModelView, rate: float) -> list[Finding]:
    """Every alpha dropout layer has the rate that was asked for."""
    found = [node for node in graph_of(model).nodes if node.kind == "alpha_dropout"]
    if not found:
        raise Unanswered("There is no alpha dropout layer whose rate could be looked at.")
    return [
        Finding(
            message=f"The alpha dropout layer `{node.name}` has the rate {node['rate']:g}, which is not what "
            "was asked for: is the argument `rate` passed on, and its default the one of the question?",
            where=node.name,
        )
        for node in found
        if abs(node["rate"] - rate) > EQUAL
    ][:1]


# -------------------------------------------------------------------------------------------------- the layer


def _mapping(found: Any, what: str) -> Found:
    if not isinstance(found, dict):
        raise Unanswered(f"{what} could not be tried out.")
    return found


def _numbers(found: Any, what: str) -> np.ndarray:
    """A small array of numbers, or a list of them, as float64. Raises Unanswered."""
    if isinstance(found, ArrayView) and found.data is not None:
        return found.data.astype(np.float64)
    if isinstance(found, list):
        rows = [row.data if isinstance(row, ArrayView) else row for row in found]
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            return np.asarray(rows, np.float64)
    raise Unanswered(f"{what} is {describe(found)}, not an array of numbers.")


def _noisy(found: Found) -> dict[str, np.ndarray]:
    """What the layer gave, by the way in which it was called, all of the shape of its inputs."""
    inputs = _numbers(found.get("inputs"), "The input")
    ways = {
        "called without `training`": "called",
        "called with `training=False`": "inference",
        "called with `training=True`": "training",
        "asked by `predict` of a model": "predicted",
        "asked by `predict` once more": "again",
    }
    outputs = {way: _numbers(found.get(key), "What the layer returns") for way, key in ways.items()}
    for values in outputs.values():
        if values.shape != inputs.shape:
            raise Unanswered(
                f"The layer turns values of shape {inputs.shape} into {values.shape}: dropout keeps it."
            )
    return outputs


def _unchanged(values: np.ndarray, inputs: np.ndarray) -> bool:
    """Whether these are the inputs, rounded as the coarsest of mixed precision rounds them at most."""
    return np.allclose(values, inputs, rtol=HALF_PRECISION, atol=EQUAL)


def check_active(found: Any) -> list[Finding]:
    """The layer drops values in whatever way it is called, and others each time."""
    found = _mapping(found, "The layer")
    inputs, outputs = _numbers(found.get("inputs"), "The input"), _noisy(found)
    asleep = [way for way, values in outputs.items() if _unchanged(values, inputs)]
    if asleep == ["called with `training=True`"]:
        message = (
            "The layer returns its input as it is when called with `training=True`, and is active otherwise: "
            "it should be active in training as well."
        )
        return [Finding(message=message)]
    if asleep:
        message = (
            f"The layer returns its input as it is when {asleep[0]}: dropout sleeps outside of training "
            "unless `call` is told otherwise. Say so where you call the parent's `call`."
        )
        return [Finding(message=message)]
    values = list(outputs.values())
    if any(np.array_equal(one, other) for at, one in enumerate(values) for other in values[at + 1 :]):
        message = (
            "Called twice on the same values, the layer drops the same ones. Each call has to draw anew, "
            "also within `predict`, where Python code runs only once. A seed that is fixed inside `call` "
            "gives the same draw every time."
        )
        return [Finding(message=message)]
    return []


def check_alpha_noise(found: Any, *, rate: float) -> list[Finding]:
    """What is dropped gets alpha dropout's value, and mean and standard deviation are kept."""
    found = _mapping(found, "The layer")
    inputs = _numbers(found.get("inputs"), "The input")
    values = next((one for one in _noisy(found).values() if not _unchanged(one, inputs)), None)
    if values is None:
        return [Finding(message="The layer never changes its input, so there is no noise to look at.")]
    dropped, share = _most_frequent(values)
    if share > NOISE_TOLERANCE and abs(dropped) < EQUAL:
        message = (
            "Dropped values become 0, as with ordinary dropout: then mean and variance are not kept, which "
            "is what SELU lives on. Look at the class that yours derives from."
        )
        return [Finding(message=message)]
    mean, std = float(values.mean()), float(values.std())
    if not (abs(mean) < NOISE_TOLERANCE and abs(std - 1) < NOISE_TOLERANCE):
        message = (
            f"Standard normal values come out with mean {mean:.2f} and standard deviation {std:.2f}: alpha "
            "dropout keeps both."
        )
        return [Finding(message=message)]
    scale = ((1 - rate) * (1 + rate * LIMIT**2)) ** -0.5
    wanted = scale * LIMIT * (1 - rate)
    if abs(share - rate) > NOISE_TOLERANCE or abs(dropped - wanted) > NOISE_TOLERANCE / 10:
        message = (
            f"The layer drops {share:.0%} of the values, or not to the value that alpha dropout gives them: "
            "is the rate that it is made with used, and the parent's `call`?"
        )
        return [Finding(message=message)]
    return []


def _most_frequent(values: np.ndarray) -> tuple[float, float]:
    """The most frequent value and its share."""
    different, counts = np.unique(np.round(values, 4), return_counts=True)
    at = int(counts.argmax())
    return float(different[at]), float(counts[at] / values.size)


def check_is_a_layer(found: Any, *, base: str, rate: float) -> list[Finding]:
    """The class derives from that class of Keras, and its configuration makes the same layer again."""
    found = _mapping(found, "The layer")
    bases = found.get("bases")
    if not isinstance(bases, list) or base not in bases:
        nearest = next((one for one in bases if isinstance(one, str)), "") if isinstance(bases, list) else ""
        message = (
            f"The class does not derive from `keras.layers.{base}`"
            + (f" but from `{nearest[:80]}`" if nearest else "")
            + ". What it inherits is what makes it alpha dropout to the rest of a program."
        )
        return [Finding(message=message)]
    rebuilt = found.get("rebuilt")
    if isinstance(rebuilt, float | int) and abs(rebuilt - rate) <= EQUAL:
        return []
    if isinstance(rebuilt, str):
        message = (
            "Keras cannot make the layer again from its configuration, so a model with it cannot be copied "
            f"or loaded: {_why_not_rebuilt(rebuilt)}"
        )
    else:
        message = "Made again from its configuration, the layer has another rate: does it pass its rate on?"
    return [Finding(message=message)]


def _why_not_rebuilt(error: str) -> str:
    """What to say of an error that came of making a layer from its configuration."""
    if "unexpected keyword argument" in error:
        return (
            "Keras hands your `__init__` all settings that the parent takes (name, dtype, seed, …), and "
            "yours does not take them."
        )
    # Keras puts a configuration of several lines ahead of what went wrong.
    cause = error.rpartition("Exception encountered: ")[2]
    return (
        f"{in_one_line(cause)}. A constructor of your own takes what its parent's takes, and a `get_config` "
        "of your own names all of that."
    )


# --------------------------------------------------------------------------------------------- the conversion


def _conversion(found: Any) -> Found:
    """The trial to judge: on the probe's own network, else on the student's. Raises Unanswered.

    The former says nothing where a function is written for one architecture.
    """
    found = _mapping(found, "`to_mc_model`")
    trials = [found.get(name) for name in ("standard", "own")]
    usable = [trial for trial in trials if isinstance(trial, dict) and _is_usable(trial)]
    if usable:
        return usable[0]
    for trial in reversed(trials):
        if isinstance(trial, dict):
            raise Unanswered(_trouble(trial))
    raise Unanswered("`to_mc_model` could not be tried out.")


def _is_usable(trial: Found) -> bool:
    try:
        before, converted = (_network(trial, key) for key in ("before", "converted"))
    except Unanswered:
        return False
    shapes = [[array.shape for array in _arrays(*network)] for network in (before, converted)]
    return shapes[0] == shapes[1] and isinstance(trial.get("after"), ModelView)


def _trouble(trial: Found) -> str:
    if isinstance(trial.get("problem"), str):
        return f"`to_mc_model` could not be tried out: {trial['problem'][:500]}."
    converted = trial.get("converted")
    if not isinstance(converted, ModelView):
        return f"`to_mc_model(model)` is {describe(converted)}, not a Keras model."
    if converted.problem:
        return f"The model that `to_mc_model` returns cannot be read: {converted.problem[:500]}"
    return "The model that `to_mc_model` returns does not have the layers of the one that it was given."


def _network(trial: Found, key: str) -> tuple[Graph, ModelView]:
    model = trial.get(key)
    if not isinstance(model, ModelView):
        raise Unanswered(_trouble(trial))
    return graph_of(model, random=True), model


def _arrays(graph: Graph, model: ModelView) -> list[np.ndarray]:
    """The weights in the order of computation."""
    names = dict.fromkeys(node.name for node in graph.nodes)
    return [array for name in names for array in model.weights.get(name, [])]


def check_converted_weights(found: Any) -> list[Finding]:
    """The converted model has the weights of the original, layer by layer."""
    trial = _conversion(found)
    original, converted = (_arrays(*_network(trial, key)) for key in ("before", "converted"))
    if all(np.allclose(one, other, atol=EQUAL) for one, other in zip(original, converted, strict=True)):
        return []
    message = (
        "The converted model has other weights than the model that it was made from: it knows nothing of "
        "what that one learned. A copy of layers starts from fresh weights; bring the old ones over."
    )
    return [Finding(message=message)]


def check_conversion(found: Any) -> list[Finding]:
    """Every alpha dropout layer has become one that is active at inference, and nothing else has changed."""
    trial = _conversion(found)
    original, converted = (_network(trial, key)[0] for key in ("before", "converted"))
    finding = (
        _lost_dropout(converted) or _other_network(original, converted) or _asleep(converted) or _still(trial)
    )
    return [Finding(message=finding)] if finding else []


def _lost_dropout(converted: Graph) -> str:
    plain = next((node for node in converted.nodes if node.kind == "dropout"), None)
    if plain is None:
        return ""
    return (
        f"In the converted model stands an ordinary dropout (`{plain.name}`) where alpha dropout was: it "
        "sets values to 0, which SELU's layers never learned to live with."
    )


def _other_network(original: Graph, converted: Graph) -> str:
    differences = same_architecture(original, converted, names=("the original", "the converted model"))
    if not differences:
        return ""
    return f"The converted model is not the original with its dropout kept active: {differences[0]}."


def _asleep(converted: Graph) -> str:
    for node in converted.nodes:
        if node.kind == "alpha_dropout" and not _may_be_active(node):
            return (
                f"`{node.name}` in the converted model is still an ordinary alpha dropout layer, which does "
                "nothing at inference. Every one of them has to be replaced."
            )
    return ""


def _may_be_active(node: Node) -> bool:
    return bool(node.get("own_class") or node.get("training"))


def _still(trial: Found) -> str:
    one, other = _twice(trial, "outputs")
    if not np.array_equal(one, other):
        return ""
    return (
        "The converted model gives the same answer twice: its dropout is not active at inference, so that "
        "there is nothing to average over."
    )


def _twice(trial: Found, key: str) -> tuple[np.ndarray, np.ndarray]:
    outputs = trial.get(key)
    if not isinstance(outputs, list) or len(outputs) != 2:
        raise Unanswered("What the models answer could not be recorded.")
    return _numbers(outputs[0], "A model's answer"), _numbers(outputs[1], "A model's answer")


def check_original_unchanged(found: Any) -> list[Finding]:
    """The model that was converted is what it was: its layers, its weights, the same answer each time."""
    trial = _conversion(found)
    before, after = (_network(trial, key) for key in ("before", "after"))
    weights = [_arrays(*network) for network in (before, after)]
    same_weights = len(weights[0]) == len(weights[1]) and all(
        one.shape == other.shape and np.allclose(one, other, atol=EQUAL)
        for one, other in zip(*weights, strict=True)
    )
    one, other = _twice(trial, "original_outputs")
    message = ""
    if same_architecture(before[0], after[0]) or _dropouts(before[0]) != _dropouts(after[0]):
        message = "`to_mc_model` has changed the layers of the model that it was given. Make a new model."
    elif not same_weights:
        message = "`to_mc_model` has changed the weights of the model that it was given."
    elif not np.array_equal(one, other):
        message = (
            "After `to_mc_model` the model that it was given answers differently each time: its own dropout "
            "layers were changed. Make new layers for the new model."
        )
    return [Finding(message=message)] if message else []


def _dropouts(graph: Graph) -> list[tuple[str, Any, Any]]:
    return [(node.kind, node.get("own_class"), node.get("training")) for node in graph.nodes]


# --------------------------------------------------------------------------------------------------- sampling


def check_mean_of_passes(found: Any, model: Any, *, passes: int) -> list[Finding]:
    """The probabilities are the mean of what the model gave: one row for each image, which sums to 1."""
    first, second = _answers(model)
    given = _probabilities(found, first)
    sums = given.sum(axis=1)
    if np.allclose(sums, passes, atol=MIXTURE_TOLERANCE):
        message = (
            "The rows sum to the number of passes: the answers were added up, and the sum was not divided."
        )
        return [Finding(message=message)]
    if not np.allclose(sums, 1, atol=MIXTURE_TOLERANCE):
        return [
            Finding(message=f"The first row sums to {sums[0]:.3f}: probabilities of all classes sum to 1.")
        ]
    _, residual = _shares(given, first, second)
    if residual <= MIXTURE_TOLERANCE:
        return []
    if np.allclose(given * passes, np.round(given * passes), atol=MIXTURE_TOLERANCE):
        message = (
            "The rows are shares of votes: each pass was reduced to its most likely class before the mean. "
            "That throws away how sure each pass was; take the mean of the probabilities themselves."
        )
    else:
        message = "The rows are not the mean of what the model gave for each image."
    return [Finding(message=message)]


def check_number_of_passes(found: Any, model: Any, *, passes: int) -> list[Finding]:
    """The mean is over as many passes as asked for, each of them a new one through the model."""
    first, second = _answers(model)
    shares, residual = _shares(_probabilities(found, first), first, second)
    if residual > MIXTURE_TOLERANCE:
        raise Unanswered(
            "Passes can be counted only once the probabilities are their mean: see 'mean of passes'."
        )
    counts = shares * passes
    if np.mean((np.abs(counts) < 0.01) | (np.abs(counts - passes) < 0.01)) > 0.5:
        message = (
            "All passes gave the same answer for an image, though the model answers differently each time: "
            "was it asked once, and that answer repeated? Each pass has to run the model anew."
        )
        return [Finding(message=message)]
    if np.abs(counts - np.round(counts)).max() > 0.01 or _fewer(counts, passes):
        message = (
            "The mean is over another number of passes than asked for: does `n_samples` decide how often the "
            "model is run, and is its default the one of the question?"
        )
        return [Finding(message=message)]
    return []


def _fewer(counts: np.ndarray, passes: int) -> bool:
    """Whether the shares are those of fewer passes: of 5 in place of 10, all counts would be even."""
    return bool(np.gcd.reduce(np.round(counts).astype(np.int64), initial=passes) > 1)


def check_passes_of_classes(found: Any, by_default: Any, *, passes: int, default: int) -> list[Finding]:
    """The classes come from as many passes as asked for, ten where nothing is said of it.

    Counted by the rows that the random model was run on: with few passes or many, the classes may be the
    same. What a function runs besides, to see what the model gives, is in both numbers and does not count.
    """
    asked, unsaid = (_mapping(one, "`mc_dropout_predict_classes`") for one in (found, by_default))
    images, rows, fewer = asked.get("images"), asked.get("rows_run"), unsaid.get("rows_run")
    if not (isinstance(images, int) and isinstance(rows, int) and isinstance(fewer, int) and rows and fewer):
        return []  # a copy of the model was run, which was not watched
    if rows - fewer == (passes - default) * images and rows >= passes * images:
        return []
    message = (
        "`mc_dropout_predict_classes` runs the model another number of times than asked for: is `n_samples` "
        "handed on, and its default the one of the question?"
    )
    return [Finding(message=message)]


def classes_of(found: Any) -> Any:
    """What `mc_dropout_predict_classes` returned. Raises Unanswered where it could not be tried out."""
    return _mapping(found, "`mc_dropout_predict_classes`").get("classes")


def check_classes(found: Any, model: Any, *, share_right: float = 0.9) -> list[Finding]:
    """The classes are whole numbers, one for each image: the most likely class by the mean of the passes.

    share_right: of the images, so many at least; with few passes chance may decide otherwise for one.
    """
    first, second = _answers(model)
    given = _numbers(found, "What `mc_dropout_predict_classes` returns")
    if given.shape != first.shape[:1]:
        message = (
            f"The classes have shape {given.shape} for {len(first)} images; there should be one number for "
            "each image. Along which axis is the largest taken?"
        )
        return [Finding(message=message)]
    if not _are_whole(found):
        return [Finding(message="The classes are not of an integer type; class numbers are whole numbers.")]
    weight = _mapping(model, "The model").get("share")
    if not isinstance(weight, float):
        raise Unanswered("What the model answers could not be recorded.")
    truth = (weight * first + (1 - weight) * second).argmax(axis=1)
    if np.mean(given == truth) >= share_right:
        return []
    message = "Many classes are not the most likely ones by the mean of the passes. " + (
        "They look like votes: was the largest taken in each pass, before the mean?"
        if _look_like_votes(given, first, second)
        else "Does each pass run the model anew, and is the largest taken once, of their mean?"
    )
    return [Finding(message=message)]


def _look_like_votes(given: np.ndarray, first: np.ndarray, second: np.ndarray) -> bool:
    """Whether the more frequent answer wins nearly everywhere; a single pass gives the other often enough."""
    wins, losses = (np.mean(given == answer.argmax(axis=1)) for answer in (first, second))
    return bool(wins > 0.5 and losses < RARELY)


def _are_whole(found: ArrayView | list[Any]) -> bool:
    if isinstance(found, ArrayView):
        return bool(np.issubdtype(found.dtype, np.integer))
    return all(type(number) is int for number in found)


def _answers(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """The two answers of the random model for each image, each (images, classes)."""
    model = _mapping(model, "The model")
    first, second = (_numbers(model.get(name), "A model's answer") for name in ("first", "second"))
    if first.ndim != 2 or first.shape != second.shape or not first.size:
        raise Unanswered("What the model answers could not be recorded.")
    return first, second


def _probabilities(found: Any, first: np.ndarray) -> np.ndarray:
    given = _numbers(found, "What `mc_dropout_predict_probas` returns")
    if given.shape != first.shape:
        more = " Is the mean over the passes missing?" if given.ndim > 2 else ""
        raise Unanswered(
            f"`mc_dropout_predict_probas` gives an array of shape {given.shape} for {len(first)} images and "
            f"{first.shape[1]} classes.{more}"
        )
    if not np.isfinite(given).all():
        raise Unanswered("The probabilities are not all finite numbers.")
    return given


def _shares(given: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, float]:
    """How often each image got the model's first answer, and how far the rows are from being such a mean."""
    towards = first - second
    length = np.maximum((towards**2).sum(axis=1), 1e-12)
    shares = ((given - second) * towards).sum(axis=1) / length
    residual = np.abs(given - second - shares[:, None] * towards).max()
    return shares, float(residual)
