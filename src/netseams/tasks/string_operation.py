"""One task per string operation: the circuit of `reverse` should do `reverse` and nothing else."""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from netseams.core import UnknownNameError, generator
from netseams.corpora import StringOps
from netseams.corpora.string_ops import N_SYMBOLS, POSITION_OPS, VALUE_OPS
from netseams.tasks.base import SPLIT_SIZES, Examples, Task, TaskSplit

OPERATIONS = tuple(
    name for name in [*POSITION_OPS, *VALUE_OPS] if name not in ("keep_order", "keep_values")
)
_BUCKETS: dict[TaskSplit, tuple[int, ...]] = {"mask_train": (7,), "select": (8,), "report": (9,)}

Pair = tuple[str, str]
Half = Literal["low", "high"]
Keep = Callable[[Tensor], Tensor]


def string_operation(name: str, corpus: StringOps) -> Task:
    """Clean inputs use operation `name`; corrupt ones another operation in the same slot.

    Only clean inputs count: they ask for this operation. The floor belongs to the best
    predictor that sees the string and the other operation but not which operation is in this
    slot: it takes a vote over the operations that could stand there.

    Raises:
        UnknownNameError: no such operation.
    """
    return _task(name, corpus, name, f"apply {name} to the string", None)


def phantom_operation(name: str, corpus: StringOps, half: Half) -> Task:
    """An operation on strings whose first digit is `low` (below 5) or `high` (5 and above).

    A network that does the operation has no part for one half of it: a circuit that does one half
    and not the other, or whose removal breaks one half alone, was fitted and not found. The name
    is `phantom_reverse_low` for `reverse`. Otherwise the task is that of the operation.

    Raises:
        UnknownNameError: no such operation.
    """

    def keep(x: Tensor) -> Tensor:
        return (x[:, 0] < N_SYMBOLS // 2) == (half == "low")

    question = f"apply {name} to a string whose first digit is {half}"
    return _task(name, corpus, f"phantom_{name}_{half}", question, keep)


def _task(name: str, corpus: StringOps, title: str, question: str, keep: Keep | None) -> Task:
    """`title` asks for operation `name` on the strings that `keep` says."""
    if name not in OPERATIONS:
        raise UnknownNameError("task", name, OPERATIONS)
    slot = 0 if name in POSITION_OPS else 1
    clean_pairs = [pair for pair in corpus.trained if pair[slot] == name]
    splits: dict[TaskSplit, Examples] = {
        split: _examples(title, slot, clean_pairs, corpus, split, keep) for split in SPLIT_SIZES
    }
    floor_accuracy, floor_loss = _floor(title, slot, clean_pairs, corpus, keep)
    return Task(
        name=title,
        corpus=corpus.name,
        question=question,
        candidates=torch.arange(N_SYMBOLS),
        answers=torch.tensor(corpus.answers),
        splits=splits,
        scores_both=False,
        floor_accuracy=floor_accuracy,
        floor_loss=floor_loss,
    )


def _rivals(pair: Pair, slot: int, corpus: StringOps) -> list[Pair]:
    """Trained pairs that differ from `pair` in `slot` alone."""
    return [p for p in corpus.trained if p[1 - slot] == pair[1 - slot] and p[slot] != pair[slot]]


def _examples(
    name: str, slot: int, clean_pairs: list[Pair], corpus: StringOps, split: TaskSplit,
    keep: Keep | None,
) -> Examples:  # fmt: skip
    n = SPLIT_SIZES[split]
    draws = generator("task", name, split)
    x = _strings(corpus, split, n, draws, keep)
    clean = [clean_pairs[i % len(clean_pairs)] for i in range(n)]
    corrupt: list[Pair] = []
    for pair in clean:
        rivals = _rivals(pair, slot, corpus)
        corrupt.append(rivals[int(torch.randint(0, len(rivals), (1,), generator=draws))])
    clean_rows, clean_targets = corpus.encode(clean, x)
    corrupt_rows, corrupt_targets = corpus.encode(corrupt, x)
    return Examples(clean_rows, corrupt_rows, clean_targets, corrupt_targets)


def _strings(
    corpus: StringOps, split: TaskSplit, n: int, draws: torch.Generator, keep: Keep | None
) -> Tensor:
    if keep is None:
        return corpus.strings(_BUCKETS[split], n, draws)
    many = corpus.strings(_BUCKETS[split], 4 * n, draws)  # about half of them are kept
    return many[keep(many)][:n]


def _floor(
    name: str, slot: int, clean_pairs: list[Pair], corpus: StringOps, keep: Keep | None
) -> tuple[float, float]:
    """Accuracy and cross-entropy of the vote, averaged over strings and positions."""
    x = _strings(corpus, "report", 2048, generator("floor", name), keep)

    def outputs(pair: Pair) -> Tensor:
        return corpus.encode([pair] * len(x), x)[1]

    accuracies: list[float] = []
    losses: list[float] = []
    for pair in clean_pairs:
        truth = outputs(pair)
        options = torch.stack([truth, *(outputs(rival) for rival in _rivals(pair, slot, corpus))])
        votes = torch.stack([(options == s).float().mean(0) for s in range(N_SYMBOLS)], dim=-1)
        best = votes == votes.amax(-1, keepdim=True)
        chance = best.float() / best.sum(-1, keepdim=True)
        accuracies.append(float(chance.gather(-1, truth.unsqueeze(-1)).mean()))
        losses.append(float(-votes.gather(-1, truth.unsqueeze(-1)).log().mean()))
    return _mean(accuracies), _mean(losses)


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)
