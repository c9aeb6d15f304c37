"""Show a kill matrix: as a page, and as a few lines."""

from __future__ import annotations

from autograder.corpus.matrix import Matrix

__all__ = ["summary", "to_html"]


def to_html(matrix: Matrix) -> str:
    """The matrix as one HTML page; whatever an entry says or shows is text in it, never markup."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("autograder.corpus", "")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("matrix.html.j2").render(
        lab=matrix.lab,
        data=matrix.data,
        tests=matrix.tests,
        problems=matrix.problems(),
        runs=max((len(row.runs) for row in matrix.rows), default=0),
        wrongs=[row for row in matrix.rows if not row.entry.correct],
        rights=[row for row in matrix.rows if row.entry.correct],
    )


def summary(matrix: Matrix) -> list[str]:
    """What came out, in lines: how many of each kind, then every problem."""
    rights = [row for row in matrix.rows if row.entry.correct]
    wrongs = [row for row in matrix.rows if not row.entry.correct]
    full = sum(not row.problems() for row in rights)
    killed = sum(not row.problems() for row in wrongs)
    busy = sum(bool(matrix.killed_by(test)) for test in matrix.tests)
    return [
        f"{matrix.lab} on {matrix.data}: {full} of {len(rights)} right answers keep all points, "
        f"{killed} of {len(wrongs)} wrong ones lose some in their question alone, "
        f"{busy} of {len(matrix.tests)} hidden tests fail a wrong answer",
        *(f"  {problem}" for problem in matrix.problems()),
    ]
