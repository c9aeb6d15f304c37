"""Gradescope's way of grading, in a container laid out as Gradescope's: built once, thrown away each time."""

import json
import subprocess
import sys
import sysconfig
import uuid

import attrs
import pytest
from attacks.making import Attack, attacked, honest, words_of, write_submission, wrong
from sandbox_jobs import make_sandbox

from autograder.build import bundle as hidden
from autograder.gradescope.bundle import write_bundle
from autograder.labs import find_lab

pytestmark = pytest.mark.docker

LAB = "cifar10_dnn"
SIZE = ("--cpus=2", "--memory=3g", "--memory-swap=3g")
"""One of the sizes that Gradescope offers."""
PACKAGES = f"/opt/autograder/venv/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
BUILD = """
set -e
mkdir -p /autograder/source /autograder/submission /autograder/results
python3 -m zipfile -e /made.zip /autograder/source
cp /autograder/source/run_autograder /autograder/source/setup.sh /autograder/
chmod +x /autograder/run_autograder /autograder/setup.sh
python3 -m venv --without-pip /opt/autograder/venv
/autograder/setup.sh
"""
TRUE_SCORES = {"q1": 15, "q2": 11, "q3": 10, "q4": 0, "q5": 35}
"""What the wrong work is worth without any attack."""


def docker(*arguments, check=True):
    """Run a command of Docker; what it says."""
    done = subprocess.run(["docker", *map(str, arguments)], capture_output=True, text=True)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


@attrs.frozen(kw_only=True)
class Ran:
    """What one grading left: its exit status, what it printed, its results, the notebook as it ran."""

    status: int
    stdout: str
    results: dict
    notebook: str

    @property
    def scores(self):
        """Points by question."""
        found = {}
        for test in self.results["tests"]:
            question = test["number"].partition(".")[0]
            found[question] = found.get(question, 0) + test["score"]
        return found


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """An image as Gradescope builds it of the zip, without network: this Python's packages are lent to it."""
    room = make_sandbox("docker").image
    version = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    if docker("run", "--rm", room, "python3", "-c", version, check=False).returncode != 0:
        pytest.skip("the room image has another Python than this one, whose packages it would be lent")
    made = write_bundle(find_lab(LAB), source="miniature", out=tmp_path_factory.mktemp("zip") / "made.zip")
    name = f"autograder-test-{uuid.uuid4().hex}"
    volumes = (f"--volume={made.path}:/made.zip:ro", lent())
    try:
        docker("run", f"--name={name}", "--user=0:0", "--network=none", *volumes, room, "bash", "-c", BUILD)
        docker("commit", name, name)
        docker("rm", name)
        yield name
    finally:
        docker("rm", "--force", name, check=False)
        docker("rmi", "--force", name, check=False)


def lent():
    """The option that shows this Python's packages to a container."""
    return f"--volume={sysconfig.get_path('purelib')}:{PACKAGES}:ro"


def grade(image, submission, place):
    """Run the image's `run_autograder` over a submission in a fresh container of a Gradescope size."""
    name = f"autograder-test-{uuid.uuid4().hex}"
    options = (f"--name={name}", "--user=0:0", "--network=none", *SIZE, "--workdir=/autograder", lent())
    try:
        docker("create", *options, image, "/autograder/run_autograder")
        docker("cp", f"{submission}/.", f"{name}:/autograder/submission/")
        done = docker("start", "--attach", name, check=False)
        assert 0 == done.returncode, done.stdout + done.stderr
        docker("cp", f"{name}:/autograder/results/results.json", place)
        docker("cp", f"{name}:/autograder/work/out/submission/executed.ipynb", place)
    finally:
        docker("rm", "--force", name, check=False)
    return Ran(
        status=done.returncode,
        stdout=done.stdout,
        results=json.loads((place / "results.json").read_text(encoding="utf-8")),
        notebook=(place / "executed.ipynb").read_text(encoding="utf-8"),
    )


def test_the_reference_gets_full_marks(image, tmp_path):
    """Honest work has full marks, told in Gradescope's format; the instructor reads a line on it."""
    ran = grade(image, write_submission(tmp_path / "in", find_lab(LAB), honest(find_lab(LAB))), tmp_path)

    assert 100 == ran.results["score"]
    assert ("hidden", "graded") == (ran.results["stdout_visibility"], ran.results["extra_data"]["outcome"])
    assert "submission: 100/100" == ran.stdout.splitlines()[0]


def test_an_attack_finds_nothing_and_gains_nothing(image, tmp_path):
    """Wrong work keeps its true score around a search of all files for what the hidden tests say."""
    lab = find_lab(LAB)
    search = Attack(
        name="search", place="last", settings=(("WORDS", words_of(hidden.tests_for(lab))), ("SECONDS", 90))
    )
    ran = grade(image, write_submission(tmp_path / "in", lab, attacked(wrong(lab), search)), tmp_path)
    cells = json.loads(ran.notebook)["cells"]
    said = ["".join(output.get("text", "")) for cell in cells for output in cell.get("outputs", [])]
    (report,) = [line for text in said for line in text.split("\n") if line.startswith("attack ran")]

    assert "'found': [], 'late': False" in report
    assert TRUE_SCORES == ran.scores
    assert sum(TRUE_SCORES.values()) == ran.results["score"]
