"""The files of a submission, whether a folder, a zip, a bare notebook or a student's share of a class's
download, without unpacking anything.

Nothing here trusts what an archive says of itself: names, sizes, counts and kinds are checked before a
byte is read, and bytes are counted again while they are read. Links are refused, never followed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import struct
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO

import attrs

from autograder.errors import MachineFault, Ungradable
from autograder.intake.names import decode_name, legible, safe_path

__all__ = ["File", "Pick", "clean", "listed", "opened"]

_TOTAL_BYTES = 500 * 10**6
_FILES = 2_000
_RATIO = 100
_RATIO_FROM_BYTES = 20 * 10**6
_DEPTH = 30
# zipfile makes a record per signature before anyone can count them, so they are counted first.
_SIGNATURE = b"PK\x01\x02"
_SIGNATURES = 50_000
_CHUNK = 1 << 20
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}

# A student's own copy of these must not stand in for ours, and the rest is a machine's litter.
_OURS = {"tests", "dnnlab.py", "dnnlab", "sitecustomize.py", "usercustomize.py", "keras.json", "autograder"}
_LITTER = {"__MACOSX", "__pycache__", "thumbs.db", "desktop.ini"}


@attrs.frozen(kw_only=True)
class File:
    """One file of a submission; `path` is relative, composed (NFC) and stays inside."""

    path: PurePosixPath
    size: int
    open: Callable[[], IO[bytes]]

    def chunks(self) -> Iterator[bytes]:
        """Its bytes. Raises Ungradable where they cannot be read or are more than announced."""
        count = 0
        with _reading(str(self.path)), self.open() as stream:
            while chunk := stream.read(_CHUNK):
                count += len(chunk)
                _demand(count <= self.size, "holds more than it announces", where=str(self.path))
                yield chunk

    def digest(self) -> bytes:
        """The SHA-256 of its bytes."""
        digest = hashlib.sha256()
        for chunk in self.chunks():
            digest.update(chunk)
        return digest.digest()

    def read(self, limit: int) -> bytes:
        """All its bytes. Raises Ungradable where they are more than `limit`."""
        if self.size > limit:
            raise Ungradable(
                f"is {self.size / 1e6:.0f} MB, more than the {limit / 1e6:.0f} MB allowed",
                where=str(self.path),
                hint="ask the student to clear large outputs and submit it again",
            )
        return b"".join(self.chunks())


@attrs.frozen(kw_only=True)
class Pick:
    """One file of a class's download, and the name under which its student handed it in."""

    place: int | str
    """In a zip which of its entries it is, counted from 0; in a folder its name there."""
    name: str


def listed(path: Path) -> list[tuple[int, str]]:
    """The files that a zip lists, litter aside: which entry, and its name as it stands there.

    Nothing is checked but that listing it does no harm: no name leads anywhere before `opened` has looked
    at it. Raises Ungradable where the zip cannot be listed.
    """
    with _reading(path.name), _open_plain(path) as stream:
        _check_archive(stream, whole=False)
        with zipfile.ZipFile(stream) as archive:
            names = [_name(info).replace("\\", "/") for info in archive.infolist()]
    return [
        (place, name)
        for place, name in enumerate(names)
        if not name.endswith("/") and _LITTER.isdisjoint(name.split("/")) and not name.startswith(".")
    ]


@contextlib.contextmanager
def opened(path: Path, picks: Sequence[Pick] = ()) -> Iterator[tuple[File, ...]]:
    """The files of the submission at `path`, by name; with `picks`, of these files of what is there.

    A folder that holds a single zip and no notebook stands for that zip, as some course sites deliver it;
    what lies beside the zip belongs to it. Raises Ungradable where the submission is unsafe, too large or
    cannot be read.
    """
    with contextlib.ExitStack() as stack:
        if path.is_symlink():
            raise Ungradable("is a link; links are not followed", hint="put the submission itself there")
        if picks:
            files = _of_single_zip(_picked(path, picks, stack), stack)
        elif path.is_dir():
            files = _of_single_zip(_of_folder(path), stack)
        elif path.suffix.lower() == ".zip":
            files = _of_zip(path, stack)
        else:
            with _reading(path.name):
                files = [_plain_file(path, PurePosixPath(clean(path.name)))]
        yield tuple(sorted(_without_duplicates(files), key=lambda file: str(file.path)))


def _picked(path: Path, picks: Iterable[Pick], stack: contextlib.ExitStack) -> list[File]:
    """The picked files under their students' names, as safe as those of a student's own zip or folder."""
    archive = None
    if not path.is_dir():
        with _reading(path.name):
            # Looked through by `listed`, once: a class's zip may be large, and is opened for every student.
            archive = stack.enter_context(zipfile.ZipFile(stack.enter_context(_open_plain(path))))
    entries = archive.infolist() if archive else []
    files: list[File] = []
    for pick in picks:
        name = safe_path(legible(pick.name))
        if name is None or "\0" in pick.name:
            raise Ungradable(
                "is the name of a file outside of its own folder",
                where=legible(pick.name)[:200],
                hint="nothing was unpacked; ask how it was made, and for a new one",
            )
        if _left_out(name):
            continue
        with _reading(str(name)):
            if archive is None:
                files.append(_plain_file(path / str(pick.place), name))
            else:
                files.append(_entry(archive, entries[int(pick.place)], name))
        _check_totals(len(files), sum(file.size for file in files))
    return files


def _of_single_zip(files: list[File], stack: contextlib.ExitStack) -> list[File]:
    """The files, and in the place of the only zip among them, where there is no notebook, what it holds."""
    zips = [file for file in files if file.path.suffix.lower() == ".zip"]
    if len(zips) != 1 or any(file.path.suffix.lower() == ".ipynb" for file in files):
        return files
    copy = stack.enter_context(_copied(zips[0]))
    inner = _of_zip_stream(copy, str(zips[0].path), stack)
    both = [file for file in files if file is not zips[0]] + inner
    _check_totals(len(both), sum(file.size for file in both))
    return both


@contextlib.contextmanager
def _copied(file: File) -> Iterator[IO[bytes]]:
    """A copy in which one can go back and forth, as nobody can in a zip within a zip."""
    with tempfile.TemporaryFile() as copy:
        for chunk in file.chunks():
            copy.write(chunk)
        copy.seek(0)
        yield copy


def _of_folder(root: Path) -> list[File]:
    files: list[File] = []
    total = 0
    folders = [(root, PurePosixPath())]
    while folders:
        folder, place = folders.pop()
        with _reading(str(place)):
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        for entry in entries:
            path = place / clean(entry.name)
            if _left_out(path):
                continue
            if entry.is_dir(follow_symlinks=False):
                _demand(len(path.parts) <= _DEPTH, f"has folders nested more than {_DEPTH} deep")
                folders.append((Path(entry.path), path))
                continue
            with _reading(str(path)):
                file = _plain_file(Path(entry.path), path)
            files.append(file)
            total += file.size
            _check_totals(len(files), total)
    return files


def _plain_file(path: Path, name: PurePosixPath) -> File:
    found = path.lstat()
    _demand(
        stat.S_ISREG(found.st_mode),
        "holds a link or a device, which is never followed",
        where=str(name),
        hint="ask for a submission of plain files",
    )
    return File(path=name, size=found.st_size, open=lambda: _open_plain(path))


def _open_plain(path: Path) -> IO[bytes]:
    # Neither waits on a pipe nor follows a link that took the file's place since it was looked at.
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")


def _of_zip(path: Path, stack: contextlib.ExitStack) -> list[File]:
    with _reading(path.name):
        stream = stack.enter_context(_open_plain(path))
    return _of_zip_stream(stream, path.name, stack)


def _of_zip_stream(stream: IO[bytes], where: str, stack: contextlib.ExitStack) -> list[File]:
    with _reading(where):
        _check_archive(stream, whole=True)
        archive = stack.enter_context(zipfile.ZipFile(stream))
    files: list[File] = []
    total = 0
    for info in archive.infolist():
        name = _check_name(info)
        if info.is_dir() or name is None or _left_out(name):
            continue
        files.append(_entry(archive, info, name))
        total += info.file_size
        _check_totals(len(files), total)
    _demand(bool(files), "the zip is empty", hint="ask for the submission again")
    return files


def _entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: PurePosixPath) -> File:
    _check_entry(info, name)
    return File(path=name, size=info.file_size, open=lambda: archive.open(info))


def _check_archive(stream: IO[bytes], *, whole: bool) -> None:
    """Refuse an archive whose list of contents would fill the memory; with `whole`, one too large, too."""
    count = 0
    total = 0
    tail = b""
    while chunk := stream.read(_CHUNK):
        count += (tail + chunk).count(_SIGNATURE)
        tail = chunk[-len(_SIGNATURE) + 1 :]
        total += len(chunk)
        _check_totals(0, total if whole else 0)
    _demand(count <= _SIGNATURES, f"lists more than {_SIGNATURES:,} files", hint=_LEAVE_OUT)
    stream.seek(0)


def _name(info: zipfile.ZipInfo) -> str:
    name = info.orig_filename
    return name if info.flag_bits & 0x800 else decode_name(name.encode("cp437"))


def _check_name(info: zipfile.ZipInfo) -> PurePosixPath | None:
    """The place of an entry, None for the archive's own root. Raises Ungradable if it leads outside."""
    name = _name(info)
    if name.strip("./\\") == "" and ".." not in name and info.is_dir():
        return None
    # Cleaned before it is checked: what is invisible could hide the dots of "..".
    path = safe_path(legible(name))
    if path is None or "\0" in name:
        raise Ungradable(
            "the zip names a file outside of its own folder",
            where=legible(name)[:200],
            hint="nothing was unpacked; ask how the zip was made, and for a new one",
        )
    return path


def _check_entry(info: zipfile.ZipInfo, name: PurePosixPath) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    _demand(
        kind in (0, stat.S_IFREG),
        "the zip holds a link or a device",
        where=str(name),
        hint="nothing was unpacked; ask for a zip of plain files",
    )
    _demand(not info.flag_bits & 0x2041, "the zip is encrypted", hint="ask for one without a password")
    _demand(
        info.compress_type in _METHODS,
        "the zip is packed by an unusual method",
        where=str(name),
        hint="ask for an ordinary zip",
    )
    bomb = info.file_size > _RATIO_FROM_BYTES and info.file_size > _RATIO * max(info.compress_size, 1)
    _demand(
        not bomb,
        f"a small file in the zip unpacks to {info.file_size / 1e6:,.0f} MB, as zip bombs do",
        where=str(name),
        hint="nothing was unpacked; ask the student what that file is",
    )
    _demand(len(name.parts) <= _DEPTH, f"has folders nested more than {_DEPTH} deep")


def _without_duplicates(files: list[File]) -> list[File]:
    """One file per name; where two of a name differ nobody can tell which counts, so they are refused."""
    kept: dict[PurePosixPath, File] = {}
    for file in files:
        before = kept.setdefault(file.path, file)
        _demand(
            before is file or before.digest() == file.digest(),
            "holds two different files of this name",
            where=str(file.path),
            hint="ask which one counts",
        )
    return list(kept.values())


_LEAVE_OUT = "ask for the notebook and the saved models only, without data and environments"


def _check_totals(count: int, total: int) -> None:
    _demand(count <= _FILES, f"holds more than {_FILES:,} files", hint=_LEAVE_OUT)
    _demand(total <= _TOTAL_BYTES, f"holds more than {_TOTAL_BYTES / 1e6:.0f} MB", hint=_LEAVE_OUT)


def _demand(condition: bool, what: str, *, where: str = "", hint: str = "") -> None:
    if not condition:
        raise Ungradable(what, where=where, hint=hint)


def _left_out(path: PurePosixPath) -> bool:
    return any(
        part.startswith((".", "otter")) or part in _OURS or part in _LITTER or part.lower() in _LITTER
        for part in path.parts
    )


def clean(part: str) -> str:
    """One part of a path as text that can be shown and written anywhere."""
    if any("\ud800" <= char <= "\udfff" for char in part):
        part = decode_name(os.fsencode(part))
    return legible(unicodedata.normalize("NFC", part)).replace("/", "_") or "_"


@contextlib.contextmanager
def _reading(where: str) -> Iterator[None]:
    """Tell a submission that cannot be read from a disk that cannot be read."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.ENOENT, errno.ELOOP, errno.ENXIO):
            raise Ungradable(
                f"cannot be read: {error.strerror}", where=where, hint="check that it is there and readable"
            ) from error
        if error.errno == errno.EINVAL:  # a place in the zip where no file has any bytes
            raise _damaged(error, where) from error
        raise MachineFault(
            f"reading failed: {error.strerror or error}", where=where, hint="check the disk, then run again"
        ) from error
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OverflowError,
        ValueError,
    ) as error:
        raise _damaged(error, where) from error


def _damaged(error: Exception, where: str) -> Ungradable:
    return Ungradable(
        f"the zip is damaged or is no zip: {error}", where=where, hint="ask for the submission again"
    )
