"""What notebooks use: data, repeatable training, saved trainings, plots."""

import hashlib
import json
import math
import random
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from autograder import dnnlab

LOADERS = {
    "mnist": dnnlab.load_mnist,
    "fashion_mnist": dnnlab.load_fashion_mnist,
    "cifar10": dnnlab.load_cifar10,
}
PICTURES = {"mnist": (28, 28), "fashion_mnist": (28, 28), "cifar10": (32, 32, 3)}


@pytest.fixture(autouse=True)
def clean_places(monkeypatch, tmp_path):
    """No chosen data, an empty Keras cache, a folder of the test's own, nothing announced yet."""
    monkeypatch.delenv("DNNLAB_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.chdir(tmp_path)
    dnnlab._announce.cache_clear()


@pytest.fixture
def keras():
    """Keras, with TensorFlow's global seed unset before and after."""
    import keras
    import tensorflow as tf

    tf.random.set_seed(None)
    yield keras
    tf.random.set_seed(None)


def run_alone(code: str) -> str:
    """What a fresh Python prints that has the folder of `dnnlab.py` on its path and nothing else of ours."""
    folder = Path(dnnlab.__file__).parent
    code = f"import sys; sys.path.insert(0, {str(folder)!r})\n{code}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def arrays(name: str = "cifar10", n: int = 20) -> dict[str, np.ndarray]:
    """A tiny data set of the right form."""
    shape = (n, *PICTURES[name])
    pictures = np.arange(math.prod(shape), dtype=np.uint32).reshape(shape).astype(np.uint8)
    labels = (np.arange(n) % 10).astype(np.uint8).reshape((n, 1) if name == "cifar10" else (n,))
    return {"x_train": pictures, "y_train": labels, "x_test": pictures[:10], "y_test": labels[:10]}


def npz(path: Path, name: str = "cifar10", **changes: np.ndarray) -> Path:
    """A tiny archive `path/NAME.npz`, some arrays changed; returns the file."""
    path.mkdir(parents=True, exist_ok=True)
    np.savez(path / f"{name}.npz", **{**arrays(name), **changes})
    return path / f"{name}.npz"


# ---------------------------------------------------------------------------------------------------- data


def test_importing_costs_nothing_but_numpy():
    """The file stands alone: it loads neither TensorFlow, Keras, scikit-learn, matplotlib nor the package."""
    heavy = "{'tensorflow', 'keras', 'sklearn', 'matplotlib', 'h5py', 'autograder'}"
    code = f"import dnnlab\ndnnlab.global_seed_is_set()\nprint(sorted({heavy} & set(sys.modules)))"

    assert "[]\n" == run_alone(code)


@pytest.mark.parametrize("name", LOADERS)
def test_a_loader_returns_what_keras_returns(name, tmp_path, monkeypatch):
    """A folder's `.npz` comes back as two pairs of uint8 arrays with the shapes that Keras gives."""
    monkeypatch.setenv("DNNLAB_DATA", str(npz(tmp_path / "data", name).parent))
    (x_train, y_train), (x_test, y_test) = LOADERS[name]()
    expected = arrays(name)

    for key, array in zip(expected, (x_train, y_train, x_test, y_test), strict=True):
        assert np.array_equal(expected[key], array)
        assert (np.uint8, expected[key].shape) == (array.dtype, array.shape)


def test_plain_arrays_go_before_the_archive_and_are_not_copied(tmp_path, monkeypatch):
    """`NAME/x_train.npy` is preferred, mapped, returned as a plain array, and a change stays in memory."""
    npz(tmp_path / "data")
    (tmp_path / "data" / "cifar10").mkdir()
    for key, array in arrays(n=30).items():
        np.save(tmp_path / "data" / "cifar10" / f"{key}.npy", array)
    monkeypatch.setenv("DNNLAB_DATA", str(tmp_path / "data"))
    (x_train, _), _ = dnnlab.load_cifar10()
    before = int(x_train[0, 0, 0, 0])
    x_train[0, 0, 0, 0] = before + 1
    (again, _), _ = dnnlab.load_cifar10()

    assert (30, np.ndarray) == (len(x_train), type(x_train))
    assert isinstance(x_train.base, np.memmap)
    assert before == int(again[0, 0, 0, 0])


def test_labels_get_the_shape_that_keras_gives_them(tmp_path, monkeypatch):
    """Flat CIFAR-10 labels of another whole type come back as uint8 (n, 1)."""
    flat = arrays()["y_train"].reshape(-1).astype(np.int64)
    monkeypatch.setenv("DNNLAB_DATA", str(npz(tmp_path, y_train=flat).parent))
    (_, y_train), _ = dnnlab.load_cifar10()

    assert ((20, 1), np.uint8) == (y_train.shape, y_train.dtype)


def test_keras_cache_is_used_where_nothing_is_chosen(tmp_path):
    """An archive in Keras's cache is read without Keras."""
    npz(tmp_path / "keras" / "datasets", "mnist")
    (x_train, _), _ = dnnlab.load_mnist()

    assert np.array_equal(arrays("mnist")["x_train"], x_train)


def test_keras_loads_what_only_keras_has(monkeypatch, keras):
    """Without a folder and an archive the data come from Keras's own loader, network waits cut short."""
    seen = []

    def load_data():
        seen.append(socket.getdefaulttimeout())
        tiny = arrays()
        return (tiny["x_train"], tiny["y_train"]), (tiny["x_test"], tiny["y_test"])

    monkeypatch.setattr(keras.datasets.cifar10, "load_data", load_data)
    (x_train, _), _ = dnnlab.load_cifar10()

    assert 20 == len(x_train)
    assert ([20.0], None) == (seen, socket.getdefaulttimeout())


def test_without_a_network_there_is_the_miniature_and_it_says_so(monkeypatch, capsys, keras):
    """A download that fails leads to the miniature; the line names the reason, once."""

    def load_data():
        raise OSError("no route to host")

    monkeypatch.setattr(keras.datasets.cifar10, "load_data", load_data)
    (x_train, _), _ = dnnlab.load_cifar10()
    dnnlab.load_cifar10()

    assert 10_000 == len(x_train)
    assert (
        "dnnlab: this is a MINIATURE of cifar10, 10,000 + 2,000 made-up pictures, not the real data: the "
        "real data could not be downloaded (no route to host). What a model reaches on it says nothing about "
        "the real data. To get those, unset DNNLAB_DATA where there is a network, or set it to a folder that "
        "has cifar10.npz.\n"
    ) == capsys.readouterr().out


def test_each_data_set_announces_its_miniature_once(monkeypatch, capsys):
    """One line per data set and process, however often it is loaded."""
    monkeypatch.setenv("DNNLAB_DATA", "miniature")
    for load in (*LOADERS.values(), *LOADERS.values()):
        load()
    lines = capsys.readouterr().out.splitlines()

    assert ["mnist", "fashion_mnist", "cifar10"] == [
        line.split("MINIATURE of ")[1].split(",")[0] for line in lines
    ]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        (
            {"x_train": np.zeros((20, 32, 32, 3))},
            "x_train is float64 (20, 32, 32, 3); it must be uint8 (n, 32, 32, 3)",
        ),
        (
            {"x_test": np.zeros((9, 28, 28), np.uint8)},
            "x_test is uint8 (9, 28, 28); it must be uint8 (n, 32, 32, 3)",
        ),
        (
            {"x_test": np.zeros((0, 32, 32, 3), np.uint8)},
            "x_test is uint8 (0, 32, 32, 3); it must be uint8 (n, 32, 32, 3)",
        ),
        (
            {"y_train": np.zeros((19, 1), np.uint8)},
            "y_train is uint8 (19, 1); it must be one whole number for each of 20",
        ),
        (
            {"y_test": np.zeros((10, 1))},
            "y_test is float64 (10, 1); it must be one whole number for each of 10",
        ),
        (
            {"y_test": np.full((10, 1), 10, np.uint8)},
            "y_test has values from 10 to 10; labels are 0 to 9",
        ),
        ({"y_test": np.full(10, -1)}, "y_test has values from -1 to -1; labels are 0 to 9"),
    ],
    ids=["dtype", "shape", "empty", "length", "float labels", "label too large", "negative label"],
)
def test_arrays_of_another_form_are_refused(tmp_path, monkeypatch, changes, what):
    """Shape, dtype and range of labels are checked; the message names file, fault and way out."""
    path = npz(tmp_path / "data", **changes)
    monkeypatch.setenv("DNNLAB_DATA", str(path.parent))
    with pytest.raises(dnnlab.DataProblem) as caught:
        dnnlab.load_cifar10()

    assert f"{path}: {what}\n  What to do: get cifar10 again, or set DNNLAB_DATA=miniature" == str(
        caught.value
    )


def test_a_missing_folder_is_an_error_and_no_fallback(tmp_path, monkeypatch):
    """DNNLAB_DATA that names no folder is reported even though Keras's cache has the data."""
    npz(tmp_path / "keras" / "datasets")
    monkeypatch.setenv("DNNLAB_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(dnnlab.DataProblem) as caught:
        dnnlab.load_cifar10()

    assert (
        f"{tmp_path}/nowhere: there is no such folder\n"
        "  What to do: set DNNLAB_DATA to a folder that has the data, to miniature, or unset it"
    ) == str(caught.value)


def test_a_folder_without_the_file_is_an_error(tmp_path, monkeypatch):
    """DNNLAB_DATA that lacks the data set is reported."""
    npz(tmp_path / "data", "mnist")
    monkeypatch.setenv("DNNLAB_DATA", str(tmp_path / "data"))
    with pytest.raises(
        dnnlab.DataProblem, match=r"the folder has neither cifar10\.npz nor cifar10/x_train\.npy"
    ):
        dnnlab.load_cifar10()


def cut_off(path: Path) -> None:
    """Keep the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    """Damage the middle of a file."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(byte ^ 0xFF for byte in content[middle : middle + 64])
    path.write_bytes(content)


def rename_keys(path: Path) -> None:
    """Another archive, with other arrays in it."""
    np.savez(path, X=np.zeros(3))


def pickle_inside(path: Path) -> None:
    """An archive whose arrays would have to be unpickled."""
    np.savez(path, x_train=np.array([{"an": "object"}], dtype=object))


def single_array(path: Path) -> None:
    """A single array under an archive's name."""
    with path.open("wb") as stream:
        np.save(stream, np.zeros(3))


@pytest.mark.parametrize("damage", [cut_off, flip, rename_keys, pickle_inside, single_array])
def test_a_damaged_file_is_a_data_problem(tmp_path, monkeypatch, damage):
    """Files that cannot be read raise one kind of error, which names them; nothing is unpickled."""
    path = npz(tmp_path / "data")
    damage(path)
    monkeypatch.setenv("DNNLAB_DATA", str(path.parent))
    with pytest.raises(dnnlab.DataProblem) as caught:
        dnnlab.load_cifar10()

    assert str(path) == caught.value.where
    assert caught.value.what.startswith("the file cannot be read (")


def test_a_damaged_plain_array_is_a_data_problem(tmp_path):
    """An empty `.npy` is reported like a damaged archive."""
    (tmp_path / "cifar10").mkdir()
    (tmp_path / "cifar10" / "x_train.npy").write_bytes(b"")
    with pytest.raises(dnnlab.DataProblem, match="the file cannot be read"):
        dnnlab.read_folder(tmp_path, "cifar10")


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("mnist", "d5f4a3e96e5ebd5a255cd7f5468077605f86d2f12fb6fcd267a1842958f54b39"),
        ("fashion_mnist", "362b6c48bab7a5fa58882393a5b37d856908467b9d0e0c324f8f73ea4c3a516c"),
        ("cifar10", "00178c10ce8b79e8d94ae46f7f12853a6eade597f771b8e0b05a605d8af6dc11"),
    ],
)
def test_a_miniature_is_the_same_everywhere(name, digest):
    """The arrays of version 1 of the miniatures, byte for byte; other arrays need another version."""
    parts = [array for pair in dnnlab.miniature(name) for array in pair]

    assert digest == hashlib.sha256(b"".join(array.tobytes() for array in parts)).hexdigest()


@pytest.mark.parametrize("name", LOADERS)
def test_a_miniature_is_fit_for_training(name):
    """The form of the real data, classes mixed and about equal, and no picture twice."""
    (x_train, y_train), (x_test, y_test) = dnnlab.miniature(name)
    pictures = {picture.tobytes() for part in (x_train, x_test) for picture in part}
    counts = np.bincount(y_train.reshape(-1), minlength=10)
    label_shape = (1,) if name == "cifar10" else ()

    assert ((10_000, *PICTURES[name]), (2_000, *PICTURES[name])) == (x_train.shape, x_test.shape)
    assert ((10_000, *label_shape), (2_000, *label_shape)) == (y_train.shape, y_test.shape)
    assert {np.dtype(np.uint8)} == {array.dtype for array in (x_train, y_train, x_test, y_test)}
    assert 12_000 == len(pictures)
    assert 10 == len(set(y_train[:100].reshape(-1).tolist()))
    assert 900 <= counts.min() <= counts.max() <= 1100


# ----------------------------------------------------------------------------------------------- repeatable


def built(keras, *, units: int = 8):
    """A small network with dropout, built."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(units, activation="elu", kernel_initializer="he_normal"),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax"),
        ]
    )


def weights_and_dropout(keras, seed: int) -> list[np.ndarray]:
    """What `set_seed` fixes: initial weights, outputs under dropout, unseeded random values."""
    dnnlab.set_seed(seed)
    model = built(keras)
    passes = [np.asarray(model(np.ones((5, 4)), training=True)) for _ in range(2)]
    return [*model.get_weights(), *passes, np.asarray(keras.random.normal((3,))), np.random.normal(size=3)]


def test_a_seed_repeats_weights_and_dropout(keras):
    """The same seed gives the same weights, dropout masks and unseeded values; another gives others."""
    one, same, other = (weights_and_dropout(keras, seed) for seed in (1, 1, 2))

    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(one, other, strict=True) if a.any())
    assert not dnnlab.global_seed_is_set()


def test_the_order_of_imports_does_not_matter(keras):
    """Seeding before Keras is imported gives the weights that seeding after it gives."""
    code = (
        "import dnnlab\ndnnlab.set_seed(5)\nimport keras\n"
        "print(keras.initializers.HeNormal()((2, 2)).numpy().tolist())"
    )
    dnnlab.set_seed(5)

    assert f"{np.asarray(keras.initializers.HeNormal()((2, 2))).tolist()}\n" == run_alone(code)


def test_a_seed_lifts_the_global_seed(keras):
    """A notebook that had set TensorFlow's global seed is out of the trap after `set_seed`."""
    keras.utils.set_random_seed(1)
    before = dnnlab.global_seed_is_set()
    dnnlab.set_seed(1)

    assert (True, False) == (before, dnnlab.global_seed_is_set())


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "1", None, True])
def test_what_is_no_seed_is_refused(seed):
    """A seed is a whole number that NumPy takes."""
    with pytest.raises(ValueError, match="a seed is a whole number from 0 to 4294967295"):
        dnnlab.set_seed(seed)


def seen_by_fit(keras, *data, epochs: int = 3, **options) -> list[list[float]]:
    """For each epoch, the rows in the order in which `fit` hands them to the model."""
    rows: list[float] = []

    class Recorder(keras.Model):
        def train_step(self, batch):
            rows.extend(np.asarray(batch[0]).reshape(-1).tolist())
            return {"loss": 0.0}

    model = Recorder()
    model.compile(run_eagerly=True)
    model.fit(*data, epochs=epochs, verbose=0, **options)
    each = len(rows) // epochs
    return [rows[i * each : (i + 1) * each] for i in range(epochs)]


def test_fit_on_arrays_is_shuffled_anew_after_a_seed(keras):
    """With `set_seed` each epoch has an order of its own, though arrays are given."""
    dnnlab.set_seed(1)
    one, two, three = seen_by_fit(keras, np.arange(64.0)[:, None], np.zeros(64), batch_size=8)

    assert one != two != three != one
    assert list(range(64)) == sorted(one) == sorted(two)


def test_the_global_seed_repeats_one_order(keras):
    """What `set_seed` is there to avoid: with TensorFlow's global seed all epochs have one order."""
    keras.utils.set_random_seed(1)
    one, two, _ = seen_by_fit(keras, np.arange(64.0)[:, None], np.zeros(64), batch_size=8)

    assert one == two


def test_fit_on_batches_is_shuffled_anew_and_repeatable(keras):
    """Epochs differ; a second dataset with the same seed gives the same epochs; another seed others."""
    X, y = np.arange(64.0)[:, None], np.zeros(64)
    first, same, other = (
        seen_by_fit(keras, dnnlab.batches(X, y, 8, seed=seed), shuffle=False) for seed in (3, 3, 4)
    )

    assert first == same != other
    assert first[0] != first[1] != first[2] != first[0]
    assert list(range(64)) == sorted(first[0])


def test_batches_repeat_even_with_the_global_seed(keras):
    """In the trap, `batches` still gives each epoch an order of its own."""
    keras.utils.set_random_seed(1)
    one, two, _ = seen_by_fit(keras, dnnlab.batches(np.arange(64.0)[:, None], np.zeros(64), 8), shuffle=False)

    assert one != two


def test_batches_without_a_seed_follow_set_seed(keras):
    """The seed that `batches` draws is one of those that `set_seed` repeats."""
    orders = []
    for seed in (7, 7, 8):
        dnnlab.set_seed(seed)
        rows = [
            row for X, _ in dnnlab.batches(np.arange(50), np.arange(50)) for row in np.asarray(X).tolist()
        ]
        orders.append(rows)

    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize(
    "labels", [np.arange(10), np.arange(10)[:, None], np.eye(10)], ids=["flat", "column", "one-hot"]
)
def test_batches_keep_rows_together_and_drop_none(keras, labels):
    """Every row comes once with its own label; the last batch is what is left; types stay."""
    X = np.arange(10, dtype=np.float32)[:, None] * np.ones(3, np.float32)
    found = [(np.asarray(x), np.asarray(y)) for x, y in dnnlab.batches(X, labels, 4, seed=1)]
    rows = np.concatenate([x for x, _ in found])[:, 0].astype(int)

    assert [4, 4, 2] == [len(x) for x, _ in found]
    assert list(range(10)) == sorted(rows.tolist())
    assert np.array_equal(labels[rows], np.concatenate([y for _, y in found]))
    assert (np.float32, labels.dtype) == (found[0][0].dtype, found[0][1].dtype)
    assert 3 == len(dnnlab.batches(X, labels, 4))


def test_batches_refuse_what_does_not_fit_together(keras):
    """Lengths that differ and empty batches are named."""
    with pytest.raises(ValueError, match="X has 3 rows and y has 2: there must be one label for each row"):
        dnnlab.batches(np.zeros(3), np.zeros(2))
    with pytest.raises(ValueError, match="batch_size is 0; a batch has at least one row"):
        dnnlab.batches(np.zeros(3), np.zeros(3), 0)


# -------------------------------------------------------------------------------------------------- timing


def test_a_timer_adds_the_seconds_of_each_epoch(keras):
    """Every epoch has its own duration beside its losses, and a saved history keeps them."""

    class Slow(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            time.sleep(0.05)

    model = built(keras)
    model.compile("nadam", "sparse_categorical_crossentropy")
    X, y = np.ones((32, 4), np.float32), np.arange(32) % 3
    history = model.fit(X, y, epochs=3, verbose=0, callbacks=[dnnlab.EpochTimer(), Slow()])
    dnnlab.save_training(model, history, "net")
    seconds = dnnlab.load_training("net")[1].history["seconds"]

    assert ["loss", "seconds"] == sorted(history.history)
    assert 3 == len(seconds) and seconds == history.history["seconds"]
    assert 0.05 <= min(seconds) and sum(seconds) < 60


def test_a_timer_is_a_callback_of_keras(keras):
    """Two timers are two callbacks of one class."""
    one, other = dnnlab.EpochTimer(), dnnlab.EpochTimer()

    assert isinstance(one, keras.callbacks.Callback)
    assert one is not other and type(one) is type(other)


# ------------------------------------------------------------------------------------------ saved trainings


@pytest.fixture
def trained(keras):
    """A model trained for two epochs, and what `fit` returned."""
    model = built(keras)
    model.compile("nadam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    X, y = np.random.default_rng(1).normal(size=(64, 4)).astype(np.float32), np.arange(64) % 3
    history = model.fit(X, y, validation_data=(X, y), epochs=2, verbose=0)
    return model, history


def test_a_training_comes_back_as_it_was_saved(trained, recwarn):
    """Weights, compile settings and history survive; loading warns of nothing."""
    model, history = trained
    dnnlab.save_training(model, history, "net")
    again, saved = dnnlab.load_training("net")
    X, y = np.ones((5, 4), np.float32), np.arange(5) % 3

    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), again.get_weights(), strict=True))
    assert model.evaluate(X, y, verbose=0) == again.evaluate(X, y, verbose=0)
    assert ("Nadam", "sparse_categorical_crossentropy") == (type(again.optimizer).__name__, again.loss)
    assert history.history == saved.history
    assert ([0, 1], history.params) == (saved.epoch, saved.params)
    assert [] == [str(w.message) for w in recwarn if "optimizer" in str(w.message)]


def test_a_loaded_training_can_go_on(trained):
    """A model that was read back trains: its optimizer starts afresh."""
    dnnlab.save_training(*trained, "net")
    model, _ = dnnlab.load_training("net")
    before = model.get_weights()[0]
    model.fit(np.ones((8, 4)), np.zeros(8), verbose=0)

    assert not np.array_equal(before, model.get_weights()[0])


def test_the_file_leaves_out_the_optimizer_state(trained, tmp_path):
    """The archive has Keras's three members, layers with their names, and no variables of the optimizer."""
    import h5py

    model, history = trained
    dnnlab.save_training(model, history, "net")
    model.save("whole.keras")
    with zipfile.ZipFile("net.keras") as archive:
        members = sorted(archive.namelist())
        with archive.open("model.weights.h5") as stream, h5py.File(stream, "r") as weights:
            groups, name = set(weights), weights["layers/dense/vars"].attrs["name"]

    assert ["config.json", "metadata.json", "model.weights.h5"] == members
    assert "optimizer" not in groups
    assert model.layers[0].name == name
    assert Path("net.keras").stat().st_size < Path("whole.keras").stat().st_size
    assert {"net.keras", "net.history.json", "whole.keras"} == {path.name for path in tmp_path.iterdir()}


def test_a_model_that_was_never_compiled_is_saved(keras):
    """Saving does not need an optimizer."""
    model = built(keras)
    dnnlab.save_training(model, {"loss": [1.0]}, "net")
    again, _ = dnnlab.load_training("net")

    assert np.array_equal(model.get_weights()[0], again.get_weights()[0])


def test_the_history_file_is_plain_json(keras):
    """Schema 1: metrics as floats, values that are not finite as texts, epochs, parameters."""
    metrics = {"loss": [np.float32(0.5), math.nan], "val_loss": [math.inf, -math.inf]}
    dnnlab.save_training(built(keras), metrics, "net")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    assert {
        "schema": 1,
        "history": {"loss": [0.5, "NaN"], "val_loss": ["Infinity", "-Infinity"]},
        "epoch": [0, 1],
        "params": {},
    } == json.loads(Path("net.history.json").read_text(), parse_constant=refuse)


def test_values_that_are_not_finite_survive(keras):
    """A training that diverged reads back as it went."""
    dnnlab.save_training(built(keras), {"loss": [1.0, math.nan, math.inf]}, "net")
    _, saved = dnnlab.load_training("net")

    assert 1.0 == saved.history["loss"][0]
    assert math.isnan(saved.history["loss"][1])
    assert math.inf == saved.history["loss"][2]


def test_a_loaded_history_can_be_saved_again(trained):
    """What `load_training` returns is a history like the one `fit` returns."""
    dnnlab.save_training(*trained, "net")
    dnnlab.save_training(*dnnlab.load_training("net"), "copy")

    assert Path("net.history.json").read_text() == Path("copy.history.json").read_text()


@pytest.mark.parametrize("name", ["net", "net.keras", "models/net"])
def test_a_name_may_carry_suffix_and_folder(keras, name):
    """`net`, `net.keras` and `models/net` name the files that one expects."""
    before = dnnlab.is_saved(name)
    dnnlab.save_training(built(keras), {"loss": [1.0]}, name)
    base = name.removesuffix(".keras")

    assert (False, True) == (before, dnnlab.is_saved(name))
    assert Path(f"{base}.keras").is_file()
    assert Path(f"{base}.history.json").is_file()


def test_half_a_training_is_not_saved(keras):
    """Both files make a saved training."""
    dnnlab.save_training(built(keras), {"loss": [1.0]}, "net")
    Path("net.history.json").unlink()

    assert not dnnlab.is_saved("net")


def test_an_interrupted_save_leaves_the_former_pair(trained, tmp_path, monkeypatch):
    """Where writing fails, the older files stay whole and nothing lies beside them."""
    model, history = trained
    dnnlab.save_training(model, history, "net")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(OSError, match="disk full"):
        dnnlab.save_training(built(sys.modules["keras"]), {"loss": [9.0]}, "net")

    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_a_model_without_weights_is_not_saved(keras):
    """A model that was never built has nothing to save; the message says how to build it."""
    with pytest.raises(dnnlab.SavedTrainingProblem) as caught:
        dnnlab.save_training(keras.Sequential([keras.layers.Dense(3)]), {}, "net")

    assert (
        "cannot save net: the model has no weights yet\n"
        "  What to do: start it with a keras.Input, or train it first"
    ) == str(caught.value)


def test_what_is_no_history_is_not_saved(keras):
    """The commonest slip, passing a list of losses, is named."""
    with pytest.raises(dnnlab.SavedTrainingProblem, match="the history is a list"):
        dnnlab.save_training(built(keras), [0.5, 0.4], "net")


def test_an_empty_name_is_refused(keras):
    """A training needs a name."""
    with pytest.raises(dnnlab.SavedTrainingProblem, match="a training needs a name"):
        dnnlab.save_training(built(keras), {}, ".keras")


def test_loading_what_was_never_saved_says_what_to_do():
    """A missing file is named together with the call that makes it."""
    with pytest.raises(dnnlab.SavedTrainingProblem) as caught:
        dnnlab.load_training("net")

    assert (
        "there is no net.keras\n  What to do: train the model, then save_training(model, history, 'net')"
    ) == str(caught.value)


@pytest.mark.parametrize(
    ("file", "content"),
    [("net.keras", "not a zip"), ("net.history.json", "not JSON"), ("net.history.json", '{"schema": 2}')],
    ids=["model", "history", "schema"],
)
def test_a_damaged_training_is_reported(keras, file, content):
    """A file that cannot be read is an error of one kind, which says to train again."""
    dnnlab.save_training(built(keras), {"loss": [1.0]}, "net")
    Path(file).write_text(content)
    with pytest.raises(dnnlab.SavedTrainingProblem, match="cannot read the training saved as net"):
        dnnlab.load_training("net")


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        ('{"schema": 1, "history": {"loss": [1.0]}}', "epoch"),
        ('{"loss": [1.0]}', "schema"),
        ("[1.0]", "schema"),
    ],
)
def test_a_history_that_was_written_otherwise(keras, content, missing):
    """A history that something else wrote is told from a damaged one, and nothing is said of layers."""
    dnnlab.save_training(built(keras), {"loss": [1.0]}, "net")
    Path("net.history.json").write_text(content)
    with pytest.raises(dnnlab.SavedTrainingProblem) as caught:
        dnnlab.load_training("net")

    assert (
        f"net.history.json was not written by save_training (it has no {missing!r})\n"
        "  What to do: save model and history with save_training"
    ) == str(caught.value)


# ---------------------------------------------------------------------------------------------------- plots


@pytest.fixture
def quiet_plots():
    """matplotlib that draws to nowhere, figures closed afterwards."""
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    yield plt
    plt.close("all")


def legend(axis) -> list[str]:
    """The texts of an axis's legend."""
    return [text.get_text() for text in axis.get_legend().get_texts()]


def test_a_history_plot_shows_both_curves_and_the_best_epoch(quiet_plots):
    """Loss and accuracy, training and validation; the best epoch is that of lowest validation loss."""
    metrics = {
        "loss": [3.0, 2.0, 1.0],
        "val_loss": [3.0, 2.0, 2.5],
        "accuracy": [0.1, 0.2, 0.3],
        "val_accuracy": [0.1, 0.2, 0.25],
    }
    figure = dnnlab.plot_history(dnnlab.SavedHistory(metrics), title="plain")
    figure.canvas.draw()
    loss, accuracy = figure.axes

    assert ("loss", "accuracy") == (loss.get_ylabel(), accuracy.get_ylabel())
    assert ["training", "validation", "best epoch: 2"] == legend(loss) == legend(accuracy)
    assert [1, 2, 3] == loss.lines[0].get_xdata().tolist()
    assert "plain" == figure.get_suptitle()


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ({"loss": [2.0, 1.0]}, ["training", "best epoch: 2"]),
        ({"loss": [2.0, 1.0], "val_loss": [math.nan, 5.0]}, ["training", "validation", "best epoch: 2"]),
        ({"loss": [math.nan], "val_loss": [math.nan]}, ["training", "validation"]),
    ],
    ids=["training only", "a gap", "diverged"],
)
def test_a_history_plot_takes_what_it_gets(quiet_plots, metrics, expected):
    """A plain dict, one without validation and one that diverged are drawn."""
    figure = dnnlab.plot_history(metrics)
    figure.canvas.draw()

    assert expected == legend(figure.axes[0])


def test_an_empty_history_is_drawn_empty(quiet_plots):
    """A history without epochs gives an empty panel, not an error."""
    figure = dnnlab.plot_history({})

    assert [0] == [len(axis.lines) for axis in figure.axes]


def test_a_plot_of_learning_rates_marks_the_lowest(quiet_plots):
    """Rates in order on a logarithmic axis; the lowest finite loss is marked, one that diverged is named."""
    figure = dnnlab.plot_learning_rates({1e-2: math.nan, 1e-4: 1.5, 1e-3: 1.2})
    figure.canvas.draw()
    (axis,) = figure.axes

    assert "log" == axis.get_xscale()
    assert [1e-4, 1e-3] == axis.lines[0].get_xdata().tolist()
    assert ["lowest: 0.001", "diverged: 0.01"] == legend(axis)


@pytest.mark.parametrize(
    ("X", "n", "shown"),
    [
        (np.zeros((12, 32, 32, 3), np.uint8), 10, 10),
        (np.linspace(-2, 2, 12 * 784).reshape(12, 28, 28), 12, 12),
        (np.ones((3, 28, 28, 1), np.float32), 10, 3),
    ],
    ids=["colour", "two rows", "fewer than asked"],
)
def test_pictures_are_shown_with_their_names(quiet_plots, X, n, shown):
    """Colour or grey, of any scale; titles are the names of the classes, or their numbers."""
    y = np.arange(len(X))[:, None] % 10
    figure = dnnlab.show_images(X, y, n=n)
    named = dnnlab.show_images(X, y, names=dnnlab.CIFAR10_CLASSES, n=n)
    figure.canvas.draw()

    assert shown == sum(len(axis.images) for axis in figure.axes)
    assert "2" == figure.axes[2].get_title()
    assert "bird" == named.axes[2].get_title()


def test_seeding_restores_python_and_numpy():
    """The same seed repeats Python's and NumPy's random numbers."""
    drawn = []
    for _ in range(2):
        dnnlab.set_seed(3)
        drawn.append((random.random(), np.random.random()))

    assert drawn[0] == drawn[1]
