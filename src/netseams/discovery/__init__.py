"""Methods that find circuits: `fit(model, task, means)` learns, and none scores itself."""

from netseams.discovery.attribution import node_effects
from netseams.discovery.config import NodeMaskConfig
from netseams.discovery.drift import Drift, drift_line, measure_drift
from netseams.discovery.hyper import HyperSearch, Trial
from netseams.discovery.method import METHODS, Method
from netseams.discovery.node_masks import NodeMasks, fit_together
from netseams.discovery.objectives import (
    Function,
    Objective,
    both,
    faithful,
    function_of,
    labels,
    necessity,
)
from netseams.discovery.search import Budget, CurvePoint, SearchResult, task_loss
from netseams.discovery.weight_config import WeightMaskConfig
from netseams.discovery.weight_masks import WeightMasks
from netseams.discovery.weight_scores import WeightScores, WeightScoresConfig

__all__ = [
    "METHODS",
    "Budget",
    "CurvePoint",
    "Drift",
    "Function",
    "HyperSearch",
    "Method",
    "NodeMaskConfig",
    "NodeMasks",
    "Objective",
    "SearchResult",
    "Trial",
    "WeightMaskConfig",
    "WeightMasks",
    "WeightScores",
    "WeightScoresConfig",
    "both",
    "drift_line",
    "faithful",
    "fit_together",
    "function_of",
    "labels",
    "measure_drift",
    "necessity",
    "node_effects",
    "task_loss",
]
