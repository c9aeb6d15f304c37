"""A room and a judge that run nothing, told what to do by a comment `# do: …` in the notebook.

What they were asked to do is written, a line each, to the file that the variable FAKE_LOG names.
"""

import json
import os
import re
import threading
import time
from pathlib import Path

from autograder.batch import Parts
from autograder.errors import LabProblem, MachineFault, Ungradable


class FakeSandbox:
    """A sandbox that only counts; `sweep` ends what waits."""

    name = "fake"
    isolation = "nothing is run"
    isolated = True

    def __init__(self, image="image-1"):
        self.image = image
        self.swept = []
        self.ended = threading.Event()

    def identity(self):
        """The image it was made with."""
        return self.image

    def sweep(self, batch):
        """End every waiting room, as the first sweep of a run must not."""
        self.swept.append(batch)
        if len(self.swept) > 1:
            self.ended.set()
        return 0


BIG = 700_000
_trouble = threading.Lock()


def log(what, who):
    """Note that something was done for someone."""
    with Path(os.environ["FAKE_LOG"]).open("a") as stream:
        stream.write(f"{what} {who}\n")


def logged():
    """What was done so far, in alphabetical order."""
    path = Path(os.environ["FAKE_LOG"])
    return sorted(path.read_text().splitlines()) if path.exists() else []


def told(text, what):
    """What a notebook tells a fake to do."""
    found = re.search(rf"# {what}: (\w+)", text)
    return found[1] if found else ""


def make_kit(lab, folder):
    """A kit of one file, which FAKE_KIT names."""
    folder.mkdir(parents=True)
    return os.environ.get("FAKE_KIT", "kit-1")


def tests_for(lab):
    """The folder of hidden tests that FAKE_TESTS names."""
    return Path(os.environ["FAKE_TESTS"])


def collect(staged, lab, sandbox, data, kit, destination, *, batch, name):
    """Write evidence, or fail as told."""
    text = (staged / lab.notebook_name).read_text(encoding="utf-8")
    who, do = told(text, "who"), told(text, "do")
    first = f"collect {who}" not in logged()
    log("collect", who)
    demand_a_machine()
    (destination / "evidence.json").write_text(json.dumps({"who": who, "do": do}))
    (destination / "executed.ipynb").write_text("{}")
    if do == "fault" or (do == "fault_once" and first):
        raise MachineFault("the engine is gone", hint="start it")
    if do == "bug":
        raise RuntimeError("nobody thought of this")
    if do == "full":
        raise OSError(28, "No space left on device", "evidence.npz")
    if do == "big":
        (destination / "evidence.npz").write_bytes(bytes(BIG))
    if do == "wait":
        assert sandbox.ended.wait(60)
    if do == "hang_once" and first:
        time.sleep(600)


def try_room(sandbox, data, kit, *, batch, name):
    """Fail where the machine is not well, which is while FAKE_TROUBLE names a file that is there."""
    demand_a_machine()


def demand_a_machine():
    """Raises MachineFault in times of trouble, each time with another line of the file, to the last one."""
    path = Path(os.environ.get("FAKE_TROUBLE", "/nowhere"))
    with _trouble:
        if not path.exists():
            return
        first, _, rest = path.read_text().partition("\n")
        path.write_text(rest) if rest else path.unlink()
    raise MachineFault(first, hint="start it")


def judge(evidence, lab, tests, data, destination):
    """Write results with as many points as the hidden tests say, or fail as told."""
    found = json.loads((evidence / "evidence.json").read_text())
    first = f"judge {found['who']}" not in logged()
    log("judge", found["who"])
    do = (
        (tests / f"{found['who']}.txt").read_text()
        if (tests / f"{found['who']}.txt").exists()
        else found["do"]
    )
    if do == "die" or (do == "die_once" and first):
        print("about to die", flush=True)
        os._exit(9)
    if do == "exit":
        raise SystemExit(3)
    if do == "sleep":
        time.sleep(600)
    if do == "bad_test":
        raise LabProblem("a test is wrong", hint="mend it")
    if do == "unreadable":
        raise Ungradable("nothing in it can be read", hint="ask for it again")
    if do == "silent":
        return
    points = float((tests / "points.txt").read_text())
    rows = [
        {"name": "Public Tests", "output": "fine"},
        {"name": "q1", "score": points, "max_score": 6},
        {"name": "q2 - sizes", "score": 1, "max_score": 2},
        {"name": "q2 - rows", "score": 0.1 + 0.2, "max_score": 2},
    ]
    (destination / "results.json").write_text(json.dumps({"tests": rows}))
    (destination / "tests.jsonl").write_text("{}\n")


def parts():
    """All fakes together."""
    return Parts(
        tests_for=tests_for, make_kit=make_kit, collect=collect, try_room=try_room, judge="fakes:judge"
    )
