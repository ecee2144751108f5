"""What nodes and edges are, in any network: channels of named sites, weights that join them."""

from dataclasses import dataclass

from jaxtyping import Bool
from torch import Tensor


@dataclass(frozen=True)
class Site:
    """A node site: `width` channels, found at `name` in the forward pass."""

    name: str
    width: int
    shape: tuple[int, ...]
    """Shape of one position's activation: (width,), or (n_heads, d_head)."""
    top: int | None = None
    """How many channels AbsTopK lets through; None: all."""


@dataclass(frozen=True)
class Matrix:
    """A weight matrix (out, in) whose non-zero entries join `source` to `target`."""

    parameter: str
    source: str
    target: str
    sharing: int = 1
    """Query heads that read each head of `source`: above 1 with grouped queries, where every
    source channel has so many columns."""
    d_head: int = 1
    """Channels of a head of `source`, where `sharing` is above 1."""

    def columns(self, kept: Bool[Tensor, " width"]) -> Bool[Tensor, " in"]:
        """Which columns read a kept channel of the source."""
        if self.sharing == 1:
            return kept
        return kept.view(-1, self.d_head).repeat_interleave(self.sharing, dim=0).flatten()
