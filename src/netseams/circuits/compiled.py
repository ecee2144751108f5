"""A circuit cut out of its model: a small module that holds the kept nodes only.

A node outside the circuit is constant, so what it adds to others is constant too and moves into
a bias. Left are slices of the matrices: dense, or sparse where that is quicker.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from netseams.circuits.calibration import Calibration
from netseams.circuits.circuit import Circuit
from netseams.circuits.standalone import CutTransformer
from netseams.core import Config, SettingError
from netseams.masks import abs_topk_
from netseams.models import Transformer, sites_of
from netseams.models.config import Activation, SparseSite
from netseams.models.parts import Norm, Read
from netseams.models.transformer import Block

_SPARSE_FROM, _SPARSE_BELOW = 256, 0.05
"""Rows and columns, and density, at which sparse products win (`benchmarks/products.py`)."""


class CutHeader(Config):
    """What a cut circuit is, beside its tensors."""

    task: str
    model_fingerprint: str
    n_nodes: int
    n_edges: int
    n_ctx: int
    d_vocab: int
    positions: Literal["none", "learned", "concatenated"]
    norm: Literal["rms", "layer", "none"]
    norm_epsilon: float
    activation: Activation
    residual: Literal["identity", "relu"]
    sinks: bool
    bigram: bool
    scale: float
    """Of query-key products."""
    heads: tuple[int, ...]
    """Heads left in every block."""
    top: dict[str, int]
    """Layer -> channels that AbsTopK lets through, before those outside become constant."""
    sparse: dict[str, tuple[int, int]]
    """Layer -> shape of its matrix, where it is sparse."""
    calibration: Calibration | None = None
    """What the tensors already hold: every logit times the scale, the candidates' plus a shift.
    Absent in files written before it could be exported."""
    candidates: tuple[int, ...] = ()
    """Token ids that are shifted."""


class CompiledCircuit(CutTransformer):
    """tokens (B, T) -> logits (B, T, V), as of the model with all nodes outside held constant.

    Equal to `model.run_with_hooks(tokens, masked_hooks(circuit.nodes, means), answers)`, or to its
    calibrated logits (`Calibration.apply_to_all`), up to rounding. With AbsTopK all channels of a
    site compete, so sites are computed at full width, and a near-tie may be settled the other way.
    Tensors are frozen copies.
    """

    def __init__(
        self,
        circuit: Circuit,
        model: Transformer,
        means: Mapping[str, Float[Tensor, "*site"]],
        products: Literal["auto", "dense"] = "auto",
        candidates: Int[Tensor, " C"] | None = None,
    ) -> None:
        """Cut `circuit` out of `model`.

        Args:
            circuit: its nodes decide; every non-zero weight between two of them is an edge.
            model: the model it was found in.
            means: site -> the constant of every channel, (width,) or (n_heads, d_head).
            products: `auto` makes large matrices of few weights sparse; `dense` none.
            candidates: token ids of its task, to which a calibration of the circuit is applied;
                None leaves it out.

        Raises:
            CircuitMismatchError: the circuit is of another model.
            SettingError: a site without one constant a channel, attention that sees both ways, or
                a calibration for another number of candidates.
        """
        circuit.check_model(model)
        if not model.cfg.causal:
            raise SettingError("a circuit of a model with causal=False cannot be compiled")
        cut = _Cut(model, _cut_sites(model, circuit.nodes, means))
        calibration = circuit.calibration if candidates is not None else None
        shifted: tuple[int, ...] = ()
        if calibration is not None and candidates is not None:
            cut.calibrate(calibration, candidates)
            shifted = tuple(candidates.tolist())
        sparse = cut.make_sparse() if products == "auto" else {}
        cfg = model.cfg
        card = CutHeader(
            task=circuit.task,
            model_fingerprint=circuit.model_fingerprint,
            n_nodes=circuit.n_nodes,
            n_edges=circuit.n_edges,
            n_ctx=cfg.n_ctx,
            d_vocab=cfg.d_vocab,
            positions=cfg.positions,
            norm=cfg.norm,
            norm_epsilon=cfg.norm_epsilon,
            activation=cfg.activation,
            residual=cfg.residual,
            sinks=cfg.sinks,
            bigram=cfg.bigram,
            scale=1 / math.sqrt(cfg.d_head),
            heads=tuple(cut.heads),
            top=cut.top,
            sparse=sparse,
            calibration=calibration,
            candidates=shifted,
        )
        self._hold(card, cut.tensors)

    @classmethod
    def from_parts(cls, card: CutHeader, tensors: dict[str, Tensor]) -> "CompiledCircuit":
        """One that was cut before."""
        self = cls.__new__(cls)
        self._hold(card, tensors)
        return self

    def _hold(self, card: CutHeader, tensors: dict[str, Tensor]) -> None:
        super().__init__(card.model_dump(), tensors)
        self.card = card
        self.eval()

    def parts(self) -> dict[str, Tensor]:
        """The tensors it was made of: those of a sparse matrix are three."""
        tensors = dict(self.state_dict())
        for layer in self.card.sparse:
            weight = tensors.pop(f"{layer}/weight")
            tensors |= _non_zeros(layer, weight.to_dense())
        return tensors

    def forward(
        self, tokens: Int[Tensor, "B T"], answers: Int[Tensor, "B P"] | None = None
    ) -> Float[Tensor, "B _ V"]:
        """Logits at every position, or only at `answers`.

        Raises:
            SettingError: more positions than n_ctx.
        """
        if tokens.shape[1] > self.card.n_ctx:
            raise SettingError(f"{tokens.shape[1]} positions, but n_ctx is {self.card.n_ctx}")
        return super().forward(tokens, answers)

    def keep_largest(self, x: Tensor, k: int) -> Tensor:
        """AbsTopK, on the quicker path."""
        return abs_topk_(x, k)


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
        top = site.top if kept.any() else None
        cut[site.name] = _Site(kept, constant.masked_fill(kept, 0.0), top)
    return cut


class _Cut:
    """The tensors of a cut circuit, by the names that `CutTransformer` reads."""

    def __init__(self, model: Transformer, sites: Mapping[str, _Site]) -> None:
        self.tensors: dict[str, Tensor] = {"embed": model.embed.weight}
        self.top: dict[str, int] = {}
        self.heads: list[int] = []
        if model.pos_embed is not None:
            self.tensors["pos_embed"] = model.pos_embed.weight
        if model.bigram is not None:
            self.tensors["bigram"] = model.bigram.weight
        for i, block in enumerate(model.blocks):
            block, name = cast(Block, block), f"blocks.{i}"
            read, hidden = sites[f"{name}.ln2.hook_normalized"], sites[f"{name}.mlp.hook_post"]
            self._attention(f"{i}", block, name, sites)
            self._stream(f"{i}", model)
            self._read(f"{i}/ln2", block.ln2, read)
            self._layer(f"{i}/up", block.mlp.up, read, hidden)
            self._write(f"{i}/down", block.mlp.down, hidden, sites[f"{name}.hook_mlp_out"])
        final = sites["ln_final.hook_normalized"]
        zeros = model.embed.weight.new_zeros(model.cfg.d_vocab)
        self._read("final", model.ln_final, final)
        self._layer("unembed", model.unembed, final, _Site(zeros == 0, zeros, None))
        self.tensors = {name: x.detach().clone() for name, x in self.tensors.items()}

    def calibrate(self, calibration: Calibration, candidates: Int[Tensor, " C"]) -> None:
        """Scale and shift move into the unembedding and the bigram table."""
        bias = self.tensors["unembed/bias"]
        self.tensors["unembed/bias"] = calibration.apply_to_all(bias, candidates)
        for name in self.tensors.keys() & {"unembed/weight", "bigram"}:
            self.tensors[name] *= calibration.scale

    def make_sparse(self) -> dict[str, tuple[int, int]]:
        """Store matrices by their non-zeros where products are quicker so; their shapes."""
        shapes: dict[str, tuple[int, int]] = {}
        for name, x in list(self.tensors.items()):
            if not name.endswith("/weight") or min(x.shape) < _SPARSE_FROM:
                continue
            if int(x.count_nonzero()) > _SPARSE_BELOW * x.numel():
                continue
            layer = name.removesuffix("/weight")
            shapes[layer] = (x.shape[0], x.shape[1])
            self.tensors |= _non_zeros(layer, x)
            del self.tensors[name]
        return shapes

    def _stream(self, block: str, model: Transformer) -> None:
        """AbsTopK on the residual stream, which holds no nodes."""
        parts: dict[str, SparseSite] = {"mid": "hook_resid_mid", "post": "hook_resid_post"}
        for part, site in parts.items():
            top = model.cfg.kept_at(site)
            if top is not None:
                self.top[f"{block}/{part}"] = top

    def _read(self, name: str, read: Read, site: _Site) -> None:
        self.tensors[f"{name}/channels"] = site.channels
        if site.top is not None:
            self.top[name] = site.top
        self._norm(name, read.norm)
        if read.pos is not None:
            self._norm(f"{name}/pos", read.pos)

    def _norm(self, name: str, norm: Norm) -> None:
        if norm.gain is not None:
            self.tensors[f"{name}/gain"] = norm.gain
        if norm.bias is not None:
            self.tensors[f"{name}/bias"] = norm.bias

    def _layer(
        self, name: str, layer: nn.Linear, source: _Site, target: _Site,
        rows: Tensor | None = None, columns: Tensor | None = None,
    ) -> None:  # fmt: skip
        """From the kept channels of `source` to those of `target`.

        `rows` and `columns` may name other channels: a row comes out constant, and 0 if it is -1.
        """
        rows = target.channels if rows is None else rows
        kept, constant = target.kept[rows] & (rows >= 0), target.constant[rows] * (rows >= 0)
        weight = layer.weight.detach()
        bias = weight @ source.constant
        bias = bias if layer.bias is None else bias + layer.bias.detach()
        weight = weight[:, source.channels if columns is None else columns]
        if target.top is None:
            weight, bias = weight[rows] * kept.unsqueeze(1), bias[rows].where(kept, constant)
        else:
            self.top[name] = target.top
            self.tensors |= {
                f"{name}/rows": rows.where(rows >= 0, 0),
                f"{name}/kept": kept,
                f"{name}/constant": constant,
            }
        self.tensors |= {f"{name}/weight": weight, f"{name}/bias": bias}

    def _write(
        self, name: str, layer: nn.Linear, source: _Site, target: _Site,
        columns: Tensor | None = None,
    ) -> None:  # fmt: skip
        """A layer whose output is added to the residual stream, beside the constants there."""
        self._layer(name, layer, source, target, columns=columns)
        self.tensors |= {f"{name}/to": target.channels, f"{name}/shift": target.constant}

    def _attention(self, block: str, whole: Block, name: str, sites: Mapping[str, _Site]) -> None:
        """Heads that pass more than a constant, each with the channels that matter there."""
        attn = whole.attn
        read, out = sites[f"{name}.ln1.hook_normalized"], sites[f"{name}.hook_attn_out"]
        q, k, v = (sites[f"{name}.attn.hook_{letter}"] for letter in "qkv")
        # Weights that sum to 1 hide constants: a constant key shifts all scores of a query alike,
        # a constant value comes out as it went in. Not so with a sink, which takes a share.
        sink = attn.sink is not None
        pairs = (q.kept | (q.constant != 0)) & (k.kept | (sink & (k.constant != 0)))
        values = v.kept | (sink & (v.constant != 0))
        pairs, values = (used.view(attn.cfg.n_heads, -1) for used in (pairs, values))
        heads = values.any(dim=1).nonzero().squeeze(1)
        self.heads.append(len(heads))
        counts = torch.cat([pairs[heads], values[heads]]).sum(dim=1).tolist()
        in_pairs, in_values = (_slots(used, heads, max([1, *counts])) for used in (pairs, values))
        self._read(f"{block}/ln1", whole.ln1, read)
        for letter, layer, target, rows in (
            ("q", attn.q, q, in_pairs), ("k", attn.k, k, in_pairs), ("v", attn.v, v, in_values),
        ):  # fmt: skip
            self._layer(f"{block}/{letter}", layer, read, target, rows)
        if attn.sink is not None:
            self.tensors[f"{block}/sink"] = attn.sink[heads]
        passed = _Site(v.kept, v.constant * (not sink), None)  # with a sink they are in the slots
        self._write(f"{block}/out", attn.out, passed, out, in_values)


def _slots(used: Bool[Tensor, "H K"], heads: Tensor, width: int) -> Int[Tensor, " slots"]:
    """`width` channels for every head in `heads`: those it uses, filled up with -1."""
    order = used[heads].int().argsort(dim=1, descending=True, stable=True)[:, :width]
    channels = order + heads.unsqueeze(1) * used.shape[1]
    return channels.where(used[heads].gather(1, order), -1).flatten()


def _non_zeros(layer: str, weight: Float[Tensor, "out in"]) -> dict[str, Tensor]:
    """A matrix by rows: where each starts, columns and values."""
    kept = weight != 0
    ends = kept.sum(dim=1).cumsum(0)
    return {
        f"{layer}/starts": torch.cat([ends.new_zeros(1), ends]),
        f"{layer}/columns": kept.nonzero()[:, 1].contiguous(),
        f"{layer}/values": weight[kept],
    }
