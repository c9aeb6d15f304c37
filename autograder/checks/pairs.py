"""Learning from pairs: a network of two towers, pairs that are drawn, and a tower that is used again.

Tower A is the chain of layers behind a pair network's first input, tower B that behind its second.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from autograder.checks.accuracy import reached, saved_network
from autograder.checks.diagnosis import BINARY, ONE_LAYER, loss_name
from autograder.checks.findings import Finding, quoted
from autograder.checks.fits import fits_of_question, validated_on_test
from autograder.checks.likeness import likeness
from autograder.checks.structure import graph_of, stack_of, starts_from, starts_wrong
from autograder.evidence import ArrayView, Evidence, Fit, ModelView, Unanswered, describe
from autograder.networks.activations import describe_activation
from autograder.networks.branches import Meeting, chains_that_meet
from autograder.networks.stack import Block, Stack, layers_in_order

__all__ = [
    "Drawn",
    "check_accuracies",
    "check_activations",
    "check_balance",
    "check_classifier",
    "check_curve",
    "check_draws",
    "check_frozen",
    "check_head",
    "check_initialisers",
    "check_inputs",
    "check_no_image_with_itself",
    "check_pair_labels",
    "check_pair_loss",
    "check_reuse",
    "check_rivals",
    "check_saved_classifier",
    "check_separate",
    "check_shuffled",
    "check_stopped_by",
    "check_towers",
    "drawn",
    "meeting_of",
    "of_either",
]

ALIKE = 0.8
"""The least correlation between two kernels, one of which was trained on from the other.

Two trainings that started from the same seed, one on pairs and one on classes, had 0.63.
"""
NEAR = 0.03
"""How far an accuracy may lie from an evaluation: it may be rounded, or of other pictures."""
COVERED = 0.8
"""The least share of the pictures that turn up in one place, of as many as free draws would show."""
EXACT = 1e-6
"""How far an accuracy lies from the very evaluation that it is of."""
LEARNED = 0.1
"""How far above guessing a network is that has learned something."""
_AHEAD = ("flatten", "reshape", "rescaling", "normalization")
_TOWERS = ("A", "B")


# ------------------------------------------------------------------------------------------ the pair network


def meeting_of(model: ModelView) -> Meeting:
    """The model as two towers and a head. Raises Unanswered where it is anything else."""
    found = chains_that_meet(graph_of(model))
    if found is None or len(found.towers) != 2:
        raise Unanswered(
            "The model is not two chains of layers, one from each of two inputs, whose ends are joined."
        )
    return found


def check_inputs(model: ModelView, *, pixels: int) -> list[Finding]:
    """The model takes two pictures, and only scales and flattens each before its tower."""
    findings = []
    for letter, tower in zip(_TOWERS, meeting_of(model).towers, strict=True):
        if math.prod(tower.input_shape) != pixels:
            message = (
                f"Tower {letter} takes inputs of shape {tower.input_shape}; a picture has another shape."
            )
            findings.append(Finding(message=message))
        odd = [node for node in tower.preprocessing if node.kind not in _AHEAD]
        if odd:
            message = (
                f"In tower {letter}, `{odd[0].name}` stands ahead of the first hidden layer. Only "
                "flattening and scaling of the pixels belong there."
            )
            findings.append(Finding(message=message, where=odd[0].name))
    return findings


def check_towers(model: ModelView, *, count: int, units: int) -> list[Finding]:
    """Each tower has that many dense layers of that many units, and nothing else."""
    findings = []
    for letter, tower in zip(_TOWERS, meeting_of(model).towers, strict=True):
        if len(tower.blocks) != count:
            message = (
                f"Tower {letter} has {len(tower.blocks)} dense layers. Compare that with the question: a "
                "tower ends with its last hidden layer, without a layer that answers anything."
            )
            findings.append(Finding(message=message))
        for number, block in enumerate(tower.blocks, start=1):
            found: list[Finding] = []
            if block.units != units:
                message = (
                    f"In tower {letter}, hidden layer {number} has {block.units} units, which is not what "
                    "was asked for."
                )
                found.append(Finding(message=message, where=block.dense.name))
            found += _extras(f"After hidden layer {number} of tower {letter}", block)
            if found:
                findings += found
                break
    return findings


def _extras(place: str, block: Block) -> list[Finding]:
    extra = [node for node in block.after if node.kind not in ("activation", "custom")]
    return [
        Finding(
            message=f"{place} stands `{node.name}` ({node.kind.replace('_', ' ')}), which does not belong "
            "in this network.",
            where=node.name,
        )
        for node in extra[:1]
    ]


def check_activations(model: ModelView, function: str, *, count: int) -> list[Finding]:
    """Every hidden layer of both towers is followed by that activation, once.

    count: so many layers of a tower are hidden ones; what stands behind them is counted elsewhere.
    """
    for letter, tower in zip(_TOWERS, meeting_of(model).towers, strict=True):
        for number, block in enumerate(tower.blocks[:count], start=1):
            alone = block.activation == function and block.activations[0].get("alpha", 1.0) == 1.0
            if not alone or any(node.kind == "custom" for node in block.after):
                asked = describe_activation((("function", function),))
                message = (
                    f"In tower {letter}, hidden layer {number} uses {block.describe_activation()}, where one "
                    f"{asked} was asked for."
                )
                return [Finding(message=message, where=block.dense.name)]
    return []


def check_initialisers(model: ModelView, family: str, *, count: int) -> list[Finding]:
    """Every hidden layer of both towers starts from that family of initialisers, normal or uniform.

    count: so many layers of a tower are hidden ones; what stands behind them is counted elsewhere.
    """
    for letter, tower in zip(_TOWERS, meeting_of(model).towers, strict=True):
        for number, block in enumerate(tower.blocks[:count], start=1):
            if not starts_from(model, block, family):
                return [starts_wrong(model, block, f"In tower {letter}, hidden layer {number}")]
    return []


def check_separate(model: ModelView, variables: Any) -> list[Finding]:
    """Each tower has weights of its own.

    variables: how many different variables the room found in the model; layers that share theirs have fewer
    than their number says.
    """
    shared = meeting_of(model).shared
    listed = sum(len(arrays) for arrays in model.weights.values())
    fewer = isinstance(variables, int) and not isinstance(variables, bool) and variables < listed
    if not shared and not fewer:
        return []
    which = f" (`{min(shared)}` stands in both)" if shared else ""
    return [
        Finding(
            message=f"The two towers share their weights{which}. Asked for are two towers that learn "
            "apart: make new layers for the second one, rather than calling those of the first on "
            "another input.",
            where=min(shared, default=""),
        )
    ]


def check_head(model: ModelView, *, units: int) -> list[Finding]:
    """The towers' outputs are joined, then come one hidden layer of that many units and one sigmoid unit."""
    meeting = meeting_of(model)
    head = meeting.head
    if meeting.join.kind != "concatenate":
        return [
            Finding(
                message=f"The towers' outputs are joined by `{meeting.join.name}` ({meeting.join.kind}), "
                "which mixes them up before anything can compare them. Asked for is to put them side by "
                "side.",
                where=meeting.join.name,
            )
        ]
    if len(head.blocks) != 2:
        return [
            Finding(
                message=f"Behind the place where the towers are joined stand {len(head.blocks)} dense "
                "layers. Asked for are one hidden layer and the output."
            )
        ]
    hidden, output = head.blocks
    findings = []
    if hidden.units != units:
        message = (
            f"The hidden layer behind the towers has {hidden.units} units, which is not what was asked for."
        )
        findings.append(Finding(message=message, where=hidden.dense.name))
    if not [node for node in hidden.after if node.kind in ("activation", "custom")]:
        message = (
            "The hidden layer behind the towers has no activation. Whether two pictures are of one class "
            "is no weighted sum of what the towers say: it takes a bend in between."
        )
        findings.append(Finding(message=message, where=hidden.dense.name))
    if output.units != 1 or output.activation != "sigmoid":
        message = (
            f"The network ends in {output.units} units with {output.describe_activation()}. One question, "
            "same class or not, takes one number between 0 and 1."
        )
        findings.append(Finding(message=message, where=output.dense.name))
    odd = [*head.preprocessing, *output.after]
    odd = [node for node in odd if node.kind not in ("activation", "flatten", "reshape")]
    findings += [
        Finding(message=f"`{node.name}` does not belong behind the towers.", where=node.name)
        for node in odd[:1]
    ]
    return findings + _extras("After the hidden layer behind the towers", hidden)


# ----------------------------------------------------------------------------------------- pairs of pictures


@attrs.frozen(kw_only=True, eq=False)
class Batch:
    """One batch that a student's function drew: which rows of the given pictures it pairs, and its labels."""

    seed: int
    number: int
    """The first or the second batch from one generator."""
    first: np.ndarray
    second: np.ndarray
    """int64 (n,), -1 for what is none of the given pictures."""
    labels: np.ndarray
    classes: tuple[np.ndarray, np.ndarray]
    pictures: int
    """How many pictures there were to draw from."""

    @property
    def same(self) -> np.ndarray:
        """Whether the two pictures of a pair are of one class: bool (n,)."""
        return np.asarray(self.classes[0] == self.classes[1])

    def equals(self, other: Batch) -> bool:
        """Whether it holds the same pairs in the same order."""
        return np.array_equal(self.first, other.first) and np.array_equal(self.second, other.second)


Drawn = tuple[Batch, ...]


def drawn(found: Any) -> Drawn:
    """The batches that a probe recorded. Raises Unanswered where one is no batch of pairs."""
    if not isinstance(found, dict) or not isinstance(found.get("batches"), list) or not found["batches"]:
        raise Unanswered("`generate_pairs` gave nothing that could be read.")
    classes = _whole_numbers(found.get("classes"))
    if classes is None:
        raise Unanswered("`generate_pairs` gave nothing that could be read.")
    return tuple(_batch(record, classes) for record in found["batches"])


def _batch(record: Any, classes: np.ndarray) -> Batch:
    if not isinstance(record, dict):
        raise Unanswered("`generate_pairs` gave nothing that could be read.")
    if record.get("problem"):
        raise Unanswered(f"`generate_pairs` gives {record['problem']}.")
    first, second, labels = (_whole_numbers(record.get(key)) for key in ("first", "second", "labels"))
    size = record.get("size")
    if first is None or second is None:
        raise Unanswered("`generate_pairs` gives no pictures as the first of its two things.")
    if labels is None:
        raise Unanswered("The labels that `generate_pairs` gives are not whole numbers, one for each pair.")
    if not len(first) == len(second) == len(labels) == size:
        raise Unanswered(
            f"For a batch of {size} pairs `generate_pairs` gives {len(first)} first pictures, "
            f"{len(second)} second ones and {len(labels)} labels."
        )
    if min(first.min(), second.min()) < 0 or max(first.max(), second.max()) >= len(classes):
        raise Unanswered(
            "What `generate_pairs` gives are not the pictures of the `X` that it was called with. It "
            "should use its arguments, and leave the pixels as they are."
        )
    return Batch(
        seed=_small(record.get("seed")),
        number=_small(record.get("number")),
        first=first,
        second=second,
        labels=labels,
        classes=(classes[first], classes[second]),
        pictures=len(classes),
    )


def _small(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _whole_numbers(found: Any) -> np.ndarray | None:
    """int64 (n,) from an array of whole numbers, (n,) or (n, 1); None for anything else."""
    if not isinstance(found, ArrayView) or found.data is None or found.data.size == 0:
        return None
    data = found.data.astype(np.float64)
    if data.ndim == 2 and data.shape[1] == 1:
        data = data[:, 0]
    if data.ndim != 1 or not np.isfinite(data).all() or (data != np.floor(data)).any():
        return None
    return data.astype(np.int64)


def check_pair_labels(batches: Drawn) -> list[Finding]:
    """A pair of one class has label 0, a pair of two classes label 1."""
    same = np.concatenate([batch.same for batch in batches])
    labels = np.concatenate([batch.labels for batch in batches])
    if not np.isin(labels, (0, 1)).all():
        return [Finding(message="There are labels other than 0 and 1 in what `generate_pairs` gives.")]
    right = float((labels == ~same).mean())
    if right == 1:
        return []
    if right == 0:
        return [
            Finding(
                message="Every label is the other way round: look again at which of 0 and 1 the question "
                "gives to two pictures of the same class."
            )
        ]
    return [
        Finding(
            message=f"{1 - right:.0%} of the labels are not those of their pairs. Whatever puts pairs "
            "into another order has to put their labels into the same one; and a picture that was drawn "
            "freely may be of the same class by chance."
        )
    ]


def check_balance(batches: Drawn) -> list[Finding]:
    """Of every batch, half of the pairs are of one class and half of two."""
    same = np.concatenate([batch.same for batch in batches])
    if all(abs(2 * int(batch.same.sum()) - len(batch.same)) <= len(batch.same) % 2 for batch in batches):
        return []
    share = float(same.mean())
    if share in (0, 1):
        which = "one class" if share == 1 else "two different classes"
        message = (
            f"All pairs are of {which}. A network that is shown nothing else gives always the same "
            "answer, and is always right."
        )
    else:
        message = (
            f"{_how_many(batches, share)} of the pairs show one digit twice; asked for is exactly half, in "
            "each batch: otherwise the more frequent answer is worth guessing."
        )
    return [Finding(message=message)]


def _how_many(batches: Drawn, share: float) -> str:
    """How many pairs are of one class: that share of each batch, or in words between which shares it lies."""
    if all(abs(float(batch.same.sum()) - share * len(batch.same)) < 1 for batch in batches):
        return f"{share:.0%}"
    shares = [float(batch.same.mean()) for batch in batches]
    return f"From batch to batch, between {min(shares):.0%} and {max(shares):.0%}"


def check_shuffled(batches: Drawn) -> list[Finding]:
    """Pairs of one class and pairs of two stand in no fixed order within a batch."""
    long = [batch.same for batch in batches if len(batch.same) >= 32 and 0 < batch.same.mean() < 1]
    if not long:
        return []
    changes = [float((row[1:] != row[:-1]).mean()) for row in long]
    repeated = all(len(row) != len(long[0]) or np.array_equal(row, long[0]) for row in long)
    if np.mean(changes) > 0.25 and not (repeated and len(long) > 1):
        return []
    how = "in two blocks" if np.mean(changes) <= 0.25 else "in the same places in every batch"
    if np.mean(changes) <= 0.25 or _is_regular(long[0]):
        what = ". Shuffle the pairs, and their labels in the same way."
    else:
        what = ": whatever shuffles them draws the same numbers each time. Where do these numbers come from?"
    return [Finding(message=f"Pairs of one class and pairs of two stand {how}{what}")]


def _is_regular(row: np.ndarray) -> bool:
    """Whether a row repeats itself every few places, as nothing does that was shuffled."""
    return any(np.array_equal(row[step:], row[:-step]) for step in range(1, 9))


def check_no_image_with_itself(batches: Drawn) -> list[Finding]:
    """No picture is paired with itself."""
    alone = int(sum((batch.first == batch.second).sum() for batch in batches))
    if not alone:
        return []
    return [
        Finding(
            message=f"{alone} of {sum(len(batch.first) for batch in batches)} pairs hold one picture "
            "twice. Such a pair teaches nothing; draw the second picture from the other pictures of that "
            "class."
        )
    ]


def check_draws(batches: Drawn) -> list[Finding]:
    """The draws come from the generator that is passed in, and reach all classes."""
    firsts = [batch for batch in batches if batch.number == 0]
    for at, one in enumerate(firsts):
        for other in firsts[at + 1 :]:
            if len(one.first) != len(other.first):
                continue
            if one.seed == other.seed and not one.equals(other):
                return [
                    Finding(
                        message="Two generators with the same seed give different pairs: something is "
                        "drawn from elsewhere. Take every random number from `rng`, so that a run can be "
                        "repeated."
                    )
                ]
            if one.seed != other.seed and one.equals(other):
                return [
                    Finding(
                        message="Generators with different seeds give the same pairs: `rng` is not what "
                        "they are drawn from."
                    )
                ]
    for one, other in itertools.pairwise(batches):
        if (one.number, other.number) == (0, 1) and one.equals(other):
            return [
                Finding(
                    message="One batch after the other holds the same pairs. Each batch should be a new "
                    "draw: there are a thousand million pairs to learn from."
                )
            ]
    return _missing_classes(batches) or _missing_pictures(_different(batches), batches[0].pictures)


def _different(batches: Drawn) -> Drawn:
    """The batches without those that hold the same pairs as an earlier one."""
    places = range(len(batches))
    return tuple(batches[at] for at in places if not any(batches[at].equals(one) for one in batches[:at]))


def _missing_classes(batches: Drawn) -> list[Finding]:
    for same, kind in ((True, "of one class"), (False, "of two classes")):
        for place in (0, 1):
            seen = [batch.classes[place][batch.same == same] for batch in batches]
            classes = np.unique(np.concatenate(seen))
            if 0 < len(classes) < 10:
                missing = ", ".join(str(label) for label in sorted(set(range(10)) - set(classes.tolist())))
                return [
                    Finding(message=f"Among the pairs {kind}, class {missing} never turns up in one place.")
                ]
    return []


def _missing_pictures(batches: Drawn, pictures: int) -> list[Finding]:
    """What to say where pairs are made of a part of the pictures that were given, in one place or in both."""
    for place in ("first", "second"):
        rows = np.concatenate([getattr(batch, place) for batch in batches])
        expected = pictures * (1 - math.exp(-len(rows) / pictures))
        if len(np.unique(rows)) < COVERED * expected:
            message = (
                f"Many of the pictures that `generate_pairs` was given never turn up as the {place} picture "
                f"of a pair: {len(rows):,} pairs showed {len(np.unique(rows))} of {pictures}. A tower learns "
                "from what it sees; let the draw reach all rows of `X`."
            )
            return [Finding(message=message)]
    return []


# ---------------------------------------------------------------------------------------------- the training


def check_pair_loss(evidence: Evidence, *, question: str, builder: str) -> list[Finding]:
    """The pair network is trained with binary cross-entropy."""
    with contextlib.suppress(Unanswered):
        if meeting_of(evidence.probe_model(builder)).head.output.units != 1:
            return []  # another head wants another loss; it costs where the head is asked for
    fits = [fit for fit in evidence.fits if question not in fit.after and fit.compilation is not None]
    losses = [(loss_name(fit.compilation), _expects_logits(fit)) for fit in fits]
    if not fits or (BINARY, False) in losses:
        return []
    name, logits = losses[-1]
    if logits and name == BINARY:
        message = (
            "The loss is told to expect logits (`from_logits=True`), but the network ends in a sigmoid, "
            "which is then applied twice."
        )
    else:
        message = (
            f"The pair network is trained with {name or 'no loss'}. An answer that is yes or no, given as "
            "one probability, wants the binary cross-entropy."
        )
    return [Finding(message=message)]


def _expects_logits(fit: Fit) -> bool:
    """Whether a fit's loss was told that it gets logits."""
    loss = fit.compilation.loss if fit.compilation else None
    settings = loss.get("config") if isinstance(loss, Mapping) else None
    return isinstance(settings, Mapping) and settings.get("from_logits") is True


def check_curve(evidence: Evidence, name: str, *, accuracy: float, tolerance: float = 0.025) -> list[Finding]:
    """The submitted history is of the training that gave the submitted network.

    accuracy: what the network reaches on pairs of new pictures. The student's validation pairs are drawn
    at random, so an epoch with about that accuracy is all that can be asked for.
    """
    history = evidence.saved_history(name)
    if history is None:
        return [
            Finding(
                message=f"No `{name}.history.json` was submitted, or it cannot be read: there is no curve "
                "to compare the network with."
            )
        ]
    seen = [value for metric, values in history.items() if "acc" in metric for value in values]
    if not seen:
        return [
            Finding(message=f"`{name}.history.json` shows no accuracy: compile with accuracy as a metric.")
        ]
    # A training that calls its labels the other way round counts the same here.
    if any(abs(value - accuracy) <= tolerance for value in seen):
        return []
    return [
        Finding(
            message=f"`{name}.keras` is right about {accuracy:.1%} of new pairs, and no epoch of "
            f"`{name}.history.json` is near that. Save both right after one and the same training.",
            where=f"{name}.history.json",
        )
    ]


# ------------------------------------------------------------------------------------- a tower is used again


def of_either(evidence: Evidence, check: Callable[[Any], list[Finding]]) -> list[Finding]:
    """What a check finds of the classifier from the student's own pair network, if it is right of neither.

    The other one is made of a plain pair network: a student's own may be of no use for it.
    """
    try:
        findings = check(evidence.probe("classifier_from_own_pairs"))
    except Unanswered as problem:
        if _right(evidence, check):
            return []
        raise problem from None
    return [] if not findings or _right(evidence, check) else findings


def _right(evidence: Evidence, check: Callable[[Any], list[Finding]]) -> bool:
    try:
        return not check(evidence.probe("classifier_from_given_pairs"))
    except Unanswered:
        return False


def _models(found: Any) -> dict[str, ModelView]:
    """The models that a probe recorded around a call of the student's function. Raises Unanswered."""
    if not isinstance(found, dict):
        raise Unanswered("`build_classifier_from` could not be tried out.")
    models = {key: value for key, value in found.items() if isinstance(value, ModelView)}
    if "classifier" not in models or "pair" not in models:
        given = found.get("classifier")
        raise Unanswered(f"`build_classifier_from(pair_model)` is {describe(given)}, not a Keras model.")
    return models


def _tower(pair: ModelView, number: int) -> Stack:
    return meeting_of(pair).towers[number]


def check_classifier(found: Any, *, classes: int) -> list[Finding]:
    """The classifier is the hidden layers of a tower and a new softmax layer, for one picture."""
    models = _models(found)
    stack, tower = stack_of(models["classifier"]), _tower(models["pair"], 0)
    findings = []
    if math.prod(stack.input_shape) != math.prod(tower.input_shape):
        message = (
            f"The classifier takes inputs of shape {stack.input_shape}; the tower takes {tower.input_shape}."
        )
        findings.append(Finding(message=message))
    output = stack.output
    if output.units != classes or output.activation != "softmax":
        findings.append(Finding(message=_no_classes(output, classes), where=output.dense.name))
    if _shapes(stack.hidden) != _shapes(tower.blocks):
        message = (
            f"Ahead of the new layer the classifier has {len(stack.hidden)} dense layers; the tower has "
            f"{len(tower.blocks)}, of {tower.blocks[0].units if tower.blocks else 0} units. Take them "
            "all, with their activations, and nothing else."
        )
        findings.append(Finding(message=message))
    return findings


def _no_classes(output: Block, classes: int) -> str:
    """What to say of an output layer that gives no probability for each class."""
    described = output.describe_activation()
    if output.units != classes:
        return (
            f"The classifier ends in {output.units} units with {described}. It needs a probability for each "
            "class."
        )
    if output.activation == "sigmoid":
        what = f"{classes} sigmoid units, each of which answers yes or no by itself"
    else:
        what = f"{classes} units with {described}, whose numbers are no probabilities"
    return (
        f"The classifier ends in {what}. A picture shows exactly one digit, so the {classes} probabilities "
        "have to sum to 1."
    )


def _shapes(blocks: tuple[Block, ...]) -> list[tuple[int, str, tuple[str, ...]]]:
    return [(block.units, block.activation, block.kinds) for block in blocks]


def check_reuse(found: Any) -> list[Finding]:
    """The classifier's hidden layers have the weights of tower A of the pair network that it was given."""
    models = _models(found)
    stack = stack_of(models["classifier"])
    own = _kernels(models["classifier"], stack.hidden or stack.blocks)
    towers = [_kernels(models["pair"], _tower(models["pair"], number).blocks) for number in (0, 1)]
    if _equal(own, towers[0]):
        return []
    if _equal(own, towers[1]):
        message = (
            "The classifier has the weights of tower B, and reads what tower A reads. Take the layers "
            "that stand behind the first input."
        )
    elif any(_equal([kernel], [other]) for kernel in own for other in towers[0] + towers[1]):
        message = "Only some of the classifier's hidden layers have the weights of tower A."
    else:
        message = (
            "The classifier's hidden layers do not have the weights of the pair network that it was "
            "given. Layers that are made anew, or cloned, start from random weights; and the function "
            "should use its argument."
        )
    return [Finding(message=message)]


def _kernels(model: ModelView, blocks: tuple[Block, ...]) -> list[list[np.ndarray]]:
    return [model.weights.get(block.dense.name) or [] for block in blocks]


def _equal(one: list[list[np.ndarray]], other: list[list[np.ndarray]]) -> bool:
    return len(one) == len(other) and all(
        len(left) == len(right) > 0 and all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))
        for left, right in zip(one, other, strict=True)
    )


def check_frozen(found: Any) -> list[Finding]:
    """A step of training changes the classifier's new layer, and neither its tower nor the pair network."""
    models = _models(found)
    stack = stack_of(models["classifier"])
    flags = [block.dense.trainable for block in stack.hidden]
    before, after = models["classifier"], models.get("trained")
    moved = after is not None and not _equal(_kernels(before, stack.hidden), _kernels(after, stack.hidden))
    if any(flags) or moved:
        message = (
            f"{_not_frozen(sum(flags) or len(flags), len(flags))}: the first steps of training, with a "
            "new layer that knows nothing yet, wash away what the tower has learned. Set `trainable` before "
            "the model is compiled."
        )
        return [Finding(message=message)]
    if not stack.output.dense.trainable:
        return [Finding(message="The new layer is frozen too, so that nothing of the classifier can learn.")]
    pair, later = models["pair"], models.get("pair_trained")
    if later is not None and any(
        not _equal([arrays], [later.weights.get(path) or []]) for path, arrays in pair.weights.items()
    ):
        return [Finding(message="Building and training the classifier changes weights of the pair network.")]
    return []


def _not_frozen(awake: int, layers: int) -> str:
    if awake == layers:
        return f"None of the {layers} reused layers is frozen"
    return f"{awake} of the classifier's {layers} reused layers {'is' if awake == 1 else 'are'} not frozen"


def check_saved_classifier(
    evidence: Evidence, name: str, pair_name: str, *, count: int, units: int, classes: int
) -> list[Finding]:
    """The submitted classifier has a tower's layers with, about, the weights of the submitted tower A."""
    where = f"{name}.keras"
    graph, weights = saved_network(evidence, name)
    stack = layers_in_order(graph)
    if stack is None or not stack.blocks:
        return [
            Finding(message=f"`{where}` is not one chain of layers from a picture to its class.", where=where)
        ]
    shapes = [(block.units, block.activation) for block in stack.hidden]
    if shapes != [(units, "elu")] * count or (stack.output.units, stack.output.activation) != (
        classes,
        "softmax",
    ):
        message = (
            f"`{where}` has {len(shapes)} hidden layers and ends in {stack.output.units} units with "
            f"{stack.output.describe_activation()}: that is not a tower with a new output layer. Save the "
            "network that `build_classifier_from` built and that you trained."
        )
        return [Finding(message=message, where=where)]
    try:
        pair_graph, pair_weights = saved_network(evidence, pair_name)
        result = reached(evidence, pair_name)
    except Unanswered:
        return []
    if result.test.accuracy < result.guessing + LEARNED:
        return []  # a pair network that was saved untrained costs where it is handed in
    meeting = chains_that_meet(pair_graph)
    if meeting is None or not meeting.towers[0].blocks:
        return []
    own = weights.get(stack.blocks[0].dense.name)
    alike = [_likeness(own, pair_weights.get(tower.blocks[0].dense.name)) for tower in meeting.towers]
    if alike[0] is None or alike[0] > ALIKE:
        return []
    if alike[1] is not None and alike[1] > ALIKE:
        message = f"`{where}` holds tower B of `{pair_name}.keras`; asked for is tower A."
    else:
        message = (
            f"The hidden layers of `{where}` are not those of `{pair_name}.keras`: was it trained from "
            "scratch, or do the two files come from different runs?"
        )
    return [Finding(message=message, where=where)]


def _likeness(one: list[np.ndarray] | None, other: list[np.ndarray] | None) -> float | None:
    return likeness(one[0], other[0]) if one and other else None


def check_accuracies(evidence: Evidence, names: tuple[str, ...]) -> list[Finding]:
    """These names hold accuracies, numbers from 0 to 1, as evaluating the networks gives them."""
    values = {name: _single(evidence.value(name)) for name in names}
    findings = [found for name, value in values.items() for found in _no_share(evidence, name, value)]
    return findings or _not_evaluated(evidence, values) or _of_validation(evidence, values)


def check_rivals(evidence: Evidence, *, question: str, scratch: str, reused: str) -> list[Finding]:
    """A network all of whose layers learn was trained as the rival, and each accuracy is of its own network.

    scratch, reused: the names of the accuracies of the rival and of the network with frozen layers.
    """
    fits = fits_of_question(evidence, question)
    # A network without an input layer has no weights yet when `fit` is called: any of its layers may learn.
    free = {fit.model for fit in fits if fit.trainable not in ONE_LAYER}
    if fits and not free:
        message = (
            "In every training of this question a single layer learns. The network from scratch is to learn "
            "in all of its layers: with frozen random weights it is no rival, and any tower wins."
        )
        return [Finding(message=message, where=scratch)]
    values = {name: _single(evidence.value(name)) for name in (scratch, reused)}
    owners = {name: _evaluated(evidence, value) for name, value in values.items()}
    learned = free - {fit.model for fit in fits if fit.trainable is None}
    if owners[reused] and owners[reused] <= learned and owners[scratch] and not owners[scratch] & free:
        message = (
            f"`{reused}` and `{scratch}` are mixed up: the former is the accuracy of a network of which all "
            "layers were trained here, the latter that of the one with a frozen tower."
        )
        return [Finding(message=message, where=reused)]
    return []


def check_stopped_by(evidence: Evidence, *, question: str) -> list[Finding]:
    """No training of the question is validated on pictures of the test set."""
    if not any(validated_on_test(evidence, fit) for fit in fits_of_question(evidence, question)):
        return []
    message = (
        "What `fit` gets as `validation_data` are pictures of the test set: training stops where these say, "
        "and the accuracy on them flatters a network that was chosen by them. Keep some of the pictures "
        "aside that you train on."
    )
    return [Finding(message=message)]


def _evaluated(evidence: Evidence, value: Any) -> set[int]:
    """The models that an evaluation by the notebook gave this accuracy."""
    tried = [one for one in evidence.evaluations if not one.in_fit and isinstance(value, (int, float))]
    return {one.model for one in tried if any(abs(value - share) < EXACT for share in one.results[1:])}


def _of_validation(evidence: Evidence, values: Mapping[str, float]) -> list[Finding]:
    """What to say where all accuracies are those that `fit` saw on its validation pictures."""
    histories = [fit.history for fit in evidence.fits]
    histories += [saved.history for saved in evidence.files.values() if saved.history]
    seen = [
        share
        for history in histories
        for metric, curve in history.items()
        if metric.startswith("val_") and "acc" in metric
        for share in curve
    ]
    own = [value for value in values.values() if any(abs(value - one) < EXACT for one in seen)]
    if len(own) < len(values) or any(_evaluated(evidence, value) for value in own):
        return []
    message = (
        f"{quoted(values)} are accuracies on the pictures that decided when training stopped. A network was "
        "kept because it is good at these, so they flatter it: take the test pictures."
    )
    return [Finding(message=message)]


def _single(value: Any) -> Any:
    """A value as it is; an array of one number as that number."""
    if isinstance(value, ArrayView) and value.data is not None and value.data.size == 1:
        return float(value.data.reshape(-1)[0])
    return value


def _no_share(evidence: Evidence, name: str, value: Any) -> list[Finding]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        message = f"`{name}` is {describe(value)}, not a number."
    elif math.isfinite(value) and 1 < value <= 100 and not _is_loss(evidence, value):
        message = f"`{name}` is {value:g}; an accuracy is a share, from 0 to 1."
    elif _is_loss(evidence, value):
        message = f"`{name}` is a loss. `evaluate` gives the loss first and the accuracy second."
    elif not 0 <= value <= 1:
        message = f"`{name}` is {value:g}, which is no accuracy."
    else:
        return []
    return [Finding(message=message, where=name)]


def _not_evaluated(evidence: Evidence, values: Mapping[str, float]) -> list[Finding]:
    """What to say of accuracies that are of no recorded evaluation, where one of their network exists.

    Somebody may take a mean of what `predict` gives, which nothing records: so many of the names may be of no
    evaluation as networks are missing there. One network more is evaluated, that for pairs.
    """
    tried = [one for one in evidence.evaluations if len(one.results) > 1]
    shares = [share for one in tried for share in one.results[1:]]
    strange = [name for name, value in values.items() if all(abs(value - share) > NEAR for share in shares)]
    if len(strange) <= len(values) + 1 - len({one.model for one in tried if not one.in_fit}):
        return []
    message = (
        f"`{strange[0]}` is {values[strange[0]]:.4g}, and no network that your notebook evaluated was right "
        "as often when it ran. Take the number from `evaluate`, so that it belongs to the network."
    )
    return [Finding(message=message, where=strange[0])]


def _is_loss(evidence: Evidence, value: float) -> bool:
    """Whether a number is the loss of a recorded evaluation, and no accuracy of any."""
    results = [evaluation.results for evaluation in evidence.evaluations if len(evaluation.results) > 1]
    return any(found[0] == value for found in results) and not any(value in found[1:] for found in results)
