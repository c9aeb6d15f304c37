"""Initialisers in one form, however they were spelled."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from autograder.networks.fields import Fields
from autograder.networks.records import Initialiser

__all__ = ["read_initialiser"]


def read_initialiser(layer: str, value: object) -> Initialiser:
    """The initialiser that a layer's setting names: a string, Keras's serialised form, or its author's own.

    Raises UnsupportedModel where a known initialiser has settings that cannot be.
    Formulas: Keras's `VarianceScaling`, of which He, Glorot and LeCun are cases (Glorot and Bengio 2010;
    He et al. 2015, arXiv:1502.01852; LeCun et al. 1998).
    """
    settings: Mapping[str, object] = {}
    if isinstance(value, str):
        name = value
    elif isinstance(value, Mapping) and isinstance(value.get("class_name"), str):
        name = value["class_name"]
        given = value.get("config")
        if name == "function" and isinstance(given, str):
            name = given
        elif isinstance(given, Mapping):
            settings = given
        if _is_foreign(value):
            return _custom(name)
    else:
        return _custom("a function")
    if settings.get("input_axes") is not None or settings.get("output_axes") is not None:
        return _custom(f"{name} over chosen axes")
    reader = _READERS.get(name.replace("_", "").lower())
    return reader(Fields(layer, settings)) if reader else _custom(name)


def _is_foreign(value: Mapping[str, object]) -> bool:
    """Whether a serialised object is not Keras's own; old files name no module at all."""
    if "module" not in value:
        return False
    module = value["module"]
    return not (isinstance(module, str) and module.split(".")[0] in ("keras", "builtins"))


def _custom(name: str) -> Initialiser:
    return Initialiser(kind="custom", parameters=(("class_name", name[:80]),))


def _scaling(scale: float, mode: str, distribution: str) -> Callable[[Fields], Initialiser]:
    return lambda fields: _variance_scaling(scale, mode, distribution)


def _variance_scaling(scale: float, mode: str, distribution: str) -> Initialiser:
    return Initialiser(
        kind="variance_scaling",
        parameters=(("scale", scale), ("mode", mode), ("distribution", distribution)),
    )


def _read_scaling(fields: Fields) -> Initialiser:
    mode = fields.data.get("mode", "fan_in")
    distribution = fields.data.get("distribution", "truncated_normal")
    distribution = "truncated_normal" if distribution == "normal" else distribution
    if mode not in ("fan_in", "fan_out", "fan_avg"):
        raise fields.problem("its initialiser has a 'mode' that Keras does not know")
    if distribution not in ("truncated_normal", "untruncated_normal", "uniform"):
        raise fields.problem("its initialiser has a 'distribution' that Keras does not know")
    return _variance_scaling(fields.number("scale", 1.0), mode, distribution)


def _constant(value: float) -> Callable[[Fields], Initialiser]:
    return lambda fields: Initialiser(kind="constant", parameters=(("value", value),))


def _plain(kind: str, **defaults: float) -> Callable[[Fields], Initialiser]:
    def read(fields: Fields) -> Initialiser:
        found = tuple((key, fields.number(key, default)) for key, default in defaults.items())
        return Initialiser(kind=kind, parameters=found)

    return read


_READERS: dict[str, Callable[[Fields], Initialiser]] = {
    "variancescaling": _read_scaling,
    "henormal": _scaling(2.0, "fan_in", "truncated_normal"),
    "heuniform": _scaling(2.0, "fan_in", "uniform"),
    "glorotnormal": _scaling(1.0, "fan_avg", "truncated_normal"),
    "glorotuniform": _scaling(1.0, "fan_avg", "uniform"),
    "lecunnormal": _scaling(1.0, "fan_in", "truncated_normal"),
    "lecununiform": _scaling(1.0, "fan_in", "uniform"),
    "zeros": _constant(0.0),
    "ones": _constant(1.0),
    "constant": _plain("constant", value=0.0),
    "randomnormal": _plain("random_normal", mean=0.0, stddev=0.05),
    "randomuniform": _plain("random_uniform", minval=-0.05, maxval=0.05),
    "truncatednormal": _plain("truncated_normal", mean=0.0, stddev=0.05),
    "orthogonal": _plain("orthogonal", gain=1.0),
    "orthogonalinitializer": _plain("orthogonal", gain=1.0),
    "identity": _plain("identity", gain=1.0),
    "identityinitializer": _plain("identity", gain=1.0),
}
