"""Power of tests, by simulation: normal differences, one a seed."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float

from netseams.core import Config, seed_from
from netseams.evaluation.statistics.coverage import intervals
from netseams.evaluation.statistics.intervals import MIN_SEEDS_FOR_INTERVAL
from netseams.evaluation.statistics.significance import share_at_least, tost_p

POWER_SEEDS = (5, 6, 8, 10, 12, 16, 20, 24, 32, 40)
EFFECTS = (0.0, 0.5, 1.0, 1.5, 2.0)
MARGINS = (0.5, 1.0)
_MOST_EXACT = 20
"""Seeds up to which the exact test is simulated; beyond, patterns of signs take minutes."""


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


def fewest_seeds(
    rows: Sequence[Power], effect: float, test: Literal["exact", "interval"], share: float = 0.8
) -> int | None:
    """The fewest simulated seeds with which an effect is found in that share of repeats."""
    enough = [
        row.n_seeds for row in rows if row.effect == effect and (getattr(row, test) or 0.0) >= share
    ]
    return min(enough, default=None)


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
