"""Probes of `batch_norm`: they try out what a student wrote, and hold no expected value.

A probe is a function of the `room`, which gives the student's names (`room.defined`) and turns what was
found into evidence (`room.model`, `room.value`).
"""

import ast

import keras

BUMPY = [2.125, 1.75, 1.875, 1.5, 1.625, 1.375, 1.4375, 1.25, 1.5625]
FALLING = [1.875, 1.625, 1.375, 1.125]
TARGETS = [
    (BUMPY, [2.25, 1.875, 1.9375, 1.6875, 1.5, 1.5078125, 1.40625, 1.375, 1.3828125, 1.25, 1.3125, 1.125]),
    (FALLING, [2.0, 1.875, 1.9375, 1.625, 1.75, 1.5, 1.125, 1.1875, 1.0]),
]


def build_bn_dnn(room):
    """The model that `build_bn_dnn()` returns, fresh from its initialisers."""
    return room.model(room.defined("build_bn_dnn")(), input_shape=(32, 32, 3))


def epochs_to_targets(room):
    """What `epochs_to_reach` says of two curves, for targets that are reached soon, late, just and never."""
    count = room.defined("epochs_to_reach")
    return [_answer(count, losses, target) for losses, targets in TARGETS for target in targets]


def _answer(count, losses, target):
    found = {"losses": list(losses), "target": target}
    try:
        found["answer"] = count(_history(losses), target)
    except Exception as error:
        found["raised"] = f"{type(error).__name__}: {error}"
    return found


def _history(losses):
    """A history as `fit` returns it, with equal losses for training and validation."""
    history = keras.callbacks.History()
    accuracies = [0.25 + epoch / 32 for epoch in range(len(losses))]
    history.history = {
        "accuracy": accuracies,
        "loss": list(losses),
        "val_accuracy": list(accuracies),
        "val_loss": list(losses),
    }
    history.epoch = list(range(len(losses)))
    history.params = {"verbose": 0, "epochs": len(losses), "steps": 1}
    return history


def comparison_of_given_histories(room):
    """What the code behind `comparison` makes of two given histories; None where it could do with its own.

    Trainings of two epochs can be such that a sound comparison stops: where the one never gets to the
    other's best, there is no epoch to compare. Then it is run again on histories that leave nothing open.
    """
    try:
        room.defined("comparison")
    except NameError:
        histories = {"history": _timed(QUICKER, 2.5), "history_plain": _timed(SLOWER, 1.25)}
        names = room.rerun(
            "\n".join(_conclusions(room.defined("In"))),
            **histories,
            target_loss=max(min(QUICKER), min(SLOWER)) + 0.001,
            epochs_to_reach=_always_an_epoch(room),
        )
        return room.value({"comparison": names["comparison"], **histories})
    return None


QUICKER = [1.75, 1.5, 1.375, 1.25, 1.3125]
SLOWER = [2.125, 2.0, 1.875, 1.75, 1.6875, 1.625, 1.5625, 1.5, 1.5625, 1.625]


def _timed(losses, seconds):
    history = _history(losses)
    history.history["seconds"] = [seconds * 4, *(seconds for _ in losses[1:])]
    return history


def _always_an_epoch(room):
    """The student's own function; where it finds no epoch, the number of all epochs.

    It is judged elsewhere: what it gets wrong should not count a second time.
    """

    def count(history, target_loss):
        try:
            found = room.defined("epochs_to_reach")(history, target_loss)
        except Exception:
            found = None
        return len(history.history["val_loss"]) if found is None else found

    return count


def _conclusions(cells):
    """The source of the cells that define `comparison`, or that use its second history without training."""
    for source in cells:
        try:
            names = [
                node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.Name, ast.Attribute))
            ]
        except SyntaxError:
            continue
        used = {node.id if isinstance(node, ast.Name) else node.attr for node in names}
        if used & {"comparison", "history_plain"} and "fit" not in used:
            yield source
