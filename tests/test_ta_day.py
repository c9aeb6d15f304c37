"""A day in a TA's life as the README tells it: its commands are run, one by one, on a class of four.

The class is on the miniature and in a local sandbox; a stand-in for `./run` adds these two options, nothing
else. A hidden test of the lab is broken until the TA's editor mends it, so that there is a fault as well.
"""

import csv
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import autograder
from autograder.demo import LAB, submissions
from autograder.labs import find_lab

ROOT = Path(autograder.__file__).parent.parent
README = ROOT / "README.md"
SECONDS = 1800
GOOD = 'require(structure.check_initialisers(net, "he"))'
BROKEN = 'assert not [finding.nonsense for finding in structure.check_initialisers(net, "he")]'
RUN = """#!/bin/sh
shift
case $1 in
    grade) set -- "$@" --data miniature --sandbox local ;;
    rejudge) set -- "$@" --data miniature ;;
esac
exec "$PYTHON" -m autograder.cli "$@"
"""
EDITOR = """#!/bin/sh
cp "$MENDED" "$1"
"""
GRADEBOOK = """\
Student,ID,SIS User ID,SIS Login ID,Section,Lab 1 (501),Lab 10 (510),Final Score
,,,,,Manual Posting,,
    Points Possible,,,,,20,20,(read only)
"Kim, Mina",12345,2026001,kim,01,,7,35
"Lee, Jun",12346,2026002,lee,01,,,
"Park, Sora",12347,2026003,park,01,,,
"Choi, Ha",12348,2026004,choi,01,,,
"""


def commands():
    """The lines of the README's fenced block below the day's heading."""
    _, _, text = README.read_text(encoding="utf-8").partition("### A day in a TA's life\n")
    return re.search(r"```\n(.*?)```", text, re.DOTALL)[1].splitlines()


def write_download(path):
    """Canvas's zip of a right answer handed in twice, a wrong one, late, and one without a notebook."""
    answers = submissions()
    with zipfile.ZipFile(path, "w") as archive:
        for number, file in enumerate(sorted((answers / "right").iterdir()), start=678_001):
            again = re.sub(r"(\.\w+)$", r"-1\1", file.name)
            archive.write(file, f"kimmina_12345_{number}_{again}")
        archive.writestr(f"kimmina_12345_677999_{LAB}.ipynb", "not finished")
        archive.write(answers / "wrong" / f"{LAB}.ipynb", f"leejun_LATE_12346_678010_{LAB}.ipynb")
        archive.writestr("parksora_12347_678011_report.pdf", "%PDF")
    shutil.rmtree(answers.parent)


@pytest.fixture(scope="module")
def day(miniature, tmp_path_factory):
    """What each command of the day ended with and said, and where the TA sat."""
    place = tmp_path_factory.mktemp("day")
    downloads = place / "home" / "Downloads"
    downloads.mkdir(parents=True)
    write_download(downloads / "submissions.zip")
    (downloads / "gradebook.csv").write_text(GRADEBOOK, encoding="utf-8")
    lab = find_lab(LAB)
    shutil.copytree(lab.folder, place / "solutions" / LAB, ignore=shutil.ignore_patterns("corpus"))
    shutil.copytree(ROOT / "assignments" / LAB, place / "assignments" / LAB)
    master = place / "solutions" / LAB / f"{LAB}.py"
    shutil.copy(master, place / "mended.py")
    master.write_text(master.read_text(encoding="utf-8").replace(GOOD, BROKEN), encoding="utf-8")
    for name, text in (("run", RUN), ("editor", EDITOR)):
        (place / name).write_text(text, encoding="utf-8")
        (place / name).chmod(0o755)
    environment = os.environ | {
        "HOME": str(place / "home"),
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache"),
        "AUTOGRADER_SOLUTIONS": str(place / "solutions"),
        "PYTHONPATH": str(ROOT),
        "PYTHON": sys.executable,
        "EDITOR": str(place / "editor"),
        "MENDED": str(place / "mended.py"),
        "COLUMNS": "200",
    }
    ended = [
        subprocess.run(
            ["sh", "-c", line], cwd=place, env=environment, capture_output=True, text=True, timeout=SECONDS
        )
        for line in commands()
    ]
    return place, ended


def said(day, number):
    """What a command of the day said, counted from 0, on one line."""
    return " ".join(day[1][number].stdout.split())


def test_every_command_works(day):
    """All of them end well, but grading, which says that there was a fault."""
    _, ended = day

    assert [5, 0, 0, 0, 0, 0, 0] == [one.returncode for one in ended], [one.stderr for one in ended]


def test_the_three_outcomes(day):
    """Before the test is mended one is graded, one is ungradable and one is a fault, each with its reason."""
    told = said(day, 1)

    assert "1 graded, 1 ungradable, 1 fault of the machine (run again)" in told
    assert "parksora_12347: there is no notebook; it holds report.pdf" in told
    assert "leejun_12346: the test test_initialisers broke: AttributeError" in told
    assert "leejun_12346: handed in late, says Canvas; no point depends on it" in told
    assert f"kimmina_12345: handed in again: {LAB}-1.ipynb counts, not {LAB}.ipynb" in told


def test_one_student(day):
    """One student's sheet has the points, every test, and where the executed notebook is."""
    told = said(day, 2)

    assert "kimmina_12345: 100/100" in told
    assert "q1 - initialisers" in told
    assert "results/kimmina_12345/executed.ipynb" in told


def test_mended_and_judged_again(day):
    """With the test mended the reference has full marks, and the fault has become a score."""
    assert "reference gets 100 of 100" in said(day, 4)
    assert "2 graded, 1 ungradable" in said(day, 5)


def test_the_grades_go_back(day):
    """Scores are in the points of the column, other columns are gone, and whoever has none has none."""
    place, _ = day
    with (place / "lab1.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    points = {row[0]: row[5] for row in rows[3:]}

    assert "Lab 1 (501)" == rows[0][-1]
    assert ("20", "", "") == tuple(points[name] for name in ("Kim, Mina", "Park, Sora", "Choi, Ha"))
    assert 0 < float(points["Lee, Jun"]) < 20
    assert "Lab 1 (501): 2 scores in lab1.csv (100 points became 20)" in said(day, 6)
    assert "left out: parksora_12347: ungradable: there is no notebook" in said(day, 6)
    assert "without a submission here: 1 of the gradebook" in said(day, 6)
