"""Probes of `mnist_transfer`: they try out what a student wrote, and hold no expected value.

A probe is a function of the `room`, which gives the student's names (`room.defined`) and turns what was
found into evidence (`room.model`, `room.value`). Functions that take a base model are tried on a fresh one
of the student's own and on a plain one made here, as the student's own may be what went wrong.
"""

import contextlib
import functools

import keras
import numpy as np

IMAGE = (28, 28)
EXAMPLES = 32
TRIES = 3
"""Half precision skips its first steps, until it has found by what to multiply the loss."""


def build_dnn_04(room):
    """The model that `build_dnn_04()` returns, fresh from its initialisers."""
    return room.model(room.defined("build_dnn_04")(), input_shape=IMAGE)


def build_bn_dnn_04(room):
    """The model that `build_bn_dnn_04()` returns."""
    return room.model(room.defined("build_bn_dnn_04")(), input_shape=IMAGE)


def build_dropout_dnn_04(room):
    """The model that `build_dropout_dnn_04()` returns."""
    return room.model(room.defined("build_dropout_dnn_04")(), input_shape=IMAGE)


def build_transfer_model(room):
    """What `build_transfer_model(base)` makes of base models, and what a training step changes."""
    return _runs(room, [_transferred(room, "build_transfer_model", base) for base in _bases(room)])


def build_transfer_model_4(room):
    """What `build_transfer_model_4(base)` makes of base models, and what a training step changes."""
    return _runs(room, [_transferred(room, "build_transfer_model_4", base) for base in _bases(room)])


def cache_hidden_outputs(room):
    """What `cache_hidden_outputs(base, X)` gives for some images."""
    return _runs(room, [_cached(room, base) for base in _bases(room)])


def unfreeze_top_two(room):
    """What `unfreeze_top_two(model)` makes of frozen models that have been trained for a step."""
    return _runs(room, [_unfrozen(room, model) for model in _frozen_models(room)])


# ------------------------------------------------------------------------------------------------ the runs


def _transferred(room, name, base):
    run = {"base": room.model(base, input_shape=_shape(base))}
    before, flags = base.get_weights(), _flags(base)
    with _compiles() as compiles:
        try:
            model = room.defined(name)(base)
        except Exception as error:
            return run | {"problem": room.value(f"{type(error).__name__}: {error}")}
    own = {id(variable) for variable in base.variables}
    run |= _described(room, model, compiles, _shape(base))
    if isinstance(model, keras.Model):
        run["shared"] = room.value(sum(id(variable) in own for variable in model.weights))
        run |= _stepped(room, model, _shape(base))
    run["base_moved"] = room.value(_farthest(before, base.get_weights()))
    run["base_flags"] = room.value(flags != _flags(base))
    return run


def _unfrozen(room, model):
    shape = _shape(model)
    run = {"base": room.model(model, input_shape=shape)}
    before = model.get_weights()
    with _compiles() as compiles:
        try:
            found = room.defined("unfreeze_top_two")(model)
        except Exception as error:
            return run | {"problem": room.value(f"{type(error).__name__}: {error}")}
    # A function that changes the model it is given may well return nothing.
    found = model if found is None else found
    run |= _described(room, found, compiles, shape)
    if isinstance(found, keras.Model):
        run["lost"] = room.value(_farthest(before, found.get_weights()))
        run |= _stepped(room, found, shape)
    return run


def _cached(room, base):
    run = {"base": room.model(base, input_shape=_shape(base)), "rows": room.value(EXAMPLES)}
    before, flags = base.get_weights(), _flags(base)
    try:
        outputs = room.defined("cache_hidden_outputs")(base, _images(_shape(base)))
    except Exception as error:
        return run | {"problem": room.value(f"{type(error).__name__}: {error}")}
    run["outputs"] = room.value(outputs)
    run["base_moved"] = room.value(_farthest(before, base.get_weights()))
    run["base_flags"] = room.value(flags != _flags(base))
    return run


def _described(room, model, compiles, shape):
    """A model as it came back, and whether its flags are those that it was compiled with."""
    described = room.model(model, input_shape=shape)  # builds one that has not seen an image
    mine = [awake for compiled, awake in compiles if compiled is model]
    return {
        "model": described,
        "compiles": room.value(len(mine)),
        "stale": room.value(bool(mine) and _flags_since(mine[-1], model)),
    }


def _flags_since(awake, model):
    """Whether a layer with weights has another flag than it had then; one that came later has none."""
    return any(awake.get(id(layer), now) != now for layer, now in _awake(model) if layer.weights)


def _stepped(room, model, shape):
    """How far a training step moves the weights of each layer, if the model is compiled."""
    if not model.compiled:
        return {}
    before, moved = _by_layer(model), {}
    for _ in range(TRIES):
        try:
            _step(model, _shape(model, shape))
        except Exception as error:
            return {"raised": room.value(f"{type(error).__name__}: {error}")}
        after = _by_layer(model)
        moved = {path: _farthest(before[path], after[path]) for path in before}
        if any(moved.values()):
            break
    return {"moved": room.value(moved)}


# --------------------------------------------------------------------------------------------- base models


def _bases(room):
    """A fresh base of the student's own, where there is one that can be used, and a plain one."""
    bases = []
    with contextlib.suppress(Exception):
        own = room.defined("build_dnn_04")()
        answers = own(np.zeros((1, *_shape(own)), np.float32))
        if isinstance(own, keras.Model) and len(answers.shape) == 2:
            bases.append(_compiled(own))
    return [*bases, _compiled(_plain(5))]


def _frozen_models(room):
    """Frozen models, trained for a step: the student's own of four and of five layers, and a plain one."""
    models = []
    for name in ("build_transfer_model_4", "build_transfer_model"):
        with contextlib.suppress(Exception):
            model = room.defined(name)(_bases(room)[0])
            models.append(_trained(model if model.compiled else _compiled(model)))
    plain = _plain(4)
    for layer in plain.layers[:-1]:
        layer.trainable = False
    return [*models, _trained(_compiled(plain))]


def _plain(hidden):
    """A network of so many hidden layers; narrow, and so no answer to question 2."""
    layers = [keras.layers.Flatten()]
    layers += [keras.layers.Dense(40, "tanh") for _ in range(hidden)]
    return keras.Sequential([keras.Input(IMAGE), *layers, keras.layers.Dense(5, "softmax")])


def _compiled(model):
    if not model.compiled:
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _trained(model):
    _step(model, _shape(model))
    return model


def _shape(model, otherwise=IMAGE):
    """The shape of the images that a model takes; a class of one's own, or one not built, does not say."""
    inputs = getattr(model, "inputs", None)
    return tuple(inputs[0].shape[1:]) if inputs else otherwise


# ----------------------------------------------------------------------------------------------- small parts


def _images(shape):
    return np.random.default_rng(0).random((EXAMPLES, *shape), dtype=np.float32)


def _step(model, shape):
    """One step of training on noise, without building a graph; labels as the model's loss takes them."""
    eager, images = model.run_eagerly, _images(shape)
    units = model(images[:1]).shape[-1]
    labels = np.arange(EXAMPLES) % units
    model.run_eagerly = True
    try:
        try:
            model.train_on_batch(images, labels)
        except Exception as error:
            try:
                model.train_on_batch(images, np.eye(units, dtype=np.float32)[labels])
            except Exception:
                raise error from None  # the labels were not what went wrong
    finally:
        model.run_eagerly = eager
        model.train_function = None


def _flags(model):
    """Which weights training may change."""
    return {id(variable) for variable in model.trainable_variables}


def _awake(model, above=True):
    """Each innermost layer, and whether it may be trained: neither it nor what it stands in is frozen."""
    awake = above and model.trainable
    inner = getattr(model, "_layers", [])
    return [pair for layer in inner for pair in _awake(layer, awake)] if inner else [(model, awake)]


def _by_layer(model, path=""):
    """The weights of each layer by the name that it is described under; also of those inside of others."""
    found = {}
    for layer in getattr(model, "layers", None) or getattr(model, "_layers", []):
        name = f"{path}{layer.name}"
        if isinstance(layer, keras.Model):
            found.update(_by_layer(layer, f"{name}/"))
        elif layer.weights:
            found[name] = [np.array(variable) for variable in layer.weights]
            found.update(_by_layer(layer, path))
    return found


def _farthest(before, after):
    """How far any weight moved; without bound where there are other weights now."""
    if [one.shape for one in before] != [one.shape for one in after]:
        return float("inf")
    return max(
        (float(np.abs(one - other).max()) for one, other in zip(before, after, strict=True)), default=0.0
    )


@contextlib.contextmanager
def _compiles():
    """Within the block, every model that is compiled is noted, with its layers' flags at that moment."""
    noted = []
    # Where Keras itself defines it: a class that seems to compile in its own way is cloned otherwise.
    owner = next(cls for cls in keras.Model.__mro__ if "compile" in vars(cls))
    compile_model = vars(owner)["compile"]

    @functools.wraps(compile_model)
    def compile_noted(model, *args, **settings):
        result = compile_model(model, *args, **settings)
        noted.append((model, {id(layer): awake for layer, awake in _awake(model)}))
        return result

    owner.compile = compile_noted
    try:
        yield noted
    finally:
        owner.compile = compile_model


def _runs(room, runs):
    """The record of runs whose parts are records already."""
    items = [_dictionary(room, run) for run in runs]
    return _dictionary(room, {"runs": {"kind": "list", "items": items}})


def _dictionary(room, parts):
    return {"kind": "dict", "items": [[room.value(name), record] for name, record in parts.items()]}
