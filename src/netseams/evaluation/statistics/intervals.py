"""Intervals over training seeds. The unit is the seed: never tokens, tasks or layers."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from netseams.core import Config, SettingError, seed_from

MIN_SEEDS_FOR_INTERVAL = 8
"""An exact sign-flip test on fewer cannot reach p < .05 with room to spare; below, no interval."""
DRAWS = 10_000
_MOST_AT_ONCE = 4_000_000
"""Numbers drawn in one go: an extraction with many examples is resampled in parts."""


class SeedSummary(Config):
    """A mean over seeds; the interval is None where there are too few seeds for one."""

    value: float
    low: float | None
    high: float | None
    n_seeds: int


def summarize_seeds(
    rows: Mapping[int, Sequence[float] | Mapping[int, Sequence[float]]],
    label: str,
    log: bool = False,
) -> SeedSummary:
    """Mean of seed means, with a 95 % bootstrap interval that resamples seeds first.

    Within a drawn seed its values (extraction seeds, say) are resampled too, and within a drawn
    extraction its examples (arXiv 2007.07797); one value a seed reduces to the plain bootstrap
    over seeds. Plain percentiles of few seeds are too narrow (89 % with 8 normal seeds), so they
    are taken further out, by the expanded percentile interval of arXiv 1411.5279, section 4.1.2,
    which is exact for normal means up to the bootstrap's own skewness. Noise within seeds counts
    twice, once in the spread of seed means and once when it is drawn again, so that an interval of
    several levels errs on the wide side. docs/statistics.md has the coverage of all this.

    Args:
        rows: training seed -> its values, or training seed -> extraction seed -> values. Seeds
            weigh alike, and so do the extractions of a seed, however many values they have.
        label: names the random stream, so that equal input gives equal intervals.
        log: average logarithms, and return a geometric mean (for ratios).

    Raises:
        SettingError: no seed, a seed or an extraction without values, seeds of two and of three
            levels together, a value that is not finite, or a ratio that is not positive.
    """
    nested = _is_nested(rows)
    seeds = _leaves(rows)
    if not seeds or any(len(leaf) == 0 for seed in seeds for leaf in seed or [()]):
        raise SettingError("statistics over seeds need at least one value for every seed")
    if not all(np.isfinite(leaf).all() for seed in seeds for leaf in seed):
        raise SettingError("statistics over seeds need finite values")
    if log:
        if any((leaf <= 0).any() for seed in seeds for leaf in seed):
            raise SettingError("a geometric mean needs positive ratios")
        seeds = [[np.log(leaf) for leaf in seed] for seed in seeds]
    value = float(np.mean([np.mean([leaf.mean() for leaf in seed]) for seed in seeds]))
    low = high = None
    if len(seeds) >= MIN_SEEDS_FOR_INTERVAL:
        stream = np.random.default_rng(seed_from("bootstrap", label))
        if nested:
            draws = _bootstrap_of_three(seeds, stream)
        else:
            draws = _bootstrap([leaf for (leaf,) in seeds], stream)
        level = expanded_level(len(seeds))
        low, high = (float(q) for q in np.quantile(draws, [level, 1 - level]))
    if log:
        value = math.exp(value)
        low = None if low is None else math.exp(low)
        high = None if high is None else math.exp(high)
    return SeedSummary(value=value, low=low, high=high, n_seeds=len(seeds))


def expanded_level(n: int) -> float:
    """Tail of the bootstrap distribution that stands for 2.5 %: Phi(-sqrt(n/(n-1)) t(n-1))."""
    from scipy.stats import norm, t  # loaded where it is needed: it is slow to import

    return float(norm.cdf(-math.sqrt(n / (n - 1)) * t.ppf(0.975, n - 1)))


def bca_interval(
    values: Sequence[float],
    statistic: Callable[[np.ndarray], float],
    label: str,
    level: float = 0.95,
) -> tuple[float, float]:
    """Both ends of a bias-corrected and accelerated bootstrap interval of any statistic.

    Percentiles of the bootstrap at levels that are moved by the bias z0 of its distribution and by
    the acceleration a, from the jackknife (Efron and Tibshirani 1993, equations 14.9 to 14.15).

    It applies to many independent values, from about 20, and to statistics that change smoothly
    with each of them: means, variances, ratios, correlations. It does not apply

    - to few seeds: levels are corrected for skewness but not for the number of values, and with 8
      it covers about as little as plain percentiles (docs/statistics.md). Take `summarize_seeds`;
    - to values in groups, such as several of one seed: they are not independent;
    - to quantiles, the median among them, where the jackknife is inconsistent, or to extremes.

    Args:
        values: at least two, one a unit.
        statistic: number of an array of shape (n,); called 10,000 + n times.
        label: names the random stream, so that equal input gives equal intervals.
        level: what the interval is to cover, between 0 and 1.

    Raises:
        SettingError: fewer than two values, one that is not finite, a level out of range, or a
            statistic that is not finite or lies at the end of its own bootstrap distribution.
    """
    sample = np.asarray(values, dtype=float)
    if sample.ndim != 1 or len(sample) < 2 or not np.isfinite(sample).all():
        raise SettingError(f"a BCa interval needs two finite values or more, got {sample.size}")
    if not 0 < level < 1:
        raise SettingError(f"the level of an interval lies between 0 and 1, got {level}")
    n = len(sample)
    stream = np.random.default_rng(seed_from("bca", label))
    picks = stream.integers(0, n, size=(DRAWS, n))
    draws = np.array([statistic(sample[pick]) for pick in picks], dtype=float)
    left_out = np.array([statistic(np.delete(sample, i)) for i in range(n)], dtype=float)
    value = float(statistic(sample))
    if not (math.isfinite(value) and np.isfinite(draws).all() and np.isfinite(left_out).all()):
        raise SettingError("a BCa interval needs a statistic that is finite on every resample")
    if np.ptp(draws) == 0:
        return value, value
    below = float((draws < value).mean() + (draws == value).mean() / 2)
    if not 0 < below < 1:
        raise SettingError(
            "the statistic lies at the end of its bootstrap distribution, as extremes do: "
            "no BCa interval"
        )
    low, high = bca_levels(np.asarray(below), acceleration(left_out), level)
    return float(np.quantile(draws, low)), float(np.quantile(draws, high))


def acceleration(left_out: Float[np.ndarray, "*batch n"]) -> Float[np.ndarray, "*batch"]:
    """a = sum d^3 / (6 (sum d^2)^1.5), d = mean minus each; 0 where all are equal.

    Args:
        left_out: the statistic without each value.
    """
    d = left_out.mean(axis=-1, keepdims=True) - left_out
    squares = (d**2).sum(axis=-1)
    return np.asarray((d**3).sum(axis=-1) / (6 * np.where(squares > 0, squares, 1.0) ** 1.5))


def bca_levels(
    below: Float[np.ndarray, "*batch"], a: Float[np.ndarray, "*batch"], level: float
) -> tuple[Float[np.ndarray, "*batch"], Float[np.ndarray, "*batch"]]:
    """Levels of the two percentiles.

    Args:
        below: share of the bootstrap distribution below the statistic, ties by half.
        a: acceleration.
        level: what the interval is to cover.
    """
    from scipy.stats import norm  # loaded where it is needed: it is slow to import

    z0 = norm.ppf(below)
    ends = [z0 + norm.ppf(tail) for tail in ((1 - level) / 2, (1 + level) / 2)]
    low, high = (np.asarray(norm.cdf(z0 + end / (1 - a * end))) for end in ends)
    return low, high


def _is_nested(rows: Mapping[int, Sequence[float] | Mapping[int, Sequence[float]]]) -> bool:
    kinds = {isinstance(values, Mapping) for values in rows.values()}
    if len(kinds) > 1:
        raise SettingError(
            "some seeds have values and some have extractions with values: give all the same levels"
        )
    return kinds == {True}


def _leaves(
    rows: Mapping[int, Sequence[float] | Mapping[int, Sequence[float]]],
) -> list[list[np.ndarray]]:
    """Values by extraction, by seed, in the order of their keys; without extractions one list."""
    found: list[list[np.ndarray]] = []
    for _, values in sorted(rows.items(), key=lambda item: item[0]):
        parts = [v for _, v in sorted(values.items())] if isinstance(values, Mapping) else [values]
        found.append([np.asarray(part, dtype=float) for part in parts])
    return found


def _bootstrap(groups: list[np.ndarray], draws: np.random.Generator) -> np.ndarray:
    n = len(groups)
    picks = draws.integers(0, n, size=(DRAWS, n))
    if all(len(group) == 1 for group in groups):
        return np.concatenate(groups)[picks].mean(axis=1)
    means = np.empty((DRAWS, n))
    for i, group in enumerate(groups):
        inner = draws.integers(0, len(group), size=(DRAWS, n, len(group)))
        means = np.where(picks == i, group[inner].mean(axis=2), means)
    return means.mean(axis=1)


def _bootstrap_of_three(seeds: list[list[np.ndarray]], draws: np.random.Generator) -> np.ndarray:
    """As `_bootstrap`, one level deeper; draws only below what was drawn above."""
    picks = draws.integers(0, len(seeds), size=(DRAWS, len(seeds)))
    sums = np.zeros(DRAWS)
    for i, leaves in enumerate(seeds):
        rows = np.nonzero(picks == i)[0]
        inner = draws.integers(0, len(leaves), size=(len(rows), len(leaves)))
        for e, leaf in enumerate(leaves):
            drawn = rows[np.nonzero(inner == e)[0]]
            means = _resampled_means(leaf, len(drawn), draws) / len(leaves)
            sums += np.bincount(drawn, weights=means, minlength=DRAWS)
    return sums / len(seeds)


def _resampled_means(values: np.ndarray, n: int, draws: np.random.Generator) -> np.ndarray:
    """Means of n resamples of as many values."""
    at_once = max(1, _MOST_AT_ONCE // len(values))
    parts = [
        values[draws.integers(0, len(values), size=(min(at_once, n - start), len(values)))]
        for start in range(0, n, at_once)
    ]
    return np.concatenate([part.mean(axis=1) for part in parts]) if parts else np.empty(0)
