"""Diagnosis of trainings, small sets, cross-validation, comparisons and reuse, on evidence made by hand."""

import math
import re

import attrs
import numpy as np
import pytest
from networks_by_hand import dense_model, layer

from autograder.checks import cross_validation, diagnosis, fits, inserted, measured, reuse, small_set
from autograder.checks.likeness import likeness
from autograder.data import MINIATURE, load, prepare
from autograder.evidence import ArrayView, Division, Evidence, ModelView, OpaqueView, Unanswered
from autograder.evidence.folder import Evaluation, Fed, Fit
from autograder.evidence.values import Compilation, HistoryView
from autograder.labs import Task
from autograder.networks.graph import parse
from autograder.networks.inference import forward

TASK = Task(name="small", images="X_{}_59", labels="y_{}_59", classes=(5, 6, 7, 8, 9))
NAMES = {"images": "X", "labels": "y"}


@pytest.fixture(scope="module")
def data():
    """The miniature of the digits."""
    return load(prepare("mnist", MINIATURE), "mnist")


def array(values):
    """A view of all of an array."""
    return ArrayView(shape=values.shape, dtype=values.dtype, data=values)


def compiled(loss="sparse_categorical_crossentropy"):
    """A model's compilation with Adam."""
    return Compilation(
        optimizer="Adam", optimizer_bases=("Adam",), learning_rate=1e-3, loss=loss, metrics=("accuracy",)
    )


def fit(*, labels=(0, 1, 2, 3, 4), inputs=None, after=(), loss=None, **changes):
    """One recorded training of a network with five outputs."""
    labels = np.asarray(labels)
    inputs = np.zeros((len(labels), 4), np.float32) if inputs is None else inputs
    ends = (float(labels.min()), float(labels.max()))
    settings = {
        "model": 0,
        "after": after,
        "compilation": compiled(loss) if loss else compiled(),
        "epochs": 10,
        "batch_size": 32,
        "validation_split": 0.0,
        "callbacks": (),
        "training": Fed(rows=len(labels), inputs=array(inputs), labels=array(labels), label_range=ends),
        "validation": None,
        "history": {"loss": [1.5], "accuracy": [0.3], "val_loss": [1.4], "val_accuracy": [0.35]},
        "raised": "",
        "outputs": 5,
        "trainable": 2,
    }
    return Fit(**(settings | changes))


def evidence(*recorded, names=None, probes=None, data=None, evaluations=()):
    """Evidence of these trainings and names."""
    return Evidence(
        names=names or {},
        probes=probes or {},
        fits=recorded,
        evaluations=evaluations,
        dataset=data,
        tasks={"small": TASK},
    )


def messages(findings):
    """The text of all findings."""
    return " ".join(finding.message for finding in findings)


class TestDiagnosis:
    """Causes that the record of a training shows."""

    def test_a_sound_training(self):
        """A training that has everything it needs gives no finding."""
        assert [] == diagnosis.check_trainings(evidence(fit()), question="q1")

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"labels": (5, 6, 7, 8, 9)}, "labels from 5 to 9.* the loss turns NaN"),
            ({"loss": "binary_crossentropy"}, "`binary_crossentropy` with whole numbers"),
            ({"loss": "categorical_crossentropy"}, "wants one-hot labels"),
            ({"labels": np.eye(5)}, "want the variant that is not sparse"),
            ({"trainable": 0}, "every layer is frozen"),
            ({"history": {"loss": [math.nan]}}, "learning rate is too large"),
            ({"history": {"loss": [math.nan]}, "inputs": np.full((5, 4), 255.0)}, "pixels up to 255"),
        ],
    )
    def test_causes(self, changes, words):
        """Each cause is told from the others and comes with its cure."""
        (found,) = diagnosis.check_trainings(evidence(fit(**changes)), question="q1")

        assert re.search(words, found.message)

    @pytest.mark.parametrize(
        ("fits", "words"),
        [
            (({"trainable": 2, "loss": "binary_crossentropy"}, {"trainable": 12}), "with frozen layers uses"),
            (({"trainable": 2}, {"trainable": 12, "loss": "binary_crossentropy"}), "every layer learns uses"),
            (({"trainable": 12}, {"trainable": 12, "loss": "binary_crossentropy"}), "A training uses"),
            (({"trainable": 2}, {"trainable": 2, "loss": "binary_crossentropy"}), "A training uses"),
            ([{"trainable": count, "loss": "binary_crossentropy"} for count in (2, 12)], "A training uses"),
        ],
    )
    def test_which_training(self, fits, words):
        """The training at fault is told from one that learns in more or fewer layers, and said once."""
        (found,) = diagnosis.check_trainings(evidence(*(fit(**one) for one in fits)), question="q1")

        assert f"{words} `binary_crossentropy` with whole" in found.message

    @pytest.mark.parametrize(
        ("history", "words"),
        [
            ({"loss": [math.nan]}, "a label for which there is no output unit, or a learning rate"),
            ({"loss": [1.61, 1.60]}, "hardly left that of guessing"),
        ],
    )
    def test_curves_explain_too(self, history, words, data):
        """Where no training ran, the submitted curves say whether it exploded or never learned."""
        from autograder.evidence.folder import SavedFile

        saved = SavedFile(name="small.history.json", problem="", history=history)
        found = attrs.evolve(evidence(data=data), files={saved.name: saved})

        assert words in diagnosis.explain(found, "small")
        assert "and with it every weight" not in diagnosis.explain(found, "small")

    def test_trainings_of_another_task_do_not_count(self, data):
        """A network for 5 to 9 is not explained by what went wrong with 0 to 4."""
        rows = data.x_train[data.y_train < 5][:5].reshape(5, -1) / np.float32(255)
        found = evidence(fit(trainable=0, inputs=rows), data=data)

        assert [] == fits.fits_of_task(found, TASK)
        assert "" == diagnosis.explain(found, "small")


class TestFitsOfQuestion:
    """Which trainings belong to a question."""

    def test_between_two_marks(self):
        """Those after the nearest earlier mark and before the question's own and any later one."""
        early, own, late = fit(after=("q1",)), fit(after=("q1", "q2")), fit(after=("q1", "q2", "q4"))

        assert [own] == fits.fits_of_question(evidence(early, own, late), "q3")

    def test_without_marks(self):
        """A notebook without checks tells nothing: all count."""
        assert 2 == len(fits.fits_of_question(evidence(fit(), fit()), "q3"))

    def test_odd_marks(self):
        """Marks that are no questions are passed over."""
        assert 1 == len(fits.fits_of_question(evidence(fit(after=("x", "q²", "q1"))), "q2"))


def chosen(data, rows, *, shift=5):
    """A small set of these rows of the training images, as a student names it."""
    images = data.x_train[rows].astype(np.float32) / 255
    return {"X": array(images), "y": array(data.y_train[rows].astype(np.int64) - shift)}


def of_each(data, each, start=5_000, digits=range(5, 10)):
    """Rows of the first so many images of each digit."""
    labels = data.y_train[start:]
    return start + np.concatenate([np.flatnonzero(labels == digit)[:each] for digit in digits])


class TestSmallSet:
    """A set of as many images of each class."""

    def test_as_asked(self, data):
        """Twenty of each digit, numbered from 0."""
        found = evidence(names=chosen(data, of_each(data, 20)), data=data)

        assert [] == small_set.check_images(found, "small", **NAMES, each=20)
        assert [] == small_set.check_labels(found, "small", **NAMES)

    @pytest.mark.parametrize(
        ("rows", "words"),
        [
            (lambda data: of_each(data, 4), "holds 20 images in all"),
            (
                lambda data: np.flatnonzero(data.y_train[5_000:] >= 5)[:100] + 5_000,
                "By their labels they are",
            ),
            (lambda data: of_each(data, 20, start=0), "sets aside for validation"),
            (lambda data: np.arange(5_000, 5_100), "which the base has learned already"),
            (lambda data: np.repeat(of_each(data, 10), 2), "more than once"),
        ],
    )
    def test_other_images(self, data, rows, words):
        """What was picked instead is said."""
        found = evidence(names=chosen(data, rows(data)), data=data)

        assert words in messages(small_set.check_images(found, "small", **NAMES, each=20))

    def test_from_the_test_set(self, data):
        """Pictures of the test set are recognised."""
        rows = np.concatenate([np.flatnonzero(data.y_test == digit)[:20] for digit in range(5, 10)])
        images = array(data.x_test[rows].astype(np.float32) / 255)
        names = {"X": images, "y": array(data.y_test[rows].astype(np.int64) - 5)}
        found = small_set.check_images(evidence(names=names, data=data), "small", **NAMES, each=20)

        assert "pictures of the test set" in messages(found)

    def test_drawn_with_putting_back(self, data):
        """A single picture that stands there twice was put back by the draw."""
        rows = of_each(data, 20)
        rows[1] = rows[0]
        found = evidence(names=chosen(data, rows), data=data)

        assert "must not put them back" in messages(small_set.check_images(found, "small", **NAMES, each=20))

    def test_stopping_by_test_images(self, data):
        """Images to stop on are none of the test set."""
        tested = array(data.x_test[np.flatnonzero(data.y_test >= 5)[:50]].astype(np.float32) / 255)
        found = evidence(names=chosen(data, of_each(data, 20)) | {"V": tested}, data=data)

        assert "`V` holds pictures of the test set" in messages(
            small_set.check_set_aside(found, images="V", trained="X")
        )

    @pytest.mark.parametrize(
        ("scale", "offset", "words"),
        [(1.0, 0.0, ""), (1.02, 0.0, ""), (255.0, 0.0, "of `X` are scaled otherwise"), (2.0, -1.0, "of `X`")],
    )
    def test_scaled_as_the_base(self, scale, offset, words, data):
        """A small set is scaled as some set of the base is, but for what two samples differ by."""
        names = chosen(data, of_each(data, 20))
        base = {"B": array(data.x_train[:300].astype(np.float32) / 255), "C": array(np.zeros((9, 784)))}
        other = {"X": array((scale * names["X"].data + offset).astype(np.float32))}
        found = evidence(names=base | other, data=data)
        said = messages(small_set.check_scaled_as(found, ("X", "nothing"), like=("C", "B", "nothing")))

        assert words in said and bool(words) == bool(said)

    def test_images_to_stop_on(self, data):
        """Images that are trained on are none to stop on; a set under another name costs nothing."""
        small, other = (chosen(data, of_each(data, 20, start=start)) for start in (5_000, 0))
        said = [
            messages(
                small_set.check_set_aside(
                    evidence(names=small | {"V": images}, data=data), images="V", trained="X"
                )
            )
            for images in (other["X"], small["X"], None)
        ]

        assert ["", ""] == [said[0], said[2]] and "Images of `V` are in `X` as well" in said[1]

    def test_test_images(self, data):
        """What is to be tested on has to come from the test set."""
        rows = np.flatnonzero(data.y_test >= 5)[:50]
        names = chosen(data, of_each(data, 20)) | {"T": array(data.x_test[rows].astype(np.float32) / 255)}
        right, wrong = (
            messages(small_set.check_test_images(evidence(names=names, data=data), images=name))
            for name in "TX"
        )

        assert not right and "`X` holds training images" in wrong

    def test_the_notebook_as_found(self, data):
        """Labels 5 to 9, and 100 rows taken for 100 of each digit: both are told."""
        rows = np.flatnonzero(data.y_train >= 5)[-100:]
        found = evidence(names=chosen(data, rows, shift=0), data=data)
        images = messages(small_set.check_images(found, "small", **NAMES, each=100))
        labels = messages(small_set.check_labels(found, "small", **NAMES))

        assert "100 images in all" in images
        assert "find the rows of each digit" in images
        assert "run from 5 to 9. These are digits; a network of 5 units wants class numbers" in labels

    @pytest.mark.parametrize("shift", [4, 6])
    def test_labels_that_are_no_digits_of_the_task(self, data, shift):
        """Class numbers that begin elsewhere than at 0 are not taken for digits."""
        found = evidence(names=chosen(data, of_each(data, 20), shift=shift), data=data)
        labels = messages(small_set.check_labels(found, "small", **NAMES))

        assert f"run from {5 - shift} to {9 - shift}. A network of 5 units wants class numbers" in labels

    @pytest.mark.parametrize("value", [3, None, "text", [1, 2], array(np.zeros(0))])
    def test_no_arrays(self, data, value):
        """What is no array is said to be none."""
        found = evidence(names={"X": value, "y": value}, data=data)

        with pytest.raises(Unanswered):
            small_set.check_images(found, "small", **NAMES, each=20)
        with pytest.raises(Unanswered):
            small_set.check_labels(found, "small", **NAMES)


def entries(*means, key="mean"):
    """Results of candidates with these means."""
    return [{"params": {"rate": at}, key: mean, "std": 0.01} for at, mean in enumerate(means)]


class TestCrossValidation:
    """A search over settings."""

    def searched(self, results, best, *, trainings=9):
        """Evidence of a search with so many trainings."""
        return evidence(*[fit() for _ in range(trainings)], names={"r": results, "b": best})

    def test_as_asked(self):
        """Three candidates on three folds, the best chosen."""
        found = self.searched(entries(0.31, 0.34, 0.3), {"rate": 1})

        assert [] == cross_validation.check_entries(found, "r", at_least=2)
        assert [] == cross_validation.check_folds(found, "r", question="q4", at_least=3)
        assert [] == cross_validation.check_best(found, "r", "b")
        assert [] == cross_validation.check_scores_measured(found, "r", question="q4")

    def test_means_of_losses(self):
        """Where the mean is a loss, by name or by size, the lowest is best."""
        named = self.searched(entries(0.9, 0.8, key="mean_loss"), {"rate": 1})
        large = self.searched(entries(1.5, 1.4), {"rate": 1})

        assert [] == cross_validation.check_best(named, "r", "b")
        assert [] == cross_validation.check_best(large, "r", "b")

    def test_percent(self):
        """Accuracies in percent are accuracies."""
        found = self.searched(entries(31.0, 34.0), {"rate": 1})

        assert [] == cross_validation.check_best(found, "r", "b")
        assert [] == cross_validation.check_scores_measured(found, "r", question="q4")

    def test_settings_that_are_objects(self):
        """Arrays are compared by their numbers, functions and objects by which they are."""
        things = [
            {"units": array(np.array([100, units])), "optimizer": OpaqueView(type="Adam", which=which)}
            for units, which in ((100, 0), (50, 1), (50, 2))
        ]
        results = [one | {"params": thing} for one, thing in zip(entries(0.3, 0.4, 0.2), things, strict=True)]
        best, worst, twice = (
            self.searched(results, things[1]),
            self.searched(results, things[2]),
            self.searched([*results, results[0]], things[1]),
        )

        assert [] == cross_validation.check_entries(best, "r", at_least=3)
        assert [] == cross_validation.check_best(best, "r", "b")
        assert cross_validation.check_best(worst, "r", "b")
        assert cross_validation.check_entries(twice, "r", at_least=3)

    def said_of_folds(self, *fits):
        """What is said of the folds of a search with these trainings."""
        found = evidence(*fits, names={"r": entries(0.31, 0.34, 0.3)})
        return messages(cross_validation.check_folds(found, "r", question="q4", at_least=3))

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({}, ""),
            ({"held_out": None, "both": None}, ""),
            ({"both": 100}, "among those that are trained on"),
            ({"trained": 50}, "fewer pictures than are held out"),
            ({"print": "0"}, "the same fold is held out each time"),
        ],
    )
    def test_folds_that_are_none(self, changes, words):
        """The fold that is held out is not trained on, is the smaller part, and is another one each time."""
        divisions = [{"trained": 200, "held_out": 100, "both": 0, "print": str(at % 3)} for at in range(9)]
        said = self.said_of_folds(
            *[fit(model=at, division=Division(**(one | changes))) for at, one in enumerate(divisions)]
        )

        assert words in said and bool(words) == bool(said)

    @pytest.mark.parametrize(
        ("held", "curves", "words"),
        [
            (lambda data, at: data.x_train[10 * at : 10 * at + 8], [0.31, 0.34, 0.3], ""),
            (lambda data, at: data.x_train[:8], [0.31, 0.34, 0.3], "the same pictures every time"),
            (lambda data, at: data.x_test[:8], [0.31, 0.34, 0.3], "pictures of the test set, every time"),
            (lambda data, at: data.x_test[:8], [0.5, 0.6, 0.7], ""),
        ],
    )
    def test_measured_on_no_fold(self, held, curves, words, data):
        """Means over one and the same set are no cross-validation; a set to stop on costs nothing."""
        fits_ = [
            fit(
                history={"val_accuracy": [curves[at // 3]]},
                validation=Fed(rows=8, inputs=array(held(data, at) / np.float32(255)), labels=None),
            )
            for at in range(9)
        ]
        found = evidence(*fits_, names={"r": entries(0.31, 0.34, 0.3)}, data=data)
        said = messages(cross_validation.check_folds(found, "r", question="q4", at_least=3))

        assert words in said and bool(words) == bool(said)

    def test_scores_by_predict(self):
        """Where nothing recorded how the networks of the folds did, evaluations of others say nothing."""
        curves = {"loss": [1.5], "accuracy": [0.3]}
        other = Evaluation(model=70, learning_rate=None, results=(0.1, 0.99))
        found = evidence(
            *(fit(model=at, history=curves) for at in range(9)),
            names={"r": entries(0.61, 0.64, 0.6)},
            evaluations=(other,),
        )

        assert [] == cross_validation.check_scores_measured(found, "r", question="q4")

    def test_a_network_for_all_folds(self):
        """A network that goes on from fold to fold has seen what is held out; epoch by epoch is no harm."""
        from_fold_to_fold = [fit(model=at // 3, continues=at % 3 > 0) for at in range(9)]
        by_epochs = [fit(model=at // 2, continues=at % 2 > 0) for at in range(18)]

        assert "only 3 trainings started from fresh weights" in self.said_of_folds(*from_fold_to_fold)
        assert not self.said_of_folds(*by_epochs)

    def test_training_accuracies(self):
        """Means of what the networks made of the pictures that they were trained on are told apart."""
        curves = [{"accuracy": [0.2 + at / 100], "val_accuracy": [0.25 + at / 70]} for at in range(9)]
        fits = [fit(model=at, history=curve) for at, curve in enumerate(curves)]
        said = [
            messages(
                cross_validation.check_scores_measured(
                    evidence(*fits, names={"r": entries(*means)}), "r", question="q4"
                )
            )
            for means in ((0.21, 0.24, 0.27), [0.25 + at / 70 for at in (1, 4, 7)])
        ]

        assert "that each network was trained on" in said[0] and not said[1]

    def test_what_is_wrong_is_said(self):
        """Too few trainings, another choice, figures from nowhere."""
        found = self.searched(entries(0.98, 0.97, 0.96), {"rate": 1}, trainings=6)

        assert "6 trainings" in messages(cross_validation.check_folds(found, "r", question="q4", at_least=3))
        assert "highest mean" in messages(cross_validation.check_best(found, "r", "b"))
        assert "0.98" in messages(cross_validation.check_scores_measured(found, "r", question="q4"))

    @pytest.mark.parametrize(
        ("results", "rate", "words"),
        [
            (entries(0.3, 0.4, 0.5), 0, "the lowest mean, and an accuracy is good when it is high: which"),
            (
                entries(0.9, 0.8, 0.7, key="loss_mean"),
                0,
                "the highest mean, and a loss is good when it is low",
            ),
            (entries(0.3, 0.4, 0.5), 1, "not of the entry with the highest mean"),
            (entries(0.9, 0.8, 0.7, key="loss_mean"), 1, "not of the entry with the lowest mean"),
        ],
    )
    def test_which_candidate_is_chosen(self, results, rate, words):
        """The worst one shows `min` and `max` mistaken; any other shows nothing."""
        said = messages(cross_validation.check_best(self.searched(results, {"rate": rate}), "r", "b"))

        assert words in said
        assert ("`min` or `max`?" in said) == (rate == 0)

    def test_a_single_entry(self):
        """One entry is one, not several."""
        found = self.searched(entries(0.3), {"rate": 0})

        assert "`r` has 1 entry, fewer" in messages(cross_validation.check_entries(found, "r", at_least=3))

    @pytest.mark.parametrize("by_fold", [False, True])
    def test_each_mean_comes_from_its_own_trainings(self, by_fold):
        """Candidates may be listed and trained in any order, but one candidate's figures are no other's."""
        levels = [0.2, 0.6, 0.9] * 3 if by_fold else [0.2] * 3 + [0.6] * 3 + [0.9] * 3
        fits = [fit(history={"val_accuracy": [level], "val_loss": [5.0]}) for level in levels]
        measured = evidence(*fits, names={"r": entries(0.91, 0.21, 0.61)})
        typed = evidence(*fits, names={"r": entries(0.91, 0.92, 0.61)})

        assert [] == cross_validation.check_scores_measured(measured, "r", question="q4")
        assert "a mean of 0.9" in messages(cross_validation.check_scores_measured(typed, "r", question="q4"))

    @pytest.mark.parametrize(
        "results", [None, 3, {}, [], [3], [{}], [{"params": 1, "mean": "x", "std": 0}], [{"mean": 1}]]
    )
    def test_no_results(self, results):
        """Anything else than results is said to be none."""
        with pytest.raises(Unanswered):
            cross_validation.check_entries(self.searched(results, None), "r", at_least=2)

    @pytest.mark.parametrize("best", [None, 3, "text", {}, [1], {"rate": "x"}])
    def test_no_choice(self, best):
        """What is no candidate's settings is not the best."""
        found = self.searched(entries(0.3, 0.4), best)

        assert "settings of any entry" in messages(cross_validation.check_best(found, "r", "b"))


class TestMeasured:
    """Comparisons under keys of the student's own."""

    def compared(self, value):
        """Evidence of a comparison after two trainings."""
        tried = Evaluation(model=0, learning_rate=None, results=(1.3, 0.37))
        return evidence(fit(), fit(), names={"c": value}, evaluations=(tried,))

    @pytest.mark.parametrize(
        "value",
        [
            {"val_loss": {"plain": 1.4, "bn": 1.4}},
            {"gap_plain": -0.05, "gap_dropout": 0.05},
            {"loss": 1.5, "val_loss": 1.4, "faster": True, "epochs": 3},
            {"loss": 1.5, "val_loss": 1.4, "loss_ratio": 7.7, "times_faster": 0.51, "loss_in_bits": 2.2},
            {"gap_accuracy": -0.05, "val": {"plain": 0.35}},
            {"test_accuracy": [0.37, 0.37]},
            {"plain": HistoryView(history={"val_loss": [1.4, 1.4]})},
            {"accuracies": array(np.array([35.0, 30.5]))},
        ],
    )
    def test_figures_of_the_runs(self, value):
        """However they are keyed, figures that trainings or evaluations gave will do."""
        assert [] == measured.check_comparison(self.compared(value), "c", question="q5")

    @pytest.mark.parametrize(
        "value",
        [
            {},
            {"a": "x"},
            {"gap": 0.567, "gap_2": 0.888},
            {"loss": math.nan, "acc": math.nan},
            {"accuracy": 0.9912, "accuracy_bn": 0.9934},
            {"accuracy": 0.35, "accuracy_bn": 0.9934},
            {"plain": 0.9912, "bn": 0.9934},
            {"faster": True, "epochs": 3},
            {"evaluation": 1.4, "interval": 1.4},
            {"val_loss_ratio": 1.4, "val_loss_speedup": 1.4},
        ],
    )
    def test_figures_from_nowhere(self, value):
        """Too few figures, or none that a run gave."""
        assert measured.check_comparison(self.compared(value), "c", question="q5")

    @pytest.mark.parametrize(
        ("value", "count"),
        [
            ({"gap_plain": -0.05, "gap_dropout": -0.05}, 0),
            ({"gap": {"plain": -0.05, "dropout": 0.05}, "accuracy": 0.99}, 0),
            ({"accuracy_plain": 0.35, "accuracy_dropout": 0.35}, 1),
            ({"gap_plain": -0.05, "gap_dropout": 0.7, "accuracy": 0.35}, 1),
        ],
    )
    def test_gaps(self, value, count):
        """Where gaps are asked for, two of them have to come from the runs."""
        found = measured.check_comparison(self.compared(value), "c", question="q6", gaps=True)

        assert count == len(found)

    @pytest.mark.parametrize(
        ("value", "words"),
        [
            ({"gap_plain": -0.1, "gap_dropout": -0.3}, ""),
            ({"gap_plain": 0.1, "gap_dropout": 0.3}, "the wrong sign, or have lost theirs"),
            ({"gap_plain": -10.0, "gap_dropout": -30.0}, ""),
            ({"gap_plain": -0.1, "gap_dropout": 0.3}, ""),
            ({"gap_loss_plain": -0.2, "gap_loss_dropout": 0.2}, ""),
            ({"정확도 차이 기본": -0.1, "정확도 차이 드롭아웃": -0.3}, ""),
        ],
    )
    def test_the_sign_of_a_gap(self, value, words):
        """Of accuracies a gap is training minus validation; in percent and in Korean it is one as well."""
        plain = {"loss": [1.5], "accuracy": [0.3], "val_loss": [1.7], "val_accuracy": [0.4]}
        curves = plain | {"accuracy": [0.2], "val_accuracy": [0.5]}
        found = evidence(fit(model=0, history=plain), fit(model=1, history=curves), names={"c": value})
        said = messages(measured.check_comparison(found, "c", question="q6", gaps=True))

        assert words in said and bool(words) == bool(said)

    def test_what_a_gap_is(self):
        """Where gaps are asked for, it is told what they are, and not to name other figures so."""
        value = {"accuracy_plain": 0.35, "accuracy_dropout": 0.35}
        gaps, figures = (
            messages(measured.check_comparison(self.compared(given), "c", question="q6", gaps=gaps))
            for given, gaps in ((value, True), ({"plain": 0.35}, False))
        )

        assert "`c` has no two gaps: training accuracy minus validation accuracy" in gaps
        assert "Its keys: accuracy_plain, accuracy_dropout." in gaps and "Let the key" not in gaps
        assert "fewer than two figures" in figures and "Let the key of each figure say" in figures

    @pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan])
    def test_no_speedup(self, value):
        """A quotient of two times is positive and finite."""
        assert measured.check_positive(self.compared(value), "c", question="q8")

    @pytest.mark.parametrize("value", [2, 1.5, array(np.array([3.0]))])
    def test_a_speedup(self, value):
        """Whole numbers and arrays of one number will do."""
        assert [] == measured.check_positive(self.compared(value), "c", question="q8")

    def test_a_speedup_of_nothing(self):
        """Without a training there was no time to take."""
        said = messages(measured.check_positive(evidence(names={"c": 3.0}), "c", question="q8"))

        assert "No network was trained for `c`" in said

    @pytest.mark.parametrize(("widths", "count"), [((784, 784), 1), ((784, 100), 0), ((784,), 0)])
    def test_times_of_two_kinds(self, widths, count, data):
        """One of two trainings has to be fed what was cached; one that is timed elsewhere cannot be told."""
        fits_ = [fit(model=at, inputs=np.zeros((5, width))) for at, width in enumerate(widths)]
        found = evidence(*fits_, names={"c": 2.0}, data=data)

        assert count == len(measured.check_fed_otherwise(found, "c", question="q8"))

    @pytest.mark.parametrize(
        ("value", "layers", "words"),
        [
            ({"val_loss_plain": 1.4, "val_loss_bn": 0.9}, "BatchNormalization", ""),
            ({"val_loss_gain": 0.5, "loss_plain": 1.5}, "BatchNormalization", ""),
            (
                {"val_loss_plain": 1.4, "val_loss_bn": 1.4},
                "BatchNormalization",
                "all of them are of the other",
            ),
            ({"val_loss_plain": 1.4, "val_loss_bn": 0.9}, "Dense", "compared with itself"),
        ],
    )
    def test_one_network_for_both(self, value, layers, words):
        """The network with the new layer has to be trained, and some figure has to be its own."""
        curves = {"loss": [0.7], "val_loss": [0.9]}
        plain = fit(model=0, layers=frozenset({"Dense"}))
        other = fit(model=1, after=("q4",), history=curves, layers=frozenset({"Dense", layers}))
        names = {"c": value, "h": HistoryView(history=plain.history)}
        found = evidence(plain, other, names=names)
        said = messages(measured.check_comparison(found, "c", question="q5", layer="BatchNormalization"))

        assert words in said and bool(words) == bool(said)


def with_layers(kinds):
    """A network of three hidden layers of eight units; kinds: what stands ahead of each dense layer."""
    model = dense_model((4, 4), [8, 8, 8, 5], "elu")
    layers, weights = list(model.config["config"]["layers"]), dict(model.weights)
    starts = [at for at, entry in enumerate(layers) if entry["class_name"] == "Dense"] + [len(layers)]
    for place, at in reversed(list(enumerate(starts))):
        for number, (kind, settings) in enumerate(kinds.get(place, ())):
            name = f"new_{place}_{number}"
            layers.insert(at, layer(kind, name, **settings))
            if kind == "BatchNormalization":
                width = 16 if place == 0 else 8
                weights[name] = [np.full(width, value, np.float32) for value in (1, 0, 0, 1)]
    config = model.config | {"config": model.config["config"] | {"layers": layers}}
    given = np.random.default_rng(0).random((8, 4, 4), dtype=np.float32)
    return attrs.evolve(model, config=config, weights=weights, outputs=forward(parse(config), weights, given))


NORMALISED = ("BatchNormalization", {"axis": -1, "epsilon": 1e-3, "center": True, "scale": True})


def dropout(rate):
    """A dropout layer of that rate, for `with_layers`."""
    return ("Dropout", {"rate": rate})


class TestInserted:
    """Layers put between the hidden ones, ahead of the first or behind the last."""

    @pytest.mark.parametrize(
        ("places", "count"),
        [
            ({1: 1, 2: 1, 3: 1}, 0),
            ({0: 1, 1: 1, 2: 1}, 0),
            ({0: 1, 1: 1, 2: 1, 3: 1}, 0),
            ({1: 1, 2: 1}, 1),
            ({1: 2, 2: 1}, 1),
            ({1: 2, 2: 2}, 1),
            ({}, 1),
        ],
    )
    def test_normalised(self, places, count):
        """Two batch normalisations in one place do not stand for a layer that has none."""
        model = with_layers({place: [NORMALISED] * number for place, number in places.items()})

        assert count == len(inserted.check_normalised(model))

    @pytest.mark.parametrize(
        ("places", "words"),
        [
            ({1: 2}, "Hidden layers 2 and 3 have no batch normalisation, so what comes out of them drifts"),
            ({1: 2}, "; hidden layer 1 has it twice. Look"),
            ({1: 3, 2: 2}, "; hidden layers 1 and 2 have it more than once. Look"),
            ({1: 1, 2: 1}, "Hidden layer 3 has no batch normalisation, so what comes out of it drifts as"),
            ({0: 1, 2: 1}, "Hidden layer 2 has no batch normalisation, so what goes into it drifts as"),
            ({0: 2}, "Hidden layers 2 and 3 have no batch normalisation, so what goes into them"),
            ({}, "No hidden layer has batch normalisation, so what comes out of them drifts as"),
        ],
    )
    def test_which_layers_are_not_normalised(self, places, words):
        """Layers without and layers with two are named, whether it stands ahead of them or behind."""
        model = with_layers({place: [NORMALISED] * number for place, number in places.items()})
        said = messages(inserted.check_normalised(model))

        assert words in said
        assert (" it twice" in said or "more than once" in said) == any(n > 1 for n in places.values())

    @pytest.mark.parametrize(
        ("rates", "words"),
        [
            ({1: 0.1, 2: 0.3, 3: 0.5}, ""),
            ({0: 0.2, 1: 0.2, 2: 0.2, 3: 0.2}, ""),
            ({3: 0.2}, "Hidden layers 1 and 2 have no Dropout layer behind them. Their units"),
            ({0: 0.2, 1: 0.2, 2: 0.2}, "Hidden layer 3 has no Dropout layer behind it. Its units"),
            ({1: 0.2, 2: 0.8, 3: 0.2}, "rate of 0.8"),
            ({1: 0.2, 2: 0.0, 3: 0.2}, "rate of 0,"),
            ({1: 0.2, 2: 0.2, 3: 0.2, 4: 0.2}, "behind the output"),
            ({}, "No hidden layer has a Dropout layer behind it. Their units"),
        ],
    )
    def test_dropout(self, rates, words):
        """Each hidden layer has its own, at a rate in the range asked for, and the output none."""
        model = with_layers({place: [dropout(rate)] for place, rate in rates.items()})
        said = messages(inserted.check_dropout(model, lowest=0.1, highest=0.5))

        assert words in said
        assert bool(words) == bool(said)


class TestLikeness:
    """How alike weights are."""

    def test_of_weights(self):
        """Weights trained on from others are alike, others are not, and constant ones say nothing."""
        rng = np.random.default_rng(0)
        one, other = rng.normal(size=(2, 50, 20))

        assert likeness(one, one + 0.1 * other) > 0.9
        assert abs(likeness(one, other)) < 0.2
        assert likeness(one, np.zeros_like(one)) is None
        assert likeness(one, np.full_like(one, np.nan)) is None
        assert likeness(one, other[:10]) is None

    def test_layers_by_their_biases(self):
        """Kernels that start alike count for nothing beside biases that training made different."""
        rng = np.random.default_rng(0)
        kernel, (one, other) = rng.normal(size=(20, 40)), rng.normal(size=(2, 40))

        assert abs(reuse._layer_likeness([kernel, one], [kernel, other])) < reuse.RELATED
        assert reuse._layer_likeness([kernel], [kernel]) > reuse.RELATED


class TestReuse:
    """Records of probes that are not what they should be."""

    @pytest.mark.parametrize(
        "value", [None, 3, {}, {"runs": []}, {"runs": [3]}, {"runs": [{}]}, {"runs": [{"model": None}]}]
    )
    def test_no_runs(self, value):
        """A record without a model leaves every check without an answer."""
        found = evidence(probes={"p": value})

        for check in (reuse.check_base_unchanged, reuse.check_cached):
            with pytest.raises(Unanswered):
                check(found, "p")
        with pytest.raises(Unanswered):
            reuse.check_frozen(found, "p", layers=5)

    def test_an_error_is_told(self):
        """What a function ran into is what the student reads."""
        found = evidence(probes={"p": {"runs": [{"problem": "NameError: nothing"}]}})

        with pytest.raises(Unanswered, match="NameError: nothing"):
            reuse.check_new_output(found, "p", units=5)

    @pytest.mark.parametrize(
        ("record", "words"),
        [
            ({"base_moved": math.inf}, "other layers"),
            ({"base_flags": True}, "which layers of the base are trainable"),
            ({"base_moved": 0.0, "base_flags": False}, ""),
        ],
    )
    def test_a_cache_that_changes_the_base(self, record, words):
        """What caching does to the base is told; a base that stays as it is costs nothing."""
        found = evidence(probes={"p": {"runs": [record]}})
        said = messages(reuse.check_cache_base_unchanged(found, "p"))

        assert words in said
        assert bool(words) == bool(said)

    def test_an_unreadable_model(self):
        """A model that could not be described is no answer."""
        model = ModelView(type="Model", config=None, weights={}, problem="it is odd")
        found = evidence(probes={"p": {"runs": [{"model": model, "base": model}]}})

        with pytest.raises(Unanswered, match="it is odd"):
            reuse.check_reused(found, "p", layers=5)


def flagged(model, trainable):
    """The model with these layers trainable and no others."""
    layers = [
        entry | {"config": entry["config"] | {"trainable": entry["config"]["name"] in trainable}}
        for entry in model.config["config"]["layers"]
    ]
    config = model.config | {"config": model.config["config"] | {"layers": layers}}
    return attrs.evolve(model, config=config)


def moved_by(model, far):
    """The model with its kernels changed by noise of that deviation, in units of their own."""
    rng = np.random.default_rng(7)
    weights = {
        path: [(kernel + far * kernel.std() * rng.normal(size=kernel.shape)).astype(np.float32), bias]
        for path, (kernel, bias) in model.weights.items()
    }
    return with_weights(model, weights)


def with_weights(model, weights):
    """The model with other weights, and what it computes with them."""
    given = np.random.default_rng(0).random((8, 4, 4), dtype=np.float32)
    return attrs.evolve(model, weights=weights, outputs=forward(parse(model.config), weights, given))


def of_run(check, model, base, **settings):
    """What a check says of one run of a probe."""
    found = evidence(probes={"p": {"runs": [{"model": model, "base": base}]}})
    return messages(check(found, "p", **settings))


class TestReusedLayers:
    """Which layers a new model has, and their flags."""

    BASE = dense_model((4, 4), [8, 8, 8, 5], "elu")

    @pytest.mark.parametrize(
        ("model", "words"),
        [
            (BASE, ""),
            (moved_by(BASE, 0.1), "has changed since: your function trains the model"),
            (dense_model((4, 4), [8, 8, 8, 5], "elu", seed=3), "does not have the weights"),
        ],
    )
    def test_other_weights(self, model, words):
        """Weights that were trained on are told from weights that were drawn anew."""
        renewed = model.weights | {"output": [np.ones((8, 5), np.float32), np.zeros(5, np.float32)]}
        said = of_run(reuse.check_reused, with_weights(model, renewed), self.BASE, layers=3)

        assert words in said
        assert bool(words) == bool(said)

    def test_other_activations(self):
        """Weights of the base under another activation are not its layers."""
        renewed = self.BASE.weights | {"output": [np.ones((8, 5), np.float32), np.zeros(5, np.float32)]}
        model = with_weights(dense_model((4, 4), [8, 8, 8, 5], "relu"), renewed)
        said = of_run(reuse.check_reused, model, self.BASE, layers=3)

        assert "Hidden layer 1 has the weights of the base, but ReLU where the base has ELU" in said

    def test_a_cache_of_half_precision(self):
        """Values that were rounded as half precision rounds them are those of the layer."""
        given = np.random.default_rng(0).random((8, 4, 4), dtype=np.float32)
        graph = parse(self.BASE.config)
        exact = forward(graph, self.BASE.weights, given, upto=len(graph.nodes) - 3)
        rounded = array((exact * 1.02 + 0.01).astype(np.float32))
        mixed = attrs.evolve(self.BASE, config=self.BASE.config | {"policy": "mixed_bfloat16"})
        said = [
            messages(reuse.check_cached(evidence(probes={"p": {"runs": [run]}}), "p"))
            for base in (mixed, self.BASE)
            for run in ({"base": base, "rows": 8, "outputs": rounded},)
        ]

        assert ["", True] == [said[0], "are not what the last hidden layer" in said[1]]

    def test_begun_from_another(self):
        """Weights that the images never reached are those of the base, however far the others have gone."""
        rng = np.random.default_rng(0)
        base, other = [rng.normal(size=(40, 20))], [rng.normal(size=(40, 20))]
        inked = np.arange(40) >= 10
        mixed = [np.where(np.arange(40)[:, None] < 20, base[0], other[0])]
        blank = [np.where(inked[:, None], other[0], base[0])]

        assert reuse._begun_from(mixed, base, inked)
        assert not any(reuse._begun_from(one, base, inked) for one in (other, blank, [], [base[0][:9]]))

    @pytest.mark.parametrize(
        ("trainable", "layers", "words"),
        [
            ({"output"}, 3, ""),
            ({"dense_2", "output"}, 2, ""),
            ({"dense_2", "output"}, 3, "Hidden layer 3 is trainable; the question asks to freeze it."),
            (
                {"dense_0", "dense_2"},
                3,
                "Hidden layers 1, 3 are trainable; the question asks to freeze them.",
            ),
        ],
    )
    def test_frozen(self, trainable, layers, words):
        """As many layers as are to be reused have to be frozen; what stands above them does not matter."""
        said = of_run(reuse.check_frozen, flagged(self.BASE, trainable), self.BASE, layers=layers)

        assert words in said
        assert bool(words) == bool(said)

    @pytest.mark.parametrize(
        ("numbers", "words"),
        [
            ((1, 2), ""),
            ((), "no hidden layer is trainable. Set the flags of the layers"),
            ((0, 1, 2), "hidden layers 1, 2, 3 of 3, counted from the input, are trainable. The lower ones"),
            ((0, 1), "hidden layers 1, 2 of 3, counted from the input, are trainable. The top is the end"),
            ((0,), "hidden layer 1 of 3, counted from the input, is trainable. The top is the end"),
            ((2,), "hidden layer 3 of 3, counted from the input, is trainable, and no other. The output"),
        ],
    )
    def test_unfrozen(self, numbers, words):
        """Each mistake about the top is told from the others."""
        model = flagged(self.BASE, {"output", *(f"dense_{number}" for number in numbers)})
        said = of_run(reuse.check_unfrozen, model, self.BASE, top=2)

        assert words in said
        assert bool(words) == bool(said)

    def test_a_model_that_cannot_be_trained(self):
        """A model that was compiled with an optimiser of other weights is told so."""
        run = {"model": self.BASE, "base": self.BASE, "compiles": 1, "raised": "KeyError: 'kernel'"}
        said = messages(reuse.check_recompiled(evidence(probes={"p": {"runs": [run]}}), "p", question="q10"))

        assert "a step ends with KeyError: 'kernel'. An optimiser belongs to the weights" in said
