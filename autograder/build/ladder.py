"""A ladder of accuracy: one raw cell of a master that stands for the hidden tests of all its steps.

    # ACCURACY LADDER
    model: cifar10_bn
    points: {validation: 4, test: 2}
    hints:
    - Look at the rate and the number of epochs.
    - Look at the rate, and at how it falls.
    - A rate that falls to almost nothing may do it.

There is a step for each hint, and a first one below them for a network that has learned anything. `points`
are those of each step, for "validation", "test" or both. Of several ladders in one question, all but one
need a `name` of their own, which begins the names of their tests, and a `title`, which begins their messages.
"""

from __future__ import annotations

import re
from typing import Any

from autograder.build.settings import read_settings
from autograder.errors import LabProblem

__all__ = ["expand"]

_LADDER = re.compile(r"\A#\s*ACCURACY LADDER\s*\n(?P<config>.*)\Z", re.DOTALL)
_FIRST = "The saved network has hardly learned."
_STEP = '''""" # BEGIN TEST CONFIG
hidden: true
points: {points}
success_message: {title}, step {step} of {of}, is reached.
failure_message: {title}, step {step} of {of}, is missed. {hint}
"""  # END TEST CONFIG


def test_{name}_{step}(env):
    from autograder.checks import accuracy, evidence_of, require

    evidence = evidence_of(env, "{lab}")
    require(accuracy.check_step(evidence, "{model}", "{which}", step={step}, of={of}))'''


def expand(source: str, lab: str, where: str) -> list[str] | None:
    """The tests that a raw cell of the master stands for; None where it is no ladder.

    lab: its name. Raises LabProblem for a ladder with other settings than these.
    """
    found = _LADDER.match(source)
    if not found:
        return None
    config = read_settings(found["config"], where)
    _check(config, where)
    hints = [_FIRST, *config["hints"]]
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
    ):
        raise LabProblem(
            f"a ladder's settings are wrong: {sorted(missing | unknown) or 'points or hints'}",
            where=where,
            hint="model, points {validation, test} and hints must be given; name and title may be",
        )
