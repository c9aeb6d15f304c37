"""The table of attacks is complete, and those that need no kernel score what they are truly worth."""

import json
import re
from pathlib import Path

import pytest
from attacks.files import evidence_with
from attacks.judged import EVIDENCE, MODELS
from attacks.making import CELLS
from attacks.shown import SHOWN
from attacks.table import ATTACKS, listed
from attacks.taken import SUBMISSIONS
from submissions import make_labs
from test_attacks import KILLING, PRYING

from autograder.errors import Ungradable
from autograder.evidence import read_evidence
from autograder.intake import stage
from autograder.judge import judge_evidence
from autograder.judge.judging import _with_our_side
from autograder.labs import find_lab
from autograder.room.archive import collect
from autograder.room.stream import npz_bytes
from autograder.suspicion.alone import write_traces


class TestTable:
    """One place that names every attack."""

    def test_forty_or_more(self):
        """There are at least forty attacks, each of another name, with something to try and a true score."""
        assert len(ATTACKS) >= 40
        assert len(ATTACKS) == len({attack.name for attack in ATTACKS})
        assert all(len(attack.tries) > 9 and attack.worth != "" for attack in ATTACKS)

    def test_every_cell_is_in_it(self):
        """Each file of `cells/` is an attack of the table, and each of those has its file."""
        assert {path.stem for path in CELLS.glob("*.py")} == {attack.name for attack in listed("kernel")}

    def test_every_cell_is_run(self):
        """Each of them is in one of the notebooks that are run."""
        killing = {attack.name for attacks in KILLING.values() for attack in attacks}

        assert {attack.name for attack in listed("kernel")} == {*PRYING, *killing}

    @pytest.mark.parametrize(
        ("how", "made"),
        [("judged", {*EVIDENCE, *MODELS}), ("taken", {*SUBMISSIONS}), ("shown", {*SHOWN})],
        ids=["judged", "taken", "shown"],
    )
    def test_every_other_attack_is_in_it(self, how, made):
        """Each attack that is made without a kernel is in the table, and the other way round."""
        assert made == {attack.name for attack in listed(how)}


@pytest.fixture(scope="module")
def reference(lab):
    """The folder of the reference's model files for the miniature."""
    return lab.trained("cifar10-miniature")


@pytest.fixture
def judged(lab, miniature, hidden_tests, tmp_path):
    """Judge files of evidence as a batch does: the score of each question that earned any."""

    def run(files):
        with evidence_with(None, files) as folder:
            evidence = _with_our_side(read_evidence(folder), lab, miniature)
            results = list(judge_evidence(evidence, hidden_tests))
            write_traces(evidence, tmp_path)
        told = "".join(result.found for result in results)
        assert len(told) < 100_000
        assert not re.search(r"root:|Traceback|evidence_of", told)
        scores = {result.question: 0.0 for result in results}
        for result in results:
            scores[result.question] += result.score
        return {question: score for question, score in scores.items() if score}

    return run


def parts_of(folder):
    """What the reading of model files leaves as evidence."""
    record, arrays = collect(folder)
    return {"models.json": json.dumps(record).encode(), "models.npz": npz_bytes(arrays)}


def described(folder):
    """What is read of the model file alone, its weights left out."""
    record, _ = collect(folder)
    return record | {"files": [file for file in record["files"] if file["kind"] == "model"]}


def test_the_files_alone(judged, reference):
    """Right model files without a notebook earn the points for what training reached, and no other."""
    assert {"q5": 35} == judged(parts_of(reference))


class TestJudged:
    """Attacks that are read and judged without a room."""

    @pytest.mark.parametrize("attack", [one for one in listed("judged") if one.name in EVIDENCE], ids=str)
    def test_forged_evidence(self, attack, judged, reference, tmp_path):
        """Forged evidence earns what the submission has earned without it."""
        # Without the weights, whose evaluation takes the time and which no notebook can touch.
        files = {"models.json": json.dumps(described(reference)).encode()}
        EVIDENCE[attack.name](files, tmp_path)

        assert attack.worth == sum(judged(files).values())
        assert not (tmp_path / "unpickled").exists()

    @pytest.mark.parametrize("attack", [one for one in listed("judged") if one.name in MODELS], ids=str)
    def test_a_hostile_model_file(self, attack, judged, reference, tmp_path):
        """A hostile model file earns nothing, and costs the files beside it nothing."""
        (tmp_path / "files").mkdir()
        MODELS[attack.name](tmp_path / "files", reference)

        assert attack.worth == sum(judged(parts_of(tmp_path / "files")).values())
        assert not Path("imported").exists()


class TestTaken:
    """Hostile submissions, at intake."""

    @pytest.mark.parametrize("attack", listed("taken"), ids=str)
    def test_a_hostile_submission(self, attack, tmp_path, monkeypatch):
        """It is refused with a reason, or loses what is hostile in it; nothing lies outside of its folder."""
        monkeypatch.setenv("AUTOGRADER_SOLUTIONS", str(make_labs(tmp_path / "solutions")))
        (tmp_path / "in").mkdir()
        path = SUBMISSIONS[attack.name](tmp_path / "in")
        before = {one for one in tmp_path.rglob("*") if one.name != "staged"}
        try:
            stage(path, find_lab("deep"), tmp_path / "staged")
            found = "left out"
        except Ungradable as refused:
            assert refused.what
            found = "refused"
        staged = {one for one in tmp_path.rglob("*") if one.is_relative_to(tmp_path / "staged")}

        assert attack.worth == found
        assert before == {one for one in tmp_path.rglob("*")} - staged
        assert [] == [one for one in staged if OURS & set(one.parts) or not str(one).isprintable()]


OURS = {
    "tests",
    "dnnlab.py",
    "sitecustomize.py",
    "usercustomize.py",
    "keras.json",
    ".keras",
    ".ipython",
    "otter",
}


class TestShown:
    """What a student chose, in what people look at."""

    @pytest.mark.parametrize("attack", listed("shown"), ids=str)
    def test_a_hostile_text(self, attack, tmp_path):
        """It is shown as the text that it is."""
        texts, evil = SHOWN[attack.name](tmp_path)

        assert texts
        assert [] == [word for word in evil for text in texts if word in text]
