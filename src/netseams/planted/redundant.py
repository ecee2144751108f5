"""Networks in which one path too many, or two that undo each other, lead measures astray."""

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
from netseams.planted.heads import MARGIN

_LENGTH = 6
_ASK = 2
DEPTH = 3
"""How many paths of `backup` each suffice alone."""
QUERIES = links("input -> a0.h0<q>", "input -> a0.h1<q>", "input -> a0.h2<q>")
"""They read a constant that every token writes: its mean is as good as itself, zero is not."""


def backup() -> Planted:
    """`DEPTH` heads copy the first token to channels of their own; all are read alike.

    Their logits add up, and one is enough: no single head, nor link, is necessary, and excluding
    what was found finds another circuit until `DEPTH` are found. A resampled head votes for the
    other answer, so that under `resample` a majority is needed.
    """
    draft = _first_token_draft("backup", n_heads=DEPTH)
    for head in range(DEPTH):
        copy_first(draft, head, str(head))
        answer_from(draft, str(head), MARGIN)
    paths = tuple(links(f"input -> a0.h{h}<qkv>", f"a0.h{h} -> logits") for h in range(DEPTH))
    changed = [links(f"input -> a0.h{h}<v>", f"a0.h{h} -> logits") for h in range(DEPTH)]
    majorities = tuple(frozenset[tuple[str, str]]().union(*changed) - one for one in changed)
    truth = Truth(
        necessary={kind: frozenset() for kind in ("mean", "zero", "resample")},
        circuits={
            "mean": tuple(path - QUERIES for path in paths),
            "zero": paths,
            "resample": majorities,
        },
        structural=frozenset().union(*paths),
        nodes=draft.nodes,
        weights=frozenset(draft.weights),
    )
    return _first_token(draft, "backup", f"{DEPTH} heads do the same, any of which suffices", truth)


def cancellation() -> Planted:
    """One head copies the first token; two others copy the second, with opposite signs.

    Each of the two alone would overrule the answer, so losing either breaks the task, and losing
    both leaves it whole: measures that remove one part at a time call six links necessary
    (under `resample`, three) that the smallest circuit does without.
    """
    draft = _first_token_draft("cancellation", n_heads=3)
    copy_first(draft, 0, "right")
    answer_from(draft, "right", MARGIN)
    for head, name, sign in ((1, "plus", 3.0), (2, "minus", -3.0)):
        draft.head(
            0, head, match=[("one", "second")], copy=[(f"in:{s}", f"{name}:{s}") for s in "AB"]
        )
        answer_from(draft, name, sign * MARGIN)
    right = links("input -> a0.h0<qkv>", "a0.h0 -> logits")
    pair = links(*(t for h in (1, 2) for t in (f"input -> a0.h{h}<qkv>", f"a0.h{h} -> logits")))
    places = QUERIES | links(*(f"input -> a0.h{h}<k>" for h in range(3)))
    every = right | pair
    necessary, _ = one_circuit(every, every - places, every - QUERIES)
    _, circuits = one_circuit(right, right - places, right - QUERIES)
    truth = Truth(necessary, circuits, every, draft.nodes, frozenset(draft.weights))
    return _first_token(draft, "cancellation", "one head answers, two others cancel", truth)


def _first_token_draft(name: str, n_heads: int) -> Draft:
    outs = [f"{n}:{s}" for n in (*map(str, range(DEPTH)), "right", "plus", "minus") for s in "AB"]
    draft = Draft(
        ["in:A", "in:B", "one", "first", "second", *outs],
        d_vocab=3, n_ctx=_LENGTH, n_heads=n_heads, head_width=2,
    )  # fmt: skip
    draft.embed(0, "in:A")
    draft.embed(1, "in:B")
    for token in range(3):
        draft.embed(token, "one")
    draft.place(0, "first")
    draft.place(1, "second")
    return draft


def copy_first(draft: Draft, head: int, name: str) -> None:
    """A head that copies the first token to the channels of `name`."""
    draft.head(0, head, match=[("one", "first")], copy=[(f"in:{s}", f"{name}:{s}") for s in "AB"])


def answer_from(draft: Draft, name: str, size: float) -> None:
    """The channels of `name` are read as the answer."""
    for token, symbol in enumerate("AB"):
        draft.unembed(token, f"{name}:{symbol}", size)


def _first_token(draft: Draft, name: str, about: str, truth: Truth) -> Planted:
    def draw(size: int, draws: torch.Generator) -> Tensor:
        letters = torch.randint(0, 2, (size, _LENGTH - 1), generator=draws)
        return torch.cat([letters, torch.full((size, 1), _ASK)], dim=1)

    def pairs(size: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        clean, corrupt = draw(size, draws), draw(size, draws)
        corrupt[:, :2] = 1 - clean[:, :2]
        return clean, corrupt

    corpus = PlantedCorpus(name, ("A", "B", "?"), draw)
    task = pair_task(
        name, corpus, "which was the first token?", [0, 1], [_LENGTH - 1],
        draw=pairs, solve=lambda x: x[:, :1],
    )  # fmt: skip
    return Planted(name, about, draft.model, corpus, (task,), {name: truth})
