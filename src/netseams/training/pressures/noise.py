"""Channels of heads and neurons that are unreliable in training: left out, or noisy."""

from abc import abstractmethod

import torch
from torch import Tensor

from netseams.corpora import Batch
from netseams.models import Hook
from netseams.training.arms import ActivityNoise, Dropout
from netseams.training.pressures.base import A, Pressure


class _Unreliable(Pressure[A]):
    def loss(self, batch: Batch, draws: torch.Generator) -> Tensor:
        def hook_for() -> Hook:
            return lambda x: self.disturbed(x, draws)

        return self.task_loss(batch, {site: hook_for() for site, _ in self.writers()})

    @abstractmethod
    def disturbed(self, x: Tensor, draws: torch.Generator) -> Tensor:
        """The activation that is passed on, of any shape."""


class DropoutPressure(_Unreliable[Dropout]):
    """Inverted dropout: what is left is scaled up, so that the mean stays."""

    def disturbed(self, x: Tensor, draws: torch.Generator) -> Tensor:
        kept = torch.rand(x.shape, generator=draws) >= self.arm.p
        return x * kept.to(x.device) / (1 - self.arm.p)


class ActivityNoisePressure(_Unreliable[ActivityNoise]):
    """Noise of variance scale^2 |x|; no gradient goes through its size where x is 0."""

    def disturbed(self, x: Tensor, draws: torch.Generator) -> Tensor:
        noise = torch.randn(x.shape, generator=draws).to(x.device)
        return x + self.arm.scale * (x.abs() + _FLOOR).sqrt() * noise


_FLOOR = 1e-6
"""Added to |x|: the slope of the root is infinite at 0."""
