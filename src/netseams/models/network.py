"""What every network offers to discovery, circuits and ablation: hooks at named sites."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from netseams.core import UnknownNameError
from netseams.models.parts import Hook

if TYPE_CHECKING:
    from netseams.models.config import TransformerConfig
    from netseams.models.hooked_config import HookedConfig


class Network(nn.Module, ABC):
    """tokens (B, T) -> logits (B, T, V), with hooks at sites: ours, and other people's.

    `sites_of(network.cfg)` are its node sites, `matrices_of(network.cfg)` the matrices that join
    them. A subclass says `forward`, `site_names` and `matrix`.
    """

    cfg: "TransformerConfig | HookedConfig"
    """Set once; a subclass says which of the two."""

    @property
    def device(self) -> torch.device:
        """Where the weights are, and so where everything is computed."""
        return next(self.parameters()).device

    @abstractmethod
    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        hooks: Mapping[str, Hook] | None = None,
        answers: Int[Tensor, "B P"] | None = None,
    ) -> Float[Tensor, "B _ V"]:
        """Logits at every position, or only at `answers`, on the model's device.

        Args:
            tokens: token ids, at most n_ctx positions, on any device, like `answers`.
        """

    @abstractmethod
    def site_names(self) -> list[str]:
        """Every name at which a hook can be placed, in forward order."""

    @abstractmethod
    def matrix(self, name: str) -> Float[Tensor, "out in"]:
        """The weights of a `Matrix`, by its `parameter`."""

    def run_with_hooks(
        self,
        tokens: Int[Tensor, "B T"],
        hooks: Mapping[str, Hook],
        answers: Int[Tensor, "B P"] | None = None,
    ) -> Float[Tensor, "B _ V"]:
        """`forward` that first checks every site name.

        Raises:
            UnknownNameError: a hook names no site of this model.
        """
        known = self.site_names()
        for name in hooks:
            if name not in known:
                raise UnknownNameError("site", name, known)
        return self(tokens, hooks, answers)

    def run_with_cache(
        self,
        tokens: Int[Tensor, "B T"],
        names: Sequence[str] | None = None,
        answers: Int[Tensor, "B P"] | None = None,
    ) -> tuple[Float[Tensor, "B _ V"], dict[str, Tensor]]:
        """Logits and the activations at `names` (all sites by default)."""
        cache: dict[str, Tensor] = {}

        def keep(name: str) -> Hook:
            def hook(x: Tensor) -> Tensor:
                cache[name] = x
                return x

            return hook

        wanted = self.site_names() if names is None else names
        logits = self.run_with_hooks(tokens, {name: keep(name) for name in wanted}, answers)
        return logits, cache
