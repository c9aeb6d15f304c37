"""The lab's corpus: right answers in any spelling lose nothing, wrong ones lose points in one question only.

The whole corpus is graded once, like a batch of students, and every entry is a test of its own. Results are
kept between runs in the folder that AUTOGRADER_CORPUS names, if any: then only what changed is graded again.
"""

import json
import os
import re
import shutil
from pathlib import Path

import attrs
import nbformat
import pytest

from autograder import corpus
from autograder.build.master import read_master
from autograder.build.reference import submission_notebook
from autograder.calibration import read_calibration
from autograder.corpus import Change, Entry, grade_corpus, make_models, read_corpus, write_submission
from autograder.data import load
from autograder.errors import LabProblem
from autograder.labs import find_lab
from autograder.records import Verdict
from autograder.sandbox.choose import choose

LAB = find_lab("cifar10_dnn")
WHOLE = read_corpus(LAB)
OFTEN = set(Path(__file__).with_name("corpus_of_every_run.txt").read_text(encoding="utf-8").split())
"""What every run grades: something for each hidden test, and each way of being right.

AUTOGRADER_CORPUS_WHOLE=1 grades all there is, which takes twice as long and is due when checks change."""
ENTRIES = [one for one in WHOLE if one.name in OFTEN or os.environ.get("AUTOGRADER_CORPUS_WHOLE")]
CORRECT = [entry for entry in ENTRIES if entry.correct]
WRONG = [entry for entry in ENTRIES if not entry.correct]
ENOUGH_SAMPLES = 10
"""With fewer calibration samples than this, marks lie so low that accuracy says nothing."""
JUDGED_BY_ACCURACY = {"untrained", "trained-on-test"}
"""The model files that are wrong in nothing but what they reach."""


@pytest.fixture(scope="session")
def marked(lab, data):
    """Whether the marks on these data can tell a network that learned from one that did not."""
    identity = load(data, lab.dataset).identity
    record = json.loads(lab.calibration.read_text(encoding="utf-8"))
    return all(len(record[model][identity]["samples"]) >= ENOUGH_SAMPLES for model in lab.models)


@pytest.fixture(scope="session")
def results(lab, data, tmp_path_factory):
    """The results folder, and the outcome of each entry by name.

    The entries are ours and trusted, so that any sandbox will do.
    """
    out = Path(os.environ.get("AUTOGRADER_CORPUS") or tmp_path_factory.mktemp("corpus"))
    return out, grade_corpus(lab, out, 2, choose("local"), data, entries=ENTRIES)


@pytest.fixture(scope="session")
def shown(results):
    """What a student is shown: the text of each failed test of an entry, by the test's name."""
    out, _ = results

    def of(entry):
        record = json.loads((out / entry.name / "results.json").read_text(encoding="utf-8"))
        return {
            test["name"].replace(" ", "_"): test["output"]
            for test in record["tests"]
            if test["max_score"] and test["status"] == "failed"
        }

    return of


def lost(outcome):
    """The questions that lost points."""
    return {question.name for question in outcome.questions if question.score < question.possible}


@pytest.mark.parametrize("entry", CORRECT, ids=lambda entry: entry.name)
def test_a_right_answer_loses_nothing(entry, results, shown):
    """However a right answer is spelled, it gets every point."""
    outcome = results[1][entry.name]

    assert (Verdict.GRADED, "") == (outcome.verdict, outcome.reason)
    assert {} == shown(entry)
    assert outcome.possible == outcome.score


@pytest.mark.parametrize("entry", WRONG, ids=lambda entry: entry.name)
def test_a_wrong_answer_loses_points_in_its_question_only(entry, results, marked):
    """A misconception costs points in the question it is about, and in no other."""
    if entry.models in JUDGED_BY_ACCURACY and not marked:
        pytest.skip("too few calibration samples on these data")
    outcome = results[1][entry.name]

    assert (Verdict.GRADED, "") == (outcome.verdict, outcome.reason)
    assert set(entry.fails) == lost(outcome)


def test_every_hidden_test_is_failed_by_a_wrong_answer(results, shown, marked):
    """No hidden test is idle: each of them catches something."""
    if not marked:
        pytest.skip("too few calibration samples on these data")
    idle = {
        f"{case.question}_-_{case.name.removeprefix('test_')}"
        for case in read_master(LAB).cases
        if case.hidden
    }
    for entry in WRONG:
        idle -= shown(entry).keys()

    assert set() == idle


@pytest.mark.parametrize("entry", WRONG, ids=lambda entry: entry.name)
def test_messages_say_what_is_wrong_and_no_mark(entry, results, shown, data):
    """Beside a test's own text stands what was found, in words: no source line, no mark to be reached."""
    messages = shown(entry)
    marks = _marks(load(data, LAB.dataset).identity)

    for message in messages.values():
        assert "\n" in message
        assert [] == [word for word in ("assert ", "Traceback", "evidence", "Unanswered") if word in message]
        assert [] == [mark for mark in marks if re.search(rf"(?<![\d.]){re.escape(mark)}", message)]


def _marks(identity):
    """Every mark of the calibration as a message would write it."""
    marks = set()
    for model in LAB.models:
        found = read_calibration(LAB.calibration, model, identity)
        for value in (found.floor(), found.full("validation"), found.full("test"), found.largest_gap()):
            marks |= {f"{value:.1%}", f"{value:.2%}", f"{value:.3f}", f"{value:.4f}"}
    return marks


def test_the_corpus_is_large_enough():
    """There are many answers of both kinds, also among those that every run grades, for each question."""
    assert sum(entry.correct for entry in WHOLE) >= 40
    assert sum(not entry.correct for entry in WHOLE) >= 60
    assert min(len(CORRECT), len(WRONG)) >= 25
    assert OFTEN <= {entry.name for entry in WHOLE}
    assert {question.name for question in LAB.questions} == {entry.fails[0] for entry in WRONG}


def test_every_entry_differs_from_the_reference(tmp_path, models):
    """An entry other than `reference` changes its notebook or its files."""
    same = [entry.name for entry in WHOLE if entry == Entry(name=entry.name, about=entry.about, correct=True)]

    assert ["reference"] == same


# ------------------------------------------------------------------------------------------------ the format


@pytest.fixture
def models(tmp_path):
    """A folder of model files for the entries of these tests."""
    folder = tmp_path / "models"
    (folder / "reference").mkdir(parents=True)
    (folder / "reference" / "cifar10_dnn.keras").write_bytes(b"network")
    return folder


def variant(*changes, **settings):
    """An entry with these changes, named `sample`."""
    return Entry(name="sample", about="a sample", correct=True, changes=changes, **settings)


def written(folder, models, one):
    """The notebook of an entry, as a list of sources."""
    write_submission(one, LAB, folder, models)
    return [cell.source for cell in nbformat.read(folder / LAB.notebook_name, as_version=4).cells]


def test_an_entry_without_changes_is_the_reference(tmp_path, models):
    """Without changes, the notebook is the reference as handed in, beside the reference's files."""
    sources = written(tmp_path / "out", models, variant())

    assert [cell.source for cell in submission_notebook(LAB).cells] == sources
    assert b"network" == (tmp_path / "out" / "cifar10_dnn.keras").read_bytes()


def test_a_text_is_replaced(tmp_path, models):
    """`old` becomes `new`, in the solution of that question only."""
    change = Change(question="q1", old="range(20)", new="range(3)")
    sources = written(tmp_path / "out", models, variant(change))

    assert 1 == sum("range(3)" in source for source in sources)
    assert 0 == sum("range(20)" in source for source in sources)


def test_a_solution_is_replaced_as_a_whole(tmp_path, models):
    """`whole` is all that is left of a question's solution."""
    sources = written(tmp_path / "out", models, variant(Change(question="q3", whole="model = None\n")))

    assert 1 == sources.count("model = None")
    assert 0 == sum("keras.optimizers.Nadam()" in source for source in sources)


def test_a_cell_is_added_ahead_of_the_check(tmp_path, models):
    """`add` is a new cell right behind the solution, so that the question's check comes later."""
    sources = written(tmp_path / "out", models, variant(Change(question="q2", add="X_test = None")))

    assert 'grader.check("q2")' == sources[sources.index("X_test = None") + 1]


def test_checks_can_be_left_out(tmp_path, models):
    """With `checks = false`, nothing of Otter is in the notebook."""
    sources = written(tmp_path / "out", models, variant(checks=False))

    assert [] == [source for source in sources if source.startswith(("import otter", "grader.check"))]


def test_no_files_are_handed_in_where_the_entry_has_none(tmp_path, models):
    """With `models = "none"`, the notebook is alone."""
    written(tmp_path / "out", models, variant(models="none"))

    assert [LAB.notebook_name] == [path.name for path in (tmp_path / "out").iterdir()]


@pytest.mark.parametrize(
    "change",
    [
        Change(question="q1", old="range(19)", new=""),
        Change(question="q1", old="keras", new=""),
        Change(question="q9", whole="pass"),
    ],
    ids=["absent", "ambiguous", "no such question"],
)
def test_a_change_without_its_place_is_a_problem_of_the_lab(tmp_path, models, change):
    """A change whose text does not stand exactly once, or whose cell is not there, raises LabProblem."""
    with pytest.raises(LabProblem, match="sample"):
        write_submission(variant(change), LAB, tmp_path / "out", models)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("correct", 'fails = ["q1"]\nabout = "x"'),
        ("wrong", 'about = "x"'),
        ("wrong", 'about = "x"\nfails = ["q9"]'),
        ("wrong", 'about = "x"\nfails = ["q1", "q2"]'),
        ("correct", 'about = "x"\ncolour = "red"'),
        ("correct", "about ="),
        ("correct", 'about = "x"\n[[change]]\nquestion = "q1"\nold = "a"'),
        ("correct", 'about = "x"\n[[change]]\nquestion = "q1"\nadd = "a"\nwhole = "b"'),
        ("correct", 'about = "x"\n[[change]]\nquestion = "q1"\ncell = "prose"\nadd = "a"'),
    ],
)
def test_an_entry_that_is_not_as_described_is_a_problem_of_the_lab(tmp_path, kind, text):
    """A malformed entry raises LabProblem with its path."""
    folder = tmp_path / "corpus" / kind
    folder.mkdir(parents=True)
    (folder / "odd.toml").write_text(text, encoding="utf-8")

    with pytest.raises(LabProblem, match=r"odd\.toml"):
        read_corpus(attrs.evolve(LAB, folder=tmp_path))


def test_two_entries_of_one_name_are_a_problem_of_the_lab(tmp_path):
    """A name stands for one entry, right or wrong."""
    for kind, more in (("correct", ""), ("wrong", 'fails = ["q1"]\n')):
        (tmp_path / "corpus" / kind).mkdir(parents=True)
        (tmp_path / "corpus" / kind / "one.toml").write_text(f'about = "x"\n{more}', encoding="utf-8")

    with pytest.raises(LabProblem, match="two entries are named one"):
        read_corpus(attrs.evolve(LAB, folder=tmp_path))


# --------------------------------------------------------------------------------------------------- recipes


RECIPES = """
def plain(reference, data, folder):
    (folder / "x.keras").write_text(f"{data.identity} {len(list(reference.iterdir()))}")

def broken(reference, data, folder):
    (folder / "x.keras").write_text("half")
    raise RuntimeError("no flour")
"""


@pytest.fixture
def kitchen(tmp_path, lab, trained):
    """A lab with recipes of its own and one trained model."""
    (tmp_path / "lab" / "corpus").mkdir(parents=True)
    (tmp_path / "lab" / "corpus" / "models.py").write_text(RECIPES, encoding="utf-8")
    shutil.copytree(trained, tmp_path / "lab" / "trained" / trained.name)
    return attrs.evolve(lab, folder=tmp_path / "lab")


def test_a_recipe_makes_model_files_once(kitchen, data, tmp_path):
    """What a recipe wrote is kept until the recipes or the reference's files change."""
    made = make_models(kitchen, ["plain"], data, tmp_path / "cache")
    (made / "plain" / "x.keras").write_text("kept")
    make_models(kitchen, ["plain"], data, tmp_path / "cache")

    assert "kept" == (made / "plain" / "x.keras").read_text()
    (kitchen.folder / "corpus" / "models.py").write_text(RECIPES + "\n", encoding="utf-8")
    assert made != make_models(kitchen, ["plain"], data, tmp_path / "cache")


@pytest.mark.parametrize("recipe", ["broken", "absent"])
def test_a_recipe_that_does_not_work_is_a_problem_of_the_lab(kitchen, data, tmp_path, recipe):
    """It raises LabProblem and leaves nothing half-made behind."""
    with pytest.raises(LabProblem, match=recipe):
        make_models(kitchen, [recipe], data, tmp_path / "cache")
    assert [] == list((tmp_path / "cache").rglob(f"{recipe}*"))


def test_a_lab_without_trained_models_has_no_corpus(kitchen, data, tmp_path):
    """Without the reference's own files there is nothing to make others from."""
    shutil.rmtree(kitchen.folder / "trained")
    with pytest.raises(LabProblem, match="no trained models"):
        make_models(kitchen, [], data, tmp_path / "cache")


def test_every_recipe_is_used_and_is_there():
    """The recipes that entries name and those that `models.py` has are the same."""
    named = {entry.models for entry in WHOLE} - {"reference", "no-history", "none"}
    module = corpus._recipes(LAB)
    has = {
        name.replace("_", "-")
        for name, recipe in vars(module).items()
        if getattr(recipe, "__module__", "") == "corpus_models" and not name.startswith("_")
    }

    assert has == named
