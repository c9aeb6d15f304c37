"""Read JSON and `.npz` files that a stranger wrote: bounded in size and depth, never unpickled."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["EvidenceProblem", "read_arrays", "read_json"]

SCHEMA = 1
MAX_JSON_BYTES = 32 << 20
MAX_ARRAYS = 20_000
MAX_ARRAY_BYTES = 160 << 20
_KINDS = "biuf"


class EvidenceProblem(Exception):
    """A file of the evidence is not what the format says."""


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object of this schema in a file. Raises EvidenceProblem for anything else."""
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise EvidenceProblem(f"{path.name} is larger than {MAX_JSON_BYTES >> 20} MB")
        record = json.loads(path.read_bytes(), parse_constant=_refuse_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise EvidenceProblem(f"{path.name} cannot be read: {type(error).__name__}") from error
    if not isinstance(record, dict):
        raise EvidenceProblem(f"{path.name} holds no object")
    if record.get("schema") != SCHEMA:
        raise EvidenceProblem(f"{path.name} is of schema {str(record.get('schema'))[:20]}, not {SCHEMA}")
    return record


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The numeric arrays in an uncompressed `.npz` file, by key. Raises EvidenceProblem.

    NumPy's own reader is not used, as it would inflate, and allocate whatever a header claims.
    """
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MAX_ARRAYS or sum(member.file_size for member in members) > MAX_ARRAY_BYTES:
                raise EvidenceProblem(f"{path.name} holds too much")
            for member in members:
                if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
                    raise EvidenceProblem(f"{path.name} holds compressed data")
                arrays[member.filename.removesuffix(".npy")] = _read_array(archive.read(member))
    except EvidenceProblem:
        raise
    except Exception as error:  # zipfile raises a dozen kinds on malformed input
        raise EvidenceProblem(f"{path.name} cannot be read: {type(error).__name__}") from error
    return arrays


def _read_array(content: bytes) -> np.ndarray:
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream, max_header_size=1000)
    else:
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream, max_header_size=1000)
    if dtype.kind not in _KINDS or dtype.hasobject or fortran:
        raise EvidenceProblem("an array is not plainly numeric")
    count = 1
    for length in shape:
        count *= int(length)
    if count * dtype.itemsize != len(content) - stream.tell():
        raise EvidenceProblem("an array is not as long as it says")
    return np.frombuffer(content, dtype, offset=stream.tell()).reshape(shape)
