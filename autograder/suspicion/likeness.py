"""How alike two trained networks are, whatever the order of their units.

Trainings from different random weights lead to different networks, even by one recipe on the same images. So
two networks whose weights agree unit by unit have a common origin: one file, one training carried on from the
other, or one seed. The order of the units in a hidden layer means nothing, and neither do names of layers:
a copy in which both were changed is still that copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

__all__ = ["Fingerprint", "Likeness", "compare", "fingerprint", "worth_comparing"]

_WIDTH = 256
"""To how many numbers a unit's incoming weights are cut down at most, by a fixed random projection."""
_MOST_LAYERS, _MOST_INPUTS, _MOST_UNITS = 64, 20_000, 1_000
_LARGEST = 1e12
_IN_PLACE = 0.9
"""From this mean correlation on, units are where they are expected."""
_STRANGERS = 0.4
"""Below this, two networks have nothing to do with each other: no need to look further."""


@attrs.frozen(kw_only=True, eq=False)
class Fingerprint:
    """The kernels of a network in order, each unit's incoming weights scaled to length 1."""

    kernels: tuple[NDArray[np.float32], ...]
    """Per dense layer (inputs, units), float32; the inputs of a first layer projected."""


@attrs.frozen(kw_only=True)
class Likeness:
    """How alike two networks are."""

    correlation: float
    """Of the incoming weights of matched units, the mean over all units of all layers; at most 1."""
    reordered: bool
    """Whether units of a hidden layer stand in another order."""


def fingerprint(layers: Iterable[Sequence[NDArray[np.generic]]]) -> Fingerprint | None:
    """The fingerprint of a network, given the arrays of each layer in order; None where it has no kernel.

    Kernels that are not finite, or of a size that no lab's network has, make none either: files come from
    students, and comparing must stay cheap whatever they hold.
    """
    kernels = [arrays[0] for arrays in layers if len(arrays) and np.ndim(arrays[0]) == 2]
    if not 0 < len(kernels) <= _MOST_LAYERS or not all(map(_can_be_compared, kernels)):
        return None
    own, before = [], None
    for kernel in kernels:
        follows = before is not None and kernel.shape[0] == before
        own.append(_scaled(kernel if follows else _projected(kernel)))
        before = kernel.shape[1]
    return Fingerprint(kernels=tuple(own))


def _can_be_compared(kernel: NDArray[np.generic]) -> bool:
    inputs, units = kernel.shape
    if not (0 < inputs <= _MOST_INPUTS and 0 < units <= _MOST_UNITS):
        return False
    # Beyond this, lengths overflow; of not-a-number the comparison is false as well.
    return bool((np.abs(kernel.astype(np.float32)) < _LARGEST).all())


def _projected(kernel: NDArray[np.generic]) -> NDArray[np.generic]:
    inputs = kernel.shape[0]
    if inputs <= _WIDTH:
        return kernel
    projection = np.random.default_rng(inputs).standard_normal((_WIDTH, inputs), dtype=np.float32)
    return projection @ kernel.astype(np.float32)


def _scaled(kernel: NDArray[np.generic]) -> NDArray[np.float32]:
    centred = kernel.astype(np.float32) - kernel.astype(np.float32).mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    scaled: NDArray[np.float32] = (centred / np.where(length > 0, length, 1)).astype(np.float32)
    return scaled


def worth_comparing(networks: Sequence[Fingerprint]) -> Iterator[tuple[int, int]]:
    """The pairs of networks, by position, whose first layers have anything to do with each other.

    A class has many pairs, nearly all of them strangers: this tells those apart with few operations a pair.
    """
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for at, network in enumerate(networks):
        by_shape.setdefault(network.kernels[0].shape, []).append(at)
    for (inputs, units), members in by_shape.items():
        kernels = np.stack([networks[at].kernels[0] for at in members])
        for number, one in enumerate(members[:-1]):
            others = kernels[number + 1 :].transpose(1, 0, 2).reshape(inputs, -1)
            alike = (kernels[number].T @ others).reshape(units, -1, units).max(axis=2).mean(axis=0)
            for ahead in np.flatnonzero(alike >= _STRANGERS):
                yield one, members[number + 1 + int(ahead)]


def compare(one: Fingerprint, other: Fingerprint) -> Likeness | None:
    """How alike two networks are; None where they differ in size.

    Units are matched layer by layer, each layer's inputs taken in the order of the units before. The units of
    the last layer are classes, which have an order.
    """
    if [kernel.shape for kernel in one.kernels] != [kernel.shape for kernel in other.kernels]:
        return None
    matched: list[NDArray[np.float32]] = []
    order: NDArray[np.intp] | None = None
    reordered = False
    for at, (mine, theirs) in enumerate(zip(one.kernels, other.kernels, strict=True)):
        if order is not None and len(theirs) == len(order):
            theirs = theirs[order]
        order, alike = _matched(mine, theirs, ordered=at == len(one.kernels) - 1)
        matched.append(alike)
        reordered = reordered or order is not None
    return Likeness(correlation=float(np.concatenate(matched).mean()), reordered=reordered)


def _matched(
    mine: NDArray[np.float32], theirs: NDArray[np.float32], *, ordered: bool
) -> tuple[NDArray[np.intp] | None, NDArray[np.float32]]:
    """For each of my units theirs that fits, None where each is in its place; and how well they fit.

    ordered: whether units have a place of their own, as those of classes have.
    """
    from scipy.optimize import linear_sum_assignment

    straight = np.einsum("ij,ij->j", mine, theirs)
    if ordered or straight.mean() > _IN_PLACE:
        return None, straight
    alike = mine.T @ theirs
    order = linear_sum_assignment(alike, maximize=True)[1]
    same = np.arange(len(order))
    return (None if (order == same).all() else order), alike[same, order]
