"""Stability: is the same circuit found again?

Over extraction seeds and data splits, in one network, places can be compared. Over training seeds
they cannot, because no channel of one network is that of another: there the functions are matched
by name and the matrices of removals compared.
"""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from netseams.core import Config, SettingError, seed_from
from netseams.evaluation.function_matrix import FunctionMatrix
from netseams.evaluation.statistics import mean
from netseams.masks import AboveChance, Masks, core_size, overlap, size

_EVERY_ORDER = 6
"""Functions up to which all orders are tried; beyond, `_ORDERS` are drawn."""
_ORDERS = 1000


class MaskStability(Config):
    """Masks for one task in one network, from several searches. Weak evidence on its own:
    masks of networks that were never trained can be as stable (arXiv 2301.10884's data)."""

    n_masks: int
    iou: float | None
    """Mean over pairs."""
    iou_excess: float | None
    """The same above the permutation null."""
    io_min: float | None
    io_min_excess: float | None
    core: AboveChance
    """Places that every search found."""
    mean_size: float


def mask_stability(masks: Sequence[Masks], within: Masks | None = None) -> MaskStability:
    """Pairwise overlap and common core of masks that should be one.

    Args:
        within: the places that could have been chosen.

    Raises:
        SettingError: fewer than two masks, or masks over different tensors.
    """
    if len(masks) < 2:
        raise SettingError(f"stability needs at least two masks, got {len(masks)}")
    pairs = [overlap(a, b, within) for a, b in itertools.combinations(masks, 2)]
    ious = [pair.iou for pair in pairs if pair.iou is not None]
    mins = [pair.io_min for pair in pairs if pair.io_min is not None]
    return MaskStability(
        n_masks=len(masks),
        iou=mean([found.value for found in ious]),
        iou_excess=mean([found.excess for found in ious]),
        io_min=mean([found.value for found in mins]),
        io_min_excess=mean([found.excess for found in mins]),
        core=core_size(masks, within),
        mean_size=math.fsum(size(mask) for mask in masks) / len(masks),
    )


def keep_frequency(masks: Sequence[Masks]) -> dict[str, Float[Tensor, "*shape"]]:
    """Share of the searches that kept every place.

    Raises:
        SettingError: no mask.
    """
    if not masks:
        raise SettingError("a frequency needs at least one mask, got none")
    return {name: torch.stack([mask[name].float() for mask in masks]).mean(0) for name in masks[0]}


def consensus(masks: Sequence[Masks], share: float = 1.0) -> dict[str, Bool[Tensor, "*shape"]]:
    """Places that at least `share` of the searches kept; by default the common core.

    Raises:
        SettingError: no mask, or a share outside (0, 1].
    """
    if not 0 < share <= 1:
        raise SettingError(f"a share of searches lies in (0, 1], got {share}")
    needed = share - 0.5 / max(1, len(masks) * 1000)  # counts are whole, shares are rounded
    return {name: found >= needed for name, found in keep_frequency(masks).items()}


class FunctionalStability(Config):
    """Do the removal matrices of several networks agree?"""

    n_networks: int
    by_network: tuple[float | None, ...]
    """Mean correlation of each network's matrix with those of the others: pairs share networks,
    so these are what an interval over training seeds is to be made of, and it is still narrow."""
    null: float | None
    """Mean correlation after the functions of one of the two are renamed at random."""

    @property
    def value(self) -> float | None:
        known = [value for value in self.by_network if value is not None]
        return mean(known)

    @property
    def excess(self) -> float | None:
        """Correlation that depends on which function is which."""
        return None if self.value is None or self.null is None else self.value - self.null


def functional_stability(
    matrices: Sequence[FunctionMatrix], diagonal: bool = False
) -> FunctionalStability:
    """Pearson correlation of matrices over the cells that both have, functions matched by name.

    Args:
        diagonal: count a circuit's effect on its own task too. Circuits that break their task are
            alike there in any network, so it is left out by default.

    Raises:
        SettingError: fewer than two matrices.
    """
    n = len(matrices)
    if n < 2:
        raise SettingError(f"functional stability needs at least two networks, got {n}")
    found: list[list[float]] = [[] for _ in matrices]
    nulls: list[float] = []
    for i, j in itertools.combinations(range(n), 2):
        value = _correlation(matrices[i].cells(), matrices[j].cells(), diagonal)
        if value is None:
            continue
        found[i].append(value)
        found[j].append(value)
        renamed = [
            _correlation(matrices[i].cells(), _renamed(matrices[j], order), diagonal)
            for order in _orders(matrices[j], f"{i} {j}")
        ]
        nulls += [r for r in [mean([r for r in renamed if r is not None])] if r is not None]
    return FunctionalStability(
        n_networks=n, by_network=tuple(mean(values) for values in found), null=mean(nulls)
    )


def _correlation(
    a: dict[tuple[str, str], float], b: dict[tuple[str, str], float], diagonal: bool
) -> float | None:
    """Over common cells; None for fewer than three, or where one side does not vary."""
    keys = [key for key in a if key in b and (diagonal or key[0] != key[1])]
    x, y = np.array([a[key] for key in keys]), np.array([b[key] for key in keys])
    if len(keys) < 3 or np.ptp(x) < 1e-12 or np.ptp(y) < 1e-12:
        return None
    return float(np.corrcoef(x, y)[0, 1])


def _orders(matrix: FunctionMatrix, label: str) -> list[dict[str, str]]:
    """Ways to rename the functions: rows and columns of one name go together."""
    names = list(dict.fromkeys([*matrix.rows, *matrix.columns]))
    if len(names) <= _EVERY_ORDER:
        orders = [list(order) for order in itertools.permutations(names)]
    else:
        draws = np.random.default_rng(seed_from("renamed", label))
        orders = [[names[k] for k in draws.permutation(len(names))] for _ in range(_ORDERS)]
    return [dict(zip(names, order, strict=True)) for order in orders]


def _renamed(matrix: FunctionMatrix, order: dict[str, str]) -> dict[tuple[str, str], float]:
    return {(order[row], order[column]): v for (row, column), v in matrix.cells().items()}
