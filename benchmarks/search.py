"""How many circuits of equal size and loss does a minute buy, plain search against fast?

    python benchmarks/search.py [--rounds 3] [--threads 1] [--device cpu]

A small network learns string operations on the spot. Then, in turns and for every seed:

plain  the paper's learner: one search for every fixed price, of which the smallest circuit at
       every target loss counts. All prices are paid for, since none is known beforehand.
fast   `netseams_recipes.search.fast`, one search; while a circuit is larger than plain's at that
       target by more than 2 %, another seed is searched and paid for, up to four in all.

A circuit counts for `fast` only if it is as small as plain's, so the ratio of circuits a minute is
at equal size and loss. A second ratio is against plain with the best price known beforehand, which
nobody knows. Last, masks stacked through one forward pass against the same, one by one.
"""

import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from rich.console import Console
from rich.table import Table
from timing import now
from torch import Tensor

from netseams.core import Device
from netseams.corpora import load_corpus
from netseams.discovery import NodeMaskConfig, NodeMasks, fit_together
from netseams.interventions import mean_activations
from netseams.models import Transformer
from netseams.tasks import Task, build_task
from netseams.training import train
from netseams_recipes.compare import string_ops_setting
from netseams_recipes.search import PLAIN_PRICES, fast, plain

TARGETS = (0.05, 0.15, 0.3)
SLACK = 1.02
"""Sizes within 2 % count as equal."""
MOST_SEEDS = 4


def clock(device: torch.device) -> float:
    """Processor seconds on a CPU, where other work on the machine does not count."""
    return time.process_time() if device.type == "cpu" else now()


Sizes = dict[float, int | None]


@dataclass(frozen=True)
class Ground:
    """What is searched."""

    model: Transformer
    task: Task
    means: dict[str, Tensor]

    def search(self, config: NodeMaskConfig) -> tuple[float, Sizes]:
        """Seconds, and nodes at every target."""
        started = clock(self.model.device)
        found = NodeMasks(config).fit(self.model, self.task, self.means, TARGETS).circuits_
        seconds = clock(self.model.device) - started
        return seconds, {t: None if c is None else c.n_nodes for t, c in found.items()}


@dataclass(frozen=True)
class Round:
    """One seed of both."""

    plain_seconds: float
    plain_known: float
    """Seconds of plain if the best price of every target were known: one search for each."""
    plain_sizes: Sizes
    fast_seconds: float
    fast_sizes: Sizes
    matched: int
    """Targets at which fast is as small as plain."""

    @property
    def reached(self) -> int:
        return sum(size is not None for size in self.plain_sizes.values())

    @property
    def plain_per_minute(self) -> float:
        return 60 * self.reached / self.plain_seconds

    @property
    def fast_per_minute(self) -> float:
        return 60 * self.matched / self.fast_seconds


def smallest(rows: list[Sizes]) -> Sizes:
    return {t: min((n for row in rows if (n := row[t]) is not None), default=None) for t in TARGETS}


def as_small(ours: int | None, theirs: int | None) -> bool:
    return theirs is not None and ours is not None and ours <= SLACK * theirs


def one_round(ground: Ground, seed: int) -> Round:
    """Both learners on one seed; who goes first alternates."""

    def plainly() -> tuple[list[float], list[Sizes]]:
        runs = [
            ground.search(plain(price).model_copy(update={"seed": seed})) for price in PLAIN_PRICES
        ]
        return [seconds for seconds, _ in runs], [sizes for _, sizes in runs]

    def fastly(number: int) -> tuple[float, Sizes]:
        return ground.search(fast().model_copy(update={"seed": MOST_SEEDS * seed + number}))

    first = None if seed % 2 else fastly(0)
    seconds, rows = plainly()
    wanted = smallest(rows)
    runs = [first or fastly(0)]
    while len(runs) < MOST_SEEDS and not all(
        n is None or as_small(smallest([sizes for _, sizes in runs])[t], n)
        for t, n in wanted.items()
    ):
        runs.append(fastly(len(runs)))
    got = smallest([sizes for _, sizes in runs])
    best = {rows.index(next(r for r in rows if r[t] == n)) for t, n in wanted.items() if n}
    return Round(
        plain_seconds=sum(seconds),
        plain_known=sum(seconds[i] for i in best),
        plain_sizes=wanted,
        fast_seconds=sum(s for s, _ in runs),
        fast_sizes=got,
        matched=sum(as_small(got[t], wanted[t]) for t in TARGETS),
    )


def stacked_ratios(ground: Ground, n_masks: int, rounds: int) -> list[float]:
    """Seconds of `n_masks` masks one by one over those of the same masks in one stack."""
    ratios: list[float] = []
    device = ground.model.device
    for i in range(rounds):
        configs = [fast(steps=40).model_copy(update={"seed": 100 * i + j}) for j in range(n_masks)]
        started = clock(device)
        for config in configs:
            ground.search(config)
        between = clock(device)
        fit_together(
            [NodeMasks(config) for config in configs],
            ground.model, ground.task, ground.means, TARGETS,
        )  # fmt: skip
        ratios.append((between - started) / (clock(device) - between))
    return ratios


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f} .. {max(values):.1f})"


def ground_on(device: Device, steps: int = 450) -> Ground:
    """A small dense network that has learned string operations, and one of them."""
    setting = string_ops_setting()
    run = setting.run("dense", 0)
    run = run.model_copy(update={"train": run.train.model_copy(update={"steps": steps})})
    with tempfile.TemporaryDirectory() as folder:
        model = train(run, Path(folder) / "run", device=device).load().to(device)
    corpus = load_corpus(setting.corpus)
    task = build_task("reverse", corpus, model.cfg.n_ctx)
    return Ground(model, task, mean_activations(model, corpus))


def print_searches(console: Console, ground: Ground, rounds: int) -> Sizes:
    """Circuits a minute of both; returns the sizes that plain came to in the last round."""
    ground.search(fast(steps=5))  # warm-up
    found = [one_round(ground, seed) for seed in range(rounds)]
    table = Table(box=None)
    for name in ("", "circuits a minute", *(f"nodes at {t:g}" for t in TARGETS)):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for name in ("plain", "fast"):
        rates = [getattr(r, f"{name}_per_minute") for r in found]
        sizes = [getattr(r, f"{name}_sizes") for r in found]
        cells = ([row[t] for row in sizes if row[t] is not None] for t in TARGETS)
        medians = [f"{statistics.median(c):.0f}" if c else "-" for c in cells]
        table.add_row(name, spread(rates), *medians)
    console.print(table)
    reached = [r for r in found if r.reached]
    if not reached:
        console.print("plain reached no target: nothing to compare")
        return found[-1].plain_sizes
    ratios = [r.fast_per_minute / r.plain_per_minute for r in reached]
    known = [r.fast_per_minute / (60 * r.reached / r.plain_known) for r in reached]
    console.print(f"fast / plain: {spread(ratios)}; aim 4 on a CPU, 20 on a GPU")
    console.print(f"fast / plain with the best prices known beforehand: {spread(known)}")
    missed = sum(r.reached - r.matched for r in found)
    console.print(f"targets at which fast stayed larger than plain: {missed} (they do not count)")
    return found[-1].plain_sizes


def print_stacked(console: Console, ground: Ground, n_masks: int, rounds: int) -> None:
    """How much one stack saves over the same masks one by one."""
    stacked = stacked_ratios(ground, n_masks, rounds)
    console.print(f"{n_masks} masks one by one / stacked: {spread(stacked)}")


def main(rounds: int = 3, threads: int = 1, steps: int = 450, device: Device = "cpu") -> None:
    """Print circuits a minute, side by side.

    Args:
        rounds: seeds of the search.
        threads: threads that torch may use.
        steps: training steps of the network.
        device: cpu or cuda.
    """
    torch.set_num_threads(threads)
    console, ground = Console(width=100), ground_on(device, steps)
    cfg = ground.model.cfg
    console.print(
        f"{cfg.n_layers} layers, d_model {cfg.d_model}, dense, {steps} training steps "
        f"on string operations; task reverse; torch {torch.__version__}, {device}, {threads} of "
        f"{os.cpu_count()} cores; medians of {rounds} seeds (smallest .. largest)"
    )
    print_searches(console, ground, rounds)
    print_stacked(console, ground, 4 if device == "cpu" else 32, rounds)


if __name__ == "__main__":
    tyro.cli(main)
