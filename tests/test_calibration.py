"""Marks for accuracy follow from samples of the reference solution, and spare whoever is as good as it."""

import json
import math
import shutil

import attrs
import numpy as np
import pytest
from scipy import integrate, stats

from autograder import calibrate as calibrating
from autograder.calibrate import calibrate
from autograder.calibration import (
    FEWEST,
    MARGIN,
    RISK,
    Calibration,
    Sample,
    add_sample,
    read_calibration,
    read_samples,
)
from autograder.data import load
from autograder.errors import LabProblem
from autograder.labs import find_labs
from autograder.recipe import recipe_of
from autograder.tails import MANY

LABS = find_labs()
WHICH = ("validation", "test")


def sample(seed=1, **changes):
    """One training."""
    values = {"first_epoch": 0.3, "validation": 0.5, "test": 0.49, "validation_loss": 1.4}
    return Sample(seed=seed, epochs=20, seconds=100.0, **(values | changes))


def spread(n, *, mean=0.5, deviation=0.01, **changes):
    """A calibration of n samples whose validation accuracies have exactly this mean and deviation."""
    steps = np.arange(n) - (n - 1) / 2
    values = mean + deviation * steps / steps.std(ddof=1)
    return Calibration(
        samples=tuple(
            sample(seed, validation=float(value), test=float(value), **changes)
            for seed, value in enumerate(values)
        )
    )


class TestMarks:
    """What follows from samples."""

    def test_the_floor_is_what_one_epoch_reaches(self):
        """Up to the mean accuracy after the first epoch nothing is earned."""
        found = Calibration(samples=tuple(sample(first_epoch=value) for value in (0.2, 0.3, 0.4)))

        assert math.isclose(0.3, found.floor())

    @pytest.mark.parametrize("which", WHICH)
    @pytest.mark.parametrize("deviation", [0.0, 0.001, 0.004])
    def test_equal_trainings_may_differ_by_three_points(self, which, deviation):
        """Where samples hardly differ the full mark lies 3 points under their mean."""
        assert math.isclose(0.47, spread(12, deviation=deviation).full(which))

    def test_errors_may_double_where_they_are_rare(self):
        """A reference that errs once in a hundred is no measure of three points: the mark is 98 %."""
        assert math.isclose(0.98, spread(12, mean=0.99, deviation=0.0001).full("validation"))

    def test_one_epoch_that_reaches_nearly_all_leaves_room_for_a_ladder(self):
        """The floor lies five thirds of the margin under the full mark, or lower."""
        found = spread(12, mean=0.99, deviation=0.0001, first_epoch=0.985)

        assert math.isclose(0.98 - 5 / 3 * 0.01, found.floor())

    def test_a_wide_spread_lowers_the_mark_further(self):
        """With 12 samples of deviation 0.02 it lies t(0.9999, 11) * 0.02 * sqrt(13 / 12) under the mean.

        5.4527 is the quantile in tables of Student's t distribution.
        """
        assert math.isclose(
            0.5 - 5.4527 * 0.02 * math.sqrt(13 / 12),
            spread(12, deviation=0.02).full("validation"),
            abs_tol=1e-5,
        )

    @pytest.mark.parametrize("n", [FEWEST, 12, 20, MANY - 1])
    def test_a_correct_solution_fails_once_in_ten_thousand(self, n):
        """A further normal training misses the mark with probability 1e-4, over all samples there could be.

        By integration over the deviation s of n samples of unit variance, for which (n - 1) s^2 has a
        chi-square distribution: given s, a further value less their mean is normal with variance 1 + 1 / n,
        and the mark lies k * s under their mean. At a deviation of 100 the margin is out of the way.
        """
        found = spread(n, mean=0.0, deviation=100.0)
        k = -found.full("validation") / 100.0

        def missed(square):
            s = math.sqrt(square / (n - 1))
            return stats.norm.cdf(-k * s / math.sqrt(1 + 1 / n)) * stats.chi2.pdf(square, n - 1)

        risk, _ = integrate.quad(missed, 0, 10 * n + 100, limit=200, epsabs=1e-12)

        assert math.isclose(RISK, risk, rel_tol=1e-3)

    def test_the_gap_between_test_and_validation(self):
        """Test accuracy may lie above validation accuracy by their mean gap and 3 points, or by the bound."""
        narrow = Calibration(samples=tuple(sample(validation=0.5, test=0.51) for _ in range(FEWEST)))
        gaps = np.array([0.04, -0.04] * 5)
        wide = Calibration(samples=tuple(sample(validation=0.5, test=0.5 + float(gap)) for gap in gaps))

        below = Calibration(samples=tuple(sample(validation=0.5, test=0.4) for _ in range(FEWEST)))

        assert math.isclose(0.04, narrow.largest_gap())
        assert math.isclose(0.03, below.largest_gap())
        assert wide.largest_gap() > 5 * gaps.std(ddof=1)


class TestFile:
    """`calibration.json`."""

    def test_samples_are_kept_at_once_and_in_order(self, tmp_path):
        """Each sample is in the file as soon as it is added, ordered by seed, beside those of other data."""
        path = tmp_path / "calibration.json"
        add_sample(path, "deep", "real", sample(3), versions={"keras": "3"}, recipe="one")
        add_sample(path, "deep", "mini", sample(7), versions={"keras": "3"}, recipe="one")
        add_sample(path, "deep", "real", sample(1), versions={"keras": "4"}, recipe="two")

        assert (sample(1), sample(3)) == read_samples(path, "deep", "real")
        assert (sample(7),) == read_samples(path, "deep", "mini")
        assert {"keras": "4"} == json.loads(path.read_text())["deep"]["real"]["versions"]
        assert ["calibration.json"] == [one.name for one in tmp_path.iterdir()]

    def test_no_file_no_samples(self, tmp_path):
        """A lab that was never calibrated has no samples."""
        assert () == read_samples(tmp_path / "calibration.json", "deep", "real")

    def test_too_few_samples_make_no_mark(self, tmp_path):
        """One sample short of enough is the lab's problem; enough make the marks."""
        path = tmp_path / "calibration.json"
        for seed in range(FEWEST - 1):
            add_sample(path, "deep", "real", sample(seed), versions={}, recipe="")
        with pytest.raises(LabProblem, match=rf"deep has {FEWEST - 1} .* on 'real'; {FEWEST} are needed"):
            read_calibration(path, "deep", "real")
        add_sample(path, "deep", "real", sample(FEWEST), versions={}, recipe="")

        assert FEWEST == len(read_calibration(path, "deep", "real").samples)

    @pytest.mark.parametrize("text", ["{", "[]", '"text"', ""])
    def test_what_is_no_calibration(self, tmp_path, text):
        """A damaged file is the lab's problem, and says where it lies."""
        path = tmp_path / "calibration.json"
        path.write_text(text)

        with pytest.raises(LabProblem) as caught:
            read_samples(path, "deep", "real")
        assert (str(path), "restore it from version control") == (caught.value.where, caught.value.hint)


class TestCalibrating:
    """Training the reference over seeds; here a training is a copy of the committed one."""

    @pytest.fixture
    def trainings(self, lab, miniature, tmp_path, monkeypatch):
        """A lab without samples, and the seeds that were trained."""
        done = []
        bare = attrs.evolve(lab, folder=tmp_path)
        shutil.copy(lab.master, tmp_path)

        def train(which, seed, data, folder, *, leave_out=()):
            done.append(seed)
            shutil.copytree(lab.trained("cifar10-miniature"), folder, dirs_exist_ok=True)

        monkeypatch.setattr(calibrating, "train_reference", train)
        return bare, done

    def test_only_what_is_missing_is_trained(self, trainings):
        """A calibration goes on where it was interrupted."""
        lab, done = trainings
        said = []
        calibrate(lab, [2, 1], "miniature", say=said.append)
        calibrate(lab, [1, 2, 3], "miniature", say=said.append)

        assert [2, 1, 3] == done
        assert [1, 2, 3] == [
            one.seed for one in read_samples(lab.calibration, lab.models[0], "cifar10-miniature")
        ]
        assert said[0].startswith(f"{lab.name} on cifar10-miniature, seed 2: ")

    def test_measures_of_the_notebook_are_kept(self, trainings, monkeypatch):
        """Numbers that the lab names are those that the notebook's last cell finds in that training."""
        lab, _ = trainings
        (task,) = lab.tasks
        lab = attrs.evolve(lab, tasks=(attrs.evolve(task, measures=("rival",)),))
        copied = calibrating.train_reference

        def train(which, seed, data, folder):
            copied(which, seed, data, folder)
            monkeypatch.chdir(folder)
            exec(calibrating._writes_measures(which).source, {"rival": np.float32(0.25)})

        monkeypatch.setattr(calibrating, "train_reference", train)
        calibrate(lab, [1], "miniature", say=lambda line: None)

        (found,) = read_samples(lab.calibration, task.name, "cifar10-miniature")
        assert {"rival": 0.25} == found.measures

    def test_what_is_measured_is_what_training_said(self, trainings, lab, miniature):
        """Accuracy and loss of the saved weights are those of the best epoch that Keras recorded."""
        bare, _ = trainings
        calibrate(bare, [1], "miniature", say=lambda line: None)
        (found,) = read_samples(bare.calibration, lab.models[0], load(miniature, lab.dataset).identity)
        path = lab.trained("cifar10-miniature") / f"{lab.models[0]}.history.json"
        history = json.loads(path.read_text())["history"]
        best = int(np.argmin(history["val_loss"]))

        assert (len(history["val_loss"]), round(history["val_accuracy"][0], 5)) == (
            found.epochs,
            found.first_epoch,
        )
        assert math.isclose(history["val_loss"][best], found.validation_loss, abs_tol=1e-4)
        assert math.isclose(history["val_accuracy"][best], found.validation, abs_tol=3e-4)

    def test_samples_of_an_older_solution_are_not_mixed_in(self, trainings):
        """After a change of the recipe, a calibration goes on only anew, and without the older samples."""
        lab, done = trainings
        calibrate(lab, [1, 2], "miniature", say=lambda line: None)
        lab.master.write_text(lab.master.read_text().replace("patience=6", "patience=7"))
        with pytest.raises(LabProblem, match="the solution has changed since cifar10_dnn was sampled on"):
            calibrate(lab, [3], "miniature", say=lambda line: None)
        calibrate(lab, [3], "miniature", anew=True, say=lambda line: None)

        assert [1, 2, 3] == done
        assert [3] == [one.seed for one in read_samples(lab.calibration, lab.models[0], "cifar10-miniature")]

    def test_marks_out_of_date_are_listed(self, trainings, lab):
        """What a lab lacks is said per model and data set: samples, samples of this recipe, a kept model."""
        bare, _ = trainings
        name = lab.models[0]
        calibrate(bare, range(FEWEST), "miniature", say=lambda line: None)
        shutil.copytree(lab.trained("cifar10-miniature"), bare.trained("cifar10-miniature"))
        missing = [
            f"{name} on cifar10: 0 of {FEWEST} samples",
            f"{name} on cifar10: no trained model is kept",
        ]
        before = calibrating.stale_marks(bare)
        bare.master.write_text(bare.master.read_text().replace("patience=6", "patience=7"))

        assert missing == before
        assert calibrating.stale_marks(bare) == [
            *missing,
            f"{name} on cifar10-miniature: the solution has changed since it was sampled",
        ]


class TestRecipe:
    """What the samples of a lab depend on."""

    @pytest.fixture
    def changed(self, lab, tmp_path):
        """The recipe of the lab after a change of its master."""

        def change(old, new):
            text = lab.master.read_text(encoding="utf-8")
            assert old in text
            (tmp_path / lab.master.name).write_text(text.replace(old, new), encoding="utf-8")
            return recipe_of(attrs.evolve(lab, folder=tmp_path))

        return change

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("Nadam(", "Adam("),
            ("patience=6", "patience=7"),
            ("range(20)", "range(19)"),
            ("max_epochs = ", "max_epochs = 1 + "),
        ],
    )
    def test_another_training_is_another_recipe(self, lab, changed, old, new):
        """Optimiser, patience, layers, epochs: whatever the training depends on."""
        assert recipe_of(lab) != changed(old, new)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ('    """Return', '    """Give back'),
            ("## Hand in", "## Submit"),
            ("test_accuracy = model.evaluate", "accuracy_there = model.evaluate"),
            ("dnnlab.plot_history(history)", "dnnlab.plot_history(history, title='Curves')"),
        ],
    )
    def test_what_training_does_not_need_is_no_part_of_it(self, lab, changed, old, new):
        """Prose, docstrings, plots and what follows the training may change without a calibration."""
        assert recipe_of(lab) == changed(old, new)


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.name)
def test_marks_are_up_to_date(lab):
    """The committed samples are those of the committed solution, enough of them, on both data sets."""
    assert [] == calibrating.stale_marks(lab)


def committed():
    """Every model of every lab with the data sets it has samples on."""
    for lab in LABS:
        record = json.loads(lab.calibration.read_text()) if lab.calibration.exists() else {}
        for model in lab.models:
            for data in sorted(record.get(model, {})):
                yield pytest.param(lab, model, data, id=f"{model}-{data}")


@pytest.mark.parametrize(("lab", "model", "data"), list(committed()))
class TestCommitted:
    """The samples that the labs bring along."""

    @pytest.fixture
    def marks(self, lab, model, data):
        """The marks that follow from the samples."""
        return read_calibration(lab.calibration, model, data)

    def test_seeds_are_their_own(self, marks):
        """No seed is counted twice."""
        seeds = [one.seed for one in marks.samples]

        assert sorted(set(seeds)) == seeds

    @pytest.mark.parametrize("which", WHICH)
    def test_three_points_under_the_mean_cost_nothing(self, marks, which):
        """Whoever is within 3 points of the reference's mean, or errs twice as often, has full marks."""
        mean = np.mean([getattr(one, which) for one in marks.samples])

        assert marks.full(which) <= mean - min(MARGIN, 1 - mean) + 1e-12

    @pytest.mark.parametrize("which", WHICH)
    def test_every_sample_gets_full_marks(self, marks, which):
        """No training of the reference itself misses the mark, nor looks as if it had seen the test set."""
        assert marks.full(which) <= min(getattr(one, which) for one in marks.samples)
        assert marks.largest_gap() >= max(one.test - one.validation for one in marks.samples)

    @pytest.mark.parametrize("which", WHICH)
    def test_the_ladder_leads_up(self, marks, which):
        """Each of five steps is a third of the margin above the one before; the floor is above guessing."""
        assert marks.floor() > 0.15
        assert marks.full(which) - marks.floor() >= 5 / 3 * marks.margin(which) - 1e-12


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.name)
def test_labs_are_calibrated_on_the_data_they_are_graded_on(lab):
    """A lab with models has samples on the published data and on the miniature."""
    for model in lab.models:
        for data in (lab.dataset, f"{lab.dataset}-miniature"):
            assert FEWEST <= len(read_samples(lab.calibration, model, data)), data
