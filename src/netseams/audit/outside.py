"""As many places as a circuit has, drawn from what is outside of it."""

import torch
from torch import Tensor

from netseams.circuits import Circuit
from netseams.core import generator
from netseams.masks import draw_as_many
from netseams.models import Network, component_graph, only_ours


def outside_circuit(circuit: Circuit, model: Network, seed: int) -> Circuit:
    """As many channels at every site, weights in every matrix, or links, drawn from the others;
    all of these where there are fewer.

    A random mask of equal size has parts of the circuit in it. Where a circuit fills much of a
    small network, removing any such mask breaks the task, and says nothing about the circuit.
    """
    found_by = {"method": "random_outside", "seed": seed}
    facts = (circuit.task, circuit.corpus, found_by)
    if circuit.granularity == "components":
        links = sorted(component_graph(only_ours(model, "circuits of links").cfg).links)
        others = [link for link in links if link not in circuit.links]
        order = torch.randperm(len(others), generator=generator(seed, "outside links")).tolist()
        return Circuit.from_links(
            model, [others[i] for i in order[: len(circuit.links)]], *facts
        )  # fmt: skip
    if circuit.granularity == "weights":
        edges = {
            name: _drawn(mask, (model.matrix(name).detach() != 0).cpu() & ~mask, seed, name)
            for name, mask in circuit.edges.items()
        }
        return Circuit.from_weights(model, edges, *facts)
    nodes = {site: _drawn(mask, ~mask, seed, site) for site, mask in circuit.nodes.items()}
    return Circuit.from_nodes(model, nodes, *facts)


def _drawn(mask: Tensor, others: Tensor, seed: int, name: str) -> Tensor:
    return draw_as_many(mask, others, generator(seed, "outside", name))
