"""A class as a course site delivers it comes apart by student: none merged, none split in silence."""

import os
import zipfile

import pytest
from fakes import FakeSandbox, parts
from hypothesis import given, settings
from hypothesis import strategies as st
from submissions import link_entry, make_labs, notebook, write, write_bomb, write_zip

from autograder import batch
from autograder.errors import Ungradable, UsageProblem
from autograder.intake import find_submissions, stage
from autograder.intake.canvas import shares
from autograder.labs import find_lab

IDS = "12345_678001"


@pytest.fixture(autouse=True)
def labs(tmp_path, monkeypatch):
    """The labs `deep` and `pairs`."""
    monkeypatch.setenv("AUTOGRADER_SOLUTIONS", str(make_labs(tmp_path / "solutions")))


def handed_in(names):
    """Whose each file is and what it is called, by student."""
    return {share.name: {pick.name: names[pick.place] for pick in share.picks} for share in shares(names)}


def found(path):
    """The candidates at a path, by name."""
    return {one.name: one for one in find_submissions([path])}


def staged(candidate, folder):
    """What a candidate becomes for the lab `deep`."""
    return stage(candidate.path, find_lab("deep"), folder, candidate.picks)


class TestNames:
    """What Canvas's file names say."""

    def test_the_files_of_a_student_belong_together(self):
        """Files of one name and id are one submission, under the student's own names."""
        names = ["kim_12345_678001_deep.ipynb", "lee_12346_678003_a_b.ipynb", "kim_12345_678002_deep.keras"]

        assert {
            "kim_12345": {"deep.ipynb": names[0], "deep.keras": names[2]},
            "lee_12346": {"a_b.ipynb": names[1]},
        } == handed_in(names)

    def test_late_is_noted(self):
        """A late file belongs to the same student, and the note says that nothing depends on it."""
        (kim,) = shares(["kim_LATE_12345_678001_deep.ipynb", "kim_LATE_12345_678002_deep.keras"])

        assert ("kim_12345", "12345") == (kim.name, kim.canvas_id)
        assert ("handed in late, says Canvas; no point depends on it",) == kim.notes

    def test_what_was_handed_in_again_gets_its_name_back(self):
        """Canvas's number goes, wherever it stands, and a note names what was renamed."""
        names = [
            f"kim_12345_67800{n}_deep{end}"
            for n, end in enumerate(("-2.ipynb", ".history-2.json", "-12.keras"))
        ]
        (kim,) = shares(names)

        assert ["deep.ipynb", "deep.history.json", "deep.keras"] == [pick.name for pick in kim.picks]
        assert (
            "Canvas renamed what was handed in again; read deep-2.ipynb as deep.ipynb, "
            "deep.history-2.json as deep.history.json, deep-12.keras as deep.keras",
        ) == kim.notes

    def test_the_newest_counts(self):
        """Of a file handed in twice the one that Canvas got last counts, whatever its number."""
        names = [
            "kim_12345_678009_deep.keras",
            "kim_12345_678002_deep-1.keras",
            "kim_12345_678001_deep.ipynb",
        ]
        (kim,) = shares(names)

        assert {"deep.keras": names[0], "deep.ipynb": names[2]} == handed_in(names)["kim_12345"]
        assert ("handed in again: deep.keras counts, not deep-1.keras",) == kim.notes

    def test_other_files_are_under_both_names(self):
        """Nobody can tell whether a number in another file's name is Canvas's: both names work."""
        names = [
            f"kim_12345_67800{n}_{file}"
            for n, file in enumerate(("a.ipynb", "data-1.csv", "data-2.csv", "x-784.csv"))
        ]

        assert {"a.ipynb", "data-1.csv", "data-2.csv", "data.csv", "x-784.csv"} == set(
            handed_in(names)["kim_12345"]
        )
        assert names[2] == handed_in(names)["kim_12345"]["data.csv"]

    @pytest.mark.parametrize("who", ["anon", "anonymous"])
    def test_anonymous(self, who):
        """Where grading is anonymous the students have other ids, and none of the gradebook's."""
        names = [
            f"{who}_aB3xZ_678001_a.ipynb",
            f"{who}_12345_678002_a.ipynb",
            f"{who}_LATE_aB3xZ_678003_deep.keras",
        ]
        one, other = shares(names)

        assert [(f"{who}_aB3xZ", 2, ""), (f"{who}_12345", 1, "")] == [
            (share.name, len(share.picks), share.canvas_id) for share in (one, other)
        ]

    def test_typed_text_is_no_file(self):
        """What was typed into Canvas belongs to its student like a file."""
        names = ["kim_12345_text.html", "lee_LATE_12346_link.html"]

        assert {"kim_12345": {"text.html": names[0]}, "lee_12346": {"link.html": names[1]}} == handed_in(
            names
        )

    @pytest.mark.parametrize("name", ["김민아", "o-brien", "de_la_cruz", "", "late", "kim__mina"])
    def test_names_of_people(self, name):
        """Any name is kept whole, with letters of all scripts, underscores or nothing in it."""
        (share,) = shares([f"{name}_12345_678001_a.ipynb"])

        assert (f"{name}_12345", "12345", "") == (share.name, share.canvas_id, share.doubt)

    @pytest.mark.parametrize(
        "names",
        [
            ["kim.ipynb", "lee.ipynb"],
            ["kim_12345_678001_a.ipynb", "lee.ipynb"],
            ["2024_1_kim.ipynb", "2024_1_lee.ipynb"],
            ["kim_2024_1_lab.ipynb", "lee_2024_1_lab.ipynb"],
            ["lab_2024_1_kim.ipynb", "lab_2024_1_lee.ipynb"],
            ["lab_2024_20241234_kim.ipynb", "lab_2024_20241235_lee.ipynb"],
            [],
        ],
        ids=["plain", "mixed", "no names", "one id for two", "one file id", "all one student's", "nothing"],
    )
    def test_what_is_not_canvas(self, names):
        """A class that names its files in its own way is not taken apart as Canvas's."""
        assert [] == shares(names)

    @pytest.mark.parametrize("file", ["20241234_kim_deep.keras", "lab_1_2_final.keras"])
    def test_numbers_in_file_names_are_no_doubt(self, file):
        """A student number or a count before or in a file name is not taken for an id of Canvas's."""
        names = ["kim_12345_678001_deep.ipynb", f"kim_12345_678002_{file}"]

        assert {"kim_12345": {"deep.ipynb": names[0], file: names[1]}} == handed_in(names)

    @pytest.mark.parametrize(
        "forged", ["victim_12345_12399_678009_deep.ipynb", "victim_12345_12399_text.html"]
    )
    def test_who_calls_herself_like_another_is_not_taken_for_her(self, forged):
        """A student named after another and her id makes both wait for a person."""
        victim, other = shares(["victim_12345_678001_deep.ipynb", "lee_12346_678002_deep.ipynb", forged])

        assert (True, True) == (forged in victim.doubt, "id 12399" in victim.doubt)
        assert "" == other.doubt

    @given(
        people=st.lists(
            st.tuples(st.text("abcd-가", max_size=6), st.integers(10_000, 99_999)),
            unique_by=lambda person: person[1],
            min_size=2,
            max_size=8,
        ),
        files=st.lists(
            st.sampled_from(["a.ipynb", "b.keras", "c_1.csv", "d.zip"]), min_size=1, max_size=4, unique=True
        ),
    )
    @settings(max_examples=100, deadline=None)
    def test_nobody_is_merged_or_split(self, people, files):
        """However people are called, each has one submission, with all of the own files and no other's."""
        names, number = [], 1_000_000
        for name, user in people:
            for file in files:
                names.append(f"{name}_{user}_{number}_{file}")
                number += 1
        expected = {f"{name}_{user}": sorted(files) for name, user in people}

        assert expected == {who: sorted(picked) for who, picked in handed_in(names).items()}


class TestFolders:
    """Canvas's files, unpacked, and folders that look a little like them."""

    def test_a_folder_of_canvas(self, tmp_path):
        """Each student's files are staged together; lists, litter and results are not in the way."""
        files = {
            f"kim_{IDS}_x.ipynb": notebook(),
            "kim_12345_678002_deep-1.keras": b"m",
            "lee_9_678003_a.pdf": b"",
        }
        others = {"gradebook.csv": b"", ".DS_Store": b"", "results/kim_12345/outcome.json": b"{}"}
        candidates = found(write(tmp_path / "class", files | others))

        assert ["kim_12345", "lee_9", "results"] == list(candidates)
        assert ("deep.keras",) == staged(candidates["kim_12345"], tmp_path / "staged").models

    def test_one_student_of_canvas(self, tmp_path):
        """A folder with one student's files is that student's, too."""
        path = write(
            tmp_path / "class", {f"kim_{IDS}_x.ipynb": notebook(), "kim_12345_678002_deep.keras": b""}
        )

        assert ["kim_12345"] == list(found(path))

    def test_a_folder_of_which_a_part_is_canvas(self, tmp_path):
        """Where it can't be told what belongs together nothing is graded, and it is said how to go on."""
        files = [f"kim_{IDS}_x.ipynb", "kim_12345_678002_deep.keras", "lee.ipynb", "notes.txt"]
        path = write(tmp_path / "class", dict.fromkeys(files, b""))

        with pytest.raises(UsageProblem) as caught:
            find_submissions([path])
        assert (
            f"2 files of {path} are named as Canvas names them, and 1 are not (lee.ipynb), so nobody can "
            "tell which belong together\n  What to do: move what did not come from Canvas to a folder of its "
            "own, and give both folders"
        ) == str(caught.value)

    def test_a_plain_folder_stays_plain(self, tmp_path):
        """Notebooks of plain names are a submission each, even where one of them looks like Canvas's."""
        files = ["kim.ipynb", "lee.ipynb", "park_2024_1_lab.ipynb"]

        assert ["kim", "lee", "park_2024_1_lab"] == list(
            found(write(tmp_path / "class", dict.fromkeys(files, b"")))
        )

    def test_names_that_differ_in_case_only(self, tmp_path):
        """Two students whose names a file system takes for one get different results."""
        files = ["kim_12345_678001_a.ipynb", "Kim_12346_678002_a.ipynb", "KIM_12346_678003_a.keras"]

        assert (
            3
            == len(found(write(tmp_path / "class", dict.fromkeys([*files, "lee_7_678004_a.ipynb"], b"")))) - 1
        )

    def test_a_link_among_the_files(self, tmp_path):
        """A link named like a student's file is not followed; that submission is ungradable."""
        path = write(tmp_path / "class", {f"kim_{IDS}_x.ipynb": notebook()})
        (path / "kim_12345_678002_deep.keras").symlink_to("/etc/passwd")

        with pytest.raises(Ungradable, match="holds a link or a device"):
            staged(found(path)["kim_12345"], tmp_path / "staged")

    def test_names_in_an_old_encoding(self, tmp_path):
        """Files that were unpacked with names in CP949 are found, and their students' names are read."""
        path = write(tmp_path / "class", {})
        for end in ("678001_x.ipynb", "678002_deep.keras"):
            (path / os.fsdecode(f"김민아_12345_{end}".encode("cp949"))).write_bytes(notebook())
        (candidate,) = found(path).values()

        assert ("김민아_12345", ("deep.keras",)) == (
            candidate.name,
            staged(candidate, tmp_path / "staged").models,
        )

    def test_moodles_folders(self, tmp_path):
        """Moodle's folders are a submission each, and typed text is one without a notebook."""
        files = {
            "Kim Mina_101_assignsubmission_file_/x.ipynb": notebook(),
            "Lee_102_assignsubmission_file_/x.zip": b"",
        }
        typed = {"Lee_102_assignsubmission_onlinetext_/onlinetext.html": b""}

        assert [
            "Kim_Mina_101_assignsubmission_file",
            "Lee_102_assignsubmission_file",
            "Lee_102_assignsubmission_onlinetext",
        ] == list(found(write(tmp_path / "class", files | typed)))

    def test_gradescopes_folders(self, tmp_path):
        """Gradescope's folders are a submission each; its list of them is none."""
        files = ["submission_101/x.ipynb", "submission_102/a/x.ipynb", "submission_metadata.yml"]

        assert ["submission_101", "submission_102"] == list(
            found(write(tmp_path / "class", dict.fromkeys(files, b"")))
        )


class TestZips:
    """A class's zip, as hostile as any."""

    def test_a_zip_of_canvas(self, tmp_path):
        """Each student's files are read out of the class's zip; nothing of it is unpacked beside it."""
        entries = [
            (f"kim_{IDS}_x.ipynb", notebook()),
            ("kim_12345_678002_deep.keras", b"1"),
            ("lee_7_678003_x.ipynb", notebook()),
        ]
        (tmp_path / "in").mkdir()
        candidates = found(write_zip(tmp_path / "in" / "export.zip", entries))

        assert ["kim_12345", "lee_7"] == list(candidates)
        assert ("deep.keras",) == staged(candidates["kim_12345"], tmp_path / "staged").models
        assert ["export.zip"] == [path.name for path in (tmp_path / "in").iterdir()]

    def test_a_zip_with_one_folder_around(self, tmp_path):
        """A download that was packed again, with a folder around it and a Mac's litter, is the same."""
        entries = [
            (f"all/kim_{IDS}_x.ipynb", notebook()),
            ("all/lee_7_678003_x.ipynb", b""),
            ("__MACOSX/all/._k", b""),
        ]

        assert ["kim_12345", "lee_7"] == list(found(write_zip(tmp_path / "export.zip", entries)))

    def test_a_students_zip_in_the_zip(self, tmp_path):
        """A zip that a student handed in is opened, and what lies beside it belongs to it."""
        inner = write_zip(tmp_path / "inner.zip", [("work/x.ipynb", notebook())]).read_bytes()
        entries = [
            ("kim_12345_678001_lab-1.zip", inner),
            ("kim_12345_678002_deep.keras", b"1"),
            ("lee_7_678003_x.ipynb", b""),
        ]
        kim = found(write_zip(tmp_path / "export.zip", entries))["kim_12345"]

        assert ("deep.keras",) == staged(kim, tmp_path / "staged").models

    @pytest.mark.parametrize("encoding", ["cp949", "utf-8"])
    def test_names_of_any_encoding(self, tmp_path, encoding):
        """Korean names are read whether or not the zip says how they are written."""
        name = "김민아_12345_678001_과제.ipynb"
        path = write_zip(tmp_path / "export.zip", [("x" * len(name.encode(encoding)), notebook())])
        content = path.read_bytes().replace(b"x" * len(name.encode(encoding)), name.encode(encoding))
        path.write_bytes(content)

        assert ["김민아_12345"] == list(found(path))

    @pytest.mark.parametrize(
        ("entry", "message"),
        [
            ((link_entry("kim_12345_678002_deep.keras"), b"/etc/passwd"), "the zip holds a link or a device"),
            (
                ("kim_12345_678002_../../../evil.keras", b""),
                "is the name of a file outside of its own folder",
            ),
            (("kim_12345_678002_..\\evil.keras", b""), "is the name of a file outside of its own folder"),
            (("kim_12345_678002_a/../../../evil", b""), "is the name of a file outside of its own folder"),
        ],
        ids=["link", "parent", "Windows' parent", "deep parent"],
    )
    def test_an_unsafe_file_is_its_students_matter(self, tmp_path, entry, message):
        """It makes that student's submission ungradable and no other's, and nothing is written anywhere."""
        entries = [(f"kim_{IDS}_x.ipynb", notebook()), entry, ("lee_7_678003_x.ipynb", notebook())]
        candidates = found(write_zip(tmp_path / "export.zip", entries))

        with pytest.raises(Ungradable, match=message):
            staged(candidates["kim_12345"], tmp_path / "staged")
        assert staged(candidates["lee_7"], tmp_path / "staged").identity
        assert {"solutions", "export.zip", "staged"} == {path.name for path in tmp_path.iterdir()}

    def test_a_bomb_is_its_students_matter(self, tmp_path):
        """A student's zip bomb within the class's zip is refused, and was not unpacked to tell."""
        bomb = write_bomb(tmp_path / "bomb.zip", size=200 << 20).read_bytes()
        entries = [("kim_12345_678001_x.zip", bomb), ("lee_7_678003_x.ipynb", notebook())]

        with pytest.raises(Ungradable, match="as zip bombs do"):
            staged(found(write_zip(tmp_path / "export.zip", entries))["kim_12345"], tmp_path / "staged")

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_two_entries_of_one_name(self, tmp_path):
        """Of two files with one name nobody can tell which counts: this is no download of Canvas's."""
        entries = [(f"kim_{IDS}_x.ipynb", b"1"), (f"kim_{IDS}_x.ipynb", b"2"), ("lee_7_678003_x.ipynb", b"")]

        assert ["export"] == list(found(write_zip(tmp_path / "export.zip", entries)))

    @pytest.mark.parametrize(
        "names",
        [["../kim_1_678001_x.ipynb"], ["a.ipynb", "deep.keras"], [f"kim_{IDS}_x.ipynb", "/etc/passwd"]],
    )
    def test_another_zip_is_one_submission(self, tmp_path, names):
        """A zip with anything in it that Canvas did not name is one student's, and checked as such."""
        assert ["kim"] == list(found(write_zip(tmp_path / "kim.zip", [(name, b"") for name in names])))

    def test_a_zip_within_a_class_is_never_a_class(self, tmp_path):
        """A student's zip that imitates a download of Canvas's is that student's and nobody else's."""
        write(tmp_path / "class", {"kim.ipynb": b""})
        write_zip(
            tmp_path / "class" / "lee.zip",
            [("victim_12345_678001_x.ipynb", b""), ("b_7_678002_x.ipynb", b"")],
        )

        assert ["kim", "lee"] == list(found(tmp_path / "class"))

    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            (
                [
                    "a_export/submission_1/x.ipynb",
                    "a_export/submission_2/d/x.ipynb",
                    "a_export/submission_metadata.yml",
                ],
                ["submission_1", "submission_2"],
            ),
            (
                ["Kim M_1_assignsubmission_file_/x.ipynb", "Lee_2_assignsubmission_file_/x.zip"],
                ["Kim_M_1_assignsubmission_file", "Lee_2_assignsubmission_file"],
            ),
            (["submission_1/x.ipynb", "mine/x.ipynb"], ["export"]),
        ],
        ids=["Gradescope", "Moodle", "neither"],
    )
    def test_zips_of_folders(self, tmp_path, names, expected):
        """The zips of Gradescope and Moodle come apart by folder; one with any other folder does not."""
        assert expected == list(found(write_zip(tmp_path / "export.zip", [(name, b"") for name in names])))

    def test_a_large_class(self, tmp_path):
        """A class may hold more files than any student may."""
        path = tmp_path / "export.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(2_100):
                archive.writestr(f"s_{10_000 + number}_{500_000 + number}_x.ipynb", b"")

        assert 2_100 == len(find_submissions([path]))


def test_a_class_is_graded(tmp_path, monkeypatch):
    """Ids and notes come into the outcomes, and whose files are in doubt has no score but a reason."""
    monkeypatch.setenv("FAKE_TESTS", str(write(tmp_path / "hidden", {"points.txt": b"5"})))
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    write(tmp_path / "data", {"cifar10/identity.json": b'{"schema": 1, "identity": "tiny"}'})
    answer = notebook(sources=["def build_dnn():\n    pass\n# who: kim"])
    names = [f"kim_LATE_{IDS}_x.ipynb", "lee_12346_678002_x.ipynb", "lee_12346_12399_678003_y.ipynb"]
    path = write(tmp_path / "class", dict.fromkeys(names, answer))
    outcomes = batch.grade(
        find_submissions([path]),
        find_lab("deep"),
        out=path / "out",
        sandbox=FakeSandbox(),
        data=tmp_path / "data",
        parts=parts(),
    )
    kim, lee = outcomes

    assert ("graded", "12345", "ungradable") == (kim.verdict.value, kim.canvas_id, lee.verdict.value)
    assert ("handed in late, says Canvas; no point depends on it", "there is no deep.keras") == kim.notes
    assert lee.reason == (
        "it cannot be told whose lee_12346_12399_678003_y.ipynb is: 678003_y.ipynb of lee (id 12346), "
        "or y.ipynb of lee_12346 (id 12399)"
    )
