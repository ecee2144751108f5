"""One file per question asked of a circuit; statistics over seeds."""

from netseams.evaluation.agreement import Agreement, agreement
from netseams.evaluation.bridge_measures import BridgeMeasures, measure_bridges
from netseams.evaluation.bridges import HybridLosses, hybrid_losses, unfaithfulness
from netseams.evaluation.function_matrix import (
    FunctionMatrix,
    accuracies,
    accuracy_alone,
    accuracy_without,
    lift_matrix,
    removal_matrix,
    sufficiency_matrix,
)
from netseams.evaluation.necessity import necessity
from netseams.evaluation.score import Score, is_learned, score, score_network
from netseams.evaluation.specificity import next_token_rise, removal_scores
from netseams.evaluation.statistics import (
    MIN_SEEDS_FOR_INTERVAL,
    SeedSummary,
    geometric_mean,
    mean,
    sign_flip_test,
    summarize_seeds,
)
from netseams.evaluation.steering import Steering, SteeringConfig, steering
from netseams.evaluation.sufficiency import sufficiency

__all__ = [
    "MIN_SEEDS_FOR_INTERVAL",
    "Agreement",
    "BridgeMeasures",
    "FunctionMatrix",
    "HybridLosses",
    "Score",
    "SeedSummary",
    "Steering",
    "SteeringConfig",
    "accuracies",
    "accuracy_alone",
    "accuracy_without",
    "agreement",
    "geometric_mean",
    "hybrid_losses",
    "is_learned",
    "lift_matrix",
    "mean",
    "measure_bridges",
    "necessity",
    "next_token_rise",
    "removal_matrix",
    "removal_scores",
    "score",
    "score_network",
    "sign_flip_test",
    "steering",
    "sufficiency",
    "sufficiency_matrix",
    "summarize_seeds",
    "unfaithfulness",
]
