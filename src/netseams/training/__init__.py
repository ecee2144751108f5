"""One loop for every arm; projection, schedules, checkpoints."""

from netseams.training.arms import (
    ARMS,
    Dense,
    Pruned,
    RandomSupport,
    Sparsified,
    Sparsity,
    WeightSparse,
    matched_arm,
)
from netseams.training.config import RunConfig, TrainConfig
from netseams.training.run import Progress, RunResult, TrainedRun, open_run, train

__all__ = [
    "ARMS",
    "Dense",
    "Progress",
    "Pruned",
    "RandomSupport",
    "RunConfig",
    "RunResult",
    "Sparsified",
    "Sparsity",
    "TrainConfig",
    "TrainedRun",
    "WeightSparse",
    "matched_arm",
    "open_run",
    "train",
]
