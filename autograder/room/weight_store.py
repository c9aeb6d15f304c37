"""Read the weights of a Keras model from HDF5 that a stranger made: groups and arrays of numbers only."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

__all__ = ["RESAVE", "STORE", "ArchiveProblem", "read_weights"]

STORE = "model.weights.h5"
RESAVE = 'save the model again with model.save("name.keras")'
_WEIGHT_BYTES = 96 << 20
_DATASETS = 2_000
_GROUP_DEPTH = 24
_NAME = 200


class ArchiveProblem(Exception):
    """What is wrong with a file, as a sentence for the student."""


def read_weights(store: bytes) -> list[tuple[str, list[NDArray[Any]]]]:
    """Of each layer with weights in a `model.weights.h5`, its path and arrays, in the natural order of paths.

    Keras gives every `vars` group the name of its layer; the path is those names from the outside in, without
    the outermost model's. Optimizer state and seeds are left out. Raises ArchiveProblem.
    """
    try:
        file = h5py.File(io.BytesIO(store), "r")
    except Exception as error:
        raise ArchiveProblem(f"{STORE} is damaged; {RESAVE}") from error
    with file:
        found = list(_Walk().walk(file))
    layers: dict[str, list[NDArray[Any]]] = {}
    for name, place, arrays in found:
        # Names chosen by a student may repeat; places in the file do not.
        layers[place if name in layers or not name else name] = arrays
    return sorted(layers.items(), key=lambda layer: _natural(layer[0]))


def _natural(name: str) -> list[tuple[int, int, str]]:
    """A key that puts dense_10 after dense_9, and dense ahead of both."""
    parts = enumerate(re.split(r"([0-9]+)", name))
    return [(1, int(part[:18]), "") if at % 2 else (0, 0, part.rstrip("_")) for at, part in parts if part]


class _Walk:
    """A walk over an HDF5 file that follows nothing but plain groups and arrays inside of it."""

    def __init__(self) -> None:
        self.seen: set[Any] = set()
        self.bytes = 0

    def walk(
        self, group: h5py.Group, place: str = "", names: tuple[str, ...] = (), depth: int = 0
    ) -> Iterator[tuple[str, str, list[NDArray[Any]]]]:
        """(path of names, place in the file, arrays) of every layer that has arrays."""
        if depth > _GROUP_DEPTH or len(group) > _DATASETS:
            raise ArchiveProblem(f"{STORE} holds more than the weights of a model; {RESAVE}")
        own = self._member(group, "vars")
        if isinstance(own, h5py.Group):
            label = own.attrs.get("name")
            label = label if isinstance(label, str) and label else place.rsplit("/", 1)[-1]
            # The outermost model's own name is not part of a path.
            names = (*names, label[:_NAME]) if place else ()
            arrays = self._arrays(own)
            if arrays:
                yield "/".join(names), place, arrays
        for key in group:
            if key in ("vars", "seed_generator") or (not place and key == "optimizer"):
                continue
            child = self._member(group, key)
            if not isinstance(child, h5py.Group):
                raise ArchiveProblem(f"{STORE} is not laid out as Keras does it; {RESAVE}")
            yield from self.walk(child, f"{place}/{key}" if place else key, names, depth + 1)

    def _member(self, group: h5py.Group, key: str) -> h5py.Group | h5py.Dataset | None:
        link = group.get(key, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise ArchiveProblem(f"{STORE} links to somewhere else, which is not allowed; {RESAVE}")
        member = group[key]
        identity = h5py.h5o.get_info(member.id).addr
        if identity in self.seen or len(self.seen) > 4 * _DATASETS:
            raise ArchiveProblem(f"{STORE} holds a part twice, or too many parts; {RESAVE}")
        self.seen.add(identity)
        return member

    def _arrays(self, group: h5py.Group) -> list[NDArray[Any]]:
        if len(group) > _DATASETS or sorted(group, key=_natural) != [str(at) for at in range(len(group))]:
            raise ArchiveProblem(f"{STORE} is not laid out as Keras does it; {RESAVE}")
        return [self._array(self._member(group, str(at))) for at in range(len(group))]

    def _array(self, dataset: h5py.Group | h5py.Dataset | None) -> NDArray[Any]:
        """A plain array of numbers, read once its size and way of storage are known to be harmless."""
        if not isinstance(dataset, h5py.Dataset):
            raise ArchiveProblem(f"{STORE} is not laid out as Keras does it; {RESAVE}")
        layout = dataset.id.get_create_plist()
        if dataset.is_virtual or layout.get_external_count():
            raise ArchiveProblem(f"{STORE} links to somewhere else, which is not allowed; {RESAVE}")
        filters = {layout.get_filter(at)[0] for at in range(layout.get_nfilters())}
        if not filters <= {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}:
            raise ArchiveProblem(f"{STORE} is packed in an unusual way; {RESAVE}")
        kind = dataset.id.get_type().get_class()
        if (
            kind not in (h5py.h5t.INTEGER, h5py.h5t.FLOAT)
            or dataset.shape is None
            or dataset.dtype.kind not in "fiu"
            or dataset.dtype.itemsize > 8
        ):
            raise ArchiveProblem(f"{STORE} holds something that is not numbers; {RESAVE}")
        size = math.prod(dataset.shape) * dataset.dtype.itemsize
        chunk = math.prod(dataset.chunks or (0,)) * dataset.dtype.itemsize
        self.bytes += size
        if self.bytes > _WEIGHT_BYTES or chunk > _WEIGHT_BYTES or len(dataset.shape) > 8:
            raise ArchiveProblem(f"its weights take more than {_WEIGHT_BYTES >> 20} MB, which is too large")
        return np.asarray(dataset[()])
