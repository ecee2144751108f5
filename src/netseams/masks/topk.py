"""Straight-through top-k: exactly so many gates are open, ever fewer as training goes on."""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from netseams.core import Config
from netseams.masks.gates import topk_gate
from netseams.masks.schedules import annealed_density, kept_count
from netseams.masks.selection import top_mask


class TopK(Config):
    """The largest scores are open. The size follows a schedule; no price is needed for it."""

    kind: Literal["topk"] = "topk"
    density: float = Field(default=0.01, gt=0, le=1)
    """Share of gates that are open at the last step; it falls geometrically from 1."""
    temperature: float = Field(default=0.1, gt=0)

    def start(self, n: int) -> Float[Tensor, " n"]:
        return torch.zeros(n)

    def gates(
        self, scores: Float[Tensor, " n"], progress: float, draws: torch.Generator | None = None
    ) -> Float[Tensor, " n"]:
        return topk_gate(scores, self._count(len(scores), progress), self.temperature)

    def size(self, scores: Float[Tensor, " n"], gates: Float[Tensor, " n"]) -> Float[Tensor, ""]:
        return scores.new_zeros(())

    def kept(self, scores: Float[Tensor, " n"], progress: float) -> Bool[Tensor, " n"]:
        return top_mask(scores.detach(), self._count(len(scores), progress))

    def _count(self, n: int, progress: float) -> int:
        return kept_count(n, annealed_density(progress, self.density, "power", 0.0, 1.0))
