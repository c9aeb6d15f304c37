"""What happens in Gradescope's container: the data are prepared once, then each submission is graded."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from autograder.batch import Parts
from autograder.batch import grade as grade_all
from autograder.batch.results import replace_text
from autograder.calibration import read_calibration
from autograder.data import MINIATURE, load
from autograder.data import prepare as prepare_data
from autograder.errors import AutograderError, MachineFault
from autograder.gradescope.places import DataFrom, Places, Settings
from autograder.gradescope.results import results_of
from autograder.intake import Candidate
from autograder.kit import make_kit
from autograder.labs import find_lab
from autograder.records import Outcome, Verdict
from autograder.report import outcome_line
from autograder.run import collect_evidence, try_room
from autograder.sandbox.contract import Sandbox
from autograder.suspicion.together import look_among

__all__ = ["grade", "prepare"]

_NAME = "submission"
_LOG_LINES = 30


def prepare(places: Places) -> str:
    """Put the lab's data set in its place, readable for everybody; returns its name.

    Raises MachineFault where it cannot be downloaded, LabProblem where the lab has no marks for it.
    """
    settings = Settings.read(places.source)
    lab = find_lab(settings.lab)
    fresh = places.ours / "cache"
    os.environ["XDG_CACHE_HOME"] = str(fresh)
    source = {
        DataFrom.MINIATURE: lambda: MINIATURE,
        DataFrom.ZIP: lambda: str(places.source / "data"),
        DataFrom.DOWNLOAD: lambda: str(_download(lab.dataset, fresh)),
    }[settings.data]()
    found = prepare_data(lab.dataset, source)
    identity = load(found, lab.dataset).identity
    for model in lab.models:
        read_calibration(lab.calibration, model, identity)
    shutil.rmtree(places.data, ignore_errors=True)
    shutil.move(found, places.data)
    shutil.rmtree(fresh)
    return identity


def _download(name: str, folder: Path) -> Path:
    """A folder with the data set as Keras downloads it."""
    import numpy as np

    os.environ["KERAS_HOME"] = str(folder / "keras")
    import keras  # which looks where its home is

    folder.mkdir(parents=True, exist_ok=True)
    try:
        (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a plain Exception where a download fails
        raise MachineFault(
            f"{name} cannot be downloaded: {error}",
            hint="build again, or put the data into the zip: `autograder bundle --gradescope LAB --data DIR`",
        ) from error
    np.savez(folder / name, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return folder


def grade(places: Places, sandbox: Sandbox, say: Callable[[str], object], parts: Parts | None = None) -> bool:
    """Grade the submission and write its results; False, and none of these, after a fault of the machine.

    say: takes what the instructor should know, line by line.
    """
    places.results.unlink(missing_ok=True)
    try:
        lab = find_lab(Settings.read(places.source).lab)
        (outcome,) = grade_all(
            [Candidate(name=_NAME, path=_submission(places.submission))],
            lab,
            out=places.work / "out",
            sandbox=sandbox,
            data=places.data,
            parts=parts or _parts(places),
        )
    except AutograderError as error:
        say(f"FAULT, not graded: {error}")
        return False
    folder = places.work / "out" / _NAME
    _tell_instructor(outcome, folder, say)
    if outcome.verdict is Verdict.FAULT:
        return False
    judged = folder / "results.json"
    told = json.loads(judged.read_text(encoding="utf-8")) if judged.is_file() else None
    replace_text(places.results, json.dumps(results_of(outcome, lab, told), indent=1))
    return True


def _parts(places: Places) -> Parts:
    """The parts that grade in earnest, with the hidden tests that the zip brought."""
    return Parts(
        tests_for=lambda lab: places.source / "tests",
        make_kit=make_kit,
        collect=collect_evidence,
        try_room=try_room,
    )


def _submission(folder: Path) -> Path:
    """The student's files, or the zip that is all that they handed in."""
    files = [path for path in folder.iterdir() if not path.name.startswith(".")]
    if len(files) == 1 and files[0].suffix.lower() == ".zip" and not files[0].is_symlink():
        return files[0]
    return folder


def _tell_instructor(outcome: Outcome, folder: Path, say: Callable[[str], object]) -> None:
    say(outcome_line(outcome))
    for note in outcome.notes:
        say(f"note: {note}")
    for suspicion in look_among(folder.parent, [outcome.submission]):
        say(f"for a person to look at (no point depends on it): {suspicion.text}")
    log = folder / "fault.log"
    if outcome.verdict is Verdict.FAULT and log.is_file():
        say("\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]))
