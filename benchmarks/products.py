"""From which size and density is a sparse product quicker than a dense one?

    python benchmarks/products.py [--rounds 15]

One thread; every cell is the time of a layer by its non-zeros (CSR, as in an exported circuit)
over that of the dense layer, in turns: the median of the paired ratios.
"""

import warnings

import torch
import torch.nn.functional as F
import tyro
from rich.console import Console
from rich.table import Table
from timing import compare
from torch import Tensor


def by_non_zeros(weight: Tensor, x: Tensor, bias: Tensor) -> Tensor:
    return (weight @ x.T).T + bias


def main(tokens: int = 2048, rounds: int = 15) -> None:
    """Print the table.

    Args:
        tokens: rows that a layer takes at once.
        rounds: pairs of timings.
    """
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", UserWarning)  # torch calls sparse matrices "beta"
    table = Table(title=f"sparse / dense, {tokens} tokens", box=None)
    densities = (0.002, 0.01, 0.05, 0.1, 0.2)
    for column in ("width", "dense, ms", *(f"density {d:g}" for d in densities)):
        table.add_column(column, justify="right", no_wrap=True)
    for width in (32, 64, 128, 256, 512, 1024):
        draws = torch.Generator().manual_seed(width)
        x, bias = torch.randn(tokens, width, generator=draws), torch.randn(width, generator=draws)
        cells: list[str] = []
        for density in densities:
            kept = torch.rand(width, width, generator=draws) < density
            weight = torch.randn(width, width, generator=draws) * kept
            sparse = weight.to_sparse_csr()
            torch.testing.assert_close(
                by_non_zeros(sparse, x, bias), F.linear(x, weight, bias), rtol=0, atol=1e-3
            )
            found = compare(
                "",
                lambda w=sparse, x=x, b=bias: by_non_zeros(w, x, b),
                lambda w=weight, x=x, b=bias: F.linear(x, w, b),
                rounds,
            )
            cells.append(f"{found.quartiles[1]:.2f}")
            milliseconds = sorted(found.below)[rounds // 2] * 1e3
        table.add_row(str(width), f"{milliseconds:.2f}", *cells)
    Console(width=110).print(table)


if __name__ == "__main__":
    with torch.no_grad():
        tyro.cli(main)
