"""Networks that turn an item into a vector."""

from collections.abc import Mapping
from typing import Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from netseams.models.convnet import ConvNet
from netseams.models.parts import Hook
from netseams.models.transformer import Transformer


class Encoder(Protocol):
    """Items (N, ...) -> encodings (N, d)."""

    def encode(self, items: Tensor) -> Tensor: ...


class FinalRead(nn.Module):
    """A transformer's last read at the last position encodes the sequence.

    The unembedding plays no part in it. Another network of the same shape (masked, ablated) is
    asked in the same way: `FinalRead(other)`.
    """

    def __init__(self, transformer: Transformer) -> None:
        super().__init__()
        self.transformer = transformer

    def encode(
        self, items: Int[Tensor, "N T"], hooks: Mapping[str, Hook] | None = None
    ) -> Float[Tensor, "N D"]:
        """Encodings of sequences that end at their last position (padding is on the left)."""
        site = "ln_final.hook_normalized"
        found: list[Tensor] = []

        def keep(x: Tensor) -> Tensor:
            found.append(x if hooks is None or site not in hooks else hooks[site](x))
            return found[-1]

        last = torch.full((len(items), 1), items.shape[1] - 1, device=items.device)
        self.transformer(items, {**(hooks or {}), site: keep}, last)
        return found[-1].squeeze(1)

    def forward(self, items: Int[Tensor, "N T"]) -> Float[Tensor, "N D"]:
        return self.encode(items)


def encode_sets(encoder: Encoder, items: Tensor) -> Tensor:
    """(N, K, ...) -> (N, K, d): every item of every set, one by one."""
    return encoder.encode(items.flatten(0, 1)).unflatten(0, items.shape[:2])


def encoder_of(model: Transformer | ConvNet) -> Encoder:
    """What encodes items with `model`."""
    return FinalRead(model) if isinstance(model, Transformer) else model
