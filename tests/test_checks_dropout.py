"""Alpha dropout, conversion and sampling, judged on made-up evidence; real submissions are in the corpus."""

import keras
import numpy as np
import pytest

from autograder.checks import dropout
from autograder.evidence import ArrayView, ModelView, Unanswered
from autograder.room.describe import Recorder

RATE = 0.5
LIMIT = -1.7580993408473766


def as_view(array):
    """An array as it comes out of evidence."""
    array = np.asarray(array)
    return ArrayView(shape=array.shape, dtype=array.dtype, data=array)


def viewed(model):
    """A Keras model as it comes out of evidence."""
    from autograder.evidence.values import view

    recorder = Recorder()
    record = recorder.value(model)
    return view(record, recorder.arrays)


def network(*layers):
    """A small SELU network with these layers before its output."""
    inside = keras.layers.Dense(6, activation="selu", kernel_initializer="lecun_normal")
    return keras.Sequential([keras.Input((4,)), inside, *layers, keras.layers.Dense(3, activation="softmax")])


class Awake(keras.layers.AlphaDropout):
    """Alpha dropout that is always active."""

    def call(self, inputs, training=None):
        """Drop, whatever is said."""
        return super().call(inputs, training=True)


class AwakeDropout(keras.layers.Dropout):
    """Ordinary dropout that is always active."""

    def call(self, inputs, training=None):
        """Drop, whatever is said."""
        return super().call(inputs, training=True)


class TestPlacement:
    """Where alpha dropout stands, and with which rate."""

    @pytest.mark.parametrize(
        ("layers", "said"),
        [
            ((keras.layers.Dropout(0.1),), "ordinary dropout layer"),
            ((), "There is no alpha dropout"),
            ((keras.layers.AlphaDropout(0.1), keras.layers.Activation("selu")), "ahead of an activation"),
            ((keras.layers.AlphaDropout(0.1), keras.layers.Dense(6, activation="selu")), "further ahead"),
        ],
    )
    def test_what_is_wrong_is_told_apart(self, layers, said):
        """Each mistake has a message of its own."""
        (finding,) = dropout.check_placement(viewed(network(*layers)))

        assert said in finding.message

    def test_before_the_output_is_right(self):
        """One layer there will do, whatever stands further ahead."""
        layers = (keras.layers.AlphaDropout(0.1), keras.layers.Dense(6), keras.layers.AlphaDropout(0.1))

        assert [] == dropout.check_placement(viewed(network(*layers)))

    @pytest.mark.parametrize(("rate", "findings"), [(0.1, 0), (0.3, 1)])
    def test_the_rate(self, rate, findings):
        """The rate of a layer is the one asked for or costs a finding."""
        model = viewed(network(keras.layers.AlphaDropout(0.1)))

        assert findings == len(dropout.check_rate(model, rate))

    def test_without_alpha_dropout_there_is_no_rate(self):
        """Nothing is said of a rate where there is no such layer."""
        with pytest.raises(Unanswered, match="no alpha dropout"):
            dropout.check_rate(viewed(network()), 0.1)


def alpha_noise(rng, inputs, rate=RATE):
    """Alpha dropout after its formula."""
    kept = rng.random(inputs.shape) >= rate
    scale = ((1 - rate) * (1 + rate * LIMIT**2)) ** -0.5
    return scale * np.where(kept, inputs, LIMIT) - scale * LIMIT * rate


KERAS_SAYS = (
    "TypeError: Error when deserializing class 'Own' using config={'name': 'own'}.\n\nException encountered: "
)


WAYS = ("called", "inference", "training", "predicted", "again")


def layer_evidence(noise, **changes):
    """What the probe of a layer finds whose noise is a function of generator and inputs."""
    inputs = np.random.default_rng(0).standard_normal((100, 50))
    rng = np.random.default_rng(1)
    outputs = {name: noise(rng, inputs) for name in WAYS}
    found = {"inputs": inputs, **outputs, "bases": ["AlphaDropout", "Layer"], "rebuilt": RATE} | changes
    return {name: as_view(value) if isinstance(value, np.ndarray) else value for name, value in found.items()}


class TestLayer:
    """The layer that stays awake."""

    def test_alpha_noise_is_right(self):
        """Alpha dropout as its formula has it passes everything."""
        found = layer_evidence(alpha_noise)

        assert [] == dropout.check_active(found)
        assert [] == dropout.check_alpha_noise(found, rate=RATE)
        assert [] == dropout.check_is_a_layer(found, base="AlphaDropout", rate=RATE)

    @pytest.mark.parametrize("seed", range(20))
    def test_chance_costs_nothing(self, seed):
        """No draw of right noise is taken for wrong."""
        found = layer_evidence(lambda rng, x: alpha_noise(np.random.default_rng(seed), x))

        assert [] == dropout.check_alpha_noise(found, rate=RATE)

    @pytest.mark.parametrize(
        ("noise", "said"),
        [
            (lambda rng, x: x * (rng.random(x.shape) >= RATE) / (1 - RATE), "become 0"),
            (lambda rng, x: x + rng.standard_normal(x.shape), "alpha dropout keeps both"),
            (lambda rng, x: alpha_noise(rng, x, rate=0.1), "drops 10%"),
            (lambda rng, x: (x + rng.standard_normal(x.shape)) / 2**0.5, "The layer drops"),
            (lambda rng, x: x, "never changes its input"),
        ],
    )
    def test_other_noise(self, noise, said):
        """Noise that is not alpha dropout's is told apart by what it does."""
        (finding,) = dropout.check_alpha_noise(layer_evidence(noise), rate=RATE)

        assert said in finding.message

    def test_asleep_in_one_way(self):
        """The way in which the layer sleeps is named."""
        found = layer_evidence(alpha_noise)
        found["inference"] = found["inputs"]
        (finding,) = dropout.check_active(found)

        assert "when called with `training=False`" in finding.message

    def test_asleep_in_half_precision(self):
        """Inputs that come back rounded to eight bits come back as they are: the layer sleeps."""
        found = layer_evidence(alpha_noise)
        found["inference"] = as_view(found["inputs"].data * (1 + 2.0**-8))
        (finding,) = dropout.check_active(found)

        assert "when called with `training=False`" in finding.message

    def test_asleep_in_training(self):
        """A layer that turns what it is told about training round is told so."""
        found = layer_evidence(alpha_noise)
        found["training"] = found["inputs"]
        (finding,) = dropout.check_active(found)

        assert "active in training as well" in finding.message

    def test_one_mask(self):
        """The same units twice are a finding."""
        found = layer_evidence(alpha_noise)
        found["again"] = found["predicted"]
        (finding,) = dropout.check_active(found)

        assert "drops the same ones" in finding.message
        assert "A seed that is fixed inside `call`" in finding.message

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"bases": ["Dropout", "Layer"]}, "but from `Dropout`"),
            ({"bases": []}, "does not derive"),
            ({"bases": None}, "does not derive"),
            ({"rebuilt": "TypeError: no"}, "copied or loaded: TypeError: no. A constructor"),
            (
                {"rebuilt": f"{KERAS_SAYS}__init__() got an unexpected keyword argument 'name'"},
                "settings that",
            ),
            ({"rebuilt": f"{KERAS_SAYS}no rate"}, "copied or loaded: no rate. A constructor"),
            ({"rebuilt": 0.1}, "another rate"),
            ({"rebuilt": None}, "another rate"),
        ],
    )
    def test_what_kind_of_layer(self, changes, said):
        """Base and configuration have messages of their own."""
        found = layer_evidence(alpha_noise, **changes)
        (finding,) = dropout.check_is_a_layer(found, base="AlphaDropout", rate=RATE)

        assert said in finding.message

    @pytest.mark.parametrize("found", [None, 3, {}, {"inputs": 1}, {"inputs": as_view(np.ones(3))}])
    def test_odd_evidence_is_unanswered(self, found):
        """What cannot be judged raises Unanswered, and nothing else."""
        with pytest.raises(Unanswered):
            dropout.check_active(found)
        with pytest.raises(Unanswered):
            dropout.check_alpha_noise(found, rate=RATE)

    def test_another_shape_is_unanswered(self):
        """A layer that changes the shape is no dropout."""
        with pytest.raises(Unanswered, match="shape"):
            dropout.check_active(layer_evidence(lambda rng, x: x[:, :3]))


def two():
    """A network with two alpha dropout layers."""
    return network(keras.layers.AlphaDropout(0.2), keras.layers.Dense(6), keras.layers.AlphaDropout(0.3))


def converted(original, *, kind=Awake, weights=True, rate=None, only=None):
    """A copy with its alpha dropout layers replaced."""

    def copy(layer):
        if isinstance(layer, keras.layers.AlphaDropout) and only in (None, layer.rate):
            return kind(layer.rate if rate is None else rate)
        return type(layer).from_config(layer.get_config())

    copied = keras.models.clone_model(original, clone_function=copy)
    if weights:
        copied.set_weights(original.get_weights())
    return copied


def trial(original, copied, **changes):
    """What the probe of a conversion finds."""
    x = np.random.default_rng(2).random((16, 4), dtype=np.float32)
    outputs = [
        [as_view(np.asarray(model(x, training=False))) for _ in range(2)] for model in (copied, original)
    ]
    found = {"before": viewed(original), "converted": viewed(copied), "outputs": outputs[0]}
    return found | {"after": viewed(original), "original_outputs": outputs[1]} | changes


CHECKS = (dropout.check_converted_weights, dropout.check_conversion, dropout.check_original_unchanged)


class TestConversion:
    """A network whose alpha dropout is woken up."""

    def test_a_right_one(self):
        """Layers replaced, weights kept, the original as it was."""
        original = two()
        found = {"standard": trial(original, converted(original)), "own": None}

        assert [[], [], []] == [check(found) for check in CHECKS]

    @pytest.mark.parametrize(
        ("settings", "at", "said"),
        [
            ({"weights": False}, 0, "other weights"),
            ({"kind": AwakeDropout}, 1, "ordinary dropout"),
            ({"kind": keras.layers.AlphaDropout}, 1, "still an ordinary alpha dropout"),
            ({"only": 0.2}, 1, "still an ordinary alpha dropout"),
            ({"rate": 0.2}, 1, "rate 0.3"),
        ],
    )
    def test_each_mistake_is_found_where_it_is(self, settings, at, said):
        """A mistake is a finding of the check that it belongs to, and of no other."""
        original = two()
        found = {"standard": trial(original, converted(original, **settings))}
        findings = [check(found) for check in CHECKS]

        assert [at] == [number for number, some in enumerate(findings) if some]
        assert said in findings[at][0].message

    def test_a_changed_original(self):
        """The original's weights, layers and calm are looked after."""
        original = two()
        found = trial(original, converted(original))
        other = two()
        noisy = [as_view(np.zeros((16, 3))), as_view(np.ones((16, 3)))]
        spoiled = [
            {"after": viewed(other)},
            {"after": found["converted"]},
            {"original_outputs": noisy},
        ]
        said = ["changed the weights", "changed the layers", "answers differently each time"]
        messages = [
            dropout.check_original_unchanged({"standard": found | change})[0].message for change in spoiled
        ]

        assert [True] * 3 == [text in message for text, message in zip(said, messages, strict=True)]

    def test_a_conversion_for_one_architecture(self):
        """Where the probe's own network says nothing, the student's own is judged."""
        original = two()
        own = trial(original, converted(original))
        standard = {"before": viewed(network(keras.layers.AlphaDropout(0.1))), "problem": "ValueError: no"}

        assert [[], [], []] == [check({"standard": standard, "own": own}) for check in CHECKS]

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"converted": None}, "is None, not a Keras model"),
            (
                {"converted": ModelView(type="X", config=None, weights={}, problem="ValueError")},
                "cannot be read",
            ),
            ({"problem": "NameError: x", "converted": None}, "NameError: x"),
        ],
    )
    def test_what_is_no_model_is_unanswered(self, changes, said):
        """A conversion that gives no model says what it gave."""
        original = two()
        found = {"standard": trial(original, converted(original), **changes), "own": None}
        for check in CHECKS:
            with pytest.raises(Unanswered, match=said):
                check(found)

    @pytest.mark.parametrize("found", [None, 7, {}, {"standard": 3}, {"standard": {}, "own": None}])
    def test_odd_evidence_is_unanswered(self, found):
        """What cannot be judged raises Unanswered, and nothing else."""
        for check in CHECKS:
            with pytest.raises(Unanswered):
                check(found)


ROWS, CLASSES, SHARE = 100, 10, 0.6


def tables():
    """Two rows of probabilities for each image: the first leans a little, the second clearly."""
    one = np.full((ROWS, CLASSES), 0.15 / 8)
    other = np.full((ROWS, CLASSES), 0.08 / 8)
    at = np.arange(ROWS)
    one[at, at % 10], one[at, (at + 3) % 10] = 0.45, 0.40
    other[at, at % 10], other[at, (at + 3) % 10] = 0.02, 0.90
    return one, other


def random_model():
    """What the probe says of the random model."""
    first, second = tables()
    return {"first": as_view(first), "second": as_view(second), "share": SHARE}


def passes(count, seed=0):
    """Outputs of so many passes, (count, ROWS, CLASSES)."""
    drawn = np.random.default_rng(seed).random((count, ROWS, 1)) < SHARE
    return np.where(drawn, *tables()).astype(np.float32)


class TestSampling:
    """The mean of many passes."""

    @pytest.mark.parametrize("seed", range(20))
    def test_the_mean_is_right_whatever_is_drawn(self, seed):
        """No draw of right passes is taken for wrong."""
        probabilities = as_view(passes(7, seed).mean(axis=0))
        classes = as_view(passes(30, seed).mean(axis=0).argmax(axis=1))

        assert [] == dropout.check_mean_of_passes(probabilities, random_model(), passes=7)
        assert [] == dropout.check_number_of_passes(probabilities, random_model(), passes=7)
        assert [] == dropout.check_classes(classes, random_model())

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            (lambda: passes(7).sum(axis=0), "was not divided"),
            (lambda: np.eye(10)[passes(7).argmax(axis=2)].mean(axis=0), "shares of votes"),
            (lambda: passes(7).mean(axis=0) * 2, "sums to 2.000"),
            (lambda: np.full((ROWS, CLASSES), 0.1), "not the mean"),
        ],
    )
    def test_what_is_no_mean(self, given, said):
        """Sums, votes and other rows are told apart."""
        (finding,) = dropout.check_mean_of_passes(as_view(given()), random_model(), passes=7)

        assert said in finding.message

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            (lambda: passes(1)[0], "asked once"),
            (lambda: passes(10).mean(axis=0), "another number of passes"),
            (lambda: passes(8).mean(axis=0), "another number of passes"),
        ],
    )
    def test_passes_are_counted(self, given, said):
        """One pass repeated, or another number of them, is found without knowing what was drawn."""
        (finding,) = dropout.check_number_of_passes(as_view(given()), random_model(), passes=7)

        assert said in finding.message

    @pytest.mark.parametrize("count", [2, 5])
    @pytest.mark.parametrize("seed", range(5))
    def test_a_divisor_of_the_passes_is_another_number(self, count, seed):
        """Shares of 5 passes are shares of 10, too, but all of them even."""
        given = as_view(passes(count, seed).mean(axis=0))
        right = as_view(passes(10, seed).mean(axis=0))

        assert 1 == len(dropout.check_number_of_passes(given, random_model(), passes=10))
        assert [] == dropout.check_number_of_passes(right, random_model(), passes=10)

    def test_classes_that_could_not_be_had_are_unanswered(self):
        """What is no record of a trial is none, whatever a notebook says it is; nor are no classes."""
        assert [1] == dropout.classes_of({"classes": [1], "rows_run": 1})
        for odd in (None, [1], 3):
            with pytest.raises(Unanswered):
                dropout.classes_of(odd)
        with pytest.raises(Unanswered):
            dropout.check_classes(dropout.classes_of({}), random_model())

    @pytest.mark.parametrize(
        ("asked", "by_default", "findings"),
        [(30, 10, 0), (31, 11, 0), (0, 0, 0), (10, 10, 1), (30, 1, 1), (30, 30, 1), (1, 1, 1), (20, 0, 0)],
    )
    def test_passes_of_classes_are_counted(self, asked, by_default, findings):
        """By the rows that the model was run on, less what both calls have in common; a copy is not seen."""
        asked, by_default = ({"rows_run": ROWS * count, "images": ROWS} for count in (asked, by_default))
        found = dropout.check_passes_of_classes(asked, by_default, passes=30, default=10)

        assert findings == len(found)

    @pytest.mark.parametrize(
        "given",
        [lambda: passes(7).sum(axis=0), lambda: np.eye(10)[passes(7).argmax(axis=2)].mean(axis=0)],
        ids=["sum", "votes"],
    )
    def test_passes_that_cannot_be_counted(self, given):
        """Where the probabilities are no mean, the test that says why is named."""
        with pytest.raises(Unanswered, match="see 'mean of passes'"):
            dropout.check_number_of_passes(as_view(given()), random_model(), passes=7)

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            (lambda: passes(30).mean(axis=0).argmax(axis=0), "Along which axis"),
            (lambda: passes(30).mean(axis=0).argmax(axis=1).astype(float), "whole numbers"),
            (lambda: np.zeros(ROWS, int), "run the model anew"),
        ],
    )
    def test_other_classes(self, given, said):
        """Classes of a wrong shape, type or order of steps are told apart."""
        (finding,) = dropout.check_classes(as_view(given()), random_model())

        assert said in finding.message

    @pytest.mark.parametrize("seed", range(20))
    def test_votes_are_told_from_a_single_pass(self, seed):
        """Votes are called votes, and the classes of one pass are not, whatever is drawn."""
        votes = np.eye(10)[passes(30, seed).argmax(axis=2)].sum(axis=0).argmax(axis=1)
        single = passes(1, seed)[0].argmax(axis=1)
        said = [dropout.check_classes(as_view(one), random_model())[0].message for one in (votes, single)]

        assert [True, False] == ["look like votes" in message for message in said]
        assert "run the model anew" in said[1]

    def test_lists_will_do(self):
        """A list of rows, and a list of whole numbers, are as good as arrays."""
        rows, classes = passes(7).mean(axis=0), passes(30).mean(axis=0).argmax(axis=1)

        assert [] == dropout.check_mean_of_passes([as_view(row) for row in rows], random_model(), passes=7)
        assert [] == dropout.check_classes([int(number) for number in classes], random_model())
        assert 1 == len(dropout.check_classes([float(number) for number in classes], random_model()))

    @pytest.mark.parametrize(
        "odd",
        [
            None,
            3,
            [],
            ["a"],
            [[1], [1, 2]],
            as_view(np.ones((3, 7, 10))),
            as_view(np.full((100, 10), np.nan)),
        ],
    )
    def test_odd_evidence_is_unanswered(self, odd):
        """What cannot be judged raises Unanswered, and nothing else."""
        with pytest.raises(Unanswered):
            dropout.check_mean_of_passes(odd, random_model(), passes=7)
        with pytest.raises(Unanswered):
            dropout.check_number_of_passes(odd, random_model(), passes=7)

    @pytest.mark.parametrize("model", [None, {}, {"first": as_view(np.ones((2, 3))), "second": 1}])
    def test_an_odd_model_is_unanswered(self, model):
        """Without the model's answers nothing is judged."""
        with pytest.raises(Unanswered):
            dropout.check_classes(as_view(np.zeros(ROWS, int)), model)
