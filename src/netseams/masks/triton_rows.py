# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false
# (Triton compiles these functions: they are called with other types than they say.)
"""AbsTopK on a GPU: one pass over memory forwards, one backwards.

The k-th largest magnitude of a row is found bit by bit while the row lies in registers (which hold
some ten thousand channels): the largest bit pattern that k magnitudes reach, exact after 31 counts,
and before that once k magnitudes, no more, reach it.

Imports Triton, as `triton_matrices.py` does.
"""

from typing import Any, no_type_check

import torch
import triton
import triton.language as tl
from jaxtyping import Float
from torch import Tensor

_BLOCK = 1024


class KeepLargest(torch.autograd.Function):
    """`abs_topk(x, k)`, in place or not. The result stands in for a saved mask: what is dropped
    is 0 there."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, k: int, in_place: bool) -> Tensor:
        kept = x if in_place else torch.empty_like(x)
        ctx.save_for_backward(kept, keep_largest_in_rows(x, k, kept))
        if in_place:
            ctx.mark_dirty(x)
        return kept

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None]:
        return passed_by_kept(grad_outputs[0].contiguous(), *ctx.saved_tensors), None, None


def keep_largest_in_rows(
    x: Float[Tensor, "*batch width"], k: int, kept: Float[Tensor, "*batch width"]
) -> Float[Tensor, " n"]:
    """Write to `kept` what reaches its row's k-th largest magnitude, and 0 elsewhere.

    Returns a number a row that is 0 where that magnitude is.
    """
    width = x.shape[-1]
    n = x.numel() // width
    padded = max(16, triton.next_power_of_2(width))
    together = max(1, _BLOCK // padded)
    levels = x.new_empty(n)
    _keep_largest[(triton.cdiv(n, together),)](
        x, kept, levels, n, width, k, WIDTH=padded, ROWS=together,
        num_warps=1 if padded <= 1024 else min(16, padded // 1024),
    )  # fmt: skip
    return levels


def passed_by_kept(
    grad: Float[Tensor, "*batch width"], kept: Float[Tensor, "*batch width"], levels: Tensor
) -> Float[Tensor, "*batch width"]:
    """`grad` where an entry was kept: it is not 0, or its row's level is."""
    passed = torch.empty_like(grad)
    _pass_kept[(triton.cdiv(grad.numel(), _BLOCK),)](
        grad, kept, levels, passed, grad.numel(), grad.shape[-1], BLOCK=_BLOCK
    )
    return passed


@triton.jit
@no_type_check
def _keep_largest(x, kept, levels, n, width, k, WIDTH: tl.constexpr, ROWS: tl.constexpr):
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.arange(0, WIDTH)
    inside = (rows[:, None] < n) & (columns[None, :] < width)
    at = rows[:, None].to(tl.int64) * width + columns[None, :]
    values = tl.load(x + at, mask=inside, other=0.0)
    bits = values.to(tl.int32, bitcast=True) & 0x7FFFFFFF
    bits = tl.where(inside, bits, -1)
    level = tl.zeros((ROWS,), tl.int32)
    reached = level + WIDTH
    bit, pending = 31, 1
    while (bit > 0) & (pending > 0):
        bit -= 1
        higher = level | (1 << bit)
        reach = tl.sum((bits >= higher[:, None]).to(tl.int32), 1)
        level = tl.where(reach >= k, higher, level)
        reached = tl.where(reach >= k, reach, reached)
        pending = tl.sum((reached != k).to(tl.int32), 0)
    tl.store(kept + at, tl.where(bits >= level[:, None], values, 0.0), mask=inside)
    tl.store(levels + rows, level.to(tl.float32, bitcast=True), mask=rows < n)


@triton.jit
@no_type_check
def _pass_kept(grad, kept, levels, passed, n, width, BLOCK: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    value = tl.load(kept + at, mask=inside, other=0.0)
    level = tl.load(levels + at // width, mask=inside, other=0.0)
    through = (value != 0.0) | (level == 0.0)
    value = tl.load(grad + at, mask=inside, other=0.0)
    tl.store(passed + at, tl.where(through, value, 0.0), mask=inside)
