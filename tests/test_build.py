"""`autograder build`: from a master to student version, bundle and reference solution."""

import json
import shutil
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import nbformat
import pytest

from autograder.build import bundle, command
from autograder.build.archive import repacked
from autograder.build.leaks import check_leaks, hidden_numbers
from autograder.build.master import master_notebook, read_master
from autograder.build.notebooks import make_notebook, notebook_bytes, with_stable_cells
from autograder.build.product import make_product
from autograder.build.prove import prove_reference, prove_tests
from autograder.build.reference import patched, reference_notebook, set_switches
from autograder.errors import LabProblem, UsageProblem
from autograder.labs import find_lab

LAB_TOML = """\
title = "Doubling"
dataset = "mnist"

[questions]
q1 = ["double"]

[models.doubler]

[limits]
cell_seconds = 10
wall_seconds = 60
"""

MASTER = '''\
# ---
# jupyter:
#   jupytext:
#     cell_markers: '"""'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [raw]
"""
# ASSIGNMENT CONFIG
init_cell: true
export_cell: false
run_tests: false
files:
  - dnnlab.py
tests:
  ok_format: false
  files: true
"""

# %%
QUICK = False
SEED = 1

# %% [raw]
"""
# BEGIN QUESTION
name: q1
"""

# %% [markdown]
"""
Write `double`, which gives twice its argument.
"""

# %% [raw]
"""
# BEGIN SOLUTION
"""

# %%
def double(number):
    # BEGIN SOLUTION
    twice_the_number = number + number
    return twice_the_number
    # END SOLUTION

# %%
answer_of_life = double(21)  # SOLUTION
print("an answer was computed")

# %% [raw]
"""
# END SOLUTION
"""

# %% [raw]
"""
# BEGIN TESTS
"""

# %%
""" # BEGIN TEST CONFIG
points: 0
""" # END TEST CONFIG
def test_callable(env):
    assert callable(env["double"]), "double should be a function"

# %%
""" # BEGIN TEST CONFIG
hidden: true
points: 3
success_message: Positive numbers are doubled.
failure_message: Positive numbers are not doubled.
""" # END TEST CONFIG
def test_positive_numbers(env):
    # the comment does not survive Otter
    assert env["double"](1234.5) == 2469.0

# %% [raw]
"""
# END TESTS
"""

# %% [raw]
"""
# END QUESTION
"""
'''


LADDER = '''
# %% [raw]
"""
# ACCURACY LADDER
model: deep
points: {test: 2}
hints:
- Look at the rate, and at the epochs.
"""
'''

SEED_CHECK = '''
# %% [raw]
"""
# SEED CHECK
"""
'''


@pytest.fixture
def solutions(tmp_path, monkeypatch):
    """A folder of labs with one small lab, `doubling`, beside which everything is generated."""
    folder = tmp_path / "solutions"
    (folder / "doubling").mkdir(parents=True)
    (folder / "doubling" / "lab.toml").write_text(LAB_TOML)
    (folder / "doubling" / "doubling.py").write_text(MASTER)
    monkeypatch.setenv("AUTOGRADER_SOLUTIONS", str(folder))
    monkeypatch.delenv("AUTOGRADER_DIST", raising=False)
    return folder


@pytest.fixture
def lab(solutions):
    """The small lab."""
    return find_lab("doubling")


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    """What the small lab's master gives; made once, as Otter Assign takes seconds."""
    folder = tmp_path_factory.mktemp("made") / "solutions"
    (folder / "doubling").mkdir(parents=True)
    (folder / "doubling" / "lab.toml").write_text(LAB_TOML)
    (folder / "doubling" / "doubling.py").write_text(MASTER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOGRADER_SOLUTIONS", str(folder))
        return make_product(find_lab("doubling"))


def rewritten(lab, old, new):
    """The lab after one change to its master."""
    assert MASTER.count(old) == 1
    lab.master.write_text(MASTER.replace(old, new))
    return lab


def with_ladder(lab, ladder=LADDER):
    """The lab with a ladder among its tests."""
    before, after = MASTER.split('# %% [raw]\n"""\n# END TESTS')
    lab.master.write_text(before + ladder + '\n# %% [raw]\n"""\n# END TESTS' + after)


class TestMaster:
    """Reading a master."""

    def test_questions_cells_and_cases(self, lab):
        """A master has questions, cells with their places, and cases with their settings."""
        master = read_master(lab)

        assert ("q1",) == master.questions
        assert [("", "given"), ("q1", "prose"), ("q1", "solution"), ("q1", "solution")] == [
            (cell.question, cell.part) for cell in master.cells
        ]
        assert [("test_callable", False, 0.0), ("test_positive_numbers", True, 3.0)] == [
            (case.name, case.hidden, case.points) for case in master.cases
        ]
        assert 3.0 == master.points

    def test_answer_and_given_lines(self, lab):
        """In a solution cell the marked lines are the answer, the others are given."""
        block, line = (cell for cell in read_master(lab).cells if cell.part == "solution")

        assert ("    twice_the_number = number + number", "    return twice_the_number") == block.answer_lines
        assert ("def double(number):",) == block.given_lines
        assert ("answer_of_life = double(21)",) == line.answer_lines
        assert ('print("an answer was computed")',) == line.given_lines

    def test_a_ladder_stands_for_its_steps(self, lab):
        """One raw cell stands for a hidden test for each step, in the reader's eyes and in Otter's."""
        with_ladder(lab)
        cases = [case for case in read_master(lab).cases if "accuracy" in case.name]
        given = [cell.source for cell in master_notebook(lab).cells if "check_step" in cell.source]

        assert [
            ("test_test_accuracy_1", True, 2.0, "Test accuracy, step 1 of 2, is reached."),
            ("test_test_accuracy_2", True, 2.0, "Test accuracy, step 2 of 2, is reached."),
        ] == [(case.name, case.hidden, case.points, case.success_message) for case in cases]
        assert [
            "Test accuracy, step 1 of 2, is missed.",
            "Test accuracy, step 2 of 2, is missed.",
        ] == [case.failure_message for case in cases]
        assert "place = dict(step=1, of=2, hint='')" in cases[0].source
        assert "place = dict(step=2, of=2, hint='Look at the rate, and at the epochs.')" in cases[1].source
        assert 'check_step(evidence, "deep", "test", **place)' in cases[1].source
        assert [True, True] == [case.source in source for case, source in zip(cases, given, strict=True)]

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("model: deep\n", "", "a ladder's settings are wrong: ['model']"),
            ("model: deep\n", "model: deep\nstep: 3\n", "a ladder's settings are wrong: ['step']"),
            ("points: {test: 2}", "points: 2", "a ladder's settings are wrong: points or hints"),
            ("points: {test: 2}", "points: {}", "a ladder's settings are wrong: points or hints"),
            ("points: {test: 2}", "points: {train: 2}", "a ladder's settings are wrong: points or hints"),
            ("- Look", "  Look", "a ladder's settings are wrong: points or hints"),
            ("- Look at", "- Look: at", "a ladder's settings are wrong: points or hints"),
            ("points: {test: 2}", "points: {test: 2", "settings that are not YAML"),
        ],
    )  # fmt: skip
    def test_mistakes_in_a_ladder_are_refused(self, lab, old, new, message):
        """A ladder that says too little, or what no ladder has, is refused with its cell."""
        with_ladder(lab, LADDER.replace(old, new))

        with pytest.raises(LabProblem) as caught:
            read_master(lab)

        assert caught.value.what.startswith(message)
        assert f"{lab.master}, cell 12" == caught.value.where

    def test_a_seed_check_tells_who_sets_the_global_seed(self, lab):
        """One raw cell stands for a free public test, failed under a global seed, passed on evidence."""
        with_ladder(lab, SEED_CHECK)
        (case,) = (case for case in read_master(lab).cases if "batches" in case.name)
        names = {}
        exec(case.source, names)

        assert (False, 0.0) == (case.hidden, case.points)
        with pytest.raises(AssertionError, match=r"dnnlab\.set_seed"):
            names[case.name]({"dnnlab": SimpleNamespace(global_seed_is_set=lambda: True)})
        names[case.name]({"dnnlab": SimpleNamespace(global_seed_is_set=lambda: False)})
        names[case.name]({})

    def test_a_ladder_belongs_to_the_tests(self, lab):
        """A ladder anywhere else would be a test without a question."""
        lab.master.write_text(MASTER + LADDER)

        with pytest.raises(LabProblem, match="tests outside BEGIN TESTS and END TESTS"):
            read_master(lab)

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("numbers are doubled.", 'numbers are "doubled".', "success_message holds a double quote"),
            ("are not doubled.", r"are not\doubled.", "failure_message holds a double quote, a backslash"),
            ("def test_callable", "def test_positive_numbers", "q1 has two tests named test_positive"),
            ("hidden: true\npoints: 3", "points: 3", "q1 needs a public and a hidden test"),
            ("points: 3\n", "", "a test's settings are wrong: no points"),
            ("points: 3", "point: 3", "a test's settings are wrong: ['point']"),
            ("success_message: Positive numbers are doubled.\n", "", "a hidden test without success_message"),
            ("name: q1", "name: q2", "the master has tests for ['q2'], lab.toml names ['q1']"),
            ("  # SOLUTION\n", "\n", "a solution cell in which nothing is marked"),
            ("SEED = 1\n", "SEED = 1  # SOLUTION\n", "a solution marker outside a solution block"),
            ('"""\n# END TESTS\n"""', '"""\n# END SOLUTION\n"""', "an end of solution without its begin"),
            ('"""\n# BEGIN TESTS\n"""', '"""\n# BEGIN QUESTION\n"""', "question begins in the wrong place"),
            ('# %% [raw]\n"""\n# END QUESTION\n"""\n', "", "the last question has no end"),
            ('"""\n# BEGIN TESTS\n"""', '"""\nsomething\n"""', "a raw cell that Otter Assign does not know"),
            ("def test_callable(env):\n    assert", "assert env, 1\nassert", "a test must be one function"),
            ('""" # BEGIN TEST CONFIG\npoints: 0\n""" # END TEST CONFIG\n', "", "a test without a conf"),
            ("hidden: true\n", "hidden: [\n", "settings that are not YAML"),
            ("points: 0\n", "- points\n", "settings that are not a mapping"),
        ],
    )  # fmt: skip
    def test_mistakes_are_refused(self, lab, old, new, message):
        """What Otter would let pass, or report without a place, is refused with the master's name."""
        with pytest.raises(LabProblem) as caught:
            read_master(rewritten(lab, old, new))

        assert caught.value.what.startswith(message)
        assert "doubling.py" in caught.value.where

    def test_missing_master(self, lab):
        """A lab without a master is reported."""
        lab.master.unlink()

        with pytest.raises(LabProblem, match="the master cannot be read"):
            read_master(lab)


class TestReference:
    """The reference solution and its variants."""

    def test_answers_without_markers_or_tests(self, lab):
        """The reference keeps every answer, in cells that say where they belong, and no test."""
        code = [cell for cell in reference_notebook(lab).cells if cell.cell_type == "code"]

        assert [
            "QUICK = False\nSEED = 1",
            "def double(number):\n    twice_the_number = number + number\n    return twice_the_number",
            'answer_of_life = double(21)\nprint("an answer was computed")',
        ] == [cell.source for cell in code]
        assert {"question": "q1", "part": "solution"} == dict(code[1].metadata)

    def test_patched_changes_one_answer(self, lab):
        """A variant differs from the reference in the text that was replaced."""
        variant = patched(reference_notebook(lab), "q1", {"number + number": "3 * number"})

        assert "twice_the_number = 3 * number" in variant.cells[2].source

    @pytest.mark.parametrize(("text", "found"), [("nowhere", 0), ("twice_the_number", 2), ("SEED", 0)])
    def test_patch_must_fit_once(self, lab, text, found):
        """A variant whose text is not in that question's answer exactly once is refused."""
        with pytest.raises(LabProblem, match=f"stands {found} times in the solution of q1, not once"):
            patched(reference_notebook(lab), "q1", {text: "other"})

    def test_switches(self, lab):
        """Switches are set in the given code."""
        notebook = set_switches(reference_notebook(lab), QUICK=True, SEED=7)

        assert "QUICK = True\nSEED = 7" == notebook.cells[0].source

    def test_unknown_switch(self, lab):
        """A switch that the notebook does not have is refused."""
        with pytest.raises(LabProblem, match="the switch FAST is set 0 times, not once"):
            set_switches(reference_notebook(lab), FAST=True)


class TestNotebooks:
    """Notebooks as bytes."""

    def test_ids_survive_an_insertion(self):
        """A cell keeps its id when another one is put ahead of it, and ids are unique."""
        first = make_notebook([("code", "a = 1", {}), ("code", "a = 1", {})])
        second = make_notebook([("markdown", "new", {}), ("code", "a = 1", {}), ("code", "a = 1", {})])

        assert [cell.id for cell in first.cells] == [cell.id for cell in second.cells[1:]]
        assert 3 == len({cell.id for cell in second.cells})

    def test_outputs_and_foreign_metadata_go(self):
        """What a run or an editor left in a notebook is not kept."""
        used = make_notebook([("code", "a = 1", {"tags": ["kept"], "collapsed": True})])
        used.cells[0].execution_count = 3
        used.cells[0].outputs = [nbformat.v4.new_output("stream", text="1")]
        used.metadata["widgets"] = {}

        assert notebook_bytes(make_notebook([("code", "a = 1", {"tags": ["kept"]})])) == notebook_bytes(
            with_stable_cells(used)
        )


class TestProduct:
    """What is generated."""

    def test_same_master_same_bytes(self, lab, product):
        """Two builds of one master, in different folders, are equal byte by byte."""
        again = make_product(lab)

        assert product == again

    def test_student_files(self, product):
        """A student gets notebook, library, public tests and a page on how to start, and nothing else."""
        assert ["README.md", "dnnlab.py", "doubling.ipynb", "tests/q1.py"] == sorted(product.student)
        assert b"test_callable" in product.student["tests/q1.py"]
        assert b"hidden=True" not in product.student["tests/q1.py"]
        assert b"`doubler.history.json`" in product.student["README.md"]

    def test_student_notebook(self, product):
        """Answers are replaced by dots; the first cell sets Otter up without naming a file."""
        sources = [cell["source"] for cell in json.loads(product.student["doubling.ipynb"])["cells"]]

        assert ["def double(number):\n", "    ..."] == sources[3]
        assert ["answer_of_life = ...\n", 'print("an answer was computed")'] == sources[4]
        assert "grader = otter.Notebook()" == sources[0][-1]

    def test_all_tests_are_in_the_bundle(self, product):
        """The bundle's tests have the hidden ones."""
        assert b"hidden=True" in product.tests["q1.py"]

    def test_otter_takes_the_archive(self, lab, product, tmp_path):
        """Plain Otter grades the reference solution with the archive: full marks."""
        archive, notebook, out = tmp_path / "autograder.zip", tmp_path / "doubling.ipynb", tmp_path / "out"
        archive.write_bytes(product.archive)
        notebook.write_bytes(notebook_bytes(reference_notebook(lab)))
        out.mkdir()
        command_line = ["run", "--no-logo", "-a", str(archive), "-o", str(out), str(notebook)]
        subprocess.run([sys.executable, "-m", "otter", *command_line], cwd=tmp_path, check=True)
        (question,) = (
            test for test in json.loads((out / "results.json").read_text())["tests"] if "q1" in test["name"]
        )

        assert (3.0, 3.0) == (question["score"], question["max_score"])

    def test_no_set_up_cell(self, lab):
        """A master that turns Otter's first cell off is refused: students could not check anything."""
        with pytest.raises(LabProblem, match="0 cells set Otter up, not one"):
            make_product(rewritten(lab, "init_cell: true", "init_cell: false"))

    def test_otters_refusal(self, lab):
        """What Otter refuses is passed on with its reason and the master's name."""
        with pytest.raises(LabProblem, match=r"Otter Assign refuses the master: .*no_such_key"):
            make_product(rewritten(lab, "init_cell: true", "no_such_key: true"))

    def test_repacking_forgets_order_and_dates(self, tmp_path):
        """The same files zipped in another order at another time give the same bytes."""
        for name, order, year in (("a", "xy", 2001), ("b", "yx", 2020)):
            with zipfile.ZipFile(tmp_path / name, "w") as archive:
                for member in order:
                    archive.writestr(zipfile.ZipInfo(member, (year, 1, 1, 0, 0, 0)), member * 3)

        assert repacked(tmp_path / "a") == repacked(tmp_path / "b")


class TestLeaks:
    """The search for secrets in what students get."""

    @pytest.mark.parametrize(
        ("name", "text", "what"),
        [
            ("README.md", "twice_the_number = number+number", "a line of the solution of q1"),
            ("README.md", "see # BEGIN SOLUTION", "a marker of the master"),
            ("tests/q1.py", "def test_positive_numbers(env):", "a line of a hidden test of q1"),
            ("tests/q1.py", "# unlike test_positive_numbers", "the name of a hidden test"),
            ("tests/q1.py", "assert env['double'](1234.5) == 2469.0", "a line of a hidden test of q1"),
            ("dnnlab.py", '"Positive numbers are not doubled."', "the message of a hidden test of q1"),
            ("dnnlab.py", "from autograder.checks import structure", "a marker of the master"),
            ("dnnlab.py", "FULL_MARKS = 0.4873", "a hidden number"),
        ],
    )  # fmt: skip
    def test_planted_text_is_found(self, lab, product, name, text, what):
        """A secret in any student file is found, with its file and line."""
        files = dict(product.student)
        files[name] = b"\n" + text.encode() + b"\n"

        with pytest.raises(LabProblem) as caught:
            check_leaks(read_master(lab), files, frozenset({"0.4873"}))

        assert f"the student version would hold {what}: {text!r}" == caught.value.what
        assert f"{name}, line 2" == caught.value.where

    @pytest.mark.parametrize(
        ("change", "where"),
        [
            (lambda book: book.cells[3].update(source="return twice_the_number"), "cell 4, line 1"),
            (lambda book: book.cells[3].metadata.update(note="return twice_the_number"), "cell 4, metadata"),
            (lambda book: book.metadata.update({"note": "hidden=True"}), "metadata"),
            (lambda book: book.cells[3].update(execution_count=1), "cell 4"),
            (
                lambda book: book.cells[3].outputs.append(nbformat.v4.new_output("stream", text="42")),
                "cell 4",
            ),
        ],
    )  # fmt: skip
    def test_planted_in_the_notebook(self, lab, product, change, where):
        """Sources, metadata, outputs and counts of the notebook are searched, cell by cell."""
        notebook = nbformat.reads(product.student["doubling.ipynb"].decode(), as_version=4)
        change(notebook)

        with pytest.raises(LabProblem) as caught:
            check_leaks(read_master(lab), {"doubling.ipynb": nbformat.writes(notebook).encode()})

        assert f"doubling.ipynb, {where}" == caught.value.where

    def test_what_students_are_given_is_no_secret(self, lab):
        """A line of the solution that also stands in given text may be in the student version."""
        lab = rewritten(lab, "gives twice its argument.", "says: return twice_the_number")

        assert check_leaks(read_master(lab), {"README.md": b"return twice_the_number"}) is None

    def test_hidden_numbers(self, tmp_path):
        """A calibration's numbers count as hidden from four digits on; no calibration hides none."""
        path = tmp_path / "calibration.json"
        path.write_text(
            '{"floor": 0.3125, "steps": [0.5, {"full": 0.48731}], "seeds": 1234, "name": "1.2345"}'
        )

        assert frozenset({"0.3125", "0.48731"}) == hidden_numbers(path)
        assert frozenset() == hidden_numbers(tmp_path / "none.json")

    def test_calibration_that_is_not_json(self, tmp_path):
        """A broken calibration is reported."""
        (tmp_path / "calibration.json").write_text("{")

        with pytest.raises(LabProblem, match="the calibration is not JSON"):
            hidden_numbers(tmp_path / "calibration.json")


class TestProof:
    """The proof that the generated tests can grade."""

    @pytest.fixture
    def folders(self, product, tmp_path):
        """The folders of public and of all tests."""
        public, every = tmp_path / "public", tmp_path / "every"
        public.mkdir()
        every.mkdir()
        (public / "q1.py").write_bytes(product.student["tests/q1.py"])
        (every / "q1.py").write_bytes(product.tests["q1.py"])
        return public, every

    def test_generated_tests_are_those_of_the_master(self, lab, folders):
        """What Otter generated loads and agrees with the master."""
        public, every = folders

        assert prove_tests(read_master(lab), public=public, every=every) is None

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("are doubled.", 'are "doubled".', "a generated test file cannot be loaded: SyntaxError"),
            ("points=3", "points=2", "the generated tests differ from the master's"),
            ("def test_positive", "def other():\n    pass\n\ndef test_positive", "the generated tests"),
        ],
    )  # fmt: skip
    def test_broken_test_file(self, lab, folders, old, new, message):
        """A test file that does not load, or says something else than the master, is refused."""
        public, every = folders
        text = (every / "q1.py").read_text()
        assert text.count(old) == 1
        (every / "q1.py").write_text(text.replace(old, new))

        with pytest.raises(LabProblem) as caught:
            prove_tests(read_master(lab), public=public, every=every)

        assert caught.value.what.startswith(message)
        assert "every/q1.py" == caught.value.where

    def test_hidden_test_among_the_public_ones(self, lab, folders):
        """Students' test files must have the public tests only."""
        public, every = folders
        shutil.copy(every / "q1.py", public / "q1.py")

        with pytest.raises(LabProblem) as caught:
            prove_tests(read_master(lab), public=public, every=every)

        assert "public/q1.py" == caught.value.where

    def test_missing_test_file(self, lab, folders):
        """A question without its test file is refused."""
        public, every = folders
        (every / "q1.py").unlink()

        with pytest.raises(
            LabProblem, match=r"there are test files for \[\], the master has tests for \['q1'\]"
        ):
            prove_tests(read_master(lab), public=public, every=every)

    def test_no_points(self, lab, folders):
        """A lab in which nothing counts is refused."""
        public, every = folders

        with pytest.raises(LabProblem, match="all tests together have no points"):
            prove_tests(read_master(rewritten(lab, "points: 3", "points: 0")), public=public, every=every)

    def test_reference_gets_full_marks(self, lab, tmp_path):
        """The reference solution is graded with the lab's tests, and its score handed on."""
        seen = []

        def grade(lab, notebook, tests):
            seen.append((lab.name, len(notebook.cells), tests))
            return 3.0, 3.0

        assert (3.0, 3.0) == prove_reference(lab, tmp_path, grade)
        assert [("doubling", 4, tmp_path)] == seen

    @pytest.mark.parametrize("scores", [(2.0, 3.0), (0.0, 0.0)], ids=["too little", "out of nothing"])
    def test_reference_falls_short(self, lab, tmp_path, scores):
        """A reference solution without full marks, or with full marks of nothing, is refused."""
        with pytest.raises(LabProblem, match="the reference solution gets"):
            prove_reference(lab, tmp_path, lambda *_: scores)


class TestCommand:
    """`autograder build` over a folder of labs."""

    @pytest.fixture(autouse=True)
    def made(self, monkeypatch, product):
        """Otter's part is done once for all of these."""
        monkeypatch.setattr(command, "make_product", lambda lab: product)

    def test_build_then_check(self, solutions):
        """After a build a check finds nothing, and the bundle is there."""
        said = []
        built = command.build_labs([], check=False, echo=said.append)
        checked = command.build_labs(["doubling"], check=True, echo=said.append)

        assert (0, 0) == (built, checked)
        assert said[0].startswith("doubling: 1 questions, 2 tests (1 hidden), 3 points; tests load; ")
        assert "doubling: up to date" == said[1]
        assert ["autograder.zip", "stamp", "tests"] == sorted(
            path.name for path in (solutions.parent / "dist" / "doubling").iterdir()
        )

    def test_check_names_what_differs(self, solutions):
        """Edited, missing and left-over files are named, and nothing is written."""
        command.build_labs([], check=False, echo=lambda line: None)
        folder = solutions.parent / "assignments" / "doubling"
        (folder / "dnnlab.py").write_text("edited")
        (folder / "README.md").unlink()
        (folder / "tests" / "q9.py").write_text("left over")
        said = []

        assert 1 == command.build_labs([], check=True, echo=said.append)
        assert [
            "doubling: doubling/README.md is not what its master gives",
            "doubling: doubling/dnnlab.py is not what its master gives",
            "doubling: doubling/tests/q9.py is not what its master gives",
            "doubling: run `autograder build`, then commit",
        ] == said
        assert "edited" == (folder / "dnnlab.py").read_text()

    def test_build_mends_and_spares(self, solutions):
        """A build mends edited files, removes left-over ones, and leaves a person's own files alone."""
        folder = solutions.parent / "assignments" / "doubling"
        command.build_labs([], check=False, echo=lambda line: None)
        (folder / "dnnlab.py").write_text("edited")
        (folder / "tests" / "q9.py").write_text("left over")
        (folder / "doubler.keras").write_text("trained for hours")
        command.build_labs([], check=False, echo=lambda line: None)

        assert 0 == command.build_labs([], check=True, echo=lambda line: None)
        assert (folder / "doubler.keras").exists()

    def test_reference_is_graded(self, solutions):
        """With a grader the build ends with the reference's score."""
        said = []
        command.build_labs([], check=False, echo=said.append, grade=lambda *_: (3.0, 3.0))

        assert "; reference gets 3 of 3; " in said[0]

    def test_no_labs(self, tmp_path, monkeypatch):
        """A folder without labs is a problem of use."""
        monkeypatch.setenv("AUTOGRADER_SOLUTIONS", str(tmp_path))

        with pytest.raises(UsageProblem, match="there is no lab to build"):
            command.build_labs([], check=True, echo=print)


class TestBundle:
    """The bundle that grading takes its tests from."""

    @pytest.fixture
    def builds(self, monkeypatch, product):
        """One entry for each time that Otter would have run."""
        builds = []
        monkeypatch.setattr(bundle, "make_product", lambda lab: builds.append(lab.name) or product)
        return builds

    def test_built_once(self, lab, builds):
        """The tests are built when they are first needed, and not again."""
        folders = {bundle.tests_for(lab), bundle.tests_for(lab)}

        assert ["doubling"] == builds
        assert [["q1.py"]] == [[path.name for path in folder.iterdir()] for folder in folders]

    def test_built_anew_after_a_change(self, lab, builds):
        """A changed master makes the bundle stale."""
        bundle.tests_for(lab)
        bundle.tests_for(rewritten(lab, "points: 3", "points: 4"))

        assert ["doubling", "doubling"] == builds

    def test_nothing_is_left_behind(self, lab, builds):
        """Replacing a bundle leaves no half-made folder."""
        bundle.tests_for(lab)
        bundle.tests_for(rewritten(lab, "points: 3", "points: 4"))

        assert [".doubling.lock", "doubling"] == sorted(
            path.name for path in bundle.dist_folder(lab).parent.iterdir()
        )

    def test_elsewhere(self, lab, builds, tmp_path, monkeypatch):
        """`AUTOGRADER_DIST` says where bundles are kept."""
        monkeypatch.setenv("AUTOGRADER_DIST", str(tmp_path / "elsewhere"))

        assert tmp_path / "elsewhere" / "doubling" / "tests" == bundle.tests_for(lab)
