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
    """Mean of seed means, with a 95 % percentile bootstrap that resamples seeds first.

    Within a drawn seed its values (extraction seeds, say) are resampled too; one value a seed
    reduces to the plain bootstrap over seeds. With 8 seeds percentile intervals are a little
    narrow: in simulations with normal seeds they cover about 91 % rather than 95 %.

    Args:
        rows: training seed -> its values.
        label: names the random stream, so that equal input gives equal intervals.
        log: average logarithms, and return a geometric mean (for ratios).

    Raises:
        SettingError: no seed, a seed without values, or a ratio that is not positive.
    """
    if not rows or any(len(values) == 0 for values in rows.values()):
        raise SettingError("statistics over seeds need at least one value for every seed")
    groups = [np.asarray(values, dtype=float) for _, values in sorted(rows.items())]
    if log:
        if any((group <= 0).any() for group in groups):
            raise SettingError("a geometric mean needs positive ratios")
        groups = [np.log(group) for group in groups]
    value = float(np.mean([group.mean() for group in groups]))
    low = high = None
    if len(groups) >= MIN_SEEDS_FOR_INTERVAL:
        draws = _bootstrap(groups, np.random.default_rng(seed_from("bootstrap", label)))
        low, high = (float(q) for q in np.quantile(draws, [0.025, 0.975]))
    if log:
        value = math.exp(value)
        low = None if low is None else math.exp(low)
        high = None if high is None else math.exp(high)
    return SeedSummary(value=value, low=low, high=high, n_seeds=len(groups))


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
    """exp(mean(log(values)))."""
    return math.exp(math.fsum(math.log(value) for value in values) / len(values))
