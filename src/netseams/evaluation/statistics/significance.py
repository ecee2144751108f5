"""Tests of paired differences, one a training seed, and of families of tests."""

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar, overload

import numpy as np
from jaxtyping import Float

from netseams.core import Config, SettingError

MOST_SEEDS_FOR_EXACT_TEST = 40
"""Half the seeds have 2^20 patterns of signs, which takes under a second."""
K = TypeVar("K")


def sign_flip_test(differences: Sequence[float]) -> float:
    """Exact two-sided p of paired differences, one a seed: are signs as good as random?

    The share of all 2^n patterns of signs whose mean is at least as far from zero as the one that
    was found. The smallest possible is 2 / 2^n: .0078 with 8 seeds, .0625 with 5.

    Raises:
        SettingError: no seed, more than 40, or a value that is not finite.
    """
    most = MOST_SEEDS_FOR_EXACT_TEST
    if not 1 <= len(differences) <= most or not np.isfinite(differences).all():
        raise SettingError(
            f"an exact sign-flip test needs 1 to {most} finite differences, got "
            f"{len(differences)}: give one mean a seed"
        )
    return min(1.0, 2 * share_at_least(differences, abs(math.fsum(differences))))


class Equivalence(Config):
    """Two one-sided tests, in two forms; `p` is the larger of both forms."""

    p: float
    p_t: float
    p_exact: float | None
    margin: float
    n_seeds: int


def equivalence_test(differences: Sequence[float], margin: float) -> Equivalence:
    """Is the mean of paired differences, one a seed, within a margin of zero?

    Two one-sided tests (Schuirmann 1987, J. Pharmacokinet. Biopharm. 15, 657): of a mean at or
    below -margin, and of one at or above margin. Each form gives the larger of its two ps.

    - `p_t`: Student's t, for normal differences. Below .05 exactly where the 90 % t interval of
      the mean lies inside the margin.
    - `p_exact`: sign flips of the distance from either margin, for symmetric differences. The
      smallest possible is 1 / 2^n: .0039 with 8 seeds, .0625 with 4. None above 40 seeds, where
      `p` is `p_t` alone.

    A small p says that an effect as large as the margin is ruled out, not that there is none.

    Args:
        differences: at least two.
        margin: smallest effect of interest, in the unit of the differences, above zero.

    Raises:
        SettingError: fewer than two seeds, a value that is not finite, or a margin that is not
            positive.
    """
    n = len(differences)
    if n < 2 or not np.isfinite(differences).all():
        raise SettingError(
            f"an equivalence test needs at least two finite differences, got {n}: "
            "give one mean a seed"
        )
    if not 0 < margin < math.inf:
        raise SettingError(f"the margin of an equivalence test must be above 0, got {margin}")
    sample = np.asarray(differences, dtype=float)
    p_t = float(tost_p(sample, margin))
    exact = None
    if n <= MOST_SEEDS_FOR_EXACT_TEST:
        inside = (margin + sample, margin - sample)
        exact = max(share_at_least(side, math.fsum(side)) for side in inside)
    larger = p_t if exact is None else max(p_t, exact)
    return Equivalence(p=larger, p_t=p_t, p_exact=exact, margin=margin, n_seeds=n)


def tost_p(samples: Float[np.ndarray, "*batch n"], margin: float) -> Float[np.ndarray, "*batch"]:
    """The larger p of two one-sided t tests.

    Differences without any spread give 0 inside the margin and 1 elsewhere.
    """
    from scipy.stats import t  # loaded where it is needed: it is slow to import

    n = samples.shape[-1]
    error = samples.std(axis=-1, ddof=1) / math.sqrt(n)
    room = margin - np.abs(samples.mean(axis=-1))
    flat = np.ptp(samples, axis=-1) == 0
    p = t.sf(room / np.where(flat, 1.0, error), n - 1)
    return np.where(flat, np.where(room > 0, 0.0, 1.0), p)


def share_at_least(values: Sequence[float] | Float[np.ndarray, " n"], total: float) -> float:
    """Share of all 2^n patterns of signs of `values` whose sum is `total` or more, exactly.

    Sums of one half of the values are looked up among the sorted sums of the other, so that 2^(n/2)
    numbers stand for all 2^n.
    """
    sizes = np.abs(np.asarray(values, dtype=float))
    slack = 1e-9 * float(sizes.sum())  # patterns that tie but for rounding count as tied
    half = len(sizes) // 2
    first, second = _signed_sums(sizes[:half]), np.sort(_signed_sums(sizes[half:]))
    below = np.searchsorted(second, (total - slack) - np.sort(first), side="left")
    return float((len(second) - below).sum() / (len(first) * len(second)))


def _signed_sums(sizes: Float[np.ndarray, " n"]) -> Float[np.ndarray, " patterns"]:
    sums = np.zeros(1)
    for size in sizes:
        sums = np.concatenate([sums + size, sums - size])
    return sums


@overload
def holm(p_values: Mapping[K, float]) -> dict[K, float]: ...
@overload
def holm(p_values: Sequence[float]) -> list[float]: ...
def holm(p_values: Mapping[K, float] | Sequence[float]) -> dict[K, float] | list[float]:
    """p values of one family, adjusted by Holm's step-down method (1979, Scand. J. Stat. 6, 65).

    Rejecting what is below .05 keeps the chance of any false rejection in the family at .05,
    however the tests depend on each other.

    Args:
        p_values: by name, or in a sequence; what comes back has the same names or order.

    Raises:
        SettingError: a p outside of 0..1.
    """
    if isinstance(p_values, Mapping):
        return dict(zip(p_values, holm(list(p_values.values())), strict=True))
    wrong = [p for p in p_values if not 0 <= p <= 1]
    if wrong:
        raise SettingError(f"p values lie in 0..1, got {wrong[0]}")
    found, largest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        found[i] = largest
    return found
