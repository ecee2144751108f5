"""`a b c d SUM1 SUM2 -> a+b, c+d`: one operation in two contexts, reused or learned twice?

After the double addition of arXiv 2010.02066 (section 3), with numbers of one token modulo `p`.
"""

from typing import ClassVar, Literal

import torch
from jaxtyping import Int
from pydantic import Field
from torch import Tensor

from netseams.core import Config
from netseams.corpora.arithmetic import Arithmetic


class DoubleAdditionConfig(Config):
    """Addition modulo `modulus`, twice in a row."""

    kind: Literal["double_addition"] = "double_addition"
    modulus: int = Field(default=13, ge=5, le=31)


class DoubleAddition(Arithmetic):
    """Both sums are asked for in every row, the first at SUM1 and the second at SUM2."""

    operations: ClassVar[tuple[str, ...]] = ("add_twice",)

    def __init__(self, config: DoubleAdditionConfig) -> None:
        super().__init__(config, config.kind, config.modulus, 4, ("SUM1", "SUM2"))

    def answer(self, operation: str, x: Int[Tensor, "n k"]) -> Int[Tensor, "n P"]:
        return torch.stack([x[:, 0] + x[:, 1], x[:, 2] + x[:, 3]], dim=1) % self.modulus
