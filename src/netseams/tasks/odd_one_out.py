"""Odd one out: three items obey a rule and one does not (form of arXiv 2301.10884, section 3).

A rule is `A and B` for two properties that an item has or has not. Items are encoded one by one
by the same network, and the item that is least like the others is its answer. What the items of
a problem have is one table, `_TABLE`, for every rule.

Shape letters: N problems, four items each, d channels of an encoding.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from netseams.core import generator
from netseams.models import Encoder, encode_sets
from netseams.tasks.base import TaskSplit

N_ITEMS = 4
CHANCE = 1 / N_ITEMS
OddKind = Literal["composite", "mask_a", "mask_b", "balanced_a", "balanced_b", "test_a", "test_b"]
"""What a set of problems is for: see `_TABLE`."""
ODD_KINDS: tuple[OddKind, ...] = get_args(OddKind)
OddSplit = Literal["train", "mask_train", "select", "report"]
"""The network's own, of which any number is drawn, and the three of every task."""
ODD_SIZES: dict[TaskSplit, int] = {"mask_train": 2048, "select": 256, "report": 512}

_HAS, _LACKS, _EITHER = 1.0, 0.0, 0.5
_TABLE: dict[OddKind, tuple[tuple[float, float], tuple[tuple[float, float], ...]]] = {
    "composite": ((_HAS, _HAS), ((_LACKS, _HAS), (_HAS, _LACKS))),
    "mask_a": ((_HAS, _EITHER), ((_LACKS, _HAS),)),
    "mask_b": ((_EITHER, _HAS), ((_HAS, _LACKS),)),
    "balanced_a": ((_HAS, _EITHER), ((_LACKS, _EITHER),)),
    "balanced_b": ((_EITHER, _HAS), ((_EITHER, _LACKS),)),
    "test_a": ((_HAS, _HAS), ((_LACKS, _HAS),)),
    "test_b": ((_HAS, _HAS), ((_HAS, _LACKS),)),
}
"""Kind -> chances of A and of B in a rule item, and in the odd item (one of them, evenly).

All but the `balanced` ones are as published. The odd item of `mask_a` always has B and the rule
items only half of the time, so that B says something too; in `balanced_a` it says nothing.
"""


@dataclass(frozen=True)
class OddExamples:
    """Problems: four items each, and which of them is the odd one."""

    items: Tensor
    """(N, 4, ...): token ids (T) or pixels (1, height, width)."""
    odd: Int[Tensor, " N"]
    has_a: Bool[Tensor, "N 4"]
    has_b: Bool[Tensor, "N 4"]

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True)
class OddRule:
    """A composite rule and how items with given properties are made."""

    name: str
    reads: Literal["tokens", "images"]
    subroutines: tuple[str, str]
    """What A and B are."""
    draw: Callable[[Tensor, Tensor, OddSplit, torch.Generator], Tensor]
    """(has A (n), has B (n), split, draws) -> items (n, ...)."""
    odd_lacks_both: bool = False
    """Whether a third of the composite's odd items lack A and B (vision)."""

    def problems(
        self, kind: OddKind, n: int, split: OddSplit, draws: torch.Generator
    ) -> OddExamples:
        """`n` problems, the odd item anywhere among the four."""
        rule, odd_ones = _TABLE[kind]
        if kind == "composite" and self.odd_lacks_both:
            odd_ones = (*odd_ones, (_LACKS, _LACKS))
        odd = torch.randint(0, N_ITEMS, (n,), generator=draws)
        which = torch.randint(0, len(odd_ones), (n,), generator=draws)
        is_odd = F.one_hot(odd, N_ITEMS).bool().unsqueeze(2)
        chances = torch.where(
            is_odd, torch.tensor(odd_ones)[which].unsqueeze(1), torch.tensor(rule)
        )
        has = torch.rand(chances.shape, generator=draws) < chances
        flat = has.flatten(0, 1)
        items = self.draw(flat[:, 0], flat[:, 1], split, draws).unflatten(0, (n, N_ITEMS))
        return OddExamples(items, odd, has[..., 0], has[..., 1])


@dataclass(frozen=True)
class OddOneOut:
    """Fixed problems of one rule and one kind, in splits that share no item."""

    name: str
    rule: str
    kind: OddKind
    splits: dict[TaskSplit, OddExamples]
    chance: float = CHANCE


def odd_task(rule: OddRule, kind: OddKind, seed: int = 0) -> OddOneOut:
    """Problems of a kind; the same ones for the same seed."""
    splits: dict[TaskSplit, OddExamples] = {
        split: odd_examples(rule, kind, split, seed) for split in ODD_SIZES
    }
    return OddOneOut(f"{rule.name}/{kind}", rule.name, kind, splits)


def odd_examples(rule: OddRule, kind: OddKind, split: TaskSplit, seed: int = 0) -> OddExamples:
    """One split of `odd_task`."""
    draws = generator("odd one out", rule.name, kind, split, seed)
    return rule.problems(kind, ODD_SIZES[split], split, draws)


def odd_scores(encodings: Float[Tensor, "N K d"]) -> Float[Tensor, "N K"]:
    """How unlike the others an item is: minus its cosines with all items, itself included."""
    directions = F.normalize(encodings, dim=-1)
    return -(directions @ directions.transpose(1, 2)).sum(-1)


def odd_loss(encodings: Float[Tensor, "N K d"], odd: Int[Tensor, " N"]) -> Float[Tensor, ""]:
    """Cross-entropy of the scores on the odd item, in nats."""
    return F.cross_entropy(odd_scores(encodings), odd)


def odd_accuracy(encoder: Encoder, examples: OddExamples, batch: int = 256) -> float:
    """Share of problems whose odd item has the highest score."""
    right = 0
    with torch.no_grad():
        for start in range(0, len(examples), batch):
            some = slice(start, start + batch)
            scores = odd_scores(encode_sets(encoder, examples.items[some]))
            right += int((scores.argmax(1) == examples.odd[some]).sum())
    return right / len(examples)
