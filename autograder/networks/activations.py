"""Activations in one form, whether spelled as a string, a function, a layer or an operation on a tensor.

An activation is its settings as `Node.settings` holds them: first ("function", NAME), then its
parameters, all of them, so that equal activations are equal tuples. Names and parameters:

    elu alpha | celu alpha | relu max_value, threshold, negative_slope | leaky_relu negative_slope |
    prelu shared_axes | gelu approximate | softmax axis | log_softmax axis |
    selu silu tanh sigmoid softplus softsign exponential hard_sigmoid mish log_sigmoid
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from autograder.networks.fields import Fields

__all__ = [
    "describe_activation",
    "layer_activation",
    "named_activation",
    "operation_activation",
    "written_activation",
]

Settings = tuple[tuple[str, Any], ...]

_PLAIN = (
    *("selu", "silu", "tanh", "sigmoid", "softplus"),
    *("softsign", "exponential", "hard_sigmoid", "mish", "log_sigmoid"),
)
_NAMES: dict[str, Settings] = {name: (("function", name),) for name in _PLAIN} | {
    "linear": (),
    "swish": (("function", "silu"),),
    "elu": (("function", "elu"), ("alpha", 1.0)),
    "celu": (("function", "celu"), ("alpha", 1.0)),
    "relu": (("function", "relu"), ("max_value", None), ("threshold", 0.0), ("negative_slope", 0.0)),
    "relu6": (("function", "relu"), ("max_value", 6.0), ("threshold", 0.0), ("negative_slope", 0.0)),
    "leaky_relu": (("function", "leaky_relu"), ("negative_slope", 0.2)),
    "gelu": (("function", "gelu"), ("approximate", False)),
    "softmax": (("function", "softmax"), ("axis", -1)),
    "log_softmax": (("function", "log_softmax"), ("axis", -1)),
}


def named_activation(name: str) -> Settings | None:
    """The activation that Keras knows by this name: () for linear, None where it knows none."""
    return _NAMES.get(name)


def written_activation(layer: str, value: object, rank: int) -> Settings | None:
    """The activation that a layer's `activation` setting names: () for linear, None for the author's own.

    rank: of the tensor without its batch. Raises UnsupportedModel where its parameters cannot be.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        return named_activation(value)
    if not isinstance(value, Mapping):
        return None
    inner = value.get("config")
    if value.get("class_name") == "function":
        return named_activation(inner) if isinstance(inner, str) else None
    module, kind = value.get("module"), value.get("class_name")
    if not isinstance(module, str) or module.split(".")[0] != "keras" or not isinstance(kind, str):
        return None
    # A PReLU has weights of its own, which are lost to sight inside another layer.
    return None if kind == "PReLU" else layer_activation(kind, Fields(layer, inner), rank)


def layer_activation(kind: str, fields: Fields, rank: int) -> Settings | None:
    """The activation that a Keras layer of this class is, or None where it is no activation."""
    reader = _LAYERS.get(kind)
    return reader(fields, rank) if reader else None


def operation_activation(kind: str, fields: Fields, rank: int) -> Settings | None:
    """The activation that a Keras operation on a tensor is, or None where it is no activation."""
    reader = _OPERATIONS.get(kind)
    return reader(fields, rank) if reader else None


def describe_activation(settings: Settings) -> str:
    """How people call it: "ELU", "leaky ReLU (slope 0.2)", "softmax"; "no activation" for ()."""
    values = dict(settings)
    name = values.get("function", "no activation")
    shown = {"elu": "ELU", "relu": "ReLU", "selu": "SELU", "celu": "CELU", "gelu": "GELU", "prelu": "PReLU"}
    if name == "leaky_relu":
        return f"leaky ReLU (slope {values['negative_slope']:g})"
    extra = [
        f"{key} {values[key]:g}" for key in ("max_value", "threshold", "negative_slope") if values.get(key)
    ]
    if values.get("alpha", 1.0) != 1.0:
        extra.append(f"alpha {values['alpha']:g}")
    label = shown.get(name, str(name).replace("_", " "))
    return f"{label} ({', '.join(extra)})" if extra else label


def _relu(fields: Fields, rank: int) -> Settings:
    most = fields.data.get("max_value")
    most = None if most is None else fields.number("max_value")
    slope, threshold = fields.number("negative_slope", 0.0), fields.number("threshold", 0.0)
    if slope and most is None and not threshold:
        return (("function", "leaky_relu"), ("negative_slope", slope))
    return (
        ("function", "relu"),
        ("max_value", most),
        ("threshold", threshold),
        ("negative_slope", slope),
    )


def _leaky(default: float) -> Callable[[Fields, int], Settings]:
    def read(fields: Fields, rank: int) -> Settings:
        slope = fields.number("negative_slope", default)
        return (("function", "leaky_relu"), ("negative_slope", slope)) if slope else _NAMES["relu"]

    return read


def _alpha(name: str) -> Callable[[Fields, int], Settings]:
    return lambda fields, rank: (("function", name), ("alpha", fields.number("alpha", 1.0)))


def _axis(name: str) -> Callable[[Fields, int], Settings]:
    def read(fields: Fields, rank: int) -> Settings:
        # Axis 0 is the batch: with it, axes run from -(rank + 1) to rank.
        axis = fields.whole("axis", least=-rank, most=rank) if "axis" in fields.data else -1
        if axis == 0:
            raise fields.problem(f"its {name.replace('_', ' ')} runs over the batch")
        return (("function", name), ("axis", axis if axis < 0 else axis - rank - 1))

    return read


def _gelu(fields: Fields, rank: int) -> Settings:
    return (("function", "gelu"), ("approximate", fields.flag("approximate", default=False)))


def _prelu(fields: Fields, rank: int) -> Settings:
    shared = () if fields.data.get("shared_axes") is None else fields.wholes("shared_axes")
    if any(axis is None or not 1 <= axis <= rank for axis in shared):
        raise fields.problem("its 'shared_axes' are not axes of its input")
    return (("function", "prelu"), ("shared_axes", tuple(sorted(set(shared)))))


def _fixed(name: str) -> Callable[[Fields, int], Settings]:
    return lambda fields, rank: _NAMES[name]


_LAYERS: dict[str, Callable[[Fields, int], Settings]] = {
    "ELU": _alpha("elu"),
    "ReLU": _relu,
    "LeakyReLU": _leaky(0.3),
    "PReLU": _prelu,
    "Softmax": _axis("softmax"),
}
_OPERATIONS: dict[str, Callable[[Fields, int], Settings]] = {
    "Elu": _alpha("elu"),
    "Celu": _alpha("celu"),
    "ReLU": _relu,
    "Relu": _fixed("relu"),
    "Relu6": _fixed("relu6"),
    "LeakyRelu": _leaky(0.2),
    "Selu": _fixed("selu"),
    "Gelu": _gelu,
    "Silu": _fixed("silu"),
    "Tanh": _fixed("tanh"),
    "Sigmoid": _fixed("sigmoid"),
    "HardSigmoid": _fixed("hard_sigmoid"),
    "LogSigmoid": _fixed("log_sigmoid"),
    "Softplus": _fixed("softplus"),
    "Softsign": _fixed("softsign"),
    "Exp": _fixed("exponential"),
    "Mish": _fixed("mish"),
    "Softmax": _axis("softmax"),
    "LogSoftmax": _axis("log_softmax"),
}
