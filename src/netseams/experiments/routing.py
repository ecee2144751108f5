"""Are functions that were put into known parts found there, and gone when the part is?

Gradient routing (arXiv 2410.04332) teaches every function to a part of the network that is its
own, and an ordinary run of the same seed, whose parts mean nothing, stands beside it. Removing
parts says what is where without any search; a circuit of every function, searched blindly by
methods that choose channels, weights or links, is then held against the part. Untrained twins,
and labels that are shuffled, get searches of their own.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from netseams.circuits import Circuit
from netseams.core import seed_from
from netseams.corpora import load_corpus
from netseams.discovery import NodeMaskConfig
from netseams.evaluation import accuracies, accuracy_without
from netseams.experiments.experiment import EXPERIMENTS, Cell, Experiment, Row
from netseams.experiments.networks import ArmsConfig, circuit_at, network, train_network
from netseams.experiments.routing_findings import routing_findings
from netseams.interventions import mean_activations
from netseams.models import Transformer, TransformerConfig, sites_of
from netseams.tasks import Task, build_task, shuffled_twin
from netseams.training import Progress, Routed, RunConfig
from netseams.training.routing import Part, parts_of

Nodes = dict[str, Tensor]
Case = Literal["trained", "untrained", "shuffled"]
CASES: tuple[Case, ...] = ("trained", "untrained", "shuffled")
"""A trained network, its untrained twin, and the trained one asked for shuffled labels."""


class RoutingConfig(ArmsConfig):
    """One language, and which of its tasks was put where."""

    kind: Literal["routing"] = "routing"
    run: RunConfig
    """Its seed and `train.sparsity` are replaced by those of the cell."""
    tasks: tuple[str, ...]
    """Every group's task, in the order of the groups; groups behind them are not asked."""
    search: NodeMaskConfig = NodeMaskConfig()
    """The search for channels that every network gets; the answer is read off it."""
    also: tuple[str, ...] = ("weight_masks", "eap_ig")
    """Methods beside it, at their defaults."""
    target: float = Field(default=0.15, gt=0)
    """Loss on the select split at which circuits are taken, in nats."""

    @model_validator(mode="after")
    def _one_arm_routes(self) -> "RoutingConfig":
        if not any(isinstance(arm, Routed) for arm in self.arms.values()):
            raise ValueError("one of the arms must be routed")
        if len(self.tasks) > self.n_parts:
            raise ValueError(f"{len(self.tasks)} tasks, but {self.n_parts} groups")
        return self

    @property
    def n_parts(self) -> int:
        """Parts that the routed arm cuts a network into."""
        return max(len(arm.groups) for arm in self.arms.values() if isinstance(arm, Routed))


@EXPERIMENTS.register("routing")
class Routing(Experiment[RoutingConfig]):
    """Circuits against the parts that functions were routed into."""

    name = "routing"
    question = "Is a function that was put into a known part found there?"
    primary_metric = (
        "share of a circuit's channels in heads and neurons that lie in the part of its function, "
        "minus the share of channels that are in that part; routed minus dense, paired by "
        "training seed"
    )

    def cells(self, config: RoutingConfig) -> list[Cell]:
        trainings: list[Cell] = []
        measures: list[Cell] = []
        for seed in config.seeds:
            for arm in config.arms:
                trained = Cell(
                    f"train {arm} seed {seed}",
                    train_network,
                    (config.run_in(config.run, arm, seed),),
                )
                trainings.append(trained)
                for kind in CASES:
                    name = f"measure {arm} seed {seed} {kind}"
                    measures.append(Cell(name, measure, (config, arm, seed, kind), (trained.name,)))
        return [*trainings, *measures]

    def findings(self, config: RoutingConfig, rows: Sequence[Row]) -> Any:
        return routing_findings(self, config.seeds, list(config.arms), rows)


def measure(
    out: Path, config: RoutingConfig, arm: str, seed: int, case: Case, progress: Progress
) -> list[Row]:
    """Every task without parts of one network, and its circuit by every method."""
    run = config.run_in(config.run, arm, seed)
    model = network(out, run, "untrained" if case == "untrained" else "trained")
    corpus = load_corpus(run.corpus)
    means = mean_activations(model, corpus)
    parts = parts_of(model.cfg, config.n_parts)
    rows: list[Row] = []
    for number, name in enumerate(config.tasks):
        task = build_task(name, corpus, run.model.n_ctx)
        if case == "shuffled":
            task = shuffled_twin(task, seed_from(seed, "shuffled"))
        own = parts[number].nodes(model.cfg)
        same = {
            "arm": arm, "seed": seed, "network": case, "floor": task.floor_accuracy,
            **_without(model, task, means, parts, number),
        }  # fmt: skip
        for method in ("node_masks", *config.also):
            circuit, row = circuit_at(
                config.target, model, task, means, config.search, seed, method
            )
            rows.append({**same, **row, "task": name, "method": method, **inside(circuit, own)})
        progress(number + 1, len(config.tasks), name)
    return rows


def _without(
    model: Transformer, task: Task, means: Mapping[str, Tensor], parts: Sequence[Part], own: int
) -> Row:
    """Accuracy without the own part, and without all others."""
    nodes = [part.nodes(model.cfg) for part in parts]
    others = {
        site: torch.stack([n[site] for i, n in enumerate(nodes) if i != own]).any(0)
        for site in nodes[own]
    }
    removed = {
        "own": _removable(model, task, nodes[own]),
        "others": _removable(model, task, others),
    }
    found = accuracies(removed, [task], accuracy_without(model, "mean", means))
    return {f"without_{name}": found[name, task.name] for name in removed}


def _removable(model: Transformer, task: Task, nodes: Nodes) -> Circuit:
    whole = {
        site.name: nodes.get(site.name, torch.zeros(site.width, dtype=torch.bool))
        for site in sites_of(model.cfg)
    }
    return Circuit.from_nodes(model, whole, task.name, task.corpus, {"method": "part"})


def inside(circuit: Circuit | None, own: Mapping[str, Tensor]) -> Row:
    """How many places a circuit has in what is cut into parts, which share of them lies in the
    part, and which share of all places is the part's. What reads or writes the stream is shared.

    Places are channels of heads and neurons; for a circuit of weights the weights that compute
    them; for one of links the heads that a link starts from, since an MLP is one end for all.
    """
    within = sum(int(mask.sum()) for mask in own.values())
    everywhere = sum(mask.numel() for mask in own.values())
    row: Row = {"part_share": within / everywhere, "channels": None, "inside": None}
    if circuit is None:
        return row
    places = _places(circuit, own)
    channels = sum(int(kept.sum()) for kept, _ in places)
    shared = sum(int(kept[mask].sum()) for kept, mask in places)
    return {**row, "channels": channels, "inside": shared / channels if channels else None}


def _places(circuit: Circuit, own: Mapping[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
    """How many places are kept of every channel (of links: head), and whether it is the part's."""
    if circuit.granularity == "nodes":
        return [(circuit.nodes[site], mask) for site, mask in own.items()]
    if circuit.granularity == "weights":
        return [(circuit.edges[_computing(site)].sum(1), mask) for site, mask in own.items()]
    sources = {source for source, _ in circuit.links}
    cfg = circuit.model_config
    assert isinstance(cfg, TransformerConfig)  # methods of links know no other
    found: list[tuple[Tensor, Tensor]] = []
    for layer in range(cfg.n_layers):
        kept = torch.tensor([f"a{layer}.h{head}" in sources for head in range(cfg.n_heads)])
        found.append((kept, own[f"blocks.{layer}.attn.hook_q"][:: cfg.d_head]))
    return found


def _computing(site: str) -> str:
    """The matrix whose rows compute a site's channels."""
    block, _, inner = site.partition(".attn.hook_")
    return f"{block}.attn.{inner}.weight" if inner else site.replace("hook_post", "up.weight")
