"""All that is made of one master, in memory, searched and proved."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import attrs

from autograder.build.archive import repacked
from autograder.build.assign import run_assign
from autograder.build.leaks import check_leaks, hidden_numbers
from autograder.build.master import Master, read_master
from autograder.build.prove import prove_tests
from autograder.build.student import student_files
from autograder.labs import Lab

__all__ = ["Product", "make_product"]


@attrs.frozen(kw_only=True)
class Product:
    """What a master gives: equal masters give equal products."""

    master: Master
    student: Mapping[str, bytes]
    """The student version, by path in its folder."""
    tests: Mapping[str, bytes]
    """All tests, hidden ones too, by file name."""
    archive: bytes
    """The autograder zip as Otter wants it."""


def make_product(lab: Lab) -> Product:
    """Read the master, run Otter Assign, search for leaks and prove the tests; some five seconds.

    Raises LabProblem for a master that is wrong, MachineFault where Otter does not come to an end.
    """
    master = read_master(lab)
    with tempfile.TemporaryDirectory(prefix="autograder-build-") as name:
        assigned = run_assign(lab, Path(name))
        student = student_files(lab, assigned)
        check_leaks(master, student, hidden_numbers(lab.calibration))
        prove_tests(master, public=assigned.public_tests, every=assigned.all_tests)
        tests = {path.name: path.read_bytes() for path in sorted(assigned.all_tests.glob("*.py"))}
        return Product(master=master, student=student, tests=tests, archive=repacked(assigned.archive))
