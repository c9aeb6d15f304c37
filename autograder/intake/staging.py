"""Bring one submission into the form in which the room takes it: one notebook, its models, small files."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import attrs

from autograder.errors import Ungradable
from autograder.intake.notebooks import Notebook, read_notebook
from autograder.intake.recognise import Likeness, likeness
from autograder.intake.sources import File, Pick, opened
from autograder.labs import Lab, find_labs

__all__ = ["Staged", "stage"]

_SMALL_BYTES = 20 * 10**6
_LONGEST_PATH = 200
_MODEL_SUFFIXES = (".history.json", ".keras")
_ARCHIVES = {".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".xz", ".bz2"}
_COPY = re.compile(r"(?: ?\(\d+\)|[ _-]+copy)$", re.IGNORECASE)


@attrs.frozen(kw_only=True)
class Staged:
    """A submission ready for the room, in `folder`; the original is as it was."""

    folder: Path
    identity: str
    """SHA-256, in hexadecimal, over the names and bytes of all its files."""
    models: tuple[str, ...]
    """Names, with suffix, of the submitted model and history files."""
    notes: tuple[str, ...]
    """What a TA should know of how the submission was read."""


def stage(path: Path, lab: Lab, destination: Path, picks: Sequence[Pick] = ()) -> Staged:
    """Write the submission at `path`, made uniform, to the new folder `destination`; of these files, if any.

    There it is `<lab>.ipynb`, every `.keras` and `.history.json` at the top, and small other files where
    they were; folders 0755, files 0644. Raises Ungradable, with the reason, for what cannot be graded;
    MachineFault where reading fails for the machine's sake; OSError where writing does.
    """
    with opened(path, picks) as files:
        chosen, notebook, notes = _choose_notebook(files, lab)
        models, model_notes = _choose_models(files, chosen.path.parent, lab)
        small, small_notes = _choose_small(files, chosen.path.parent)
        _clear(destination)
        try:
            identity, refused = _write_all(destination, lab.notebook_name, notebook, models, small)
        except BaseException:
            _clear(destination)
            raise
    return Staged(
        folder=destination,
        identity=identity,
        models=tuple(sorted(models)),
        notes=(*notebook.notes, *notes, *model_notes, *small_notes, *refused),
    )


def _clear(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _write_all(
    folder: Path,
    notebook_name: str,
    notebook: Notebook,
    models: dict[str, File],
    small: dict[PurePosixPath, File],
) -> tuple[str, list[str]]:
    """Write the files; their identity, and notes on those whose names cannot be used."""
    _make_folder(folder)
    digest = hashlib.sha256()
    _write(folder, PurePosixPath(notebook_name), [notebook.to_bytes()], digest)
    for name in sorted(models):
        _write(folder, PurePosixPath(name), models[name].chunks(), digest)
    refused = [
        f"{place} was left out: its name cannot be used"
        for place in sorted(small)
        if not _write(folder, place, small[place].chunks(), digest)
    ]
    return digest.hexdigest(), refused


def _choose_notebook(files: tuple[File, ...], lab: Lab) -> tuple[File, Notebook, list[str]]:
    candidates = [file for file in files if file.path.suffix.lower() == ".ipynb"]
    if not candidates:
        held = ", ".join(str(file.path) for file in files[:5]) or "nothing"
        raise Ungradable(f"there is no notebook; it holds {held}", hint=f"ask for {lab.notebook_name}")
    labs = find_labs()
    if len(candidates) == 1:
        notebook = read_notebook(candidates[0])
        _demand_likeness(likeness(notebook, lab, labs), lab, candidates[0])
        return candidates[0], notebook, []
    readable = {}
    for file in candidates:
        try:
            notebook = read_notebook(file)
        except Ungradable:
            continue
        if likeness(notebook, lab, labs).matches:
            readable[file.path] = (file, notebook)
    answers = list(readable.values())
    named = [pair for pair in answers if _plain_name(pair[0].path.name) == lab.notebook_name.lower()]
    exact = [pair for pair in named if pair[0].path.name.lower() == lab.notebook_name.lower()]
    for group in (answers, named, exact):
        if len({notebook.to_bytes() for _, notebook in group}) == 1:
            file, notebook = min(group, key=lambda pair: (len(pair[0].path.parts), str(pair[0].path)))
            others = ", ".join(str(other.path) for other in candidates if other is not file)
            return file, notebook, [f"graded {file.path}, not {others}"]
    found = ", ".join(str(file.path) for file in candidates[:5])
    what = "none of them answers" if not answers else "more than one of them answers"
    raise Ungradable(
        f"there are {len(candidates)} notebooks ({found}), and {what} the lab {lab.name}",
        hint=f"ask which one counts, or leave only {lab.notebook_name}",
    )


def _demand_likeness(found: Likeness, lab: Lab, file: File) -> None:
    if found.matches:
        return
    if found.other:
        raise Ungradable(
            f"this looks like lab {found.other}, not {lab.name}",
            where=str(file.path),
            hint=f"grade it with --lab {found.other}, or ask for {lab.notebook_name}",
        )
    raise Ungradable(
        f"the notebook has none of the questions of the lab {lab.name}",
        where=str(file.path),
        hint=f"ask for {lab.notebook_name} as it was handed out, with answers",
    )


def _choose_models(
    files: tuple[File, ...], home: PurePosixPath, lab: Lab
) -> tuple[dict[str, File], list[str]]:
    """The model files by the name they get, all in one folder.

    Of several of one name the one beside the notebook counts, and an exact name before a browser's
    "name (1)". Raises Ungradable where that leaves two different files for a model that is graded.
    """
    groups: dict[str, list[File]] = {}
    for file in files:
        if file.path.name.lower().endswith(_MODEL_SUFFIXES):
            groups.setdefault(_model_name(file.path.name, lab), []).append(file)
    chosen: dict[str, File] = {}
    notes = []
    for name, group in sorted(groups.items()):
        best = min(_preference(file, name, home) for file in group)
        first, *rest = [file for file in group if _preference(file, name, home) == best]
        places = ", ".join(str(file.path) for file in group)
        if any(other.digest() != first.digest() for other in rest):
            if name in _graded_names(lab):
                raise Ungradable(f"there are different files {name}: {places}", hint="ask which one counts")
            notes.append(f"{name} was left out: there are different ones ({places})")
            continue
        chosen[name] = first
        if len(group) > 1:
            notes.append(f"{name} was taken from {first.path}, of {places}")
        elif first.path != home / name:
            notes.append(f"{name} was taken from {first.path}")
    notes += [f"there is no {model}.keras" for model in lab.models if f"{model}.keras" not in chosen]
    return chosen, notes


def _graded_names(lab: Lab) -> set[str]:
    return {f"{model}{suffix}" for model in lab.models for suffix in _MODEL_SUFFIXES}


def _preference(file: File, name: str, home: PurePosixPath) -> tuple[bool, bool]:
    """Smaller is better."""
    return file.path.parent != home, file.path.name != name


def _model_name(name: str, lab: Lab) -> str:
    """The name the lab knows a model file by, where this is a copy's or differs in case; else the name."""
    plain = _plain_name(name)
    return next((known for known in sorted(_graded_names(lab)) if known.lower() == plain), name)


def _plain_name(name: str) -> str:
    """A file name in lower case without what browsers and file managers add to a copy's."""
    suffix = next((end for end in (*_MODEL_SUFFIXES, ".ipynb") if name.lower().endswith(end)), "")
    stem = name[: len(name) - len(suffix)]
    return (_COPY.sub("", stem) + suffix).lower()


def _choose_small(
    files: tuple[File, ...], home: PurePosixPath
) -> tuple[dict[PurePosixPath, File], list[str]]:
    """Other files as the notebook may open them: by their place beside it, else in the whole."""
    small: dict[PurePosixPath, File] = {}
    notes = []
    room = _SMALL_BYTES
    for file in sorted(files, key=lambda file: (file.size, str(file.path))):
        if file.path.name.lower().endswith((".ipynb", *_MODEL_SUFFIXES)):
            continue
        place = file.path.relative_to(home) if file.path.is_relative_to(home) else file.path
        if file.path.suffix.lower() in _ARCHIVES:
            notes.append(f"{file.path} was not opened: archives inside a submission are left out")
        elif file.size > room:
            notes.append(f"{file.path} was left out: other files may be {_SMALL_BYTES / 1e6:.0f} MB in all")
        elif len(str(place).encode()) > _LONGEST_PATH:
            notes.append(f"{str(file.path)[:60]}… was left out: its name is too long")
        elif place not in small:
            small[place] = file
            room -= file.size
    return small, notes


def _write(folder: Path, place: PurePosixPath, chunks: Iterable[bytes], digest: hashlib._Hash) -> bool:
    """Write one file and take it into the digest; False where another file or folder is in its place."""
    target = folder / place
    try:
        for parent in reversed(place.parents[:-1]):
            _make_folder(folder / parent)
        stream = target.open("xb")
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        return False
    content = hashlib.sha256()
    with stream:
        for chunk in chunks:
            stream.write(chunk)
            content.update(chunk)
    target.chmod(0o644)
    digest.update(hashlib.sha256(str(place).encode()).digest() + content.digest())
    return True


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
