"""One loop for every arm; projection, schedules, checkpoints."""

from netseams.training.config import Dense, RunConfig, Sparsity, TrainConfig, WeightSparse


__all__ = [
    "Dense",
    "RunConfig",
    "Sparsity",
    "TrainConfig",

    "WeightSparse",


]
