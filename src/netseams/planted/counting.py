"""Networks whose MLP takes a threshold of what heads gather: gates, and brackets."""

from collections.abc import Mapping

import torch
from torch import Tensor

from netseams.circuits import Link
from netseams.interventions import AblationKind
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


def add_step(draft: Draft, source: str, low: float, high: float, target: str) -> None:
    """Two neurons: 0 below `low`, 1 above `high`, a line between."""
    slope = 1 / (high - low)
    draft.neuron(0, {source: slope}, -slope * low, {target: 1.0})
    draft.neuron(0, {source: slope}, -slope * high, {target: -1.0})


def _answer(draft: Draft, channel: str) -> None:
    """Token 1 where the channel is 1, token 0 where it is 0; a constant tips the scale."""
    draft.unembed(1, channel, 2 * MARGIN)
    draft.unembed(0, "one", MARGIN)


_GATE = links(
    "input -> a0.h0<qkv>", "input -> a0.h1<qkv>", "a0.h0 -> m0", "a0.h1 -> m0", "m0 -> logits",
    "input -> logits",
)  # fmt: skip
_CONSTANT = links("input -> a0.h0<q>", "input -> a0.h1<q>", "input -> logits")
"""They carry the same in every input and at every position: only zero is anything else."""
_CHANGING = _GATE - _CONSTANT - links("input -> a0.h0<k>", "input -> a0.h1<k>")
_ARMS = [links(f"input -> a0.h{h}<qkv>", f"a0.h{h} -> m0") for h in (0, 1)]


def _gate(name: str, low: float, high: float, truth: Mapping[str, Mapping]) -> Planted:
    """Two heads fetch a bit each, the MLP compares their sum with a threshold.

    Both bits are equal in the pairs, and free in the corpus. A constant that every token writes
    asks for the bits, and makes 0 the answer where the MLP is silent.
    """
    draft = Draft(
        ["bit", "one", "first", "second", "sum", "out"],
        d_vocab=3, n_ctx=_LENGTH, n_heads=2, head_width=1, n_neurons=2,
    )  # fmt: skip
    draft.embed(1, "bit")
    for token in range(3):
        draft.embed(token, "one")
    draft.place(0, "first")
    draft.place(1, "second")
    for head, place in enumerate(("first", "second")):
        draft.head(0, head, match=[("one", place)], copy=[("bit", "sum")])
    add_step(draft, "sum", low, high, "out")
    _answer(draft, "out")

    def draw(size: int, draws: torch.Generator) -> Tensor:
        bits = torch.randint(0, 2, (size, _LENGTH - 1), generator=draws)
        return torch.cat([bits, torch.full((size, 1), _ASK)], dim=1)

    def pairs(size: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        clean, corrupt = draw(size, draws), draw(size, draws)
        clean[:, 1] = clean[:, 0]
        corrupt[:, :2] = 1 - clean[:, :2]
        return clean, corrupt

    corpus = PlantedCorpus(name, ("0", "1", "?"), draw)
    task = pair_task(
        name, corpus, "are the first two bits 1?", [0, 1], [_LENGTH - 1],
        draw=pairs, solve=lambda x: x[:, :1],
    )  # fmt: skip
    stated = Truth(structural=_GATE, nodes=draft.nodes, weights=frozenset(draft.weights), **truth)
    about = f"two heads and an MLP: {name.removesuffix('_gate').upper()} of two bits"
    return Planted(name, about, draft.model, corpus, (task,), {name: stated})


def and_gate() -> Planted:
    """Every arm is necessary, whatever takes its place but a wrong 1 where the bits are 0.

    Under `resample` a single wrong 1 still leaves 0 and a single wrong 0 breaks 1.
    """
    necessary, circuits = one_circuit(_GATE, _CHANGING, _GATE - _CONSTANT)
    return _gate("and_gate", 1.6, 1.9, {"necessary": necessary, "circuits": circuits})


def or_gate() -> Planted:
    """Either arm suffices where a missing bit reads as 0 or one half; a resampled 1 breaks 0."""
    shared = links("m0 -> logits", "input -> logits")
    one_arm = tuple(arm | shared for arm in _ARMS)
    necessary: dict[AblationKind, frozenset[Link]] = {
        "mean": shared - _CONSTANT, "zero": shared, "resample": _CHANGING
    }  # fmt: skip
    circuits: dict[AblationKind, tuple[frozenset[Link], ...]] = {
        "mean": tuple(arm - _CONSTANT for arm in one_arm),
        "zero": one_arm,
        "resample": (_CHANGING,),
    }  # fmt: skip
    return _gate("or_gate", 0.6, 0.9, {"necessary": necessary, "circuits": circuits})


def brackets() -> Planted:
    """Is a bracket open at the end? A head takes the mean over the text, the MLP a threshold."""
    n_ctx = 9
    draft = Draft(
        ["depth", "one", "mean", "out"],
        d_vocab=3, n_ctx=n_ctx, head_width=1, n_neurons=2,
    )  # fmt: skip
    draft.embed(0, "depth", -1.0)
    draft.embed(1, "depth", 1.0)
    for token in range(3):
        draft.embed(token, "one")
    draft.head(0, 0, match=[], copy=[("depth", "mean")])  # no query: all weigh the same
    # Depths are even: 0 is closed, 2 and more is open.
    add_step(draft, "mean", 0.6 / n_ctx, 1.4 / n_ctx, "out")
    _answer(draft, "out")

    def draw(size: int, draws: torch.Generator) -> Tensor:
        rows = torch.empty(size, n_ctx, dtype=torch.long)
        for row in rows:
            row.copy_(_balanced(n_ctx - 1, draws))
        return rows

    def solve(x: Tensor) -> Tensor:
        return ((x == 1).sum(1, keepdim=True) > (x == 0).sum(1, keepdim=True)).long()

    def pairs(size: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        many = draw(16 * size, draws)
        is_open = solve(many).squeeze(1) == 1
        n = size // 2
        opened, closed = many[is_open][:size], many[~is_open][:size]
        return torch.cat([opened[:n], closed[:n]]), torch.cat([closed[n:], opened[n:]])

    corpus = PlantedCorpus("brackets", (")", "(", "end"), draw)
    task = pair_task(
        "brackets", corpus, "is a bracket still open?", [0, 1], [n_ctx - 1],
        draw=pairs, solve=solve,
    )  # fmt: skip
    every = links("input -> a0.h0<v>", "a0.h0 -> m0", "m0 -> logits", "input -> logits")
    changed = every - links("input -> logits")
    truth = Truth(
        *one_circuit(every, changed, changed), every, draft.nodes, frozenset(draft.weights)
    )
    about = "a head counts brackets, the MLP asks whether there are too many"
    return Planted("brackets", about, draft.model, corpus, (task,), {"brackets": truth})


def _balanced(length: int, draws: torch.Generator) -> Tensor:
    """Brackets that never close what is not open, then the end; each step is a fair coin."""
    row, depth = [], 0
    for coin in torch.randint(0, 2, (length,), generator=draws).tolist():
        opens = coin == 1 or depth == 0
        depth += 1 if opens else -1
        row.append(int(opens))
    return torch.tensor([*row, _ASK])
