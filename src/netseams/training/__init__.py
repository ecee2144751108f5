"""One loop for every arm; projection, schedules, checkpoints."""

from netseams.training.arms import (
    ARMS,
    ActivityNoise,
    ActivityPrice,
    Adversarial,
    Clustered,
    Dense,
    Dropout,
    Local,
    PartlySparse,
    Pruned,
    RandomSupport,
    Routed,
    Sparsified,
    Sparsity,
    WeightSparse,
    matched_arm,
)
from netseams.training.bridge_config import BridgeConfig
from netseams.training.bridges import TrainedBridges, open_bridges, train_bridges
from netseams.training.config import RunConfig, TrainConfig
from netseams.training.odd_one_out import (
    OddOneOutConfig,
    TrainedOddOneOut,
    open_odd_one_out,
    train_odd_one_out,
)
from netseams.training.run import Progress, RunResult, TrainedRun, open_run, train

__all__ = [
    "ARMS",
    "ActivityNoise",
    "ActivityPrice",
    "Adversarial",
    "BridgeConfig",
    "Clustered",
    "Dense",
    "Dropout",
    "Local",
    "OddOneOutConfig",
    "PartlySparse",
    "Progress",
    "Pruned",
    "RandomSupport",
    "Routed",
    "RunConfig",
    "RunResult",
    "Sparsified",
    "Sparsity",
    "TrainConfig",
    "TrainedBridges",
    "TrainedOddOneOut",
    "TrainedRun",
    "WeightSparse",
    "matched_arm",
    "open_bridges",
    "open_odd_one_out",
    "open_run",
    "train",
    "train_bridges",
    "train_odd_one_out",
]
