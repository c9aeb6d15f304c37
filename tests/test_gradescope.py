"""The zip for Gradescope, what its scripts do, and what Gradescope is told of a submission."""

import json
import os
import re
import stat
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from fakes import FakeSandbox, parts
from submissions import make_labs, notebook, write, write_zip

from autograder import cli, dnnlab
from autograder.errors import LabProblem, MachineFault, UsageProblem
from autograder.gradescope import __main__ as main
from autograder.gradescope import bundle, grading
from autograder.gradescope.places import DataFrom, Places, Settings
from autograder.gradescope.results import results_of
from autograder.labs import find_lab
from autograder.records import Outcome, Verdict

LAB = "cifar10_dnn"
SCRIPTS = Path(bundle.__file__).with_name("files")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A zip to grade on the miniature."""
    return bundle.write_bundle(
        find_lab(LAB), source="miniature", out=tmp_path_factory.mktemp("bundle") / "made.zip"
    )


class TestZip:
    """What is in the zip."""

    def test_it_holds_what_grading_needs(self, made):
        """Scripts, packages with hashes, code, hidden tests, marks and the reference's network are there."""
        with zipfile.ZipFile(made.path) as archive:
            names = set(archive.namelist())
            settings = json.loads(archive.read("settings.json"))

        assert {"setup.sh", "run_autograder", "requirements.lock", "tests/q1.py"} <= names
        assert {"autograder/room/driver.py", "autograder/judge/judging.py", "autograder/dnnlab.py"} <= names
        assert {f"solutions/{LAB}/{name}" for name in ("lab.toml", "probes.py", "calibration.json")} <= names
        assert f"solutions/{LAB}/trained/cifar10-miniature/{LAB}.keras" in names
        assert {"schema": 1, "lab": LAB, "data": "miniature"} == settings

    def test_it_holds_no_solution(self, made):
        """Neither the master nor the corpus is there, nor anything of other labs but what they ask for."""
        with zipfile.ZipFile(made.path) as archive:
            labs = [name for name in archive.namelist() if name.startswith("solutions/")]
            texts = [archive.read(name) for name in archive.namelist() if name.endswith((".py", ".toml"))]

        assert {"lab.toml"} == {Path(name).name for name in labs if f"/{LAB}/" not in name}
        assert not [name for name in labs if "corpus" in name or name.endswith(f"{LAB}.py")]
        assert not [text for text in texts if b"# BEGIN SOLUTION\n" in text]

    def test_scripts_can_be_run_and_nothing_else(self, made):
        """The two scripts have mode 755, all other files 644."""
        with zipfile.ZipFile(made.path) as archive:
            modes = {info.filename: stat.S_IMODE(info.external_attr >> 16) for info in archive.infolist()}

        assert {"setup.sh": 0o755, "run_autograder": 0o755} == {
            name: mode for name, mode in modes.items() if mode != 0o644
        }

    def test_the_same_sources_give_the_same_bytes(self, made, tmp_path):
        """Made twice, the zip is the same."""
        again = bundle.write_bundle(find_lab(LAB), source="miniature", out=tmp_path / "again.zip")

        assert made.path.read_bytes() == again.path.read_bytes()

    def test_without_data_it_downloads_them(self, tmp_path):
        """By default the zip holds no data and grades on the published ones."""
        made = bundle.write_bundle(find_lab(LAB), out=tmp_path / "made.zip")
        with zipfile.ZipFile(made.path) as archive:
            settings = Settings.read(write(tmp_path, {"settings.json": archive.read("settings.json")}))

            assert not [name for name in archive.namelist() if name.startswith("data/")]
        assert ("cifar10", DataFrom.DOWNLOAD) == (made.identity, made.data)
        assert Settings(lab=LAB, data=DataFrom.DOWNLOAD) == settings

    def test_data_are_put_into_it(self, tmp_path, monkeypatch):
        """With a folder of data, its `.npz` is in the zip as it is."""
        folder = write(tmp_path / "data", {"cifar10.npz": b"arrays"})
        monkeypatch.setattr(bundle, "prepare", lambda name, source: Path(source))
        monkeypatch.setattr(
            bundle, "load", lambda folder, name: type("Data", (), {"identity": "cifar10-miniature"})
        )
        made = bundle.write_bundle(find_lab(LAB), source=str(folder), out=tmp_path / "made.zip")
        with zipfile.ZipFile(made.path) as archive:
            assert b"arrays" == archive.read("data/cifar10.npz")
            assert zipfile.ZIP_STORED == archive.getinfo("data/cifar10.npz").compress_type

    def test_data_without_marks_are_refused(self, tmp_path, monkeypatch):
        """Data that the lab was never calibrated on make no zip."""
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        (x, y), test = dnnlab.miniature("cifar10")
        arrays = {"x_train": 255 - x, "y_train": y, "x_test": test[0], "y_test": test[1]}
        np.savez(tmp_path / "cifar10", **arrays)

        with pytest.raises(LabProblem, match="0 calibration samples on 'cifar10-"):
            bundle.write_bundle(find_lab(LAB), source=str(tmp_path), out=tmp_path / "made.zip")
        assert not (tmp_path / "made.zip").exists()

    def test_missing_data_are_told(self, tmp_path):
        """A folder without the data set is named."""
        with pytest.raises(UsageProblem, match=re.escape(str(tmp_path))):
            bundle.write_bundle(find_lab(LAB), source=str(tmp_path), out=tmp_path / "made.zip")

    def test_the_command_says_what_to_choose(self, tmp_path):
        """`autograder bundle --gradescope LAB` writes the zip and names the settings to choose."""
        out = tmp_path / "new" / "made.zip"
        ran = CliRunner().invoke(
            cli.main, ["bundle", "--gradescope", LAB, "--data", "miniature", "--out", str(out)]
        )

        assert (0, True) == (ran.exit_code, out.is_file())
        assert "to grade on cifar10-miniature (miniature)" in ran.output
        assert "4 CPUs with 6 GB of memory, and a time limit of 40 minutes" in ran.output


def moved(script, root):
    """A script of the zip whose fixed places lie under `root`."""
    text = (SCRIPTS / script).read_text(encoding="utf-8")
    return re.sub(r"(?<![\w.])/(opt/)?autograder(?=[/\s])", rf"{root}/\1autograder", text)


@pytest.fixture
def container(tmp_path):
    """Gradescope's folders with an unpacked zip that everybody may read, and a PATH of fakes that log."""
    files = {"source/tests/q1.py": b"", "source/requirements.lock": b"", "submission/a.ipynb": b"{}"}
    write(tmp_path / "autograder", files)
    for path in (tmp_path / "autograder").rglob("*"):
        path.chmod(0o777 if path.is_dir() else 0o666)
    (tmp_path / "bin").mkdir()
    return tmp_path


def fake(path, *lines):
    """A program that logs how it was called, then does these lines of shell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/bash", 'echo "${0##*/} $*" >> "$LOG"', *lines, ""]))
    path.chmod(0o755)


def run_script(container, script):
    """Run a script of the zip in its fake container; what its programs were asked for."""
    log = container / "log"
    done = subprocess.run(
        ["bash", "-c", moved(script, container)],
        env={"PATH": f"{container / 'bin'}:/usr/bin:/bin", "LOG": str(log)},
        cwd=container,
        capture_output=True,
        text=True,
    )
    return done, log.read_text().splitlines() if log.exists() else []


def serve(monkeypatch, load_data):
    """Put this in the place of Keras's download of CIFAR-10."""
    cifar10 = types.SimpleNamespace(load_data=load_data)
    keras = types.SimpleNamespace(datasets=types.SimpleNamespace(cifar10=cifar10))
    monkeypatch.setitem(sys.modules, "keras", keras)
    for name in ("KERAS_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, os.environ.get(name, ""))


class TestSetup:
    """What `setup.sh` does while Gradescope builds the image."""

    def test_nothing_of_the_zip_can_be_read_by_others(self, container):
        """Afterwards others may neither enter Gradescope's folder nor read any file of the zip."""
        fake(container / "opt/autograder/venv/bin/python")
        done, log = run_script(container, "setup.sh")
        home = container / "autograder"
        open_to_others = [
            path
            for path in (home, home / "source", *(home / "source").rglob("*"))
            if path.stat().st_mode & 0o077
        ]

        assert (0, "") == (done.returncode, done.stderr)
        assert [] == open_to_others
        assert ["python -P -m autograder.gradescope prepare"] == log

    def test_packages_are_checked_by_hash(self, container):
        """An environment is made with a Python that has TensorFlow, and the lock's hashes are demanded."""
        python = container / "opt/autograder/venv/bin/python"
        making = (
            f'[ "$2" = venv ] && mkdir -p {python.parent} && cp {container}/bin/python3.13 {python}; exit 0'
        )
        fake(container / "bin/python3.13", making)
        done, log = run_script(container, "setup.sh")

        assert 0 == done.returncode, done.stderr
        assert f"python3.13 -m venv {container}/opt/autograder/venv" == log[1]
        assert log[2].endswith(
            f"--no-deps --require-hashes --requirement {container}/autograder/source/requirements.lock"
        )

    def test_an_older_system_gets_a_newer_python(self, container):
        """Where the system's Python is too old, as on Ubuntu 22.04, uv brings one."""
        python = container / "opt/autograder/venv/bin/python"
        brought = container / "brought"
        fake(brought, f"mkdir -p {python.parent} && cp {brought} {python}")
        uv = container / "bin/fake-uv"
        fake(uv, f'[ "$2" = find ] && echo {brought}; exit 0')
        making = f'[ "$2" = venv ] && mkdir -p $3/bin && cp $0 $3/bin/python && cp {uv} $3/bin/uv'
        for name in ("python3.13", "python3.12", "python3.11", "python3"):
            fake(container / "bin" / name, '[ "$1" = -c ] && exit 1', making, "exit 0")
        fake(container / "bin/apt-get")
        done, log = run_script(container, "setup.sh")

        assert 0 == done.returncode, done.stderr
        assert "uv python install --quiet --no-bin 3.11" in log
        assert f"brought -m venv {container}/opt/autograder/venv" in log
        assert "python -P -m autograder.gradescope prepare" == log[-1]

    def test_uv_is_the_projects(self):
        """The uv whose hashes are in the zip is the one with which the project itself is set up."""
        run = (Path(bundle.__file__).parents[2] / "run").read_text(encoding="utf-8")
        (version,) = re.findall(r"^UV=(\S+)$", run, re.MULTILINE)
        first, second, *_ = (SCRIPTS / "uv.txt").read_text(encoding="utf-8").splitlines()

        assert (f"uv=={version} \\", "--hash=sha256") == (first, second.strip().partition(":")[0])

    @pytest.mark.parametrize("broken", ["apt-get", "prepare"])
    def test_what_fails_fails_the_build(self, container, broken):
        """A step that fails ends the script with its status, so that no image is made."""
        fake(container / "bin/apt-get", "exit 7")
        for name in ("python3.13", "python3.12", "python3.11", "python3"):
            fake(container / "bin" / name, "exit 1")
        if broken == "prepare":
            fake(container / "opt/autograder/venv/bin/python", "exit 7")

        assert 7 == run_script(container, "setup.sh")[0].returncode

    def test_downloads_that_fail_say_what_to_do(self, tmp_path, monkeypatch):
        """Data that cannot be had are a fault that names the way around."""

        def refuse():
            raise Exception("URL fetch failure")

        serve(monkeypatch, refuse)
        with pytest.raises(MachineFault, match="cifar10 cannot be downloaded: URL fetch failure") as caught:
            grading._download("cifar10", tmp_path)

        assert "--data DIR" in caught.value.hint

    def test_other_data_than_the_published_are_refused(self, tmp_path, monkeypatch):
        """A download that gives data without marks fails the build, and puts nothing in place."""
        found = Places(harness=tmp_path / "autograder", ours=tmp_path / "ours")
        settings = Settings(lab=LAB, data=DataFrom.DOWNLOAD).to_json()
        write(found.source, {"settings.json": settings.encode()})
        serve(monkeypatch, lambda: dnnlab.miniature("cifar10"))
        with pytest.raises(LabProblem, match="0 calibration samples on 'cifar10-"):
            grading.prepare(found)

        assert not found.data.exists()


class TestRun:
    """What `run_autograder` does ahead of grading."""

    def test_old_results_and_open_doors_are_gone(self, container):
        """Results of before are removed, and Gradescope's folder is closed, before anything runs."""
        write(container / "autograder", {"results/results.json": b'{"score": 100}'})
        fake(container / "opt/autograder/venv/bin/python", f"stat -c %a {container}/autograder >&2; exit 5")
        done, _ = run_script(container, "run_autograder")

        # The fake's log has no name in the clean environment, which it complains of first.
        assert (5, "700") == (done.returncode, done.stderr.splitlines()[-1])
        assert not (container / "autograder/results/results.json").exists()


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A container of fakes: a lab, a room and a judge that do as the notebook says."""
    monkeypatch.setenv("AUTOGRADER_SOLUTIONS", str(make_labs(tmp_path / "solutions")))
    monkeypatch.setenv("FAKE_TESTS", str(write(tmp_path / "hidden", {"points.txt": b"5"})))
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    found = Places(harness=tmp_path / "autograder", ours=tmp_path / "ours")
    write(found.source, {"settings.json": Settings(lab="deep", data=DataFrom.MINIATURE).to_json().encode()})
    write(found.data, {"cifar10/identity.json": b'{"identity": "tiny"}'})
    write(found.results.parent, {"results.json": b"old"})
    return found


def answer(do=""):
    """A notebook with an order for the fakes."""
    return notebook(sources=[f"def build_dnn():\n    pass\n# who: kim\n# do: {do}"])


def grade(places):
    """Whether there are results, the results, and what the instructor was told."""
    said = []
    done = grading.grade(places, FakeSandbox(), said.append, parts())
    told = json.loads(places.results.read_text(encoding="utf-8")) if places.results.exists() else None
    return done, told, "\n".join(said)


class TestGrading:
    """What becomes of one submission."""

    def test_a_graded_one_has_its_tests(self, places):
        """The judge's results are handed on; what is for instructors is not visible."""
        write(places.submission, {"a.ipynb": answer()})
        done, told, said = grade(places)

        assert (True, "submission: 6.3/10") == (done, said.splitlines()[0])
        assert ["Public Tests", "q1", "q2 - sizes", "q2 - rows"] == [row["name"] for row in told["tests"]]
        assert ("hidden", "graded") == (told["stdout_visibility"], told["extra_data"]["outcome"])

    def test_one_that_cannot_be_graded_says_why(self, places):
        """It gets the 0 that Gradescope demands, and says that this is no score and what to hand in."""
        write(places.submission, {"report.pdf": b""})
        done, told, said = grade(places)

        assert (True, 0) == (done, told["score"])
        assert "could not be graded: there is no notebook; it holds report.pdf" in told["output"]
        assert "Hand in again, with: deep.ipynb, deep.keras, deep.history.json." in told["output"]
        assert [("NOT GRADED", 0, 0)] == [(t["name"], t["score"], t["max_score"]) for t in told["tests"]]
        assert ("ungradable", "text") == (told["extra_data"]["outcome"], told["output_format"])
        assert "submission: ungradable: there is no notebook" in said

    @pytest.mark.parametrize("do", ["fault", "bug", "full"])
    def test_a_fault_has_no_results(self, places, do):
        """After a fault of the machine there is no file, not even an old one; instructors read why."""
        write(places.submission, {"a.ipynb": answer(do)})
        done, told, said = grade(places)

        assert (False, None) == (done, told)
        assert "submission: fault: " in said
        assert "Traceback" in said

    def test_what_stops_all_of_it_is_a_fault(self, places):
        """Without settings nothing is graded, and nothing is left to be taken for a grade."""
        (places.source / "settings.json").write_text("{}")
        done, told, said = grade(places)

        assert (False, None) == (done, told)
        assert said.startswith("FAULT, not graded: ")

    def test_a_zip_is_opened(self, places):
        """A zip that is all that was handed in is read as the submission."""
        places.submission.mkdir(parents=True)
        write_zip(places.submission / "work.zip", [("a.ipynb", answer())])

        assert "submission: 6.3/10" == grade(places)[2].splitlines()[0]


@pytest.mark.parametrize("task", ["prepare", "grade"])
def test_without_walls_nothing_is_done(monkeypatch, capsys, task):
    """Where student code cannot be kept apart, neither an image is built nor a submission graded."""
    monkeypatch.setattr(main.UsersSandbox, "unavailable", lambda self: "no such right")

    assert MachineFault.exit_status == main.main(task)
    assert "cannot be kept apart from the hidden tests here: no such right" in capsys.readouterr().out


def test_a_small_container_grades_nothing(monkeypatch, capsys):
    """Too little memory is a fault with a way out: a notebook that died of it would lose marks."""
    monkeypatch.setattr(main.UsersSandbox, "unavailable", lambda self: None)
    monkeypatch.setattr(main, "container_memory", lambda: 1536 << 20)

    assert MachineFault.exit_status == main.main("grade")
    assert "this container has 1.6 GB of memory" in capsys.readouterr().out


def test_a_fault_is_never_written(tmp_path):
    """There is no way to tell Gradescope of a fault as a result."""
    outcome = Outcome(submission="submission", lab=LAB, verdict=Verdict.FAULT)

    with pytest.raises(ValueError, match="a fault has no results"):
        results_of(outcome, find_lab(LAB), None)


def test_no_prepared_data_are_left_half_made(tmp_path, monkeypatch):
    """Preparing puts the data in their place, readable for everybody, and nothing else beside them."""
    found = Places(harness=tmp_path / "autograder", ours=tmp_path / "ours")
    write(found.source, {"settings.json": Settings(lab=LAB, data=DataFrom.MINIATURE).to_json().encode()})
    monkeypatch.setenv("XDG_CACHE_HOME", os.environ.get("XDG_CACHE_HOME", ""))

    assert "cifar10-miniature" == grading.prepare(found)
    assert [found.data] == list(found.ours.iterdir())
    assert 0o644 == stat.S_IMODE((found.data / "cifar10" / "x_train.npy").stat().st_mode)
