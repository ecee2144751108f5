"""Rows of a task with what stands in for their ablated components: losses of masks of links."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from netseams.core import generator
from netseams.interventions import (
    AblationKind,
    SourceValues,
    ablated_for_task,
    link_slopes,
    patch_every_link,
    run_with_links,
    source_values,
)
from netseams.models import Transformer, component_graph
from netseams.tasks import Task, TaskSplit

ROWS_AT_ONCE = 64
TOKENS_AT_ONCE = 16_384
"""Positions that go through the model together."""


class Rows(NamedTuple):
    """Some of them."""

    tokens: Int[Tensor, "B T"]
    targets: Int[Tensor, "B P"]
    answers: Int[Tensor, "B P"]
    ablated: SourceValues


class LinkRows:
    """Losses and slopes of links, as means over the rows of one split.

    Args:
        pairs: how many of the split's pairs, drawn by `seed`; None takes all.

    Raises:
        TaskError: resample ablation, where clean and corrupt inputs are the same.
    """

    def __init__(
        self,
        model: Transformer,
        task: Task,
        split: TaskSplit,
        ablation: AblationKind,
        pairs: int | None = None,
        seed: int = 0,
    ) -> None:
        self.model, self.graph = model, component_graph(model.cfg)
        self.device = model.embed.weight.device
        tokens, targets = task.rows(split)
        partners, n = task.partners(split), len(task.splits[split])
        if pairs is not None and pairs < n:
            picks = torch.randperm(n, generator=generator(seed, "link pairs"))[:pairs]
            picks = torch.cat([picks + first for first in range(0, len(tokens), n)])
            tokens, targets, partners = tokens[picks], targets[picks], partners[picks]
        tokens, partners = tokens.to(self.device), partners.to(self.device)
        answers = task.answers.to(self.device).expand(len(tokens), -1)
        ablated = ablated_for_task(ablation, model, task, tokens, partners)
        self._all = Rows(tokens, targets.to(self.device), answers, ablated)
        self._candidates = task.candidates.to(self.device)
        self.sequences = 0
        """Rows that went through the model so far, whole or in part."""

    def __len__(self) -> int:
        return len(self._all.tokens)

    def losses(
        self, gates: Float[Tensor, "M links"], picks: Int[Tensor, " B"] | None = None
    ) -> Float[Tensor, " M"]:
        """Cross-entropy over the task's candidates under masks of links, in nats; differentiable.

        Args:
            picks: these rows only.
        """
        rows = self._all if picks is None else self._some(picks)
        size = max(1, TOKENS_AT_ONCE // rows.tokens.numel())
        measure = self._loss_on(rows)
        self.sequences += len(gates) * len(rows.tokens)
        return torch.cat([
            measure(run_with_links(self.model, rows.tokens, part, rows.ablated, rows.answers))
            for part in gates.split(size)
        ])  # fmt: skip

    def loss(self, mask: Tensor) -> float:
        """The same of one mask (links,), a number."""
        with torch.no_grad():
            return float(self.losses(mask.to(self.device).float().unsqueeze(0)))

    def effects(self) -> Float[Tensor, " links"]:
        """Rise of the loss when one link alone is ablated, for every link: exact."""
        total = torch.zeros(self.graph.n_links, device=self.device)
        for rows in self._parts():
            measure = self._loss_on(rows)
            patched = patch_every_link(self.model, rows.tokens, rows.ablated, rows.answers, measure)
            with torch.no_grad():
                whole = measure(self.model(rows.tokens, None, rows.answers).unsqueeze(0))
            total += len(rows.tokens) / len(self) * (patched - whole)
            self.sequences += (self.graph.n_links + 1) * len(rows.tokens)
        return total

    def slopes(self, towards_clean: float) -> Float[Tensor, " links"]:
        """First-order rise of the loss when a link is ablated: (ablated - clean write of the
        source) . gradient of what the target reads.

        Args:
            towards_clean: the gradient is that of a run on ablated input + this x (clean -
                ablated input); 1 is the clean run.
        """
        total = torch.zeros(self.graph.n_links, device=self.device)
        for rows in self._parts():
            clean = source_values(self.model, rows.tokens, rows.answers)
            directions = {source: rows.ablated[source] - x for source, x in clean.items()}
            embedded = clean["input"] + (1 - towards_clean) * directions["input"]
            slopes = link_slopes(
                self.model, rows.tokens, directions, rows.answers, self._loss_on(rows), embedded
            )
            total += len(rows.tokens) / len(self) * slopes
            self.sequences += len(rows.tokens)
        return total

    def _parts(self) -> Iterator[Rows]:
        for picks in torch.arange(len(self), device=self.device).split(ROWS_AT_ONCE):
            yield self._some(picks)

    def _some(self, picks: Tensor) -> Rows:
        rows = self._all
        ablated = {s: x if len(x) == 1 else x[picks] for s, x in rows.ablated.items()}
        return Rows(rows.tokens[picks], rows.targets[picks], rows.answers[picks], ablated)

    def _loss_on(self, rows: Rows) -> Callable[[Tensor], Tensor]:
        def measure(logits: Float[Tensor, "N B P V"]) -> Float[Tensor, " N"]:
            chosen, n = logits[..., self._candidates], len(logits)
            targets = rows.targets.flatten().repeat(n)
            losses = F.cross_entropy(chosen.flatten(0, 2), targets, reduction="none")
            return losses.view(n, -1).mean(1)

        return measure
