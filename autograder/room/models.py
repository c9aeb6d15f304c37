"""Describe a Keras model: its serialised configuration, weights, compilation and some outputs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras.src.models.functional import Functional

from autograder.room.compiled import describe_compilation
from autograder.room.describe import said
from autograder.room.opened import call_of, distinct_names, library_bases, opened, understand_tensorflow

__all__ = [
    "ACTIVATION_GRID",
    "describe_model",
    "example_inputs",
]

Shapes = tuple[int, ...] | tuple[tuple[int, ...], ...]
"""The shape of one input, or the shapes of several."""
Keep = Callable[[np.ndarray], str]
"""Stores an array beside a record and returns its key."""
ACTIVATION_GRID = np.linspace(-4, 4, 33, dtype=np.float32)
"""Inputs at which every activation function is recorded, so that it is known by what it computes."""
_DESCRIBING = ("get_config", "get_build_config", "get_compile_config")
EXAMPLES = 8
MAX_WEIGHT_BYTES = 50 << 20


def example_inputs(shape: tuple[int, ...], number: int = 0, count: int = EXAMPLES) -> np.ndarray:
    """Fixed inputs in [0, 1) for the input of that number: float32 (count, *shape)."""
    return np.random.default_rng(number).random((count, *shape), dtype=np.float32)


def describe_model(keep: Keep, model: keras.Model, input_shape: Shapes | None = None) -> dict[str, Any]:
    """The record of a model. The model itself is left as it was.

    input_shape: the shape of its input, or of each of its inputs, used only to build a model that has not
    seen any yet.
    """
    record: dict[str, Any] = {
        "kind": "model",
        "class": type(model).__name__[:200],
        "built_by_student": bool(model.built),
    }
    with _without_own_words(model), distinct_names(model):
        return record | _described(keep, model, input_shape)


def _described(keep: Keep, model: keras.Model, input_shape: Shapes | None) -> dict[str, Any]:
    record: dict[str, Any] = {"compiled": describe_compilation(model)}
    try:
        graph = opened(_as_functional(model, input_shape))
        record["config"] = keras.saving.serialize_keras_object(graph)
        record["bases"] = _own_classes(graph)
        record["weights"] = _weights(keep, graph)
        record["activations"] = _activations(keep, graph)
        record["input_shapes"] = [list(tensor.shape[1:]) for tensor in graph.inputs]
        record["output_shapes"] = [list(tensor.shape[1:]) for tensor in graph.outputs]
        record["outputs"] = _outputs(keep, graph)
    except Exception as error:
        record["problem"] = said(error)
    return record


@contextlib.contextmanager
def _without_own_words(model: keras.Model) -> Iterator[None]:
    """Within the block, a model and its layers describe themselves as their classes do."""
    parts = [model, *getattr(model, "_flatten_layers", list)()]
    told = [(part, name) for part in parts for name in _DESCRIBING if name in vars(part)]
    words = [(part, name, vars(part).pop(name)) for part, name in dict.fromkeys(told)]
    try:
        yield
    finally:
        for part, name, word in words:
            vars(part)[name] = word


def _as_functional(model: keras.Model, input_shape: Shapes | None) -> keras.Model:
    """The model as a graph that Keras can serialise; layers and weights are shared, not copied."""
    graphed = isinstance(model, keras.Sequential) or (
        hasattr(model, "operations") and bool(getattr(model, "inputs", None))
    )
    if not model.built:
        if input_shape is None:
            raise ValueError("the model has not been built: it does not know its input shape yet")
        model(_as_one([np.zeros((1, *shape), np.float32) for shape in _listed(input_shape)]))
    if graphed:
        # A class of the student's own may describe itself as it likes; its graph is what it is.
        plain = type(model) in (keras.Model, keras.Sequential, Functional)
        return model if plain else keras.Model(model.inputs, model.outputs)
    shapes = _listed(input_shape) if input_shape else _shapes_seen(model)
    inputs = [keras.Input(shape) for shape in shapes]
    understand_tensorflow()
    return keras.Model(inputs, call_of(model)(_as_one(inputs)))


def _listed(shapes: Shapes) -> list[tuple[int, ...]]:
    """Shapes as a list, one for each input."""
    several = [shape for shape in shapes if isinstance(shape, tuple)]
    return several or [tuple(side for side in shapes if isinstance(side, int))]


def _as_one(inputs: list[Any]) -> Any:
    """What a model is called on: its only input, or all of them."""
    return inputs[0] if len(inputs) == 1 else inputs


def _shapes_seen(model: keras.Model) -> list[tuple[int, ...]]:
    shapes = getattr(model, "_build_shapes_dict", None) or {}
    if not shapes:
        raise ValueError("a subclassed model that has not seen any input")
    seen = []
    for shape in shapes.values():
        several = bool(shape) and isinstance(shape[0], (tuple, list))
        seen += [tuple(one[1:]) for one in (shape if several else [shape])]
    return seen


def _own_classes(model: keras.Model) -> dict[str, list[str]]:
    """The classes of layers that are not Keras's own, by name, with what they derive from."""
    found: dict[str, list[str]] = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found |= _own_classes(layer)
        elif bases := library_bases(type(layer)):
            found[type(layer).__name__[:200]] = bases[:20]
    return found


def _weights(keep: Keep, model: keras.Model, path: str = "") -> dict[str, list[str]]:
    kept: dict[str, list[str]] = {}
    size = 0
    for layer in model.layers:
        name = f"{path}{layer.name}"
        if isinstance(layer, keras.Model):
            kept.update(_weights(keep, layer, f"{name}/"))
        elif layer.weights:
            arrays = [np.asarray(variable) for variable in layer.weights]
            size += sum(array.nbytes for array in arrays)
            if size > MAX_WEIGHT_BYTES:
                raise ValueError(
                    f"the model is too large to describe: more than {MAX_WEIGHT_BYTES >> 20} MB of weights"
                )
            kept[name] = [keep(array) for array in arrays]
    return kept


def _activations(keep: Keep, model: keras.Model, path: str = "") -> dict[str, str]:
    """What each layer's own activation function makes of the grid, by layer path."""
    kept: dict[str, str] = {}
    by_function: dict[int, str] = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            kept.update(_activations(keep, layer, f"{path}{layer.name}/"))
            continue
        function = getattr(layer, "activation", None)
        if not callable(function):
            continue
        if id(function) not in by_function:
            values = np.asarray(function(keras.ops.convert_to_tensor(ACTIVATION_GRID[None, :])), np.float32)
            by_function[id(function)] = keep(values[0])
        kept[f"{path}{layer.name}"] = by_function[id(function)]
    return kept


def _outputs(keep: Keep, model: keras.Model) -> str | None:
    """The model's outputs for the example inputs, at inference; only for one output."""
    shapes = [tuple(tensor.shape[1:]) for tensor in model.inputs]
    if len(model.outputs) != 1 or any(None in shape for shape in shapes):
        return None
    examples: Any = [example_inputs(shape, number) for number, shape in enumerate(shapes)]
    if isinstance(getattr(model, "_inputs_struct", None), dict):
        examples = keras.tree.pack_sequence_as(model._inputs_struct, examples)
    else:
        examples = _as_one(examples)
    return keep(np.asarray(model(examples, training=False), np.float32))
