"""Builders of labs and of submissions, good and bad, for the tests of intake, batches and the command."""

import json
import struct
import zipfile
from pathlib import Path

LAB_TOML = """\
title = "{name}"
dataset = "cifar10"
[questions]
{questions}
{models}
[limits]
cell_seconds = 10
wall_seconds = 60
"""

ANSWERS = {
    "deep": ["def build_dnn():\n    return 1", "X_train, y_train = 1, 2", "best_lr = 0.1"],
    "pairs": ["def build_pair_model():\n    pass", "X1, y1 = 1, 2", "def generate_pairs(X):\n    pass"],
}


def make_labs(folder):
    """Two labs, `deep` and `pairs`, under `folder`."""
    _make_lab(
        folder / "deep", {"q1": ["build_dnn"], "q2": ["X_train", "y_train"], "q3": ["best_lr"]}, ["deep"]
    )
    _make_lab(folder / "pairs", {"q1": ["build_pair_model"], "q2": ["X1", "y1", "generate_pairs"]}, [])
    return folder


def _make_lab(folder, questions, models):
    folder.mkdir(parents=True)
    rows = "\n".join(f"{name} = {json.dumps(defines)}" for name, defines in questions.items())
    text = LAB_TOML.format(
        name=folder.name, questions=rows, models="\n".join(f"[models.{name}]" for name in models)
    )
    (folder / "lab.toml").write_text(text, encoding="utf-8")
    (folder / "probes.py").write_text("# probes\n", encoding="utf-8")


def notebook(lab="deep", sources=None, *, declared=True, checks=True, outputs=(), **changes):
    """The bytes of a notebook that answers a lab; `changes` replace its top-level fields."""
    sources = ANSWERS[lab] if sources is None else list(sources)
    if declared:
        sources = [f'import otter\ngrader = otter.Notebook("{lab}.ipynb")', *sources]
    if checks:
        sources = [*sources, 'grader.check("q1")']
    cells = [
        {"cell_type": "code", "source": text, "metadata": {}, "execution_count": 7, "outputs": list(outputs)}
        for text in sources
    ]
    data = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5} | changes
    return json.dumps(data).encode()


def old_notebook(lab="deep"):
    """The same in notebook format 3."""
    cells = [
        {
            "cell_type": "code",
            "input": text,
            "outputs": [],
            "language": "python",
            "metadata": {},
            "collapsed": False,
        }
        for text in ANSWERS[lab]
    ]
    data = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": lab},
        "worksheets": [{"cells": cells, "metadata": {}}],
    }
    return json.dumps(data).encode()


def write(folder, files):
    """A folder of these files, by relative name."""
    for name, content in files.items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder)


def write_zip(path, files):
    """A zip of these entries: a name or a ZipInfo, and its bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return path


def write_bomb(path, name="deep.keras", size=2 << 30):
    """A zip of about 2 MB that unpacks to 2 GB of zeros, beside a good notebook."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("deep.ipynb", notebook())
        with archive.open(name, "w", force_zip64=True) as stream:
            block = bytes(1 << 22)
            for _ in range(size // len(block)):
                stream.write(block)
    return path


def misplaced(content, place):
    """A zip of one file whose list says that this begins at another place."""
    begin, end = content.rindex(b"PK\x01\x02"), content.rindex(b"PK\x05\x06")
    entry, last = bytearray(content[begin:end]), bytearray(content[end:])
    if place < 0:
        # What is added to the place of the list is taken from those of the files.
        struct.pack_into("<I", last, 16, begin - place)
    else:
        entry += struct.pack("<HHQ", 1, 8, place)
        struct.pack_into("<H", entry, 30, 12)
        struct.pack_into("<I", entry, 42, 0xFFFFFFFF)
        struct.pack_into("<I", last, 12, len(entry))
    return content[:begin] + bytes(entry + last)


def link_entry(name):
    """A zip entry that says it is a symbolic link."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = 0o120777 << 16
    return info
