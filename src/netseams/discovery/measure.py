"""Hard masks on the select split: what the search asks of a candidate circuit."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from netseams.circuits import Calibration, fit_calibration
from netseams.discovery.body import Body
from netseams.discovery.layout import Layout
from netseams.discovery.search import candidate_logits
from netseams.models import Network, matrices_of
from netseams.tasks import Task, TaskSplit


class Measure:
    """Losses and sizes of hard masks of one model; counts the evaluations it made.

    Args:
        cut: run only the kept part of the model (faster, equal up to rounding).
    """

    def __init__(
        self, model: Network, task: Task, means: Mapping[str, Tensor], layout: Layout, cut: bool
    ) -> None:
        self._model, self._task, self._means = model, task, means
        self._layout, self._cut = layout, cut
        self.evaluations = 0
        self.calibrations = 0
        self._whole = Body(model, means)

    def loss(self, gates: Tensor) -> float:
        """Task loss of the mask of `gates` (G,), in nats."""
        logits, targets = self._logits(gates, "select")
        self.evaluations += 1
        return float(F.cross_entropy(logits.flatten(0, 1), targets.flatten()))

    def calibrated_loss(self, gates: Tensor) -> float:
        """The same, after calibration on the mask_train split."""
        calibration = self.calibration(gates)
        logits, targets = self._logits(gates, "select")
        self.evaluations += 1
        return float(F.cross_entropy(calibration.apply(logits).flatten(0, 1), targets.flatten()))

    def calibration(self, gates: Tensor) -> Calibration:
        """Scale and shift, fitted on the mask_train split."""
        self.calibrations += 1
        return fit_calibration(*self._logits(gates, "mask_train"))

    def size(self, gates: Tensor) -> tuple[int, int]:
        """Nodes, and non-zero weights between two of them."""
        nodes = self._layout.by_site(self._layout.nodes(gates))
        edges = sum(
            int(
                torch.count_nonzero(
                    self._model.matrix(m.parameter)[nodes[m.target]][:, m.columns(nodes[m.source])]
                )
            )
            for m in matrices_of(self._model.cfg)
        )
        return sum(int(mask.sum()) for mask in nodes.values()), edges

    def _logits(self, gates: Tensor, split: TaskSplit) -> tuple[Tensor, Tensor]:
        tokens, targets = (part.to(gates.device) for part in self._task.rows(split))
        nodes = self._layout.by_site(self._layout.nodes(gates))
        body = Body(self._model, self._means, nodes) if self._cut else self._whole
        with torch.no_grad():
            masks = {site: mask.float().unsqueeze(0) for site, mask in nodes.items()}
            return candidate_logits(body, self._task, tokens, masks), targets
