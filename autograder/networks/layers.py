"""What each layer and operation means: its settings, read into the steps of which it consists.

Settings by kind of node (see `Node`):

    dense                units, use_bias, kernel_initializer, bias_initializer (Initialiser),
                         kernel_regularizer, kernel_constraint (None, or class name and numbers)
    activation           function and its parameters (see `activations`)
    flatten, reshape     none: the shape says it
    rescaling            scale, offset: float, or nested tuples that broadcast; input * scale + offset
    normalization        axis (of the input without batch, sorted), mean, variance (None where weights
                         hold them), invert
    batch_normalization  axis (without batch), epsilon, center, scale, renorm
    dropouts, noise      rate or stddev, training (True where the call says so: active at inference as well),
                         own_class (its name, where it is the author's own and derives from Keras's)
    concatenate          axis (without batch)
    custom               class_name, config (nested tuples of names and values), training
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from autograder.networks.activations import layer_activation, written_activation
from autograder.networks.fields import Fields, numbers_of
from autograder.networks.initialisers import read_initialiser
from autograder.networks.records import UnsupportedModel

__all__ = ["Shape", "Step", "custom_steps", "layer_steps", "rescaled", "reshaped"]

Shape = tuple[int, ...]


@attrs.frozen
class Step:
    """One node to be: the first step of a layer takes the layer's inputs, each other the one before it."""

    kind: str
    shape: Shape
    settings: tuple[tuple[str, Any], ...] = ()


def layer_steps(kind: str, fields: Fields, shapes: tuple[Shape, ...], training: bool | None) -> list[Step]:
    """The steps of one Keras layer; none where it changes nothing.

    kind: its class name. shapes: of its inputs, without the batch. training: as the call says.
    Raises UnsupportedModel for a layer that is not known here, or settings that cannot be.
    """
    if training and kind == "BatchNormalization":
        raise fields.problem(
            "it is called with training=True, so it would use the batch's statistics for ever"
        )
    if kind in _MERGES:
        return _MERGES[kind](fields, shapes)
    if len(shapes) != 1:
        raise fields.problem(f"a {kind} layer takes one input, this one has {len(shapes)}")
    if kind in _NOISES:
        return _noise(kind, fields, shapes[0], training)
    activation = layer_activation(kind, fields, len(shapes[0]))
    if activation is not None:
        return [Step("activation", shapes[0], activation)]
    if kind not in _LAYERS:
        raise UnsupportedModel(
            f"it holds a {kind[:60]} layer (`{fields.layer}`), which no network of this lab has"
        )
    return _LAYERS[kind](fields, shapes[0])


def custom_steps(
    kind: str, fields: Fields, shapes: tuple[Shape, ...], training: bool | None, bases: Sequence[str] = ()
) -> list[Step]:
    """The step of a class of the author's own; it is taken to keep the shape of its first input.

    bases: the Keras classes that it derives from, nearest first. One of Keras's dropouts among them makes it
    a step of that kind; whether it is active at inference is for its class to say, and not known here. A
    dense layer among them makes it dense: mostly a class that only saves typing. Should it compute something
    else, the outputs of the model tell.
    """
    if not shapes:
        raise fields.problem("it has no input")
    noise = next((base for base in bases if base in _NOISES and _NOISES[base][1] in fields.data), None)
    if noise is not None:
        (step,) = _noise(noise, fields, shapes[0], training)
        return [attrs.evolve(step, settings=(*step.settings, ("own_class", kind)))]
    if "Dense" in bases and "units" in fields.data and len(shapes) == 1:
        return _dense(fields, shapes[0])
    settings = (("class_name", kind), ("config", _frozen(fields.data)), ("training", bool(training)))
    return [Step("custom", shapes[0], settings)]


def reshaped(fields: Fields, shape: Shape, target: tuple[int | None, ...]) -> Shape:
    """The target with its one open size (-1 or None) filled in. Raises UnsupportedModel if it can't be."""
    size = math.prod(shape)
    known = [side for side in target if side is not None and side != -1]
    rest = math.prod(known)
    if len(target) - len(known) > 1 or rest < 1 or size % rest:
        raise fields.problem(f"values of shape {shape} cannot be arranged as {target}")
    result = tuple(size // rest if side is None or side == -1 else side for side in target)
    if math.prod(result) != size:
        raise fields.problem(f"values of shape {shape} cannot be arranged as {target}")
    return fields.check_shape(result)


def rescaled(fields: Fields, shape: Shape, scale: Any, offset: Any) -> list[Step]:
    """The step input * scale + offset. Raises UnsupportedModel where one of them does not fit the shape."""
    for value in (scale, offset):
        sides: list[int] = []
        part = value
        while isinstance(part, tuple):
            sides.append(len(part))
            part = part[0]
        while sides and len(sides) > len(shape) and sides[0] == 1:
            sides = sides[1:]
        wanted = shape[len(shape) - len(sides) :] if len(sides) <= len(shape) else ()
        if len(wanted) != len(sides) or any(
            side not in (1, size) for side, size in zip(sides, wanted, strict=True)
        ):
            raise fields.problem(f"it scales values of shape {shape} by an array that does not fit them")
    return [Step("rescaling", shape, (("scale", scale), ("offset", offset)))]


def _dense(fields: Fields, shape: Shape) -> list[Step]:
    if not shape:
        raise fields.problem("a dense layer needs an input with features")
    if fields.data.get("quantization_config") or fields.data.get("lora_rank"):
        raise fields.problem("its weights are quantised or adapted, which cannot be read here")
    units = fields.whole("units", most=1_000_000)
    out = fields.check_shape((*shape[:-1], units))
    dense = Step(
        "dense",
        out,
        (
            ("units", units),
            ("use_bias", fields.flag("use_bias", default=True)),
            ("kernel_initializer", read_initialiser(fields.layer, fields.data.get("kernel_initializer"))),
            ("bias_initializer", read_initialiser(fields.layer, fields.data.get("bias_initializer"))),
            ("kernel_regularizer", _named_numbers(fields.data.get("kernel_regularizer"))),
            ("kernel_constraint", _named_numbers(fields.data.get("kernel_constraint"))),
        ),
    )
    return [dense, *_activation(fields, out)]


def _activation(fields: Fields, shape: Shape) -> list[Step]:
    value = fields.data.get("activation")
    settings = written_activation(fields.layer, value, len(shape))
    if settings is None:
        own = (("class_name", _function_name(value)), ("config", ()), ("training", False))
        return [Step("custom", shape, own)]
    return [Step("activation", shape, settings)] if settings else []


def _function_name(value: object) -> str:
    if isinstance(value, Mapping):
        name = value.get("config") if value.get("class_name") == "function" else value.get("class_name")
        return name[:80] if isinstance(name, str) and name != "__lambda__" else "a lambda"
    return value[:80] if isinstance(value, str) else "a function"


def _flatten(fields: Fields, shape: Shape) -> list[Step]:
    if fields.data.get("data_format") == "channels_first" and len(shape) > 1:
        raise fields.problem("it flattens with channels first, which cannot be read here")
    return [Step("flatten", (math.prod(shape),))]


def _reshape(fields: Fields, shape: Shape) -> list[Step]:
    return [Step("reshape", reshaped(fields, shape, fields.wholes("target_shape")))]


def _rescaling(fields: Fields, shape: Shape) -> list[Step]:
    return rescaled(fields, shape, fields.numbers("scale", 1.0), fields.numbers("offset", 0.0))


def _feature_axes(fields: Fields, rank: int) -> tuple[int, ...]:
    given = fields.data.get("axis", -1)
    axes = (given,) if isinstance(given, int) else () if given is None else fields.wholes("axis")
    if any(isinstance(axis, bool) or axis is None or not -rank <= axis <= rank or axis == 0 for axis in axes):
        raise fields.problem(f"its axis {given!r:.60} is not one of its input's features")
    return tuple(sorted({axis + rank if axis < 0 else axis - 1 for axis in axes if axis is not None}))


def _normalization(fields: Fields, shape: Shape) -> list[Step]:
    mean, variance = fields.data.get("mean"), fields.data.get("variance")
    if (mean is None) != (variance is None):
        raise fields.problem("it needs both a mean and a variance, or neither")
    settings = (
        ("axis", _feature_axes(fields, len(shape))),
        ("mean", None if mean is None else fields.numbers("mean", 0.0)),
        ("variance", None if variance is None else fields.numbers("variance", 1.0)),
        ("invert", fields.flag("invert", default=False)),
    )
    return [Step("normalization", shape, settings)]


def _batch_normalization(fields: Fields, shape: Shape) -> list[Step]:
    axes = _feature_axes(fields, len(shape))
    if len(axes) != 1:
        raise fields.problem("batch normalisation works over one axis")
    settings = (
        ("axis", axes[0]),
        ("epsilon", fields.number("epsilon", 1e-3)),
        ("center", fields.flag("center", default=True)),
        ("scale", fields.flag("scale", default=True)),
        ("renorm", fields.flag("renorm", default=False)),
    )
    return [Step("batch_normalization", shape, settings)]


def _noise(kind: str, fields: Fields, shape: Shape, training: bool | None) -> list[Step]:
    name, setting = _NOISES[kind]
    amount = ((setting, fields.number(setting)),) if setting else ()
    return [Step(name, shape, (*amount, ("training", bool(training))))]


def _concatenate(fields: Fields, shapes: tuple[Shape, ...]) -> list[Step]:
    rank = len(shapes[0]) if shapes else 0
    if not rank or any(len(shape) != rank for shape in shapes):
        raise fields.problem("what it joins does not have the same number of axes")
    (axis,) = _feature_axes(fields, rank) or (None,)
    if axis is None or len({shape[:axis] + shape[axis + 1 :] for shape in shapes}) != 1:
        raise fields.problem(f"shapes {_listed(shapes)} cannot be joined")
    joined = list(shapes[0])
    joined[axis] = sum(shape[axis] for shape in shapes)
    return [Step("concatenate", fields.check_shape(tuple(joined)), (("axis", axis),))]


def _add(fields: Fields, shapes: tuple[Shape, ...]) -> list[Step]:
    if len(shapes) < 2 or len(set(shapes)) != 1:
        raise fields.problem(f"shapes {_listed(shapes)} cannot be added")
    return [Step("add", shapes[0])]


def _listed(shapes: tuple[Shape, ...]) -> str:
    return ", ".join(map(str, shapes[:6])) or "(none)"


def _named_numbers(value: object) -> tuple[Any, ...] | None:
    """A regulariser or constraint as (class name, (setting, number), ...); None where there is none."""
    if value is None:
        return None
    if not isinstance(value, Mapping) or not isinstance(value.get("class_name"), str):
        return ("a function",)
    config = value.get("config")
    pairs = config.items() if isinstance(config, Mapping) else ()
    numbers = ((str(key)[:80], numbers_of(number)) for key, number in pairs)
    return (value["class_name"][:80], *((key, number) for key, number in numbers if number is not None))


def _frozen(value: object) -> Any:
    """The same data in tuples; check_size has bounded its depth."""
    if isinstance(value, Mapping):
        return tuple((str(key), _frozen(part)) for key, part in value.items())
    if isinstance(value, list | tuple):
        return tuple(_frozen(part) for part in value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise UnsupportedModel(f"its settings hold a {type(value).__name__}, which is not plain data")


_MERGES: dict[str, Callable[[Fields, tuple[Shape, ...]], list[Step]]] = {
    "Concatenate": _concatenate,
    "Add": _add,
}
_NOISES = {
    "Dropout": ("dropout", "rate"),
    "AlphaDropout": ("alpha_dropout", "rate"),
    "GaussianDropout": ("gaussian_dropout", "rate"),
    "GaussianNoise": ("gaussian_noise", "stddev"),
    "ActivityRegularization": ("activity_regularization", ""),
}
_LAYERS: dict[str, Callable[[Fields, Shape], list[Step]]] = {
    "Dense": _dense,
    "Activation": _activation,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Rescaling": _rescaling,
    "Normalization": _normalization,
    "BatchNormalization": _batch_normalization,
    "Identity": lambda fields, shape: [],
}
