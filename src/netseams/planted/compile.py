"""Programs to weights: every value of every sequence has a residual channel of its own.

Selecting is a head whose queries and keys are those channels; counting is a head that also
attends to BOS, behind which an MLP reads the share of BOS, 1 / (1 + count); functions are look-up
tables of neurons, one for every value or pair of values (arXiv 2301.05062, section 3). Sequences
that do not wait for each other share a layer.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from netseams.core import SettingError
from netseams.planted.draft import Draft
from netseams.planted.heads import MARGIN
from netseams.planted.rasp import (
    Aggregate,
    Indices,
    Map,
    Select,
    SequenceMap,
    Sequences,
    Tokens,
    Value,
    Width,
    values_of,
)

BOS = "BOS"
_OFF = 1000.0
"""What keeps a neuron silent at BOS."""


@dataclass(frozen=True)
class _Place:
    """Where a sequence is computed: halves of layers, an attention before its MLP."""

    head: tuple[int, int] | None
    """Layer and head."""
    mlp: int | None
    ready: int
    """Its value can be read from this half layer on: 2 * layer, + 1 for an MLP."""


@dataclass(frozen=True)
class Compiled:
    """A draft with the program's weights and the words of its vocabulary."""

    draft: Draft
    words: tuple[Value, ...]
    """Token ids: BOS, the input's tokens, and what else the program may answer."""
    answers: tuple[int, ...]
    """Token ids of the answers."""


def compile_program(
    program: Sequences, vocab: Sequence[Value], longest: int, causal: bool = False
) -> Compiled:
    """A network that answers `run(program, tokens)` at every position behind BOS.

    Args:
        vocab: the input's tokens.
        longest: most tokens behind BOS.
        causal: whether attention looks back only; selections then are cut there too.

    Raises:
        SettingError: the program computes nothing.
    """
    parts = _in_order(program)
    if isinstance(program, Tokens | Indices):
        raise SettingError("the program gives back its input: there is nothing to compile")
    names = {part: f"{type(part).__name__.lower()}{i}" for i, part in enumerate(parts)}
    values = {part: values_of(part, vocab, longest) for part in parts}
    places = _placed(parts)
    outputs = [v for v in values[program] if v is not None]
    words = tuple(dict.fromkeys([BOS, *vocab, *outputs]))
    shares = [f"{names[part]}:share" for part in parts if isinstance(part, Width)]
    draft = Draft(
        ["bos", *shares, *(f"{names[part]}:{v}" for part in parts for v in values[part])],
        d_vocab=len(words), n_ctx=longest + 1,
        n_layers=1 + max(place.ready for place in places.values()) // 2,
        n_heads=max((place.head[1] + 1 for place in places.values() if place.head), default=1),
        head_width=1 + max(len(v) for v in values.values()),
        n_neurons=_most_neurons(places, values),
        causal=causal,
    )  # fmt: skip

    def channels(part: Sequences) -> dict[Value, str]:
        return {v: f"{names[part]}:{v}" for v in values[part]}

    draft.embed(0, "bos")
    for part in parts:
        layer_head, mlp = places[part].head, places[part].mlp
        match part:
            case Tokens():
                for value, channel in channels(part).items():
                    draft.embed(words.index(value), channel)
            case Indices():
                for value, channel in channels(part).items():
                    draft.place(1 + values[part].index(value), channel)
            case Aggregate(select, of) if layer_head:
                ours = channels(part)
                copy = [(theirs, ours[v]) for v, theirs in channels(of).items()]
                _attend(draft, layer_head, select, channels, "instead", copy)
            case Width(select) if layer_head and mlp is not None:
                share = f"{names[part]}:share"
                _attend(draft, layer_head, select, channels, "too", [("bos", share)])
                _count(draft, mlp, share, [channels(part)[n] for n in range(longest + 1)])
            case Map(function, of) if mlp is not None:
                for value, channel in channels(of).items():
                    draft.neuron(mlp, {channel: 1.0}, 0.0, {channels(part)[function(value)]: 1.0})
            case SequenceMap(function, first, second) if mlp is not None:
                for x, one in channels(first).items():
                    for y, other in channels(second).items():
                        to = {channels(part)[function(x, y)]: 1.0}
                        draft.neuron(mlp, {one: 1.0, other: 1.0}, -1.0, to)
            case _:
                raise AssertionError(f"{part} has no place")
    for value in outputs:
        draft.unembed(words.index(value), channels(program)[value], MARGIN)
    return Compiled(draft, words, tuple(words.index(v) for v in outputs))


def _in_order(program: Sequences) -> list[Sequences]:
    """Every sequence of the program once, after those that it is made of."""
    found: dict[Sequences, None] = {}

    def visit(part: Sequences) -> None:
        for other in _inputs(part):
            visit(other)
        found.setdefault(part)

    visit(program)
    return list(found)


def _inputs(part: Sequences) -> list[Sequences]:
    match part:
        case Map(_, of):
            return [of]
        case SequenceMap(_, first, second):
            return [first, second]
        case Aggregate(select, of):
            return [select.keys, select.queries, of]
        case Width(select):
            return [select.keys, select.queries]
        case _:
            return []


def _placed(parts: Sequence[Sequences]) -> dict[Sequences, _Place]:
    """The earliest half layer for each; heads of one layer stand side by side."""
    places: dict[Sequences, _Place] = {}
    heads: dict[int, int] = {}
    for part in parts:
        before = max((places[other].ready for other in _inputs(part)), default=-1)
        if isinstance(part, Tokens | Indices):
            places[part] = _Place(None, None, -1)
        elif isinstance(part, Map | SequenceMap):
            layer = (before + 1) // 2
            places[part] = _Place(None, layer, 2 * layer + 1)
        else:
            layer = before // 2 + 1
            head, mlp = heads.get(layer, 0), layer if isinstance(part, Width) else None
            heads[layer] = head + 1
            ready = 2 * layer + (mlp is not None)
            places[part] = _Place((layer, head), mlp, ready)
    return places


def _most_neurons(
    places: Mapping[Sequences, _Place], values: Mapping[Sequences, list[Value]]
) -> int:
    """Those of the layer that has most."""
    needed: Counter[int] = Counter()
    for part, place in places.items():
        match part:
            case SequenceMap(_, first, second):
                needed[place.ready] += len(values[first]) * len(values[second])
            case Map(_, of):
                needed[place.ready] += len(values[of])
            case Width():
                needed[place.ready] += 2 * len(values[part]) - 1
            case _:
                pass
    return max(needed.values(), default=0)


def _attend(
    draft: Draft,
    place: tuple[int, int],
    select: Select,
    channels: Callable[[Sequences], dict[Value, str]],
    at_bos: Literal["instead", "too"],
    copy: list[tuple[str, str]],
) -> None:
    """A head that attends where the predicate holds, and to BOS: instead of nothing, or too."""
    keys, queries = channels(select.keys), channels(select.queries)
    match = [
        (query, key)
        for b, query in queries.items()
        for a, key in keys.items()
        if select.predicate(a, b)
    ]
    to_bos = [(query, "bos") for query in queries.values()]
    # BOS itself sees BOS alone, so that nothing is written there.
    draft.head(
        *place, [*match, ("bos", "bos"), *(to_bos if at_bos == "too" else [])], copy,
        weak=to_bos if at_bos == "instead" else [],
    )  # fmt: skip


def _count(draft: Draft, layer: int, share: str, counts: list[str]) -> None:
    """From 1 / (1 + count) to the channel of the count; nothing at BOS."""
    last = len(counts) - 1
    off = {"bos": -_OFF}
    for n in range(last):
        low, high = 1 / (2 + n), 1 / (1 + n)
        slope = 2 / (high - low)
        to = {counts[n]: 1.0, counts[n + 1]: -1.0}
        for middle, sign in ((0.25, 1.0), (0.75, -1.0)):  # a step from 0 to 1 between the two
            at = low + middle * (high - low)
            outputs = {channel: sign * value for channel, value in to.items()}
            draft.neuron(layer, {share: slope} | off, -slope * at, outputs)
    draft.neuron(layer, off, 1.0, {counts[last]: 1.0})
