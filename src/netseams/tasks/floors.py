"""What can be had without the behaviour: blind floors, short-sighted predictors, twins."""

import math
from collections import Counter, defaultdict
from dataclasses import replace

import torch
from torch import Tensor

from netseams.core import generator
from netseams.tasks.base import Examples, Task


def blind_floor(examples: Examples) -> tuple[float, float]:
    """Accuracy and cross-entropy of the best predictor that cannot tell a pair's two inputs apart.

    It knows everything else, the pair's two answers included: it is right on one input of each
    pair where the answers differ, and then pays ln 2 for each. Both inputs count.
    """
    same = examples.clean_targets == examples.corrupt_targets
    share = float(same.float().mean())
    return 0.5 + 0.5 * share, math.log(2) * (1 - share)


def last_tokens_accuracy(task: Task, n_tokens: int) -> float:
    """Accuracy of a table from the last `n_tokens` tokens to their most frequent answer.

    The table is filled on mask_train and scored on report; what it has not seen gets the answer
    that is most frequent overall. Well above the floor means: so many tokens decide the task.
    """
    counts: defaultdict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    inputs, targets = task.rows("mask_train")
    overall: Counter[int] = Counter(targets[:, 0].tolist())
    for row, target in zip(inputs[:, -n_tokens:].tolist(), targets[:, 0].tolist(), strict=True):
        counts[tuple(row)][target] += 1
    inputs, targets = task.rows("report")
    right = sum(
        counts.get(tuple(row), overall).most_common(1)[0][0] == target
        for row, target in zip(inputs[:, -n_tokens:].tolist(), targets[:, 0].tolist(), strict=True)
    )
    return right / len(inputs)


def shuffled_twin(task: Task, seed: int) -> Task:
    """The same inputs with labels that mean nothing: a circuit for it is fitted, not found.

    Where both inputs of a pair count, every second pair, drawn by `seed`, has its two labels
    exchanged; else the labels are dealt out anew over the rows. The name says the seed.
    """
    splits = {
        split: _shuffled(examples, task.scores_both, generator("shuffled", task.name, split, seed))
        for split, examples in task.splits.items()
    }
    report = splits["report"]
    floor = blind_floor(report) if task.scores_both else _habit_floor(report)
    return replace(
        task,
        name=f"{task.name}_shuffled_{seed}",
        question=f"{task.question} (labels shuffled)",
        splits=splits,
        floor_accuracy=floor[0],
        floor_loss=floor[1],
    )


def phantom_twin(task: Task) -> Task:
    """The same inputs with another rule, which a network trained on or set for the task has no
    use for: the right candidate is the sum of all token ids, modulo the number of candidates.

    With several answers, every position adds one. A search that reaches a low loss has fitted a
    part to the rule, since there was none.
    """
    splits = {split: _by_sums(examples, task) for split, examples in task.splits.items()}
    floor = blind_floor(splits["report"]) if task.scores_both else _habit_floor(splits["report"])
    return replace(
        task,
        name=f"{task.name}_phantom",
        question=f"{task.question} (the sum of token ids instead)",
        splits=splits,
        floor_accuracy=floor[0],
        floor_loss=floor[1],
    )


def _by_sums(examples: Examples, task: Task) -> Examples:
    def answers(tokens: Tensor) -> Tensor:
        shift = torch.arange(examples.clean_targets.shape[1])
        return (tokens.sum(1, keepdim=True) + shift) % len(task.candidates)

    return replace(
        examples,
        clean_targets=answers(examples.clean),
        corrupt_targets=answers(examples.corrupt),
    )


def _shuffled(examples: Examples, both: bool, draws: torch.Generator) -> Examples:
    order = torch.randperm(len(examples), generator=draws)
    clean, corrupt = examples.clean_targets, examples.corrupt_targets
    if not both:
        return replace(examples, clean_targets=clean[order], corrupt_targets=corrupt[order])
    exchange = torch.zeros(len(examples), 1, dtype=torch.bool)
    exchange[order[: len(examples) // 2]] = True
    return replace(
        examples,
        clean_targets=torch.where(exchange, corrupt, clean),
        corrupt_targets=torch.where(exchange, clean, corrupt),
    )


def _habit_floor(examples: Examples) -> tuple[float, float]:
    """That of a predictor that knows how frequent every answer is at every position."""
    n, positions = examples.clean_targets.shape
    accuracies: list[float] = []
    losses: list[float] = []
    for p in range(positions):
        shares = torch.bincount(examples.clean_targets[:, p]).double() / n
        accuracies.append(float(shares.max()))
        losses.append(float(-torch.special.xlogy(shares, shares).sum()))
    return math.fsum(accuracies) / positions, math.fsum(losses) / positions
