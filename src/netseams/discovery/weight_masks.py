"""Learned masks over the weights of any module: subnetworks (arXiv 2301.10884, 1912.04427).

Weights outside the mask are zero; biases, norms, embeddings and unembedding stay. The price is
that of the mean of the mask, so it does not depend on the mask's length, and rises while training:
one search gives a whole size-loss curve. `price_start == price_end` gives the published search.
"""

import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, Self, TypeVar

import torch
from torch import Tensor, nn

from netseams.circuits import Circuit, Granularity
from netseams.discovery.drift import Drift, measure_drift, refuse_drift
from netseams.discovery.masked import Masked, evaluating
from netseams.discovery.objectives import Objective, Wishes, faithful, function_of, labels
from netseams.discovery.search import Budget
from netseams.discovery.units import Units
from netseams.discovery.weight_config import WeightMaskConfig, WeightSearchConfig
from netseams.discovery.weight_learner import (
    MaskMeasure,
    WeightPoint,
    WeightTrace,
    train_weight_mask,
)
from netseams.models import Network, Transformer, matrices_of, only_ours, weight_matrices
from netseams.tasks import Task

C = TypeVar("C", bound=WeightSearchConfig)

OBJECTIVES = {"labels": labels, "faithful": faithful}
NAMES = {
    "continuous": "weight_masks",
    "hard_concrete": "hard_concrete_weights",
    "topk": "topk_weights",
}
"""Relaxation -> what the method is registered as."""


class WeightSearch(Generic[C]):
    """What learned and computed weight masks share: gate, measures, sizes at every target.

    After `fit_module`: `masks_` (target loss -> matrix -> kept non-zero weights, or None where
    the target was not reached), `losses_` (theirs, on the select split), `curve_`, `gaps_` (what
    thresholding cost the mask that each was shrunk from, in nats), `drift_`, `budget_`; on a
    `Transformer` also `circuits_`. With the objective `necessity` masks and circuits hold the
    weights to remove.
    """

    granularity: ClassVar[Granularity] = "weights"
    name: str
    config: C
    curve_: list[WeightPoint]
    circuits_: dict[float, Circuit | None]
    budget_: Budget

    def fit(
        self,
        model: Network,
        task: Task,
        means: Mapping[str, Tensor],
        targets: tuple[float, ...],
    ) -> Self:
        """Search for weights of `model` that do `task`.

        Args:
            means: not used: weights outside a mask are zero.
            targets: losses on the select split, in nats, to find the smallest mask for.

        Raises:
            ModelError: the model is not ours; `fit_module` takes any module.
        """
        model = only_ours(model, "circuits of weights")
        function = function_of(task, model.device)
        return self.fit_module(model, OBJECTIVES[self.config.objective](function), targets)

    def fit_module(self, module: nn.Module, objective: Objective, targets: Sequence[float]) -> Self:
        """Search for weights of any module that meet an objective; the module is left as it was.

        Raises:
            SettingError: no matrix can be masked, or the module gives no finite logits.
            TaskError: with `on_drift="refuse"`, where the module lacks the behaviour.
            DivergedError: the loss is not a number.
        """
        started = time.perf_counter()
        matrices = weight_matrices(module, self.config.matrices)
        units = Units(matrices, dict(module.named_parameters()), self.config.unit)
        with evaluating(module):
            masked = Masked(module, units)
            wishes = Wishes(objective, masked.base)
            self.drift_: Drift = measure_drift(objective, masked.base)
            if self.config.on_drift == "refuse":
                refuse_drift(self.drift_)
            measure = MaskMeasure(masked, wishes, units)
            trace = self._search(masked, wishes, measure, targets)
            masks = trace.smallest(measure, self.config.bisections)
        self.curve_ = trace.curve
        self.gaps_ = {t: best.point.gap if best else None for t, best in trace.best.items()}
        self.losses_ = {t: mask.loss if mask else None for t, mask in masks.items()}
        self.masks_ = {
            t: measure.weights(mask.gates) if mask else None for t, mask in masks.items()
        }
        if isinstance(module, Transformer):
            self.circuits_ = {
                t: self._circuit(module, objective, t, mask) for t, mask in self.masks_.items()
            }
        self.budget_ = Budget(
            steps=trace.steps,
            training_sequences=trace.training_sequences,
            evaluations=measure.evaluations,
            seconds=time.perf_counter() - started,
        )
        return self

    @abstractmethod
    def _search(
        self, masked: Masked, wishes: Wishes, measure: MaskMeasure, targets: Sequence[float]
    ) -> WeightTrace:
        """Every mask that was met, and the best for every target."""

    def _found_by(self, objective: Objective, target: float) -> dict[str, Any]:
        return {
            "method": self.name,
            "config": self.config.model_dump(mode="json"),
            "objective": objective.name,
            "role": "removed" if objective.removes else "kept",
            "ablation": "zero",
            "target_loss": target,
            "loss": self.losses_[target],
            "gap": self.gaps_[target],
            "drift": self.drift_.model_dump(mode="json"),
        }

    def _circuit(
        self,
        model: Transformer,
        objective: Objective,
        target: float,
        masks: dict[str, Tensor] | None,
    ) -> Circuit | None:
        if masks is None:
            return None
        function, parameters = objective.function, dict(model.named_parameters())
        found_by = self._found_by(objective, target)
        whole = {m.parameter: parameters[m.parameter].detach() != 0 for m in matrices_of(model.cfg)}
        if objective.removes:  # what no mask reaches is never removed
            whole = {name: torch.zeros_like(mask) for name, mask in whole.items()}
        return Circuit.from_weights(model, whole | masks, function.name, function.corpus, found_by)


class WeightMasks(WeightSearch[WeightMaskConfig]):
    """Learns one mask over the weights, output neurons or nodes of a module."""

    def __init__(self, config: WeightMaskConfig | None = None) -> None:
        self.config = config or WeightMaskConfig()
        self.name = NAMES[self.config.relaxation.kind]

    def _search(
        self, masked: Masked, wishes: Wishes, measure: MaskMeasure, targets: Sequence[float]
    ) -> WeightTrace:
        return train_weight_mask(masked, wishes, measure, self.config, targets)
