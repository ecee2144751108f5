"""A price on weights times activity: what noise in proportion to activity would cost."""

import torch
from torch import Tensor

from netseams.corpora import Batch
from netseams.models import Hook
from netseams.training.arms import ActivityPrice
from netseams.training.pressures.base import Pressure


class ActivityPricePressure(Pressure[ActivityPrice]):
    """Task loss + price * mean over matrices, rows, positions and outputs i of
    sum_j w_ij^2 |x_j|."""

    def loss(self, batch: Batch, draws: torch.Generator) -> Tensor:
        seen: dict[str, Tensor] = {}

        def hook_for(site: str) -> Hook:
            def hook(x: Tensor) -> Tensor:
                seen[site] = x.flatten(2).abs().mean((0, 1))
                return x

            return hook

        writers = dict(self.writers())
        loss = self.task_loss(batch, {site: hook_for(site) for site in writers})
        costs = [(weight.square() @ seen[site]).mean() for site, weight in writers.items()]
        return loss + self.arm.price * torch.stack(costs).mean()
