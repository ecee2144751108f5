"""`op1 op2 x1..xn SEP -> op2(op1(x))`: a language whose subroutines are known.

The first slot holds an operation on positions, the second one on values. Some pairs are never
trained on, so that composition can be told from memory. SEP is repeated once per answer and the
i-th answer is due at the i-th SEP: answers are never fed back, because an answer already given
would tell a network which operation it is to do.
"""

from collections.abc import Callable
from typing import ClassVar, Literal

import torch
from jaxtyping import Int
from pydantic import Field
from torch import Tensor

from netseams.core import Config, generator
from netseams.corpora.base import IGNORED, Batch, Split

N_SYMBOLS = 10
Operation = Callable[[Tensor], Tensor]

POSITION_OPS: dict[str, Operation] = {
    "keep_order": lambda x: x,
    "reverse": lambda x: x.flip(-1),
    "rotate": lambda x: x.roll(-1, -1),
    "swap_pairs": lambda x: x.unflatten(-1, (-1, 2)).flip(-1).flatten(-2),
}
VALUE_OPS: dict[str, Operation] = {
    "keep_values": lambda x: x,
    "increment": lambda x: (x + 1) % N_SYMBOLS,
    "complement": lambda x: N_SYMBOLS - 1 - x,
    "add_five": lambda x: (x + 5) % N_SYMBOLS,
}
HELD_OUT = (("reverse", "increment"), ("rotate", "complement"), ("swap_pairs", "add_five"))
"""Pairs of operations that no network is trained on."""

_NAMES = [*(str(i) for i in range(N_SYMBOLS)), *POSITION_OPS, *VALUE_OPS, "SEP"]
TOKEN = {name: i for i, name in enumerate(_NAMES)}
_BUCKETS: dict[Split, tuple[int, ...]] = {
    "train": (0, 1, 2, 3, 4, 5, 6),
    "valid": (7, 8),
    "test": (9,),
}


class StringOpsConfig(Config):
    """Strings of `length` digits."""

    kind: Literal["string_ops"] = "string_ops"
    length: int = Field(default=6, ge=2, le=32, multiple_of=2)


class StringOps:
    """Draws strings and pairs of operations; nothing is stored."""

    slots: ClassVar[tuple[tuple[str, ...], tuple[str, ...]]] = (
        tuple(POSITION_OPS),
        tuple(VALUE_OPS),
    )
    """Operations that may stand in the first and in the second slot."""
    held_out_pairs: ClassVar[tuple[tuple[str, str], ...]] = HELD_OUT

    def __init__(self, config: "StringOpsConfig | TwoSlotsConfig") -> None:
        self.config = config
        self.name = config.kind
        self.d_vocab = len(_NAMES)
        self.length = config.length
        self.held_out = list(self.held_out_pairs)
        every = [(p, v) for p in self.slots[0] for v in self.slots[1]]
        self.trained = [pair for pair in every if pair not in self.held_out]

    @property
    def n_positions(self) -> int:
        """Positions of every sequence: two operations, the string, and a SEP per answer."""
        return 2 + 2 * self.length

    @property
    def answers(self) -> list[int]:
        """Positions at which an answer is due."""
        return list(range(2 + self.length, self.n_positions))

    def strings(
        self, buckets: tuple[int, ...], n: int, draws: torch.Generator
    ) -> Int[Tensor, "n length"]:
        """`n` strings from the given tenths of all strings.

        Buckets are fixed by the string itself, so that splits share no string.
        """
        found: list[Tensor] = []
        have = 0
        while have < n:
            x = torch.randint(0, N_SYMBOLS, (2 * n, self.length), generator=draws)
            weights = torch.tensor([7, 3, 9, 1], dtype=torch.long).repeat(self.length)
            bucket = (x * weights[: self.length]).sum(1) % 10
            x = x[torch.isin(bucket, torch.tensor(buckets))]
            found.append(x)
            have += len(x)
        return torch.cat(found)[:n]

    def encode(
        self, pairs: list[tuple[str, str]], x: Int[Tensor, "n length"]
    ) -> tuple[Int[Tensor, "n total"], Int[Tensor, "n length"]]:
        """Inputs and answers, one row per pair of operations and string."""
        ops = torch.tensor([[TOKEN[p], TOKEN[v]] for p, v in pairs])
        y = torch.empty_like(x)
        for pair in set(pairs):
            rows = torch.tensor([other == pair for other in pairs])
            y[rows] = self.apply(pair, x[rows])
        sep = torch.full_like(x, TOKEN["SEP"])
        return torch.cat([ops, x, sep], dim=1), y

    def apply(self, pair: tuple[str, str], x: Int[Tensor, "n length"]) -> Int[Tensor, "n length"]:
        """The answers of one pair of operations."""
        return VALUE_OPS[pair[1]](POSITION_OPS[pair[0]](x))

    def batch(self, split: Split, size: int, length: int, draws: torch.Generator) -> Batch:
        """Trained pairs on strings of the split; only answers carry loss. `length` is fixed."""
        x = self.strings(_BUCKETS[split], size, draws)
        picks = torch.randint(0, len(self.trained), (size,), generator=draws).tolist()
        inputs, y = self.encode([self.trained[i] for i in picks], x)
        targets = torch.full_like(inputs, IGNORED)
        targets[:, self.answers] = y
        return Batch(inputs, targets)

    def test_strings(self, n: int) -> Int[Tensor, "n length"]:
        """Strings that neither training nor validation draws, always the same ones."""
        return self.strings(_BUCKETS["test"], n, generator("test strings"))

    def text_of(self, token: int) -> str:
        return _NAMES[token]

    def summary(self) -> dict[str, str | int]:
        return {
            "name": self.name,
            "fingerprint": self.config.digest(),
            "d_vocab": self.d_vocab,
            "length": self.length,
            "trained_pairs": len(self.trained),
            "held_out_pairs": len(self.held_out),
        }


_EITHER_SLOT: dict[str, Operation] = {
    name: operation
    for name, operation in {**POSITION_OPS, **VALUE_OPS}.items()
    if name != "keep_values"  # it is `keep_order` once more
}


class TwoSlotsConfig(Config):
    """Strings of `length` digits, and operations of both kinds in either slot."""

    kind: Literal["two_slots"] = "two_slots"
    length: int = Field(default=6, ge=2, le=32, multiple_of=2)


class TwoSlots(StringOps):
    """The same operation in two contexts: `reverse increment` and `increment reverse`.

    Every operation lacks one partner behind it and one before it.
    """

    slots: ClassVar[tuple[tuple[str, ...], tuple[str, ...]]] = (
        tuple(_EITHER_SLOT),
        tuple(_EITHER_SLOT),
    )
    held_out_pairs: ClassVar[tuple[tuple[str, str], ...]] = (
        ("reverse", "rotate"),
        ("rotate", "increment"),
        ("increment", "swap_pairs"),
        ("swap_pairs", "complement"),
        ("complement", "add_five"),
        ("add_five", "reverse"),
    )

    def apply(self, pair: tuple[str, str], x: Int[Tensor, "n length"]) -> Int[Tensor, "n length"]:
        return _EITHER_SLOT[pair[1]](_EITHER_SLOT[pair[0]](x))
