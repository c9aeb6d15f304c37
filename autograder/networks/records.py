"""What a network is, once read: nodes in an order in which they can be computed."""

from __future__ import annotations

from typing import Any

import attrs

__all__ = ["Graph", "Initialiser", "Input", "Node", "UnsupportedModel"]


class UnsupportedModel(Exception):
    """A model that cannot be read or computed here; `what` says why, in words for its author."""

    def __init__(self, what: str, *, layer: str = "") -> None:
        super().__init__(f"layer '{layer}': {what}" if layer else what)
        self.what = str(self)
        self.layer = layer


@attrs.frozen(kw_only=True)
class Initialiser:
    """How weights start.

    `kind` is "variance_scaling", "constant", "random_normal", "random_uniform", "truncated_normal",
    "orthogonal", "identity" or "custom". He, Glorot and LeCun are variance scaling; zeros and ones are
    constants; seeds are left out, so that equal initialisers are equal records.
    """

    kind: str
    parameters: tuple[tuple[str, float | str], ...] = ()

    def __getitem__(self, key: str) -> Any:
        return dict(self.parameters)[key]

    @property
    def family(self) -> str:
        """The scheme, "he", "glorot" or "lecun", whatever its distribution; "" for every other."""
        if self.kind != "variance_scaling":
            return ""
        return _FAMILIES.get((self["scale"], self["mode"]), "")

    def describe(self) -> str:
        """The name that people use, such as "Glorot uniform, the Keras default"."""
        if self.kind == "variance_scaling":
            return self._describe_scaling()
        if self.kind == "constant":
            return {0.0: "zeros", 1.0: "ones"}.get(self["value"], f"the constant {self['value']:g}")
        if self.kind == "custom":
            return f"an initialiser of your own ({self['class_name']})"
        details = ", ".join(
            f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in self.parameters
        )
        return f"{self.kind.replace('_', ' ')} ({details})"

    def _describe_scaling(self) -> str:
        distribution = _DISTRIBUTIONS[self["distribution"]]
        if not self.family:
            return f"variance scaling ({self['scale']:g}, {self['mode']}, {distribution})"
        name = f"{_SCHEMES[self.family]} {distribution}"
        return f"{name}, the Keras default" if name == "Glorot uniform" else name


# Variance: scale / n, where n is the number of inputs (fan_in) or the mean of inputs and outputs (fan_avg).
_FAMILIES = {(2.0, "fan_in"): "he", (1.0, "fan_avg"): "glorot", (1.0, "fan_in"): "lecun"}
_SCHEMES = {"he": "He", "glorot": "Glorot", "lecun": "LeCun"}
_DISTRIBUTIONS = {
    "truncated_normal": "normal",
    "untruncated_normal": "normal, not truncated",
    "uniform": "uniform",
}


@attrs.frozen(kw_only=True)
class Input:
    """One input of a network: its shape without the batch, and the node that stands for it."""

    name: str
    shape: tuple[int, ...]
    node: int


@attrs.frozen(kw_only=True)
class Node:
    """One step of a computation.

    name: the path of the layer that it comes from ("dense_3", "inner/dense_7"): the key of its weights.
        A layer used twice gives two nodes of one name; so does a dense layer with its activation.
    kind: "input", "dense", "activation", "flatten", "reshape", "rescaling", "normalization",
        "batch_normalization", "dropout", "alpha_dropout", "gaussian_dropout", "gaussian_noise",
        "activity_regularization", "concatenate", "add" or "custom".
    settings: the settings that matter, by name; `node["units"]` reads one. Keys of each kind are described
        in `autograder.networks.layers`.
    inbound: indices, in `Graph.nodes`, of the nodes whose outputs it takes; all smaller than its own.
    shape: of its output, without the batch.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    inbound: tuple[int, ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()
    trainable: bool = True

    def __getitem__(self, key: str) -> Any:
        return dict(self.settings)[key]

    def get(self, key: str, default: Any = None) -> Any:
        """One setting, or a default where this kind of node has none of that name."""
        return dict(self.settings).get(key, default)


@attrs.frozen(kw_only=True)
class Graph:
    """A network: its nodes in topological order, inputs first among them, and which nodes are its outputs."""

    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of the first input, without the batch."""
        return self.inputs[0].shape

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the first output, without the batch."""
        return self.nodes[self.outputs[0]].shape

    def consumers(self, index: int) -> tuple[int, ...]:
        """The nodes that take the output of this one."""
        return tuple(at for at, node in enumerate(self.nodes) if index in node.inbound)
