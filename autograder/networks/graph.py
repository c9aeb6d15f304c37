"""Keras's own configuration of a model, read as a canonical graph without Keras.

Models that compute the same come out the same: nested models are flattened, a dense layer with an
activation becomes two nodes, layers, functions and operations of one meaning become one kind of node,
and what changes nothing (linear activations, casts between floats) is dropped. The configuration is a
student's: nothing in it is imported or called, and everything is checked before use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from autograder.networks.fields import Fields, check_size
from autograder.networks.layers import Step, custom_steps, layer_steps
from autograder.networks.operations import Call, Tensor, operation_steps, read_call, tensors_in
from autograder.networks.records import Graph, Initialiser, Input, Node, UnsupportedModel

__all__ = ["Graph", "Initialiser", "Input", "Node", "UnsupportedModel", "holds_closed_layers", "parse"]

_MOST_NODES = 3_000
_MOST_CALLS = 10_000
"""Of layers and models; some of them make no node, and a model that is called twice counts twice."""
_MOST_INPUTS = 16
_DEEPEST_MODEL = 12

Values = tuple[int, ...]
"""The nodes whose outputs a layer's call returned."""


def parse(config: object, bases: Mapping[str, Sequence[str]] | None = None) -> Graph:
    """The graph of a model from the dict that `keras.saving.serialize_keras_object(model)` gives.

    Mixed precision is read as float32. A layer of a student's own class becomes a node of kind "custom",
    taken to keep its input's shape; or, where `bases` names a layer that is known among the Keras classes
    that a class of its name derives from, a node of that kind. Raises UnsupportedModel, naming the layer,
    for what cannot be read: a subclassed model (its file holds no graph), a Lambda, an unknown layer or
    operation, damaged data.
    """
    check_size(config)
    model = Fields("", config)
    builder = _Builder(bases or {})
    outputs = builder.place_model(model.data, _Inside(), None)
    if len(set(outputs)) != len(outputs) or not outputs:
        raise UnsupportedModel("the model has no output, or one output twice")
    return _in_canonical_order(
        Graph(inputs=tuple(builder.inputs), nodes=tuple(builder.nodes), outputs=outputs)
    )


def _in_canonical_order(graph: Graph) -> Graph:
    """The same graph in an order that only its connections decide: inputs, then what each output depends on.

    What no output depends on, such as an unused head of a model taken apart, is left out.
    """
    new = {entry.node: at for at, entry in enumerate(graph.inputs)}
    pending = list(reversed(graph.outputs))
    while pending:
        missing = [at for at in graph.nodes[pending[-1]].inbound if at not in new]
        if missing:
            pending.extend(reversed(missing))
        else:
            new.setdefault(pending.pop(), len(new))
    return Graph(
        inputs=tuple(attrs.evolve(entry, node=new[entry.node]) for entry in graph.inputs),
        nodes=tuple(
            attrs.evolve(graph.nodes[old], inbound=tuple(new[at] for at in graph.nodes[old].inbound))
            for old in new
        ),
        outputs=tuple(new[at] for at in graph.outputs),
    )


@attrs.frozen(kw_only=True)
class _Inside:
    """Where a layer stands: the models around it, and what they say of everything in them."""

    path: str = ""
    trainable: bool = True
    training: bool | None = None

    @property
    def label(self) -> str:
        return self.path.rstrip("/")


class _Builder:
    """Collects nodes, one model inside another, in an order in which they can be computed."""

    def __init__(self, bases: Mapping[str, Sequence[str]]) -> None:
        self.bases = bases
        self.nodes: list[Node] = []
        self.inputs: list[Input] = []
        self._calls = 0

    def place_model(self, model: Mapping[str, Any], inside: _Inside, given: Values | None) -> Values:
        """Place a whole model. given: what it is called on; None for the outermost, whose inputs are new."""
        if inside.path.count("/") > _DEEPEST_MODEL:
            raise UnsupportedModel("models are nested too deep", layer=inside.label)
        if _family(model) != "model":
            kind = model.get("class_name")
            raise UnsupportedModel(
                f"the model ({kind[:60] if isinstance(kind, str) else 'of unknown class'}) holds no list of "
                "layers, as with a class of your own",
                layer=inside.label,
            )
        config = model["config"]
        inside = attrs.evolve(inside, trainable=inside.trainable and config.get("trainable") is not False)
        layers = [_entry(layer, inside) for layer in config["layers"]]
        if "input_layers" in config or "output_layers" in config:
            return _Functional(self, config, layers, inside).place(given)
        return self._place_sequence(model, layers, inside, given)

    def _place_sequence(
        self,
        model: Mapping[str, Any],
        layers: list[Mapping[str, Any]],
        inside: _Inside,
        values: Values | None,
    ) -> Values:
        first = layers[0] if layers and layers[0]["class_name"] == "InputLayer" else None
        if values is None:
            values = self.place_input(first) if first is not None else self._built_input(model)
        if len(values) != 1:
            raise UnsupportedModel("a Sequential model takes one input", layer=inside.label)
        for layer in layers if first is None else layers[1:]:
            values = self.place(layer, inside, values, None)
            if len(values) != 1:
                raise UnsupportedModel("it has several outputs inside a Sequential", layer=_name_of(layer))
        return values

    def _built_input(self, model: Mapping[str, Any]) -> Values:
        """The input of a Sequential without an input layer, where it was built all the same."""
        build = model.get("build_config")
        shape = build.get("input_shape") if isinstance(build, Mapping) else None
        if shape is None:
            raise UnsupportedModel("the model is not built: begin it with an Input, or train it, first")
        return self._add_input(Fields("input", {"batch_shape": shape}))

    def place(self, layer: Mapping[str, Any], inside: _Inside, values: Values, call: Call | None) -> Values:
        """Place one call of a layer, an operation or a model, on these values."""
        self._calls += 1
        if self._calls > _MOST_CALLS:
            raise UnsupportedModel(f"the model has more than {_MOST_CALLS:,} steps")
        kind, fields = layer["class_name"], Fields(inside.path + _name_of(layer), layer.get("config"))
        family = _family(layer)
        shapes = tuple(self.nodes[value].shape for value in values)
        if family == "operation" and call is not None:
            steps = operation_steps(kind, fields, call, shapes)
            return self._append(fields.layer, steps, values, inside.trainable)
        training = _training(fields, call)
        training = inside.training if training is None else training
        if family == "model":
            deeper = attrs.evolve(inside, path=fields.layer + "/", training=training)
            return self.place_model(layer, deeper, values)
        if family == "layer":
            steps = layer_steps(kind, fields, shapes, training)
        else:
            steps = custom_steps(kind, fields, shapes, training, self.bases.get(kind, ()))
        trainable = inside.trainable and fields.flag("trainable", default=True)
        return self._append(fields.layer, steps, values, trainable)

    def _append(self, name: str, steps: list[Step], values: Values, trainable: bool) -> Values:
        for step in steps:
            node = Node(
                name=name,
                kind=step.kind,
                shape=step.shape,
                inbound=values,
                settings=step.settings,
                trainable=trainable,
            )
            values = (self._add(node),)
        return values

    def place_input(self, layer: Mapping[str, Any]) -> Values:
        """Place an input layer of the outermost model."""
        return self._add_input(Fields(_name_of(layer), layer.get("config")))

    def _add_input(self, fields: Fields) -> Values:
        """A new input, of the shape that `batch_shape` says."""
        batch, *sides = fields.wholes("batch_shape") or (0,)
        if batch is not None and batch < 1:
            raise fields.problem("its shape has no batch")
        if len(self.inputs) >= _MOST_INPUTS:
            raise fields.problem("the model has too many inputs")
        if any(side is None for side in sides):
            raise fields.problem(f"its shape {tuple(sides)} leaves a size open")
        shape = fields.check_shape(tuple(side for side in sides if side is not None))
        index = self._add(Node(name=fields.layer, kind="input", shape=shape))
        self.inputs.append(Input(name=fields.layer, shape=shape, node=index))
        return (index,)

    def _add(self, node: Node) -> int:
        if len(self.nodes) >= _MOST_NODES:
            raise UnsupportedModel(f"the model has more than {_MOST_NODES:,} steps")
        self.nodes.append(node)
        return len(self.nodes) - 1


class _Functional:
    """A model given as layers with their connections."""

    def __init__(
        self,
        builder: _Builder,
        config: Mapping[str, Any],
        layers: list[Mapping[str, Any]],
        inside: _Inside,
    ) -> None:
        self.builder, self.config, self.layers, self.inside = builder, config, layers, inside
        self.made: dict[tuple[str, int], Values] = {}
        self.by_name = {_key(layer): layer for layer in layers}
        if len(self.by_name) != len(layers):
            raise UnsupportedModel("two layers of the model have one name", layer=inside.label)

    def place(self, given: Values | None) -> Values:
        """Place every call of every layer, then say which values are the outputs."""
        self._place_inputs(given)
        written = [
            (layer, number, call) for layer in self.layers for number, call in enumerate(self._calls(layer))
        ]
        if len(written) > _MOST_NODES:
            raise UnsupportedModel(f"the model has more than {_MOST_NODES:,} steps", layer=self.inside.label)
        pending = [
            (layer, number, read_call(Fields(_key(layer), {}), call)) for layer, number, call in written
        ]
        while pending:
            waiting = []
            for layer, number, call in pending:
                if all((tensor.layer, tensor.call) in self.made for tensor in call.tensors):
                    values = tuple(self._value(tensor) for tensor in call.tensors)
                    self.made[_key(layer), number] = self.builder.place(layer, self.inside, values, call)
                else:
                    waiting.append((layer, number, call))
            if len(waiting) == len(pending):
                raise UnsupportedModel("its inputs come from nowhere", layer=_key(waiting[0][0]))
            pending = waiting
        return tuple(self._value(self._from_one(end)) for end in self._ends("output_layers"))

    def _place_inputs(self, given: Values | None) -> None:
        ends = self._ends("input_layers")
        if given is not None and len(given) != len(ends):
            raise UnsupportedModel(
                f"it takes {len(ends)} inputs and is called on {len(given)}", layer=self.inside.label
            )
        for at, end in enumerate(ends):
            layer = self.by_name.get(end.layer)
            if layer is None or layer["class_name"] != "InputLayer":
                raise UnsupportedModel("an input of the model is not an input layer", layer=end.layer)
            self.made[end.layer, 0] = self.builder.place_input(layer) if given is None else (given[at],)

    def _calls(self, layer: Mapping[str, Any]) -> list[Any]:
        calls = layer.get("inbound_nodes")
        if not isinstance(calls, list | tuple):
            raise UnsupportedModel("its connections are missing", layer=_key(layer))
        return list(calls)

    def _from_one(self, end: Tensor) -> Tensor:
        # Among a model's outputs, unlike among a call's arguments, Keras numbers the calls of a nested
        # functional model from one.
        config = self.by_name.get(end.layer, {}).get("config")
        nested = isinstance(config, Mapping) and "layers" in config and "input_layers" in config
        return attrs.evolve(end, call=end.call - 1) if nested else end

    def _value(self, tensor: Tensor) -> int:
        values = self.made.get((tensor.layer, tensor.call), ())
        if not 0 <= tensor.output < len(values):
            raise UnsupportedModel("an output of it is used that it does not have", layer=tensor.layer)
        return values[tensor.output]

    def _ends(self, key: str) -> list[Tensor]:
        """`input_layers` or `output_layers`: [layer, call, output], or a list or dict (by key) of them."""
        ends: list[Tensor] = []
        pending = [self.config.get(key)]
        while pending:
            value = pending.pop(0)
            if isinstance(value, Mapping):
                pending[:0] = [value[name] for name in sorted(value, key=str)]
            elif not isinstance(value, list | tuple) or not value or len(ends) > _MOST_INPUTS:
                raise UnsupportedModel(f"the model's {key.replace('_', ' ')} are damaged or too many")
            elif isinstance(value[0], str):
                if len(value) != 3 or not all(isinstance(part, int) for part in value[1:]):
                    raise UnsupportedModel(f"the model's {key.replace('_', ' ')} are damaged")
                ends.append(Tensor(value[0], value[1], value[2], ""))
            else:
                pending[:0] = list(value)
        return ends


def _entry(layer: object, inside: _Inside) -> Mapping[str, Any]:
    if not isinstance(layer, Mapping) or not isinstance(layer.get("class_name"), str):
        raise UnsupportedModel("one of the model's layers is damaged", layer=inside.label)
    return layer


def _name_of(layer: Mapping[str, Any]) -> str:
    config = layer.get("config")
    name = config.get("name") if isinstance(config, Mapping) else None
    name = layer.get("name") if name is None else name
    # A class of the author's own may describe its settings alone, and not how it is called.
    if name is None and isinstance(config, Mapping) and not str(layer.get("module")).startswith("keras"):
        name = layer["class_name"]
    if not isinstance(name, str) or not name or len(name) > 200:
        raise UnsupportedModel(f"a {layer['class_name'][:60]} of the model has no usable name")
    return name


def _key(layer: Mapping[str, Any]) -> str:
    """The name by which connections refer to a layer."""
    name = layer.get("name")
    return name if isinstance(name, str) else _name_of(layer)


def _family(layer: Mapping[str, Any]) -> str:
    """What an entry is: a "model", a "layer" or "operation" of Keras, or "custom", a student's own class."""
    module = layer.get("module", "keras.layers")
    config = layer.get("config")
    if isinstance(config, Mapping) and "layers" in config and isinstance(config["layers"], list | tuple):
        return "model"
    parts = module.split(".") if isinstance(module, str) else [""]
    if parts[0] != "keras":
        return "custom"
    if parts[:3] == ["keras", "src", "ops"] or parts[:3] == ["keras", "src", "activations"]:
        return "operation"
    return "layer"


def holds_closed_layers(config: object) -> bool:
    """Whether a model holds layers of which its configuration does not say what they do.

    These are layers of its author's own class, and functions in a `Lambda`.
    """
    settings = config.get("config") if isinstance(config, Mapping) else None
    layers = settings.get("layers") if isinstance(settings, Mapping) else None
    for layer in layers if isinstance(layers, list | tuple) else ():
        family = _family(layer) if isinstance(layer, Mapping) else "custom"
        if family == "custom" or layer.get("class_name") == "Lambda":
            return True
        if family == "model" and holds_closed_layers(layer):
            return True
    return False


def _training(fields: Fields, call: Call | None) -> bool | None:
    """What the call says about `training`. Raises UnsupportedModel for arguments that are not understood."""
    training = None
    if call and not all(tensors_in(value) for value in call.args):
        raise fields.problem("it is called with more than tensors, which cannot be read here")
    for key, value in call.kwargs if call else ():
        if key == "training" and isinstance(value, bool):
            training = value
        elif value is not None and bool(tensors_in(value)) == (key == "mask"):
            raise fields.problem(f"it is called with '{key[:60]}', which cannot be read here")
    return training
