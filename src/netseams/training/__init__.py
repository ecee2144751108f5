"""One loop for every arm; projection, schedules, checkpoints."""

from netseams.training.bridge_config import BridgeConfig
from netseams.training.bridges import TrainedBridges, open_bridges, train_bridges
from netseams.training.config import Dense, RunConfig, Sparsity, TrainConfig, WeightSparse
from netseams.training.run import Progress, RunResult, TrainedRun, open_run, train

__all__ = [
    "BridgeConfig",
    "Dense",
    "Progress",
    "RunConfig",
    "RunResult",
    "Sparsity",
    "TrainConfig",
    "TrainedBridges",
    "TrainedRun",
    "WeightSparse",
    "open_bridges",
    "open_run",
    "train",
    "train_bridges",
]
