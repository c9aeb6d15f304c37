"""A task says which images a model is for, how they are numbered and how the reference scales them."""

import attrs
import numpy as np
import pytest

from autograder.data import MINIATURE, VALID, load, prepare
from autograder.labs import Task
from autograder.tasks import SETS, part_of, preparation_of, renumbered, trial_of

EVERY = Task(name="all")
ODD = Task(name="odd", images="X_{}_odd", labels="y_{}_odd", classes=(1, 3, 5, 7, 9))


@pytest.fixture(scope="module")
def digits():
    """The miniature of MNIST."""
    return load(prepare("mnist", MINIATURE), "mnist")


def test_validation_is_the_first_images_of_the_training_set(digits):
    """Validation and training images together are the data set's training images, in order."""
    valid, train = part_of(EVERY, "valid", digits), part_of(EVERY, "train", digits)

    assert VALID == len(valid.images)
    assert np.array_equal(digits.x_train, np.concatenate([valid.images, train.images]))
    assert np.array_equal(digits.y_train, np.concatenate([valid.labels, train.labels]))


@pytest.mark.parametrize("which", SETS)
def test_some_classes_are_numbered_anew(digits, which):
    """A task of some classes has all images of those, in order, with labels from 0, under its own names."""
    whole, part = part_of(EVERY, which, digits), part_of(ODD, which, digits)
    odd = whole.labels % 2 == 1

    assert np.array_equal(whole.images[odd], part.images)
    assert np.array_equal(whole.labels[odd] // 2, part.labels)
    assert (f"X_{which}_odd", f"y_{which}_odd") == (part.images_name, part.labels_name)


def test_other_classes_have_no_number():
    """A label that the task does not have becomes -1."""
    assert [-1, 0, -1, 4] == renumbered(ODD, np.array([0, 1, 2, 9])).tolist()
    assert [0, 1, 2, 9] == renumbered(EVERY, np.array([0, 1, 2, 9])).tolist()


def test_pixels_are_scaled_to_one(digits):
    """Unless the task says otherwise, the reference's pixels reach from 0 to 1."""
    scaled = preparation_of(EVERY, digits).apply(digits.x_test)

    assert (np.float32, 0.0, 1.0) == (scaled.dtype, scaled.min(), scaled.max())
    assert digits.x_test.shape == scaled.shape


@pytest.mark.parametrize("task", [EVERY, ODD], ids=["all classes", "some classes"])
def test_pixels_are_standardised_by_the_training_part(digits, task):
    """Standardised training images have mean 0 and spread 1 in each pixel that varies at all."""
    task = attrs.evolve(task, standardised=True)
    images = part_of(task, "train", digits).images
    flat = preparation_of(task, digits).apply(images).reshape(len(images), -1).astype(np.float64)
    varies = images.reshape(len(images), -1).std(axis=0) > 0

    assert np.allclose(flat.mean(axis=0), 0, atol=1e-4)
    assert np.allclose(flat.std(axis=0), varies, atol=1e-3)
    assert images[0].size == len(preparation_of(task, digits).scale)


def test_names_have_places_of_their_own(digits):
    """Where a task names its three sets otherwise, its arrays are named so."""
    task = Task(name="own", images="X{}", labels="y{}", sets=("1", "2", "_test"))

    assert [("X1", "y1"), ("X2", "y2"), ("X_test", "y_test")] == [
        (part.images_name, part.labels_name) for part in (part_of(task, which, digits) for which in SETS)
    ]


@pytest.mark.parametrize("which", ["valid", "test"])
def test_a_trial_asks_for_classes(digits, which):
    """A model of one image is asked for the class of each."""
    trial, part = trial_of(ODD, which, digits), part_of(ODD, which, digits)

    assert np.array_equal(part.labels, trial.answers)
    assert np.array_equal(part.images[3:5], trial.rows(slice(3, 5))[0])
    assert 1 / 5 == trial.guessing


@pytest.mark.parametrize("classes", [(), (1, 3)])
def test_a_trial_of_pairs(digits, classes):
    """Half of the pairs are of one class, all answers are right, no image meets itself, draws repeat."""
    task = Task(name="pairs", pairs=True, classes=classes)
    trial, labels = trial_of(task, "test", digits), part_of(task, "test", digits).labels
    first, second = trial.chosen

    assert np.array_equal(labels[first] != labels[second], trial.answers)
    assert 0.5 == trial.answers.mean() == trial.guessing
    assert not (first == second).any()
    assert [(7, 28, 28)] * 2 == [images.shape for images in trial.rows(slice(7))]
    assert np.array_equal(first, trial_of(attrs.evolve(task, name="again"), "test", digits).chosen[0])
