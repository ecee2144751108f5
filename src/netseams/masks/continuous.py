"""Continuous sparsification (arXiv 1912.04427): a sigmoid that is sharpened into a step."""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from netseams.core import Config
from netseams.masks.schedules import geometric


def sharpened(scores: Float[Tensor, " n"], beta: float) -> Float[Tensor, " n"]:
    """sigmoid(beta s), which tends to 1[s > 0] as beta grows."""
    return torch.sigmoid(beta * scores)


class ContinuousSparsification(Config):
    """sigmoid(beta s) in training, 1[s > 0] afterwards; beta grows from 1 geometrically."""

    kind: Literal["continuous"] = "continuous"
    init: float = 0.05
    """Score of every gate before the first step; 0 would start with an empty hard mask."""
    final_beta: float = Field(default=200.0, ge=1)

    def start(self, n: int) -> Float[Tensor, " n"]:
        return torch.full((n,), self.init)

    def gates(
        self, scores: Float[Tensor, " n"], progress: float, draws: torch.Generator | None = None
    ) -> Float[Tensor, " n"]:
        return sharpened(scores, geometric(1.0, self.final_beta, progress))

    def size(self, scores: Float[Tensor, " n"], gates: Float[Tensor, " n"]) -> Float[Tensor, ""]:
        return gates.mean()

    def kept(self, scores: Float[Tensor, " n"], progress: float) -> Bool[Tensor, " n"]:
        return scores > 0
