"""Methods that find circuits: `fit(model, task, means)` learns, and none scores itself."""

from netseams.discovery.attribution import node_effects
from netseams.discovery.config import NodeMaskConfig
from netseams.discovery.hyper import HyperSearch, Trial
from netseams.discovery.method import METHODS, Method
from netseams.discovery.node_masks import NodeMasks, fit_together
from netseams.discovery.search import Budget, CurvePoint, SearchResult, task_loss

__all__ = [
    "METHODS",
    "Budget",
    "CurvePoint",
    "HyperSearch",
    "Method",
    "NodeMaskConfig",
    "NodeMasks",
    "SearchResult",
    "Trial",
    "fit_together",
    "node_effects",
    "task_loss",
]
