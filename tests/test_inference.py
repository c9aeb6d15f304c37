"""Inference in NumPy: each layer equal to Keras's, weights checked, accuracy and loss as Keras has them."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from autograder.networks.functions import ACTIVATIONS
from autograder.networks.graph import UnsupportedModel, parse
from autograder.networks.inference import (
    accuracy_and_loss,
    forward,
    hidden_outputs,
    outputs_of,
    statistics_of,
)
from autograder.networks.weights import WeightsDoNotFit, fit_in_order

TOLERANCE = 1e-5
NAMED = [
    *(
        "elu",
        "relu",
        "relu6",
        "leaky_relu",
        "selu",
        "gelu",
        "silu",
        "swish",
        "tanh",
        "sigmoid",
        "softmax",
        "celu",
    ),
    *("softplus", "softsign", "exponential", "hard_sigmoid", "mish", "linear", "log_softmax", "log_sigmoid"),
]


@pytest.fixture(scope="module")
def keras():
    """Keras, imported late: it takes seconds."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return pytest.importorskip("keras")


def graph_of(model):
    """The canonical graph of a Keras model, through JSON."""
    import keras

    return parse(json.loads(json.dumps(keras.saving.serialize_keras_object(model))))


def weights_of(model, path=""):
    """Weights by the path of each layer."""
    found = {}
    for layer in model.layers:
        if hasattr(layer, "layers"):
            found |= weights_of(layer, f"{path}{layer.name}/")
        else:
            found[path + layer.name] = [variable.numpy() for variable in layer.variables]
    return found


def randomised(model, seed=0):
    """The same model, with weights that are nowhere zeros or ones."""
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        if str(variable.dtype) == "float32":
            low = 0.5 if any(part in variable.path for part in ("variance", "gamma")) else -1.0
            spread = 1.0 / np.sqrt(max((*variable.shape, 1)[0], 1))
            size = 1.0 if low == 0.5 else spread
            variable.assign(rng.uniform(low, 1.5 if low == 0.5 else 1.0, variable.shape) * size)
    for layer in model.layers:
        # Normalization computes with a copy of its weights.
        getattr(layer, "finalize_state", lambda: None)()
    return model


def inputs_for(model, rows=7, seed=1):
    """Random rows for each input of a model, from about -3 to 3."""
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(0, 1.5, (rows, *x.shape[1:])).astype(np.float32) for x in model.inputs)


def assert_equal_to_keras(model, x=None):
    """Hold the first output of a model equal to Keras's in inference mode."""
    x = inputs_for(model) if x is None else x
    answers = model(x[0] if len(x) == 1 else list(x), training=False)
    expected = (answers[0] if isinstance(answers, list | tuple) else answers).numpy()
    actual = forward(graph_of(model), weights_of(model), x, batch=3)

    assert np.float32 == actual.dtype
    np.testing.assert_allclose(actual, expected, rtol=TOLERANCE, atol=TOLERANCE)


def sequential(keras, *layers, shape=(6,)):
    """A Sequential with random weights."""
    return randomised(keras.Sequential([keras.Input(shape), *layers]))


@pytest.mark.parametrize("name", NAMED)
def test_every_named_activation_equals_keras(keras, name):
    """An activation given by name computes what Keras computes, far from zero as well."""
    model = sequential(keras, keras.layers.Activation(name))
    x = np.linspace(-8, 8, 60, dtype=np.float32).reshape(10, 6)
    assert_equal_to_keras(model, (x,))
    if name != "exponential":
        far = np.array([[-200.0, -90.0, -1e-7, 0.0, 90.0, 200.0]], dtype=np.float32)
        assert_equal_to_keras(model, (far,))


def test_elu_is_exact_near_zero_and_far_below():
    """As exact as float32 allows: relative to exp(x) - 1 in double precision, down to where it is -1."""
    x = -np.concatenate([np.geomspace(1e-30, 1e3, 10_000), [0.0]]).astype(np.float32)
    exact = np.expm1(x.astype(np.float64))

    np.testing.assert_allclose(ACTIVATIONS["elu"](x.copy(), {}), exact, rtol=4e-7)


def layer_cases(keras):
    """Each layer under each of its settings, with the shape of its input."""
    layers, arrays = keras.layers, np.arange(1.0, 4.0)
    return {
        "ELU": (layers.ELU(0.7), (6,)),
        "ReLU": (layers.ReLU(), (6,)),
        "ReLU with a maximum": (layers.ReLU(max_value=1.5), (6,)),
        "ReLU with a slope": (layers.ReLU(negative_slope=0.2), (6,)),
        "ReLU with everything": (layers.ReLU(max_value=2.0, negative_slope=0.2, threshold=0.5), (6,)),
        "ReLU with a threshold": (layers.ReLU(threshold=0.5), (6,)),
        "LeakyReLU": (layers.LeakyReLU(0.15), (6,)),
        "LeakyReLU without slope": (layers.LeakyReLU(0.0), (6,)),
        "PReLU": (layers.PReLU(), (6,)),
        "PReLU, shared": (layers.PReLU(shared_axes=[1]), (4, 3)),
        "Softmax": (layers.Softmax(), (4, 3)),
        "Softmax, first axis": (layers.Softmax(axis=1), (4, 3)),
        "Dense": (layers.Dense(5), (6,)),
        "Dense without bias": (layers.Dense(5, use_bias=False), (6,)),
        "Dense on a matrix": (layers.Dense(5, "relu"), (4, 3)),
        "Flatten": (layers.Flatten(), (2, 3, 2)),
        "Flatten of a flat one": (layers.Flatten(), (6,)),
        "Reshape": (layers.Reshape((2, -1)), (2, 3, 2)),
        "Rescaling": (layers.Rescaling(1 / 127.5, offset=-1), (2, 3)),
        "Rescaling by arrays": (layers.Rescaling(arrays.tolist(), offset=arrays), (2, 3)),
        "Normalization, adapted": (layers.Normalization(), (6,)),
        "Normalization of images": (layers.Normalization(), (2, 2, 3)),
        "Normalization over all": (layers.Normalization(axis=None), (2, 3)),
        "Normalization over two axes": (layers.Normalization(axis=(2, 1)), (2, 3)),
        "Normalization with numbers": (layers.Normalization(mean=2.0, variance=9.0), (2, 3)),
        "Normalization with arrays": (layers.Normalization(mean=arrays, variance=arrays), (2, 3)),
        "Normalization on an axis": (
            layers.Normalization(axis=1, mean=[1.0, 2.0], variance=[2.0, 3.0]),
            (2, 3),
        ),
        "Normalization, inverted": (layers.Normalization(mean=2.0, variance=9.0, invert=True), (2, 3)),
        "Normalization without spread": (layers.Normalization(mean=0.0, variance=0.0), (6,)),
        "BatchNormalization": (layers.BatchNormalization(), (6,)),
        "BatchNormalization, bare": (layers.BatchNormalization(center=False, scale=False), (6,)),
        "BatchNormalization, centred": (layers.BatchNormalization(scale=False, epsilon=0.1), (6,)),
        "BatchNormalization, scaled": (layers.BatchNormalization(center=False), (6,)),
        "BatchNormalization of images": (layers.BatchNormalization(), (2, 2, 3)),
        "BatchNormalization, first axis": (layers.BatchNormalization(axis=1), (4, 3)),
        "BatchNormalization, renormed": (layers.BatchNormalization(renorm=True), (6,)),
        "Dropout": (layers.Dropout(0.5), (6,)),
        "AlphaDropout": (layers.AlphaDropout(0.5), (6,)),
        "GaussianDropout": (layers.GaussianDropout(0.5), (6,)),
        "GaussianNoise": (layers.GaussianNoise(0.5), (6,)),
        "ActivityRegularization": (layers.ActivityRegularization(l2=0.1), (6,)),
        "Identity": (layers.Identity(), (6,)),
    }


def test_every_layer_equals_keras(keras):
    """Each allowed layer under each of its settings computes what Keras computes."""
    for case, (layer, shape) in layer_cases(keras).items():
        try:
            assert_equal_to_keras(sequential(keras, layer, shape=shape))
        except (AssertionError, UnsupportedModel, WeightsDoNotFit) as error:
            raise AssertionError(f"{case}: {error}") from error


def test_a_normalization_layer_that_adapted_equals_keras(keras):
    """Statistics that adapt() found come from the weights."""
    layer = keras.layers.Normalization()
    layer.adapt(np.random.default_rng(0).normal(5, 3, (50, 6)))
    model = keras.Sequential([keras.Input((6,)), layer])

    assert_equal_to_keras(model)


def operation_cases(keras):
    """Operations on a tensor of shape (None, 2, 3)."""
    ops, activations = keras.ops, keras.activations
    return [
        *(lambda x: x / 255.0, lambda x: x - 1.5, lambda x: 1.5 - x, lambda x: 2 * x, lambda x: x * 0.5),
        *(
            lambda x: -x,
            lambda x: x + 3,
            lambda x: x + x,
            lambda x: x - np.array([1.0, 2.0, 3.0], np.float32),
        ),
        *(lambda x: x / np.full((2, 1), 4.0, np.float32), lambda x: ops.reshape(x, (-1, 6))),
        *(lambda x: ops.reshape(x, (-1, 3, 2)), lambda x: ops.cast(x, "float32")),
        *(lambda x: ops.concatenate([x, 2 * x], axis=1), lambda x: ops.concatenate([x, x], -1)),
        *(lambda x: ops.softmax(x, axis=1), lambda x: ops.elu(x, alpha=0.3), lambda x: ops.gelu(x)),
        *(lambda x: ops.leaky_relu(x), ops.relu, ops.relu6, ops.selu, ops.silu, ops.tanh, ops.sigmoid),
        *(ops.softplus, ops.softsign, ops.exp, ops.hard_sigmoid, ops.log_softmax, ops.log_sigmoid),
        *(lambda x: activations.relu(x, negative_slope=0.1, max_value=2.0, threshold=0.3),),
        *(lambda x: activations.gelu(x), lambda x: activations.leaky_relu(x), activations.softmax),
    ]


def test_every_operation_equals_keras(keras):
    """Each allowed operation on a symbolic tensor computes what Keras computes."""
    for number, operation in enumerate(operation_cases(keras)):
        inputs = keras.Input((2, 3))
        try:
            assert_equal_to_keras(keras.Model(inputs, operation(inputs)))
        except (AssertionError, UnsupportedModel) as error:
            raise AssertionError(f"operation {number}: {error}") from error


def random_stack(keras, rng, width):
    """A few random layers that keep rows flat."""
    layers, chosen = keras.layers, []
    for _ in range(rng.integers(1, 4)):
        chosen.append(layers.Dense(int(width), use_bias=bool(rng.integers(2))))
        if rng.integers(2):
            chosen.append(layers.BatchNormalization(scale=bool(rng.integers(2))))
        kinds = [
            *(layers.Activation(str(rng.choice(NAMED))), layers.LeakyReLU(0.1), layers.PReLU()),
            *(layers.ELU(0.5), layers.ReLU(max_value=3.0)),
        ]
        chosen.append(kinds[rng.integers(len(kinds))])
        if rng.integers(2):
            chosen.append([layers.Dropout(0.3), layers.AlphaDropout(0.3)][rng.integers(2)])
    return chosen


def random_model(keras, seed):
    """A random small model: Sequential, functional with branches, nested, or called on a symbol."""
    rng = np.random.default_rng(seed)
    layers, width = keras.layers, rng.integers(2, 7)
    head = [layers.Rescaling(0.5, offset=0.1), layers.Flatten()]
    style = seed % 4
    if style == 0:
        return keras.Sequential([keras.Input((2, 3)), *head, *random_stack(keras, rng, width)])
    if style == 1:
        inner = keras.Sequential(random_stack(keras, rng, width))
        outer = keras.Sequential([inner, layers.Dense(3)])
        return keras.Sequential([keras.Input((2, 3)), *head, layers.Dense(int(width)), inner, outer])
    if style == 2:
        a, b = keras.Input((2, 3)), keras.Input((6,))
        x = layers.Flatten()(a / 2.0)
        tower = keras.Sequential(random_stack(keras, rng, width))
        both = layers.Add()([tower(x), tower(b), keras.activations.elu(layers.Dense(int(width))(x))])
        return keras.Model([a, b], layers.Dense(3, "softmax")(keras.ops.concatenate([both, b], axis=-1)))

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.head, self.body = head, random_stack(keras, rng, width)
            self.out = layers.Dense(2, "sigmoid")

        def call(self, x):
            for layer in (*self.head, *self.body):
                x = layer(x)
            return keras.ops.softplus(self.out(x)) - 0.5

    inputs, net = keras.Input((2, 3)), Net()
    return keras.Model(inputs, net.call(inputs))


@pytest.mark.parametrize("seed", range(24))
def test_random_models_equal_keras(keras, seed):
    """Random mixtures of allowed layers, in every style of building, compute what Keras computes."""
    assert_equal_to_keras(randomised(random_model(keras, seed), seed))


def test_a_deep_network_equals_keras(keras):
    """Twenty layers with batch normalisation stay within tolerance, and every class is the same."""
    layers = [keras.layers.Flatten()]
    for _ in range(20):
        layers += [
            keras.layers.Dense(50, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ELU(),
        ]
    model = sequential(keras, *layers, keras.layers.Dense(10, "softmax"), shape=(8, 8, 3))
    x = inputs_for(model, rows=200)
    expected = model(x[0], training=False).numpy()
    actual = forward(graph_of(model), weights_of(model), x[0])

    np.testing.assert_allclose(actual, expected, atol=TOLERANCE)
    assert (expected.argmax(1) == actual.argmax(1)).all()


# ------------------------------------------------------------------------------------------- inputs, parts


def two_layers():
    """A graph of Dense(3, elu), Dense(2, softmax) on four features, and weights for it."""
    config = {"name": "m", "layers": [{"module": "keras.layers", "class_name": "InputLayer"}]}
    config["layers"][0]["config"] = {"name": "i", "batch_shape": [None, 4]}
    for name, units, activation in (("a", 3, "elu"), ("b", 2, "softmax")):
        settings = {"name": name, "units": units, "activation": activation, "use_bias": True}
        config["layers"].append({"module": "keras.layers", "class_name": "Dense", "config": settings})
    rng = np.random.default_rng(5)
    shapes = {"a": [(4, 3), (3,)], "b": [(3, 2), (2,)]}
    weights = {name: [rng.normal(size=shape) for shape in sizes] for name, sizes in shapes.items()}
    return parse({"module": "keras", "class_name": "Sequential", "config": config}), weights


def rows(count):
    """Fixed random rows of four features."""
    return np.random.default_rng(3).normal(size=(count, 4)).astype(np.float32)


@pytest.mark.parametrize("batch", [1, 3, 10, 1000])
def test_the_size_of_blocks_does_not_count(batch):
    """Any size of block gives the same answers, and the inputs stay as they were."""
    graph, weights = two_layers()
    x = rows(10)
    before = x.copy()

    np.testing.assert_allclose(
        forward(graph, weights, x, batch=batch), forward(graph, weights, x, batch=4), atol=1e-6
    )
    assert (before == x).all()


def test_inputs_may_be_made_block_by_block():
    """A function of slices is asked for every row once, in order."""
    graph, weights = two_layers()
    x, asked = rows(10), []

    def take(part):
        asked.append((part.start, part.stop))
        return x[part]

    np.testing.assert_allclose(
        forward(graph, weights, take, rows=10, batch=4), forward(graph, weights, x, batch=4), atol=1e-6
    )
    assert [(0, 4), (4, 8), (8, 10)] == asked


def test_no_rows_give_no_answers():
    """Zero rows are answered by an array of zero rows."""
    graph, weights = two_layers()

    assert (0, 2) == forward(graph, weights, rows(0)).shape


def test_wrong_inputs_are_named():
    """A wrong shape, a wrong number of inputs, or a function without a number of rows raises ValueError."""
    graph, weights = two_layers()

    with pytest.raises(ValueError, match=r"input 'i' takes rows of shape \(4,\), not \(5,\)"):
        forward(graph, weights, np.zeros((3, 5), np.float32))
    with pytest.raises(ValueError, match="takes 1 inputs, not 2"):
        forward(graph, weights, (rows(3), rows(3)))
    with pytest.raises(ValueError, match="say how many rows"):
        forward(graph, weights, lambda part: rows(3)[part])


def test_outputs_of_any_node_can_be_had():
    """`upto` gives a node's own output, untouched by the activation after it."""
    graph, weights = two_layers()
    x = rows(6)
    (kernel, bias), dense = weights["a"], forward(graph, weights, x, upto=1)
    linear = x @ kernel + bias

    np.testing.assert_allclose(dense, linear, atol=TOLERANCE)
    np.testing.assert_allclose(
        forward(graph, weights, x, upto=2), np.where(linear > 0, linear, np.expm1(linear)), atol=TOLERANCE
    )


def test_hidden_outputs_are_those_of_every_activation():
    """Each activation comes with its node, in order, the softmax last."""
    graph, weights = two_layers()
    x = rows(6)
    outputs = hidden_outputs(graph, weights, x, batch=4)

    assert ["a", "b"] == [node.name for node, _ in outputs]
    np.testing.assert_allclose(outputs[0][1], forward(graph, weights, x, upto=2), atol=1e-6)
    np.testing.assert_allclose(outputs[1][1], forward(graph, weights, x), atol=1e-6)


def test_outputs_of_chosen_nodes():
    """Any nodes come in the order asked for, with mean and standard deviation over all rows and units."""
    graph, weights = two_layers()
    x = rows(6)
    wanted = outputs_of(graph, weights, x, (2, 1))

    for at, values in zip((2, 1), wanted, strict=True):
        np.testing.assert_allclose(values, forward(graph, weights, x, upto=at), atol=1e-6)
    np.testing.assert_allclose(
        [[values.mean(), values.std()] for values in wanted],
        statistics_of(graph, weights, x, (2, 1)),
        atol=1e-6,
    )
    assert (0, 2) == statistics_of(graph, weights, x, ()).shape


def test_outputs_that_are_too_many():
    """More values than should be kept are refused before anything is computed."""
    graph, weights = two_layers()

    with pytest.raises(UnsupportedModel, match="too wide"):
        outputs_of(graph, weights, np.broadcast_to(np.float32(0), (10_000_000, 4)), (1,))


# ------------------------------------------------------------------------------------------------ weights


def changed(weights, name, index, value):
    """The same weights with one array replaced."""
    arrays = list(weights[name])
    arrays[index] = value
    return weights | {name: arrays}


def test_weights_that_do_not_fit_are_refused_by_name():
    """Missing layers, wrong shapes, wrong types and numbers that are not finite name their layer."""
    graph, weights = two_layers()
    wrong = {
        "layer 'b': it has no weights in the file": {"a": weights["a"]},
        "layer 'a': its weights have shapes (3, 4), (3,), not (4, 3), (3,)": changed(
            weights, "a", 0, np.zeros((3, 4))
        ),
        "layer 'a': its weights have shapes none, not (4, 3), (3,)": weights | {"a": []},
        "layer 'b': its weights are of type <U1, not numbers": changed(weights, "b", 1, np.array(["x", "y"])),
        "layer 'b': its weights are not finite numbers": changed(weights, "b", 1, np.array([0.0, np.nan])),
    }
    for words, bad in wrong.items():
        with pytest.raises(WeightsDoNotFit) as caught:
            forward(graph, bad, rows(2))
        assert words == caught.value.what


def test_weights_of_other_names_are_fitted_in_order():
    """Weights known only by their order go to the layers of the same shapes, in that order."""
    graph, weights = two_layers()
    seed = [np.zeros(2, np.uint32)]

    fitted = fit_in_order(graph, [seed, weights["b"], weights["a"]])

    np.testing.assert_array_equal(forward(graph, weights, rows(4)), forward(graph, fitted, rows(4)))
    with pytest.raises(WeightsDoNotFit, match="layer 'b': the file has no weights of its shapes"):
        fit_in_order(graph, [weights["a"]])


def test_networks_that_cost_too_much_are_refused():
    """A network that a few bytes describe and that would take hours is refused before it starts."""
    layer = {
        "module": "keras.layers",
        "class_name": "Reshape",
        "config": {"name": "r", "target_shape": [3000, 1]},
    }
    wide = {"name": "d", "units": 3000, "activation": "linear", "use_bias": False}
    first = {"module": "keras.layers", "class_name": "InputLayer"}
    first["config"] = {"name": "i", "batch_shape": [None, 3000]}
    layers = [first, layer]
    layers += [
        {"module": "keras.layers", "class_name": "Dense", "config": wide | {"name": f"d{at}"}}
        for at in range(2)
    ]
    graph = parse({"module": "keras", "class_name": "Sequential", "config": {"name": "m", "layers": layers}})

    with pytest.raises(UnsupportedModel, match="the model is too large to be evaluated"):
        forward(graph, {}, np.zeros((1, 3000), np.float32))


def test_what_is_random_or_foreign_is_computed_only_if_told(keras):
    """Dropout that stays on, and a student's own layer, are refused unless they are to do nothing."""

    class Own(keras.layers.Dropout):
        pass

    inputs = keras.Input((4,))
    on = graph_of(keras.Model(inputs, keras.layers.Dropout(0.5, name="on")(inputs, training=True)))
    own = graph_of(keras.Sequential([keras.Input((4,)), Own(0.5, name="own")]))
    x = rows(3)

    with pytest.raises(UnsupportedModel, match="layer 'on': it is called with training=True"):
        forward(on, {}, x)
    with pytest.raises(UnsupportedModel, match=r"layer 'own': it is a class or function of your own \(Own\)"):
        forward(own, {}, x)
    np.testing.assert_array_equal(x, forward(on, {}, x, passthrough=("dropout",)))
    np.testing.assert_array_equal(x, forward(own, {}, x, passthrough=("Own",)))


# --------------------------------------------------------------------------------------- accuracy and loss


@pytest.mark.parametrize("last", ["softmax", "sigmoid", "softplus"])
@pytest.mark.parametrize("size", [1.0, 40.0], ids=["usual", "confident"])
def test_accuracy_and_loss_are_what_keras_reports(keras, last, size):
    """Accuracy and sparse cross-entropy equal Keras's evaluate, also where softmax is all but 0 or 1."""
    model = sequential(keras, keras.layers.Dense(8, "elu"), keras.layers.Dense(5, last))
    model.layers[-1].kernel.assign(model.layers[-1].kernel * size)
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    x = inputs_for(model, rows=300)[0]
    labels = np.random.default_rng(2).integers(0, 5, (300, 1)).astype(np.uint8)
    loss, accuracy = model.evaluate(x, labels, verbose=0)
    found = accuracy_and_loss(graph_of(model), weights_of(model), lambda part: x[part], labels, batch=128)

    assert 300 == found.n
    assert pytest.approx(accuracy, abs=1e-7) == found.accuracy
    assert pytest.approx(loss, rel=1e-4) == found.loss


@pytest.mark.parametrize("size", [1.0, 40.0], ids=["usual", "confident"])
@pytest.mark.parametrize("last", ["sigmoid", "hard_sigmoid"])
def test_a_single_output_is_binary(keras, last, size):
    """One output is judged by binary cross-entropy and the threshold 0.5."""
    model = sequential(keras, keras.layers.Dense(1, last))
    model.layers[-1].kernel.assign(model.layers[-1].kernel * size)
    model.compile(loss="binary_crossentropy", metrics=["accuracy"])
    x = inputs_for(model, rows=100)[0]
    labels = np.random.default_rng(2).integers(0, 2, 100)
    loss, accuracy = model.evaluate(x, labels, verbose=0)
    found = accuracy_and_loss(graph_of(model), weights_of(model), x, labels)

    assert pytest.approx(accuracy, abs=1e-7) == found.accuracy
    assert pytest.approx(loss, rel=1e-4) == found.loss


def test_answers_that_are_not_finite_are_wrong():
    """A network that overflows gets every row wrong and an infinite or undefined loss, without a warning."""
    graph, weights = two_layers()
    huge = changed(changed(weights, "a", 0, np.full((4, 3), 3e38)), "b", 0, np.full((3, 2), 3e38))
    found = accuracy_and_loss(graph, huge, np.ones((5, 4), np.float32), np.zeros(5, int))

    assert 0.0 == found.accuracy
    assert not np.isfinite(found.loss)


@pytest.mark.parametrize(
    "labels", [[0, 2], [-1, 0], [0.0, 1.0], []], ids=["beyond", "negative", "float", "none"]
)
def test_labels_beyond_the_classes_are_refused(labels):
    """Labels must be whole numbers that the network has an output for, and there must be some."""
    graph, weights = two_layers()

    with pytest.raises(ValueError, match="labels must be whole numbers from 0 to 1, at least one"):
        accuracy_and_loss(graph, weights, rows(2), np.array(labels))
