"""A function that measures the signal in each hidden layer is judged by the network's own weights."""

import importlib.util

import attrs
import numpy as np
import pytest
from networks_by_hand import dense_model

from autograder.checks import layer_statistics
from autograder.checks.structure import graph_of
from autograder.evidence import ArrayView, Evidence, Unanswered
from autograder.labs import Task, find_lab
from autograder.room.collector import ProbeRoom
from autograder.room.describe import Recorder

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

    def check(answer, own=ASKED, shorter=True, depth=False, half=False):
        tries = {"shorter_network": None}
        networks = {"own_network": own, "small_network": (3, 8, 4, 3), "shorter_network": (6, 5, 3)}
        for name, widths in list(networks.items())[: 3 if shorter else 2]:
            model = dense_model(4, widths, "selu")
            if half:
                model.config["config"]["layers"][1]["config"]["dtype"] = "mixed_bfloat16"
            given = answer(model, images())
            found = array(given) if isinstance(given, np.ndarray) else given
            state = {"layers": ["a", "b"], "weights": [1, 2]}
            tries[name] = {"network": model, "images": array(images()), "found": found}
            tries[name] |= {"before": state, "after": dict(state)}
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
            layer_statistics.check_any_depth,
            layer_statistics.check_untouched,
        )[: 5 if depth else 3]
        return [" ".join(one.message for one in check(evidence, MODEL)) for check in checks]

    return check


@pytest.mark.parametrize("own", [ASKED, OTHER])
def test_the_right_answer(judged, own):
    """Mean and standard deviation of all hidden outputs, for the asked network or another one."""
    assert ["", "", ""] == judged(right, own)


@pytest.mark.parametrize("own", [ASKED, OTHER])
@pytest.mark.parametrize("shorter", [True, False])
def test_the_right_answer_for_any_depth(judged, own, shorter):
    """It is right for a network of fewer layers too, and nothing is missing where there is none."""
    assert [""] * 5 == judged(right, own, shorter=shorter, depth=True)


TYPED = {
    "too many rows": lambda rows, model: rows if len(model.weights) > 3 else [*rows, [0.1, 0.2]],
    "other numbers": lambda rows, model: rows if len(model.weights) > 3 else rows + 1,
}


@pytest.mark.parametrize("name", TYPED)
def test_a_depth_that_is_typed_in(judged, name):
    """What is right for the asked depth only is found, unless the own network is another one anyway."""

    def answer(model, x):
        return np.array(TYPED[name](right(model, x), model))

    assert "a network of fewer hidden layers" in judged(answer, depth=True)[3]
    assert "" == judged(answer, shorter=False, depth=True)[3]
    assert "" == judged(answer, OTHER, depth=True)[3]


@pytest.mark.parametrize("own", [ASKED, OTHER])
@pytest.mark.parametrize("shorter", [True, False])
def test_what_is_right_for_no_network_is_right_for_no_depth(judged, own, shorter):
    """A function of which nothing is right gets no points for the depth, whatever the own network is."""
    said = judged(lambda model, x: np.zeros((9, 9)), own, shorter=shorter, depth=True)

    assert "once the rows are right: see the tests above" in said[3]


def test_a_mistake_does_not_count_for_the_depth_too(judged):
    """What is wrong for the asked network, in the same way, is no question of the depth."""

    def answer(model, x):
        return right(model, x)[:, ::-1]

    assert "" == judged(answer, depth=True)[3]


@pytest.mark.parametrize("changed", ["layers", "weights"])
def test_a_model_that_is_changed(changed):
    """A function that leaves other layers or other weights is told so."""
    network, state = dense_model(4, ASKED, "selu"), {"layers": ["a", "b"], "weights": [1, 2]}
    record = {"network": network, "images": array(images()), "found": array(right(network, images()))}
    evidence = Evidence(
        names={},
        probes={"small_network": record | {"before": state, "after": state | {changed: state[changed][:1]}}},
        tasks={MODEL: Task(name=MODEL, builder="build")},
    )
    (finding,) = layer_statistics.check_untouched(evidence, MODEL)

    assert f"the {changed} of the model are others" in finding.message
    with pytest.raises(Unanswered, match="could not be told"):
        layer_statistics.check_untouched(attrs.evolve(evidence, probes={"small_network": record}), MODEL)


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


# ------------------------------------------------------------------------------------------- of fewer layers


@pytest.fixture(scope="module")
def probes():
    """The probes of the lab, as a module."""
    spec = importlib.util.spec_from_file_location("selu_probes", find_lab("selu").probes)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def in_a_row():
    """A network as a list of layers, whose activations are layers too."""
    import keras

    hidden = [layer() for _ in range(7) for layer in (lambda: keras.layers.Dense(4), keras.layers.ELU)]
    ends = [keras.layers.Dense(3), keras.layers.Softmax()]
    return keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten(), *hidden, *ends])


def chained(activate=None):
    """A network of the functional kind."""
    import keras

    start = keras.Input((32, 32, 3))
    x = keras.layers.Flatten()(start)
    for _ in range(7):
        x = keras.layers.Dense(4, activation="selu")(x)
        x = activate(x) if activate else x
    return keras.Model(start, keras.layers.Dense(3, activation="softmax")(x))


def own_class():
    """A network of a student's own class."""
    import keras

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden = [keras.layers.Dense(3) for _ in range(9)]

    return Own()


def unbuilt():
    """A network that has not seen its first picture."""
    import keras

    return keras.Sequential([keras.layers.Flatten(), *(keras.layers.Dense(3) for _ in range(7))])


def operations():
    """A network with an operation between its layers that is no layer."""
    import keras

    return chained(keras.ops.negative)


@pytest.mark.parametrize("build", [in_a_row, chained, unbuilt])
def test_a_network_of_fewer_layers(probes, build):
    """It is of the same kind and of the same layers in the same order, five of them hidden ones."""
    network = build()
    made = probes._shortened(network)
    kinds = [[type(layer).__name__ for layer in one.layers] for one in (network, made)]

    assert type(network) is type(made)
    assert 6 == kinds[1].count("Dense")
    assert (kinds[0][:3], kinds[0][-1]) == (kinds[1][:3], kinds[1][-1])
    assert (4, 3) == tuple(made(np.zeros((4, 32, 32, 3), np.float32)).shape)


@pytest.mark.parametrize("build", [operations, own_class, lambda: None, lambda: 1 / 0])
def test_no_network_of_fewer_layers(probes, build):
    """Where the layers are no plain chain there is none, and nothing is held against the student."""
    room = ProbeRoom({"build_selu_dnn": build, "layer_statistics": len}, Recorder())

    assert "none" == probes.shorter_network(room)["kind"]


def test_the_state_of_a_network(probes):
    """It tells layers that were taken off, and weights that were changed."""
    network = in_a_row()
    before = probes._state(network)
    network.layers[1].bias.assign([1, 2, 3, 4])
    changed = probes._state(network)
    network.pop()

    assert before["layers"] == changed["layers"] and before["weights"] != changed["weights"]
    assert len(before["layers"]) - 1 == len(probes._state(network)["layers"])
    assert probes._state(None) is None


@pytest.mark.parametrize(("half", "said"), [(True, [False] * 3), (False, [False, True, True])])
def test_figures_of_half_precision(judged, half, said):
    """A network that computes with half precision gives figures that stray; any other does not."""
    found = judged(lambda model, x: right(model, x) * 1.02 + 0.01, half=half)

    assert said == [bool(message) for message in found]


def test_a_mistake_in_half_precision(judged):
    """Variances are no deviations there either."""
    found = judged(lambda model, x: right(model, x) ** [1, 2], half=True)

    assert "variances" in found[2]
