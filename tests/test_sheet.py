"""What a TA sees of one submission is complete, and nothing of a student's is more than text."""

import io
import json

import pytest
from click.testing import CliRunner
from rich.console import Console

from autograder import cli
from autograder.records import Outcome, Verdict
from autograder.sheet import print_sheet

TESTS = [
    {"name": "q1 - input", "score": 2, "max_score": 2, "status": "passed", "output": "Well done."},
    {
        "name": "q1 - layers",
        "score": 0.5,
        "max_score": 6,
        "status": "failed",
        "output": "Count them.\nThere are 3.",
    },
    {"name": "q2 - public", "score": 0, "max_score": 0, "status": "failed", "output": "[red]x[/red]\x1b[31m"},
]
SUSPICIONS = [
    {"kind": "alike", "model": "deep", "submissions": ["kim", "lee"], "text": "one network"},
    {"kind": "history", "model": "deep", "submissions": ["lee"], "text": "another matter"},
]


@pytest.fixture
def results(tmp_path):
    """A results folder with one graded, one ungradable and one faulty submission."""
    outcomes = [
        Outcome(
            submission="kim",
            lab="deep",
            verdict=Verdict.GRADED,
            score=2.5,
            possible=8,
            notes=("there is no deep.keras",),
        ),
        Outcome(
            submission="lee", lab="deep", verdict=Verdict.UNGRADABLE, reason="no notebook", hint="ask for it"
        ),
        Outcome(submission="park", lab="deep", verdict=Verdict.FAULT, reason="no disk", hint="run again"),
    ]
    for one in outcomes:
        (tmp_path / one.submission).mkdir()
        (tmp_path / one.submission / "outcome.json").write_text(one.to_json(), encoding="utf-8")
        (tmp_path / one.submission / "results.json").write_text(
            json.dumps({"tests": TESTS, "output": "Code cell 2 failed: \x1b]0;x\x07[link=x]NameError[/link]"})
        )
    (tmp_path / "park" / "fault.log").write_text("Traceback")
    (tmp_path / "suspicions.json").write_text(json.dumps({"schema": 1, "suspicions": SUSPICIONS}))
    return tmp_path


def sheet(results, name):
    """The sheet of a submission, without the frames of the table."""
    console = Console(file=io.StringIO(), width=300, force_terminal=True, color_system=None)
    outcome = Outcome.from_json((results / name / "outcome.json").read_text(encoding="utf-8"))
    print_sheet(results, outcome, console)
    return [" ".join(line.replace("│", " ").split()) for line in console.file.getvalue().splitlines()]


def test_a_graded_submission(results):
    """It shows the score, every test, what is told where points were lost, what ran, notes and suspicions."""
    lines = sheet(results, "kim")

    assert {"kim: 2.5/8", "q1 - input 2/2", "q1 - layers 0.5/6 Count them.", "There are 3."} <= set(lines)
    assert [
        "Code cell 2 failed: ]0;x[link=x]NameError[/link]",
        "Note: there is no deep.keras",
        "For a person to look at: kim, lee: one network",
    ] == lines[-4:-1]
    assert str(results / "kim" / "results.json") == lines[-1]


def test_nothing_of_a_students_has_an_effect(results):
    """Markup and the terminal's codes are shown as they stand."""
    lines = sheet(results, "kim")

    assert "q2 - public [red]x[/red][31m" in lines
    assert [] == [line for line in lines if "\x1b" in line or "\x07" in line]


@pytest.mark.parametrize(
    ("name", "line"),
    [("lee", "lee: ungradable: no notebook (ask for it)"), ("park", "park: fault: no disk (run again)")],
)
def test_no_score_has_no_tests(results, name, line):
    """Without a score there is a reason, and no points of an earlier grading beside it."""
    lines = sheet(results, name)

    assert (line, False) == (lines[1], any("q1" in line for line in lines))
    assert (name == "park") == (str(results / name / "fault.log") in lines)


def test_the_command(results):
    """`show` lists all, shows those that are named, and names who is not there."""
    run = CliRunner().invoke
    every, one, none = (run(cli.main, ["show", str(results), *names]) for names in ([], ["lee"], ["choi"]))

    assert "1 graded, 1 ungradable, 1 fault of the machine (run again)" in every.output
    assert "- kim, lee: one network\n- lee: another matter\n" in every.output
    assert "lee: ungradable: no notebook (ask for it)" in one.output
    assert (2, True) == (none.exit_code, "has no submission choi" in none.output)
