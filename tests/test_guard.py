"""What a notebook patched is put back before anything is described, and is its own again afterwards."""

import sys
import types

import pytest

from autograder.room.guard import Guard

SOURCE = """
class Layer:
    def call(self, x, *, scale=1):
        return x * scale

class Dense(Layer):
    pass

def double(x=1, *, times=2):
    return x * times
"""


@pytest.fixture
def package(monkeypatch):
    """A small package that is guarded."""
    module = types.ModuleType("small_package")
    exec(SOURCE, vars(module))
    for name in ("Layer", "Dense", "double"):
        getattr(module, name).__module__ = "small_package"
    monkeypatch.setitem(sys.modules, "small_package", module)
    return module


def replace_a_function(package):
    """Another function under the same name."""
    package.double = lambda x=1, *, times=2: -1


def replace_a_method(package):
    """Another method."""
    package.Layer.call = lambda self, x, *, scale=1: -1


def add_a_method(package):
    """A method of a class that had its base's."""
    package.Dense.call = lambda self, x, *, scale=1: -1


def change_a_body(package):
    """The same function, with another's code."""
    package.double.__code__ = (lambda x=1, *, times=2: -1).__code__


def change_the_body_of_a_method(package):
    """The same method, with another's code."""
    package.Layer.call.__code__ = (lambda self, x, *, scale=1: -1).__code__


def change_a_default(package):
    """The same function, which takes another value where it is given none."""
    package.double.__defaults__ = (-1,)


def change_a_keyword_default(package):
    """The same, for an argument by name."""
    package.double.__kwdefaults__ = {"times": -1}


def change_a_keyword_default_in_place(package):
    """The same, without a new dictionary of them."""
    package.double.__kwdefaults__["times"] = -1


def swap_the_module(package):
    """Another module under the same name."""
    sys.modules["small_package"] = types.ModuleType("small_package")


def replace_a_builtin(package):
    """A builtin function of all modules."""
    __builtins__["abs"] = lambda x: -1


def results(package):
    """What comes of the guarded functions, as whoever imports the package meets them."""
    module = sys.modules["small_package"]
    double = getattr(module, "double", lambda: None)
    return double(), package.Dense().call(3), abs(-7)


@pytest.mark.parametrize(
    "patch",
    [
        *(replace_a_function, replace_a_method, add_a_method, change_a_body, change_the_body_of_a_method),
        *(change_a_default, change_a_keyword_default, change_a_keyword_default_in_place),
        *(swap_the_module, replace_a_builtin),
    ],
)
def test_within_the_block_all_is_as_it_was(package, patch, monkeypatch):
    """Whatever was patched, within the block functions compute what they did at the start."""
    monkeypatch.setitem(__builtins__, "abs", abs)
    guard = Guard(("small_package",))
    before = results(package)
    patch(package)
    assert before != results(package)
    with guard.restored():
        within = results(package)

    assert before == within == (2, 3, 7)


@pytest.mark.parametrize(
    ("patch", "name"),
    [
        (replace_a_function, "small_package.double"),
        (replace_a_method, "Layer.call"),
        (add_a_method, "Dense.call"),
        (change_a_body, "small_package.double"),
        (replace_a_builtin, "builtins.abs"),
    ],
)
def test_what_was_patched_is_named_and_given_back(package, patch, name, monkeypatch):
    """The block is told the name, and afterwards the patch is there again."""
    monkeypatch.setitem(__builtins__, "abs", abs)
    guard = Guard(("small_package",))
    patch(package)
    patched = results(package)
    with guard.restored() as changed:
        pass

    assert [name] == changed
    assert patched == results(package)


def test_nothing_patched_nothing_named(package):
    """Around plain work the block names nothing."""
    with Guard(("small_package",)).restored() as changed:
        assert [] == changed
