"""Run a model in which every target reads its own mixture of current and ablated writes.

What a target reads, at every position: over the links into it, gate x current + (1 - gate) x
ablated, and the part of the stream that no component writes. `current` is what the source writes
in this run, its own reads mixed likewise. With all gates 1 the model runs as it is; with all gates
0 every target reads the ablated run.

Who writes what. `input`: embedding plus learned positions. A head: its part of `attn.out`, without
the bias. An MLP: all of `mlp.down`, bias included. Never ablated, since no component writes it: the
bias of `attn.out`, concatenated positions, and the bigram table, whose row is that of the run's own
token. AbsTopK behind `attn.out` looks at all heads together; a head's write is what of it passes,
and so for the bias.

Shape letters: M masks, B rows, T positions, P answer positions, D d_model, S sources, G targets.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netseams.core import TaskError
from netseams.interventions.ablation import AblationKind
from netseams.interventions.reads import Reads, SourceValues
from netseams.models import Transformer, component_graph
from netseams.tasks import Task


def source_values(
    model: Transformer, tokens: Int[Tensor, "B T"], answers: Int[Tensor, "B P"] | None = None
) -> dict[str, Tensor]:
    """What every source writes in an ordinary run, without gradients.

    Raises:
        SettingError: the residual stream of this model is no sum of writes.
    """
    reads = Reads(model, answers)
    with torch.no_grad():
        model(tokens, reads.hooks(), answers)
    return reads.written


def ablated_values(
    kind: AblationKind,
    model: Transformer,
    tokens: Int[Tensor, "B T"],
    answers: Int[Tensor, "B P"] | None = None,
) -> dict[str, Tensor]:
    """What stands in for every ablated source.

    Args:
        kind: `resample` takes the writes of a run on `tokens`, which are the partners of the rows
            to come, row for row; `mean` takes their mean over the rows and positions of `tokens`,
            one constant a channel; `zero` takes zero.
        answers: answer positions of the runs to come.

    Raises:
        SettingError: the residual stream of this model is no sum of writes.
    """
    if kind == "resample":
        return source_values(model, tokens, answers)
    if kind == "mean":
        values = source_values(model, tokens)
        return {source: x.mean(dim=(0, 1), keepdim=True) for source, x in values.items()}
    zero = model.embed.weight.new_zeros(1, 1, 1)
    return dict.fromkeys(component_graph(model.cfg).sources, zero)


def ablated_for_task(
    kind: AblationKind,
    model: Transformer,
    task: Task,
    tokens: Int[Tensor, "R T"],
    partners: Int[Tensor, "R T"],
) -> dict[str, Tensor]:
    """`ablated_values` for rows of a task, at its answers.

    A mean is that over the clean and corrupt inputs of the mask_train split.

    Args:
        partners: the other member of every row's pair, for `resample`.

    Raises:
        TaskError: with `resample`, where every row is its own partner.
    """
    if kind == "resample":
        if torch.equal(tokens, partners):
            raise TaskError(
                f"task {task.name}: its clean and corrupt inputs are the same, so that resample "
                "ablation would change nothing: give pairs that differ, or ablate to mean or zero"
            )
        return ablated_values(kind, model, partners, task.answers.expand(len(partners), -1))
    examples = task.splits["mask_train"]
    return ablated_values(kind, model, torch.cat([examples.clean, examples.corrupt]).to(tokens))


def run_with_links(
    model: Transformer,
    tokens: Int[Tensor, "B T"],
    gates: Tensor,
    ablated: SourceValues,
    answers: Int[Tensor, "B P"] | None = None,
) -> Float[Tensor, "M B _ V"]:
    """Logits under M masks of links.

    Args:
        gates: (M, links) in the order of `component_graph(model.cfg).links`, booleans or floats;
            gradients pass through floats.
        ablated: from `ablated_values`, for these rows and `answers`.

    Raises:
        SettingError: the residual stream of this model is no sum of writes.
    """
    shape = (len(gates), len(tokens))

    def mix(links: slice, current: Tensor, given: Tensor) -> Tensor:
        kept = gates[:, links].to(current.dtype).view(len(gates), -1, len(current))
        other = given[:, : len(tokens)]  # the same for every mask
        apart = current.unflatten(1, shape) - other.unsqueeze(1)
        return (torch.einsum("mgs,smbtd->gmbtd", kept, apart) + other.sum(0)).flatten(1, 2)

    given = {s: x if len(x) == 1 else x.repeat(len(gates), 1, 1) for s, x in ablated.items()}
    where = None if answers is None else answers.repeat(len(gates), 1)
    hooks = Reads(model, where, mix, given).hooks()
    return model(tokens.repeat(len(gates), 1), hooks, where).unflatten(0, shape)


def link_slopes(
    model: Transformer,
    tokens: Int[Tensor, "B T"],
    directions: SourceValues,
    answers: Int[Tensor, "B P"],
    measure: Callable[[Tensor], Tensor],
    embedded: Float[Tensor, "B T D"] | None = None,
) -> Float[Tensor, " links"]:
    """Slope of `measure` for every link: along its source's direction in what its target reads.

    One forward and one backward pass of the whole model; no link is ablated in it.

    Args:
        directions: source -> (B, T, D), or what broadcasts to it.
        measure: logits at the answers, (N, B, P, V), to (N,); N is 1 here.
        embedded: runs the model on this in the place of embedding plus learned positions.

    Raises:
        SettingError: the residual stream of this model is no sum of writes.
    """
    n_links, weight = component_graph(model.cfg).n_links, model.embed.weight
    nudges = torch.zeros(n_links, dtype=weight.dtype, device=weight.device, requires_grad=True)

    def mix(links: slice, current: Tensor, given: Tensor) -> Tensor:
        pushes = nudges[links].view(-1, len(current))
        return torch.einsum("gs,sbtd->gbtd", pushes, given) + current.sum(0)

    with torch.enable_grad():
        hooks = Reads(model, answers, mix, directions, embedded).hooks()
        value = measure(model(tokens, hooks, answers).unsqueeze(0)).sum()
        (slopes,) = torch.autograd.grad(value, [nudges])
    return slopes
