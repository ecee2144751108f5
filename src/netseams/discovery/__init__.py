"""Methods that find circuits: `fit(model, task, means)` learns, and none scores itself."""

from netseams.discovery.node_masks import NodeMaskConfig, NodeMasks
from netseams.discovery.search import Budget, CurvePoint, SearchResult, task_loss

__all__ = ["Budget", "CurvePoint", "NodeMaskConfig", "NodeMasks", "SearchResult", "task_loss"]
