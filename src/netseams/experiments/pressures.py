"""Interventions instead of sparsity: which of them raise what the audit measures?

Ordinary networks, networks that were trained under a pressure that is said to make modules or
robustness, and weight-sparse ones, of the same seeds, learn operations on the same operands. In
each the same search finds circuits at one loss, and the audit asks them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from netseams.audit import CHECKS
from netseams.core import seed_from
from netseams.evaluation import structure, weight_graph
from netseams.experiments.audits import AuditedArms, audited
from netseams.experiments.experiment import EXPERIMENTS, Cell, Experiment, Row
from netseams.experiments.networks import network, train_network, training_of
from netseams.experiments.pressures_findings import pressures_findings
from netseams.training import Progress, RunConfig


class PressuresConfig(AuditedArms):
    """Arms on one language, the ordinary one first."""

    kind: Literal["pressures"] = "pressures"
    checks: tuple[str, ...] = Field(default=tuple(CHECKS), min_length=1)
    """Of the audit. What is not asked stands in no word's way."""
    shuffles: int = Field(default=10, ge=2)
    """Of the weights, against which modules of the whole network are held."""


@EXPERIMENTS.register("pressures")
class Pressures(Experiment[PressuresConfig]):
    """The same battery after different trainings."""

    name = "pressures"
    question = "Do interventions in training make circuits more real, without sparse weights?"
    primary_metric = (
        "mean place of a network's circuits on the ladder of words (0 none .. 5 robust; a circuit "
        "that was not found has 0), of the checks that are asked; every arm minus the first, "
        "paired by training seed"
    )

    def cells(self, config: PressuresConfig) -> list[Cell]:
        cells: list[Cell] = []  # a seed after the other: few of them are a result already
        for seed in config.seeds:
            for arm in config.arms:
                about, run = f"{arm} seed {seed}", config.run_in(config.run, arm, seed)
                trained = Cell(f"train {about}", train_network, (run,))
                cells.append(trained)
                for task in config.tasks:
                    arguments = (config, arm, seed, "trained", task, config.checks)
                    cells.append(Cell(f"audit {about} {task}", audited, arguments, (trained.name,)))
                arguments = (run, arm, seed, config.shuffles)
                cells.append(Cell(f"modules {about}", modules_of, arguments, (trained.name,)))
        return cells

    def findings(self, config: PressuresConfig, rows: Sequence[Row]) -> Any:
        return pressures_findings(self, config.seeds, list(config.arms), rows)


def modules_of(
    out: Path, run: RunConfig, arm: str, seed: int, shuffles: int, progress: Progress
) -> list[Row]:
    """A whole network: its loss, and whether its weights fall into modules."""
    graph = weight_graph(network(out, run, "trained"))
    found = structure(graph, n_shuffles=shuffles, seed=seed_from(seed, "modules"))
    return [{
        "arm": arm, "seed": seed, "network": "whole", "found": False, "tests": {},
        "test_loss": training_of(out, run).result.test_loss,
        "clusterability": found.clusterability.value,
        "clusterability_shuffled": found.clusterability.null_mean,
        "modularity": found.modularity.value,
        "modularity_shuffled": found.modularity.null_mean,
    }]  # fmt: skip
