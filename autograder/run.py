"""Run one staged submission through a sandbox, both stages, and keep the evidence.

A notebook may end its own kernel (`os._exit`, memory, a loop that ignores interrupts). What came before
and after is still the student's work, so another attempt leaves the culprit out: from that cell on, cells
are run statement by statement to find it, then without that statement. Where this leads nowhere, as
something ends the kernel at no certain place, a last attempt ends ahead of the first cell that was lost.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from autograder.errors import MachineFault
from autograder.evidence import unpack
from autograder.labs import Lab
from autograder.room.stream import EVENT_MARK
from autograder.sandbox.contract import Ending, How, Job, Limits, Sandbox
from autograder.sandbox.streams import crowding

__all__ = ["MODELS_USER", "NOTEBOOK_USER", "collect_evidence", "try_room"]

MODELS_USER, NOTEBOOK_USER = 20_001, 20_002
MODELS_SECONDS = 90.0
START_SECONDS = 60.0
"""What starting a kernel may take on a busy machine, on top of a lab's own limit."""
ATTEMPTS = 7


@attrs.frozen(kw_only=True)
class _Attempt:
    """One run of the notebook stage, and what to leave out of it."""

    number: int
    skip: dict[str, Any]
    ending: Ending
    events: tuple[dict[str, Any], ...]


def collect_evidence(
    staged: Path,
    lab: Lab,
    sandbox: Sandbox,
    data: Path,
    kit: Path,
    destination: Path,
    *,
    batch: str,
    name: str,
) -> None:
    """Run both stages over the staged submission and fill `destination` with evidence.

    Where no model file was handed in, the first stage is left out.

    staged, data, kit: folders that the sandbox shows to the job, read-only. name: unique among running jobs.
    Raises MachineFault where the sandbox, not the submission, fails.
    """
    destination.mkdir(parents=True, exist_ok=True)
    common: dict[str, Any] = {"batch": batch, "submission": staged, "kit": kit, "data": data}
    with tempfile.TemporaryDirectory(prefix="autograder-") as scratch:
        streams = Path(scratch)
        models = _read_models(sandbox, streams, destination, name, common) if _model_files(staged) else None
        attempts = list(_attempts(lab, sandbox, streams, destination, name, common))
    run: dict[str, Any] = {"schema": 1, "sandbox": sandbox.name}
    run["models"] = _ending_record(models) if models else None
    run["attempts"] = [
        {**_ending_record(a.ending), "skip": a.skip, "events": list(a.events)[-5:]} for a in attempts
    ]
    (destination / "run.json").write_text(json.dumps(run, indent=1), encoding="utf-8")


def try_room(sandbox: Sandbox, data: Path, kit: Path, *, batch: str, name: str) -> None:
    """Run a room with nothing in it. Raises MachineFault where even that fails: the machine is at fault."""
    with tempfile.TemporaryDirectory(prefix="autograder-") as scratch:
        empty, found = Path(scratch) / "empty", Path(scratch) / "found"
        for folder in (empty, found):
            folder.mkdir()
        job = Job(
            name=name,
            batch=batch,
            stage="models",
            user=MODELS_USER,
            submission=empty,
            kit=kit,
            data=data,
            limits=Limits(wall_seconds=MODELS_SECONDS),
        )
        ending = sandbox.run(job, output=Path(scratch) / "output", events=Path(scratch) / "events")
        if "models.json" not in unpack(Path(scratch) / "output", found):
            raise MachineFault(
                f"an empty room ended with: {ending.how.value}, exit status {ending.exit_status}",
                hint=_tail(Path(scratch) / "events") or "run `autograder doctor`",
            )


def _model_files(staged: Path) -> list[str]:
    """Without any there is nothing to read before student code runs, and a job less to pay for."""
    return sorted(path.name for path in staged.iterdir() if path.name.endswith((".keras", ".history.json")))


def _read_models(
    sandbox: Sandbox, streams: Path, destination: Path, name: str, common: dict[str, Any]
) -> Ending:
    limits = Limits(wall_seconds=MODELS_SECONDS)
    job = Job(name=f"{name}-m", stage="models", user=MODELS_USER, limits=limits, **common)
    ending = _run(sandbox, job, streams)
    if "models.json" not in unpack(streams / "output", destination):
        _note_unread_models(common["submission"], destination, ending)
    return ending


def _attempts(
    lab: Lab, sandbox: Sandbox, streams: Path, destination: Path, name: str, common: dict[str, Any]
) -> Iterator[_Attempt]:
    """Attempts at the notebook until one ends by itself; each replaces the evidence of the one before."""
    skip: dict[str, Any] = {"cells": {}, "by_statement": None, "parts": [], "until": None}
    longest = lab.wall_seconds + START_SECONDS
    seconds_left = 2 * longest
    for number in range(ATTEMPTS):
        job = Job(
            name=f"{name}-n{number}",
            stage="notebook",
            user=NOTEBOOK_USER,
            limits=Limits(wall_seconds=min(longest, seconds_left)),
            environment=(("ROOM_SKIP", json.dumps(skip)),),
            **common,
        )
        crowd = crowding()  # as the limit has it: a machine can come to rest while a job waits
        ending = _run(sandbox, job, streams)
        with tempfile.TemporaryDirectory(dir=streams) as fresh:
            found = unpack(streams / "output", Path(fresh))
            _replace(destination, Path(fresh), found)
        events = tuple(_read_events(streams / "events"))
        if not events:
            # The room speaks before the first line of student code runs, so this is not the student's doing.
            raise MachineFault(
                f"the room could not start a notebook ({ending.how.value}, exit status {ending.exit_status})",
                submission=name,
                hint=_tail(streams / "events") or "run `autograder doctor`",
            )
        yield _Attempt(number=number, skip=json.loads(json.dumps(skip)), ending=ending, events=events)
        seconds_left -= ending.wall_seconds / crowd
        if not _blame(skip, events, ending) or seconds_left < START_SECONDS / 2:
            return
        if number == ATTEMPTS - 2:
            skip["until"] = skip["by_statement"]


def _run(sandbox: Sandbox, job: Job, streams: Path) -> Ending:
    """Run a job; once more where it was killed and no limit of its own was the cause.

    The machine may have done that, out of memory or by a restart of the engine, and no student is to lose
    points by it. What is killed again has done it itself.
    """
    ending = sandbox.run(job, output=streams / "output", events=streams / "events")
    if ending.how is How.KILLED:
        ending = sandbox.run(job, output=streams / "output", events=streams / "events")
    return ending


def _replace(destination: Path, fresh: Path, names: list[str]) -> None:
    """Take over an attempt's files. Parts of an earlier attempt stay where this one did not get so far."""
    for name in names:
        if not name.startswith("models."):
            shutil.move(fresh / name, destination / name)


def _blame(skip: dict[str, Any], events: tuple[dict[str, Any], ...], ending: Ending) -> bool:
    """Add what ended an attempt to what the next one leaves out; False if nothing did."""
    last = events[-1] if events else {}
    if "part" in last and last["event"] in ("part", "lost"):
        known = last["part"] in skip["parts"] or last["part"] == "names"
        skip["parts"].append(last["part"])
        return not known
    if last.get("event") not in ("start", "lost"):
        return False
    left_out = skip["cells"].setdefault(str(last["cell"]), [])
    # A driver that does not even notice that a cell takes too long has been stopped by it.
    if last["statements"] <= 1 or ending.how is How.TIMEOUT:
        left_out.append(-1)
    elif last["statement"] is not None:
        left_out.append(last["statement"])
    if skip["by_statement"] is None:
        skip["by_statement"] = last["cell"]
    return True


def _read_events(path: Path) -> Iterator[dict[str, Any]]:
    """The events of a job, as far as they are well-formed; student code can write to that stream too."""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if not line.startswith(EVENT_MARK):
            continue
        try:
            event = json.loads(line.removeprefix(EVENT_MARK))
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict) and _well_formed(event):
            yield event


def _well_formed(event: dict[str, Any]) -> bool:
    if "part" in event:
        return event.get("event") in ("part", "lost", "problem") and isinstance(event["part"], str)
    if event.get("event") in ("start", "lost"):
        if "statement" not in event:
            return False
        numbers = [event.get("cell"), event.get("statements"), event["statement"]]
        if numbers[-1] is None:
            numbers.pop()
        return all(type(number) is int and 0 <= number < 100_000 for number in numbers)
    return event.get("event") == "collected"


def _note_unread_models(staged: Path, destination: Path, ending: Ending) -> None:
    """Where reading the model files ended the job, each of them is one that cannot be read."""
    problem = f"reading it ended with: {ending.how.value}"
    files = [{"name": name, "kind": "model", "problem": problem} for name in _model_files(staged)]
    (destination / "models.json").write_text(json.dumps({"schema": 1, "files": files}), encoding="utf-8")


def _ending_record(ending: Ending) -> dict[str, Any]:
    return {
        "how": ending.how.value,
        "exit_status": ending.exit_status,
        "wall_seconds": round(ending.wall_seconds, 2),
        "out_of_memory": ending.out_of_memory,
    }


def _tail(path: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
