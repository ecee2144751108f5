"""What the statistics can do, by simulation: coverage of intervals, power of tests.

Nothing here reads a result: values are drawn from distributions whose mean is known.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float

from netseams.core import Config, SettingError, seed_from
from netseams.evaluation.statistics.intervals import (
    DRAWS,
    MIN_SEEDS_FOR_INTERVAL,
    acceleration,
    bca_levels,
    expanded_level,
)
from netseams.evaluation.statistics.significance import share_at_least, tost_p
from netseams.store import Provenance

Shape = Literal["normal", "normal, noisy", "heavy tails", "skewed", "shares near 1"]
SHAPES: tuple[Shape, ...] = ("normal", "normal, noisy", "heavy tails", "skewed", "shares near 1")
"""Of seed means: normal; normal, with three times as much noise below; t with 3 degrees of freedom;
lognormal of a unit logarithm; shares of 50 whose chance is Beta(19, 1), .95 on average."""
COVERAGE_SEEDS = (5, 8, 12, 16, 24)
POWER_SEEDS = (5, 6, 8, 10, 12, 16, 20, 24, 32, 40)
EFFECTS = (0.0, 0.5, 1.0, 1.5, 2.0)
MARGINS = (0.5, 1.0)

_EXTRACTIONS, _EXAMPLES = 3, 10
_IN_A_SHARE = 50
_AT_ONCE = 200
"""Repeats that share one set of resamples; every set is drawn anew."""
_MOST_EXACT = 20
"""Seeds up to which the exact test is simulated; beyond, patterns of signs take minutes."""

_MEANS: dict[Shape, float] = {
    "normal": 0.0,
    "normal, noisy": 0.0,
    "heavy tails": 0.0,
    "skewed": math.exp(0.5),
    "shares near 1": 0.95,
}
_NOISE: dict[Shape, float] = {
    "normal": 1.0,
    "normal, noisy": 3.0,
    "heavy tails": math.sqrt(3),
    "skewed": math.sqrt((math.e - 1) * math.e),
}

Report = Callable[[str], None]


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


class Power(Config):
    """Shares of repeats in which an effect is found at 5 %; normal differences, one a seed."""

    n_seeds: int
    effect: float
    """True mean, in standard deviations between seeds; the shares at 0 are false alarms."""
    exact: float | None
    """The sign-flip test; None where it is not simulated."""
    interval: float | None
    """The 95 % interval excludes zero; None below eight seeds, where there is none."""


class EquivalencePower(Config):
    """Shares of repeats that end in *equivalent* at 5 %; normal differences, one a seed."""

    n_seeds: int
    margin: float
    """In standard deviations between seeds."""
    effect: float
    """0, or the margin itself, where every *equivalent* is a false one."""
    t: float
    exact: float | None
    both: float
    """By the larger of both ps, which `equivalence_test` gives."""
    interval: float | None
    """The 95 % interval lies inside the margin."""


class PowerTables(Config):
    """All that `netseams power` writes."""

    format: Literal["netseams.power"] = "netseams.power"
    version: Literal[1] = 1
    command: str = ""
    repeats: int
    seed: int
    coverage: tuple[Coverage, ...]
    power: tuple[Power, ...]
    equivalence: tuple[EquivalencePower, ...]
    provenance: Provenance | None = None


def simulation_names() -> list[str]:
    """Names of all parts of `simulate`, in their order."""
    return [name for name, _ in _coverage_cells()] + [f"power {n} seeds" for n in POWER_SEEDS]


def simulate(repeats: int, seed: int = 0, report: Report = lambda name: None) -> PowerTables:
    """Simulate every table; equal arguments give equal tables.

    Args:
        repeats: simulated experiments in every cell; 4,000 give a standard error of .0034 at .95.
        seed: of all draws.
        report: called with a name of `simulation_names` when that part is done.

    Raises:
        SettingError: fewer than 100 repeats.
    """
    if repeats < 100:
        raise SettingError(f"a simulation needs at least 100 repeats, got {repeats}")
    coverages: list[Coverage] = []
    for name, (shape, n, levels) in _coverage_cells():
        coverages.append(coverage(shape, n, levels, repeats, seed))
        report(name)
    power: list[Power] = []
    equivalence: list[EquivalencePower] = []
    for n in POWER_SEEDS:
        found, equal = power_of(n, repeats, seed)
        power += found
        equivalence += equal
        report(f"power {n} seeds")
    return PowerTables(
        repeats=repeats,
        seed=seed,
        coverage=tuple(coverages),
        power=tuple(power),
        equivalence=tuple(equivalence),
    )


def fewest_seeds(
    rows: Sequence[Power], effect: float, test: Literal["exact", "interval"], share: float = 0.8
) -> int | None:
    """The fewest simulated seeds with which an effect is found in that share of repeats."""
    enough = [
        row.n_seeds for row in rows if row.effect == effect and (getattr(row, test) or 0.0) >= share
    ]
    return min(enough, default=None)


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
    truth = _MEANS[shape]
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


def power_of(n: int, repeats: int, seed: int = 0) -> tuple[list[Power], list[EquivalencePower]]:
    """Power of every test with n seeds of normal differences, by effect and by margin.

    One sample serves all effects, moved: an interval moves along with it.
    """
    draws = np.random.default_rng(seed_from(seed, "power", n))
    samples = draws.normal(size=(repeats, n))
    ends = None
    if n >= MIN_SEEDS_FOR_INTERVAL:
        ends = intervals(samples.reshape(repeats, n, 1, 1), draws)
    exact = n <= _MOST_EXACT
    power = [
        Power(
            n_seeds=n,
            effect=effect,
            exact=float((_flip_p(samples + effect) < 0.05).mean()) if exact else None,
            interval=None if ends is None else _share(ends[0] > -effect, ends[1] < -effect),
        )
        for effect in EFFECTS
    ]
    equivalence = []
    for margin in MARGINS:
        for effect in (0.0, margin):
            moved = samples + effect
            p_t = tost_p(moved, margin)
            both, p_exact = p_t, None
            if exact:
                p_exact = np.maximum(_upper_p(margin + moved), _upper_p(margin - moved))
                both = np.maximum(p_t, p_exact)
            within = None
            if ends is not None:
                inside = (ends[0] + effect > -margin) & (ends[1] + effect < margin)
                within = float(inside.mean())
            equivalence.append(
                EquivalencePower(
                    n_seeds=n,
                    margin=margin,
                    effect=effect,
                    t=float((p_t < 0.05).mean()),
                    exact=None if p_exact is None else float((p_exact < 0.05).mean()),
                    both=float((both < 0.05).mean()),
                    interval=within,
                )
            )
    return power, equivalence


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


def _flip_p(samples: Float[np.ndarray, "repeats n"]) -> Float[np.ndarray, " repeats"]:
    """p of `sign_flip_test`, by row."""
    totals = np.abs(samples.sum(axis=1))
    found = [share_at_least(x, total) for x, total in zip(samples, totals, strict=True)]
    return np.minimum(1.0, 2 * np.array(found))


def _upper_p(samples: Float[np.ndarray, "repeats n"]) -> Float[np.ndarray, " repeats"]:
    """One-sided p of sign flips against a mean of zero or less, by row."""
    totals = samples.sum(axis=1)
    return np.array([share_at_least(x, total) for x, total in zip(samples, totals, strict=True)])


def _share(*either: np.ndarray) -> float:
    return float(np.logical_or(*either).mean())


def _coverage_cells() -> Iterator[tuple[str, tuple[Shape, int, int]]]:
    for shape in SHAPES:
        for n in COVERAGE_SEEDS:
            levels = (1, 2, 3) if n == MIN_SEEDS_FOR_INTERVAL else (1, 2)
            for some in levels[1:] if shape == "normal, noisy" else levels:
                yield f"coverage {shape}, {n} seeds, levels {some}", (shape, n, some)
