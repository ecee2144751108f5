# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false
# (Triton compiles these functions: they are called with other types than they say.)
"""AbsTopK on a GPU: one pass over memory forwards, one backwards.

The k-th largest magnitude of a row is found bit by bit while the row lies in registers (which hold
some ten thousand channels): the largest bit pattern that k magnitudes reach, exact after 31 counts.

Imports Triton, as `triton_matrices.py` does.
"""

import torch
import triton
import triton.language as tl
from jaxtyping import Float
from torch import Tensor

_BLOCK = 1024


def keep_largest_in_rows_(rows: Float[Tensor, "n width"], k: int) -> Float[Tensor, "n 1"]:
    """Zero in place what stays below its row's k-th largest magnitude, which is returned."""
    n, width = rows.shape
    padded = max(16, triton.next_power_of_2(width))
    together = max(1, _BLOCK // padded)
    thresholds = rows.new_empty(n, 1)
    _keep_largest[(triton.cdiv(n, together),)](
        rows, thresholds, n, width, k, WIDTH=padded, ROWS=together,
        num_warps=1 if padded <= 1024 else min(16, padded // 1024),
    )  # fmt: skip
    return thresholds


def passed_by_kept(
    grad: Float[Tensor, "*batch width"], kept: Float[Tensor, "*batch width"], thresholds: Tensor
) -> Float[Tensor, "*batch width"]:
    """`grad` where an entry was kept: it is not 0, or its row's threshold is."""
    passed = torch.empty_like(grad)
    _pass_kept[(triton.cdiv(grad.numel(), _BLOCK),)](
        grad, kept, thresholds, passed, grad.numel(), grad.shape[-1], BLOCK=_BLOCK
    )
    return passed


@triton.jit
def _keep_largest(x, thresholds, n, width, k, WIDTH: tl.constexpr, ROWS: tl.constexpr):
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.arange(0, WIDTH)
    inside = (rows[:, None] < n) & (columns[None, :] < width)
    at = rows[:, None].to(tl.int64) * width + columns[None, :]
    bits = tl.load(x + at, mask=inside, other=0.0).to(tl.int32, bitcast=True) & 0x7FFFFFFF
    bits = tl.where(inside, bits, -1)
    level = tl.zeros((ROWS,), tl.int32)
    for i in range(31):
        higher = level | (1 << (30 - i))
        reach = tl.sum((bits >= higher[:, None]).to(tl.int32), 1)
        level = tl.where(reach >= k, higher, level)
    zeros = tl.zeros((ROWS, WIDTH), tl.float32)
    tl.store(x + at, zeros, mask=inside & (bits < level[:, None]))
    tl.store(thresholds + rows, level.to(tl.float32, bitcast=True), mask=rows < n)


@triton.jit
def _pass_kept(grad, kept, thresholds, passed, n, width, BLOCK: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    value = tl.load(kept + at, mask=inside, other=0.0)
    threshold = tl.load(thresholds + at // width, mask=inside, other=0.0)
    through = (value != 0.0) | (threshold == 0.0)
    value = tl.load(grad + at, mask=inside, other=0.0)
    tl.store(passed + at, tl.where(through, value, 0.0), mask=inside)
