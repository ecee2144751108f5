"""Do two subroutines of a composite task sit in weights of their own? arXiv 2301.10884, repeated.

A network learns a rule `A and B` on odd-one-out problems. Three kinds of weight mask are then
searched in it, each with one and the same budget, and asked the same questions:

- `labels`, as published: trained on problems that A alone decides. The network was trained to call
  some of their rule items odd, so the mask asks for new behaviour (`drift`).
- `necessity`: the weights whose removal takes A away and leaves B.
- `phantom`: the same objective for a property that no network needs, the parity of the odd item's
  values. What can be removed as well as a subroutine is no evidence for subroutines.

Untrained networks get searches of their own. Nothing is selected on what is reported.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from netseams.core import Config, generator
from netseams.discovery import (
    Function,
    Objective,
    WeightMaskConfig,
    WeightMasks,
    labels,
    necessity,
)
from netseams.evaluation import SubroutineScores
from netseams.experiments.experiment import EXPERIMENTS, Cell, Experiment, ExperimentConfig, Row
from netseams.experiments.separation_findings import separation_findings
from netseams.masks import draw_as_many
from netseams.models import FinalRead, Transformer
from netseams.tasks.odd_one_out import (
    CHANCE,
    OddExamples,
    OddKind,
    OddRule,
    odd_examples,
    odd_scores,
)
from netseams.training import Progress, train
from netseams.training.odd_one_out import (
    OddOneOutConfig,
    every_accuracy,
    fresh_network,
    open_odd_one_out,
    train_odd_one_out,
)

Mask = Literal["labels", "necessity", "phantom"]


class Condition(Config):
    """One kind of network on some rules."""

    medium: Literal["language", "vision"]
    name: Literal["scratch", "pretrained", "untrained"]
    run: OddOneOutConfig
    """Its rule and seeds are replaced by those of the cell."""
    rules: tuple[str, ...] = Field(min_length=1)

    def of(self, rule: str, seed: int) -> OddOneOutConfig:
        """The run of one rule and seed."""
        before = self.run.language_model
        if before is not None:
            before = before.model_copy(update={"seed": seed})
        changes = {"rule": rule, "seed": seed, "language_model": before}
        return self.run.model_copy(update=changes)


class SeparationConfig(ExperimentConfig):
    """Networks, and the one search that all of them get."""

    kind: Literal["separation"] = "separation"
    conditions: tuple[Condition, ...] = Field(min_length=1)
    search: WeightMaskConfig = WeightMaskConfig()
    targets: tuple[float, ...] = (0.2, 0.4, 0.6)
    """Losses of `labels` masks on their select split, in nats; chance is ln 4 = 1.386. The smallest
    mask at the lowest target that was reached is taken."""
    removal_targets: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2)
    """The same of `necessity` and `phantom` masks: distance from uniform, and how the rest moved.
    Low ones, since a softmax of cosines is soft: four scores that are .5 apart still rank."""
    random_masks: int = Field(default=5, ge=1)

    @model_validator(mode="after")
    def _each_once(self) -> "SeparationConfig":
        names = [(c.medium, c.name) for c in self.conditions]
        if len(set(names)) < len(names):
            raise ValueError(f"every condition may appear once in a medium, got {names}")
        return self


@EXPERIMENTS.register("separation")
class Separation(Experiment[SeparationConfig]):
    """The published experiment, its statistics, and what its controls say."""

    name = "separation"
    question = "Do subroutines of a trained network sit in weights of their own?"
    primary_metric = (
        "share of its own subroutine that is lost without the weights of a labels mask, minus the "
        "share of the other that is lost, minus the same of random masks of equal size per tensor; "
        "mean over rules and subroutines of a training seed; pretrained minus scratch, paired by "
        "seed"
    )

    def cells(self, config: SeparationConfig) -> list[Cell]:
        before: dict[str, Cell] = {}
        trainings: list[Cell] = []
        masks: list[Cell] = []
        for seed in config.seeds:
            for condition in config.conditions:
                for rule in condition.rules:
                    run = condition.of(rule, seed)
                    about = f"{condition.medium} {condition.name} {rule} seed {seed}"
                    after: tuple[str, ...] = ()
                    if condition.name != "untrained":
                        after = (f"train {about}",)
                        wait: tuple[str, ...] = ()
                        if run.language_model is not None:
                            name = f"pretrain language seed {seed}"
                            before[name] = Cell(name, pretrain, (run,))
                            wait = (name,)
                        trainings.append(Cell(after[0], train_network, (run,), wait))
                    arguments = (config, condition, rule, seed)
                    masks.append(Cell(f"mask {about}", search_masks, arguments, after))
        return [*before.values(), *trainings, *masks]

    def findings(self, config: SeparationConfig, rows: Sequence[Row]) -> Any:
        return separation_findings(self, len(config.seeds), rows)


def pretrain(out: Path, config: OddOneOutConfig, progress: Progress) -> list[Row]:
    """The language model that the pretrained networks of one seed start from."""
    assert config.language_model is not None
    trained = train(config.language_model, _language_model(out, config), progress)
    result = trained.result
    return [
        {
            "what": "language_model",
            "seed": config.language_model.seed,
            "loss": result.test_loss,
            "seconds": result.seconds,
        }
    ]


def train_network(out: Path, config: OddOneOutConfig, progress: Progress) -> list[Row]:
    """One network on the composite problems of one rule."""
    before = None if config.language_model is None else _language_model(out, config)
    train_odd_one_out(config, _folder(out, config), before, progress)
    return []


def search_masks(
    out: Path,
    config: SeparationConfig,
    condition: Condition,
    rule: str,
    seed: int,
    progress: Progress,
) -> list[Row]:
    """Every kind of mask for both subroutines of one network."""
    run = condition.of(rule, seed)
    if condition.name == "untrained":
        network = fresh_network(run)
    else:
        network = open_odd_one_out(_folder(out, run)).load()
    bench = _Bench(network, run.problems, config, seed)
    where = {
        "medium": condition.medium,
        "condition": condition.name,
        "rule": rule,
        "seed": seed,
    }
    rows: list[Row] = [{"what": "network", **where, "accuracy": bench.whole}]
    kinds: tuple[Mask, ...] = ("labels", "necessity")
    wanted: list[tuple[Mask, int]] = [(kind, part) for kind in kinds for part in (0, 1)]
    wanted.append(("phantom", 0))
    for number, (mask, part) in enumerate(wanted):
        found = bench.labels(part) if mask == "labels" else bench.removal(mask, part)
        subroutine = "parity" if mask == "phantom" else run.problems.subroutines[part]
        rows.append({"what": "mask", **where, "mask": mask, "subroutine": subroutine, **found})
        progress(number + 1, len(wanted), mask)
    return rows


class _Bench:
    """One network and all that is asked of it."""

    def __init__(
        self, network: nn.Module, rule: OddRule, config: SeparationConfig, seed: int
    ) -> None:
        self.rule, self.config, self.seed = rule, config, seed
        self.whole = dict(every_accuracy(network, rule))  # type: ignore[arg-type]
        is_text = isinstance(network, Transformer)
        self.module: nn.Module = FinalRead(network) if is_text else network
        # The unembedding plays no part in an encoding: a mask must not count it.
        patterns = ("transformer.blocks.*",) if is_text else None
        self.search = config.search.model_copy(update={"matrices": patterns})

    def labels(self, part: int) -> Row:
        """As published; `part` 0 is A."""
        kind: OddKind = "mask_a" if part == 0 else "mask_b"
        sets = {s: odd_examples(self.rule, kind, s, self.seed) for s in ("mask_train", "select")}
        return self._row(labels(_function(kind, sets)), self.config.targets, self._tests(part))

    def removal(self, mask: Mask, part: int) -> Row:
        """What must go for a function to go alone."""
        tests = self._phantoms if mask == "phantom" else self._tests(part)
        own, other = (
            _function(name, {s: tests[name][s] for s in ("mask_train", "select")}) for name in tests
        )
        return self._row(necessity(own, [other]), self.config.removal_targets, tests)

    def _tests(self, part: int) -> dict[str, dict[str, OddExamples]]:
        """The problems of the mask's own subroutine, then those of the other."""
        kinds: tuple[OddKind, ...] = ("test_a", "test_b") if part == 0 else ("test_b", "test_a")
        return {kind: self._splits(kind) for kind in kinds}

    def _splits(self, kind: OddKind) -> dict[str, OddExamples]:
        return {
            split: odd_examples(self.rule, kind, split, self.seed)
            for split in ("mask_train", "select", "report")
        }

    @property
    def _phantoms(self) -> dict[str, dict[str, OddExamples]]:
        """Problems of both subroutines, split by the parity of the odd item's values."""
        sets = [self._splits(kind) for kind in ("test_a", "test_b")]
        mixed = {split: _together([s[split] for s in sets]) for split in sets[0]}
        return {
            name: {split: _where(ex, _parity(ex) == parity) for split, ex in mixed.items()}
            for name, parity in (("odd", 1), ("even", 0))
        }

    def _row(
        self,
        objective: Objective,
        targets: tuple[float, ...],
        tests: dict[str, dict[str, OddExamples]],
    ) -> Row:
        learner = WeightMasks(self.search.model_copy(update={"seed": self.seed}))
        learner.fit_module(self.module, objective, targets)
        target = min((t for t in targets if learner.masks_[t] is not None), default=None)
        masks = None if target is None else learner.masks_[target]
        own, other = (test["report"] for test in tests.values())
        drift = learner.drift_
        row: Row = {
            "drift": drift.verdict,
            "base_accuracy": drift.base_accuracy,
            "target": target,
            "best_loss": min(point.loss for point in learner.curve_),
            "seconds": learner.budget_.seconds,
        }
        if masks is None:
            return row
        kept = sum(int(mask.sum()) for mask in masks.values())
        draws = [
            _accuracies(self.module, _same_size(masks, self.seed, i), "without", own, other)
            for i in range(self.config.random_masks)
        ]
        whole, alone, without = (
            _accuracies(self.module, masks, side, own, other)
            for side in ("whole", "only", "without")
        )
        scores = SubroutineScores(
            whole_target=whole[0], whole_other=whole[1],
            alone_target=alone[0], alone_other=alone[1],
            without_target=without[0], without_other=without[1],
            random_target=tuple(d[0] for d in draws), random_other=tuple(d[1] for d in draws),
            chance=CHANCE,
        )  # fmt: skip
        size = {"kept": kept, "share": kept / sum(m.numel() for m in masks.values())}
        return {**row, **size, "scores": scores.model_dump(mode="json")}


def _function(name: str, sets: dict[str, OddExamples]) -> Function:
    rows: Any = {split: (ex.items, ex.odd.unsqueeze(1)) for split, ex in sets.items()}
    return Function(name, rows, _read, CHANCE)


def _read(run: Any, items: Tensor) -> Tensor:
    """Encodings of the four items of every problem, as one answer among four."""
    encodings = run(items.flatten(0, 1)).unflatten(0, items.shape[:2])
    return odd_scores(encodings).unsqueeze(1)


def _parity(examples: OddExamples) -> Tensor:
    """(N,) of the sum of the odd item's values: token ids, or pixels in 255ths."""
    odd = examples.items[torch.arange(len(examples)), examples.odd]
    values = odd if not odd.is_floating_point() else (odd * 255).round().long()
    return values.flatten(1).sum(1) % 2


def _together(sets: Sequence[OddExamples]) -> OddExamples:
    parts = zip(*((e.items, e.odd, e.has_a, e.has_b) for e in sets), strict=True)
    return OddExamples(*(torch.cat(part) for part in parts))


def _where(examples: OddExamples, rows: Tensor) -> OddExamples:
    e = examples
    return OddExamples(e.items[rows], e.odd[rows], e.has_a[rows], e.has_b[rows])


def _accuracies(
    module: nn.Module, masks: dict[str, Tensor], side: str, own: OddExamples, other: OddExamples
) -> tuple[float, float]:
    """Accuracy on both kinds of problem: of the whole network, or one side of the mask."""
    weights = dict(module.named_parameters())
    state: dict[str, Tensor] = {}
    if side != "whole":
        flip = side == "without"
        state = {name: weights[name].detach() * (mask ^ flip) for name, mask in masks.items()}

    def run(items: Tensor) -> Tensor:
        return torch.func.functional_call(module, state, (items,))

    with torch.no_grad():
        scores = [_read(run, examples.items).squeeze(1) for examples in (own, other)]
    right = [
        float((s.argmax(1) == ex.odd).float().mean())
        for s, ex in zip(scores, (own, other), strict=True)
    ]
    return right[0], right[1]


def _same_size(masks: dict[str, Tensor], seed: int, draw: int) -> dict[str, Tensor]:
    """As many weights of every tensor, anywhere."""
    return {
        name: draw_as_many(mask, torch.ones_like(mask), generator(seed, "random mask", name, draw))
        for name, mask in masks.items()
    }


def _folder(out: Path, config: OddOneOutConfig) -> Path:
    return out / "runs" / f"{config.rule}-{config.seed}-{config.digest()}"


def _language_model(out: Path, config: OddOneOutConfig) -> Path:
    assert config.language_model is not None
    return out / "runs" / f"language_model-{config.seed}-{config.language_model.digest()}"
