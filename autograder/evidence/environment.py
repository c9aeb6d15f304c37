"""Evidence as the `env` of an Otter test: a read-only mapping from a notebook's names to views."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from autograder.evidence.folder import Evidence

__all__ = ["Environment"]


class Environment(Mapping[str, Any]):
    """What a hidden or public test sees under `env`."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence

    def __getitem__(self, name: str) -> Any:
        return self.evidence.names[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.evidence.names)

    def __len__(self) -> int:
        return len(self.evidence.names)
