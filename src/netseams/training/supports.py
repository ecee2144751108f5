"""Arms whose dropped weights stay out: a fixed set of places, chosen by size or by chance."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from netseams.core import generator
from netseams.masks import keep_, kept_count, largest_mask
from netseams.models import Transformer
from netseams.training.arms import RandomSupport, Sparsified
from netseams.training.distributed import local, rows_like
from netseams.training.projection import Projection, Sparse


class FixedSupport(Projection):
    """Keeps `support`. Gradients outside it are cut off after the backward pass.

    So neither moments nor the limit on the gradient's size know weights that are not there.
    """

    def __init__(self, model: Transformer, config: Sparsified) -> None:
        super().__init__(model, config)
        self.support: dict[str, Tensor] = {}
        for sparse in self.parameters:
            self.support[sparse.name] = torch.ones_like(sparse.parameter, dtype=torch.bool)

    @abstractmethod
    def mask(self, sparse: Sparse, k: int) -> Tensor:
        """The `k` places that `sparse` keeps now."""

    def keep(self, due: Sequence[tuple[Sparse, int]]) -> None:
        for sparse, k in due:
            keep_(sparse.parameter.detach(), self.mask(sparse, k))

    def cut_gradients(self) -> None:
        for sparse in self.parameters:
            if sparse.parameter.grad is not None:
                local(sparse.parameter.grad).mul_(local(self.support[sparse.name]))


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

    def split_masks(self, due: Sequence[tuple[Sparse, int]]) -> Iterable[Tensor]:
        from netseams.masks.sharded import piece_of, split_largest_masks

        supports = [local(self.support[sparse.name]) for sparse, _ in due]
        masks = split_largest_masks([
            piece_of(sparse.parameter, k, left=support)
            for (sparse, k), support in zip(due, supports, strict=True)
        ])  # fmt: skip
        for support, mask in zip(supports, masks, strict=True):
            support.copy_(mask)
        return supports

    def state(self) -> dict[str, Tensor]:
        return self.support

    def restore(self, state: dict[str, Tensor]) -> None:
        self.support = {name: state[name].to(old.device) for name, old in self.support.items()}


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
            support = local(self.support[sparse.name])
            support.copy_(rows_like(drawn.view(sparse.parameter.shape), sparse.parameter))
            keep_(local(sparse.parameter.detach()), support)

    def mask(self, sparse: Sparse, k: int) -> Tensor:
        return self.support[sparse.name]

    def split_masks(self, due: Sequence[tuple[Sparse, int]]) -> Iterable[Tensor]:
        return [local(self.support[sparse.name]) for sparse, _ in due]
