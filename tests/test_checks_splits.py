"""How data were divided: what is wrong with several sets is said once, and says what is there."""

import numpy as np
import pytest

from autograder.checks import splits
from autograder.data import VALID, DataSet
from autograder.evidence import ArrayView, Evidence
from autograder.labs import Task

MODEL = "net"
TASK = Task(name=MODEL, classes=(0, 1, 2, 3, 4))


@pytest.fixture(scope="module")
def data():
    """Made-up images of ten classes, each unlike all others."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (VALID + 900, 8, 8), np.uint8)
    y = np.arange(len(x)) % 10
    cut = VALID + 600
    return DataSet(
        name="made up", identity="made-up", x_train=x[:cut], y_train=y[:cut], x_test=x[cut:], y_test=y[cut:]
    )


@pytest.fixture
def sets(data):
    """The three sets of the classes 0 to 4, as images and labels."""
    whole = {
        "train": (data.x_train[VALID:], data.y_train[VALID:]),
        "valid": (data.x_train[:VALID], data.y_train[:VALID]),
        "test": (data.x_test, data.y_test),
    }
    return {which: (images[labels < 5], labels[labels < 5]) for which, (images, labels) in whole.items()}


@pytest.fixture
def of(data):
    """The messages of a check about these sets."""

    def check(name, sets):
        names = {}
        for which, arrays in sets.items():
            for letter, values in zip("Xy", arrays, strict=True):
                names[f"{letter}_{which}"] = ArrayView(shape=values.shape, dtype=values.dtype, data=values)
        evidence = Evidence(names=names, probes={}, dataset=data, tasks={MODEL: TASK})
        return [finding.message for finding in getattr(splits, name)(evidence, MODEL)]

    return check


@pytest.mark.parametrize(
    "check",
    ["check_classes", "check_sizes", "check_rows", "check_overlap", "check_labels", "check_scaled_alike"],
)
def test_as_asked(of, sets, check):
    """Sets as they should be give no finding."""
    assert [] == of(check, sets)


def test_images_and_labels_of_one_wrong_size(of, sets):
    """What is too long and what is too short is said once each, with all names."""
    short = tuple(values[:-20] for values in sets["train"])
    long = tuple(np.concatenate([values, values[:9]]) for values in sets["test"])
    (first, second) = of("check_sizes", sets | {"train": short, "test": long})

    assert "`X_train` and `y_train` have 280 rows, fewer than the question asks for." == first
    assert "`X_test` and `y_test` have 159 rows, more than the question asks for." == second


def test_labels_alone_of_a_wrong_size(of, sets):
    """One name stands alone."""
    images, labels = sets["train"]
    (found,) = of("check_sizes", sets | {"train": (images, labels[:-20])})

    assert found.startswith("`y_train` has 280 rows, fewer")


def test_a_class_too_many(of, data, sets):
    """Pictures of a class that the task does not have are found as such; their labels are in step."""
    images, labels = data.x_train[VALID:], data.y_train[VALID:]
    sets |= {"train": (images[labels < 6], labels[labels < 6])}

    assert [] == of("check_labels", sets)
    assert ["check_classes", "check_sizes", "check_rows"] == [
        name for name in ("check_classes", "check_sizes", "check_rows", "check_overlap") if of(name, sets)
    ]


def test_a_class_too_many_and_labels_out_of_step(of, data, sets):
    """The pictures of the task's own classes are still held beside their labels."""
    images, labels = data.x_train[VALID:], data.y_train[VALID:]
    sets |= {"train": (images[labels < 6], np.sort(labels[labels < 6]))}
    (found,) = of("check_labels", sets)

    assert "The labels in `y_train` are not those of the pictures in `X_train`, row by row." in found


def test_labels_out_of_step_everywhere(of, sets):
    """One sentence names all sets."""
    (found,) = of("check_labels", {which: (x, np.sort(y)) for which, (x, y) in sets.items()})

    assert "labels in `y_train`, `y_valid` and `y_test` are not those of the pictures in `X_train`" in found


def test_no_pictures_of_the_task(of, data, sets):
    """Of pictures that are none of the task's, nothing is said that is not known."""
    images, labels = data.x_train[VALID:], data.y_train[VALID:]
    (found,) = of("check_labels", sets | {"train": (images[labels >= 5], labels[labels >= 5])})

    assert "In `X_train` no picture of this task can be recognised" in found


def test_labels_that_are_none(of, sets):
    """Another number of labels, or no class numbers, is told from labels out of step."""
    images, labels = sets["train"]
    fewer = of("check_labels", sets | {"train": (images, labels[:-20])})
    fractions = of("check_labels", sets | {"train": (images, labels + 0.5)})

    assert ["`X_train` has 300 rows and `y_train` 280."] == fewer
    assert "does not look like class numbers" in fractions[0]


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ("train", "valid", "measures memory"),
        ("train", "test", "measures memory"),
        ("valid", "test", "no longer tested by the other"),
    ],
)
def test_pictures_in_two_sets(of, sets, one, other, words):
    """Why pictures in two sets matter depends on which sets these are."""
    (found,) = of("check_overlap", sets | {one: sets[other]})

    assert f"are in `X_{one}` and in `X_{other}`" in found
    assert words in found


@pytest.mark.parametrize("which", ["valid", "test"])
def test_a_set_that_is_scaled_otherwise(of, sets, which):
    """Any scaling will do, as long as it is that of the training set; what is said names the set."""
    scaled = {name: (images.astype(np.float32) / 255, labels) for name, (images, labels) in sets.items()}
    assert [] == of("check_scaled_alike", sets)
    assert [] == of("check_scaled_alike", scaled)

    images, labels = scaled[which]
    (found,) = of("check_scaled_alike", scaled | {which: (images / 255, labels)})
    assert f"`X_{which}` are scaled otherwise than those of `X_train`" in found


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda x: (x - np.uint8(128)) / 255, "Whole numbers of 8 bits end at 255"),
        (lambda x: (x * np.uint8(2)).astype(np.float32), "Whole numbers of 8 bits end at 255"),
        (lambda x: (x // 255).astype(np.float32), "Whole numbers have no fractions"),
    ],
    ids=["centred", "doubled", "divided"],
)
def test_pixels_in_whole_numbers(of, sets, prepare, words):
    """What whole numbers do to pixels is said, and not that the pictures are in another order."""
    changed = {which: (prepare(images), labels) for which, (images, labels) in sets.items()}
    said = of("check_rows", changed)

    assert 3 == len(said)
    assert all(words in message for message in said)


def test_pixels_in_proportion(of, sets):
    """Scaled pixels, also upside down, are no case for that."""
    changed = {which: (1 - images / 255, labels) for which, (images, labels) in sets.items()}

    assert [] == of("check_rows", changed)
