"""Loss and accuracy of a masked model on one split of a task."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from netseams.circuits import Calibration, Circuit, fill_for, logits_with
from netseams.core import Config
from netseams.interventions import AblationKind, NodeMask, ablation_fill, masked_hooks
from netseams.models import Network
from netseams.tasks import Task, TaskSplit, learned_accuracy


class Score(Config):
    """Mean over rows and answer positions."""

    loss: float
    """Cross-entropy over the task's candidates, in nats."""
    accuracy: float
    n: int
    """Answers scored."""


def candidate_logits(
    model: Network,
    task: Task,
    split: TaskSplit,
    nodes: NodeMask | None,
    ablation: AblationKind,
    means: Mapping[str, Tensor],
    calibration: Calibration | None = None,
) -> tuple[Float[Tensor, "R P C"], Int[Tensor, "R P"]]:
    """Logits over the candidates, and the right answers, with nodes outside `nodes` ablated."""
    tokens, targets = task.rows(split)
    answers = task.answers.expand(len(tokens), -1)
    with torch.no_grad():
        hooks = None
        if nodes is not None:
            fill = ablation_fill(ablation, model, means, tokens, answers)
            hooks = masked_hooks(nodes, fill)
        logits = task.candidate_logits(model(tokens, hooks, answers))
        targets = targets.to(logits.device)
        return logits if calibration is None else calibration.apply(logits), targets


def score(
    model: Network,
    task: Task,
    split: TaskSplit,
    nodes: NodeMask | None,
    ablation: AblationKind,
    means: Mapping[str, Tensor],
    calibration: Calibration | None = None,
) -> Score:
    """Score a model of which only `nodes` are left (None: all of it).

    Raises:
        SettingError: the calibration is for another number of candidates.
    """
    logits, targets = candidate_logits(model, task, split, nodes, ablation, means, calibration)
    return _mean_score(logits, targets)


def circuit_logits(
    circuit: Circuit,
    model: Network,
    task: Task,
    split: TaskSplit,
    ablation: AblationKind,
    means: Mapping[str, Tensor],
    without: bool = False,
) -> tuple[Float[Tensor, "R P C"], Int[Tensor, "R P"]]:
    """Logits over the candidates, and the right answers, with only a circuit or without it.

    Raises:
        TaskError: resample ablation of links, where clean and corrupt inputs are the same.
    """
    tokens, targets = task.rows(split)
    answers = task.answers.expand(len(tokens), -1)
    with torch.no_grad():
        fill = fill_for(circuit, ablation, model, means, task, split)
        logits = logits_with(circuit, model, tokens, fill, answers, without)
        logits = task.candidate_logits(logits)
        return logits, targets.to(logits.device)


def score_circuit(
    circuit: Circuit,
    model: Network,
    task: Task,
    split: TaskSplit,
    ablation: AblationKind,
    means: Mapping[str, Tensor],
    without: bool = False,
    calibration: Calibration | None = None,
) -> Score:
    """Score a model of which only a circuit is left, or of which it is ablated.

    Raises:
        SettingError: the calibration is for another number of candidates.
        TaskError: resample ablation of links, where clean and corrupt inputs are the same.
    """
    logits, targets = circuit_logits(circuit, model, task, split, ablation, means, without)
    return _mean_score(logits if calibration is None else calibration.apply(logits), targets)


def _mean_score(logits: Float[Tensor, "R P C"], targets: Int[Tensor, "R P"]) -> Score:
    return Score(
        loss=float(F.cross_entropy(logits.flatten(0, 1), targets.flatten())),
        accuracy=float((logits.argmax(-1) == targets).float().mean()),
        n=targets.numel(),
    )


def score_network(model: Network, task: Task, split: TaskSplit = "report") -> Score:
    """Score the whole network."""
    return score(model, task, split, None, "zero", {})


def is_learned(accuracy: float, floor: float) -> bool:
    """At least halfway from the floor to 1."""
    return accuracy >= learned_accuracy(floor)
