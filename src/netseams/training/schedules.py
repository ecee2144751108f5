"""Density and learning rate over training, and the tie between them."""

import math

from netseams.masks import annealed_density
from netseams.models import ParameterGroup
from netseams.training.arms import Annealed, Sparsified
from netseams.training.config import TrainConfig


def density_at(step: int, config: TrainConfig) -> float:
    """Share of weights that block matrices keep after `step` (0-based)."""
    if not isinstance(config.sparsity, Sparsified):
        return 1.0
    return group_density(config.sparsity, "block", (step + 1) / config.steps)


def group_density(arm: Sparsified, group: ParameterGroup, progress: float) -> float:
    """Share of weights that `group` keeps at `progress` (0..1) of training."""
    final = arm.final_density(group)
    if not isinstance(arm, Annealed):
        return final
    each = arm.anneal_groups == "each"
    aim = final if each else arm.density
    now = annealed_density(progress, aim, arm.anneal, arm.anneal_start, arm.anneal_end)
    return now if each else max(now, final)


def lr_at(step: int, config: TrainConfig) -> float:
    """Learning rate of `step`: linear warmup, linear decay, times the tie to density."""
    warmup = max(1, round(config.warmup * config.steps))
    shape = min((step + 1) / warmup, (config.steps - step) / max(1, config.steps - warmup), 1.0)
    arm = config.sparsity
    if not isinstance(arm, Sparsified) or arm.lr_rule == "none":
        return config.lr * shape
    density = density_at(step, config)
    if arm.lr_rule == "inverse_sqrt_l0":
        return config.lr * shape / math.sqrt(density)
    return config.lr * shape * math.sqrt(arm.density / density)
