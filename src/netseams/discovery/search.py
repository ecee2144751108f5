"""What every search returns, and the loss that it is asked to reach."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from netseams.circuits import Circuit
from netseams.core import Config, SettingError
from netseams.discovery.body import Body
from netseams.interventions import NodeMask, masked_hooks
from netseams.models import Network
from netseams.tasks import Task


class Budget(Config):
    """What a search cost."""

    steps: int
    training_sequences: int
    evaluations: int
    """Evaluations of a hard mask on the select split."""
    calibrations: int = 0
    """Calibrations of a hard mask on the mask_train split."""
    seconds: float


class CurvePoint(Config):
    """One mask met on the way: its size and its loss on the select split, in nats."""

    n_nodes: int
    n_edges: int
    loss: float


class SearchResult:
    """The size-loss curve of one search and its circuit at every target loss."""

    def __init__(
        self, curve: list[CurvePoint], circuits: dict[float, Circuit | None], budget: Budget
    ) -> None:
        self.curve = curve
        self.circuits = circuits
        self.budget = budget


def check_finite(model: Network, task: Task) -> None:
    """Confirm that a network gives numbers before it is searched.

    Raises:
        SettingError: some logit at the answers is not finite.
    """
    tokens = task.rows("select")[0].to(model.device)
    with torch.no_grad():
        logits = model(tokens, None, task.answers.to(tokens).expand(len(tokens), -1))
    if not bool(logits.isfinite().all()):
        raise SettingError(
            f"this network gives logits that are not finite on task {task.name}: some weights or "
            "activations of it are NaN or infinite; check its training"
        )


def task_loss(
    model: Network,
    task: Task,
    tokens: Int[Tensor, "R T"],
    targets: Int[Tensor, "R P"],
    nodes: NodeMask | Mapping[str, Tensor] | None = None,
    fill: Mapping[str, Tensor] | None = None,
) -> Float[Tensor, ""]:
    """Cross-entropy over the task's candidates at its answer positions, in nats.

    Args:
        nodes: kept nodes; None runs the whole model.
        fill: what stands in for the others.
    """
    hooks = None if nodes is None else masked_hooks(nodes, fill or {})
    answers = task.answers.expand(len(tokens), -1)
    logits = task.candidate_logits(model(tokens, hooks, answers))
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def answer_losses(
    body: Body,
    task: Task,
    tokens: Int[Tensor, "R T"],
    targets: Int[Tensor, "R P"],
    gates: Mapping[str, Float[Tensor, "M width"]],
) -> Float[Tensor, " M"]:
    """`task_loss` of every mask on its own rows: R rows in M equal parts, mask after mask."""
    logits = candidate_logits(body, task, tokens, gates).flatten(0, 1)
    n_masks = len(next(iter(gates.values())))
    if n_masks == 1:
        return F.cross_entropy(logits, targets.flatten()).unsqueeze(0)
    losses = F.cross_entropy(logits, targets.flatten(), reduction="none")
    return losses.view(n_masks, -1).mean(dim=1)


def candidate_logits(
    body: Body,
    task: Task,
    tokens: Int[Tensor, "R T"],
    gates: Mapping[str, Float[Tensor, "M width"]],
) -> Float[Tensor, "R P C"]:
    """Logits over the task's candidates at its answers, under M masks."""
    answers = task.answers.to(tokens.device).expand(len(tokens), -1)
    return task.candidate_logits(body(tokens, answers, gates))
