"""Nodes of a region without which one function is gone and the others are what they were.

Circuits are searched for what suffices. What a circuit alone can do without its siblings' parts
need not be what the network misses, so a *module* is searched for as such: the objective
`necessity` (arXiv 2310.03084) over nodes of a region, the rest of the network kept whole.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool
from pydantic import Field
from torch import Tensor

from netseams.core import Config, generator
from netseams.discovery.objectives import Function, Run, Wishes, necessity
from netseams.interventions import masked_hooks
from netseams.masks import geometric, hard_gate
from netseams.models import Network

Nodes = dict[str, Bool[Tensor, " width"]]


class NecessaryNodesConfig(Config):
    """Settings of the search. Equal settings are equal budgets."""

    steps: int = Field(default=150, ge=1)
    batch_size: int = Field(default=32, ge=1)
    """Rows a step, split evenly over the functions."""
    lr: float = Field(default=0.02, gt=0)
    temperature: float = Field(default=1.0, gt=0)
    init_bias: float = -0.02
    """Below zero: at first nothing is removed."""
    init_noise: float = Field(default=0.01, ge=0)
    price_start: float = Field(default=1e-4, gt=0)
    """Price of a removed node in nats, at the first step."""
    price_end: float = Field(default=5e-3, gt=0)
    """The same at the last step; in between it rises geometrically."""
    snapshots: int = Field(default=25, ge=1)
    share: float = Field(default=0.9, gt=0, le=1)
    """Of the masks on the way the smallest is taken that has so much of the best one's gain."""
    seed: int = 0


class Removal(Config):
    """One mask that was met on the way, hard."""

    nodes: int
    loss: float
    """Of the objective `necessity` on the select split, in nats."""


class NecessaryNodes:
    """Searches a region of a network for the nodes that one function needs and others do not.

    After `fit`: `nodes_` (site of the region -> the nodes to remove; all False where no mask was
    better than none), `curve_` (every mask that was measured), `whole_` (the loss when nothing is
    removed).
    """

    def __init__(self, config: NecessaryNodesConfig | None = None) -> None:
        self.config = config or NecessaryNodesConfig()

    def fit(
        self,
        model: Network,
        function: Function,
        others: Sequence[Function],
        region: Mapping[str, Bool[Tensor, " width"]],
        means: Mapping[str, Tensor],
    ) -> "NecessaryNodes":
        """Search; the network is left as it was.

        Args:
            region: site -> nodes that may be removed.
            means: site -> what stands in for removed nodes.

        Raises:
            SettingError: there are no others, or the network gives no finite logits.
        """
        config, sites = self.config, list(region)
        widths = [len(region[site]) for site in sites]
        inside = torch.cat([region[site] for site in sites])
        fill = {site: means[site] for site in sites}

        def by_site(gates: Tensor) -> dict[str, Tensor]:
            return dict(zip(sites, gates.split(widths), strict=True))

        def without(gates: Tensor) -> Run:
            hooks = masked_hooks({site: 1 - gate for site, gate in by_site(gates).items()}, fill)
            return lambda tokens, _, answers: model(tokens, hooks, answers)

        wishes = Wishes(necessity(function, others), model)

        def measured(gates: Tensor) -> Removal:
            with torch.no_grad():
                loss = wishes.loss(model, without(gates), "select")
            return Removal(nodes=int(gates.sum()), loss=loss.item())

        noise = torch.randn(sum(widths), generator=generator(config.seed, "scores"))
        scores = (config.init_bias + config.init_noise * noise).clamp(max=-1e-6).requires_grad_()
        optimizer = torch.optim.Adam([scores], lr=config.lr)
        self.whole_ = measured(torch.zeros(sum(widths))).loss
        self.curve_: list[Removal] = []
        masks: list[Tensor] = []
        every = max(1, config.steps // config.snapshots)
        for step in range(config.steps):
            gates = hard_gate(scores, config.temperature) * inside
            picks = wishes.picks(config.batch_size, generator(config.seed, "mask batch", step))
            loss = wishes.loss(model, without(gates), "mask_train", picks)
            progress = step / max(1, config.steps - 1)
            price = geometric(config.price_start, config.price_end, progress)
            (scores.grad,) = torch.autograd.grad(loss + price * gates.sum(), [scores])
            optimizer.step()
            with torch.no_grad():
                scores.clamp_(-1, 1)
            if (step + 1) % every == 0 or step + 1 == config.steps:
                masks.append((scores.detach() > 0) & inside)
                self.curve_.append(measured(masks[-1].float()))
        chosen = self._chosen()
        self.nodes_: Nodes = by_site(inside & False if chosen is None else masks[chosen])
        return self

    def _chosen(self) -> int | None:
        """The smallest mask on the way that has `share` of the best one's gain."""
        best = min(point.loss for point in self.curve_)
        if best >= self.whole_:
            return None
        enough = self.whole_ - self.config.share * (self.whole_ - best)
        good = [i for i, point in enumerate(self.curve_) if point.loss <= enough]
        return min(good, key=lambda i: self.curve_[i].nodes)
