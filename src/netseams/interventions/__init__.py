"""Ablate activations through sites; re-draw weights."""

from netseams.interventions.ablation import (
    ABLATIONS,
    AblationKind,
    NodeMask,
    ablation_fill,
    masked_hooks,
    mean_activations,
    means_over,
)
from netseams.interventions.rewire import redrawn_on_support, untrained_twin

__all__ = [
    "ABLATIONS",
    "AblationKind",
    "NodeMask",
    "ablation_fill",
    "masked_hooks",
    "mean_activations",
    "means_over",
    "redrawn_on_support",
    "untrained_twin",
]
