"""From scores of links to the size-loss curve and the smallest circuit for a target loss.

One search for every method that scores or ranks links: the best k of a ranking, without those that
then lie on no path from `input` to `logits`, measured on the select split.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from netseams.circuits import channels_touched, edges_between
from netseams.discovery.link_rows import LinkRows
from netseams.discovery.search import CurvePoint


class LinkPoint(CurvePoint):
    """One set of links met on the way. `n_nodes` and `n_edges` are those of the components that
    they touch."""

    n_links: int


class Ranking(NamedTuple):
    """Links in the order of their scores, the largest first, and how many of them to measure."""

    scores: Float[Tensor, " links"]
    sizes: tuple[int, ...]


class Met(NamedTuple):
    """A measured set of links: the first `k` of a ranking, without what dangles."""

    mask: Bool[Tensor, " links"]
    loss: float
    k: int
    ranking: Ranking

    @property
    def n_links(self) -> int:
        return int(self.mask.sum())


class LinkSearch:
    """Measures sets of links on `rows`; each set once."""

    def __init__(self, rows: LinkRows) -> None:
        self._rows, self._graph = rows, rows.graph
        self._losses: dict[bytes, float] = {}

    @property
    def evaluations(self) -> int:
        return len(self._losses)

    def curve(self, rankings: Sequence[Ranking]) -> list[Met]:
        """Everything that the rankings ask to measure, in their order."""
        return [self._first(ranking, k) for ranking in rankings for k in ranking.sizes]

    def smallest(self, target: float, met: Sequence[Met], bisections: int) -> Met | None:
        """The smallest set at `target`: the best one met, then bisection along its ranking.

        Losses need not rise with every link that goes, so what is found reaches the target and
        need not be the smallest that does.
        """
        good = [one for one in met if one.loss <= target]
        if not good:
            return None
        best = min(good, key=lambda one: one.n_links)
        low = max(
            (m.k for m in met if m.ranking is best.ranking and m.k < best.k and m.loss > target),
            default=0,
        )
        for _ in range(bisections):
            if best.k - low <= 1:
                break
            middle = self._first(best.ranking, (low + best.k) // 2)
            if middle.loss <= target:
                best = middle
            else:
                low = middle.k
        return best

    def point(self, met: Met) -> LinkPoint:
        """Its sizes and loss."""
        model = self._rows.model
        nodes = channels_touched(model.cfg, self._graph.links_in(met.mask))
        nodes = {site: mask.to(self._rows.device) for site, mask in nodes.items()}
        return LinkPoint(
            n_nodes=sum(int(mask.sum()) for mask in nodes.values()),
            n_edges=sum(int(mask.sum()) for mask in edges_between(model, nodes).values()),
            n_links=met.n_links,
            loss=met.loss,
        )

    def _first(self, ranking: Ranking, k: int) -> Met:
        mask = torch.zeros(self._graph.n_links, dtype=torch.bool)
        mask[ranking.scores.cpu().argsort(descending=True, stable=True)[:k]] = True
        mask = self._graph.on_paths(mask)
        key = mask.numpy().tobytes()
        if key not in self._losses:
            self._losses[key] = self._rows.loss(mask)
        return Met(mask, self._losses[key], k, ranking)


def spread_sizes(n_links: int, points: int) -> tuple[int, ...]:
    """Up to `points` sizes from 1 to all links, by equal factors, and none."""
    if points == 1:
        return (n_links,)
    sizes = {round(n_links ** (i / (points - 1))) for i in range(points)}
    return (0, *sorted(sizes))
