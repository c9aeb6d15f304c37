"""The room image: its name, what it says of itself, and how it is built."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from sandbox_jobs import make_job, make_sandbox, run

from autograder.errors import MachineFault, UsageProblem
from autograder.sandbox import image
from autograder.sandbox.docker import DockerSandbox
from autograder.sandbox.image import build_image, image_tag


@pytest.fixture
def recipe(monkeypatch, tmp_path):
    """A copy of the image's folder that may be changed."""
    folder = tmp_path / "docker"
    shutil.copytree(image._FOLDER, folder)
    monkeypatch.setattr(image, "_FOLDER", folder)
    return folder


@pytest.fixture
def client(monkeypatch, tmp_path):
    """Put Docker clients on the PATH that are shell scripts, the first one first."""

    def make(*scripts):
        folders = []
        for number, script in enumerate(scripts):
            path = tmp_path / f"bin{number}" / "docker"
            path.parent.mkdir()
            path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
            path.chmod(0o755)
            folders.append(str(path.parent))
        monkeypatch.setenv("PATH", ":".join([*folders, "/usr/bin", "/bin"]))
        return [f"{folder}/docker" for folder in folders]

    return make


@pytest.mark.parametrize("name", ["Dockerfile", "requirements.txt"])
def test_a_change_makes_another_name(recipe, name):
    """An image of another recipe or of other packages is never taken for this one."""
    before = image_tag()
    with (recipe / name).open("a") as file:
        file.write("# changed\n")

    assert before != image_tag()


def test_an_image_with_data_has_a_name_of_its_own():
    """Data baked in show in the name."""
    assert f"{image_tag()}-data" == image_tag(with_data=True)


def test_no_host_is_named():
    """Neither the recipe nor the lock names an index, so that each machine uses its own."""
    for name in ("Dockerfile", "requirements.txt"):
        assert "://" not in (image._FOLDER / name).read_text(encoding="utf-8")


def test_the_room_has_what_students_are_told_and_what_this_machine_has():
    """Students are told of each package that they may import, and a run without a container has them all."""
    room = {
        _name(line) for line in (image._FOLDER / "requirements.in").read_text("utf-8").split("\n")[1:] if line
    }
    root = Path(__file__).parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    told = (root / "assignments" / "selu" / "README.md").read_text("utf-8")
    install, has = re.search(r"pip install (.*)\n\nThe grader has these, and ([^.]*)\.", told).groups()
    student = {_name(one) for one in install.split()} | set(re.split(", | and ", has))
    plumbing = {"attrs", "h5py", "ipykernel", "nbclient", "nbformat"}

    assert room <= {_name(one) for one in project["dependencies"]}
    assert room - plumbing == student - {"jupyterlab", "otter-grader"}


def _name(requirement):
    """The package that a requirement names; TensorFlow by one name, whichever build it is."""
    return re.match(r'"?([\w-]+)', requirement)[1].removesuffix("-cpu")


def test_what_results_depend_on_is_pinned():
    """The versions that the image is labelled with are the lock's, for the image's Python."""
    found = dict(image._versions())

    assert {"keras", "numpy", "tensorflow"} == set(found)
    assert found["tensorflow"].startswith("2.21.")


def test_the_build_is_told_base_secret_and_tag(client, tmp_path):
    """The first client that can build is called with them, and every line is passed on."""
    can_not = "case $1 in --version) echo Docker version 28.0;; *) exit 1;; esac"
    client(can_not, 'case $1 in --version) echo Docker version 20.10;; *) echo "$@";; esac')
    ca = tmp_path / "ca.pem"
    ca.touch()
    lines: list[str] = []

    assert "room:test" == build_image("base:1", "room:test", ca=ca, progress=lines.append)
    (line,) = lines
    for part in (
        "build --tag room:test --network=host",
        "--build-arg BASE_IMAGE=base:1",
        f"--secret id=ca,src={ca}",
        "--label autograder.keras=3.",
    ):
        assert part in line


def test_data_are_put_on_top(client, tmp_path):
    """With data there are two builds; the second takes the folder and says so in a label."""
    client('case $1 in --version) echo Docker version 20.10;; *) echo "$@"; cat;; esac')
    lines: list[str] = []

    assert image_tag(with_data=True) == build_image(data=tmp_path, progress=lines.append)
    assert f"build --tag {image_tag()}-data --file - {tmp_path}" == lines[1]
    assert [f"FROM {image_tag()}", "COPY . /room/data/", "LABEL autograder.data=baked"] == lines[2:]


def test_a_build_that_fails_shows_its_last_lines(client):
    """What Docker said last is in the message."""
    client("case $1 in --version) echo Docker version 20.10;; *) echo no room left >&2; exit 1;; esac")
    with pytest.raises(MachineFault, match="no room left"):
        build_image()


def test_no_client_can_build(client):
    """The plugin that is missing is named."""
    client("case $1 in --version) echo Docker version 28.0;; *) exit 1;; esac")
    # The machine's own client, further down the PATH, would do.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image.shutil, "which", lambda name, path: f"{path}/docker" if "bin0" in path else None)
        with pytest.raises(MachineFault) as caught:
            build_image()

    assert "buildx" in caught.value.hint


@pytest.mark.parametrize("argument", ["ca", "data"])
def test_a_path_that_is_not_there(argument):
    """It is named before anything is built."""
    with pytest.raises(UsageProblem, match="/nowhere does not exist"):
        build_image(**{argument: Path("/nowhere")})


@pytest.mark.docker
def test_the_image_says_what_it_is():
    """The identity has the digest and the versions."""
    identity = make_sandbox("docker").identity()

    assert identity.startswith("docker: sha256:")
    assert "keras 3." in identity
    assert "tensorflow 2.21." in identity


@pytest.mark.docker
def test_baked_data_take_the_place_of_the_folder(tmp_path):
    """A job in an image with data finds these, and the job's own folder is not mounted."""
    sandbox = make_sandbox("docker")
    job = make_job(tmp_path, "import os; print(os.listdir(os.environ['ROOM_DATA']))")
    (job.data / "mounted").touch()
    (tmp_path / "baked").mkdir()
    (tmp_path / "baked" / "cifar10.npz").touch()
    tag = "autograder-test:data"
    recipe = f"FROM {sandbox.image}\nCOPY . /room/data/\nLABEL autograder.data=baked\n"
    command = ["docker", "build", "--quiet", "--tag", tag, "--file", "-", str(tmp_path / "baked")]
    subprocess.run(command, input=recipe, text=True, check=True, capture_output=True)
    try:
        assert "['mounted']\n" == run(sandbox, job).output
        assert "['cifar10.npz']\n" == run(DockerSandbox(tag), job).output
    finally:
        subprocess.run(["docker", "rmi", tag], check=True, capture_output=True)


@pytest.mark.docker
def test_tensorflow_works_in_the_image(tmp_path):
    """A network trains a step, within the room's limits and without the right to run files of its own."""
    code = (
        "import keras, matplotlib.pyplot, numpy as np, pandas, scipy, seaborn, sklearn, tqdm.notebook\n"
        "import ipykernel, ipywidgets, nbclient, tensorboard\n"
        "model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])\n"
        "model.compile('sgd', 'mse')\n"
        "logging = keras.callbacks.TensorBoard('logs')\n"
        "model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0, callbacks=[logging])\n"
        "print('trained')"
    )

    assert "trained\n" == run(make_sandbox("docker"), make_job(tmp_path, code)).output
