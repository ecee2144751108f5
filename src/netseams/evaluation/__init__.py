"""One file per question asked of a circuit; statistics over seeds."""

from netseams.evaluation.agreement import Agreement, agreement
from netseams.evaluation.bridge_measures import BridgeMeasures, measure_bridges
from netseams.evaluation.bridges import HybridLosses, hybrid_losses, unfaithfulness
from netseams.evaluation.necessity import necessity
from netseams.evaluation.score import Score, is_learned, score, score_circuit, score_network
from netseams.evaluation.specificity import next_token_rise, removal_scores
from netseams.evaluation.statistics import (
    MIN_SEEDS_FOR_INTERVAL,
    SeedSummary,
    geometric_mean,
    summarize_seeds,
)
from netseams.evaluation.steering import Steering, SteeringConfig, steering
from netseams.evaluation.sufficiency import sufficiency

__all__ = [
    "MIN_SEEDS_FOR_INTERVAL",
    "Agreement",
    "BridgeMeasures",
    "HybridLosses",
    "Score",
    "SeedSummary",
    "Steering",
    "SteeringConfig",
    "agreement",
    "geometric_mean",
    "hybrid_losses",
    "is_learned",
    "measure_bridges",
    "necessity",
    "next_token_rise",
    "removal_scores",
    "score",
    "score_circuit",
    "score_network",
    "steering",
    "sufficiency",
    "summarize_seeds",
    "unfaithfulness",
]
