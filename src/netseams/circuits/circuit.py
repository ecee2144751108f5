"""The `Circuit` and the few operations on it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from netseams.circuits.calibration import Calibration
from netseams.circuits.edges import edges_between, network_edges
from netseams.core import CircuitMismatchError, generator
from netseams.models import (
    HookedConfig,
    Network,
    TransformerConfig,
    model_fingerprint,
    sites_of,
)

Granularity = Literal["nodes", "weights", "components"]
"""What a circuit is a choice of, and so how it is run: channels (the others are ablated), single
weights (the others are zero), or links between components (the others carry an ablated value)."""

Link = tuple[str, str]
"""A component edge, source and target: `("a0.h1", "m1")`, `("input", "a1.h0<q>")`,
`("m1", "logits")`. Names are those of EAP-IG and MIB files (arXiv 2403.17806, 2504.13151)."""


@dataclass(frozen=True)
class Circuit:
    """Kept nodes and edges of one model for one task."""

    task: str
    corpus: str
    model_fingerprint: str
    model_config: TransformerConfig | HookedConfig
    nodes: dict[str, Bool[Tensor, " width"]]
    """Site -> kept channels; a site of heads is flattened (head, then channel)."""
    edges: dict[str, Bool[Tensor, "out in"]]
    """Matrix -> kept non-zero weights."""
    edges_in_network: int
    """Non-zero block weights of the whole model."""
    found_by: dict[str, Any]
    """Method, its settings and the loss it was asked for."""
    calibration: Calibration | None = None
    """Scale and shift that go with exactly these nodes; other masks drop it."""
    granularity: Granularity = "nodes"
    links: frozenset[Link] = frozenset()
    """Kept component edges, where `granularity` is `components`; else empty."""

    @classmethod
    def from_nodes(
        cls,
        model: Network,
        nodes: Mapping[str, Bool[Tensor, " width"]],
        task: str,
        corpus: str,
        found_by: dict[str, Any],
    ) -> "Circuit":
        """The circuit of all edges between `nodes`."""
        return cls(
            task=task,
            corpus=corpus,
            model_fingerprint=model_fingerprint(model),
            model_config=model.cfg,
            nodes=dict(nodes),
            edges=edges_between(model, nodes),
            edges_in_network=network_edges(model),
            found_by=found_by,
        )

    @property
    def n_nodes(self) -> int:
        return sum(int(mask.sum()) for mask in self.nodes.values())

    @property
    def n_edges(self) -> int:
        return sum(int(mask.sum()) for mask in self.edges.values())

    @property
    def nodes_in_network(self) -> int:
        return sum(len(mask) for mask in self.nodes.values())

    @property
    def node_share(self) -> float:
        return self.n_nodes / self.nodes_in_network

    @property
    def edge_share(self) -> float:
        return self.n_edges / max(1, self.edges_in_network)

    def check_model(self, model: Network) -> None:
        """Confirm that `model` is the one this circuit was found in.

        Raises:
            CircuitMismatchError: it is another one.
        """
        found = model_fingerprint(model)
        if found != self.model_fingerprint:
            raise CircuitMismatchError(
                f"this circuit belongs to model {self.model_fingerprint}, not to {found}: "
                "give the run it was found in"
            )

    def complement(self) -> dict[str, Bool[Tensor, " width"]]:
        """The nodes outside: what is kept when the circuit is knocked out."""
        return {site: ~mask for site, mask in self.nodes.items()}

    def without(self, others: list["Circuit"], model: Network) -> "Circuit":
        """The exclusive part: nodes that no other circuit has."""
        nodes = dict(self.nodes)
        for other in others:
            nodes = {site: mask & ~other.nodes[site] for site, mask in nodes.items()}
        return replace(self, nodes=nodes, edges=edges_between(model, nodes), calibration=None)


def random_circuit(circuit: Circuit, model: Network, seed: int) -> Circuit:
    """As many nodes at every site, drawn at random."""
    nodes: dict[str, Tensor] = {}
    for site in sites_of(model.cfg):
        kept = int(circuit.nodes[site.name].sum())
        order = torch.randperm(site.width, generator=generator(seed, "random", site.name))
        mask = torch.zeros(site.width, dtype=torch.bool)
        mask[order[:kept]] = True
        nodes[site.name] = mask
    found_by = {"method": "random_per_site", "seed": seed}
    edges = edges_between(model, nodes)
    return replace(circuit, nodes=nodes, edges=edges, found_by=found_by, calibration=None)
