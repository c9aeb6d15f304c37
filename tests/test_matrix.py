"""The kill matrix: what it calls a problem, and how it is shown."""

import json

import attrs
import pytest
from gradings import ONE, OTHER, TESTS, TWO, graded, ungraded

from autograder.corpus import Entry
from autograder.corpus.matrix import Matrix, Row, Run, read_run
from autograder.corpus.report import summary, to_html


def right(*runs, name="right"):
    """A right answer with its gradings."""
    return Row(entry=Entry(name=name, about="a style", correct=True), runs=runs)


def wrong(*runs, fails="q1", name="wrong"):
    """An answer that is wrong in one question, with its gradings."""
    return Row(entry=Entry(name=name, about="an error", correct=False, fails=(fails,)), runs=runs)


def matrix_of(*rows):
    """A matrix of these rows."""
    return Matrix(lab="deep", data="toy", tests=TESTS, rows=rows)


@pytest.fixture
def perfect():
    """A matrix without a problem."""
    return matrix_of(right(graded()), wrong(graded(ONE, TWO)), wrong(graded(OTHER), fails="q2", name="other"))


def test_a_perfect_matrix_has_no_problem(perfect):
    """Full points for right answers, one question lost by each wrong one, and no idle test."""
    assert [] == perfect.problems()
    assert ["wrong"] == perfect.killed_by(TWO)
    assert ["other"] == perfect.killed_by(OTHER)


@pytest.mark.parametrize(
    ("row", "problems"),
    [
        (right(graded(ONE)), ["right, but loses points in q1 - layers"]),
        (
            right(graded(), graded(OTHER)),
            ["right, but loses points in q2 - loss", "has not one score but 2, 3"],
        ),
        (right(ungraded()), ["is ungradable: no notebook"]),
        (wrong(graded()), ["survives: it loses nothing in q1"]),
        (wrong(graded(ONE, OTHER)), ["also loses points in q2 - loss"]),
        (wrong(graded(OTHER)), ["also loses points in q2 - loss", "survives: it loses nothing in q1"]),
        (wrong(graded(ONE), graded()), ["survives: it loses nothing in q1", "has not one score but 2, 3"]),
        (wrong(graded(ONE), graded(TWO)), []),
    ],
)  # fmt: skip
def test_what_is_a_problem(row, problems):
    """Points lost without cause, survivors, scores that change and what has none, each with its entry."""
    assert [f"{row.entry.name}: {problem}" for problem in problems] == row.problems()


def test_messages_are_held_against_their_entry():
    """On the miniature a message that is new, gone or not the entry's is a problem; figures may differ."""
    told = {ONE: "It has 19 layers, with a spread of 1.3e-5.", TWO: "Units.", OTHER: "Loss."}
    entry = Entry(name="wrong", about="an error", correct=False, fails=("q1",), told=told)
    failed = {ONE: "It has 21 layers, with a spread of 0.02.", TWO: "Other words."}
    found = matrix_of(Row(entry=entry, runs=(Run(outcome=graded(ONE, TWO).outcome, failed=failed),)))
    small = attrs.evolve(found, data="toy-miniature")

    assert [
        f"wrong: {TWO} tells something else than the entry has",
        f"wrong: {OTHER} tells something else than the entry has",
    ] == small.problems()[:2]
    assert [f"{OTHER}: fails no wrong answer"] == found.problems()


def test_a_test_that_fails_now_and_then_kills_nothing():
    """A test counts as one that catches something only if it does so every time."""
    found = matrix_of(wrong(graded(ONE), graded(ONE, TWO)))

    assert ["wrong"] == found.killed_by(ONE)
    assert [f"{TWO}: fails no wrong answer", f"{OTHER}: fails no wrong answer"] == found.problems()[1:]


def test_a_right_answer_kills_no_mutant():
    """What a test takes from a right answer does not make it a test that catches something."""
    assert [] == matrix_of(right(graded(ONE))).killed_by(ONE)


def test_a_grading_is_read_with_its_messages(tmp_path):
    """Tests without points are left aside, as students may fail them for free."""
    tests = [
        {"name": ONE, "max_score": 1.0, "status": "failed", "output": "Count.\n19 layers."},
        {"name": TWO, "max_score": 1.0, "status": "passed", "output": ""},
        {"name": "q1 - public", "max_score": 0.0, "status": "failed", "output": "no model"},
    ]
    (tmp_path / "sample").mkdir()
    (tmp_path / "sample" / "results.json").write_text(json.dumps({"tests": tests}))

    run, seen = read_run(graded(ONE).outcome, tmp_path)

    assert {ONE: "Count.\n19 layers."} == run.failed
    assert (ONE, TWO) == seen
    assert {"q1"} == run.lost


def test_the_summary_counts_and_names_problems(perfect):
    """One line tells how many of each kind are as they should be; each problem has a line of its own."""
    (line,) = summary(perfect)
    spoilt = summary(matrix_of(*perfect.rows, wrong(graded(), name="survivor")))

    assert "1 of 1 right answers keep all points, 2 of 2 wrong ones" in line
    assert "3 of 3 hidden tests" in line
    assert ["  survivor: survives: it loses nothing in q1"] == spoilt[1:]


def test_the_page_shows_text_as_text():
    """Nothing that an entry or a message holds becomes markup."""
    evil = "<script>alert(1)</script>"
    row = Row(
        entry=Entry(name=evil, about=evil, correct=False, fails=("q1",)),
        runs=(Run(outcome=graded(ONE).outcome, failed={ONE: evil}),),
    )
    page = to_html(matrix_of(row))

    assert "<script" not in page
    assert 3 <= page.count("&lt;script&gt;")


def test_the_page_marks_what_nobody_asked_for(perfect):
    """A hit outside an entry's question stands out."""
    page = to_html(matrix_of(wrong(graded(ONE, OTHER))))

    assert 1 == page.count('class="hit unasked"')
    assert 0 == to_html(perfect).count('class="hit unasked"')


def test_another_program_can_read_it(perfect):
    """The JSON has each test with what it kills, and each entry with scores and messages."""
    record = json.loads(perfect.to_json())

    assert {"name": ONE, "kills": ["wrong"]} == record["tests"][0]
    assert [3.0] == record["entries"][0]["scores"]
    assert {ONE, TWO} == set(record["entries"][1]["failed"])
    assert [] == record["problems"]


@pytest.mark.parametrize(
    ("said", "others"),
    [
        ("`dropout_3` has 0.25", 0),
        ("`dropout` has 3e-4", 0),
        ("`dense_3` has 0.25", 1),
        ("`dropout_3` has it", 1),
    ],
)
def test_figures_in_a_message_do_not_count(said, others):
    """A message is the entry's own whatever its numbers are, and those behind the names of layers."""
    run = attrs.evolve(graded(ONE), failed={ONE: said})
    row = wrong(run)
    row = attrs.evolve(row, entry=attrs.evolve(row.entry, told={ONE: "`dropout_17` has 0.5"}))

    assert others == len(row.other_words())
