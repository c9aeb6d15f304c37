"""Unpack the tar stream of a sandbox into an evidence folder, whatever the stream holds."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

__all__ = ["MAX_FILE_BYTES", "unpack"]

MAX_FILE_BYTES = 160 << 20
MAX_ALL_BYTES = 400 << 20
MAX_MEMBERS = 64
_NAME = re.compile(r"(?:[a-z][A-Za-z0-9_]{0,60})\.(?:json|npz|ipynb)")


def unpack(stream: Path, folder: Path) -> list[str]:
    """Copy every complete, plainly named file of the stream into the folder; returns their names.

    The stream was written by the sandbox, where student code runs: links, folders, odd names, second
    copies and oversized files are passed over, and a stream that breaks off ends the list.
    """
    names: list[str] = []
    room = MAX_ALL_BYTES
    try:
        with tarfile.open(stream, mode="r:") as archive:
            for count, member in enumerate(archive):
                if count >= MAX_MEMBERS:
                    break
                if not member.isreg() or member.issparse() or member.size > min(MAX_FILE_BYTES, room):
                    continue
                if not _NAME.fullmatch(member.name) or member.name in names:
                    continue
                source = archive.extractfile(member)
                content = source.read() if source else b""
                if len(content) == member.size:
                    (folder / member.name).write_bytes(content)
                    names.append(member.name)
                    room -= member.size
    except (tarfile.TarError, EOFError, ValueError, OverflowError):
        pass
    return names
