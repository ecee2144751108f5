"""The circuit: nodes, edges, a task, and the fingerprint of the model it came from."""

from netseams.circuits.calibration import Calibration, fit_calibration
from netseams.circuits.circuit import Circuit, random_circuit
from netseams.circuits.compiled import CompiledCircuit
from netseams.circuits.edges import edges_between, network_edges
from netseams.circuits.files import load_circuit, save_circuit
from netseams.circuits.graph import circuit_graph

__all__ = [
    "Calibration",
    "Circuit",
    "CompiledCircuit",
    "circuit_graph",
    "edges_between",
    "fit_calibration",
    "load_circuit",
    "network_edges",
    "random_circuit",
    "save_circuit",
]
