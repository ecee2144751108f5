"""Places in the heads of statements, where a keyword decides between `:` and something else."""

from collections.abc import Iterator

from netseams.tasks.places import Line, Place, Source, newline


def for_or_while(source: Source) -> Iterator[Place]:
    """`for x` goes on with `in`, `while x` with a colon."""
    for line in source.lines:
        word, at = line.tokens[0], line.tokens[min(1, len(line) - 1)].stop
        if line.reads("for", "NAME", "in"):
            yield Place(0, word.start, word.stop, "while", at, ":\n")
        elif line.reads("while", "NAME", ":"):
            yield Place(1, word.start, word.stop, "for", at, " in x")


def else_or_elif(source: Source) -> Iterator[Place]:
    """Behind `else` a colon, behind `elif` the variable that the `if` asks about."""
    for number, line in enumerate(source.lines):
        word = line.tokens[0]
        if line.reads("else", ":"):
            if name := _asked(source, number):
                yield Place(0, word.start, word.stop, "elif", word.stop, f" {name} ==")
        elif line.reads("elif", "NAME") and line[1] == _asked(source, number):
            yield Place(0, word.start, word.stop, "else", word.stop, ":\n")


def _asked(source: Source, number: int) -> str | None:
    """The first name behind the nearest `if` or `elif` of the same depth."""
    depth = source.lines[number].depth
    for line in reversed(source.lines[:number]):
        if line.depth < depth:
            return None
        if line.depth == depth:
            return line[1] if line.reads(line[0], "NAME") and line[0] in ("if", "elif") else None
    return None


def if_or_ternary(source: Source) -> Iterator[Place]:
    """`if x` at the head of a line goes on with a colon, inside `a = b if x` with `else`."""
    for number, line in enumerate(source.lines):
        if line.reads("if", "NAME", ":"):
            a = source.some_name(number)
            b = source.some_name(number, avoid=(a,))
            at = line.tokens[1].stop
            yield Place(0, line.start, line.start, f"{a} = {b} ", at, " else 0")
        elif line.reads("NAME", "=", line[2], "if") and line.reads(
            *_texts(line, 4), "NAME", "else"
        ):
            word, at = line.tokens[3], line.tokens[4].stop
            if "\n" not in source.text[line.start : at]:
                yield Place(1, line.start, word.start, "", at, ":\n")


def if_or_assignment(source: Source) -> Iterator[Place]:
    """`if x` goes on with `==`, `x` with `=`."""
    for line in source.lines:
        if line.reads("if", "NAME", "=="):
            name = line.tokens[1]
            yield Place(0, line.start, name.start, "", name.stop, " = x")
        elif line.reads("NAME", "="):
            yield Place(1, line.start, line.start, "if ", line.tokens[0].stop, " == x")


def truth_asked_or_set(source: Source) -> Iterator[Place]:
    """`if x == True` ends with a colon, `x = True` with the line."""
    for line in source.lines:
        if line.reads("if", "NAME", "==") and line[3] in ("True", "False") and line[4] == ":":
            stop, at = line.tokens[2].stop, line.tokens[3].stop
            yield Place(0, line.start, stop, f"{line[1]} =", at, newline(line.depth))
            continue
        sets = line.reads("NAME", "=") and line[2] in ("True", "False") and len(line) == 3
        if sets and source.is_bare(line):
            other = f"if {line[0]} =="
            yield Place(1, line.start, line.tokens[1].stop, other, line.stop, ":\n")


def while_or_return(source: Source) -> Iterator[Place]:
    """`while True` goes on with a colon, `return True` ends the line and its block."""
    for line in source.lines:
        word = line.tokens[0]
        if line.reads("while", "True", ":"):
            at = line.tokens[1].stop
            yield Place(0, word.start, word.stop, "return", at, newline(line.depth - 4))
        elif line.reads("return", "True") and len(line) == 2 and source.is_bare(line):
            yield Place(1, word.start, word.stop, "while", line.stop, ":\n")


def lambda_or_def(source: Source) -> Iterator[Place]:
    """`lambda x` goes on with a colon, `def x` with a parenthesis."""
    for number, line in enumerate(source.lines):
        if line.reads("def", "NAME", "("):
            other = f"{source.some_name(number)} = lambda"
            at = line.tokens[1].stop
            yield Place(1, line.start, line.tokens[0].stop, other, at, ": x")
            continue
        for i, token in enumerate(line.tokens[:-2]):
            if token.text != "lambda" or line[i + 2] != ":":
                continue
            at = line.tokens[i + 1].stop
            if "\n" not in source.text[line.start : at]:
                yield Place(0, line.start, token.stop, "def", at, "(x):")
            break


def counted_loops(source: Source) -> Iterator[Place]:
    """Two loop variables ask for `enumerate`, one for `range`."""
    for number, line in enumerate(source.lines):
        if line.reads("for", "NAME", "in", "range", "("):
            name, at = line.tokens[1], line.tokens[2].stop
            other = f", {source.some_name(number, avoid=(name.text,))}"
            yield Place(1, name.stop, name.stop, other, at, " enumerate(")
        elif line.reads("for", "NAME", ",", "NAME", "in", "enumerate", "("):
            first, second = line.tokens[1], line.tokens[3]
            yield Place(0, first.stop, second.stop, "", line.tokens[4].stop, " range(")


def indentation(source: Source) -> Iterator[Place]:
    """The depth of a for-line decides that of the line behind it.

    Only for-lines that could stand one step deeper or less deep: behind a deeper line, or
    behind a line of their own block.
    """
    step = 4
    for before, line, after in zip(source.lines, source.lines[1:], source.lines[2:], strict=False):
        gap = source.text[before.stop : line.start]
        if line[0] != "for" or after.depth != line.depth + step or not source.is_bare(line):
            continue
        if gap != "\n" + " " * line.depth:
            continue
        if before.depth == line.depth + step:
            deeper = newline(line.depth + 2 * step)
            yield Place(0, line.start, line.start, " " * step, line.stop, deeper)
        elif before.depth == line.depth >= 2 * step and before[-1] != ":":
            yield Place(1, line.start - step, line.start, "", line.stop, newline(line.depth))


def _texts(line: Line, n: int) -> list[str]:
    return [token.text for token in line.tokens[:n]]
