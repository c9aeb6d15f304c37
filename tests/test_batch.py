"""A batch grades each submission once, lets none harm another, and loses nothing when it is killed."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import wait
from pathlib import Path

import attrs
import pytest
from fakes import FakeSandbox, logged, parts
from submissions import link_entry, make_labs, notebook, old_notebook, write, write_bomb, write_zip

from autograder import batch
from autograder.batch import grading, results
from autograder.batch.gate import UntilStopped
from autograder.batch.judging import Judges, UnexpectedInJudge
from autograder.batch.scores import read_scores
from autograder.batch.status import read_status
from autograder.errors import LabProblem, MachineFault, Ungradable, UsageProblem
from autograder.intake import find_submissions
from autograder.labs import find_lab
from autograder.records import Outcome, QuestionScore, Verdict


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Labs, hidden tests, data and a log of the test's own."""
    monkeypatch.setenv("AUTOGRADER_SOLUTIONS", str(make_labs(tmp_path / "solutions")))
    monkeypatch.setenv("FAKE_TESTS", str(write(tmp_path / "hidden", {"points.txt": b"5"})))
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    write(tmp_path / "data", {"cifar10/identity.json": b'{"schema": 1, "identity": "tiny"}'})


def answer(who, do=""):
    """A notebook of somebody, with an order for the fakes."""
    return notebook(sources=[f"def build_dnn():\n    pass\n# who: {who}\n# do: {do}"])


def hand_in(folder, **orders):
    """A class folder with a folder per name."""
    return write(folder, {f"{who}/a.ipynb": answer(who, do) for who, do in orders.items()})


class Recorder:
    """A progress that remembers; it may interrupt when told of someone."""

    def __init__(self, interrupt_at=""):
        self.told = {}
        self.lines = []
        self.total = 0
        self._interrupt_at = interrupt_at

    def begin(self, total):
        """Remember how many."""
        self.total = total

    def finished(self, outcome, *, kept):
        """Remember who, and whether an earlier run had done it."""
        self.told[outcome.submission] = kept
        if outcome.submission == self._interrupt_at:
            raise KeyboardInterrupt

    def said(self, line):
        """Remember what concerned all."""
        self.lines.append(line)

    def close(self):
        """Nothing to end."""


@pytest.fixture
def grade(tmp_path):
    """Grade `tmp_path/class` into `tmp_path/out`; outcomes by name."""

    def run(**options):
        settings = {
            "out": tmp_path / "out",
            "sandbox": FakeSandbox(),
            "data": tmp_path / "data",
            "jobs": 2,
            "parts": parts(),
        } | options
        paths = settings.pop("paths", [tmp_path / "class"])
        lab = find_lab(settings.pop("lab", "deep"))
        return {one.submission: one for one in batch.grade(find_submissions(paths), lab, **settings)}

    return run


@pytest.fixture
def rejudge(tmp_path):
    """Judge `tmp_path/out` again; outcomes by name."""

    def run(**options):
        settings = {"data": tmp_path / "data", "jobs": 2, "parts": parts()} | options
        out = settings.pop("out", tmp_path / "out")
        return {one.submission: one for one in batch.rejudge(out, find_lab("deep"), **settings)}

    return run


@attrs.frozen(kw_only=True)
class SmallDisk:
    """A file system of a few megabytes."""

    folder: Path

    def grow(self):
        """Free some space."""
        subprocess.run(["mount", "-o", "remount,size=64m", self.folder], check=True)


@pytest.fixture
def small_disk(tmp_path):
    """A disk with room for some of a class; skips where nothing may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a small disk")
    yield SmallDisk(folder=folder)
    # Lazily: a judge that is just ending may still hold a file of it.
    subprocess.run(["umount", "--lazy", folder], check=True)


def verdicts(outcomes):
    """How each ended, in a word."""
    return {name: outcome.verdict.value for name, outcome in outcomes.items()}


def gradebook(folder):
    """The rows of the gradebook by student."""
    with (folder / "grades.csv").open(encoding="utf-8-sig", newline="") as stream:
        return {row["student"]: row for row in csv.DictReader(stream)}


class TestOutcomes:
    """What becomes of each submission."""

    def test_a_good_submission(self, tmp_path, grade):
        """It is graded, with points per question, and its folder holds all that a TA needs."""
        hand_in(tmp_path / "class", kim="")
        found = grade()["kim"]
        folder = tmp_path / "out" / "kim"

        assert (Verdict.GRADED, 6.3, 10) == (found.verdict, found.score, found.possible)
        assert (
            QuestionScore(name="q1", score=5, possible=6),
            QuestionScore(name="q2", score=1.3, possible=4),
        ) == found.questions
        assert ["evidence", "executed.ipynb", "outcome.json", "results.json", "tests.jsonl"] == sorted(
            path.name for path in folder.iterdir()
        )
        assert found == Outcome.from_json((folder / "outcome.json").read_text(encoding="utf-8"))
        assert ("fake", "image-1", "tiny", 1) == (found.sandbox, found.image, found.data, found.attempts)

    def test_time_is_each_submission_s_own(self, tmp_path, grade, monkeypatch):
        """Waiting for a free room counts for nobody: with one room, each takes as long as its own room."""
        clock = [0.0]
        real = parts()

        def collect(*given, **named):
            clock[0] += 5
            real.collect(*given, **named)

        hand_in(tmp_path / "class", ann="", kim="", zoe="")
        monkeypatch.setattr(grading.time, "monotonic", lambda: clock[0])
        found = grade(jobs=1, parts=attrs.evolve(real, collect=collect))

        assert {"ann": 5.0, "kim": 5.0, "zoe": 5.0} == {name: one.seconds for name, one in found.items()}

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_bad_submissions_harm_nobody(self, tmp_path, grade):
        """Each bad submission gets its reason, the good ones their grades, and nobody is lost."""
        place = hand_in(tmp_path / "class", good="")
        write(place / "no notebook", {"report.pdf": b""})
        write(place / "two", {"a.ipynb": answer("a"), "b.ipynb": answer("b")})
        write(place / "broken", {"a.ipynb": b"{"})
        write(place / "old", {"a.ipynb": old_notebook()})
        write(place / "other", {"a.ipynb": notebook(sources=["1"], declared=False, checks=False)})
        write(place / "wrong lab", {"a.ipynb": notebook("pairs")})
        write_zip(place / "empty.zip", [])
        write_zip(place / "outside.zip", [("../a.ipynb", answer("x"))])
        write_zip(place / "link.zip", [("a.ipynb", answer("x")), (link_entry("deep.keras"), b"/etc/passwd")])
        write_bomb(place / "bomb.zip")
        write_zip(place / "김 지수.zip", [("과제/내 답.ipynb", answer("jisu"))])
        outcomes = grade()
        reasons = {
            name: one.reason.split(":")[0] if one.reason.startswith("a.ipynb") else one.reason.split(";")[0]
            for name, one in outcomes.items()
            if one.verdict is Verdict.UNGRADABLE
        }

        assert {
            "bomb": "deep.keras: a small file in the zip unpacks to 2,147 MB, as zip bombs do",
            "broken": "a.ipynb",
            "empty": "the zip is empty",
            "link": "deep.keras: the zip holds a link or a device",
            "no_notebook": "there is no notebook",
            "other": "a.ipynb",
            "outside": "../a.ipynb: the zip names a file outside of its own folder",
            "two": "there are 2 notebooks (a.ipynb, b.ipynb), and more than one of them answers the lab deep",
            "wrong_lab": "a.ipynb",
        } == reasons
        assert {"good", "old", "김_지수"} == set(outcomes) - set(reasons)
        assert all(outcomes[name].hint and outcomes[name].score is None for name in reasons)
        assert set(outcomes) == set(gradebook(tmp_path / "out"))
        assert not (tmp_path / "a.ipynb").exists()

    def test_equal_names_stay_apart(self, tmp_path, grade):
        """Two submissions whose names a file system may confuse have a folder each."""
        place = hand_in(tmp_path / "class", Kim="")
        write_zip(place / "kim.zip", [("a.ipynb", answer("other"))])
        outcomes = grade()

        assert {"Kim", "kim-2"} == set(outcomes)
        assert ["collect Kim", "collect other", "judge Kim", "judge other"] == logged()

    def test_a_fault_is_tried_again(self, tmp_path, grade):
        """A fault that passes costs nobody anything."""
        hand_in(tmp_path / "class", kim="fault_once")
        found = grade()["kim"]

        assert (Verdict.GRADED, 2) == (found.verdict, found.attempts)

    def test_a_fault_that_stays_is_no_zero(self, tmp_path, grade):
        """It has a reason and no score, half evidence is not kept, and the next run tries again."""
        hand_in(tmp_path / "class", kim="fault", lee="")
        outcomes = grade()
        row = gradebook(tmp_path / "out")["kim"]

        assert {"kim": "fault", "lee": "graded"} == verdicts(outcomes)
        assert ("the engine is gone", "start it", 2) == (
            outcomes["kim"].reason,
            outcomes["kim"].hint,
            outcomes["kim"].attempts,
        )
        assert ("", "", "the engine is gone") == (row["score"], row["possible"], row["reason"])
        assert ["fault.log", "outcome.json"] == sorted(p.name for p in (tmp_path / "out" / "kim").iterdir())
        hand_in(tmp_path / "class", kim="")
        assert {"kim": "graded", "lee": "graded"} == verdicts(grade())

    def test_a_fault_is_repeated_by_the_next_run(self, tmp_path, grade):
        """An unchanged submission that ended as a fault is run again, and only it."""
        hand_in(tmp_path / "class", kim="fault", lee="")
        grade(retries=0)
        grade(retries=0)

        assert ["collect kim", "collect kim", "collect lee", "judge lee"] == logged()

    def test_what_nobody_foresaw(self, tmp_path, grade):
        """A bug of ours is a fault with its traceback in a file, and stops no one else."""
        hand_in(tmp_path / "class", kim="bug", lee="")
        outcomes = grade()

        assert {"kim": "fault", "lee": "graded"} == verdicts(outcomes)
        assert "a fault of the autograder (RuntimeError)" == outcomes["kim"].reason
        assert "nobody thought of this" in (tmp_path / "out" / "kim" / "fault.log").read_text()

    @pytest.mark.parametrize(
        ("order", "reason"),
        [
            ("die", "the judging process died (status 9)"),
            ("exit", "a fault of the autograder (UnexpectedInJudge)"),
            ("bad_test", "a test is wrong"),
            ("silent", "the judge left no usable results (FileNotFoundError)"),
        ],
    )
    def test_a_judge_that_fails(self, tmp_path, grade, order, reason):
        """However judging fails it is a fault; the evidence is kept and the others are graded."""
        hand_in(tmp_path / "class", kim=order, lee="", park="")
        outcomes = grade(jobs=1)

        assert {"kim": "fault", "lee": "graded", "park": "graded"} == verdicts(outcomes)
        assert reason == outcomes["kim"].reason
        assert (tmp_path / "out" / "kim" / "evidence").is_dir()

    def test_a_judge_that_dies_once(self, tmp_path, grade):
        """Judging is tried again on the same evidence."""
        hand_in(tmp_path / "class", kim="die_once")

        assert {"kim": "graded"} == verdicts(grade())
        assert ["collect kim", "judge kim", "judge kim"] == logged()

    def test_last_words_of_a_judge(self, tmp_path, grade):
        """What a judge printed before it died is in the log of the fault."""
        hand_in(tmp_path / "class", kim="die")
        grade()

        assert "about to die" in (tmp_path / "out" / "kim" / "fault.log").read_text()

    def test_a_submission_that_proves_ungradable_late(self, tmp_path, grade):
        """The judge may say so, too; that is final until something changes."""
        hand_in(tmp_path / "class", kim="unreadable")
        found = grade()["kim"]
        grade()

        assert (Verdict.UNGRADABLE, "nothing in it can be read") == (found.verdict, found.reason)
        assert ["collect kim", "judge kim"] == logged()

    def test_a_full_disk(self, tmp_path, grade):
        """A disk that fills up is a fault that says what to do."""
        hand_in(tmp_path / "class", kim="full")
        found = grade()["kim"]

        assert "the machine could not write or open a file: No space left on device" == found.reason
        assert found.hint.startswith("free disk space")

    def test_a_disk_too_full_for_results(self, tmp_path, grade, monkeypatch):
        """Where not even outcomes can be written the batch stops, and what is complete stays."""
        hand_in(tmp_path / "class", kim="")
        grade()
        hand_in(tmp_path / "class", lee="")

        def full(path, text):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(grading, "replace_text", full)

        with pytest.raises(MachineFault, match="No space left on device"):
            grade()
        assert {"kim": "graded"} == verdicts(results.outcomes_in(tmp_path / "out"))


class TestAMachineThatFails:
    """The engine is gone, or the disk full: all wait for it, and no submission is charged with it."""

    QUICK = batch.Patience(waits=(0, 0))

    @pytest.fixture
    def trouble(self, tmp_path, monkeypatch):
        """Let the machine fail so many times; rooms and trials alike."""
        monkeypatch.setenv("FAKE_TROUBLE", str(tmp_path / "trouble"))

        def make(times):
            write(tmp_path, {"trouble": b"\n".join([b"the engine is gone"] * times)})

        return make

    def test_a_machine_that_comes_back(self, tmp_path, grade, trouble):
        """A passing failure costs nobody anything, not even one of the attempts that there are."""
        hand_in(tmp_path / "class", kim="", lee="", park="")
        trouble(3)
        progress = Recorder()
        outcomes = grade(jobs=1, retries=0, patience=self.QUICK, progress=progress)

        assert dict.fromkeys(["kim", "lee", "park"], "graded") == verdicts(outcomes)
        assert {"kim": 2, "lee": 1, "park": 1} == {name: one.attempts for name, one in outcomes.items()}
        assert [
            "paused, as the machine fails: the engine is gone. It is tried again for 0 seconds; "
            "Ctrl-C ends the batch, and the same command goes on with it",
            "going on",
        ] == progress.lines

    @pytest.mark.parametrize("jobs", [1, 2])
    def test_a_machine_that_is_gone_for_good(self, tmp_path, grade, trouble, jobs):
        """The batch ends, with one message; nobody became a fault, and the same command goes on."""
        hand_in(tmp_path / "class", **{f"s{number:02}": "" for number in range(30)})
        trouble(100)

        with pytest.raises(MachineFault, match="the batch ends, as the machine fails: the engine is gone"):
            grade(jobs=jobs, patience=self.QUICK)
        assert {} == results.outcomes_in(tmp_path / "out")
        assert jobs >= len(logged())
        assert ("the batch ends, as the machine fails: the engine is gone", 30) == (
            read_status(tmp_path / "out").ending,
            read_status(tmp_path / "out").count("waiting"),
        )
        (tmp_path / "trouble").unlink()
        assert {"graded"} == set(verdicts(grade()).values())

    def test_one_that_breaks_the_machine(self, tmp_path, grade, trouble, monkeypatch):
        """A submission under which the machine fails each time is charged with it in the end."""
        real = parts()

        def collect(staged, lab, *given, **named):
            if "# who: kim" in (staged / lab.notebook_name).read_text(encoding="utf-8"):
                trouble(2)
            real.collect(staged, lab, *given, **named)

        hand_in(tmp_path / "class", kim="", lee="")
        outcomes = grade(jobs=1, patience=self.QUICK, parts=attrs.evolve(real, collect=collect))

        assert {"kim": "fault", "lee": "graded"} == verdicts(outcomes)
        assert self.QUICK.spared + 2 == outcomes["kim"].attempts

    def test_many_faults_in_a_row(self, tmp_path, grade):
        """Where one after the other is a fault the batch ends, and next time these come last."""
        hand_in(tmp_path / "class", **{f"s{number}": "fault" for number in range(8)}, zoe="")
        patience = batch.Patience(faults=3, waits=(0,))

        with pytest.raises(
            MachineFault, match="4 submissions in a row ended as faults, the last one with: the"
        ):
            grade(jobs=1, retries=0, patience=patience)
        assert {f"s{number}": "fault" for number in range(4)} == verdicts(
            results.outcomes_in(tmp_path / "out")
        )
        hand_in(tmp_path / "class", **{f"s{number}": "" for number in range(4, 8)})
        again = grade(jobs=1, retries=0, patience=patience)
        assert [f"s{number}" for number in range(4)] == [
            name for name, one in again.items() if one.verdict is Verdict.FAULT
        ]

    def test_a_lab_that_is_wrong(self, tmp_path, grade):
        """Waiting mends no hidden test: faults of the lab hold up nothing."""
        hand_in(tmp_path / "class", **{f"s{number}": "bad_test" for number in range(6)})
        outcomes = grade(jobs=1, patience=batch.Patience(faults=1, waits=()))

        assert {"fault"} == set(verdicts(outcomes).values())

    def test_a_disk_that_fills_up(self, tmp_path, grade, small_disk):
        """On a full disk the batch ends with a clear message, keeps what is complete, and goes on later."""
        hand_in(tmp_path / "class", **{f"s{number}": "big" for number in range(9)})
        settings = {"out": small_disk.folder / "out", "jobs": 1, "patience": self.QUICK}

        with pytest.raises(MachineFault) as raised:
            grade(**settings)
        assert "No space left on device" in raised.value.what
        assert raised.value.hint.startswith("free disk space")
        complete = {path.parent.name for path in settings["out"].glob("*/results.json")}
        assert complete == set(results.outcomes_in(settings["out"])) and 0 < len(complete) < 9
        assert set(gradebook(settings["out"])) <= complete
        small_disk.grow()
        assert dict.fromkeys([f"s{number}" for number in range(9)], "graded") == verdicts(grade(**settings))
        assert 9 == len(gradebook(settings["out"]))
        assert [f"judge {name}" for name in sorted(complete)] == [
            line for line in logged() if line.startswith("judge") and line.split()[1] in complete
        ]


class TestDoingOnlyWhatIsMissing:
    """A later run repeats nothing that still holds."""

    def test_a_second_run_does_nothing(self, tmp_path, grade):
        """What is complete is kept and reported as such, ungradable ones included."""
        place = hand_in(tmp_path / "class", kim="", lee="")
        write(place / "bad", {"a.pdf": b""})
        first = grade()
        progress = Recorder()
        second = grade(progress=progress)

        assert first == second
        assert ["collect kim", "collect lee", "judge kim", "judge lee"] == logged()
        assert ({"bad": True, "kim": True, "lee": True}, 3) == (progress.told, progress.total)

    def test_what_changed_is_done_again(self, tmp_path, grade):
        """A submission handed in anew is graded anew, and replaces the old result."""
        hand_in(tmp_path / "class", kim="", lee="")
        grade()
        write(tmp_path / "class", {"kim/a.ipynb": answer("kim2")})
        grade()

        assert ["collect kim", "collect kim2", "collect lee"] == [one for one in logged() if "collect" in one]
        assert "kim2" in (tmp_path / "out" / "kim" / "evidence" / "evidence.json").read_text()

    def test_new_tests_only_judge(self, tmp_path, grade):
        """When the hidden tests change, the kept evidence is judged and no student code is run."""
        hand_in(tmp_path / "class", kim="")
        grade()
        write(tmp_path / "hidden", {"points.txt": b"6"})
        found = grade()["kim"]

        assert 7.3 == found.score
        assert ["collect kim", "judge kim", "judge kim"] == logged()

    def test_a_mended_lab_only_judges(self, tmp_path, grade):
        """When judging failed for the lab's sake, mending the lab costs no second run of student code."""
        hand_in(tmp_path / "class", kim="")
        write(tmp_path / "hidden", {"kim.txt": b"bad_test"})
        broken = grade()
        (tmp_path / "hidden" / "kim.txt").unlink()

        assert ({"kim": "fault"}, {"kim": "graded"}) == (verdicts(broken), verdicts(grade()))
        assert ["collect kim", "judge kim", "judge kim"] == logged()

    @pytest.mark.parametrize("change", ["kit", "image", "data"])
    def test_another_room_runs_again(self, tmp_path, grade, monkeypatch, change):
        """Evidence of another kit, image or data is not used."""
        hand_in(tmp_path / "class", kim="")
        grade()
        if change == "kit":
            monkeypatch.setenv("FAKE_KIT", "kit-2")
        if change == "data":
            write(tmp_path / "data", {"cifar10/identity.json": b'{"identity": "other"}'})
        grade(sandbox=FakeSandbox("image-2" if change == "image" else "image-1"))

        assert ["collect kim", "collect kim", "judge kim", "judge kim"] == logged()

    def test_a_damaged_outcome_is_missing(self, tmp_path, grade):
        """An outcome that cannot be read is made again."""
        hand_in(tmp_path / "class", kim="")
        grade()
        (tmp_path / "out" / "kim" / "outcome.json").write_text('{"schema": 1')

        assert {"kim": "graded"} == verdicts(grade())
        assert ["collect kim", "collect kim", "judge kim", "judge kim"] == logged()

    def test_the_gradebook_is_of_all_runs(self, tmp_path, grade):
        """Students of earlier runs into a folder stay in its gradebook."""
        hand_in(tmp_path / "class", kim="")
        hand_in(tmp_path / "late", lee="")
        grade()
        grade(paths=[tmp_path / "late"])

        assert {"kim", "lee"} == set(gradebook(tmp_path / "out"))


class TestTheResultsFolder:
    """Who may use it, and when."""

    def test_two_runs_at_once(self, tmp_path, grade):
        """A second run into the same folder is refused, and says whose turn it is."""
        hand_in(tmp_path / "class", kim="")
        expected = rf"another run of autograder is using .*/out \(process {os.getpid()}\)"

        with results.open_results(tmp_path / "out"), pytest.raises(UsageProblem, match=expected):
            grade()

    def test_a_folder_with_other_files(self, tmp_path, grade):
        """A folder that is not ours is left alone."""
        hand_in(tmp_path / "class", kim="")
        write(tmp_path / "out", {"thesis.tex": b""})

        with pytest.raises(UsageProblem, match=r"out holds other files"):
            grade()
        assert ["thesis.tex"] == [path.name for path in (tmp_path / "out").iterdir()]

    def test_a_file_is_no_folder(self, tmp_path, grade):
        """A file cannot become a results folder."""
        hand_in(tmp_path / "class", kim="")
        write(tmp_path, {"out": b""})

        with pytest.raises(UsageProblem, match="cannot be a results folder: File exists"):
            grade()

    def test_another_lab(self, tmp_path, grade):
        """Results of two labs don't mix."""
        hand_in(tmp_path / "class", kim="")
        grade()

        with pytest.raises(UsageProblem, match="out holds results of the lab deep, not pairs"):
            grade(lab="pairs")

    def test_results_among_submissions(self, tmp_path, grade):
        """A results folder within the class folder is not taken for a submission."""
        hand_in(tmp_path / "class", kim="", lee="")
        grade(out=tmp_path / "class" / "out")

        assert {"kim", "lee"} == set(grade(out=tmp_path / "class" / "out"))

    def test_results_within_a_submission(self, tmp_path, grade):
        """A results folder inside of a submission is refused, as it would change it."""
        hand_in(tmp_path / "class", kim="")

        with pytest.raises(UsageProblem, match="lies inside of a submission"):
            grade(out=tmp_path / "class" / "kim" / "out")
        assert not (tmp_path / "class" / "kim" / "out").exists()

    def test_what_was_moved_aside_comes_back(self, tmp_path):
        """A result that a killed run had moved aside is in its place again, unless a newer one is."""
        out = tmp_path / "out"
        write(
            out, {".lock": b"", ".work/1-a/old/kim/x": b"1", ".work/1-a/old/lee/x": b"old", "lee/x": b"new"}
        )
        with results.open_results(out):
            pass

        assert (b"1", b"new") == ((out / "kim" / "x").read_bytes(), (out / "lee" / "x").read_bytes())
        assert not (out / ".work").exists()


DRIVER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from fakes import FakeSandbox, parts
from autograder import batch
from autograder.intake import find_submissions
from autograder.labs import find_lab
place = Path({place!r})
if __name__ == "__main__":
    batch.grade(find_submissions([place / "class"]), find_lab("deep"), out=place / "out",
                sandbox=FakeSandbox(), data=place / "data", jobs=2, parts=parts())
"""


class TestInterrupts:
    """Killing a batch loses nothing that was complete."""

    def test_kill_and_go_on(self, tmp_path, grade):
        """After kill -9 the next run sweeps, and does only what was not complete."""
        hand_in(tmp_path / "class", choi="", kim="", lee="", park="hang_once", yun="hang_once")
        write(
            tmp_path,
            {"driver.py": DRIVER.format(tests=str(Path(__file__).parent), place=str(tmp_path)).encode()},
        )
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        process = subprocess.Popen(
            [sys.executable, tmp_path / "driver.py"], env=environment, start_new_session=True
        )
        try:
            until = time.monotonic() + 60
            while not {"collect park", "collect yun"} <= set(logged()):
                assert process.poll() is None and time.monotonic() < until
                time.sleep(0.05)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        complete = verdicts(results.outcomes_in(tmp_path / "out"))
        sandbox = FakeSandbox()
        outcomes = grade(sandbox=sandbox)

        assert {"choi": "graded", "kim": "graded", "lee": "graded"} == complete
        assert dict.fromkeys(["choi", "kim", "lee", "park", "yun"], "graded") == verdicts(outcomes)
        assert [
            "collect choi",
            "collect kim",
            "collect lee",
            *["collect park"] * 2,
            *["collect yun"] * 2,
        ] == [line for line in logged() if line.startswith("collect")]
        assert [] == list((tmp_path / "out").glob(".work/*"))
        assert sandbox.swept == [sandbox.swept[0]] and sandbox.swept[0].startswith("ag-")

    def test_ctrl_c(self, tmp_path, grade):
        """An interrupt ends the running rooms, keeps what is complete and publishes nothing else."""
        hand_in(tmp_path / "class", kim="", lee="wait", park="wait")
        sandbox = FakeSandbox()

        with pytest.raises(KeyboardInterrupt):
            grade(sandbox=sandbox, progress=Recorder(interrupt_at="kim"))
        assert {"kim": "graded"} == verdicts(results.outcomes_in(tmp_path / "out"))
        assert sandbox.ended.is_set()
        assert not (tmp_path / "out" / ".work").exists()

    def test_an_end_is_waited_for_where_something_runs(self, tmp_path, grade, monkeypatch):
        """Submissions that never began hold up no interrupt: one sweep, and the batch has ended."""
        hand_in(tmp_path / "class", **{f"s{number}": "" for number in range(9)})
        sandbox = FakeSandbox()
        monkeypatch.setattr(grading, "wait", lambda futures, timeout: wait(futures, 20))

        with pytest.raises(KeyboardInterrupt):
            grade(sandbox=sandbox, jobs=1, progress=Recorder(interrupt_at="s0"))
        assert 2 == len(sandbox.swept)

    def test_no_room_is_entered_after_an_interrupt(self, tmp_path):
        """A room that was ended is not tried again."""
        stopping = threading.Event()
        sandbox = UntilStopped(FakeSandbox(), stopping)
        stopping.set()

        assert "image-1" == sandbox.identity()
        with pytest.raises(MachineFault, match="the batch was told to end"):
            sandbox.run(None, output=tmp_path, events=tmp_path)


class TestRejudging:
    """Judging kept evidence again."""

    def test_new_points(self, tmp_path, grade, rejudge):
        """Results and gradebook are new, the results before are kept, and no student code runs."""
        place = hand_in(tmp_path / "class", kim="")
        write(place / "bad", {"a.pdf": b""})
        grade()
        write(tmp_path / "hidden", {"points.txt": b"6"})
        outcomes = rejudge()
        folder = tmp_path / "out" / "kim"

        assert {"bad": "ungradable", "kim": "graded"} == verdicts(outcomes)
        assert (7.3, "7.3") == (outcomes["kim"].score, gradebook(tmp_path / "out")["kim"]["score"])
        assert (5, 6) == tuple(
            json.loads((folder / name).read_text())["tests"][1]["score"]
            for name in ("results.previous.json", "results.json")
        )
        assert ["collect kim", "judge kim", "judge kim"] == logged()

    def test_then_grading_does_nothing(self, tmp_path, grade, rejudge):
        """A batch takes what was judged again for its own."""
        hand_in(tmp_path / "class", kim="")
        grade()
        write(tmp_path / "hidden", {"points.txt": b"6"})
        expected = rejudge()

        assert expected == grade()
        assert ["collect kim", "judge kim", "judge kim"] == logged()

    def test_a_fault_leaves_no_score(self, tmp_path, grade, rejudge):
        """Where judging fails now no stale result passes for the new one, and a later try mends it."""
        hand_in(tmp_path / "class", kim="", lee="")
        grade()
        write(tmp_path / "hidden", {"kim.txt": b"exit"})
        broken = rejudge()
        folder = tmp_path / "out" / "kim"
        left = sorted(path.name for path in folder.iterdir())
        (tmp_path / "hidden" / "kim.txt").unlink()

        assert {"kim": "fault", "lee": "graded"} == verdicts(broken)
        assert ["evidence", "executed.ipynb", "fault.log", "outcome.json", "results.previous.json"] == left
        assert {"kim": "graded", "lee": "graded"} == verdicts(rejudge())
        assert not (folder / "fault.log").exists()

    def test_an_ungradable_one(self, tmp_path, grade, rejudge):
        """The judge may find evidence ungradable."""
        hand_in(tmp_path / "class", kim="")
        grade()
        write(tmp_path / "hidden", {"kim.txt": b"unreadable"})

        assert "nothing in it can be read" == rejudge()["kim"].reason

    def test_other_probes_are_noted_once(self, tmp_path, grade, rejudge, monkeypatch):
        """Evidence that another kit collected is judged, and a note says that it is old."""
        hand_in(tmp_path / "class", kim="")
        grade()
        monkeypatch.setenv("FAKE_KIT", "kit-2")
        rejudge()

        assert (
            "there is no deep.keras",
            "the evidence was collected with other probes; grade again to collect it anew",
        ) == rejudge()["kim"].notes

    def test_other_data(self, tmp_path, grade, rejudge):
        """Evidence is not judged on data that it was not collected on."""
        hand_in(tmp_path / "class", kim="")
        grade()
        write(tmp_path / "other", {"cifar10/identity.json": b'{"identity": "cifar10"}'})

        with pytest.raises(UsageProblem, match="were run on the data tiny, not cifar10"):
            rejudge(data=tmp_path / "other")

    def test_no_results(self, tmp_path, rejudge):
        """A folder without results is refused and left as it is."""
        write(tmp_path / "empty", {})

        with pytest.raises(UsageProblem, match="is no results folder"):
            rejudge(out=tmp_path / "empty")
        assert [] == list((tmp_path / "empty").iterdir())

    def test_an_interrupt(self, tmp_path, grade, rejudge):
        """An interrupt leaves a gradebook of what was judged."""
        hand_in(tmp_path / "class", kim="")
        grade()
        write(tmp_path / "hidden", {"points.txt": b"6"})

        with pytest.raises(KeyboardInterrupt):
            rejudge(progress=Recorder(interrupt_at="kim"))
        assert "7.3" == gradebook(tmp_path / "out")["kim"]["score"]

    def test_the_lab_of_a_folder(self, tmp_path, grade):
        """A results folder knows its lab; another folder has none."""
        hand_in(tmp_path / "class", kim="")
        grade()

        assert "deep" == batch.lab_of(tmp_path / "out")
        with pytest.raises(UsageProblem, match="holds no results"):
            batch.lab_of(tmp_path / "class")


class TestJudges:
    """The pool of judging processes."""

    @pytest.fixture
    def judge(self, tmp_path):
        """Judge evidence with an order, in a pool of one."""
        with Judges("fakes:judge", count=1, logs=tmp_path, seconds=20) as judges:

            def run(do):
                evidence = write(
                    tmp_path / "e", {"evidence.json": json.dumps({"who": "x", "do": do}).encode()}
                )
                judges.judge(
                    evidence=evidence,
                    lab="deep",
                    tests=tmp_path / "hidden",
                    data=tmp_path / "data",
                    destination=tmp_path,
                )
                return judges

            yield run

    @pytest.mark.parametrize(
        ("order", "kind"), [("bad_test", LabProblem), ("unreadable", Ungradable), ("exit", UnexpectedInJudge)]
    )
    def test_what_is_raised_is_raised_here(self, judge, order, kind):
        """An error of the judge keeps its kind, message and hint across the processes."""
        with pytest.raises(kind):
            judge(order)

    def test_a_process_is_used_again(self, judge):
        """One process judges many; a dead one is replaced."""
        judge("")
        judges = judge("")
        with pytest.raises(MachineFault, match=r"the judging process died \(status 9\)"):
            judge("die")
        judge("")

        assert 2 == len(judges._started)

    def test_a_judge_that_hangs(self, tmp_path):
        """A judge that takes too long is ended."""
        with Judges("fakes:judge", count=1, logs=tmp_path, seconds=3) as judges:
            evidence = write(tmp_path / "e", {"evidence.json": b'{"who": "x", "do": "sleep"}'})
            with pytest.raises(MachineFault, match="judging took longer than 3 seconds"):
                judges.judge(
                    evidence=evidence, lab="deep", tests=tmp_path, data=tmp_path, destination=tmp_path
                )

            assert not judges._started[0].process.is_alive()


class TestScores:
    """Reading what the judge wrote."""

    def read(self, tmp_path, data):
        """The scores in a results file of this content."""
        write(tmp_path, {"results.json": json.dumps(data).encode()})
        return read_scores(tmp_path / "results.json", find_lab("deep"))

    def test_the_files_own_score_counts(self, tmp_path):
        """A top-level score goes before the sum."""
        data = {"tests": [{"name": "q1", "score": 1, "max_score": 4}], "score": 3.5}

        assert (3.5, 4) == self.read(tmp_path, data)[:2]

    def test_a_name_that_only_begins_alike(self, tmp_path):
        """The test q10 is not one of q1's."""
        data = {
            "tests": [{"name": "q10", "score": 1, "max_score": 4}, {"name": "q1", "score": 1, "max_score": 2}]
        }

        assert (QuestionScore(name="q1", score=1, possible=2),) == self.read(tmp_path, data)[2]

    @pytest.mark.parametrize(
        "data",
        [
            {},
            [],
            {"tests": []},
            {"tests": [{"name": "Autograder Failed"}, {"name": "q1", "score": 0, "max_score": 1}]},
            {"tests": [{"name": "q1", "score": "many", "max_score": 1}]},
            {"tests": [{"name": "q1", "score": float("nan"), "max_score": 1}]},
            {"tests": [{"name": "q1", "score": 0, "max_score": 0}]},
        ],
    )
    def test_no_results_are_no_zero(self, tmp_path, data):
        """Results without points, or of a judge that failed, are a fault of the machine."""
        with pytest.raises(MachineFault):
            self.read(tmp_path, data)


class TestRecords:
    """The outcome of one submission."""

    OUTCOME = Outcome(
        submission="김",
        lab="deep",
        verdict=Verdict.GRADED,
        score=1.5,
        possible=3.0,
        questions=(QuestionScore(name="q1", score=1.5, possible=3.0),),
        notes=("a", "b"),
        seconds=1.25,
    )

    def test_round_trip(self):
        """What is written is read back the same."""
        assert self.OUTCOME == Outcome.from_json(self.OUTCOME.to_json())

    @pytest.mark.parametrize(
        ("score", "possible", "verdict"),
        [
            (1.0, 2.0, Verdict.FAULT),
            (None, 2.0, Verdict.UNGRADABLE),
            (None, None, Verdict.GRADED),
            (float("nan"), 2.0, Verdict.GRADED),
        ],
    )
    def test_only_a_grade_has_a_score(self, score, possible, verdict):
        """There is no fault with a score, and no grade without one."""
        with pytest.raises(ValueError, match="score"):
            attrs.evolve(self.OUTCOME, score=score, possible=possible, verdict=verdict)

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1, "outcome": "fine"}'])
    def test_what_is_no_outcome(self, text):
        """Anything else is refused."""
        with pytest.raises(ValueError, match="not an outcome of schema 1"):
            Outcome.from_json(text)

    @pytest.mark.parametrize(("score", "possible", "percent"), [(1.5, 3.0, 50.0), (0.0, 0.0, None)])
    def test_percent(self, score, possible, percent):
        """Percent is of what could be had, where something could."""
        assert percent == attrs.evolve(self.OUTCOME, score=score, possible=possible).percent
