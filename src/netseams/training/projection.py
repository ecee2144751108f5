"""The one side effect that sets an arm apart, attached to the optimizer's step."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netseams.masks import Cut, keep_, keep_largest_of_each_, kept_count
from netseams.models import ParameterGroup, Transformer, group_of
from netseams.training.arms import Sparsified, WeightSparse
from netseams.training.distributed import is_split, local
from netseams.training.schedules import group_density


@dataclass(frozen=True)
class Sparse:
    """A parameter that is to lose weights."""

    name: str
    parameter: nn.Parameter
    group: ParameterGroup


class Projection(ABC):
    """After every step: so many weights of every tensor are kept, the others are zero.

    An arm says which. Tensors that end at density 1 are never touched.
    """

    def __init__(self, model: Transformer, config: Sparsified) -> None:
        self.config = config
        self.progress = 0.0
        """Share of training done (0..1) once the coming step is; the loop sets it."""
        every = [Sparse(n, p, group_of(n, p.ndim)) for n, p in model.named_parameters()]
        self.parameters = [p for p in every if config.final_density(p.group) < 1.0]

    def attach(self, optimizer: torch.optim.Optimizer) -> None:
        """Run after every step of `optimizer`."""
        optimizer.register_step_post_hook(lambda *_: self.apply())

    def apply(self) -> None:
        """Project every parameter as `progress` asks."""
        due: list[tuple[Sparse, int]] = []
        for sparse in self.parameters:
            density = group_density(self.config, sparse.group, self.progress)
            if density < 1.0:
                due.append((sparse, kept_count(sparse.parameter.numel(), density)))
        if due and is_split(due[0][0].parameter):
            for (sparse, _), mask in zip(due, self.split_masks(due), strict=True):
                keep_(local(sparse.parameter.detach()), mask)
        else:
            self.keep(due)

    def cut_gradients(self) -> None:  # noqa: B027 - most leave them dense
        """Between the backward pass and the limit on the gradient's size."""

    @abstractmethod
    def keep(self, due: Sequence[tuple[Sparse, int]]) -> None:
        """Zero all but so many weights of each."""

    @abstractmethod
    def split_masks(self, due: Sequence[tuple[Sparse, int]]) -> Iterable[Tensor]:
        """What is kept of parameters that `fully_shard` has split: this process's rows of each.

        All at once, so that the number of collectives does not depend on that of parameters.
        """

    def state(self) -> dict[str, Tensor]:
        """What weights and moments do not tell, for the checkpoint."""
        return {}

    def restore(self, state: dict[str, Tensor]) -> None:  # noqa: B027 - most remember nothing
        """Continue from `state()`."""


class LargestWeights(Projection):
    """`weight_sparse`: the largest magnitudes, chosen anew after every step."""

    def __init__(self, model: Transformer, config: WeightSparse) -> None:
        super().__init__(model, config)
        self.min_alive = config.min_alive

    def keep(self, due: Sequence[tuple[Sparse, int]]) -> None:
        keep_largest_of_each_(
            [Cut(sparse.parameter.detach(), k, self._minimum(sparse)) for sparse, k in due]
        )

    def split_masks(self, due: Sequence[tuple[Sparse, int]]) -> Iterable[Tensor]:
        from netseams.masks.sharded import piece_of, split_largest_masks

        return split_largest_masks(
            [piece_of(sparse.parameter, k, self._minimum(sparse)) for sparse, k in due]
        )

    def _minimum(self, sparse: Sparse) -> tuple[int, int] | None:
        if self.min_alive and sparse.group == "block":
            return self.min_alive, weights_axis(sparse.name)
        return None


def weights_axis(name: str) -> int:
    """Axis of an (out, in) block matrix along which a neuron's or channel's weights lie.

    Queries, keys, values and neurons are the rows of the matrix that computes them; values and
    neurons are the columns of the one that writes them back to the stream.
    """
    return 0 if name.endswith(("attn.out.weight", "mlp.down.weight")) else 1
