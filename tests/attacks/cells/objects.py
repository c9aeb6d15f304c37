"""Objects that leave, lie or never end when somebody looks at them, under names of all kinds."""

import itertools

import keras


class Leaving(BaseException):
    def __str__(self):
        raise Leaving

    __repr__ = __str__


def leave(*args, **settings):
    raise Leaving


class Kind(type):
    def __getattribute__(cls, name):
        if name in ("__name__", "__qualname__", "__module__", "__mro__", "__bases__"):
            raise Leaving
        return type.__getattribute__(cls, name)

    __subclasscheck__ = __instancecheck__ = leave


class Hollow(metaclass=Kind):
    __array__ = __len__ = __iter__ = __float__ = __index__ = __bool__ = __hash__ = leave
    history = property(leave)
    __class__ = property(leave)


class Endless(dict):
    def items(self):
        return zip(itertools.count(), itertools.count())

    def __len__(self):
        return 3


hollow, endless, forever, Layer = object.__new__(Hollow), Endless(), itertools.count(), keras.layers.Layer
try:
    Unready = type("Both", (Kind, type(Layer)), {})("Unready", (Layer,), {})
except BaseException:
    Unready = Hollow
for name, thing in (("lr_results", hollow), ("best_lr", forever)):
    if type(globals().get(name)) not in (dict, float):
        globals()[name] = thing
print("\nattack ran\n", end="")
