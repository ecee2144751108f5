"""`netseams bridge`: maps between a dense and a weight-sparse network, measured."""

from pathlib import Path
from typing import Literal

import torch
from rich.table import Table

from netseams.cli.parse import call
from netseams.cli.progress import JobProgress, console
from netseams.core import SettingError
from netseams.corpora import load_corpus
from netseams.evaluation.bridge_measures import BridgeMeasures, measure_bridges
from netseams.evaluation.bridges import mean_loss_by_switches
from netseams.tasks import build_task
from netseams.training import Progress, open_run
from netseams.training.bridges import train_bridges
from netseams_recipes.bridges import maps_only, together


def run(arguments: list[str]) -> int:
    """Parse and run the verb."""
    return call(_bridge, arguments, "bridge")


def _bridge(
    dense: Path,
    sparse: Path,
    out: Path,
    learn: Literal["maps", "joint"] = "maps",
    tasks: tuple[str, ...] = (),
    steps: int = 300,
    seed: int = 0,
    threads: int = 1,
) -> int:
    """Train bridges between two networks of one corpus, then measure hybrids and steering.

    Writes bridges.safetensors and measures.json; the same command resumes.

    Args:
        dense: Folder of a finished training run.
        sparse: Folder of another one, of equal depth and vocabulary.
        out: Folder for the bridges.
        learn: The maps alone, or the weight-sparse network together with them.
        tasks: Tasks to steer, such as quote_close or reverse.
        steps: Steps of bridge training.
        seed: Seed of maps and batches.
        threads: Torch threads. A resumed run is bit-identical only with equal threads.
    """
    if steps < 1 or threads < 1:
        raise SettingError("--steps and --threads must be at least 1")
    torch.set_num_threads(threads)
    ours, theirs = open_run(dense), open_run(sparse)
    if ours.config.corpus != theirs.config.corpus:
        raise SettingError(
            f"bridges join networks of one corpus: {dense} and {sparse} were trained on different "
            "ones; train one of them again"
        )
    corpus = load_corpus(ours.config.corpus)
    length = min(ours.config.model.n_ctx, theirs.config.model.n_ctx)
    cut = [build_task(task, corpus, length) for task in tasks]
    train = theirs.config.train
    config = maps_only(steps, seed) if learn == "maps" else together(train, steps, seed)
    terminal = console()
    with JobProgress(terminal) as progress:
        progress.plan(["bridges", "control"])

        def reporter(name: str) -> Progress:
            return lambda done, total, word: progress.report(name, done, total, word)

        found = train_bridges(config, ours, theirs, corpus, out, reporter("bridges"))
        progress.report("bridges", 1, 1, "")
        measures = measure_bridges(found, corpus, cut, progress=reporter("control"))
        progress.report("control", 1, 1, "")
    for table in _tables(measures):
        terminal.print(table)
    terminal.print(f"measures: {out / 'measures.json'}", soft_wrap=True)
    return 0


def _tables(measures: BridgeMeasures) -> list[Table]:
    plain = measures.constant
    hybrids = Table(
        title=f"hybrids, next-token loss: dense {plain.dense:.3f}, sparse {plain.sparse:.3f} nats"
    )
    for column in ("maps", "1 switch", "all hybrids", "excess", "of constant maps"):
        hybrids.add_column(column, justify="right")
    rows = [(name, m.losses, m.unfaithfulness) for name, m in measures.hybrids.items()]
    for name, losses, share in [*rows, ("constant", plain, 1.0)]:
        mean = sum(hybrid.loss for hybrid in losses.hybrids) / len(losses.hybrids)
        cells = (mean_loss_by_switches(losses)[1], mean, losses.mean_excess, share)
        hybrids.add_row(name, *(f"{cell:.3f}" for cell in cells))
    if not measures.steering:
        return [hybrids]
    steered = Table(title="steering: P(other answer) in the dense network, by strength")
    for column in (
        "task",
        "direction",
        *(f"{s:g}" for s in measures.steering[0].trained.strengths),
    ):
        steered.add_column(column, justify="right")
    for found in measures.steering:
        curves = {
            f"channel {found.trained.channel.channel}": found.trained.steered,
            "random": [sum(p) / len(p) for p in zip(*found.trained.random, strict=True)],
            "untrained": found.untrained.steered,
            "all channels": found.trained.all_channels,
        }
        for name, curve in curves.items():
            steered.add_row(found.task, name, *(f"{p:.3f}" for p in curve))
    return [hybrids, steered]
