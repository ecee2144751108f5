"""Methods that find circuits: `fit(model, task, means)` learns, and none scores itself."""

from netseams.discovery.acdc import Acdc, AcdcConfig
from netseams.discovery.activation_patching import ActivationPatching
from netseams.discovery.attribution import node_effects
from netseams.discovery.config import NodeMaskConfig
from netseams.discovery.eap import EdgeAttribution
from netseams.discovery.eap_ig import IntegratedConfig, IntegratedEdgeAttribution
from netseams.discovery.edge_masks import EdgeMaskConfig, EdgeMasks
from netseams.discovery.hyper import HyperSearch, Trial
from netseams.discovery.link_method import LinkScoreConfig, LinkSearchConfig
from netseams.discovery.link_search import LinkPoint
from netseams.discovery.method import METHODS, Method
from netseams.discovery.node_masks import NodeMasks, fit_together
from netseams.discovery.score_error import ScoreError, score_error
from netseams.discovery.search import Budget, CurvePoint, SearchResult, task_loss

__all__ = [
    "METHODS",
    "Acdc",
    "AcdcConfig",
    "ActivationPatching",
    "Budget",
    "CurvePoint",
    "EdgeAttribution",
    "EdgeMaskConfig",
    "EdgeMasks",
    "HyperSearch",
    "IntegratedConfig",
    "IntegratedEdgeAttribution",
    "LinkPoint",
    "LinkScoreConfig",
    "LinkSearchConfig",
    "Method",
    "NodeMaskConfig",
    "NodeMasks",
    "ScoreError",
    "SearchResult",
    "Trial",
    "fit_together",
    "node_effects",
    "score_error",
    "task_loss",
]
