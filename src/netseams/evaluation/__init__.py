"""One file per question asked of a circuit; statistics over seeds."""

from netseams.evaluation.agreement import Agreement, agreement
from netseams.evaluation.bridge_measures import BridgeMeasures, measure_bridges
from netseams.evaluation.bridges import HybridLosses, hybrid_losses, unfaithfulness
from netseams.evaluation.co_importance import StructureFunction, structure_predicts_function
from netseams.evaluation.function_matrix import (
    FunctionMatrix,
    accuracies,
    accuracy_alone,
    accuracy_without,
    lift_matrix,
    removal_matrix,
    sufficiency_matrix,
)
from netseams.evaluation.modules import louvain_modules, spectral_modules, without_splinters
from netseams.evaluation.necessity import necessity
from netseams.evaluation.partitions import clusterability, directed_modularity, n_cut
from netseams.evaluation.score import Score, is_learned, score, score_circuit, score_network
from netseams.evaluation.specialisation import (
    Pair,
    PairScore,
    Reuse,
    pair_score,
    reuse,
    specialisation,
)
from netseams.evaluation.specificity import next_token_rise, removal_scores
from netseams.evaluation.stability import (
    FunctionalStability,
    MaskStability,
    consensus,
    functional_stability,
    keep_frequency,
    mask_stability,
)
from netseams.evaluation.statistics import (
    MIN_SEEDS_FOR_INTERVAL,
    MOST_SEEDS_FOR_EXACT_TEST,
    Equivalence,
    SeedSummary,
    bca_interval,
    equivalence_test,
    geometric_mean,
    holm,
    mean,
    sign_flip_test,
    summarize_seeds,
)
from netseams.evaluation.steering import Steering, SteeringConfig, steering
from netseams.evaluation.structure import AgainstShuffles, Structure, structure
from netseams.evaluation.subroutines import (
    SubroutineScores,
    clipped_difference,
    share_passing,
    size_matched_lift,
)
from netseams.evaluation.sufficiency import sufficiency
from netseams.evaluation.weight_graph import WeightGraph, layered_graph, weight_graph

__all__ = [
    "MIN_SEEDS_FOR_INTERVAL",
    "MOST_SEEDS_FOR_EXACT_TEST",
    "AgainstShuffles",
    "Agreement",
    "BridgeMeasures",
    "Equivalence",
    "FunctionMatrix",
    "FunctionalStability",
    "HybridLosses",
    "MaskStability",
    "Pair",
    "PairScore",
    "Reuse",
    "Score",
    "SeedSummary",
    "Steering",
    "SteeringConfig",
    "Structure",
    "StructureFunction",
    "SubroutineScores",
    "WeightGraph",
    "accuracies",
    "accuracy_alone",
    "accuracy_without",
    "agreement",
    "bca_interval",
    "clipped_difference",
    "clusterability",
    "consensus",
    "directed_modularity",
    "equivalence_test",
    "functional_stability",
    "geometric_mean",
    "holm",
    "hybrid_losses",
    "is_learned",
    "keep_frequency",
    "layered_graph",
    "lift_matrix",
    "louvain_modules",
    "mask_stability",
    "mean",
    "measure_bridges",
    "n_cut",
    "necessity",
    "next_token_rise",
    "pair_score",
    "removal_matrix",
    "removal_scores",
    "reuse",
    "score",
    "score_circuit",
    "score_network",
    "share_passing",
    "sign_flip_test",
    "size_matched_lift",
    "specialisation",
    "spectral_modules",
    "steering",
    "structure",
    "structure_predicts_function",
    "sufficiency",
    "sufficiency_matrix",
    "summarize_seeds",
    "unfaithfulness",
    "weight_graph",
    "without_splinters",
]
