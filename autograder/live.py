"""Evidence of a live notebook: what the room would write, described on the spot.

For plain `otter run`, and for an instructor who tries a test in the master. There is no room here: nothing
is isolated, training runs in full and is not recorded, and the student's own process runs the tests.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from autograder.calibration import read_calibration
from autograder.data import load, prepare
from autograder.evidence import Evidence, read_evidence
from autograder.labs import Lab, find_lab
from autograder.networks.trained import reference_networks
from autograder.signals import signals_of

__all__ = ["evidence_of_notebook"]

_latest: dict[tuple[Any, ...], Evidence] = {}


def evidence_of_notebook(env: Mapping[str, Any], lab_name: str) -> Evidence:
    """What a notebook defines now, with the model files in the current folder.

    env: the notebook's globals. Kept until one of them changes, as each of a lab's tests asks for it.
    """
    lab = find_lab(lab_name)
    names = [name for question in lab.questions for name in question.defines]
    key = (lab_name, str(Path.cwd()), *(id(env.get(name)) for name in names))
    if key not in _latest:
        _latest.clear()
        _latest[key] = _describe(env, lab)
    return _latest[key]


def _describe(env: Mapping[str, Any], lab: Lab) -> Evidence:
    # The room's modules expect the students' library as they have it, beside the notebook.
    from autograder.room.archive import collect as collect_files
    from autograder.room.collector import Collector, load_probes, write_part

    # Ahead of the rest, which takes seconds: where there are no marks, every test comes here again.
    data = load(prepare(lab.dataset), lab.dataset)
    calibrations = {model: read_calibration(lab.calibration, model, data.identity) for model in lab.models}
    references = reference_networks(lab, data.identity)
    collector = Collector(
        {question.name: list(question.defines) for question in lab.questions}, lambda: dict(env)
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_part(folder, "models", collect_files(Path.cwd()))
        write_part(folder, "names", collector.names())
        for name, probe in load_probes(lab.probes).items():
            write_part(folder, f"probe_{name}", collector.probe(probe))
        (folder / "cells.json").write_text(json.dumps({"schema": 1, "cells": []}), encoding="utf-8")
        evidence = read_evidence(folder)
    return attrs.evolve(
        evidence,
        observed=False,
        dataset=data,
        calibrations=calibrations,
        signals=signals_of(lab, data.identity),
        references=references,
        tasks={task.name: task for task in lab.tasks},
    )
