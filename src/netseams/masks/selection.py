"""Exact selection of the largest magnitudes or values, without sorting.

On CPU the threshold comes from numpy's introselect, which is vectorised and an order of
magnitude faster than `torch.topk` or `torch.kthvalue`; on a GPU from `triton_matrices.py` where
many tensors are cut at once; elsewhere from `torch.topk`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from netseams.core import SettingError
from netseams.masks.gpu import triton_serves


def largest_mask(values: Float[Tensor, "*shape"], k: int) -> Bool[Tensor, "*shape"]:
    """True at exactly `k` entries of largest magnitude.

    Ties at the threshold go to the entries that come first in memory order, so the result is
    a function of the values alone.

    Raises:
        SettingError: `k` is negative or exceeds the number of entries.
    """
    return _select(values, k, by_magnitude=True)


def top_mask(values: Float[Tensor, "*shape"], k: int) -> Bool[Tensor, "*shape"]:
    """True at exactly `k` of the largest entries, signs counted; ties as in `largest_mask`.

    Raises:
        SettingError: `k` is negative or exceeds the number of entries.
    """
    return _select(values, k, by_magnitude=False)


def _select(values: Tensor, k: int, by_magnitude: bool) -> Tensor:
    _check_count(values, k)
    if k == values.numel():
        return torch.ones_like(values, dtype=torch.bool)
    if k == 0:
        return torch.zeros_like(values, dtype=torch.bool)
    ranked = values.detach().flatten()
    ranked = ranked.abs() if by_magnitude else ranked + 0.0  # -0 becomes 0: they are equal
    if _numpy_serves(values):
        bits = ranked.numpy().view(np.int32)
        if not by_magnitude:
            bits = bits ^ ((bits >> 31) & 0x7FFFFFFF)  # negative floats order backwards
        keep = torch.from_numpy(_largest_bits(bits, k))
    else:
        threshold = ranked.topk(k).values[-1]
        above, level = ranked > threshold, ranked == threshold
        keep = above | (level & (level.cumsum(0) <= k - above.sum()))  # nothing waits for a GPU
    return keep.view(values.shape)


def _check_count(values: Tensor, k: int) -> None:
    if not 0 <= k <= values.numel():
        raise SettingError(f"cannot keep {k} of {values.numel()} entries")


def largest_mask_with_minimum(
    values: Float[Tensor, "rows columns"], k: int, minimum: int, dim: int
) -> Bool[Tensor, "rows columns"]:
    """True at exactly `k` entries: the `minimum` largest of every channel, then the largest of all.

    A channel is a row where `dim` is 1 and a column where it is 0: `dim` is the axis along which
    its entries lie (arXiv 2511.13653, A.2, and its released script). Ties go to the entry that
    comes first in memory order, within a channel and over all.

    Raises:
        SettingError: a channel has fewer than `minimum` entries, or `k` is too small for all.
    """
    _check_minimum(values, k, minimum, dim)
    mask = largest_mask(values, k)
    if bool((mask.sum(dim) >= minimum).all()):
        return mask  # and then the largest of every channel are in it
    return largest_mask(_with_minimum(values, minimum, dim), k)


def _check_minimum(values: Tensor, k: int, minimum: int, dim: int) -> None:
    n, fan = values.shape[1 - dim], values.shape[dim]
    if minimum > fan or minimum * n > k:
        raise SettingError(
            f"{minimum} entries in each of {n} channels of {fan} are {minimum * n}, "
            f"which do not fit into {k} kept"
        )


def _with_minimum(values: Tensor, minimum: int, dim: int) -> Tensor:
    """Magnitudes, those infinite that are the `minimum` largest of their channel."""
    magnitude = values.detach().abs()
    rest, forced = magnitude.clone(), torch.zeros_like(magnitude, dtype=torch.bool)
    for _ in range(minimum):
        first = rest.argmax(dim, keepdim=True)
        forced.scatter_(dim, first, True)
        rest.scatter_(dim, first, -1.0)
    return magnitude.masked_fill_(forced, torch.inf)


class Cut(NamedTuple):
    """What is to be kept of one tensor."""

    values: Tensor
    k: int
    minimum: tuple[int, int] | None = None
    """(j, dim) as in `largest_mask_with_minimum`."""

    def mask(self) -> Tensor:
        if self.minimum is None:
            return largest_mask(self.values, self.k)
        return largest_mask_with_minimum(self.values, self.k, *self.minimum)


def keep_largest_of_each_(cuts: Sequence[Cut]) -> None:
    """`keep_largest_` of many tensors; on a GPU all at once, without waiting for it.

    Raises:
        SettingError: as `largest_mask` and `largest_mask_with_minimum`.
    """
    if not cuts or not all(triton_serves(cut.values) for cut in cuts):
        for cut in cuts:
            keep_(cut.values, cut.mask())
        return
    from netseams.masks import triton_matrices

    ranked: list[Tensor] = []
    for values, k, minimum in cuts:
        _check_count(values, k)
        if minimum is not None:
            _check_minimum(values, k, *minimum)
        ranked.append(values.detach() if minimum is None else _with_minimum(values, *minimum))
    triton_matrices.keep_largest_of_each_(
        ranked, [cut.k for cut in cuts], [cut.values.detach() for cut in cuts]
    )


def keep_largest_(values: Float[Tensor, "*shape"], k: int) -> None:
    """Zero, in place, all but the `k` entries of largest magnitude (arXiv 2511.13653, A.2).

    Raises:
        SettingError: `k` is negative or exceeds the number of entries.
    """
    keep_(values, largest_mask(values, k))


def keep_(values: Float[Tensor, "*shape"], mask: Bool[Tensor, "*shape"]) -> None:
    """Zero, in place, all entries outside `mask`."""
    with torch.no_grad():
        if _numpy_serves(values):  # torch's product of floats and booleans is not vectorised
            array = values.detach().numpy()
            np.multiply(array, mask.numpy(), out=array)
        else:
            values.mul_(mask)


def _numpy_serves(x: Tensor) -> bool:
    """Not while torch traces: a graph for export or compilation cannot hold numpy."""
    plain = x.device.type == "cpu" and x.dtype == torch.float32
    return plain and not torch.compiler.is_compiling()


def _largest_bits(bits: np.ndarray, k: int) -> np.ndarray:
    """True at the `k` largest of integers (n,) that order like floats.

    Non-negative floats order like their bit patterns, and integers select faster.
    """
    rank = len(bits) - k
    threshold = np.partition(bits, rank)[rank]
    keep = bits >= threshold
    surplus = np.count_nonzero(keep) - k
    if surplus:
        keep[np.flatnonzero(bits == threshold)[-surplus:]] = False
    return keep
