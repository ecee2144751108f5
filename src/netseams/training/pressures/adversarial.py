"""Adversarial training on embeddings: part of the loss is on inputs moved against the network."""

import torch
from torch import Tensor

from netseams.corpora import Batch
from netseams.training.arms import Adversarial
from netseams.training.pressures.base import Pressure

SITE = "blocks.0.hook_resid_pre"
"""What the first block reads: embeddings and positions."""


class AdversarialPressure(Pressure[Adversarial]):
    """(1 - share) * loss + share * loss at the move found by sign steps within the radius."""

    def loss(self, batch: Batch, draws: torch.Generator) -> Tensor:
        move, size = self._start(batch)
        plain = self.moved_loss(batch, move)
        stride = size if self.arm.steps == 1 else 1.5 * size / self.arm.steps
        for step in range(self.arm.steps):
            found = plain if step == 0 else self.moved_loss(batch, move)
            (slope,) = torch.autograd.grad(found, [move], retain_graph=step == 0)
            further = move.detach() + stride * slope.sign()
            move = further.clamp(-size, size).requires_grad_()
        moved = self.moved_loss(batch, move.detach())
        return (1 - self.arm.share) * plain + self.arm.share * moved

    def moved_loss(self, batch: Batch, move: Tensor) -> Tensor:
        """Task loss with `move` (B, T, D) added to what the first block reads."""
        return self.task_loss(batch, {SITE: lambda x: x + move})

    def _start(self, batch: Batch) -> tuple[Tensor, float]:
        """No move yet; and the radius in the embeddings' own units."""
        with torch.no_grad():
            x = self.model.embed(batch.inputs.to(self.model.device))
        size = self.arm.radius * float(x.square().mean().sqrt())
        return torch.zeros_like(x, requires_grad=True), size
