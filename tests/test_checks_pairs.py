"""Two towers, pairs that are drawn and a tower that is used again; whole submissions are in the corpus."""

import json
import os

import attrs
import numpy as np
import pytest

from autograder.checks import pairs
from autograder.data import MINIATURE, load, prepare
from autograder.evidence import ArrayView, Evidence, Unanswered
from autograder.evidence.folder import Evaluation, Fed, Fit, SavedFile
from autograder.evidence.values import Compilation, model_view
from autograder.networks.branches import chains_that_meet


@pytest.fixture(scope="module")
def keras():
    """Keras, imported late: it takes seconds."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return pytest.importorskip("keras")


@pytest.fixture(scope="module")
def view_of(keras):
    """The judge's view of a model, by way of the room's record."""
    from autograder.room.describe import Recorder
    from autograder.room.models import describe_model

    def view(model, shapes=None):
        recorder = Recorder("m")
        record = json.loads(json.dumps(describe_model(recorder.keep, model, shapes)))
        return model_view(record, recorder.arrays)

    return view


@pytest.fixture(scope="module")
def network(keras):
    """A pair network as it should be."""
    return pair_network(keras)


def pair_network(
    keras, *, inputs=2, shared=False, join=None, layers=5, head=True, answers=False, activation="elu"
):
    """A small pair network, or one with something else about it."""
    pictures = [keras.Input((4, 4)) for _ in range(inputs)]
    dense = [
        [keras.layers.Dense(100, activation, kernel_initializer="he_normal") for _ in range(layers)]
        for _ in pictures
    ]
    ends = []
    for number, x in enumerate(pictures):
        x = keras.layers.Flatten()(x)
        for layer in dense[0 if shared else number]:
            x = layer(x)
        ends.append(keras.layers.Dense(100, "softmax")(x) if answers else x)
    x = (join or keras.layers.Concatenate())(ends)
    if head:
        x = keras.layers.Dense(10, "relu")(x)
    return keras.Model(pictures, keras.layers.Dense(1, "sigmoid")(x))


class TestNetwork:
    """The pair network."""

    def test_a_right_one(self, keras, view_of):
        """Two towers of five layers, a hidden layer and a sigmoid unit: nothing is found."""
        view = view_of(pair_network(keras))

        assert [] == pairs.check_inputs(view, pixels=16)
        assert [] == pairs.check_towers(view, count=5, units=100)
        assert [] == pairs.check_activations(view, "elu", count=5)
        assert [] == pairs.check_initialisers(view, "he", count=5)
        assert [] == pairs.check_separate(view, 24)
        assert [] == pairs.check_head(view, units=10)

    def test_its_outputs_are_held_to_its_layers(self, keras, view_of):
        """A model of two inputs that computes something else than its layers say is not judged."""
        view = view_of(pair_network(keras))

        with pytest.raises(Unanswered, match="not what its layers say"):
            pairs.meeting_of(attrs.evolve(view, outputs=1 - view.outputs))

    def test_a_shared_tower(self, keras, view_of):
        """Layers that stand in both towers are named, and only that is found."""
        view = view_of(pair_network(keras, shared=True))
        (found,) = pairs.check_separate(view, 14)

        assert "share their weights" in found.message
        assert [] == pairs.check_towers(view, count=5, units=100)

    def test_layers_shared_under_two_names(self, keras, view_of):
        """Fewer variables than the layers list are shared ones."""
        assert 1 == len(pairs.check_separate(view_of(pair_network(keras)), 14))

    @pytest.mark.parametrize("settings", [{"layers": 4}, {"layers": 6}])
    def test_too_few_or_too_many_layers(self, keras, view_of, settings):
        """Each tower is counted."""
        found = pairs.check_towers(view_of(pair_network(keras, **settings)), count=5, units=100)

        assert ["Tower A", "Tower B"] == [one.message[:7] for one in found]

    def test_a_tower_that_answers(self, keras, view_of):
        """What stands behind the hidden layers costs where layers are counted, and not once more."""
        view = view_of(pair_network(keras, answers=True))

        assert 2 == len(pairs.check_towers(view, count=5, units=100))
        assert [] == pairs.check_activations(view, "elu", count=5)
        assert [] == pairs.check_initialisers(view, "he", count=5)
        assert "hidden layer 6 uses softmax" in pairs.check_activations(view, "elu", count=6)[0].message

    @pytest.mark.parametrize(("activation", "said"), [("relu", "ReLU"), (None, "no activation")])
    def test_another_activation(self, keras, view_of, activation, said):
        """The first hidden layer with another activation is named, with what was asked for."""
        view = view_of(pair_network(keras, activation=activation))
        (found,) = pairs.check_activations(view, "elu", count=5)

        assert f"In tower A, hidden layer 1 uses {said}, where one ELU was asked for." == found.message

    def test_towers_that_are_added(self, keras, view_of):
        """Adding is no comparison; the towers are read all the same."""
        view = view_of(pair_network(keras, join=keras.layers.Add()))

        assert [] == pairs.check_towers(view, count=5, units=100)
        assert 1 == len(pairs.check_head(view, units=10))

    def test_no_hidden_layer_behind_the_towers(self, keras, view_of):
        """The layer of ten is missed where it is missing."""
        assert 1 == len(pairs.check_head(view_of(pair_network(keras, head=False)), units=10))

    def test_what_has_no_towers(self, keras, view_of):
        """A chain of layers, and a network of three inputs, are no pair network."""
        chain = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "sigmoid")])
        for model in (chain, pair_network(keras, inputs=3)):
            with pytest.raises(Unanswered, match="two chains"):
                pairs.meeting_of(view_of(model))

    def test_a_class_of_ones_own(self, keras, view_of):
        """A subclassed model of two inputs is built by their shapes and read like any other."""
        inner = pair_network(keras)

        class Own(keras.Model):
            def __init__(self):
                super().__init__()
                self.inner = inner

            def call(self, inputs):
                a, b = inputs
                return self.inner([a, b])

        assert [] == pairs.check_towers(view_of(Own(), ((4, 4), (4, 4))), count=5, units=100)

    def test_towers_come_in_the_order_of_inputs(self, keras):
        """Tower A is that of the first input, whichever end is concatenated first."""
        from autograder.networks.graph import parse

        a, b = keras.Input((3,)), keras.Input((7,))
        ends = [keras.layers.Dense(2)(b), keras.layers.Dense(5)(a)]
        model = keras.Model([a, b], keras.layers.Dense(1)(keras.layers.concatenate(ends)))
        meeting = chains_that_meet(parse(keras.saving.serialize_keras_object(model)))

        assert [(3,), (7,)] == [tower.input_shape for tower in meeting.towers]
        assert [5, 2] == [tower.blocks[0].units for tower in meeting.towers]


CLASSES = np.arange(200) % 10


def array(values):
    """A view of a small array."""
    data = np.asarray(values)
    return ArrayView(shape=data.shape, dtype=data.dtype, data=data)


def draw(seed, size=64, number=0):
    """Pairs as they should be: (first, second, labels)."""
    rng = np.random.default_rng((seed, number))
    labels = rng.permutation(size) % 2
    first = rng.integers(200, size=size)
    steps = np.where(labels == 1, rng.integers(1, 10, size=size), 10 * rng.integers(1, 20, size=size))
    return first, (first + steps) % 200, labels


def found_by(*batches):
    """What the probe would give for these batches of (seed, number, first, second, labels)."""
    records = [
        {
            "size": len(first),
            "seed": seed,
            "number": number,
            "first": array(first),
            "second": array(second),
            "labels": array(labels),
        }
        for seed, number, first, second, labels in batches
    ]
    return {"classes": array(CLASSES), "batches": records}


def batches_with(change):
    """Batches of some seeds, changed by a function of (first, second, labels)."""
    made = [(seed, number, *change(*draw(seed, number=number))) for seed in (1, 2, 3, 3) for number in (0, 1)]
    return pairs.drawn(found_by(*made))


CHECKS = (
    pairs.check_pair_labels,
    pairs.check_balance,
    pairs.check_shuffled,
    pairs.check_no_image_with_itself,
    pairs.check_draws,
)


def failing(batches):
    """The checks that find something."""
    return {check.__name__ for check in CHECKS if check(batches)}


def ordered(first, second, labels):
    """Pairs of one class first."""
    order = np.argsort(labels, kind="stable")
    return first[order], second[order], labels[order]


def in_turn(first, second, labels, width):
    """So many pairs of one class, then as many of two, and so on."""
    places = np.argsort(np.argsort(np.arange(len(labels)) // width % 2, kind="stable"), kind="stable")
    return tuple(part[places] for part in ordered(first, second, labels))


def same_for(first, second, same):
    """Second pictures that are of one class with the first where that is asked for."""
    return np.where(same, (first + 10) % 200, (first + 1) % 200)


class TestDraws:
    """Pairs of pictures."""

    def test_right_pairs(self):
        """Nothing is found of pairs as they should be, with labels of one column too."""
        assert set() == failing(batches_with(lambda first, second, labels: (first, second, labels)))
        assert set() == failing(
            batches_with(lambda first, second, labels: (first, second, labels[:, None] * 1.0))
        )

    @pytest.mark.parametrize(
        ("change", "checks"),
        [
            (lambda a, b, labels: (a, b, 1 - labels), {"check_pair_labels"}),
            (lambda a, b, labels: (a, b, np.roll(labels, 1)), {"check_pair_labels"}),
            (lambda a, b, labels: (a, b, labels + 1), {"check_pair_labels"}),
            (lambda a, b, labels: (a, (a + 10) % 200, 0 * labels), {"check_balance"}),
            (lambda a, b, labels: (a, (a + 1) % 200, 0 * labels + 1), {"check_balance"}),
            (lambda a, b, labels: (a[:-1], b[:-1], labels[:-1]), set()),
            (lambda a, b, labels: (a[:-4], b[:-4], labels[:-4]), None),
            (ordered, {"check_shuffled"}),
            (lambda a, b, labels: (a, np.where(labels == 0, a, b), labels), {"check_no_image_with_itself"}),
            (lambda a, b, labels: draw(0), {"check_shuffled", "check_draws"}),
        ],
        ids=[
            *("inverted", "out of step", "other labels", "all the same", "all different", "odd size"),
            *("cut", "not shuffled", "with itself", "always one batch"),
        ],
    )
    def test_a_mistake_is_found_by_its_check(self, change, checks):
        """Each mistake is found by the check that is about it, and by no other."""
        found = failing(batches_with(change))

        assert found <= {"check_balance"} if checks is None else checks == found

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (ordered, "in two blocks. Shuffle the pairs"),
            (lambda a, b, labels: draw(0), "every batch: whatever shuffles them draws the same numbers"),
            (lambda a, b, labels: in_turn(a, b, labels, 1), "same places in every batch. Shuffle the pairs"),
            (lambda a, b, labels: in_turn(a, b, labels, 2), "same places in every batch. Shuffle the pairs"),
        ],
        ids=["not shuffled", "always one draw", "in turn", "two by two"],
    )
    def test_what_is_said_of_fixed_places(self, change, said):
        """Pairs that nothing shuffles are told from pairs that are always shuffled in the same way."""
        (found,) = pairs.check_shuffled(batches_with(change))

        assert said in found.message

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda a, b, labels: (a, same_for(a, b, np.arange(64) % 4 == 0), labels), "25% of the pairs"),
            (
                lambda a, b, labels: (a, same_for(a, b, np.arange(64) % 4 < a[0] % 3), labels),
                "From batch to batch, between 0% and 50% of the pairs",
            ),
            (lambda a, b, labels: (a, same_for(a, b, labels >= 0), labels), "All pairs are of one class"),
        ],
        ids=["a quarter", "changing", "all"],
    )
    def test_how_many_pairs_are_of_one_class(self, change, said):
        """A fixed share that is not half is told from one that changes from batch to batch."""
        (found,) = pairs.check_balance(batches_with(change))

        assert said in found.message

    def test_a_generator_that_is_not_used(self):
        """Equal seeds have to give equal pairs."""
        made = [(1, 0, *draw(seed)) for seed in (1, 2)]

        assert {"check_draws"} == failing(pairs.drawn(found_by(*made)))

    def test_a_part_of_the_pictures(self):
        """A draw that does not reach all pictures is found, in whichever place."""
        for place in (0, 1):

            def from_the_first_rows(*batch, place=place):
                return tuple(rows % 40 if at == place else rows for at, rows in enumerate(batch))

            (found,) = pairs.check_draws(batches_with(from_the_first_rows))

            assert f"never turn up as the {('first', 'second')[place]} picture" in found.message

    def test_a_missing_class(self):
        """Classes that never turn up are named."""

        def without_nine(first, second, labels):
            first = first - (CLASSES[first] == 9)
            second = np.where(labels == 0, (first + 10) % 200, (first + 1) % 200)
            return first, second, labels

        (found,) = pairs.check_draws(batches_with(without_nine))

        assert "class 9" in found.message

    @pytest.mark.parametrize(
        "found",
        [
            None,
            [],
            {},
            {"classes": array(CLASSES), "batches": []},
            {"classes": array(CLASSES), "batches": [7]},
            {"classes": array(CLASSES), "batches": [{"problem": "an array"}]},
            found_by((1, 0, [1, 2], [3, 4], [0.5, 1])),
            found_by((1, 0, [1, 2], [3, 4], [0, np.nan])),
            found_by((1, 0, [1, 2], [3, 4], [0])),
            found_by((1, 0, [1, -1], [3, 4], [0, 1])),
            found_by((1, 0, [1, 2], [3, 999], [0, 1])),
        ],
    )
    def test_what_is_no_batch_of_pairs(self, found):
        """Anything else is refused in words that name the function."""
        with pytest.raises(Unanswered, match="generate_pairs"):
            pairs.drawn(found)


class TestReuse:
    """A tower that is used again."""

    def tried(self, keras, view_of, network, *, tower=0, frozen=5, layers=5, output=(10, "softmax")):
        """What the probe records of a classifier on some of a tower's layers, so many of them frozen."""
        dense = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)][tower:10:2]
        copies = [keras.layers.Dense(100, "elu", trainable=at >= frozen) for at in range(layers)]
        model = keras.Sequential(
            [keras.Input((4, 4)), keras.layers.Flatten(), *copies, keras.layers.Dense(*output)]
        )
        for copy, layer in zip(copies, dense, strict=False):
            copy.set_weights(layer.get_weights())
        return {"pair": view_of(network), "classifier": view_of(model)}

    def test_tower_a(self, keras, view_of, network):
        """Tower A, frozen, with a softmax of ten on top: nothing is found."""
        found = self.tried(keras, view_of, network)

        assert [] == pairs.check_classifier(found, classes=10)
        assert [] == pairs.check_reuse(found)
        assert [] == pairs.check_frozen(found)

    def test_tower_b(self, keras, view_of, network):
        """The other tower's weights are recognised."""
        (found,) = pairs.check_reuse(self.tried(keras, view_of, network, tower=1))

        assert "tower B" in found.message

    @pytest.mark.parametrize(
        ("frozen", "said"),
        [
            (0, "None of the 5 reused layers is frozen"),
            (3, "2 of the classifier's 5 reused layers are not"),
            (4, "1 of the classifier's 5 reused layers is not"),
        ],
    )
    def test_not_frozen(self, keras, view_of, network, frozen, said):
        """Layers that may learn are counted."""
        (found,) = pairs.check_frozen(self.tried(keras, view_of, network, frozen=frozen))

        assert said in found.message

    @pytest.mark.parametrize(
        ("output", "said"),
        [
            ((10, "sigmoid"), "10 sigmoid units, each of which answers yes or no by itself. A picture"),
            ((10, None), "10 units with no activation, whose numbers are no probabilities"),
            ((9, "softmax"), "9 units with softmax. It needs a probability for each class"),
        ],
    )
    def test_another_output(self, keras, view_of, network, output, said):
        """What the last layer lacks is said: as many units as classes, or probabilities of them."""
        (found,) = pairs.check_classifier(self.tried(keras, view_of, network, output=output), classes=10)

        assert said in found.message

    def test_a_layer_too_few(self, keras, view_of, network):
        """All five layers are asked for."""
        assert 1 == len(pairs.check_classifier(self.tried(keras, view_of, network, layers=4), classes=10))

    def test_weights_that_training_moved(self, keras, view_of, network):
        """Whatever its layers say of themselves, a tower that a step of training changes is not frozen."""
        found = self.tried(keras, view_of, network)
        weights = {
            path: [values + 1 for values in arrays] for path, arrays in found["classifier"].weights.items()
        }
        found["trained"] = attrs.evolve(found["classifier"], weights=weights)

        assert 1 == len(pairs.check_frozen(found))

    @pytest.mark.parametrize("found", [None, {}, {"pair": 1}, {"pair": None, "classifier": None}])
    def test_what_is_no_model(self, found):
        """Anything else is refused in words."""
        with pytest.raises(Unanswered, match="build_classifier_from"):
            pairs.check_reuse(found)

    def test_right_of_either(self):
        """A classifier that is right on one of the two pair networks is right."""

        def check(found):
            return [] if found == "right" else [pairs.Finding(message=str(found))]

        for own, given, count in (("right", "bad", 0), ("bad", "right", 0), ("bad", "bad", 1)):
            evidence = Evidence(
                names={}, probes={"classifier_from_own_pairs": own, "classifier_from_given_pairs": given}
            )
            assert count == len(pairs.of_either(evidence, check))


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (0.97, 0),
        (1, 0),
        (0, 0),
        (97.2, 1),
        (-0.1, 1),
        (float("nan"), 1),
        (True, 1),
        (None, 1),
        ([0.1, 0.9], 1),
    ],
)
def test_accuracies_are_shares(value, count):
    """An accuracy is a number from 0 to 1."""
    evidence = Evidence(names={"accuracy": value}, probes={})

    assert count == len(pairs.check_accuracies(evidence, ("accuracy",)))


@pytest.mark.parametrize(
    ("models", "values", "count"),
    [
        (3, (0.91, 0.42), 0),
        (3, (0.912, 0.424), 0),
        (3, (0.91, 0.9234), 0),
        (3, (0.91, 0.75), 1),
        (3, (0.75, 0.7), 1),
        (2, (0.91, 0.75), 0),
        (2, (0.75, 0.7), 1),
        (1, (0.75, 0.7), 0),
        (0, (0.75, 0.7), 0),
    ],
)
def test_accuracies_are_of_evaluations(models, values, count):
    """An accuracy is one of those that were evaluated, as far as its network was evaluated at all."""
    shares = (0.89, 0.91, 0.42)[:models]
    tried = tuple(
        Evaluation(model=at, learning_rate=None, results=(0.3, share)) for at, share in enumerate(shares)
    )
    evidence = Evidence(names=dict(zip("ab", values, strict=True)), probes={}, evaluations=tried)

    assert count == len(pairs.check_accuracies(evidence, ("a", "b")))


UNSEEN = {"epochs": 1, "batch_size": 32, "validation_split": 0.0, "callbacks": (), "training": None}
UNSEEN |= {"validation": None, "history": {}, "raised": ""}
"""A recorded training of which nothing is known."""


def rivals(*, values, trainable=(2, 12), models=(0, 1)):
    """What is said of two accuracies; model 0 reached 0.95, model 1 0.91."""
    settings = UNSEEN | {"compilation": None, "after": ("q3",)}
    fits = tuple(
        Fit(model=model, trainable=count, **settings) for model, count in zip(models, trainable, strict=True)
    )
    tried = tuple(
        Evaluation(model=model, learning_rate=None, results=(0.3, share))
        for model, share in enumerate((0.95, 0.91))
    )
    names = {"transfer": values[0], "scratch": values[1]}
    evidence = Evidence(names=names, probes={}, fits=fits, evaluations=tried)
    return [
        found.message
        for found in pairs.check_rivals(evidence, question="q4", scratch="scratch", reused="transfer")
    ]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"values": (0.95, 0.91)}, None),
        ({"values": (0.9501, 0.9101)}, None),
        ({"values": (0.95, 0.91), "trainable": (12, 12)}, None),
        ({"values": (0.95, 0.91), "trainable": (), "models": ()}, None),
        ({"values": (0.95, 0.91), "trainable": (2, None)}, None),
        ({"values": (0.91, 0.95)}, "mixed up"),
        ({"values": (0.91, 0.95), "trainable": (12,), "models": (1,)}, "mixed up"),
        ({"values": (0.95, 0.91), "trainable": (2, 2)}, "a single layer learns"),
    ],
)
def test_rivals(settings, words):
    """A rival learns in all its layers, and the two accuracies are not mixed up."""
    found = rivals(**settings)

    assert ([] == found) if words is None else (words in found[0])


@pytest.mark.parametrize(("value", "count"), [(0.40625, 1), (0.41, 0), (0.5, 0)])
def test_accuracies_of_the_validation_pictures(value, count):
    """What `fit` saw on its validation pictures is no other accuracy, unless an evaluation gave it too."""
    history = SavedFile(name="m", problem="", history={"val_accuracy": [0.40625, 0.5]})
    tried = (Evaluation(model=0, learning_rate=None, results=(1.0, 0.5)),)
    evidence = Evidence(names={"a": value}, probes={}, evaluations=tried, files={"m": history})

    assert count == len(pairs.check_accuracies(evidence, ("a",)))


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        ("bce", ""),
        ("binary_crossentropy", ""),
        ({"name": "BinaryCrossentropy", "config": {"from_logits": False}}, ""),
        ({"name": "BinaryCrossentropy", "config": {"from_logits": True}}, "expect logits"),
        ("binary_focal_crossentropy", "is trained with binaryfocalcrossentropy"),
        ("mse", "is trained with mse"),
    ],
)
def test_loss_of_pairs(loss, words):
    """Binary cross-entropy under each of its names; another loss is none, whatever it is called."""
    compiled = Compilation(
        optimizer="Adam", optimizer_bases=("Adam",), learning_rate=1e-3, loss=loss, metrics=()
    )
    fit = Fit(model=0, compilation=compiled, **UNSEEN | {"after": ("q2",)})
    evidence = Evidence(names={}, probes={}, fits=(fit,))
    said = [one.message for one in pairs.check_pair_loss(evidence, question="q3", builder="build")]

    assert bool(words) == bool(said) and words in "".join(said)


@pytest.mark.parametrize(("tested", "count"), [(False, 0), (True, 1)])
def test_stopped_by_test_pictures(tested, count):
    """Pictures of the test set say nothing about when to stop."""
    data = load(prepare("mnist", MINIATURE), "mnist")
    pictures = (data.x_test if tested else data.x_train)[:20] / np.float32(255)
    view = ArrayView(shape=pictures.shape, dtype=pictures.dtype, data=pictures)
    held = Fed(rows=20, inputs=view, labels=None)
    fit = Fit(model=0, compilation=None, **UNSEEN | {"after": ("q3",), "validation": held})
    evidence = Evidence(names={}, probes={}, fits=(fit,), dataset=data)

    assert count == len(pairs.check_stopped_by(evidence, question="q4"))
