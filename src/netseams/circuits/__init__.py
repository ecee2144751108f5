"""The circuit: nodes, edges, a task, and the fingerprint of the model it came from."""

from netseams.circuits.calibration import Calibration, fit_calibration
from netseams.circuits.circuit import Circuit, Granularity, Link, random_circuit
from netseams.circuits.compiled import CompiledCircuit
from netseams.circuits.edges import edges_between, network_edges
from netseams.circuits.export import (
    Difference,
    check_difference,
    difference_from_masked,
    export_torch,
    load_compiled,
)
from netseams.circuits.files import load_circuit, save_circuit
from netseams.circuits.graph import circuit_graph
from netseams.circuits.onnx import OnnxCircuit, export_onnx
from netseams.circuits.parts import chosen_masks, core_part, places_of

__all__ = [
    "Calibration",
    "Circuit",
    "CompiledCircuit",
    "Difference",
    "Granularity",
    "Link",
    "OnnxCircuit",
    "check_difference",
    "chosen_masks",
    "circuit_graph",
    "core_part",
    "difference_from_masked",
    "edges_between",
    "export_onnx",
    "export_torch",
    "fit_calibration",
    "load_circuit",
    "load_compiled",
    "network_edges",
    "places_of",
    "random_circuit",
    "save_circuit",
]
