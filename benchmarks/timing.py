"""Things timed in turns, and the table of their ratios."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from rich.table import Table

Timed = Callable[[], object]


def now() -> float:
    """Seconds, once a GPU in use has done all that was asked of it."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()


@dataclass(frozen=True)
class Comparison:
    """Seconds of both sides, in turns."""

    name: str
    above: list[float]
    below: list[float]
    aim: float | None = None

    @property
    def quartiles(self) -> list[float]:
        """Lower quartile, median and upper quartile of the paired ratios."""
        ratios = [a / b for a, b in zip(self.above, self.below, strict=True)]
        return statistics.quantiles(ratios, n=4, method="inclusive")


def compare(
    name: str, above: Timed, below: Timed, rounds: int, aim: float | None = None
) -> Comparison:
    """Time `above` and `below` in turns; who goes first alternates."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for i in range(rounds):
        for side in (0, 1) if i % 2 else (1, 0):
            started = now()
            (above, below)[side]()
            seconds[side].append(now() - started)
    return Comparison(name, *seconds, aim)


def table_of(comparisons: list[Comparison]) -> Table:
    table = Table(box=None)
    for name in ("", "ratio", "quartiles", "aim", "ms", "/ ms"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for c in comparisons:
        low, median, high = c.quartiles
        table.add_row(
            c.name, f"{median:.3f}", f"{low:.3f} .. {high:.3f}", f"{c.aim}" if c.aim else "",
            *(f"{1e3 * statistics.median(seconds):.1f}" for seconds in (c.above, c.below)),
        )  # fmt: skip
    return table


def quartiles_in_turns(
    calls: dict[str, Callable[[], object]], rounds: int
) -> dict[str, list[float]]:
    """Quartiles of every call's time in ms, after two calls each; all of them in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for i in range(rounds + 2):
        for name, call in calls.items():
            started = now()
            call()
            if i > 1:
                seconds[name].append(1e3 * (now() - started))
    return {name: statistics.quantiles(values, n=4) for name, values in seconds.items()}
