"""Fill scores into the gradebook that Canvas exports, for Canvas to import again.

Canvas's file has a column an assignment, `Lab 1 (123456)`, and rows below its heading: perhaps one that says
which are posted by hand, one with the points possible, then one a student, known by the `ID`. What is written
has the columns that name the student and the one that is filled, and no other: importing it changes nothing
else, whatever has happened in Canvas meanwhile.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable

import attrs

from autograder.errors import UsageProblem
from autograder.intake.names import legible
from autograder.records import Outcome, Verdict
from autograder.report import cell

__all__ = ["Filled", "Gradebook", "fill"]

_STUDENT = ("Student", "LastName", "FirstName")
_PERSON = (
    *_STUDENT,
    *("ID", "SIS User ID", "SIS Login ID", "Integration ID", "Root Account", "Section"),
)
_POINTS = "Points Possible"
_READ_ONLY = "(read only)"
_ASSIGNMENT = re.compile(r"(.*) \((\d+)\)", re.DOTALL)
_AS_EXPORTED = "give the file as Canvas exports it: Grades, Export, Export Entire Gradebook"


@attrs.frozen(kw_only=True)
class Gradebook:
    """A gradebook as Canvas exports it, cells as they stand there."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """All rows below the heading, as long as it is."""
    delimiter: str
    mark: bool
    """Whether the file begins with a byte order mark."""
    possible: tuple[str, ...]
    """The row of points possible."""

    @classmethod
    def parse(cls, content: bytes) -> Gradebook:
        """The gradebook in these bytes. Raises UsageProblem where it is none of Canvas's."""
        try:
            text = content.decode("utf-8-sig")
            delimiter = (
                ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
            )
            header, *rows = [
                row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row
            ]
        except (ValueError, csv.Error) as error:
            raise UsageProblem(f"this is no gradebook: {legible(str(error))}", hint=_AS_EXPORTED) from error
        width = len(header)
        padded = tuple(tuple((row + [""] * width)[:width]) for row in rows)
        possible = next((row for row in padded if row[0].strip() == _POINTS), None)
        if "ID" not in header or header[0] not in _STUDENT or possible is None:
            raise UsageProblem(
                "this is no gradebook of Canvas: it has no column ID or no row Points Possible",
                hint=_AS_EXPORTED,
            )
        return cls(
            header=tuple(header),
            rows=padded,
            delimiter=delimiter,
            mark=content.startswith(codecs.BOM_UTF8),
            possible=possible,
        )

    @property
    def assignments(self) -> dict[int, str]:
        """The places of the columns of assignments, and what stands above them."""
        return {
            place: name
            for place, name in enumerate(self.header)
            if name not in _PERSON and _ASSIGNMENT.fullmatch(name) and self.possible[place] != _READ_ONLY
        }

    def column(self, wanted: str) -> int:
        """The place of the one assignment that `wanted` names: its title, its id, or a part of the title.

        Raises UsageProblem, with all there are, where none or more than one is meant.
        """
        sought = wanted.strip().casefold()
        named = {place: (name.casefold(), *_parts(name)) for place, name in self.assignments.items()}
        exact = [place for place, names in named.items() if sought and sought in names]
        found = exact or [place for place, names in named.items() if sought in names[1]]
        if len(found) == 1:
            return found[0]
        there = ", ".join(f"{legible(name)!r}" for name in self.assignments.values()) or "none"
        what = (
            f"more than one assignment is called like {wanted!r}" if found else f"no assignment is {wanted!r}"
        )
        raise UsageProblem(
            what if wanted else "which assignment is to be filled?",
            hint=f"name one of these with --assignment, by title or number: {there}",
        )

    def points(self, place: int) -> float:
        """The points possible of a column. Raises UsageProblem where there are none to be had."""
        try:
            points = _number(self.possible[place])
        except ValueError:
            points = 0.0
        if not 0 < points < float("inf"):
            raise UsageProblem(
                f"{legible(self.header[place])} has no points possible in the gradebook",
                hint="set them in Canvas, and export the gradebook again",
            )
        return points


@attrs.frozen(kw_only=True)
class Filled:
    """A gradebook with scores in one column."""

    text: str
    """The file, for Canvas."""
    count: int
    """How many scores it holds."""
    scale: str
    """How points became the column's points; empty where they are the same."""
    left_out: tuple[str, ...]
    """Which submissions have no score in it, and why, a line each."""
    without: int
    """How many students of the gradebook have no submission among these."""


def fill(gradebook: Gradebook, outcomes: Iterable[Outcome], place: int) -> Filled:
    """Fill the column at `place` with the scores of the students whose Canvas ids are known.

    A score counts in percent of what could be had, of the column's points. A cell without a score is left as
    it is, as is one that excuses a student: never does a submission that was not graded become a zero.
    """
    outcomes = sorted(outcomes, key=lambda outcome: outcome.submission)
    possible = gradebook.points(place)
    scores, left_out = _scores(outcomes)
    identity = gradebook.header.index("ID")
    kept = [at for at, name in enumerate(gradebook.header) if name in _PERSON or at == place]
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=gradebook.delimiter)
    writer.writerow([gradebook.header[at] for at in kept])
    filled: set[str] = set()
    for row in gradebook.rows:
        cells = list(row)
        who = row[identity].strip()
        if who in scores and row[place].strip() in ("EX", "N/A"):
            why = "is excused from it" if row[place].strip() == "EX" else "is not to do it"
            left_out.append(f"{scores.pop(who).submission}: {why}, says the gradebook")
        elif who in scores:
            cells[place] = _points(scores[who], possible)
            filled.add(who)
        writer.writerow([cell(cells[at]) if gradebook.header[at] in _STUDENT else cells[at] for at in kept])
    left_out += [
        f"{one.submission}: the gradebook has no student with the id {who}"
        for who, one in scores.items()
        if who not in filled
    ]
    return Filled(
        text=stream.getvalue(),
        count=len(filled),
        scale=_scale([scores[who] for who in filled], possible),
        left_out=tuple(legible(line) for line in sorted(left_out)),
        without=len(
            {who for row in gradebook.rows if (who := row[identity].strip())}
            - {one.canvas_id for one in outcomes}
        ),
    )


def _scores(outcomes: list[Outcome]) -> tuple[dict[str, Outcome], list[str]]:
    """Who has a score that can be filled in, by Canvas's id; and who has not, and why."""
    ids = [one.canvas_id for one in outcomes]
    scores, left_out = {}, []
    for one in outcomes:
        if one.verdict is not Verdict.GRADED or one.percent is None:
            left_out.append(f"{one.submission}: {one.verdict.value}: {one.reason}")
        elif not one.canvas_id:
            left_out.append(f"{one.submission}: no Canvas id is known; it did not come in Canvas's download")
        elif ids.count(one.canvas_id) > 1:
            left_out.append(f"{one.submission}: there is another submission of the id {one.canvas_id}")
        else:
            scores[one.canvas_id] = one
    return scores, left_out


def _points(outcome: Outcome, possible: float) -> str:
    assert outcome.percent is not None
    return f"{outcome.percent / 100 * possible:.2f}".rstrip("0").rstrip(".")


def _scale(graded: list[Outcome], possible: float) -> str:
    """What is told of points that are not those of the column."""
    others = sorted({one.possible for one in graded if one.possible and one.possible != possible})
    return ", ".join(f"{points:g} points became {possible:g}" for points in others)


def _parts(name: str) -> tuple[str, str]:
    found = _ASSIGNMENT.fullmatch(name)
    assert found is not None
    return found[1].casefold(), found[2]


def _number(text: str) -> float:
    """A number as Canvas writes it, with a point or a comma before the decimals."""
    *whole, last = re.split(r"[.,]", text.strip())
    return float("".join(whole) + "." + last) if whole else float(last)
