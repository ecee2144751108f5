"""Random masks of equal size: what a mask is held against."""

import torch
from jaxtyping import Bool
from torch import Tensor


def draw_as_many(
    mask: Bool[Tensor, "*shape"], among: Bool[Tensor, "*shape"], draws: torch.Generator
) -> Bool[Tensor, "*shape"]:
    """As many places as `mask` holds (or as there are), drawn without replacement from `among`."""
    places = among.flatten().nonzero().squeeze(1)
    order = torch.randperm(len(places), generator=draws)
    drawn = torch.zeros(mask.numel(), dtype=torch.bool)
    drawn[places[order[: int(mask.sum())]]] = True
    return drawn.view(mask.shape)
