"""What training reached: the submitted weights, evaluated on the grader's own copy of the data.

Partial credit is a ladder: equal steps from the floor to the full mark, both of the committed calibration.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import math

import attrs
import numpy as np

from autograder.checks.diagnosis import LEARNED, explain, explain_nan
from autograder.checks.epochs import is_past_its_best
from autograder.checks.findings import Finding
from autograder.checks.fits import early_stoppings, fed_images, fits_of_task, rows_fed
from autograder.checks.preparation import recognise
from autograder.checks.splits import preparations
from autograder.checks.structure import graph_of
from autograder.data import DataSet
from autograder.evidence import Evidence, ModelView, Unanswered
from autograder.labs import Task
from autograder.networks.graph import holds_closed_layers, parse
from autograder.networks.inference import Evaluation, WeightsDoNotFit, accuracy_and_loss
from autograder.networks.records import Graph, UnsupportedModel
from autograder.networks.stack import same_architecture
from autograder.networks.weights import fit_in_order
from autograder.tasks import Preparation, preparation_of, trial_of

__all__ = ["Reached", "check_step", "reached"]


@attrs.frozen(kw_only=True)
class Reached:
    """A submitted network on the data it was not trained on."""

    validation: Evaluation
    test: Evaluation
    guessing: float
    """The accuracy that guessing reaches."""


def check_step(
    evidence: Evidence, name: str, which: str, *, step: int, of: int, hint: str = ""
) -> list[Finding]:
    """The submitted network climbs to that step of the ladder; which: "validation" or "test".

    hint: where to look, said where nothing shows why the network learned badly. Why is said at the first step
    that is missed; those above it refer to that one.
    """
    try:
        result = _explained(evidence, name)
    except Unanswered as problem:
        if step == 1:
            raise
        raise Unanswered(_as_at(1)) from problem
    seen = _seen_the_test_set(evidence, name, result)
    missed = _missed_steps(evidence, name, getattr(result, which).accuracy, which, of)
    first = 1 if seen else min(missed, default=of + 1)
    if step > first:
        return [Finding(message=_as_at(first), where=f"{name}.keras")]
    return seen + ([_too_low(evidence, name, result, which, hint)] if step in missed else [])


def _as_at(step: int) -> str:
    return f"It is missed for the same reason as step {step}."


def _missed_steps(evidence: Evidence, name: str, accuracy: float, which: str, of: int) -> list[int]:
    calibration = evidence.calibrated(name)
    floor, full = calibration.floor(), calibration.full(which)
    return [step for step in range(1, of + 1) if accuracy < floor + (full - floor) * step / of]


def _too_low(evidence: Evidence, name: str, result: Reached, which: str, hint: str) -> Finding:
    accuracy = getattr(result, which).accuracy
    where = "the validation set" if which == "validation" else "the test set"
    if evidence.task(name).pairs:
        where = f"the pairs of pictures of {where}"
    other = _saved_twice(evidence, name, result)
    advice = _of_other_file(other) if other else _advice(evidence, name, result, which, hint)
    message = f"`{name}.keras` gets {accuracy:.1%} of {where} right. {advice}"
    return Finding(message=message, where=f"{name}.keras")


def _explained(evidence: Evidence, name: str) -> Reached:
    """What was reached. Where that cannot be told, Unanswered says why training may have gone wrong."""
    try:
        return reached(evidence, name)
    except Unanswered as problem:
        if "finite" not in str(problem) or name not in evidence.tasks:
            raise
        raise Unanswered(f"{problem} {explain_nan(evidence, name)}") from problem


def _advice(evidence: Evidence, name: str, result: Reached, which: str, hint: str) -> str:
    """Why a network is not as good as it should be, as far as that shows, and where to look."""
    why = explain(evidence, name) or _of_figures(evidence, name, result, which)
    if not why:
        why = f"It can learn more. {hint}" if hint else _MORE
    return f"{why} The notebook that made the file says more: look at both loss curves."


_MORE = "It can learn more: look at the learning rate, and at how long training was allowed to go on."


def _of_other_file(other: str) -> str:
    return (
        f"It is `{other}.keras` once more, with the very same weights: its output units answer for the "
        "classes of that network. Save the network that this question trains, after its last training."
    )


def _of_figures(evidence: Evidence, name: str, result: Reached, which: str) -> str:
    """What the accuracy and the loss of the file say about it; empty where they are those of any training."""
    accuracy = getattr(result, which).accuracy
    if accuracy < 1.1 * result.guessing + 0.04:
        return (
            "That is about what guessing gets: was it saved before it was trained, or did its loss explode?"
        )
    if result.validation.loss > LEARNED * math.log(1 / result.guessing):
        return (
            "Its loss is no better than that of guessing: was it saved before it was trained, or trained on "
            "pictures that were scaled otherwise?"
        )
    if _asked_for_the_best(evidence, name) and is_past_its_best(evidence, name, result.validation):
        return "These are not the weights of its best epoch; keep those first, then look again."
    return ""


def _asked_for_the_best(evidence: Evidence, name: str) -> bool:
    """Whether a best epoch is to be kept: where training stops early, and not where a schedule runs out."""
    return bool(early_stoppings(fits_of_task(evidence, evidence.task(name))))


def _saved_twice(evidence: Evidence, name: str, result: Reached) -> str:
    """The model that was handed in under this name as well; empty where there is none.

    Of two files with the same weights it is the one that is better at its own classes.
    """
    weights = _all_weights(evidence, name)
    for other, task in evidence.tasks.items():
        if other == name or task.classes == evidence.task(name).classes:
            continue
        with contextlib.suppress(Unanswered):
            if (
                _equal(weights, _all_weights(evidence, other))
                and reached(evidence, other).validation.accuracy > result.validation.accuracy
            ):
                return other
    return ""


def _all_weights(evidence: Evidence, name: str) -> list[np.ndarray]:
    graph, weights = saved_network(evidence, name)
    return [array for node in graph.nodes for array in weights.get(node.name, [])]


def _equal(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return len(one) == len(other) and all(map(np.array_equal, one, other))


def _seen_the_test_set(evidence: Evidence, name: str, result: Reached) -> list[Finding]:
    gap = result.test.accuracy - result.validation.accuracy
    if _trained_on_test(evidence, name):
        message = (
            "A training in your notebook is given pictures of the test set, so that accuracy on them says "
            "nothing any more. Train on the training set only."
        )
    elif gap > evidence.calibrated(name).largest_gap():
        message = (
            f"`{name}.keras` gets {result.test.accuracy:.1%} of the test set right, but only "
            f"{result.validation.accuracy:.1%} of the validation set. So large a gap comes up only where "
            "test pictures were among those it was trained on. Train on the training set only."
        )
    else:
        return []
    return [Finding(message=message, where=f"{name}.keras")]


def _trained_on_test(evidence: Evidence, name: str) -> bool:
    """Whether a training in the notebook was fed test pictures of the classes that the network is for."""
    fits = fits_of_task(evidence, evidence.task(name))
    return any(fed_images(evidence, fit).from_test > 0.5 for fit in fits)


@functools.lru_cache(maxsize=8)
def reached(evidence: Evidence, name: str) -> Reached:
    """The submitted network's accuracy and loss, its inputs prepared as the student prepared them.

    Of the preparations that the notebook shows, and the two plainest, the one that suits the network best is
    taken: an affine map cannot carry labels. Raises Unanswered where the file cannot be judged.
    """
    graph, weights = saved_network(evidence, name)
    task, data = evidence.task(name), evidence.data
    try:
        networks = [_Network.of(graph, weights, one) for one in _preparations(evidence, name)]
        tried = [(_evaluate(network, task, "valid", data), network) for network in networks]
        validation, best = max(tried, key=lambda pair: pair[0].accuracy)
        return Reached(
            validation=validation,
            test=_evaluate(best, task, "test", data),
            guessing=trial_of(task, "valid", data).guessing,
        )
    except (UnsupportedModel, WeightsDoNotFit) as problem:
        raise Unanswered(f"`{name}.keras` cannot be evaluated: {problem.what}.") from problem
    except ValueError as problem:
        raise Unanswered(f"`{name}.keras` cannot be evaluated on these pictures: {problem}") from problem


def saved_network(evidence: Evidence, name: str) -> tuple[Graph, dict[str, list[np.ndarray]]]:
    """Graph and weights of a submitted file, which must hold the student's own network or the reference's.

    Where the student's function builds another network than was asked for, that costs in its own question;
    here the file may agree with either. Raises Unanswered.
    """
    saved, builder = evidence.saved_model(name), evidence.task(name).builder
    known = _networks(evidence, name, builder)
    try:
        if not _has_layers(saved.config):
            return _of_own_class(saved, known, name, builder)
        graph = parse(saved.config, evidence.layer_classes)
    except (UnsupportedModel, WeightsDoNotFit) as problem:
        if found := _read_by_the_notebook(saved, known, name, builder):
            return found
        raise Unanswered(f"`{name}.keras` cannot be judged: {problem.what}.") from problem
    differences = [same_architecture(graph, one, names=("the file", f"`{builder}()`")) for one in known]
    if builder and differences and all(differences):
        if found := _read_by_the_notebook(saved, known, name, builder):
            return found
        raise Unanswered(
            f"`{name}.keras` is not the network that `{builder}()` builds: {differences[0][0]}. Train and "
            "save what the function gives by default."
        )
    return graph, dict(saved.weights)


def _has_layers(config: object) -> bool:
    """Whether a model's configuration lists its layers, as any but that of a student's own class does."""
    settings = config.get("config") if isinstance(config, dict) else None
    return isinstance(settings, dict) and "layers" in settings


def _read_by_the_notebook(
    saved: ModelView, known: list[Graph], name: str, builder: str
) -> tuple[Graph, dict[str, list[np.ndarray]]] | None:
    """A file with layers of which it does not say what they do, where the notebook has shown that."""
    with contextlib.suppress(WeightsDoNotFit):
        if known and holds_closed_layers(saved.config):
            return _of_own_class(saved, known, name, builder)
    return None


def _of_own_class(
    saved: ModelView, known: list[Graph], name: str, builder: str
) -> tuple[Graph, dict[str, list[np.ndarray]]]:
    """A file of a student's own class holds weights, no layers: read with the first graph that they fit.

    So is one whose layers are of such a class: the notebook has shown what these do, and the file cannot.
    """
    if not known:
        raise Unanswered(
            f"`{name}.keras` holds a model of your own class, and `{builder}` gives no model to read it with."
        )
    for graph in known[:-1]:
        with contextlib.suppress(WeightsDoNotFit):
            return graph, fit_in_order(graph, saved.weights_in_order)
    return known[-1], fit_in_order(known[-1], saved.weights_in_order)


def _networks(evidence: Evidence, name: str, builder: str) -> list[Graph]:
    """The networks that a file may hold: what the student's own function builds, and the reference's."""
    found = []
    with contextlib.suppress(Unanswered):
        own = evidence.probe(builder) if builder else None
        if isinstance(own, ModelView):
            found.append(graph_of(own))
    return found + [graph for model, graph in evidence.references.items() if model == name]


def _preparations(evidence: Evidence, name: str) -> list[Preparation]:
    one, zero = np.ones((), np.float32), np.zeros((), np.float32)
    candidates = preparations(evidence, name)
    candidates += [Preparation(scale=np.asarray(one / 255), offset=zero), Preparation(scale=one, offset=zero)]
    candidates += [preparation_of(evidence.task(name), evidence.data)]
    candidates += _fed_preparations(evidence, name)
    distinct: list[Preparation] = []
    for candidate in candidates:
        if not any(candidate.like(known) for known in distinct):
            distinct.append(candidate)
    return distinct


def _fed_preparations(evidence: Evidence, name: str) -> list[Preparation]:
    """How the pictures were scaled that the last trainings were given."""
    fed = [rows_fed(fit.training) for fit in fits_of_task(evidence, evidence.task(name))[-3:]]
    found = [recognise(rows, evidence.data) for rows in fed if rows is not None]
    return [preparation for preparation in found if preparation is not None]


@attrs.frozen
class _Network:
    """A network with its weights and the scaling of its inputs; two are equal where all of that is."""

    digest: str
    graph: Graph = attrs.field(eq=False)
    weights: dict[str, list[np.ndarray]] = attrs.field(eq=False)
    preparation: Preparation = attrs.field(eq=False)

    @classmethod
    def of(cls, graph: Graph, weights: dict[str, list[np.ndarray]], preparation: Preparation) -> _Network:
        digest = hashlib.blake2b(repr(graph).encode())
        arrays = [(name, array) for name, several in weights.items() for array in several]
        for name, array in (*arrays, ("", preparation.scale), ("", preparation.offset)):
            digest.update(repr((name, array.shape, array.dtype.str)).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return cls(digest.hexdigest(), graph, weights, preparation)


# Remembered, as one file may come many times: from a student who tries again, with the answers of a corpus.
@functools.lru_cache(maxsize=16)
def _evaluate(network: _Network, task: Task, which: str, data: DataSet) -> Evaluation:
    graph, trial = network.graph, trial_of(task, which, data)

    def take(rows: slice) -> tuple[np.ndarray, ...]:
        shapes = [entry.shape for entry in graph.inputs]
        given = [network.preparation.apply(images) for images in trial.rows(rows)]
        # Left as they are where their number is another: the network then says what it takes.
        shapes += [images.shape[1:] for images in given[len(shapes) :]]
        return tuple(_arranged(images, shape) for images, shape in zip(given, shapes, strict=False))

    found = accuracy_and_loss(graph, network.weights, take, trial.answers)
    if trial.pairs and found.accuracy < trial.guessing:
        # Which of the two answers is called 1 is a convention, which is judged where pairs are made.
        found = accuracy_and_loss(graph, network.weights, take, 1 - trial.answers)
    return found


def _arranged(images: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Images in the form that the network takes: flat, or with a channel of their own, if that is all."""
    return images.reshape(len(images), *shape) if images[0].size == math.prod(shape) else images
