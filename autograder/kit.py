"""Lay out what enters a sandbox: the room's code, the students' library, a lab's probes.

The kit is made of an explicit list, so that nothing else of this package, and nothing of a lab's hidden
tests, can end up beside a student's code.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from autograder.labs import Lab

__all__ = ["make_kit"]

COLLECTING_SHARE = 0.25
"""The part of a lab's wall time that is kept for describing what the cells left behind."""
_STAND_INS = {"otter_stub.py": "otter", "colab_stub.py": "google/colab"}
"""What notebooks import that has no place in a room. `google` stays a package without a file, as others have
their part of it."""
_PACKAGE = Path(__file__).resolve().parent
_KERNEL = {
    "argv": [
        "python3",
        "-P",
        "-c",
        "from autograder.room import kernel; kernel.start()",
        "-f",
        "{connection_file}",
    ],
    "display_name": "Room",
    "language": "python",
}


def make_kit(lab: Lab, folder: Path) -> str:
    """Write the kit of a lab into an empty folder; returns a hash of its content."""
    room = folder / "autograder" / "room"
    room.mkdir(parents=True)
    (folder / "autograder" / "__init__.py").write_text(
        '"""The part of the autograder that enters a room."""\n'
    )
    for source in sorted((_PACKAGE / "room").glob("*.py")):
        shutil.copyfile(source, room / source.name)
    shutil.copyfile(_PACKAGE / "dnnlab.py", folder / "dnnlab.py")
    for stub, package in _STAND_INS.items():
        (folder / package).mkdir(parents=True)
        shutil.move(room / stub, folder / package / "__init__.py")
    if lab.probes.exists():
        shutil.copyfile(lab.probes, folder / "lab_probes.py")
    _write_json(folder / "lab.json", _lab_record(lab))
    spec = folder / "jupyter" / "kernels" / "room"
    spec.mkdir(parents=True)
    _write_json(spec / "kernel.json", _KERNEL)
    _make_readable(folder)
    return _content_hash(folder)


def _lab_record(lab: Lab) -> dict[str, object]:
    return {
        "notebook": lab.notebook_name,
        "dataset": lab.dataset,
        "questions": {question.name: list(question.defines) for question in lab.questions},
        "cell_seconds": lab.cell_seconds,
        "run_seconds": lab.wall_seconds * (1 - COLLECTING_SHARE),
    }


def _write_json(path: Path, record: object) -> None:
    path.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _make_readable(folder: Path) -> None:
    """The sandbox's users are strangers here: folders 755, files 644."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _content_hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
