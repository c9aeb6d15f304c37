"""Evidence of a submission is collected from a sandbox, whatever its jobs say and however they end."""

import io
import json
import tarfile

import attrs
import pytest
from submissions import make_labs

from autograder import run
from autograder.errors import MachineFault
from autograder.labs import find_lab
from autograder.run import ATTEMPTS, MODELS_USER, NOTEBOOK_USER, START_SECONDS, collect_evidence, try_room
from autograder.sandbox.contract import Ending, How

COLLECTED = {"event": "collected"}


def started(cell, statements=1, statement=None):
    """The event of a cell, or of one statement of it, that begins."""
    return {"event": "start", "cell": cell, "statements": statements, "statement": statement}


def lost(cell, statements=1, statement=None):
    """The event of a cell that ended the kernel."""
    return started(cell, statements, statement) | {"event": "lost", "why": "ended the kernel"}


def part(name):
    """The event of a part of the evidence that begins."""
    return {"event": "part", "part": name}


@attrs.frozen(kw_only=True)
class Script:
    """What one job does: the files it sends, what it says, how it ends."""

    files: dict = attrs.field(factory=dict)
    says: tuple = (COLLECTED,)
    how: How = How.FINISHED
    status: int | None = 0
    seconds: float = 1.0
    out_of_memory: bool = False


MODELS = Script(files={"models.json": "{}"})


class ScriptedSandbox:
    """A sandbox whose jobs do what they are told, the models stage first; remembers the jobs."""

    name = "scripted"
    isolation = "nothing is run"
    isolated = True

    def __init__(self, *scripts, models=MODELS):
        self.jobs = []
        self._scripts = [models, *scripts]

    def identity(self):
        """Always the same."""
        return "scripted"

    def sweep(self, batch):
        """There is never anything to end."""
        return 0

    def run(self, job, *, output, events):
        """Play the next script; the last one again and again."""
        script = self._scripts[min(len(self.jobs), len(self._scripts) - 1)]
        self.jobs.append(job)
        with tarfile.open(output, "w") as archive:
            for name, content in script.files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content.encode()))
        lines = [one if isinstance(one, str) else f"@room {json.dumps(one)}" for one in script.says]
        events.write_text("\n".join(lines), encoding="utf-8", errors="surrogateescape")
        return Ending(
            how=script.how,
            exit_status=script.status,
            wall_seconds=script.seconds,
            out_of_memory=script.out_of_memory,
        )

    @property
    def skips(self):
        """What each attempt at the notebook was told to leave out."""
        return [
            json.loads(dict(job.environment)["ROOM_SKIP"]) for job in self.jobs if job.stage == "notebook"
        ]


@pytest.fixture
def collect(tmp_path, monkeypatch):
    """Collect evidence from a scripted sandbox; returns the folder."""
    monkeypatch.setenv("AUTOGRADER_SOLUTIONS", str(make_labs(tmp_path / "solutions")))
    staged = tmp_path / "staged"
    staged.mkdir()
    for name in ("deep.ipynb", "deep.keras", "deep.history.json"):
        (staged / name).touch()

    def run(sandbox, *, without=()):
        for name in without:
            (staged / name).unlink()
        places = (tmp_path / "data", tmp_path / "kit", tmp_path / "evidence")
        collect_evidence(staged, find_lab("deep"), sandbox, *places, batch="ag-1", name="ag-1-kim")
        return tmp_path / "evidence"

    return run


def read(folder, name):
    """A JSON file of the evidence."""
    return json.loads((folder / name).read_text(encoding="utf-8"))


class TestWithoutTrouble:
    """A submission that runs through."""

    def test_two_jobs_two_users(self, collect):
        """Model files are read before any student code runs, by another user, under a name of their own."""
        sandbox = ScriptedSandbox(Script())
        collect(sandbox)

        assert [("models", MODELS_USER), ("notebook", NOTEBOOK_USER)] == [
            (job.stage, job.user) for job in sandbox.jobs
        ]
        assert ["ag-1-kim-m", "ag-1-kim-n0"] == [job.name for job in sandbox.jobs]
        assert {"ag-1"} == {job.batch for job in sandbox.jobs}
        assert 60 + START_SECONDS == sandbox.jobs[1].limits.wall_seconds

    def test_without_model_files_one_job(self, collect):
        """Where no model file was handed in, none is read, and the notebook runs as ever."""
        sandbox = ScriptedSandbox(models=Script(files={"names.json": "{}"}))
        folder = collect(sandbox, without=["deep.keras", "deep.history.json"])

        assert ["notebook"] == [job.stage for job in sandbox.jobs]
        assert ["names.json", "run.json"] == sorted(path.name for path in folder.iterdir())
        assert read(folder, "run.json")["models"] is None

    @pytest.mark.parametrize("without", ["deep.keras", "deep.history.json"])
    def test_one_model_file_is_read(self, collect, without):
        """A model without its history is read, and a history without its model."""
        sandbox = ScriptedSandbox(Script())
        collect(sandbox, without=[without])

        assert ["models", "notebook"] == [job.stage for job in sandbox.jobs]

    def test_what_was_sent_is_kept(self, collect):
        """The files of both jobs are there, and a record of how the jobs ended."""
        notebook = Script(files={"names.json": "{}", "cells.json": "[]"}, seconds=2.345, out_of_memory=True)
        folder = collect(ScriptedSandbox(notebook))
        run = read(folder, "run.json")
        (attempt,) = run["attempts"]

        assert ["cells.json", "models.json", "names.json", "run.json"] == sorted(
            path.name for path in folder.iterdir()
        )
        assert ("scripted", "finished") == (run["sandbox"], run["models"]["how"])
        assert ("finished", 0, 2.35, True) == tuple(
            attempt[key] for key in ("how", "exit_status", "wall_seconds", "out_of_memory")
        )
        assert {"cells": {}, "by_statement": None, "parts": [], "until": None} == attempt["skip"]

    def test_student_code_cannot_replace_model_files(self, collect):
        """What the notebook's job sends under the names of the models' evidence is passed over."""
        forged = Script(files={"models.json": '{"files": "forged"}', "models.npz": "forged"})
        folder = collect(ScriptedSandbox(forged))

        assert {} == read(folder, "models.json")
        assert not (folder / "models.npz").exists()


class TestModelsStage:
    """Model files that bring down what reads them."""

    @pytest.mark.parametrize("how", [How.TIMEOUT, How.OUT_OF_MEMORY, How.TOO_MUCH_OUTPUT, How.FINISHED])
    def test_every_file_is_noted_as_unreadable(self, collect, how):
        """Each model file is one that cannot be read, with the reason, and the notebook is run."""
        sandbox = ScriptedSandbox(Script(), models=Script(files={"cells.json": "{}"}, how=how, status=None))
        files = read(collect(sandbox), "models.json")["files"]

        assert ["deep.history.json", "deep.keras"] == [file["name"] for file in files]
        assert {f"reading it ended with: {how.value}"} == {file["problem"] for file in files}
        assert ["models", "notebook"] == [job.stage for job in sandbox.jobs]


class TestBlame:
    """What ends a kernel is left out of the next attempt, and nothing else is."""

    def test_a_cell_of_one_statement(self, collect):
        """A cell of one statement is left out whole."""
        sandbox = ScriptedSandbox(Script(says=(started(0), lost(3))), Script())
        collect(sandbox)

        assert [{}, {"3": [-1]}] == [skip["cells"] for skip in sandbox.skips]

    def test_a_cell_of_several_statements(self, collect):
        """A cell of several is run statement by statement to find the one, then without it."""
        sandbox = ScriptedSandbox(
            Script(says=(lost(3, statements=4),)), Script(says=(lost(3, 4, statement=2),)), Script()
        )
        collect(sandbox)

        assert [{}, {"3": []}, {"3": [2]}] == [skip["cells"] for skip in sandbox.skips]

    def test_a_job_that_was_cut_off(self, collect):
        """Where a job is ended without a last word, the cell that it was at is to blame."""
        sandbox = ScriptedSandbox(
            Script(says=(started(1), started(2)), how=How.OUT_OF_MEMORY, status=None), Script()
        )
        collect(sandbox)

        assert [{}, {"2": [-1]}] == [skip["cells"] for skip in sandbox.skips]

    def test_cells_after_the_first_loss(self, collect):
        """From the first cell that ended an attempt on, cells are run statement by statement."""
        sandbox = ScriptedSandbox(
            Script(says=(lost(3, statements=4),)), Script(says=(lost(5, 4, statement=1),)), Script()
        )
        collect(sandbox)

        assert [None, 3, 3] == [skip["by_statement"] for skip in sandbox.skips]
        assert {"3": [], "5": [1]} == sandbox.skips[-1]["cells"]

    def test_a_driver_that_was_stopped(self, collect):
        """Where the driver itself no longer says that a cell takes too long, the whole cell is left out."""
        sandbox = ScriptedSandbox(Script(says=(started(3, 4),), how=How.TIMEOUT, status=None), Script())
        collect(sandbox)

        assert [{}, {"3": [-1]}] == [skip["cells"] for skip in sandbox.skips]

    def test_a_question(self, collect):
        """A question whose names end the kernel when they are described is left out."""
        sandbox = ScriptedSandbox(
            Script(says=(part("question q1"),)), Script(says=(part("question q2"),)), Script()
        )
        collect(sandbox)

        assert ["question q1", "question q2"] == sandbox.skips[-1]["parts"]

    def test_two_culprits(self, collect):
        """A second culprit is added to the first."""
        sandbox = ScriptedSandbox(Script(says=(lost(3),)), Script(says=(lost(5),)), Script())
        folder = collect(sandbox)

        assert {"3": [-1], "5": [-1]} == sandbox.skips[-1]["cells"]
        assert sandbox.skips == [attempt["skip"] for attempt in read(folder, "run.json")["attempts"]]

    def test_a_probe(self, collect):
        """A probe that ends the kernel is left out; one that does so again ends the attempts."""
        sandbox = ScriptedSandbox(Script(says=(part("names"), part("probe build_dnn"))))
        collect(sandbox)

        assert [[], ["probe build_dnn"]] == [skip["parts"] for skip in sandbox.skips]

    def test_describing_names(self, collect):
        """Where describing the names ends the kernel there is nothing to leave out."""
        sandbox = ScriptedSandbox(Script(says=(part("names"),)))
        collect(sandbox)

        assert 1 == len(sandbox.skips)

    def test_attempts_are_counted(self, collect):
        """A notebook in which every cell ends the kernel is given up; the last try ends before the first."""
        sandbox = ScriptedSandbox(*(Script(says=(lost(cell),)) for cell in range(20)))
        collect(sandbox)

        assert ATTEMPTS == len(sandbox.skips)
        assert [None] * (ATTEMPTS - 1) + [0] == [skip["until"] for skip in sandbox.skips]

    @pytest.mark.parametrize("crowded", [1.0, 2.0], ids=["alone", "on a busy machine"])
    def test_attempts_share_their_time(self, collect, crowded, monkeypatch):
        """All attempts together take twice the time of one at most, and the last gets what is left."""
        monkeypatch.setattr(run, "crowding", lambda: crowded)
        took = 45 * crowded
        sandbox = ScriptedSandbox(*(Script(says=(lost(cell),), seconds=took) for cell in range(20)))
        collect(sandbox)

        longest = 60 + START_SECONDS
        assert 2 * longest - 4 * 45 == sandbox.jobs[-1].limits.wall_seconds
        assert [longest] * 3 == [job.limits.wall_seconds for job in sandbox.jobs[1:4]]

    def test_a_machine_that_comes_to_rest(self, collect, monkeypatch):
        """What an attempt had waited for on a busy machine is not held against the next one."""
        longest = 60 + START_SECONDS
        sandbox = ScriptedSandbox(Script(says=(lost(3),), seconds=2 * longest), Script())
        monkeypatch.setattr(run, "crowding", lambda: 2.0 if len(sandbox.jobs) < 2 else 1.0)
        collect(sandbox)

        assert [longest] * 2 == [job.limits.wall_seconds for job in sandbox.jobs[1:]]

    def test_earlier_parts_stay(self, collect):
        """What an earlier attempt collected stays where a later one did not get so far."""
        first = Script(files={"cells.json": "1", "names.json": "1"}, says=(part("probe_a"),))
        second = Script(files={"cells.json": "2"}, says=(lost(4),))
        third = Script(files={"probe_b.json": "3"})
        folder = collect(ScriptedSandbox(first, second, third))

        assert (2, 1, 3) == tuple(read(folder, f"{name}.json") for name in ("cells", "names", "probe_b"))


class TestForgedEvents:
    """Student code can write to the stream of events: that harms nobody but itself."""

    @pytest.mark.parametrize(
        "line",
        [
            "@room ",
            "@room [1, 2]",
            "@room " + "[" * 50_000,
            "@room {'event': 'lost'}",
            '@room {"event": "lost"}',
            '@room {"event": "lost", "cell": 1, "statements": 5}',
            '@room {"event": "lost", "cell": 1, "statements": 5, "statement": ""}',
            '@room {"event": "lost", "cell": 1, "statements": 5, "statement": false}',
            '@room {"event": "lost", "cell": -1, "statements": 1, "statement": null}',
            '@room {"event": "lost", "cell": 1e400, "statements": 1, "statement": null}',
            '@room {"event": "lost", "cell": true, "statements": 1, "statement": null}',
            '@room {"event": "lost", "cell": "0", "statements": 1, "statement": null}',
            '@room {"event": "shutdown"}',
            '@room {"event": ["lost"]}',
            ' @room {"event": "lost", "cell": 9, "statements": 1, "statement": null}',
            "\udcff\udcfe\x00",
        ],
        ids=range(16),
    )
    def test_a_malformed_event_is_no_event(self, collect, line):
        """What is not a well-formed event changes nothing of who is to blame."""
        sandbox = ScriptedSandbox(Script(says=(lost(3), line)), Script(says=(COLLECTED, line)))
        collect(sandbox)

        assert [{}, {"3": [-1]}] == [skip["cells"] for skip in sandbox.skips]

    @pytest.mark.parametrize(
        "event",
        [
            lost(99_999, 99_999, 99_999),
            {"event": "lost", "part": {"a": [1]}},
            {"event": "start", "part": "probe_" + "x" * 10_000},
            {"event": "problem", "error": "../../etc"},
        ],
        ids=["a far cell", "a part of no text", "a probe that is none", "a problem"],
    )
    def test_a_well_formed_one_costs_its_author_attempts_only(self, collect, event):
        """A forged event is believed, and comes to an end like any other."""
        sandbox = ScriptedSandbox(Script(says=(COLLECTED, event)))
        collect(sandbox)

        assert 1 <= len(sandbox.skips) <= ATTEMPTS


class TestMachine:
    """What is not the student's doing."""

    def test_a_room_that_does_not_start(self, collect):
        """A job that fails without a single event is a fault of the machine, with its last words."""
        broken = Script(says=("Traceback", "ModuleNotFoundError: keras"), status=1)

        with pytest.raises(
            MachineFault, match=r"could not start a notebook \(finished, exit status 1\)"
        ) as caught:
            collect(ScriptedSandbox(broken))
        assert ("ag-1-kim", "Traceback\nModuleNotFoundError: keras") == (
            caught.value.submission,
            caught.value.hint,
        )

    def test_last_words_may_be_missing(self, collect):
        """Without last words the message says where to look."""
        with pytest.raises(MachineFault) as caught:
            collect(ScriptedSandbox(Script(says=(), status=1)))
        assert "run `autograder doctor`" == caught.value.hint

    def test_a_sandbox_that_fails(self, collect):
        """A fault of the sandbox itself is passed on as it is."""

        class Broken(ScriptedSandbox):
            def run(self, job, *, output, events):
                raise MachineFault("the engine is gone")

        with pytest.raises(MachineFault, match="the engine is gone"):
            collect(Broken())

    def test_a_job_that_somebody_killed(self, collect):
        """A job that was killed, by no limit of its own, is run once more as it is, and nobody is blamed."""
        killed = Script(files={"names.json": "1"}, says=(lost(3),), how=How.KILLED, status=137)
        sandbox = ScriptedSandbox(
            MODELS, killed, Script(), models=attrs.evolve(MODELS, files={}, how=How.KILLED)
        )
        folder = collect(sandbox)

        assert ["models", "models", "notebook", "notebook"] == [job.stage for job in sandbox.jobs]
        assert ({}, [{}, {}]) == (read(folder, "models.json"), [skip["cells"] for skip in sandbox.skips])

    def test_a_job_that_kills_itself(self, collect):
        """What is killed twice has done it itself."""
        killed = Script(says=(started(3),), how=How.KILLED, status=137)
        sandbox = ScriptedSandbox(killed, killed, Script())
        collect(sandbox)

        assert [{}, {}, {"3": [-1]}] == [skip["cells"] for skip in sandbox.skips]

    def test_an_empty_room(self, tmp_path):
        """A machine that is well runs an empty room; one that isn't is at fault, in its own words."""
        settings = {"data": tmp_path, "kit": tmp_path, "batch": "ag-1", "name": "ag-1-trial"}
        sandbox = ScriptedSandbox()
        try_room(sandbox, **settings)

        assert [("models", "ag-1-trial")] == [(job.stage, job.name) for job in sandbox.jobs]
        with pytest.raises(MachineFault, match="an empty room ended with: finished, exit status 1") as caught:
            try_room(ScriptedSandbox(models=Script(says=("no space left",), status=1)), **settings)
        assert "no space left" == caught.value.hint

    @pytest.mark.parametrize("how", list(How))
    def test_a_job_that_ended_before_its_first_word(self, collect, how):
        """However a job ended that said nothing, no student code had run: never a zero."""
        with pytest.raises(
            MachineFault, match=f"could not start a notebook \\({how.value}, exit status None"
        ):
            collect(ScriptedSandbox(Script(says=(), how=how, status=None)))
