"""Brittle or robust? What is left of a module after damage that costs every part alike.

A network is damaged until its own answers have moved by so many nats; then one asks whether the
module, frozen, still does what it alone did. The strength of damage differs between networks, what
it does to the output does not: sparse weights break under less noise by construction, which is not
the question.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from netseams.core import Config
from netseams.evaluation.score import candidate_logits
from netseams.interventions import AblationKind, means_over
from netseams.masks import draw_as_many
from netseams.models import Network
from netseams.tasks import Task

Word = Literal["robust", "brittle", "between", "no module"]
ROBUST, BRITTLE = 0.8, 0.5
"""Areas from which on and below which a module is called so."""
LEAST = 0.1
"""Specificity without which there is no module whose share could be kept."""
KNOCKOUTS: tuple[AblationKind, ...] = ("mean", "zero")


class Calibrated(Config):
    """A damage that moves a network's answers by `kl`."""

    strength: float
    kl: float


class Retention(Config):
    """Specificity of a frozen module before and after damage."""

    before: float
    after: float
    chance: float = 0.0
    """The greatest specificity, before damage, of a few random masks of equal size."""

    @property
    def share(self) -> float | None:
        """What is left, 0 to 1; None where there was nothing to keep."""
        if self.before < LEAST or self.before <= self.chance:
            return None
        return min(1.0, max(0.0, self.after / self.before))


class Drift:
    """How far damage moves a network's answers: mean over tasks of KL(whole || damaged) over the
    candidates, in nats."""

    def __init__(self, model: Network, tasks: Sequence[Task]) -> None:
        self._tasks = tasks
        self._whole = [_log_probabilities(model, task) for task in tasks]

    def __call__(self, damaged: Network) -> float:
        found = [
            F.kl_div(
                _log_probabilities(damaged, task), whole, reduction="batchmean", log_target=True
            ).item()
            for task, whole in zip(self._tasks, self._whole, strict=True)
        ]
        return math.fsum(found) / len(found)


def _log_probabilities(model: Network, task: Task) -> Float[Tensor, "N C"]:
    logits, _ = candidate_logits(model, task, "report", None, "zero", {})
    return logits.flatten(0, 1).log_softmax(-1)


def calibrate(
    of: Callable[[float], Network],
    kl_of: Callable[[Network], float],
    target: float,
    *,
    low: float = 1e-3,
    high: float = 8.0,
    tolerance: float = 0.05,
    most: int = 24,
) -> Calibrated | None:
    """The strength at which `kl_of` the damaged network is `target`, by bisection of its logarithm.

    Args:
        tolerance: relative, of the target.
        most: evaluations.

    Returns:
        None where the strongest damage moves too little, or where what lies at hand jumps over
        the target.
    """
    if kl_of(of(high)) < target:
        return None
    strength, kl = low, math.nan
    for _ in range(most):
        strength = math.sqrt(low * high)
        kl = kl_of(of(strength))
        if abs(kl - target) <= tolerance * target:
            return Calibrated(strength=strength, kl=kl)
        low, high = (strength, high) if kl < target else (low, strength)
    return None


class Specificity:
    """How much surer a network is of the right answer with a module than without it, on the own
    task beyond its siblings: -1 to 1.

    Fall of the mean probability of the right candidate on the report split, mean over knock-outs
    to mean and to zero. Losses in nats would not do: what a part costs that is cut off at once
    dwarfs what damage takes from it little by little.

    Args:
        tasks: each is a sibling of the others.
        inputs: (R, T) tokens over which means are taken, in this very network.
    """

    def __init__(self, model: Network, tasks: Sequence[Task], inputs: Tensor) -> None:
        self._model, self._tasks = model, tasks
        self._means = means_over(model, inputs.split(64))
        self._whole = {task.name: self._sureness(task, None, "zero") for task in tasks}

    def __call__(self, module: Mapping[str, Bool[Tensor, " width"]], own: Task) -> float:
        """Of a task's module.

        Args:
            module: site -> its channels; other sites stay whole.
        """
        kept = {site: ~mask for site, mask in module.items()}
        falls: dict[str, float] = {}
        for task in self._tasks:
            without = [self._sureness(task, kept, kind) for kind in KNOCKOUTS]
            falls[task.name] = self._whole[task.name] - math.fsum(without) / len(without)
        siblings = [fall for name, fall in falls.items() if name != own.name]
        return falls[own.name] - math.fsum(siblings) / len(siblings)

    def _sureness(self, task: Task, kept: Mapping[str, Tensor] | None, kind: AblationKind) -> float:
        fill = {site: self._means[site] for site in kept or ()}
        logits, targets = candidate_logits(self._model, task, "report", kept, kind, fill)
        return float(logits.softmax(-1).gather(-1, targets.unsqueeze(-1)).mean())


def area(shares: Mapping[float, float | None]) -> float | None:
    """Mean height of a curve over the logarithm of its damage (trapezoids); None of nothing.

    Args:
        shares: damage in nats -> share kept; what has no value is left out.
    """
    points = sorted((math.log(kl), share) for kl, share in shares.items() if share is not None)
    if not points:
        return None
    if len(points) == 1:
        return points[0][1]
    total = math.fsum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(points))
    return total / (points[-1][0] - points[0][0])


def word_of_area(value: float | None) -> Word:
    """What an area comes to; the limits were fixed before any network was probed."""
    if value is None:
        return "no module"
    return "robust" if value >= ROBUST else "brittle" if value < BRITTLE else "between"


def drawn_within(
    module: Mapping[str, Tensor], half: Mapping[str, Tensor], draws: torch.Generator
) -> dict[str, Bool[Tensor, " width"]]:
    """As many places at every site, drawn within the same half."""
    return {site: draw_as_many(module[site], mask, draws) for site, mask in half.items()}
