"""Errors say what happened, where, and what to do; each kind has its exit status."""

import pytest

from autograder.errors import AutograderError, LabProblem, MachineFault, Ungradable, UsageProblem


def test_exit_statuses():
    """Every kind ends the command with a status of its own."""
    kinds = (AutograderError, UsageProblem, LabProblem, Ungradable, MachineFault)

    assert [1, 2, 3, 4, 5] == [kind.exit_status for kind in kinds]
    assert all(issubclass(kind, AutograderError) for kind in kinds)


@pytest.mark.parametrize(
    ("places", "text"),
    [
        ({}, "it broke"),
        ({"submission": "kim"}, "kim: it broke"),
        ({"where": "cell 3"}, "cell 3: it broke"),
        ({"submission": "kim", "where": "cell 3"}, "kim, cell 3: it broke"),
        ({"hint": "mend it"}, "it broke\n  What to do: mend it"),
    ],
)
def test_the_message(places, text):
    """A message names the submission and the place where they are known, and ends with what to do."""
    assert text == str(Ungradable("it broke", **places))


def test_its_parts():
    """The parts of a message can be read one by one."""
    error = MachineFault("it broke", submission="kim", where="cell 3", hint="mend it")

    assert ("it broke", "kim", "cell 3", "mend it") == (error.what, error.submission, error.where, error.hint)
