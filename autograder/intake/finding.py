"""Find the submissions that the paths on a command line stand for."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import attrs

from autograder.errors import UsageProblem
from autograder.intake.names import safe_identifier

__all__ = ["Candidate", "find_submissions"]

# What course sites put beside the submissions. Anything else is someone's submission, if a hopeless one.
_COMPANIONS = {".csv", ".tsv", ".xlsx", ".txt", ".md", ".yml", ".yaml", ".json", ".log"}
_LITTER = {"__macosx", "__pycache__", "thumbs.db", "desktop.ini"}


@attrs.frozen(kw_only=True)
class Candidate:
    """Something that may be a submission; nothing of it has been read yet."""

    name: str
    """Its name in the results: unique, safe as a file name."""
    path: Path


def find_submissions(paths: Iterable[Path]) -> list[Candidate]:
    """The submissions in `paths`, by name: notebooks, zips, folders, or folders of these.

    A folder that itself holds one notebook, and no zip or other folder with notebooks, is one submission.
    Two that would get the same name get a number. Nothing is opened, so no bad submission can raise here.
    Raises UsageProblem for a path that is not there, or when there is no submission at all.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not os.path.lexists(path):
            raise UsageProblem(f"there is nothing at {path}", hint="check the path for a slip of the pen")
        # A link that the TA typed is meant; those inside of a folder are not followed.
        found.update(dict.fromkeys(_submissions_at(path.resolve())))
    if not found:
        raise UsageProblem(
            "no submission was found", hint="give notebooks, zips, or a folder that holds them, one a student"
        )
    return _named(sorted(found))


def _submissions_at(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    try:
        entries = sorted(entry for entry in path.iterdir() if not _is_litter(entry.name))
    except OSError as error:
        raise UsageProblem(f"{path} cannot be listed: {error.strerror}", hint="check its rights") from error
    notebooks = [entry for entry in entries if entry.suffix.lower() == ".ipynb"]
    others = [entry for entry in entries if entry.suffix.lower() == ".zip" or _holds_submission(entry)]
    if len(notebooks) == 1 and not others:
        return [path]
    return [entry for entry in entries if entry.suffix.lower() not in _COMPANIONS or _is_folder(entry)]


def _holds_submission(entry: Path) -> bool:
    if not _is_folder(entry):
        return False
    try:
        return any(child.suffix.lower() in (".ipynb", ".zip") for child in entry.iterdir())
    except OSError:
        return True


def _is_folder(entry: Path) -> bool:
    return entry.is_dir() and not entry.is_symlink()


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LITTER


def _named(paths: list[Path]) -> list[Candidate]:
    """Names without a suffix where it is a notebook's or a zip's; compared as a file system might."""
    # The one other name in a results folder that is not hidden.
    taken = {"grades.csv"}
    candidates = []
    for path in paths:
        stem = path.stem if path.suffix.lower() in (".ipynb", ".zip") else path.name
        base = safe_identifier(stem)
        name, number = base, 1
        while name.casefold() in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name.casefold())
        candidates.append(Candidate(name=name, path=path))
    return sorted(candidates, key=lambda candidate: candidate.name)
