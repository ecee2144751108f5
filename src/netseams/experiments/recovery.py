"""Does a discovery method find what is known to be there, and nothing where there is nothing?

Every method searches every planted network at its defaults, under every ablation that it knows.
What it finds is held against the truth of that ablation, which no method sees. A method of links
is scored on links; one of channels or weights on those: precision against all that was set for
the task, recall of what the task misses when it alone is gone (with redundant parts there is
less of the latter). Beside it stands a random set of equal size, and whether the same search
finds anything where there is nothing: in the network with weights dealt out anew, in one never
set, and in the planted one for labels that are shuffled or follow a rule it has no part for.
"""

import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from torch import Tensor

from netseams.circuits import Circuit, random_circuit
from netseams.core import seed_from
from netseams.discovery import METHODS, Method, NodeMaskConfig
from netseams.evaluation import score_network
from netseams.experiments.experiment import EXPERIMENTS, Cell, Experiment, ExperimentConfig, Row
from netseams.experiments.networks import method_named
from netseams.experiments.recovery_findings import recovery_findings
from netseams.interventions import (
    ABLATIONS,
    AblationKind,
    mean_activations,
    redrawn_on_support,
    untrained_twin,
)
from netseams.models import Transformer
from netseams.planted import PLANTED, Planted, needed_nodes, needed_weights
from netseams.tasks import Task, phantom_twin, shuffled_twin
from netseams.training import Progress

Twin = Literal["redrawn", "untrained", "shuffled", "phantom"]
TWINS: tuple[Twin, ...] = ("redrawn", "untrained", "shuffled", "phantom")


class RecoveryConfig(ExperimentConfig):
    """Which networks, which methods."""

    kind: Literal["recovery"] = "recovery"
    networks: tuple[str, ...] | None = None
    """Names of planted networks; None: all."""
    methods: tuple[str, ...] | None = None
    """Names of discovery methods; None: all."""
    node_masks: NodeMaskConfig = NodeMaskConfig(
        init="attribution", init_bias=0.5, init_spread=0.4, lr=0.005
    )
    """In place of the defaults, with which all gates close at once where a planted network's loss
    is flat: the price is then the only slope, and Adam makes every slope a full step."""
    margin: float = Field(default=0.02, gt=0)
    """A circuit may cost this much more than the whole network, in nats."""


@EXPERIMENTS.register("recovery")
class Recovery(Experiment[RecoveryConfig]):
    """Methods against networks whose circuits are known."""

    name = "recovery"
    question = "Does a method find the circuit that is known to be there?"
    primary_metric = (
        "F1 of what a method keeps against the truth of its ablation, mean over planted tasks"
    )

    def cells(self, config: RecoveryConfig) -> list[Cell]:
        return [
            Cell(f"search {network} {method} seed {seed}", search, (config, network, method, seed))
            for seed in config.seeds
            for network in config.networks or tuple(PLANTED)
            for method in config.methods or tuple(METHODS)
        ]

    def findings(self, config: RecoveryConfig, rows: Sequence[Row]) -> Any:
        return recovery_findings(self, len(config.seeds), rows)


def search(
    out: Path, config: RecoveryConfig, network: str, method: str, seed: int, progress: Progress
) -> list[Row]:
    """One method on one planted network: all its tasks, under every ablation it knows."""
    planted = PLANTED[network]()
    rows: list[Row] = []
    kinds = ablations_of(METHODS[method]())
    for number, task in enumerate(planted.tasks):
        for kind in kinds:
            rows.append(
                {
                    "network": network, "task": task.name, "method": method, "ablation": kind,
                    "seed": seed, **_found(config, planted, task, method, kind, seed),
                }
            )  # fmt: skip
        progress(number + 1, len(planted.tasks), task.name)
    return rows


def ablations_of(method: Method) -> tuple[AblationKind, ...]:
    """What a method can put in the place of what it leaves out."""
    if method.granularity == "components":
        return ABLATIONS
    return ("mean",) if method.granularity == "nodes" else ("zero",)


def _found(
    config: RecoveryConfig, planted: Planted, task: Task, method: str, kind: AblationKind, seed: int
) -> Row:  # fmt: skip
    means = mean_activations(planted.model, planted.corpus)
    target = score_network(planted.model, task, "select").loss + config.margin
    started = time.process_time()
    fitted = _fit(config, method, kind, planted.model, task, means, target, seed)
    seconds = time.process_time() - started
    circuit = fitted.circuits_[target]
    row: Row = {
        "granularity": fitted.granularity,
        "target": target,
        "reached": circuit is not None,
        "seconds": seconds,
        "evaluations": fitted.budget_.evaluations,
        "sequences": fitted.budget_.training_sequences,
        "twins": {
            twin: _reaches(config, method, kind, planted, task, target, twin, seed)
            for twin in TWINS
        },
    }
    if circuit is None:
        return row
    truth = _truth(planted, task, kind, circuit)
    ours = scores(_chosen(circuit), *truth)
    random = random_circuit(circuit, planted.model, seed_from(seed, "random", planted.name))
    return {**row, **ours, "random_f1": scores(_chosen(random), *truth)["f1"]}


def _fit(
    config: RecoveryConfig, name: str, kind: AblationKind, model: Transformer, task: Task,
    means: dict[str, Tensor], target: float, seed: int,
) -> Method:  # fmt: skip
    method = method_named(name, config.node_masks, ablation=kind, seed=seed)
    return method.fit(model, task, means, (target,))


def _reaches(
    config: RecoveryConfig, method: str, kind: AblationKind, planted: Planted, task: Task,
    target: float, twin: Twin, seed: int,
) -> bool:  # fmt: skip
    """Whether the same search, at the same budget, finds a circuit where there is none."""
    model, own = planted.model, seed_from(seed, twin)
    if twin == "redrawn":
        model = redrawn_on_support(model, own)
    elif twin == "untrained":
        model = untrained_twin(model, own)
    elif twin == "shuffled":
        task = shuffled_twin(task, own)
    else:
        task = phantom_twin(task)
    means = mean_activations(model, planted.corpus)
    fitted = _fit(config, method, kind, model, task, means, target, seed)
    return fitted.circuits_[target] is not None


Places = frozenset[Any]


def _chosen(circuit: Circuit) -> Places:
    if circuit.granularity == "components":
        return frozenset(circuit.links)
    masks = circuit.nodes if circuit.granularity == "nodes" else circuit.edges
    return frozenset((name, *place) for name, m in masks.items() for place in m.nonzero().tolist())


def _truth(
    planted: Planted, task: Task, kind: AblationKind, circuit: Circuit
) -> tuple[list[Places], list[Places]]:
    """Sets that may be kept, and those that must be, alternative by alternative."""
    truth = planted.truths[task.name]
    if circuit.granularity == "components":
        sets: list[Places] = [frozenset(links) for links in truth.circuits[kind]]
        return sets, sets
    if circuit.granularity == "weights":
        return [frozenset(truth.weights)], [frozenset(needed_weights(planted, task))]
    upper, lower = truth.nodes, needed_nodes(planted, task, kind)
    return [_flat(upper)], [_flat(lower)]


def _flat(nodes: Any) -> Places:
    return frozenset((site, channel) for site, channels in nodes.items() for channel in channels)


def scores(found: Places, upper: Sequence[Places], lower: Sequence[Places]) -> dict[str, Any]:
    """Precision, recall and F1 against the best alternative.

    Where nothing must be kept (every part has a stand-in), recall is that of the upper set.
    """
    best: dict[str, Any] = {"f1": -1.0}
    for may, must in zip(upper, lower, strict=True):
        precision = _share(found & may, found)
        recall = _share(found & (must or may), must or may)
        both = precision + recall
        f1 = 2 * precision * recall / both if both else 0.0
        if f1 > best["f1"]:
            best = {
                "precision": precision, "recall": recall, "f1": f1,
                "size": len(found), "true_size": len(may),
            }  # fmt: skip
    return best


def _share(part: Collection[Any], whole: Collection[Any]) -> float:
    """1 of nothing: an empty set holds no mistake and misses nothing."""
    return len(part) / len(whole) if whole else 1.0
