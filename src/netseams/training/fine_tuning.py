"""A little more training on one task, with the places of weights kept."""

import copy

import torch
import torch.nn.functional as F

from netseams.core import generator
from netseams.models import Transformer
from netseams.tasks import Task


def fine_tuned(
    model: Transformer, task: Task, steps: int = 100, lr: float = 1e-3, batch_size: int = 64,
    seed: int = 0,
) -> Transformer:  # fmt: skip
    """A copy of `model` after Adam steps on the answers of a task's mask_train split.

    Weights that are zero stay zero, so that a sparse network, or half of one, stays as sparse.
    """
    tuned = copy.deepcopy(model)
    support = {name: p.detach() != 0 for name, p in tuned.named_parameters() if p.ndim == 2}
    optimizer = torch.optim.Adam(tuned.parameters(), lr=lr)
    tokens, targets = task.rows("mask_train")
    answers = task.answers
    for step in range(steps):
        draws = generator(seed, "fine-tuning", step)
        rows = torch.randperm(len(tokens), generator=draws)[:batch_size]
        logits = tuned(tokens[rows], None, answers.expand(len(rows), -1))
        picks = task.candidate_logits(logits).flatten(0, 1)
        optimizer.zero_grad()
        F.cross_entropy(picks, targets[rows].flatten().to(picks.device)).backward()
        optimizer.step()
        with torch.no_grad():
            for name, parameter in tuned.named_parameters():
                if name in support:
                    parameter.mul_(support[name])
    return tuned
