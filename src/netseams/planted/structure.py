"""Links that the weights allow: the truth that needs no inputs and no ablation."""

from collections.abc import Iterator
from typing import cast

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from netseams.circuits import Link
from netseams.models import Transformer
from netseams.models.transformer import Block

Channels = Bool[Tensor, " _"]


def live_links(model: Transformer) -> frozenset[Link]:
    """Links that lie on a live path of non-zero weights, channel by channel, from input to logits.

    A link counts where some residual channel is written by its source, out of something that
    comes from the input or a bias, and read by its target into something that reaches the logits.
    Stricter than `circuits.structural_links`, which asks of each link alone whether weights meet.
    A query channel reads nothing where the key channel that it is multiplied by is empty.
    """
    writes = _written(model)
    return frozenset(
        (source, target)
        for target, read, sources in _read(model, writes)
        for source in sources
        if bool((writes[source] & read).any())
    )


def _written(model: Transformer) -> dict[str, Channels]:
    """Source -> residual channels that something live is written to."""
    some = model.embed.weight.detach().abs().sum(0) > 0
    if model.pos_embed is not None:
        some |= model.pos_embed.weight.detach().abs().sum(0) > 0
    written, stream = {"input": some}, some
    for i, attn, mlp in _blocks(model):
        z = _fed(attn.v, stream)
        for h, rows in _heads(model):
            written[f"a{i}.h{h}"] = _joined(attn.out)[:, rows][:, z[rows]].any(1)
            stream = stream | written[f"a{i}.h{h}"]
        written[f"m{i}"] = _joined(mlp.down)[:, _fed(mlp.up, stream)].any(1)
        stream = stream | written[f"m{i}"]
    return written


def _read(
    model: Transformer, written: dict[str, Channels]
) -> Iterator[tuple[str, Channels, list[str]]]:
    """Targets from the last to the first, the channels they use, and the sources before them."""
    before = list(written)
    wanted = _joined(model.unembed).any(0)
    yield "logits", wanted, before
    for i, attn, mlp in reversed(list(_blocks(model))):
        before = before[: before.index(f"m{i}")]
        stream = torch.stack([written[s] for s in before]).any(0)
        neurons = _joined(mlp.down)[wanted].any(0) & _fed(mlp.up, stream)
        read = _joined(mlp.up)[neurons].any(0)
        yield f"m{i}", read, before
        wanted, before = wanted | read, before[: before.index(f"a{i}.h0")]
        stream = torch.stack([written[s] for s in before]).any(0)
        values = _joined(attn.out)[wanted].any(0) & _fed(attn.v, stream)
        products = _fed(attn.q, stream) & _fed(attn.k, stream)
        for h, rows in _heads(model):
            head = f"a{i}.h{h}"
            for letter, linear, used in (
                ("q", attn.q, products & values[rows].any()),
                ("k", attn.k, products & values[rows].any()),
                ("v", attn.v, values),
            ):
                read = _joined(linear)[rows][used[rows]].any(0)
                yield f"{head}<{letter}>", read, before
                wanted = wanted | read


def _blocks(model: Transformer):
    for i, block in enumerate(model.blocks):
        yield i, cast(Block, block).attn, cast(Block, block).mlp


def _heads(model: Transformer) -> Iterator[tuple[int, slice]]:
    width = model.cfg.d_head
    return ((h, slice(h * width, (h + 1) * width)) for h in range(model.cfg.n_heads))


def _joined(linear: nn.Linear) -> Bool[Tensor, "out in"]:
    return linear.weight.detach() != 0


def _fed(linear: nn.Linear, stream: Channels) -> Channels:
    """Outputs that read a live channel or have a bias."""
    fed = _joined(linear)[:, stream].any(1)
    return fed if linear.bias is None else fed | (linear.bias.detach() != 0)
