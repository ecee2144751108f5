"""Intervals over training seeds. The unit is the seed: never tokens, tasks or layers."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from netseams.core import Config, SettingError, seed_from

MIN_SEEDS_FOR_INTERVAL = 8
"""An exact sign-flip test on fewer cannot reach p < .05 with room to spare; below, no interval."""
_DRAWS = 10_000


class SeedSummary(Config):
    """A mean over seeds; the interval is None where there are too few seeds for one."""

    value: float
    low: float | None
    high: float | None
    n_seeds: int


def summarize_seeds(
    rows: Mapping[int, Sequence[float]], label: str, log: bool = False
) -> SeedSummary:
    """Mean of seed means, with a 95 % bootstrap interval that resamples seeds first.

    Within a drawn seed its values (extraction seeds, say) are resampled too; one value a seed
    reduces to the plain bootstrap over seeds. Plain percentiles of few seeds are too narrow (89 %
    with 8 normal seeds), so they are taken further out, by the expanded percentile interval of
    arXiv 1411.5279, section 4.1.2, which is exact for normal means up to the bootstrap's own
    skewness: a test measures the coverage with 8.

    Args:
        rows: training seed -> its values.
        label: names the random stream, so that equal input gives equal intervals.
        log: average logarithms, and return a geometric mean (for ratios).

    Raises:
        SettingError: no seed, a seed without values, a value that is not finite, or a ratio that
            is not positive.
    """
    if not rows or any(len(values) == 0 for values in rows.values()):
        raise SettingError("statistics over seeds need at least one value for every seed")
    groups = [np.asarray(values, dtype=float) for _, values in sorted(rows.items())]
    if not all(np.isfinite(group).all() for group in groups):
        raise SettingError("statistics over seeds need finite values")
    if log:
        if any((group <= 0).any() for group in groups):
            raise SettingError("a geometric mean needs positive ratios")
        groups = [np.log(group) for group in groups]
    value = float(np.mean([group.mean() for group in groups]))
    low = high = None
    if len(groups) >= MIN_SEEDS_FOR_INTERVAL:
        draws = _bootstrap(groups, np.random.default_rng(seed_from("bootstrap", label)))
        level = _expanded_level(len(groups))
        low, high = (float(q) for q in np.quantile(draws, [level, 1 - level]))
    if log:
        value = math.exp(value)
        low = None if low is None else math.exp(low)
        high = None if high is None else math.exp(high)
    return SeedSummary(value=value, low=low, high=high, n_seeds=len(groups))


def _expanded_level(n: int) -> float:
    """Tail of the bootstrap distribution that stands for 2.5 %: Phi(-sqrt(n/(n-1)) t(n-1))."""
    from scipy.stats import norm, t  # loaded where it is needed: it is slow to import

    return float(norm.cdf(-math.sqrt(n / (n - 1)) * t.ppf(0.975, n - 1)))


def _bootstrap(groups: list[np.ndarray], draws: np.random.Generator) -> np.ndarray:
    n = len(groups)
    picks = draws.integers(0, n, size=(_DRAWS, n))
    if all(len(group) == 1 for group in groups):
        return np.concatenate(groups)[picks].mean(axis=1)
    means = np.empty((_DRAWS, n))
    for i, group in enumerate(groups):
        inner = draws.integers(0, len(group), size=(_DRAWS, n, len(group)))
        means = np.where(picks == i, group[inner].mean(axis=2), means)
    return means.mean(axis=1)


def geometric_mean(values: Sequence[float]) -> float:
    """exp(mean(log(values))).

    Raises:
        SettingError: no value, or one that is not positive.
    """
    if not values or min(values) <= 0:
        raise SettingError("a geometric mean needs positive values")
    return math.exp(math.fsum(math.log(value) for value in values) / len(values))


def mean(values: Sequence[float]) -> float | None:
    """The mean, or None of no values."""
    return math.fsum(values) / len(values) if values else None


def sign_flip_test(differences: Sequence[float]) -> float:
    """Exact two-sided p of paired differences, one a seed: are signs as good as random?

    The share of all 2^n patterns of signs whose mean is at least as far from zero as the one that
    was found. The smallest possible is 2 / 2^n: .0078 with 8 seeds, .0625 with 5.

    Raises:
        SettingError: no seed, more than 20, or a value that is not finite.
    """
    if not 1 <= len(differences) <= 20 or not np.isfinite(differences).all():
        raise SettingError(
            f"an exact sign-flip test needs 1 to 20 finite differences, got {len(differences)}: "
            "give one mean a seed"
        )
    sizes = np.abs(np.asarray(differences, dtype=float))
    sums = np.zeros(1)
    for value in sizes:
        sums = np.concatenate([sums + value, sums - value])
    observed = abs(math.fsum(differences))
    slack = 1e-9 * float(sizes.sum())  # patterns that tie but for rounding count as tied
    return float((np.abs(sums) >= observed - slack).mean())
