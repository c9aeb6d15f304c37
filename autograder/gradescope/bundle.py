"""The zip that an instructor uploads to Gradescope: our code, one lab's tests and marks, and two scripts."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import attrs

from autograder.build.archive import entry_of
from autograder.build.bundle import dist_folder, tests_for
from autograder.calibration import read_calibration
from autograder.data import MINIATURE, load, prepare
from autograder.errors import UsageProblem
from autograder.gradescope.places import DataFrom, Settings
from autograder.labs import Lab, find_labs

__all__ = ["LARGE_BYTES", "Bundle", "write_bundle"]

LARGE_BYTES = 100 * 10**6
"""A zip from here on takes long to upload, and a course site may refuse it."""

_PACKAGE = Path(__file__).resolve().parent.parent
_SCRIPTS = Path(__file__).with_name("files")


@attrs.frozen(kw_only=True)
class Bundle:
    """What was written."""

    path: Path
    bytes: int
    identity: str
    """The data set that it grades on."""
    data: DataFrom


def write_bundle(lab: Lab, *, source: str | None = None, out: Path | None = None) -> Bundle:
    """Write the zip for a lab; the same sources give the same bytes.

    source: a folder with the data set as `.npz`, to be put into the zip, or "miniature"; without one the data
    are downloaded through Keras. out: the file; without it `dist/<lab>-gradescope.zip`.
    Raises UsageProblem for data that are not there, LabProblem where the lab has no marks for them.
    """
    kind = {None: DataFrom.DOWNLOAD, MINIATURE: DataFrom.MINIATURE}.get(source, DataFrom.ZIP)
    identity = lab.dataset
    if source is not None:
        identity = load(prepare(lab.dataset, source), lab.dataset).identity
    for model in lab.models:
        read_calibration(lab.calibration, model, identity)
    data = _packed_data(lab, Path(source or "")) if kind is DataFrom.ZIP else None
    settings = Settings(lab=lab.name, data=kind)
    folder = dist_folder(lab)
    path = out or folder.with_name(f"{folder.name}-gradescope.zip")
    _write(path, dict(sorted(_files(lab, identity))), settings, data)
    return Bundle(path=path, bytes=path.stat().st_size, identity=identity, data=kind)


def _packed_data(lab: Lab, folder: Path) -> Path:
    path = folder.expanduser() / f"{lab.dataset}.npz"
    if not path.is_file():
        raise UsageProblem(f"there is no {path}", hint="name the folder of that file with --data")
    return path


def _files(lab: Lab, identity: str) -> Iterator[tuple[str, Path]]:
    """What goes into the zip as it is, by name: no solution, and of other labs only what they ask for."""
    for name in ("setup.sh", "run_autograder"):
        yield name, _SCRIPTS / name
    lock = _PACKAGE.parent / "requirements.lock"
    if not lock.is_file():
        raise UsageProblem(f"there is no {lock}", hint="run this from a checkout of the project")
    yield lock.name, lock
    for path in _PACKAGE.rglob("*.py"):
        yield f"autograder/{path.relative_to(_PACKAGE).as_posix()}", path
    for path in tests_for(lab).glob("*.py"):
        yield f"tests/{path.name}", path
    own = [lab.probes, lab.calibration, lab.signals, *lab.trained(identity).glob("*.keras")]
    for path in filter(Path.is_file, own):
        yield f"solutions/{lab.name}/{path.relative_to(lab.folder).as_posix()}", path
    # By what the other labs ask for, a notebook of theirs is told from one of this lab.
    for one in {other.name: other for other in (*find_labs(), lab)}.values():
        yield f"solutions/{one.name}/lab.toml", one.folder / "lab.toml"


def _write(path: Path, files: dict[str, Path], settings: Settings, data: Path | None) -> None:
    """Write the zip beside its place and move it there: whoever reads sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number, fresh = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as stream, zipfile.ZipFile(stream, "w") as archive:
            archive.writestr(entry_of("settings.json"), settings.to_json(), compresslevel=9)
            for name, file in files.items():
                archive.writestr(entry_of(name), file.read_bytes(), compresslevel=9)
            if data is not None:
                entry = entry_of(f"data/{data.name}")
                entry.compress_type = zipfile.ZIP_STORED  # it is compressed already
                entry.file_size = data.stat().st_size
                with data.open("rb") as read, archive.open(entry, "w") as write:
                    shutil.copyfileobj(read, write, 1 << 20)
        Path(fresh).replace(path)
    finally:
        Path(fresh).unlink(missing_ok=True)
