"""`autograder build`: generate what students get and what grades them, or check that it is up to date."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from autograder.build.bundle import write_bundle
from autograder.build.product import make_product
from autograder.build.prove import GradeReference, prove_reference
from autograder.build.student import assignment_folder
from autograder.errors import UsageProblem
from autograder.labs import Lab, find_lab, find_labs

__all__ = ["build_labs"]

_GENERATED = (".py", ".ipynb", ".md")
"""What may be removed from an assignment folder when it is no longer generated; a person's own files stay."""


def build_labs(
    names: Sequence[str],
    *,
    check: bool,
    echo: Callable[[str], object],
    grade: GradeReference | None = None,
) -> int:
    """Build the labs of these names, or all; returns the exit status.

    check: write nothing, compare `assignments/` byte by byte with what would be generated, and return 1
    if anything differs. grade: grades the reference solution with the new tests, which must get full
    marks; without it the tests are only loaded. echo: takes each line for the user.
    Raises LabProblem for the first master that is wrong, UsageProblem for an unknown lab or none.
    """
    labs = [find_lab(name) for name in names] if names else find_labs()
    if not labs:
        raise UsageProblem("there is no lab to build", hint="look at AUTOGRADER_SOLUTIONS")
    differing = False
    # Otter Assign and the reference's notebook run in processes of their own: threads keep all cores busy.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for lines, differs in pool.map(_check if check else partial(_build, grade=grade), labs):
            differing = differing or differs
            for line in lines:
                echo(line)
    return 1 if differing else 0


def _build(lab: Lab, grade: GradeReference | None) -> tuple[list[str], bool]:
    """Build one lab; returns what to say, and False."""
    start = time.monotonic()
    product = make_product(lab)
    folder = assignment_folder(lab)
    for name in _differences(product.student, folder):
        _write(folder / name, product.student.get(name))
    dist = write_bundle(lab, product)
    proof = "tests load"
    if grade:
        score, possible = prove_reference(lab, dist / "tests", grade)
        proof = f"reference gets {score:g} of {possible:g}"
    hidden = sum(case.hidden for case in product.master.cases)
    told = (
        f"{lab.name}: {len(product.master.questions)} questions, {len(product.master.cases)} tests "
        f"({hidden} hidden), {product.master.points:g} points; {proof}; {time.monotonic() - start:.1f} s"
    )
    return [told], False


def _check(lab: Lab) -> tuple[list[str], bool]:
    """Compare one lab with what is committed; returns what to say, and whether anything differs."""
    folder = assignment_folder(lab)
    differing = _differences(make_product(lab).student, folder)
    told = [f"{lab.name}: {folder.name}/{name} is not what its master gives" for name in differing]
    told.append(f"{lab.name}: " + ("run `autograder build`, then commit" if differing else "up to date"))
    return told, bool(differing)


def _differences(expected: Mapping[str, bytes], folder: Path) -> list[str]:
    """Paths in the folder that are missing, differ, or are left from an earlier master."""
    there = {str(path.relative_to(folder)): path for path in _generated_files(folder)}
    changed = [
        name for name, content in expected.items() if name not in there or there[name].read_bytes() != content
    ]
    return sorted({*changed, *(there.keys() - expected.keys())})


def _generated_files(folder: Path) -> list[Path]:
    found = [*folder.glob("*"), *folder.glob("tests/*")]
    return [path for path in found if path.is_file() and path.suffix in _GENERATED]


def _write(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
