"""Who else is hit when an operation is taken away at one call site?

The other side of `reuse`, in function instead of overlap. Few weights are searched without which
one operation fails at one call site while every other call stays as it was, except one that is left
free: at the other site the same operation, or a different one. If an operation at two sites is one
circuit, the free call of the same operation suffers more than a free call of another. Both searches
are alike but for which call is free, so each is the other's control.

As a check of the search itself it is asked for a phantom: the operation is to fail on rows whose
token ids have an even sum and to stay on the others, for which no network has a part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from netseams.core import generator, seed_from
from netseams.corpora import load_corpus
from netseams.discovery import Function, WeightMaskConfig, WeightMasks, function_of
from netseams.discovery import necessity as removal
from netseams.evaluation import mean, necessity, score_network
from netseams.experiments.experiment import EXPERIMENTS, Cell, Experiment, Row
from netseams.experiments.networks import ArmsConfig, network, train_network
from netseams.experiments.transfer_findings import transfer_findings
from netseams.interventions import kept_weights, with_weights
from netseams.masks import draw_as_many
from netseams.models import Transformer
from netseams.tasks import Task, build_task
from netseams.training import Progress, RunConfig

Masks = Mapping[str, Tensor]


class TransferConfig(ArmsConfig):
    """One language of operations at two call sites."""

    kind: Literal["transfer"] = "transfer"
    run: RunConfig
    """Its seed and `train.sparsity` are replaced by those of the cell."""
    operations: tuple[str, ...] = Field(min_length=2)
    sites: tuple[str, str] = ("first", "second")
    """A task's name is that of a site and that of an operation: `first_add`."""
    search: WeightMaskConfig = WeightMaskConfig()
    target: float = Field(default=0.2, gt=0)
    """Distance from uniform of what is to fail, and from what it was of the rest, in nats."""
    random_masks: int = Field(default=3, ge=1)

    def name(self, site: int, operation: int) -> str:
        """The task of one call; operations are counted round."""
        return f"{self.sites[site]}_{self.operations[operation % len(self.operations)]}"


@EXPERIMENTS.register("transfer")
class Transfer(Experiment[TransferConfig]):
    """What taking an operation away at one call site costs it, and another one, at the other."""

    name = "transfer"
    question = "Does an operation that is taken away at one call site fail at the other too?"
    primary_metric = (
        "share that a free call of the same operation loses, minus the share that a free call of "
        "another operation loses, at the other site; mean over calls; weight_sparse minus dense, "
        "paired by training seed"
    )

    def cells(self, config: TransferConfig) -> list[Cell]:
        trainings: list[Cell] = []
        masks: list[Cell] = []
        for seed in config.seeds:
            for arm in config.arms:
                about, run = f"{arm} seed {seed}", config.run_in(config.run, arm, seed)
                trainings.append(Cell(f"train {about}", train_network, (run,)))
                arguments = (config, arm, seed)
                masks.append(Cell(f"remove {about}", remove, arguments, (f"train {about}",)))
        return [*trainings, *masks]

    def findings(self, config: TransferConfig, rows: Sequence[Row]) -> Any:
        return transfer_findings(self, config.seeds, list(config.arms), rows)


def remove(out: Path, config: TransferConfig, arm: str, seed: int, progress: Progress) -> list[Row]:
    """Every search in one network."""
    run = config.run_in(config.run, arm, seed)
    bench = _Bench(config, network(out, run, "trained"), run, seed)
    wanted = [
        (kind, site, operation)
        for site in (0, 1)
        for operation in range(len(config.operations))
        for kind in ("same", "different")
    ]
    rows: list[Row] = []
    for number, (kind, site, operation) in enumerate([*wanted, ("phantom", 0, 0)]):
        own = config.name(site, operation)
        free = config.name(1 - site, operation + (kind == "different"))
        found = bench.phantom(own, free) if kind == "phantom" else bench.call(own, free)
        rows.append({"arm": arm, "seed": seed, "kind": kind, "task": own, "free": free, **found})
        progress(number + 1, len(wanted) + 1, own)
    return rows


class _Bench:
    """One network, its calls, and the search that takes one away."""

    def __init__(
        self, config: TransferConfig, model: Transformer, run: RunConfig, seed: int
    ) -> None:
        self.config, self.model, self.seed = config, model, seed
        corpus, n_ctx = load_corpus(run.corpus), run.model.n_ctx
        names = [config.name(s, o) for s in (0, 1) for o in range(len(config.operations))]
        self.tasks: dict[str, Task] = {name: build_task(name, corpus, n_ctx) for name in names}
        self.whole = {
            name: score_network(model, task).accuracy for name, task in self.tasks.items()
        }

    def call(self, own: str, free: str) -> Row:
        """Take one call away; the free one is not asked for."""
        others = [function_of(t) for name, t in self.tasks.items() if name not in (own, free)]
        return self._search(function_of(self.tasks[own]), others, own, free)

    def phantom(self, own: str, free: str) -> Row:
        """Take the half of a call away whose token ids have an even sum."""
        even, odd = halves(function_of(self.tasks[own]))
        others = [function_of(t) for name, t in self.tasks.items() if name not in (own, free)]
        return self._search(even, [odd, *others], own, free)

    def _search(self, gone: Function, others: Sequence[Function], own: str, free: str) -> Row:
        config = self.config.search.model_copy(update={"seed": seed_from(self.seed, own, free)})
        learner = WeightMasks(config)
        learner.fit_module(self.model, removal(gone, others), (self.config.target,))
        masks = learner.masks_[self.config.target]
        row: Row = {
            "reached": masks is not None,
            "best_loss": min(point.loss for point in learner.curve_),
            "whole": self.whole[own],
        }
        if masks is None:
            return row
        live = {name: self.model.get_parameter(name).detach() != 0 for name in masks}
        lost = self._lost(masks)
        draws = [
            self._lost(as_many(masks, live, seed_from(self.seed, own, free, "random", i)))
            for i in range(self.config.random_masks)
        ]
        kept = [lost[name] for name in self.tasks if name not in (own, free)]
        return {
            **row,
            "weights": sum(int(m.sum()) for m in masks.values()),
            "share": sum(int(m.sum()) for m in masks.values())
            / sum(int(m.sum()) for m in live.values()),
            "own_lost": lost[own],
            "free_lost": lost[free],
            "kept_lost": _mean_of(kept),
            "random_own_lost": _mean_of([draw[own] for draw in draws]),
            "random_free_lost": _mean_of([draw[free] for draw in draws]),
        }

    def _lost(self, masks: Masks) -> dict[str, float | None]:
        """Share of every call that is lost without some weights."""
        run = with_weights(self.model, kept_weights(self.model, masks, "without"))
        return {
            name: necessity(self.whole[name], _accuracy(run, task), task.floor_accuracy)
            for name, task in self.tasks.items()
        }


def halves(function: Function) -> tuple[Function, Function]:
    """Rows whose token ids have an even sum, and an odd one."""
    parts: list[Function] = []
    for parity in (0, 1):
        rows: Any = {}
        for split, (tokens, targets) in function.rows.items():
            assert isinstance(tokens, Tensor)
            picks = tokens.sum(1) % 2 == parity
            rows[split] = (tokens[picks], targets[picks])
        parts.append(replace(function, name=f"{function.name}_parity_{parity}", rows=rows))
    return parts[0], parts[1]


def as_many(masks: Masks, live: Masks, seed: int) -> dict[str, Tensor]:
    """As many weights of every matrix, drawn among those that are not zero."""
    return {n: draw_as_many(mask, live[n], generator(seed, n)) for n, mask in masks.items()}


def _accuracy(run: Any, task: Task) -> float:
    tokens, targets = task.rows("report")
    with torch.no_grad():
        logits = run(tokens, None, task.answers.expand(len(tokens), -1))
    return float((task.candidate_logits(logits).argmax(-1) == targets).float().mean())


def _mean_of(values: Sequence[float | None]) -> float | None:
    return mean([value for value in values if value is not None])
