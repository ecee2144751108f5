"""A network whose circuit is known because every weight of it was set by hand.

Language: tokens A and B in random order, then ASK. Question: which was the first token?
Channels of the residual stream: 0 says A (+1) or B (-1), 1 marks the first position, 2 marks
ASK, 3 receives the answer, 4..7 carry noise. Head 0: the query of ASK meets the key of the first
position, the value copies channel 0, the output writes it to channel 3, from where the
unembedding reads it. Head 1 and the MLP compute noise from noise, into noise.

The circuit, worked out by hand: 8 nodes
    ln1: 0, 1, 2    q: 0    k: 0    v: 0    attn_out: 3    ln_final: 3
and 4 edges
    ln1[2] -> q[0]    ln1[1] -> k[0]    ln1[0] -> v[0]    v[0] -> attn_out[3]
"""

import torch

from netseams.core import generator
from netseams.corpora import Batch
from netseams.models import Transformer, TransformerConfig
from netseams.tasks import Examples, Task

A, B, ASK = 0, 1, 2
LENGTH = 8

TRUE_NODES = {
    "blocks.0.ln1.hook_normalized": {0, 1, 2},
    "blocks.0.attn.hook_q": {0},
    "blocks.0.attn.hook_k": {0},
    "blocks.0.attn.hook_v": {0},
    "blocks.0.hook_attn_out": {3},
    "blocks.0.ln2.hook_normalized": set(),
    "blocks.0.mlp.hook_post": set(),
    "blocks.0.hook_mlp_out": set(),
    "ln_final.hook_normalized": {3},
}
TRUE_EDGES = {
    ("blocks.0.attn.q.weight", 0, 2),
    ("blocks.0.attn.k.weight", 0, 1),
    ("blocks.0.attn.v.weight", 0, 0),
    ("blocks.0.attn.out.weight", 3, 0),
}
"""(matrix, target channel, source channel)."""


def planted_model() -> Transformer:
    """The network, noise included."""
    cfg = TransformerConfig(n_layers=1, n_heads=2, d_model=8, d_mlp=6, n_ctx=LENGTH + 1, d_vocab=3)
    model = Transformer(cfg, seed=0)
    draws = generator("planted noise")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        embed, place = model.embed.weight, model.pos_embed.weight
        embed[A, 0], embed[B, 0], embed[ASK, 2] = 1.0, -1.0, 1.0
        embed[:, 4:] = 0.3 * torch.randn(3, 4, generator=draws)
        place[0, 1] = 1.0
        place[:, 4:] = 0.3 * torch.randn(LENGTH + 1, 4, generator=draws)
        block = model.blocks[0]
        block.attn.q.weight[0, 2] = 1.7
        block.attn.k.weight[0, 1] = 1.7
        block.attn.v.weight[0, 0] = 1.0
        block.attn.out.weight[3, 0] = 4.0
        for matrix in (block.attn.q, block.attn.k, block.attn.v):
            matrix.weight[4:, 4:] = 0.5 * torch.randn(4, 4, generator=draws)
        block.attn.out.weight[4:, 4:] = 0.3 * torch.randn(4, 4, generator=draws)
        block.mlp.up.weight[:, 4:] = 0.5 * torch.randn(6, 4, generator=draws)
        block.mlp.down.weight[4:, :] = 0.3 * torch.randn(4, 6, generator=draws)
        model.unembed.weight[A, 3], model.unembed.weight[B, 3] = 0.8, -0.8
    return model


class PlantedCorpus:
    """Sequences of the language above."""

    name = "planted"
    d_vocab = 3

    def batch(self, split: str, size: int, length: int, draws: torch.Generator) -> Batch:
        inputs = self.sequences(size, draws)
        return Batch(inputs, torch.full_like(inputs, -100))

    def sequences(self, size: int, draws: torch.Generator) -> torch.Tensor:
        letters = torch.randint(0, 2, (size, LENGTH), generator=draws)
        return torch.cat([letters, torch.full((size, 1), ASK)], dim=1)

    def text_of(self, token: int) -> str:
        return "AB?"[token]

    def summary(self) -> dict[str, str | int]:
        return {"name": self.name}


def planted_task() -> Task:
    """Pairs that differ in the first token alone."""
    corpus = PlantedCorpus()
    splits = {}
    for split, size in (("mask_train", 256), ("select", 128), ("report", 128)):
        clean = corpus.sequences(size, generator("planted", split))
        corrupt = clean.clone()
        corrupt[:, 0] = 1 - corrupt[:, 0]
        splits[split] = Examples(clean, corrupt, clean[:, :1], corrupt[:, :1])
    return Task(
        name="first_token",
        corpus="planted",
        question="which was the first token?",
        candidates=torch.tensor([A, B]),
        answers=torch.tensor([LENGTH]),
        splits=splits,
        scores_both=True,
        floor_accuracy=0.5,
        floor_loss=0.6931471805599453,
    )
