"""Links drawn at random: a control of equal size that is connected too."""

import torch
from jaxtyping import Bool
from torch import Tensor

from netseams.models import ComponentGraph, component_of

PATHS_WITHOUT_GROWTH = 50
"""So many random paths that do not fit in a row, and single links fill what is left."""


def random_links(
    graph: ComponentGraph, n_links: int, draws: torch.Generator
) -> Bool[Tensor, " links"]:
    """About `n_links` links, all on paths from `input` to `logits`; never more.

    Random paths are added while they fit, then random links between components that are on one.
    Fewer come out where no such link is left. Where no path fits, the link from `input` straight
    to `logits` is all.
    """

    def one_of(n: int) -> int:
        return int(torch.randint(n, (1,), generator=draws))

    def path() -> list[int]:
        target, found = "logits", []
        while True:
            into = graph.into(target)
            found.append(into.start + one_of(into.stop - into.start))
            source = graph.links[found[-1]][0]
            if source == "input":
                return found
            slots = [t for t in graph.targets if component_of(t) == source]
            target = slots[one_of(len(slots))]

    mask = torch.zeros(graph.n_links, dtype=torch.bool)
    missed = 0
    while missed < PATHS_WITHOUT_GROWTH:
        grown = mask.clone()
        grown[path()] = True
        if int(grown.sum()) > n_links or torch.equal(grown, mask):
            missed += 1
        else:
            mask, missed = grown, 0
    if not bool(mask.any()):
        mask[graph.index["input", "logits"]] = n_links > 0
    used = {component_of(end) for i in mask.nonzero().squeeze(1) for end in graph.links[int(i)]}
    inside = torch.tensor([s in used and component_of(t) in used for s, t in graph.links])
    free = (inside & ~mask).nonzero().squeeze(1)
    order = torch.randperm(len(free), generator=draws)
    mask[free[order[: n_links - int(mask.sum())]]] = True
    return mask
