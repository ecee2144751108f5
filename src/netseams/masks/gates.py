"""Gates: hard in the forward pass, smooth in the backward pass."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from netseams.masks.selection import top_mask


class _StraightThrough(torch.autograd.Function):
    """`hard` forward; backward as sigmoid(distance / temperature)."""

    @staticmethod
    def forward(ctx: Any, distance: Tensor, hard: Tensor, temperature: float) -> Tensor:
        ctx.save_for_backward(distance)
        ctx.temperature = temperature
        return hard.to(distance.dtype)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None]:
        (distance,) = ctx.saved_tensors
        s = torch.sigmoid(distance / ctx.temperature)
        return grad_outputs[0] * s * (1 - s) / ctx.temperature, None, None


def hard_gate(scores: Float[Tensor, " n"], temperature: float = 1.0) -> Float[Tensor, " n"]:
    """1 where the score is positive, else 0; backward as sigmoid(score / temperature).

    The estimator of arXiv 2511.13653, A.5 (Heaviside forward, sigmoid derivative backward).
    """
    result: Tensor = _StraightThrough.apply(scores, scores > 0, temperature)  # pyright: ignore
    return result


def topk_gate(scores: Float[Tensor, " n"], k: int, temperature: float) -> Float[Tensor, " n"]:
    """1 at exactly the `k` largest scores, else 0; backward as a sigmoid centred at the k-th.

    Selection forward as in arXiv 1911.13299, which passes gradients on unchanged; here they fade
    with the distance from the threshold, as those of `hard_gate` do.

    Raises:
        SettingError: `k` is negative or exceeds the number of scores.
    """
    keep = top_mask(scores, k)
    threshold = scores.detach()[keep].amin() if k else scores.detach().amax()
    result: Tensor = _StraightThrough.apply(scores - threshold, keep, temperature)  # pyright: ignore
    return result
