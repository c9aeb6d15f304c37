"""The kit: what enters a sandbox, and that nothing else does."""

import json
import stat

import attrs
import pytest

from autograder.build.master import read_master
from autograder.kit import COLLECTING_SHARE, make_kit
from autograder.labs import find_labs


@pytest.fixture
def kit(lab, tmp_path):
    """The lab's kit and its hash."""
    return tmp_path / "kit", make_kit(lab, tmp_path / "kit")


def files(folder):
    """All files of a folder, by path in it."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_only_what_is_meant_enters(kit):
    """The kit is the room's code, the students' library, two stand-ins, the probes and settings."""
    folder, _ = kit
    beside = {name for name in files(folder) if not name.startswith("autograder/room/")}

    assert {
        "autograder/__init__.py",
        "dnnlab.py",
        "google/colab/__init__.py",
        "jupyter/kernels/room/kernel.json",
        "lab.json",
        "lab_probes.py",
        "otter/__init__.py",
    } == beside
    assert not [name for name in files(folder) if "stub" in name]


@pytest.mark.parametrize("lab", find_labs(), ids=lambda lab: lab.name)
def test_nothing_secret_enters(lab, tmp_path):
    """No line and no message of a hidden test, no line of a solution and no sampled figure is in the kit."""
    make_kit(lab, tmp_path / "kit")
    text = "\n".join((tmp_path / "kit" / name).read_text("utf-8") for name in files(tmp_path / "kit"))
    master = read_master(lab)
    hidden = [case for case in master.cases if case.hidden]
    secrets = {line.strip() for case in hidden for line in case.source.splitlines() if "require(" in line}
    secrets |= {message for case in hidden for message in (case.success_message, case.failure_message)}
    answers = [line.strip() for cell in master.cells for line in cell.answer_lines]
    secrets |= {line for line in answers if len(line) > 30 and not line.startswith("def ")}
    record = json.loads(lab.calibration.read_text(encoding="utf-8"))
    samples = [one for by_data in record.values() for entry in by_data.values() for one in entry["samples"]]
    secrets |= {str(one["validation_loss"]) for one in samples}

    assert 40 < len(secrets)
    assert [] == [secret for secret in secrets if secret in text]
    assert "calibrat" not in text
    assert [] == [name for name in ("he_normal", "lecun_normal") if name in text]


def test_a_stranger_can_read_it(kit):
    """Folders and files are readable by whichever user the sandbox has, and writable by its owner only."""
    folder, _ = kit
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}

    assert {0o644} == modes
    assert {0o755} == {
        stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.rglob("*")] if path.is_dir()
    }


def test_equal_kits_have_equal_hashes(lab, kit, tmp_path):
    """The hash is that of the content: the same for the same lab, another for any change."""
    _, expected = kit
    again = make_kit(lab, tmp_path / "again")
    slower = make_kit(attrs.evolve(lab, cell_seconds=lab.cell_seconds + 1), tmp_path / "slower")

    assert expected == again
    assert expected != slower


def test_settings(kit, lab):
    """The room is told the lab's questions and limits, with time kept for describing what cells left."""
    folder, _ = kit
    record = json.loads((folder / "lab.json").read_text(encoding="utf-8"))

    assert (lab.notebook_name, lab.dataset, lab.cell_seconds) == (
        record["notebook"],
        record["dataset"],
        record["cell_seconds"],
    )
    assert lab.wall_seconds * (1 - COLLECTING_SHARE) == record["run_seconds"]
    assert {question.name: list(question.defines) for question in lab.questions} == record["questions"]


def test_a_lab_without_probes(lab, tmp_path):
    """A lab needs no probes."""
    make_kit(attrs.evolve(lab, folder=tmp_path), tmp_path / "kit")

    assert not (tmp_path / "kit" / "lab_probes.py").exists()
