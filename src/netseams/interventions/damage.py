"""Damage of a chosen strength: to weights, activations or inputs, or towards other weights.

Each makes a damaged copy of a network; the network itself is left alone. Draws are a function of
the seed, so that more strength is more of the same damage.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from netseams.core import generator
from netseams.models import Hook, Network, Transformer

_NOISY = ("attn.hook_z", "mlp.hook_post")
_READ = "blocks.0.hook_resid_pre"


class Damage(ABC):
    """A family of damaged networks, by strength."""

    most: ClassVar[float] = 8.0
    """Greatest strength that means something."""

    def __init__(self, model: Transformer, seed: int = 0) -> None:
        self.model, self.seed = model, seed

    @abstractmethod
    def of(self, strength: float) -> Network:
        """The damaged network; at 0 it computes what the network computes."""


class WeightNoise(Damage):
    """Every weight of the blocks becomes w (1 + strength * N(0, 1)); what is zero stays zero."""

    def of(self, strength: float) -> Network:
        damaged = copy.deepcopy(self.model)
        with torch.no_grad():
            for name, parameter in damaged.named_parameters():
                if name.startswith("blocks.") and parameter.ndim == 2:
                    noise = torch.randn(parameter.shape, generator=generator(self.seed, name))
                    parameter.mul_(1 + strength * noise.to(parameter.device))
        return damaged


class ActivationNoise(Damage):
    """Heads and neurons carry noise: x + strength * rms(x) * N(0, 1), rms over all of a site."""

    def of(self, strength: float) -> Network:
        def hook_for(site: str) -> Hook:
            def hook(x: Tensor) -> Tensor:
                noise = torch.randn(x.shape, generator=generator(self.seed, site)).to(x.device)
                return x + strength * x.square().mean().sqrt() * noise

            return hook

        layers = range(self.model.cfg.n_layers)
        sites = [f"blocks.{i}.{site}" for i in layers for site in _NOISY]
        return Disturbed(self.model, {site: hook_for(site) for site in sites})


class EmbeddingAttack(Damage):
    """What the first block reads is moved by sign steps against the network's own answers (PGD,
    arXiv 1706.06083; a single step is arXiv 1412.6572).

    No coordinate moves by more than strength * rms of what is read. The move is that of the whole
    network, whatever is ablated in the run that it damages.

    Args:
        steps: of 1.5 times the radius over their number; a single one takes all of it.
    """

    def __init__(self, model: Transformer, seed: int = 0, steps: int = 3) -> None:
        super().__init__(model, seed)
        self.steps = steps

    def of(self, strength: float) -> Network:
        return _Attacked(self.model, strength, self.steps)


class TowardsWeights(Damage):
    """w + strength * (w' - w): on the way to another network, such as a fine-tuned one."""

    most = 1.0

    def __init__(self, model: Transformer, other: Transformer, seed: int = 0) -> None:
        super().__init__(model, seed)
        self.other = other

    def of(self, strength: float) -> Network:
        damaged = copy.deepcopy(self.model)
        with torch.no_grad():
            for ours, theirs in zip(damaged.parameters(), self.other.parameters(), strict=True):
                ours.lerp_(theirs, strength)
        return damaged


class Disturbed(Network):
    """A network that runs with hooks of its own, which act before those of a caller."""

    def __init__(self, model: Transformer, hooks: Mapping[str, Hook]) -> None:
        super().__init__()
        self.model, self.cfg = model, model.cfg
        self._hooks = dict(hooks)

    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        hooks: Mapping[str, Hook] | None = None,
        answers: Int[Tensor, "B P"] | None = None,
    ) -> Float[Tensor, "B _ V"]:
        return self.model(tokens, both(self._hooks, hooks or {}), answers)

    def site_names(self) -> list[str]:
        return self.model.site_names()

    def matrix(self, name: str) -> Float[Tensor, "out in"]:
        return self.model.matrix(name)


class _Attacked(Disturbed):
    def __init__(self, model: Transformer, strength: float, steps: int) -> None:
        super().__init__(model, {})
        self._strength, self._steps = strength, steps
        self._moves: dict[tuple[bytes, ...], Tensor] = {}
        """Inputs that were attacked before: many ablations are measured on the same."""

    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        hooks: Mapping[str, Hook] | None = None,
        answers: Int[Tensor, "B P"] | None = None,
    ) -> Float[Tensor, "B _ V"]:
        key = tuple(x.cpu().numpy().tobytes() for x in (tokens, answers) if x is not None)
        if key not in self._moves:
            self._moves[key] = self._move(tokens, answers)
        move = self._moves[key]
        return self.model(tokens, both({_READ: lambda x: x + move}, hooks or {}), answers)

    def _move(self, tokens: Tensor, answers: Tensor | None) -> Tensor:
        seen: list[Tensor] = []

        def look(x: Tensor) -> Tensor:
            seen.append(x)
            return x

        with torch.no_grad():
            own = self.model(tokens, {_READ: look}, answers).flatten(0, 1).argmax(-1)
        (read,) = seen
        radius = self._strength * float(read.square().mean().sqrt())
        stride = radius if self._steps == 1 else 1.5 * radius / self._steps
        move = torch.zeros_like(read)
        for _ in range(self._steps):
            move.requires_grad_()
            with torch.enable_grad():
                logits = self.model(tokens, {_READ: lambda x, by=move: x + by}, answers)
                loss = F.cross_entropy(logits.flatten(0, 1), own)
                (slope,) = torch.autograd.grad(loss, [move])
            move = (move.detach() + stride * slope.sign()).clamp(-radius, radius)
        return move


def both(first: Mapping[str, Hook], second: Mapping[str, Hook]) -> dict[str, Hook]:
    """Hooks of two kinds, one after the other where both are at a site."""

    def joined(one: Hook, other: Hook) -> Hook:
        return lambda x: other(one(x))

    return {
        site: joined(first[site], second[site]) if site in first and site in second
        else first.get(site, second.get(site))  # pyright: ignore[reportReturnType]
        for site in {**first, **second}
    }  # fmt: skip
