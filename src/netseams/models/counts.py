"""True parameter counts of a model, by what the parameters are."""

import torch

from netseams.core import Config
from netseams.models.groups import PARAMETER_GROUPS, ParameterGroup, group_of
from netseams.models.transformer import Transformer


class ParameterCount(Config):
    """Entries of some tensors."""

    n: int
    l0: int
    """Those that are not zero."""


def parameter_counts(model: Transformer) -> dict[ParameterGroup, ParameterCount]:
    """Counts of every group that the model has; a tied unembedding counts once, as embedding."""
    sizes = dict.fromkeys(PARAMETER_GROUPS, 0)
    kept = dict.fromkeys(PARAMETER_GROUPS, 0)
    for name, parameter in model.named_parameters():
        group = group_of(name, parameter.ndim)
        sizes[group] += parameter.numel()
        kept[group] += int(torch.count_nonzero(parameter))
    return {group: ParameterCount(n=n, l0=kept[group]) for group, n in sizes.items() if n}
