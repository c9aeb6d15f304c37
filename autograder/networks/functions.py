"""Activation functions in NumPy, float32 in and out, written so that no input overflows.

Formulas are Keras's (`keras.activations`); the tests hold each one equal to it. Every function may write
into its argument, which is a fresh array, and returns the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ACTIVATIONS", "Floats", "log_softmax", "softmax"]

Floats = NDArray[np.float32]
Settings = Mapping[str, Any]

# Constants of Klambauer et al. 2017, arXiv:1706.02515, equation 14.
_SELU_ALPHA = 1.6732632423543772
_SELU_SCALE = 1.0507009873554805


def softmax(x: Floats, axis: int = -1) -> Floats:
    """exp(x) / sum(exp(x)) over an axis, with the maximum taken off first."""
    x -= x.max(axis=axis, keepdims=True)
    np.exp(x, out=x)
    x /= x.sum(axis=axis, keepdims=True)
    return x


def log_softmax(x: Floats, axis: int = -1) -> Floats:
    """The logarithm of softmax, exact where softmax itself would be 0."""
    x -= x.max(axis=axis, keepdims=True)
    x -= np.log(np.exp(x).sum(axis=axis, keepdims=True))
    return x


def _expm1_below(x: Floats) -> Floats:
    """exp(x) - 1 where x is negative and 0 elsewhere, a new array; exact to some units in the last place.

    From t = tanh(x / 2), as exp(x) - 1 = 2 t / (1 - t): NumPy computes tanh of float32 several at a time, and
    expm1 one by one, in three times as long.
    """
    t = np.minimum(x, np.float32(0))
    t *= np.float32(0.5)
    np.tanh(t, out=t)
    rest = np.float32(1) - t
    t += t
    t /= rest
    return t


def _elu(x: Floats, settings: Settings) -> Floats:
    negative = _expm1_below(x)
    alpha = np.float32(settings.get("alpha", 1.0))
    if alpha != 1:
        negative *= alpha
    np.maximum(x, np.float32(0), out=x)
    x += negative
    return x


def _celu(x: Floats, settings: Settings) -> Floats:
    alpha = np.float32(settings["alpha"])
    negative = alpha * np.expm1(np.minimum(x, np.float32(0)) / alpha)
    return np.maximum(x, np.float32(0)) + negative


def _selu(x: Floats, settings: Settings) -> Floats:
    x = _elu(x, {"alpha": _SELU_ALPHA})
    x *= np.float32(_SELU_SCALE)
    return x


def _relu(x: Floats, settings: Settings) -> Floats:
    most, threshold, slope = settings["max_value"], settings["threshold"], settings["negative_slope"]
    below = np.float32(slope) * np.maximum(np.float32(threshold) - x, np.float32(0)) if slope else None
    if threshold:
        x = np.where(x > np.float32(threshold), x, np.float32(0))
    else:
        np.maximum(x, np.float32(0), out=x)
    if most is not None:
        np.clip(x, np.float32(0), np.float32(most), out=x)
    return x if below is None else x - below


def _leaky_relu(x: Floats, settings: Settings) -> Floats:
    return np.where(x > 0, x, np.float32(settings["negative_slope"]) * x)


def _sigmoid(x: Floats, settings: Settings) -> Floats:
    # 1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2 overflows nowhere, but loses small values; so by sign.
    small = np.exp(-np.abs(x))
    result: Floats = np.where(x >= 0, np.float32(1), small) / (1 + small)
    return result


def _softplus(x: Floats, settings: Settings) -> Floats:
    return np.maximum(x, np.float32(0)) + np.log1p(np.exp(-np.abs(x)))


def _silu(x: Floats, settings: Settings) -> Floats:
    return x * _sigmoid(x, settings)


def _mish(x: Floats, settings: Settings) -> Floats:
    return x * np.tanh(_softplus(x, settings))


def _gelu(x: Floats, settings: Settings) -> Floats:
    if settings["approximate"]:
        inner = np.float32(np.sqrt(2 / np.pi)) * (x + np.float32(0.044715) * x * x * x)
        share = np.tanh(inner)
    else:
        from scipy.special import erf

        share = erf(x * np.float32(np.sqrt(0.5)))
    result: Floats = np.float32(0.5) * x * (1 + share)
    return result


def _hard_sigmoid(x: Floats, settings: Settings) -> Floats:
    result: Floats = np.clip(x + np.float32(3), np.float32(0), np.float32(6)) / np.float32(6)
    return result


ACTIVATIONS: dict[str, Callable[[Floats, Settings], Floats]] = {
    "elu": _elu,
    "celu": _celu,
    "selu": _selu,
    "relu": _relu,
    "leaky_relu": _leaky_relu,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "silu": _silu,
    "mish": _mish,
    "gelu": _gelu,
    "hard_sigmoid": _hard_sigmoid,
    "tanh": lambda x, settings: np.tanh(x, out=x),
    "exponential": lambda x, settings: np.exp(x, out=x),
    "softsign": lambda x, settings: x / (1 + np.abs(x)),
    "log_sigmoid": lambda x, settings: -_softplus(-x, settings),
    "softmax": lambda x, settings: softmax(x, settings["axis"]),
    "log_softmax": lambda x, settings: log_softmax(x, settings["axis"]),
}
"""By name; the second argument is the parameters (see `activations`). PReLU has weights and is not here."""
