"""The one side effect that sets an arm apart, attached to the optimizer's step."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netseams.masks import keep_, kept_count, largest_mask, largest_mask_with_minimum
from netseams.models import Transformer
from netseams.training.arms import Sparsified, WeightSparse
from netseams.training.groups import ParameterGroup, group_of
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
        for sparse in self.parameters:
            density = group_density(self.config, sparse.group, self.progress)
            if density < 1.0:
                n = sparse.parameter.numel()
                keep_(sparse.parameter.data, self.mask(sparse, kept_count(n, density)))

    @abstractmethod
    def mask(self, sparse: Sparse, k: int) -> Tensor:
        """The `k` places that `sparse` keeps now."""

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

    def mask(self, sparse: Sparse, k: int) -> Tensor:
        weight = sparse.parameter.data
        if self.min_alive and sparse.group == "block":
            return largest_mask_with_minimum(weight, k, self.min_alive, weights_axis(sparse.name))
        return largest_mask(weight, k)


def weights_axis(name: str) -> int:
    """Axis of an (out, in) block matrix along which a neuron's or channel's weights lie.

    Queries, keys, values and neurons are the rows of the matrix that computes them; values and
    neurons are the columns of the one that writes them back to the stream.
    """
    return 0 if name.endswith(("attn.out.weight", "mlp.down.weight")) else 1
