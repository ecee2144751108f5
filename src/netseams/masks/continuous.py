"""Continuous sparsification (arXiv 1912.04427): a sigmoid that is sharpened into a step."""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from netseams.core import Config


def sharpness(progress: float, final: float) -> float:
    """beta = final ** progress: from 1 to `final`, geometrically (arXiv 1912.04427, section 3)."""
    return final**progress


def sharpened(scores: Float[Tensor, " n"], beta: float) -> Float[Tensor, " n"]:
    """sigmoid(beta s), which tends to 1[s > 0] as beta grows."""
    return torch.sigmoid(beta * scores)


class ContinuousSparsification(Config):
    """sigmoid(beta s) in training, 1[s > 0] afterwards."""

    kind: Literal["continuous"] = "continuous"
    init: float = 0.05
    """Score of every gate before the first step; 0 would start with an empty hard mask."""
    final_beta: float = Field(default=200.0, ge=1)

    def start(self, n: int) -> Float[Tensor, " n"]:
        return torch.full((n,), self.init)

    def gates(
        self, scores: Float[Tensor, " n"], progress: float, draws: torch.Generator | None = None
    ) -> Float[Tensor, " n"]:
        return sharpened(scores, sharpness(progress, self.final_beta))

    def size(self, scores: Float[Tensor, " n"], gates: Float[Tensor, " n"]) -> Float[Tensor, ""]:
        return gates.mean()

    def kept(self, scores: Float[Tensor, " n"], progress: float) -> Bool[Tensor, " n"]:
        return scores > 0
