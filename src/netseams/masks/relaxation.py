"""What a family of relaxed masks offers to whoever trains one."""

from typing import Protocol

import torch
from jaxtyping import Bool, Float
from torch import Tensor


class Relaxation(Protocol):
    """Settings of one family; scores are a flat vector, and the larger the surer to be kept."""

    @property
    def kind(self) -> str: ...

    def start(self, n: int) -> Float[Tensor, " n"]:
        """Scores before the first step."""
        ...

    def gates(
        self, scores: Float[Tensor, " n"], progress: float, draws: torch.Generator | None = None
    ) -> Float[Tensor, " n"]:
        """The mask at `progress` 0..1 of training, in 0..1 and differentiable.

        Args:
            draws: noise for families that have any; None gives the mask without noise.
        """
        ...

    def size(self, scores: Float[Tensor, " n"], gates: Float[Tensor, " n"]) -> Float[Tensor, ""]:
        """Share of the mask that is open, 0..1 and differentiable: what a price is asked for."""
        ...

    def kept(self, scores: Float[Tensor, " n"], progress: float) -> Bool[Tensor, " n"]:
        """The hard mask at `progress`."""
        ...
