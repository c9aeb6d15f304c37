"""Submitted model files read as plain data, whatever they are; every problem is a sentence in the record."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile

import h5py
import numpy as np
import pytest

from autograder.networks.graph import UnsupportedModel, parse
from autograder.networks.inference import forward
from autograder.networks.weights import fit_in_order
from autograder.room.archive import collect, read_archive, read_history

CONFIG = {"module": "keras", "class_name": "Sequential", "config": {"name": "m", "layers": []}}


@pytest.fixture(scope="module")
def keras():
    """Keras, imported late: it takes seconds."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return pytest.importorskip("keras")


def store(fill=None, **settings):
    """The bytes of an HDF5 file with one dense layer, changed by `fill(file)`."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        layer = file.create_group("layers/dense/vars")
        layer.attrs["name"] = "dense"
        layer["0"] = np.ones((2, 3), np.float32)
        layer.create_dataset("1", data=np.zeros(3, np.float32), **settings)
        if fill is not None:
            fill(file)
    return buffer.getvalue()


def archive(path, *, config=CONFIG, weights=None, compression=zipfile.ZIP_STORED, extra=()):
    """Write a `.keras` file; a part given as None is left out, bytes are written as they are."""
    with zipfile.ZipFile(path, "w", compression) as out:
        if config is not None:
            out.writestr("config.json", config if isinstance(config, bytes) else json.dumps(config))
        out.writestr("model.weights.h5", store() if weights is None else weights)
        for name, content in extra:
            out.writestr(name, content)
    return path


def problem_of(path):
    """What the record of a bad file says; nothing else of the file is kept, and it passes as JSON."""
    record, arrays = read_archive(path)
    json.dumps(record, allow_nan=False)

    assert {} == arrays
    assert {} == record["weights"]
    return record["problem"]


# ----------------------------------------------------------------------------------------- good files


def answers(record, arrays, x):
    """What the judge computes from a record."""
    weights = {name: [arrays[key] for key in keys] for name, keys in record["weights"].items()}
    return forward(parse(record["config"]), weights, x)


def nested_model(keras):
    """A trained model with nested parts, dropout, normalisation and an optimizer with state."""
    layers = keras.layers
    inner = keras.Sequential([layers.Dense(4, "elu"), layers.Dropout(0.5), layers.BatchNormalization()])
    x = inputs = keras.Input((3,))
    x = layers.Normalization()(x)
    x = layers.Dense(5)(inner(x))
    x = keras.activations.selu(x)
    tower_input = keras.Input((5,))
    tower = keras.Model(tower_input, layers.Dense(2, "tanh")(tower_input), name="tower")
    model = keras.Model(inputs, layers.Concatenate()([tower(x), tower(2.0 * x)]))
    model.compile("nadam", "mse", metrics=["mae"])
    model.fit(np.ones((8, 3)), np.ones((8, 4)), verbose=0)
    return model


def test_a_saved_model_answers_as_in_keras(keras, tmp_path):
    """Graph and weights of a file, nested parts included, compute what the saved model computes."""
    model = nested_model(keras)
    model.save(tmp_path / "net.keras")
    x = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    record, arrays = read_archive(tmp_path / "net.keras", number=3)

    assert record["problem"] is None
    assert ("net.keras", "model") == (record["name"], record["kind"])
    assert (tmp_path / "net.keras").stat().st_size == record["bytes"]
    assert keras.version() == record["metadata"]["keras_version"]
    assert {f"f3_{at}" for at in range(len(arrays))} == set(arrays)
    np.testing.assert_allclose(model.predict(x, verbose=0), answers(record, arrays, x), atol=1e-5)


def test_a_deep_model_answers_as_in_keras(keras, tmp_path):
    """Ten layers and more keep their order: dense_10 comes after dense_9."""
    keras.utils.clear_session()
    layers = [keras.layers.Dense(4, "elu", kernel_initializer="he_normal") for _ in range(13)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.save(tmp_path / "deep.keras")
    x = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    record, arrays = read_archive(tmp_path / "deep.keras")

    assert ["dense", *(f"dense_{at}" for at in range(1, 13))] == list(record["weights"])
    np.testing.assert_allclose(model.predict(x, verbose=0), answers(record, arrays, x), atol=1e-5)


def test_a_subclassed_models_weights_fit_the_graph_that_another_run_saw(keras, tmp_path):
    """Weights of a file without a graph go, by their order, to the graph that another run saw."""

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.zeroth = keras.layers.Flatten()
            self.hidden = [keras.layers.Dense(4, "elu") for _ in range(12)]
            self.a_norm = keras.layers.BatchNormalization()
            self.out = keras.layers.Dense(4)

        def call(self, x):
            x = self.zeroth(x)
            for layer in self.hidden:
                x = layer(x)
            return self.out(self.a_norm(x))

    saved, seen, inputs = Net(), Net(), keras.Input((2, 2))
    x = np.random.default_rng(0).normal(size=(20, 2, 2)).astype(np.float32)
    expected = saved.predict(x, verbose=0)
    saved.save(tmp_path / "net.keras")
    record, arrays = read_archive(tmp_path / "net.keras")
    graph = parse(
        json.loads(json.dumps(keras.saving.serialize_keras_object(keras.Model(inputs, seen.call(inputs)))))
    )
    weights = fit_in_order(graph, [[arrays[key] for key in keys] for keys in record["weights_in_order"]])

    assert record["problem"] is None
    with pytest.raises(UnsupportedModel, match=r"the model \(Net\) holds no list of layers"):
        parse(record["config"])
    np.testing.assert_allclose(expected, forward(graph, weights, x), atol=1e-5)


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_a_lambda_travels_as_data_and_is_refused_by_the_graph(keras, tmp_path):
    """Code inside a file is never run: the record holds it as text and the graph's parser refuses it."""
    layer = keras.layers.Lambda(lambda x: x, name="trick")
    keras.Sequential([keras.Input((4,)), layer]).save(tmp_path / "trick.keras")
    record, _ = read_archive(tmp_path / "trick.keras")

    assert record["problem"] is None
    with pytest.raises(UnsupportedModel, match="it holds a Lambda layer"):
        parse(record["config"])


def test_equal_names_keep_all_weights(tmp_path):
    """Two layers of one name keep both their weights, the second under its place in the file."""

    def fill(file):
        again = file.create_group("layers/dense_1/vars")
        again.attrs["name"] = "dense"
        again["0"] = np.zeros((3, 3))

    record, _ = read_archive(archive(tmp_path / "a.keras", weights=store(fill)))

    assert {"dense": ["f0_0", "f0_1"], "layers/dense_1": ["f0_2"]} == record["weights"]


def test_compressed_arrays_are_read(tmp_path):
    """An array packed with gzip and shuffle is an array like any other."""
    weights = store(compression="gzip", shuffle=True, fletcher32=True, chunks=(3,))
    record, arrays = read_archive(archive(tmp_path / "a.keras", weights=weights))

    assert record["problem"] is None
    assert [0.0, 0.0, 0.0] == arrays["f0_1"].tolist()


# ------------------------------------------------------------------------------------- hostile archives


def test_what_is_no_archive_is_said(tmp_path):
    """Text, nothing, a cut file, an old HDF5 file, a link and a folder each have their own sentence."""
    path, again = tmp_path / "a.keras", 'save the model again with model.save("name.keras")'
    path.write_bytes(b"this is not a model")
    assert f"this is not a .keras file, or it is cut short; {again}" == problem_of(path)
    path.write_bytes(b"")
    assert "the file is empty" == problem_of(path)
    whole = archive(path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert f"this is not a .keras file, or it is cut short; {again}" == problem_of(path)
    path.write_bytes(store())
    assert f"this is a model in the old HDF5 format under a new name; {again}" == problem_of(path)
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert "the file cannot be opened; hand in the file itself, not a link to it" == problem_of(path)
    path.unlink()
    path.mkdir()
    assert "this is not a file" == problem_of(path)
    path.rmdir()
    os.mkfifo(path)
    assert "this is not a file" == problem_of(path)


def test_a_damaged_byte_is_noticed(tmp_path):
    """Whatever byte of a file is damaged, reading ends with a sentence or with the arrays of a model."""
    path = archive(tmp_path / "a.keras")
    whole, problems = path.read_bytes(), 0
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :])
        record, _ = read_archive(path)
        problems += record["problem"] is not None

    assert problems > len(whole) / 7 * 0.5


def test_a_cut_file_never_raises(tmp_path):
    """A file cut anywhere has a problem."""
    path = archive(tmp_path / "a.keras")
    whole = path.read_bytes()
    for length in range(1, len(whole), 97):
        path.write_bytes(whole[:length])
        assert problem_of(path)


def test_a_bomb_is_refused_unopened(tmp_path):
    """A member packed a thousandfold, or one whose header says too little, is not unpacked."""
    bomb = archive(tmp_path / "a.keras", weights=b"\0" * (8 << 20), compression=zipfile.ZIP_DEFLATED)
    assert problem_of(bomb).startswith("model.weights.h5 is packed much smaller than a model can be")

    content = bytearray(bomb.read_bytes())
    for mark, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        at = content.rfind(mark)
        struct.pack_into("<I", content, at + offset, 1000)
    bomb.write_bytes(bytes(content))
    assert problem_of(bomb).startswith("model.weights.h5 is damaged")


def test_archives_that_keras_does_not_write_are_refused(tmp_path):
    """Missing or doubled members, many members, encryption, and a flood of names are refused."""
    path = tmp_path / "a.keras"
    assert problem_of(archive(path, config=None)).startswith("the archive holds no config.json with")
    many = [(f"x{at}", b"") for at in range(9)]
    assert problem_of(archive(path, extra=many)).startswith("the archive holds more than a .keras file does")
    flood = [(f"{at:05}" * 20, b"") for at in range(1000)]
    assert problem_of(archive(path, extra=flood)).startswith("the archive holds more than a .keras file does")
    content = bytearray(archive(path).read_bytes())
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.find(mark) + offset] |= 1
    path.write_bytes(bytes(content))
    assert problem_of(path).startswith("the archive is encrypted or packed in an unusual way")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(tmp_path):
    """A second config.json cannot hide behind the first."""
    path = archive(tmp_path / "a.keras", extra=[("config.json", b"{}")])

    assert problem_of(path).startswith("the archive holds more than a .keras file does")


def test_json_that_is_no_description_is_refused(tmp_path):
    """Deep, large, damaged or infinite JSON, and JSON that is no object, are refused."""
    path = tmp_path / "a.keras"
    cases = {
        b"[" * 100_000: "config.json is nested too deep to be read",
        b"[" * 90 + b"]" * 90: "config.json is nested too deep to be read",
        b'{"a": 1,': "config.json is damaged; save it again",
        b"\xff\xfe": "config.json is damaged; save it again",
        b"9" * 5000: "config.json is damaged; save it again",
        b'{"a": NaN}': "config.json holds numbers that are not finite",
        b'{"a": 1e999}': "config.json holds numbers that are not finite",
        b" " * ((4 << 20) + 1): "config.json is too large to be read",
    }
    for content, words in cases.items():
        assert words == problem_of(archive(path, config=content))
    assert problem_of(archive(path, config=b"[1]")).startswith("config.json does not describe a model")


# -------------------------------------------------------------------------------------- hostile HDF5


def external_link(file):
    """A link to another file."""
    file["layers/evil"] = h5py.ExternalLink("/etc/passwd", "/")


def soft_link(file):
    """A link by name."""
    file["layers/evil"] = h5py.SoftLink("/layers/dense")


def external_storage(file):
    """An array whose bytes lie in another file."""
    layer = file.create_group("layers/evil/vars")
    layer.create_dataset("0", (4,), "u1", external=[("/etc/passwd", 0, 4)])


def virtual_array(file):
    """An array put together from another file."""
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/other.h5", "x", (4,))
    file.create_group("layers/evil/vars").create_virtual_dataset("0", layout)


def objects(file):
    """An array of variable-length text, which h5py reads as Python objects."""
    file.create_group("layers/evil/vars").create_dataset("0", data=["a"], dtype=h5py.string_dtype())


def references(file):
    """An array of references."""
    group = file.create_group("layers/evil/vars")
    group.create_dataset("0", data=[group.ref], dtype=h5py.ref_dtype)


def records(file):
    """An array of records."""
    file.create_group("layers/evil/vars")["0"] = np.zeros(3, [("a", "f4"), ("b", "f4")])


def huge(file):
    """An array of a size that no disk has, of which nothing is stored."""
    file.create_group("layers/evil/vars").create_dataset("0", (1 << 40,), "f4", chunks=(1 << 10,))


def huge_chunk(file):
    """A small array in one gigantic piece."""
    group = file.create_group("layers/evil/vars")
    group.create_dataset("0", (3,), "f4", maxshape=(None,), chunks=(1 << 28,), compression="gzip")


def cycle(file):
    """A group that contains itself."""
    file["layers/evil"] = file["layers"]


def twice(file):
    """One array under two names."""
    file.create_group("layers/evil/vars")["0"] = file["layers/dense/vars/0"]


def deep(file):
    """Groups nested without end."""
    file.create_group("/".join(["layers"] * 60))


def many(file):
    """More arrays than a model has."""
    group = file.create_group("layers/evil/vars")
    for at in range(2001):
        group.create_dataset(str(at), (0,), "f4")


def stray(file):
    """An array where a group should be."""
    file["layers/evil"] = np.zeros(3)


def misnumbered(file):
    """Arrays that are not numbered from zero."""
    file.create_group("layers/evil/vars")["7"] = np.zeros(3)


def nested_array(file):
    """A group where an array should be."""
    file.create_group("layers/evil/vars/0")


HOSTILE = [
    (external_link, "links to somewhere else, which is not allowed"),
    (soft_link, "links to somewhere else, which is not allowed"),
    (external_storage, "links to somewhere else, which is not allowed"),
    (virtual_array, "links to somewhere else, which is not allowed"),
    (objects, "holds something that is not numbers"),
    (references, "holds something that is not numbers"),
    (records, "holds something that is not numbers"),
    (huge, "its weights take more than 96 MB, which is too large"),
    (huge_chunk, "its weights take more than 96 MB, which is too large"),
    (cycle, "holds a part twice, or too many parts"),
    (twice, "holds a part twice, or too many parts"),
    (deep, "holds more than the weights of a model"),
    (many, "is not laid out as Keras does it"),
    (stray, "is not laid out as Keras does it"),
    (misnumbered, "is not laid out as Keras does it"),
    (nested_array, "is not laid out as Keras does it"),
]


@pytest.mark.parametrize(("fill", "words"), HOSTILE, ids=[fill.__name__ for fill, _ in HOSTILE])
def test_hostile_hdf5_is_refused(tmp_path, fill, words):
    """A store that is more than groups and arrays of numbers is refused, and nothing of it is kept."""
    assert words in problem_of(archive(tmp_path / "a.keras", weights=store(fill)))


def test_an_unusual_filter_is_refused(tmp_path):
    """Only gzip, shuffle and checksums are unpacked."""
    weights = store(compression="lzf", chunks=(3,))

    assert "is packed in an unusual way" in problem_of(archive(tmp_path / "a.keras", weights=weights))


def test_a_store_that_is_no_hdf5_is_refused(tmp_path):
    """Text in the place of the weights is refused."""
    path = archive(tmp_path / "a.keras", weights=b"these are no weights")

    assert problem_of(path).startswith("model.weights.h5 is damaged")


# ------------------------------------------------------------------------------------- history, folder


def test_a_history_is_read_in_either_form(tmp_path):
    """The library's form and a bare dict of lists are read; what is not finite becomes text."""
    path = tmp_path / "a.history.json"
    metrics = {"loss": [1, 0.5, "NaN"], "val_loss": [None, "Infinity", "-Infinity"]}
    expected = {"loss": [1.0, 0.5, "nan"], "val_loss": ["nan", "inf", "-inf"]}
    path.write_text(json.dumps({"schema": 1, "history": metrics, "epoch": [0, 1, 2], "params": {}}))
    assert expected == read_history(path)["history"]
    path.write_text(json.dumps(metrics).replace('"NaN"', "NaN").replace('"Infinity"', "1e999"))
    assert expected == read_history(path)["history"]


def test_a_history_that_is_none_is_refused(tmp_path):
    """Whatever is not lists of numbers by metric is refused with a sentence."""
    path = tmp_path / "a.history.json"
    number = "the file holds something that is not a number; save the training again"
    lists = "the file does not hold lists of numbers by metric; save the training again"
    cases = {
        '{"loss": ["1.0"]}': number,
        '{"loss": [true]}': number,
        '{"loss": [[1]]}': number,
        '{"loss": 1}': lists,
        "{}": lists,
        "[1, 2]": lists,
        "{": "a.history.json is damaged; save it again",
        json.dumps({"loss": [0] * 100_001}): "the file holds more numbers than a training gives",
        " " * ((1 << 20) + 1): "the file is larger than 1 MB",
    }
    for content, words in cases.items():
        path.write_text(content)
        record = read_history(path)
        assert (words, None) == (record["problem"], record["history"])


def test_a_folder_is_collected_in_order(tmp_path):
    """Models and histories come sorted by name, arrays under their file's number, good beside bad."""
    archive(tmp_path / "b.keras")
    (tmp_path / "a.keras").write_bytes(b"nothing")
    (tmp_path / "b.history.json").write_text('{"loss": [1.0]}')
    (tmp_path / "notebook.ipynb").write_text("{}")
    (tmp_path / "inner").mkdir()
    archive(tmp_path / "inner" / "c.keras")
    record, arrays = collect(tmp_path)

    assert 1 == record["schema"]
    assert [("a.keras", True), ("b.history.json", False), ("b.keras", False)] == [
        (file["name"], file["problem"] is not None) for file in record["files"]
    ]
    assert {"f2_0", "f2_1"} == set(arrays)
    assert {"dense": ["f2_0", "f2_1"]} == record["files"][2]["weights"]
    assert [] == record["ignored"]


def test_more_files_than_twelve_are_listed_unread(tmp_path):
    """The thirteenth file is named and not read."""
    for number in range(13):
        (tmp_path / f"m{number:02}.history.json").write_text('{"loss": [1.0]}')
    record, _ = collect(tmp_path)

    assert (12, ["m12.history.json"]) == (len(record["files"]), record["ignored"])


def test_models_that_are_too_large_together_are_not_kept(tmp_path):
    """Two models that pass alone and not together: the first is kept, the second has a problem."""

    def fill(file):
        file.create_group("layers/dense_1/vars").create_dataset("0", (18 << 20,), "f4", chunks=(1 << 16,))

    for name in ("a", "b"):
        archive(tmp_path / f"{name}.keras", weights=store(fill))
    record, arrays = collect(tmp_path)

    assert [None, "together, the submitted models are too large to be kept"] == [
        file["problem"] for file in record["files"]
    ]
    assert {"f0_0", "f0_1", "f0_2"} == set(arrays)


def test_everything_passes_as_json_and_npz(keras, tmp_path):
    """The record is plain JSON and the arrays load without pickle."""
    nested_model(keras).save(tmp_path / "net.keras")
    record, arrays = collect(tmp_path)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    buffer.seek(0)

    assert record == json.loads(json.dumps(record, allow_nan=False))
    with np.load(buffer, allow_pickle=False) as loaded:
        assert set(arrays) == set(loaded.files)
