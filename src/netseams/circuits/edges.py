"""Edges: real non-zero weights between kept nodes. Biases are not edges."""

from collections.abc import Mapping

import torch
from jaxtyping import Bool
from torch import Tensor

from netseams.models import Network, TransformerConfig, matrices_of, sites_of


def edges_between(
    model: Network, nodes: Mapping[str, Bool[Tensor, " width"]]
) -> dict[str, Bool[Tensor, "out in"]]:
    """For every block matrix, which of its weights join two kept nodes; in host memory."""
    nodes = {site: mask.cpu() for site, mask in nodes.items()}
    return {
        m.parameter: (model.matrix(m.parameter).detach() != 0).cpu()
        & nodes[m.target].unsqueeze(1)
        & m.columns(nodes[m.source]).unsqueeze(0)
        for m in matrices_of(model.cfg)
    }


def nodes_touched(
    cfg: TransformerConfig, edges: Mapping[str, Bool[Tensor, "out in"]]
) -> dict[str, Bool[Tensor, " width"]]:
    """At every site, the channels that some edge starts from or ends at."""
    nodes = {site.name: torch.zeros(site.width, dtype=torch.bool) for site in sites_of(cfg)}
    for m in matrices_of(cfg):
        mask = edges[m.parameter].cpu()
        nodes[m.target] |= mask.any(dim=1)
        nodes[m.source] |= mask.any(dim=0)
    return nodes


def network_edges(model: Network) -> int:
    """Edges of the whole network: its non-zero block weights."""
    return sum(int((model.matrix(m.parameter) != 0).sum()) for m in matrices_of(model.cfg))
