"""Brittle or robust modules in the same network: a weight-sparse half beside one that is not.

Networks of which half is weight-sparse (the heads and neurons of every block, or some of the
layers), and ordinary and weight-sparse networks beside them, learn operations on the same operands.
One search finds every task's circuit; what is the task's own, in either half, is a module. Then
the network is damaged until its answers have moved by so many nats, and each frozen module is asked
what is left of its specificity; and the search is repeated: does it find the same places?

Which half is sparse changes with the seed, so that place and sparsity are not one.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from netseams.circuits import Circuit
from netseams.core import generator, seed_from
from netseams.corpora import load_corpus
from netseams.discovery import NodeMaskConfig
from netseams.evaluation import score_network
from netseams.evaluation.probe import (
    Calibrated,
    Drift,
    Retention,
    calibrate,
    drawn_within,
    places_within,
    specificity,
)
from netseams.experiments.experiment import EXPERIMENTS, Cell, Experiment, Row
from netseams.experiments.networks import ArmsConfig, circuit_at, network, train_network
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
from netseams.models import Transformer
from netseams.tasks import Task, build_task
from netseams.training import PartlySparse, Progress, RunConfig
from netseams.training.fine_tuning import fine_tuned
from netseams.training.halves import half_nodes

DAMAGES = ("weights", "activations", "embeddings", "fine_tuning")
HALVES = ("first", "second")
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
    search: NodeMaskConfig = NodeMaskConfig()
    beyond: float = Field(default=0.15, gt=0)
    """Circuits are taken at the whole network's loss on the select split and so many nats more: a
    damaged network cannot do better than it does."""
    nats: tuple[float, ...] = Field(default=(0.1, 0.3, 1.0, 2.0), min_length=2)
    """How far damage moves a network's answers (KL divergence)."""
    searched_at: float = Field(default=0.3, gt=0)
    """Damage after which the search is repeated."""
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
    """All modules of one network: sizes, what damage leaves of them, and whether they are found
    again; then the same search in its untrained twin."""
    run = config.run_in(config.run, arm, seed)
    bench = _Bench(config, network(out, run, "trained"), run, seed)
    about = {"arm": arm, "seed": seed}
    rows: list[Row] = []
    circuits = bench.circuits(bench.model, "search")
    damages, drift = bench.damages(), Drift(bench.model, bench.tasks)
    for number, (name, damage) in enumerate(damages.items()):
        progress(number, len(damages), name)
        for nats in config.nats:
            found = calibrate(damage.of, drift, nats, high=damage.most)
            for row in bench.left_of(circuits, damage, found):
                rows.append({**about, "what": "left", "damage": name, "nats": nats, **row})
        if name in _WEIGHTS_CHANGE:
            found = calibrate(damage.of, drift, config.searched_at, high=damage.most)
            if found is not None:
                damaged = damage.of(found.strength)
                assert isinstance(damaged, Transformer)
                # Not the first search's seed: what it is held against has another one too.
                again = bench.circuits(damaged, "another search")
                rows += [{**about, "damage": name, **r} for r in bench.alike(circuits, again)]
    other = bench.circuits(bench.model, "another search")
    rows += [{**about, "damage": "none", **row} for row in bench.alike(circuits, other)]
    twin = network(out, run, "untrained")
    untrained = bench.circuits(twin, "search", at_loss_of=bench.model)
    for name, circuit in circuits.items():
        rows.append({
            **about, "what": "search", "task": name, "accuracy": bench.rows[name]["accuracy"],
            "learned": bench.rows[name]["learned"], "found": circuit is not None,
            "nodes": bench.rows[name]["nodes"], "edges": bench.rows[name]["edges"],
            "untrained_found": untrained[name] is not None,
        })  # fmt: skip
    return rows


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
        self.rows: dict[str, Row] = {}
        """What the first search of every task says."""
        self._before: dict[tuple[str, str, str], float] = {}

    def forced(self, half: str) -> bool:
        """Whether a half is trained with sparse weights."""
        sparsity = self.run.train.sparsity
        if isinstance(sparsity, PartlySparse):
            return sparsity.half == half
        return sparsity.kind == "weight_sparse"

    def damages(self) -> dict[str, Damage]:
        seed = seed_from(self.seed, "damage")
        tuned = fine_tuned(self.model, self.tuned_on, self.config.tuning_steps, seed=seed)
        return {
            "weights": WeightNoise(self.model, seed),
            "activations": ActivationNoise(self.model, seed),
            "embeddings": EmbeddingAttack(self.model, seed),
            "fine_tuning": TowardsWeights(self.model, tuned),
        }

    def circuits(
        self, model: Transformer, label: str, at_loss_of: Transformer | None = None
    ) -> dict[str, Circuit | None]:
        """Every task's circuit in a network of this shape.

        Args:
            at_loss_of: the network whose loss the target goes by; None: the same. A network that
                never learned would reach a target of its own with any mask.
        """
        means = mean_activations(model, self.corpus)
        found: dict[str, Circuit | None] = {}
        for task in self.tasks:
            seed = seed_from(self.seed, label)
            whole = score_network(at_loss_of or model, task, "select").loss
            target = whole + self.config.beyond
            circuit, row = circuit_at(target, model, task, means, self.config.search, seed)
            found[task.name] = circuit
            self.rows.setdefault(task.name, row)
        return found

    def modules(self, circuits: Mapping[str, Circuit | None], name: str) -> dict[str, dict]:
        """Half -> places of a task's circuit there that no sibling's circuit has."""
        circuit = circuits[name]
        if circuit is None:
            return {}
        others = [c for other, c in circuits.items() if other != name and c is not None]
        own = circuit.without(others, self.model).nodes
        return {half: places_within(own, mask) for half, mask in self.halves.items()}

    def left_of(
        self, circuits: Mapping[str, Circuit | None], damage: Damage, found: Calibrated | None
    ) -> list[Row]:
        """What is left of every module, and of as many random places of its half."""
        damaged = None if found is None else damage.of(found.strength)
        rows: list[Row] = []
        for task in self.tasks:
            for half, module in self.modules(circuits, task.name).items():
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
                            after=self._specificity(damaged, task, places),
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
            self._before[key] = self._specificity(self.model, task, places)
        return self._before[key]

    def _specificity(self, model: Any, task: Task, places: Mapping[str, Tensor]) -> float:
        siblings = [other for other in self.tasks if other.name != task.name]
        inputs = torch.cat([t.rows("mask_train")[0] for t in self.tasks])
        return specificity(model, places, task, siblings, inputs)

    def alike(
        self, circuits: Mapping[str, Circuit | None], again: Mapping[str, Circuit | None]
    ) -> list[Row]:
        """Overlap of each circuit with the one found again, by half, corrected for chance."""
        rows: list[Row] = []
        for task in self.tasks:
            ours, theirs = circuits[task.name], again[task.name]
            if ours is None:
                continue
            for half, mask in self.halves.items():
                row: Row = {
                    "what": "found again", "task": task.name, "half": half,
                    "forced": self.forced(half), "reached": theirs is not None, "alike": None,
                    "random": None,
                }  # fmt: skip
                mine = places_within(ours.nodes, mask)
                draws = generator(self.seed, "random overlap", task.name, half)
                row["random"] = _alike(mine, drawn_within(mine, mask, draws), mask)
                if theirs is not None:
                    row["alike"] = _alike(mine, places_within(theirs.nodes, mask), mask)
                rows.append(row)
        return rows


def _alike(
    ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor], within: Mapping[str, Tensor]
) -> float | None:
    """IoU over what chance gives: 0 at chance, 1 for the same places; None where none are kept."""
    found = overlap(ours, theirs, within).iou
    return None if found is None else found.corrected
