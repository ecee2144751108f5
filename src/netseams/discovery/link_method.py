"""What all searches for links share: settings, and a `fit` from rankings to circuits."""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Generic, Literal, Self, TypeVar

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from netseams.circuits import Circuit, Granularity
from netseams.core import Config
from netseams.discovery.link_rows import LinkRows
from netseams.discovery.link_search import LinkPoint, LinkSearch, Ranking, spread_sizes
from netseams.discovery.search import Budget, check_finite
from netseams.interventions import AblationKind
from netseams.models import Network, Transformer, only_ours
from netseams.tasks import Task


class LinkSearchConfig(Config):
    """What every search for links is told."""

    ablation: AblationKind = "resample"
    """What a link outside the circuit carries: the write of its source on the other member of the
    pair, its mean over the task's mask_train inputs, or zero."""
    pairs: int = Field(default=64, ge=1)
    """Pairs of the mask_train split on which links are scored; the select split is used whole."""
    bisections: int = Field(default=8, ge=0)
    """Evaluations spent on shrinking the circuit of one target loss."""
    seed: int = 0


class LinkScoreConfig(LinkSearchConfig):
    """Of methods that give every link one score."""

    rank_by: Literal["magnitude", "effect"] = "magnitude"
    """Keep links whose ablation changes the loss most, or those whose ablation raises it most."""
    curve_points: int = Field(default=20, ge=1)
    """Sizes measured for the size-loss curve, from 1 link to all, by equal factors."""


C = TypeVar("C", bound=LinkSearchConfig)
S = TypeVar("S", bound=LinkScoreConfig)


class LinkMethod(ABC, Generic[C]):
    """Searches for circuits of links between components.

    After `fit`: `curve_`, `circuits_` (target loss -> the smallest circuit found, or None),
    `losses_` (theirs, on the select split), `budget_`.
    """

    granularity: ClassVar[Granularity] = "components"
    name: ClassVar[str]
    config: C
    curve_: list[LinkPoint]
    circuits_: dict[float, Circuit | None]
    losses_: dict[float, float | None]
    budget_: Budget

    def fit(
        self,
        model: Network,
        task: Task,
        means: Mapping[str, Tensor],
        targets: tuple[float, ...],
    ) -> Self:
        """Search for links of `model` that do `task`.

        Args:
            means: not asked; means of whole components come from the task's own inputs.
            targets: losses on the select split, in nats, to find the smallest circuit for.

        Raises:
            SettingError: the network gives logits that are not finite, or its residual stream is
                no sum of writes.
            TaskError: resample ablation, where clean and corrupt inputs are the same.
            ModelError: the model is not ours.
        """
        started = time.perf_counter()
        model = only_ours(model, "methods of links")
        check_finite(model, task)
        config = self.config
        rows = LinkRows(model, task, "mask_train", config.ablation, config.pairs, config.seed)
        search = LinkSearch(LinkRows(model, task, "select", config.ablation))
        steps, rankings = self._rankings(rows)
        met = search.curve(rankings)
        best = {target: search.smallest(target, met, config.bisections) for target in targets}
        self.curve_ = [search.point(one) for one in met]
        self.losses_ = {target: one and one.loss for target, one in best.items()}
        self.circuits_ = {
            target: one and self._circuit(model, task, rows, one.mask, target)
            for target, one in best.items()
        }
        self.budget_ = Budget(
            steps=steps,
            training_sequences=rows.sequences,
            evaluations=search.evaluations,
            seconds=time.perf_counter() - started,
        )
        return self

    @abstractmethod
    def _rankings(self, rows: LinkRows) -> tuple[int, list[Ranking]]:
        """Steps that were taken, and orders of all links with the sizes to measure."""

    def _circuit(
        self, model: Transformer, task: Task, rows: LinkRows, mask: Tensor, target: float
    ) -> Circuit:
        found_by = {
            "method": self.name,
            "config": self.config.model_dump(mode="json"),
            "ablation": self.config.ablation,
            "target_loss": target,
        }
        links = rows.graph.links_in(mask)
        return Circuit.from_links(model, links, task.name, task.corpus, found_by)


class LinkScorer(LinkMethod[S]):
    """A method that gives every link one score. After `fit` also `scores_`: link by link in the
    order of the component graph, the rise of the loss in nats were that link ablated."""

    scores_: Tensor

    @abstractmethod
    def scores(self, rows: LinkRows) -> Float[Tensor, " links"]:
        """The rise of the loss on `rows` were a link ablated, in nats, for every link."""

    @abstractmethod
    def _steps(self, rows: LinkRows) -> int:
        """What they cost."""

    def _rankings(self, rows: LinkRows) -> tuple[int, list[Ranking]]:
        self.scores_ = self.scores(rows)
        steps = self._steps(rows)
        ranked = self.scores_.abs() if self.config.rank_by == "magnitude" else self.scores_
        sizes = spread_sizes(rows.graph.n_links, self.config.curve_points)
        return steps, [Ranking(ranked, sizes)]
