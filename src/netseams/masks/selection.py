"""Exact selection of the largest magnitudes or values, without sorting.

On CPU the threshold comes from numpy's introselect, which is vectorised and an order of
magnitude faster than `torch.topk` or `torch.kthvalue`; elsewhere from `torch.topk`.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from netseams.core import SettingError


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
    n = values.numel()
    if not 0 <= k <= n:
        raise SettingError(f"cannot keep {k} of {n} entries")
    if k == n:
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
    n, fan = values.shape[1 - dim], values.shape[dim]
    if minimum > fan or minimum * n > k:
        raise SettingError(
            f"{minimum} entries in each of {n} channels of {fan} are {minimum * n}, "
            f"which do not fit into {k} kept"
        )
    mask = largest_mask(values, k)
    if bool((mask.sum(dim) >= minimum).all()):
        return mask  # and then the largest of every channel are in it
    magnitude = values.detach().abs()
    rest, forced = magnitude.clone(), torch.zeros_like(mask)
    for _ in range(minimum):
        first = rest.argmax(dim, keepdim=True)
        forced.scatter_(dim, first, True)
        rest.scatter_(dim, first, -1.0)
    return largest_mask(magnitude.masked_fill_(forced, torch.inf), k)


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
