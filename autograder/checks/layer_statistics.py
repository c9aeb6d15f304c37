"""Whether a student's function measures the signal in every hidden layer: mean and standard deviation.

The truth is computed from the weights of the network that the function was tried on. That is the student's
own network if it is the one asked for. Where it is another, which costs in the question about it, the
function may be right for that one or for a small network of the plainest form. A function that is right for
the network asked for has to be as right for one of fewer layers that is made in the same way.
"""

from __future__ import annotations

import contextlib
import functools
from typing import Any

import attrs
import numpy as np

from autograder.checks.findings import Finding
from autograder.checks.structure import graph_of, hidden_layers
from autograder.evidence import ArrayView, Evidence, ModelView, Unanswered, describe
from autograder.networks.inference import WeightsDoNotFit, outputs_of
from autograder.networks.records import UnsupportedModel
from autograder.networks.stack import hidden_ends, same_architecture

__all__ = ["check_any_depth", "check_deviations", "check_means", "check_rows", "check_untouched"]

OWN, SMALL, SHORTER = "own_network", "small_network", "shorter_network"
"""The probes that try the function out.

Each gives `network`, `images`, what was `found`, and the state of the network `before` and `after`.
"""
TOLERANCE = 6e-3
"""A student may round to two decimals."""
HALF_TOLERANCE = 0.05
"""For a network that computes with half precision: 20 layers of them stray by a few hundredths."""
FUNCTION = "`layer_statistics`"
CALLED = {SHORTER: "`layer_statistics` for a network of fewer hidden layers"}


@attrs.frozen(kw_only=True, eq=False)
class _Try:
    """What the function gave for a network, and what is true of that network, layer by layer."""

    found: Any
    rows: np.ndarray | None
    """What it gave, a row for each hidden layer, where that can be told; float64 (hidden, 2)."""
    outputs: tuple[np.ndarray, ...]
    """What each hidden layer gives out, (images, units)."""
    before: tuple[np.ndarray, ...]
    """The same ahead of the activation."""
    tolerance: float
    """How far a figure may lie from the true one, relatively where that is above 1."""
    states: tuple[Any, Any] = (None, None)
    """The network's layers and weights before and after."""

    @property
    def means(self) -> np.ndarray:
        """Of each layer's output."""
        return np.array([values.mean() for values in self.outputs])

    def close(self, given: np.ndarray, truth: np.ndarray) -> bool:
        """Whether these figures are the true ones, for such a network."""
        with np.errstate(all="ignore"):
            return bool((np.abs(given - truth) <= self.tolerance * np.maximum(1, np.abs(truth))).all())

    @property
    def deviations(self) -> np.ndarray:
        """Of each layer's output."""
        return np.array([values.std() for values in self.outputs])


def check_rows(evidence: Evidence, model: str) -> list[Finding]:
    """The function gives an array with a row of two numbers for each hidden layer."""
    return _least([_rows(one) for one in _tries(evidence, model)])


def check_means(evidence: Evidence, model: str) -> list[Finding]:
    """The first column is the mean of each hidden layer's output, over all rows and units."""
    return _least([_means(one) for one in _tries(evidence, model)])


def check_deviations(evidence: Evidence, model: str) -> list[Finding]:
    """The second column is the standard deviation of each hidden layer's output, over all rows and units."""
    return _least([_deviations(one) for one in _tries(evidence, model)])


def check_any_depth(evidence: Evidence, model: str) -> list[Finding]:
    """What the function gives is as right for a network of fewer layers as for the one asked for.

    Nothing more is asked where no such network could be made, or where the student's own is not the one asked
    for.
    """
    checks = (_rows, _means, _deviations)
    tries = _tries(evidence, model)
    right = [check for check in checks if any(not check(one) for one in tries)]
    if not right:
        return [Finding(message="This can be judged once the rows are right: see the tests above.")]
    if not _is_asked_network(evidence, model) or evidence.probes.get(SHORTER, SHORTER) is None:
        return []
    shorter = _try(evidence, SHORTER)
    if not any(check(shorter) for check in right):
        return []
    message = (
        f"What {FUNCTION} gives is wrong for a network of fewer hidden layers. It should ask the model that "
        "it is given which layers there are: is a number of layers, or a name that only your own layers "
        "have, written into it?"
    )
    return [Finding(message=message)]


def check_untouched(evidence: Evidence, model: str) -> list[Finding]:
    """The function leaves the layers and the weights of the model as they were."""
    return _least([_untouched(one) for one in _tries(evidence, model)])


def _untouched(one: _Try) -> list[Finding]:
    before, after = one.states
    if not isinstance(before, dict) or not isinstance(after, dict):
        raise Unanswered(f"It could not be told whether {FUNCTION} changes the model.")
    changed = [key for key in ("layers", "weights") if before.get(key) != after.get(key)]
    if not changed:
        return []
    message = (
        f"After a call of {FUNCTION}, the {changed[0]} of the model are others than before. Whoever measures "
        "a network should not change it: the next one who uses it gets another network."
    )
    return [Finding(message=message)]


def _least(findings: list[list[Finding]]) -> list[Finding]:
    return min(findings, key=len)


@functools.lru_cache(maxsize=4)
def _tries(evidence: Evidence, model: str) -> tuple[_Try, ...]:
    """The tries that count: one of them has to be right. Raises Unanswered."""
    if _is_asked_network(evidence, model):
        return (_try(evidence, OWN),)
    found = []
    for name in (OWN, SMALL):
        with contextlib.suppress(Unanswered):
            found.append(_try(evidence, name))
    return tuple(found) or (_try(evidence, SMALL),)


def _is_asked_network(evidence: Evidence, model: str) -> bool:
    with contextlib.suppress(Unanswered):
        own = graph_of(evidence.probe_model(evidence.task(model).builder))
        reference = evidence.references.get(model)
        return reference is not None and not same_architecture(own, reference)
    return False


def _try(evidence: Evidence, name: str) -> _Try:
    record = _probed(evidence, name)
    network, images, found = (record.get(key) for key in ("network", "images", "found"))
    if not isinstance(network, ModelView) or not isinstance(images, ArrayView) or images.data is None:
        raise Unanswered(f"{FUNCTION} could not be tried out on a network.")
    graph, hidden = graph_of(network), hidden_layers(network)
    if not hidden:
        raise Unanswered("The model has no hidden dense layer.")
    ends = hidden_ends(graph, len(hidden))
    starts = tuple(at for at, node in enumerate(graph.nodes) if node.kind == "dense")[: len(ends)]
    try:
        outputs = outputs_of(graph, network.weights, images.data, (*ends, *starts))
    except (UnsupportedModel, WeightsDoNotFit, ValueError) as problem:
        raise Unanswered("The network that `layer_statistics` was tried on cannot be computed.") from problem
    exact = tuple(values.reshape(len(values), -1).astype(np.float64) for values in outputs)
    half = len(ends)
    one = _Try(
        found=found,
        rows=None,
        outputs=exact[:half],
        before=exact[half:],
        tolerance=HALF_TOLERANCE if "float16" in str(network.config) else TOLERANCE,
        states=(record.get("before"), record.get("after")),
    )
    return attrs.evolve(one, rows=_aligned(_numbers(found), one))


def _probed(evidence: Evidence, name: str) -> dict[str, Any]:
    try:
        record = evidence.probe(name)
    except Unanswered as problem:
        # The probe's own name says nothing to a student.
        raise Unanswered(str(problem).replace(f"`{name}`", CALLED.get(name, FUNCTION))) from problem
    if not isinstance(record, dict):
        raise Unanswered(f"{FUNCTION} could not be tried out.")
    return record


def _numbers(found: Any) -> np.ndarray | None:
    """What the function gave as an array of numbers, or None where it is none."""
    if isinstance(found, ArrayView):
        return None if found.data is None else found.data.astype(np.float64)
    return None


def _aligned(numbers: np.ndarray | None, one: _Try) -> np.ndarray | None:
    """The rows about the hidden layers, also in an array that has others besides or lies on its side."""
    hidden = len(one.outputs)
    if numbers is None or numbers.ndim != 2:
        return None
    if numbers.shape == (2, hidden) and hidden != 2:
        return numbers.T
    if numbers.shape[1] != 2 or len(numbers) < hidden:
        return None
    windows = [numbers[start : start + hidden] for start in range(len(numbers) - hidden + 1)]
    truth = np.stack([one.means, one.deviations], axis=1)
    with np.errstate(all="ignore"):
        distances = [float(np.nan_to_num(np.abs(window - truth).mean(), nan=np.inf)) for window in windows]
    return windows[int(np.argmin(distances))]


def _rows(one: _Try) -> list[Finding]:
    numbers, hidden = _numbers(one.found), len(one.outputs)
    if numbers is None:
        message = (
            f"{FUNCTION} gives {describe(one.found)}, not an array with two numbers for each hidden layer."
        )
    elif numbers.shape == (hidden, 2):
        return []
    elif numbers.shape == (2, hidden):
        message = f"{FUNCTION} gives one column for each hidden layer; asked for is one row for each."
    elif numbers.ndim == 2 and numbers.shape[1] == 2 and hidden < len(numbers) <= hidden + 3:
        message = (
            f"{FUNCTION} gives {len(numbers)} rows for a network with {hidden} hidden layers. Is the output "
            "layer among them, or a layer that only flattens?"
        )
    elif numbers.ndim == 2 and numbers.shape[1] == 2:
        message = f"{FUNCTION} gives {len(numbers)} rows for a network with {hidden} hidden layers."
    else:
        message = (
            f"{FUNCTION} gives an array of shape {numbers.shape} for a network with {hidden} hidden layers. "
            "Mean and deviation run over all rows and all units of a layer together: look at the axis."
        )
    return [Finding(message=message)]


def _no_rows(one: _Try) -> list[Finding]:
    message = (
        f"{FUNCTION} gives {describe(one.found)}: there is no row of two numbers for each hidden layer in it."
    )
    return [Finding(message=message)]


def _means(one: _Try) -> list[Finding]:
    if one.rows is None:
        return _no_rows(one)
    given = one.rows[:, 0]
    if one.close(given, one.means):
        return []
    if one.close(given, one.deviations):
        message = "The first column holds standard deviations; asked for are the means first."
    elif one.close(given, np.array([values.mean() for values in one.before])):
        message = "The means are those ahead of the activation; a layer's output is what comes out of it."
    else:
        message = f"The means that {FUNCTION} gives are not those of the outputs of the hidden layers."
        message += _first_difference(one, given, one.means)
    return [Finding(message=message)]


def _deviations(one: _Try) -> list[Finding]:
    if one.rows is None:
        return _no_rows(one)
    given = one.rows[:, 1]
    if one.close(given, one.deviations):
        return []
    if one.close(given, one.deviations**2):
        message = "The second column holds variances; the standard deviation is the square root of that."
    elif one.close(given, one.means):
        message = "The second column holds means; asked for are the standard deviations there."
    elif one.close(given, np.array([values.std() for values in one.before])):
        message = (
            "The standard deviations are those ahead of the activation; a layer's output is what comes out "
            "of it."
        )
    elif any(
        one.close(given, np.array([values.std(axis=axis).mean() for values in one.outputs]))
        for axis in (0, 1)
    ):
        message = (
            "The standard deviations are those of single units or single rows, averaged. Take one over all "
            "rows and all units together: how the units differ from one another belongs to it."
        )
    else:
        message = (
            f"The standard deviations that {FUNCTION} gives are not those of the hidden layers' outputs."
        )
        message += _first_difference(one, given, one.deviations)
    return [Finding(message=message)]


def _first_difference(one: _Try, given: np.ndarray, truth: np.ndarray) -> str:
    wrong = [at for at in range(len(truth)) if not one.close(given[at : at + 1], truth[at : at + 1])]
    return f" The first that is off is that of hidden layer {wrong[0] + 1}." if wrong else ""
