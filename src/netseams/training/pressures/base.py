"""What a pressure is: a loss with something added, or on activations that are disturbed."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

import torch
from torch import Tensor

from netseams.core import Config, generator
from netseams.corpora import Batch
from netseams.models import Hook, Transformer
from netseams.training.loss import token_loss

A = TypeVar("A", bound=Config)

WRITING = {"attn.hook_z": "attn.out.weight", "mlp.hook_post": "mlp.down.weight"}
"""Site of a block's heads and neurons -> the matrix with which they write to the stream."""


class Pressure(ABC, Generic[A]):
    """Puts gradients of a batch on a model's parameters.

    Draws are a function of (seed, step) and made on the CPU, so that a resumed run sees the same.
    """

    def __init__(self, model: Transformer, arm: A, seed: int) -> None:
        self.model, self.arm, self.seed = model, arm, seed

    def backward(self, batch: Batch, step: int) -> float:
        """Set every parameter's gradient; the loss in nats a target, as it is met, price included.

        A loss that is not finite sets none.
        """
        loss = self.loss(batch, generator(self.seed, "pressure", step))
        value = loss.item()
        if math.isfinite(value):
            loss.backward()
        return value

    @abstractmethod
    def loss(self, batch: Batch, draws: torch.Generator) -> Tensor:
        """What is differentiated, of all of the batch."""

    def task_loss(self, batch: Batch, hooks: Mapping[str, Hook] | None = None) -> Tensor:
        """Cross-entropy of next tokens, in nats."""
        return token_loss(self.model(batch.inputs, hooks), batch)

    def writers(self) -> Iterator[tuple[str, Tensor]]:
        """Site of heads or neurons, and the matrix (d_model, width) that reads it."""
        for i in range(self.model.cfg.n_layers):
            for site, matrix in WRITING.items():
                yield f"blocks.{i}.{site}", self.model.get_parameter(f"blocks.{i}.{matrix}")

    def block_matrices(self) -> Iterator[tuple[str, Tensor]]:
        """Every matrix (out, in) of the blocks."""
        for name, parameter in self.model.named_parameters():
            if name.startswith("blocks.") and parameter.ndim == 2:
                yield name, parameter
