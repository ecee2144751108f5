"""Learned node masks (arXiv 2511.13653, A.5): task loss plus a price for every kept node.

The paper fixes the price and repeats the search. Here one search raises it from cheap to dear,
so that a single run passes through every size; the masks on its way give the size-loss curve.
`price_start == price_end` gives the paper's search.
"""

import time
from collections.abc import Mapping

import torch
from pydantic import Field
from torch import Tensor

from netseams.circuits import Circuit, edges_between
from netseams.core import Config, generator
from netseams.discovery.search import Budget, CurvePoint, SearchResult, split_loss, task_loss
from netseams.masks import hard_gate
from netseams.models import Transformer, sites_of
from netseams.tasks import Task


class NodeMaskConfig(Config):
    """Settings of the learner. Equal settings are equal budgets."""

    steps: int = Field(default=250, ge=1)
    batch_size: int = Field(default=32, ge=1)
    """Rows a step; where both members of a pair count, half of them pairs."""
    lr: float = Field(default=0.01, gt=0)
    beta2: float = Field(default=0.95, ge=0, lt=1)
    weight_decay: float = Field(default=1e-3, ge=0)
    temperature: float = Field(default=1.0, gt=0)
    init_bias: float = 0.1
    init_noise: float = Field(default=0.01, ge=0)
    price_start: float = Field(default=1e-5, gt=0)
    """Price of a kept node in nats, at the first step."""
    price_end: float = Field(default=3e-3, gt=0)
    """The same at the last step; in between it rises geometrically."""
    snapshots: int = Field(default=25, ge=1)
    """Masks kept on the way for the size-loss curve."""
    bisections: int = Field(default=8, ge=0)
    """Evaluations spent on shrinking the circuit of one target loss."""
    seed: int = 0


class NodeMasks:
    """Fits one mask over all node sites of a model, for one task.

    After `fit`: `curve_` (size and loss of every snapshot), `circuits_` (the smallest circuit
    found at every target loss; None where the search never reached it), `budget_`.
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
        started = time.perf_counter()
        self._model, self._task, self._means = model, task, means
        self._evaluations = 0
        frozen = [p for p in model.parameters() if p.requires_grad]
        for parameter in frozen:
            parameter.requires_grad_(False)
        try:
            snapshots = self._train()
            scored = [(scores, *self._measure(scores > 0)) for scores in snapshots]
            self.curve_ = [point for _, _, point in scored]
            self.circuits_ = {t: self._circuit_at(t, scored) for t in targets}
        finally:
            for parameter in frozen:
                parameter.requires_grad_(True)
        self.budget_ = Budget(
            steps=self.config.steps,
            training_sequences=self.config.steps * self.config.batch_size,
            evaluations=self._evaluations,
            seconds=time.perf_counter() - started,
        )
        return self

    @property
    def result_(self) -> SearchResult:
        """Curve, circuits and budget together."""
        return SearchResult(self.curve_, self.circuits_, self.budget_)

    def _train(self) -> list[Tensor]:
        """Scores of all nodes at every snapshot, from early to late."""
        cfg = self.config
        sites = sites_of(self._model.cfg)
        n = sum(site.width for site in sites)
        start = torch.randn(n, generator=generator(cfg.seed, "scores"))
        scores = (cfg.init_bias + cfg.init_noise * start).requires_grad_()
        optimizer = torch.optim.AdamW(
            [scores], lr=cfg.lr, betas=(0.9, cfg.beta2), weight_decay=cfg.weight_decay
        )
        every = max(1, cfg.steps // cfg.snapshots)
        found: list[Tensor] = []
        for step in range(cfg.steps):
            progress = step / max(1, cfg.steps - 1)
            price = cfg.price_start * (cfg.price_end / cfg.price_start) ** progress
            tokens, targets = self._batch(step)
            gates = hard_gate(scores, cfg.temperature)
            loss = task_loss(
                self._model, self._task, tokens, targets, self._by_site(gates), self._means
            )
            optimizer.zero_grad()
            (loss + price * gates.sum()).backward()
            torch.nn.utils.clip_grad_norm_([scores], 1.0)
            optimizer.step()
            with torch.no_grad():
                scores.clamp_(-1, 1)
            if (step + 1) % every == 0 or step + 1 == cfg.steps:
                found.append(scores.detach().clone())
        return found

    def _batch(self, step: int) -> tuple[Tensor, Tensor]:
        examples = self._task.splits["mask_train"]
        both = self._task.scores_both
        size = min(len(examples), self.config.batch_size // 2 if both else self.config.batch_size)
        draws = generator(self.config.seed, "mask batch", step)
        picks = torch.randperm(len(examples), generator=draws)[:size]
        if not both:
            return examples.clean[picks], examples.clean_targets[picks]
        return (
            torch.cat([examples.clean[picks], examples.corrupt[picks]]),
            torch.cat([examples.clean_targets[picks], examples.corrupt_targets[picks]]),
        )

    def _by_site(self, flat: Tensor) -> dict[str, Tensor]:
        sites = sites_of(self._model.cfg)
        parts = flat.split([site.width for site in sites])
        return {site.name: part for site, part in zip(sites, parts, strict=True)}

    def _measure(self, kept: Tensor) -> tuple[Tensor, CurvePoint]:
        nodes = self._by_site(kept)
        self._evaluations += 1
        loss = split_loss(self._model, self._task, "select", nodes, self._means)
        edges = sum(int(mask.sum()) for mask in edges_between(self._model, nodes).values())
        return kept, CurvePoint(n_nodes=int(kept.sum()), n_edges=edges, loss=loss)

    def _circuit_at(
        self, target: float, scored: list[tuple[Tensor, Tensor, CurvePoint]]
    ) -> Circuit | None:
        """The smallest mask at `target`: best snapshot, then bisection along its ranking."""
        good = [row for row in scored if row[2].loss <= target]
        if not good:
            return None
        scores, kept, point = min(good, key=lambda row: row[2].n_nodes)
        order = scores.argsort(descending=True)
        low, high = 0, point.n_nodes
        for _ in range(self.config.bisections):
            if high - low <= 1:
                break
            middle = (low + high) // 2
            fewer = torch.zeros_like(kept)
            fewer[order[:middle]] = True
            _, smaller = self._measure(fewer)
            if smaller.loss <= target:
                high, kept = middle, fewer
            else:
                low = middle
        found_by = {
            "method": "node_masks",
            "config": self.config.model_dump(mode="json"),
            "ablation": "mean",
            "target_loss": target,
        }
        return Circuit.from_nodes(
            self._model, self._by_site(kept), self._task.name, self._task.corpus, found_by
        )
