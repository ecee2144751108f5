"""Two functions in two parts: removing one must not touch the other."""

import torch
from torch import Tensor

from netseams.planted.base import (
    Planted,
    PlantedCorpus,
    Truth,
    every_site,
    links,
    one_circuit,
    pair_task,
)
from netseams.planted.draft import Draft
from netseams.planted.heads import MARGIN
from netseams.tasks import Task

_LENGTH = 7
_NAMES = ("first", "second")


def two_modules() -> Planted:
    """A question for the first token and one for the second, a head for each.

    A head that is not asked attends to the question itself, where there is nothing to copy. Both
    heads read and write the same channels of symbols, and share nothing else.
    """
    draft = Draft(
        ["in:A", "in:B", "out:A", "out:B"] + [f"{k}:{n}" for k in ("asks", "at") for n in _NAMES],
        d_vocab=4, n_ctx=_LENGTH, n_heads=2, head_width=2,
    )  # fmt: skip
    for token, symbol in enumerate("AB"):
        draft.embed(token, f"in:{symbol}")
        draft.unembed(token, f"out:{symbol}", MARGIN)
    for i, name in enumerate(_NAMES):
        draft.embed(2 + i, f"asks:{name}")
        draft.place(i, f"at:{name}")
        other = f"asks:{_NAMES[1 - i]}"
        draft.head(
            0, i,
            match=[(f"asks:{name}", f"at:{name}"), (other, other)],
            copy=[(f"in:{s}", f"out:{s}") for s in "AB"],
        )  # fmt: skip
    corpus = PlantedCorpus("two_modules", ("A", "B", "first?", "second?"), _sequences)
    tasks = tuple(_task(i, corpus) for i in (0, 1))
    truths = {task.name: _truth(i, draft) for i, task in enumerate(tasks)}
    about = "a head for each of two questions"
    return Planted("two_modules", about, draft.model, corpus, tasks, truths)


def _truth(i: int, draft: Draft) -> Truth:
    """Head `i` without the part that keeps it silent when the other is asked."""
    b, first, at = "blocks.0", 2 * i, draft.index
    symbols, outs = [at[f"in:{s}"] for s in "AB"], [at[f"out:{s}"] for s in "AB"]
    asks, place = at[f"asks:{_NAMES[i]}"], at[f"at:{_NAMES[i]}"]
    values = [first, first + 1]
    nodes = {
        f"{b}.ln1.hook_normalized": {*symbols, asks, place},
        f"{b}.attn.hook_q": {first},
        f"{b}.attn.hook_k": {first},
        f"{b}.attn.hook_v": set(values),
        f"{b}.hook_attn_out": set(outs),
        "ln_final.hook_normalized": set(outs),
    }
    weights = {(f"{b}.attn.q.weight", first, asks), (f"{b}.attn.k.weight", first, place)}
    for value, symbol, out in zip(values, symbols, outs, strict=True):
        weights |= {(f"{b}.attn.v.weight", value, symbol), (f"{b}.attn.out.weight", out, value)}
    every = links(f"input -> a0.h{i}<qkv>", f"a0.h{i} -> logits")
    query = links(f"input -> a0.h{i}<q>")  # its mean is weak, and still finds the place
    changed = every - query - links(f"input -> a0.h{i}<k>")
    structural = links("input -> a0.h0<qkv>", "input -> a0.h1<qkv>") | links(
        "a0.h0 -> logits", "a0.h1 -> logits"
    )
    return Truth(
        *one_circuit(every, changed, every - query),
        structural,
        every_site(draft.cfg, nodes),
        frozenset(weights),
    )


def _sequences(size: int, draws: torch.Generator) -> Tensor:
    letters = torch.randint(0, 2, (size, _LENGTH - 1), generator=draws)
    return torch.cat([letters, torch.randint(2, 4, (size, 1), generator=draws)], dim=1)


def _task(i: int, corpus: PlantedCorpus) -> Task:
    def pairs(size: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        clean, corrupt = _sequences(size, draws), _sequences(size, draws)
        corrupt[:, :2] = 1 - clean[:, :2]
        clean[:, -1] = corrupt[:, -1] = 2 + i
        return clean, corrupt

    return pair_task(
        f"{_NAMES[i]}_of_two", corpus, f"which was the {_NAMES[i]} token?", [0, 1], [_LENGTH - 1],
        draw=pairs, solve=lambda x: x[:, i : i + 1],
    )  # fmt: skip
