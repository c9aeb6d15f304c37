"""Labs are found by their `lab.toml`, and one that is wrong says so."""

import pytest
from submissions import make_labs, write

from autograder.errors import LabProblem, UsageProblem
from autograder.labs import Question, find_lab, find_labs, solutions_folder


@pytest.fixture
def solutions(tmp_path, monkeypatch):
    """Two labs and a folder that is none."""
    folder = make_labs(tmp_path / "solutions")
    write(folder / "notes", {"README.md": b""})
    monkeypatch.setenv("AUTOGRADER_SOLUTIONS", str(folder))
    return folder


def test_labs_by_name(solutions):
    """All folders with a `lab.toml` are labs, in alphabetical order."""
    assert ["deep", "pairs"] == [lab.name for lab in find_labs()]


def test_a_draft_is_found_by_name_only(solutions):
    """A lab in preparation is not among all labs."""
    path = solutions / "deep" / "lab.toml"
    path.write_text("draft = true\n" + path.read_text(encoding="utf-8"), encoding="utf-8")

    assert ["pairs"] == [lab.name for lab in find_labs()]
    assert find_lab("deep").draft


def test_a_lab(solutions):
    """A lab has what its file says, and places that follow from its name."""
    lab = find_lab("deep")

    assert ("deep", "cifar10", ("deep",), 10.0, 60.0) == (
        lab.title,
        lab.dataset,
        lab.models,
        lab.cell_seconds,
        lab.wall_seconds,
    )
    assert Question(name="q2", defines=("X_train", "y_train")) == lab.questions[1]
    assert ("deep.ipynb", solutions / "deep" / "deep.py") == (lab.notebook_name, lab.master)
    assert solutions / "deep" / "trained" / "cifar10" == lab.trained("cifar10")


@pytest.mark.parametrize("name", ["other", "notes", "", "../solutions/deep"])
def test_no_such_lab(solutions, name):
    """A name that is no lab's, or leads elsewhere, is refused with the names there are."""
    with pytest.raises(UsageProblem, match="there is no lab named") as caught:
        find_lab(name)
    assert "choose one of: deep, pairs" == caught.value.hint


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("title = ", "Invalid value"),
        ('title = "x"', "'dataset'"),
        ('title = "x"\ndataset = "cifar10"\n[questions]\n[limits]\ncell_seconds = 1', "'wall_seconds'"),
        ('title = "x"\ndataset = "cifar10"\n[questions]\nq1 = 3\n', "not iterable"),
        ('title = "x"\ndataset = "cifar10"\nmodels = ["deep"]\n[questions]\n', "'items'"),
        ('title = "x"\ndataset = "cifar10"\n[questions]\n[models.deep]\nshape = 3\n', "unexpected keyword"),
        (
            'title = ""\ndataset = "mnist"\n[questions]\n[limits]\ncell_seconds = "long"\nwall_seconds = 1',
            "could not convert",
        ),
    ],
)
def test_a_file_that_is_wrong(solutions, text, reason):
    """A `lab.toml` that lacks something or says it wrongly is the lab's problem, with its place."""
    write(solutions / "deep", {"lab.toml": text.encode()})

    with pytest.raises(LabProblem, match=f"lab.toml cannot be used: .*{reason}") as caught:
        find_lab("deep")
    assert str(solutions / "deep") == caught.value.where


def test_the_projects_own_labs(monkeypatch):
    """Without a setting the labs are those beside the package, each with a master and its probes."""
    monkeypatch.delenv("AUTOGRADER_SOLUTIONS", raising=False)

    assert "solutions" == solutions_folder().name
    assert find_labs()
    assert all(lab.master.is_file() and lab.probes.is_file() for lab in find_labs())
