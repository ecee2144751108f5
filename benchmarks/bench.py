"""How much do sparse weights, sparse activations and circuits cost or save, side by side?

    python benchmarks/bench.py [--quick] [--threads 1] [--device cpu]

Everything is a ratio of two things timed in turns in one process, after a warm-up: the median of
the paired ratios and their quartiles. Steps are real ones, on batches of the standard library.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import torch
import tyro
from rich.console import Console
from timing import Comparison, Timed, compare, table_of
from torch import Tensor

from netseams.circuits import Circuit, CompiledCircuit, network_edges
from netseams.core import Device, device_named, generator
from netseams.corpora import Corpus, StdlibConfig, load_corpus
from netseams.interventions import masked_hooks, mean_activations
from netseams.models import Transformer, TransformerConfig, matrices_of, sites_of
from netseams.tasks import Task, build_task
from netseams.training import Dense, RunConfig, Sparsity, TrainConfig, WeightSparse
from netseams.training.learner import limit_gradient
from netseams.training.loop import Trainer
from netseams.training.loss import next_token_loss

DENSITY = 0.05
"""Share of weights kept, from the first step on: the state that most of a run is in."""


@dataclass(frozen=True)
class Shape:
    """What a step is taken of."""

    model: TransformerConfig
    batch_size: int

    def __str__(self) -> str:
        cfg = self.model
        return (
            f"{cfg.n_layers} layers, d_model {cfg.d_model}, d_mlp {cfg.d_mlp}, vocabulary "
            f"{cfg.d_vocab}; steps of {self.batch_size} x {cfg.n_ctx} tokens"
        )


SMALL = Shape(TransformerConfig(), TrainConfig().batch_size)
WARM_UP = 12
"""Steps before the clock; sparse weights are at their final density after the first."""
CIRCUIT_SIZES = (100, 400)


def warm_trainer(
    corpus: Corpus, sparsity: Sparsity, activation_density: float | None,
    shape: Shape = SMALL, device: Device = "cpu",
) -> Trainer:  # fmt: skip
    """A trainer some steps into its run, at final density."""
    config = RunConfig(
        corpus=StdlibConfig(),
        model=shape.model.model_copy(update={"activation_density": activation_density}),
        train=TrainConfig(sparsity=sparsity, batch_size=shape.batch_size),
    )
    trainer = Trainer(config, corpus, device=device)
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


def training_comparisons(
    corpus: Corpus, rounds: int, shape: Shape = SMALL, device: Device = "cpu"
) -> tuple[list[Comparison], Transformer]:
    """Both weight-sparse arms against the dense one; and the trained weight-sparse model."""
    weight_sparse = WeightSparse(density=DENSITY)
    dense = warm_trainer(corpus, Dense(), None, shape, device)
    sparse = warm_trainer(corpus, weight_sparse, None, shape, device)
    both = warm_trainer(corpus, weight_sparse, 0.25, shape, device)
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
    tokens = task.rows("report")[0].to(model.device)
    answers = task.answers.to(model.device).expand(len(tokens), -1)
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


def main(quick: bool = False, threads: int = 1, device: Device = "cpu") -> None:
    """Print the ratios.

    Args:
        quick: fewer repeats, wider quartiles.
        threads: threads that torch may use.
        device: cpu or cuda.
    """
    torch.set_num_threads(threads)
    device_named(device)
    steps, evaluations = (8, 4) if quick else (40, 12)
    console, corpus = Console(), load_corpus(StdlibConfig())
    console.print(
        f"{SMALL}; weights at {DENSITY}; torch {torch.__version__} on {device}, {threads} of "
        f"{os.cpu_count()} cores; medians of {steps} pairs of steps and {evaluations} pairs of "
        "evaluations"
    )
    comparisons, model = training_comparisons(corpus, steps, device=device)
    means = mean_activations(model, corpus)
    task = build_task("quote_close", corpus, model.cfg.n_ctx)
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
