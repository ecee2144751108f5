"""Statistics over training seeds: intervals, exact tests, and simulations of what both can do."""

from netseams.evaluation.statistics.intervals import (
    MIN_SEEDS_FOR_INTERVAL,
    SeedSummary,
    bca_interval,
    summarize_seeds,
)
from netseams.evaluation.statistics.means import geometric_mean, mean
from netseams.evaluation.statistics.significance import (
    MOST_SEEDS_FOR_EXACT_TEST,
    Equivalence,
    equivalence_test,
    holm,
    sign_flip_test,
)

__all__ = [
    "MIN_SEEDS_FOR_INTERVAL",
    "MOST_SEEDS_FOR_EXACT_TEST",
    "Equivalence",
    "SeedSummary",
    "bca_interval",
    "equivalence_test",
    "geometric_mean",
    "holm",
    "mean",
    "sign_flip_test",
    "summarize_seeds",
]
