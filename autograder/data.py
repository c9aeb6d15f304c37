"""The data sets on this machine: found, kept in a form that costs nothing to open, and named.

A data set lies in the cache as uncompressed arrays that any number of processes map into memory at once:
opening CIFAR-10 takes milliseconds, where unpacking the `.npz` takes seconds. The cache's layout is that of a
folder for `DNNLAB_DATA`:

    ~/.cache/autograder/data/<key>/cifar10/{x_train,y_train,x_test,y_test}.npy, identity.json

`<key>` follows from the source, so a changed source gets a folder of its own and nothing is ever rewritten.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import attrs
import numpy as np
import numpy.typing as npt

from autograder import dnnlab
from autograder.errors import MachineFault, UsageProblem

__all__ = ["MINIATURE", "VALID", "DataSet", "load", "prepare"]

MINIATURE = "miniature"
"""The source that stands for made-up data, as in `--data miniature`."""

VALID = 5_000
"""How many images, the first of a training set, the labs set aside for validation."""

_KEYS = ("x_train", "y_train", "x_test", "y_test")

# sha256 of the bytes (C order) of the arrays that `keras.datasets` gives, in the order of _KEYS.
_PUBLISHED = {
    "mnist": (
        "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
        "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
        "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
        "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
    ),
    "fashion_mnist": (
        "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
        "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
        "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
        "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
    ),
    "cifar10": (
        "47af8b02cfcfb6cdf3dbbd1969ad7f1b70f4413f6f80f437b020ee4e5bc8304a",
        "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
        "f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04",
        "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
    ),
}


@attrs.frozen(kw_only=True, eq=False)
class DataSet:
    """A data set, mapped into memory and read-only, with a name for exactly these arrays."""

    name: str
    identity: str
    """`cifar10` for the published arrays, `cifar10-miniature`, or `cifar10-` and 8 digits of their sha256."""
    x_train: npt.NDArray[np.uint8]
    """(n, 28, 28) or (n, 32, 32, 3), values 0..255."""
    y_train: npt.NDArray[np.int64]
    """(n,), values 0..9."""
    x_test: npt.NDArray[np.uint8]
    y_test: npt.NDArray[np.int64]


def prepare(dataset_name: str, source: str | None = None) -> Path:
    """Put a data set into the cache, unless it is there, and return the folder that holds `<dataset_name>/`.

    source: a folder as for `DNNLAB_DATA`, or "miniature"; without one, `DNNLAB_DATA`, then Keras's cache.
    Never downloads. Processes that do this at the same time get the same folder.
    Raises UsageProblem where the data are missing or not what they should be, MachineFault where the cache
    cannot be written.
    """
    if dataset_name not in dnnlab.DATA_SETS:
        raise UsageProblem(
            f"there is no data set named {dataset_name!r}",
            hint=f"choose one of: {', '.join(dnnlab.DATA_SETS)}",
        )
    chosen = source or os.environ.get("DNNLAB_DATA") or ""
    try:
        if chosen == MINIATURE:
            return _cached(dataset_name, f"miniature-{dnnlab.__version__}", None)
        folder = Path(chosen).expanduser() if chosen else dnnlab.keras_cache()
        return _cached(dataset_name, _key(folder, dataset_name), folder)
    except dnnlab.DataProblem as error:
        looked = "" if chosen else " (looked there as neither --data nor DNNLAB_DATA names a folder)"
        raise UsageProblem(
            f"{error.what}{looked}",
            where=error.where,
            hint=f"name a folder that has {dataset_name}.npz with --data, or try out with --data {MINIATURE}",
        ) from error
    except OSError as error:
        raise MachineFault(
            f"cannot keep {dataset_name} in the cache: {error}",
            where=str(_cache()),
            hint="make room there, or set XDG_CACHE_HOME to a folder that can be written",
        ) from error


def load(folder: Path, dataset_name: str) -> DataSet:
    """Open a data set in a folder that `prepare` returned.

    Raises MachineFault where the folder is not one, or is damaged.
    """
    place = folder / dataset_name
    try:
        identity = json.loads((place / "identity.json").read_text(encoding="utf-8"))["identity"]
        arrays = {key: np.load(place / f"{key}.npy", mmap_mode="r", allow_pickle=False) for key in _KEYS}
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise MachineFault(
            f"the prepared data cannot be read: {error}",
            where=str(place),
            hint="remove that folder and try again",
        ) from error
    return DataSet(
        name=dataset_name,
        identity=str(identity),
        x_train=np.asarray(arrays["x_train"]),
        y_train=_labels(arrays["y_train"]),
        x_test=np.asarray(arrays["x_test"]),
        y_test=_labels(arrays["y_test"]),
    )


def _labels(y: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    labels = y.reshape(-1).astype(np.int64)
    labels.flags.writeable = False
    return labels


def _cache() -> Path:
    chosen = os.environ.get("XDG_CACHE_HOME")
    return (Path(chosen) if chosen else Path("~/.cache").expanduser()) / "autograder" / "data"


def _key(folder: Path, name: str) -> str:
    """A short name for the state of the source's files: where they lie, their sizes and times of change."""
    files = [folder / name / f"{key}.npy" for key in _KEYS]
    if not files[0].is_file():
        files = [folder / f"{name}.npz"]
    seen = []
    for path in filter(Path.is_file, files):
        state = path.stat()
        seen.append(f"{path.resolve()} {state.st_size} {state.st_mtime_ns}")
    return hashlib.sha256("\n".join(seen).encode()).hexdigest()[:16]


def _cached(name: str, key: str, folder: Path | None) -> Path:
    """The cache's folder of that key, with the data set in it. `folder` None means the miniature."""
    home = _cache() / key
    if (home / name / "identity.json").is_file():
        return home
    split = dnnlab.read_folder(folder, name) if folder else dnnlab.miniature(name)
    parts = (array for part in split for array in part)
    arrays = {key: np.ascontiguousarray(part) for key, part in zip(_KEYS, parts, strict=True)}
    for place in (_cache().parent, _cache(), home):
        _make_folder(place)
    beside = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=home))
    try:
        _write(beside, arrays, _identity(name, arrays, made_up=folder is None))
        _move_into_place(beside, home / name)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return home


def _make_folder(place: Path) -> None:
    try:
        place.mkdir(parents=True)
    except FileExistsError:
        return
    place.chmod(0o755)


def _write(folder: Path, arrays: dict[str, npt.NDArray[np.uint8]], identity: str) -> None:
    for key, array in arrays.items():
        np.save(folder / f"{key}.npy", array, allow_pickle=False)
    record = {"schema": 1, "identity": identity}
    (folder / "identity.json").write_text(json.dumps(record), encoding="utf-8")
    # Readable by whichever user the sandbox runs a job as, whatever this process's umask is.
    for path in folder.iterdir():
        path.chmod(0o644)
    folder.chmod(0o755)


def _move_into_place(beside: Path, final: Path) -> None:
    try:
        beside.rename(final)
    except OSError:
        # Another process was quicker: a folder that is in place is complete.
        if not (final / "identity.json").is_file():
            raise


def _identity(name: str, arrays: dict[str, npt.NDArray[np.uint8]], *, made_up: bool) -> str:
    if made_up:
        return f"{name}-{MINIATURE}"
    digests = tuple(hashlib.sha256(arrays[key].data).hexdigest() for key in _KEYS)
    if digests == _PUBLISHED[name]:
        return name
    return f"{name}-{hashlib.sha256(''.join(digests).encode()).hexdigest()[:8]}"
