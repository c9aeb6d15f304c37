"""What a submitted network is taken for, and what it is evaluated on; real submissions are in the corpus."""

import json
import math

import attrs
import numpy as np
import pytest
from networks_by_hand import dense_model, layer

from autograder.calibration import Calibration, Sample
from autograder.checks import accuracy
from autograder.data import MINIATURE, load, prepare
from autograder.evidence import ArrayView, Evidence, Unanswered, read_evidence
from autograder.evidence.folder import Callback, Fed, Fit, SavedFile
from autograder.judge.judging import _with_our_side
from autograder.labs import Task
from autograder.networks.graph import parse
from autograder.networks.inference import Evaluation, accuracy_and_loss
from autograder.tasks import part_of


@pytest.fixture(scope="module")
def evidence(reference_evidence, lab, data):
    """The evidence of the reference submission, with our data and marks."""
    return _with_our_side(read_evidence(reference_evidence), lab, data)


@pytest.fixture(scope="module")
def name(lab):
    """The name of the submitted model."""
    return lab.models[0]


def with_model(evidence, name, **changes):
    """The same evidence with the submitted model changed."""
    saved = evidence.files[f"{name}.keras"]
    model = attrs.evolve(saved.model, **changes)
    return attrs.evolve(evidence, files={**evidence.files, saved.name: attrs.evolve(saved, model=model)})


def test_accuracy_is_that_of_the_history(evidence, name):
    """The judge's own arithmetic gives the validation figures that Keras recorded at the best epoch."""
    history = evidence.saved_history(name)
    best = int(np.argmin(history["val_loss"]))
    found = accuracy.reached(evidence, name).validation

    assert math.isclose(history["val_loss"][best], found.loss, abs_tol=1e-4)
    assert math.isclose(history["val_accuracy"][best], found.accuracy, abs_tol=3e-4)


def test_a_file_that_was_seen_before_is_not_evaluated_again(evidence, name, monkeypatch):
    """The same network in another submission costs nothing; one other weight, and it is another network."""
    evaluated = []

    def counted(*args, **settings):
        evaluated.append(args)
        return accuracy_and_loss(*args, **settings)

    first = accuracy.reached(evidence, name)
    monkeypatch.setattr(accuracy, "accuracy_and_loss", counted)
    weights = {layer: list(arrays) for layer, arrays in evidence.saved_model(name).weights.items()}
    again = accuracy.reached(with_model(evidence, name, weights=dict(weights)), name)
    assert ([], first) == (evaluated, again)

    last = list(weights)[-1]
    weights[last] = [np.zeros_like(array) for array in weights[last]]
    assert first != accuracy.reached(with_model(evidence, name, weights=weights), name)
    assert evaluated


def test_a_file_of_another_activation_is_refused(evidence, name):
    """A file whose layers have the right shapes and another activation is not evaluated as the right one."""
    config = json.loads(
        json.dumps(evidence.saved_model(name).config).replace('"activation": "elu"', '"activation": "relu"')
    )
    other = with_model(evidence, name, config=config)

    with pytest.raises(Unanswered, match="is not the network that `build_dnn"):
        accuracy.reached(other, name)


def test_a_file_of_an_own_class_is_read_in_order(evidence, name):
    """Weights of a student's own class, whose file lists no layers, are fitted into the network by order."""
    weights = evidence.saved_model(name).weights
    config = {
        "module": "mine",
        "class_name": "Deep",
        "config": {"trainable": True},
        "registered_name": "Deep",
    }
    own = with_model(evidence, name, config=config, weights={}, weights_in_order=tuple(weights.values()))

    assert accuracy.reached(evidence, name) == accuracy.reached(own, name)


@pytest.mark.parametrize("config", [None, [], {"config": None}, {"config": {"layers": 7}}, "text"])
def test_a_file_that_describes_nothing(evidence, name, config):
    """A file without a usable description and with no weights is refused with a reason."""
    with pytest.raises(Unanswered, match=rf"`{name}\.keras` cannot be judged"):
        accuracy.reached(with_model(evidence, name, config=config, weights={}, weights_in_order=()), name)


def test_weights_that_are_not_finite(evidence, name):
    """A network that exploded is refused, and the student told so."""
    weights = {
        path: [np.full_like(array, np.nan) for array in arrays]
        for path, arrays in evidence.saved_model(name).weights.items()
    }

    with pytest.raises(Unanswered, match="weights are not finite numbers"):
        accuracy.reached(with_model(evidence, name, weights=weights), name)


def test_a_file_for_rows_of_numbers(evidence, name):
    """A file whose network takes each image as a row of numbers is evaluated like the one that flattens."""
    config = json.loads(json.dumps(evidence.saved_model(name).config))
    config["config"]["layers"] = [
        layer for layer in config["config"]["layers"] if layer["class_name"] != "Flatten"
    ]
    first = config["config"]["layers"][0]["config"]
    first["batch_shape"] = [None, math.prod(first["batch_shape"][1:])]
    config.pop("build_config", None)
    flat = with_model(evidence, name, config=config)
    flat = attrs.evolve(flat, references={name: parse(config)})

    assert accuracy.reached(evidence, name) == accuracy.reached(flat, name)


FIRST, SECOND = "first", "second"
SAMPLES = [
    Sample(seed=seed, epochs=5, seconds=9.0, first_epoch=0.3, validation=0.5, validation_loss=1.2, test=0.5)
    for seed in range(12)
]
HISTORY = {"loss": [1.5, 1.2, 1.1], "val_loss": [1.4, 1.2, 1.3], "val_accuracy": [0.3, 0.45, 0.4]}


@pytest.fixture(scope="module")
def digits():
    """The miniature of the digits."""
    return load(prepare("mnist", MINIATURE), "mnist")


def saved(name, *, history=HISTORY, ahead=(), seed=0, weights=None):
    """The two files of a network of one hidden layer."""
    model = dense_model((28, 28), [8, 5], "elu", ahead=ahead, seed=seed)
    model = attrs.evolve(model, weights=weights or model.weights)
    return {
        f"{name}.keras": SavedFile(name=f"{name}.keras", problem="", model=model),
        f"{name}.history.json": SavedFile(name=f"{name}.history.json", problem="", history=history),
    }


def stopped_early(digits):
    """A recorded training with early stopping, on some pictures of 0 to 4."""
    images = digits.x_train[digits.y_train < 5][:5].astype(np.float32) / 255
    fed = Fed(rows=5, inputs=ArrayView(shape=images.shape, dtype=images.dtype, data=images), labels=None)
    stopping = Callback(type="EarlyStopping", bases=("EarlyStopping",), settings={})
    return Fit(
        **{"model": 0, "after": (), "compilation": None, "epochs": 9, "batch_size": 32},
        **{"validation_split": 0.0, "callbacks": (stopping,), "training": fed, "validation": None},
        **{"history": {"loss": [1.5]}, "raised": "", "outputs": 5, "trainable": 2},
    )


def handed_in(digits, **files):
    """Evidence of two models, for the digits 0 to 4 and 5 to 9, and their files."""
    tasks = {
        FIRST: Task(name=FIRST, classes=(0, 1, 2, 3, 4)),
        SECOND: Task(name=SECOND, classes=(5, 6, 7, 8, 9)),
    }
    images = part_of(tasks[FIRST], "valid", digits).images.astype(np.float32) / 255
    array = ArrayView(shape=images.shape, dtype=images.dtype, data=images)
    every = {name: file for pair in files.values() for name, file in pair.items()}
    return Evidence(
        names={"X_valid": array},
        probes={},
        files=every,
        tasks=tasks,
        dataset=digits,
        calibrations=dict.fromkeys(tasks, Calibration(samples=tuple(SAMPLES))),
    )


@pytest.fixture
def reaching(monkeypatch):
    """Set what the networks reach: (validation accuracy, test accuracy, loss) by model."""

    def set_figures(**figures):
        def reached(evidence, name):
            validation, test, loss = figures[name]
            return accuracy.Reached(
                validation=Evaluation(accuracy=validation, loss=loss, n=100),
                test=Evaluation(accuracy=test, loss=loss, n=100),
                guessing=0.2,
            )

        monkeypatch.setattr(accuracy, "reached", reached)

    return set_figures


def said(evidence, step, *, which="validation", name=FIRST, hint="Look at the rate."):
    """What that step of a ladder of five says."""
    found = accuracy.check_step(evidence, name, which, step=step, of=5, hint=hint)
    return " ".join(finding.message for finding in found)


class TestLadder:
    """Why a step is missed is said once, and for its own cause."""

    def test_the_first_missed_step_says_why(self, digits, reaching):
        """Steps below are reached, and those above the first that is missed refer to it."""
        found = handed_in(digits, files=saved(FIRST))
        reaching(first=(0.38, 0.38, 1.2))

        assert ["", ""] == [said(found, step) for step in (1, 2)]
        assert "gets 38.0% of the validation set right. It can learn more. Look at the rate." in said(
            found, 3
        )
        assert ["It is missed for the same reason as step 3."] * 2 == [said(found, step) for step in (4, 5)]

    def test_without_a_hint(self, digits, reaching):
        """The lowest step has no hint, and says where to look in general."""
        found = handed_in(digits, files=saved(FIRST))
        reaching(first=(0.31, 0.31, 1.2))

        assert "It can learn more: look at the learning rate" in said(found, 1, hint="")

    @pytest.mark.parametrize(
        ("reached", "words"),
        [
            ((0.2, 0.2, 9.0), "about what guessing gets"),
            ((0.31, 0.31, 5.6), "no better than that of guessing"),
            ((0.31, 0.31, 1.2), "It can learn more. Look at the rate."),
        ],
    )
    def test_figures_choose_the_advice(self, digits, reaching, reached, words):
        """A hint comes only where neither accuracy nor loss says more."""
        found = handed_in(digits, files=saved(FIRST))
        reaching(first=reached)

        assert words in said(found, 1)
        assert ("Look at the rate." in words) == ("Look at the rate." in said(found, 1))

    @pytest.mark.parametrize(
        ("stops", "kept", "past"), [(True, 2, True), (True, 1, False), (False, 2, False)]
    )
    def test_weights_past_their_best(self, digits, reaching, stops, kept, past):
        """The epoch that was kept is told where training was to stop early and it was not the best."""
        found = handed_in(digits, files=saved(FIRST))
        found = attrs.evolve(found, fits=(stopped_early(digits),) if stops else ())
        reached, loss = (HISTORY[key][kept] for key in ("val_accuracy", "val_loss"))
        reaching(first=(reached, reached, loss))
        why = " ".join(said(found, step) for step in range(1, 6))

        assert past == ("not the weights of its best epoch" in why)
        assert past != ("It can learn more." in why)

    def test_trained_on_the_test_set(self, digits, reaching):
        """A gap that only test pictures explain is told at the first step; all steps stay missed."""
        found = handed_in(digits, files=saved(FIRST))
        reaching(first=(0.38, 0.9, 1.2))

        assert "So large a gap comes up only where test pictures were" in said(found, 1, which="test")
        assert "It is missed for the same reason as step 1." == said(found, 2, which="test")

    def test_one_network_under_two_names(self, digits, reaching):
        """The file that has another's weights is told so, and only the one that does worse."""
        found = handed_in(digits, one=saved(FIRST), two=saved(SECOND))
        reaching(first=(0.44, 0.44, 1.2), second=(0.3, 0.3, 5.6))

        assert "It is `first.keras` once more" in said(found, 1, name=SECOND)
        assert "once more" not in said(found, 5)

    @pytest.mark.parametrize(
        "weights",
        [
            {"output": [np.ones((8, 5), np.float32), np.zeros(5, np.float32)]},
            {"dense_0": [np.ones((784, 8), np.float32), np.zeros(8, np.float32)]},
        ],
    )
    def test_networks_that_share_some_layers(self, digits, reaching, weights):
        """A network with another output, or another hidden layer, than the base is none of two copies."""
        own = dense_model((28, 28), [8, 5], "elu").weights | weights
        found = handed_in(digits, one=saved(FIRST), two=saved(SECOND, weights=own))
        reaching(first=(0.44, 0.44, 1.2), second=(0.3, 0.3, 5.6))

        assert "once more" not in said(found, 1, name=SECOND)

    def test_weights_that_are_no_numbers(self, digits):
        """Both causes of a NaN are told at the first step, and the others refer to it."""
        nan = {
            path: [np.full_like(array, np.nan) for array in arrays]
            for path, arrays in dense_model((28, 28), [8, 5], "elu").weights.items()
        }
        found = handed_in(digits, files=saved(FIRST, weights=nan))

        with pytest.raises(Unanswered, match=r"not finite numbers.* no output unit, or a learning rate"):
            said(found, 1)
        with pytest.raises(Unanswered, match=r"^It is missed for the same reason as step 1\.$"):
            said(found, 2)

    def test_a_layer_of_another_kind(self, digits):
        """A file that holds a layer of no lab's is refused with that layer."""
        strange = layer("Conv2D", "conv")
        found = handed_in(digits, files=saved(FIRST))
        file = found.files[f"{FIRST}.keras"]
        config = json.loads(json.dumps(file.model.config))
        config["config"]["layers"].insert(1, strange)
        model = attrs.evolve(file.model, config=config)
        files = found.files | {file.name: attrs.evolve(file, model=model)}

        with pytest.raises(
            Unanswered, match=r"it holds a Conv2D layer \(`conv`\), which no network of this lab has"
        ):
            said(attrs.evolve(found, files=files), 1)
