"""AbsTopK: the largest magnitudes of every row, without sorting and without a second copy.

On CPU the threshold of a row comes from numpy's introselect on bit patterns, which is vectorised
(`benchmarks/selection.py` holds it against torch's selections and against a compiled bisection);
on a GPU from `triton_rows.py`; elsewhere from `torch.topk`. All give the same result, ties
included.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from netseams.core import SettingError
from netseams.masks.gpu import triton_serves

_BLOCK = 65_536
"""Entries handled together: a block and its magnitudes fit a level-2 cache."""


def abs_topk(x: Float[Tensor, "*batch width"], k: int) -> Float[Tensor, "*batch width"]:
    """Keep, in every row, the entries whose magnitude reaches the row's k-th largest.

    The gradient passes through kept entries only. Entries equal in magnitude at the threshold
    are all kept (arXiv 2511.13653, A.1: AbsTopK).

    Raises:
        SettingError: `k` is less than 1 or exceeds the width.
    """
    width = x.shape[-1]
    if k < width and _triton_serves(x):
        return _on_gpu(x, k, in_place=False)
    return x if k == width else abs_topk_(x.clone(memory_format=torch.contiguous_format), k)


def abs_topk_(x: Float[Tensor, "*batch width"], k: int) -> Float[Tensor, "*batch width"]:
    """`abs_topk` in place, for a tensor that nobody else needs: it spares memory, hence time.

    Autograd refuses, in the backward pass, where what made `x` needs it as it was.

    Raises:
        SettingError: `k` is less than 1 or exceeds the width.
    """
    width = x.shape[-1]
    _check_count(k, width)
    if k == width:
        return x
    if _triton_serves(x):
        return _on_gpu(x, k, in_place=True)
    if _introselect_serves(x):
        kept: Tensor = _KeepLargest.apply(x, k)  # pyright: ignore
        return kept
    magnitude = x.detach().abs()
    return x.mul_(magnitude >= magnitude.topk(k, dim=-1).values[..., -1:])


def _check_count(k: int, width: int) -> None:
    if not 1 <= k <= width:
        raise SettingError(f"cannot keep {k} of {width} activations")


def _triton_serves(x: Tensor) -> bool:
    """A row must fit into registers."""
    return x.shape[-1] <= 16_384 and triton_serves(x)


def _on_gpu(x: Tensor, k: int, in_place: bool) -> Tensor:
    from netseams.masks.triton_rows import KeepLargest

    _check_count(k, x.shape[-1])
    kept: Tensor = KeepLargest.apply(x, k, in_place)  # pyright: ignore
    return kept


def _introselect_serves(x: Tensor) -> bool:
    """Not while torch traces: a graph for export or compilation cannot hold numpy."""
    plain = x.device.type == "cpu" and x.dtype == torch.float32 and x.is_contiguous()
    return plain and not torch.compiler.is_compiling()


class _KeepLargest(torch.autograd.Function):
    """The result stands in for a saved mask: a dropped entry is 0 there."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, k: int) -> Tensor:
        thresholds = _keep_largest_in_rows(x.view(-1, x.shape[-1]), k)
        ctx.save_for_backward(x, thresholds)
        ctx.mark_dirty(x)
        return x

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


def _keep_largest_in_rows(rows: Float[Tensor, "n width"], k: int) -> Float[Tensor, "n 1"]:
    """Zero in place what stays below its row's k-th largest magnitude, which is returned.

    Non-negative floats order like their bit patterns, and integers select faster.
    """
    width = rows.shape[1]
    rank, size = width - k, max(1, _BLOCK // width)
    thresholds, scratch = rows.new_empty(len(rows), 1), rows.new_empty(min(size, len(rows)), width)
    for block, threshold in zip(rows.split(size), thresholds.split(size), strict=True):
        magnitude = scratch[: len(block)]
        torch.abs(block, out=magnitude).numpy().view(np.int32).partition(rank, axis=1)
        threshold.copy_(magnitude[:, rank : rank + 1])
        block.mul_(torch.ge(torch.abs(block, out=magnitude), threshold, out=magnitude))
    return thresholds
