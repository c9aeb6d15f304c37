"""Pools: answers to different questions in one notebook, so that one grading tells of several.

Group testing (Dorfman 1943, "The detection of defective members of large populations"): while nothing is
amiss, grading a pool says of each of its answers what grading it by itself would say, at a fraction of the
cost. A pool must be failed by exactly those tests that are to fail one of its wrong answers, with exactly
the messages that stand beside it; its right answers, which are to other questions, must lose nothing. Of a
pool that comes out otherwise nothing is taken: its answers are to be graded one by one.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from autograder.corpus.entries import Change, Entry
from autograder.corpus.matrix import Row, Run
from autograder.corpus.models import REFERENCE

__all__ = ["Pool", "pools_of"]


@attrs.frozen(kw_only=True)
class Pool:
    """Entries that are graded as one; a pool of one is that entry itself."""

    entry: Entry
    """What is graded: all changes of the members in one answer."""
    members: tuple[Entry, ...]

    def runs(self, run: Run) -> dict[str, Run] | None:
        """What each member comes to by the grading of the pool; None where that does not tell."""
        if len(self.members) == 1:
            return {self.members[0].name: run}
        row = Row(entry=self.entry, runs=(run,))
        if row.problems() or row.other_words():
            return None
        return {member.name: _share(run, member) for member in self.members}


def pools_of(entries: Iterable[Entry]) -> list[Pool]:
    """The entries in as few pools as a first fit finds; the same entries make the same pools."""
    groups: list[list[Entry]] = []
    for entry in entries:
        group = next((group for group in groups if all(_go_together(entry, other) for other in group)), None)
        if group is None:
            groups.append([entry])
        else:
            group.append(entry)
    return [_pool(group, number) for number, group in enumerate(groups, start=1)]


def _go_together(one: Entry, other: Entry) -> bool:
    """Whether two answers can stand in one notebook, and be told apart in what it comes to."""
    known = all(entry.correct or entry.told for entry in (one, other))
    apart = one.alone or other.alone or one.checks != other.checks
    return known and not apart and not one.touches & other.touches


def _pool(members: list[Entry], number: int) -> Pool:
    if len(members) == 1:
        return Pool(entry=members[0], members=tuple(members))
    changes: tuple[Change, ...] = sum((member.changes for member in members), ())
    entry = Entry(
        name=f"pool-{number:02d}",
        about="; ".join(member.about for member in members),
        correct=all(member.correct for member in members),
        fails=sum((member.fails for member in members), ()),
        models=next((member.models for member in members if member.models != REFERENCE), REFERENCE),
        checks=members[0].checks,
        changes=changes,
        told={test: message for member in members for test, message in member.told.items()},
    )
    return Pool(entry=entry, members=tuple(members))


def _share(run: Run, member: Entry) -> Run:
    """What a pool's grading says of one member: the points and messages of its own question."""
    questions = tuple(
        question if question.name in member.fails else attrs.evolve(question, score=question.possible)
        for question in run.outcome.questions
    )
    outcome = attrs.evolve(
        run.outcome,
        submission=member.name,
        questions=questions,
        score=sum(question.score for question in questions),
    )
    return Run(outcome=outcome, failed={test: run.failed[test] for test in member.told if test in run.failed})
