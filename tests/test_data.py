"""The host's data sets: found, cached, named."""

import hashlib
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from autograder import data, dnnlab
from autograder.errors import MachineFault, UsageProblem

KEYS = ("x_train", "y_train", "x_test", "y_test")
REAL_DATA = os.environ.get("DNNLAB_DATA", "")


@pytest.fixture(autouse=True)
def clean_places(monkeypatch, tmp_path):
    """A cache and a Keras folder of the test's own, and no chosen data."""
    monkeypatch.delenv("DNNLAB_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


def arrays(n: int = 20, first: int = 0) -> dict[str, np.ndarray]:
    """A tiny data set in the form of CIFAR-10; `first` is its first pixel."""
    pictures = np.arange(n * 3072, dtype=np.uint32).reshape(n, 32, 32, 3).astype(np.uint8)
    pictures[0, 0, 0, 0] = first
    labels = (np.arange(n) % 10).astype(np.uint8)[:, None]
    return {"x_train": pictures, "y_train": labels, "x_test": pictures[:10], "y_test": labels[:10]}


def npz_folder(folder: Path, **kwargs: int) -> str:
    """A folder with a tiny `cifar10.npz`."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "cifar10.npz", **arrays(**kwargs))
    return str(folder)


def first_pixel(folder: Path) -> int:
    """The first pixel of the prepared training pictures, by which the tests tell sources apart."""
    return int(data.load(folder, "cifar10").x_train[0, 0, 0, 0])


def test_the_miniature_has_its_own_identity():
    """The miniature comes back whole, and under a name that says what it is."""
    found = data.load(data.prepare("cifar10", "miniature"), "cifar10")
    (x_train, y_train), (x_test, y_test) = dnnlab.miniature("cifar10")

    assert ("cifar10", "cifar10-miniature") == (found.name, found.identity)
    assert np.array_equal(x_train, found.x_train)
    assert np.array_equal(y_train[:, 0], found.y_train)
    assert np.array_equal(x_test, found.x_test)
    assert np.array_equal(y_test[:, 0], found.y_test)


def test_what_is_loaded_cannot_be_changed(tmp_path):
    """Arrays are read-only; labels are flat and of a signed type."""
    found = data.load(data.prepare("cifar10", npz_folder(tmp_path / "src")), "cifar10")

    assert [False] * 4 == [getattr(found, key).flags.writeable for key in KEYS]
    assert ((20,), np.int64) == (found.y_train.shape, found.y_train.dtype)
    assert np.uint8 == found.x_train.dtype


def test_other_arrays_are_named_by_their_digest(tmp_path):
    """Arrays that are not the published ones get the data set's name and eight digits."""
    digests = "".join(hashlib.sha256(arrays()[key].tobytes()).hexdigest() for key in KEYS)
    expected = f"cifar10-{hashlib.sha256(digests.encode()).hexdigest()[:8]}"

    assert expected == data.load(data.prepare("cifar10", npz_folder(tmp_path / "src")), "cifar10").identity


def test_one_changed_pixel_changes_the_identity(tmp_path):
    """Two sources that differ in one pixel never share an identity."""
    one = data.load(data.prepare("cifar10", npz_folder(tmp_path / "a", first=1)), "cifar10")
    two = data.load(data.prepare("cifar10", npz_folder(tmp_path / "b", first=2)), "cifar10")

    assert one.identity != two.identity


def test_published_arrays_get_the_plain_name(tmp_path, monkeypatch):
    """Arrays whose four digests are the published ones are called by the data set's name alone."""
    digests = tuple(hashlib.sha256(arrays()[key].tobytes()).hexdigest() for key in KEYS)
    monkeypatch.setitem(data._PUBLISHED, "cifar10", digests)

    assert "cifar10" == data.load(data.prepare("cifar10", npz_folder(tmp_path / "src")), "cifar10").identity


def test_arrays_in_column_order_are_the_same_data(tmp_path):
    """The identity belongs to the values, not to the order in which a file happens to keep them."""
    rows, columns = tmp_path / "rows", tmp_path / "columns"
    npz_folder(rows)
    columns.mkdir()
    np.savez(columns / "cifar10.npz", **{key: np.asfortranarray(array) for key, array in arrays().items()})
    one, two = (data.load(data.prepare("cifar10", str(folder)), "cifar10") for folder in (rows, columns))

    assert one.identity == two.identity
    assert two.x_train.flags.c_contiguous


@pytest.mark.real_data
@pytest.mark.parametrize("name", dnnlab.DATA_SETS)
def test_the_real_data_are_recognised(name, monkeypatch):
    """The published arrays carry the plain name."""
    monkeypatch.setenv("DNNLAB_DATA", REAL_DATA)
    if not (Path(REAL_DATA) / f"{name}.npz").is_file():
        pytest.skip(f"DNNLAB_DATA has no {name}.npz")

    assert name == data.load(data.prepare(name), name).identity


def test_preparing_again_writes_nothing(tmp_path):
    """A prepared data set is used as it is."""
    source = npz_folder(tmp_path / "src")
    folder = data.prepare("cifar10", source)
    before = (folder / "cifar10").stat().st_ino, sorted(path.name for path in folder.rglob("*"))
    again = data.prepare("cifar10", source)

    assert folder == again
    assert before == ((folder / "cifar10").stat().st_ino, sorted(path.name for path in folder.rglob("*")))
    assert [*(f"{key}.npy" for key in sorted(KEYS))] == sorted(path.name for path in folder.rglob("*.npy"))


def test_a_changed_source_is_prepared_anew(tmp_path):
    """A file that was replaced gets another folder, and the former one stays as it was."""
    former = data.prepare("cifar10", npz_folder(tmp_path / "src", n=20, first=1))
    later = data.prepare("cifar10", npz_folder(tmp_path / "src", n=30, first=2))

    assert (1, 2) == (first_pixel(former), first_pixel(later))


def test_sources_are_asked_in_order(tmp_path, monkeypatch):
    """An explicit source goes before DNNLAB_DATA, and that before Keras's cache."""
    npz_folder(tmp_path / "keras" / "datasets", first=1)
    from_keras = first_pixel(data.prepare("cifar10"))
    monkeypatch.setenv("DNNLAB_DATA", npz_folder(tmp_path / "chosen", first=2))
    from_environment = first_pixel(data.prepare("cifar10"))
    explicit = first_pixel(data.prepare("cifar10", npz_folder(tmp_path / "explicit", first=3)))

    assert (1, 2, 3) == (from_keras, from_environment, explicit)


def test_the_environment_can_ask_for_the_miniature(monkeypatch):
    """DNNLAB_DATA=miniature means the same here as in a notebook."""
    monkeypatch.setenv("DNNLAB_DATA", "miniature")

    assert "cifar10-miniature" == data.load(data.prepare("cifar10"), "cifar10").identity


def test_a_prepared_folder_serves_notebooks(tmp_path, monkeypatch):
    """What `prepare` returns is a folder for DNNLAB_DATA."""
    folder = data.prepare("cifar10", npz_folder(tmp_path / "src", first=7))
    monkeypatch.setenv("DNNLAB_DATA", str(folder))
    (x_train, y_train), _ = dnnlab.load_cifar10()

    assert (7, (20, 1)) == (int(x_train[0, 0, 0, 0]), y_train.shape)


def test_every_user_can_read_what_was_prepared(tmp_path):
    """Folders are 0755 and files 0644, whatever the umask."""
    before = os.umask(0o077)
    try:
        folder = data.prepare("cifar10", npz_folder(tmp_path / "src"))
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}
    above = [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent, folder.parent.parent)]

    assert [0o755] * 3 == above
    assert {
        "cifar10": 0o755,
        "identity.json": 0o644,
        **{f"{key}.npy": 0o644 for key in KEYS},
    } == modes


def test_two_that_prepare_at_once_get_the_same_folder(tmp_path, monkeypatch):
    """The slower of two uses what the quicker has put in place, and leaves nothing of its own."""
    source = npz_folder(tmp_path / "src", first=5)
    both_have_read = threading.Barrier(2, timeout=60)
    read = dnnlab.read_folder

    def read_and_wait(folder, name):
        split = read(folder, name)
        both_have_read.wait()
        return split

    monkeypatch.setattr(dnnlab, "read_folder", read_and_wait)
    folders = []
    threads = [
        threading.Thread(target=lambda: folders.append(data.prepare("cifar10", source))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 2 == len(folders)
    assert folders[0] == folders[1]
    assert ["cifar10"] == [path.name for path in folders[0].iterdir()]
    assert 5 == first_pixel(folders[0])


def test_missing_data_are_a_usage_problem_with_a_way_out(tmp_path):
    """Where nothing is found the message says where it looked and offers the miniature."""
    (tmp_path / "keras" / "datasets").mkdir(parents=True)
    with pytest.raises(UsageProblem) as caught:
        data.prepare("cifar10")

    assert (
        f"{tmp_path}/keras/datasets: the folder has neither cifar10.npz nor cifar10/x_train.npy "
        "(looked there as neither --data nor DNNLAB_DATA names a folder)\n"
        "  What to do: name a folder that has cifar10.npz with --data, or try out with --data miniature"
    ) == str(caught.value)


def test_a_chosen_folder_that_is_missing_is_not_passed_over(tmp_path):
    """A source that was named and is not there is an error even where Keras's cache has the data."""
    npz_folder(tmp_path / "keras" / "datasets")
    with pytest.raises(UsageProblem, match="there is no such folder"):
        data.prepare("cifar10", str(tmp_path / "nowhere"))


def test_an_unknown_data_set_is_a_usage_problem():
    """A name that is no data set's is refused with the names that are."""
    with pytest.raises(UsageProblem) as caught:
        data.prepare("imagenet", "miniature")

    assert (
        "there is no data set named 'imagenet'\n  What to do: choose one of: mnist, fashion_mnist, cifar10"
    ) == str(caught.value)


def test_a_cache_that_cannot_be_written_is_a_fault_of_the_machine(tmp_path, monkeypatch):
    """No submission can be blamed for a cache in the wrong place."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(MachineFault, match="cannot keep cifar10 in the cache"):
        data.prepare("cifar10", npz_folder(tmp_path / "src"))


@pytest.mark.parametrize("file", ["identity.json", "x_test.npy"])
def test_a_damaged_cache_is_a_fault_of_the_machine(tmp_path, file):
    """A prepared folder with an empty or missing file is reported, never graded with."""
    folder = data.prepare("cifar10", npz_folder(tmp_path / "src"))
    (folder / "cifar10" / file).write_bytes(b"")
    with pytest.raises(MachineFault, match="the prepared data cannot be read"):
        data.load(folder, "cifar10")


def test_the_identity_is_kept_beside_the_arrays(tmp_path):
    """Opening a data set hashes nothing: its identity is read from a file."""
    folder = data.prepare("cifar10", npz_folder(tmp_path / "src"))
    record = {"schema": 1, "identity": "cifar10-written"}
    (folder / "cifar10" / "identity.json").write_text(json.dumps(record))

    assert "cifar10-written" == data.load(folder, "cifar10").identity


def test_the_host_side_needs_no_tensorflow():
    """Importing the module and making a miniature load neither TensorFlow nor Keras."""
    code = (
        "import sys\nfrom autograder import data\n"
        "data.load(data.prepare('cifar10', 'miniature'), 'cifar10')\n"
        "print(sorted({'tensorflow', 'keras', 'matplotlib', 'sklearn'} & set(sys.modules)))"
    )
    root = Path(data.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)

    assert "[]\n" == done.stdout
