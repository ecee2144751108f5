"""Which channels and weights the task misses when they alone are gone: by trying each.

A lower bound of any circuit where nothing stands in for anything; with redundant paths it may be
empty. What was set for the task (`Truth.nodes`, `Truth.weights`) is the upper bound. So precision
is measured against the upper and recall against the lower one.
"""

import copy

import torch
from torch import Tensor

from netseams.interventions import AblationKind, mean_activations
from netseams.models import Hook, Transformer, sites_of
from netseams.planted.base import TOLERANCE, Planted, WeightEdge
from netseams.tasks import Task

_PAIRS = 48


def needed_nodes(planted: Planted, task: Task, kind: AblationKind) -> dict[str, frozenset[int]]:
    """Site -> channels whose ablation alone costs more than `TOLERANCE` on some pair.

    `resample` takes the activation of the pair's other input; the mean is `mean_activations`'.
    """
    model = planted.model
    tokens, partners, targets = _rows(task)
    sites = sites_of(model.cfg)
    with torch.no_grad():
        if kind == "resample":
            fill = model.run_with_cache(partners, [site.name for site in sites])[1]
        else:
            means = mean_activations(model, planted.corpus)
            fill = means if kind == "mean" else {s: torch.zeros_like(m) for s, m in means.items()}
        whole = _losses(model(tokens), task, targets)
        needed: dict[str, frozenset[int]] = {}
        for site in sites:
            logits = model.run_with_hooks(
                tokens.repeat(site.width, 1), {site.name: _each_gone(site.width, fill[site.name])}
            )
            more = _losses(logits, task, targets.repeat(site.width, 1)).view(site.width, -1)
            missed = (more - whole.flatten()).amax(1) > TOLERANCE
            needed[site.name] = frozenset(missed.nonzero().squeeze(1).tolist())
    return needed


def needed_weights(planted: Planted, task: Task) -> frozenset[WeightEdge]:
    """Those of `Truth.weights` whose setting to zero costs more than `TOLERANCE`."""
    model: Transformer = copy.deepcopy(planted.model)
    tokens, _, targets = _rows(task)
    needed: set[WeightEdge] = set()
    with torch.no_grad():
        whole = _losses(model(tokens), task, targets)
        for edge in planted.truths[task.name].weights:
            matrix, target, source = edge
            weight = model.get_parameter(matrix)
            value = weight[target, source].clone()
            weight[target, source] = 0.0
            more = _losses(model(tokens), task, targets) - whole
            weight[target, source] = value
            if float(more.max()) > TOLERANCE:
                needed.add(edge)
    return frozenset(needed)


def _each_gone(width: int, fill: Tensor) -> Hook:
    """Rows are `width` copies of a batch: the i-th copy has `fill` at channel i."""

    def hook(x: Tensor) -> Tensor:
        flat = x.unflatten(0, (width, -1)).flatten(3)
        other = fill.flatten() if fill.numel() == width else fill.flatten(2)
        gone = torch.eye(width, dtype=torch.bool).view(width, 1, 1, width)
        return torch.where(gone, other, flat).view(x.shape)

    return hook


def _rows(task: Task) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs of the first pairs of the report split, their partners, their targets."""
    first = {name: x[:_PAIRS] for name, x in vars(task.splits["report"]).items()}
    return (
        torch.cat([first["clean"], first["corrupt"]]),
        torch.cat([first["corrupt"], first["clean"]]),
        torch.cat([first["clean_targets"], first["corrupt_targets"]]),
    )


def _losses(logits: Tensor, task: Task, targets: Tensor) -> Tensor:
    """(rows, answers): nats of the right answer among the candidates."""
    chosen = task.candidate_logits(logits[:, task.answers]).log_softmax(-1)
    return -chosen.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
