"""Tell which lab a notebook answers, from what it declares and from the names that it defines."""

from __future__ import annotations

import re
from collections.abc import Iterable

import attrs

from autograder.intake.notebooks import Notebook
from autograder.labs import Lab

__all__ = ["Likeness", "likeness"]

_DEFINITION = re.compile(r"\s*(?:async\s+def|def|class)\s+(\w+)")
_TARGETS = re.compile(r"[\w\s,.()\[\]*]+")
_CHECK = re.compile(r"grader\.check\(\s*[\"'](\w+)[\"']")
_LONGEST_LINE = 2_000
# Names of any notebook on neural networks; they tell no lab from another.
_COMMON = re.compile(r"[Xy]\d?(_\w+)?|(x|y)_(train|valid|val|test)|model|history|comparison")
_ENOUGH = 0.3


@attrs.frozen(kw_only=True)
class Likeness:
    """How a notebook looks to one lab."""

    matches: bool
    other: str = ""
    """Where it does not match: the lab that it looks like, or the name that it gives itself."""


def likeness(notebook: Notebook, lab: Lab, labs: Iterable[Lab]) -> Likeness:
    """Whether the notebook answers `lab`, and if not, which of `labs` it answers.

    A notebook says itself which assignment it is; one that lost its first cell and its check cells is
    known by the names it defines: a third of the names that are the lab's own, or any with its check cells.
    """
    defined = _defined_names(notebook.code)
    shares = {other.name: _share(defined, other) for other in labs} | {lab.name: _share(defined, lab)}
    mine = shares[lab.name]
    likest = max(shares, key=lambda name: (shares[name], name == lab.name))
    if lab.name in notebook.declared:
        return Likeness(matches=True)
    foreign = [name for name in notebook.declared if shares.get(name, 0.0) >= mine]
    if foreign:
        return Likeness(matches=False, other=foreign[0])
    if likest != lab.name:
        return Likeness(matches=False, other=likest)
    checks = {name for source in notebook.code for name in _CHECK.findall(source)}
    checked = bool(checks & {question.name for question in lab.questions})
    matches = mine >= _ENOUGH or (checked and mine > 0)
    return Likeness(matches=matches, other="" if matches else next(iter(notebook.declared), ""))


def _share(defined: set[str], lab: Lab) -> float:
    names = {name for question in lab.questions for name in question.defines}
    wanted = {name for name in names if not _COMMON.fullmatch(name)} or names
    return len(wanted & defined) / len(wanted) if wanted else 0.0


def _defined_names(sources: Iterable[str]) -> set[str]:
    """Names that the code seems to define, line by line.

    Not the `ast` module: parsing a stranger's text costs a hundred times its size and stops at the first
    magic command or slip of the pen, and a guess is enough here.
    """
    names: set[str] = set()
    for source in sources:
        for line in source.splitlines():
            if definition := _DEFINITION.match(line[:_LONGEST_LINE]):
                names.add(definition[1])
            left, equals, right = line[:_LONGEST_LINE].partition("=")
            target = left.partition(":")[0]
            if equals and not right.startswith("=") and _TARGETS.fullmatch(target):
                names.update(re.findall(r"\w+", target))
    return names
