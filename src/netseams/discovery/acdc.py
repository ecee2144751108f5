"""ACDC (arXiv 2304.14997, algorithm 1): drop links one after another while the loss allows it.

Targets from the last to the first, for each its sources from the last to the first; a link is
ablated for good if the loss then rises by no more than the threshold. What leads into a component
from which nothing leads on is dropped unseen. Here the metric is the task loss, and several
drops are tried in one forward pass, each on top of those before it: as long as all pass, they pass
as they would one by one; from the first that fails on they are tried again.

Parts that cancel each other all stay in this way, since each is missed when it alone is gone. So,
beyond the paper, the components that are left are dropped in pairs where they are few.
"""

from itertools import combinations
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from netseams.discovery.link_method import LinkMethod, LinkSearchConfig
from netseams.discovery.link_rows import LinkRows
from netseams.discovery.link_search import Ranking
from netseams.models import component_of


class AcdcConfig(LinkSearchConfig):
    """Settings of ACDC."""

    thresholds: tuple[float, ...] = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1)
    """Rises of the loss in nats that a dropped link may cause; each gives one circuit."""
    pairs_up_to: int = Field(default=16, ge=0)
    """Most components that are left and tried in pairs; 0 is the paper's algorithm."""
    at_once: int = Field(default=16, ge=1)
    """Most drops that are tried in one forward pass. Results do not depend on it."""


class Acdc(LinkMethod[AcdcConfig]):
    """One greedy removal for every threshold. A step is one tried drop, the repeated included."""

    name: ClassVar[str] = "acdc"

    def __init__(self, config: AcdcConfig | None = None) -> None:
        self.config = config or AcdcConfig()

    def _rankings(self, rows: LinkRows) -> tuple[int, list[Ranking]]:
        self._tried = 0
        everything = Ranking(torch.ones(rows.graph.n_links), (rows.graph.n_links,))
        removals = [self._removal(rows, threshold) for threshold in self.config.thresholds]
        return self._tried, [everything, *removals]

    def _removal(self, rows: LinkRows, threshold: float) -> Ranking:
        """What one threshold leaves, ranked by the rise that kept each link."""
        graph = rows.graph
        kept = torch.ones(graph.n_links, dtype=torch.bool)
        rises = torch.full((graph.n_links,), -torch.inf)
        loss, at_once, used = rows.loss(kept), 1, {"logits"}
        for target in reversed(graph.targets):
            into = graph.into(target)
            left = list(reversed(range(into.start, into.stop)))
            if component_of(target) not in used:
                kept[into] = False
                continue
            while left:
                tried = left[:at_once]
                losses = self._drops(rows, kept, tried)
                before = torch.cat([losses.new_tensor([loss]), losses[:-1]])
                failed = (losses - before > threshold).nonzero().flatten().tolist()
                passed = failed[0] if failed else len(tried)
                kept[tried[:passed]] = False
                loss = float(losses[passed - 1]) if passed else loss
                if failed:
                    rises[tried[passed]] = losses[passed] - before[passed]
                    used.add(graph.links[tried[passed]][0])
                left = left[passed + 1 if failed else passed :]
                at_once = 1 if failed else min(2 * at_once, self.config.at_once)
        kept = self._without_pairs(rows, kept, loss + threshold)
        rises[~kept] = -torch.inf
        return Ranking(rises, (int(kept.sum()),))

    def _without_pairs(self, rows: LinkRows, kept: Tensor, limit: float) -> Tensor:
        """Drop, all links at once, the two components missed least, while the loss allows it."""
        while True:
            kept = rows.graph.on_paths(kept)
            touching = self._links_of_components(rows, kept)
            if not 2 <= len(touching) <= self.config.pairs_up_to:
                return kept
            masks = torch.stack([kept & ~(a | b) for a, b in combinations(touching, 2)])
            self._tried += len(masks)
            with torch.no_grad():
                losses = rows.losses(masks.to(rows.device).float()).cpu()
            if float(losses.min()) > limit:
                return kept
            kept = masks[losses.argmin()]

    def _links_of_components(self, rows: LinkRows, kept: Tensor) -> list[Tensor]:
        """For every component on the way from `input` to `logits`, which of `kept` touch it."""
        found: dict[str, Tensor] = {}
        for i in kept.nonzero().flatten().tolist():
            source, target = rows.graph.links[i]
            for component in {source, component_of(target)} - {"input", "logits"}:
                found.setdefault(component, torch.zeros_like(kept))[i] = True
        return list(found.values())

    def _drops(self, rows: LinkRows, kept: Tensor, tried: list[int]) -> Tensor:
        """Losses after one drop, after two, and so on."""
        masks = kept.repeat(len(tried), 1)
        for i, link in enumerate(tried):
            masks[i:, link] = False
        self._tried += len(tried)
        with torch.no_grad():
            return rows.losses(masks.to(rows.device).float()).cpu()
