"""The judge runs a lab's tests on evidence: results are kept at once, nothing hidden is told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from submissions import make_labs, write

import autograder
from autograder.data import MINIATURE, prepare
from autograder.errors import LabProblem, MachineFault
from autograder.evidence import Cell, Evidence, read_evidence
from autograder.judge import judge, judge_evidence
from autograder.judge.judging import _with_our_side
from autograder.judge.results import TestResult, gradescope
from autograder.labs import find_lab

HEAD = "from otter.test_files import test_case\nOK_FORMAT = False\nname = {name!r}\npoints = None\n"
CASE = "\n@test_case(points={points}, hidden={hidden}{more})\ndef test_{name}(env):\n    {body}\n"


def case(name, body, *, points=1, hidden=True, **messages):
    """The text of one test."""
    more = "".join(f", {key}={text!r}" for key, text in messages.items())
    return CASE.format(name=name, body=body, points=points, hidden=hidden, more=more)


def make_tests(folder, **questions):
    """A folder of test files, each a question's cases."""
    files = {
        f"{name}.py": (HEAD.format(name=name) + "".join(cases)).encode() for name, cases in questions.items()
    }
    return write(folder, files)


@pytest.fixture
def judged(tmp_path):
    """The results of cases, as a question q1, on some evidence."""

    def run(*cases, **names):
        tests = make_tests(tmp_path / "tests", q1=cases)
        return list(judge_evidence(Evidence(names=names, probes={}), tests))

    return run


class TestOneTest:
    """What one test makes of evidence."""

    def test_a_test_that_passes(self, judged):
        """It earns its points and says its success message."""
        (found,) = judged(case("sum", "assert env['x'] == 2", points=3, success_message="Right."), x=2)

        assert (True, 3, 3, "Right.", "") == attrs.astuple(found)[4:]
        assert ("q1", 1, "test_sum", True) == attrs.astuple(found)[:4]

    def test_a_test_that_fails(self, judged):
        """It earns nothing, and says its failure message and what was found."""
        body = "from autograder.checks import Finding, require; require([Finding(message='It is odd.')])"
        (found,) = judged(case("sum", body, points=3, failure_message="Look again."), x=3)

        assert (False, 0, 3, "Look again.", "It is odd.") == attrs.astuple(found)[4:]

    def test_what_is_missing_is_named(self, judged):
        """A test that needs a name that is not there says so."""
        (found,) = judged(case("sum", "env.evidence.value('lr_results')"))

        assert "`lr_results` is not defined when your notebook has run from top to bottom." == found.found

    @pytest.mark.parametrize(
        "body",
        [
            "assert env['x'] == 4931",
            "assert env['x'] == 4931, 'it should be 4931'",
            "import numpy; numpy.testing.assert_equal(env['x'], 4931)",
            "import unittest; unittest.TestCase().assertEqual(env['x'], 4931)",
        ],
        ids=["bare", "with a message", "numpy", "unittest"],
    )
    def test_a_hidden_constant_stays_hidden(self, judged, body):
        """A hidden test that compares by itself tells neither its source nor the number in it."""
        (found,) = judged(case("sum", body), x=2)

        assert "This is not what the question asks for." == found.found

    def test_a_public_test_tells_all(self, judged):
        """A public test's own message is shown: the student has the test."""
        (found,) = judged(case("sum", "assert env['x'] == 4, f'x is {env[\"x\"]}'", hidden=False), x=2)

        assert "x is 2" == found.found

    def test_a_public_test_may_stumble(self, judged):
        """A public test that breaks on what a notebook lacks has failed; it is no fault of the machine."""
        (found,) = judged(case("sum", "env['x']", hidden=False, points=0))

        assert (False, "KeyError: 'x'") == (found.passed, found.found)

    def test_a_hidden_test_that_breaks(self, judged):
        """A hidden test that breaks instead of failing is a fault that names it, with its cause."""
        with pytest.raises(MachineFault, match="the test test_sum broke: ZeroDivisionError") as caught:
            judged(case("sum", "1 / 0"))
        assert "q1" == caught.value.where
        assert isinstance(caught.value.__cause__, ZeroDivisionError)

    def test_our_own_errors_pass(self, judged):
        """What a check raises of our own errors is not wrapped into another."""
        with pytest.raises(MachineFault, match="a test needs the data set, and none was given to the judge"):
            judged(case("sum", "env.evidence.data"))

    def test_evidence_cannot_be_changed(self, judged):
        """A test cannot change what the next one sees."""
        first, second = judged(
            case("first", "env['x'] = 5", hidden=False), case("second", "assert env['x'] == 2"), x=2
        )

        assert (False, True) == (first.passed, second.passed)


class TestFiles:
    """The files with tests."""

    def test_questions_in_order(self, tmp_path):
        """Files are judged by name, their cases as they stand."""
        tests = make_tests(tmp_path, q2=[case("c", "pass")], q1=[case("b", "pass"), case("a", "pass")])
        found = judge_evidence(Evidence(names={}, probes={}), tests)

        assert [("q1", 1, "test_b"), ("q1", 2, "test_a"), ("q2", 1, "test_c")] == [
            (one.question, one.number, one.test) for one in found
        ]

    def test_no_tests(self, tmp_path):
        """An empty folder is the lab's problem, not a score of nothing."""
        with pytest.raises(LabProblem, match="there are no tests"):
            list(judge_evidence(Evidence(names={}, probes={}), tmp_path))

    @pytest.mark.parametrize("text", ["def (", "import nowhere_to_be_found", "1 / 0"])
    def test_a_file_that_cannot_be_read(self, tmp_path, text):
        """A test file that is no Python, or breaks when read, is the lab's problem and is named."""
        write(tmp_path, {"q1.py": text.encode()})

        with pytest.raises(LabProblem, match="the tests cannot be read") as caught:
            list(judge_evidence(Evidence(names={}, probes={}), tmp_path))
        assert "q1.py" == caught.value.where


def result(**changes):
    """A result of one test."""
    values = {
        "question": "q1",
        "number": 1,
        "test": "test_one_thing",
        "hidden": True,
        "passed": True,
        "score": 2.0,
        "possible": 2.0,
        "message": "Right.",
        "found": "",
    }
    return TestResult(**values | changes)


class TestGradescope:
    """The `results.json` that Gradescope reads."""

    def test_fields(self):
        """One test has the fields that Gradescope documents, with its values."""
        lost = result(number=2, passed=False, score=0.0, message="Look again.", found="It is odd.")
        record = gradescope([result(), lost], Evidence(names={}, probes={}))

        assert {
            "score": 2.0,
            "output": "Your notebook ran from top to bottom.",
            "output_format": "text",
            "visibility": "visible",
        } == {key: value for key, value in record.items() if key != "tests"}
        assert {
            "name": "q1 - one thing",
            "number": "q1.2",
            "score": 0.0,
            "max_score": 2.0,
            "status": "failed",
            "visibility": "visible",
            "output": "Look again.\nIt is odd.",
            "output_format": "text",
        } == record["tests"][1]
        assert ["passed", "failed"] == [test["status"] for test in record["tests"]]

    def test_the_score_is_the_sum(self):
        """The total is the exact sum of the tests' scores, without the dust of adding fractions."""
        record = gradescope([result(score=0.1)] * 10, Evidence(names={}, probes={}))

        assert 1.0 == record["score"]

    def test_the_summary(self):
        """What went wrong while the notebook ran stands above all tests, a line each."""
        cells = (
            Cell(number=2, count=1, status="ok"),
            Cell(number=5, count=2, status="error", error="NameError: x"),
            Cell(number=6, count=3, status="ok", left_out=1),
            Cell(number=9, count=4, status="not reached"),
        )
        evidence = Evidence(
            names={}, probes={}, cells=cells, patched=("keras.Model.evaluate",), global_seed_set=True
        )
        lines = gradescope([result()], evidence)["output"].split("\n")

        assert [
            "Code cell 2 of your notebook did not finish: NameError: x.",
            "Code cell 3 of your notebook ended its own kernel; it was run without the statement that did.",
            "Code cell 4 of your notebook did not finish: not reached.",
        ] == lines[:3]
        assert lines[3].startswith("Your notebook sets TensorFlow's global seed.")
        assert (
            "`keras.Model.evaluate` was replaced by your notebook; the original was used for grading."
            == lines[4]
        )
        assert 5 == len(lines)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """A lab without models, empty evidence, the miniature's data; as arguments of `judge`."""
    monkeypatch.setenv("AUTOGRADER_SOLUTIONS", str(make_labs(tmp_path / "solutions")))
    (tmp_path / "evidence").mkdir()
    return {
        "evidence": tmp_path / "evidence",
        "lab": find_lab("pairs"),
        "data": prepare("cifar10", MINIATURE),
        "destination": tmp_path / "result",
    }


DIE = """
import sys
from pathlib import Path
from autograder.judge import judge
from autograder.labs import find_lab
evidence, tests, data, result = map(Path, sys.argv[1:])
judge(evidence=evidence, lab=find_lab("pairs"), tests=tests, data=data, destination=result)
"""


class TestJudge:
    """One submission from evidence to files."""

    def test_files(self, folders, tmp_path):
        """A line per test, the record that says the same, and what a class is compared by are there."""
        tests = make_tests(tmp_path / "tests", q1=[case("a", "pass", points=2), case("b", "assert False")])
        judge(tests=tests, **folders)
        lines = (tmp_path / "result" / "tests.jsonl").read_text().splitlines()
        record = json.loads((tmp_path / "result" / "results.json").read_text())

        names = {path.name for path in (tmp_path / "result").iterdir()}
        assert {"results.json", "tests.jsonl", "traces.json", "traces.npz"} == names
        assert [2.0, 0.0] == [json.loads(line)["score"] for line in lines]
        assert (2.0, 3.0) == (record["score"], sum(test["max_score"] for test in record["tests"]))

    def test_what_was_judged_is_kept(self, folders, tmp_path):
        """A test that takes the whole process down leaves the results before it, and no total."""
        tests = make_tests(
            tmp_path / "tests", q1=[case("a", "pass"), case("b", "import os; os._exit(9)"), case("c", "pass")]
        )
        places = [folders["evidence"], tests, folders["data"], folders["destination"]]
        environment = os.environ | {"PYTHONPATH": str(Path(autograder.__file__).parent.parent)}
        ended = subprocess.run([sys.executable, "-c", DIE, *map(str, places)], env=environment, timeout=120)
        (line,) = (tmp_path / "result" / "tests.jsonl").read_text().splitlines()

        assert 9 == ended.returncode
        assert "test_a" == json.loads(line)["test"]
        assert not (tmp_path / "result" / "results.json").exists()

    def test_a_fault_leaves_no_total(self, folders, tmp_path):
        """Where a test breaks there is no `results.json` that could be taken for a score."""
        tests = make_tests(tmp_path / "tests", q1=[case("a", "pass"), case("b", "1 / 0")])

        with pytest.raises(MachineFault):
            judge(tests=tests, **folders)
        assert ["tests.jsonl"] == [path.name for path in (tmp_path / "result").iterdir()]

    def test_a_lab_without_marks(self, folders, tmp_path):
        """A lab with models and no calibration is its instructor's problem, before any test runs."""
        tests = make_tests(tmp_path / "tests", q1=[case("a", "pass")])

        with pytest.raises(LabProblem, match="deep has 0 calibration samples on 'cifar10-miniature'"):
            judge(tests=tests, **folders | {"lab": find_lab("deep")})
        assert [] == list((tmp_path / "result").iterdir())


@pytest.fixture(scope="module")
def nothing(lab, miniature, hidden_tests, tmp_path_factory):
    """The results of the lab's tests on an empty evidence folder."""
    evidence = _with_our_side(read_evidence(tmp_path_factory.mktemp("empty")), lab, miniature)
    return list(judge_evidence(evidence, hidden_tests))


class TestTheLab:
    """The real hidden tests, on nothing at all and on the reference's evidence."""

    def test_nothing_earns_nothing(self, nothing):
        """Evidence of nothing gets no point of the hundred, and breaks no test."""
        assert (0, 100) == (sum(one.score for one in nothing), sum(one.possible for one in nothing))

    def test_every_failure_says_something(self, nothing):
        """Each test that fails says in a sentence what is missing."""
        assert [] == [one.test for one in nothing if one.possible and not one.found.endswith((".", "?", "`"))]

    def test_no_message_holds_a_test(self, nothing):
        """No message quotes the source of a hidden test."""
        words = ("assert", "require(", "evidence_of", "env[", "Traceback")

        assert [] == [one for one in nothing if any(word in one.found + one.message for word in words)]

    def test_the_reference_on_its_own_evidence(self, reference_evidence, lab, data, hidden_tests):
        """All tests, the public ones too, pass on the evidence of the reference solution."""
        found = list(
            judge_evidence(_with_our_side(read_evidence(reference_evidence), lab, data), hidden_tests)
        )

        assert [] == [(one.test, one.found) for one in found if not one.passed]
        assert {True, False} == {one.hidden for one in found}

    def test_untrained_weights_tell_no_mark(self, reference_evidence, lab, data, hidden_tests):
        """A network that misses the accuracy marks is told its own figures, and none of the calibration's."""
        evidence = _with_our_side(read_evidence(reference_evidence), lab, data)
        (name,) = lab.models
        saved = evidence.files[f"{name}.keras"]
        fresh = evidence.probe_model("build_dnn")
        model = attrs.evolve(saved.model, config=fresh.config, weights=fresh.weights)
        spoilt = attrs.evolve(
            evidence, files={**evidence.files, saved.name: attrs.evolve(saved, model=model)}
        )
        failed = [one for one in judge_evidence(spoilt, hidden_tests) if not one.passed]
        marks = evidence.calibrated(name)
        secret = {
            f"{100 * value:.1f}" for value in (marks.full("validation"), marks.full("test"), marks.floor())
        }

        assert {"q5"} == {one.question for one in failed}
        assert {"test_validation_accuracy_1", "test_test_accuracy_5"} <= {one.test for one in failed}
        assert not [one for one in failed if any(number in one.found for number in secret)]
