"""Edges: real non-zero weights between kept nodes. Biases are not edges."""

from collections.abc import Mapping

from jaxtyping import Bool
from torch import Tensor

from netseams.models import Network, matrices_of


def edges_between(
    model: Network, nodes: Mapping[str, Bool[Tensor, " width"]]
) -> dict[str, Bool[Tensor, "out in"]]:
    """For every block matrix, which of its weights join two kept nodes."""
    return {
        m.parameter: (model.matrix(m.parameter).detach() != 0)
        & nodes[m.target].unsqueeze(1)
        & m.columns(nodes[m.source]).unsqueeze(0)
        for m in matrices_of(model.cfg)
    }


def network_edges(model: Network) -> int:
    """Edges of the whole network: its non-zero block weights."""
    return sum(int((model.matrix(m.parameter) != 0).sum()) for m in matrices_of(model.cfg))
