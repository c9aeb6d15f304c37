"""What a TA sees of outcomes: complete, and nothing of a student's is taken for more than text."""

import csv
import io

import pytest
from rich.console import Console

from autograder.batch.status import Standing, Status
from autograder.records import Outcome, QuestionScore, Verdict
from autograder.report import live_progress, outcome_line, print_status, print_table, write_grades


def graded(name, score=7.5, **changes):
    """A graded submission."""
    questions = (QuestionScore(name="q1", score=score, possible=10),)
    settings = {"verdict": Verdict.GRADED, "score": score, "possible": 10, "questions": questions}
    return Outcome(submission=name, lab="deep", **(settings | changes))


def failed(name, verdict=Verdict.UNGRADABLE, reason="no notebook", hint="ask for it"):
    """A submission without a score."""
    return Outcome(submission=name, lab="deep", verdict=verdict, reason=reason, hint=hint)


def console(*, terminal=False):
    """A console that writes to a text."""
    return Console(file=io.StringIO(), width=120, force_terminal=terminal, color_system=None)


def rows(folder):
    """The gradebook's rows."""
    with (folder / "grades.csv").open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.reader(stream))


def test_the_gradebook(tmp_path):
    """It has a row a submission, by name, and points only where there is a score."""
    write_grades(tmp_path, [graded("lee"), failed("kim"), failed("choi", Verdict.FAULT, "no disk")])

    assert [
        ["student", "outcome", "score", "possible", "percent", "reason"],
        ["choi", "fault", "", "", "", "no disk"],
        ["kim", "ungradable", "", "", "", "no notebook"],
        ["lee", "graded", "7.5", "10", "75.0", ""],
    ] == rows(tmp_path)


def test_the_gradebook_opens_in_spreadsheets(tmp_path):
    """A byte order mark tells spreadsheets that Korean names are UTF-8, and no other file is left."""
    write_grades(tmp_path, [graded("김지수")])

    assert b"\xef\xbb\xbf" == (tmp_path / "grades.csv").read_bytes()[:3]
    assert ["grades.csv"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize("text", ["=1+1", "+cmd|'/c calc'!A1", "-1", "@x", "＝1", " =1", "\t=1", "\x00=1"])
def test_no_cell_is_a_formula(tmp_path, text):
    """What a student chose is text to a spreadsheet."""
    write_grades(tmp_path, [failed(text, reason=text)])

    assert {"'"} == {rows(tmp_path)[1][place][0] for place in (0, 5)}


def test_no_cell_breaks_the_line(tmp_path):
    """Line breaks and control characters of a reason don't reach the gradebook."""
    write_grades(tmp_path, [failed("kim", reason='two\r\nlines, "quoted"\x1b[31m')])

    assert 'two lines, "quoted"[31m' == rows(tmp_path)[1][5]


def test_the_table():
    """It shows points per question, below them the notes, and how many ended how."""
    out = console()
    print_table([graded("lee", notes=("there is no deep.keras",)), failed("kim")], out)
    text = out.file.getvalue()

    assert ["kim", "ungradable"] == [
        cell.strip() for cell in text.splitlines()[3].strip("│").split("│") if cell.strip()
    ]
    assert ["lee", "graded", "7.5/10", "7.5/10"] == [
        cell.strip() for cell in text.splitlines()[4].strip("│").split("│")
    ]
    assert ["kim: no notebook: ask for it", "lee: there is no deep.keras"] == text.splitlines()[-3:-1]
    assert "1 graded, 1 ungradable" == text.splitlines()[-1]


def test_a_fault_is_counted():
    """The last line says that a fault is to be run again."""
    out = console()
    print_table([failed("kim", Verdict.FAULT)], out)

    assert "0 graded, 1 fault of the machine (run again)" == out.file.getvalue().splitlines()[-1]


def test_markup_is_text():
    """Neither the terminal's codes nor Rich's markup of a student have any effect."""
    out = console()
    name, reason = "[red]kim[/red]", "[link=x]y[/link]\x1b]0;title\x07"
    print_table([failed(name, reason=reason, hint="")], out)
    progress = live_progress(out)
    progress.begin(1)
    progress.finished(failed(name, reason=reason, hint=""), kept=False)
    text = out.file.getvalue()

    assert (3, 2, 0) == (
        text.count("[red]kim[/red]"),
        text.count("[link=x]y[/link]]0;title"),
        text.count("\x1b"),
    )


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (graded("kim"), "kim: 7.5/10"),
        (failed("kim"), "kim: ungradable: no notebook (ask for it)"),
        (failed("kim", Verdict.FAULT, "no disk", ""), "kim: fault: no disk"),
    ],
)
def test_one_line(outcome, line):
    """A line says the points, or why there are none and what to do."""
    assert line == outcome_line(outcome)


def test_progress_in_a_log():
    """Away from a terminal every submission is one plain line."""
    out = console()
    progress = live_progress(out)
    progress.begin(2)
    progress.finished(graded("kim"), kept=False)
    progress.finished(graded("lee"), kept=True)
    progress.close()

    assert ["[1/2] kim: 7.5/10", "[2/2] lee: 7.5/10 (kept)"] == out.file.getvalue().splitlines()


def test_progress_on_a_terminal():
    """On a terminal new results are lines above a bar; kept ones only move it."""
    out = console(terminal=True)
    progress = live_progress(out)
    progress.begin(2)
    progress.finished(graded("kim"), kept=False)
    progress.finished(graded("lee"), kept=True)
    progress.close()
    text = out.file.getvalue()

    assert (True, False, True) == ("kim: 7.5/10" in text, "lee: 7.5/10" in text, "2/2" in text)


class TestStatus:
    """How far a batch is."""

    START, LATER = "2026-01-02T10:00:00+00:00", "2026-01-02T10:05:00+00:00"

    def shown(self, **changes):
        """What is printed of a batch of four, five minutes after it began."""
        standings = (
            Standing(
                submission="choi",
                state="done",
                attempt=1,
                started=self.START,
                ended=self.LATER,
                outcome="graded",
            ),
            Standing(
                submission="kim", state="judging", attempt=2, started=self.LATER, reason="the judge died"
            ),
            Standing(submission="lee", state="waiting"),
            Standing(submission="[red]x\x1b[1m", state="done", outcome="fault", reason="no [b]disk"),
        )
        settings = {"alive": True, "ended": "", "ending": "", "paused": "", "standings": standings} | changes
        output = console()
        status = Status(kind="grade", lab="deep", sandbox="docker", jobs=2, started=self.START, **settings)
        print_status(status, self.LATER, output)
        return output.file.getvalue()

    def test_under_way(self):
        """Who is under way, was tried before or has no score stands in the table; names are text."""
        text = self.shown()

        assert "grade deep: 2 of 4 done in 5 min; under way, about 5 min left" in text
        assert "1 graded, 0 ungradable, 1 fault, 0 running, 1 judging, 1 waiting" in text
        assert ["kim", "[red]x[1m"] == [
            line.split("│")[1].strip() for line in text.splitlines() if "│" in line
        ]
        assert "no [b]disk" in text

    def test_a_pause(self):
        """Why all wait is said."""
        assert "the engine is gone" in self.shown(paused="the engine is gone").splitlines()[1]

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"alive": False}, "2 of 4 done; it was killed; run the same command again to go on"),
            ({"alive": None}, "2 of 4 done; under way, or killed: it was started on another machine"),
            ({"ended": LATER, "ending": "interrupted", "alive": False}, "2 of 4 done in 5 min; interrupted"),
        ],
    )
    def test_not_under_way(self, changes, expected):
        """A batch that does not run says why, or that it can't be known."""
        assert expected in self.shown(**changes)
