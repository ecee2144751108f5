"""True parameter counts of a model, by what the parameters are."""

from typing import NamedTuple

import torch

from netseams.models.transformer import Transformer


class Count(NamedTuple):
    """Entries of some tensors, and how many of them are not zero."""

    n: int
    nonzero: int


def parameter_counts(model: Transformer) -> dict[str, Count]:
    """Group -> count. The groups are disjoint; a tied unembedding counts once, as embedding.

    Groups: embedding, positions, attention, mlp (matrices without their biases), biases,
    norms, sinks, bigram, unembedding; those that the model has.
    """
    counts: dict[str, Count] = {}
    for name, parameter in model.named_parameters():
        group = _group(name)
        n, nonzero = counts.get(group, Count(0, 0))
        live = int(torch.count_nonzero(parameter))
        counts[group] = Count(n + parameter.numel(), nonzero + live)
    return counts


def _group(name: str) -> str:
    if name.startswith("ln_final.") or ".ln" in name:
        return "norms"
    if name.endswith("bias"):  # those of matrices, and of the unembedding
        return "biases"
    first = {"embed": "embedding", "pos_embed": "positions", "unembed": "unembedding",
             "bigram": "bigram"}.get(name.split(".")[0])  # fmt: skip
    if first is not None:
        return first
    if name.endswith(".sink"):
        return "sinks"
    return "attention" if ".attn." in name else "mlp"
