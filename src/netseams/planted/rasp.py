"""A small language of sequence programs, after RASP (arXiv 2106.06981) and tracr (2301.05062).

A program is a tree of sequences, each with one value a position. `run` says what it computes,
`compile_program` makes weights that compute it. Inputs stand behind a BOS, which is at no position
of the program: a head that selects nothing attends to it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from netseams.core import SettingError

Value: TypeAlias = Any
"""Hashable; functions of a program say what they take."""


@dataclass(frozen=True)
class Tokens:
    """The input."""


@dataclass(frozen=True)
class Indices:
    """0, 1, 2, ..."""


@dataclass(frozen=True)
class Map:
    """A function of one value."""

    function: Callable[[Value], Value]
    of: "Sequences"


@dataclass(frozen=True)
class SequenceMap:
    """A function of two values at one position."""

    function: Callable[[Value, Value], Value]
    first: "Sequences"
    second: "Sequences"


@dataclass(frozen=True)
class Select:
    """Which positions each position looks at: predicate(key, query)."""

    keys: "Sequences"
    queries: "Sequences"
    predicate: Callable[[Value, Value], bool]


@dataclass(frozen=True)
class Aggregate:
    """The value at the one selected position; None where there is none."""

    select: Select
    of: "Sequences"


@dataclass(frozen=True)
class Width:
    """How many positions are selected (tracr's selector width)."""

    select: Select


Sequences: TypeAlias = Tokens | Indices | Map | SequenceMap | Aggregate | Width


def run(program: Sequences, tokens: Sequence[Value]) -> list[Value]:
    """What `program` computes of `tokens`, by the definitions.

    Raises:
        SettingError: an aggregate selects several positions.
    """
    match program:
        case Tokens():
            return list(tokens)
        case Indices():
            return list(range(len(tokens)))
        case Map(function, of):
            return [function(x) for x in run(of, tokens)]
        case SequenceMap(function, first, second):
            pairs = zip(run(first, tokens), run(second, tokens), strict=True)
            return [function(x, y) for x, y in pairs]
        case Width(select):
            return [len(places) for places in _selected(select, tokens)]
        case Aggregate(select, of):
            values, places = run(of, tokens), _selected(select, tokens)
            if any(len(some) > 1 for some in places):
                raise SettingError("an aggregate selects several positions: it takes one at most")
            return [values[some[0]] if some else None for some in places]


def _selected(select: Select, tokens: Sequence[Value]) -> list[list[int]]:
    keys, queries = run(select.keys, tokens), run(select.queries, tokens)
    return [[i for i, key in enumerate(keys) if select.predicate(key, query)] for query in queries]


def values_of(program: Sequences, vocab: Sequence[Value], longest: int) -> list[Value]:
    """Every value that may occur in strings of up to `longest` tokens, or more, in order."""
    match program:
        case Tokens():
            found = list(vocab)
        case Indices():
            found = list(range(longest))
        case Map(function, of):
            found = [function(x) for x in values_of(of, vocab, longest)]
        case SequenceMap(function, first, second):
            seconds = values_of(second, vocab, longest)
            found = [function(x, y) for x in values_of(first, vocab, longest) for y in seconds]
        case Width():
            found = list(range(longest + 1))
        case Aggregate(_, of):
            found = values_of(of, vocab, longest)
    return list(dict.fromkeys(found))
