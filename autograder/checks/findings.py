"""What a check says: findings, none if all is well."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

__all__ = ["CheckFailed", "Finding", "listed", "quoted", "require"]


class CheckFailed(AssertionError):
    """A hidden test failed; the message is for the student and holds no expected value."""


@attrs.frozen(kw_only=True)
class Finding:
    """One thing that is not as it should be."""

    message: str
    """For the student: what was found, why it matters, where to look. Never what was expected by number."""
    where: str = ""
    """The layer, name or file that it is about."""


def require(findings: list[Finding]) -> None:
    """Fail the test that calls this if there are findings. Raises CheckFailed with their messages."""
    if findings:
        raise CheckFailed("\n".join(finding.message for finding in findings[:4]))


def listed(words: Iterable[object]) -> str:
    """Words as a sentence has them: "1", "1 and 2", "1, 2 and 3"."""
    *first, last = map(str, words)
    return f"{', '.join(first)} and {last}" if first else last


def quoted(names: Iterable[str]) -> str:
    """Names of the student's own as a sentence has them: "`X` and `y`"."""
    return listed(f"`{name}`" for name in names)
