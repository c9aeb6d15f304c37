"""The exceptions of this package, all of them.

    AutograderError            raised on purpose; shown as a message, never as a traceback
    ├── UsageProblem           the command was asked for something impossible (exit 2)
    ├── LabProblem             a lab under solutions/ is wrong; for its instructor (exit 3)
    ├── Ungradable             this submission gets no score, for a reason a TA can act on (exit 4)
    └── MachineFault           ours or the machine's: tried again, never a zero (exit 5)

A student's mistake is none of these: it is a `Finding` (see `autograder.checks`) and costs points.
"""


class AutograderError(Exception):
    """Something a person must know: what happened, to which submission, where, and what to do."""

    exit_status = 1

    def __init__(self, what: str, *, submission: str = "", where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.submission = submission
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        place = ", ".join(part for part in (self.submission, self.where) if part)
        message = f"{place}: {self.what}" if place else self.what
        return f"{message}\n  What to do: {self.hint}" if self.hint else message


class UsageProblem(AutograderError):
    """The command was asked for something that cannot be done as asked."""

    exit_status = 2


class LabProblem(AutograderError):
    """A lab's master, tests or settings are wrong; its instructor must mend them."""

    exit_status = 3


class Ungradable(AutograderError):
    """A submission that cannot be given a score, with the reason."""

    exit_status = 4


class MachineFault(AutograderError):
    """A fault of the machine or of this program; it never becomes a score."""

    exit_status = 5
