"""Probes of `cifar10_dnn`: they try out what a student wrote, and hold no expected value.

A probe is a function of the `room`, which gives the student's names (`room.defined`) and turns what was
found into evidence (`room.model`, `room.value`).
"""


def build_dnn(room):
    """The model that `build_dnn()` returns, fresh from its initialisers."""
    return room.model(room.defined("build_dnn")(), input_shape=(32, 32, 3))
