"""Coverage of intervals, by simulation: values drawn from distributions whose mean is known."""

import math
from typing import Literal

import numpy as np
from jaxtyping import Float

from netseams.core import Config, seed_from
from netseams.evaluation.statistics.intervals import (
    DRAWS,
    acceleration,
    bca_levels,
    expanded_level,
)

Shape = Literal["normal", "normal, noisy", "heavy tails", "skewed", "shares near 1"]
SHAPES: tuple[Shape, ...] = ("normal", "normal, noisy", "heavy tails", "skewed", "shares near 1")
"""Of seed means: normal; normal, with three times as much noise below; t with 3 degrees of freedom;
lognormal of a unit logarithm; shares of 50 whose chance is Beta(19, 1), .95 on average."""
COVERAGE_SEEDS = (5, 8, 12, 16, 24)

_EXTRACTIONS, _EXAMPLES = 3, 10
_IN_A_SHARE = 50
_AT_ONCE = 200
"""Repeats that share one set of resamples; every set is drawn anew."""

MEANS: dict[Shape, float] = {
    "normal": 0.0,
    "normal, noisy": 0.0,
    "heavy tails": 0.0,
    "skewed": math.exp(0.5),
    "shares near 1": 0.95,
}
"""The truth that an interval has to hold."""
_NOISE: dict[Shape, float] = {
    "normal": 1.0,
    "normal, noisy": 3.0,
    "heavy tails": math.sqrt(3),
    "skewed": math.sqrt((math.e - 1) * math.e),
}
"""Standard deviation of every level below the seeds: that of the seeds, or three times as much."""


class Coverage(Config):
    """How often a 95 % interval of the mean holds the truth, and on which side it misses."""

    shape: Shape
    n_seeds: int
    levels: int
    """1: a value a seed; 2: three extractions a seed; 3: ten examples in each of them."""
    covered: float
    too_low: float
    """Share of repeats whose interval lies below the true mean."""
    too_high: float
    bca: float | None
    """Coverage of the BCa interval; None for several levels, to which it does not apply."""


def coverage(shape: Shape, n: int, levels: int, repeats: int, seed: int = 0) -> Coverage:
    """Coverage of the interval of `summarize_seeds`, and of BCa where there is one level.

    Below eight seeds it is that of the interval which `summarize_seeds` does not give.

    Args:
        shape: distribution of seed means. Each level below adds normal noise with the standard
            deviation of the seeds, or three times that; shares of seeds or extractions are counts
            of 50, or of the ten examples where there are three levels.
        n: seeds.
        levels: 1 to 3, see `Coverage`.
        repeats: simulated experiments.
        seed: of all draws.
    """
    draws = np.random.default_rng(seed_from(seed, "coverage", shape, n, levels))
    samples = sampled(shape, n, levels, repeats, draws)
    low, high, *bca = intervals(samples, draws, bca=levels == 1)
    truth = MEANS[shape]
    inside = (low <= truth) & (truth <= high)
    return Coverage(
        shape=shape,
        n_seeds=n,
        levels=levels,
        covered=float(inside.mean()),
        too_low=float((high < truth).mean()),
        too_high=float((low > truth).mean()),
        bca=float(((bca[0] <= truth) & (truth <= bca[1])).mean()) if bca else None,
    )


def sampled(
    shape: Shape, n: int, levels: int, repeats: int, draws: np.random.Generator
) -> Float[np.ndarray, "repeats seeds extractions examples"]:
    """Values, drawn as `coverage` says."""
    k = _EXTRACTIONS if levels > 1 else 1
    m = _EXAMPLES if levels > 2 else 1
    if shape == "shares near 1":
        of = 1 if levels > 2 else _IN_A_SHARE
        chance = draws.beta(19.0, 1.0, size=(repeats, n, 1, 1))
        return draws.binomial(of, np.broadcast_to(chance, (repeats, n, k, m))) / of
    size = (repeats, n, 1, 1)
    if shape in ("normal", "normal, noisy"):
        seeds = draws.normal(size=size)
    elif shape == "heavy tails":
        seeds = draws.standard_t(3, size=size)
    else:
        seeds = draws.lognormal(size=size)
    values = np.broadcast_to(seeds, (repeats, n, k, m))
    for below, noise in ((k > 1, (repeats, n, k, 1)), (m > 1, (repeats, n, k, m))):
        if below:
            values = values + _NOISE[shape] * draws.normal(size=noise)
    return values


def intervals(
    samples: Float[np.ndarray, "repeats seeds extractions examples"],
    draws: np.random.Generator,
    bca: bool = False,
) -> tuple[Float[np.ndarray, " repeats"], ...]:
    """Ends of the interval of `summarize_seeds` for many samples at once.

    Args:
        samples: values; one extraction and one example where there is one level.
        draws: stream of the resamples.
        bca: for one level; low and high of BCa follow.
    """
    repeats, n, k, m = samples.shape
    flat = samples.reshape(repeats, -1)
    level = expanded_level(n)
    parts = []
    for start in range(0, repeats, _AT_ONCE):
        some = flat[start : start + _AT_ONCE]
        means = some @ _weights(n, k, m, draws).T
        means.sort(axis=1)
        ends = [_quantile(means, np.full(len(some), q)) for q in (level, 1 - level)]
        parts.append(ends + (_bca_of_means(some, means) if bca else []))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _weights(
    n: int, k: int, m: int, draws: np.random.Generator
) -> Float[np.ndarray, "resamples values"]:
    """What each of n seeds x k extractions x m examples weighs in every resample."""
    places = np.arange(DRAWS)[:, None] * n + draws.integers(0, n, size=(DRAWS, n))
    for below in (k, m):
        if below > 1:
            inner = draws.integers(0, below, size=(*places.shape, below))
            places = places[..., None] * below + inner
        else:
            places = places[..., None]
    size = n * k * m
    counts = np.bincount(places.ravel(), minlength=DRAWS * size)
    return counts.reshape(DRAWS, size) / size


def _bca_of_means(
    samples: Float[np.ndarray, "repeats n"], means: Float[np.ndarray, "repeats resamples"]
) -> list[Float[np.ndarray, " repeats"]]:
    """Ends of `bca_interval` of the mean, from sorted means of resamples."""
    value = samples.mean(axis=1, keepdims=True)
    near = 1e-9 * np.ptp(samples, axis=1, keepdims=True)  # means that tie but for rounding
    below = (means < value - near).mean(axis=1)
    ties = (means <= value + near).mean(axis=1) - below
    left_out = -samples  # the mean without a value falls by that value, but for a factor
    flat = np.ptp(samples, axis=1) == 0
    share = np.where(flat, 0.5, below + ties / 2)
    return [_quantile(means, q) for q in bca_levels(share, acceleration(left_out), 0.95)]


def _quantile(
    ordered: Float[np.ndarray, "rows columns"], levels: Float[np.ndarray, " rows"]
) -> Float[np.ndarray, " rows"]:
    """A quantile of its own of each sorted row, by the rule of `numpy.quantile`."""
    place = levels * (ordered.shape[1] - 1)
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, ordered.shape[1] - 1)
    rows = np.arange(len(ordered))
    share = place - low
    return ordered[rows, low] * (1 - share) + ordered[rows, high] * share
