"""Can the audit tell circuits from what is none? Its checks before known circuits and known fakes.

Positives are the circuits of planted networks, as they were set. Fakes of the same networks: random
places of equal number, half of the circuit, the whole network, the circuit of the other task where
there are two, and the best mask of a search in a network that was never set. A check that passes
fakes as often as circuits says nothing, whatever it says about real ones.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from netseams.audit import AuditConfig, Subject, audit
from netseams.circuits import Circuit, random_circuit
from netseams.core import generator, seed_from
from netseams.discovery import NodeMaskConfig, NodeMasks
from netseams.experiments.audits import card_row
from netseams.experiments.battery_findings import battery_findings
from netseams.experiments.experiment import EXPERIMENTS, Cell, Experiment, ExperimentConfig, Row
from netseams.interventions import mean_activations, untrained_twin
from netseams.models import sites_of
from netseams.planted import PLANTED, Planted
from netseams.tasks import Task
from netseams.training import Progress

Case = Literal["planted", "random", "half", "whole", "other", "untrained"]
CASES: tuple[Case, ...] = ("planted", "random", "half", "whole", "other", "untrained")
UNIQUE = (
    "first_token", "copy_previous", "reverse", "induction", "cancellation", "two_modules",
    "tracr_fraction", "rasp_histogram",
)  # fmt: skip
"""Networks with one circuit, which the search of channels recovers (docs/results/recovery.md): all
checks should pass. In the others several circuits do the task, or the search does not find it, so
that it should not be called stable."""


class BatteryConfig(ExperimentConfig):
    """Which networks."""

    kind: Literal["battery"] = "battery"
    networks: tuple[str, ...] | None = None
    """Names of planted networks; None: all."""
    cases: tuple[Case, ...] = CASES
    search: NodeMaskConfig = NodeMaskConfig(
        init="attribution", init_bias=0.5, init_spread=0.4, lr=0.0125, steps=100, snapshots=20
    )
    """As in `recovery` (at the defaults all gates close at once where the loss is flat), in fewer
    and larger steps: an audit repeats it some 25 times."""
    audit: AuditConfig = AuditConfig()


@EXPERIMENTS.register("battery")
class Battery(Experiment[BatteryConfig]):
    """The audit's checks against known circuits and known fakes."""

    name = "battery"
    question = "Do the audit's checks tell circuits from what is none?"
    primary_metric = (
        "share of right decisions of each check: passes of planted circuits in networks that have "
        "one, failures of fakes of the kind that it is meant for"
    )

    def cells(self, config: BatteryConfig) -> list[Cell]:
        return [
            Cell(f"audit {network} {case} seed {seed}", audited, (config, network, case, seed))
            for seed in config.seeds
            for network in config.networks or tuple(PLANTED)
            for case in config.cases
        ]

    def findings(self, config: BatteryConfig, rows: Sequence[Row]) -> Any:
        return battery_findings(self, rows, UNIQUE)


def audited(
    out: Path, config: BatteryConfig, network: str, case: Case, seed: int, progress: Progress
) -> list[Row]:
    """One kind of circuit for every task of one planted network."""
    planted = PLANTED[network]()
    rows: list[Row] = []
    for task in planted.tasks:
        subject = _subject(config, planted, task, case, seed)
        if subject is not None:
            where = {"network": network, "task": task.name, "case": case, "seed": seed}
            sizes = {"nodes": subject.circuit.n_nodes, "edges": subject.circuit.n_edges}
            rows.append({**where, **sizes, **card_row(audit(subject, report=progress))})
    return rows


def planted_circuit(planted: Planted, task: Task) -> Circuit:
    """The channels that were set for a task."""
    nodes: dict[str, Tensor] = {}
    for site in sites_of(planted.model.cfg):
        nodes[site.name] = torch.zeros(site.width, dtype=torch.bool)
        nodes[site.name][list(planted.truths[task.name].nodes.get(site.name, ()))] = True
    return Circuit.from_nodes(planted.model, nodes, task.name, task.corpus, {"method": "planted"})


def _subject(
    config: BatteryConfig, planted: Planted, task: Task, case: Case, seed: int
) -> Subject | None:
    """None where a network has no such case."""
    model, own = planted.model, seed_from(seed, case, planted.name)
    truth = planted_circuit(planted, task)
    siblings = tuple(other for other in planted.tasks if other.name != task.name)
    if case == "untrained":
        model = untrained_twin(model, own)
    means = mean_activations(model, planted.corpus)
    circuit = truth
    if case == "random":
        circuit = random_circuit(truth, model, own)
    elif case == "half":
        circuit = _half(truth, planted, own)
    elif case == "whole":
        everything = {site: torch.ones_like(mask) for site, mask in truth.nodes.items()}
        circuit = Circuit.from_nodes(model, everything, task.name, task.corpus, truth.found_by)
    elif case == "other":
        if planted.name != "two_modules":
            return None
        circuit = replace(planted_circuit(planted, siblings[0]), task=task.name)
    elif case == "untrained":
        learner = NodeMasks(config.search.model_copy(update={"seed": own}))
        learner.fit(model, task, means, (float("inf"),))
        best = min(point.loss for point in learner.curve_)
        learner.fit(model, task, means, (best,))
        found = learner.circuits_[best]
        assert found is not None  # it was met on the way
        circuit = found
    audit_config = config.audit.model_copy(update={"seed": seed})
    return Subject(
        circuit, model, task, means, planted.corpus, siblings, config.search, audit_config
    )


def _half(circuit: Circuit, planted: Planted, seed: int) -> Circuit:
    """Without half of its channels, drawn over all sites."""
    places = [
        (site, i) for site, m in circuit.nodes.items() for i in m.nonzero().flatten().tolist()
    ]
    order = torch.randperm(len(places), generator=generator(seed, "half")).tolist()
    nodes = {site: mask.clone() for site, mask in circuit.nodes.items()}
    for site, channel in (places[i] for i in order[: len(places) // 2]):
        nodes[site][channel] = False
    return Circuit.from_nodes(
        planted.model, nodes, circuit.task, circuit.corpus, circuit.found_by
    )  # fmt: skip
