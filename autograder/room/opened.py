"""Open what says nothing of itself: a graph in which a student's own layers are what their calls do.

A block of a student's own, a nested model of their own class or a `Lambda` holds no description that could
be read. What it does to a tensor can be, as long as that is Keras's layers and operations, or TensorFlow's
functions of the same names; and where that fails, what it computes may be what a layer of Keras computes.
Whatever is found is held to the model's outputs by whoever reads it.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.models.functional import Functional
from keras.src.ops.function import map_graph

__all__ = ["call_of", "distinct_names", "library_bases", "opened", "understand_tensorflow"]

_NOISES = (
    *(keras.layers.Dropout, keras.layers.AlphaDropout, keras.layers.GaussianDropout),
    keras.layers.GaussianNoise,
)
"""What may be there in training only."""
_ROUNDS = 4
"""Blocks within blocks are opened one inside another, so deep at most."""
_ROWS = 16
_CLOSE = 1e-4
_ACTIVATIONS = (
    *("linear", "elu", "selu", "relu", "softmax", "sigmoid", "tanh", "softplus", "softsign", "silu", "gelu"),
    *("leaky_relu", "exponential", "relu6", "mish", "hard_sigmoid", "celu", "log_softmax"),
)


def opened(graph: keras.Model) -> keras.Model:
    """The graph with every layer that is made of others, or of a function, replaced by what its call does.

    Layers and weights are shared, but for those of a dense layer that was written by hand. What cannot be
    opened stays as it is, and is described by its name.
    """
    failed: set[int] = set()
    with contextlib.suppress(Exception):  # whatever a student's code raises
        for _ in range(_ROUNDS):
            functional = graph if isinstance(graph, Functional) else graph._functional
            if not _holds_closed(functional, failed):
                break
            inputs = [keras.Input(tensor.shape[1:], dtype=tensor.dtype) for tensor in functional.inputs]
            opener = _Opener(failed)
            outputs = opener.run(functional, inputs)
            if not opener.any:
                break
            found = keras.Model(keras.tree.pack_sequence_as(functional._inputs_struct, inputs), outputs)
            keras.saving.serialize_keras_object(found)
            graph = found
    return graph


def library_bases(layer: type) -> list[str]:
    """Keras's layer classes from which a class derives, nearest first; none if it is Keras's own."""
    if layer.__module__.split(".")[0] == "keras":
        return []
    return [cls.__name__ for cls in layer.__mro__ if cls.__module__.startswith("keras.src.layers.")]


def call_of(layer: Any) -> Callable[..., Any]:
    """The `call` of a layer, for a graph that is neither of training nor of inference.

    Many write `call(self, inputs, training=False)`, as tutorials do. `fit` says otherwise, so that such a
    default must not get into the graph, where it would put layers to sleep.
    """
    call: Callable[..., Any] = layer.call
    with contextlib.suppress(KeyError, TypeError, ValueError):
        default = inspect.signature(call).parameters["training"].default
        return functools.partial(_call, call, default)
    return call


def _call(call: Callable[..., Any], default: Any, *args: Any, **settings: Any) -> Any:
    """What a call gives where nothing is said of training: with the noise that some make only if it is."""
    settings = _unless(settings, training=default)
    plain = call(*args, **settings)
    if settings["training"] is not None:
        return plain
    with contextlib.suppress(Exception):
        noisy = call(*args, **{**settings, "training": True})
        own = {id(layer): said.get("training") for layer, said in _calls(args, plain)}
        calls = _calls(args, noisy)
        added = [
            layer for layer, _ in calls if isinstance(layer, keras.layers.Layer) and id(layer) not in own
        ]
        if added and all(isinstance(one, _NOISES) for one in added):
            for layer, said in calls:
                if "training" in said:
                    said["training"] = own.get(id(layer))
            return noisy
    return plain


def _calls(inputs: Any, outputs: Any) -> list[tuple[Any, dict[str, Any]]]:
    """The layers and operations between symbolic tensors, each with the settings of its call."""
    ends = [
        [one for one in keras.tree.flatten(some) if keras.backend.is_keras_tensor(one)]
        for some in (inputs, outputs)
    ]
    _, by_depth, *_ = map_graph(*ends)
    nodes = [node for some in by_depth.values() for node in some if not node.is_input]
    return [(node.operation, node.arguments.kwargs) for node in nodes]


def _unless(settings: dict[str, Any], *, training: Any) -> dict[str, Any]:
    """Settings of a call, with nothing said of training where that is what the layer takes anyway."""
    said = settings.get("training")
    return {**settings, "training": None if said is training else said}


@contextlib.contextmanager
def distinct_names(model: keras.Model) -> Iterator[None]:
    """Within the block, no two layers of a model have one name: inside of blocks they may."""
    layers = list({id(one): one for one in getattr(model, "_flatten_layers", list)()}.values())
    before, seen = [], set()
    for layer in layers:
        name = layer.name
        if name in seen:
            before.append((layer, name))
            layer.name = name = next(
                new for number in range(len(layers)) if (new := f"{name}_{number}_again") not in seen
            )
        seen.add(name)
    try:
        yield
    finally:
        for layer, name in before:
            layer.name = name


def _holds_closed(functional: Any, failed: set[int]) -> bool:
    return any(
        id(one) not in failed and (_is_closed(one) or _is_nested(one)) for one in functional.operations
    )


def _is_closed(layer: Any) -> bool:
    """Whether a layer's configuration does not say what it does, and its call may."""
    if isinstance(layer, keras.Model):
        return not _is_graph(layer)
    if isinstance(layer, keras.layers.Lambda):
        return True
    bases = library_bases(type(layer))
    return bases == ["Layer"] or (bases[:1] == ["Dense"] and _calls_otherwise(layer))


def _calls_otherwise(layer: Any) -> bool:
    """Whether a class that derives from `Dense` has a call of its own."""
    return type(layer).call is not keras.layers.Dense.call


def _is_graph(model: keras.Model) -> bool:
    return isinstance(model, keras.Sequential) or bool(getattr(model, "inputs", None))


def _is_nested(layer: Any) -> bool:
    """Whether it is a model of layers in whose graph something is closed."""
    functional = _functional_of(layer)
    return functional is not None and any(_is_closed(one) or _is_nested(one) for one in functional.operations)


def _functional_of(layer: Any) -> Any:
    if not isinstance(layer, keras.Model) or not _is_graph(layer):
        return None
    return layer if isinstance(layer, Functional) else getattr(layer, "_functional", None)


class _Opener:
    """Runs through a graph, and puts something else in the place of what is closed."""

    def __init__(self, failed: set[int]) -> None:
        self._failed = failed
        self._found: dict[int, Callable[..., Any]] = {}
        self.any = False
        """Whether anything was opened."""

    def run(self, functional: Any, inputs: Any) -> Any:
        """The outputs of a graph for these symbolic inputs."""
        return functional._run_through_graph(inputs, operation_fn=self._in_place_of)

    def _in_place_of(self, operation: Any) -> Any:
        if id(operation) in self._failed:
            return operation
        if _is_nested(operation):
            return lambda inputs, **settings: self.run(_functional_of(operation), inputs)
        return functools.partial(self._do, operation) if _is_closed(operation) else operation

    def _do(self, layer: Any, *args: Any, **settings: Any) -> Any:
        # One layer called twice is the same in both places.
        if id(layer) not in self._found:
            self._found[id(layer)] = self._opened(layer, args, settings)
            self.any = self.any or id(layer) not in self._failed
        return self._found[id(layer)](*args, **settings)

    def _opened(self, layer: Any, args: tuple[Any, ...], settings: dict[str, Any]) -> Callable[..., Any]:
        one_tensor = len(args) == 1 and keras.backend.is_keras_tensor(args[0])
        plain = one_tensor and not getattr(layer, "_layers", None)
        if plain and (equal := _equal(layer, args[0])):
            return equal
        if _can_be_traced(layer, args, settings):
            return call_of(layer)
        if one_tensor and not plain and (equal := _equal(layer, args[0])):
            return equal
        self._failed.add(id(layer))
        return layer  # type: ignore[no-any-return]


def _can_be_traced(layer: Any, args: tuple[Any, ...], settings: dict[str, Any]) -> bool:
    """Whether a layer's call on tensors like these is a graph that Keras can describe."""
    understand_tensorflow()
    with contextlib.suppress(Exception):
        inputs = keras.tree.map_structure(_like, args)
        outputs = call_of(layer)(*inputs, **settings)
        flat = [one for one in keras.tree.flatten(inputs) if keras.backend.is_keras_tensor(one)]
        keras.saving.serialize_keras_object(keras.Model(flat, outputs))
        return True
    return False


def _like(value: Any) -> Any:
    if not keras.backend.is_keras_tensor(value):
        return value
    return keras.Input(value.shape[1:], dtype=value.dtype)


# ------------------------------------------------------------------------- told by what a layer computes


def _equal(layer: Any, tensor: Any) -> Callable[[Any], Any] | None:
    """What of Keras's own computes the same as this layer for such a tensor; None where nothing is found."""
    with contextlib.suppress(Exception):
        given = _example(tensor)
        with _in_single_precision(layer):
            answer = np.asarray(layer(given, training=False), np.float32)
        weights = [np.asarray(one, np.float32) for one in layer.weights]
        steps = _dense(layer, weights, given, answer) if weights else _reshaped(given, answer)
        if steps:
            return lambda inputs, **_: functools.reduce(lambda value, step: step(value), steps, inputs)
    return None


@contextlib.contextmanager
def _in_single_precision(layer: Any) -> Iterator[None]:
    """Within the block a layer of mixed precision computes as exactly as its weights are kept."""
    before = layer.dtype_policy
    layer.dtype_policy = before.variable_dtype
    try:
        yield
    finally:
        layer.dtype_policy = before


def _example(tensor: Any) -> np.ndarray:
    rng, shape = np.random.default_rng(0), (_ROWS, *tensor.shape[1:])
    if "float" in str(tensor.dtype):
        return rng.normal(0, 2, shape).astype(np.float32)
    return rng.integers(0, 256, shape).astype(tensor.dtype)


def _reshaped(given: np.ndarray, answer: np.ndarray) -> list[Any]:
    """A layer without weights: a function of each number, or a scaling, and perhaps another shape."""
    step = _function(given.astype(np.float32), answer.reshape(given.shape))
    if step is None:
        return []
    return [step] if answer.shape == given.shape else [step, keras.layers.Reshape(answer.shape[1:])]


def _function(given: np.ndarray, answer: np.ndarray) -> Any:
    for name in _ACTIVATIONS:
        if np.allclose(keras.activations.get(name)(keras.ops.convert_to_tensor(given)), answer, atol=_CLOSE):
            return keras.layers.Activation(name)
    scale, offset = np.polyfit(given.ravel().astype(np.float64), answer.ravel().astype(np.float64), 1)
    close = _CLOSE * float(answer.std())
    if close and np.abs(given * scale + offset - answer).max() <= close:
        return keras.layers.Rescaling(float(scale), float(offset))
    return None


class AddWeight(keras.initializers.Initializer):  # type: ignore[misc]
    """Stands for whatever initialised the weights that a layer of a student's own has added itself."""

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        """Zeros, which the layer's own weights replace."""
        return keras.ops.zeros(shape, dtype)


def _dense(layer: Any, weights: list[np.ndarray], given: np.ndarray, answer: np.ndarray) -> list[Any]:
    """A layer with the weights of a dense one, which may bend their sums at once."""
    kernel, *bias = weights
    units = answer.shape[-1]
    shapes = [kernel.shape, *(one.shape for one in bias)]
    if shapes not in ([(given.shape[-1], units)], [(given.shape[-1], units), (units,)]):
        return []
    start = getattr(layer, "kernel_initializer", None)
    known = isinstance(start, keras.initializers.Initializer)
    dense = keras.layers.Dense(
        units,
        use_bias=bool(bias),
        kernel_initializer=start if known else AddWeight(),
        name=layer.name,
        trainable=layer.trainable,
    )
    dense.build(given.shape)
    dense.set_weights(weights)
    with _in_single_precision(dense):
        step = _function(np.asarray(dense(given), np.float32), answer)
    return [dense, step] if step is not None else []


# ---------------------------------------------------------------------- TensorFlow's functions on symbols


_NAMES = {"softmax_v2": "softmax", "where_v2": "where", "concat": "concatenate", "swish": "silu"}


class _Dispatcher(tf.__internal__.dispatch.GlobalOpDispatcher):  # type: ignore[misc]
    """Has Keras's operation of the same name do what a function of TensorFlow refuses to do on symbols."""

    def handle(self, op: Any, args: Any, kwargs: Any) -> Any:
        """What TensorFlow asks of a dispatcher."""
        name = str(getattr(op, "__name__", ""))
        function = getattr(keras.ops, _NAMES.get(name, name), None)
        values = [*args, *(value for key, value in kwargs.items() if key != "name" and value is not None)]
        if function is None or not any(map(keras.backend.is_keras_tensor, keras.tree.flatten(values))):
            return self.NOT_SUPPORTED
        try:
            return function(*values)
        except Exception:
            return self.NOT_SUPPORTED


@functools.cache
def understand_tensorflow() -> None:
    """From here on, `tf.nn.elu(x)` of a symbolic tensor is what `keras.ops.elu(x)` is."""
    _Dispatcher().register()
