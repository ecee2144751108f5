"""How much sets have in common, and how much of that is chance.

A mask is a set of places, given as boolean tensors by name. The null deals the places of every
mask out anew within each tensor, so that sizes by tensor stay: chance is then known in closed
form. It says nothing else: channels that are alike, or a layer that every circuit needs, lie
above it too, so the overlap of circuits of an untrained network belongs beside every value.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool
from torch import Tensor

from netseams.core import Config, SettingError

Masks = Mapping[str, Bool[Tensor, "*shape"]]
"""Name of a tensor -> which of its places are in the set."""
_WINDOW = 12.0
"""Standard deviations of a count beyond which its probability is below rounding."""


class AboveChance(Config):
    """A value beside its distribution under the within-tensor permutation null."""

    value: float
    null_mean: float
    null_sd: float

    @property
    def excess(self) -> float:
        """Value minus what chance gives."""
        return self.value - self.null_mean

    @property
    def z(self) -> float | None:
        """Excess in standard deviations; None where chance allows one value only."""
        return self.excess / self.null_sd if self.null_sd > 0 else None

    @property
    def corrected(self) -> float | None:
        """Excess over the greatest possible: 0 at chance, 1 at best; None if chance is 1."""
        return self.excess / (1 - self.null_mean) if self.null_mean < 1 else None


class Overlap(Config):
    """What two sets have in common; ratios are None where a set is empty."""

    intersection: AboveChance
    iou: AboveChance | None
    """Intersection over union."""
    io_min: AboveChance | None
    """Intersection over the smaller set: 1 for a subset (arXiv 2010.02066, 2410.01434)."""
    p: float
    """Probability of an intersection at least as large, under the null; 0 below about 1e-15."""


def intersection(sets: Sequence[Masks]) -> dict[str, Bool[Tensor, "*shape"]]:
    """The core: places that are in all sets."""
    _check(sets)
    found = {name: mask.clone() for name, mask in sets[0].items()}
    for other in sets[1:]:
        found = {name: mask & other[name] for name, mask in found.items()}
    return found


def union(sets: Sequence[Masks]) -> dict[str, Bool[Tensor, "*shape"]]:
    """Places that are in any set."""
    _check(sets)
    found = {name: mask.clone() for name, mask in sets[0].items()}
    for other in sets[1:]:
        found = {name: mask | other[name] for name, mask in found.items()}
    return found


def exclusive(own: Masks, others: Sequence[Masks]) -> dict[str, Bool[Tensor, "*shape"]]:
    """Places that are in `own` and in no other set."""
    if not others:
        return {name: mask.clone() for name, mask in own.items()}
    _check([own, *others])
    taken = union(others)
    return {name: mask & ~taken[name] for name, mask in own.items()}


def size(masks: Masks) -> int:
    """Places in the set."""
    return sum(int(mask.sum()) for mask in masks.values())


def shared_iou(sets: Sequence[Masks]) -> float | None:
    """Places in all sets over places in any: IoU of any number of sets; None if all are empty."""
    whole = size(union(sets))
    return size(intersection(sets)) / whole if whole else None


def core_size(sets: Sequence[Masks], within: Masks | None = None) -> AboveChance:
    """Places that all sets share, against sets of the same sizes dealt out by chance.

    With p1 the product of a/N over the sets (sizes a, N places) and p2 that of
    a(a-1)/(N(N-1)), a count has mean N p1 and variance N p1 + N(N-1) p2 - (N p1)^2; counts add up
    over tensors. For two sets this is the hypergeometric distribution.

    Args:
        within: the places that could have been chosen, such as weights that are not zero; None:
            all of them.

    Raises:
        SettingError: no set, sets over different tensors, or one that reaches beyond `within`.
    """
    mean = variance = 0.0
    for n, *counts in _sizes(sets, within):
        one, two = (math.prod(_share(a, n, deep) for a in counts) for deep in (1, 2))
        mean += n * one
        variance += n * one + n * (n - 1) * two - (n * one) ** 2
    value = float(size(intersection(sets)))
    return AboveChance(value=value, null_mean=mean, null_sd=_root(variance, mean))


def overlap(a: Masks, b: Masks, within: Masks | None = None) -> Overlap:
    """Overlap of two sets, each number beside its exact null.

    The null distribution of the intersection is the convolution, over tensors, of hypergeometric
    ones; IoU and IoMin are functions of it because the sizes of both sets are fixed.

    Args:
        within: as in `core_size`.

    Raises:
        SettingError: sets over different tensors, or one that reaches beyond `within`.
    """
    common = core_size([a, b], within)
    counts, chances = _null(list(_sizes([a, b], within)))
    small, total = sorted((size(a), size(b))), size(a) + size(b)
    p = float(chances[counts >= common.value - 0.5].sum())

    def ratio(divisor: np.ndarray, value: float) -> AboveChance:
        ratios = counts / divisor
        mean = float((chances * ratios).sum())
        spread = float((chances * (ratios - mean) ** 2).sum())
        return AboveChance(value=value, null_mean=mean, null_sd=_root(spread, mean))

    x = common.value
    whole = np.maximum(total - counts, 1)
    return Overlap(
        intersection=common,
        iou=ratio(whole, x / (total - x)) if total else None,
        io_min=ratio(np.full_like(counts, small[0]), x / small[0]) if small[0] else None,
        p=min(1.0, p),
    )


def _check(sets: Sequence[Masks]) -> None:
    if not sets:
        raise SettingError("overlap needs at least one mask, got none")
    shapes = {name: tuple(mask.shape) for name, mask in sets[0].items()}
    for other in sets[1:]:
        found = {name: tuple(mask.shape) for name, mask in other.items()}
        if found != shapes:
            odd = sorted(shapes.items() ^ found.items())[0]
            raise SettingError(
                f"masks must cover the same tensors in the same shapes, they differ at {odd[0]}"
            )


def _sizes(sets: Sequence[Masks], within: Masks | None) -> list[tuple[int, ...]]:
    """By tensor: places to choose from, and how many every set takes."""
    _check(sets if within is None else [*sets, within])
    rows: list[tuple[int, ...]] = []
    for name, mask in sets[0].items():
        places = None if within is None else within[name]
        if places is not None and any(bool((other[name] & ~places).any()) for other in sets):
            raise SettingError(f"a mask of {name} has places that could not have been chosen")
        n = mask.numel() if places is None else int(places.sum())
        if n:
            rows.append((n, *(int(other[name].sum()) for other in sets)))
    return rows


def _share(a: int, n: int, deep: int) -> float:
    """Probability that one given place, or two, lie in a random set of `a` among `n`."""
    if deep == 1:
        return a / n
    return a * (a - 1) / (n * (n - 1)) if n > 1 else 0.0


def _root(variance: float, scale: float) -> float:
    """Standard deviation, with what rounding leaves of a variance of zero taken for zero."""
    return math.sqrt(variance) if variance > 1e-12 * max(scale, scale * scale) else 0.0


def _null(rows: list[tuple[int, ...]]) -> tuple[np.ndarray, np.ndarray]:
    """Values of the intersection of two sets, and their probabilities."""
    from scipy.stats import hypergeom  # loaded where it is needed: it is slow to import

    start, chances = 0, np.ones(1)
    for n, a, b in rows:
        low, high = max(0, a + b - n), min(a, b)
        mean = a * b / n
        reach = _WINDOW * (1 + math.sqrt(mean * (n - a) * (n - b) / (n * max(1, n - 1))))
        low, high = max(low, math.floor(mean - reach)), min(high, math.ceil(mean + reach))
        start += low
        if high > low:
            chances = np.convolve(chances, hypergeom.pmf(np.arange(low, high + 1), n, a, b))
    chances = chances / chances.sum()
    return np.arange(start, start + len(chances), dtype=float), chances
