"""Whatever strangers hand in, or a sandbox hands out, is read, refused or passed over; nothing breaks."""

import contextlib
import io
import json
import os
import shutil

import numpy as np
import pytest
from attacks.files import dense_config, evidence_with, keras_file, npz, store
from fuzzing import HOSTILE, fuzz, paths_of, replaced
from hypothesis import strategies as st
from submissions import make_labs, notebook, write, write_zip

from autograder.checks import structure
from autograder.checks.findings import Finding
from autograder.errors import Ungradable
from autograder.evidence import ModelView, Unanswered, read_evidence, unpack
from autograder.evidence.files import EvidenceProblem, read_arrays, read_json
from autograder.evidence.values import view
from autograder.intake import stage
from autograder.judge import judge_evidence
from autograder.judge.judging import _with_our_side
from autograder.labs import find_lab
from autograder.networks.graph import parse
from autograder.networks.records import UnsupportedModel
from autograder.room.archive import collect
from autograder.room.stream import npz_bytes
from autograder.suspicion.alone import write_traces

PARTS = ("names", "names", "names", "probe_build_dnn", "cells", "models", "run")
FORGERIES = {
    "nan": lambda array: np.full_like(array, np.nan, dtype=np.float64),
    "infinite": lambda array: np.full_like(array, np.inf, dtype=np.float32),
    "zero": np.zeros_like,
    "huge": lambda array: np.full(array.shape, 1e308),
    "bool": lambda array: array.astype(bool),
    "none": lambda array: array[:0] if array.ndim else array,
    "one": lambda array: array[:1] if array.ndim else array,
    "flat": lambda array: array.reshape(-1),
    "scalar": lambda array: np.float32(1),
    "half": lambda array: array.astype(np.float16),
    "long": lambda array: array.astype(np.longdouble),
    "swapped": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "least": lambda array: np.full(array.shape, np.iinfo(np.int64).min),
    "wide": lambda array: np.zeros((1, *array.shape, 1), np.uint8),
}


def judge_whole(folder, lab, data, tests, place):
    """Judge evidence as a batch does, what a class is compared by included."""
    evidence = _with_our_side(read_evidence(folder), lab, data)
    with np.errstate(all="ignore"):
        results = list(judge_evidence(evidence, tests))
        write_traces(evidence, place)

    assert all(0 <= result.score <= result.possible for result in results)
    assert all(len(result.found) < 10_000 for result in results)
    return results


def mutated(choice, record, most=4):
    """A record with some of its parts replaced by hostile ones."""
    for _ in range(choice.draw(st.integers(1, most))):
        path = choice.draw(st.sampled_from(paths_of(record)))
        record = replaced(record, path, choice.draw(st.sampled_from(HOSTILE)))
    return record


def damaged(choice, content, most=12):
    """Bytes with some of them changed, or cut short."""
    content = bytearray(content)
    for _ in range(choice.draw(st.integers(1, most))):
        if content:
            content[choice.draw(st.integers(0, len(content) - 1))] = choice.draw(st.integers(0, 255))
    return bytes(
        content[: choice.draw(st.integers(0, len(content)))] if choice.draw(st.booleans()) else content
    )


class TestEvidence:
    """Real evidence with something in it replaced: judging goes on, and tells nothing but points."""

    def test_records(self, reference_evidence, lab, data, hidden_tests, tmp_path):
        """The hidden tests of a lab pass or fail on any records; none breaks."""

        def check(choice):
            part = choice.draw(st.sampled_from(PARTS))
            record = mutated(choice, read_json(reference_evidence / f"{part}.json"))
            # Evaluating the model files takes the time, and no notebook can touch them.
            without = () if part == "models" else ("models",)
            changed = {f"{part}.json": json.dumps(record).encode()}
            with evidence_with(reference_evidence, changed, without=without) as folder:
                judge_whole(folder, lab, data, hidden_tests, tmp_path)

        fuzz(check, examples=15, choice=st.data())

    def test_arrays(self, reference_evidence, lab, data, hidden_tests, tmp_path):
        """So they do on arrays of other shapes, types and values."""

        def check(choice):
            part = choice.draw(st.sampled_from(["names", "probe_build_dnn", "models"]))
            arrays = dict(read_arrays(reference_evidence / f"{part}.npz"))
            for _ in range(choice.draw(st.integers(1, 3))):
                key = choice.draw(st.sampled_from(sorted(arrays)))
                with np.errstate(all="ignore"):
                    arrays[key] = FORGERIES[choice.draw(st.sampled_from(sorted(FORGERIES)))](arrays[key])
            without = () if part == "models" else ("models",)
            with evidence_with(reference_evidence, {f"{part}.npz": npz(arrays)}, without=without) as folder:
                judge_whole(folder, lab, data, hidden_tests, tmp_path)

        fuzz(check, examples=8, choice=st.data())

    def test_bytes(self, reference_evidence, tmp_path):
        """Damaged files of evidence are read as far as they go, and the rest is named."""
        small = {"names.json": (reference_evidence / "names.json").read_bytes()}
        small["names.npz"] = npz({"n0": np.arange(5.0), "n1": np.zeros((2, 3), np.uint8)})

        def check(choice):
            name = choice.draw(st.sampled_from(sorted(small)))
            with evidence_with(None, small | {name: damaged(choice, small[name])}) as folder:
                read_evidence(folder)

        fuzz(check, examples=150, choice=st.data())

    def test_streams(self, tmp_path):
        """Of a damaged stream whole files with plain names are taken, whatever else it holds."""
        import tarfile

        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name in ("names.json", "probe_x.npz", "executed.ipynb"):
                member = tarfile.TarInfo(name)
                member.size = 700
                archive.addfile(member, io.BytesIO(bytes(700)))

        def check(choice):
            (tmp_path / "stream").write_bytes(damaged(choice, buffer.getvalue(), most=30))
            shutil.rmtree(tmp_path / "taken", ignore_errors=True)
            (tmp_path / "taken").mkdir()
            names = unpack(tmp_path / "stream", tmp_path / "taken")

            assert sorted(names) == sorted(path.name for path in (tmp_path / "taken").iterdir())

        fuzz(check, examples=150, choice=st.data())

    def test_configurations(self, reference_evidence):
        """A model's configuration is a graph, or not supported; nothing else comes of it."""
        config = read_json(reference_evidence / "probe_build_dnn.json")["value"]["config"]

        def check(choice):
            try:
                parse(mutated(choice, config, most=3))
            except UnsupportedModel as problem:
                assert problem.what

        fuzz(check, examples=120, choice=st.data())

    def test_models(self, reference_evidence):
        """Checks of a model's structure find something or have no answer; nothing else comes of them."""
        record = read_json(reference_evidence / "probe_build_dnn.json")["value"]
        arrays = read_arrays(reference_evidence / "probe_build_dnn.npz")
        checks = (
            lambda model: structure.check_input(model, shape=(32, 32, 3)),
            lambda model: structure.check_hidden_layers(model, count=20, units=100),
            lambda model: structure.check_activations(model, "elu"),
            lambda model: structure.check_initialisers(model, "he"),
            lambda model: structure.check_output(model, units=10, activation="softmax"),
        )

        def check(choice):
            try:
                model = view(mutated(choice, record, most=3), arrays)
            except (EvidenceProblem, ValueError, TypeError, AttributeError):
                return  # noted as a problem by the reader of the folder
            for one in checks if isinstance(model, ModelView) else ():
                try:
                    assert all(isinstance(finding, Finding) for finding in one(model))
                except Unanswered as message:
                    assert str(message)

        fuzz(check, examples=120, choice=st.data())


def damaged_store(choice):
    """A weight store, whole or damaged."""
    content = store()
    return damaged(choice, content) if choice.draw(st.booleans()) else content


class TestModelFiles:
    """A submitted model file is read or refused with a sentence, and what was read can be judged."""

    def test_archives(self, tmp_path):
        """What is read of any archive is plain data that the judge can read, too."""
        config = dense_config()
        history = {"history": {"loss": [2.0, 1.0], "val_loss": [2.1, 1.2]}}

        def check(choice):
            shutil.rmtree(tmp_path / "files", ignore_errors=True)
            (tmp_path / "files").mkdir()
            wanted = mutated(choice, config, most=3) if choice.draw(st.booleans()) else config
            path = keras_file(tmp_path / "files" / "m.keras", config=wanted, weights=damaged_store(choice))
            if choice.draw(st.booleans()):
                path.write_bytes(damaged(choice, path.read_bytes()))
            curve = json.dumps(mutated(choice, history, most=2))
            (tmp_path / "files" / "m.history.json").write_text(curve, encoding="utf-8")
            record, arrays = collect(tmp_path / "files")
            parts = {"models.json": json.dumps(record).encode(), "models.npz": npz_bytes(arrays)}
            with evidence_with(None, parts) as folder:
                found = read_evidence(folder)

            assert () == found.problems
            assert {"m.keras", "m.history.json"} == set(found.files)

        fuzz(check, examples=150, choice=st.data())


class TestSubmissions:
    """A submission is staged whole, or refused with a reason; nothing else is ever raised."""

    @pytest.fixture(autouse=True)
    def labs(self, tmp_path, monkeypatch):
        """Two labs of our own."""
        monkeypatch.setenv("AUTOGRADER_SOLUTIONS", str(make_labs(tmp_path / "solutions")))

    def staged(self, path, place):
        """Stage what is at a path; what came out is plain files below the folder, and a valid notebook."""
        shutil.rmtree(place, ignore_errors=True)
        try:
            found = stage(path, find_lab("deep"), place)
        except Ungradable as refused:
            assert refused.what
            assert not place.exists()
            return
        cells = json.loads((place / "deep.ipynb").read_text(encoding="utf-8"))["cells"]
        assert all(set(cell) <= CELL for cell in cells)
        assert not any(path.is_symlink() for path in place.rglob("*"))
        assert all(len(note) < 10_000 for note in found.notes)

    def test_notebooks(self, tmp_path):
        """Any JSON in place of a notebook's parts is cleaned away or refused."""
        plain = json.loads(notebook(outputs=[{"output_type": "stream", "name": "stdout", "text": "x"}]))

        def check(choice):
            content = json.dumps(mutated(choice, plain)).encode()
            path = tmp_path / "s.ipynb"
            path.write_bytes(damaged(choice, content) if choice.draw(st.booleans()) else content)
            self.staged(path, tmp_path / "staged")

        fuzz(check, examples=150, choice=st.data())

    def test_zips(self, tmp_path):
        """So are zips with any names, damaged or not."""
        # What follows a zero is cut off when a zip is written, and nothing must not be left.
        text = st.text(max_size=20).filter(lambda name: not name.startswith("\0"))
        names = st.one_of(text, st.sampled_from(NAMES))

        def check(choice):
            entries = [(name or "x", b"x") for name in choice.draw(st.lists(names, max_size=6))]
            path = write_zip(tmp_path / "s.zip", [("deep.ipynb", notebook()), *dict(entries).items()])
            if choice.draw(st.booleans()):
                path.write_bytes(damaged(choice, path.read_bytes()))
            self.staged(path, tmp_path / "staged")

        fuzz(check, examples=100, choice=st.data())

    def test_folders(self, tmp_path):
        """So are folders with any names that a file system takes."""
        names = st.one_of(st.binary(min_size=1, max_size=12), st.sampled_from([n.encode() for n in NAMES]))

        def check(choice):
            folder = tmp_path / "submission"
            shutil.rmtree(folder, ignore_errors=True)
            write(folder, {"deep.ipynb": notebook()})
            for name in choice.draw(st.lists(names, max_size=6)):
                name = os.fsdecode(name.replace(b"\0", b"").replace(b"..", b"_").strip(b"/") or b"x")
                with contextlib.suppress(OSError):
                    write(folder, {name: b"x"})
            self.staged(folder, tmp_path / "staged")

        fuzz(check, examples=80, choice=st.data())


CELL = {"cell_type", "id", "metadata", "source", "execution_count", "outputs"}
NAMES = [
    *(
        "../x",
        "/etc/x",
        "a/../../x",
        "C:\\x",
        "a\\..\\..\\x",
        "\u202edeep.ipynb",
        "de\u200bep.keras",
        "deep.keras",
    ),
    *("DEEP.KERAS", "deep (1).keras", "deep.history.json", "tests/q1.py", "sitecustomize.py", "keras.json"),
    *("a/" * 40 + "x", "x" * 250, "deep.ipynb/x", "CON", "\ufdfa" * 20, "=cmd|x", "deep.keras/deep.keras"),
]
