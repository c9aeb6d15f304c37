"""Where a hidden test gets its evidence: from the judge, or from a live notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autograder.evidence import Environment, Evidence, Unanswered

__all__ = ["evidence_of", "tried_out"]


def evidence_of(env: Mapping[str, Any], lab: str) -> Evidence:
    """The evidence behind a test's `env`.

    The judge's own `env` carries it. A live notebook (plain `otter run`, or an instructor trying a test) is
    described on the spot, by the code that describes it in the room. lab: its name.
    """
    if isinstance(env, Environment):
        return env.evidence
    from autograder.live import evidence_of_notebook

    return evidence_of_notebook(env, lab)


def tried_out(evidence: Evidence, probe: str, *, name: str) -> Any:
    """What a probe found that tries out the student's `name`. Raises Unanswered, which says that name."""
    try:
        return evidence.probe(probe)
    except Unanswered as problem:
        raise Unanswered(str(problem).replace(f"`{probe}`", f"`{name}`")) from problem
