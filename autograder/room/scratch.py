"""The kernel's own folder: the submission copied in, and a fresh place for each collecting of evidence.

All of it is done by the kernel, as its user: where the driver is another one, the folder is not its to fill.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

__all__ = ["FREE_BYTES", "fresh_folder", "lay_out"]

FREE_BYTES = 300 << 20
"""What the parts of one notebook may need of the scratch folder."""


def lay_out(submission: Path, work: Path) -> None:
    """Copy files and folders, but not their modes and times, which are not this user's to keep."""
    for path in submission.rglob("*"):
        copy = work / path.relative_to(submission)
        if path.is_dir():
            copy.mkdir(exist_ok=True)
        else:
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, copy)


def fresh_folder(folder: Path) -> None:
    """Make a folder that is not there yet and that the driver's group may read, with room for the parts.

    The driver made its name up: nothing that a notebook laid out before can pass for evidence.
    """
    _make_room(folder.parent)
    folder.mkdir()
    folder.chmod(0o750)


def _make_room(folder: Path) -> None:
    """Delete the largest files of the scratch folder where a notebook has filled it."""
    for _, path in sorted(_files(folder), reverse=True):
        state = os.statvfs(folder)
        if state.f_bavail * state.f_frsize >= FREE_BYTES:
            return
        with contextlib.suppress(OSError):
            Path(path).unlink()


def _files(folder: Path) -> Iterator[tuple[int, str]]:
    """The size and path of every file; what is closed, too deep or gone meanwhile is passed over."""
    folders = [str(folder)]
    while folders:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    with contextlib.suppress(OSError):
                        yield entry.stat(follow_symlinks=False).st_size, entry.path
