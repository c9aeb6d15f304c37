"""The format of a corpus: entries are patches of the reference solution, recipes make model files.

Whether the answers get what they are worth is in `test_corpora.py`.
"""

import shutil

import attrs
import nbformat
import pytest

from autograder.build.reference import submission_notebook
from autograder.corpus import Change, Entry, make_models, read_corpus, write_submission
from autograder.corpus.entries import write_told
from autograder.errors import LabProblem
from autograder.labs import find_lab

LAB = find_lab("cifar10_dnn")


# ------------------------------------------------------------------------------------------------ the format


@pytest.mark.parametrize(
    "message",
    [
        "One line.",
        "Two lines.\nThe second one has `code` and a \\ in it.",
        "Quotes: \" and ''' over\ntwo lines.",
        "A tab\tand\nan escape \x1b.",
    ],
)
def test_what_is_told_is_kept_beside_an_entry(tmp_path, message):
    """Whatever a message holds, it comes back from the entry's file, and replaces what stood there."""
    folder = tmp_path / "corpus" / "wrong"
    folder.mkdir(parents=True)
    lines = 'about = "an error"\nfails = ["q1"]\n\n[[change]]\nquestion = "q1"\nadd = "x = 1"\n'
    (folder / "sample.toml").write_text(lines)
    lab = attrs.evolve(LAB, folder=tmp_path)
    for told in ({"q1 - old": "Old."}, {"q1 - layers": message, "q1 - units": "More."}):
        (entry,) = read_corpus(lab)
        write_told(lab, entry, told)

    assert {"q1 - layers": message, "q1 - units": "More."} == read_corpus(lab)[0].told
    assert entry.changes == read_corpus(lab)[0].changes
    write_told(lab, entry, {})
    assert lines == (folder / "sample.toml").read_text()


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
