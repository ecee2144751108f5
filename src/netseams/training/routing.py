"""Gradient routing (arXiv 2410.04332): what a row teaches is decided by what it asks for.

The heads and neurons of every block are cut into equal parts, one for each group of rows.
Backwards, a row passes only through the part of its group and into the weights with which that
writes. Embeddings, unembedding and norms are shared, and so learn from all. Forwards, as in the
paper, all parts are active.

Two things go beyond the paper. A part would never learn to be quiet on the rows of others, and
would answer there too: it is taught to, by a price on what it writes there, of which nothing else
gets a gradient. And a part would come to lean on what happens to stand in the others: so these are
silent on a share of the rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from netseams.core import SettingError
from netseams.corpora import Batch, Corpus
from netseams.corpora.base import IGNORED
from netseams.models import Hook, Transformer, TransformerConfig
from netseams.training.arms import Routed


@dataclass(frozen=True)
class Part:
    """What one group owns in every block."""

    heads: Bool[Tensor, " d_model"]
    """Channels of its heads."""
    neurons: Bool[Tensor, " d_mlp"]

    def nodes(self, cfg: TransformerConfig) -> dict[str, Bool[Tensor, " width"]]:
        """Node site -> its channels; the sites of the residual stream are shared and left out."""
        own = {f"attn.hook_{letter}": self.heads for letter in "qkv"}
        own["mlp.hook_post"] = self.neurons
        return {f"blocks.{i}.{s}": mask for i in range(cfg.n_layers) for s, mask in own.items()}


def parts_of(cfg: TransformerConfig, n_parts: int) -> list[Part]:
    """Equal parts: whole heads, and as many neurons.

    Raises:
        SettingError: heads or neurons cannot be cut into so many equal parts.
    """
    if cfg.n_heads % n_parts or cfg.d_mlp % n_parts:
        raise SettingError(
            f"{cfg.n_heads} heads and {cfg.d_mlp} neurons cannot be cut into {n_parts} equal "
            "parts, one for each group: choose multiples of it"
        )
    heads, neurons = (torch.arange(w) * n_parts // w for w in (cfg.d_model, cfg.d_mlp))
    return [Part(heads == i, neurons == i) for i in range(n_parts)]


class Router:
    """Puts gradients of a batch on a model's parameters.

    Raises:
        SettingError: a word that the language does not have, or parts that are not equal.
    """

    def __init__(self, model: Transformer, corpus: Corpus, arm: Routed) -> None:
        self.model, self.arm = model, arm
        self.parts = [
            Part(part.heads.to(model.device), part.neurons.to(model.device))
            for part in parts_of(model.cfg, len(arm.groups))
        ]
        tokens = {corpus.text_of(token): token for token in range(corpus.d_vocab)}
        unknown = [word for group in arm.groups for word in group if word not in tokens]
        if unknown:
            raise SettingError(f"corpus {corpus.name} has no word {unknown[0]!r} to route by")
        self.groups = [torch.tensor([tokens[word] for word in group]) for group in arm.groups]

    def group_of(self, inputs: Int[Tensor, "B T"]) -> Int[Tensor, " B"]:
        """The first group one of whose words stands in a row; -1 where there is none."""
        found = torch.full((len(inputs),), -1)
        for number, words in reversed(list(enumerate(self.groups))):
            found[torch.isin(inputs, words).any(1)] = number
        return found

    def backward(self, batch: Batch, step: int = 0) -> float:
        """Set every parameter's gradient; the loss of the batch in nats a target, as it is met:
        on the silent share of rows without the other parts. Nothing is drawn, at any step."""
        groups = self.group_of(batch.inputs)
        n_targets = int((batch.targets != IGNORED).sum())
        total = 0.0
        for number in groups.unique().tolist():
            rows = groups == number
            part = None if number < 0 else self.parts[number]
            total += self._backward(batch.inputs[rows], batch.targets[rows], part, n_targets)
        return total

    def _backward(self, inputs: Tensor, targets: Tensor, part: Part | None, total: int) -> float:
        """Add the gradients of rows of one group, as their share of `total` targets."""
        names, parameters = zip(*self.model.named_parameters(), strict=True)
        noises: list[Tensor] = []
        hooks = None if part is None else self._hooks(part, len(inputs), noises)
        logits = self.model(inputs, hooks).flatten(0, 1)
        flat = targets.flatten().to(logits.device)
        loss = F.cross_entropy(logits, flat, ignore_index=IGNORED, reduction="sum") / total
        if part is None:
            _add(parameters, torch.autograd.grad(loss, parameters))
            return loss.item()
        grads = torch.autograd.grad(loss, parameters, retain_graph=True)
        _add(parameters, [g * _written_by(part, n) for n, g in zip(names, grads, strict=True)])
        share = int((targets != IGNORED).sum()) / total
        noise = self.arm.quiet * share * torch.stack(noises).sum()
        rows = {name: own for name in names if (own := _rows(part, name)) is not None}
        readers = [self.model.get_parameter(name) for name in rows]
        grads = torch.autograd.grad(noise, readers)
        _add(readers, [
            g.masked_fill(own.view(-1, *[1] * (g.ndim - 1)), 0.0)
            for g, own in zip(grads, rows.values(), strict=True)
        ])  # fmt: skip
        return loss.item()

    def _hooks(self, part: Part, n_rows: int, noises: list[Tensor]) -> dict[str, Hook]:
        """Cut the others off; what they write is added to `noises`, as a mean square."""
        quiet = torch.arange(n_rows, device=self.model.device) < round(self.arm.silent * n_rows)

        def hook_for(own: Bool[Tensor, " width"]) -> Hook:
            def hook(x: Float[Tensor, "B T ..."]) -> Tensor:
                flat = x.flatten(2)
                noises.append(flat[..., ~own].square().mean())
                others = flat.detach().masked_fill(quiet.view(-1, 1, 1), 0.0)
                return torch.where(own, flat, others).view(x.shape)

            return hook

        by_site = {"attn.hook_z": hook_for(part.heads), "mlp.hook_post": hook_for(part.neurons)}
        return {
            f"blocks.{i}.{site}": hook
            for i in range(self.model.cfg.n_layers)
            for site, hook in by_site.items()
        }


def _written_by(part: Part, name: str) -> Tensor | float:
    """Which columns of a matrix that writes learn; all of any other parameter."""
    if name.endswith("attn.out.weight"):
        return part.heads
    return part.neurons if name.endswith("mlp.down.weight") else 1.0


def _rows(part: Part, name: str) -> Bool[Tensor, " rows"] | None:
    """Which rows of a matrix or bias compute the part's channels; None where there are none."""
    module, _, kind = name.rpartition(".")
    if kind not in ("weight", "bias"):
        return None
    if module.endswith((".attn.q", ".attn.k", ".attn.v")):
        return part.heads
    return part.neurons if module.endswith(".mlp.up") else None


def _add(parameters: Sequence[nn.Parameter], grads: Sequence[Tensor]) -> None:
    for parameter, grad in zip(parameters, grads, strict=True):
        parameter.grad = grad if parameter.grad is None else parameter.grad + grad
