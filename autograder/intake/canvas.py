"""Tell whose the files of Canvas's "Download submissions" are, by their names alone.

Canvas puts all files of a class side by side and writes before each whose it is:

    kimmina_12345_678901_cifar10_dnn.ipynb             name, user id, file id, the student's own file name
    kimmina_LATE_12345_678902_cifar10_dnn-1.keras      handed in late, and again: Canvas put the -1 there
    kimmina_12345_text.html                            typed into Canvas instead of handed in as a file
    anon_q3Zt8_678903_cifar10_dnn.ipynb                grading is anonymous

Only file names are the student's own, but names of persons can often be changed, too: a student who calls
herself "kimmina_12345" gets files that begin like those of another. Such a name reads in two ways, and where
both are possible the files belong to nobody until a person has looked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

import attrs

from autograder.intake.names import legible
from autograder.intake.sources import Pick

__all__ = ["Share", "shares"]

_NUMBERS = re.compile(r"(?=_(\d{1,20})_(\d{1,20})_(.+))", re.DOTALL)
_TYPED = re.compile(r"(?=_(\d{1,20})_((?:text|link)\.html)$)")
_ANONYMOUS = re.compile(
    r"(anon|anonymous)_(?:late_)?([A-Za-z0-9]{5})_(\d{1,20})_(.+)", re.DOTALL | re.IGNORECASE
)
_LATE = re.compile(r"_late$", re.IGNORECASE)
# Canvas counts with small numbers, and a year or a student number is no count.
_AGAIN = re.compile(r"-\d{1,2}(?=(\.history)?\.\w+$)")
_COUNTED = (".ipynb", ".keras", ".history.json", ".zip")
# Users of one course have ids of one size; those of files are far larger, and counts far smaller.
_FAR = 10


@attrs.frozen(kw_only=True)
class Share:
    """What one student handed in, of a class's download."""

    name: str
    """Whose it is, for people: Canvas's name of the student and the id."""
    canvas_id: str
    """Canvas's id of the student; empty where grading is anonymous."""
    picks: tuple[Pick, ...]
    notes: tuple[str, ...]
    doubt: str = ""
    """Why nobody can tell whose files these are; empty where it is certain."""


@attrs.frozen(kw_only=True)
class _Reading:
    """One way to read a file's name."""

    person: str
    user: str
    late: bool
    number: int
    """Canvas's id of the file, which grows; 0 for what was typed."""
    file: str

    @property
    def whose(self) -> tuple[str, str]:
        return self.person, self.user


@attrs.frozen(kw_only=True)
class _Delivered:
    place: int
    reading: _Reading
    others: tuple[_Reading, ...]


def shares(names: Sequence[str]) -> list[Share]:
    """Who handed in which of these files, by name; none where any of them is not named as Canvas does.

    A pick's place is the file's index in `names`. No two files of a download have one id, no user has two
    names, and not everything is one student's in several notebooks: what looks so is a class whose own
    way of naming files happens to look like Canvas's.
    """
    anonymous = [_anonymous(name) for name in names]
    if names and all(anonymous):
        delivered = [
            _Delivered(place=place, reading=reading, others=())
            for place, reading in enumerate(anonymous)
            if reading is not None
        ]
    else:
        every = [list(_readings(name)) for name in names]
        if not names or not all(every):
            return []
        delivered = _certain(every)
    if not _is_canvas(delivered):
        return []
    groups: dict[tuple[str, str], list[_Delivered]] = {}
    for one in delivered:
        groups.setdefault(one.reading.whose, []).append(one)
    return [_share(group, names, named=not all(anonymous)) for group in groups.values()]


def _anonymous(name: str) -> _Reading | None:
    found = _ANONYMOUS.fullmatch(name)
    if not found:
        return None
    late = "_late_" in name[: found.start(2)].lower()
    return _Reading(person=found[1], user=found[2], late=late, number=int(found[3]), file=found[4])


def _readings(name: str) -> Iterator[_Reading]:
    """All ways to read a name as Canvas's, that of the shortest person's name first."""
    # No person's name has a slash in it once Canvas has made it fit for a file's.
    last = name.find("/") if "/" in name else len(name)
    for found in _NUMBERS.finditer(name):
        if found.start() <= last:
            yield _reading(name[: found.start()], found[1], int(found[2]), found[3])
    for found in _TYPED.finditer(name):
        if found.start() <= last:
            yield _reading(name[: found.start()], found[1], 0, found[2])


def _reading(person: str, user: str, number: int, file: str) -> _Reading:
    late = bool(_LATE.search(person))
    return _Reading(person=_LATE.sub("", person), user=user, late=late, number=number, file=file)


def _certain(every: list[list[_Reading]]) -> list[_Delivered]:
    """The first reading of each name, with the others that cannot be ruled out.

    One whose user's id is far from those in names that read in one way only is ruled out: there a file's
    id or a number of the file's own name was taken for it, as in `20241234_lab.ipynb` or `lab_1_2.ipynb`.
    """
    known = [int(readings[0].user) for readings in every if len(readings) == 1]
    least, most = (min(known) / _FAR, max(known) * _FAR) if known else (0.0, math.inf)
    return [
        _Delivered(
            place=place,
            reading=first,
            others=tuple(one for one in others if least <= int(one.user) <= most),
        )
        for place, (first, *others) in enumerate(every)
    ]


def _is_canvas(delivered: list[_Delivered]) -> bool:
    certain = [one.reading for one in delivered if not one.others]
    numbers = [one.number for one in certain if one.number]
    persons = {one.user: one.person for one in certain}
    if len(numbers) != len(set(numbers)) or any(persons[one.user] != one.person for one in certain):
        return False
    notebooks = {_plain(one.reading.file) for one in delivered if one.reading.file.lower().endswith(".ipynb")}
    return len(notebooks) <= 1 or len({one.reading.whose for one in delivered}) > 1


def _plain(file: str) -> str:
    """The file name without what Canvas adds to one that is handed in again."""
    return _AGAIN.sub("", file)


def _share(group: list[_Delivered], names: Sequence[str], *, named: bool) -> Share:
    person, user = group[0].reading.whose
    picks, notes = _named_as_before(group)
    if any(one.reading.late for one in group):
        notes.append("handed in late, says Canvas; no point depends on it")
    doubt = ""
    unsure = next((one for one in group if one.others), None)
    if unsure is not None:
        other = unsure.others[0]
        doubt = (
            f"it cannot be told whose {legible(names[unsure.place])} is: "
            f"{_told(unsure.reading)}, or {_told(other)}"
        )
    return Share(
        name=f"{person}_{user}",
        canvas_id=user if named else "",
        picks=tuple(picks),
        notes=tuple(notes),
        doubt=doubt,
    )


def _told(reading: _Reading) -> str:
    return legible(f"{reading.file} of {reading.person or 'somebody'} (id {reading.user})")


def _named_as_before(group: list[_Delivered]) -> tuple[list[Pick], list[str]]:
    """The files under the names that the student gave them, and what was done to get there.

    Of notebooks, networks, histories and zips that had one name the newest counts. Any other file keeps
    the name that it came with, and has its former one as well where nothing else has: `data-2.csv` may be
    the student's own name.
    """
    taken = {one.reading.file for one in group}
    newest: dict[str, _Delivered] = {}
    for one in sorted(group, key=lambda one: one.reading.number):
        newest[_plain(one.reading.file)] = one
    picks, renamed, passed = [], [], []
    for one in group:
        file, plain = one.reading.file, _plain(one.reading.file)
        latest = newest[plain]
        if not plain.lower().endswith(_COUNTED):
            picks.append(Pick(place=one.place, name=file))
            if one is latest and plain not in taken:
                picks.append(Pick(place=one.place, name=plain))
        elif one is latest:
            picks.append(Pick(place=one.place, name=plain))
            renamed += [f"{file} as {plain}"] if file != plain else []
        else:
            passed.append(f"{latest.reading.file} counts, not {file}")
    notes = [f"Canvas renamed what was handed in again; read {', '.join(renamed)}"] if renamed else []
    notes += [f"handed in again: {', '.join(passed)}"] if passed else []
    return picks, [legible(note) for note in notes]
