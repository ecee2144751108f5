"""Ablate activations through sites; re-draw weights."""

from netseams.interventions.ablation import (
    ABLATIONS,
    AblationKind,
    NodeMask,
    ablation_fill,
    masked_hooks,
    mean_activations,
)
from netseams.interventions.rewire import redrawn_on_support, untrained_twin
from netseams.interventions.weights import LeftOut, kept_weights, with_weights

__all__ = [
    "ABLATIONS",
    "AblationKind",
    "LeftOut",
    "NodeMask",
    "ablation_fill",
    "kept_weights",
    "masked_hooks",
    "mean_activations",
    "redrawn_on_support",
    "untrained_twin",
    "with_weights",
]
