"""Tasks of generated languages: another operation, or other operands, in the corrupt input.

Shape letters: N rows, P answer positions, O options.
"""

import math
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netseams.core import generator
from netseams.corpora import Arithmetic
from netseams.corpora.arithmetic import tenth
from netseams.tasks.base import SPLIT_SIZES, Examples, Task, TaskSplit

TENTHS: dict[TaskSplit, tuple[int, ...]] = {"mask_train": (7,), "select": (8,), "report": (9,)}
"""The first two splits are validation to the corpus, the third is its test."""
_FLOOR_ROWS = 2048
_TRIES = 64

Op = TypeVar("Op")


class Language(Protocol[Op]):
    """A corpus that answers a list of operations on rows of symbols."""

    @property
    def name(self) -> str: ...
    @property
    def answers(self) -> list[int]: ...
    def encode(self, ops: list[Op], x: Tensor, /) -> tuple[Tensor, Tensor]: ...


def operation_task(
    name: str,
    question: str,
    corpus: Language[Op],
    strings: Callable[[tuple[int, ...], int, torch.Generator], Tensor],
    n_symbols: int,
    clean: Sequence[Op],
    rivals: Callable[[Op], list[Op]],
    answer: int | None = None,
) -> Task:
    """Clean inputs use the operations `clean`; each corrupt one uses a rival of the clean one.

    Only clean inputs count: they ask for this operation. The floor belongs to the best
    predictor that sees everything but which of the operation and its rivals is asked for: it
    takes a vote over them.

    Args:
        strings: (tenths, n, draws) -> n rows of symbols.
        answer: which of the corpus's answers is asked for; None: all of them.
    """
    places = slice(None) if answer is None else slice(answer, answer + 1)
    splits: dict[TaskSplit, Examples] = {}
    for split, n in SPLIT_SIZES.items():
        draws = generator("task", name, split)
        x = strings(TENTHS[split], n, draws)
        asked = [clean[i % len(clean)] for i in range(n)]
        others: list[Op] = []
        for op in asked:
            against = rivals(op)
            others.append(against[int(torch.randint(0, len(against), (1,), generator=draws))])
        clean_rows, clean_targets = corpus.encode(asked, x)
        corrupt_rows, corrupt_targets = corpus.encode(others, x)
        splits[split] = Examples(
            clean_rows, corrupt_rows, clean_targets[:, places], corrupt_targets[:, places]
        )
    x = strings(TENTHS["report"], _FLOOR_ROWS, generator("floor", name))
    floors: list[tuple[float, float]] = []
    for op in clean:
        options = [corpus.encode([one] * len(x), x)[1][:, places] for one in (op, *rivals(op))]
        floors.append(vote(torch.stack(options), options[0], n_symbols))
    return Task(
        name=name,
        corpus=corpus.name,
        question=question,
        candidates=torch.arange(n_symbols),
        answers=torch.tensor(corpus.answers[places]),
        splits=splits,
        scores_both=False,
        floor_accuracy=_mean([floor[0] for floor in floors]),
        floor_loss=_mean([floor[1] for floor in floors]),
    )


def operands_task(
    name: str, question: str, corpus: Arithmetic, operands: tuple[int, ...], answer: int
) -> Task:
    """Corrupt inputs have other values in the columns `operands`, and another answer.

    Both inputs count, and both are of the split's own tenth. The floor belongs to the best
    predictor that sees all other columns: it takes a vote over every value of these.

    Args:
        answer: which of the corpus's answers is asked for.
    """
    places = list(operands)
    splits: dict[TaskSplit, Examples] = {}
    for split, n in SPLIT_SIZES.items():
        draws = generator("task", name, split)
        x = corpus.operands(TENTHS[split], n, draws)
        other = _partners(corpus, x, places, answer, TENTHS[split], draws)
        rows = [corpus.encode([corpus.operations[0]] * n, values) for values in (x, other)]
        column = slice(answer, answer + 1)
        splits[split] = Examples(
            rows[0][0], rows[1][0], rows[0][1][:, column], rows[1][1][:, column]
        )
    floor = _operand_floor(corpus, places, answer)
    return Task(
        name=name,
        corpus=corpus.name,
        question=question,
        candidates=torch.arange(corpus.modulus),
        answers=torch.tensor(corpus.answers[answer : answer + 1]),
        splits=splits,
        scores_both=True,
        floor_accuracy=floor[0],
        floor_loss=floor[1],
    )


def vote(
    options: Int[Tensor, "O N P"], truth: Int[Tensor, "N P"], n_symbols: int
) -> tuple[float, float]:
    """Accuracy and cross-entropy of one who knows the options and not which of them holds."""
    votes = torch.stack([(options == s).float().mean(0) for s in range(n_symbols)], dim=-1)
    best = votes == votes.amax(-1, keepdim=True)
    chance: Float[Tensor, "N P S"] = best.float() / best.sum(-1, keepdim=True)
    accuracy = float(chance.gather(-1, truth.unsqueeze(-1)).mean())
    return accuracy, float(-votes.gather(-1, truth.unsqueeze(-1)).log().mean())


def _partners(
    corpus: Arithmetic,
    x: Int[Tensor, "N k"],
    places: list[int],
    answer: int,
    tenths: tuple[int, ...],
    draws: torch.Generator,
) -> Int[Tensor, "N k"]:
    """Rows of the same tenths with other values in `places` and another answer."""
    found, todo = x.clone(), torch.arange(len(x))
    while len(todo):
        tried = x[todo].unsqueeze(1).repeat(1, _TRIES, 1)
        shape = (len(todo), _TRIES, len(places))
        tried[..., places] = torch.randint(0, corpus.modulus, shape, generator=draws)
        flat = tried.flatten(0, 1)
        given = _answers(corpus, x[todo])[:, answer].repeat_interleave(_TRIES)
        differs = _answers(corpus, flat)[:, answer] != given
        fits = (differs & torch.isin(tenth(flat), torch.tensor(tenths))).view(-1, _TRIES)
        first = fits.long().argmax(1)
        found[todo] = tried[torch.arange(len(todo)), first]
        todo = todo[~fits.any(1)]
    return found


def _answers(corpus: Arithmetic, x: Tensor) -> Tensor:
    return corpus.answer(corpus.operations[0], x)


def _operand_floor(corpus: Arithmetic, places: list[int], answer: int) -> tuple[float, float]:
    values = torch.cartesian_prod(*[torch.arange(corpus.modulus)] * len(places))
    values = values.view(-1, len(places))
    rows = torch.randint(
        0, corpus.modulus, (64, corpus.n_operands), generator=generator("floor", corpus.name)
    )
    every = rows.unsqueeze(0).repeat(len(values), 1, 1)
    every[:, :, places] = values.unsqueeze(1)
    options = _answers(corpus, every.flatten(0, 1)).unflatten(0, every.shape[:2])[..., answer]
    # Each option is the truth equally often.
    votes = torch.stack([(options == s).double().mean(0) for s in range(corpus.modulus)], dim=-1)
    entropy = -torch.special.xlogy(votes, votes).sum(-1)
    return float(votes.amax(-1).mean()), float(entropy.mean())


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)
