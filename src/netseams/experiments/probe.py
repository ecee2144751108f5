"""Brittle or robust modules in the same network: a weight-sparse half beside one that is not.

Networks of which half is weight-sparse (the heads and neurons of every block, or some of the
layers), and ordinary and weight-sparse networks beside them, learn operations on the same operands.
In each half one search looks for every task's module: the places without which this task is gone
and its siblings are not, the other half kept whole. Then the network is damaged until its answers
have moved by so many nats, and each frozen module is asked what is left of its specificity; and the
search is repeated: does it find the same places?

Which half is sparse changes with the seed, so that place and sparsity are not one.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from netseams.core import generator, seed_from
from netseams.corpora import load_corpus
from netseams.discovery import NecessaryNodes, NecessaryNodesConfig, function_of
from netseams.evaluation import is_learned, score_network
from netseams.evaluation.probe import (
    Calibrated,
    Drift,
    Retention,
    Specificity,
    calibrate,
    drawn_within,
)
from netseams.experiments.experiment import EXPERIMENTS, Cell, Experiment, Row
from netseams.experiments.networks import ArmsConfig, network, train_network
from netseams.experiments.probe_findings import probe_findings
from netseams.interventions import (
    ActivationNoise,
    Damage,
    EmbeddingAttack,
    TowardsWeights,
    WeightNoise,
    mean_activations,
)
from netseams.masks import overlap
from netseams.models import Network, Transformer
from netseams.tasks import Task, build_task
from netseams.training import PartlySparse, Progress, RunConfig
from netseams.training.fine_tuning import fine_tuned
from netseams.training.halves import half_nodes

HALVES = ("first", "second")
Nodes = dict[str, Tensor]
_WEIGHTS_CHANGE = ("weights", "fine_tuning")
"""Damages after which there is another network to search."""


class ProbeConfig(ArmsConfig):
    """Arms on one language: partly sparse ones, and whole ones beside them."""

    kind: Literal["probe"] = "probe"
    run: RunConfig
    """Its seed and `train.sparsity` are replaced by those of the cell."""
    tasks: tuple[str, ...] = Field(min_length=2)
    """Each has modules; the others are its siblings."""
    tuned_on: str
    """The task on which fine-tuning goes on: none of `tasks`."""
    search: NecessaryNodesConfig = NecessaryNodesConfig()
    nats: tuple[float, ...] = Field(default=(0.1, 0.3, 1.0, 2.0), min_length=2)
    """How far damage moves a network's answers (KL divergence)."""
    searched_at: float = Field(default=0.3, gt=0)
    """Damage after which the search is repeated."""
    draws: int = Field(default=2, ge=1)
    """Of every damage that is drawn at random."""
    tuning_steps: int = Field(default=100, ge=1)
    random_masks: int = Field(default=5, ge=1)
    """Of equal size, which a module must all be more specific than."""

    def run_in(self, run: RunConfig, arm: str, seed: int) -> RunConfig:
        """Which half is sparse alternates over seeds."""
        found = super().run_in(run, arm, seed)
        sparsity = found.train.sparsity
        if not isinstance(sparsity, PartlySparse):
            return found
        sparsity = sparsity.model_copy(update={"half": HALVES[seed % 2]})
        return found.model_copy(
            update={"train": found.train.model_copy(update={"sparsity": sparsity})}
        )


@EXPERIMENTS.register("probe")
class Probe(Experiment[ProbeConfig]):
    """What is left of modules of both kinds after equal damage."""

    name = "probe"
    question = "Are forced modules more robust than emergent ones in the same network?"
    primary_metric = (
        "area under the share of a module's specificity that is left, over the logarithm of "
        "damage, mean over damages and tasks; the sparse half's modules minus the dense half's "
        "in the same network, paired by training seed"
    )

    def cells(self, config: ProbeConfig) -> list[Cell]:
        cells: list[Cell] = []  # a seed after the other: few of them are a result already
        for seed in config.seeds:
            for arm in config.arms:
                about, run = f"{arm} seed {seed}", config.run_in(config.run, arm, seed)
                trained = Cell(f"train {about}", train_network, (run,))
                probe = Cell(f"probe {about}", probe_network, (config, arm, seed), (trained.name,))
                cells += [trained, probe]
        return cells

    def findings(self, config: ProbeConfig, rows: Sequence[Row]) -> Any:
        return probe_findings(self, config.seeds, list(config.arms), rows)


def probe_network(
    out: Path, config: ProbeConfig, arm: str, seed: int, progress: Progress
) -> list[Row]:
    """All modules of one network: what damage leaves of them, and whether they are found again;
    then the same search in its untrained twin."""
    run = config.run_in(config.run, arm, seed)
    bench = _Bench(config, network(out, run, "trained"), run, seed)
    about = {"arm": arm, "seed": seed}
    rows: list[Row] = []
    modules = bench.modules("search")
    damages, drift = bench.damages(), Drift(bench.model, bench.tasks)
    for number, (name, draw, damage) in enumerate(damages):
        progress(number, len(damages), name)
        same = {**about, "damage": name, "draw": draw}
        for nats in config.nats:
            found = calibrate(damage.of, drift, nats, high=damage.most)
            for row in bench.left_of(modules, damage, found):
                rows.append({**same, "what": "left", "nats": nats, **row})
        if name in _WEIGHTS_CHANGE and draw == 0:
            found = calibrate(damage.of, drift, config.searched_at, high=damage.most)
            if found is not None:
                damaged = damage.of(found.strength)
                assert isinstance(damaged, Transformer)
                # Not the first search's seed: what it is held against has another one too.
                again = bench.of(damaged).modules("another search")
                rows += [{**same, **row} for row in bench.alike(modules, again)]
    other = bench.modules("another search")
    rows += [{**about, "damage": "none", "draw": 0, **row} for row in bench.alike(modules, other)]
    twin = bench.of(network(out, run, "untrained"))
    untrained = twin.left_of(twin.modules("search"), None, None)
    rows += [{**about, "what": "untrained", **row} for row in untrained if row["of"] == "module"]
    return rows + [{**about, "what": "learned", **row} for row in bench.learned()]


class _Bench:
    """One network with its tasks and halves."""

    def __init__(self, config: ProbeConfig, model: Transformer, run: RunConfig, seed: int) -> None:
        self.config, self.model, self.run, self.seed = config, model, run, seed
        self.corpus, n_ctx = load_corpus(run.corpus), run.model.n_ctx
        self.tasks = [build_task(name, self.corpus, n_ctx) for name in config.tasks]
        self.tuned_on = build_task(config.tuned_on, self.corpus, n_ctx)
        sparsity = run.train.sparsity
        by = sparsity.by if isinstance(sparsity, PartlySparse) else "channels"
        self.halves: dict[str, dict[str, Tensor]] = dict(
            zip(HALVES, half_nodes(run.model, by), strict=True)
        )
        self._whole = self._specificity(model)
        self._before: dict[tuple[str, str, str], float] = {}

    def forced(self, half: str) -> bool:
        """Whether a half is trained with sparse weights."""
        sparsity = self.run.train.sparsity
        if isinstance(sparsity, PartlySparse):
            return sparsity.half == half
        return sparsity.kind == "weight_sparse"

    def of(self, model: Transformer) -> "_Bench":
        """The same for another network of this shape."""
        return _Bench(self.config, model, self.run, self.seed)

    def damages(self) -> list[tuple[str, int, Damage]]:
        """Name, number of the draw, damage."""
        seeds = [seed_from(self.seed, "damage", draw) for draw in range(self.config.draws)]
        steps = self.config.tuning_steps
        tuned = fine_tuned(self.model, self.tuned_on, steps, seed=seed_from(self.seed, "tuning"))
        return [
            *(("weights", i, WeightNoise(self.model, seed)) for i, seed in enumerate(seeds)),
            *(("activations", i, ActivationNoise(self.model, s)) for i, s in enumerate(seeds)),
            ("embeddings", 0, EmbeddingAttack(self.model)),
            ("fine_tuning", 0, TowardsWeights(self.model, tuned)),
        ]

    def learned(self) -> list[Row]:
        """Accuracy on every task."""
        rows: list[Row] = []
        for task in self.tasks:
            accuracy = score_network(self.model, task).accuracy
            learned = is_learned(accuracy, task.floor_accuracy)
            rows.append({"task": task.name, "accuracy": accuracy, "learned": learned})
        return rows

    def modules(self, label: str) -> dict[str, dict[str, Nodes]]:
        """Task -> half -> the places that one search finds."""
        means = mean_activations(self.model, self.corpus)
        functions = {task.name: function_of(task) for task in self.tasks}
        found: dict[str, dict[str, Nodes]] = {}
        for name, function in functions.items():
            others = [other for key, other in functions.items() if key != name]
            config = self.config.search.model_copy(
                update={"seed": seed_from(self.seed, label, name)}
            )
            found[name] = {
                half: NecessaryNodes(config).fit(self.model, function, others, region, means).nodes_
                for half, region in self.halves.items()
            }
        return found

    def left_of(
        self,
        modules: Mapping[str, Mapping[str, Nodes]],
        damage: Damage | None,
        found: Calibrated | None,
    ) -> list[Row]:
        """What is left of every module, and of as many random places of its half."""
        damaged = None
        if damage is not None and found is not None:
            damaged = self._specificity(damage.of(found.strength))
        rows: list[Row] = []
        for task in self.tasks:
            for half, module in modules[task.name].items():
                random, chance = self._by_chance(task, half, module)
                for kind, places in (("module", module), ("random", random)):
                    row: Row = {
                        "task": task.name, "half": half, "forced": self.forced(half), "of": kind,
                        "places": sum(int(mask.sum()) for mask in places.values()),
                        "strength": None, "kl": None, "after": None, "share": None,
                        "before": self._specificity_before(task, half, kind, places),
                        "chance": chance,
                    }  # fmt: skip
                    if found is not None and damaged is not None:
                        left = Retention(
                            before=row["before"], chance=chance,
                            after=damaged(places, task),
                        )  # fmt: skip
                        row |= {
                            **found.model_dump(), "after": left.after, "share": left.share,
                        }  # fmt: skip
                    rows.append(row)
        return rows

    def _by_chance(
        self, task: Task, half: str, module: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], float]:
        """A random mask of equal size, and the greatest specificity of some others."""
        draws = generator(self.seed, "random module", task.name, half)
        random = drawn_within(module, self.halves[half], draws)
        others = [
            self._specificity_before(
                task, half, f"random {i}", drawn_within(module, self.halves[half], draws)
            )
            for i in range(self.config.random_masks)
        ]
        return random, max(others)

    def _specificity_before(
        self, task: Task, half: str, kind: str, places: Mapping[str, Tensor]
    ) -> float:
        key = (task.name, half, kind)
        if key not in self._before:
            self._before[key] = self._whole(places, task)
        return self._before[key]

    def _specificity(self, model: Network) -> Specificity:
        inputs = torch.cat([task.rows("mask_train")[0] for task in self.tasks])
        return Specificity(model, self.tasks, inputs)

    def alike(
        self,
        modules: Mapping[str, Mapping[str, Nodes]],
        again: Mapping[str, Mapping[str, Nodes]],
    ) -> list[Row]:
        """Overlap of each module with the one found again, corrected for chance."""
        rows: list[Row] = []
        for task in self.tasks:
            for half, region in self.halves.items():
                ours, theirs = modules[task.name][half], again[task.name][half]
                draws = generator(self.seed, "random overlap", task.name, half)
                rows.append({
                    "what": "found again", "task": task.name, "half": half,
                    "forced": self.forced(half), "alike": _alike(ours, theirs, region),
                    "random": _alike(ours, drawn_within(ours, region, draws), region),
                })  # fmt: skip
        return rows


def _alike(
    ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor], within: Mapping[str, Tensor]
) -> float | None:
    """IoU over what chance gives: 0 at chance, 1 for the same places; None where none are kept."""
    found = overlap(ours, theirs, within).iou
    return None if found is None else found.corrected
