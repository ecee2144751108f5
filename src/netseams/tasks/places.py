"""Places in Python source where one edit changes what must come next."""

import keyword
import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from netseams.corpora.documents import Document
from netseams.tasks.windows import python_tokens

_SPACE = re.compile(r"\s*")
_LAYOUT = (tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)


@dataclass(frozen=True)
class Place:
    """Character offsets of an edit and of the answer that it changes.

    The text from the end of the edit to the answer is the same in both members of a pair.
    """

    kind: int
    """Which of the task's two constructs the source has here, 0 or 1; always 0 where the answer
    is a name."""
    start: int
    stop: int
    other: str
    """What the twin has in the place of `text[start:stop]`."""
    answer: int
    """Where the source's own answer begins."""
    other_answer: str
    """How the twin goes on."""


Finder = Callable[["Source"], Iterator[Place]]


@dataclass(frozen=True)
class Token:
    kind: int
    text: str
    start: int

    @property
    def stop(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True)
class Line:
    """A logical line: its tokens without comments, and its depth in characters."""

    tokens: list[Token]
    depth: int

    @property
    def start(self) -> int:
        return self.tokens[0].start

    @property
    def stop(self) -> int:
        return self.tokens[-1].stop

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, i: int) -> str:
        """The text of a token; empty beyond the end."""
        return self.tokens[i].text if -len(self.tokens) <= i < len(self.tokens) else ""

    def reads(self, *pattern: str) -> bool:
        """Whether the line begins with these tokens; `NAME` stands for any plain name."""
        return all(
            is_name(self[i]) if wanted == "NAME" else self[i] == wanted
            for i, wanted in enumerate(pattern)
        )


@dataclass(frozen=True)
class Source:
    """A document and its logical lines."""

    document: Document
    lines: list[Line]

    @property
    def text(self) -> str:
        return self.document.text

    def is_bare(self, line: Line) -> bool:
        """Whether the line is one physical line, and nothing follows it there."""
        text = self.text[line.start : line.stop]
        return "\n" not in text and self.text[line.stop : line.stop + 1] == "\n"

    def line_end(self, line: Line) -> str:
        """The line end behind a bare line, with the indentation of what follows."""
        found = _SPACE.match(self.text, line.stop)
        return found.group() if found else ""

    def some_name(self, number: int, avoid: tuple[str, ...] = ()) -> str:
        """A variable that the ten lines before line `number` mention, or `value`."""
        names = [
            line[i]
            for line in self.lines[max(0, number - 10) : number]
            for i in range(len(line))
            if is_name(line[i]) and line[i - 1 if i else len(line)] != "." and line[i + 1] != "("
        ]
        names = sorted({name for name in names if name not in avoid}) or ["value"]
        return names[self.lines[number].start % len(names)]


def newline(depth: int) -> str:
    """How a text goes on where a line ends and the next one has this depth."""
    return "\n" + " " * max(0, depth) + "x"


def is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)


def read_source(document: Document) -> Source | None:
    """The logical lines of a document; None where it is not Python."""
    tokens = python_tokens(document.text)
    if tokens is None:
        return None
    lines: list[Line] = []
    current: list[Token] = []
    for kind, text, start in tokens:
        if kind == tokenize.NEWLINE:
            if current:
                begin = document.text.rfind("\n", 0, current[0].start) + 1
                lines.append(Line(current, current[0].start - begin))
            current = []
        elif kind not in _LAYOUT:
            current.append(Token(kind, text, start))
    return Source(document, lines)
