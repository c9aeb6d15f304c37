"""Layers of a student's own class: described by what they derive from, never loaded."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from autograder.checks import structure
from autograder.evidence import ClassView, Unanswered, read_evidence
from autograder.networks.graph import parse
from autograder.networks.inference import forward
from autograder.networks.stack import same_architecture
from autograder.room.collector import Collector, ProbeRoom, write_part
from autograder.room.describe import Recorder


class Own(keras.layers.AlphaDropout):
    """An alpha dropout that is always active."""

    def call(self, inputs, training=None):
        """Drop, whatever is said."""
        return super().call(inputs, training=True)


class Further(Own):
    """A class that derives from Keras's through another of the student's own."""


class _Hidden(Own):
    """A class whose name begins as private ones do."""


class Hidden(keras.layers.Dense):
    """A dense layer whose settings are those of all hidden layers."""

    def __init__(self, units=6, activation="selu", kernel_initializer="lecun_normal", **settings):
        super().__init__(units, activation, kernel_initializer=kernel_initializer, **settings)


class Doubled(keras.layers.Dense):
    """A dense layer that computes something else."""

    def call(self, inputs, training=None):
        """Twice what a dense layer gives."""
        return 2 * super().call(inputs)


class Strange(keras.layers.Layer):
    """A layer that derives from nothing in particular."""


def network(layer):
    """A small network with that layer before its output."""
    return keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(6, activation="selu"), layer, keras.layers.Dense(3)]
    )


def read_back(tmp_path, probes, **names):
    """The evidence of a notebook that defines these names, with these probes."""
    collector = Collector({"q1": list(names)}, lambda: names)
    for name, probe in probes.items():
        write_part(tmp_path, f"probe_{name}", collector.probe(probe))
    write_part(tmp_path, "names", collector.names())
    return read_evidence(tmp_path)


@pytest.mark.parametrize("layer", [Own, Further, _Hidden])
def test_a_layer_that_derives_from_a_dropout_is_that_dropout(tmp_path, layer):
    """In a model of the notebook, it is read as the dropout from which it derives, with its rate."""
    found = read_back(tmp_path, {}, model=network(layer(0.25))).model("model")
    node = structure.graph_of(found).nodes[3]

    assert ("AlphaDropout", "Layer") == found.bases[layer.__name__]
    assert ("alpha_dropout", 0.25, layer.__name__) == (node.kind, node["rate"], node["own_class"])


def test_a_layer_that_derives_from_a_dense_layer_is_one(tmp_path):
    """A class that only saves typing is read as the dense layer that it is, also from a file."""
    found = read_back(tmp_path, {}, model=network(Hidden())).model("model")
    config = keras.saving.serialize_keras_object(network(Hidden()))
    block = structure.hidden_layers(found)[1]

    assert (6, "selu", "lecun") == (block.units, block.activation, block.initialiser.family)
    assert "dense" == parse(config, {"Hidden": ("Dense", "Layer")}).nodes[3].kind


def test_a_dense_layer_that_computes_something_else_is_found(tmp_path):
    """Whatever a class calls its parent, it is described by what it computes."""
    found = read_back(tmp_path, {}, model=network(Doubled(6))).model("model")
    graph = structure.graph_of(found)

    assert ["dense", "rescaling", "dense"] == [node.kind for node in graph.nodes[3:]]


def test_a_layer_called_again_is_no_further_layer(tmp_path):
    """One layer at three places has the weights of one: it is found, and the network is like no other."""
    inputs = keras.Input((4,))
    values, hidden = keras.layers.Dense(6)(inputs), keras.layers.Dense(6)
    for _ in range(3):
        values = hidden(values)
    shared = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(values))
    own = keras.Sequential([keras.Input((4,)), *(keras.layers.Dense(6) for _ in range(4)), shared.layers[-1]])
    evidence = read_back(tmp_path, {}, shared=shared, own=own)
    found = structure.check_hidden_layers(evidence.model("shared"), count=4, units=6)
    graphs = [structure.graph_of(evidence.model(name)) for name in ("shared", "own")]

    assert ["Hidden layer 3 is the layer `" in one.message for one in found] == [True]
    assert [] == structure.check_hidden_layers(evidence.model("own"), count=4, units=6)
    assert ["weights of their own" in text for text in same_architecture(*graphs)] == [True]
    assert [] == same_architecture(graphs[0], graphs[0])


def test_a_file_is_read_with_the_classes_of_the_notebook(tmp_path):
    """What a saved model says of a layer is its class's name; the notebook tells what that derives from."""
    evidence = read_back(tmp_path, {}, Own=Own, Strange=Strange, Plain=keras.layers.Dropout, number=3)
    config = keras.saving.serialize_keras_object(network(Own(0.25)))

    assert {"Own": ("AlphaDropout", "Layer"), "Strange": ("Layer",)} == evidence.layer_classes
    assert isinstance(evidence.names["Own"], ClassView)
    assert "alpha_dropout" == parse(config, evidence.layer_classes).nodes[3].kind
    assert "custom" == parse(config).nodes[3].kind


def test_a_dropout_of_an_own_class_is_evaluated_asleep():
    """The judge evaluates it as every dropout, without noise."""
    model = network(Own(0.25))
    x = np.random.default_rng(0).random((5, 4), dtype=np.float32)
    graph = parse(keras.saving.serialize_keras_object(model), {"Own": ("AlphaDropout",)})
    weights = {layer.name: [np.asarray(value) for value in layer.weights] for layer in model.layers}
    asleep = network(keras.layers.AlphaDropout(0.25))
    asleep.set_weights(model.get_weights())

    np.testing.assert_allclose(np.asarray(asleep(x)), forward(graph, weights, x), atol=1e-5)


def test_a_class_without_a_rate_stays_unknown():
    """A configuration that lacks what the dropout has is not taken for one."""
    config = keras.saving.serialize_keras_object(network(Own(0.25)))
    del config["config"]["layers"][2]["config"]["rate"]

    assert "custom" == parse(config, {"Own": ("AlphaDropout",)}).nodes[3].kind


def test_what_only_looks_like_a_class_is_passed_over(tmp_path):
    """A name whose value breaks when it is looked at does not hide the others."""

    class Breaks(type):
        def __subclasscheck__(cls, other):
            raise RuntimeError("no")

        @property
        def __mro__(cls):
            raise RuntimeError("no")

    evidence = read_back(tmp_path, {}, odd=Breaks("Odd", (), {}), Own=Own)

    assert ["Own"] == list(evidence.layer_classes)


@pytest.mark.parametrize("record", [7, [], {"Own": 3}, {"Own": [1]}, {"Own": "AlphaDropout"}])
def test_malformed_classes_are_left_out(tmp_path, record):
    """What is no list of names is named as a problem, and there are no classes then."""
    write_part(tmp_path, "names", ({"schema": 1, "names": {}, "layer_classes": record}, {}))
    evidence = read_evidence(tmp_path)

    assert {} == evidence.layer_classes
    assert evidence.problems


def test_records_made_at_different_times_go_into_one_answer(tmp_path):
    """A probe may describe a model, change it, and describe it again."""

    def probe(room):
        model = room.defined("model")
        before = room.model(model)
        model.set_weights([np.zeros_like(value) for value in model.get_weights()])
        return {"before": before, "after": [room.model(model), room.value(3)]}

    found = read_back(tmp_path, {"twice": probe}, model=network(Own(0.25))).probe("twice")
    (first, *_), (then, *_) = found["before"].weights.values(), found["after"][0].weights.values()

    assert np.abs(first[0]).max() > 0
    assert np.abs(then[0]).max() == 0
    assert 3 == found["after"][1]


@pytest.mark.parametrize("names", [{}, {"helper": 1}])
def test_a_name_can_stand_for_something_else_for_a_while(names):
    """Student code finds what a probe put under a name, and after it what was there before, if anything."""
    before = dict(names)
    room = ProbeRoom(names, Recorder())
    with pytest.raises(ValueError, match="on the way"), room.standing_in("helper", 2):
        assert 2 == names["helper"]
        raise ValueError("on the way")

    assert before == names


def test_arrays_of_half_precision():
    """What a network in mixed precision gives is described as the numbers that it is."""
    recorder = Recorder()
    record = recorder.value(keras.ops.cast([0.5, -2.0], "bfloat16"))

    assert ("array", "float32") == (record["kind"], record["dtype"])
    assert [0.5, -2.0] == recorder.arrays[record["data"]].tolist()


class Wide(keras.layers.Dense):
    """A dense layer with defaults of one's own."""

    def __init__(self, units=6, activation="elu", **settings):
        super().__init__(units, activation=activation, **settings)


class Block(keras.layers.Layer):
    """Layers that belong together."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.dense = keras.layers.Dense(6)
        self.normalise = keras.layers.BatchNormalization()

    def call(self, inputs):
        """One after the other."""
        return keras.activations.elu(self.normalise(self.dense(inputs)))


@pytest.mark.parametrize(
    ("layer", "kinds"),
    [
        (Wide, ["dense", "activation"]),
        (Block, ["dense", "batch_normalization", "activation"]),
        (lambda: keras.layers.Lambda(lambda x: keras.ops.elu(x / 2.0)), ["rescaling", "activation"]),
        (Strange, None),
    ],
    ids=["derived", "made of others", "a function", "says nothing"],
)
def test_what_a_layer_of_ones_own_consists_of(tmp_path, layer, kinds):
    """It is read as what it derives from, or does; the model itself is left as it was."""
    model = keras.Sequential([keras.Input((4,)), layer(), keras.layers.Dense(3)])
    before = list(model.layers)
    found = read_back(tmp_path, {}, model=model).model("model")

    assert before == model.layers
    if kinds is None:
        return
    assert ["input", *kinds, "dense"] == [node.kind for node in structure.graph_of(found).nodes]


class Scaled(keras.layers.Layer):
    """A layer that Keras describes by its settings alone."""

    def __init__(self, factor=2.0, **settings):
        super().__init__(**settings)
        self.factor = factor

    def call(self, inputs):
        """A multiple of something that Keras does not have."""
        return self.factor * tf.math.bessel_i0(inputs)


def test_a_layer_without_a_name(tmp_path):
    """Where a layer does not say what it is called, its class is named."""
    model = keras.Sequential([keras.Input((4,)), Scaled(), keras.layers.Dense(3)])
    found = read_back(tmp_path, {}, model=model).model("model")

    with pytest.raises(Unanswered, match="layer 'Scaled': it is a class or function of your own"):
        structure.graph_of(found)


class Weighted(keras.layers.Layer):
    """A dense layer written by hand."""

    def __init__(self, units, **settings):
        super().__init__(**settings)
        self.units = units

    def build(self, shape):
        """The weights."""
        self.kernel = self.add_weight(shape=(shape[-1], self.units), initializer="he_normal", name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, inputs):
        """Sums, bent by TensorFlow's function."""
        return tf.nn.elu(inputs @ self.kernel + self.bias)


class Bent(keras.layers.Dense):
    """A dense layer that bends its sums itself."""

    def call(self, inputs, training=None):
        """What the parent gives, bent."""
        return tf.nn.elu(super().call(inputs))


class Leaf(keras.layers.Layer):
    """A layer without weights, of which only what it computes can be seen."""

    def __init__(self, function, **settings):
        super().__init__(**settings)
        self.function = function

    def call(self, inputs):
        """The function."""
        return self.function(inputs)


class Named(keras.layers.Layer):
    """A block whose inner layers are called the same in each block, and sleep unless told otherwise."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.dense = keras.layers.Dense(6, name="dense")
        self.normalise = keras.layers.BatchNormalization(name="norm")

    def call(self, inputs, training=False):
        """As many tutorials have it."""
        return tf.nn.elu(self.normalise(self.dense(inputs), training=training))


class NamedModel(keras.Model):
    """The same as a model of one's own class."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.block = Named()

    def call(self, inputs, training=False):
        """A block in a block."""
        return self.block(inputs, training=training)


BLOCK = ["dense", "batch_normalization", "activation"]


@pytest.mark.parametrize(
    ("layers", "kinds"),
    [
        (lambda: [Weighted(6), Weighted(6)], ["dense", "activation"] * 2),
        (lambda: [Bent(6)], ["dense", "activation"]),
        (lambda: [Leaf(lambda x: x * 2.0)], ["rescaling"]),
        (lambda: [Leaf(keras.ops.selu)], ["activation"]),
        (lambda: [Leaf(lambda x: tf.where(x > 0, x, tf.exp(x) - 1))], ["activation"]),
        (lambda: [keras.layers.Lambda(lambda x: tf.cast(x, tf.float32) / 255.0)], ["rescaling"]),
        (lambda: [Named(), Named()], BLOCK * 2),
        (lambda: [NamedModel(), NamedModel()], BLOCK * 2),
        (lambda: [keras.Sequential([Named(), Leaf(keras.ops.elu)])], [*BLOCK, "activation"]),
    ],
    ids=[
        *("dense by hand", "derived from dense", "a multiple", "an operation", "a function by hand"),
        *("a Lambda", "the same names", "models of one class", "in a nested model"),
    ],
)
def test_what_is_told_by_a_call(tmp_path, layers, kinds):
    """Layers of one's own, and TensorFlow's functions in them, are read as Keras's that do the same."""
    model = keras.Sequential([keras.Input((4,)), *layers(), keras.layers.Dense(3)])
    names = [layer.name for layer in model._flatten_layers()]
    graph = structure.graph_of(read_back(tmp_path, {}, model=model).model("model"))

    assert ["input", *kinds, "dense"] == [node.kind for node in graph.nodes]
    assert names == [layer.name for layer in model._flatten_layers()]
    assert all(node.get("training") is None for node in graph.nodes if node.kind == "batch_normalization")


@pytest.fixture(params=["mixed_bfloat16", "mixed_float16"])
def mixed_precision(request):
    """Keras's policy for new layers, until the test has ended."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


def test_layers_in_mixed_precision_are_told_by_a_call(tmp_path, mixed_precision):
    """They are read as in single precision, with weights as weights, and compute as they did afterwards."""
    own = [Weighted(6), Bent(6), Leaf(lambda x: x * 2.0), Leaf(keras.ops.selu)]
    model = keras.Sequential([keras.Input((4,)), *own, keras.layers.Dense(3)])
    graph = structure.graph_of(read_back(tmp_path, {}, model=model).model("model"))
    kinds = ["dense", "activation", "dense", "activation", "rescaling", "activation"]

    assert ["input", *kinds, "dense"] == [node.kind for node in graph.nodes]
    assert [mixed_precision] * 4 == [layer.dtype_policy.name for layer in own]


def test_a_model_whose_call_uses_tensorflow(tmp_path):
    """A class of one's own is traced with TensorFlow's functions, and a default for training is no order."""

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.first, self.norm = keras.layers.Dense(6), keras.layers.BatchNormalization()
            self.last = keras.layers.Dense(3)

        def call(self, inputs, training=False):
            values = self.norm(self.first(tf.cast(inputs, tf.float32) / 255.0), training=training)
            return tf.nn.softmax(self.last(tf.nn.elu(values)))

    model = Net()
    model(np.zeros((1, 4), np.float32))
    graph = structure.graph_of(read_back(tmp_path, {}, model=model).model("model"))

    assert ["input", "rescaling", *BLOCK, "dense", "activation"] == [node.kind for node in graph.nodes]
    assert graph.nodes[3].get("training") is None


def test_one_layer_that_cannot_be_opened_keeps_no_other_closed(tmp_path):
    """What cannot be read is named; the layers beside it are read all the same."""
    model = keras.Sequential([keras.Input((4,)), Weighted(6), Scaled(), keras.layers.Dense(3)])
    found = read_back(tmp_path, {}, model=model).model("model")
    kinds = [node.kind for node in parse(found.config, found.bases).nodes]

    assert ["input", "dense", "activation", "custom", "dense"] == kinds
    with pytest.raises(Unanswered, match="it is a class or function of your own \\(Scaled\\)"):
        structure.graph_of(found)


def test_weights_of_an_own_dense_layer_are_judged_by_their_spread(tmp_path):
    """What an own layer starts from is what its weights are, as it does not say it."""

    def found(initialiser):
        class Wide(Weighted):
            def build(self, shape):
                self.kernel = self.add_weight(shape=(shape[-1], self.units), initializer=initialiser)
                self.bias = self.add_weight(shape=(self.units,), initializer="zeros")

        model = keras.Sequential([keras.Input((3072,)), Wide(100), Wide(100), keras.layers.Dense(10)])
        view = read_back(tmp_path, {}, model=model).model("model")
        return [structure.check_initialisers(view, family) for family in ("he", "lecun")]

    assert [True, False] == [not findings for findings in found("he_normal")]
    assert [False, True] == [not findings for findings in found("lecun_normal")]
    assert [False, False] == [not findings for findings in found("glorot_uniform")]


class Drops(keras.Model):
    """A model that drops only if it is told that it is trained, as TensorFlow's documentation has it."""

    def __init__(self, layer):
        super().__init__()
        self.first, self.drop, self.last = keras.layers.Dense(6), layer, keras.layers.Dense(3)

    def call(self, inputs, training=False):
        """With noise in training."""
        values = self.first(inputs)
        if training:
            values = self.drop(values, training=training)
        return self.last(values)


@pytest.mark.parametrize(
    ("layer", "kinds"),
    [
        (keras.layers.AlphaDropout(0.25), ["dense", "alpha_dropout", "dense"]),
        (keras.layers.Rescaling(2.0), ["dense", "dense"]),
    ],
    ids=["noise", "anything else"],
)
def test_what_is_there_in_training_only(tmp_path, layer, kinds):
    """Dropout behind `if training:` is in the network, asleep as any other; nothing else is."""
    model = Drops(layer)
    model(np.zeros((1, 4), np.float32))
    graph = structure.graph_of(read_back(tmp_path, {}, model=model).model("model"))

    assert ["input", *kinds] == [node.kind for node in graph.nodes]
    assert not any(node.get("training") for node in graph.nodes)
