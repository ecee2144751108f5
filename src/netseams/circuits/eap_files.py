"""Circuit files of EAP-IG and of MIB's circuit track (arXiv 2403.17806, 2504.13151).

Their links are ours, name by name: `a0.h1->m1`, `input->a1.h0<q>`, `m1->logits`. A file holds a
score for every link and which links (and components) are in the circuit. Their `.json` is read and
written, their `.pt` read. Only whole components: files that choose single neurons are refused.
"""

import json
import math
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from netseams.circuits.circuit import Circuit
from netseams.core import FileFormatError, SettingError
from netseams.models import (
    ComponentGraph,
    Transformer,
    TransformerConfig,
    component_graph,
    component_of,
)
from netseams.store import load_pickled, read_bytes, write_text


class _Foreign(BaseModel):
    """Other people's files may hold more than we read."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Shape(_Foreign):
    n_layers: int
    n_heads: int
    d_model: int | None = None
    parallel_attn_mlp: bool = False


class _Node(_Foreign):
    in_graph: bool = True
    neurons: list[bool | float] | None = None


class _Edge(_Foreign):
    score: float | None = None
    in_graph: bool = False


class _Json(_Foreign):
    cfg: _Shape
    nodes: dict[str, _Node]
    edges: dict[str, _Edge]


class _Table(_Foreign):
    """A `.pt` file."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    cfg: _Shape
    src_nodes: list[str]
    dst_nodes: list[str]
    edges_scores: Tensor
    edges_in_graph: Tensor
    neurons_in_graph: Tensor | None = None


class EapFile(NamedTuple):
    """What such a file says, in the order of the component graph."""

    kept: Bool[Tensor, " links"]
    scores: Float[Tensor, " links"]
    """Zero where the file gives none."""


def read_eap(path: Path, cfg: TransformerConfig) -> EapFile:
    """Read a circuit or scores for a model of shape `cfg`, from `.json` or `.pt`.

    Links that the file does not name are not kept and score zero, as EAP-IG reads them.

    Raises:
        FileFormatError: the file is missing or damaged, holds something else, names components or
            links that such a model has not, is of another shape of model, or chooses neurons.
    """
    found = _read_pt(path) if path.suffix == ".pt" else _read_json(path)
    shape = found.cfg
    _check_shape(path, shape, cfg)
    graph = component_graph(cfg)
    if isinstance(found, _Table):
        return _from_table(path, found, graph)
    known = {*graph.sources, "logits"}
    for name, node in found.nodes.items():
        if name not in known:
            raise FileFormatError(f"{path}: node {name!r} is no component of such a model")
        if node.neurons is not None and not all(node.neurons):
            raise FileFormatError(_NEURONS.format(path))
    kept = torch.zeros(graph.n_links, dtype=torch.bool)
    scores = torch.zeros(graph.n_links)
    for name, edge in found.edges.items():
        source, _, target = name.partition("->")
        index = graph.index.get((source, target))
        if index is None:
            raise FileFormatError(f"{path}: edge {name!r} is no link of such a model")
        if edge.score is not None and not math.isfinite(edge.score):
            raise FileFormatError(f"{path}: the score of edge {name!r} is {edge.score}")
        kept[index], scores[index] = edge.in_graph, edge.score or 0.0
    return EapFile(kept, scores)


def circuit_from_eap(path: Path, model: Transformer, task: str, corpus: str) -> Circuit:
    """The circuit of the links that a file keeps.

    Raises:
        FileFormatError: as `read_eap`, or the file keeps no link.
    """
    kept, _ = read_eap(path, model.cfg)
    if not bool(kept.any()):
        raise FileFormatError(
            f"{path} keeps no link: it may hold scores only; choose links by `read_eap(...).scores`"
        )
    found_by = {"method": "file", "file": path.name}
    links = component_graph(model.cfg).links_in(kept)
    return Circuit.from_links(model, links, task, corpus, found_by)


def write_eap(path: Path, circuit: Circuit, scores: Float[Tensor, " links"] | None = None) -> None:
    """Write a circuit of links as EAP-IG's JSON.

    Args:
        scores: link by link, in the order of the component graph; None writes 1 for kept links
            and 0 for the others, so that a reader that ranks them finds this circuit.

    Raises:
        SettingError: the circuit is of another granularity, or there is not one score a link.
        StorageError: no space, or the folder cannot be written.
    """
    if circuit.granularity != "components":
        raise SettingError(
            f"this circuit is one of {circuit.granularity}, the file holds links: convert it with "
            "`links_of_channels` and `Circuit.from_links`"
        )
    cfg = circuit.model_config
    assert isinstance(cfg, TransformerConfig)  # no other model has circuits of links
    graph = component_graph(cfg)
    kept = graph.mask(circuit.links)
    scores = kept.float() if scores is None else scores
    if scores.shape != kept.shape:
        raise SettingError(f"{len(scores)} scores were given for {len(kept)} links")
    used = {component_of(end) for link in circuit.links for end in link} | {"logits"}
    content = {
        "cfg": {
            "n_layers": cfg.n_layers, "n_heads": cfg.n_heads, "parallel_attn_mlp": False,
            "d_model": cfg.d_model,
        },
        "nodes": {name: {"in_graph": name in used} for name in (*graph.sources, "logits")},
        "edges": {
            f"{source}->{target}": {"score": float(scores[i]), "in_graph": bool(kept[i])}
            for i, (source, target) in enumerate(graph.links)
        },
    }  # fmt: skip
    write_text(path, json.dumps(content))


_NEURONS = "{} chooses single neurons of components: only whole components can be read"


def _read_json(path: Path) -> _Json:
    try:
        return _Json.model_validate_json(read_bytes(path))
    except ValidationError as error:
        raise FileFormatError(_wrong(path, error)) from None


def _read_pt(path: Path) -> _Table:
    try:
        return _Table.model_validate(load_pickled(path))
    except ValidationError as error:
        raise FileFormatError(_wrong(path, error)) from None


def _wrong(path: Path, error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "the file"
    return f"{path} is not a circuit file of EAP-IG: {where}: {first['msg']}"


def _check_shape(path: Path, shape: _Shape, cfg: TransformerConfig) -> None:
    if shape.parallel_attn_mlp:
        raise FileFormatError(
            f"{path} is of a model whose attention and MLP run in parallel; ours run in turn"
        )
    theirs, ours = (shape.n_layers, shape.n_heads), (cfg.n_layers, cfg.n_heads)
    if theirs != ours or shape.d_model not in (None, cfg.d_model):
        width = "" if shape.d_model is None else f" and width {shape.d_model}"
        raise FileFormatError(
            f"{path} is of a model of {theirs[0]} layers, {theirs[1]} heads{width}; this one has "
            f"{ours[0]} layers, {ours[1]} heads and width {cfg.d_model}"
        )


def _from_table(path: Path, found: _Table, graph: ComponentGraph) -> EapFile:
    if found.neurons_in_graph is not None and not bool(found.neurons_in_graph.all()):
        raise FileFormatError(_NEURONS.format(path))
    if set(found.src_nodes) != set(graph.sources) or set(found.dst_nodes) != set(graph.targets):
        raise FileFormatError(f"{path}: its components are not those of such a model")
    shape = (len(found.src_nodes), len(found.dst_nodes))
    for name in ("edges_scores", "edges_in_graph"):
        if getattr(found, name).shape != shape:
            raise FileFormatError(f"{path}: {name} should have shape {shape}")
    rows = {name: i for i, name in enumerate(found.src_nodes)}
    columns = {name: i for i, name in enumerate(found.dst_nodes)}
    places = torch.tensor([(rows[source], columns[target]) for source, target in graph.links])
    kept, scores = (
        x[places[:, 0], places[:, 1]] for x in (found.edges_in_graph, found.edges_scores)
    )
    if not bool(scores.isfinite().all()):
        raise FileFormatError(f"{path}: a score is not finite")
    return EapFile(kept.bool(), scores.float())
