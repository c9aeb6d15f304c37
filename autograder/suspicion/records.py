"""One suspicion, and the file in which those of a class are kept."""

from __future__ import annotations

import json
from collections.abc import Iterable

import attrs

__all__ = ["TRACES", "Suspicion", "from_json", "to_json"]

TRACES = ("traces.json", "traces.npz")
"""What a class is compared by, of each submission: its seeds and suspicions, its networks' fingerprints."""


@attrs.frozen(kw_only=True)
class Suspicion:
    """Something that a person should look at."""

    kind: str
    """`test set`, `beyond reach`, `history` or `alike`."""
    model: str
    """The submitted network that it is about."""
    text: str
    """What was seen, in one or two sentences with the figures."""
    submissions: tuple[str, ...] = ()
    """Whose it is; of `alike` two or more."""


def to_json(suspicions: Iterable[Suspicion]) -> str:
    """The text of `suspicions.json`."""
    found = [attrs.asdict(one) for one in suspicions]
    return json.dumps({"schema": 1, "suspicions": found}, ensure_ascii=False, indent=1) + "\n"


def from_json(text: str) -> list[Suspicion]:
    """The suspicions of a `suspicions.json`. Raises ValueError where it is not one."""
    try:
        found = json.loads(text)["suspicions"]
        return [Suspicion(**one | {"submissions": tuple(one["submissions"])}) for one in found]
    except (KeyError, TypeError) as error:
        raise ValueError(f"these are no suspicions: {error}") from error
