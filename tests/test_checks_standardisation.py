"""Standardised images: whose statistics they are is told from the pixels, however they were written down."""

import attrs
import numpy as np
import pytest

from autograder.checks import standardisation
from autograder.data import VALID, DataSet
from autograder.evidence import ArrayView, Evidence, Unanswered
from autograder.labs import Task

SHAPE = (8, 8, 3)
MODEL = "net"
NAMES = {which: f"X_{which}_scaled" for which in ("train", "valid", "test")}


@pytest.fixture(scope="module")
def data():
    """Made-up images whose features differ in mean and deviation."""
    rng = np.random.default_rng(0)
    means, spreads = rng.uniform(90, 160, SHAPE), rng.uniform(15, 40, SHAPE)

    def draw(n):
        return np.clip(rng.normal(means, spreads, (n, *SHAPE)), 0, 255).astype(np.uint8)

    return DataSet(
        name="made up",
        identity="made-up",
        x_train=draw(VALID + 3_000),
        y_train=rng.integers(0, 10, VALID + 3_000),
        x_test=draw(1_000),
        y_test=rng.integers(0, 10, 1_000),
    )


@pytest.fixture
def sets(data):
    """The three sets, unscaled."""
    return {"train": data.x_train[VALID:], "valid": data.x_train[:VALID], "test": data.x_test}


@pytest.fixture
def of(data):
    """The findings of the three checks, one after the other, about arrays by set."""

    def check(arrays):
        views = {
            NAMES[which]: ArrayView(shape=array.shape, dtype=array.dtype, data=array)
            for which, array in arrays.items()
        }
        task = Task(name=MODEL, images="X_{}_scaled", standardised=True)
        evidence = Evidence(names=views, probes={}, dataset=data, tasks={MODEL: task})
        checks = (
            standardisation.check_pictures,
            standardisation.check_training_set,
            standardisation.check_other_sets,
        )
        return [" ".join(one.message for one in check(evidence, MODEL)) for check in checks]

    return check


def scaled(sets, means, spreads):
    """All sets scaled alike."""
    return {which: (images - means) / spreads for which, images in sets.items()}


def statistics(images):
    """Mean and deviation of each feature."""
    return images.mean(axis=0), images.std(axis=0)


class TestRight:
    """However the right thing is written down, nothing is found."""

    def test_in_float64(self, sets, of):
        """Mean subtracted, divided by the deviation."""
        assert ["", "", ""] == of(scaled(sets, *statistics(sets["train"])))

    @pytest.mark.parametrize("kind", ["float32", "float16"])
    def test_in_less_precision(self, sets, of, kind):
        """Fewer bits are enough."""
        arrays = scaled(sets, *statistics(sets["train"]))

        assert ["", "", ""] == of({which: array.astype(kind) for which, array in arrays.items()})

    def test_divided_by_255_first(self, sets, of):
        """The composed map is the same, also with a small number against division by zero."""
        halves = {which: images.astype("float32") / 255 for which, images in sets.items()}
        mean, std = statistics(halves["train"])

        assert ["", "", ""] == of(scaled(halves, mean, std + 1e-7))

    def test_unbiased(self, sets, of):
        """A deviation with n - 1 is as good."""
        mean, std = sets["train"].mean(axis=0), sets["train"].std(axis=0, ddof=1)

        assert ["", "", ""] == of(scaled(sets, mean, std))

    def test_left_flat(self, sets, of):
        """Rows of numbers hold the same."""
        arrays = scaled(sets, *statistics(sets["train"]))

        assert ["", "", ""] == of({which: array.reshape(len(array), -1) for which, array in arrays.items()})

    def test_of_a_large_part(self, sets, of):
        """Statistics of 2,500 training images are the training set's."""
        assert ["", "", ""] == of(scaled(sets, *statistics(sets["train"][:2_500])))


class TestWhose:
    """Statistics of others are told by name."""

    @pytest.mark.parametrize(
        ("which", "named"),
        [
            (("test",), "those of the test images"),
            (("valid",), "those of the validation images"),
            (("valid", "train"), "the validation images among them"),
            (("test", "train"), "those of training and test images together"),
            (("train", "valid", "test"), "the test images among them"),
        ],
    )
    def test_of_other_images(self, sets, of, which, named):
        """Scaled alike, but with statistics that others had a say in."""
        found = of(scaled(sets, *statistics(np.concatenate([sets[one] for one in which]))))

        assert ("", "") == (found[0], found[2])
        assert named in found[1]

    def test_each_by_its_own(self, sets, of):
        """Validation and test set are each named with the statistics that they were scaled with."""
        found = of({which: (images - images.mean(0)) / images.std(0) for which, images in sets.items()})

        assert ("", "") == tuple(found[:2])
        assert "`X_valid_scaled` is not scaled as the training images are" in found[2]
        assert "with statistics of the test images" in found[2]


class TestWhich:
    """Statistics that are not one for each feature, and what is no standardisation."""

    @pytest.mark.parametrize(
        ("means", "spreads", "said"),
        [
            (lambda x: x.mean(), lambda x: x.std(), "one mean and one standard deviation are used for all"),
            (lambda x: x.mean((0, 1, 2)), lambda x: x.std((0, 1, 2)), "for each colour"),
            (lambda x: x.mean(0), lambda x: x.std(), "one standard deviation is used for all pixels"),
            (lambda x: x.mean(), lambda x: x.std(0), "one mean is used for all pixels"),
            (lambda x: 0, lambda x: 255, "divided by one number"),
            (lambda x: 0, lambda x: 1, "divided by one number"),
            (lambda x: x.mean(0), lambda x: x.var(0), "divided by the variance"),
            (lambda x: x.mean(0) + 2, lambda x: x.std(0), "the means that it is scaled with are not"),
            (lambda x: x.mean(0), lambda x: 2 * x.std(0), "the standard deviations that it is scaled with"),
        ],
    )
    def test_of_the_training_set(self, sets, of, means, spreads, said):
        """The sets are scaled alike, and what is wrong is told of the training set."""
        found = of(scaled(sets, means(sets["train"]), spreads(sets["train"])))

        assert ("", "") == (found[0], found[2])
        assert said in found[1]

    def test_each_picture_by_itself(self, sets, of):
        """A picture's own mean and deviation are told as such."""
        axes = {"axis": (1, 2, 3), "keepdims": True}
        found = of({which: (x - x.mean(**axes)) / x.std(**axes) for which, x in sets.items()})

        assert not found[0] and "each picture is standardised by itself" in found[1]

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_values_that_are_not_finite(self, sets, of, value):
        """They are told once, with all sets; the other checks point there."""
        arrays = scaled(sets, *statistics(sets["train"]))
        for array in arrays.values():
            array[:, 0, 0, 0] = value

        pictures, training, others = of(arrays)

        assert "`X_train_scaled`, `X_valid_scaled` and `X_test_scaled` hold values that are not" in pictures
        assert 1 == pictures.count("not finite")
        assert training == others == "See 'pictures': the values are not finite."

    def test_one_set_that_is_not_finite(self, sets, of):
        """One set is named alone, and the checks of other sets say nothing of it."""
        arrays = scaled(sets, *statistics(sets["train"]))
        arrays["test"][:, 0, 0, 0] = np.nan
        pictures, training, others = of(arrays)

        assert "`X_test_scaled` holds values that are not finite" in pictures
        assert ("", "See 'pictures': the values are not finite.") == (training, others)

    def test_other_pictures(self, sets, of):
        """A set in another order is found by the check of pictures, and breaks no other."""
        arrays = scaled(sets, *statistics(sets["train"]))
        arrays["train"] = arrays["train"][::-1]
        found = of(arrays)

        assert found[0] and found[1] and not found[2]


@pytest.mark.parametrize("check", ["check_pictures", "check_training_set", "check_other_sets"])
@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 3)),
        np.zeros(5),
        np.zeros((3_000, 192)),
        np.full((5_000, *SHAPE), -1.0),
        np.ones((9_000, *SHAPE), bool),
        np.full((20, *SHAPE), 1e300),
    ],
)
def test_odd_arrays(data, sets, check, array):
    """Whatever shape or values an array has, something is found or cannot be answered; nothing breaks."""
    view = ArrayView(shape=array.shape, dtype=array.dtype, data=array)
    task = Task(name=MODEL, images="X_{}_scaled", standardised=True)
    evidence = Evidence(
        names=dict.fromkeys(NAMES.values(), view), probes={}, dataset=data, tasks={MODEL: task}
    )

    with np.errstate(all="ignore"):
        assert getattr(standardisation, check)(evidence, MODEL)
    with pytest.raises(Unanswered, match="not defined"):
        getattr(standardisation, check)(attrs.evolve(evidence, names={}), MODEL)
