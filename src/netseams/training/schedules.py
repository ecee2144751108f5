"""Learning rate over training, and its tie to the number of weights."""

import math

from netseams.masks import annealed_density
from netseams.training.config import TrainConfig, WeightSparse


def density_at(step: int, config: TrainConfig) -> float:
    """Share of weights kept after `step` (0-based)."""
    s = config.sparsity
    if not isinstance(s, WeightSparse):
        return 1.0
    progress = (step + 1) / config.steps
    return annealed_density(progress, s.density, s.anneal, s.anneal_start, s.anneal_end)


def lr_at(step: int, config: TrainConfig) -> float:
    """Learning rate of `step`: linear warmup, linear decay, times the tie to density."""
    warmup = max(1, round(config.warmup * config.steps))
    shape = min((step + 1) / warmup, (config.steps - step) / max(1, config.steps - warmup), 1.0)
    s = config.sparsity
    if not isinstance(s, WeightSparse) or s.lr_rule == "none":
        return config.lr * shape
    density = density_at(step, config)
    if s.lr_rule == "inverse_sqrt_l0":
        return config.lr * shape / math.sqrt(density)
    return config.lr * shape * math.sqrt(s.density / density)
