"""Which way to the k-th largest magnitude, of a row or of a matrix, is the quickest?

    python benchmarks/selection.py [--rows 4096] [--rounds 20] [--device cpu]

Every candidate gives the same result. Rows: all of AbsTopK's forward pass, one fourth of a row
kept, with a dense layer of that width for scale. Matrices: all but one in twenty entries of 24
square ones are zeroed, as after a step of sparse training. They take turns, in one process and on
one thread; medians and quartiles in ms.
`NPY_DISABLE_CPU_FEATURES` and `ATEN_CPU_CAPABILITY` show older processors.
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
from netseams.masks import Cut, abs_topk, keep_largest_, keep_largest_of_each_

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


def one_by_one_(matrices: list[Tensor], k: int) -> None:
    for matrix in matrices:
        keep_largest_(matrix, k)


def at_once_(matrices: list[Tensor], k: int) -> None:
    keep_largest_of_each_([Cut(matrix, k) for matrix in matrices])


def by_topk_(matrices: list[Tensor], k: int) -> None:
    for matrix in matrices:
        magnitude = matrix.abs()
        matrix.mul_(magnitude >= magnitude.flatten().topk(k, sorted=False).values.min())


def time_matrices(console: Console, width: int, rounds: int, device: Device) -> None:
    """24 square matrices, drawn anew every time (which is timed too, and the same for all)."""
    draws = torch.Generator(device).manual_seed(0)
    matrices = [torch.empty(width, width, device=device) for _ in range(24)]
    k = width * width // 20

    def drawn_then(cut: Callable[[list[Tensor], int], None]) -> None:
        for matrix in matrices:
            matrix.normal_(generator=draws)
        cut(matrices, k)

    ways = {"keep_largest_": one_by_one_, "keep_largest_of_each_": at_once_, "topk": by_topk_}
    given = [torch.randn(width, width, device=device, generator=draws) for _ in range(3)]
    results = [[x.clone() for x in given] for _ in ways]
    for way, result in zip(ways.values(), results, strict=True):
        way(result, k)
    if not all(torch.equal(torch.stack(a), torch.stack(results[0])) for a in results):
        raise AssertionError(f"ways differ at width {width}")
    calls: dict[str, Callable[[], object]] = {n: partial(drawn_then, w) for n, w in ways.items()}
    calls["drawing alone"] = partial(drawn_then, lambda matrices, k: None)
    found = quartiles_in_turns(calls, rounds)
    said = "; ".join(f"{n} {m:.2f} ({a:.2f} .. {b:.2f})" for n, (a, m, b) in found.items())
    console.print(f"24 matrices of {width} x {width}, ms: {said}")


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
        weight, k = torch.randn(width, width, device=device), width // 4
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
    console = Console(width=120)
    console.print(table)
    for width in widths:
        time_matrices(console, width, rounds, device)


if __name__ == "__main__":
    with torch.no_grad():
        tyro.cli(main)
