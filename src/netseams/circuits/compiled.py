"""A circuit cut out of its model: a small module that holds the kept nodes only.

A node outside the circuit is constant, so what it adds to others is constant too and moves into
a bias. Left are slices of the matrices, kept dense: at the sizes that circuits have, sparse
products are slower.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from netseams.circuits.circuit import Circuit
from netseams.core import SettingError
from netseams.masks import abs_topk_, kept_count
from netseams.models import Transformer, sites_of
from netseams.models.transformer import Attention, Block, rms_norm, take


class CompiledCircuit(nn.Module):
    """tokens (B, T) -> logits (B, T, V), as of the model with all nodes outside held constant.

    Equal to `model.run_with_hooks(tokens, masked_hooks(circuit.nodes, means), answers)` up to
    rounding. With AbsTopK all channels of a site compete, so sites are computed at full width, and
    a near-tie may be settled the other way. Parameters are frozen copies.
    """

    def __init__(
        self, circuit: Circuit, model: Transformer, means: Mapping[str, Float[Tensor, "*site"]]
    ) -> None:
        """Cut `circuit` out of `model`.

        Args:
            circuit: its nodes decide; every non-zero weight between two of them is an edge.
            model: the model it was found in.
            means: site -> the constant of every channel, (width,) or (n_heads, d_head).

        Raises:
            CircuitMismatchError: the circuit is of another model.
            SettingError: a site without one constant a channel.
        """
        circuit.check_model(model)
        super().__init__()
        cfg = self.cfg = model.cfg
        sites = _cut_sites(model, circuit.nodes, means)
        self.embed = _frozen(model.embed.weight)
        self.pos_embed = _frozen(model.pos_embed.weight) if model.pos_embed else None
        self.bigram = _frozen(model.bigram.weight) if model.bigram else None
        self.blocks = nn.ModuleList(
            _CutBlock(cast(Block, block), f"blocks.{i}", sites)
            for i, block in enumerate(model.blocks)
        )
        final = sites["ln_final.hook_normalized"]
        zeros = self.embed.new_zeros(cfg.d_vocab)
        self.final = _Read(final)
        self.unembed = _Slice(model.unembed, final, _Site(zeros == 0, zeros, None))

    def forward(
        self, tokens: Int[Tensor, "B T"], answers: Int[Tensor, "B P"] | None = None
    ) -> Float[Tensor, "B _ V"]:
        """Logits at every position, or only at `answers`.

        Raises:
            SettingError: more positions than n_ctx.
        """
        if tokens.shape[1] > self.cfg.n_ctx:
            raise SettingError(f"{tokens.shape[1]} positions, but n_ctx is {self.cfg.n_ctx}")
        x = F.embedding(tokens, self.embed)
        if self.pos_embed is not None:
            x += self.pos_embed[: tokens.shape[1]]
        for i, block in enumerate(self.blocks):
            x = block(x, answers if i == self.cfg.n_layers - 1 else None)
        if answers is not None:
            tokens = take(tokens, answers)
        logits = self.unembed(self.final(x))
        return logits if self.bigram is None else logits + F.embedding(tokens, self.bigram)


@dataclass(frozen=True)
class _Site:
    """What a circuit leaves of a site."""

    kept: Bool[Tensor, " width"]
    constant: Tensor
    """(width,): values of the other channels, 0 where one is kept."""
    top: int | None
    """How many channels AbsTopK lets through, before the others become constant."""

    @property
    def channels(self) -> Int[Tensor, " kept"]:
        return self.kept.nonzero().squeeze(1)


def _cut_sites(
    model: Transformer, nodes: Mapping[str, Tensor], means: Mapping[str, Tensor]
) -> dict[str, _Site]:
    cut: dict[str, _Site] = {}
    for site in sites_of(model.cfg):
        if site.name not in means or means[site.name].numel() != site.width:
            raise SettingError(f"a compiled circuit needs {site.width} constants for {site.name}")
        constant = means[site.name].detach().flatten().to(model.embed.weight)
        kept = nodes[site.name].to(constant.device)
        share = model.cfg.activation_density
        top = kept_count(site.width, share) if share is not None and kept.any() else None
        cut[site.name] = _Site(kept, constant.masked_fill(kept, 0.0), top)
    return cut


def _frozen(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values.detach().clone(), requires_grad=False)


class _Read(nn.Module):
    """RMSNorm of the residual stream, of which only kept channels come out."""

    def __init__(self, site: _Site) -> None:
        super().__init__()
        self.top, self.channels = site.top, nn.Buffer(site.channels)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T kept"]:
        if self.top is not None:
            return abs_topk_(rms_norm(x), self.top)[..., self.channels]
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        return x[..., self.channels] * torch.rsqrt(norm.square() / x.shape[-1] + 1e-5)


class _Slice(nn.Module):
    """A layer from the kept channels of `source` to those of `target`.

    `rows` and `columns` may name other channels: a row comes out constant, and 0 if it is -1.
    """

    def __init__(
        self, layer: nn.Linear, source: _Site, target: _Site,
        rows: Tensor | None = None, columns: Tensor | None = None, gelu: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        rows = target.channels if rows is None else rows
        kept, constant = target.kept[rows] & (rows >= 0), target.constant[rows] * (rows >= 0)
        weight = layer.weight.detach()
        bias = weight @ source.constant
        bias = bias if layer.bias is None else bias + layer.bias.detach()
        weight = weight[:, source.channels if columns is None else columns]
        self.top, self.gelu = target.top, gelu
        if self.top is None:
            weight, bias = weight[rows] * kept.unsqueeze(1), bias[rows].where(kept, constant)
        else:
            self.rows, self.kept, self.constant = map(nn.Buffer, (rows, kept, constant))
        self.weight, self.bias = _frozen(weight), _frozen(bias)

    def forward(self, x: Float[Tensor, "B T columns"]) -> Float[Tensor, "B T rows"]:
        y = F.linear(x, self.weight, self.bias)
        y = F.gelu(y) if self.gelu else y
        if self.top is None:
            return y
        return abs_topk_(y, self.top)[..., self.rows] * self.kept + self.constant


class _Write(nn.Module):
    """Adds a layer's output to the residual stream, in place."""

    def __init__(
        self, layer: nn.Linear, source: _Site, target: _Site, columns: Tensor | None = None
    ) -> None:
        super().__init__()
        self.slice = _Slice(layer, source, target, columns=columns)
        self.channels, self.constant = nn.Buffer(target.channels), nn.Buffer(target.constant)

    def forward(self, x: Float[Tensor, "B T D"], source: Tensor) -> Float[Tensor, "B T D"]:
        return x.add_(self.constant).index_add_(-1, self.channels, self.slice(source))


class _CutAttention(nn.Module):
    """Heads that pass more than a constant, each with the channels that matter there."""

    def __init__(self, attn: Attention, name: str, sites: Mapping[str, _Site]) -> None:
        super().__init__()
        read, out = sites[f"{name}.ln1.hook_normalized"], sites[f"{name}.hook_attn_out"]
        q, k, v = (sites[f"{name}.attn.hook_{letter}"] for letter in "qkv")
        # Weights that sum to 1 hide constants: a constant key shifts all scores of a query alike,
        # a constant value comes out as it went in. Not so with a sink, which takes a share.
        sink = attn.sink is not None
        pairs = (q.kept | (q.constant != 0)) & (k.kept | (sink & (k.constant != 0)))
        values = v.kept | (sink & (v.constant != 0))
        pairs, values = (used.view(attn.cfg.n_heads, -1) for used in (pairs, values))
        heads = values.any(dim=1).nonzero().squeeze(1)
        self.n_heads, self.scale = len(heads), 1 / math.sqrt(attn.cfg.d_head)
        counts = torch.cat([pairs[heads], values[heads]]).sum(dim=1).tolist()
        in_pairs, in_values = (_slots(used, heads, max([1, *counts])) for used in (pairs, values))
        self.read = _Read(read)
        self.q = _Slice(attn.q, read, q, in_pairs)
        self.k = _Slice(attn.k, read, k, in_pairs)
        self.v = _Slice(attn.v, read, v, in_values)
        self.sink = _frozen(attn.sink[heads]) if attn.sink is not None else None
        passed = _Site(v.kept, v.constant * (not sink), None)  # with a sink they are in the slots
        self.out = _Write(attn.out, passed, out, in_values)

    def forward(self, x: Float[Tensor, "B T D"], answers: Tensor | None) -> Tensor:
        read = self.read(x)
        asking, x = (read, x) if answers is None else (take(read, answers), take(x, answers))
        if self.n_heads == 0:
            return self.out(x, x[..., :0])
        q, k, v = (
            rearrange(t, "b t (h k) -> b h t k", h=self.n_heads)
            for t in (self.q(asking), self.k(read), self.v(read))
        )
        return self.out(x, rearrange(self._attend(q, k, v, answers), "b h t k -> b t (h k)"))

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, answers: Tensor | None) -> Tensor:
        if self.sink is None and answers is None:
            return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=self.scale)
        keys = torch.arange(k.shape[2], device=k.device)
        visible = keys <= (keys.unsqueeze(1) if answers is None else answers[:, None, :, None])
        if self.sink is None:
            return F.scaled_dot_product_attention(q, k, v, attn_mask=visible, scale=self.scale)
        scores = (q @ k.transpose(2, 3) * self.scale).masked_fill(~visible, -torch.inf)
        sink = self.sink.view(1, -1, 1, 1).expand(*scores.shape[:3], 1)
        return torch.cat([scores, sink], dim=3).softmax(dim=3)[..., :-1] @ v


def _slots(used: Bool[Tensor, "H K"], heads: Tensor, width: int) -> Int[Tensor, " slots"]:
    """`width` channels for every head in `heads`: those it uses, filled up with -1."""
    order = used[heads].int().argsort(dim=1, descending=True, stable=True)[:, :width]
    channels = order + heads.unsqueeze(1) * used.shape[1]
    return channels.where(used[heads].gather(1, order), -1).flatten()


class _CutBlock(nn.Module):
    """Attention and MLP of one block, as far as the circuit reaches."""

    def __init__(self, block: Block, name: str, sites: Mapping[str, _Site]) -> None:
        super().__init__()
        read, hidden = sites[f"{name}.ln2.hook_normalized"], sites[f"{name}.mlp.hook_post"]
        self.attn = _CutAttention(block.attn, name, sites)
        self.read = _Read(read)
        self.up = _Slice(block.mlp.up, read, hidden, gelu=True)
        self.down = _Write(block.mlp.down, hidden, sites[f"{name}.hook_mlp_out"])

    def forward(self, x: Float[Tensor, "B T D"], answers: Tensor | None) -> Tensor:
        x = self.attn(x, answers)
        return self.down(x, self.up(self.read(x)))
