"""Find the submissions that the paths on a command line stand for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

import attrs

from autograder.errors import AutograderError, UsageProblem
from autograder.intake.canvas import Share, shares
from autograder.intake.names import legible, safe_identifier
from autograder.intake.sources import Pick, clean, listed

__all__ = ["Candidate", "find_submissions"]

# What course sites put beside the submissions. Anything else is someone's submission, if a hopeless one.
_COMPANIONS = {".csv", ".tsv", ".xlsx", ".txt", ".md", ".yml", ".yaml", ".json", ".log"}
_LITTER = {"__macosx", "__pycache__", "thumbs.db", "desktop.ini"}
_SUBMISSIONS = {".ipynb", ".zip"}
# The folders of a class as Gradescope's and Moodle's zips have them.
_OF_A_STUDENT = re.compile(r"submission_\d+|[^/]+_\d+_assignsubmission_[a-z]+_?")


@attrs.frozen(kw_only=True)
class Candidate:
    """Something that may be a submission; nothing of it has been read yet."""

    name: str
    """Its name in the results: unique, safe as a file name."""
    path: Path
    picks: tuple[Pick, ...] = ()
    """Which of the files at `path` it is, where those of a whole class lie there; empty where it is all."""
    canvas_id: str = ""
    """The student's id in Canvas; empty where it is not known."""
    notes: tuple[str, ...] = ()
    """What a TA should know of how it was found."""
    doubt: str = ""
    """Why nobody can tell whose it is, so that it must not be graded; else empty."""


def find_submissions(paths: Iterable[Path]) -> list[Candidate]:
    """The submissions in `paths`, by name: notebooks, zips, folders, folders of these, downloads of a class.

    A folder that itself holds one notebook, and no zip or other folder with notebooks, is one submission.
    A folder or zip in which everything is named as Canvas names it is taken apart by student; so is a zip
    that holds nothing but Gradescope's or Moodle's folders. A zip inside of a folder is one student's.
    Two that would get the same name get a number. No bad submission can raise here.
    Raises UsageProblem for a path that is not there, for a folder of which only a part is Canvas's, or
    when there is no submission at all.
    """
    found: dict[Candidate, None] = {}
    for path in paths:
        if not os.path.lexists(path):
            raise UsageProblem(f"there is nothing at {path}", hint="check the path for a slip of the pen")
        # A link that the TA typed is meant; those inside of a folder are not followed.
        found.update(dict.fromkeys(_submissions_at(path.resolve())))
    if not found:
        raise UsageProblem(
            "no submission was found", hint="give notebooks, zips, or a folder that holds them, one a student"
        )
    return _named(sorted(found, key=lambda one: (one.path, one.name)))


def _submissions_at(path: Path) -> list[Candidate]:
    if not path.is_dir():
        return (_class_in_zip(path) if path.suffix.lower() == ".zip" else []) or [_whole(path)]
    try:
        entries = sorted(entry for entry in path.iterdir() if not _is_litter(entry.name))
    except OSError as error:
        raise UsageProblem(f"{path} cannot be listed: {error.strerror}", hint="check its rights") from error
    if canvas := _canvas_in_folder(path, [entry for entry in entries if not _is_folder(entry)]):
        return canvas + [_whole(entry) for entry in entries if _is_folder(entry)]
    notebooks = [entry for entry in entries if entry.suffix.lower() == ".ipynb"]
    others = [entry for entry in entries if entry.suffix.lower() == ".zip" or _holds_submission(entry)]
    if len(notebooks) == 1 and not others:
        return [_whole(path)]
    return [
        _whole(entry) for entry in entries if entry.suffix.lower() not in _COMPANIONS or _is_folder(entry)
    ]


def _whole(path: Path) -> Candidate:
    """All that is at a path, under the path's own name without what makes it a notebook or a zip."""
    return Candidate(name=path.stem if path.suffix.lower() in _SUBMISSIONS else path.name, path=path)


def _canvas_in_folder(path: Path, files: list[Path]) -> list[Candidate]:
    """The students whose files lie in a folder as Canvas's zip has them; none where it is no such folder."""
    named = [file for file in files if shares([clean(file.name)])]
    found = shares([clean(file.name) for file in named])
    strange = [file.name for file in files if file not in named and file.suffix.lower() not in _COMPANIONS]
    if not found or all(file.suffix.lower() in _COMPANIONS for file in named):
        return []
    if not strange:
        return [_of_share(path, share, [file.name for file in named]) for share in found]
    if all(len(share.picks) == 1 for share in found) and all(
        file.suffix.lower() in _SUBMISSIONS for file in named
    ):
        # One file each: nothing belongs together, whoever named them.
        return []
    raise UsageProblem(
        f"{len(named)} files of {path} are named as Canvas names them, and {len(strange)} are not "
        f"({legible(', '.join(strange[:3]))}), so nobody can tell which belong together",
        hint="move what did not come from Canvas to a folder of its own, and give both folders",
    )


def _of_share(path: Path, share: Share, places: list[str] | list[int]) -> Candidate:
    picks = tuple(Pick(place=places[int(pick.place)], name=pick.name) for pick in share.picks)
    return Candidate(
        name=share.name,
        path=path,
        picks=picks,
        canvas_id=share.canvas_id,
        notes=share.notes,
        doubt=share.doubt,
    )


def _class_in_zip(path: Path) -> list[Candidate]:
    """The students of a class's download; none where the zip is something else, or cannot be listed."""
    try:
        entries = listed(path)
    except AutograderError:
        return []
    places = [place for place, _ in entries]
    names = [name for _, name in entries]
    root = names[0].partition("/")[0] + "/" if names else ""
    inside = [name.removeprefix(root) for name in names] if all(n.startswith(root) for n in names) else names
    for these in (names, inside):
        if found := shares(these):
            return [_of_share(path, share, places) for share in found]
    return _folders_in_zip(path, places, inside)


def _folders_in_zip(path: Path, places: list[int], names: list[str]) -> list[Candidate]:
    students: dict[str, list[Pick]] = {}
    for place, name in zip(places, names, strict=True):
        folder, _, rest = name.partition("/")
        if rest and _OF_A_STUDENT.fullmatch(folder):
            students.setdefault(folder, []).append(Pick(place=place, name=rest))
        elif Path(folder).suffix.lower() not in _COMPANIONS or rest:
            return []
    return [Candidate(name=name, path=path, picks=tuple(picks)) for name, picks in students.items()]


def _holds_submission(entry: Path) -> bool:
    if not _is_folder(entry):
        return False
    try:
        return any(child.suffix.lower() in _SUBMISSIONS for child in entry.iterdir())
    except OSError:
        return True


def _is_folder(entry: Path) -> bool:
    return entry.is_dir() and not entry.is_symlink()


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LITTER


def _named(found: list[Candidate]) -> list[Candidate]:
    """The candidates under names that are safe, and different even to a file system that ignores case."""
    # The one other name in a results folder that is not hidden.
    taken = {"grades.csv"}
    candidates = []
    for one in found:
        base = safe_identifier(one.name)
        name, number = base, 1
        while name.casefold() in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name.casefold())
        candidates.append(attrs.evolve(one, name=name))
    return sorted(candidates, key=lambda candidate: candidate.name)
