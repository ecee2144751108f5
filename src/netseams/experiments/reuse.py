"""Is one operation in two contexts one circuit, and does forcing sparsity make it one?

arXiv 2010.02066 finds that networks learn an operation anew for every context. Here dense and
weight-sparse networks learn languages in which an operation has two call sites; circuits of all
tasks are searched in each network at one budget, and pairs of tasks that are one operation are
held against pairs that are not. Untrained twins of both get searches of their own.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from torch import Tensor

from netseams.circuits import Circuit, chosen_masks, places_of, random_circuit
from netseams.core import Config, seed_from
from netseams.corpora import load_corpus
from netseams.discovery import NodeMaskConfig
from netseams.evaluation import (
    FunctionMatrix,
    Pair,
    accuracies,
    accuracy_without,
    lift_matrix,
    pair_score,
    removal_matrix,
    score_network,
)
from netseams.experiments.experiment import EXPERIMENTS, Cell, Experiment, Row
from netseams.experiments.networks import (
    NETWORKS,
    ArmsConfig,
    NetworkKind,
    circuit_at,
    network,
    train_network,
)
from netseams.experiments.reuse_findings import reuse_findings
from netseams.interventions import mean_activations
from netseams.masks import Masks
from netseams.models import Transformer
from netseams.tasks import Task, build_task
from netseams.training import Progress, RunConfig


class Language(Config):
    """A corpus, the run that learns it, and which of its tasks are one operation."""

    name: str
    run: RunConfig
    """Its seed and `train.sparsity` are replaced by those of the cell."""
    same: tuple[Pair, ...] = Field(min_length=1)
    """Pairs of tasks that are one operation in two contexts."""
    different: tuple[Pair, ...] = ()
    """Pairs in the same two contexts that are two operations."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Every task once."""
        pairs = (*self.same, *self.different)
        return tuple(dict.fromkeys(name for pair in pairs for name in pair))


class ReuseConfig(ArmsConfig):
    """Languages, arms, and the one search that every network gets."""

    kind: Literal["reuse"] = "reuse"
    languages: tuple[Language, ...] = Field(min_length=1)
    search: NodeMaskConfig = NodeMaskConfig()
    """The one search that every network gets."""
    target: float = Field(default=0.15, gt=0)
    """Loss on the select split at which circuits are taken, in nats."""
    random_masks: int = Field(default=2, ge=1)


@EXPERIMENTS.register("reuse")
class Reuse(Experiment[ReuseConfig]):
    """Overlap and common fate of circuits of one operation in two contexts."""

    name = "reuse"
    question = "Is an operation in two contexts one circuit, and does weight sparsity make it one?"
    primary_metric = (
        "reuse (corrected IoMin of two circuits times the share of the own loss that removing one "
        "causes in the other's task, both beyond random masks) of pairs that are one operation, "
        "minus that of pairs that are two; weight_sparse minus dense, paired by training seed, in "
        "the first language"
    )

    def cells(self, config: ReuseConfig) -> list[Cell]:
        trainings: list[Cell] = []
        measures: list[Cell] = []
        for seed in config.seeds:
            for language in config.languages:
                for arm in config.arms:
                    about = f"{language.name} {arm} seed {seed}"
                    run = config.run_in(language.run, arm, seed)
                    trained = Cell(f"train {about}", train_network, (run,))
                    trainings.append(trained)
                    for kind in NETWORKS:
                        arguments = (config, language, arm, seed, kind)
                        name = f"measure {about} {kind}"
                        measures.append(Cell(name, measure, arguments, (trained.name,)))
        return [*trainings, *measures]

    def findings(self, config: ReuseConfig, rows: Sequence[Row]) -> Any:
        return reuse_findings(self, config.seeds, list(config.arms), rows)


def measure(
    out: Path, config: ReuseConfig, language: Language, arm: str, seed: int, kind: NetworkKind,
    progress: Progress,
) -> list[Row]:  # fmt: skip
    """Circuits of all tasks of one network, and the score of every pair."""
    run = config.run_in(language.run, arm, seed)
    model, corpus = network(out, run, kind), load_corpus(run.corpus)
    means = mean_activations(model, corpus)
    tasks = {name: build_task(name, corpus, run.model.n_ctx) for name in language.tasks}
    where = {"language": language.name, "arm": arm, "seed": seed, "network": kind}
    rows: list[Row] = []
    circuits: dict[str, Circuit] = {}
    for number, (name, task) in enumerate(tasks.items()):
        circuit, row = circuit_at(config.target, model, task, means, config.search, seed)
        if circuit is not None:
            circuits[name] = circuit
        rows.append({"what": "circuit", **where, **row})
        progress(number + 1, len(tasks) + 1, name)
    return rows + _pairs(config, language, model, tasks, circuits, means, where)


def _pairs(
    config: ReuseConfig, language: Language, model: Transformer, tasks: Mapping[str, Task],
    circuits: Mapping[str, Circuit], means: Mapping[str, Tensor], where: Row,
) -> list[Row]:  # fmt: skip
    """Scores of the pairs of which both circuits were found."""
    wanted = [
        (kind, pair)
        for kind, pairs in (("same", language.same), ("different", language.different))
        for pair in pairs
        if set(pair) <= set(circuits)
    ]
    if not wanted:
        return []
    here = [tasks[name] for name in circuits]
    whole = {task.name: score_network(model, task).accuracy for task in here}
    floors = {task.name: task.floor_accuracy for task in here}
    run = accuracy_without(model, "mean", means)

    def lost(parts: Mapping[str, Circuit]) -> FunctionMatrix:
        return removal_matrix(whole, accuracies(parts, here, run), floors)

    random = [
        lost({n: random_circuit(c, model, seed_from(n, draw)) for n, c in circuits.items()})
        for draw in range(config.random_masks)
    ]
    lift = lift_matrix(lost(circuits), random)
    masks = {name: _inner(chosen_masks(c)) for name, c in circuits.items()}
    within = _inner(places_of(next(iter(circuits.values())), model))
    rows: list[Row] = []
    for kind, pair in wanted:
        found = pair_score(pair, masks, lift, within)
        rows.append(
            {
                "what": "pair", **where, "kind": kind, "pair": list(pair),
                "overlap": found.overlap, "transfer": found.transfer,
                "difference": found.difference, "reused": found.reused,
            }
        )  # fmt: skip
    return rows


def _inner(masks: Masks) -> dict[str, Tensor]:
    """Channels inside attention and MLP. Reads and writes of the residual stream are shared by
    all that reads and writes there: what two operations have in common of it is no reuse."""
    ends = ("attn.hook_q", "attn.hook_k", "attn.hook_v", "mlp.hook_post")
    return {site: mask for site, mask in masks.items() if site.endswith(ends)}
