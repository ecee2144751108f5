"""Learned node masks (arXiv 2511.13653, A.5): task loss plus a price for every kept node.

The paper fixes the price and repeats the search. Here one search raises it from cheap to dear,
so that a single run passes through every size; the masks on its way give the size-loss curve.
`price_start == price_end` gives the paper's search.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from netseams.circuits import Circuit
from netseams.discovery.config import NodeMaskConfig
from netseams.discovery.layout import Layout, largest
from netseams.discovery.learner import Trace, means_device, train_masks
from netseams.discovery.measure import Measure
from netseams.discovery.search import Budget, CurvePoint, SearchResult
from netseams.models import Transformer
from netseams.tasks import Task

Circuits = dict[float, Circuit | None]


class NodeMasks:
    """Fits one mask over all node sites of a model, for one task.

    After `fit`: `curve_` (size and loss of every snapshot), `circuits_` (the smallest circuit
    found at every target loss; None where the search never reached it), `budget_`, `stopped_`
    (why it ended early, or empty); with `calibrate` also `calibrated_circuits_`, whose bisection
    measures calibrated losses. The paper calibrates after that choice, when the size is settled.
    """

    def __init__(self, config: NodeMaskConfig | None = None) -> None:
        self.config = config or NodeMaskConfig()

    def fit(
        self,
        model: Transformer,
        task: Task,
        means: Mapping[str, Tensor],
        targets: tuple[float, ...],
    ) -> "NodeMasks":
        """Search for circuits of `model` that do `task`.

        Args:
            means: site -> mean activation, which stands in for ablated nodes.
            targets: losses on the select split, in nats, to find the smallest circuit for.
        """
        fit_together([self], model, task, means, targets)
        return self

    @property
    def result_(self) -> SearchResult:
        """Curve, circuits and budget together."""
        return SearchResult(self.curve_, self.circuits_, self.budget_)

    def _choose(
        self,
        model: Transformer,
        task: Task,
        means: Mapping[str, Tensor],
        targets: tuple[float, ...],
        trace: Trace,
    ) -> Measure:
        """Measure the snapshots and find the smallest mask for every target."""
        layout = Layout(model.cfg, self.config.tie_qk)
        measure = Measure(model, task, means, layout, self.config.drop_below is not None)
        losses = [measure.loss(scores > 0) for scores in trace.snapshots]
        sizes = [measure.size(scores > 0) for scores in trace.snapshots]
        self.curve_ = [
            CurvePoint(n_nodes=nodes, n_edges=edges, loss=loss)
            for (nodes, edges), loss in zip(sizes, losses, strict=True)
        ]
        self.stopped_ = trace.stopped

        def circuits(losses: list[float], loss_of: Callable[[Tensor], float]) -> Circuits:
            found: Circuits = {}
            for target in targets:
                gates = self._smallest(target, trace.snapshots, losses, loss_of)
                found[target] = None if gates is None else self._circuit(
                    model, task, layout, gates, target
                )  # fmt: skip
            return found

        self.circuits_ = circuits(losses, measure.loss)
        if self.config.calibrate:
            losses = [measure.calibrated_loss(scores > 0) for scores in trace.snapshots]
            plain = circuits(losses, measure.calibrated_loss)
            self.calibrated_circuits_: Circuits = {
                target: circuit and replace(
                    circuit, calibration=measure.calibration(_gates_of(circuit, layout))
                )
                for target, circuit in plain.items()
            }  # fmt: skip
        return measure

    def _smallest(
        self,
        target: float,
        snapshots: list[Tensor],
        losses: list[float],
        loss_of: Callable[[Tensor], float],
    ) -> Tensor | None:
        """The smallest mask at `target`: best snapshot, then bisection along its ranking."""
        good = [s for s, loss in zip(snapshots, losses, strict=True) if loss <= target]
        if not good:
            return None
        scores = min(good, key=lambda scores: int((scores > 0).sum()))
        best = scores > 0
        low, high = 0, int(best.sum())
        for _ in range(self.config.bisections):
            if high - low <= 1:
                break
            middle = (low + high) // 2
            fewer = torch.zeros_like(best)
            fewer[largest(scores, middle)] = True
            if loss_of(fewer) <= target:
                high, best = middle, fewer
            else:
                low = middle
        return best

    def _circuit(
        self, model: Transformer, task: Task, layout: Layout, gates: Tensor, target: float
    ) -> Circuit:
        found_by = {
            "method": "node_masks",
            "config": self.config.model_dump(mode="json"),
            "ablation": "mean",
            "target_loss": target,
        }
        nodes = layout.by_site(layout.nodes(gates))
        return Circuit.from_nodes(model, nodes, task.name, task.corpus, found_by)


def _gates_of(circuit: Circuit, layout: Layout) -> Tensor:
    return layout.per_gate(layout.flat(circuit.nodes).float()) > 0


def fit_together(
    learners: Sequence[NodeMasks],
    model: Transformer,
    task: Task,
    means: Mapping[str, Tensor],
    targets: tuple[float, ...],
) -> None:
    """Fit many learners (seeds, prices) of one model and task in one stacked training.

    Each ends as it would alone, up to rounding. On a CPU this saves little time; it is for GPUs,
    which one mask does not fill. The seconds of the training are split evenly over the budgets.

    Raises:
        SettingError: the configs differ in a field that stacked masks share.
    """
    frozen = [p for p in model.parameters() if p.requires_grad]
    for parameter in frozen:
        parameter.requires_grad_(False)
    try:
        started = time.perf_counter()
        configs = [learner.config for learner in learners]
        traces = train_masks(model, task, means, configs, max(targets))
        shared = (time.perf_counter() - started) / len(learners)
        for learner, trace in zip(learners, traces, strict=True):
            started = time.perf_counter()
            measure = learner._choose(model, task, means, targets, trace)
            learner.budget_ = Budget(
                steps=trace.steps,
                training_sequences=trace.training_sequences,
                evaluations=measure.evaluations,
                calibrations=measure.calibrations,
                seconds=shared + time.perf_counter() - started,
            )
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
