"""A circuit as a networkx graph."""

import networkx as nx

from netseams.circuits.circuit import Circuit
from netseams.models import Transformer, matrices_of


def circuit_graph(circuit: Circuit, model: Transformer) -> nx.DiGraph:
    """Nodes `(site, channel)`, one directed edge per kept weight, attribute `weight`.

    Residual paths and query-key products are not edges, so a circuit's graph falls into
    pieces, one for every attention and MLP that it uses.

    Raises:
        CircuitMismatchError: the circuit is of another model.
    """
    circuit.check_model(model)
    graph = nx.DiGraph(task=circuit.task)
    for site, mask in circuit.nodes.items():
        graph.add_nodes_from((site, channel) for channel in mask.nonzero().squeeze(1).tolist())
    parameters = dict(model.named_parameters())
    for m in matrices_of(model.cfg):
        weight = parameters[m.parameter].detach()
        for target, source in circuit.edges[m.parameter].nonzero().tolist():
            value = float(weight[target, source])
            graph.add_edge((m.source, source), (m.target, target), weight=value)
    return graph
