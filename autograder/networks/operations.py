"""Operations on tensors, such as `x / 255.0` or `keras.activations.elu(x)`, read as layers that do it too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from autograder.networks.activations import operation_activation
from autograder.networks.fields import Fields, numbers_of
from autograder.networks.layers import Shape, Step, layer_steps, rescaled, reshaped

__all__ = ["Call", "Tensor", "operation_steps", "read_call", "tensors_in"]


@attrs.frozen
class Tensor:
    """A reference to an output of an earlier call: of which layer, which of its calls, which output."""

    layer: str
    call: int
    output: int
    dtype: str


@attrs.frozen
class Call:
    """One call of a layer or operation: `args` is a tuple of Tensor, plain values and tuples of them."""

    args: tuple[Any, ...]
    kwargs: tuple[tuple[str, Any], ...]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Every tensor of the call, in the order in which it was written."""
        return tensors_in((self.args, tuple(value for _, value in self.kwargs)))


def read_call(fields: Fields, data: object) -> Call:
    """A call as Keras writes it into `inbound_nodes`. Raises UnsupportedModel where it cannot be read."""
    if not isinstance(data, Mapping) or not isinstance(data.get("args"), list | tuple):
        raise fields.problem("its connections are damaged, or written by an old version of Keras")
    kwargs = data.get("kwargs") or {}
    if not isinstance(kwargs, Mapping):
        raise fields.problem("its connections are damaged")
    return Call(
        tuple(_read(fields, part) for part in data["args"]),
        tuple((str(key), _read(fields, part)) for key, part in kwargs.items()),
    )


def operation_steps(kind: str, fields: Fields, call: Call, shapes: tuple[Shape, ...]) -> list[Step]:
    """The steps of one operation; none where it changes nothing.

    shapes: of `call.tensors`, without the batch. Raises UnsupportedModel for an operation that is not known.
    """
    if kind in _ARITHMETIC:
        return _arithmetic(kind, fields, call, shapes)
    if kind == "Concatenate":
        return layer_steps(kind, fields, shapes, None)
    if len(shapes) == 1:
        if kind == "Reshape":
            return _reshape(fields, shapes[0])
        if kind == "Cast":
            return _cast(fields)
        activation = operation_activation(kind, fields, len(shapes[0]))
        if activation is not None:
            return [Step("activation", shapes[0], activation)]
    raise fields.problem(
        f"it is an operation ({kind[:60]}) that these labs do not use and that cannot be read"
    )


def _read(fields: Fields, value: object) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, list | tuple):
        return tuple(_read(fields, part) for part in value)
    number = numbers_of(value)
    if number is not None:
        # Whole numbers stay whole: on whole-numbered pixels they count as such.
        return value if isinstance(value, int) else number
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            return _tensor(fields, value.get("config"))
        if value.get("class_name") == "__tuple__" and isinstance(value.get("items"), list | tuple):
            return tuple(_read(fields, part) for part in value["items"])
        if "class_name" not in value:
            return tuple(_read(fields, value[key]) for key in sorted(value, key=str))
    raise fields.problem("it is called with something that is neither a tensor nor a number")


def _tensor(fields: Fields, config: object) -> Tensor:
    history = config.get("keras_history") if isinstance(config, Mapping) else None
    if isinstance(history, list | tuple) and len(history) == 3:
        layer, call, output = history
        if isinstance(layer, str) and isinstance(call, int) and isinstance(output, int):
            dtype = config.get("dtype") if isinstance(config, Mapping) else None
            return Tensor(layer, call, output, dtype if isinstance(dtype, str) else "float32")
    raise fields.problem("one of its inputs is damaged")


def tensors_in(value: Any) -> tuple[Tensor, ...]:
    """Every tensor in an argument, in order."""
    if isinstance(value, tuple):
        return tuple(tensor for part in value for tensor in tensors_in(part))
    return (value,) if isinstance(value, Tensor) else ()


def _reshape(fields: Fields, shape: Shape) -> list[Step]:
    batch, *target = fields.wholes("newshape") or (0,)
    if batch not in (None, -1):
        raise fields.problem("it rearranges the batch as well")
    return [Step("reshape", reshaped(fields, shape, tuple(target)))]


def _cast(fields: Fields) -> list[Step]:
    dtype = fields.data.get("dtype")
    if not isinstance(dtype, str) or "float" not in dtype:
        raise fields.problem("it turns values into whole numbers")
    return []


def _arithmetic(kind: str, fields: Fields, call: Call, shapes: tuple[Shape, ...]) -> list[Step]:
    """Arithmetic of one tensor with a constant is a rescaling; the sum of two tensors is the layer `Add`."""
    operands = (*call.args, *(value for _, value in call.kwargs))
    if kind == "Add" and len(operands) == 2 and len(shapes) == 2:
        return layer_steps("Add", fields, shapes, None)
    constants = [value for value in operands if not isinstance(value, Tensor)]
    if len(shapes) != 1 or len(operands) != len(constants) + 1 or len(constants) != (kind != "Negative"):
        raise fields.problem(f"it is an operation ({kind}) between tensors, which cannot be read here")
    constant: Any = 0.0 if kind == "Negative" else numbers_of(constants[0])
    if constant is None:
        raise fields.problem("it calculates with something that is not a number")
    (tensor,) = call.tensors
    exact = kind in ("TrueDivide", "Divide") or tensor.dtype.startswith(("float", "bfloat"))
    if not exact and (kind == "Negative" or isinstance(constants[0], int)):
        raise fields.problem("it calculates in whole numbers, which overflow; divide by 255.0 first")
    first = isinstance(operands[0], Tensor)
    scale, offset = _ARITHMETIC[kind](fields, constant, first)
    return rescaled(fields, shapes[0], scale, offset)


def _divide(fields: Fields, constant: Any, tensor_first: bool) -> tuple[Any, Any]:
    if not tensor_first:
        raise fields.problem("it divides by a tensor, which cannot be read here")
    if any(not value for value in _flat(constant)):
        raise fields.problem("it divides by zero")
    return _each(constant, lambda value: 1.0 / value), 0.0


def _flat(value: Any) -> Iterator[float]:
    if isinstance(value, tuple):
        for part in value:
            yield from _flat(part)
    else:
        yield value


def _each(value: Any, change: Callable[[float], float]) -> Any:
    return tuple(_each(part, change) for part in value) if isinstance(value, tuple) else change(value)


def _subtract(fields: Fields, constant: Any, tensor_first: bool) -> tuple[Any, Any]:
    return (1.0, _each(constant, lambda value: -value)) if tensor_first else (-1.0, constant)


# Each gives (scale, offset) of the rescaling that does the same.
_ARITHMETIC: dict[str, Callable[[Fields, Any, bool], tuple[Any, Any]]] = {
    "Add": lambda fields, constant, tensor_first: (1.0, constant),
    "Subtract": _subtract,
    "Multiply": lambda fields, constant, tensor_first: (constant, 0.0),
    "TrueDivide": _divide,
    "Divide": _divide,
    "Negative": lambda fields, constant, tensor_first: (-1.0, 0.0),
}
