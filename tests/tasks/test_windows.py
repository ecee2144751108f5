import io
import tokenize

import pytest

from netseams.corpora.documents import Document
from netseams.tasks.bracket_close import _brackets
from netseams.tasks.quote_close import _strings
from netseams.tasks.windows import python_tokens

UNSEEN = {tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def spans(find, text: str) -> list[tuple[str, str]]:
    """Every span as (its opening mark, the text from its opening to its closing mark)."""
    document = Document("x.py", "valid", text)
    return [(span.mark, text[span.open : span.close + 1]) for span in find(document)]


TEXTS = {
    "plain": "x = f('a', [1, 2])\nif x:\n    y = \"b\"\n",
    "several lines": 'x = (\n    "a",\n    [1,\n 2],\n)\n"""doc\n\nstring"""\ny = 1\n',
    "beyond ASCII": "# naïve ☃ 𝕏\nx = 'é𝕏' + f(y)  # ☃\nz = [1]\n",
    "form feed": "import os\n\x0c\nx = 'a'\n# page\x0cbreak\ny = ['b']\n",
    "vertical tab in a string": "x = 'a\x0bb'\ny = 'c'\n",
    "separators": "# a\x1cb\x1db\x1ec\ny = 'c'\nz = 'a\x85b'\nw = f('d')\n",
    "line separators": "# a\u2028b\u2029c\ny = 'c'\nz = ['e']\n",
    "no last line end": "x = ['a']",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_offsets_point_at_the_tokens(text: str) -> None:
    found = python_tokens(text)
    expected = [
        (token.type, token.string) for token in tokenize.generate_tokens(io.StringIO(text).readline)
    ]
    assert found is not None
    assert [(kind, string) for kind, string, _ in found] == expected
    seen = [(string, start) for kind, string, start in found if kind not in UNSEEN]
    assert seen
    for string, start in seen:
        assert text[start : start + len(string)] == string


@pytest.mark.parametrize("text", ["x = (", 'x = """', "if x:\n  y\n z\n", "  x\n y = 'a\n"])
def test_what_is_not_python_has_no_tokens(text: str) -> None:
    assert python_tokens(text) is None


def test_strings_that_count() -> None:
    text = "\n".join([
        "a = 'one'", 'b = "two"', "c = r'th\\ree'", 'd = B"four"', "e = f(u'five', 'six')",
    ])  # fmt: skip
    assert spans(_strings, text) == [
        ("'", "'one'"),
        ('"', '"two"'),
        ("'", "'th\\ree'"),
        ('"', '"four"'),
        ("'", "'five'"),
        ("'", "'six'"),
    ]


@pytest.mark.parametrize(
    "text",
    ["a = ''", 'a = ""', "a = '''b'''", '"""doc"""', "a = 'it\"s'", '"it\'s"', "'it\\'s'",
     "f'{x}'", 'rf"b"', "# 'no'", "a = ''''b'''", "Rb''"],
)  # fmt: skip
def test_strings_that_do_not(text: str) -> None:
    assert spans(_strings, text + "\n") == []


def test_brackets_that_count() -> None:
    text = "x = f(a[1], {2: g(3)})\ny = [\n  1,\n]\n"
    assert sorted(spans(_brackets, text)) == [
        ("(", "(3)"),
        ("(", "(a[1], {2: g(3)})"),
        ("[", "[\n  1,\n]"),
        ("[", "[1]"),
    ]


@pytest.mark.parametrize("text", ["f()", "x = []", "{1: 2}", "# (a)", "'(a)'", "'''\n[a]\n'''"])
def test_brackets_that_do_not(text: str) -> None:
    assert spans(_brackets, text + "\n") == []


def test_in_prose_every_bracket_counts_until_one_does_not_fit() -> None:
    text = "it isn't (so [very] hard). A wrong (one] here, then (again). (Never closed"
    assert python_tokens(text) is None
    assert sorted(spans(_brackets, text)) == [
        ("(", "(again)"),
        ("(", "(so [very] hard)"),
        ("[", "[very]"),
    ]
