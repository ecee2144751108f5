"""What does it cost to patch every link of a network exactly, and how far are estimates from it?

    python benchmarks/patching.py [--layers 4] [--heads 4] [--width 64] [--pairs 64] [--rounds 5]

A network of random weights on random pairs of inputs, resample ablation, one answer position. Two
exact ways: all links batched from their targets on (`patch_every_link`), and whole runs of the
model, one link at a time. Then EAP and EAP-IG. Seconds are the processor's. Last, how far both
estimates are from exact scores: here, and on a small network that learned string operations on the
spot.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from netseams.core import generator
from netseams.corpora import load_corpus
from netseams.discovery import IntegratedConfig, IntegratedEdgeAttribution, score_error
from netseams.discovery.link_rows import LinkRows
from netseams.models import Transformer, TransformerConfig
from netseams.tasks import Examples, Task, TaskSplit, build_task
from netseams.training import train
from netseams_recipes.compare import string_ops_setting

Rule = Literal["left", "midpoint"]
RULES: tuple[Rule, ...] = ("left", "midpoint")
AIM = 3.0
"""Seconds for 479 links, 64 pairs, 16 tokens; exact patching by EAP-IG's code took 33."""


def random_task(vocabulary: int, length: int, pairs: int) -> Task:
    """Random inputs with random answers: only costs and errors are asked of it."""
    splits: dict[TaskSplit, Examples] = {}
    for split in ("mask_train", "select", "report"):
        draws = generator("patching", split)
        tokens = torch.randint(vocabulary, (2, pairs, length), generator=draws)
        answers = torch.randint(vocabulary, (2, pairs, 1), generator=draws)
        splits[split] = Examples(tokens[0], tokens[1], answers[0], answers[1])
    return Task(
        name="random", corpus="random", question="", candidates=torch.arange(vocabulary),
        answers=torch.tensor([length - 1]), splits=splits, scores_both=False,
        floor_accuracy=1 / vocabulary, floor_loss=float(torch.tensor(vocabulary).log()),
    )  # fmt: skip


def one_by_one(rows: LinkRows) -> Tensor:
    """Exact effects by one run of the whole model for every link."""
    gates = 1 - torch.eye(rows.graph.n_links)
    with torch.no_grad():
        losses = torch.cat([rows.losses(gate.unsqueeze(0)) for gate in gates])
        return losses - rows.losses(torch.ones(1, rows.graph.n_links))


def timed(
    calls: dict[str, Callable[[], Tensor]], rounds: int, warm_up: int = 1
) -> dict[str, list[float]]:
    """Processor seconds of every call, all of them in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for i in range(rounds + warm_up):
        for name, call in calls.items():
            started = time.process_time()
            call()
            if i >= warm_up:
                seconds[name].append(time.process_time() - started)
    return seconds


def estimates(rows: LinkRows, steps: int) -> dict[str, Tensor]:
    found = {"EAP": rows.slopes(1.0)}
    for rule in RULES:
        found[f"EAP-IG, {steps} steps, {rule}"] = integrated(steps, rule).scores(rows)
    return found


def integrated(steps: int, rule: Rule) -> IntegratedEdgeAttribution:
    return IntegratedEdgeAttribution(IntegratedConfig(steps=steps, rule=rule))


def error_table(title: str, rows: LinkRows, steps: int) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    for name in ("", "Pearson", "Spearman", "relative error", "top tenth shared"):
        table.add_column(name, justify="right" if name else "left")
    exact = rows.effects()
    for name, scores in estimates(rows, steps).items():
        e = score_error(exact, scores)
        cells = (e.pearson, e.spearman, e.relative, e.shared)
        table.add_row(name, *("-" if c is None else f"{c:.3f}" for c in cells))
    return table


def trained(steps: int) -> tuple[Transformer, Task]:
    """A network that learned string operations, and one of its tasks."""
    setting = string_ops_setting()
    run = setting.run("dense", 0)
    run = run.model_copy(update={"train": run.train.model_copy(update={"steps": steps})})
    with tempfile.TemporaryDirectory() as folder:
        model = train(run, Path(folder) / "run").load()
    return model, build_task("reverse", load_corpus(setting.corpus), model.cfg.n_ctx)


def main(
    layers: int = 4, heads: int = 4, width: int = 64, vocabulary: int = 256, length: int = 16,
    pairs: int = 64, rounds: int = 5, slow_rounds: int = 3, ig_steps: int = 5,
    training_steps: int = 450, threads: int = 1,
) -> None:  # fmt: skip
    """Print seconds, ratios and errors.

    Args:
        slow_rounds: rounds of the loop over single links.
        training_steps: of the trained network; 0 leaves it out.
    """
    torch.set_num_threads(threads)
    console = Console(width=100)
    cfg = TransformerConfig(
        n_layers=layers, n_heads=heads, d_model=width, d_mlp=4 * width, n_ctx=length,
        d_vocab=vocabulary, norm="layer", norm_gain=True, norm_bias=True,
    )  # fmt: skip
    model = Transformer(cfg)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0.0, width**-0.5, generator=generator("patching", name))
    rows = LinkRows(model, random_task(vocabulary, length, pairs), "mask_train", "resample")
    console.print(
        f"{layers} layers, {heads} heads, d_model {width}: {rows.graph.n_links} links, {pairs} "
        f"pairs of {length} tokens; torch {torch.__version__}, {threads} of {os.cpu_count()} cores"
    )
    slow = {"one link at a time": lambda: one_by_one(rows)}
    seconds = timed(slow, slow_rounds, warm_up=0) | timed(
        {
            "batched from the target": rows.effects,
            "EAP": lambda: rows.slopes(1.0),
            f"EAP-IG, {ig_steps} steps": lambda: integrated(ig_steps, "left").scores(rows),
        },
        rounds,
    )
    table = Table(box=None)
    for name in ("", "seconds", "smallest .. largest", "/ batched"):
        table.add_column(name, justify="right" if name else "left")
    ours = statistics.median(seconds["batched from the target"])
    for name, values in seconds.items():
        median = statistics.median(values)
        spread = f"{min(values):.2f} .. {max(values):.2f}"
        table.add_row(name, f"{median:.2f}", spread, f"{median / ours:.1f}")
    console.print(table)
    console.print(f"aim for 479 links, 64 pairs, 16 tokens: below {AIM:g} seconds")
    difference = float((rows.effects() - one_by_one(rows)).abs().max())
    console.print(f"largest difference between the two exact ways: {difference:.1e} nats")
    console.print(error_table("random weights", rows, ig_steps))
    if training_steps:
        rows = LinkRows(*trained(training_steps), "mask_train", "resample", pairs)
        shape = f"trained on string operations, task reverse, {rows.graph.n_links} links"
        console.print(error_table(shape, rows, ig_steps))


if __name__ == "__main__":
    tyro.cli(main)
