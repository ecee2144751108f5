"""`op a1..an b1..bn SEP -> op(a1, b1)..op(an, bn)`: several operations on the same operands.

Operands come in `length` pairs so that no row of a test occurs in training, while every pair of
numbers does.
"""

from typing import ClassVar, Literal

import torch
from jaxtyping import Int
from pydantic import Field
from torch import Tensor

from netseams.core import Config
from netseams.corpora.arithmetic import Arithmetic


class TwoOperationsConfig(Config):
    """Addition and multiplication modulo `modulus`, and the maximum, on pairs of numbers."""

    kind: Literal["two_operations"] = "two_operations"
    modulus: int = Field(default=11, ge=5, le=31)
    length: int = Field(default=3, ge=2, le=8)


class TwoOperations(Arithmetic):
    """One SEP per answer; operands and answers are shared, the function is not."""

    operations: ClassVar[tuple[str, ...]] = ("add", "multiply", "max")

    def __init__(self, config: TwoOperationsConfig) -> None:
        self.length = config.length
        super().__init__(
            config, config.kind, config.modulus, 2 * config.length, ("SEP",) * config.length
        )

    def answer(self, operation: str, x: Int[Tensor, "n k"]) -> Int[Tensor, "n P"]:
        a, b = x[:, : self.length], x[:, self.length :]
        if operation == "max":
            return torch.maximum(a, b)
        return (a + b if operation == "add" else a * b) % self.modulus
