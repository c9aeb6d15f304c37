"""Read JSON and `.npz` files that a stranger wrote: bounded in size and depth, never unpickled."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

__all__ = ["EvidenceProblem", "read_arrays", "read_json"]

SCHEMA = 1
MAX_JSON_BYTES = 32 << 20
MAX_ARRAYS = 20_000
MAX_ARRAY_BYTES = 160 << 20
_KINDS = "biuf"
_DIRECTORY_BYTES = MAX_ARRAYS * 128
"""An entry in a list of arrays takes 46 bytes and its name."""
_END = struct.Struct("<4s8xI6x")
_LOCATOR_BYTES = 20


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
        with path.open("rb") as file, zipfile.ZipFile(_with_short_list(file)) as archive:
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


def _with_short_list(file: BinaryIO) -> BinaryIO:
    """The same file, if its list of members is short: the zip reader makes an object of each, a hundred MB.

    Only of what the room writes: no comment behind the list, and no sizes of 64 bits.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _END.size - _LOCATOR_BYTES))
    tail = file.read()
    if len(tail) < _END.size:
        raise zipfile.BadZipFile("too short")
    mark, length = _END.unpack(tail[-_END.size :])
    if mark != b"PK\5\6" or length > _DIRECTORY_BYTES or tail.startswith(b"PK\6\7"):
        raise EvidenceProblem(
            f"{Path(file.name).name} cannot be read: it is no archive of arrays, or lists too many"
        )
    return file


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
