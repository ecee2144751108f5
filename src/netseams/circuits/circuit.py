"""The `Circuit` and the few operations on it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from netseams.circuits.calibration import Calibration
from netseams.circuits.conversion import channels_touched
from netseams.circuits.edges import edges_between, network_edges, nodes_touched
from netseams.circuits.random_links import random_links
from netseams.core import CircuitMismatchError, SettingError, generator
from netseams.masks import draw_as_many, exclusive
from netseams.models import (
    HookedConfig,
    Link,
    Network,
    TransformerConfig,
    component_graph,
    matrices_of,
    model_fingerprint,
    only_ours,
    sites_of,
)

Granularity = Literal["nodes", "weights", "components"]
"""What a circuit is a choice of, and so how it is run: channels (the others are ablated), single
weights (the others are zero), or links between components (the others carry an ablated value)."""


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
        """The circuit of all edges between `nodes`; its masks are in host memory."""
        nodes = {site: mask.cpu() for site, mask in nodes.items()}
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

    @classmethod
    def from_weights(
        cls,
        model: Network,
        edges: Mapping[str, Bool[Tensor, "out in"]],
        task: str,
        corpus: str,
        found_by: dict[str, Any],
    ) -> "Circuit":
        """The subnetwork of the weights `edges`, matrix by matrix; its nodes are what they touch.

        Raises:
            SettingError: a block matrix is missing, or there is one that is not of a block.
            ModelError: the model is not ours.
        """
        model = only_ours(model, "circuits of weights")
        names = [m.parameter for m in matrices_of(model.cfg)]
        if set(names) != set(edges):
            odd = sorted(set(names) ^ set(edges))
            raise SettingError(
                f"a circuit of weights has a mask for every block matrix and no other; "
                f"{odd[0]} is {'missing' if odd[0] in names else 'not a block matrix'}"
            )
        kept = {n: edges[n].cpu() & (model.matrix(n).detach() != 0).cpu() for n in names}
        return cls(
            task=task,
            corpus=corpus,
            model_fingerprint=model_fingerprint(model),
            model_config=model.cfg,
            nodes=nodes_touched(model.cfg, kept),
            edges=kept,
            edges_in_network=network_edges(model),
            found_by=found_by,
            granularity="weights",
        )

    @classmethod
    def from_links(
        cls,
        model: Network,
        links: Iterable[Link],
        task: str,
        corpus: str,
        found_by: dict[str, Any],
    ) -> "Circuit":
        """The circuit of `links`; its nodes are all channels of the components that they touch,
        its edges all weights between those.

        Raises:
            UnknownNameError: a link that this model has not.
            ModelError: the model is not ours.
        """
        model = only_ours(model, "circuits of links")
        graph = component_graph(model.cfg)
        kept = graph.links_in(graph.mask(links))
        whole = cls.from_nodes(model, channels_touched(model.cfg, kept), task, corpus, found_by)
        return replace(whole, granularity="components", links=kept)

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
        """The exclusive part: nodes, weights or links that no other circuit has."""
        if self.granularity == "components":
            links = self.links.difference(*(other.links for other in others))
            return Circuit.from_links(model, links, self.task, self.corpus, self.found_by)
        if self.granularity == "weights":
            edges = exclusive(self.edges, [other.edges for other in others])
            return replace(self, edges=edges, nodes=_touched(model, edges))
        nodes = exclusive(self.nodes, [other.nodes for other in others])
        return replace(self, nodes=nodes, edges=edges_between(model, nodes), calibration=None)


def random_circuit(circuit: Circuit, model: Network, seed: int) -> Circuit:
    """As many nodes at every site, or weights in every matrix, drawn at random; of links, about as
    many, on paths."""
    if circuit.granularity == "weights":
        return _random_weights(circuit, model, seed)
    if circuit.granularity == "components":
        graph = component_graph(only_ours(model, "circuits of links").cfg)
        draws = generator(seed, "random links")
        links = graph.links_in(random_links(graph, len(circuit.links), draws))
        found_by = {"method": "random_links", "seed": seed}
        return Circuit.from_links(model, links, circuit.task, circuit.corpus, found_by)
    nodes: dict[str, Tensor] = {}
    for site in sites_of(model.cfg):
        mask, draws = circuit.nodes[site.name], generator(seed, "random", site.name)
        nodes[site.name] = draw_as_many(mask, torch.ones_like(mask), draws)
    found_by = {"method": "random_per_site", "seed": seed}
    edges = edges_between(model, nodes)
    return replace(circuit, nodes=nodes, edges=edges, found_by=found_by, calibration=None)


def _random_weights(circuit: Circuit, model: Network, seed: int) -> Circuit:
    edges: dict[str, Tensor] = {}
    for name, mask in circuit.edges.items():
        live = model.matrix(name).detach().cpu() != 0
        edges[name] = draw_as_many(mask, live, generator(seed, "random", name))
    found_by = {"method": "random_per_matrix", "seed": seed}
    nodes = _touched(model, edges)
    return replace(circuit, nodes=nodes, edges=edges, found_by=found_by, calibration=None)


def _touched(model: Network, edges: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return nodes_touched(only_ours(model, "circuits of weights").cfg, edges)
