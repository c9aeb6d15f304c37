"""Probes of `batch_norm`: they try out what a student wrote, and hold no expected value.

A probe is a function of the `room`, which gives the student's names (`room.defined`) and turns what was
found into evidence (`room.model`, `room.value`).
"""

import ast

import keras

HISTORIES = {"history", "history_plain"}
# Curves of validation and of training. The latter fall in another way, so that a function which reads the
# wrong ones gives other epochs, and yet none for a target that the former never get to.
BUMPY = {
    "val_loss": [2.125, 1.75, 1.875, 1.5, 1.625, 1.375, 1.4375, 1.25, 1.5625],
    "loss": [1.96875, 1.78125, 1.625, 1.46875, 1.34375, 1.21875, 1.1875, 1.171875, 1.15625],
}
FALLING = {"val_loss": [1.875, 1.625, 1.375, 1.125], "loss": [1.8125, 1.5, 1.25, 1.0625]}
TARGETS = [
    (BUMPY, [2.25, 1.875, 1.9375, 1.6875, 1.5, 1.5078125, 1.40625, 1.375, 1.3828125, 1.25, 1.3125, 1.125]),
    (FALLING, [2.0, 1.875, 1.9375, 1.625, 1.75, 1.5, 1.125, 1.1875, 1.0]),
]
# The slower one learns by heart: in the end it is ahead on the images that it was trained on, and only there.
QUICKER = {"val_loss": [1.75, 1.5, 1.375], "loss": [1.5, 1.4375, 1.375]}
SLOWER = {
    "val_loss": [2.125, 2.0, 1.875, 1.8125, 1.75, 1.6875, 1.625, 1.5625, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5],
    "loss": [2.0, 1.875, 1.75, 1.625, 1.5, 1.375, 1.25, 1.125, 1.0, 0.9375, 0.875, 0.8125, 0.75, 0.6875],
}


def build_bn_dnn(room):
    """The model that `build_bn_dnn()` returns, fresh from its initialisers."""
    return room.model(room.defined("build_bn_dnn")(), input_shape=(32, 32, 3))


def epochs_to_targets(room):
    """What `epochs_to_reach` says of two curves, for targets that are reached soon, late, just and never."""
    count = room.defined("epochs_to_reach")
    return [_answer(count, curves, target) for curves, targets in TARGETS for target in targets]


def _answer(count, curves, target):
    found = {"losses": list(curves["val_loss"]), "training": list(curves["loss"]), "target": target}
    try:
        found["answer"] = count(_history(curves), target)
    except Exception as error:
        found["raised"] = f"{type(error).__name__}: {error}"
    return found


def _history(curves):
    """A history as `fit` returns it, with these losses and accuracies to match."""
    history = keras.callbacks.History()
    epochs = len(curves["loss"])
    history.history = {
        "accuracy": [0.9 - loss / 4 for loss in curves["loss"]],
        "loss": list(curves["loss"]),
        "val_accuracy": [0.9 - loss / 4 for loss in curves["val_loss"]],
        "val_loss": list(curves["val_loss"]),
    }
    history.epoch = list(range(epochs))
    history.params = {"verbose": 0, "epochs": epochs, "steps": 1}
    return history


def comparison_of_given_histories(room):
    """What the code behind `comparison` makes of two pairs of given histories, where it can be run on them.

    Trainings of two epochs leave much open: one may never get to the other's best, and the clock is moody.
    Given histories leave nothing open, even to a function that counts something else than it should. In the
    first pair `history` is the quicker, the better and the one with the longer epochs, in the second pair it
    is `history_plain`; in the third the two are alike.
    """
    room.defined("history_plain")
    cells = room.defined("In")
    source = _conclusions(cells)
    quicker, slower = _timed(QUICKER, 2.5), _timed(SLOWER, 1.25)
    pairs = ((quicker, slower), (slower, quicker), (quicker, _timed(QUICKER, 2.5)))
    computed = _is_computed(cells)
    return [_concluded(room, source, *pair) | {"computed": computed} for pair in pairs]


def _concluded(room, source, history, history_plain):
    given = {"history": history, "history_plain": history_plain}
    target = max(min(one.history["val_loss"]) for one in given.values()) + 0.001
    try:
        names = room.rerun(source, **given, target_loss=target, epochs_to_reach=_always_an_epoch(room))
        seconds = [list(one.history["seconds"]) for one in given.values()]
        return {"comparison": names["comparison"], "seconds": seconds}
    except Exception as error:
        return {"raised": f"{type(error).__name__}: {error}"}


def _timed(curves, seconds):
    history = _history(curves)
    history.history["seconds"] = [4 * seconds, *(seconds for _ in history.epoch[1:])]
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
    """The source of all cells that draw conclusions: by `comparison` or by both histories, without training.

    Together with those that prepare for them, by taking from one history what a later cell compares: left
    out, it would be compared with the other history's of the run. Raises LookupError where both histories
    are not among the names that these cells use.
    """
    looked = [(source, *_names(source)) for source in cells]
    looked = [cell for cell in looked if "fit" not in cell[1] and not HISTORIES & cell[2]]
    chosen, used = [], set()
    for source, names, stored in reversed(looked):
        concludes = "comparison" in names or names >= HISTORIES
        if concludes or (stored & used and _prepares(names, stored, _taken(looked))):
            chosen.append(source)
            used |= names
    if not {*HISTORIES, "comparison"} <= used:
        raise LookupError("no cell defines comparison by history and history_plain")
    return "\n".join(reversed(chosen))


def _is_computed(cells):
    """Whether the cells about `comparison` use anything at all that a training, or a history, has given."""
    looked = [_names(source) for source in cells]
    known = set(HISTORIES)
    for names, stored in looked:
        if names & {*known, "fit", "evaluate", "predict"}:
            known |= stored
    used = set().union(*(names for names, _ in looked if "comparison" in names))
    return bool(used & known - {"comparison"})


def _taken(cells):
    """The names of the histories, and of all that was taken from them, cell after cell."""
    taken = set(HISTORIES)
    for _, names, stored in cells:
        if _prepares(names, stored, taken):
            taken |= stored
    return taken


def _prepares(names, stored, taken):
    """Whether a cell takes something from a history and does no more than that."""
    return bool(names & taken) and "epochs_to_reach" not in stored and not names & {"evaluate", "predict"}


def _names(source):
    """The names that a cell uses, with some methods, and the names that it defines."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:
        return set(), set()
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    called = {node.attr for node in nodes if isinstance(node, ast.Attribute)} & {
        *("fit", "evaluate", "predict")
    }
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    functions = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    return names | called, stored | functions
