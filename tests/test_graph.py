"""The canonical graph: equal models read as equal, whatever their spelling; what cannot be read is said."""

from __future__ import annotations

import json
import os

import attrs
import pytest

from autograder.networks.graph import Graph, Initialiser, UnsupportedModel, parse
from autograder.networks.stack import layers_in_order, same_architecture


@pytest.fixture(scope="module")
def keras():
    """Keras, imported late: it takes seconds."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return pytest.importorskip("keras")


def config_of(model):
    """The configuration as it reaches the judge: through JSON."""
    import keras

    return json.loads(json.dumps(keras.saving.serialize_keras_object(model)))


def graph_of(model) -> Graph:
    """The canonical graph of a Keras model."""
    return parse(config_of(model))


def dense_config(**changes):
    """A serialised Dense layer of two units."""
    config = {"name": "dense", "units": 2, "activation": "linear", "use_bias": True, **changes}
    return {"module": "keras.layers", "class_name": "Dense", "config": config}


def sequential_config(*layers, shape=(None, 4)):
    """A serialised Sequential of these layers."""
    first = {"module": "keras.layers", "class_name": "InputLayer"}
    first["config"] = {"name": "input", "batch_shape": list(shape)}
    config = {"name": "model", "layers": [first, *layers]}
    return {"module": "keras", "class_name": "Sequential", "config": config}


def bare(graph: Graph):
    """Kinds, settings, shapes and connections, without names."""
    return [attrs.evolve(node, name="") for node in graph.nodes], graph.outputs


def small_elu(keras, spelling: str):
    """Three models of one meaning per spelling: Dense(5), ELU, Dense(3), softmax."""
    layers, activations, ops = keras.layers, keras.activations, keras.ops
    if spelling == "functional with operations":
        x = inputs = keras.Input((4,))
        x = activations.elu(layers.Dense(5)(x))
        return keras.Model(inputs, activations.softmax(layers.Dense(3)(x)))
    if spelling == "functional with ops":
        x = inputs = keras.Input((4,))
        x = ops.elu(layers.Dense(5)(x))
        return keras.Model(inputs, ops.softmax(layers.Dense(3)(x)))
    if spelling == "called on a symbol":

        class Net(keras.Model):
            def __init__(self):
                super().__init__()
                self.hidden = layers.Dense(5, activation="elu")
                self.out = layers.Dense(3, activation="softmax")

            def call(self, x):
                return self.out(self.hidden(x))

        net, inputs = Net(), keras.Input((4,))
        return keras.Model(inputs, net.call(inputs))
    first, last = layers.Dense(5), layers.Dense(3)
    stacks = {
        "strings": [layers.Dense(5, "elu"), layers.Dense(3, "softmax")],
        "functions": [layers.Dense(5, activations.elu), layers.Dense(3, activations.softmax)],
        "layers": [first, layers.ELU(), last, layers.Softmax()],
        "activation layers": [first, layers.Activation("elu"), last, layers.Activation("softmax")],
        "layers as activations": [layers.Dense(5, layers.ELU()), layers.Dense(3, layers.Softmax())],
        "layers in activations": [first, layers.Activation(layers.ELU()), last, layers.Softmax(axis=1)],
        "linear between": [
            *(first, layers.Activation("linear"), layers.Identity(), layers.ELU(1.0)),
            *(last, layers.Activation(activations.softmax)),
        ],
        "nested": [
            *(keras.Sequential([first, layers.ELU()]), keras.Sequential([keras.Sequential([last])])),
            layers.Softmax(),
        ],
    }
    return keras.Sequential([keras.Input((4,)), *stacks[spelling]])


SPELLINGS = [
    *("functions", "layers", "activation layers", "layers as activations", "layers in activations"),
    *("linear between", "nested", "functional with operations", "functional with ops", "called on a symbol"),
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_a_network_is_one_graph(keras, spelling):
    """A network comes out the same however its activations and containers are spelled."""
    assert bare(graph_of(small_elu(keras, "strings"))) == bare(graph_of(small_elu(keras, spelling)))


def test_a_dense_layer_with_activation_is_two_nodes(keras):
    """A dense layer is linear, and its activation a node of its own under the same name."""
    graph = graph_of(keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, "elu", name="first")]))
    _, dense, activation = graph.nodes

    assert ("first", "dense", (5,), (0,)) == (dense.name, dense.kind, dense.shape, dense.inbound)
    assert ("first", "activation", (5,), (1,)) == (
        *(activation.name, activation.kind),
        *(activation.shape, activation.inbound),
    )
    assert (("function", "elu"), ("alpha", 1.0)) == activation.settings


INITIALISERS = [
    ("he_normal", "He normal", "he"),
    ("HeNormal", "He normal", "he"),
    ("he_uniform", "He uniform", "he"),
    ("glorot_uniform", "Glorot uniform, the Keras default", "glorot"),
    ("glorot_normal", "Glorot normal", "glorot"),
    ("lecun_normal", "LeCun normal", "lecun"),
    ("lecun_uniform", "LeCun uniform", "lecun"),
    ("zeros", "zeros", ""),
    ("ones", "ones", ""),
    ("random_normal", "random normal (mean 0, stddev 0.05)", ""),
    ("random_uniform", "random uniform (minval -0.05, maxval 0.05)", ""),
    ("truncated_normal", "truncated normal (mean 0, stddev 0.05)", ""),
    ("orthogonal", "orthogonal (gain 1)", ""),
    ("identity", "identity (gain 1)", ""),
]


@pytest.mark.parametrize(("name", "described", "family"), INITIALISERS)
def test_an_initialiser_is_one_record_however_it_is_given(keras, name, described, family):
    """A string and an instance with any seed give one record, and it has the name that people use."""
    by_string = keras.layers.Dense(2, kernel_initializer=name)
    instance = keras.initializers.get(name)
    if "seed" in instance.get_config():
        instance = type(instance).from_config(instance.get_config() | {"seed": 42})
    read = [
        graph_of(keras.Sequential([keras.Input((4,)), layer])).nodes[1]["kernel_initializer"]
        for layer in (by_string, keras.layers.Dense(2, kernel_initializer=instance))
    ]
    read.append(
        parse(sequential_config(dense_config(kernel_initializer=name))).nodes[1]["kernel_initializer"]
    )

    assert [read[0]] * 3 == read
    assert (described, family) == (read[0].describe(), read[0].family)


def test_variance_scaling_is_he_where_it_is_equal_to_it(keras):
    """VarianceScaling with scale 2 over fan_in is He; over fan_avg it has no name."""
    scaling = keras.initializers.VarianceScaling
    variants = [
        *("he_normal", scaling(2.0, "fan_in", "truncated_normal", seed=1), "he_uniform"),
        *(scaling(2.0, "fan_in", "uniform"), scaling(2.0, "fan_avg", "uniform")),
        scaling(2.0, "fan_in", "untruncated_normal"),
    ]
    model = keras.Sequential([keras.Input((4,))])
    for variant in variants:
        model.add(keras.layers.Dense(2, kernel_initializer=variant))
    read = [block.initialiser for block in layers_in_order(graph_of(model)).blocks]

    assert read[0] == read[1]
    assert read[2] == read[3]
    assert ["he", "he", "he", "he", "", "he"] == [initialiser.family for initialiser in read]
    assert "variance scaling (2, fan_avg, uniform)" == read[4].describe()


def test_an_initialiser_of_the_authors_own_is_custom(keras):
    """A student's own initialiser is named as such and not taken for one of Keras's."""

    class HeNormal(keras.initializers.Initializer):
        def __call__(self, shape, dtype=None, **kwargs):
            return keras.ops.zeros(shape, dtype)

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, kernel_initializer=HeNormal())])

    assert (
        Initialiser(kind="custom", parameters=(("class_name", "HeNormal"),))
        == (graph_of(model).nodes[1]["kernel_initializer"])
    )


def test_arithmetic_on_pixels_is_rescaling(keras):
    """Arithmetic with constants before the first layer reads as rescalings, each (scale, offset)."""
    x = inputs = keras.Input((2, 2, 3))
    for change in (
        *(lambda t: t / 255.0, lambda t: t - 0.5, lambda t: 2 * t, lambda t: 1 - t, lambda t: -t),
        *(lambda t: keras.ops.add(t, 3), lambda t: keras.ops.cast(t, "float32")),
        lambda t: keras.ops.reshape(t, (-1, 12)),
    ):
        x = change(x)
    graph = graph_of(keras.Model(inputs, keras.layers.Dense(1)(x)))

    assert [(1 / 255, 0.0), (1.0, -0.5), (2.0, 0.0), (-1.0, 1.0), (-1.0, 0.0), (1.0, 3.0)] == [
        (node["scale"], node["offset"]) for node in graph.nodes if node.kind == "rescaling"
    ]
    assert ["reshape", "dense"] == [node.kind for node in graph.nodes[-2:]]
    assert (12,) == graph.nodes[-2].shape


def test_arithmetic_in_whole_numbers_is_refused(keras):
    """Pixels of type uint8 may be divided, not multiplied: they would overflow."""
    inputs = keras.Input((3,), dtype="uint8")
    good = keras.Model(inputs, keras.layers.Dense(1)(inputs / 255))
    bad = keras.Model(inputs, keras.layers.Dense(1)(inputs * 2))

    assert 1 / 255 == graph_of(good).nodes[1]["scale"]
    with pytest.raises(UnsupportedModel, match="calculates in whole numbers, which overflow"):
        graph_of(bad)


def test_a_shared_layer_is_two_nodes_of_one_name(keras):
    """A layer, or a nested model, called twice gives nodes of one name with connections of their own."""
    first, second = keras.Input((3,)), keras.Input((3,))
    head, tower = keras.layers.Dense(2, name="head"), keras.Sequential([keras.layers.Dense(4, name="a")])
    tower.name = "tower"
    joined = keras.layers.Concatenate()([head(tower(first)), head(tower(second))])
    graph = graph_of(keras.Model([first, second], joined))

    assert {"tower/a": 2, "head": 2} == {
        name: [node.name for node in graph.nodes].count(name) for name in ("tower/a", "head")
    }
    assert ((3,), (3,)) == tuple(entry.shape for entry in graph.inputs)
    assert (4,) == graph.output_shape


def test_a_nested_functional_model_with_several_outputs_is_connected_rightly(keras):
    """Each call and each output of a nested model goes where the model sends it."""
    inner_input = keras.Input((3,))
    wide, narrow = keras.layers.Dense(5, name="wide"), keras.layers.Dense(2, name="narrow")
    inner = keras.Model(inner_input, [narrow(inner_input), wide(inner_input)], name="inner")
    x = keras.Input((3,))
    small, large = inner(x)
    small_again, large_again = inner(x * 2.0)
    model = keras.Model(
        x, [keras.layers.Concatenate()([small, large_again]), large + large_again, small_again]
    )
    graph = graph_of(model)
    joined, total, last = (graph.nodes[at] for at in graph.outputs)

    assert ["inner/narrow", "inner/wide"] == [graph.nodes[at].name for at in joined.inbound]
    assert ["inner/wide", "inner/wide"] == [graph.nodes[at].name for at in total.inbound]
    assert ["input", "rescaling"] == sorted(
        graph.nodes[graph.nodes[at].inbound[0]].kind for at in total.inbound
    )
    assert ("inner/narrow", "rescaling") == (last.name, graph.nodes[last.inbound[0]].kind)


def test_what_no_output_needs_is_left_out(keras):
    """A head that was cut off leaves no node behind, so that the rest is a stack."""
    x = inputs = keras.Input((3,))
    x = keras.layers.Dense(4, "elu")(x)
    both = keras.Model(inputs, [keras.layers.Dense(2)(x), keras.layers.Dense(5)(x)])
    outer = keras.Input((3,))
    model = keras.Model(outer, both(outer)[0])

    assert [4, 2] == [block.units for block in layers_in_order(graph_of(model)).blocks]


def test_inputs_and_outputs_may_be_dictionaries(keras):
    """A model with named inputs is read, on its own and inside another."""
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    named = keras.Model({"a": a, "b": b}, {"out": keras.layers.Dense(2)(keras.layers.Concatenate()([a, b]))})
    c, d = keras.Input((3,)), keras.Input((2,))
    outer = keras.Model([c, d], named({"a": c, "b": d})["out"])

    assert bare(graph_of(named)) == bare(graph_of(outer))


def test_frozen_layers_are_known(keras):
    """A layer is trainable only if it and every model around it are."""
    frozen = keras.Sequential([keras.layers.Dense(2, name="a")], name="base")
    frozen.trainable = False
    free = keras.layers.Dense(2, name="b")
    graph = graph_of(keras.Sequential([keras.Input((4,)), frozen, free]))

    assert [("base/a", False), ("b", True)] == [(node.name, node.trainable) for node in graph.nodes[1:]]


def test_a_class_of_the_authors_own_is_kept_as_data(keras):
    """A student's layer becomes a node of kind custom with its own settings, and nothing of it is run."""

    class MCAlphaDropout(keras.layers.AlphaDropout):
        def call(self, inputs, training=False):
            return super().call(inputs, training=True)

    node = graph_of(keras.Sequential([keras.Input((4,)), MCAlphaDropout(0.25)])).nodes[1]

    assert ("custom", "MCAlphaDropout", (4,)) == (node.kind, node["class_name"], node.shape)
    assert 0.25 == dict(node["config"])["rate"]


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_a_function_of_the_authors_own_is_custom(keras):
    """A function or lambda as activation is kept by name, not taken for the activation it may resemble."""

    def my_elu(x):
        return keras.activations.elu(x)

    layers = [keras.layers.Dense(2, my_elu), keras.layers.Dense(2, lambda x: x)]
    config = keras.saving.serialize_keras_object(keras.Sequential([keras.Input((4,)), *layers]))

    assert ["my_elu", "a lambda"] == [
        node["class_name"].replace("a function", "a lambda")
        for node in parse(config).nodes
        if node.kind == "custom"
    ]


def test_dropout_that_is_always_on_is_marked(keras):
    """training=True in a call, also in the call of a model around it, is kept."""
    x = inputs = keras.Input((4,))
    x = keras.layers.Dropout(0.1)(x, training=True)
    x = keras.Sequential([keras.layers.AlphaDropout(0.1)])(x, training=True)
    x = keras.layers.Dropout(0.1)(x)
    graph = graph_of(keras.Model(inputs, x))

    assert [True, True, False] == [node["training"] for node in graph.nodes[1:]]


def test_a_model_built_by_training_needs_no_input_layer(keras):
    """A Sequential without Input is read once it has been built, and refused before."""
    model = keras.Sequential([keras.layers.Dense(2)])
    with pytest.raises(UnsupportedModel, match="the model is not built"):
        graph_of(model)
    model.build((None, 7))

    assert (7,) == graph_of(model).input_shape


def unreadable_models(keras):
    """Models that Keras allows and that are refused, with the words of the refusal."""
    layers = keras.layers

    class Own(keras.Model):
        def call(self, x):
            return x

    def chain(*stack, shape=(4,)):
        return keras.Sequential([keras.Input(shape), *stack])

    x = keras.Input((4,))
    yield Own(), "the model (Own) holds no list of layers, as with a class of your own"
    yield (
        chain(layers.Conv1D(2, 1, name="c"), shape=(4, 3)),
        "it holds a Conv1D layer (`c`), which no network of this lab has",
    )
    yield (
        chain(layers.UnitNormalization(name="u")),
        "it holds a UnitNormalization layer (`u`), which no network of this lab has",
    )
    yield (
        keras.Model(x, keras.ops.sin(x)),
        ("layer 'sin': it is an operation (Sin) that these labs do not use and that cannot be read"),
    )
    yield (
        keras.Model(x, x * x),
        ("layer 'multiply': it is an operation (Multiply) between tensors, which cannot be read here"),
    )
    yield keras.Model(x, 1 / x), "layer 'true_divide': it divides by a tensor, which cannot be read here"
    yield (
        keras.Model(x, layers.BatchNormalization(name="b")(x, training=True)),
        ("layer 'b': it is called with training=True, so it would use the batch's statistics for ever"),
    )
    yield (
        chain(layers.Flatten("channels_first", name="f"), shape=(2, 3)),
        ("layer 'f': it flattens with channels first, which cannot be read here"),
    )
    yield chain(layers.Dense(2), shape=(None, 3)), "leaves a size open"


def test_what_cannot_be_read_is_refused_by_name(keras):
    """Every model beyond the allowed layers is refused with the layer and the reason."""
    keras.utils.clear_session()
    for model, words in unreadable_models(keras):
        with pytest.raises(UnsupportedModel) as caught:
            graph_of(model)
        assert words in caught.value.what


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_a_lambda_layer_is_refused(keras):
    """A Lambda layer's code is neither run nor guessed."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x, name="trick")])

    with pytest.raises(UnsupportedModel, match=r"it holds a Lambda layer \(`trick`\)"):
        graph_of(model)


def nested(depth: int):
    """A Sequential within a Sequential, so many times."""
    config = sequential_config(dense_config())
    for level in range(depth):
        config = sequential_config(config)
        config["config"]["name"] = f"m{level}"
    return config


DAMAGED = {
    "nothing": None,
    "text": "model",
    "a list": [],
    "an empty object": {},
    "layers that are no list": {"module": "keras", "class_name": "Sequential", "config": {"layers": "x"}},
    "a layer that is no object": sequential_config(3),
    "a layer without class": sequential_config({"config": {"name": "x"}}),
    "a layer without settings": sequential_config({"module": "keras.layers", "class_name": "Dense"}),
    "a layer without name": sequential_config(dense_config(name=None)),
    "no units": sequential_config(dense_config(units=None)),
    "negative units": sequential_config(dense_config(units=-3)),
    "units True": sequential_config(dense_config(units=True)),
    "units beyond all reason": sequential_config(dense_config(units=10**30)),
    "a bias that is a number": sequential_config(dense_config(use_bias=2)),
    "a shape of text": sequential_config(dense_config(), shape=(None, "4")),
    "a shape without batch": sequential_config(dense_config(), shape=()),
    "a huge shape": sequential_config(dense_config(), shape=(None, 10**6, 10**6)),
    "an activation without alpha": sequential_config(
        dense_config(
            activation={"module": "keras.layers", "class_name": "ELU", "config": {"name": "e", "alpha": "x"}}
        )
    ),
    "nested without end": nested(40),
    "inputs that are missing": {
        "module": "keras",
        "class_name": "Functional",
        "config": {"name": "m", "layers": [], "input_layers": [["a", 0, 0]], "output_layers": [["a", 0, 0]]},
    },
    "numbers beyond floats": sequential_config(
        {"module": "keras.layers", "class_name": "Rescaling", "config": {"name": "r", "scale": 10**400}}
    ),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_configurations_are_refused(damage):
    """Whatever a stranger writes as a configuration is refused with a sentence, by no other error."""
    with pytest.raises(UnsupportedModel) as caught:
        parse(DAMAGED[damage])

    assert caught.value.what


def test_a_loop_is_refused():
    """Two layers that feed each other are refused."""

    def layer(name, source):
        tensor = {
            "class_name": "__keras_tensor__",
            "config": {"shape": [None, 2], "keras_history": [source, 0, 0]},
        }
        return dense_config(name=name) | {"name": name, "inbound_nodes": [{"args": [tensor], "kwargs": {}}]}

    first = sequential_config()["config"]["layers"][0] | {"name": "input", "inbound_nodes": []}
    config = {"layers": [first, layer("a", "b"), layer("b", "a")], "input_layers": ["input", 0, 0]}
    config |= {"output_layers": ["b", 0, 0], "name": "m"}

    with pytest.raises(UnsupportedModel, match="layer 'a': its inputs come from nowhere"):
        parse({"module": "keras", "class_name": "Functional", "config": config})


def test_every_damage_to_a_real_configuration_is_refused_or_read(keras):
    """Nonsense in any place of a real configuration gives a graph or UnsupportedModel, nothing else."""
    x = inputs = keras.Input((2, 2))
    x = keras.layers.Flatten()(x / 2.0)
    x = keras.layers.BatchNormalization()(keras.layers.Normalization(mean=1.0, variance=2.0)(x))
    x = keras.layers.Add()([keras.layers.Dense(4, keras.layers.LeakyReLU(0.1))(x), keras.layers.PReLU()(x)])
    model = keras.Model(inputs, keras.ops.reshape(keras.layers.Concatenate()([x, x]), (-1, 2, 4)))
    config = config_of(model)
    assert isinstance(graph_of(model), Graph)
    tried = 0
    for place in places(config):
        for nonsense in (None, "x", -1, 1e300, [], {}, [[]], True):
            try:
                parse(replaced(config, place, nonsense))
            except UnsupportedModel:
                tried += 1

    assert tried > 500


def places(value, place=()):
    """The path of every part of a JSON value."""
    yield place
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from places(part, (*place, key))


def replaced(value, place, new):
    """A copy of a JSON value with one part replaced."""
    if not place:
        return new
    copy = value.copy()
    copy[place[0]] = replaced(copy[place[0]], place[1:], new)
    return copy


# -------------------------------------------------------------------------------------------------- stacks


def stack_of(keras, *layers, shape=(4,)):
    """The stack of a Sequential of these layers."""
    return layers_in_order(graph_of(keras.Sequential([keras.Input(shape), *layers])))


def test_a_stack_has_preprocessing_and_blocks(keras):
    """What stands before the first dense layer, and each dense layer with what follows, come out in order."""
    layers = keras.layers
    stack = stack_of(
        keras,
        *(layers.Rescaling(1 / 255), layers.Flatten(), layers.BatchNormalization()),
        *(layers.Dense(5, use_bias=False, kernel_initializer="he_normal"), layers.BatchNormalization()),
        *(layers.Activation("elu"), layers.Dropout(0.2), layers.Dense(3, "softmax")),
        shape=(2, 2),
    )

    assert (2, 2) == stack.input_shape
    assert ("rescaling", "flatten", "batch_normalization") == tuple(node.kind for node in stack.preprocessing)
    assert ("rescaling", "batch_normalization") == tuple(node.kind for node in stack.before_first_dense)
    (hidden,) = stack.hidden
    assert (5, False, "He normal") == (hidden.units, hidden.use_bias, hidden.initialiser.describe())
    assert ("batch_normalization", "activation", "dropout") == hidden.kinds
    assert ("elu", "ELU") == (hidden.activation, hidden.describe_activation())
    assert (3, "softmax") == (stack.output.units, stack.output.activation)


def test_a_block_says_how_many_activations_it_has(keras):
    """No activation is linear; two in a row are told apart from either."""
    elu, relu, dense = keras.layers.ELU(), keras.layers.ReLU(), keras.layers.Dense
    stack = stack_of(keras, dense(2), dense(2), elu, relu, dense(2, "leaky_relu"))

    assert ["linear", "several", "leaky_relu"] == [block.activation for block in stack.blocks]
    assert ["no activation", "ELU, then ReLU", "leaky ReLU (slope 0.2)"] == [
        block.describe_activation() for block in stack.blocks
    ]


def test_a_network_with_branches_is_no_stack(keras):
    """Two paths, two inputs or two outputs give None."""
    a, b = keras.Input((2,)), keras.Input((2,))
    x = keras.layers.Dense(2)(a)

    assert layers_in_order(graph_of(keras.Model(a, keras.layers.Add()([a, x])))) is None
    assert layers_in_order(graph_of(keras.Model([a, b], keras.layers.Add()([a, b])))) is None
    assert layers_in_order(graph_of(keras.Model(a, [x, keras.layers.Dense(2)(x)]))) is None


def test_a_network_without_dense_layers_has_no_blocks(keras):
    """A stack may be empty."""
    assert () == stack_of(keras, keras.layers.Flatten()).blocks


def test_architectures_are_equal_whatever_names_initialisers_and_preprocessing(keras):
    """Names, initialisers and what prepares the input do not belong to an architecture unless asked for."""
    dense = keras.layers.Dense
    one = keras.Sequential([keras.Input((4,)), dense(3, "elu", name="a"), dense(2, "softmax")])
    other = keras.Sequential(
        [
            *(keras.Input((4,)), keras.layers.Rescaling(2.0)),
            *(dense(3, kernel_initializer="he_normal"), keras.layers.ELU(), dense(2, "softmax")),
        ]
    )
    first, second = graph_of(one), graph_of(other)

    assert [] == same_architecture(first, second)
    assert ["in dense layer 1 A has Glorot uniform, the Keras default, B has He normal"] == same_architecture(
        first, second, initialisers=True, names=("A", "B")
    )
    assert ["ahead of the first dense layer A has nothing, B has rescaling"] == same_architecture(
        first, second, preprocessing=True, names=("A", "B")
    )


def test_differences_of_architecture_are_said_in_plain_words(keras):
    """Each difference names where it is and what each model has."""
    dense, drop = keras.layers.Dense, keras.layers.Dropout
    one = graph_of(keras.Sequential([keras.Input((4,)), dense(3, "elu"), drop(0.5), dense(2, "softmax")]))

    def differences(*layers, shape=(4,)):
        other = graph_of(keras.Sequential([keras.Input(shape), *layers]))
        return same_architecture(one, other, names=("A", "B"))

    assert ["in dense layer 1 A has 3 units, B has 5 units"] == differences(
        *(dense(5, "elu"), drop(0.5), dense(2, "softmax"))
    )
    assert [
        "after dense layer 1 A has [ELU, dropout (rate 0.5)], B has [ReLU, dropout (rate 0.25)]"
    ] == differences(dense(3, "relu"), drop(0.25), dense(2, "softmax"))
    assert [
        "in dense layer 1 A has a bias, B has no bias",
        "after the output layer A has softmax, B has sigmoid",
    ] == differences(dense(3, "elu", use_bias=False), drop(0.5), dense(2, "sigmoid"))
    assert ["in all A has 2 dense layers, B has 1"] == differences(dense(2, "softmax"))
    assert ["as its input A has (4,), B has (6,)"] == differences(
        dense(3, "elu"), drop(0.5), dense(2, "softmax"), shape=(6,)
    )


def test_networks_with_branches_are_compared_too(keras):
    """Graphs that are no stacks are compared node by node, connections included."""

    def model(units, swapped=False):
        a, b = keras.Input((3,)), keras.Input((3,))
        left, right = keras.layers.Dense(units, name="left")(a), keras.layers.Dense(4, name="right")(b)
        joined = keras.layers.Concatenate(name="join")([right, left] if swapped else [left, right])
        return graph_of(keras.Model([a, b], joined))

    assert [] == same_architecture(model(4), model(4))
    assert ["as layer 'left' A has dense (4 units), B has dense (5 units)"] == [
        line for line in same_architecture(model(4), model(5), names=("A", "B")) if "units" in line
    ]
    assert [f"layer '{name}' of A is connected otherwise in B" for name in ("left", "right")] == (
        same_architecture(model(4), model(4, swapped=True), names=("A", "B"))
    )


def test_the_order_in_which_layers_were_written_does_not_count(keras):
    """Branches written in another order make the same graph."""

    def model(right_first):
        a, b = keras.Input((3,)), keras.Input((3,))
        left, right = keras.layers.Dense(2), keras.layers.Dense(4)
        if right_first:
            y = right(b)
            x = left(a)
        else:
            x, y = left(a), right(b)
        return graph_of(keras.Model([a, b], keras.layers.Concatenate()([x, y])))

    assert bare(model(right_first=False)) == bare(model(right_first=True))
