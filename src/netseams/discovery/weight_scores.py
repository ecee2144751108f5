"""Weights ranked without training: by magnitude, or by the slope of the loss.

Both only rank; the size for every target loss is found by the code that learned masks use.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from netseams.core import SettingError
from netseams.discovery.masked import Masked
from netseams.discovery.objectives import Wishes
from netseams.discovery.weight_config import WeightSearchConfig
from netseams.discovery.weight_learner import MaskMeasure, WeightTrace
from netseams.discovery.weight_masks import WeightSearch
from netseams.masks import annealed_density, kept_count, top_mask


class WeightScoresConfig(WeightSearchConfig):
    """Settings of a ranking."""

    scoring: Literal["magnitude", "saliency"] = "magnitude"
    density: float = Field(default=0.005, gt=0, le=1)
    """The smallest mask on the curve, as a share of all; sizes fall to it geometrically."""
    rows: int = Field(default=256, ge=1)
    """Rows of every term that saliency is the slope of."""


class WeightScores(WeightSearch[WeightScoresConfig]):
    """Keeps the weights, neurons or nodes of the largest scores, over all matrices together."""

    def __init__(self, config: WeightScoresConfig | None = None) -> None:
        self.config = config or WeightScoresConfig()
        self.name = self.config.scoring

    def _search(
        self, masked: Masked, wishes: Wishes, measure: MaskMeasure, targets: Sequence[float]
    ) -> WeightTrace:
        trace = WeightTrace(best=dict.fromkeys(targets))
        if self.config.scoring == "magnitude":
            scores = magnitude(measure)
        else:
            scores = saliency(masked, wishes, measure, self.config.rows)
            trace.training_sequences = sum(
                min(self.config.rows, wishes.rows(i)) for i in range(len(wishes.objective.terms))
            )
        n, last = len(scores), max(1, self.config.snapshots - 1)
        for i in range(self.config.snapshots):
            share = annealed_density(i / last, self.config.density, "power", 0.0, 1.0)
            kept = top_mask(scores, kept_count(n, share))
            trace.see(measure.point(kept, None), kept, scores, targets)
        return trace


def magnitude(measure: MaskMeasure) -> Float[Tensor, " G"]:
    """|w|, summed over the weights of a gate."""
    return measure.units.totals(measure.units.magnitudes)


def saliency(
    masked: Masked, wishes: Wishes, measure: MaskMeasure, rows: int
) -> Float[Tensor, " G"]:
    """How much the loss depends on every gate, to first order, at the whole network.

    |dL/dgate| at gates of one, which for a single weight is |w dL/dw| (arXiv 1810.02340,
    connection sensitivity). What is to be removed has its gates at zero; there the score is the
    fall of the loss, so that what would make others worse ranks last.

    Raises:
        SettingError: the objective has no slope there: fidelity to the network is at its best.
    """
    if wishes.objective.name in ("faithful", "both"):
        raise SettingError(
            f"saliency cannot rank for the objective {wishes.objective.name}: the whole network is "
            "perfectly faithful to itself, so its slope is zero; use labels or necessity"
        )
    removes = wishes.objective.removes
    start = torch.zeros if removes else torch.ones
    gates = start(measure.units.n_gates, device=measure.units.device, requires_grad=True)
    picks = [torch.arange(min(rows, wishes.rows(i))) for i in range(len(wishes.objective.terms))]
    loss = wishes.loss(masked.only(gates), masked.without(gates), "mask_train", picks)
    (slope,) = torch.autograd.grad(loss, [gates])
    return -slope if removes else slope.abs()
