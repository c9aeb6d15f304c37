"""The demonstration: three submissions, graded as a newcomer would, come out as promised."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

import autograder
from autograder.demo import submissions

SECONDS = 1800


@pytest.fixture(scope="module")
def demo(miniature, tmp_path_factory):
    """The results folder of the demonstration, and what it says."""
    out = tmp_path_factory.mktemp("demo") / "results"
    environment = os.environ | {"PYTHONPATH": str(Path(autograder.__file__).parent.parent)}
    ended = subprocess.run(
        [sys.executable, "-m", "autograder.cli", "demo", "--sandbox", "local", "--out", str(out)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert 0 == ended.returncode, ended.stderr
    return out, ended.stdout


def test_three_outcomes(demo):
    """The right submission gets everything, the wrong one part of it, the cheating one least."""
    out, _ = demo
    with (out / "grades.csv").open(encoding="utf-8-sig", newline="") as stream:
        scores = {row["student"]: float(row["score"]) for row in csv.DictReader(stream)}

    assert {"right", "wrong", "cheating"} == set(scores)
    assert 100 == scores["right"]
    assert 100 > scores["wrong"] > scores["cheating"] >= 0


def test_what_it_says(demo):
    """It prints each score and where to look around."""
    out, said = demo

    assert "100/100" in said
    assert f"Look around in {out}" in said.replace("\n", "")


def test_the_cheat_is_told(demo):
    """What the cheating notebook replaced in the library is named in its results."""
    out, _ = demo

    assert "was replaced by your notebook" in (out / "cheating" / "results.json").read_text(encoding="utf-8")


def test_submissions_are_folders_a_student_could_hand_in(lab):
    """Each is a folder with a notebook of the lab's name; only the right one brings a network."""
    folder = submissions()

    assert {"right": 3, "wrong": 1, "cheating": 1} == {
        place.name: len(list(place.iterdir())) for place in folder.iterdir()
    }
    assert all((place / lab.notebook_name).is_file() for place in folder.iterdir())
