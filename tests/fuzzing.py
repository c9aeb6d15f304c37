"""Fuzzing with Hypothesis: a fixed number of examples in every run of the tests, or for as long as is asked.

`AUTOGRADER_FUZZ_SECONDS=600 pytest tests/test_fuzz.py` runs each fuzzer for ten minutes, with new examples.
"""

import copy
import os
import time

from hypothesis import HealthCheck, Phase, given, seed, settings

__all__ = ["HOSTILE", "fuzz", "paths_of", "replaced"]

BOUNDED = settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    # An example costs too much here for hundreds of tries at a shorter one.
    phases=[Phase.generate],
    report_multiple_bugs=False,
)
ENDLESS = settings(BOUNDED, derandomize=False)

HOSTILE = [
    *(None, True, False, 0, -1, 1, 2**31, 2**53, 2**70, -(2**70), 10**400, 1e308, -1e-308, 0.5),
    *("", "nan", "inf", "-inf", "x" * 5000, "\ud800", "\0", "../../x", "{0.__class__}", "%s", "n0", "f0"),
    *([], {}, [[]], [None], [-1], [2**40, 2**40], [2**62], ["n0"], [[["n0"]]], {"": {}}, list(range(3000))),
    *({"kind": "none"}, {"kind": "model"}, {"kind": "list", "items": [1]}, {"kind": "function", "which": -1}),
    {"kind": "number", "type": "int", "value": 10**400},
    {"kind": "number", "type": "float", "value": "nan"},
    {"kind": "number", "type": "bool", "value": "x"},
    {"kind": "dict", "items": [[{}, {}]]},
    {"kind": "text", "value": "<script>alert(1)</script>"},
    {"kind": "history", "history": {"loss": [], "val_loss": ["nan"]}},
    {"kind": "array", "shape": [2**62], "dtype": "uint8", "data": "n0"},
    {"kind": "array", "shape": [0], "dtype": "O", "problem": "x"},
    {"class_name": "Dense", "config": {}},
    {"class_name": "__lambda__", "config": {"value": "4wEAAAA="}},
    {"class_name": "__numpy__", "config": {"value": [[1.0], [2.0, 3.0]]}},
]
"""What stands in for a part of a record."""


def fuzz(check, *, examples, **strategies):
    """Give a check drawn arguments: so many times, or as many seconds as the environment asks for."""
    seconds = float(os.environ.get("AUTOGRADER_FUZZ_SECONDS", "0"))
    if not seconds:
        settings(BOUNDED, max_examples=examples)(given(**strategies)(check))()
        return
    until, rounds = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        fresh = seed(int.from_bytes(os.urandom(4), "big"))
        fresh(settings(ENDLESS, max_examples=min(examples, 20))(given(**strategies)(check)))()
        rounds += 1
    print(f"\nquiet for {seconds:g} seconds: {rounds} rounds of up to 20 examples")


def paths_of(record, path=()):
    """The paths to everything inside a record."""
    found = [path]
    items = (
        record.items() if isinstance(record, dict) else enumerate(record) if isinstance(record, list) else ()
    )
    for key, value in items:
        found += paths_of(value, (*path, key))
    return found


def replaced(record, path, value):
    """A copy of a record with one place replaced."""
    if not path:
        return value
    record = copy.deepcopy(record)
    place = record
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return record
