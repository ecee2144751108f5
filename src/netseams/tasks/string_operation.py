"""One task per string operation: the circuit of `reverse` should do `reverse` and nothing else."""

import math

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


def string_operation(name: str, corpus: StringOps) -> Task:
    """Clean inputs use operation `name`; corrupt ones another operation in the same slot.

    Only clean inputs count: they ask for this operation. The floor belongs to the best
    predictor that sees the string and the other operation but not which operation is in this
    slot: it takes a vote over the operations that could stand there.

    Raises:
        UnknownNameError: no such operation.
    """
    if name not in OPERATIONS:
        raise UnknownNameError("task", name, OPERATIONS)
    slot = 0 if name in POSITION_OPS else 1
    clean_pairs = [pair for pair in corpus.trained if pair[slot] == name]
    splits: dict[TaskSplit, Examples] = {
        split: _examples(name, slot, clean_pairs, corpus, split) for split in SPLIT_SIZES
    }
    floor_accuracy, floor_loss = _floor(name, slot, clean_pairs, corpus)
    return Task(
        name=name,
        corpus=corpus.name,
        question=f"apply {name} to the string",
        candidates=torch.arange(N_SYMBOLS),
        answers=torch.tensor(corpus.answers),
        splits=splits,
        scores_both=False,
        floor_accuracy=floor_accuracy,
        floor_loss=floor_loss,
    )


def solver_accuracy(solver: str, task: Task, corpus: StringOps) -> float:
    """What one who does `solver` in its slot, whatever the input says, scores on a task's report.

    The other slot is done as the input says. It is the floor of the circuit of `solver` on the
    task: `rotate` and `swap_pairs` put the same digit in three places of six.

    Raises:
        UnknownNameError: no such operation.
    """
    if solver not in OPERATIONS:
        raise UnknownNameError("task", solver, OPERATIONS)
    slot = 0 if solver in POSITION_OPS else 1
    tokens, targets = task.rows("report")
    names = [[corpus.text_of(token) for token in row] for row in tokens[:, :2].tolist()]
    pairs = [(solver, second) if slot == 0 else (first, solver) for first, second in names]
    answers = corpus.encode(pairs, tokens[:, 2 : 2 + corpus.length])[1]
    return float((answers == targets).float().mean())


def _rivals(pair: Pair, slot: int, corpus: StringOps) -> list[Pair]:
    """Trained pairs that differ from `pair` in `slot` alone."""
    return [p for p in corpus.trained if p[1 - slot] == pair[1 - slot] and p[slot] != pair[slot]]


def _examples(
    name: str, slot: int, clean_pairs: list[Pair], corpus: StringOps, split: TaskSplit
) -> Examples:
    n = SPLIT_SIZES[split]
    draws = generator("task", name, split)
    x = corpus.strings(_BUCKETS[split], n, draws)
    clean = [clean_pairs[i % len(clean_pairs)] for i in range(n)]
    corrupt: list[Pair] = []
    for pair in clean:
        rivals = _rivals(pair, slot, corpus)
        corrupt.append(rivals[int(torch.randint(0, len(rivals), (1,), generator=draws))])
    clean_rows, clean_targets = corpus.encode(clean, x)
    corrupt_rows, corrupt_targets = corpus.encode(corrupt, x)
    return Examples(clean_rows, corrupt_rows, clean_targets, corrupt_targets)


def _floor(name: str, slot: int, clean_pairs: list[Pair], corpus: StringOps) -> tuple[float, float]:
    """Accuracy and cross-entropy of the vote, averaged over strings and positions."""
    x = corpus.strings(_BUCKETS["report"], 2048, generator("floor", name))

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
