"""Forged evidence and hostile model files: each attack changes what the reader and the judge are given."""

from __future__ import annotations

import copy
import io
import json
import os
import pickle
import shutil
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from attacks.files import dense_config, keras_file, npz, store

__all__ = ["EVIDENCE", "MODEL", "MODELS"]

MODEL = "cifar10_dnn.keras"
EVIDENCE: dict[str, Callable[[dict[str, bytes], Path], object]] = {}
"""By name: changes the files of evidence in place; the folder is for what must not come into being."""
MODELS: dict[str, Callable[[Path, Path], object]] = {}
"""By name: writes model files into the first folder; the second holds the reference's."""


def _forged(attack: Any) -> Any:
    EVIDENCE[attack.__name__] = attack
    return attack


def _hostile(attack: Any) -> Any:
    MODELS[attack.__name__] = attack
    return attack


def _names(**fields: object) -> bytes:
    return json.dumps({"schema": 1, **fields}).encode()


def _search(best: object, rates: tuple[object, ...] = (1e-5, 1e-4, 3e-4, 1e-3, 3e-3)) -> dict[str, Any]:
    def number(value: object) -> dict[str, object]:
        return {"kind": "number", "type": type(value).__name__, "value": value}

    items = [[number(rate), number(2.0 + at)] for at, rate in enumerate(rates)]
    return {"lr_results": {"kind": "dict", "items": items}, "best_lr": number(best)}


# ------------------------------------------------------------------------------------------- forged evidence


@_forged
def score_in_evidence(files: dict[str, bytes], place: Path) -> None:
    """Results beside the evidence, and a score within it."""
    results = {"score": 100, "tests": [{"name": "q1 - all", "score": 65, "max_score": 65}]}
    files |= dict.fromkeys(("results.json", "outcome.json", "tests.json"), json.dumps(results).encode())
    files["names.json"] = _names(score=100, tests=results["tests"], names={"score": {"kind": "none"}})


@_forged
def not_json(files: dict[str, bytes], place: Path) -> None:
    """Literals that are no JSON."""
    files["names.json"] = b'{"schema": 1, "names": {"best_lr": {"kind": "number", "value": NaN}}}'
    files["cells.json"] = b'{"schema": 1, "cells": [{"cell": Infinity, "status": "ok"}]}'


@_forged
def deep_json(files: dict[str, bytes], place: Path) -> None:
    """Lists in lists in lists."""
    files["names.json"] = b'{"schema": 1, "names": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    files["probe_build_dnn.json"] = b'{"schema": 1, "value": ' + b'{"value": ' * 900 + b"1" + b"}" * 901


@_forged
def double_names(files: dict[str, bytes], place: Path) -> None:
    """Of two that share a name, one that pleases whoever checks and one whoever reads."""
    name = json.dumps(_search(1e-5)["best_lr"])
    files["names.json"] = (
        f'{{"schema": 1, "names": {{"best_lr": {name}, "best_lr": 7}}, "names": 3}}'.encode()
    )
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")
        for content in (np.zeros(3), np.ones((2, 2))):
            inner = io.BytesIO()
            np.save(inner, content)
            archive.writestr("n0.npy", inner.getvalue())
    files["names.npz"] = buffer.getvalue()


@_forged
def huge_numbers(files: dict[str, bytes], place: Path) -> None:
    """Whole numbers that turn into no float, wherever one may stand."""
    fit = {
        "model": 10**400,
        "epochs": 10**400,
        "batch_size": 10**400,
        "callbacks": [],
        "trained_at": [10**400],
    }
    names = _search(10**400, (10**400, 1e-4, 3e-4, 1e-3, -(10**400)))
    files["names.json"] = _names(names=names, fits=[fit, {**fit, "model": 0}], seeds=[10**400])


@_forged
def long_texts(files: dict[str, bytes], place: Path) -> None:
    """Texts that every message about them would repeat."""
    thing = {"kind": "object", "type": "x" * (1 << 20)}
    files["names.json"] = _names(names=dict.fromkeys(("model", "lr_results", "best_lr", "X_train"), thing))
    files["probe_build_dnn.json"] = _names(problem="y" * (1 << 20), lines=["z" * (1 << 20)] * 9)


@_forged
def odd_fields(files: dict[str, bytes], place: Path) -> None:
    """Fields of another type than the format has."""
    files["names.json"] = _names(
        names=None,
        layer_classes=[3],
        fits={"a": 1},
        evaluations="x",
        patched=7,
        seeds={},
        global_seed_set="yes",
    )
    files["cells.json"] = _names(cells={"cell": 0}, peak_bytes="all")
    files["probe_build_dnn.json"] = b"[]"


@_forged
def many_records(files: dict[str, bytes], place: Path) -> None:
    """More trainings than any notebook makes, each with pictures to look at."""
    array = {"kind": "array", "shape": [32, 32, 32, 3], "dtype": "float32", "data": "f0"}
    fed = {"rows": 32, "inputs": array, "labels": None}
    fit = {"model": 0, "epochs": 1, "after": [], "callbacks": [], "training": fed, "validation": fed}
    files["names.json"] = _names(names={}, fits=[fit] * 100_000)
    files["names.npz"] = npz({"f0": np.random.default_rng(0).random((32, 32, 32, 3), np.float32)})


class _Payload:
    """Makes a folder where it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.place),)


@_forged
def pickled_arrays(files: dict[str, bytes], place: Path) -> None:
    """Arrays of objects, and a pickle in the place of an archive."""
    thing = np.array([_Payload(place / "unpickled")], dtype=object)
    record = {"kind": "array", "shape": [1], "dtype": "float64", "data": "n0"}
    files["names.json"] = _names(names={"X_train": record, "y_train": record})
    files["names.npz"] = npz({"n0": thing})
    files["probe_build_dnn.json"] = _names(value=record)
    files["probe_build_dnn.npz"] = pickle.dumps(thing)


@_forged
def compressed_arrays(files: dict[str, bytes], place: Path) -> None:
    """An array of 100 MB in 100 KB."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, n0=np.zeros(100 << 20, np.uint8))
    files["names.json"] = _names(names={})
    files["names.npz"] = buffer.getvalue()


@_forged
def list_of_arrays(files: dict[str, bytes], place: Path) -> None:
    """A list of a million members, none of which is there."""
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", *[0] * 11, 1, *[0] * 6) + b"n"
    members = entry * 1_000_000
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, len(members), 0, 0)
    files["names.json"] = _names(names={})
    files["names.npz"] = members + end


@_forged
def shapes_that_lie(files: dict[str, bytes], place: Path) -> None:
    """Records of arrays that are not those beside them."""
    kinds = ([50_000, 32, 32, 3], [2**39] * 8, [-1], [3.0], [True], "3", None, [[3]])
    records = [{"kind": "array", "shape": shape, "dtype": "float32", "data": "n0"} for shape in kinds]
    summary = dict.fromkeys(("mean", "std", "positions", "sample", "hashes"), "n0") | {"low": 0, "high": 1}
    records.append({"kind": "array", "shape": [2**39, 3], "dtype": "O", "summary": summary})
    given = ("X_train", "X_valid", "X_test", "y_train", "y_valid", "y_test", "model", "history", "best_lr")
    files["names.json"] = _names(names=dict(zip(given, records, strict=True)))
    files["names.npz"] = npz({"n0": np.arange(3.0)})


@_forged
def claimed_network(files: dict[str, bytes], place: Path) -> None:
    """The graph of the right network, weights of another, and outputs of neither."""
    (saved,) = [one for one in json.loads(files["models.json"])["files"] if one["kind"] == "model"]
    weights = {path: [f"p{at}_{n}" for n in range(2)] for at, path in enumerate(saved["weights"])}
    rng, shapes = np.random.default_rng(0), [(3072, 100), *[(100, 100)] * 19, (100, 10)]
    arrays = {f"p{at}_0": rng.normal(0, 0.1, shape).astype(np.float32) for at, shape in enumerate(shapes)}
    arrays |= {f"p{at}_1": np.zeros(shape[1], np.float32) for at, shape in enumerate(shapes)}
    model = {"kind": "model", "class": "Sequential", "config": saved["config"], "weights": weights}
    model |= {"input_shapes": [[32, 32, 3]], "output_shapes": [[10]], "outputs": "out"}
    files["probe_build_dnn.json"] = _names(value=model)
    files["probe_build_dnn.npz"] = npz(arrays | {"out": np.eye(10, dtype=np.float32)[:8]})


@_forged
def claimed_search(files: dict[str, bytes], place: Path) -> None:
    """The results of a search, as someone else may have had them."""
    files["names.json"] = _names(names=_search(1e-5))


# --------------------------------------------------------------------------------------- hostile model files


def _parts(reference: Path) -> tuple[dict[str, Any], bytes]:
    with zipfile.ZipFile(reference / MODEL) as archive:
        return json.loads(archive.read("config.json")), archive.read("model.weights.h5")


def _with_layer(reference: Path, layer: dict[str, Any]) -> dict[str, Any]:
    config, _ = _parts(reference)
    config = copy.deepcopy(config)
    config["config"]["layers"].insert(2, layer)
    return config


@_hostile
def lambda_layer(folder: Path, reference: Path) -> None:
    """Code in the configuration, as Keras marshals it."""
    code = {"class_name": "__lambda__", "config": {"value": "4wEAAAAAAAAAAAAAAAEAAAAB", "defaults": None}}
    layer = {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "lambda", "function": code}}
    keras_file(folder / MODEL, config=_with_layer(reference, layer), weights=_parts(reference)[1])


@_hostile
def imported_modules(folder: Path, reference: Path) -> None:
    """Names that a careless reader imports and calls."""
    layer = {"module": "os", "class_name": "system", "config": {"name": "x", "command": "touch imported"}}
    layer |= {
        "registered_name": "builtins.exec",
        "__class__": "subprocess.Popen",
        "build_config": {"input_shape": [1]},
    }
    keras_file(folder / MODEL, config=_with_layer(reference, layer), weights=_parts(reference)[1])


@_hostile
def deep_config(folder: Path, reference: Path) -> None:
    """A model in a model in a model."""
    config, weights = _parts(reference)
    for depth in range(70):
        config = {
            "module": "keras",
            "class_name": "Sequential",
            "config": {"name": f"m{depth}", "layers": [config]},
        }
    keras_file(folder / MODEL, config=config, weights=weights)


def _tensor(layer: str, call: int) -> dict[str, Any]:
    history = {"shape": [None, 4], "dtype": "float32", "keras_history": [layer, call, 0]}
    return {"args": [{"class_name": "__keras_tensor__", "config": history}], "kwargs": {}}


def _functional(name: str, layers: list[dict[str, Any]], end: list[Any]) -> dict[str, Any]:
    given = {"class_name": "InputLayer", "config": {"batch_shape": [None, 4], "name": "in"}}
    given |= {"module": "keras.layers", "name": "in", "inbound_nodes": []}
    config = {
        "name": name,
        "layers": [given, *layers],
        "input_layers": [["in", 0, 0]],
        "output_layers": [end],
    }
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": config,
        "name": name,
    }


def _identity(name: str, source: str) -> dict[str, Any]:
    layer = {"module": "keras.layers", "class_name": "Identity", "config": {"name": name}, "name": name}
    return {**layer, "inbound_nodes": [_tensor(source, 0)]}


@_hostile
def multiplying_calls(folder: Path, reference: Path) -> None:
    """Ten calls in each of ten calls in each of ten calls, of nothing."""
    model = _functional("m0", [_identity("nothing", "in")], ["nothing", 0, 0])
    for depth in range(1, 11):
        inner = model["name"]
        calls = [_tensor("in", 0), *(_tensor(inner, call) for call in range(9))]
        model = _functional(f"m{depth}", [{**model, "inbound_nodes": calls}], [inner, 10, 0])
    keras_file(folder / MODEL, config=model, weights=store())


@_hostile
def backward_chain(folder: Path, reference: Path) -> None:
    """Layers of which each waits for the one behind it."""
    chain = [_identity(f"n{at}", f"n{at - 1}" if at else "in") for at in range(12_000)]
    keras_file(folder / MODEL, config=_functional("m", chain[::-1], ["n11999", 0, 0]), weights=store())


@_hostile
def wide_values(folder: Path, reference: Path) -> None:
    """Few weights that make millions of values of each picture."""
    layers = [
        {"module": "keras.layers", "class_name": kind, "config": {"name": f"l{at}", **settings}}
        for at, (kind, settings) in enumerate(
            [
                ("InputLayer", {"batch_shape": [None, 32, 32, 3]}),
                ("Reshape", {"target_shape": [3072, 1]}),
                ("Dense", {"units": 3000}),
                *[("Activation", {"activation": "mish"})] * 8,
                ("Flatten", {}),
            ]
        )
    ]
    config = {"module": "keras", "class_name": "Sequential", "config": {"name": "m", "layers": layers}}
    keras_file(folder / MODEL, config=config, weights=store(inputs=1, units=3000))


def _changed(folder: Path, reference: Path, change: Callable[[h5py.File, str], object]) -> None:
    """The reference's file after a change of the weights of its first dense layer."""
    config, weights = _parts(reference)
    buffer = io.BytesIO(weights)
    with h5py.File(buffer, "r+") as file:
        change(file, "layers/dense/vars/0")
    keras_file(folder / MODEL, config=config, weights=buffer.getvalue())


@_hostile
def nan_weights(folder: Path, reference: Path) -> None:
    """Not a number, everywhere."""
    _changed(
        folder, reference, lambda file, path: file[path].write_direct(np.full((3072, 100), np.nan, "f4"))
    )


@_hostile
def overflowing_weights(folder: Path, reference: Path) -> None:
    """Finite numbers whose products are not."""
    _changed(folder, reference, lambda file, path: file[path].write_direct(np.full((3072, 100), 3e38, "f4")))


def _replace(file: h5py.File, path: str, **settings: Any) -> None:
    del file[path]
    file.create_dataset(path, **settings)


@_hostile
def history_alone(folder: Path, reference: Path) -> None:
    """The curve of a training that stopped at the right moment, and no network."""
    curve = {"val_loss": [2.0, 1.0, 1.1], "val_accuracy": [0.3, 0.9, 0.8], "loss": [2.0, 0.5, 0.1]}
    (folder / MODEL.replace(".keras", ".history.json")).write_text(json.dumps(curve), encoding="utf-8")


@_hostile
def other_weights(folder: Path, reference: Path) -> None:
    """Weights of fewer units than the configuration has."""
    _changed(folder, reference, lambda file, path: _replace(file, path, data=np.ones((3072, 50), "f4")))


@_hostile
def external_link(folder: Path, reference: Path) -> None:
    """A link to a dataset in a file of the grader's."""

    def link(file: h5py.File, path: str) -> None:
        del file[path]
        file[path] = h5py.ExternalLink("/etc/passwd", "/")

    _changed(folder, reference, link)


@_hostile
def external_storage(folder: Path, reference: Path) -> None:
    """Numbers that lie in a file of the grader's."""

    def store_elsewhere(file: h5py.File, path: str) -> None:
        external = [("/etc/passwd", 0, h5py.h5f.UNLIMITED)]
        _replace(file, path, shape=(3072, 100), dtype="f4", external=external)

    _changed(folder, reference, store_elsewhere)


@_hostile
def virtual_array(folder: Path, reference: Path) -> None:
    """An array that is put together from other files."""

    def assemble(file: h5py.File, path: str) -> None:
        del file[path]
        layout = h5py.VirtualLayout((3072, 100), "f4")
        layout[:] = h5py.VirtualSource("/etc/passwd", "x", (3072, 100))
        file.create_virtual_dataset(path, layout)

    _changed(folder, reference, assemble)


@_hostile
def huge_array(folder: Path, reference: Path) -> None:
    """Four terabytes, none of which was written."""
    _changed(
        folder, reference, lambda file, path: _replace(file, path, shape=(2**40,), dtype="f4", chunks=(9,))
    )


@_hostile
def bomb_in_archive(folder: Path, reference: Path) -> None:
    """A configuration of 200 MB in 200 KB."""
    with zipfile.ZipFile(folder / MODEL, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("config.json", bytes(200 << 20))
        archive.writestr("model.weights.h5", _parts(reference)[1])


@_hostile
def two_configurations(folder: Path, reference: Path) -> None:
    """The right one for whoever looks first, another for whoever looks last."""
    config, weights = _parts(reference)
    with warnings.catch_warnings(), zipfile.ZipFile(folder / MODEL, "w") as archive:
        warnings.simplefilter("ignore")
        for one in (config, dense_config(), config):
            archive.writestr("config.json", json.dumps(one))
        archive.writestr("model.weights.h5", weights)


def _beside_the_reference(folder: Path, reference: Path) -> None:
    for path in reference.iterdir():
        shutil.copyfile(path, folder / path.name)


@_hostile
def odd_metadata(folder: Path, reference: Path) -> None:
    """Beside the right files, one whose metadata are no JSON once they are written again."""
    _beside_the_reference(folder, reference)
    keras_file(folder / "other.keras", metadata_json=b'{"keras_version": NaN, "date": -1e999}')


@_hostile
def empty_array(folder: Path, reference: Path) -> None:
    """Beside the right files, one with an array that holds nothing, not even zeros."""
    _beside_the_reference(folder, reference)

    def empty(file: h5py.File) -> None:
        del file["layers/dense/vars/1"]
        file["layers/dense/vars/1"] = h5py.Empty("f4")

    keras_file(folder / "other.keras", weights=store(empty))
