"""Evidence comes from where student code runs: nothing in it breaks its reader, or is more than it is."""

import io
import json
import os
import pickle
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.evidence import (
    ArrayView,
    Cell,
    OpaqueView,
    Unanswered,
    describe,
    read_evidence,
    unpack,
)
from autograder.evidence.files import EvidenceProblem, read_arrays, read_json
from autograder.evidence.values import view

BOUNDED = settings(
    derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck), max_examples=120
)


def member(name, content=b"{}", **changes):
    """A tar member and its content."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in changes.items():
        setattr(info, key, value)
    return info, content


def names_in(folder):
    """The names of what is in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())


def make_stream(path, *members):
    """A tar stream of these members."""
    with tarfile.open(path, "w") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def place(tmp_path):
    """An empty folder to unpack into."""
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder


class TestUnpack:
    """What is taken from the stream of a sandbox."""

    def test_plain_files_are_taken(self, tmp_path, place):
        """Files of the format's names come out as they are, in order."""
        stream = make_stream(tmp_path / "s", member("names.json", b"1"), member("names.npz", b"22"))

        assert ["names.json", "names.npz"] == unpack(stream, place)
        assert b"22" == (place / "names.npz").read_bytes()

    def test_a_probe_may_be_named_like_a_class(self, tmp_path, place):
        """A probe that answers for a student's class bears its name, capitals and all."""
        stream = make_stream(tmp_path / "s", member("probe_OwnLayer.json"))

        assert ["probe_OwnLayer.json"] == unpack(stream, place)

    @pytest.mark.parametrize(
        "info",
        [
            member("../names.json"),
            member("/tmp/names.json"),
            member("a/names.json"),
            member("..json"),
            member("names.json.exe"),
            member("names.py"),
            member("Names.json"),
            member("n" * 300 + ".json"),
            member("names.json\n"),
            member("names.json", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
            member("names.json", b"", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
            member("names.json", b"", type=tarfile.DIRTYPE),
            member("names.json", b"", type=tarfile.FIFOTYPE),
            member("names.json", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
        ],
        ids=lambda entry: f"{entry[0].name[:20]!r} {entry[0].type!r}",
    )
    def test_anything_else_is_passed_over(self, tmp_path, place, info):
        """Links, folders, devices and other names are left out, and what follows is still read."""
        stream = make_stream(tmp_path / "s", info, member("cells.json"))

        assert ["cells.json"] == unpack(stream, place)
        assert ["cells.json"] == names_in(place)
        assert ["folder", "s"] == names_in(tmp_path)

    def test_the_first_of_a_name_counts(self, tmp_path, place):
        """A second file of a name changes nothing."""
        unpack(make_stream(tmp_path / "s", member("names.json", b"1"), member("names.json", b"2")), place)

        assert b"1" == (place / "names.json").read_bytes()

    def test_ten_thousand_members(self, tmp_path, place):
        """However many members there are, only a few are looked at."""
        many = [member(f"probe_{number}.json") for number in range(10_000)]

        assert 64 == len(unpack(make_stream(tmp_path / "s", *many), place))

    def test_a_stream_that_breaks_off(self, tmp_path, place):
        """Of a stream that was cut off, the whole files are kept."""
        stream = make_stream(
            tmp_path / "s", member("names.json", b"1" * 600), member("cells.json", b"2" * 6000)
        )
        stream.write_bytes(stream.read_bytes()[:4000])

        assert ["names.json"] == unpack(stream, place)

    def test_a_size_beyond_all_bounds(self, tmp_path, place):
        """A member that claims to be larger than a file may be is left out."""
        info = tarfile.TarInfo("names.json")
        info.size = 1 << 40
        (tmp_path / "s").write_bytes(info.tobuf() + b"1" * 5000)

        assert [] == unpack(tmp_path / "s", place)

    def test_holes(self, tmp_path, place):
        """A sparse member, whose few bytes stand for many, is left out."""
        info, content = member("names.json", struct.pack("512x"), type=tarfile.GNUTYPE_SPARSE)
        (tmp_path / "s").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + content + bytes(1024))

        assert [] == unpack(tmp_path / "s", place)

    def test_all_files_together_are_bounded(self, tmp_path, place, monkeypatch):
        """Once the files taken reach a limit, no further one is."""
        monkeypatch.setattr("autograder.evidence.stream.MAX_ALL_BYTES", 10)
        stream = make_stream(tmp_path / "s", *(member(f"probe_{at}.json", b"1234") for at in range(5)))

        assert ["probe_0.json", "probe_1.json"] == unpack(stream, place)

    @BOUNDED
    @given(noise=st.binary(max_size=3000), at=st.integers(0, 3000), whole=st.booleans())
    def test_noise(self, tmp_path_factory, noise, at, whole):
        """No stream whatsoever raises anything, or writes anything but files of the format's names."""
        tmp_path = tmp_path_factory.mktemp("noise")
        (tmp_path / "folder").mkdir()
        stream = make_stream(tmp_path / "s", member("names.json", b"1" * 700), member("cells.json"))
        content = stream.read_bytes()
        stream.write_bytes(noise if whole else content[:at] + noise + content[at + len(noise) :])
        names = unpack(stream, tmp_path / "folder")

        assert sorted(names) == names_in(tmp_path / "folder")


def npz(path, arrays, compression=zipfile.ZIP_STORED):
    """An archive of these members: arrays, or bytes as they are."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in arrays.items():
            if not isinstance(content, bytes):
                buffer = io.BytesIO()
                np.save(buffer, content)
                content = buffer.getvalue()
            archive.writestr(f"{name}.npy", content)
    return path


def header(shape, dtype, content=b"", version=1):
    """The bytes of an array file that says so of itself."""
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    text += b" " * (64 - (len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H", len(text)) + text + content


class Planted:
    """Something whose unpickling would be seen."""

    def __reduce__(self):
        return os.mkdir, ("unpickled-by-the-reader",)


class TestArrays:
    """What is read of an `.npz` file."""

    @pytest.mark.parametrize(
        "array",
        [
            np.arange(6.0).reshape(2, 3),
            np.array(True),
            np.zeros((0, 5), np.uint8),
            np.float32([np.nan, np.inf]),
        ],
        ids=["matrix", "scalar", "empty", "not finite"],
    )
    def test_numbers_come_back(self, tmp_path, array):
        """Arrays of numbers are read as they were written, whatever the numbers are."""
        found = read_arrays(npz(tmp_path / "a.npz", {"n0": array}))["n0"]

        np.testing.assert_array_equal(array, found)
        assert array.dtype == found.dtype

    @pytest.mark.parametrize(
        ("content", "what"),
        [
            (np.array([Planted()], object), "not plainly numeric"),
            (pickle.dumps(Planted()), "cannot be read"),
            (np.array(["a"]), "not plainly numeric"),
            (np.array([1j]), "not plainly numeric"),
            (np.array([(1, 2)], "i4,i4"), "not plainly numeric"),
            (np.asfortranarray(np.ones((2, 3))), "not plainly numeric"),
            (header((1 << 40,), "<f8"), "not as long as it says"),
            (header((1 << 40, 1 << 40), "<f8"), "not as long as it says"),
            (header((-1,), "<f8", b"12345678"), "not as long as it says"),
            (header((2,), "<f8", b"12345678"), "not as long as it says"),
            (header((True,), "|u1", b"1"), "."),
            (header((1,), "|O", b"12345678"), "not plainly numeric"),
            (header((1,), "<f8", b"12345678", version=9), "cannot be read"),
            (b"\x93NUMPY", "cannot be read"),
            (b"", "cannot be read"),
        ],
        ids=lambda value: None if isinstance(value, str) else repr(value)[:24],
    )
    def test_what_is_no_array_of_numbers(self, tmp_path, monkeypatch, content, what):
        """Objects, pickles, texts, and headers that claim too much are refused, and nothing is unpickled."""
        monkeypatch.chdir(tmp_path)
        with pytest.raises(EvidenceProblem, match=what):
            found = read_arrays(npz(tmp_path / "a.npz", {"n0": content}))
            raise EvidenceProblem(f"it was read as {found}.")
        assert ["a.npz"] == names_in(tmp_path)

    def test_compressed_data(self, tmp_path):
        """A compressed archive is refused, so that no bomb can be one."""
        bomb = npz(tmp_path / "a.npz", {"n0": np.zeros(1 << 20)}, zipfile.ZIP_DEFLATED)

        with pytest.raises(EvidenceProblem, match="compressed"):
            read_arrays(bomb)

    def test_too_many_arrays(self, tmp_path, monkeypatch):
        """An archive of more arrays than any notebook has is refused."""
        monkeypatch.setattr("autograder.evidence.files.MAX_ARRAYS", 3)

        with pytest.raises(EvidenceProblem, match="too much"):
            read_arrays(npz(tmp_path / "a.npz", {f"n{number}": np.ones(1) for number in range(4)}))

    @pytest.mark.parametrize("content", [b"", b"PK", b"PK\5\6" + b"\0" * 18 + b"x", b"\0" * 1000])
    def test_what_is_no_archive(self, tmp_path, content):
        """Damaged archives are refused, or hold nothing."""
        (tmp_path / "a.npz").write_bytes(content)

        try:
            assert {} == read_arrays(tmp_path / "a.npz")
        except EvidenceProblem as problem:
            assert "a.npz cannot be read" in str(problem)


class TestJson:
    """What is read of a `.json` file."""

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"[]",
            b"1",
            b"{",
            b"\xff\xfe",
            b'{"a": NaN}',
            b'{"a": Infinity}',
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b'{"a": ' + b"9" * 10_000 + b"}",
        ],
        ids=lambda content: repr(content[:12]),
    )
    def test_what_is_no_object(self, tmp_path, content):
        """Anything but an object of plain JSON is refused, however deep or long."""
        (tmp_path / "names.json").write_bytes(content)

        with pytest.raises(EvidenceProblem, match=r"names\.json"):
            read_json(tmp_path / "names.json")

    def test_a_file_that_is_too_large(self, tmp_path, monkeypatch):
        """A file beyond the limit is not opened."""
        monkeypatch.setattr("autograder.evidence.files.MAX_JSON_BYTES", 10)
        (tmp_path / "names.json").write_text('{"a": "0123456789"}')

        with pytest.raises(EvidenceProblem, match="larger than"):
            read_json(tmp_path / "names.json")


def array_record(**changes):
    """The record of an array of 5000 rows of 3 features, and the arrays that it names."""
    arrays = {
        "n0": np.zeros(3, np.float32),
        "n1": np.ones(3, np.float32),
        "n2": np.array([0, 4999]),
        "n3": np.zeros((2, 3), np.float32),
        "n4": np.arange(5000, dtype=np.uint64),
    }
    keys = dict(zip(("mean", "std", "positions", "sample", "hashes"), arrays, strict=True))
    summary = {"low": 0, "high": 1, "finite": True, **keys}
    record = {"kind": "array", "shape": [5000, 3], "dtype": "float32", "summary": summary | changes}
    return record, arrays


class TestViews:
    """What a record becomes."""

    def test_a_large_array(self):
        """An array too large to keep is known by its summary."""
        found = view(*array_record())

        assert (5000, 2, np.float32) == (len(found), found.ndim, found.dtype)

    @pytest.mark.parametrize(
        ("part", "array"),
        [
            ("positions", np.array([0, 5000])),
            ("positions", np.array([-1, 3])),
            ("positions", np.array([], int)),
            ("positions", np.array([0.0, 1.0])),
            ("sample", np.zeros((2, 4))),
            ("sample", np.zeros((3, 3))),
            ("hashes", np.arange(5000)),
            ("hashes", np.arange(9, dtype=np.uint64)),
            ("mean", np.zeros(4)),
        ],
    )
    def test_a_summary_that_does_not_fit(self, part, array):
        """Parts of a summary that contradict each other are refused."""
        record, arrays = array_record(**{part: "forged"})

        with pytest.raises(EvidenceProblem, match="does not fit"):
            view(record, arrays | {"forged": array})

    @pytest.mark.parametrize(
        "record",
        [
            {"kind": "array", "shape": [2], "dtype": "float32", "data": "n0"},
            {"kind": "array", "shape": [3], "dtype": "object", "data": "n0"},
            {"kind": "array", "shape": [3], "dtype": "no such type", "data": "n0"},
            {"kind": "array", "shape": [3.0], "dtype": "float32", "data": "n0"},
            {"kind": "array", "shape": [-3], "dtype": "float32", "data": "n0"},
            {"kind": "array", "shape": [1] * 9, "dtype": "float32", "data": "n0"},
            {"kind": "array", "shape": [3], "dtype": "float32", "data": ["n0"]},
            {"kind": "array", "shape": [3], "dtype": "float32"},
            {"kind": "number", "type": "float", "value": "1"},
            {"kind": "number", "type": "float", "value": 1e999},
            {"kind": "number", "type": "float", "value": True},
            {"kind": "text", "value": 1},
            {"kind": "list", "items": {}},
            {"kind": "dict", "items": [[1, 2, 3]]},
            {"kind": "history", "history": {"loss": 1}},
            {"kind": "history", "history": {"loss": ["x"]}},
            {"kind": "model", "weights": {"dense": ["n9"]}},
            {"kind": "model", "weights_in_order": {"dense": "n0"}},
            {"kind": "model", "outputs": "n4"},
            {"kind": "model", "compiled": []},
            {"kind": "model", "compiled": {"optimizer": {"class": 1}}},
            {"kind": "model", "input_shapes": [["x"]]},
            [],
            None,
        ],
        ids=repr,
    )
    def test_a_malformed_record(self, record):
        """A record that is not as the format says is refused."""
        with pytest.raises(EvidenceProblem):
            view(record, array_record()[1])

    def test_tables_of_pandas(self):
        """A column or a table of numbers is the array that it holds; one of words is none."""
        pytest.importorskip("keras")
        import pandas as pd

        from autograder.room.describe import Recorder

        recorder = Recorder()
        column, table, words = (
            view(recorder.value(thing), recorder.arrays)
            for thing in (pd.Series([3, 1]), pd.DataFrame({"a": [1.5]}), pd.Series(["a"]))
        )

        assert ([3, 1], (1, 1)) == (column.data.tolist(), table.shape)
        assert not isinstance(words, ArrayView)

    def test_an_unknown_kind_is_opaque(self):
        """What the format does not know is something of some type, and nothing more."""
        assert OpaqueView(type="student.Agreeable") == view(
            {"kind": "object", "type": "student.Agreeable"}, {}
        )

    def test_keys_that_are_no_keys(self):
        """A dict's key that cannot be one in Python keeps its place as text."""
        nested = {"kind": "list", "items": []}
        one = {"kind": "number", "type": "int", "value": 1}

        assert {"[]": 1} == view({"kind": "dict", "items": [[nested, one]]}, {})

    def test_depth_is_bounded(self):
        """A record inside of records beyond a depth is refused."""
        record = {"kind": "none"}
        for _ in range(50):
            record = {"kind": "list", "items": [record]}

        with pytest.raises(EvidenceProblem, match="too deep"):
            view(record, {})

    @pytest.mark.parametrize(
        ("value", "words"),
        [
            (None, "None"),
            (OpaqueView(type="a.B"), "of type a.B"),
            (ArrayView(shape=(2, 3), dtype=np.dtype("f4")), "an array of shape (2, 3)"),
            (3, "of type int"),
        ],
    )
    def test_what_a_message_says(self, value, words):
        """Every kind of value has its words."""
        assert words == describe(value)


def write_folder(folder, **records):
    """An evidence folder of these JSON records."""
    folder.mkdir(exist_ok=True)
    for name, record in records.items():
        (folder / f"{name}.json").write_text(json.dumps({"schema": 1} | record), encoding="utf-8")
    return folder


class TestFolder:
    """What is read of a whole folder."""

    def test_nothing_at_all(self, tmp_path):
        """An empty folder is evidence of nothing."""
        found = read_evidence(tmp_path)

        assert ({}, {}, (), {}) == (dict(found.names), dict(found.probes), found.fits, dict(found.files))
        assert () == found.problems

    def test_one_bad_name_costs_itself_only(self, tmp_path):
        """A malformed record is left out and noted; its neighbours are read."""
        good = {"kind": "number", "type": "int", "value": 3}
        found = read_evidence(write_folder(tmp_path, names={"names": {"a": good, "b": {"kind": "array"}}}))

        assert {"a": 3} == dict(found.names)
        assert 1 == len(found.problems)

    def test_a_bad_fit_costs_itself_only(self, tmp_path):
        """So does a malformed record of a training."""
        good = {"model": 0, "epochs": 2, "callbacks": []}
        found = read_evidence(write_folder(tmp_path, names={"fits": [good, {"model": []}, 3, good]}))

        assert (2, 2) == (len(found.fits), len(found.problems))

    def test_a_damaged_archive_costs_its_arrays(self, tmp_path):
        """Where arrays cannot be read, what needs none of them still is."""
        text = {"kind": "text", "value": "x"}
        write_folder(tmp_path, names={"names": {"a": text, "b": array_record()[0]}})
        (tmp_path / "names.npz").write_bytes(b"damaged")
        found = read_evidence(tmp_path)

        assert {"a": "x"} == dict(found.names)
        assert "names.npz cannot be read: BadZipFile" == found.problems[0]

    def test_a_link_in_place_of_a_file(self, tmp_path):
        """A file that is no file of this folder is not read."""
        secret = write_folder(tmp_path / "elsewhere", names={"names": {"a": {"kind": "text", "value": "x"}}})
        (tmp_path / "evidence").mkdir()
        (tmp_path / "evidence" / "names.json").symlink_to(secret / "names.json")
        found = read_evidence(tmp_path / "evidence")

        assert {} == dict(found.names)
        assert ("names.json is not a file",) == found.problems

    def test_a_probe_without_an_answer(self, tmp_path):
        """What the student's code raised is the answer, for the student, with the line that raised it."""
        record = {"problem": "ValueError: no", "lines": ["x = y"]}
        found = read_evidence(write_folder(tmp_path, probe_build_dnn=record))

        with pytest.raises(Unanswered, match="`build_dnn` could not be tried out: ValueError: no at `x = y`"):
            found.probe("build_dnn")

    @pytest.mark.parametrize(
        ("error", "shown"),
        [
            ("NameError: x", "NameError: x."),
            ("AssertionError: ", "AssertionError."),
            ("ValueError: is it so?", "ValueError: is it so?"),
            ("ValueError: \x1b[1mno shape.\x1b[0m\n\nmore of it", "ValueError: no shape."),
            (
                "ValueError: Exception encountered when calling Own.call().\n\n\x1b[1mOdd shape.\x1b[0m",
                "ValueError: Odd shape.",
            ),
            ("TypeError: no array: value=[[ 0.1 0.2]\n [0.3 0.4]]", "TypeError: no array…"),
            ("TypeError: no array, [[0.1, 0.2]]", "TypeError: no array…"),
            ("TypeError: no call. Arguments received by Sequential.call(): x", "TypeError: no call…"),
            ("SavedTrainingProblem: nothing there\n  What to do: train", "nothing there. What to do: train."),
            (f"ValueError: {'a' * 488}", "aaa…"),
            (f"ValueError: {'a ' * 200}", "a a…"),
            (f"ValueError: complete.\n{'a' * 480}", "ValueError: complete."),
            ("ValueError: torn\x1b[1", "ValueError: torn."),
        ],
    )
    def test_what_is_shown_of_an_error(self, error, shown):
        """An error is shown in one line of words; where that is cut, it says so."""
        trouble = Cell(number=2, count=1, status="error", error=error).trouble

        assert trouble.startswith("Code cell 1 of your notebook did not finish: ")
        assert trouble.endswith(shown)
        assert not set("\n\x1b") & set(trouble) and len(trouble) < 400

    def test_a_package_that_is_not_there(self):
        """Who imports something that the room does not have is told what is there, and what to do."""
        error = "ModuleNotFoundError: No module named 'helpers'"
        trouble = Cell(number=2, count=1, status="error", error=error).trouble

        assert f"did not finish: {error}. The grader has the packages that the lab's README names" in trouble
        assert "into the notebook" in trouble

    def test_an_unfinished_cell_is_named(self, tmp_path):
        """What is missing is put down to the cell that did not finish."""
        ok = [{"cell": number, "status": "ok"} for number in (0, 3)]
        cells = {"cells": [*ok, {"cell": 4, "status": "error", "error": "NameError: x"}]}
        found = read_evidence(write_folder(tmp_path, cells=cells))

        with pytest.raises(Unanswered, match="cell 3 of your notebook did not finish: NameError: x"):
            found.value("best_lr")


@pytest.mark.parametrize("block", [1, 100, 1 << 20])
def test_large_arrays_are_the_same_in_blocks_of_any_size(block, monkeypatch):
    """Row hashes, means and spreads do not depend on how many rows are looked at together."""
    from autograder.room import describe as room

    array = np.random.default_rng(0).normal(3, 2, (500, 7, 3)).astype(np.float32)
    monkeypatch.setattr(room, "BLOCK_BYTES", block)
    monkeypatch.setattr(room, "WHOLE_BYTES", 100)
    recorder = room.Recorder()
    summary = recorder.value(array)["summary"]
    mean, std, hashes = (recorder.arrays[summary[name]] for name in ("mean", "std", "hashes"))

    np.testing.assert_allclose(mean, array.reshape(500, -1).mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(std, array.reshape(500, -1).std(axis=0), rtol=1e-5)
    assert [int(room.row_hashes(row[None])[0]) for row in array] == hashes.tolist()
    assert 500 == len(set(hashes.tolist()))
