"""How much do sparse weights, sparse activations and circuits cost or save, side by side?

    python benchmarks/bench.py [--quick] [--threads 1]

Everything is a ratio of two things timed in turns in one process, after a warm-up: the median of
the paired ratios and their quartiles. Steps are real ones, on batches of the standard library.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from netseams.circuits import Circuit, CompiledCircuit, network_edges
from netseams.core import generator
from netseams.corpora import Corpus, StdlibConfig, load_corpus
from netseams.interventions import masked_hooks, mean_activations
from netseams.models import Transformer, TransformerConfig, matrices_of, sites_of
from netseams.tasks import Task, build_task
from netseams.training import Dense, RunConfig, Sparsity, TrainConfig, WeightSparse
from netseams.training.loop import Trainer, limit_gradient, next_token_loss

DENSITY = 0.05
"""Share of weights kept, from the first step on: the state that most of a run is in."""
WARM_UP = 12
"""Steps before the clock; sparse weights are at their final density after the first."""
CIRCUIT_SIZES = (100, 400)

Timed = Callable[[], object]


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
            started = time.perf_counter()
            (above, below)[side]()
            seconds[side].append(time.perf_counter() - started)
    return Comparison(name, *seconds, aim)


def warm_trainer(corpus: Corpus, sparsity: Sparsity, activation_density: float | None) -> Trainer:
    """A trainer some steps into its run, at final density."""
    config = RunConfig(
        corpus=StdlibConfig(),
        model=TransformerConfig(activation_density=activation_density),
        train=TrainConfig(sparsity=sparsity),
    )
    trainer = Trainer(config, corpus)
    if trainer.projection is not None:
        trainer.projection.progress = 1.0
    step = stepper(trainer)
    for _ in range(WARM_UP):
        step()
    return trainer


def stepper(trainer: Trainer) -> Timed:
    """One training step a call, as the loop takes it, on the next of its batches."""
    model, config = trainer.model, trainer.config
    batches: Iterator[int] = count()

    def step() -> None:
        batch = trainer.corpus.batch(
            "train", config.train.batch_size, config.model.n_ctx, generator(0, next(batches))
        )
        next_token_loss(model, batch).backward()
        limit_gradient(model, config.train)
        trainer.optimizer.step()
        trainer.optimizer.zero_grad(set_to_none=True)

    return step


def training_comparisons(corpus: Corpus, rounds: int) -> tuple[list[Comparison], Transformer]:
    """Both weight-sparse arms against the dense one; and the trained weight-sparse model."""
    weight_sparse = WeightSparse(density=DENSITY)
    dense = warm_trainer(corpus, Dense(), None)
    sparse = warm_trainer(corpus, weight_sparse, None)
    both = warm_trainer(corpus, weight_sparse, 0.25)
    return [
        compare("step: sparse weights / dense", stepper(sparse), stepper(dense), rounds, 1.05),
        compare(
            "step: and AbsTopK 1/4 / dense",
            stepper(both), stepper(dense), rounds, 1.15,
        ),
    ], sparse.model  # fmt: skip


def block_density(model: Transformer) -> float:
    """Share of block weights that are not zero."""
    parameters = dict(model.named_parameters())
    sizes = [parameters[matrix.parameter].numel() for matrix in matrices_of(model.cfg)]
    return network_edges(model) / sum(sizes)


def circuit_of_size(model: Transformer, n_nodes: int) -> Circuit:
    """`n_nodes` nodes drawn at random from all sites together."""
    sites = sites_of(model.cfg)
    kept = torch.zeros(sum(site.width for site in sites), dtype=torch.bool)
    kept[torch.randperm(len(kept), generator=generator("bench", n_nodes))[:n_nodes]] = True
    masks = kept.split([site.width for site in sites])
    nodes = {site.name: mask for site, mask in zip(sites, masks, strict=True)}
    return Circuit.from_nodes(model, nodes, "quote_close", "stdlib", {"method": "random"})


def circuit_comparisons(
    model: Transformer, means: dict[str, Tensor], task: Task, n_nodes: int, rounds: int
) -> tuple[list[Comparison], float]:
    """A compiled circuit against the masked and the whole model; and how far logits differ."""
    tokens, _ = task.rows("report")
    answers = task.answers.expand(len(tokens), -1)
    circuit = circuit_of_size(model, n_nodes)
    compiled, hooks = CompiledCircuit(circuit, model, means), masked_hooks(circuit.nodes, means)

    def masked() -> Tensor:
        return model.run_with_hooks(tokens, hooks, answers)

    with torch.no_grad():
        difference = float((compiled(tokens, answers) - masked()).abs().max())
        return [
            compare(
                f"{n_nodes}-node circuit / masked model",
                lambda: compiled(tokens, answers), masked, rounds,
            ),
            compare(
                f"{n_nodes}-node circuit / whole model",
                lambda: compiled(tokens, answers), lambda: model(tokens, answers=answers), rounds,
            ),
        ], difference  # fmt: skip


def table_of(comparisons: list[Comparison]) -> Table:
    table = Table(box=None)
    for name in ("", "ratio", "quartiles", "aim", "ms", "/ ms"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for c in comparisons:
        low, median, high = c.quartiles
        table.add_row(
            c.name, f"{median:.3f}", f"{low:.3f} .. {high:.3f}", f"{c.aim}" if c.aim else "",
            *(f"{1e3 * statistics.median(seconds):.0f}" for seconds in (c.above, c.below)),
        )  # fmt: skip
    return table


def main(quick: bool = False, threads: int = 1) -> None:
    """Print the ratios.

    Args:
        quick: fewer repeats, wider quartiles.
        threads: threads that torch may use.
    """
    torch.set_num_threads(threads)
    steps, evaluations = (8, 4) if quick else (40, 12)
    console, corpus = Console(), load_corpus(StdlibConfig())
    cfg, train = TransformerConfig(), TrainConfig()
    console.print(
        f"{cfg.n_layers} layers, d_model {cfg.d_model}, d_mlp {cfg.d_mlp}, vocabulary "
        f"{cfg.d_vocab}; steps of {train.batch_size} x {cfg.n_ctx} tokens; weights at {DENSITY}; "
        f"torch {torch.__version__} on {threads} of {os.cpu_count()} cores; medians of {steps} "
        f"pairs of steps and {evaluations} pairs of evaluations"
    )
    comparisons, model = training_comparisons(corpus, steps)
    means = mean_activations(model, corpus)
    task = build_task("quote_close", corpus, cfg.n_ctx)
    differences: list[float] = []
    for n_nodes in CIRCUIT_SIZES:
        more, difference = circuit_comparisons(model, means, task, n_nodes, evaluations)
        comparisons += more
        differences.append(difference)
    console.print(table_of(comparisons))
    console.print(
        f"Non-zero block weights of the weight-sparse model: {block_density(model):.3f}. "
        f"Compiled circuits and masked models differ by at most {max(differences):.1e} in any "
        f"logit, on {len(task.rows('report')[0])} rows of quote_close."
    )


if __name__ == "__main__":
    tyro.cli(main)
