"""Hashes of all that a result depends on, so that a later run does only what is missing or changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import autograder
from autograder.errors import MachineFault
from autograder.labs import Lab

__all__ = ["combine", "data_identity", "lab_version"]

# The code that turns evidence into a score.
_JUDGING = ("checks", "evidence", "judge", "networks")
_MARKING = ("calibration.py", "samples.py", "signals.py", "tasks.py")


def combine(*parts: str) -> str:
    """One hash of several texts, in hexadecimal; ("ab", "c") and ("a", "bc") differ."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def lab_version(lab: Lab, tests: Path) -> str:
    """What the judgement of a lab depends on besides the evidence: its tests, probes, marks, and our code."""
    package = Path(autograder.__file__).parent
    code = [path for name in _JUDGING for path in (package / name).rglob("*.py")]
    code += [package / name for name in _MARKING]
    files = (lab.folder / "lab.toml", lab.probes, lab.calibration, lab.signals)
    own = [path for path in files if path.is_file()] + list(lab.folder.glob("trained/*/*.keras"))
    hidden = [path for path in tests.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return combine(_digest(package, code), _digest(lab.folder, own), _digest(tests, hidden))


def data_identity(data: Path, dataset: str) -> str:
    """What the prepared data set says it is: a name that stands for exactly these arrays.

    Raises MachineFault where it does not say.
    """
    path = data / dataset / "identity.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["identity"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MachineFault(
            "the prepared data does not say what it is", where=str(path), hint=f"remove {data} and try again"
        ) from error


def _digest(root: Path, paths: Iterable[Path]) -> str:
    return combine(
        *(
            f"{path.relative_to(root)} {hashlib.sha256(path.read_bytes()).hexdigest()}"
            for path in sorted(paths)
        )
    )
