"""Tests that labs have in common: raw cells of a master that stand for them.

A ladder of accuracy stands for the hidden tests of all its steps:

    # ACCURACY LADDER
    model: cifar10_bn
    points: {validation: 4, test: 2}
    hints:
    - Look at the rate and the number of epochs.
    - Look at the rate, and at how it falls.
    - A rate that falls to almost nothing may do it.

There is a step for each hint, and a first one below them for a network that has learned anything. A hint is
shown where nothing in the submission shows why the network learned badly. `points` are those of each step,
for "validation", "test" or both. Of several ladders in one question, all but one need a `name` of their own,
which begins the names of their tests, and a `title`, which begins their messages.

And one without settings, for a question in which a network is trained, stands for the public check that
no global seed makes the batches the same in every epoch:

    # SEED CHECK
"""

from __future__ import annotations

import re
from typing import Any

from autograder.build.settings import read_settings
from autograder.errors import LabProblem

__all__ = ["expand"]

_LADDER = re.compile(r"\A#\s*ACCURACY LADDER\s*\n(?P<config>.*)\Z", re.DOTALL)
_SEED = re.compile(r"\A#\s*SEED CHECK\s*\Z")
_SEED_CHECK = '''""" # BEGIN TEST CONFIG
points: 0
"""  # END TEST CONFIG


def test_batches_come_in_a_new_order_each_epoch(env):
    seeded = "dnnlab" in env and env["dnnlab"].global_seed_is_set()
    assert not seeded, (
        "TensorFlow's global seed is set. If you gave fit arrays, every epoch had the same batches in the "
        "same order, which costs accuracy, and most of all with batch normalisation: use dnnlab.set_seed, "
        "which also clears that seed, and dnnlab.batches. If you gave it a dataset that is shuffled anew in "
        "every epoch, all is well. No point depends on this."
    )'''
_STEP = '''""" # BEGIN TEST CONFIG
hidden: true
points: {points}
success_message: {title}, step {step} of {of}, is reached.
failure_message: {title}, step {step} of {of}, is missed.
"""  # END TEST CONFIG


def test_{name}_{step}(env):
    from autograder.checks import accuracy, evidence_of, require

    evidence = evidence_of(env, "{lab}")
    place = dict(step={step}, of={of}, hint={hint!r})
    require(accuracy.check_step(evidence, "{model}", "{which}", **place))'''


def expand(source: str, lab: str, where: str) -> list[str] | None:
    """The tests that a raw cell of the master stands for; None where it stands for none.

    lab: its name. Raises LabProblem for a ladder with other settings than these.
    """
    if _SEED.match(source):
        return [_SEED_CHECK]
    found = _LADDER.match(source)
    if not found:
        return None
    config = read_settings(found["config"], where)
    _check(config, where)
    hints = ["", *config["hints"]]
    return [
        _STEP.format(
            lab=lab,
            model=config["model"],
            which=which,
            points=points,
            name=config.get("name", f"{which}_accuracy"),
            title=config.get("title", f"{which.capitalize()} accuracy"),
            step=step,
            of=len(hints),
            hint=hint,
        )
        for which, points in config["points"].items()
        for step, hint in enumerate(hints, start=1)
    ]


def _check(config: dict[str, Any], where: str) -> None:
    missing = {"model", "points", "hints"} - set(config)
    unknown = set(config) - {"model", "points", "hints", "name", "title"}
    points = config.get("points")
    if (
        missing
        or unknown
        or not isinstance(points, dict)
        or not points
        or not set(points) <= {"validation", "test"}
        or not isinstance(config["hints"], list)
        or not all(isinstance(hint, str) for hint in config["hints"])
    ):
        raise LabProblem(
            f"a ladder's settings are wrong: {sorted(missing | unknown) or 'points or hints'}",
            where=where,
            hint="model, points {validation, test} and hints must be given; name and title may be",
        )
