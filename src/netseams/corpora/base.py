"""What every corpus offers."""

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Int
from torch import Tensor

Split = Literal["train", "valid", "test"]
IGNORED = -100
"""Target id that carries no loss (the default of `torch.nn.functional.cross_entropy`)."""


@dataclass(frozen=True)
class Batch:
    """Inputs and next-token targets; targets equal to `IGNORED` carry no loss."""

    inputs: Int[Tensor, "B T"]
    targets: Int[Tensor, "B T"]


@runtime_checkable
class Corpus(Protocol):
    """A source of token sequences in three splits."""

    name: str
    d_vocab: int

    def batch(self, split: Split, size: int, length: int, draws: torch.Generator) -> Batch:
        """`size` sequences of `length` positions, drawn with `draws` and nothing else."""
        ...

    def text_of(self, token: int) -> str:
        """A token as a person would write it."""
        ...

    def summary(self) -> dict[str, str | int]:
        """Facts for the report: sizes, splits, fingerprint."""
        ...
