"""While the machine fails a batch waits, and its faults are counted against no submission."""

import threading

import pytest

from autograder.batch.gate import Gate, Patience, Stopped
from autograder.errors import MachineFault


class Clock(threading.Event):
    """The batch's "stop now", on which the gate waits: remembers how long, and takes no time."""

    def __init__(self, stop_at=0):
        super().__init__()
        self.waited = []
        self._stop_at = stop_at

    def wait(self, timeout=None):
        """Not a moment; set by the `stop_at`-th wait."""
        self.waited.append(timeout)
        if len(self.waited) == self._stop_at:
            self.set()
        return self.is_set()


class Trials:
    """A machine that fails as often as told."""

    def __init__(self, failures):
        self.left = failures

    def __call__(self):
        """Fail, or not."""
        if self.left:
            self.left -= 1
            raise MachineFault("the engine\nis gone", hint="start it")


@pytest.fixture
def make():
    """A gate before a machine that fails so often, its clock, and the lines told."""

    def build(failures=0, clock=None, **patience):
        clock, lines = clock or Clock(), []
        patience = Patience(**{"waits": (5, 15, 300)} | patience)
        gate = Gate(Trials(failures), patience=patience, tell=lines.append, stopping=clock)
        return gate, clock, lines

    return build


class TestTheMachine:
    """A trial tells the machine's faults from a submission's."""

    def test_a_machine_that_is_well(self, make):
        """Where an empty room runs the fault is the submission's own, and nobody waits."""
        gate, clock, lines = make()

        assert not gate.was_the_machine(gate.enter())
        assert ([], []) == (clock.waited, lines)

    def test_a_machine_that_comes_back(self, make):
        """It is tried again after growing pauses, and told once when they begin and once when they end."""
        gate, clock, lines = make(2)

        assert gate.was_the_machine(gate.enter())
        assert [5, 15] == clock.waited
        assert [
            "paused, as the machine fails: the engine is gone. It is tried again for 5 minutes; "
            "Ctrl-C ends the batch, and the same command goes on with it",
            "",
        ] == lines

    def test_a_machine_that_is_gone_for_good(self, make):
        """After the last pause the batch ends: for the worker that tried, and for all that come after."""
        gate, clock, _ = make(9)
        expected = "the batch ends, as the machine fails: the engine is gone"

        with pytest.raises(MachineFault, match=expected) as raised:
            gate.was_the_machine(gate.enter())
        assert (
            "start it, then run the same command again: it goes on, as all that is complete is kept"
            == raised.value.hint
        )
        assert [5, 15, 300] == clock.waited
        with pytest.raises(MachineFault, match=expected):
            gate.enter()

    def test_what_another_worker_found(self, make):
        """Who failed while the machine did is not tried for again: it was the machine."""
        gate, clock, _ = make(1)
        mine, theirs = gate.enter(), gate.enter()

        assert [True, True] == [gate.was_the_machine(mine), gate.was_the_machine(theirs)]
        assert [5] == clock.waited
        assert not gate.was_the_machine(gate.enter())

    def test_an_interrupt(self, make):
        """Ctrl-C ends a pause, and nobody enters any more."""
        gate, _, _ = make(9, clock=Clock(stop_at=2))

        with pytest.raises(Stopped):
            gate.was_the_machine(gate.enter())
        with pytest.raises(Stopped):
            gate.enter()


class TestManyInARow:
    """One fault after the other slows a batch down, though no trial explains them."""

    def test_three_in_a_row(self, make):
        """Before the next one there is a pause, which says why; each further fault makes a longer one."""
        gate, clock, lines = make()
        for number in range(4):
            gate.enter()
            gate.ended(f"fault {number}")
        gate.enter()

        assert [5, 15] == clock.waited
        assert (
            "paused for 5 seconds: 3 submissions in a row ended as faults, the last one with: fault 2"
            == lines[0]
        )

    def test_the_last_submission(self, make):
        """Where nobody comes after the third one there is nothing to wait for."""
        gate, clock, _ = make()
        for number in range(3):
            gate.enter()
            gate.ended(f"fault {number}")

        assert [] == clock.waited

    def test_one_that_went_well(self, make):
        """Any other outcome begins the count anew."""
        gate, clock, _ = make()
        for fault in ("a", "b", "", "c", "d"):
            gate.enter()
            gate.ended(fault)
        gate.enter()

        assert [] == clock.waited

    def test_no_end_of_it(self, make):
        """After the last pause the batch ends and says with what."""
        gate, _, _ = make()
        for number in range(5):
            gate.enter()
            gate.ended(f"fault {number}")
        gate.enter()
        gate.ended("fault 5")

        with pytest.raises(
            MachineFault, match="6 submissions in a row ended as faults, the last one with: fault 5"
        ):
            gate.enter()
