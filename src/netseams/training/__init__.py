"""One loop for every arm; projection, schedules, checkpoints."""

from netseams.training.config import Dense, RunConfig, Sparsity, TrainConfig, WeightSparse
from netseams.training.run import Progress, RunResult, TrainedRun, open_run, train

__all__ = [
    "Dense",
    "Progress",
    "RunConfig",
    "RunResult",
    "Sparsity",
    "TrainConfig",
    "TrainedRun",
    "WeightSparse",
    "open_run",
    "train",
]
