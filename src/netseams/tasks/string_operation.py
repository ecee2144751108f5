"""One task per string operation: the circuit of `reverse` should do `reverse` and nothing else."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from netseams.core import UnknownNameError
from netseams.corpora import StringOps, TwoSlots
from netseams.corpora.string_ops import N_SYMBOLS, POSITION_OPS, VALUE_OPS
from netseams.tasks.base import Task
from netseams.tasks.contrast import operation_task

OPERATIONS = tuple(
    name for name in [*POSITION_OPS, *VALUE_OPS] if name not in ("keep_order", "keep_values")
)
SLOTS = ("first", "second")
TWO_SLOT_TASKS = tuple(f"{name}_{slot}" for slot in SLOTS for name in OPERATIONS)
"""The same operation in either slot: is it reused or learned twice?"""

Pair = tuple[str, str]
Half = Literal["low", "high"]
Strings = Callable[[tuple[int, ...], int, torch.Generator], Tensor]


def string_operation(name: str, corpus: StringOps) -> Task:
    """Clean inputs use operation `name`; corrupt ones another operation in the same slot.

    Raises:
        UnknownNameError: no such operation.
    """
    if name not in OPERATIONS:
        raise UnknownNameError("task", name, OPERATIONS)
    slot = 0 if name in POSITION_OPS else 1
    return _task(name, name, slot, f"apply {name} to the string", corpus)


def phantom_operation(name: str, corpus: StringOps, half: Half) -> Task:
    """An operation on strings whose first digit is `low` (below 5) or `high` (5 and above).

    A network that does the operation has no part for one half of it: a circuit that does one half
    and not the other, or whose removal breaks one half alone, was fitted and not found. The name
    is `phantom_reverse_low` for `reverse`. Otherwise the task is that of the operation.

    Raises:
        UnknownNameError: no such operation.
    """
    if name not in OPERATIONS:
        raise UnknownNameError("task", name, OPERATIONS)

    def strings(buckets: tuple[int, ...], n: int, draws: torch.Generator) -> Tensor:
        x = corpus.strings(buckets, 4 * n, draws)  # about half of them are kept
        return x[(x[:, 0] < N_SYMBOLS // 2) == (half == "low")][:n]

    question = f"apply {name} to a string whose first digit is {half}"
    slot = 0 if name in POSITION_OPS else 1
    return _task(f"phantom_{name}_{half}", name, slot, question, corpus, strings)


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


def two_slot_operation(name: str, corpus: TwoSlots) -> Task:
    """The same for an operation in one of the two slots, such as `reverse_second`.

    Raises:
        UnknownNameError: no such operation and slot.
    """
    if name not in TWO_SLOT_TASKS:
        raise UnknownNameError("task", name, TWO_SLOT_TASKS)
    operation, slot = name.rsplit("_", 1)
    question = f"apply {operation} to the string, as the {slot} of two operations"
    return _task(name, operation, SLOTS.index(slot), question, corpus)


def _task(
    name: str, operation: str, slot: int, question: str, corpus: StringOps,
    strings: Strings | None = None,
) -> Task:  # fmt: skip
    def rivals(pair: Pair) -> list[Pair]:
        """Trained pairs that differ from `pair` in `slot` alone."""
        return [
            p for p in corpus.trained if p[1 - slot] == pair[1 - slot] and p[slot] != pair[slot]
        ]

    clean = [pair for pair in corpus.trained if pair[slot] == operation]
    return operation_task(
        name, question, corpus, strings or corpus.strings, N_SYMBOLS, clean, rivals
    )
