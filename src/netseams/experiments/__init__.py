"""Questions that take many networks: one file an experiment, every row kept."""

from netseams.evaluation import SeedSummary
from netseams.experiments.experiment import (
    EXPERIMENTS,
    Cell,
    Column,
    Experiment,
    ExperimentConfig,
    Findings,
    Row,
    Table,
)
from netseams.experiments.run import run_experiment

__all__ = [
    "EXPERIMENTS",
    "Cell",
    "Column",
    "Experiment",
    "ExperimentConfig",
    "Findings",
    "Row",
    "SeedSummary",
    "Table",
    "run_experiment",
]
