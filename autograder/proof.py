"""Prove a bundle: grade the reference solution with it, the way a submission is graded."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from autograder.data import MINIATURE, load, prepare
from autograder.judge import judge
from autograder.kit import make_kit
from autograder.labs import Lab
from autograder.run import collect_evidence
from autograder.sandbox.choose import choose

__all__ = ["grade_reference"]


def grade_reference(lab: Lab, notebook: Any, tests: Path) -> tuple[float, float]:
    """Score and possible score of a notebook with the committed models, on the miniature of the data.

    Runs in the local sandbox, as the reference is trusted, and without the files of a real data set.
    """

    import nbformat

    data = prepare(lab.dataset, MINIATURE)
    with tempfile.TemporaryDirectory() as scratch:
        staged, kit, evidence, result = (
            Path(scratch) / name for name in ("staged", "kit", "evidence", "result")
        )
        shutil.copytree(lab.trained(load(data, lab.dataset).identity), staged)
        nbformat.write(notebook, staged / lab.notebook_name)
        kit.mkdir()
        make_kit(lab, kit)
        collect_evidence(
            staged,
            lab,
            choose("local"),
            data,
            kit,
            evidence,
            batch="proof",
            name=f"proof-{lab.name}".replace("_", "-"),
        )
        judge(evidence=evidence, lab=lab, tests=tests, data=data, destination=result)
        record = json.loads((result / "results.json").read_text(encoding="utf-8"))
    return float(record["score"]), sum(float(test["max_score"]) for test in record["tests"])
