"""Read submitted model files, which strangers made, into plain data: no Keras, no pickle, nothing imported.

A `.keras` file is a zip of `config.json` and `model.weights.h5`. HDF5 is a parser in C: this runs in the
sandbox, before any student code, as another user than it. Whatever is wrong with a file becomes one
sentence in its record.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
import struct
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

from numpy.typing import NDArray

from autograder.room.weight_store import RESAVE, STORE, ArchiveProblem, read_weights

__all__ = ["collect", "read_archive", "read_history"]

Arrays = dict[str, NDArray[Any]]

_MOST_FILES = 12
_FILE_BYTES = 200 << 20
_HISTORY_BYTES = 1 << 20
_MEMBERS = 8
_CONFIG_BYTES = 4 << 20
_ALL_CONFIG_BYTES = 16 << 20
_ALL_WEIGHT_BYTES = 140 << 20
_STORE_BYTES = 400 << 20
"""Of the weight store, which with the optimizer's state is three times the weights and more."""
_RATIO = 200
_JSON_DEPTH = 80
_NAME = 200
_POINTS = 100_000

_CONFIG, _METADATA = "config.json", "metadata.json"


def collect(folder: Path) -> tuple[dict[str, Any], Arrays]:
    """The content of models.json and models.npz: every `*.keras` and `*.history.json` directly in a folder.

    Files are read in the order of their names, at most 12 of them; others are listed under "ignored". Never
    raises for what is in a file.
    """
    names = sorted(entry.name for entry in os.scandir(folder))
    wanted = [name for name in names if name.endswith((".keras", ".history.json"))]
    files: list[dict[str, Any]] = []
    arrays: Arrays = {}
    for number, name in enumerate(wanted[:_MOST_FILES]):
        if name.endswith(".keras"):
            record, found = read_archive(folder / name, number=number)
        else:
            record, found = read_history(folder / name), {}
        sizes = [sum(array.nbytes for array in group.values()) for group in (arrays, found)]
        config_bytes = sum(len(json.dumps(kept.get("config"))) for kept in (*files, record))
        if sum(sizes) > _ALL_WEIGHT_BYTES or config_bytes > _ALL_CONFIG_BYTES:
            record |= {"problem": "together, the submitted models are too large to be kept", "config": None}
            record |= {"weights": {}, "weights_in_order": []}
            found = {}
        files.append(record)
        arrays |= found
    ignored = [name[:_NAME] for name in wanted[_MOST_FILES:][:100]]
    return {"schema": 1, "files": files, "ignored": ignored}, arrays


def read_archive(path: Path, *, number: int = 0) -> tuple[dict[str, Any], Arrays]:
    """The record of one `.keras` file and its weights, under keys `f<number>_0`, `f<number>_1`, ...

    "weights" maps the path of a layer ("dense_3", "inner/dense_7") to the keys of its arrays;
    "weights_in_order" lists the same, layer after layer, in the natural order of the layers' names, which is
    that of their creation as long as nobody chose the names. "problem" is None or a sentence.
    """
    record = _new_record(path, "model")
    try:
        with _opened(path, _FILE_BYTES) as file:
            _note_file(record, file)
            _read_model(file, record)
            layers = read_weights(record.pop("store"))
    except Exception as error:
        record.pop("store", None)
        record["problem"] = _sentence(error)
        return record, {}
    arrays: Arrays = {}
    for name, values in layers:
        keys = [f"f{number}_{len(arrays) + at}" for at in range(len(values))]
        record["weights"][name] = keys
        arrays |= dict(zip(keys, values, strict=True))
    record["weights_in_order"] = list(record["weights"].values())
    return record, arrays


def read_history(path: Path) -> dict[str, Any]:
    """The record of one `.history.json` file: numbers per epoch, by metric.

    The file holds {"history": {metric: [numbers]}}, or that inner dict alone. What is not finite is written
    "nan", "inf" or "-inf". "problem" is None or a sentence.
    """
    record = _new_record(path, "history")
    try:
        with _opened(path, _HISTORY_BYTES) as file:
            _note_file(record, file)
            data = _json(file.read(_HISTORY_BYTES + 1), path.name)
        record["history"] = _metrics(data.get("history", data) if isinstance(data, dict) else data)
    except Exception as error:
        record["problem"] = _sentence(error)
    return record


def _new_record(path: Path, kind: str) -> dict[str, Any]:
    return {
        **{"name": path.name[:_NAME], "bytes": 0, "sha256": "", "kind": kind, "problem": None},
        **{"config": None, "metadata": None, "weights": {}, "weights_in_order": [], "history": None},
    }


def _sentence(error: Exception) -> str:
    if isinstance(error, ArchiveProblem):
        return str(error)
    # Everything else comes from a parser that met damaged data; its words say nothing to a student.
    return f"the file is damaged and cannot be read ({type(error).__name__}); {RESAVE}"


def _opened(path: Path, most: int) -> BinaryIO:
    """The file, if it is one and no larger than that. Waits for nothing, follows no link."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise ArchiveProblem(
            "the file cannot be opened; hand in the file itself, not a link to it"
        ) from error
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and 0 < status.st_size <= most:
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise ArchiveProblem("this is not a file")
    raise ArchiveProblem(
        "the file is empty" if not status.st_size else f"the file is larger than {most >> 20} MB"
    )


def _note_file(record: dict[str, Any], file: BinaryIO) -> None:
    record["bytes"] = os.fstat(file.fileno()).st_size
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    record["sha256"] = digest.hexdigest()
    file.seek(0)


def _read_model(file: BinaryIO, record: dict[str, Any]) -> None:
    """Fill in what the archive holds, its weight store as bytes under "store"."""
    if file.read(8) == b"\x89HDF\r\n\x1a\n":
        raise ArchiveProblem(f"this is a model in the old HDF5 format under a new name; {RESAVE}")
    _check_directory(file)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, struct.error, ValueError) as error:
        raise ArchiveProblem(f"this is not a .keras file, or it is cut short; {RESAVE}") from error
    members = {member.filename: member for member in archive.infolist()}
    if len(members) != len(archive.infolist()) or len(members) > _MEMBERS:
        raise ArchiveProblem(f"the archive holds more than a .keras file does; {RESAVE}")
    if _CONFIG not in members or STORE not in members:
        raise ArchiveProblem(f"the archive holds no {_CONFIG} with {STORE}; {RESAVE}")
    config = _json(_member(archive, members[_CONFIG], _CONFIG_BYTES), _CONFIG)
    if not isinstance(config, dict):
        raise ArchiveProblem(f"{_CONFIG} does not describe a model; {RESAVE}")
    metadata = (
        _json(_member(archive, members[_METADATA], 1 << 16), _METADATA) if _METADATA in members else None
    )
    record["store"] = _member(archive, members[STORE], _STORE_BYTES)
    record["config"], record["metadata"] = config, metadata


def _check_directory(file: BinaryIO) -> None:
    """Refuse a list of members that would fill the memory, before the zip reader loads it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 66_000))
    tail = file.read()
    file.seek(0)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) < at + 22:
        raise ArchiveProblem(f"this is not a .keras file, or it is cut short; {RESAVE}")
    directory_bytes = struct.unpack_from("<I", tail, at + 12)[0]
    if directory_bytes > 1 << 16 or tail[max(0, at - 20) : at].startswith(b"PK\6\7"):
        raise ArchiveProblem(f"the archive holds more than a .keras file does; {RESAVE}")


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int) -> bytes:
    """The content of a member, never more of it than allowed, whatever its header says."""
    large = f"{member.filename} is too large to be read"
    if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ArchiveProblem(f"the archive is encrypted or packed in an unusual way; {RESAVE}")
    if member.file_size > most:
        raise ArchiveProblem(large)
    if member.file_size > _RATIO * member.compress_size + (1 << 20):
        raise ArchiveProblem(f"{member.filename} is packed much smaller than a model can be; {RESAVE}")
    try:
        with archive.open(member) as stream:
            content = stream.read(most + 1)
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise ArchiveProblem(f"{member.filename} is damaged; {RESAVE}") from error
    if len(content) > most:
        raise ArchiveProblem(large)
    return content


def _json(content: bytes, name: str) -> Any:
    """Parsed JSON of bounded depth. Numbers that are not finite come as floats."""
    if len(content) > _CONFIG_BYTES:
        raise ArchiveProblem(f"{name} is too large to be read")
    try:
        data = json.loads(content.decode("utf-8"))
    except RecursionError as error:
        raise ArchiveProblem(f"{name} is nested too deep to be read") from error
    except ValueError as error:
        raise ArchiveProblem(f"{name} is damaged; save it again") from error
    pending = [(data, 0)]
    while pending:
        value, depth = pending.pop()
        if depth > _JSON_DEPTH:
            raise ArchiveProblem(f"{name} is nested too deep to be read")
        if isinstance(value, float) and not math.isfinite(value) and name in (_CONFIG, _METADATA):
            raise ArchiveProblem(f"{name} holds numbers that are not finite")
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        pending.extend((part, depth + 1) for part in parts)
    return data


def _metrics(data: Any) -> dict[str, list[float | str]]:
    if (
        not isinstance(data, dict)
        or not data
        or not all(isinstance(values, list) for values in data.values())
    ):
        raise ArchiveProblem("the file does not hold lists of numbers by metric; save the training again")
    if len(data) > 64 or sum(map(len, data.values())) > _POINTS:
        raise ArchiveProblem("the file holds more numbers than a training gives")
    return {metric[:_NAME]: [_plain(value) for value in values] for metric, values in data.items()}


def _plain(value: Any) -> float | str:
    texts = ("nan", "inf", "-inf", "infinity", "-infinity")
    if isinstance(value, bool) or (isinstance(value, str) and value.lower() not in texts):
        raise ArchiveProblem("the file holds something that is not a number; save the training again")
    if value is not None and not isinstance(value, int | float | str):
        raise ArchiveProblem("the file holds something that is not a number; save the training again")
    number = math.nan if value is None else float(value)
    return number if math.isfinite(number) else str(number)
