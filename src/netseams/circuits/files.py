"""Circuits on disk: `circuit.json` for people, `masks.safetensors` for programs."""

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Discriminator, Tag
from torch import Tensor

from netseams.circuits.calibration import Calibration
from netseams.circuits.circuit import Circuit, Granularity
from netseams.core import Config, FileFormatError
from netseams.models import HookedConfig, TransformerConfig, matrices_of, sites_of
from netseams.store import load_tensors, read_bytes, save_tensors, write_text


def _whose(model: Any) -> str:
    """Configs of ours carry no `kind`."""
    kind = model.get("kind") if isinstance(model, dict) else getattr(model, "kind", None)
    return "ours" if kind is None else str(kind)


class CircuitCard(Config):
    """`circuit.json`, format version 1."""

    format: Literal["netseams.circuit"] = "netseams.circuit"
    version: Literal[1] = 1
    task: str
    corpus: str
    model_fingerprint: str
    model: Annotated[
        Annotated[TransformerConfig, Tag("ours")] | Annotated[HookedConfig, Tag("hugging_face")],
        Discriminator(_whose),
    ]
    """Of a model that is not ours: family, where it came from, and its sites and matrices."""
    n_nodes: int
    n_edges: int
    nodes_in_network: int
    edges_in_network: int
    biases_are_edges: Literal[False] = False
    found_by: dict[str, Any]
    calibration: Calibration | None = None
    """Absent in files written before there was any."""
    granularity: Granularity = "nodes"
    links: tuple[tuple[str, str], ...] = ()
    """Sorted; both are absent in files written before there was another granularity."""


def save_circuit(folder: Path, circuit: Circuit) -> None:
    """Write a circuit as two files.

    Raises:
        StorageError: no space, or the folder cannot be written.
    """
    card = CircuitCard(
        task=circuit.task,
        corpus=circuit.corpus,
        model_fingerprint=circuit.model_fingerprint,
        model=circuit.model_config,
        n_nodes=circuit.n_nodes,
        n_edges=circuit.n_edges,
        nodes_in_network=circuit.nodes_in_network,
        edges_in_network=circuit.edges_in_network,
        found_by=circuit.found_by,
        calibration=circuit.calibration,
        granularity=circuit.granularity,
        links=tuple(sorted(circuit.links)),
    )
    tensors = {f"nodes.{site}": mask.to(torch.uint8) for site, mask in circuit.nodes.items()}
    tensors |= {f"edges.{name}": _pack(mask) for name, mask in circuit.edges.items()}
    save_tensors(folder / "masks.safetensors", tensors, {"format": card.format, "version": "1"})
    write_text(folder / "circuit.json", card.model_dump_json(indent=2))


def load_circuit(folder: Path) -> Circuit:
    """Read what `save_circuit` wrote; a path to its `circuit.json` also does.

    Raises:
        FileFormatError: missing, damaged, of another version, or its parts contradict.
    """
    folder = folder.parent if folder.name == "circuit.json" else folder
    path = folder / "circuit.json"
    card = CircuitCard.parse_json(read_bytes(path), str(path))
    tensors, _ = load_tensors(folder / "masks.safetensors")
    nodes: dict[str, Tensor] = {}
    widths = {site.name: site.width for site in sites_of(card.model)}
    for name, width in widths.items():
        mask = tensors.get(f"nodes.{name}")
        if mask is None or mask.shape != (width,):
            raise FileFormatError(f"{folder}: no mask of {width} nodes for site {name}")
        nodes[name] = mask.bool()
    edges: dict[str, Tensor] = {}
    for m in matrices_of(card.model):
        packed = tensors.get(f"edges.{m.parameter}")
        shape = (widths[m.target], widths[m.source] * m.sharing)
        if packed is None or packed.numel() != -(-shape[0] * shape[1] // 8):
            raise FileFormatError(f"{folder}: no mask of {shape} edges for {m.parameter}")
        edges[m.parameter] = _unpack(packed, shape)
    circuit = Circuit(
        task=card.task,
        corpus=card.corpus,
        model_fingerprint=card.model_fingerprint,
        model_config=card.model,
        nodes=nodes,
        edges=edges,
        edges_in_network=card.edges_in_network,
        found_by=card.found_by,
        calibration=card.calibration,
        granularity=card.granularity,
        links=frozenset(card.links),
    )
    if (circuit.n_nodes, circuit.n_edges) != (card.n_nodes, card.n_edges):
        raise FileFormatError(f"{folder}: masks and circuit.json disagree on the circuit's size")
    return circuit


def _pack(mask: Tensor) -> Tensor:
    """Eight edges a byte."""
    return torch.from_numpy(np.packbits(mask.numpy().reshape(-1)))


def _unpack(packed: Tensor, shape: tuple[int, int]) -> Tensor:
    bits = np.unpackbits(packed.numpy(), count=shape[0] * shape[1])
    return torch.from_numpy(bits.astype(bool).reshape(shape))
