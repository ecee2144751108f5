"""Networks of attention alone: by positions (copy-previous, reverse), and induction."""

from collections.abc import Mapping

import torch
from torch import Tensor

from netseams.planted.base import (
    Planted,
    PlantedCorpus,
    Truth,
    links,
    one_circuit,
    pair_task,
)
from netseams.planted.draft import Draft

MARGIN = 12.0
"""Logit of the right answer above that of a wrong one."""
_SYMBOLS = "ABCD"


def _by_positions(
    name: str, question: str, texts: str, n_ctx: int, source_of: Mapping[int, int]
) -> Planted:
    """One head: the answer at a position is the symbol at another one.

    Args:
        source_of: position of an answer -> position of its symbol. Positions that are not
            among the sources of symbols hold the last token of `texts`, where it is no symbol.
    """
    length = n_ctx if len(texts) == len(_SYMBOLS) else n_ctx // 2
    places = [f"pos:{t}" for t in range(n_ctx)]
    draft = Draft(
        [f"in:{s}" for s in _SYMBOLS] + places + [f"out:{s}" for s in _SYMBOLS],
        d_vocab=len(texts), n_ctx=n_ctx, head_width=max(len(set(source_of.values())), 4),
    )  # fmt: skip
    for token, symbol in enumerate(_SYMBOLS):
        draft.embed(token, f"in:{symbol}")
        draft.unembed(token, f"out:{symbol}", MARGIN)
    for position, place in enumerate(places):
        draft.place(position, place)
    draft.head(
        0, 0,
        match=[(f"pos:{to}", f"pos:{source}") for to, source in source_of.items()],
        copy=[(f"in:{s}", f"out:{s}") for s in _SYMBOLS],
    )  # fmt: skip

    def draw(size: int, draws: torch.Generator) -> Tensor:
        symbols = torch.randint(0, len(_SYMBOLS), (size, length), generator=draws)
        rest = torch.full((size, n_ctx - length), len(_SYMBOLS))
        return torch.cat([symbols, rest], dim=1)

    corpus = PlantedCorpus(name, tuple(texts), draw)
    task = pair_task(
        name, corpus, question, list(range(len(_SYMBOLS))), list(source_of),
        draw=lambda size, draws: (draw(size, draws), draw(size, draws)),
        solve=lambda x: x[:, list(source_of.values())],
    )  # fmt: skip
    every = links("input -> a0.h0<qkv>", "a0.h0 -> logits")
    # The pair's two inputs have the same positions.
    symbols = links("input -> a0.h0<v>", "a0.h0 -> logits")
    truth = Truth(*one_circuit(every, symbols), every, draft.nodes, frozenset(draft.weights))
    about = "one head attends by position and copies the symbol"
    return Planted(name, about, draft.model, corpus, (task,), {name: truth})


def copy_previous() -> Planted:
    """A previous-token head: at every position but the first, the symbol before."""
    return _by_positions(
        "copy_previous", "which symbol stood one before?", _SYMBOLS, 6,
        {t: t - 1 for t in range(1, 6)},
    )  # fmt: skip


def reverse() -> Planted:
    """Four symbols and four marks, at which the symbols are due from the last to the first."""
    return _by_positions(
        "reverse", "which symbol comes next from behind?", f"{_SYMBOLS}?", 8,
        {4 + i: 3 - i for i in range(4)},
    )  # fmt: skip


def induction() -> Planted:
    """A previous-token head and an induction head: `A B C D .. A` asks for B."""
    symbols, n_ctx = "ABCDEF", 7
    places = [f"pos:{t}" for t in range(n_ctx)]
    draft = Draft(
        [f"{kind}:{s}" for kind in ("in", "before", "out") for s in symbols] + places,
        d_vocab=len(symbols), n_ctx=n_ctx, n_layers=2, head_width=max(len(symbols), n_ctx),
    )  # fmt: skip
    for token, symbol in enumerate(symbols):
        draft.embed(token, f"in:{symbol}")
        draft.unembed(token, f"out:{symbol}", MARGIN)
    for position, place in enumerate(places):
        draft.place(position, place)
    draft.head(
        0, 0,
        match=[(f"pos:{t}", f"pos:{t - 1}") for t in range(2, n_ctx - 1)],
        copy=[(f"in:{s}", f"before:{s}") for s in symbols],
    )  # fmt: skip
    draft.head(
        1, 0,
        match=[(f"in:{s}", f"before:{s}") for s in symbols],
        copy=[(f"in:{s}", f"out:{s}") for s in symbols],
    )  # fmt: skip

    def draw(size: int, draws: torch.Generator) -> Tensor:
        order = torch.rand(size, len(symbols), generator=draws).argsort(1)
        # The first position sees itself alone and takes its own symbol for the one before, so
        # the first symbol is not asked for; the last has no successor.
        asked = torch.randint(1, len(symbols) - 1, (size, 1), generator=draws)
        return torch.cat([order, order.gather(1, asked)], dim=1)

    corpus = PlantedCorpus("induction", tuple(symbols), draw)
    task = pair_task(
        "induction", corpus, "which symbol followed this one before?",
        list(range(len(symbols))), [n_ctx - 1],
        draw=lambda size, draws: (draw(size, draws), draw(size, draws)),
        solve=lambda x: x.gather(1, (x[:, :-1] == x[:, -1:]).int().argmax(1, keepdim=True) + 1),
    )  # fmt: skip
    every = links(
        "input -> a0.h0<qkv>", "a0.h0 -> a1.h0<k>", "input -> a1.h0<qv>", "a1.h0 -> logits"
    )
    symbols_only = every - links("input -> a0.h0<qk>")
    truth = Truth(*one_circuit(every, symbols_only), every, draft.nodes, frozenset(draft.weights))
    about = "a previous-token head feeds the keys of an induction head"
    return Planted("induction", about, draft.model, corpus, (task,), {"induction": truth})
