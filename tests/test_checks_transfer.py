"""Diagnosis of trainings, small sets, cross-validation, comparisons and reuse, on evidence made by hand."""

import math
import re

import attrs
import numpy as np
import pytest

from autograder.checks import cross_validation, diagnosis, fits, measured, reuse, small_set
from autograder.data import MINIATURE, load, prepare
from autograder.evidence import ArrayView, Evidence, ModelView, Unanswered
from autograder.evidence.folder import Evaluation, Fed, Fit
from autograder.evidence.values import Compilation, HistoryView
from autograder.labs import Task

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

    @pytest.mark.parametrize("history", [{"loss": [math.nan]}, {"loss": [1.61, 1.60]}])
    def test_curves_explain_too(self, history, data):
        """Where no training ran, the submitted curves say whether it exploded or never learned."""
        from autograder.evidence.folder import SavedFile

        saved = SavedFile(name="small.history.json", problem="", history=history)
        found = attrs.evolve(evidence(data=data), files={saved.name: saved})

        assert diagnosis.explain(found, "small")

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

    def test_the_notebook_as_found(self, data):
        """Labels 5 to 9, and 100 rows taken for 100 of each digit: both are told, and the NaN."""
        rows = np.flatnonzero(data.y_train >= 5)[-100:]
        found = evidence(names=chosen(data, rows, shift=0), data=data)
        images = messages(small_set.check_images(found, "small", **NAMES, each=100))
        labels = messages(small_set.check_labels(found, "small", **NAMES))

        assert "100 images in all" in images
        assert "find the rows of each digit" in images
        assert "run from 5 to 9" in labels
        assert "the loss turns NaN" in labels

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

    def test_what_is_wrong_is_said(self):
        """Too few trainings, another choice, figures from nowhere."""
        found = self.searched(entries(0.98, 0.97, 0.96), {"rate": 2}, trainings=6)

        assert "6 trainings" in messages(cross_validation.check_folds(found, "r", question="q4", at_least=3))
        assert "highest mean" in messages(cross_validation.check_best(found, "r", "b"))
        assert "0.98" in messages(cross_validation.check_scores_measured(found, "r", question="q4"))

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
            {"faster": True, "epochs": 3},
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
        ],
    )
    def test_figures_from_nowhere(self, value):
        """Too few figures, or none that a run gave."""
        assert measured.check_comparison(self.compared(value), "c", question="q5")

    @pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan])
    def test_no_speedup(self, value):
        """A quotient of two times is positive and finite."""
        assert measured.check_positive(self.compared(value), "c")

    @pytest.mark.parametrize("value", [2, 1.5, array(np.array([3.0]))])
    def test_a_speedup(self, value):
        """Whole numbers and arrays of one number will do."""
        assert [] == measured.check_positive(self.compared(value), "c")


class TestReuse:
    """Records of probes that are not what they should be."""

    @pytest.mark.parametrize(
        "value", [None, 3, {}, {"runs": []}, {"runs": [3]}, {"runs": [{}]}, {"runs": [{"model": None}]}]
    )
    def test_no_runs(self, value):
        """A record without a model leaves every check without an answer."""
        found = evidence(probes={"p": value})

        for check in (reuse.check_frozen, reuse.check_base_unchanged, reuse.check_cached):
            with pytest.raises(Unanswered):
                check(found, "p")

    def test_an_error_is_told(self):
        """What a function ran into is what the student reads."""
        found = evidence(probes={"p": {"runs": [{"problem": "NameError: nothing"}]}})

        with pytest.raises(Unanswered, match="NameError: nothing"):
            reuse.check_new_output(found, "p", units=5)

    def test_an_unreadable_model(self):
        """A model that could not be described is no answer."""
        model = ModelView(type="Model", config=None, weights={}, problem="it is odd")
        found = evidence(probes={"p": {"runs": [{"model": model, "base": model}]}})

        with pytest.raises(Unanswered, match="it is odd"):
            reuse.check_reused(found, "p", layers=5)
