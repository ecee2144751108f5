"""`f a b g c d READ1 READ2 -> f(a, b), g(c, d)`: several operations, each at two call sites.

As in double addition (arXiv 2010.02066, section 3) an operation occurs in two contexts, and here
other operations occur in the same two: what circuits of one operation share at both sites can be
held against what those of two operations share.
"""

from itertools import product
from typing import ClassVar, Literal

import torch
from jaxtyping import Int
from pydantic import Field
from torch import Tensor

from netseams.core import Config
from netseams.corpora.arithmetic import Arithmetic

FUNCTIONS = ("add", "multiply", "max")


class TwoCallsConfig(Config):
    """Addition and multiplication modulo `modulus`, and the maximum, at two call sites."""

    kind: Literal["two_calls"] = "two_calls"
    modulus: int = Field(default=11, ge=5, le=31)


class TwoCalls(Arithmetic):
    """An operation of a row is a pair of functions, `add max`: one for each site."""

    operations: ClassVar[tuple[str, ...]] = tuple(" ".join(p) for p in product(FUNCTIONS, repeat=2))

    def __init__(self, config: TwoCallsConfig) -> None:
        super().__init__(config, config.kind, config.modulus, 4, ("READ1", "READ2"))
        # One token for every function, not for every pair.
        self._names = [*(str(i) for i in range(self.modulus)), *FUNCTIONS, "READ1", "READ2"]
        self.token = {word: i for i, word in enumerate(self._names)}
        self.d_vocab = len(self._names)
        self._reads = torch.tensor([self.token["READ1"], self.token["READ2"]])
        self.n_positions = 8
        self.answers = [6, 7]

    def answer(self, operation: str, x: Int[Tensor, "n k"]) -> Int[Tensor, "n P"]:
        first, second = operation.split()
        return torch.stack(
            [self._apply(first, x[:, 0], x[:, 1]), self._apply(second, x[:, 2], x[:, 3])], dim=1
        )

    def encode(
        self, operations: list[str], x: Int[Tensor, "n k"]
    ) -> tuple[Int[Tensor, "n T"], Int[Tensor, "n P"]]:
        """Inputs and answers; each function stands before its own operands."""
        names = [[self.token[f] for f in operation.split()] for operation in operations]
        f, g = torch.tensor(names).split(1, dim=1)
        reads = self._reads.expand(len(x), -1)
        inputs = torch.cat([f, x[:, :2], g, x[:, 2:], reads], dim=1)
        return inputs, self._answers(operations, x)

    def _apply(self, name: str, a: Tensor, b: Tensor) -> Tensor:
        if name == "max":
            return torch.maximum(a, b)
        return (a + b if name == "add" else a * b) % self.modulus
