"""From masks met on the way to the smallest one that reaches a target loss."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor


class Mask(NamedTuple):
    """A hard mask and its loss on the select split."""

    gates: Tensor
    loss: float


def shrink(
    best: Mask,
    scores: Float[Tensor, " G"],
    target: float,
    loss_of: Callable[[Bool[Tensor, " G"]], float],
    bisections: int,
) -> Mask:
    """Bisection along the ranking of `scores` for fewer gates than `best` at `target`.

    Losses need not rise with every gate that is dropped, so what is found reaches the target and
    need not be the smallest that does.

    Args:
        best: a mask that reaches the target.
    """
    order = scores.argsort(descending=True)
    low, high = 0, int(best.gates.sum())
    for _ in range(bisections):
        if high - low <= 1:
            break
        middle = (low + high) // 2
        fewer = torch.zeros_like(best.gates)
        fewer[order[:middle]] = True
        loss = loss_of(fewer)
        if loss <= target:
            high, best = middle, Mask(fewer, loss)
        else:
            low = middle
    return best
