"""Parts of the transformer: norms, attention, MLP.

Shape letters as in `transformer.py`; R is the width that a block reads, A that of all heads.
"""

import math
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from netseams.masks import abs_topk, abs_topk_
from netseams.models.config import Activation, SparseSite, TransformerConfig

Hook = Callable[[Tensor], Tensor]


class Sites:
    """Applies hooks by site name; with none it only returns its input."""

    def __init__(self, hooks: Mapping[str, Hook] | None) -> None:
        self.hooks = hooks or {}

    def __call__(self, name: str, x: Tensor) -> Tensor:
        hook = self.hooks.get(name)
        return x if hook is None else hook(x)


class Norm(nn.Module):
    """RMSNorm, LayerNorm or nothing over the last axis; gain and bias as the config asks."""

    def __init__(self, cfg: TransformerConfig, width: int) -> None:
        super().__init__()
        self.kind, self.epsilon = cfg.norm, cfg.norm_epsilon
        self.gain = nn.Parameter(torch.ones(width)) if cfg.norm_gain else None
        self.bias = nn.Parameter(torch.zeros(width)) if cfg.norm_bias else None

    def forward(self, x: Float[Tensor, "*batch W"]) -> Float[Tensor, "*batch W"]:
        if self.kind == "layer":
            return F.layer_norm(x, x.shape[-1:], self.gain, self.bias, self.epsilon)
        x = x if self.kind == "none" else rms_norm(x, self.epsilon)
        x = x if self.gain is None else x * self.gain
        return x if self.bias is None else x + self.bias


class Read(nn.Module):
    """The normed residual stream; for a block, normed position channels beside it."""

    def __init__(self, cfg: TransformerConfig, site: SparseSite) -> None:
        super().__init__()
        self.cfg = cfg
        self.site: SparseSite = site
        self.norm = Norm(cfg, cfg.d_model)
        beside = cfg.width_of(site) - cfg.d_model
        self.pos = Norm(cfg, beside) if beside else None

    def forward(
        self, x: Float[Tensor, "B T D"], positions: Float[Tensor, "B T d_pos"] | None = None
    ) -> Float[Tensor, "B T R"]:
        read = self.norm(x)
        if self.pos is not None and positions is not None:
            read = torch.cat([read, self.pos(positions)], dim=-1)
        return sparsify(self.cfg, self.site, read)


class Attention(nn.Module):
    """Multi-head attention, causal unless the config says otherwise, with an optional sink."""

    def __init__(self, cfg: TransformerConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.q = nn.Linear(cfg.d_read, cfg.d_attn, bias=cfg.biases)
        self.k = nn.Linear(cfg.d_read, cfg.d_attn, bias=cfg.biases)
        self.v = nn.Linear(cfg.d_read, cfg.d_attn, bias=cfg.biases)
        self.out = nn.Linear(cfg.d_attn, cfg.d_model, bias=cfg.biases)
        self.sink = nn.Parameter(torch.zeros(cfg.n_heads)) if cfg.sinks else None

    def forward(
        self,
        x: Float[Tensor, "B T R"],
        at: Sites,
        prefix: str,
        answers: Int[Tensor, "B P"] | None,
    ) -> Float[Tensor, "B _ D"]:
        asking = x if answers is None else take(x, answers)
        sites: tuple[SparseSite, ...] = ("attn.hook_q", "attn.hook_k", "attn.hook_v")
        q, k, v = (
            at(f"{prefix}.hook_{site[-1]}", self._heads(sparsify(self.cfg, site, linear(read))))
            for site, linear, read in zip(
                sites, (self.q, self.k, self.v), (asking, x, x), strict=True
            )
        )
        q, k, v = (rearrange(t, "b t h k -> b h t k") for t in (q, k, v))
        z = self._attend(q, k, v, answers)
        z = at(f"{prefix}.hook_z", rearrange(z, "b h t k -> b t h k"))
        return self.out(rearrange(z, "b t h k -> b t (h k)"))

    def _heads(self, x: Float[Tensor, "B T A"]) -> Float[Tensor, "B T H K"]:
        return rearrange(x, "b t (h k) -> b t h k", h=self.cfg.n_heads)

    def _attend(
        self, q: Tensor, k: Tensor, v: Tensor, answers: Int[Tensor, "B P"] | None
    ) -> Float[Tensor, "B H _ K"]:
        if self.sink is None and answers is None:
            return F.scaled_dot_product_attention(q, k, v, is_causal=self.cfg.causal)
        keys = torch.arange(k.shape[2], device=k.device)
        # (T, T), or (B, 1, P, T) where only answer positions ask.
        asking = keys.unsqueeze(1) if answers is None else answers[:, None, :, None]
        visible = (keys <= asking) | (not self.cfg.causal)
        if self.sink is None:
            return F.scaled_dot_product_attention(q, k, v, attn_mask=visible)
        scores = (q @ k.transpose(2, 3) / math.sqrt(self.cfg.d_head)).masked_fill(
            ~visible, -torch.inf
        )
        sink = self.sink.view(1, -1, 1, 1).expand(*scores.shape[:3], 1)
        return torch.cat([scores, sink], dim=3).softmax(dim=3)[..., :-1] @ v


class MLP(nn.Module):
    """Two matrices around a pointwise function."""

    def __init__(self, cfg: TransformerConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.up = nn.Linear(cfg.d_read, cfg.d_mlp, bias=cfg.biases)
        self.down = nn.Linear(cfg.d_mlp, cfg.d_model, bias=cfg.biases)

    def forward(self, x: Float[Tensor, "B T R"], at: Sites, prefix: str) -> Float[Tensor, "B T D"]:
        hidden = activate(self.cfg.activation, self.up(x))
        return self.down(at(f"{prefix}.hook_post", sparsify(self.cfg, "mlp.hook_post", hidden)))


def take(x: Tensor, positions: Int[Tensor, "B P"]) -> Tensor:
    """(B, T, ...) -> (B, P, ...): every row at its own positions."""
    rows = torch.arange(len(x), device=x.device).unsqueeze(1)
    return x[rows, positions]


def rms_norm(x: Float[Tensor, "*batch D"], epsilon: float = 1e-5) -> Float[Tensor, "*batch D"]:
    """x / sqrt(mean(x^2) + epsilon) over the last axis."""
    return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + epsilon)


def activate(kind: Activation, x: Float[Tensor, "*batch M"]) -> Float[Tensor, "*batch M"]:
    """The pointwise function of an MLP."""
    if kind == "relu":
        return F.relu(x)
    return F.gelu(x, approximate="tanh" if kind == "gelu_tanh" else "none")


def sparsify(
    cfg: TransformerConfig, site: SparseSite, x: Float[Tensor, "*batch W"]
) -> Float[Tensor, "*batch W"]:
    """AbsTopK, in place, as configured for `site`; the identity where it is off.

    What comes out of a ReLU is left whole: the backward pass asks for it.
    """
    k = cfg.kept_at(site)
    if k is None:
        return x
    bent = cfg.residual if "resid" in site else cfg.activation if site == "mlp.hook_post" else None
    return abs_topk(x, k) if bent == "relu" else abs_topk_(x, k)


def settle(
    cfg: TransformerConfig, site: SparseSite, x: Float[Tensor, "*batch D"]
) -> Float[Tensor, "*batch D"]:
    """The residual stream after an addition."""
    return sparsify(cfg, site, F.relu(x) if cfg.residual == "relu" else x)
