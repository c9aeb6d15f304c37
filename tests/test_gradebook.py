"""Scores go into the gradebook of Canvas where they belong, and nothing else does."""

import csv
import io

import pytest
from click.testing import CliRunner

from autograder import cli
from autograder.errors import UsageProblem
from autograder.gradebook import Gradebook, fill
from autograder.records import Outcome, Verdict

CONTENT = '''\
Student,ID,SIS User ID,SIS Login ID,Section,Notes,Lab 1 (501),Lab 10 (510),Lab 1 (601),Current Score (2026)
,,,,,,Manual Posting,,,
    Points Possible,,,,,,20,100.00,,(read only)
"Kim, Mina",1,2026001,kim,01,,,7,,35
"Lee, Jun",2,2026002,lee,01,,,,,
"Park, Sora",3,2026003,park,01,,12,,,
"Choi, Ha",4,2026004,choi,01,,EX,,,
"Jung, A",5,2026005,jung,01,,N/A,,,
"=""=1+1""",6,2026006,=x,01,,,,,
"Student, Test",7
'''


def graded(name, canvas_id, score=75, **changes):
    """A graded submission of 100 points."""
    settings = {"verdict": Verdict.GRADED, "score": score, "possible": 100, "canvas_id": canvas_id}
    return Outcome(submission=name, lab="deep", **(settings | changes))


def failed(name, canvas_id, verdict=Verdict.UNGRADABLE, reason="no notebook"):
    """A submission without a score."""
    return Outcome(submission=name, lab="deep", verdict=verdict, reason=reason, canvas_id=canvas_id)


def filled(*outcomes, wanted="501"):
    """The gradebook of this module with these outcomes."""
    gradebook = Gradebook.parse(CONTENT.encode())
    return fill(gradebook, outcomes, gradebook.column(wanted))


def points(found):
    """What stands in the filled column, by id."""
    return {row[1]: row[5] for row in csv.reader(io.StringIO(found.text)) if row[1].isdigit()}


def test_scores_are_in_the_points_of_the_column():
    """A score counts in percent, to two digits, and what became what is said."""
    found = filled(
        graded("kim", "1", score=100), graded("lee", "2", score=66.67), graded("zero", "6", score=0)
    )

    assert ("20", "13.33", "0") == tuple(points(found)[who] for who in "126")
    assert (3, "100 points became 20") == (found.count, found.scale)


def test_equal_points_are_not_spoken_of():
    """Where the column has the points of the lab, they are copied and nothing is said."""
    found = filled(graded("kim", "1", score=62.5), wanted="510")

    assert ("62.5", "") == (points(found)["1"], found.scale)


def test_who_has_no_score_is_never_a_zero():
    """Ungradable ones, faults, strangers and doubles are named with the reason; their cells stay."""
    found = filled(
        failed("kim_1", "1"),
        failed("park_3", "3", Verdict.FAULT, "no disk"),
        graded("mail", ""),
        graded("other_9", "9"),
        graded("lee_2", "2"),
        graded("lee_2-2", "2"),
        graded("choi_4", "4"),
        graded("jung_5", "5"),
    )

    assert {"1": "", "2": "", "3": "12", "4": "EX", "5": "N/A", "6": "", "7": ""} == points(found)
    assert (0, 2) == (found.count, found.without)
    assert (
        "choi_4: is excused from it, says the gradebook",
        "jung_5: is not to do it, says the gradebook",
        "kim_1: ungradable: no notebook",
        "lee_2-2: there is another submission of the id 2",
        "lee_2: there is another submission of the id 2",
        "mail: no Canvas id is known; it did not come in Canvas's download",
        "other_9: the gradebook has no student with the id 9",
        "park_3: fault: no disk",
    ) == found.left_out


def test_nothing_else_is_written():
    """The file has the students' columns and the one that is filled, with the rows above the students."""
    rows = list(csv.reader(io.StringIO(filled(graded("kim", "1")).text)))

    assert ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Lab 1 (501)"] == rows[0]
    assert (["", "", "", "", "", "Manual Posting"], "20") == (rows[1], rows[2][5])
    assert ["Kim, Mina", "1", "2026001", "kim", "01", "15"] == rows[3]


def test_no_name_is_a_formula():
    """A name that a spreadsheet would evaluate becomes text; ids and logins are untouched."""
    rows = list(csv.reader(io.StringIO(filled().text)))

    assert ['\'="=1+1"', "6", "2026006", "=x"] == rows[8][:4]


@pytest.mark.parametrize(
    ("wanted", "place"), [("501", 6), ("lab 1 (501)", 6), ("Lab 10", 7), ("10", 7), ("Lab 1 (601)", 8)]
)
def test_one_column(wanted, place):
    """A column is named by its title, its id, both, or a part of the title that no other has."""
    assert place == Gradebook.parse(CONTENT.encode()).column(wanted)


@pytest.mark.parametrize(
    ("wanted", "what"),
    [
        ("Lab 1", "more than one assignment is called like 'Lab 1'"),
        ("Lab 2", "no assignment is 'Lab 2'"),
        ("Current Score", "no assignment is 'Current Score'"),
        ("", "which assignment is to be filled?"),
    ],
)
def test_unclear_columns(wanted, what):
    """What is not one assignment is refused, with all there are."""
    with pytest.raises(UsageProblem) as caught:
        Gradebook.parse(CONTENT.encode()).column(wanted)

    assert (
        f"{what}\n  What to do: name one of these with --assignment, by title or number: "
        "'Lab 1 (501)', 'Lab 10 (510)', 'Lab 1 (601)'"
    ) == str(caught.value)


def test_the_only_assignment_needs_no_name():
    """Where there is one assignment it is meant."""
    text = "Student,ID,Lab 1 (501)\nPoints Possible,,20\n"

    assert 2 == Gradebook.parse(text.encode()).column("")


def test_a_column_without_points():
    """No score can be put into a column that has no points."""
    with pytest.raises(UsageProblem, match=r"Lab 1 \(601\) has no points possible in the gradebook"):
        filled(graded("kim", "1"), wanted="601")


def test_a_gradebook_of_another_country():
    """Semicolons between cells, commas in numbers and a byte order mark are read."""
    text = "\ufeffLastName;FirstName;ID;Section;Lab (501)\n    Points Possible;;;;12,50\nKim;Mina;1;01;\n"
    gradebook = Gradebook.parse(text.encode())
    found = fill(gradebook, [graded("kim", "1", score=50)], 4)

    assert (True, "Kim;Mina;1;01;6.25") == (gradebook.mark, found.text.splitlines()[2])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"student,score\nkim,1\n",
        b"\xff\xfe",
        b'Student,ID\n"',
        b"Student,ID,Lab (1)\nKim,1,\n",
        b"PK\x03",
    ],
)
def test_what_is_no_gradebook(content):
    """Another file is refused, and what to export is said."""
    with pytest.raises(UsageProblem, match="this is no gradebook"):
        Gradebook.parse(content)


class TestCommand:
    """`autograder export`."""

    @pytest.fixture
    def export(self, tmp_path):
        """Run it on a results folder with one score."""
        (tmp_path / "results" / "kim_1").mkdir(parents=True)
        text = graded("kim_1", "1").to_json()
        (tmp_path / "results" / "kim_1" / "outcome.json").write_text(text, encoding="utf-8")
        (tmp_path / "canvas.csv").write_text(CONTENT, encoding="utf-8")

        def run(out, *more):
            arguments = ["--canvas", tmp_path / "canvas.csv", "--out", out, *more]
            return CliRunner().invoke(cli.main, ["export", str(tmp_path / "results"), *map(str, arguments)])

        return run

    def test_a_file_for_canvas(self, tmp_path, export):
        """It writes the file and says what is in it."""
        found = export(tmp_path / "new.csv", "--assignment", 501)

        assert (
            f"Lab 1 (501): 1 scores in {tmp_path / 'new.csv'} (100 points became 20)\n"
            "without a submission here: 6 of the gradebook; cells as they were\n"
        ) == found.output
        assert '"Kim, Mina",1,2026001,kim,01,15' in (tmp_path / "new.csv").read_text(encoding="utf-8")

    def test_canvas_s_own_file_is_kept(self, tmp_path, export):
        """The gradebook is not written over."""
        found = export(tmp_path / "canvas.csv", "--assignment", 501)

        assert (2, CONTENT) == (found.exit_code, (tmp_path / "canvas.csv").read_text(encoding="utf-8"))
