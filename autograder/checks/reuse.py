"""Reusing a trained network: which layers were taken over, whether they are frozen, what a step changes.

The lab's probes run a student's function on several base models and train one step. A question counts as
answered where it is on one of them: a student's function may know only models like the student's own, and
must not suffer where the student's own base is not what it should be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from autograder.checks import structure
from autograder.checks.findings import Finding
from autograder.checks.fits import fits_of_question
from autograder.checks.likeness import likeness
from autograder.data import VALID
from autograder.evidence import ArrayView, Evidence, ModelView, Unanswered, describe, in_one_line
from autograder.networks.inference import forward
from autograder.networks.records import UnsupportedModel
from autograder.networks.stack import Block, Stack, layers_in_order
from autograder.networks.weights import WeightsDoNotFit

__all__ = [
    "check_base_unchanged",
    "check_cache_base_unchanged",
    "check_cached",
    "check_frozen",
    "check_new_output",
    "check_recompiled",
    "check_reused",
    "check_saved_network",
    "check_unfrozen",
]

RELATED = 0.25
"""The least correlation, on average over the layers, of biases one of which was trained on from the other.

Biases start at zero, so that training alone makes them alike; kernels from one seed are alike from the start.
Trained on at the rates of the lab they keep 0.9, at ten times the last of them 0.5; two networks for
different digits that start from the same seed have 0.15.
"""
SAME_START = 0.5
"""The least correlation of two kernels one of which was the other a few steps of training before.

A step changes each weight by about the rate, a tenth of what it starts with or less; two draws have 0.
"""
OFTEN = 20
"""In so many of its training images a pixel has ink, for a base to have learned weights for it."""
LEFT_ALONE = 5
"""So many such pixels whose weights are the very same in two networks, as the small set has no ink there.

With 500 images of MNIST's 5 to 9 there are 30 to 40 of them, whatever rate they are trained on at; in two
networks of one seed there are none, as training the base changed what they both began with.
"""
LEARNED = 0.1
"""How far above guessing a base is that has learned something to take over."""
_STALE = (
    "The flags `trainable` were set after `compile`. A model has to be compiled after they are set: what "
    "training does with flags that changed since is not defined, and a model that has been trained goes on "
    "as before."
)


@attrs.frozen(kw_only=True, eq=False)
class _Run:
    """What one run of a probe recorded."""

    record: Mapping[str, Any]

    def refuse_problem(self) -> None:
        """Say what the student's function ran into, if it did. Raises Unanswered."""
        problem = self.record.get("problem")
        if problem:
            raise Unanswered(f"The function ended with an error: {str(problem)[:500]}.")

    @property
    def model(self) -> ModelView:
        """What the student's function returned. Raises Unanswered."""
        self.refuse_problem()
        found = self.record.get("model")
        if not isinstance(found, ModelView):
            raise Unanswered(f"The function returned {describe(found)}, not a Keras model.")
        return found

    @property
    def base(self) -> ModelView:
        """The model that the function was given, as it was before. Raises Unanswered."""
        found = self.record.get("base")
        if not isinstance(found, ModelView):
            raise Unanswered("There is no base model to try the function on.")
        return found

    @property
    def moved(self) -> set[str]:
        """The layers whose weights a training step changed."""
        found = self.record.get("moved")
        pairs = found.items() if isinstance(found, dict) else ()
        return {str(path) for path, far in pairs if isinstance(far, (int, float)) and far > 0}

    @property
    def stepped(self) -> bool:
        """Whether a training step was made."""
        return isinstance(self.record.get("moved"), dict)

    def number(self, name: str) -> float:
        """A number of the record; 0 where there is none."""
        found = self.record.get(name)
        return float(found) if isinstance(found, (bool, int, float)) else 0.0


def _runs(evidence: Evidence, probe: str) -> list[_Run]:
    found = evidence.probe(probe)
    runs = found.get("runs") if isinstance(found, dict) else None
    records = [record for record in runs if isinstance(record, dict)] if isinstance(runs, list) else []
    if not records:
        raise Unanswered(f"`{probe}` could not be tried out.")
    return [_Run(record=record) for record in records]


def _on_any(evidence: Evidence, probe: str, look: Callable[[_Run], list[Finding]]) -> list[Finding]:
    """Nothing where one run has no finding; else the findings of the first run that could be judged."""
    judged: list[list[Finding]] = []
    failed: list[Unanswered] = []
    for run in _runs(evidence, probe):
        try:
            judged.append(look(run))
        except Unanswered as problem:
            failed.append(problem)
    if any(not findings for findings in judged):
        return []
    if judged:
        return judged[0]
    raise failed[0]


def _hidden(model: ModelView) -> tuple[Block, ...]:
    return structure.stack_of(model).blocks[:-1]


def _arrays(model: ModelView, block: Block) -> list[np.ndarray]:
    return list(model.weights.get(block.dense.name, []))


def _same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return len(one) == len(other) > 0 and all(map(np.array_equal, one, other))


def check_reused(evidence: Evidence, probe: str, *, layers: int) -> list[Finding]:
    """The new model begins with that many hidden layers of the base, with the weights they have there."""
    return _on_any(evidence, probe, lambda run: _reused(run, layers))


def _reused(run: _Run, layers: int) -> list[Finding]:
    hidden, given = _hidden(run.model), _hidden(run.base)
    old_output = structure.stack_of(run.base).output
    if any(_same(_arrays(run.model, block), _arrays(run.base, old_output)) for block in hidden):
        message = (
            "The output layer of the base is still inside the new model, as if it were a hidden layer. It "
            "tells apart the digits that the base was for, and no longer passes on what the new task needs."
        )
        return [Finding(message=message)]
    if len(hidden) != layers:
        message = (
            f"The new model has {len(hidden)} hidden dense layers ahead of its output, which is not the "
            "number that the question asks to reuse. Print `model.summary()`, and mind that Input and "
            "Flatten may or may not count as layers of the base."
        )
        return [Finding(message=message)]
    for number, block in enumerate(hidden, start=1):
        own = _arrays(run.model, block)
        source = _arrays(run.base, given[number - 1]) if number <= len(given) else []
        if not _same(own, source):
            message = _trained_since(number) if _came_from(own, source) else _never_copied(number)
            return [Finding(message=message, where=block.dense.name)]
    return _other_activations(hidden, given)


def _other_activations(hidden: tuple[Block, ...], given: tuple[Block, ...]) -> list[Finding]:
    """What to say where a layer has the weights of the base, and does something else with them."""
    for number, (block, source) in enumerate(zip(hidden, given, strict=False), start=1):
        own, theirs = block.describe_activation(), source.describe_activation()
        if own != theirs:
            message = (
                f"Hidden layer {number} has the weights of the base, but {own} where the base has {theirs}. "
                "Weights mean something together with their activation only: take over the whole layer."
            )
            return [Finding(message=message, where=block.dense.name)]
    return []


def _came_from(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    """Whether a kernel is another one that a few steps of training have changed."""
    if not one or not other or np.array_equal(one[0], other[0]):
        return False
    alike = likeness(one[0], other[0])
    return alike is not None and alike > SAME_START


def _trained_since(number: int) -> str:
    return (
        f"Hidden layer {number} had the weights of the base and has changed since: your function trains the "
        "model while its layers are not frozen. Freeze them first."
    )


def _never_copied(number: int) -> str:
    return (
        f"Hidden layer {number} of the new model does not have the weights of hidden layer {number} of the "
        "base. `clone_model` copies the architecture and draws new weights; what the base has learned comes "
        "over with `set_weights` only."
    )


def check_frozen(evidence: Evidence, probe: str, *, layers: int) -> list[Finding]:
    """The reused hidden layers are frozen, and stay as they are when the model is trained.

    layers: how many are to be reused; what else was left in, such as the old output layer, costs elsewhere.
    """
    return _on_any(evidence, probe, lambda run: _frozen(run, layers))


def _frozen(run: _Run, layers: int) -> list[Finding]:
    hidden = _hidden(run.model)[:layers]
    free = [number for number, block in enumerate(hidden, start=1) if block.dense.trainable]
    if not hidden:
        return [Finding(message="The new model has no hidden layer that could be frozen.")]
    if free:
        verb, them = ("is", "it") if len(free) == 1 else ("are", "them")
        message = (
            f"Hidden {_layers(free)} {verb} trainable; the question asks to freeze {them}. A new output "
            "layer starts with random weights, and its first, large errors would spoil what the layers below "
            "know."
        )
        return [Finding(message=message)]
    if run.number("stale"):
        return [Finding(message=_STALE)]
    moved = [number for number, block in enumerate(hidden, start=1) if block.dense.name in run.moved]
    if moved:
        message = (
            f"A training step changes hidden {_layers(moved)}, frozen or not: the model was compiled before "
            "its layers were frozen. Compile it again after setting `trainable`."
        )
        return [Finding(message=message)]
    return []


def _layers(numbers: list[int]) -> str:
    word = "layer" if len(numbers) == 1 else "layers"
    return f"{word} {', '.join(map(str, numbers))}"


def check_new_output(evidence: Evidence, probe: str, *, units: int) -> list[Finding]:
    """The output layer is a new softmax with a unit for each class, and can be trained."""
    return _on_any(evidence, probe, lambda run: _new_output(run, units))


def _new_output(run: _Run, units: int) -> list[Finding]:
    findings = structure.check_output(run.model, units=units, activation="softmax")
    if findings:
        return findings
    output, old = structure.stack_of(run.model).output, structure.stack_of(run.base).output
    if _same(_arrays(run.model, output), _arrays(run.base, old)):
        message = (
            "The output layer is that of the base, with its weights. It answers for other digits: its first "
            "unit says 0, not 5. The new task needs a new layer, even if it has as many units."
        )
        return [Finding(message=message, where=output.dense.name)]
    if not output.dense.trainable:
        message = "The new output layer is frozen: its random weights can never learn anything."
        return [Finding(message=message, where=output.dense.name)]
    return []


def check_base_unchanged(evidence: Evidence, probe: str) -> list[Finding]:
    """The base keeps its weights and its flags, and shares no layer with the new model."""
    return _on_any(evidence, probe, _base_unchanged)


def _base_unchanged(run: _Run) -> list[Finding]:
    _ = run.model
    if run.number("base_moved") > 0:
        message = (
            "The base model has other weights after your function was called and the new model was trained "
            "for a step. It should stay as it was: work on a copy of its layers, with their weights."
        )
    elif run.number("shared") > 0:
        message = (
            "The new model uses the very layers of the base, not copies: freezing them freezes the base, and "
            "training them later, as question 10 does, changes the base. Clone the base and copy its weights."
        )
    elif run.number("base_flags"):
        message = (
            "Your function changes which layers of the base are trainable. Freeze the copies in the new "
            "model instead, and leave the base as it is."
        )
    else:
        return []
    return [Finding(message=message)]


def check_unfrozen(evidence: Evidence, probe: str, *, top: int) -> list[Finding]:
    """Of the hidden layers the topmost are trainable, that many, and those below stay frozen."""
    return _on_any(evidence, probe, lambda run: _unfrozen(run, top))


def _unfrozen(run: _Run, top: int) -> list[Finding]:
    stack = structure.stack_of(run.model)
    hidden = stack.blocks[:-1]
    free = [number for number, block in enumerate(hidden, start=1) if block.dense.trainable]
    wanted = list(range(len(hidden) - top + 1, len(hidden) + 1))
    if run.number("lost") > 0:
        message = (
            "The model that comes back does not have the weights of the one that was given. Training should "
            "go on where it was, not from the start."
        )
        return [Finding(message=message)]
    if free != wanted:
        return [Finding(message=_other_flags(free, wanted, of=len(hidden)))]
    if not stack.output.dense.trainable:
        return [Finding(message="The output layer is frozen now; it should go on learning.")]
    return []


def _other_flags(free: list[int], wanted: list[int], *, of: int) -> str:
    """Which hidden layers were made trainable instead of those wanted, and by what mistake."""
    if not free:
        return (
            "After your function no hidden layer is trainable. Set the flags of the layers: that of the "
            "whole model reaches no layer where it was set already."
        )
    verb = "is" if len(free) == 1 else "are"
    found = f"After your function hidden {_layers(free)} of {of}, counted from the input, {verb} trainable"
    if len(free) > len(wanted):
        return f"{found}. The lower ones hold what is worth keeping, and have to stay frozen."
    if set(free) < set(wanted):
        return f"{found}, and no other. The output layer is no hidden layer: did you count it as one?"
    return f"{found}. The top is the end next to the output, which is itself no hidden layer."


def check_recompiled(evidence: Evidence, probe: str, *, question: str) -> list[Finding]:
    """The model is compiled after its flags were changed, so that a training step changes those layers."""
    outside = _compiled_outside(evidence, question)
    return _on_any(evidence, probe, lambda run: _recompiled(run, outside=outside))


def _recompiled(run: _Run, *, outside: bool) -> list[Finding]:
    _ = run.model
    if run.number("stale"):
        return [Finding(message=_STALE)]
    if not run.number("compiles") and outside:
        return []
    if not run.number("compiles"):
        message = (
            "Your function does not compile the model. A model that was trained goes on training the layers "
            "that were trainable when it was compiled, whatever the flags say now: compile it again."
        )
        return [Finding(message=message)]
    raised = run.record.get("raised")
    if raised:
        message = (
            "The model that your function returns cannot be trained: a step ends with "
            f"{in_one_line(str(raised))}. An optimiser belongs to the weights that it was first used for. "
            "Does your function compile the model with a new one?"
        )
        return [Finding(message=message)]
    free = [block.dense.name for block in structure.stack_of(run.model).blocks if block.dense.trainable]
    if run.stepped and not set(free) <= run.moved:
        return [Finding(message="A training step leaves layers as they were that are said to be trainable.")]
    return []


def _compiled_outside(evidence: Evidence, question: str) -> bool:
    """Whether the notebook itself compiled a model anew, with more to train, before it trained it on.

    Without, an optimiser that has seen fewer weights refuses to go on.
    """
    trained: dict[int, int] = {}
    asked = fits_of_question(evidence, question)
    for fit in evidence.fits:
        before = trained.setdefault(fit.model, fit.trainable or 0)
        if fit in asked and (fit.trainable or 0) > before:
            return not fit.raised
    return False


def check_cached(evidence: Evidence, probe: str) -> list[Finding]:
    """The cached values are what the last hidden layer gives for each image."""
    return _on_any(evidence, probe, _cached)


def _cached(run: _Run) -> list[Finding]:
    run.refuse_problem()
    found = run.record.get("outputs")
    if not isinstance(found, ArrayView) or found.data is None:
        raise Unanswered(f"The function returned {describe(found)}, not an array.")
    rows = int(run.number("rows"))
    layers = _layer_outputs(run.base, rows)
    given = found.data.astype(np.float32)

    def is_of(values: np.ndarray) -> bool:
        return given.shape == values.shape and structure.agree(values, given, run.base)

    if is_of(layers[-2][1]):
        return []
    if is_of(layers[-1][1]):
        return [
            Finding(
                message="These are the outputs of the output layer. What a new output layer learns from is "
                "what the last hidden layer gives."
            )
        ]
    for number, (linear, values) in enumerate(layers[:-1], start=1):
        if is_of(values):
            return [Finding(message=f"These are the outputs of hidden layer {number}, not of the last.")]
        if is_of(linear):
            return [Finding(message=f"These are the outputs of hidden layer {number} before its activation.")]
    return [
        Finding(
            message=f"The values, of shape {found.shape}, are not what the last hidden layer of the base "
            "gives for the images given, one row for each."
        )
    ]


def check_cache_base_unchanged(evidence: Evidence, probe: str) -> list[Finding]:
    """Caching leaves the base as it is: its layers, their weights and their flags."""
    return _on_any(evidence, probe, _cache_base_unchanged)


def _cache_base_unchanged(run: _Run) -> list[Finding]:
    run.refuse_problem()
    if run.number("base_moved") > 0:
        message = (
            "After the call the base has other layers, or other weights, than before. The questions that "
            "follow need it as it was: read what its last hidden layer gives, and take nothing away from it."
        )
        return [Finding(message=message)]
    if run.number("base_flags"):
        message = (
            "Your function changes which layers of the base are trainable. Nothing is trained here, so the "
            "flags can stay as they are."
        )
        return [Finding(message=message)]
    return []


def _layer_outputs(base: ModelView, rows: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each dense layer what it gives ahead of the activation, and behind all that follows it."""
    graph = structure.graph_of(base)
    if not 0 < rows <= structure.MOST_EXAMPLES:
        raise Unanswered("The function was not tried on any images.")
    images = np.random.default_rng(0).random((rows, *graph.input_shape), dtype=np.float32)
    starts = [at for at, node in enumerate(graph.nodes) if node.kind == "dense"]
    if len(starts) < 2:
        raise Unanswered("The base model has no hidden layer.")
    ends = [*(start - 1 for start in starts[1:]), len(graph.nodes) - 1]
    try:
        return [
            (forward(graph, base.weights, images, upto=start), forward(graph, base.weights, images, upto=end))
            for start, end in zip(starts, ends, strict=True)
        ]
    except (UnsupportedModel, WeightsDoNotFit) as problem:
        raise Unanswered(f"The base model cannot be judged: {problem.what}.") from problem


def check_saved_network(
    evidence: Evidence,
    name: str,
    *,
    base: str,
    hidden: tuple[int, ...],
    units: int,
    activation: str,
    classes: int,
) -> list[Finding]:
    """The submitted file holds dense layers as the lab builds them, trained on from the submitted base.

    hidden: the numbers of hidden layers that will do.
    """
    from autograder.checks.accuracy import saved_network

    graph, weights = saved_network(evidence, name)
    stack = layers_in_order(graph)
    if stack is None or not stack.blocks:
        return [Finding(message=f"`{name}.keras` does not hold one chain of dense layers.")]
    found = _unlike(name, stack, hidden=hidden, units=units, activation=activation, classes=classes)
    return found or _unrelated(evidence, (name, base), stack, weights)


def _unrelated(
    evidence: Evidence, names: tuple[str, str], stack: Stack, weights: Mapping[str, list[np.ndarray]]
) -> list[Finding]:
    """What to say where the layers are not those of the base; nothing where the base says nothing."""
    given = _trained_layers(evidence, names[1])
    own = [weights.get(block.dense.name, []) for block in stack.hidden]
    known = [_layer_likeness(*pair) for pair in zip(own, given, strict=False)]
    alike = [value for value in known if value is not None]
    if not alike or sum(alike) / len(alike) > RELATED:
        return []
    if _begun_from(own[0], given[0], _inked(evidence, names[1])):
        return []
    message = (
        f"The hidden layers of `{names[0]}.keras` did not start from those of `{names[1]}.keras`: was it "
        "trained from scratch, or do the two files come from different runs? After training the base anew, "
        "train the transfer anew too."
    )
    return [Finding(message=message, where=f"{names[0]}.keras")]


def _inked(evidence: Evidence, name: str) -> np.ndarray:
    """Which pixels are not blank in the images that a network was trained on: bool (pixels,)."""
    data, classes = evidence.data, evidence.task(name).classes
    images = data.x_train[VALID:][np.isin(data.y_train[VALID:], classes)]
    inked: np.ndarray = (images.reshape(len(images), -1) > 0).sum(axis=0) >= OFTEN
    return inked


def _begun_from(one: list[np.ndarray], other: list[np.ndarray], inked: np.ndarray) -> bool:
    """Whether a first layer began with what another had learned, by weights that its images never reached.

    Weights of a pixel that is always zero get no gradient, at whatever rate the rest is trained.
    """
    if not one or not other or one[0].shape != other[0].shape or len(one[0]) != len(inked):
        return False
    return int(((one[0] == other[0]).all(axis=1) & inked).sum()) >= LEFT_ALONE


def _layer_likeness(one: list[np.ndarray], other: list[np.ndarray]) -> float | None:
    """How alike the biases of two dense layers are, or their kernels where they have no others."""
    return likeness(one[-1], other[-1]) if one and other else None


def _trained_layers(evidence: Evidence, name: str) -> list[list[np.ndarray]]:
    """The weights of each hidden layer of a submitted network; none where it is missing or has not learned.

    Such a network costs where it is handed in.
    """
    from autograder.checks.accuracy import reached, saved_network

    try:
        graph, weights = saved_network(evidence, name)
        result = reached(evidence, name)
    except Unanswered:
        return []
    stack = layers_in_order(graph)
    if stack is None or result.test.accuracy < result.guessing + LEARNED:
        return []
    return [weights.get(block.dense.name, []) for block in stack.blocks[:-1]]


def _unlike(
    name: str, stack: Stack, *, hidden: tuple[int, ...], units: int, activation: str, classes: int
) -> list[Finding]:
    inner, output = stack.blocks[:-1], stack.output
    kinds = {node.kind for node in stack.preprocessing} - {"flatten", "reshape", "rescaling", "normalization"}
    like = all(
        block.units == units
        and block.activation == activation
        and set(block.kinds) <= {"activation", "dropout"}
        for block in inner
    )
    if (
        len(inner) in hidden
        and like
        and not kinds
        and (output.units, output.activation) == (classes, "softmax")
    ):
        return []
    message = (
        f"`{name}.keras` holds another network than the transfer that this lab is about: {len(inner)} hidden "
        f"layers, an output of {output.units} units with {output.describe_activation()}. Save the model that "
        "you built from the base and trained on."
    )
    return [Finding(message=message, where=f"{name}.keras")]
