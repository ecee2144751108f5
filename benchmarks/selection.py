"""Which way to the k-th largest magnitude of a row is the quickest, at equal results?

    python benchmarks/selection.py [--rows 4096] [--rounds 20] [--device cpu]

Every candidate does all of AbsTopK's forward pass, one fourth of a row kept. They take turns, in
one process and on one thread; medians and quartiles in ms, with a dense layer of that width for
scale. `NPY_DISABLE_CPU_FEATURES` and `ATEN_CPU_CAPABILITY` show older processors.
"""

from collections.abc import Callable
from functools import partial

import torch
import tyro
from rich.console import Console
from rich.table import Table
from timing import quartiles_in_turns
from torch import Tensor

from netseams.core import Device, device_named
from netseams.masks import abs_topk

Select = Callable[[Tensor, int], Tensor]


def by_topk(x: Tensor, k: int) -> Tensor:
    magnitude = x.abs()
    return x * (magnitude >= magnitude.topk(k, dim=-1).values[..., -1:])


def by_kthvalue(x: Tensor, k: int) -> Tensor:
    magnitude = x.abs()
    rank = x.shape[-1] - k + 1
    return x * (magnitude >= magnitude.kthvalue(rank, dim=-1, keepdim=True).values)


def by_bisection(x: Tensor, k: int) -> Tensor:
    """The largest bit pattern that k magnitudes reach, bit by bit: exact after 31 counts."""
    bits = x.abs().view(torch.int32)
    threshold = torch.zeros((len(x), 1), dtype=torch.int32, device=x.device)
    for bit in range(30, -1, -1):
        higher = threshold | (1 << bit)
        count = (bits >= higher).float().sum(dim=-1, keepdim=True)
        threshold = torch.where(count >= k, higher, threshold)
    return torch.where(bits >= threshold, x, 0.0)


def main(
    rows: int = 4096, widths: tuple[int, ...] = (128, 512, 1024), rounds: int = 20,
    device: Device = "cpu",
) -> None:  # fmt: skip
    """Print a table, one row a candidate.

    Args:
        rows: tokens.
        widths: channels a row.
        rounds: timings of each candidate.
        device: cpu or cuda.
    """
    torch.set_num_threads(1)
    device_named(device)
    candidates: dict[str, Select] = {
        "netseams.masks.abs_topk": abs_topk,
        "torch.topk": by_topk,
        "torch.kthvalue": by_kthvalue,
        "bisection": by_bisection,
        "bisection, torch.compile": torch.compile(by_bisection, dynamic=False),
    }
    table = Table(title=f"{rows} rows, {device}, one thread, ms: median (quartiles)", box=None)
    table.add_column("", no_wrap=True)
    cells: dict[str, list[str]] = {name: [] for name in (*candidates, "a dense layer")}
    for width in widths:
        table.add_column(str(width), justify="right", no_wrap=True)
        x = torch.randn(rows, width, generator=torch.Generator().manual_seed(width)).to(device)
        weight, k = x[:width].clone(), width // 4
        expected = by_topk(x, k)
        for name, select in candidates.items():
            if not torch.equal(select(x, k), expected):
                raise AssertionError(f"{name} gives another result at width {width}")
        calls: dict[str, Callable[[], object]] = {
            name: partial(select, x, k) for name, select in candidates.items()
        }
        calls["a dense layer"] = partial(torch.matmul, x, weight)
        for name, (low, median, high) in quartiles_in_turns(calls, rounds).items():
            cells[name].append(f"{median:.2f} ({low:.2f} .. {high:.2f})")
    for name, row in cells.items():
        table.add_row(name, *row)
    Console(width=120).print(table)


if __name__ == "__main__":
    with torch.no_grad():
        tyro.cli(main)
