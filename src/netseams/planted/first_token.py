"""Which was the first token? Eight nodes and four edges, with norms and GELU as in trained models.

Tokens A and B in random order, then ASK. Channels of the residual stream: 0 says A (+1) or B
(-1), 1 marks the first position, 2 marks ASK, 3 receives the answer, 4..7 carry noise. Head 0:
the query of ASK meets the key of the first position, the value copies channel 0, the output
writes it to channel 3, from where the unembedding reads it. Head 1 and the MLP compute noise from
noise, into noise. Noise reaches the answer through the norms alone: removing it moves the loss,
but by less than `TOLERANCE`.

The circuit, worked out by hand: 8 nodes
    ln1: 0, 1, 2    q: 0    k: 0    v: 0    attn_out: 3    ln_final: 3
and 4 edges
    ln1[2] -> q[0]    ln1[1] -> k[0]    ln1[0] -> v[0]    v[0] -> attn_out[3]
"""

import torch
from torch import Tensor

from netseams.core import generator
from netseams.models import Transformer, TransformerConfig
from netseams.planted.base import (
    Planted,
    PlantedCorpus,
    Truth,
    every_site,
    links,
    one_circuit,
    pair_task,
)
from netseams.tasks import Task

A, B, ASK = 0, 1, 2
LENGTH = 8


def first_token() -> Planted:
    """The network with its truth."""
    model, task = first_token_model(), first_token_task()
    b = "blocks.0"
    nodes = {
        f"{b}.ln1.hook_normalized": {0, 1, 2},
        f"{b}.attn.hook_q": {0},
        f"{b}.attn.hook_k": {0},
        f"{b}.attn.hook_v": {0},
        f"{b}.hook_attn_out": {3},
        "ln_final.hook_normalized": {3},
    }
    weights = {
        (f"{b}.attn.q.weight", 0, 2),
        (f"{b}.attn.k.weight", 0, 1),
        (f"{b}.attn.v.weight", 0, 0),
        (f"{b}.attn.out.weight", 3, 0),
    }
    every = links("input -> a0.h0<qkv>", "a0.h0 -> logits")
    changed = links("input -> a0.h0<v>", "a0.h0 -> logits")
    truth = Truth(
        *one_circuit(every, changed), every, every_site(model.cfg, nodes), frozenset(weights)
    )
    about = "one head copies the first token to the question mark"
    return Planted("first_token", about, model, first_token_corpus(), (task,), {task.name: truth})


def first_token_model() -> Transformer:
    """The network, noise included."""
    cfg = TransformerConfig(n_layers=1, n_heads=2, d_model=8, d_mlp=6, n_ctx=LENGTH + 1, d_vocab=3)
    model = Transformer(cfg, seed=0)
    draws = generator("planted noise")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        embed, place = model.embed.weight, model.get_parameter("pos_embed.weight")
        embed[A, 0], embed[B, 0], embed[ASK, 2] = 1.0, -1.0, 1.0
        embed[:, 4:] = 0.3 * torch.randn(3, 4, generator=draws)
        place[0, 1] = 1.0
        place[:, 4:] = 0.3 * torch.randn(LENGTH + 1, 4, generator=draws)
        q, k, v, out = (model.get_parameter(f"blocks.0.attn.{n}.weight") for n in (*"qkv", "out"))
        q[0, 2] = 1.7
        k[0, 1] = 1.7
        v[0, 0] = 1.0
        out[3, 0] = 4.0
        for matrix in (q, k, v):
            matrix[4:, 4:] = 0.5 * torch.randn(4, 4, generator=draws)
        out[4:, 4:] = 0.3 * torch.randn(4, 4, generator=draws)
        up, down = (model.get_parameter(f"blocks.0.mlp.{n}.weight") for n in ("up", "down"))
        up[:, 4:] = 0.5 * torch.randn(6, 4, generator=draws)
        down[4:, :] = 0.3 * torch.randn(4, 6, generator=draws)
        model.unembed.weight[A, 3], model.unembed.weight[B, 3] = 0.8, -0.8
    return model


def first_token_corpus() -> PlantedCorpus:
    """Sequences of the language above."""
    return PlantedCorpus("planted", ("A", "B", "?"), _sequences)


def first_token_task() -> Task:
    """Pairs that differ in the first token alone."""

    def pairs(size: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        clean = _sequences(size, draws)
        corrupt = clean.clone()
        corrupt[:, 0] = 1 - corrupt[:, 0]
        return clean, corrupt

    return pair_task(
        "first_token", first_token_corpus(), "which was the first token?", [A, B], [LENGTH],
        draw=pairs, solve=lambda x: x[:, :1],
    )  # fmt: skip


def _sequences(size: int, draws: torch.Generator) -> Tensor:
    letters = torch.randint(0, 2, (size, LENGTH), generator=draws)
    return torch.cat([letters, torch.full((size, 1), ASK)], dim=1)
