"""Prove bundles: grade the reference solution with them, the way a submission is graded."""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autograder.build.prove import GradeReference
from autograder.data import MINIATURE, load, prepare
from autograder.judge import judge
from autograder.kit import make_kit
from autograder.labs import Lab
from autograder.run import collect_evidence
from autograder.sandbox.contract import Sandbox
from autograder.sandbox.warm import WarmProcessSandbox

__all__ = ["reference_grader"]


@contextlib.contextmanager
def reference_grader() -> Iterator[GradeReference]:
    """Within the block, a grader of reference notebooks: trusted, so that a warm sandbox will do."""
    with WarmProcessSandbox() as sandbox:
        yield functools.partial(_grade_reference, sandbox)


def _grade_reference(sandbox: Sandbox, lab: Lab, notebook: Any, tests: Path) -> tuple[float, float]:
    """Score and possible score of a notebook with the committed models, on the miniature of the data."""
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
            sandbox,
            data,
            kit,
            evidence,
            batch="proof",
            name=f"proof-{lab.name}".replace("_", "-"),
        )
        judge(evidence=evidence, lab=lab, tests=tests, data=data, destination=result)
        record = json.loads((result / "results.json").read_text(encoding="utf-8"))
    return float(record["score"]), sum(float(test["max_score"]) for test in record["tests"])
