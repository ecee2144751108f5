"""Run any module with only, or without, some of its weights: tensors for `functional_call`.

What is left out is zero, or drawn anew (arXiv 2301.10884 removes a subnetwork both ways). A mean or
another input's value, which stand in for activations, mean nothing for a weight.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from jaxtyping import Bool
from torch import Tensor, nn
from torch.func import functional_call

from netseams.core import SettingError, generator
from netseams.models import weight_matrices

LeftOut = Literal["zero", "redrawn"]


def kept_weights(
    module: nn.Module,
    masks: Mapping[str, Bool[Tensor, "..."]],
    how: Literal["only", "without"],
    left_out: LeftOut = "zero",
    seed: int = 0,
) -> dict[str, Tensor]:
    """Matrices of `module` with only what `masks` hold, or without it; the module is left alone.

    Redrawn weights are uniform in +-1 / sqrt(inputs of a channel), as torch draws those of linear
    and convolutional layers; weights that are zero stay zero.

    Args:
        masks: name -> mask in the shape of the weight; parameters without one stay whole.
        seed: of the redrawn weights.

    Raises:
        SettingError: a mask is for no parameter of the module, or of another shape.
    """
    parameters = dict(module.named_parameters())
    matrices = {m.name: m for m in weight_matrices(module, tuple(masks))} if masks else {}
    state: dict[str, Tensor] = {}
    for name, mask in masks.items():
        weight = parameters[name].detach()
        if mask.shape != weight.shape:
            raise SettingError(
                f"the mask of {name} has shape {tuple(mask.shape)}, the weight "
                f"{tuple(weight.shape)}: it is of another model"
            )
        mask = mask.to(weight.device)
        kept = weight * (mask if how == "only" else ~mask)
        if left_out == "redrawn":
            fan_in = weight.numel() / weight.shape[matrices[name].out_axis]
            draws = torch.rand(weight.shape, generator=generator(seed, "redraw", name))
            fresh = ((2 * draws - 1) / math.sqrt(fan_in)).to(weight)
            lost = (mask == (how == "without")) & (weight != 0)
            kept = torch.where(lost, fresh, kept)
        state[name] = kept
    return state


def with_weights(module: nn.Module, weights: Mapping[str, Tensor]) -> Callable[..., Any]:
    """`module`, to be called as always, with some parameters replaced."""
    state = dict(weights)
    return lambda *args, **kwargs: functional_call(module, state, args, kwargs)
