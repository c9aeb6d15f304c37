"""Pictures are recognised whatever their order and the scaling of their pixels."""

import numpy as np
import pytest

from autograder.checks.preparation import identify, recognise
from autograder.data import MINIATURE, load, prepare

CHOSEN = np.sort(np.random.default_rng(1).choice(10_000, 200, replace=False))
PREPARATIONS = {
    "from 0 to 1": lambda pixels, every: pixels / 255,
    "from -1 to 1": lambda pixels, every: pixels / 127.5 - 1,
    "standardised as a whole": lambda pixels, every: (pixels - every.mean()) / every.std(),
    "standardised one by one": lambda pixels, every: (
        (pixels - every[500:].mean(axis=0)) / np.maximum(every[500:].std(axis=0), 1e-7)
    ),
}


@pytest.fixture(scope="module")
def digits():
    """The miniature of MNIST."""
    return load(prepare("mnist", MINIATURE), "mnist")


@pytest.mark.parametrize("name", PREPARATIONS)
def test_rows_in_any_order_are_recognised(digits, name):
    """Which pictures they are, that they are training pictures, and how their pixels were scaled."""
    every = digits.x_train.reshape(len(digits.x_train), -1).astype(np.float64)
    rows = PREPARATIONS[name](every[CHOSEN], every)
    source, found = identify(rows, digits), recognise(rows, digits)

    assert np.array_equal(CHOSEN, source.images)
    assert 0 == source.from_test
    assert np.allclose(rows, found.apply(digits.x_train[CHOSEN]).reshape(len(rows), -1), atol=1e-2)


def test_noise_is_no_picture(digits):
    """Rows that show none of the pictures are taken for none."""
    rows = np.random.default_rng(0).random((200, 784))

    assert identify(rows, digits).recognised < 0.5
    assert recognise(rows, digits) is None


def test_a_few_test_pictures_among_noise_say_nothing(digits):
    """Where most rows show no picture, the set is not said to be of the test set by those few that do."""
    rows = np.random.default_rng(0).random((200, 784))
    rows[:20] = digits.x_test[:20].reshape(20, -1) / 255
    source = identify(rows, digits)

    assert np.array_equal(np.arange(20) + len(digits.x_train), source.images[:20])
    assert 0 == source.from_test
