"""Places in calls and signatures: opened files and default values."""

from collections.abc import Iterator

from netseams.corpora.tiny_programs import READ_FILES, WRITE_FILES
from netseams.tasks.places import Line, Place, Source, is_name, newline

_TWIN: dict[str, str] = dict(zip(READ_FILES + WRITE_FILES, WRITE_FILES + READ_FILES, strict=True))


def with_or_assignment(source: Source) -> Iterator[Place]:
    """Behind `open(...)`: `as` in a with-statement, else the end of the line."""
    for line in source.lines:
        if line.reads("with", "open", "("):
            close = _closing(line, 2)
            if close is not None and line[close + 1] == "as":
                word, at = line.tokens[0], line.tokens[close].stop
                yield Place(0, word.start, word.stop, "f =", at, newline(line.depth))
            continue
        assigns = line.reads("NAME", "=", "open", "(") and _closing(line, 3) == len(line) - 1
        if assigns and source.is_bare(line):
            yield Place(1, line.start, line.tokens[1].stop, "with", line.stop, " as f:")


def read_or_write(source: Source) -> Iterator[Place]:
    """The mode in `open("NAME", "r")`, which the file's name decides."""
    for line in source.lines:
        for i in range(len(line)):
            name, mode = line[i + 2], line[i + 4]
            if line[i] != "open" or name[1:-1] not in _TWIN or mode[1:-1] not in ("r", "w"):
                continue
            kind = "rw".index(mode[1:-1])
            file, at = line.tokens[i + 2], line.tokens[i + 4].start + 1
            other = "wr"[kind] + mode[0]
            yield Place(kind, file.start + 1, file.stop - 1, _TWIN[name[1:-1]], at, other)


def last_default(source: Source) -> Iterator[Place]:
    """Behind the last parameter: `=None` if the one before it has a default, else `)`.

    Python demands the first; the second is what the source has.
    """
    for line in source.lines:
        if line.reads("def", "NAME", "(") and line[-2] == ")" and line[-1] == ":":
            yield from _signature(line)


def _signature(line: Line) -> Iterator[Place]:
    inside = [token.text for token in line.tokens[3:-2]]
    tail = ["=", "None"]
    if len(inside) >= 7 and inside[-2:] == tail and inside[-6:-4] == tail and inside[-4] == ",":
        before, last = line.tokens[-9], line.tokens[-5]
        if _are_plain(inside[:-7]) and is_name(before.text) and is_name(last.text):
            yield Place(0, before.stop, line.tokens[-7].stop, "", last.stop, "):\n")
    elif _are_plain([*inside, ","]) and len(inside) >= 3:
        before, last = line.tokens[-5], line.tokens[-3]
        if before.text != "self":
            yield Place(1, before.stop, before.stop, "=None", last.stop, "=None):")


def _are_plain(texts: list[str]) -> bool:
    """Whether these are names, each with a comma behind it."""
    return all(is_name(name) for name in texts[::2]) and all(comma == "," for comma in texts[1::2])


def _closing(line: Line, opening: int) -> int | None:
    """The index of the parenthesis that closes the one at `opening`."""
    depth = 0
    for i in range(opening, len(line)):
        depth += (line[i] in ("(", "[", "{")) - (line[i] in (")", "]", "}"))
        if depth == 0:
            return i
    return None
