"""Learned masks over links: task loss plus a price for every kept link, which rises.

The idea of edge pruning (arXiv 2406.16778) with the gates of the node masks (straight-through,
arXiv 2511.13653, A.5) in the place of hard-concrete ones, and a price instead of a target size: one
training passes through every size, and the masks on its way give the size-loss curve.
"""

from typing import ClassVar

import torch
from pydantic import Field

from netseams.core import DivergedError, generator
from netseams.discovery.link_method import LinkMethod, LinkSearchConfig
from netseams.discovery.link_rows import LinkRows
from netseams.discovery.link_search import Ranking
from netseams.masks import geometric, hard_gate


class EdgeMaskConfig(LinkSearchConfig):
    """Settings of the learner. Equal settings are equal budgets."""

    pairs: int = Field(default=384, ge=1)
    """Pairs of the mask_train split from which batches are drawn."""
    steps: int = Field(default=250, ge=1)
    batch_size: int = Field(default=32, ge=1)
    """Rows a step."""
    lr: float = Field(default=0.02, gt=0)
    temperature: float = Field(default=1.0, gt=0)
    init_bias: float = 0.5
    init_noise: float = Field(default=0.01, ge=0)
    price_start: float = Field(default=1e-4, gt=0)
    """Price of a kept link in nats, at the first step."""
    price_end: float = Field(default=0.1, gt=0)
    """The same at the last step; in between it rises geometrically."""
    snapshots: int = Field(default=25, ge=1)


class EdgeMasks(LinkMethod[EdgeMaskConfig]):
    """Trains one mask over all links."""

    name: ClassVar[str] = "edge_masks"

    def __init__(self, config: EdgeMaskConfig | None = None) -> None:
        self.config = config or EdgeMaskConfig()

    def _rankings(self, rows: LinkRows) -> tuple[int, list[Ranking]]:
        config = self.config
        noise = torch.randn(rows.graph.n_links, generator=generator(config.seed, "scores"))
        scores = (config.init_bias + config.init_noise * noise).to(rows.device).requires_grad_()
        optimizer = torch.optim.Adam([scores], lr=config.lr, betas=(0.9, 0.95))
        every = max(1, config.steps // config.snapshots)
        rankings: list[Ranking] = []
        for step in range(config.steps):
            draws = generator(config.seed, "mask batch", step)
            picks = torch.randperm(len(rows), generator=draws)[: config.batch_size]
            gates = hard_gate(scores, config.temperature)
            loss = rows.losses(gates.unsqueeze(0), picks.to(rows.device)).squeeze(0)
            price = geometric(config.price_start, config.price_end, step / max(1, config.steps - 1))
            (scores.grad,) = torch.autograd.grad(loss + price * gates.sum(), [scores])
            if not bool(scores.grad.isfinite().all()):
                raise DivergedError(f"the loss of the mask is not a number at step {step + 1}")
            optimizer.step()
            with torch.no_grad():
                scores.clamp_(-1, 1)
            if (step + 1) % every == 0 or step + 1 == config.steps:
                final = scores.detach().clone()
                rankings.append(Ranking(final, (int((final > 0).sum()),)))
        return config.steps, rankings
