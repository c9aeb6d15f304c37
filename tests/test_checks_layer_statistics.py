"""A function that measures the signal in each hidden layer is judged by the network's own weights."""

import attrs
import numpy as np
import pytest
from networks_by_hand import dense_model

from autograder.checks import layer_statistics
from autograder.checks.structure import graph_of
from autograder.evidence import ArrayView, Evidence, Unanswered
from autograder.labs import Task

MODEL = "net"
ASKED, OTHER = (6, 5, 4, 3), (7, 5, 3)


def array(values):
    """An array as evidence has it."""
    values = np.asarray(values, np.float64)
    return ArrayView(shape=values.shape, dtype=values.dtype, data=values)


def images(rows=40):
    """Inputs that are neither centred nor of unit spread."""
    return np.random.default_rng(1).normal(0.3, 1.5, (rows, 4)).astype(np.float32)


def layers_of(model, x):
    """What each layer makes of x ahead of its activation and behind it, the softmax left out."""
    found = []
    for kernel, bias in model.weights.values():
        z = x @ kernel + bias
        x = 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(np.minimum(z, 0)))
        found.append((z, x))
    return found


def right(model, x):
    """The right answer."""
    return np.array([[after.mean(), after.std()] for _, after in layers_of(model, x)[:-1]])


@pytest.fixture
def judged():
    """The findings of the three checks about a function that answers for both networks."""

    def check(answer, own=ASKED):
        tries = {}
        for name, widths in (("own_network", own), ("small_network", (3, 8, 4, 3))):
            model = dense_model(4, widths, "selu")
            given = answer(model, images())
            found = array(given) if isinstance(given, np.ndarray) else given
            tries[name] = {"network": model, "images": array(images()), "found": found}
        probes = {**tries, "build": tries["own_network"]["network"]}
        evidence = Evidence(
            names={},
            probes=probes,
            tasks={MODEL: Task(name=MODEL, builder="build")},
            references={MODEL: graph_of(dense_model(4, ASKED, "selu"))},
        )
        checks = (
            layer_statistics.check_rows,
            layer_statistics.check_means,
            layer_statistics.check_deviations,
        )
        return [" ".join(one.message for one in check(evidence, MODEL)) for check in checks]

    return check


@pytest.mark.parametrize("own", [ASKED, OTHER])
def test_the_right_answer(judged, own):
    """Mean and standard deviation of all hidden outputs, for the asked network or another one."""
    assert ["", "", ""] == judged(right, own)


def test_rounded_and_unbiased(judged):
    """Two decimals are enough, and n - 1 is as good as n."""

    def answer(model, x):
        rows = [(after.mean(), after.std(ddof=1)) for _, after in layers_of(model, x)[:-1]]
        return np.round(rows, 2)

    assert ["", "", ""] == judged(answer)


WRONG = {
    "output": (
        lambda layers: [[a.mean(), a.std()] for _, a in layers],
        ("gives 4 rows for a network with 3 hidden layers. Is the output", "", ""),
    ),
    "one missing": (
        lambda layers: [[a.mean(), a.std()] for _, a in layers[:-2]],
        ("gives 2 rows", "there is no row of two numbers", "there is no row of two numbers"),
    ),
    "swapped": (
        lambda layers: [[a.std(), a.mean()] for _, a in layers[:-1]],
        ("", "first column holds standard deviations", "second column holds means"),
    ),
    "variance": (
        lambda layers: [[a.mean(), a.var()] for _, a in layers[:-1]],
        ("", "", "variances"),
    ),
    "ahead": (
        lambda layers: [[z.mean(), z.std()] for z, _ in layers[:-1]],
        ("", "means are those ahead", "deviations are those ahead"),
    ),
    "units averaged": (
        lambda layers: [[a.mean(), a.std(axis=0).mean()] for _, a in layers[:-1]],
        ("", "", "of single units or single rows"),
    ),
    "on its side": (
        lambda layers: np.array([[a.mean(), a.std()] for _, a in layers[:-1]]).T,
        ("one column for each", "", ""),
    ),
    "per row": (
        lambda layers: [[a.mean(axis=1), a.std(axis=1)] for _, a in layers[:-1]],
        ("shape (3, 2, 40)", "there is no row of two numbers", "there is no row of two numbers"),
    ),
    "something else": (
        lambda layers: [[0.1, 0.2]] * (len(layers) - 1),
        ("", "The first that is off is that of hidden layer 1", "The first that is off"),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong(judged, name):
    """Each mistake is named, in the checks that it is about and in no other."""
    answer, said = WRONG[name]
    found = judged(lambda model, x: np.array(answer(layers_of(model, x))))

    for message, part in zip(found, said, strict=True):
        assert part in message and bool(part) == bool(message)


@pytest.mark.parametrize("found", [None, 3.0, "text", [], [[1, 2], [3]], {"a": 1}])
def test_what_is_no_array(judged, found):
    """Anything else is found, in every check, and breaks none."""
    assert all(judged(lambda model, x: found))


def test_right_for_the_small_network_only(judged):
    """Where the own network is not the asked one, being right for the plain one is enough."""

    def answer(model, x):
        return right(model, x) if len(model.weights) == 4 else np.zeros((9, 9))

    assert ["", "", ""] == judged(answer, OTHER)
    assert all(judged(lambda model, x: np.zeros((9, 9)), OTHER))


@pytest.mark.parametrize("record", [None, {}, {"network": 3}, {"network": dense_model(4, ASKED, "selu")}])
def test_a_probe_that_gave_nothing(record):
    """Forged or empty records of the probes leave the question unanswered."""
    evidence = Evidence(
        names={},
        probes={"own_network": record, "small_network": record},
        tasks={MODEL: Task(name=MODEL, builder="build")},
    )

    with pytest.raises(Unanswered, match="layer_statistics"):
        layer_statistics.check_rows(evidence, MODEL)


def test_a_function_that_breaks():
    """What the student's function raised is told under its own name."""
    problem = Unanswered("`small_network` could not be tried out: ValueError: no.")
    evidence = Evidence(
        names={},
        probes={"own_network": problem, "small_network": problem},
        tasks={MODEL: Task(name=MODEL, builder="build")},
    )

    with pytest.raises(Unanswered, match="`layer_statistics` could not be tried out: ValueError: no"):
        layer_statistics.check_means(evidence, MODEL)


@pytest.mark.parametrize("forged", [np.zeros((0, 4)), np.full((5, 4), np.nan), np.zeros((5, 3)), np.zeros(4)])
def test_forged_images(forged):
    """Images that do not fit the network, or hold no numbers, break nothing."""
    network = dense_model(4, ASKED, "selu")
    record = {"network": network, "images": array(forged), "found": array(np.zeros((3, 2)))}
    evidence = Evidence(
        names={}, probes={"small_network": record}, tasks={MODEL: Task(name=MODEL, builder="build")}
    )

    with np.errstate(all="ignore"):
        for check in (layer_statistics.check_means, layer_statistics.check_deviations):
            try:
                assert check(evidence, MODEL)
            except Unanswered as message:
                assert str(message)


def test_weights_that_are_missing():
    """A record whose network has lost its weights is no answer."""
    network = attrs.evolve(dense_model(4, ASKED, "selu"), weights={})
    record = {"network": network, "images": array(images()), "found": array(np.zeros((3, 2)))}
    evidence = Evidence(
        names={}, probes={"small_network": record}, tasks={MODEL: Task(name=MODEL, builder="build")}
    )

    with pytest.raises(Unanswered):
        layer_statistics.check_rows(evidence, MODEL)
