"""Many small models at once: one-thread processes against threads, and one stack against a row.

    python benchmarks/stacks.py [--members 8] [--rounds 10] [--device cpu]

Networks of string operations, half of them dense and half weight-sparse. On a CPU also: two
networks trained side by side by processes of one thread, over one after the other with two threads.
"""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

import torch
import tyro
from rich.console import Console
from timing import Comparison, compare, table_of

from netseams.core import Device, device_named
from netseams.corpora import StringOpsConfig, load_corpus
from netseams.models import TransformerConfig
from netseams.training import Dense, RunConfig, TrainConfig, WeightSparse
from netseams.training.loop import Step, Trainer
from netseams.training.stacked import Stack

SHAPE = TransformerConfig(n_layers=2, n_heads=4, d_model=64, d_mlp=256, n_ctx=14, d_vocab=19)
STEPS = 20
"""Of every timed piece."""


class _EnoughError(Exception):
    """A piece is over."""


def config_of(seed: int, batch_size: int = 64) -> RunConfig:
    """Run number `seed`: dense if even."""
    arm = WeightSparse(density=0.1, anneal_start=0.0, anneal_end=1e-4) if seed % 2 else Dense()
    train = TrainConfig(steps=100_000, batch_size=batch_size, sparsity=arm)
    return RunConfig(corpus=StringOpsConfig(length=6), model=SHAPE, train=train, seed=seed)


def trainers_of(n: int, device: Device, batch_size: int = 64) -> list[Trainer]:
    """Fresh members."""
    configs = [config_of(seed, batch_size) for seed in range(n)]
    return [Trainer(c, load_corpus(c.corpus), device=device) for c in configs]


def advance(trainer: Trainer, steps: int = STEPS) -> None:
    """Some steps of one member."""
    end = trainer.step + steps

    def stop(step: Step) -> None:
        if step.step == end:
            raise _EnoughError

    try:
        trainer.run(stop)
    except _EnoughError:
        return


def advance_stack(stack: Stack, steps: int = STEPS) -> None:
    """As many of all members together."""
    end = stack.trainers[0].step + steps

    def stop(number: int, step: Step) -> None:
        if step.step == end and number == len(stack.trainers) - 1:
            raise _EnoughError

    try:
        stack.run(stop)
    except _EnoughError:
        return


def stacked(members: int, device: Device, rounds: int) -> Comparison:
    """One after the other, over all in one stack."""
    row, stack = trainers_of(members, device), Stack(trainers_of(members, device))
    for trainer in row:
        advance(trainer, 3)
    advance_stack(stack, 3)
    return compare(
        f"{members} networks one by one / in one stack, {device}",
        lambda: [advance(trainer) for trainer in row], lambda: advance_stack(stack), rounds,
    )  # fmt: skip


_mine: list[Trainer] = []


def _start() -> None:
    torch.set_num_threads(1)
    _mine.extend(trainers_of(1, "cpu"))
    advance(_mine[0], 3)


def _piece(_: int) -> int:
    advance(_mine[0], 4 * STEPS)
    return os.getpid()


def processes(rounds: int) -> Comparison:
    """Two networks: one after the other with two threads, over two processes of one thread."""
    row = trainers_of(2, "cpu")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context, initializer=_start) as pool:
        list(pool.map(_piece, range(2)))

        def threads() -> None:
            torch.set_num_threads(2)
            for trainer in row:
                advance(trainer, 4 * STEPS)

        try:
            return compare(
                "2 networks, two threads each in turn / two processes of one thread",
                threads, lambda: list(pool.map(_piece, range(2))), rounds,
            )  # fmt: skip
        finally:
            torch.set_num_threads(1)


def main(members: int = 8, rounds: int = 10, device: Device = "cpu") -> None:
    """Print both ratios; above 1 the second way is the faster one.

    Args:
        members: networks of a stack.
        rounds: pairs of timed pieces.
        device: of the stack; the processes are always on cores.
    """
    device_named(device)
    torch.set_num_threads(1)
    found = [stacked(members, device, rounds)]
    if device == "cpu":
        found.append(processes(rounds))
    console = Console(width=120)
    console.print(f"2 layers, d_model {SHAPE.d_model}; pieces of {STEPS} steps of 64 rows")
    console.print(table_of(found))


if __name__ == "__main__":
    tyro.cli(main)
