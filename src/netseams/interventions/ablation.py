"""Replace the activations of nodes outside (or inside) a mask."""

from collections.abc import Iterable, Mapping
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from netseams.core import generator
from netseams.corpora import Corpus
from netseams.models import Hook, Network, sites_of

AblationKind = Literal["mean", "zero", "resample"]
ABLATIONS: tuple[AblationKind, ...] = ("mean", "zero", "resample")

NodeMask = Mapping[str, Bool[Tensor, " width"]]
"""Site name -> which of its channels are kept."""


def mean_activations(
    model: Network, corpus: Corpus, n_sequences: int = 256
) -> dict[str, Float[Tensor, "*site"]]:
    """Mean of every node over training sequences and all positions.

    One constant a node, independent of position (arXiv 2511.13653, A.5). Sequences are drawn in
    batches of 64: `n_sequences` is rounded down to whole batches, to one at least.
    """
    draws = generator("means", corpus.name)
    batches = max(1, n_sequences // 64)
    return means_over(
        model,
        (corpus.batch("train", 64, model.cfg.n_ctx, draws).inputs for _ in range(batches)),
    )


def means_over(
    model: Network, batches: Iterable[Int[Tensor, "B T"]]
) -> dict[str, Float[Tensor, "*site"]]:
    """Mean of every node over all positions of all rows, in the model's own precision.

    For a model whose corpus is not at hand, the rows are those of the task itself.
    """
    names = [site.name for site in sites_of(model.cfg)]
    totals: dict[str, Tensor] = {}
    kinds: dict[str, torch.dtype] = {}
    rows = 0
    with torch.no_grad():
        for inputs in batches:
            _, cache = model.run_with_cache(inputs, names)
            rows += len(inputs)
            for name, x in cache.items():
                kinds[name] = x.dtype
                wide = torch.promote_types(x.dtype, torch.float32)
                total = x.mean(dim=(0, 1), dtype=wide) * len(inputs)
                totals[name] = totals[name] + total if name in totals else total
    return {name: (total / rows).to(kinds[name]) for name, total in totals.items()}


def ablation_fill(
    kind: AblationKind,
    model: Network,
    means: Mapping[str, Tensor],
    tokens: Int[Tensor, "R T"],
    answers: Int[Tensor, "R P"] | None = None,
    seed: int = 0,
) -> dict[str, Tensor]:
    """What stands in for an ablated node: a constant, zero, or another input's activation.

    `resample` runs the model on a random other row (a permutation without fixed points where
    there is more than one row) and takes its activations at the same positions.
    """
    if kind == "mean":
        return dict(means)
    if kind == "zero":
        return {name: torch.zeros_like(mean) for name, mean in means.items()}
    order = torch.randperm(len(tokens), generator=generator("resample", seed))
    donors = torch.empty_like(order)
    donors[order] = order.roll(1)
    with torch.no_grad():
        return model.run_with_cache(tokens[donors], list(means), answers)[1]


def masked_hooks(keep: Mapping[str, Tensor], fill: Mapping[str, Tensor]) -> dict[str, Hook]:
    """Hooks that keep x where `keep` is one and put `fill` where it is zero.

    Args:
        keep: site -> (width,) of 0 and 1, boolean or float (gradients pass through floats).
        fill: site -> a tensor that broadcasts to the activation.
    """

    def hook_for(name: str) -> Hook:
        gate, other = keep[name], fill[name]

        def hook(x: Tensor) -> Tensor:
            g = gate.to(x).view(x.shape[2:])
            return torch.addcmul(other * (1 - g), x, g)  # x * g + other * (1 - g), fused

        return hook

    return {name: hook_for(name) for name in keep}
