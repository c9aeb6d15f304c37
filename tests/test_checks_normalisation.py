"""Where batch normalisation stands: each mistake is found by the check of its place, and by no other."""

import pytest

from autograder.checks import normalisation, structure
from autograder.evidence.values import view

CHECKS = {
    "input": normalisation.check_input_normalised,
    "layers": normalisation.check_hidden_layers_normalised,
    "order": normalisation.check_normalised_first,
    "output": normalisation.check_output_bare,
}


@pytest.fixture(scope="module")
def network():
    """Makes the view of a network from a line such as "flat norm dense norm elu softmax"."""
    import keras

    from autograder.room.describe import Recorder

    make = {
        "flat": keras.layers.Flatten,
        "rescale": lambda: keras.layers.Rescaling(1 / 255),
        "norm": keras.layers.BatchNormalization,
        "dense": lambda: keras.layers.Dense(5),
        "dense-elu": lambda: keras.layers.Dense(5, activation="elu"),
        "elu": keras.layers.ELU,
        "softmax": lambda: keras.layers.Dense(3, activation="softmax"),
        "scores": lambda: keras.layers.Dense(3),
        "then-softmax": keras.layers.Softmax,
    }

    def build(line):
        model = keras.Sequential([keras.Input((2, 2, 3)), *(make[word]() for word in line.split())])
        recorder = Recorder()
        return view(recorder.value(model), recorder.arrays)

    return build


def failing(net):
    """The places where something is found."""
    return {place for place, check in CHECKS.items() if check(net)}


@pytest.mark.parametrize(
    "line",
    [
        "flat norm dense norm elu dense norm elu softmax",
        "rescale flat norm dense norm elu dense norm elu scores then-softmax",
        "norm flat dense norm elu dense norm elu softmax",
    ],
    ids=["as asked", "scaled ahead, softmax apart", "ahead of flattening"],
)
def test_what_was_asked_for(network, line):
    """Normalisation ahead of the first layer and between each layer's sums and its activation is right."""
    assert set() == failing(network(line))


@pytest.mark.parametrize(
    ("line", "place", "message"),
    [
        ("flat dense norm elu dense norm elu softmax", "input", "takes the pixels as they come"),
        ("flat norm dense norm elu dense elu softmax", "layers", "Hidden layer 2 has no BatchNormalization"),
        (
            "flat norm dense-elu dense-elu softmax",
            "layers",
            r"Hidden layer 1 \(the first of 2\) has no BatchNormalization",
        ),
        ("flat norm dense norm norm elu dense norm elu softmax", "layers", "Hidden layer 1 is followed by 2"),
        (
            "flat norm dense norm elu dense elu norm softmax",
            "order",
            "At hidden layer 2 the activation comes",
        ),
        (
            "flat norm dense-elu norm dense-elu norm softmax",
            "order",
            "At hidden layer 1 the activation comes",
        ),
        ("flat norm dense norm elu dense norm elu softmax norm", "output", "behind the output layer"),
        (
            "flat norm dense norm elu dense norm elu scores norm then-softmax",
            "output",
            "pull the scores of every class to one common mean",
        ),
    ],
)
def test_a_mistake_is_found_in_its_place(network, line, place, message):
    """One mistake fails one check, whose message names the layer."""
    import re

    net = network(line)
    (finding,) = CHECKS[place](net)

    assert {place} == failing(net)
    assert re.search(message, finding.message)


def test_a_missing_output_is_no_normalised_output(network):
    """A network that ends with a hidden layer has its last normalisation where it belongs."""
    assert set() == failing(network("flat norm dense norm elu dense norm elu"))


def test_the_output_check_leaves_normalisation_to_others(network):
    """What another check judges may stand behind the output; anything else is named."""
    net = network("flat norm dense norm elu scores norm then-softmax")

    assert [] == structure.check_output(net, units=3, activation="softmax", between=("batch_normalization",))
    (finding,) = structure.check_output(net, units=3, activation="softmax")
    assert "After the output layer stands a batch normalization layer" in finding.message


def view_of(layers):
    """The view of a network of these layers."""
    import keras

    from autograder.room.describe import Recorder

    tensor = inputs = keras.Input((2, 2, 3))
    for layer, settings in layers:
        tensor = layer(tensor, **settings)
    recorder = Recorder()
    return view(recorder.value(keras.Model(inputs, tensor)), recorder.arrays)


@pytest.mark.parametrize(
    ("made", "called"), [({}, {"training": False}), ({"trainable": False}, {})], ids=["call", "frozen"]
)
def test_a_normalisation_that_never_looks_at_a_batch(made, called):
    """A layer that uses its running moments in training too does not normalise, wherever it stands."""
    import keras

    def norm():
        return keras.layers.BatchNormalization(**made), called

    others = [(keras.layers.Dense(5), {}), norm(), (keras.layers.ELU(), {}), (keras.layers.Dense(3), {})]
    net = view_of([(keras.layers.Flatten(), {}), norm(), *others])

    assert {"input", "layers"} == failing(net)
    assert "never normalises" in normalisation.check_input_normalised(net)[0].message


def test_one_normalisation_for_all_layers():
    """A layer that is called again keeps one pair of moments for several signals."""
    import keras

    norm = keras.layers.BatchNormalization()
    layers = [keras.layers.Flatten(), keras.layers.BatchNormalization()]
    for _ in range(2):
        layers += [keras.layers.Dense(5), norm, keras.layers.ELU()]
    net = view_of([(layer, {}) for layer in (*layers, keras.layers.Dense(3, activation="softmax"))])
    (found,) = normalisation.check_hidden_layers_normalised(net)

    assert {"layers"} == failing(net)
    assert "stands behind several hidden layers" in found.message
