"""The one side effect that makes a run weight-sparse, attached to the optimizer's step."""

import torch
from torch import nn

from netseams.masks import keep_largest_, kept_count
from netseams.models import Transformer
from netseams.training.config import WeightSparse


class Projection:
    """Zeroes all but the largest magnitudes of every matrix.

    Gradients and moments stay dense, so a dropped weight can return. The bigram table is never
    sparsified (arXiv 2511.13653, A.1); vectors follow `config.biases`.
    """

    def __init__(self, model: Transformer, config: WeightSparse) -> None:
        self.config = config
        self.density = 1.0
        self.parameters: list[tuple[nn.Parameter, bool]] = []
        for name, parameter in model.named_parameters():
            if name.startswith("bigram") or name.endswith("sink"):
                continue
            if parameter.ndim < 2 and config.biases == "dense":
                continue
            self.parameters.append((parameter, "embed" in name))

    def attach(self, optimizer: torch.optim.Optimizer) -> None:
        """Run after every step of `optimizer`."""
        optimizer.register_step_post_hook(lambda *_: self.apply())

    def apply(self) -> None:
        """Project every parameter at the current `density`."""
        embed_final = self.config.embed_density or self.config.density
        for parameter, is_embedding in self.parameters:
            final = embed_final if is_embedding else self.config.density
            density = max(self.density, final)
            if density < 1.0:
                keep_largest_(parameter.data, kept_count(parameter.numel(), density))
