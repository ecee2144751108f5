"""Subnetworks of one network for one behaviour, beside controls with a search of their own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from netseams.circuits import Circuit, random_circuit
from netseams.core import Config, ModelError, TaskError
from netseams.discovery import Budget, NodeMaskConfig, NodeMasks
from netseams.evaluation import Score, is_learned, score_circuit, score_network
from netseams.interventions import ABLATIONS, AblationKind, means_over, untrained_twin
from netseams.models import HookedModel, with_nearest_mean
from netseams.tasks import Task

N_RANDOM = 5
"""Random masks of equal size for every circuit."""
_ROWS = 64
"""Rows of a batch over which means are taken."""


class MaskScores(Config):
    """A mask on the report split under one kind of ablation."""

    alone: Score
    without: Score
    random_alone: float
    """Mean accuracy of random masks with as many nodes at every site."""
    random_without: float
    """Mean accuracy without such random masks."""


class Found(Config):
    """The smallest circuit at one target loss."""

    target: float
    n_nodes: int
    n_edges: int
    node_share: float
    edge_share: float
    scores: dict[AblationKind, MaskScores]


class Searched(Config):
    """One network and what a search found in it."""

    whole: Score
    """On the report split."""
    circuits: dict[str, Found | None]
    """Target loss, in nats -> the circuit; None where no size reached it."""
    best_loss: float
    """Least loss of any mask on the select split."""
    budget: Budget


class Subnetworks(Config):
    """A network and its re-initialised twin, with equal budgets."""

    task: str
    question: str
    floor_accuracy: float
    floor_loss: float
    pairs: dict[str, int]
    """Pairs in every split."""
    search: NodeMaskConfig
    network: Searched
    untrained: Searched


@dataclass(frozen=True)
class Circuits:
    """The circuits behind a `Subnetworks`."""

    network: dict[float, Circuit | None]
    untrained: dict[float, Circuit | None]


def find_subnetworks(
    model: HookedModel,
    task: Task,
    search: NodeMaskConfig,
    targets: tuple[float, ...],
    say: Callable[[str], None] = lambda _: None,
) -> tuple[Subnetworks, Circuits]:
    """Search a model and its twin; nodes outside a circuit are held at their means over the task.

    Args:
        targets: losses on the select split, in nats.
        say: told what begins.

    Raises:
        TaskError: the model does not have this behaviour.
        ModelError: its activations hold NaN.
    """
    if model.asks == "class":
        model = with_nearest_mean(model, *task.rows("mask_train"))
    means = task_means(model, task)
    check_learned(model, task)
    twin = untrained_twin(model, search.seed)
    if model.asks == "class":
        twin = with_nearest_mean(twin, *task.rows("mask_train"))
    say("searching the network")
    network, of_network = _searched(model, task, means, search, targets)
    say("searching its re-initialised twin, at equal budget")
    untrained, of_twin = _searched(twin, task, task_means(twin, task), search, targets)
    found = Subnetworks(
        task=task.name,
        question=task.question,
        floor_accuracy=task.floor_accuracy,
        floor_loss=task.floor_loss,
        pairs={split: len(examples) for split, examples in task.splits.items()},
        search=search,
        network=network,
        untrained=untrained,
    )
    return found, Circuits(of_network, of_twin)


def task_means(model: HookedModel, task: Task) -> dict[str, Tensor]:
    """Mean of every node over the inputs of the task's mask_train split, all positions alike.

    Raises:
        ModelError: an activation that is not a number, or infinite.
    """
    means = means_over(model, task.rows("mask_train")[0].split(_ROWS))
    for name, mean in means.items():
        if not bool(mean.isfinite().all()):
            raise ModelError(
                f"the activations at {name} hold NaN or infinity: check the weights, or take "
                "another precision (float32)"
            )
    return means


def check_learned(model: HookedModel, task: Task) -> None:
    """Confirm that there is a behaviour to find: else a mask would make one, not show one.

    Raises:
        TaskError: on the select split the model is not halfway from the floor to 1.
    """
    whole = score_network(model, task, "select")
    if not is_learned(whole.accuracy, task.floor_accuracy):
        raise TaskError(
            f"{model.cfg.source} does not do {task.name}: accuracy {whole.accuracy:.2f} where the "
            f"floor is {task.floor_accuracy:.2f}, at least {(1 + task.floor_accuracy) / 2:.2f} is "
            "needed; a circuit would be trained into it, not found"
        )


def _searched(
    model: HookedModel,
    task: Task,
    means: Mapping[str, Tensor],
    search: NodeMaskConfig,
    targets: tuple[float, ...],
) -> tuple[Searched, dict[float, Circuit | None]]:
    fitted = NodeMasks(search).fit(model, task, means, targets)
    searched = Searched(
        whole=score_network(model, task),
        circuits={
            f"{target:g}": _found(circuit, model, task, means, target) if circuit else None
            for target, circuit in fitted.circuits_.items()
        },
        best_loss=min(point.loss for point in fitted.curve_),
        budget=fitted.budget_,
    )
    return searched, fitted.circuits_


def _found(
    circuit: Circuit, model: HookedModel, task: Task, means: Mapping[str, Tensor], target: float
) -> Found:
    randoms = [random_circuit(circuit, model, seed) for seed in range(N_RANDOM)]

    def scored(one: Circuit, kind: AblationKind, without: bool = False) -> Score:
        return score_circuit(one, model, task, "report", kind, means, without)

    def chance(kind: AblationKind, without: bool = False) -> float:
        scores = [scored(random, kind, without).accuracy for random in randoms]
        return float(torch.tensor(scores, dtype=torch.float64).mean())

    return Found(
        target=target,
        n_nodes=circuit.n_nodes,
        n_edges=circuit.n_edges,
        node_share=circuit.node_share,
        edge_share=circuit.edge_share,
        scores={
            kind: MaskScores(
                alone=scored(circuit, kind),
                without=scored(circuit, kind, without=True),
                random_alone=chance(kind),
                random_without=chance(kind, without=True),
            )
            for kind in ABLATIONS
        },
    )
