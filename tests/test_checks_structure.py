"""Structure beyond what the corpora try: distributions of fresh weights, inputs as rows of numbers."""

import attrs
import numpy as np
import pytest
from networks_by_hand import dense_model, layer, scaling

from autograder.checks import structure
from autograder.evidence import Unanswered
from autograder.networks.graph import parse
from autograder.networks.inference import forward

WIDTHS = (100, 100, 10)


def normal(rng, shape):
    """LeCun normal, not truncated."""
    return rng.normal(0, shape[0] ** -0.5, shape)


def truncated(rng, shape):
    """LeCun normal as Keras draws it."""
    values = rng.normal(0, 1, shape)
    while (far := np.abs(values) > 2).any():
        values[far] = rng.normal(0, 1, far.sum())
    return values / 0.8796 * shape[0] ** -0.5


def uniform(rng, shape):
    """LeCun uniform."""
    return rng.uniform(-1, 1, shape) * (3 / shape[0]) ** 0.5


def two_values(rng, shape):
    """The right spread, of two values only."""
    return rng.choice([-1, 1], shape) * shape[0] ** -0.5


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("draw", [normal, truncated])
def test_a_normal_distribution(draw, seed):
    """Truncated or not, a normal distribution is one, and no uniform one."""
    net = dense_model(300, WIDTHS, "selu", draw=draw, seed=seed)

    assert [] == structure.check_initialisers(net, "lecun")
    assert [] == structure.check_initialisers(net, "lecun", distribution="normal")
    (found,) = structure.check_initialisers(net, "lecun", distribution="uniform")
    assert "drawn from a normal distribution, which is not the one asked for" in found.message


@pytest.mark.parametrize("seed", range(5))
def test_a_uniform_distribution(seed):
    """A uniform distribution of the right spread is told from a normal one where one was asked for."""
    net = dense_model(300, WIDTHS, "selu", draw=uniform, seed=seed)

    assert [] == structure.check_initialisers(net, "lecun")
    assert [] == structure.check_initialisers(net, "lecun", distribution="uniform")
    (found,) = structure.check_initialisers(net, "lecun", distribution="normal")
    assert "hidden layer 1 have the right spread, but are drawn from a uniform distribution" in found.message


def test_neither():
    """What is neither is called another distribution."""
    net = dense_model(300, WIDTHS, "selu", draw=two_values)
    (found,) = structure.check_initialisers(net, "lecun", distribution="normal")

    assert "drawn from another distribution" in found.message


@pytest.mark.parametrize(
    ("named", "found"), [("truncated_normal", 0), ("untruncated_normal", 0), ("uniform", 1)]
)
def test_small_layers_are_taken_by_their_word(named, found):
    """Weights too few to tell are taken for what their initialiser says."""
    net = dense_model(6, (5, 4), "selu", initialiser=scaling(1.0, named))

    assert found == len(structure.check_initialisers(net, "lecun", distribution="normal"))


def test_rows_of_numbers():
    """Images may be taken as rows of numbers only where that is said, and only of the right length."""
    net = dense_model(192, WIDTHS, "selu")

    assert [] == structure.check_input(net, shape=(8, 8, 3), flat=True)
    (rows,) = structure.check_input(net, shape=(8, 8, 3))
    assert "takes rows of 192 numbers, so somebody has to flatten each picture first" in rows.message
    (other,) = structure.check_input(net, shape=(8, 8, 1), flat=True)
    assert "takes inputs of shape (192,); a picture has another shape" in other.message
    assert [] == structure.check_input(dense_model((8, 8, 3), WIDTHS, "selu"), shape=(8, 8, 3), flat=True)


GLOROT = scaling(1.0, "uniform", "fan_avg")


def glorot(rng, shape):
    """Glorot uniform; where inputs are many more than units, its spread is nearly that of He."""
    return rng.uniform(-1, 1, shape) * (6 / sum(shape)) ** 0.5


def of_one_layer(net, number, *, initialiser=None, **changes):
    """A model with other settings in one of its dense layers, and with that initialiser's kernel."""
    layers = [dict(entry) for entry in net.config["config"]["layers"]]
    at = [index for index, entry in enumerate(layers) if entry["class_name"] == "Dense"][number]
    layers[at]["config"] = layers[at]["config"] | changes
    weights = dict(net.weights)
    if initialiser:
        kernel, bias = weights[layers[at]["config"]["name"]]
        weights[layers[at]["config"]["name"]] = [initialiser(kernel), bias]
    config = net.config | {"config": net.config["config"] | {"layers": layers}}
    return attrs.evolve(net, config=config, weights=weights, outputs=outputs_of(config, weights, net))


def outputs_of(config, weights, net):
    """What a model computes for the fixed inputs."""
    graph = parse(config)
    given = np.random.default_rng(0).random((len(net.outputs), *graph.input_shape), dtype=np.float32)
    return forward(graph, weights, given)


def test_the_first_of_several_initialisers():
    """A layer whose spread is nearly right by its shape is named with those that forgot it, too."""
    net = dense_model(800, (100, 100, 100, 10), "elu", initialiser=GLOROT, draw=glorot)
    first, second, _ = structure.hidden_layers(net)
    (found,) = structure.check_initialisers(net, "he")

    assert not structure.starts_from(net, first, "he") and not structure.starts_from(net, second, "he")
    assert found.message.startswith("Hidden layer 1, the first of 3, starts from Glorot uniform")


def test_one_layer_with_another_initialiser():
    """A single layer is named alone, and one of its family by name only where it fails."""
    net = dense_model(300, (100, 100, 100, 10), "selu")
    wide = of_one_layer(net, 1, initialiser=lambda kernel: 3 * kernel)
    other = of_one_layer(wide, 1, kernel_initializer=GLOROT)

    assert structure.check_initialisers(wide, "lecun")[0].message.startswith(
        "Hidden layer 2 starts from LeCun"
    )
    assert structure.check_initialisers(other, "lecun")[0].message.startswith(
        "Hidden layer 2 starts from Glor"
    )


def test_a_right_spread_by_another_name():
    """Weights that are spread as they should be pass, whatever their initialiser calls itself."""
    net = dense_model(300, WIDTHS, "selu", initialiser=GLOROT)

    assert [] == structure.check_initialisers(net, "lecun")


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_equal_weights(value):
    """Of equal weights it is told what they do, which is another thing than a spread that does not fit."""
    net = dense_model(300, WIDTHS, "selu", draw=lambda rng, shape: np.full(shape, value))
    (found,) = structure.check_initialisers(net, "lecun")

    assert "Hidden layer 1, the first of 2, starts from equal weights: all its units compute" in found.message
    assert "spread" not in found.message


def test_the_first_of_several_activations():
    """How many layers have the same wrong activation is told; one alone stands alone."""
    net = dense_model(300, (100, 100, 100, 10), "relu")
    mixed = of_one_layer(net, 0, activation="selu")
    one = of_one_layer(dense_model(300, (100, 100, 10), "selu"), 1, activation="linear")

    assert "Hidden layer 1, the first of 3, uses ReLU" in structure.check_activations(net, "selu")[0].message
    assert (
        "Hidden layer 2, the first of 2, uses ReLU" in structure.check_activations(mixed, "selu")[0].message
    )
    assert "Hidden layer 2 has no activation" in structure.check_activations(one, "selu")[0].message


@pytest.mark.parametrize(
    ("between", "words"),
    [
        (("alpha_dropout",), "The question asks for dropout, but for another kind of it"),
        ((), "stands a dropout layer (`extra`), which does not belong in this network"),
        (("batch_normalization",), "which does not belong in this network"),
    ],
)
def test_plain_dropout(between, words):
    """Where another dropout is asked for, the plain one is not told to go, but to be another."""
    net = dense_model(300, WIDTHS, "selu")
    layers = list(net.config["config"]["layers"])
    layers.insert(2, layer("Dropout", "extra", rate=0.1))
    config = net.config | {"config": net.config["config"] | {"layers": layers}}
    net = attrs.evolve(net, config=config)
    (found,) = structure.check_hidden_layers(net, count=2, units=100, between=between)

    assert "After hidden layer 1 stands" in found.message
    assert words in found.message


@pytest.mark.parametrize(
    ("activation", "words"),
    [("sigmoid", "has a sigmoid:"), ("elu", "has an ELU:"), ("linear", "has no activation:")],
)
def test_another_output(activation, words):
    """What the output layer has instead is named in a sentence."""
    net = of_one_layer(dense_model(300, WIDTHS, "selu"), 2, activation=activation)
    (found,) = structure.check_output(net, units=10, activation="softmax")

    assert words in found.message


@pytest.mark.parametrize(("strays", "agrees"), [(0.05, True), (0.2, False)])
def test_half_precision(strays, agrees):
    """A network in mixed precision may stray from its layers by rounding; another network may not."""
    net = dense_model(300, WIDTHS, "elu")
    outputs = forward(parse(net.config), net.weights, np.random.default_rng(0).random((4, 300), np.float32))
    noise = np.random.default_rng(1).normal(size=outputs.shape)
    off = (outputs + strays * noise * np.linalg.norm(outputs) / np.linalg.norm(noise)).astype(np.float32)
    policy = {"class_name": "DTypePolicy", "config": {"name": "mixed_bfloat16"}}
    mixed = attrs.evolve(net, outputs=off, config={**net.config, "policy": policy})

    assert agrees == _readable(mixed)
    assert not _readable(attrs.evolve(net, outputs=off))


def _readable(net):
    try:
        structure.graph_of(net)
    except Unanswered:
        return False
    return True


@pytest.mark.parametrize(
    ("named", "family", "found"),
    [("he_normal", "he", 0), ("glorot_uniform", "glorot", 1), ("zeros", "he", 0)],
)
def test_families_that_come_close(named, family, found):
    """Where inputs are many He and Glorot are nearly one; it counts what is said, or clearly was drawn."""
    import keras

    from autograder.evidence.values import view
    from autograder.room.describe import Recorder

    layers = [keras.layers.Dense(100, kernel_initializer=named), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((3072,)), *layers])
    if named == "zeros":
        layers[0].kernel.assign(keras.initializers.HeNormal()((3072, 100)))
    recorder = Recorder()
    net = view(recorder.value(model), recorder.arrays)

    assert found == len(structure.check_initialisers(net, "he"))


def test_one_layer_called_again():
    """A layer that is called twice is not two layers."""
    import keras

    from autograder.evidence.values import view
    from autograder.room.describe import Recorder

    hidden, inputs = keras.layers.Dense(8, activation="elu"), keras.Input((8,))
    recorder = Recorder()
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden(hidden(inputs))))
    (found,) = structure.check_hidden_layers(view(recorder.value(model), recorder.arrays), count=2, units=8)

    assert "Hidden layer 2 is the layer" in found.message
