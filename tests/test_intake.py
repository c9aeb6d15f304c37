"""Submissions come in whole or are refused with a reason; nothing that strangers wrote is trusted."""

import hashlib
import json
import os
import shutil
import unicodedata
import zipfile

import nbformat
import pytest
from submissions import (
    link_entry,
    make_labs,
    misplaced,
    notebook,
    old_notebook,
    write,
    write_bomb,
    write_zip,
)

from autograder.errors import MachineFault, Ungradable, UsageProblem
from autograder.intake import find_submissions, sources, stage
from autograder.intake.names import decode_name, legible, safe_identifier, safe_path
from autograder.labs import find_lab


@pytest.fixture(autouse=True)
def labs(tmp_path, monkeypatch):
    """Two labs of our own, `deep` and `pairs`."""
    monkeypatch.setenv("AUTOGRADER_SOLUTIONS", str(make_labs(tmp_path / "solutions")))


@pytest.fixture
def staged(tmp_path):
    """Stage a path for the lab `deep` and say what came out."""

    def run(path, lab="deep"):
        return stage(path, find_lab(lab), tmp_path / "staged")

    return run


@pytest.fixture
def refused(staged, tmp_path):
    """The whole message with which a path is refused; nothing of it is left on the disk."""

    def run(path, lab="deep"):
        with pytest.raises(Ungradable) as caught:
            staged(path, lab)
        assert not (tmp_path / "staged").exists()
        return str(caught.value)

    return run


def files_of(folder):
    """The files of a folder by relative name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class TestFinding:
    """What a path on the command line stands for."""

    def names(self, *paths):
        """The names of the candidates at these paths."""
        return [candidate.name for candidate in find_submissions(paths)]

    def test_a_class_folder_holds_one_submission_an_entry(self, tmp_path):
        """Notebooks, zips and folders of a class folder are submissions; lists and litter are not."""
        files = ["kim.ipynb", "lee/x.ipynb", "park.zip", "grades.csv", ".DS_Store", "__MACOSX/a", "choi.rar"]
        write(tmp_path / "class", dict.fromkeys(files, b""))

        assert ["choi.rar", "kim", "lee", "park"] == self.names(tmp_path / "class")

    def test_a_folder_with_one_notebook_is_one_submission(self, tmp_path):
        """A folder with one notebook and its models is not taken apart."""
        write(tmp_path / "kim", {"a.ipynb": b"", "deep.keras": b"", "models/deep.keras": b""})

        assert ["kim"] == self.names(tmp_path / "kim")

    def test_one_bare_notebook_hides_no_other_student(self, tmp_path):
        """A class folder with one bare notebook and one folder has two submissions."""
        write(tmp_path / "class", {"kim.ipynb": b"", "lee/x.ipynb": b""})

        assert ["kim", "lee"] == self.names(tmp_path / "class")

    def test_equal_names_get_numbers(self, tmp_path):
        """Names that a file system may hold equal become different ones."""
        write(tmp_path / "class", {"Kim.ipynb": b"", "kim.zip": b"", "kim/a.ipynb": b""})

        assert ["Kim", "kim-2", "kim-3"] == sorted(self.names(tmp_path / "class"))

    def test_no_name_is_that_of_the_gradebook(self, tmp_path):
        """A submission named grades.csv cannot take the gradebook's place."""
        write(tmp_path, {"grades.csv.zip": b""})

        assert ["grades.csv-2"] == self.names(tmp_path / "grades.csv.zip")

    def test_a_path_given_twice_counts_once(self, tmp_path):
        """The same submission by two paths is one candidate."""
        write(tmp_path / "class", {"kim.ipynb": b"", "lee.ipynb": b""})

        assert ["kim", "lee"] == self.names(tmp_path / "class", tmp_path / "class" / "kim.ipynb")

    def test_a_missing_path_is_the_commands_problem(self, tmp_path):
        """A path that is not there is named."""
        with pytest.raises(UsageProblem, match=r"there is nothing at .*/nowhere"):
            find_submissions([tmp_path / "nowhere"])

    def test_an_empty_folder_is_the_commands_problem(self, tmp_path):
        """A folder without submissions is not graded in silence."""
        with pytest.raises(UsageProblem, match="no submission was found"):
            find_submissions([write(tmp_path / "empty", {})])


class TestNames:
    """Names that strangers chose."""

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("김지수 과제", "김지수_과제"),
            (unicodedata.normalize("NFD", "김지수"), "김지수"),
            ("CON", "CON_"),
            ("lpt1.x", "lpt1.x_"),
            ("..", "submission"),
            ("../../etc/passwd", "etc_passwd"),
            ("-rf", "rf"),
            ("a\x1b[31mb\u202ec", "a_31mb_c"),
            ("", "submission"),
        ],
    )
    def test_identifiers_are_safe(self, name, expected):
        """Letters of all scripts stay; what is a device, a path or invisible does not."""
        assert expected == safe_identifier(name)

    def test_identifiers_are_short(self):
        """No identifier is longer than 80 bytes, and none is cut within a letter."""
        assert "가" * 26 == safe_identifier("가" * 300)

    def test_identifiers_of_undecodable_names(self):
        """A name in CP949 on a UTF-8 disk reads as Korean."""
        assert "김" == safe_identifier(os.fsdecode("김".encode("cp949")))

    @pytest.mark.parametrize("encoding", ["utf-8", "cp949", "euc-kr"])
    def test_names_of_unknown_encoding(self, encoding):
        """Korean file names are read whichever system wrote them."""
        assert "과제.ipynb" == decode_name("과제.ipynb".encode(encoding))

    @pytest.mark.parametrize(
        "name",
        ["/etc/passwd", "../x", "a/../../x", "C:/x", "c:x", "\\\\server\\x", "a\\..\\x", "a\0b", "", "."],
    )
    def test_paths_that_lead_outside(self, name):
        """Absolute paths, drives, parents and NUL are no paths of a submission."""
        assert safe_path(name) is None

    def test_backslashes_separate(self):
        """Windows' separators are separators."""
        assert "a/b.txt" == str(safe_path("a\\.\\b.txt"))

    def test_legible_text_forges_nothing(self):
        """Terminal codes, direction marks and unpaired halves go; a line break becomes a space."""
        assert "a[31m bc d" == legible("a\x1b[31m\nb\u202ec\ud800\td")


class TestStaging:
    """What a submission becomes."""

    def test_a_bare_notebook(self, tmp_path, staged):
        """A notebook alone is staged under the lab's name, and its missing model is noted."""
        path = write(tmp_path, {"김 지수.ipynb": notebook()}) / "김 지수.ipynb"
        result = staged(path)

        assert ["deep.ipynb"] == list(files_of(result.folder))
        assert ("there is no deep.keras",) == result.notes

    def test_a_folder(self, tmp_path, staged):
        """Models and helpers come along; our own names, hidden files and litter do not."""
        kept = {
            "my work.ipynb": notebook(),
            "deep.keras": b"model",
            "deep.history.json": b"{}",
            "lib/help.py": b"1",
        }
        left = ["tests/q1.py", "dnnlab.py", "otter/__init__.py", "sitecustomize.py", "keras.json", ".git/x"]
        left += [".ipynb_checkpoints/my work-checkpoint.ipynb", "__pycache__/a.pyc"]
        result = staged(write(tmp_path / "kim", kept | dict.fromkeys(left, b"x")))

        assert {"deep.ipynb", "deep.keras", "deep.history.json", "lib/help.py"} == set(
            files_of(result.folder)
        )
        assert ("deep.history.json", "deep.keras") == result.models
        assert () == result.notes

    def test_rights(self, tmp_path, staged):
        """Whichever user the room runs as may read, and nothing is executable."""
        result = staged(write(tmp_path / "kim", {"a.ipynb": notebook(), "lib/x.py": b"1"}))
        modes = {oct(path.stat().st_mode & 0o777) for path in result.folder.rglob("*") if path.is_file()}

        assert ({"0o644"}, 0o755) == (modes, (result.folder / "lib").stat().st_mode & 0o777)

    def test_the_original_stays(self, tmp_path, staged):
        """Staging changes and removes nothing of what was handed in."""
        folder = write(tmp_path / "kim", {"a.ipynb": notebook(), "models/deep.keras": b"m", ".x": b"1"})
        before = files_of(folder)
        staged(folder)

        assert before == files_of(folder)

    def test_identity_is_that_of_the_content(self, tmp_path, staged):
        """A folder and a zip of the same files are the same submission; another model is another."""
        files = {"a.ipynb": notebook(), "deep.keras": b"one"}
        folder = staged(write(tmp_path / "kim", files)).identity
        zipped = staged(write_zip(tmp_path / "kim.zip", files.items())).identity
        other = staged(write(tmp_path / "lee", files | {"deep.keras": b"two"})).identity

        assert (True, False) == (folder == zipped, folder == other)

    def test_outputs_do_not_make_another_submission(self, tmp_path, staged):
        """What a notebook printed and who ran it is stripped before anything is compared."""
        shown = notebook(outputs=[{"output_type": "stream", "name": "stdout", "text": "99 %"}])
        one = staged(write(tmp_path / "one", {"a.ipynb": notebook()})).identity
        two = staged(write(tmp_path / "two", {"a.ipynb": shown})).identity

        assert one == two

    def test_a_model_in_a_sub_folder_is_found(self, tmp_path, staged):
        """A model is taken from wherever it lies, and a note says so."""
        result = staged(write(tmp_path / "kim", {"a.ipynb": notebook(), "saved/Deep (1).keras": b"m"}))

        assert b"m" == files_of(result.folder)["deep.keras"]
        assert ("deep.keras was taken from saved/Deep (1).keras",) == result.notes

    def test_the_model_beside_the_notebook_counts(self, tmp_path, staged):
        """Of two files of a name the one beside the notebook is graded."""
        files = {"work/a.ipynb": notebook(), "work/deep.keras": b"right", "old/deep.keras": b"wrong"}
        result = staged(write(tmp_path / "kim", files))

        assert b"right" == files_of(result.folder)["deep.keras"]

    def test_two_models_nobody_can_tell_apart(self, tmp_path, refused):
        """Two different files for a graded model are asked about, not guessed."""
        files = {"a.ipynb": notebook(), "one/deep.keras": b"1", "two/deep.keras": b"2"}

        assert (
            "there are different files deep.keras: one/deep.keras, two/deep.keras\n"
            "  What to do: ask which one counts"
        ) == refused(write(tmp_path / "kim", files))

    def test_small_files_have_an_allowance(self, tmp_path, staged, monkeypatch):
        """Data beyond the allowance stays out, with a note; the smaller files still come."""
        monkeypatch.setattr("autograder.intake.staging._SMALL_BYTES", 10**6)
        files = {"a.ipynb": notebook(), "big.csv": bytes(2 * 10**6), "deep.keras": b"", "help.py": b"1"}
        result = staged(write(tmp_path / "kim", files))

        assert {"deep.ipynb", "deep.keras", "help.py"} == set(files_of(result.folder))
        assert ("big.csv was left out: other files may be 1 MB in all",) == result.notes

    def test_archives_inside_stay_closed(self, tmp_path, staged):
        """A zip within a zip is named and not opened."""
        entries = [("a.ipynb", notebook()), ("deep.keras", b""), ("more.zip", b"PK")]
        result = staged(write_zip(tmp_path / "kim.zip", entries))

        assert ("more.zip was not opened: archives inside a submission are left out",) == result.notes

    def test_a_folder_around_a_zip(self, tmp_path, staged):
        """A course site's folder that holds only the student's zip stands for that zip."""
        (tmp_path / "kim_1234").mkdir()
        write_zip(
            tmp_path / "kim_1234" / "my lab.zip", [("lab/a.ipynb", notebook()), ("lab/deep.keras", b"m")]
        )

        assert ("deep.keras",) == staged(tmp_path / "kim_1234").models

    def test_a_full_disk_is_not_the_students(self, tmp_path, staged, monkeypatch):
        """An error of the disk while reading is a fault of the machine."""

        def broken(path):
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(sources, "_open_plain", broken)

        with pytest.raises(MachineFault, match="reading failed: Input/output error"):
            staged(write(tmp_path / "kim", {"a.ipynb": notebook()}))

    def test_an_unreadable_file_is_named(self, tmp_path, refused, monkeypatch):
        """A file without reading rights makes the submission ungradable, with its name."""

        def forbidden(path):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(sources, "_open_plain", forbidden)

        assert (
            "a.ipynb: cannot be read: Permission denied\n  What to do: check that it is there and readable"
            == (refused(write(tmp_path / "kim", {"a.ipynb": notebook()})))
        )


class TestNotebooks:
    """What a notebook becomes, and what is none."""

    def staged_notebook(self, tmp_path, staged, content):
        """The staged notebook, and the notes."""
        result = staged(write(tmp_path / "kim", {"a.ipynb": content}))
        return json.loads((result.folder / "deep.ipynb").read_bytes()), result.notes

    def test_a_staged_notebook_is_valid_and_bare(self, tmp_path, staged):
        """It is valid by nbformat's own schema, for the kernel python3, without outputs or metadata."""
        content = notebook(
            outputs=[{"output_type": "display_data"}],
            metadata={"kernelspec": {"name": "ir"}, "otter": {"tests": {"q1": "x"}}},
        )
        found, _ = self.staged_notebook(tmp_path, staged, content)
        nbformat.validate(nbformat.from_dict(found))

        assert {"python3"} == {found["metadata"]["kernelspec"]["name"]}
        assert [] == [cell for cell in found["cells"] if cell["outputs"] or cell["metadata"]]

    def test_ids_are_made_valid_and_unique(self, tmp_path, staged):
        """Bad and repeated ids are replaced, good ones stay."""
        data = json.loads(notebook())
        for cell, name in zip(data["cells"], ["good", "good", "not valid!", 5, None], strict=True):
            cell["id"] = name
        found, _ = self.staged_notebook(tmp_path, staged, json.dumps(data).encode())
        ids = [cell["id"] for cell in found["cells"]]
        nbformat.validate(nbformat.from_dict(found))

        assert ("good", 5) == (ids[0], len(set(ids)))

    def test_format_3_is_converted(self, tmp_path, staged):
        """An old notebook is upgraded, and a note says so."""
        found, notes = self.staged_notebook(tmp_path, staged, old_notebook())
        nbformat.validate(nbformat.from_dict(found))

        assert "a.ipynb was in notebook format 3; it was converted to format 4" == notes[0]

    def test_text_that_is_no_unicode(self, tmp_path, staged):
        """An unpaired half of a character doesn't stop anything."""
        content = notebook().replace(b"return 1", b"return '\\ud800'")
        found, _ = self.staged_notebook(tmp_path, staged, content)

        assert "def build_dnn():\n    return '?'" == found["cells"][1]["source"]

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "a.ipynb: is empty"),
            (b"{broken", "a.ipynb: is not a notebook: broken JSON (Expecting property name enclosed"),
            (b"\xff\xfe{\x00", "a.ipynb: is not a notebook: broken JSON ('utf-8' codec can't decode"),
            (b"[" * 100_000, "a.ipynb: is not a notebook: broken JSON (maximum recursion depth"),
            (b'{"n": ' + b"9" * 5000 + b"}", "a.ipynb: is not a notebook: broken JSON (Exceeds the limit"),
            (b"[1]", "a.ipynb: is JSON, but not a notebook"),
            (b'{"cells": []}', "a.ipynb: is JSON, but not a notebook"),
            (notebook(nbformat=5), "a.ipynb: is in notebook format 5, which is unknown"),
            (notebook(cells={}), "a.ipynb: is not a notebook: it has no list of cells"),
            (notebook(cells=[5]), "a.ipynb, cell 1: is not a valid notebook"),
            (notebook(cells=[{"cell_type": "heading"}]), "a.ipynb, cell 1: is not a valid notebook"),
            (notebook(sources=[5]), "a.ipynb, cell 2: has a cell whose source is no text"),
            (notebook(sources=["x"] * 3000), "a.ipynb: has 3,002 cells, more than 2,000"),
            (
                b'{"nbformat": 3, "worksheets": 5}',
                "a.ipynb: is in the old notebook format 3 and cannot be converted",
            ),
        ],
        ids=lambda value: value[:40] if isinstance(value, str) else "",
    )
    def test_what_is_no_notebook(self, tmp_path, refused, content, message):
        """Each way of not being a notebook is refused, naming the file, with what to ask for."""
        found = refused(write(tmp_path / "kim", {"a.ipynb": content}))

        assert found.startswith(message)
        assert found.endswith(
            "What to do: ask the student to open it in Jupyter, save it and submit it again"
        )

    def test_a_large_notebook(self, tmp_path, refused):
        """A notebook beyond 20 MB is refused before it is read."""
        content = notebook(outputs=[{"text": "x" * 5_000_000}])

        assert (
            "a.ipynb: is 25 MB, more than the 20 MB allowed\n"
            "  What to do: ask the student to clear large outputs and submit it again"
        ) == refused(write(tmp_path / "kim", {"a.ipynb": content}))


class TestChoosingTheNotebook:
    """Which notebook counts, and whether it answers the lab."""

    def test_no_notebook(self, tmp_path, refused):
        """Without a notebook the message says what there is."""
        assert (
            "there is no notebook; it holds deep.keras, report.pdf\n  What to do: ask for deep.ipynb"
        ) == refused(write(tmp_path / "kim", {"deep.keras": b"", "report.pdf": b""}))

    def test_an_empty_folder(self, tmp_path, refused):
        """An empty folder holds nothing."""
        assert "there is no notebook; it holds nothing\n  What to do: ask for deep.ipynb" == refused(
            write(tmp_path / "kim", {})
        )

    def test_two_answers(self, tmp_path, refused):
        """Two different notebooks that answer the lab are asked about."""
        files = {"a.ipynb": notebook(), "b.ipynb": notebook(sources=["def build_dnn(): pass"])}

        assert (
            "there are 2 notebooks (a.ipynb, b.ipynb), and more than one of them answers the lab deep\n"
            "  What to do: ask which one counts, or leave only deep.ipynb"
        ) == refused(write(tmp_path / "kim", files))

    def test_two_that_do_not_answer(self, tmp_path, refused):
        """Two notebooks of which none answers are no answer."""
        files = {"a.ipynb": notebook("pairs"), "b.ipynb": b"broken"}

        assert refused(write(tmp_path / "kim", files)).startswith(
            "there are 2 notebooks (a.ipynb, b.ipynb), and none of them answers the lab deep"
        )

    @pytest.mark.parametrize(
        "others",
        [
            {"scratch.ipynb": notebook(sources=["1 + 1"], declared=False, checks=False)},
            {"scratch.ipynb": b"broken"},
            {"deep (1).ipynb": notebook(sources=["def build_dnn(): pass"])},
            {"old/other name.ipynb": notebook(sources=["def build_dnn(): pass"])},
            {"copy/deep.ipynb": notebook()},
        ],
        ids=["another matter", "broken", "a copy", "another name", "the same twice"],
    )
    def test_one_of_two(self, tmp_path, staged, others):
        """The one that answers counts, or the one of the lab's name, or either of two equal ones."""
        result = staged(write(tmp_path / "kim", {"deep.ipynb": notebook()} | others))

        assert b"return 1" in (result.folder / "deep.ipynb").read_bytes()
        assert f"graded deep.ipynb, not {next(iter(others))}" == result.notes[0]

    def test_checkpoints_do_not_count(self, tmp_path, staged):
        """Jupyter's own copies are not a second notebook."""
        files = {
            "deep.ipynb": notebook(),
            ".ipynb_checkpoints/deep-checkpoint.ipynb": notebook(sources=["1"]),
        }

        assert ("there is no deep.keras",) == staged(write(tmp_path / "kim", files)).notes

    def test_another_lab(self, tmp_path, refused):
        """A notebook of another lab is told by its name."""
        assert (
            "deep.ipynb: this looks like lab pairs, not deep\n"
            "  What to do: grade it with --lab pairs, or ask for deep.ipynb"
        ) == refused(write(tmp_path / "kim", {"deep.ipynb": notebook("pairs")}))

    def test_another_lab_without_its_first_cell(self, tmp_path, refused):
        """Another lab is told by the names it defines, too."""
        content = notebook("pairs", declared=False, checks=False)

        assert refused(write(tmp_path / "kim", {"deep.ipynb": content})).startswith(
            "deep.ipynb: this looks like lab pairs, not deep"
        )

    def test_no_lab(self, tmp_path, refused):
        """A notebook of ordinary names answers no lab."""
        content = notebook(sources=["model = 1", "X_train, y_train = 1, 2"], declared=False, checks=False)

        assert (
            "a.ipynb: the notebook has none of the questions of the lab deep\n"
            "  What to do: ask for deep.ipynb as it was handed out, with answers"
        ) == refused(write(tmp_path / "kim", {"a.ipynb": content}))

    @pytest.mark.parametrize(
        "content",
        [
            notebook(),
            notebook(sources=[]),
            notebook(declared=False),
            notebook(declared=False, checks=False),
            notebook(declared=False, sources=["%%time\nbest_lr: float = 1 / 0", "!pip install x"]),
            notebook(
                sources=["x = 1"],
                declared=False,
                checks=False,
                metadata={"otter": {"assignment_name": "deep"}},
            ),
            notebook().replace(b"deep.ipynb", b"homework3.ipynb"),
            notebook().replace(b"deep.ipynb", b"pairs.ipynb"),
        ],
        ids=[
            "as handed out",
            "unanswered",
            "no first cell",
            "only names",
            "checks and a name",
            "metadata",
            "renamed",
            "answers in another lab's copy",
        ],
    )
    def test_a_students_liberties(self, tmp_path, staged, content):
        """A notebook that answers the lab is known in any of these forms."""
        assert staged(write(tmp_path / "kim", {"a.ipynb": content})).identity


class TestUnsafeSubmissions:
    """What could harm the machine is refused before it does."""

    @pytest.mark.parametrize(
        ("entries", "message"),
        [
            ([], "the zip is empty"),
            ([("empty/", b"")], "the zip is empty"),
            ([("../evil.ipynb", b"")], "../evil.ipynb: the zip names a file outside of its own folder"),
            ([("a/../../evil", b"")], "a/../../evil: the zip names a file outside of its own folder"),
            ([("/etc/passwd", b"")], "/etc/passwd: the zip names a file outside of its own folder"),
            ([("C:\\x.ipynb", b"")], "C:\\x.ipynb: the zip names a file outside of its own folder"),
            ([("a/.\u200b./.\u200b./x", b"")], "a/../../x: the zip names a file outside of its own folder"),
            ([(link_entry("deep.keras"), b"/etc/passwd")], "deep.keras: the zip holds a link or a device"),
            ([("a.ipynb", b"1"), ("a.ipynb", b"2")], "a.ipynb: holds two different files of this name"),
            ([(f"{n}.txt", b"") for n in range(2001)], "holds more than 2,000 files"),
            ([("/".join("a" * 40), b"")], "has folders nested more than 30 deep"),
        ],
        ids=[
            "empty",
            "only folders",
            "parent",
            "deep parent",
            "absolute",
            "drive",
            "hidden dots",
            "link",
            "two of a name",
            "many",
            "nested",
        ],
    )
    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_unsafe_zips(self, tmp_path, refused, entries, message):
        """Each is refused before anything is unpacked."""
        assert refused(write_zip(tmp_path / "kim.zip", entries)).startswith(message)

    def test_a_bomb(self, tmp_path, refused):
        """Two gigabytes of zeros in two megabytes are refused unread."""
        assert refused(write_bomb(tmp_path / "kim.zip")).startswith(
            "deep.keras: a small file in the zip unpacks to 2,147 MB, as zip bombs do"
        )

    def test_a_bomb_that_lies(self, tmp_path, refused):
        """A zip that announces less than it holds is refused when the bytes run over."""
        path = write_zip(tmp_path / "kim.zip", [("a.ipynb", notebook()), ("deep.keras", bytes(3_000_000))])
        content = path.read_bytes()
        path.write_bytes(content.replace((3_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")))

        assert refused(path).startswith("deep.keras: the zip is damaged or is no zip: Bad CRC-32")

    def test_too_much_in_all(self, tmp_path, refused, monkeypatch):
        """Many ordinary files beyond the total are refused."""
        monkeypatch.setattr(sources, "_TOTAL_BYTES", 10**6)

        assert refused(write(tmp_path / "kim", {"a": os.urandom(600_000), "b": os.urandom(600_000)})) == (
            "holds more than 1 MB\n"
            "  What to do: ask for the notebook and the saved models only, without data and environments"
        )

    def test_an_endless_list(self, tmp_path, refused, monkeypatch):
        """A zip whose list of contents is too long is refused before it is listed."""
        monkeypatch.setattr(sources, "_SIGNATURES", 5)
        path = write_zip(tmp_path / "kim.zip", [(f"{n}.txt", b"") for n in range(6)])

        assert refused(path).startswith("lists more than 5 files")

    def test_an_encrypted_zip(self, tmp_path, refused):
        """A zip with a password is refused."""
        path = write_zip(tmp_path / "kim.zip", [("a.ipynb", notebook())])
        content = bytearray(path.read_bytes())
        content[6] |= 1
        content[content.rindex(b"PK\x01\x02") + 8] |= 1
        path.write_bytes(content)

        assert "the zip is encrypted\n  What to do: ask for one without a password" == refused(path)

    def test_an_unusual_method(self, tmp_path, refused):
        """A method that could unpack into any amount of memory is refused."""
        with zipfile.ZipFile(tmp_path / "kim.zip", "w", zipfile.ZIP_LZMA) as archive:
            archive.writestr("a.ipynb", notebook())

        assert refused(tmp_path / "kim.zip").startswith("a.ipynb: the zip is packed by an unusual method")

    @pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x05\x06" + b"\xff" * 18])
    def test_what_is_no_zip(self, tmp_path, refused, content):
        """A file that only calls itself a zip is refused."""
        (tmp_path / "kim.zip").write_bytes(content)

        assert refused(tmp_path / "kim.zip").startswith("kim.zip: the zip is damaged or is no zip")

    def test_a_zip_cut_short(self, tmp_path, refused):
        """A transfer that broke off is refused."""
        path = write_zip(tmp_path / "kim.zip", [("a.ipynb", notebook()), ("deep.keras", os.urandom(5000))])
        path.write_bytes(path.read_bytes()[:3000])

        assert refused(path).startswith("kim.zip: the zip is damaged or is no zip")

    @pytest.mark.parametrize("place", [-1000, 2**63 - 1, 2**64 - 1], ids=["before", "beyond", "nowhere"])
    def test_a_zip_that_leads_nowhere(self, tmp_path, refused, place):
        """A zip that says that a file lies where none can be is refused, and no fault of the machine."""
        path = write_zip(tmp_path / "kim.zip", [("a.ipynb", notebook())])
        path.write_bytes(misplaced(path.read_bytes(), place))

        assert refused(path).startswith("a.ipynb: the zip is damaged or is no zip")

    def test_a_link_in_a_folder(self, tmp_path, refused):
        """A link is refused, and what it points to is never read."""
        folder = write(tmp_path / "kim", {"a.ipynb": notebook()})
        (folder / "deep.keras").symlink_to("/etc/passwd")

        assert (
            "deep.keras: holds a link or a device, which is never followed\n"
            "  What to do: ask for a submission of plain files"
        ) == refused(folder)

    def test_a_folder_that_is_a_link(self, tmp_path, refused):
        """A linked folder inside a submission is refused like a linked file."""
        folder = write(tmp_path / "kim", {"a.ipynb": notebook()})
        (folder / "data").symlink_to("/etc")

        assert refused(folder).startswith("data: holds a link or a device")

    def test_a_pipe(self, tmp_path, refused):
        """A pipe is refused, not waited on."""
        folder = write(tmp_path / "kim", {"a.ipynb": notebook()})
        os.mkfifo(folder / "deep.keras")

        assert refused(folder).startswith("deep.keras: holds a link or a device")

    def test_a_linked_submission(self, tmp_path, refused):
        """A link in a class folder is a submission that is refused."""
        write(tmp_path / "class", {"kim.ipynb": notebook()})
        (tmp_path / "class" / "lee.ipynb").symlink_to(tmp_path / "class" / "kim.ipynb")
        (_, lee) = find_submissions([tmp_path / "class"])

        assert "is a link; links are not followed\n  What to do: put the submission itself there" == refused(
            lee.path
        )

    def test_a_file_in_the_place_of_a_folder(self, tmp_path, staged):
        """Of a file and a folder of one name in a zip, one is left out with a note."""
        entries = [("a.ipynb", notebook()), ("deep.keras", b""), ("x", b"1"), ("x/y.csv", b"22")]
        result = staged(write_zip(tmp_path / "kim.zip", entries))

        assert ("x/y.csv was left out: its name cannot be used",) == result.notes


class TestNamesInZips:
    """File names as the systems of students write them."""

    @pytest.mark.parametrize("encoding", ["cp949", "euc-kr", "utf-8"])
    def test_korean_names_without_a_mark(self, tmp_path, staged, encoding):
        """Names whose encoding a zip doesn't say are read as what Korean systems write."""
        path = write_zip(
            tmp_path / "kim.zip", [("XXXXXXXX/a.ipynb", notebook()), ("XXXXXXXX/YYYYYY.csv", b"1")]
        )
        content = path.read_bytes()
        folder, name = ("딥러닝제".encode(encoding), "도우미".encode(encoding))
        if encoding == "utf-8":
            folder, name = "한글ab".encode(), "자료".encode()
        path.write_bytes(content.replace(b"XXXXXXXX", folder).replace(b"YYYYYY", name))
        expected = "자료.csv" if encoding == "utf-8" else "도우미.csv"

        assert {"deep.ipynb", expected} == set(files_of(staged(path).folder))

    def test_marked_and_decomposed_names(self, tmp_path, staged):
        """Names as macOS writes them are composed; spaces stay."""
        name = unicodedata.normalize("NFD", "내 과제/도우미 파일.py")
        entries = [(unicodedata.normalize("NFD", "내 과제/답.ipynb"), notebook()), (name, b"1")]

        assert {"deep.ipynb", "도우미 파일.py"} == set(
            files_of(staged(write_zip(tmp_path / "kim.zip", entries)).folder)
        )

    def test_backslashes(self, tmp_path, staged):
        """Folders in a zip of Windows are folders."""
        info = zipfile.ZipInfo("placeholder")
        info.filename = "work\\a.ipynb"
        path = write_zip(tmp_path / "kim.zip", [(info, notebook()), ("work/deep.keras", b"m")])

        assert ("deep.keras",) == staged(path).models
        assert () == staged(path).notes

    def test_equal_content_twice(self, tmp_path, staged):
        """The same file twice under one name is one file."""
        with pytest.warns(UserWarning, match="Duplicate name"):
            path = write_zip(tmp_path / "kim.zip", [("a.ipynb", notebook())] * 2)

        assert staged(path).identity


def test_staging_replaces_what_was_staged(tmp_path, staged):
    """A second staging into the same place leaves nothing of the first."""
    first = write(tmp_path / "kim", {"a.ipynb": notebook(), "deep.keras": b"m"})
    staged(first)
    shutil.rmtree(first)
    result = staged(write(tmp_path / "kim", {"a.ipynb": notebook()}))

    assert ["deep.ipynb"] == list(files_of(result.folder))


def test_identity_is_documented(tmp_path, staged):
    """The identity is a SHA-256 over each file's hashed name and hashed content, in order."""
    result = staged(write(tmp_path / "kim", {"a.ipynb": notebook()}))
    content = (result.folder / "deep.ipynb").read_bytes()
    whole = hashlib.sha256(b"deep.ipynb").digest() + hashlib.sha256(content).digest()

    assert hashlib.sha256(whole).hexdigest() == result.identity
