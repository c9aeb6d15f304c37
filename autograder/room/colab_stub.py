"""Stands in for Colab's own library inside the room, under the name `google.colab`.

A notebook that was written on Google Colab often begins by mounting a drive or uploading files, in the same
cell as its imports. None of this is there while it is graded, and none of it is needed: each such call does
nothing.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Nothing"]


class Nothing:
    """Whatever is asked of it, it is there and does nothing."""

    def __call__(self, *args: Any, **settings: Any) -> dict[str, bytes]:
        """No files: what `files.upload` returns where nothing was chosen."""
        return {}

    def __getattr__(self, name: str) -> Nothing:
        if name.startswith("__"):
            raise AttributeError(name)
        return self


def __getattr__(name: str) -> Nothing:
    if name.startswith("__"):
        raise AttributeError(name)
    return Nothing()
