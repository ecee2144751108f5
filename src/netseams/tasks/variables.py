"""Places where an earlier name or value decides: what a variable holds, which name comes back."""

from collections.abc import Iterator

from netseams.corpora.tiny_programs import FIXED_NAME
from netseams.tasks.places import Line, Place, Source, is_name

_FAR = 6
"""Lines between an initial value and the first use of its variable."""
_STARTS = {("set", "(", ")"): 0, ('""',): 1, ("''",): 1}
_OTHERS = (('""', " += x"), ("set()", ".add(x)"))


def set_or_string(source: Source) -> Iterator[Place]:
    """The first use of a variable that began as `set()` or `""`: `.add` or `+=`."""
    return (place for name, place in _grown(source) if name != FIXED_NAME)


def set_or_string_fixed(source: Source) -> Iterator[Place]:
    """The same, where the variable is called `current`."""
    return (place for name, place in _grown(source) if name == FIXED_NAME)


def _grown(source: Source) -> Iterator[tuple[str, Place]]:
    for number, line in enumerate(source.lines):
        if not line.reads("NAME", "="):
            continue
        kind = _STARTS.get(tuple(token.text for token in line.tokens[2:]))
        if kind is None:
            continue
        other, other_answer = _OTHERS[kind]
        for later in source.lines[number + 1 : number + 1 + _FAR]:
            if later.depth < line.depth:
                break
            if line[0] not in (token.text for token in later.tokens):
                continue
            grows = later.reads(line[0], ".", "add", "(") if kind == 0 else later[1] == "+="
            if grows and later[0] == line[0]:
                start, stop = line.tokens[2].start, line.stop
                at = later.tokens[0].stop
                yield line[0], Place(kind, start, stop, other, at, other_answer)
            break


def stored_arguments(source: Source) -> Iterator[Place]:
    """`self.x =` in an `__init__` of three arguments or more: the argument of that name."""
    for number, line in enumerate(source.lines):
        if not line.reads("def", "__init__", "(", "self", ","):
            continue
        left = parameters(line)[1:]
        if len(left) < 3:
            continue
        for later in source.lines[number + 1 :]:
            if not later.reads("self", ".", "NAME", "=", "NAME") or len(later) != 5:
                break
            if later[2] != later[4] or later[2] not in left:
                break
            left.remove(later[2])
            if left:
                name, other = later.tokens[2], left[later.start % len(left)]
                at = later.tokens[3].stop
                yield Place(0, name.start, name.stop, other, at, f" {other}\n")


def swaps(source: Source) -> Iterator[Place]:
    """`x, y = y,`: the first name comes back. The twin swaps another variable."""
    for number, line in enumerate(source.lines):
        x, y = line[0], line[2]
        if len(line) != 7 or x == y or not is_name(x) or not is_name(y):
            continue
        if not line.reads(x, ",", y, "=", y, ",", x):
            continue
        others = [name for name in _variables(source, number) if name not in (x, y)]
        if others:
            other = others[line.start % len(others)]
            first = line.tokens[0]
            yield Place(0, first.start, first.stop, other, line.tokens[5].stop, f" {other}\n")


def parameters(line: Line) -> list[str]:
    """Names of a function's parameters, those with defaults or annotations included."""
    names: list[str] = []
    depth = 0
    for i in range(len(line)):
        depth += (line[i] in ("(", "[", "{")) - (line[i] in (")", "]", "}"))
        if depth == 1 and line[i - 1] in ("(", ",") and is_name(line[i]):
            names.append(line[i])
    return names


def _variables(source: Source, number: int) -> list[str]:
    """Arguments of the function around a line; outside of functions, simple variables before."""
    names: list[str] = []
    for line in reversed(source.lines[max(0, number - 12) : number]):
        if line.reads("NAME", "=") and len(line) == 3:
            names.append(line[0])
        if line[0] == "def" and line.depth < source.lines[number].depth:
            return sorted(name for name in parameters(line) if name != "self")
    return sorted(set(names))
