"""Probes of `one_cycle`: they try out what a student wrote, and hold no expected value.

A probe is a function of the `room`, which gives the student's names (`room.defined`) and turns what was
found into evidence (`room.model`, `room.value`). All train a small network on made-up rows, step by step, so
that the rate can be read off the optimiser at each step.
"""

import keras
import numpy as np

ROWS, FEATURES, CLASSES = 640, 8, 10
RATE = 0.007
"""What the network is compiled with: no rate that a schedule would come upon by itself."""


def find_learning_rate(room):
    """What `find_learning_rate(model, X, y)` returns."""
    model, X, y, _ = _problem()
    found = room.defined("find_learning_rate")(model, X, y)
    return [_numbers(part) for part in found] if _is_pair(found) else room.value(found)


def find_learning_rate_with_settings(room):
    """What it returns for other settings, the rates trained with, and the model before and after."""
    model, X, y, used = _problem()
    weights, compiled = model.get_weights(), _compiled(model)
    loss = float(model.evaluate(X, y, batch_size=ROWS, verbose=0)[0])
    found = room.defined("find_learning_rate")(
        model, X, y, epochs=2, batch_size=64, min_rate=1e-4, max_rate=0.1
    )
    return {
        "found": [_numbers(part) for part in found] if _is_pair(found) else found,
        "used": _column(used, 0),
        "loss_before": loss,
        "weights_before": _flat(weights),
        "weights_after": _flat(model.get_weights()),
        "compiled_before": compiled,
        "compiled_after": _compiled(model),
    }


def small_problem(room):
    """Stands in for the given function of that name, whose result no probe needs."""
    room.defined("small_problem")
    return [None, None, None]


def one_cycle_scheduler(room):
    """The rates trained with, every argument given.

    Here as below, an odd number of batches is left ahead of the last stretch: half of it has to be rounded.
    """
    scheduler = room.defined("OneCycleScheduler")(
        48, 0.1, start_rate=0.02, last_iterations=11, last_rate=0.0005
    )
    return _followed(scheduler, epochs=4, batch_size=54)


def one_cycle_scheduler_defaults(room):
    """The rates trained with, only the first two arguments given."""
    return _followed(room.defined("OneCycleScheduler")(33, 0.2), epochs=3, batch_size=60)


def rates_used(room):
    """What the given function of that name returns for a scheduler of the student's."""
    found = _followed(room.defined("OneCycleScheduler")(60, 0.1), epochs=1, batch_size=32)
    return [float(rate) for rate in found["rates"]]


def _problem(momentum=0.1):
    """A compiled network, rows for it, and a list that grows by (rate, momentum) at each step.

    With settings beside the rate, which get lost where a model is compiled anew.
    """
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, FEATURES)).astype(np.float32)
    y = (X @ rng.normal(size=(FEATURES, CLASSES))).argmax(axis=1)
    initializer = keras.initializers.GlorotUniform(seed=1)
    model = keras.Sequential(
        [
            keras.Input((FEATURES,)),
            keras.layers.Dense(16, activation="relu", kernel_initializer=initializer),
            keras.layers.Dense(CLASSES, activation="softmax", kernel_initializer=initializer),
        ]
    )
    optimizer = keras.optimizers.SGD(RATE, momentum=momentum)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=True)
    return model, X, y, _watched(optimizer)


def _watched(optimizer):
    """A list that grows at each step of the optimiser, which remains an ordinary one otherwise."""
    used, apply = [], optimizer.apply

    def noting(grads, trainable_variables=None):
        rate = _float(optimizer.learning_rate)
        if rate is not None:  # a graph under construction, of a model that was compiled anew, has no value
            used.append((rate, _float(optimizer.momentum)))
        return apply(grads, trainable_variables)

    optimizer.apply = noting
    return used


def _followed(scheduler, epochs, batch_size):
    """The rate and the momentum of each step of a training, and the rate that came before it."""
    model, X, y, used = _problem(momentum=0.9)
    model.fit(X, y, epochs=epochs, batch_size=batch_size, callbacks=[scheduler], verbose=0)
    return {"before": RATE, "rates": _column(used, 0), "momentum": _column(used, 1), "epochs": epochs}


def _is_pair(found):
    try:
        return len(found) == 2 and not isinstance(found, (dict, str, set))
    except TypeError:
        return False


def _numbers(values):
    """A series of numbers as an array, whatever holds them; anything else as it is."""
    try:
        return np.concatenate([np.asarray(value, np.float64).reshape(-1) for value in values])
    except (TypeError, ValueError):
        return values


def _column(rows, column):
    return np.asarray([row[column] for row in rows], np.float64)


def _flat(weights):
    return np.concatenate([np.asarray(array, np.float32).reshape(-1) for array in weights])


def _compiled(model):
    """Rate, optimiser and loss of a model; None where it is not compiled any more."""
    if not model.compiled:
        return None
    return {
        "rate": _float(model.optimizer.learning_rate),
        "optimizer": type(model.optimizer).__name__,
        "momentum": _float(getattr(model.optimizer, "momentum", None)),
        "loss": str(getattr(model.loss, "name", getattr(model.loss, "__name__", model.loss))),
        "measured": _measured(model),
    }


def _measured(model):
    """The names of what an evaluation tells; None where there is none."""
    try:
        rows = np.zeros((1, FEATURES), np.float32), np.zeros(1, np.int64)
        return sorted(model.evaluate(*rows, verbose=0, return_dict=True))
    except Exception:
        return None


def _float(value):
    try:
        return float(np.asarray(value))
    except Exception:
        return None
