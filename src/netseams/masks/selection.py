"""Exact selection of the largest magnitudes, without sorting.

On CPU the threshold comes from numpy's introselect, which is vectorised and an order of
magnitude faster than `torch.topk` or `torch.kthvalue`; elsewhere from `torch.topk`.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from netseams.core import SettingError

_BLOCK = 65_536
"""Entries handled together: two such float arrays fit a level-2 cache."""


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
    if _numpy_serves(values):
        keep = torch.from_numpy(_largest_bits(magnitude.numpy().view(np.int32), k))
    else:
        threshold = magnitude.topk(k).values[-1]
        keep = magnitude > threshold
        ties = (magnitude == threshold).nonzero().squeeze(1)
        keep[ties[: k - int(keep.sum())]] = True
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


def abs_topk(x: Float[Tensor, "*batch width"], k: int) -> Float[Tensor, "*batch width"]:
    """Keep, in every row, the entries whose magnitude reaches the row's k-th largest.

    The gradient passes through kept entries only. Entries equal in magnitude at the threshold
    are all kept (arXiv 2511.13653, A.1: AbsTopK).

    Raises:
        SettingError: `k` is less than 1 or exceeds the width.
    """
    width = x.shape[-1]
    if not 1 <= k <= width:
        raise SettingError(f"cannot keep {k} of {width} activations")
    if k == width:
        return x
    if _numpy_serves(x):
        kept: Tensor = _BlockedAbsTopK.apply(x, k)  # pyright: ignore
        return kept
    magnitude = x.detach().abs()
    return x * (magnitude >= magnitude.topk(k, dim=-1).values[..., -1:])


class _BlockedAbsTopK(torch.autograd.Function):
    """AbsTopK on CPU: few passes over memory, which cost more here than the arithmetic.

    Rows are handled a cacheful at a time, and the result serves as scratch for its own selection.
    It also stands in for a saved mask: a dropped entry is 0 there.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, k: int) -> Tensor:
        rows = x.contiguous().view(-1, x.shape[-1])
        kept, thresholds = torch.empty_like(rows), rows.new_empty(len(rows), 1)
        rank, size = rows.shape[1] - k, max(1, _BLOCK // rows.shape[1])
        blocks = (tensor.split(size) for tensor in (rows, kept, thresholds))
        for source, result, threshold in zip(*blocks, strict=True):
            torch.abs(source, out=result).numpy().view(np.int32).partition(rank, axis=1)
            threshold.copy_(result[:, rank : rank + 1])
            torch.ge(torch.abs(source, out=result), threshold, out=result).mul_(source)
        kept = kept.view(x.shape)
        ctx.save_for_backward(kept, thresholds)
        return kept

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        kept, thresholds = ctx.saved_tensors
        grad = grad_outputs[0].contiguous()
        # Where `kept` is not 0. In rows whose threshold is 0, zeros are kept entries too.
        passed = torch.ops.aten.hardshrink_backward(grad, kept, 0.0)
        if not thresholds.all():
            whole, width = (thresholds == 0).squeeze(1), kept.shape[-1]
            passed.view(-1, width)[whole] = grad.view(-1, width)[whole]
        return passed, None


def _numpy_serves(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype == torch.float32


def _largest_bits(magnitude: np.ndarray, k: int) -> np.ndarray:
    """The mask of `largest_mask`, from the bit patterns of magnitudes (n,) as integers.

    Non-negative floats order like their bit patterns, and integers select faster.
    """
    rank = len(magnitude) - k
    threshold = np.partition(magnitude, rank)[rank]
    keep = magnitude >= threshold
    surplus = np.count_nonzero(keep) - k
    if surplus:
        keep[np.flatnonzero(magnitude == threshold)[-surplus:]] = False
    return keep
