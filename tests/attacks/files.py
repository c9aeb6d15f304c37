"""Files of evidence and of models, right and forged, made without a room and without Keras."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

__all__ = ["dense_config", "evidence_with", "keras_file", "npz", "store"]


def npz(arrays: Mapping[str, Any]) -> bytes:
    """An uncompressed archive of these arrays, as the room writes it."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def dense_config(inputs: int = 2, units: int = 3, **settings: Any) -> dict[str, Any]:
    """What Keras writes of a Sequential model of one dense layer."""
    layers = [
        {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, inputs]}},
        {"module": "keras.layers", "class_name": "Dense", "config": {"units": units, **settings}},
    ]
    for layer, name in zip(layers, ("input_layer", "dense"), strict=True):
        layer["config"]["name"] = name  # type: ignore[index]
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "m", "layers": layers}}


def store(fill: Callable[[h5py.File], object] | None = None, inputs: int = 2, units: int = 3) -> bytes:
    """The weights of that model, the file changed by `fill`."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        layer = file.create_group("layers/dense/vars")
        layer.attrs["name"] = "dense"
        layer["0"] = np.ones((inputs, units), np.float32)
        layer["1"] = np.zeros(units, np.float32)
        if fill is not None:
            fill(file)
    return buffer.getvalue()


def keras_file(path: Path, *, config: object = None, weights: bytes | None = None, **members: bytes) -> Path:
    """A `.keras` file; members: further ones, or others in place of these, with `_` for a dot."""
    content = {"config.json": json.dumps(config or dense_config()).encode()}
    content |= {"model.weights.h5": store() if weights is None else weights}
    content |= {name.replace("_", "."): member for name, member in members.items()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, member in content.items():
            archive.writestr(name, member)
    return path


@contextlib.contextmanager
def evidence_with(
    source: Path | None, changed: Mapping[str, bytes], *, without: tuple[str, ...] = ()
) -> Iterator[Path]:
    """A folder of evidence: that of `source`, without the parts named, with these files in it."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for path in sorted(source.iterdir()) if source else ():
            if path.stem not in without and path.name not in changed:
                shutil.copyfile(path, folder / path.name)
        for name, content in changed.items():
            (folder / name).write_bytes(content)
        yield folder
