"""The command: quick to answer, one status per kind of ending, never a traceback."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes import FakeSandbox, logged, parts
from submissions import make_labs, notebook, write

from autograder import batch, cli
from autograder.errors import LabProblem, MachineFault, Ungradable, UsageProblem
from autograder.sandbox import choose as choosing

HEAVY = ("attrs", "autograder.batch", "numpy", "otter", "pydantic", "rich", "tensorflow", "keras", "nbformat")


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Labs, hidden tests, data, a sandbox and all other parts of the test's own."""
    monkeypatch.setenv("AUTOGRADER_SOLUTIONS", str(make_labs(tmp_path / "solutions")))
    monkeypatch.setenv("FAKE_TESTS", str(write(tmp_path / "hidden", {"points.txt": b"5"})))
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("TMPDIR", str(write(tmp_path / "tmp", {})))
    monkeypatch.setattr("tempfile.tempdir", None)
    write(tmp_path / "data", {"cifar10/identity.json": b'{"identity": "tiny"}'})
    monkeypatch.setattr("autograder.data.prepare", lambda name, source=None: tmp_path / "data")
    monkeypatch.setattr(choosing, "choose", lambda kind, image=None: FakeSandbox())
    monkeypatch.setattr(batch.Parts, "real", classmethod(lambda cls: parts()))
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def run(*arguments):
    """Run the command in this process."""
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


@pytest.fixture
def class_folder(tmp_path):
    """A class of two: one good submission, one without a notebook."""
    good = notebook(sources=["def build_dnn():\n    pass\n# who: kim"])
    return write(tmp_path / "class", {"kim/a.ipynb": good, "lee/report.pdf": b""})


@pytest.fixture
def grade(tmp_path, class_folder):
    """Run `autograder grade` over the class."""
    return lambda *more: run("grade", class_folder, "--lab", "deep", "--out", tmp_path / "out", *more)


class TestStarting:
    """What happens before any work."""

    def test_help_loads_nothing_heavy(self):
        """The list of commands needs none of the libraries that the commands use."""
        code = (
            "import sys\nfrom autograder import cli\n"
            "try:\n    cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
            f"print('loaded', [name for name in {HEAVY!r} if name in sys.modules])"
        )
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

        assert "loaded []" == found.stdout.splitlines()[-1]

    @pytest.mark.parametrize(
        "command", ["grade", "rejudge", "status", "show", "export", "build", "image", "demo", "doctor"]
    )
    def test_every_command_explains_itself(self, command):
        """Each command has a help text."""
        found = run(command, "--help")

        assert (0, True) == (found.exit_code, len(found.output.splitlines()) > 4)

    def test_a_slip_of_the_pen(self):
        """An unknown command is a usage problem."""
        assert 2 == run("grad").exit_code

    def test_the_module_runs(self):
        """`python -m autograder.cli` is the command, too."""
        found = subprocess.run(
            [sys.executable, "-m", "autograder.cli", "--version"], capture_output=True, text=True, check=True
        )

        assert "version" in found.stdout


class TestStatus:
    """`autograder status`."""

    def test_after_a_batch(self, tmp_path, grade):
        """It says how the batch ended, who has no score and why, and how many are what."""
        grade()
        found = run("status", tmp_path / "out")

        assert re.search(r"grade deep: 2 of 2 done in \d+ s; complete", found.stdout)
        assert re.search(r"lee\s*│ ungradable", found.stdout)
        assert "1 graded, 1 ungradable, 0 fault, 0 running, 0 judging, 0 waiting" in found.stdout

    def test_json(self, tmp_path, grade):
        """With --json it is all there for a program."""
        grade()
        found = json.loads(run("status", tmp_path / "out", "--json").stdout)

        assert [("kim", "done", "graded"), ("lee", "done", "ungradable")] == [
            (one["submission"], one["state"], one["outcome"]) for one in found["standings"]
        ]

    def test_no_batch(self, tmp_path):
        """A folder without a batch is refused."""
        assert 2 == run("status", tmp_path).exit_code


class TestGrading:
    """`autograder grade`."""

    def test_a_class(self, tmp_path, grade):
        """Results are shown and kept, and an ungradable submission is no failure of the command."""
        found = grade()

        assert 0 == found.exit_code
        assert "[1/2]" in found.stderr
        assert re.search(r"kim\s*│ graded\s*│ 6\.3/10", found.stdout)
        assert "1 graded, 1 ungradable" in found.stdout
        assert (tmp_path / "out" / "grades.csv").is_file()

    def test_json(self, grade):
        """With --json standard output is JSON and nothing else."""
        found = grade("--json")

        assert [("kim", "graded", 6.3), ("lee", "ungradable", None)] == [
            (one["submission"], one["outcome"], one["score"]) for one in json.loads(found.stdout)
        ]

    def test_a_fault_has_its_status(self, grade, class_folder):
        """A fault of the machine shows in the exit status."""
        write(class_folder, {"kim/a.ipynb": notebook(sources=["def build_dnn():\n    pass\n# do: fault"])})
        found = grade()

        assert (5, True) == (found.exit_code, "the engine is gone" in found.stdout)

    def test_no_walls(self, grade, monkeypatch):
        """A sandbox that does not isolate is announced loudly."""
        sandbox = FakeSandbox()
        sandbox.isolated = False
        monkeypatch.setattr(choosing, "choose", lambda kind, image=None: sandbox)

        assert "NOT ISOLATED" in grade().stderr

    def test_an_interrupt(self, tmp_path, grade, monkeypatch):
        """Ctrl-C says what is kept and how to go on."""

        def interrupted(*arguments, **options):
            raise KeyboardInterrupt

        monkeypatch.setattr(batch, "grade", interrupted)
        found = grade()

        assert (130, True) == (found.exit_code, "run the same command again to go on" in found.stderr)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--lab", "deep", "--out", "out"], "there is nothing at"),
            (["--lab", "dep", "--out", "out"], "there is no lab named 'dep'"),
        ],
    )
    def test_impossible_requests(self, tmp_path, arguments, message):
        """What cannot be done as asked is said before anything is done."""
        found = run("grade", tmp_path / "nowhere", *arguments)

        assert (2, True) == (found.exit_code, message in found.stderr)

    def test_missing_data(self, tmp_path, grade, monkeypatch):
        """Missing data are the command's problem; no submission is touched and no result made."""

        def missing(name, source=None):
            raise UsageProblem(f"there is no {name}.npz", where=source, hint="try --data miniature")

        monkeypatch.setattr("autograder.data.prepare", missing)
        found = grade("--data", tmp_path / "no data")

        assert (2, f"autograder: {tmp_path}/no data: there is no cifar10.npz") == (
            found.exit_code,
            found.stderr.splitlines()[0],
        )
        assert ([], False) == (logged(), (tmp_path / "out").exists())

    def test_no_docker(self, tmp_path, grade, monkeypatch):
        """Without Docker the command says so; no submission is touched and no result made."""

        def no_docker(kind, image=None):
            raise UsageProblem("Docker cannot be used: no daemon answers", hint="see `autograder doctor`")

        monkeypatch.setattr(choosing, "choose", no_docker)
        found = grade("--sandbox", "docker")

        assert (
            2,
            "autograder: Docker cannot be used: no daemon answers\n  What to do: see `autograder doctor`\n",
        ) == (found.exit_code, found.stderr)
        assert ([], False) == (logged(), (tmp_path / "out").exists())

    def test_judging_again(self, tmp_path, grade):
        """`rejudge` finds the lab itself and shows the new points."""
        grade()
        write(tmp_path / "hidden", {"points.txt": b"6"})
        found = run("rejudge", tmp_path / "out")

        assert (0, True) == (found.exit_code, "7.3/10" in found.stdout)
        assert ["collect kim", "judge kim", "judge kim"] == logged()


class TestErrors:
    """How a command ends when something is wrong."""

    @pytest.mark.parametrize(
        ("kind", "status"), [(UsageProblem, 2), (LabProblem, 3), (Ungradable, 4), (MachineFault, 5)]
    )
    def test_every_kind_has_a_status(self, grade, monkeypatch, kind, status):
        """An error that is raised on purpose is a message, what to do, and its status."""

        def broken(*arguments, **options):
            raise kind("it broke", where="here", hint="mend it")

        monkeypatch.setattr(batch, "grade", broken)
        found = grade()

        assert (status, "autograder: here: it broke\n  What to do: mend it\n") == (
            found.exit_code,
            found.stderr,
        )

    def test_what_nobody_foresaw(self, tmp_path, grade, monkeypatch):
        """Anything else is called ours, and its traceback is in a file that is named."""

        def broken(*arguments, **options):
            raise ZeroDivisionError("division by zero")

        monkeypatch.setattr(batch, "grade", broken)
        found = grade()
        log = Path(re.search(r"report it with (\S+)", found.stderr)[1])

        assert 5 == found.exit_code
        assert found.stderr.startswith(
            "autograder: this is a fault of the autograder: ZeroDivisionError: division by zero"
        )
        assert "Traceback" not in found.stderr
        assert (tmp_path / "tmp", True) == (log.parent, "Traceback" in log.read_text())


class TestOtherCommands:
    """Commands that hand on to another part."""

    def test_build(self, monkeypatch):
        """`build` hands on its labs and gives back the status."""
        seen = []
        monkeypatch.setattr(
            "autograder.build.command.build_labs",
            lambda names, *, check, echo, grade: seen.append((names, check)) or 1,
        )

        assert (1, [(["deep"], True)]) == (run("build", "deep", "--check").exit_code, seen)

    def test_calibrate(self, monkeypatch):
        """`calibrate` hands on its lab and options; --check lists what is out of date, in all labs."""
        seen = []
        monkeypatch.setattr(
            "autograder.calibrate.calibrate",
            lambda lab, seeds, data, *, anew, say: seen.append((lab.name, list(seeds), data, anew)),
        )
        monkeypatch.setattr("autograder.calibrate.stale_marks", lambda lab: [f"{lab.name}: old"])
        done = run("calibrate", "deep", "--seeds", 2, "--data", "miniature", "--anew")
        all_labs, nothing = run("calibrate", "--check"), run("calibrate")

        assert (0, [("deep", [1, 2], "miniature", True)]) == (done.exit_code, seen)
        assert ("deep: old\npairs: old\n", 3) == (all_labs.stdout, all_labs.exit_code)
        assert (2, "which lab is to be calibrated?") == (
            nothing.exit_code,
            nothing.stderr.split(": ", 1)[1][:30],
        )

    def test_image(self, tmp_path, monkeypatch):
        """`image` hands on its options and prints the name of the image."""
        seen = []
        monkeypatch.setattr(
            "autograder.sandbox.image.build_image",
            lambda base, tag, *, ca, data, progress: seen.append((base, tag, ca, data)) or "room:1",
        )
        found = run("image", "--base", "local/python", "--data", tmp_path)

        assert ("room:1\n", [("local/python", None, None, tmp_path)]) == (found.stdout, seen)

    def test_doctor(self, monkeypatch):
        """`doctor` shows each fact, and what to do about what is missing."""
        facts = [
            choosing.Fact(name="Docker engine", value="20.10", good=True),
            choosing.Fact(name="data", value="none", good=False, hint="set DNNLAB_DATA"),
        ]
        monkeypatch.setattr(choosing, "describe_machine", lambda image=None: facts)

        assert [
            "ok      Docker engine  20.10",
            "MISSING data           none",
            "                       set DNNLAB_DATA",
            "ok      labs           deep, pairs",
        ] == run("doctor").stdout.splitlines()

    def test_demo(self, tmp_path, class_folder, monkeypatch):
        """`demo` grades the bundled submissions on the miniature, in a new folder of its own."""
        demo = type(sys)("autograder.demo")
        demo.submissions = lambda: class_folder
        monkeypatch.setitem(sys.modules, "autograder.demo", demo)
        monkeypatch.setattr(cli, "_DEMO_LAB", "deep")
        seen = []
        monkeypatch.setattr(
            "autograder.data.prepare", lambda name, source=None: seen.append(source) or tmp_path / "data"
        )
        found = run("demo")

        assert (0, ["miniature"]) == (found.exit_code, seen)
        assert 1 == len(list((tmp_path / "tmp").glob("autograder-demo-*/results/grades.csv")))


def test_being_told_to_end():
    """SIGTERM ends a batch as Ctrl-C does."""
    cli.main.callback()

    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
