"""Places inside literals: quotes, lists, dictionaries, formatted strings."""

import re
import tokenize
from collections.abc import Iterator

from netseams.tasks.places import Line, Place, Source, is_name

_PLAIN = re.compile(r"(['\"])([^'\"\\\n]+)\1")
_LABEL = re.compile(r"(['\"])([^'\"\\\n{}%]*[:=])\1")
_FORMATTED = re.compile(r"f(['\"])([^'\"\\\n{}%]*[:=])\{(?!\{)")
_BEFORE_VALUE = ("=", "(", "[", ",", "return")


def quotes(source: Source) -> Iterator[Place]:
    """A string that is the whole argument of a call: the opening quote decides the closing one."""
    for line in source.lines:
        for i, token in enumerate(line.tokens):
            if not (
                _PLAIN.fullmatch(token.text) and line[i + 1] == ")" and i and line[i - 1] == "("
            ):
                continue
            kind = "'\"".index(token.text[0])
            other = "\"'"[kind]
            yield Place(kind, token.start, token.start + 1, other, token.stop - 1, f"{other})")


def list_depth(source: Source) -> Iterator[Place]:
    """Behind the `]` of a list's last elements: is there an outer list to close?"""
    for line in source.lines:
        if line[-1] != "]" or not source.is_bare(line):
            continue
        outer, inner = _last_lists(line)
        if outer is None:
            continue
        if inner is not None:  # without its `[` the outer list is all there is
            opening, closing = line.tokens[inner], line.tokens[-2]
            end = f"{source.line_end(line)}x"
            yield Place(1, opening.start, opening.stop, "", closing.stop, end)
        elif line[-2] != "]":
            elements = _elements(line, outer)[:-1]
            if elements:
                at = line.tokens[elements[line.start % len(elements)]].start
                yield Place(0, at, at, "[", line.stop, "]\n")


def _last_lists(line: Line) -> tuple[int | None, int | None]:
    """Where the list that ends the line opens, and the list in it that ends with it."""
    stack: list[int] = []
    inner: int | None = None
    for i in range(len(line)):
        if line[i] in ("(", "[", "{"):
            stack.append(i)
        elif line[i] in (")", "]", "}"):
            if not stack:
                break
            opening = stack.pop()
            if line[opening] != "[" or not opening or line[opening - 1] not in _BEFORE_VALUE:
                continue
            if i == len(line) - 2 and len(stack) == 1:
                inner = opening
            elif i == len(line) - 1 and not stack:
                return opening, inner
    return None, None


def _elements(line: Line, opening: int) -> list[int]:
    """Token indices at which the elements of a list that ends the line begin."""
    depth, starts = 0, [opening + 1]
    for i in range(opening + 1, len(line) - 1):
        depth += (line[i] in ("(", "[", "{")) - (line[i] in (")", "]", "}"))
        if line[i] == "," and depth == 0:
            starts.append(i + 1)
    return starts


def dict_or_list(source: Source) -> Iterator[Place]:
    """Behind the first element of a literal: a key's `:` or a comma."""
    marks = {("{", ":"): (0, "[", ", "), ("[", ","): (1, "{", ": ")}
    for line in source.lines:
        for i, token in enumerate(line.tokens[:-2]):
            found = marks.get((token.text, line[i + 2]))
            if found is None or not i or line[i - 1] not in _BEFORE_VALUE:
                continue
            first = line.tokens[i + 1]
            if first.kind in (tokenize.STRING, tokenize.NUMBER) or is_name(first.text):
                kind, other, answer = found
                yield Place(kind, token.start, token.stop, other, first.stop, answer)


def formatted(source: Source) -> Iterator[Place]:
    """Behind a label such as `total:` in a string: a variable if it is an f-string."""
    for line in source.lines:
        for i, token in enumerate(line.tokens):
            if not i or line[i - 1] != "(":
                continue
            if found := _FORMATTED.match(source.text, token.start):
                mark = found.group(1)
                yield Place(0, token.start, token.start + 1, "", found.end() - 1, f"{mark})")
            elif _LABEL.fullmatch(token.text) and line[i + 1] == ")":
                yield Place(1, token.start, token.start, "f", token.stop - 1, "{x}")
