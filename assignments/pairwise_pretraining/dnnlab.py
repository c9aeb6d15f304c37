"""What the labs' notebooks use: data, repeatable training, saved trainings, plots.

One file without companions, so that it can lie beside a notebook or be uploaded to a hosted one. It needs
NumPy; TensorFlow, Keras, scikit-learn and matplotlib are imported by the functions that use them.

    (X_train_full, y_train_full), (X_test, y_test) = dnnlab.load_cifar10()
    dnnlab.set_seed(42)
    history = model.fit(dnnlab.batches(X_train, y_train, 32), shuffle=False, validation_data=...)
    dnnlab.save_training(model, history, "cifar10_dnn")
"""

from __future__ import annotations

import functools
import io
import json
import math
import os
import random
import socket
import sys
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "CIFAR10_CLASSES",
    "DATA_SETS",
    "FASHION_CLASSES",
    "DataProblem",
    "EpochTimer",
    "SavedHistory",
    "SavedTrainingProblem",
    "__version__",
    "batches",
    "global_seed_is_set",
    "is_saved",
    "keras_cache",
    "load_cifar10",
    "load_fashion_mnist",
    "load_mnist",
    "load_training",
    "miniature",
    "plot_history",
    "plot_learning_rates",
    "read_folder",
    "save_training",
    "set_seed",
    "show_images",
]

__version__ = "1.0.0"

CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

Array = npt.NDArray[Any]
Split = tuple[tuple[Array, Array], tuple[Array, Array]]

_KEYS = ("x_train", "y_train", "x_test", "y_test")
_BROKEN_ARCHIVE = (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error)
"""What NumPy and Keras raise on files that are cut off, damaged or something else."""
_PICTURE_SHAPES = {"mnist": (28, 28), "fashion_mnist": (28, 28), "cifar10": (32, 32, 3)}
DATA_SETS = tuple(_PICTURE_SHAPES)


class DataProblem(Exception):
    """A data set that cannot be used: which file, what is wrong with it, and what to do."""

    def __init__(self, what: str, *, where: str, hint: str) -> None:
        super().__init__(f"{where}: {what}\n  What to do: {hint}")
        self.what = what
        self.where = where
        self.hint = hint


class SavedTrainingProblem(Exception):
    """A training that cannot be saved or loaded: what is wrong and what to do."""


# ---------------------------------------------------------------------------------------------------- data


def load_mnist() -> Split:
    """MNIST as `keras.datasets.mnist.load_data()` gives it.

    Returns ((x_train, y_train), (x_test, y_test)), all uint8: pictures (n, 28, 28) with values 0..255, labels
    (n,) with values 0..9. Looks in the folder `DNNLAB_DATA`, then in Keras's cache, then downloads through
    Keras; without a network it gives a miniature and says so. `DNNLAB_DATA=miniature` asks for that.
    Raises DataProblem where the data found are not what they should be.
    """
    return _load("mnist")


def load_fashion_mnist() -> Split:
    """Fashion-MNIST as `keras.datasets.fashion_mnist.load_data()` gives it; see `load_mnist`."""
    return _load("fashion_mnist")


def load_cifar10() -> Split:
    """CIFAR-10 as `keras.datasets.cifar10.load_data()` gives it; see `load_mnist`.

    Pictures are (n, 32, 32, 3), red, green, blue; labels are (n, 1), as Keras has them.
    """
    return _load("cifar10")


def _load(name: str) -> Split:
    chosen = os.environ.get("DNNLAB_DATA", "")
    if chosen == "miniature":
        _announce(name, "asked for by DNNLAB_DATA=miniature")
        return miniature(name)
    if chosen:
        return read_folder(Path(chosen).expanduser(), name)
    if (keras_cache() / f"{name}.npz").is_file():
        return read_folder(keras_cache(), name)
    try:
        return _through_keras(name)
    except DataProblem:
        raise
    except Exception as error:  # no network, a refusing server, a full disk, no Keras: all the same here
        _announce(name, f"the real data could not be downloaded ({_first_line(error)})")
        return miniature(name)


def read_folder(folder: Path, name: str) -> Split:
    """Read one data set from a folder that has `NAME/x_train.npy` and so on, or else `NAME.npz`.

    The `.npy` form is mapped into memory, copy-on-write: quick, and a notebook may still change its arrays.
    Raises DataProblem where the folder or the file is missing, unreadable or not that data set.
    """
    apart = folder / name
    packed = folder / f"{name}.npz"
    if not folder.is_dir():
        raise DataProblem(
            "there is no such folder",
            where=str(folder),
            hint="set DNNLAB_DATA to a folder that has the data, to miniature, or unset it",
        )
    if (apart / "x_train.npy").is_file():
        return _checked(name, apart, {key: _read_npy(apart / f"{key}.npy") for key in _KEYS})
    if packed.is_file():
        return _checked(name, packed, _read_npz(packed))
    raise DataProblem(
        f"the folder has neither {name}.npz nor {name}{os.sep}x_train.npy",
        where=str(folder),
        hint=f"put {name}.npz there (arrays {', '.join(_KEYS)}), set DNNLAB_DATA=miniature, or unset it",
    )


def _read_npy(path: Path) -> Array:
    try:
        return np.asarray(np.load(path, mmap_mode="c", allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise _unreadable(path, error) from error


def _read_npz(path: Path) -> dict[str, Array]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in _KEYS}
    except _BROKEN_ARCHIVE as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DataProblem:
    return DataProblem(
        f"the file cannot be read ({_first_line(error)})",
        where=str(path),
        hint=f"it may be cut off; get it again. It must hold {', '.join(_KEYS)} as plain arrays",
    )


def _checked(name: str, where: Path, arrays: Mapping[str, Array]) -> Split:
    def part(which: str) -> tuple[Array, Array]:
        x, y = arrays[f"x_{which}"], arrays[f"y_{which}"]
        shape = _PICTURE_SHAPES[name]
        if x.dtype != np.uint8 or x.shape[1:] != shape or len(x) == 0:
            wanted = ", ".join(("n", *map(str, shape)))
            raise _wrong(f"x_{which} is {x.dtype} {x.shape}; it must be uint8 ({wanted})")
        if not np.issubdtype(y.dtype, np.integer) or y.shape not in ((len(x),), (len(x), 1)):
            raise _wrong(
                f"y_{which} is {y.dtype} {y.shape}; it must be one whole number for each of {len(x)}"
            )
        if y.min() < 0 or y.max() > 9:
            raise _wrong(f"y_{which} has values from {y.min()} to {y.max()}; labels are 0 to 9")
        return x, y.astype(np.uint8, copy=False).reshape((len(x), 1) if name == "cifar10" else (len(x),))

    def _wrong(what: str) -> DataProblem:
        return DataProblem(what, where=str(where), hint=f"get {name} again, or set DNNLAB_DATA=miniature")

    return part("train"), part("test")


def keras_cache() -> Path:
    """The folder in which Keras keeps the data sets that it has downloaded."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path("~/.keras").expanduser()) / "datasets"


def _through_keras(name: str) -> Split:
    """Keras's own loader: reads its cache if the data are there, and downloads them if not."""
    import keras

    with _short_patience():
        (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    arrays = dict(zip(_KEYS, (x_train, y_train, x_test, y_test), strict=True))
    return _checked(name, keras_cache(), arrays)


@contextmanager
def _short_patience(seconds: float = 20.0) -> Iterator[None]:
    # A network that swallows packets would otherwise hold the notebook for minutes.
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0][:200]


@functools.cache  # so once per data set and process
def _announce(name: str, why: str) -> None:
    print(
        f"dnnlab: this is a MINIATURE of {name}, 10,000 + 2,000 made-up pictures, not the real data: {why}. "
        "What a model reaches on it says nothing about the real data. To get those, unset DNNLAB_DATA where "
        f"there is a network, or set it to a folder that has {name}.npz."
    )


# ---------------------------------------------------------------------------------------------- miniatures
# Drawn with whole numbers from a bit generator whose stream NumPy keeps, so that all machines get the same.

_TRAIN, _TEST = 10_000, 2_000
_TURNS = np.array([(64, 0), (62, 16), (62, -16), (58, 27), (58, -27)], dtype=np.int16)
"""Cosine and sine of five small angles, times 64."""
_HUES = np.array(
    [
        [255 * min(max(abs((hue + 20 * c) % 60 - 30) - 10, 0), 10) // 10 for c in range(3)]
        for hue in range(60)
    ],
    dtype=np.int16,
)


def _in_square(u: Array, v: Array, r: Array) -> Array:
    return np.asarray(np.maximum(abs(u), abs(v)) < r)


_SHAPES: tuple[Callable[[Array, Array, Array], Array], ...] = (
    lambda u, v, r: u * u + v * v < r * r,
    lambda u, v, r: np.maximum(abs(u), abs(v)) * 8 < r * 7,
    lambda u, v, r: (abs(u) + abs(v)) * 4 < r * 5,
    lambda u, v, r: (u * u + v * v < r * r) & ((u * u + v * v) * 3 > r * r),
    lambda u, v, r: (np.minimum(abs(u), abs(v)) * 3 < r) & _in_square(u, v, r),
    lambda u, v, r: (abs(abs(u) - abs(v)) * 3 < r) & _in_square(u, v, r),
    lambda u, v, r: (v % 6 < 3) & _in_square(u, v, r),
    lambda u, v, r: (u % 6 < 3) & _in_square(u, v, r),
    lambda u, v, r: ((u // 4 + v // 4) % 2 == 0) & _in_square(u, v, r),
    lambda u, v, r: (abs(v) < r) & (abs(u) * 2 < v + r),
)
"""One silhouette per class: disc, square, diamond, ring, two crosses, two gratings, chessboard, triangle."""


def miniature(name: str) -> Split:
    """A small stand-in for a data set, of the same form: 10,000 pictures to train on and 2,000 to test.

    cifar10: ten silhouettes whose colours lean to their class but overlap, moved, turned, scaled, under
    noise; 20 dense layers of 100 reach about 65 % in 15 epochs. fashion_mnist: the same in grey. mnist:
    scikit-learn's digits enlarged, shifted, under noise; those in the test part come from other originals.
    The arrays are the same on every machine. Raises DataProblem where scikit-learn is missing (mnist).
    """
    if name == "mnist":
        return _digits()
    x, y = _coloured() if name == "cifar10" else _grey()
    return (x[:_TRAIN], y[:_TRAIN]), (x[_TRAIN:], y[_TRAIN:])


def _generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def _silhouettes(kind: int, n: int, side: int, rng: np.random.Generator) -> Array:
    """Bool (n, side, side): where the shape of that class lies, at a place, size and angle of its own."""
    centre = rng.integers(side // 2 - 5, side // 2 + 5, size=(2, n, 1, 1), dtype=np.int16)
    size = rng.integers(side // 4, side // 2 - 2, size=(n, 1, 1), dtype=np.int16)
    cosine, sine = _TURNS[rng.integers(0, len(_TURNS), size=n)].T[:, :, None, None]
    axis = np.arange(side, dtype=np.int16)
    right, down = axis[None, None, :] - centre[0], axis[None, :, None] - centre[1]
    return _SHAPES[kind]((cosine * right - sine * down) >> 6, (sine * right + cosine * down) >> 6, size)


def _coloured() -> tuple[Array, Array]:
    rng = _generator(10)
    each = (_TRAIN + _TEST) // 10
    x = np.empty((10, each, 32, 32, 3), dtype=np.uint8)
    for kind in range(10):
        inside = _silhouettes(kind, each, 32, rng)[..., None]
        light = rng.integers(40, 129, size=(2, each, 1), dtype=np.int16)
        front = _HUES[(6 * kind + rng.integers(-11, 12, size=each)) % 60] * light[0] >> 7
        back = _HUES[(6 * (7 * kind + 3) + rng.integers(-16, 17, size=each)) % 60] * light[1] >> 7
        picture = np.where(inside, front[:, None, None, :], back[:, None, None, :])
        picture += rng.integers(-44, 45, size=picture.shape, dtype=np.int16)
        x[kind] = np.clip(picture, 0, 255)
    order = rng.permutation(10 * each)
    return x.reshape(-1, 32, 32, 3)[order], (order // each).astype(np.uint8)[:, None]


def _grey() -> tuple[Array, Array]:
    rng = _generator(11)
    each = (_TRAIN + _TEST) // 10
    x = np.empty((10, each, 28, 28), dtype=np.uint8)
    for kind in range(10):
        inside = _silhouettes(kind, each, 28, rng)
        picture = inside * rng.integers(90, 256, size=(each, 1, 1), dtype=np.int16)
        picture += rng.integers(-60, 61, size=picture.shape, dtype=np.int16)
        x[kind] = np.clip(picture, 0, 255)
    order = rng.permutation(10 * each)
    return x.reshape(-1, 28, 28)[order], (order // each).astype(np.uint8)


def _digits() -> Split:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DataProblem(
            "the miniature of mnist is made from scikit-learn's digits, and scikit-learn is not installed",
            where="mnist",
            hint="pip install scikit-learn, or set DNNLAB_DATA to a folder that has mnist.npz",
        ) from error
    bunch = load_digits()
    rng = _generator(12)
    order = rng.permutation(len(bunch.target))
    border = len(order) * 4 // 5
    originals = np.asarray(bunch.images).astype(np.int16)

    def draw(choice: Array, n: int) -> tuple[Array, Array]:
        index = choice[rng.integers(0, len(choice), size=n)]
        return _enlarged(originals[index], rng), np.asarray(bunch.target)[index].astype(np.uint8)

    return draw(order[:border], _TRAIN), draw(order[border:], _TEST)


def _enlarged(small: Array, rng: np.random.Generator) -> Array:
    """Digits (n, 8, 8) of 0..16 as uint8 (n, 28, 28): three times as large, smoothed, shifted, noisy."""
    n = len(small)
    wide = np.pad(small.repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (5, 5), (5, 5)))
    rows = wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]
    smooth = (rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]) * 255 // (9 * 16)
    shift = rng.integers(0, 5, size=(2, n, 1))
    down, right = shift[0] + np.arange(28), shift[1] + np.arange(28)
    picture = smooth[np.arange(n)[:, None, None], down[:, :, None], right[:, None, :]]
    picture += rng.integers(-40, 41, size=picture.shape, dtype=np.int16)
    return np.asarray(np.clip(picture, 0, 255), dtype=np.uint8)


# ----------------------------------------------------------------------------------------------- repeatable


def set_seed(n: int) -> None:
    """Make initial weights, dropout and `batches` repeatable, without TensorFlow's global seed.

    Seeds Python's and NumPy's random numbers; Keras draws the seeds of its initialisers and dropout layers
    from Python's. Call it right before building a model. TensorFlow's global seed is unset if it was set:
    with it, `fit` on arrays gives the same batches in the same order every epoch, which harms batch
    normalisation most. So the order in which `fit` shuffles arrays is not repeatable; that of `batches` is.
    Raises ValueError unless 0 <= n < 2**32.
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or not 0 <= n < 2**32:
        raise ValueError(f"a seed is a whole number from 0 to 4294967295, not {n!r}")
    # Importing Keras and TensorFlow draws from Python's random numbers; so that comes before the seed.
    import keras  # noqa: F401

    random.seed(int(n))
    np.random.seed(int(n))
    _forget_keras_generator()
    if global_seed_is_set():
        import tensorflow as tf

        tf.random.set_seed(None)


def _forget_keras_generator() -> None:
    """Have Keras draw anew the generator behind `keras.random` calls that are given no seed."""
    try:
        from keras.src.backend.common import global_state
        from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR
    except ImportError:  # another Keras keeps it elsewhere; layers draw their own seeds in any case
        return
    global_state.set_global_attribute(GLOBAL_SEED_GENERATOR, None)


def global_seed_is_set() -> bool:
    """Whether TensorFlow's global seed is set, as by `keras.utils.set_random_seed`. Loads nothing."""
    if "tensorflow" not in sys.modules:
        return False
    import tensorflow as tf

    # Given a seed for the operation, this returns the global one or, if there is none, this constant.
    default_graph_seed = 87654321
    return bool(tf.compat.v1.get_seed(1)[0] != default_graph_seed)


def batches(X: Any, y: Any, batch_size: int = 32, seed: int | None = None) -> Any:
    """A `tf.data.Dataset` of (X, y) batches, shuffled anew in every epoch, in an order that the seed repeats.

    X: (n, ...); y: (n,), (n, 1) or one-hot (n, classes). The last batch is smaller if batch_size doesn't
    divide n. Without a seed one is drawn from Python's random numbers, so `set_seed` makes it repeatable too.
    Pass `shuffle=False` to `fit`, which otherwise warns that it can't shuffle a dataset.
    Raises ValueError where lengths differ or batch_size is below 1.
    """
    import tensorflow as tf

    n = len(X)
    if len(y) != n or n == 0:
        raise ValueError(f"X has {n} rows and y has {len(y)}: there must be one label for each row")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; a batch has at least one row")
    seed = random.randrange(2**31) if seed is None else int(seed)
    inputs, labels = tf.convert_to_tensor(X), tf.convert_to_tensor(y)
    return (
        tf.data.Dataset.range(n)
        .shuffle(n, seed=seed, reshuffle_each_iteration=True)
        .batch(batch_size)
        # Gathering whole batches is as quick as `fit` on arrays; slicing row by row is several times slower.
        .map(
            lambda rows: (tf.gather(inputs, rows), tf.gather(labels, rows)),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        .prefetch(tf.data.AUTOTUNE)
    )


# -------------------------------------------------------------------------------------------------- timing


def EpochTimer() -> Any:
    """A callback that adds the seconds of each epoch, its validation included, to what `fit` returns.

    `history.history["seconds"]` then has one number per epoch, and `save_training` keeps them. The first one
    is larger than the others, as TensorFlow prepares the graph of the network in it: compare medians.
    """
    return _epoch_timer_class()()


@functools.cache
def _epoch_timer_class() -> Any:
    # Made when it is asked for: its base comes from Keras, which takes seconds to import.
    import keras

    class EpochTimer(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            self._began = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            # Keras hands the same dictionary to its history, which comes after all other callbacks.
            if logs is not None:
                logs["seconds"] = time.perf_counter() - self._began

    return EpochTimer


# ------------------------------------------------------------------------------------------ saved trainings


@dataclass(frozen=True)
class SavedHistory:
    """What `fit` returned, read back: `history` (metric: one float per epoch), `epoch`, `params`."""

    history: dict[str, list[float]]
    epoch: list[int] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)


def save_training(model: Any, history: Any, name: str) -> None:
    """Write a trained model to `NAME.keras` and its history to `NAME.history.json`, replacing older ones.

    history: what `fit` returned, or its `.history` dict. The model keeps its compile settings but not the
    optimizer's running averages, which make the file three times as large. In the JSON, values that are not
    finite are the texts "NaN", "Infinity" and "-Infinity", which `float` reads.
    Raises SavedTrainingProblem where the model has no weights yet or the history is none.
    """
    base = _base(name)
    if not getattr(model, "built", False):
        raise SavedTrainingProblem(
            f"cannot save {base.name}: the model has no weights yet\n"
            "  What to do: start it with a keras.Input, or train it first"
        )
    text = json.dumps(_history_record(history), indent=1, allow_nan=False)
    base.parent.mkdir(parents=True, exist_ok=True)
    # Both are complete before either is replaced: an interrupted save leaves the former pair.
    new_model = base.with_name(f".{base.name}.{os.getpid()}.keras")
    new_history = base.with_name(f".{base.name}.{os.getpid()}.json")
    try:
        model.save(new_model)
        _drop_optimizer_state(new_model)
        new_history.write_text(text, encoding="utf-8")
        new_model.replace(_file(base, ".keras"))
        new_history.replace(_file(base, ".history.json"))
    finally:
        new_model.unlink(missing_ok=True)
        new_history.unlink(missing_ok=True)


def is_saved(name: str) -> bool:
    """Whether both files of a saved training are there."""
    base = _base(name)
    return _file(base, ".keras").is_file() and _file(base, ".history.json").is_file()


def load_training(name: str, custom_objects: Mapping[str, Any] | None = None) -> tuple[Any, SavedHistory]:
    """Read back what `save_training` wrote: (model, history).

    The model is compiled as it was, with an optimizer that starts afresh. custom_objects: classes of your own
    that the model is made of, by name. Raises SavedTrainingProblem where a file is missing or unreadable.
    """
    import keras

    base = _base(name)
    for path in (_file(base, ".keras"), _file(base, ".history.json")):
        if not path.is_file():
            raise SavedTrainingProblem(
                f"there is no {path}\n"
                f"  What to do: train the model, then save_training(model, history, {str(base)!r})"
            )
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Skipping variable loading for optimizer")
            model = keras.models.load_model(_file(base, ".keras"), custom_objects=dict(custom_objects or {}))
        return model, _read_history(_file(base, ".history.json"))
    except _BROKEN_ARCHIVE as error:
        raise SavedTrainingProblem(
            f"cannot read the training saved as {base}: {_first_line(error)}\n"
            "  What to do: train and save it again; pass custom_objects if the model has layers of your own"
        ) from error


def _base(name: str) -> Path:
    base = Path(str(name).removesuffix(".keras"))
    if not base.name:
        raise SavedTrainingProblem('a training needs a name, such as "cifar10_dnn"')
    return base


def _file(base: Path, suffix: str) -> Path:
    return base.with_name(base.name + suffix)


def _history_record(history: Any) -> dict[str, Any]:
    metrics = getattr(history, "history", history)
    if not isinstance(metrics, Mapping):
        raise SavedTrainingProblem(
            f"the history is a {type(history).__name__}\n"
            "  What to do: pass what model.fit returned, as in history = model.fit(...)"
        )
    epochs = getattr(history, "epoch", None) or range(max(map(len, metrics.values()), default=0))
    params = getattr(history, "params", None) or {}
    return {
        "schema": 1,
        "history": {str(key): [_json_float(value) for value in values] for key, values in metrics.items()},
        "epoch": [int(epoch) for epoch in epochs],
        "params": {
            str(key): value if isinstance(value, int | str | None) else str(value)
            for key, value in params.items()
        },
    }


def _json_float(value: Any) -> float | str:
    number = float(value)
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _read_history(path: Path) -> SavedHistory:
    found = json.loads(path.read_text(encoding="utf-8"))
    record = found if isinstance(found, dict) else {}
    if record.get("schema", 1) != 1:
        raise ValueError(f"the history is of schema {record['schema']}; this dnnlab reads schema 1")
    missing = next((key for key in ("schema", "history", "epoch", "params") if key not in record), None)
    if missing:
        raise SavedTrainingProblem(
            f"{path} was not written by save_training (it has no {missing!r})\n"
            "  What to do: save model and history with save_training"
        )
    return SavedHistory(
        history={key: [float(value) for value in values] for key, values in record["history"].items()},
        epoch=list(record["epoch"]),
        params=dict(record["params"]),
    )


def _drop_optimizer_state(path: Path) -> None:
    """Rewrite a `.keras` archive without the optimizer's variables; its settings are in the configuration."""
    import h5py

    weights = "model.weights.h5"
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    slim = io.BytesIO()
    with h5py.File(io.BytesIO(members[weights]), "r") as old, h5py.File(slim, "w") as new:
        new.attrs.update(old.attrs)
        for key in old:
            if key != "optimizer":
                old.copy(key, new)
    members[weights] = slim.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)


# ---------------------------------------------------------------------------------------------------- plots


def plot_history(history: Any, title: str | None = None) -> Any:
    """Loss and accuracy, training and validation, over epochs counted from 1; the best epoch is marked.

    history: what `fit` or `load_training` gave, or its dict. The best epoch is that of the lowest validation
    loss, or training loss if there is none. Returns the figure (end the line with `;` to see it once).
    """
    import matplotlib.pyplot as plt

    metrics: Mapping[str, Sequence[float]] = getattr(history, "history", history)
    panels = [kind for kind in ("loss", "accuracy") if kind in metrics] or ["loss"]
    figure, axes = plt.subplots(
        1, len(panels), figsize=(5 * len(panels), 3.6), squeeze=False, layout="constrained"
    )
    watched = np.asarray(metrics.get("val_loss", metrics.get("loss", [])), dtype=float)
    best = int(np.nanargmin(watched)) + 1 if np.isfinite(watched).any() else None
    for axis, kind in zip(axes[0], panels, strict=True):
        for key, label in ((kind, "training"), (f"val_{kind}", "validation")):
            if key in metrics:
                axis.plot(np.arange(1, len(metrics[key]) + 1), metrics[key], marker=".", label=label)
        if best is not None:
            axis.axvline(best, color="grey", linestyle="--", label=f"best epoch: {best}")
        axis.set(xlabel="epoch", ylabel=kind)
        axis.grid(alpha=0.3)
        if axis.lines:
            axis.legend()
    if title:
        figure.suptitle(title)
    return figure


def plot_learning_rates(lr_results: Mapping[float, float]) -> Any:
    """Validation loss over the learning rate on a logarithmic axis; the lowest is marked.

    lr_results: learning rate to best validation loss. Where a loss is not finite, the rate is marked as
    diverged. Returns the figure.
    """
    import matplotlib.pyplot as plt

    rates = np.array(sorted(lr_results), dtype=float)
    losses = np.array([lr_results[rate] for rate in sorted(lr_results)], dtype=float)
    finite = np.isfinite(losses)
    figure, axis = plt.subplots(figsize=(5.5, 3.6), layout="constrained")
    axis.plot(rates[finite], losses[finite], marker="o")
    if finite.any():
        best = np.flatnonzero(finite)[losses[finite].argmin()]
        axis.plot(rates[best], losses[best], "r*", markersize=14, label=f"lowest: {rates[best]:.3g}")
    for rate in rates[~finite]:
        axis.axvline(rate, color="grey", linestyle=":", label=f"diverged: {rate:.3g}")
    axis.set(xscale="log", xlabel="learning rate", ylabel="best validation loss")
    axis.grid(alpha=0.3)
    if axis.lines:
        axis.legend()
    return figure


def show_images(X: Any, y: Any, names: Sequence[str] | None = None, n: int = 10) -> Any:
    """The first n pictures with their labels, ten a row. Returns the figure.

    X: (rows, height, width) or (rows, height, width, 3 or 1), any scale; y: labels (rows,) or (rows, 1);
    names: one per class. Pictures that are not uint8 are stretched from their own minimum and maximum.
    """
    import matplotlib.pyplot as plt

    n = min(n, len(X))
    labels = np.asarray(y[:n]).reshape(-1)
    rows, columns = max(1, -(-n // 10)), max(1, min(n, 10))
    figure, axes = plt.subplots(rows, columns, figsize=(1.2 * columns, 1.5 * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, picture, label in zip(axes.flat, np.asarray(X[:n]), labels, strict=False):
        axis.imshow(_displayable(picture), cmap="gray")
        axis.set_title(names[int(label)] if names is not None else str(int(label)), fontsize=8)
    return figure


def _displayable(picture: Array) -> Array:
    if picture.ndim == 3 and picture.shape[2] == 1:
        picture = picture[:, :, 0]
    if picture.dtype == np.uint8:
        return picture
    low, high = float(picture.min()), float(picture.max())
    return (picture - low) / (high - low if high > low else 1.0)
