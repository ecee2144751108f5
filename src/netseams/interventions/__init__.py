"""Ablate activations through sites or links between components; re-draw weights."""

from netseams.interventions.ablation import (
    ABLATIONS,
    AblationKind,
    NodeMask,
    ablation_fill,
    masked_hooks,
    mean_activations,
    means_over,
)
from netseams.interventions.damage import (
    ActivationNoise,
    Damage,
    EmbeddingAttack,
    TowardsWeights,
    WeightNoise,
)
from netseams.interventions.links import (
    ablated_for_task,
    ablated_values,
    link_slopes,
    run_with_links,
    source_values,
)
from netseams.interventions.patching import patch_every_link
from netseams.interventions.reads import SourceValues
from netseams.interventions.rewire import redrawn_on_support, untrained_twin
from netseams.interventions.weights import LeftOut, kept_weights, with_weights

__all__ = [
    "ABLATIONS",
    "AblationKind",
    "ActivationNoise",
    "Damage",
    "EmbeddingAttack",
    "LeftOut",
    "NodeMask",
    "SourceValues",
    "TowardsWeights",
    "WeightNoise",
    "ablated_for_task",
    "ablated_values",
    "ablation_fill",
    "kept_weights",
    "link_slopes",
    "masked_hooks",
    "mean_activations",
    "means_over",
    "patch_every_link",
    "redrawn_on_support",
    "run_with_links",
    "source_values",
    "untrained_twin",
    "with_weights",
]
