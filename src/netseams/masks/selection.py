"""Exact selection of the largest magnitudes, without sorting.

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
    n = values.numel()
    if not 0 <= k <= n:
        raise SettingError(f"cannot keep {k} of {n} entries")
    if k == n:
        return torch.ones_like(values, dtype=torch.bool)
    if k == 0:
        return torch.zeros_like(values, dtype=torch.bool)
    magnitude = values.detach().abs().flatten()
    threshold = _kth_largest(magnitude, k)
    keep = magnitude > threshold
    missing = k - int(keep.sum())
    ties = (magnitude == threshold).nonzero().squeeze(1)[:missing]
    keep[ties] = True
    return keep.view(values.shape)


def keep_largest_(values: Float[Tensor, "*shape"], k: int) -> None:
    """Zero, in place, all but the `k` entries of largest magnitude (arXiv 2511.13653, A.2)."""
    with torch.no_grad():
        values.mul_(largest_mask(values, k))


def abs_topk(x: Float[Tensor, "*batch width"], k: int) -> Float[Tensor, "*batch width"]:
    """Keep, in every row, the entries whose magnitude reaches the row's k-th largest.

    The gradient passes through kept entries only. Entries equal in magnitude at the threshold
    are all kept (arXiv 2511.13653, A.1: AbsTopK).
    """
    width = x.shape[-1]
    if not 1 <= k <= width:
        raise SettingError(f"cannot keep {k} of {width} activations")
    if k == width:
        return x
    magnitude = x.detach().abs()
    if x.device.type == "cpu" and x.dtype == torch.float32:
        rows = magnitude.numpy().reshape(-1, width)
        kth = np.partition(rows, width - k, axis=1)[:, width - k]
        threshold = torch.from_numpy(kth).view(*x.shape[:-1], 1)
    else:
        threshold = magnitude.topk(k, dim=-1).values[..., -1:]
    return x * (magnitude >= threshold)


def _kth_largest(magnitude: Float[Tensor, " n"], k: int) -> Tensor:
    n = magnitude.numel()
    if magnitude.device.type == "cpu" and magnitude.dtype == torch.float32:
        # Non-negative floats order like their bit patterns, and integers select faster.
        bits = magnitude.numpy().view(np.int32)
        kth = np.partition(bits, n - k)[n - k : n - k + 1]
        return torch.from_numpy(kth.view(np.float32))[0]
    return magnitude.topk(k).values[-1]
