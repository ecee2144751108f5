"""Learned node masks (arXiv 2511.13653, A.5): task loss plus a price for every kept node.

The paper fixes the price and repeats the search. Here one search raises it from cheap to dear,
so that a single run passes through every size; the masks on its way give the size-loss curve.
`price_start == price_end` gives the paper's search.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from torch import Tensor

from netseams.circuits import Circuit, Granularity
from netseams.discovery.config import NodeMaskConfig
from netseams.discovery.layout import Layout
from netseams.discovery.learner import Trace, train_masks
from netseams.discovery.measure import Measure
from netseams.discovery.search import Budget, CurvePoint, SearchResult, check_finite
from netseams.discovery.shrink import Mask, shrink
from netseams.models import Network
from netseams.tasks import Task

Circuits = dict[float, Circuit | None]


class NodeMasks:
    """Fits one mask over all node sites of a model, for one task.

    After `fit`: `curve_` (size and loss of every snapshot), `circuits_` (the smallest circuit
    found at every target loss; None where the search never reached it), `losses_` (theirs, on the
    select split), `budget_`, `stopped_` (why it ended early, or empty); with `calibrate` also
    `calibrated_circuits_`, whose bisection measures calibrated losses. The paper calibrates after
    that choice, when the size is settled.
    """

    granularity: ClassVar[Granularity] = "nodes"
    budget_: Budget

    def __init__(self, config: NodeMaskConfig | None = None) -> None:
        self.config = config or NodeMaskConfig()

    def fit(
        self,
        model: Network,
        task: Task,
        means: Mapping[str, Tensor],
        targets: tuple[float, ...],
        forbidden: Mapping[str, Tensor] | None = None,
    ) -> "NodeMasks":
        """Search for circuits of `model` that do `task`.

        Args:
            means: site -> mean activation, which stands in for ablated nodes.
            targets: losses on the select split, in nats, to find the smallest circuit for.
            forbidden: site -> (width,) nodes that may not be kept, such as those of a circuit
                that is known already.
        """
        fit_together([self], model, task, means, targets, forbidden)
        return self

    @property
    def result_(self) -> SearchResult:
        """Curve, circuits and budget together."""
        return SearchResult(self.curve_, self.circuits_, self.budget_)

    def _choose(
        self,
        model: Network,
        task: Task,
        means: Mapping[str, Tensor],
        targets: tuple[float, ...],
        trace: Trace,
    ) -> Measure:
        """Measure the snapshots and find the smallest mask for every target."""
        layout = Layout(model.cfg, self.config.tie_qk)
        measure = Measure(model, task, means, layout, self.config.drop_below is not None)
        self.curve_: list[CurvePoint] = []
        for scores in trace.snapshots:
            nodes, edges = measure.size(scores > 0)
            loss = measure.loss(scores > 0)
            self.curve_.append(CurvePoint(n_nodes=nodes, n_edges=edges, loss=loss))
        self.stopped_ = trace.stopped
        losses = [point.loss for point in self.curve_]
        masks = {t: self._smallest(t, trace.snapshots, losses, measure.loss) for t in targets}

        def circuit(target: float, mask: Mask | None) -> Circuit | None:
            if mask is None:
                return None
            return self._circuit(model, task, layout.by_site(layout.nodes(mask.gates)), target)

        self.circuits_ = {t: circuit(t, mask) for t, mask in masks.items()}
        self.losses_ = {t: mask.loss if mask else None for t, mask in masks.items()}
        if self.config.calibrate:
            losses = [measure.calibrated_loss(scores > 0) for scores in trace.snapshots]
            self.calibrated_circuits_: Circuits = {}
            for t in targets:
                mask = self._smallest(t, trace.snapshots, losses, measure.calibrated_loss)
                found = circuit(t, mask)
                if found is not None and mask is not None:
                    found = replace(found, calibration=measure.calibration(mask.gates))
                self.calibrated_circuits_[t] = found
        return measure

    def _smallest(
        self,
        target: float,
        snapshots: list[Tensor],
        losses: list[float],
        loss_of: Callable[[Tensor], float],
    ) -> Mask | None:
        """The smallest mask at `target`: best snapshot, then bisection along its ranking."""
        sizes = [point.n_nodes for point in self.curve_]
        good = [i for i, loss in enumerate(losses) if loss <= target]
        if not good:
            return None
        first = min(good, key=lambda i: sizes[i])
        best = Mask(snapshots[first] > 0, losses[first])
        return shrink(best, snapshots[first], target, loss_of, self.config.bisections)

    def _circuit(
        self, model: Network, task: Task, nodes: dict[str, Tensor], target: float
    ) -> Circuit:
        found_by = {
            "method": "node_masks",
            "config": self.config.model_dump(mode="json"),
            "ablation": "mean",
            "target_loss": target,
        }
        return Circuit.from_nodes(model, nodes, task.name, task.corpus, found_by)


def fit_together(
    learners: Sequence[NodeMasks],
    model: Network,
    task: Task | Sequence[Task],
    means: Mapping[str, Tensor],
    targets: tuple[float, ...],
    forbidden: Mapping[str, Tensor] | None = None,
) -> None:
    """Fit many learners (seeds, prices, tasks) of one model in one stacked training.

    Each ends as it would alone, up to rounding. On a CPU this saves little time; it is for GPUs,
    which one mask does not fill. The seconds of the training are split evenly over the budgets.

    Args:
        task: of all learners, or one for each: with the same answer positions and candidates, and
            as many rows a step.

    Raises:
        SettingError: the configs or tasks differ in what stacked masks share, or the network gives
            logits that are not finite.
    """
    tasks = [task] * len(learners) if isinstance(task, Task) else list(task)
    check_finite(model, tasks[0])
    frozen = [p for p in model.parameters() if p.requires_grad]
    for parameter in frozen:
        parameter.requires_grad_(False)
    try:
        started = time.perf_counter()
        configs = [learner.config for learner in learners]
        traces = train_masks(model, tasks, means, configs, max(targets), forbidden)
        shared = (time.perf_counter() - started) / len(learners)
        for learner, trace in zip(learners, traces, strict=True):
            started = time.perf_counter()
            measure = learner._choose(model, trace.task, means, targets, trace)
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
