"""Hard concrete gates (arXiv 1712.01312): noisy, stretched, clipped, so that exact 0 and 1 occur.

Shape letters: n gates; `scores` are the paper's log alpha.
"""

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from netseams.core import Config

STRETCH = (-0.1, 1.1)
"""The paper's gamma and zeta."""
TEMPERATURE = 2 / 3
"""The paper's beta."""
_EDGE = 1e-6


def hard_concrete(
    scores: Float[Tensor, " n"], uniform: Float[Tensor, " n"], temperature: float = TEMPERATURE
) -> Float[Tensor, " n"]:
    """A sample of the gates, from uniform noise in (0, 1) (arXiv 1712.01312, equations 10-11)."""
    u = uniform.clamp(_EDGE, 1 - _EDGE)
    noise = u.log() - (1 - u).log()
    return _stretched(torch.sigmoid((noise + scores) / temperature))


def mean_gate(scores: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """The gates without noise, for use after training (arXiv 1712.01312, equation 13)."""
    return _stretched(torch.sigmoid(scores))


def open_probability(
    scores: Float[Tensor, " n"], temperature: float = TEMPERATURE
) -> Float[Tensor, " n"]:
    """Probability that a sample is not 0; their sum is the expected L0 (equation 12)."""
    low, high = STRETCH
    return torch.sigmoid(scores - temperature * math.log(-low / high))


def _stretched(x: Tensor) -> Tensor:
    low, high = STRETCH
    return (x * (high - low) + low).clamp(0, 1)


class HardConcrete(Config):
    """Samples in training; afterwards 1 where the gate without noise exceeds a half."""

    kind: Literal["hard_concrete"] = "hard_concrete"
    init: float = 1.0
    """log alpha of every gate before the first step."""
    temperature: float = Field(default=TEMPERATURE, gt=0)

    def start(self, n: int) -> Float[Tensor, " n"]:
        return torch.full((n,), self.init)

    def gates(
        self, scores: Float[Tensor, " n"], progress: float, draws: torch.Generator | None = None
    ) -> Float[Tensor, " n"]:
        if draws is None:
            return mean_gate(scores)
        noise = torch.rand(len(scores), generator=draws).to(scores)  # drawn alike for any device
        return hard_concrete(scores, noise, self.temperature)

    def size(self, scores: Float[Tensor, " n"], gates: Float[Tensor, " n"]) -> Float[Tensor, ""]:
        return open_probability(scores, self.temperature).mean()

    def kept(self, scores: Float[Tensor, " n"], progress: float) -> Bool[Tensor, " n"]:
        return scores > 0  # sigmoid and stretch are symmetric about a half
