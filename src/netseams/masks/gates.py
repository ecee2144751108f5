"""Gates: hard in the forward pass, smooth in the backward pass."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


class _HardGate(torch.autograd.Function):
    """Heaviside step whose gradient is that of a sigmoid."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, temperature: float) -> Tensor:
        ctx.save_for_backward(scores)
        ctx.temperature = temperature
        return (scores > 0).to(scores.dtype)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        (scores,) = ctx.saved_tensors
        s = torch.sigmoid(scores / ctx.temperature)
        return grad_outputs[0] * s * (1 - s) / ctx.temperature, None


def hard_gate(scores: Float[Tensor, " n"], temperature: float = 1.0) -> Float[Tensor, " n"]:
    """1 where the score is positive, else 0; backward as sigmoid(score / temperature).

    The estimator of arXiv 2511.13653, A.5 (Heaviside forward, sigmoid derivative backward).
    """
    result: Tensor = _HardGate.apply(scores, temperature)  # pyright: ignore
    return result
