"""The loop that trains one weight mask, and what it leaves behind.

Masks over weights are as large as the network, so snapshots are measured where they are taken, and
of all of them only the smallest that reaches each target is kept.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from netseams.core import DivergedError, generator
from netseams.discovery.masked import Masked
from netseams.discovery.objectives import Wishes
from netseams.discovery.search import CurvePoint
from netseams.discovery.shrink import Mask, shrink
from netseams.discovery.units import Units
from netseams.discovery.weight_config import WeightMaskConfig
from netseams.masks import geometric
from netseams.models import touched_channels


class WeightPoint(CurvePoint):
    """One mask met on the way, hard, with its loss on the select split.

    `n_edges` are non-zero weights kept, `n_nodes` the channels that touch one.
    """

    n_units: int
    """Open gates: weights, neurons or nodes, as the search was asked for."""
    soft_loss: float
    """Loss of the relaxed mask on the same data. A wide gap to `loss` says that thresholding
    changed what the mask does."""

    @property
    def gap(self) -> float:
        """Hard minus soft loss, in nats."""
        return self.loss - self.soft_loss


@dataclass
class Best:
    """The smallest mask so far that reaches a target, and the scores that rank its gates."""

    mask: Mask
    scores: Tensor
    point: WeightPoint


class MaskMeasure:
    """Losses and sizes of hard masks of one module; counts the evaluations it made."""

    def __init__(self, masked: Masked, wishes: Wishes, units: Units) -> None:
        self._masked, self._wishes, self.units = masked, wishes, units
        self.evaluations = 0

    def loss(self, gates: Tensor) -> float:
        """Loss of a hard or soft mask (G,) on the select split, in nats."""
        self.evaluations += 1
        with torch.no_grad():
            only, without = self._masked.only(gates.float()), self._masked.without(gates.float())
            return float(self._wishes.loss(only, without, "select"))

    def weights(self, gates: Bool[Tensor, " G"]) -> dict[str, Tensor]:
        """Matrix -> the non-zero weights that a hard mask keeps, or removes if that is its role."""
        removes = self._wishes.objective.removes
        return self.units.removed(gates) if removes else self.units.kept(gates)

    def point(self, kept: Bool[Tensor, " G"], soft: Float[Tensor, " G"] | None) -> WeightPoint:
        """Sizes and losses of a mask; without a soft one the hard one stands for both."""
        masks = self.weights(kept)
        channels = touched_channels(self.units.matrices, masks)
        loss = self.loss(kept)
        return WeightPoint(
            n_nodes=sum(int(touched.sum()) for touched in channels.values()),
            n_edges=sum(int(mask.sum()) for mask in masks.values()),
            n_units=int(kept.sum()),
            loss=loss,
            soft_loss=loss if soft is None else self.loss(soft),
        )


@dataclass
class WeightTrace:
    """The size-loss curve of one search, and the best mask for every target."""

    curve: list[WeightPoint] = field(default_factory=list)
    best: dict[float, Best | None] = field(default_factory=dict)
    steps: int = 0
    training_sequences: int = 0

    def see(
        self, point: WeightPoint, kept: Tensor, scores: Tensor, targets: Sequence[float]
    ) -> None:
        """Add a mask to the curve, and keep it where it is the smallest that reaches a target."""
        self.curve.append(point)
        for target in targets:
            best = self.best.setdefault(target, None)
            if point.loss <= target and (best is None or point.n_units < best.point.n_units):
                mask = Mask(kept, point.loss)
                self.best[target] = Best(mask, scores.detach().clone(), point)

    def smallest(self, measure: MaskMeasure, bisections: int) -> dict[float, Mask | None]:
        """The best masks, shrunk along their rankings."""
        return {
            target: best and shrink(best.mask, best.scores, target, measure.loss, bisections)
            for target, best in self.best.items()
        }


def train_weight_mask(
    masked: Masked, wishes: Wishes, measure: MaskMeasure, config: WeightMaskConfig,
    targets: Sequence[float],
) -> WeightTrace:  # fmt: skip
    """Train one mask from all open to nearly all shut.

    Raises:
        DivergedError: the loss is not a number.
    """
    relaxation, units = config.relaxation, measure.units
    scores = relaxation.start(units.n_gates).to(units.device).requires_grad_()
    optimizer = torch.optim.Adam([scores], lr=config.lr, eps=1e-15)
    trace = WeightTrace(best=dict.fromkeys(targets))
    every = max(1, config.steps // config.snapshots)
    for step in range(config.steps):
        progress = step / max(1, config.steps - 1)
        gates = relaxation.gates(scores, progress, generator(config.seed, "noise", step))
        picks = wishes.picks(config.batch_size, generator(config.seed, "mask batch", step))
        loss = wishes.loss(masked.only(gates), masked.without(gates), "mask_train", picks)
        cost = loss + price_at(config, progress) * relaxation.size(scores, gates)
        (scores.grad,) = torch.autograd.grad(cost, [scores])
        optimizer.step()
        trace.steps += 1
        trace.training_sequences += sum(len(part) for part in picks)
        if (step + 1) % every == 0 or step + 1 == config.steps:
            if not math.isfinite(loss.item()):
                raise DivergedError(
                    f"the loss of the mask is {loss.item()} at step {step + 1}: lower lr"
                )
            with torch.no_grad():
                kept = relaxation.kept(scores, progress)
                point = measure.point(kept, relaxation.gates(scores, progress))
            trace.see(point, kept, scores, targets)
    # Where the loss is flat all gates shut at once and no mask on the way will do. Their order
    # is still worth something: everything, to be shrunk along it.
    everything = torch.ones(units.n_gates, dtype=torch.bool, device=units.device)
    trace.see(measure.point(everything, None), everything, scores, targets)
    return trace


def price_at(config: WeightMaskConfig, progress: float) -> float:
    """Price of an all-open mask, in nats: from `price_start` to `price_end`, geometrically."""
    return geometric(config.price_start, config.price_end, progress)
