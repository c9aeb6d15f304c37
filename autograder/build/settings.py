"""Settings in a cell of a master, as YAML."""

from __future__ import annotations

from typing import Any

from autograder.errors import LabProblem

__all__ = ["read_settings"]


def read_settings(text: str, where: str) -> dict[str, Any]:
    """The settings that a cell holds. Raises LabProblem for anything but a mapping."""
    import yaml

    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise LabProblem(
            f"settings that are not YAML: {error}", where=where, hint="quote the value"
        ) from error
    if not isinstance(config, dict):
        raise LabProblem("settings that are not a mapping", where=where, hint="write them as key: value")
    return config
