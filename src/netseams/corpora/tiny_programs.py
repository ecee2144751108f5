"""Writes simple Python programs: the constructs that the twenty tasks of arXiv 2511.13653 ask for.

Every choice between two constructs that a task tells apart is an even one, and both draw their
names from one list: nothing but the construct itself says what comes next.
"""

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
Lines = list[str]

NAMES = (
    "item", "value", "node", "key", "name", "total", "count", "result", "data", "line", "word",
    "path", "size", "index", "left", "right", "first", "last", "score", "state", "text", "row",
    "point", "user", "level", "price", "limit", "width", "height", "offset", "color", "title",
)  # fmt: skip
FIXED_NAME = "current"
"""The one name of the task `set_or_string_fixedvarname`."""
READ_FILES = ("input.txt", "source.csv", "config.json", "words.txt")
WRITE_FILES = ("output.txt", "target.csv", "report.json", "log.txt")
_VERBS = ("get", "make", "find", "update", "check", "load")
_CLASSES = ("Node", "Point", "User", "Stack", "Table", "Shape", "Event", "Queue")
_COUNTERS = ("i", "j", "k", "n")
_STEP = "    "


class Author:
    """Draws names, values and strings; remembers which names are known at this place."""

    def __init__(self, draws: random.Random) -> None:
        self.draws = draws
        self.known: list[str] = []

    def one(self, options: Sequence[T]) -> T:
        return options[int(self.draws.random() * len(options))]

    def flip(self, share: float = 0.5) -> bool:
        return self.draws.random() < share

    def some(self, options: Sequence[T], least: int, most: int) -> list[T]:
        """Between `least` and `most` different options."""
        return self.draws.sample(options, self.draws.randint(least, most))

    def name(self) -> str:
        return self.one(NAMES)

    def old(self) -> str:
        """A known name."""
        return self.one(self.known)

    def number(self) -> str:
        return str(self.one(range(10)))

    def quoted(self, text: str) -> str:
        mark = self.one("'\"")
        return f"{mark}{text}{mark}"

    def string(self) -> str:
        return self.quoted(" ".join(self.some(NAMES, 1, 3)))

    def value(self) -> str:
        """A number, a known name or a short string."""
        kind = self.one(range(3))
        return (self.number(), self.old(), self.quoted(self.name()))[kind]

    def step(self) -> str:
        """One plain statement."""
        a, b = self.old(), self.name()
        return self.one((
            f"{a} += {self.number()}", f"{b} = {a} + {self.number()}", f"print({a})",
            f"{b}.append({a})", f"{b} = {a}.{self.name()}", f"{b} = {self.name()}({a})",
            f"{b}: int = {self.number()}", f"{b}: str = {self.string()}",
        ))  # fmt: skip


def indent(lines: Lines) -> Lines:
    return [_STEP + line for line in lines]


def _print_string(a: Author) -> Lines:
    return [f"{a.one(('print', 'show', 'raise ValueError'))}({a.string()})"]


def _print_label(a: Author) -> Lines:
    """The same label, with a variable behind it or not."""
    label, mark, known = a.name() + a.one((":", "=")), a.one("'\""), a.old()
    if a.flip():
        return [f"print(f{mark}{label}{{{known}}}{mark})"]
    return [f"print({mark}{label}{mark})"]


def _list(a: Author) -> Lines:
    """A list whose last element is a value or a list of values."""
    value = a.number if a.flip() else a.value
    inner = [value() for _ in range(a.one((2, 3, 4)))]
    before: list[str] = []
    if a.flip(0.6):
        before = [value() for _ in range(a.one((1, 2)))]
    if a.flip(0.3):
        before = [f"[{value()}, {value()}]"]
    last = f"[{', '.join(inner)}]" if a.flip() else ", ".join(inner)
    return [f"{a.name()} = [{', '.join([*before, last])}]"]


def _dict_or_list(a: Author) -> Lines:
    keys = [a.quoted(key) for key in a.some(NAMES, 2, 3)]
    if a.flip():
        return [f"{a.name()} = {{{', '.join(f'{key}: {a.value()}' for key in keys)}}}"]
    return [f"{a.name()} = [{', '.join(keys)}]"]


def _collect(a: Author) -> Lines:
    name = FIXED_NAME if a.flip(0.4) else a.name()
    source = a.old()
    item = a.one([other for other in NAMES if other not in (name, source)])
    start, add = ("set()", ".add({})") if a.flip() else ('""', " += {}")
    if a.flip(0.6):
        return [f"{name} = {start}", f"for {item} in {source}:", _STEP + name + add.format(item)]
    between = [f"{item} = {a.number()}"] if a.flip() else []
    return [f"{name} = {start}", *between, name + add.format(item)]


def _open(a: Author) -> Lines:
    reads = a.flip()
    if a.flip():
        file = a.old()
    else:
        name, mode = (READ_FILES, "r") if reads else (WRITE_FILES, "w")
        mark = a.one("'\"")
        file = f"{mark}{a.one(name)}{mark}, {mark}{mode}{mark}"
    use = f"{a.name()} = f.read()" if reads else f"f.write({a.old()})"
    if a.flip():
        return [f"with open({file}) as f:", _STEP + use]
    return [f"f = open({file})", use]


def _loop(a: Author) -> Lines:
    head = f"for {a.name()} in {a.old()}:" if a.flip() else f"while {a.name()}:"
    return [head, *indent([a.step()])]


def _loop_near_block(a: Author) -> Lines:
    """A for-loop as the last line of a block, or as the first line behind it."""
    loop = [f"for {a.name()} in {a.old()}:", *indent([a.step()])]
    return [f"if {a.name()}:", *indent([a.step()]), *(indent(loop) if a.flip() else loop)]


def _counted_loop(a: Author) -> Lines:
    i, known = a.one(_COUNTERS), a.old()
    if a.flip():
        head = f"for {i} in range({a.one((known, a.number()))}):"
    else:
        head = f"for {i}, {a.name()} in enumerate({known}):"
    return [head, *indent([a.step()])]


def _branches(a: Author) -> Lines:
    name = a.name()
    lines = [f"if {name} == {a.number()}:", *indent([a.step()])]
    if a.flip():
        lines += [f"elif {name} == {a.number()}:", *indent([a.step()])]
    if a.flip():
        lines += ["else:", *indent([a.step()])]
    return lines


def _condition(a: Author) -> Lines:
    name = a.name()
    if a.flip():
        return [f"if {name}:", *indent([a.step()])]
    return [f"{a.name()} = {a.old()} if {name} else {a.value()}"]


def _compare_or_assign(a: Author) -> Lines:
    name, value = a.name(), a.value()
    if a.flip():
        return [f"if {name} == {value}:", *indent([a.step()])]
    return [f"{name} = {value}"]


def _truth(a: Author) -> Lines:
    name, value = a.name(), a.one(("True", "False"))
    if a.flip():
        return [f"if {name} == {value}:", *indent([a.step()])]
    return [f"{name} = {value}"]


def _until_true(a: Author) -> Lines:
    """`while True:` or `return True`, each alone or behind a condition."""
    if a.flip():
        loop = ["while True:", *indent([a.step(), "break"])]
        return [f"if {a.name()}:", *indent(loop)] if a.flip(0.7) else loop
    return [f"if {a.name()}:", *indent(["return True"])]


def _swap(a: Author) -> Lines:
    x, y = a.draws.sample(a.known, 2)
    return [f"{x}, {y} = {y}, {x}"]


def _small_function(a: Author) -> Lines:
    name, other = a.name(), a.name()
    if a.flip():
        return [f"def {name}({other}):", *indent([f"return {other} + {a.number()}"])]
    value = f"{name} + {a.number()}" if a.flip() else f"{name}.{other}"
    if a.flip():
        return [f"{a.name()} = lambda {name}: {value}"]
    return [f"{a.name()} = sorted({a.old()}, key=lambda {name}: {value})"]


_GROUPS: tuple[Callable[[Author], Lines], ...] = (
    _print_string, _print_label, _print_label, _list, _dict_or_list, _collect, _collect, _open,
    _open, _loop, _loop_near_block, _counted_loop, _branches, _condition, _compare_or_assign,
    _truth, _until_true, _until_true, _swap, _small_function,
)  # fmt: skip
"""Groups that hold two tasks, or a task under two conditions, stand here twice."""


def _function(a: Author, first: tuple[str, ...] = ()) -> Lines:
    """A function; a default is never alone, so that an earlier one announces the next."""
    a.known = a.some(NAMES, 3, 4)
    with_default = a.one((0, 0, 2, 2, 3))
    plain = a.known[: len(a.known) - with_default]
    rest = [f"{name}=None" for name in a.known[len(plain) :]]
    name = a.name() if a.flip() else f"{a.one(_VERBS)}_{a.name()}"
    body = [line for group in a.draws.sample(_GROUPS, a.one((2, 3))) for line in group(a)]
    end = f"return {a.one((a.old(), a.name()))}"
    return [f"def {name}({', '.join([*first, *plain, *rest])}):", *indent([*body, end])]


def _class(a: Author) -> Lines:
    """A class whose `__init__` stores its arguments, often in another order."""
    names = a.some(NAMES, 3, 5)
    stored = a.draws.sample(names, len(names)) if a.flip(0.7) else names
    head = [f"class {a.one(_CLASSES)}:", f"{_STEP}def __init__(self, {', '.join(names)}):"]
    lines = [*head, *indent(indent([f"self.{name} = {name}" for name in stored]))]
    if a.flip(0.4):
        lines += ["", *indent(_function(a, first=("self",)))]
    return lines


def _script(a: Author) -> Lines:
    a.known = a.some(NAMES, 3, 3)
    start = [f"{name} = {a.number()}" for name in a.known]
    groups = [group for group in a.draws.sample(_GROUPS, 3) if group is not _until_true]
    return [*start, *(line for group in groups for line in group(a))]


def write_program(seed: int) -> str:
    """A program of 5 to 25 lines, the same one for the same seed."""
    a = Author(random.Random(seed))
    parts: list[Lines] = []
    n_lines = 0
    while n_lines < 10:
        part = a.one((_function, _function, _function, _class, _script))(a)
        parts.append(part)
        n_lines += len(part)
    return "\n\n".join("\n".join(part) for part in parts) + "\n"
