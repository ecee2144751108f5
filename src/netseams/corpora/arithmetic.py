"""What languages of sums share: rows of fixed length, operands in tenths, answers at fixed places.

Answers are never fed back. Shape letters: n rows, k operands, T positions, P answers.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from netseams.core import Config
from netseams.corpora.base import IGNORED, Batch, Split

_BUCKETS: dict[Split, tuple[int, ...]] = {
    "train": (0, 1, 2, 3, 4, 5, 6),
    "valid": (7, 8),
    "test": (9,),
}


class Arithmetic(ABC):
    """Operands and an operation -> answers; nothing is stored.

    Tokens are the numbers below `modulus`, one for every operation, and one for every answer
    that is due.
    """

    operations: ClassVar[tuple[str, ...]]
    """What a row can ask for; with one alone no token says so."""

    def __init__(
        self, config: Config, name: str, modulus: int, n_operands: int, reads: tuple[str, ...]
    ) -> None:
        self.config, self.name, self.modulus, self.n_operands = config, name, modulus, n_operands
        asked = self.operations if len(self.operations) > 1 else ()
        self._names = [*(str(i) for i in range(modulus)), *asked, *dict.fromkeys(reads)]
        self.token = {word: i for i, word in enumerate(self._names)}
        self.d_vocab = len(self._names)
        self.first = len(asked[:1])
        """Position of the first operand."""
        self._reads = torch.tensor([self.token[read] for read in reads])
        self.n_positions = self.first + n_operands + len(reads)
        self.answers = list(range(self.n_positions - len(reads), self.n_positions))

    @abstractmethod
    def answer(self, operation: str, x: Int[Tensor, "n k"]) -> Int[Tensor, "n P"]:
        """The answers of one operation."""

    def operands(
        self, buckets: tuple[int, ...], n: int, draws: torch.Generator
    ) -> Int[Tensor, "n k"]:
        """Operands from the given tenths of all, so that splits share none.

        A tenth is fixed by a hash of them all.
        """
        x = torch.randint(0, self.modulus, (n, self.n_operands), generator=draws)
        todo = torch.arange(n)
        while len(todo := todo[~torch.isin(tenth(x[todo]), torch.tensor(buckets))]):
            x[todo] = torch.randint(0, self.modulus, (len(todo), self.n_operands), generator=draws)
        return x

    def encode(
        self, operations: list[str], x: Int[Tensor, "n k"]
    ) -> tuple[Int[Tensor, "n T"], Int[Tensor, "n P"]]:
        """Inputs and answers, one row per operation and operands."""
        parts = [x, self._reads.expand(len(x), -1)]
        if self.first:
            parts.insert(0, torch.tensor([[self.token[name]] for name in operations]))
        return torch.cat(parts, dim=1), self._answers(operations, x)

    def _answers(self, operations: list[str], x: Int[Tensor, "n k"]) -> Int[Tensor, "n P"]:
        asked = torch.tensor([self.operations.index(operation) for operation in operations])
        y = torch.stack([self.answer(operation, x) for operation in self.operations])
        return y[asked, torch.arange(len(x))]

    def batch(self, split: Split, size: int, length: int, draws: torch.Generator) -> Batch:
        """Every operation equally often; only answers carry loss. `length` is fixed."""
        x = self.operands(_BUCKETS[split], size, draws)
        picks = torch.randint(0, len(self.operations), (size,), generator=draws).tolist()
        inputs, y = self.encode([self.operations[i] for i in picks], x)
        targets = torch.full_like(inputs, IGNORED)
        targets[:, self.answers] = y
        return Batch(inputs, targets)

    def text_of(self, token: int) -> str:
        return self._names[token]

    def summary(self) -> dict[str, str | int]:
        return {
            "name": self.name,
            "fingerprint": self.config.digest(),
            "d_vocab": self.d_vocab,
            "modulus": self.modulus,
        }


def tenth(x: Int[Tensor, "n k"]) -> Int[Tensor, " n"]:
    """A tenth, by a hash: a weighted sum would be close to what is to be learned."""
    mixed = torch.zeros(len(x), dtype=torch.long)
    for column in x.unbind(1):
        mixed = (mixed * 1_000_003 + column * 7_919 + 12_345) % 2_147_483_647
        mixed = (mixed ^ (mixed >> 13)) * 5_741 % 2_147_483_647
    return (mixed >> 7) % 10
