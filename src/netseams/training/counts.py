"""How many weights a network has and how many of them are not zero: by group, and nominally."""

import torch

from netseams.core import Config
from netseams.models import Transformer, TransformerConfig
from netseams.training.groups import PARAMETER_GROUPS, ParameterGroup, group_of

BASE_WIDTH = 256
"""Width of the network that nominal counts are multiples of."""


class GroupCount(Config):
    """Parameters of one group."""

    n_parameters: int
    l0: int
    """Those that are not zero."""


def group_counts(model: Transformer) -> dict[ParameterGroup, GroupCount]:
    """True counts of every group that the network has."""
    sizes = dict.fromkeys(PARAMETER_GROUPS, 0)
    kept = dict.fromkeys(PARAMETER_GROUPS, 0)
    for name, parameter in model.named_parameters():
        group = group_of(name, parameter.ndim)
        sizes[group] += parameter.numel()
        kept[group] += int(torch.count_nonzero(parameter))
    return {g: GroupCount(n_parameters=n, l0=kept[g]) for g, n in sizes.items() if n}


def nominal_parameters(cfg: TransformerConfig) -> int:
    """Parameters as the labels of arXiv 2511.13653 (figure 3) count them.

    Those of the same network at width 256, times (d_model / 256)^2, as if every tensor grew with
    the square of the width. Embeddings, unembedding and biases grow with the width itself and are
    counted too high above 256 (475.1M for 411M at width 2048); the bigram table and sinks are
    left out. Nothing is computed from it: it serves to find a network among published ones.
    """
    with torch.device("meta"):
        model = Transformer(cfg)
    total = 0.0
    for name, parameter in model.named_parameters():
        group = group_of(name, parameter.ndim)
        if group == "block":
            total += parameter.numel()
        elif group not in ("bigram", "sink"):
            total += parameter.numel() * cfg.d_model / BASE_WIDTH
    return round(total)
