"""Suspicions about one submission, from its evidence and the samples of the reference solution."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import attrs
import numpy as np

from autograder.checks.accuracy import Reached, reached
from autograder.checks.training import check_history_belongs
from autograder.evidence import Evidence, ModelView, Unanswered
from autograder.suspicion.likeness import fingerprint
from autograder.suspicion.records import TRACES, Suspicion

__all__ = ["look_at", "write_traces"]


def look_at(evidence: Evidence) -> list[Suspicion]:
    """What is suspicious in one submission. The evidence must come with data and calibrations."""
    found = []
    for model in evidence.tasks:
        # What cannot be evaluated has cost its points already.
        with contextlib.suppress(Unanswered):
            result = reached(evidence, model)
            found += [*_knows_the_test_set(evidence, model, result), *_beyond_reach(evidence, model, result)]
            if evidence.saved_history(model) is not None:
                found += [
                    Suspicion(kind="history", model=model, text=finding.message)
                    for finding in check_history_belongs(evidence, model)
                ]
    return found


def _knows_the_test_set(evidence: Evidence, model: str, result: Reached) -> list[Suspicion]:
    calibration = evidence.calibrated(model)
    gap, allowed = result.test.accuracy - result.validation.accuracy, calibration.largest_gap()
    if gap <= allowed:
        return []
    text = (
        f"{model}.keras gets {result.test.accuracy:.1%} of the test set right and "
        f"{result.validation.accuracy:.1%} of the validation set: {100 * gap:.1f} points more, where "
        f"{len(calibration.samples)} trainings of the reference allow for {100 * allowed:.1f}. Was it "
        "trained on the test set?"
    )
    return [Suspicion(kind="test set", model=model, text=text)]


def _beyond_reach(evidence: Evidence, model: str, result: Reached) -> list[Suspicion]:
    calibration = evidence.calibrated(model)
    found = []
    for which, name in (("validation", "validation set"), ("test", "test set")):
        accuracy, most = getattr(result, which).accuracy, calibration.most(which)
        if accuracy > most:
            text = (
                f"{model}.keras gets {accuracy:.1%} of the {name} right, where {len(calibration.samples)} "
                f"trainings of the reference allow for {most:.1%} with this architecture. Was it trained on "
                "these images?"
            )
            found.append(Suspicion(kind="beyond reach", model=model, text=text))
    return found


def write_traces(evidence: Evidence, folder: Path) -> None:
    """Write what comparing a class needs to know of one submission, as the files `TRACES`."""
    arrays: dict[str, np.ndarray] = {}
    for model in evidence.tasks:
        with contextlib.suppress(Unanswered):
            found = fingerprint(_layers(evidence.saved_model(model)))
            for at, kernel in enumerate(found.kernels if found else ()):
                arrays[f"{model}/{at}"] = kernel.astype(np.float16)
    np.savez(folder / TRACES[1], **arrays)  # type: ignore[arg-type]
    suspicions = [attrs.asdict(one) for one in look_at(evidence)]
    record = {"schema": 1, "seeds": list(evidence.seeds), "suspicions": suspicions}
    (folder / TRACES[0]).write_text(json.dumps(record), encoding="utf-8")


def _layers(saved: ModelView) -> list[list[np.ndarray]]:
    return list(saved.weights.values()) or list(saved.weights_in_order)
