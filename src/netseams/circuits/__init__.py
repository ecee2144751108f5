"""The circuit: nodes, edges, a task, and the fingerprint of the model it came from."""

from netseams.circuits.calibration import Calibration, fit_calibration
from netseams.circuits.circuit import Circuit, Granularity, random_circuit
from netseams.circuits.compiled import CompiledCircuit
from netseams.circuits.conversion import channels_touched, links_of_channels, structural_links
from netseams.circuits.eap_files import EapFile, circuit_from_eap, read_eap, write_eap
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
from netseams.circuits.random_links import random_links
from netseams.circuits.running import fill_for, logits_with
from netseams.models import Link

__all__ = [
    "Calibration",
    "Circuit",
    "CompiledCircuit",
    "Difference",
    "EapFile",
    "Granularity",
    "Link",
    "OnnxCircuit",
    "channels_touched",
    "check_difference",
    "chosen_masks",
    "circuit_from_eap",
    "circuit_graph",
    "core_part",
    "difference_from_masked",
    "edges_between",
    "export_onnx",
    "export_torch",
    "fill_for",
    "fit_calibration",
    "links_of_channels",
    "load_circuit",
    "load_compiled",
    "logits_with",
    "network_edges",
    "places_of",
    "random_circuit",
    "random_links",
    "read_eap",
    "save_circuit",
    "structural_links",
    "write_eap",
]
