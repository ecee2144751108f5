"""Methods that find circuits: `fit(model, task, means)` learns, and none scores itself."""

from netseams.discovery.acdc import Acdc, AcdcConfig
from netseams.discovery.activation_patching import ActivationPatching
from netseams.discovery.attribution import node_effects
from netseams.discovery.config import NodeMaskConfig
from netseams.discovery.drift import Drift, drift_line, measure_drift
from netseams.discovery.eap import EdgeAttribution
from netseams.discovery.eap_ig import IntegratedConfig, IntegratedEdgeAttribution
from netseams.discovery.edge_masks import EdgeMaskConfig, EdgeMasks
from netseams.discovery.hyper import HyperSearch, Trial
from netseams.discovery.learner import stackable
from netseams.discovery.link_method import LinkScoreConfig, LinkSearchConfig
from netseams.discovery.link_search import LinkPoint
from netseams.discovery.method import METHODS, Method
from netseams.discovery.necessary_nodes import NecessaryNodes, NecessaryNodesConfig
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
from netseams.discovery.score_error import ScoreError, score_error
from netseams.discovery.search import Budget, CurvePoint, SearchResult, task_loss
from netseams.discovery.weight_config import WeightMaskConfig
from netseams.discovery.weight_masks import WeightMasks
from netseams.discovery.weight_scores import WeightScores, WeightScoresConfig

__all__ = [
    "METHODS",
    "Acdc",
    "AcdcConfig",
    "ActivationPatching",
    "Budget",
    "CurvePoint",
    "Drift",
    "EdgeAttribution",
    "EdgeMaskConfig",
    "EdgeMasks",
    "Function",
    "HyperSearch",
    "IntegratedConfig",
    "IntegratedEdgeAttribution",
    "LinkPoint",
    "LinkScoreConfig",
    "LinkSearchConfig",
    "Method",
    "NecessaryNodes",
    "NecessaryNodesConfig",
    "NodeMaskConfig",
    "NodeMasks",
    "Objective",
    "ScoreError",
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
    "score_error",
    "stackable",
    "task_loss",
]
