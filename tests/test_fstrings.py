"""f-strings of Python 3.12 mean in the room what they mean there."""

import ast
from pathlib import Path

import pytest

import autograder
from autograder.room import driver
from autograder.room.fstrings import readable

NAMES = {"d": {"x": 1.5, "y z": [3, 4]}, "names": ["a", "b"], "width": 8, "digits": 2, "word": "it's"}
NEW = {
    'f"{d["x"]}"': "1.5",
    'f"best {d["x"]:.3f} of {len(d["y z"])}"': "best 1.500 of 2",
    "f'{d['x']!r:>6}|'": "   1.5|",
    'f"{"\\n".join(names)}"': "a\nb",
    "f'{'\\t'.join(names)}, {word}'": "a\tb, it's",
    'f"{", ".join(f"{name}={d["x"]:.1f}" for name in names)}"': "a=1.5, b=1.5",
    'f"{d["x"]:{width}.{digits}f}|"': "    1.50|",
    'f"""{d["x"]} {"""x"""}"""': "1.5 x",
    'f"{{{d["x"]}}}"': "{1.5}",
    'rf"\\d{d["x"]}"': "\\d1.5",
    'f"\\N{EM DASH}{d["x"]}"': "—1.5",
    'f"{"yes" if d["x"] != 1 else "no"}"': "yes",
    'f"{(lambda key: d[key])("x")}"': "1.5",
    'f"{"it\'s" == word}"': "True",
    'f"{"" + "a"}{"\\\\"}"': "a\\",
    'f"{\n    d["x"]  # the first\n}"': "1.5",
    '"plain " f"{d["x"]}" " and " f"{width}"': "plain 1.5 and 8",
    'f"{d["x"]}" + \'{"x"}\' + "#"': '1.5{"x"}#',
}
OLD = ("f\"{d['x']}\"", "print('# no comment')", 'x = 1  # a "comment" f"', 'f"{width:>{digits}}"', "")


@pytest.mark.parametrize("source", NEW)
def test_what_is_new_means_the_same(source):
    """Quotes, backslashes, line breaks and comments within braces are read, and give what they give there."""
    assert NEW[source] == eval(compile(readable(source), "<cell>", "eval"), dict(NAMES))


@pytest.mark.parametrize("source", OLD)
def test_what_this_python_reads_stays_as_it_is(source):
    """A source that parses is not touched."""
    assert source == readable(source)


@pytest.mark.parametrize(
    "source",
    [
        "def f(:",
        'f"{d["x"]',
        'f"{d["x"',
        "'",
        'f"{',
        'f"{x!',
        'f"{x:',
        '"""a',
        'f"\\N{',
        "f'{\\'}",
        'f"" f"a\\N{b"',
    ],
)
def test_what_is_no_python_stays_as_it_is(source):
    """Where nothing can be helped the source stays as it is, for its own error."""
    assert source == readable(source)


def test_a_cell_around_it_keeps_its_lines():
    """Comments and strings elsewhere stay, and an error is told of the line where it stands."""
    source = '# the "best"\nbest = 1\nprint(f"{d["x"]}")  # f"{\ntext = """\n#\n"""\n'
    written = readable(source)

    assert source.replace('d["x"]', "d[('x')]") == written
    assert 3 == len(ast.parse(written).body)


def test_all_else_means_what_it_did():
    """A new f-string at the end changes nothing of what stands before it: all files of this project."""
    for path in sorted(Path(autograder.__file__).parent.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        written = ast.parse(readable(source + '\nf"{d["x"]}"\n'))

        assert "1.5" == eval(ast.unparse(written.body.pop()), dict(NAMES))
        assert ast.dump(ast.parse(source)) == ast.dump(written), path


def test_deep_nesting_ends():
    """A text that nests without end is given up on."""
    source = 'f"{' * 5_000

    assert source == readable(source)


def test_a_cell_is_cut_into_its_statements():
    """Where a statement has to be left out, as it ends the kernel, the others of its cell remain."""
    first, second, last = driver._statements('a = 1\nprint(f"{d["x"]}")\nexit()')

    assert ("a = 1", "exit()") == (first, last)
    assert ast.parse(second)
