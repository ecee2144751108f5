"""Between granularities: links of components, and channels with their weights.

Downwards, a kept link keeps the whole of both components that it joins. Upwards, a link is there
where a path of kept non-zero weights joins its ends through one channel of the residual stream.
Neither way gives back what the other took: a component is more than its kept channels.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import cast

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from netseams.models import (
    Link,
    Transformer,
    TransformerConfig,
    component_graph,
    component_of,
    sites_of,
)
from netseams.models.parts import Norm
from netseams.models.transformer import Block

MATTERS = 1e-6
"""Norm of a product of matrices from which on it counts as a path."""


def channels_touched(
    cfg: TransformerConfig, links: Iterable[Link]
) -> dict[str, Bool[Tensor, " width"]]:
    """All channels of every component that a link starts from or leads into.

    A head's are its own queries, keys and values, and all of its layer's `ln1` and
    `hook_attn_out`; an MLP's are `ln2`, `mlp.hook_post` and `hook_mlp_out`; those of `logits` are
    `ln_final`. `input` has none: embedding and unembedding start and end every circuit.
    """
    nodes = {s.name: torch.zeros(s.width, dtype=torch.bool) for s in sites_of(cfg)}
    touched = {component_of(end) for link in links for end in link} - {"input"}
    for component in touched:
        if component == "logits":
            nodes["ln_final.hook_normalized"][:] = True
            continue
        layer, _, head = component[1:].partition(".h")
        name = f"blocks.{layer}"
        if head:
            own = slice(int(head) * cfg.d_head, (int(head) + 1) * cfg.d_head)
            for slot in "qkv":
                nodes[f"{name}.attn.hook_{slot}"][own] = True
            whole = ("ln1.hook_normalized", "hook_attn_out")
        else:
            whole = ("ln2.hook_normalized", "mlp.hook_post", "hook_mlp_out")
        for site in whole:
            nodes[f"{name}.{site}"][:] = True
    return nodes


def links_of_channels(
    model: Transformer, nodes: Mapping[str, Tensor], edges: Mapping[str, Tensor]
) -> frozenset[Link]:
    """Links whose ends a path of kept weights joins, on paths from `input` to `logits`.

    A source reaches a channel of the stream if it writes there through kept weights (`input`: if
    the embedding or a learned position is not zero there); a target sees it if the channel of its
    read is kept, and kept weights lead on from there.

    Args:
        nodes: kept channels of every site.
        edges: kept non-zero weights of every matrix.
    """
    unembed = (model.unembed.weight.detach() != 0) & nodes["ln_final.hook_normalized"]
    writes, reads = _ends(model, edges.__getitem__, unembed)
    return _joined(model.cfg, lambda source, target: bool(
        (writes[source].any(1) & reads[target].any(0)).any()
    ))  # fmt: skip


def structural_links(model: Transformer) -> frozenset[Link]:
    """Links that the weights allow: |W_out(source) W_in(target)| > 1e-6, on paths from `input` to
    `logits`. No ablation and no data enter; any other set of links that matter lies within.

    W_in is taken behind the norm: with its gain, and without the mean where LayerNorm takes that
    out. Biases and the bigram table join nothing.
    """
    parameters = {name: p.detach().double() for name, p in model.named_parameters()}
    writes, reads = _ends(model, parameters.__getitem__, model.unembed.weight.detach().double())
    norms = {
        target: norm for i, block in enumerate(cast("list[Block]", model.blocks))
        for target, norm in ((f"a{i}", block.ln1.norm), (f"m{i}", block.ln2.norm))
    } | {"logits": model.ln_final.norm}  # fmt: skip
    reads = {t: _behind(norms[t.partition(".")[0]], weight) for t, weight in reads.items()}
    return _joined(
        model.cfg, lambda source, target: float((reads[target] @ writes[source]).norm()) > MATTERS
    )


def _ends(
    model: Transformer, matrix: Callable[[str], Tensor], logits: Tensor
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Source -> (d_model, _) what it writes with; target -> (_, d_model) what it reads with."""
    cfg, parameters = model.cfg, dict(model.named_parameters())
    tables = [parameters["embed.weight"].detach()]
    if cfg.positions == "learned":
        tables.append(parameters["pos_embed.weight"].detach())
    whole = torch.cat(tables).T
    writes = {"input": whole != 0 if logits.dtype == torch.bool else whole.double()}
    reads = {"logits": logits}
    for i in range(cfg.n_layers):
        name = f"blocks.{i}"
        out = rearrange(matrix(f"{name}.attn.out.weight"), "d (h k) -> h d k", k=cfg.d_head)
        writes |= {f"a{i}.h{h}": part for h, part in enumerate(out)}
        writes[f"m{i}"] = matrix(f"{name}.mlp.down.weight")
        reads[f"m{i}"] = matrix(f"{name}.mlp.up.weight")[:, : cfg.d_model]
        for slot in "qkv":
            weight = matrix(f"{name}.attn.{slot}.weight")[:, : cfg.d_model]
            heads = rearrange(weight, "(h k) d -> h k d", k=cfg.d_head)
            reads |= {f"a{i}.h{h}<{slot}>": part for h, part in enumerate(heads)}
    return writes, reads


def _behind(norm: Norm, weight: Float[Tensor, "_ D"]) -> Float[Tensor, "_ D"]:
    if norm.gain is not None:
        weight = weight * norm.gain.detach().double()
    return weight - weight.mean(1, keepdim=True) if norm.kind == "layer" else weight


def _joined(cfg: TransformerConfig, joins: Callable[[str, str], bool]) -> frozenset[Link]:
    graph = component_graph(cfg)
    mask = graph.mask(link for link in graph.links if joins(*link))
    return graph.links_in(graph.on_paths(mask))
