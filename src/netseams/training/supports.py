"""Arms whose dropped weights stay out: a fixed set of places, chosen by size or by chance."""

from collections.abc import Callable

import torch
from torch import Tensor

from netseams.core import generator
from netseams.masks import keep_, kept_count, largest_mask
from netseams.models import Transformer
from netseams.training.arms import RandomSupport, Sparsified
from netseams.training.projection import Projection, Sparse


class FixedSupport(Projection):
    """Keeps `support`. Gradients outside it are cut off where they arise.

    So neither moments nor the limit on the gradient's size know weights that are not there.
    """

    def __init__(self, model: Transformer, config: Sparsified) -> None:
        super().__init__(model, config)
        self.support: dict[str, Tensor] = {}
        for sparse in self.parameters:
            self.support[sparse.name] = torch.ones_like(sparse.parameter, dtype=torch.bool)
            sparse.parameter.register_hook(self._cut(sparse.name))

    def _cut(self, name: str) -> Callable[[Tensor], Tensor]:
        return lambda grad: grad * self.support[name]


class PrunedSupport(FixedSupport):
    """`pruned`: of the weights that are left, the largest stay; none returns.

    A weight that is left may be exactly 0 (a bias that no gradient has reached), so the support
    cannot be read off the weights and is part of the checkpoint.
    """

    def mask(self, sparse: Sparse, k: int) -> Tensor:
        support = self.support[sparse.name]
        left = sparse.parameter.data[support]
        if k < len(left):
            support[support.clone()] = largest_mask(left, k)
        return support

    def state(self) -> dict[str, Tensor]:
        return self.support

    def restore(self, state: dict[str, Tensor]) -> None:
        self.support = {name: state[name] for name in self.support}


class DrawnSupport(FixedSupport):
    """`random_support`: drawn uniformly, a function of (seed, parameter), before the first step."""

    def __init__(self, model: Transformer, config: RandomSupport, seed: int) -> None:
        super().__init__(model, config)
        for sparse in self.parameters:
            n = sparse.parameter.numel()
            k = kept_count(n, config.final_density(sparse.group))
            places = torch.randperm(n, generator=generator(seed, "support", sparse.name))[:k]
            drawn = torch.zeros(n, dtype=torch.bool)
            drawn[places] = True
            self.support[sparse.name] = drawn.view(sparse.parameter.shape)
            keep_(sparse.parameter.data, self.support[sparse.name])

    def mask(self, sparse: Sparse, k: int) -> Tensor:
        return self.support[sparse.name]
