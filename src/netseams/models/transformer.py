"""A decoder-only transformer with named sites, to be read in one sitting.

Shape letters: B batch, T position, D d_model, H heads, K d_head, M d_mlp, V vocabulary,
P answer positions. RMSNorm carries no gain: a gain folds into the matrix that follows it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor, nn

from netseams.core import Config, SettingError, UnknownNameError, generator
from netseams.masks import abs_topk_, kept_count

Hook = Callable[[Tensor], Tensor]


class TransformerConfig(Config):
    """Shape and options of a `Transformer`."""

    n_layers: int = Field(default=2, ge=1)
    n_heads: int = Field(default=8, ge=1)
    d_model: int = Field(default=128, ge=1)
    d_mlp: int = Field(default=512, ge=1)
    n_ctx: int = Field(default=64, ge=1)
    d_vocab: int = Field(default=1024, ge=2)
    positions: Literal["none", "learned"] = "learned"
    activation_density: float | None = Field(default=None, gt=0, le=1)
    """Share of channels that AbsTopK keeps at every node site; None switches it off."""
    sinks: bool = False
    """A learned logit per head in the softmax denominator."""
    bigram: bool = False
    """A dense table of the current token's row, added to the logits."""

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "TransformerConfig":
        if self.d_model % self.n_heads:
            raise ValueError(f"n_heads {self.n_heads} must divide d_model {self.d_model}")
        return self

    @property
    def d_head(self) -> int:
        return self.d_model // self.n_heads


class Sites:
    """Applies hooks by site name; with none it only returns its input."""

    def __init__(self, hooks: Mapping[str, Hook] | None) -> None:
        self.hooks = hooks or {}

    def __call__(self, name: str, x: Tensor) -> Tensor:
        hook = self.hooks.get(name)
        return x if hook is None else hook(x)


class Attention(nn.Module):
    """Causal multi-head attention with an optional sink."""

    def __init__(self, cfg: TransformerConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.q = nn.Linear(cfg.d_model, cfg.d_model)
        self.k = nn.Linear(cfg.d_model, cfg.d_model)
        self.v = nn.Linear(cfg.d_model, cfg.d_model)
        self.out = nn.Linear(cfg.d_model, cfg.d_model)
        self.sink = nn.Parameter(torch.zeros(cfg.n_heads)) if cfg.sinks else None

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        at: Sites,
        prefix: str,
        answers: Int[Tensor, "B P"] | None,
    ) -> Float[Tensor, "B _ D"]:
        asking = x if answers is None else take(x, answers)
        q, k, v = (
            at(f"{prefix}.hook_{name}", self._heads(sparsify(self.cfg, linear(read))))
            for name, linear, read in (("q", self.q, asking), ("k", self.k, x), ("v", self.v, x))
        )
        q, k, v = (rearrange(t, "b t h k -> b h t k") for t in (q, k, v))
        z = self._attend(q, k, v, answers)
        z = at(f"{prefix}.hook_z", rearrange(z, "b h t k -> b t h k"))
        return self.out(rearrange(z, "b t h k -> b t (h k)"))

    def _heads(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T H K"]:
        return rearrange(x, "b t (h k) -> b t h k", h=self.cfg.n_heads)

    def _attend(
        self, q: Tensor, k: Tensor, v: Tensor, answers: Int[Tensor, "B P"] | None
    ) -> Float[Tensor, "B H _ K"]:
        if self.sink is None and answers is None:
            return F.scaled_dot_product_attention(q, k, v, is_causal=True)
        keys = torch.arange(k.shape[2], device=k.device)
        # (T, T), or (B, 1, P, T) where only answer positions ask.
        asking = keys.unsqueeze(1) if answers is None else answers[:, None, :, None]
        visible = keys <= asking
        if self.sink is None:
            return F.scaled_dot_product_attention(q, k, v, attn_mask=visible)
        scores = (q @ k.transpose(2, 3) / math.sqrt(self.cfg.d_head)).masked_fill(
            ~visible, -torch.inf
        )
        sink = self.sink.view(1, -1, 1, 1).expand(*scores.shape[:3], 1)
        return torch.cat([scores, sink], dim=3).softmax(dim=3)[..., :-1] @ v


class MLP(nn.Module):
    """Two matrices around a GELU."""

    def __init__(self, cfg: TransformerConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.up = nn.Linear(cfg.d_model, cfg.d_mlp)
        self.down = nn.Linear(cfg.d_mlp, cfg.d_model)

    def forward(self, x: Float[Tensor, "B T D"], at: Sites, prefix: str) -> Float[Tensor, "B T D"]:
        return self.down(at(f"{prefix}.hook_post", sparsify(self.cfg, F.gelu(self.up(x)))))


class Block(nn.Module):
    """Reads the residual stream through a norm, writes back by adding, twice."""

    def __init__(self, cfg: TransformerConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.attn = Attention(cfg)
        self.mlp = MLP(cfg)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        at: Sites,
        name: str,
        answers: Int[Tensor, "B P"] | None = None,
    ) -> Float[Tensor, "B _ D"]:
        cfg = self.cfg
        x = at(f"{name}.hook_resid_pre", x)
        read = at(f"{name}.ln1.hook_normalized", sparsify(cfg, rms_norm(x)))
        write = self.attn(read, at, f"{name}.attn", answers)
        x = x if answers is None else take(x, answers)
        x = at(f"{name}.hook_resid_mid", x + at(f"{name}.hook_attn_out", sparsify(cfg, write)))
        read = at(f"{name}.ln2.hook_normalized", sparsify(cfg, rms_norm(x)))
        write = self.mlp(read, at, f"{name}.mlp")
        return at(f"{name}.hook_resid_post", x + at(f"{name}.hook_mlp_out", sparsify(cfg, write)))


class Transformer(nn.Module):
    """tokens (B, T) -> logits (B, T, V)."""

    def __init__(self, cfg: TransformerConfig, seed: int = 0) -> None:
        super().__init__()
        self.cfg = cfg
        self.embed = nn.Embedding(cfg.d_vocab, cfg.d_model)
        learned = cfg.positions == "learned"
        self.pos_embed = nn.Embedding(cfg.n_ctx, cfg.d_model) if learned else None
        self.blocks = nn.ModuleList(Block(cfg) for _ in range(cfg.n_layers))
        self.unembed = nn.Linear(cfg.d_model, cfg.d_vocab, bias=False)
        self.bigram = nn.Embedding(cfg.d_vocab, cfg.d_vocab) if cfg.bigram else None
        self._init_weights(seed)

    def _init_weights(self, seed: int) -> None:
        """GPT-2's scheme: N(0, 0.02), residual writes scaled by 1/sqrt(2 n_layers)."""
        draws = generator(seed, "init")
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if parameter.ndim < 2 or name.startswith("bigram"):
                    parameter.zero_()
                    continue
                writes = name.endswith(("attn.out.weight", "mlp.down.weight"))
                scale = 0.02 / math.sqrt(2 * self.cfg.n_layers) if writes else 0.02
                parameter.normal_(0.0, scale, generator=draws)

    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        hooks: Mapping[str, Hook] | None = None,
        answers: Int[Tensor, "B P"] | None = None,
    ) -> Float[Tensor, "B _ V"]:
        """Logits at every position, or only at `answers`.

        With `answers` the last block computes queries, its MLP and everything behind them at
        those positions alone, and its sites hold only them: P positions instead of T.

        Args:
            tokens: token ids, at most n_ctx positions.
            hooks: site name -> function of the activation, which returns its replacement.
            answers: per row, the positions whose logits are wanted.

        Raises:
            SettingError: more positions than n_ctx.
        """
        if tokens.shape[1] > self.cfg.n_ctx:
            raise SettingError(f"{tokens.shape[1]} positions, but n_ctx is {self.cfg.n_ctx}")
        at = Sites(hooks)
        x = at("hook_embed", self.embed(tokens))
        if self.pos_embed is not None:
            x = x + at("hook_pos_embed", self.pos_embed.weight[: tokens.shape[1]].unsqueeze(0))
        for i, block in enumerate(self.blocks):
            last = i == self.cfg.n_layers - 1
            x = block(x, at, f"blocks.{i}", answers if last else None)
        if answers is not None:
            tokens = take(tokens, answers)
        read = at("ln_final.hook_normalized", sparsify(self.cfg, rms_norm(x)))
        logits = self.unembed(read)
        return logits if self.bigram is None else logits + self.bigram(tokens)

    def run_with_hooks(
        self,
        tokens: Int[Tensor, "B T"],
        hooks: Mapping[str, Hook],
        answers: Int[Tensor, "B P"] | None = None,
    ) -> Float[Tensor, "B _ V"]:
        """`forward` that first checks every site name.

        Raises:
            UnknownNameError: a hook names no site of this model.
        """
        known = self.site_names()
        for name in hooks:
            if name not in known:
                raise UnknownNameError("site", name, known)
        return self(tokens, hooks, answers)

    def run_with_cache(
        self,
        tokens: Int[Tensor, "B T"],
        names: Sequence[str] | None = None,
        answers: Int[Tensor, "B P"] | None = None,
    ) -> tuple[Float[Tensor, "B _ V"], dict[str, Tensor]]:
        """Logits and the activations at `names` (all sites by default)."""
        cache: dict[str, Tensor] = {}

        def keep(name: str) -> Hook:
            def hook(x: Tensor) -> Tensor:
                cache[name] = x
                return x

            return hook

        wanted = self.site_names() if names is None else names
        logits = self.run_with_hooks(tokens, {name: keep(name) for name in wanted}, answers)
        return logits, cache

    def site_names(self) -> list[str]:
        """Every name at which a hook can be placed, in forward order."""
        names = ["hook_embed"]
        if self.pos_embed is not None:
            names.append("hook_pos_embed")
        for i in range(self.cfg.n_layers):
            names += [f"blocks.{i}.{site}" for site in BLOCK_SITES]
        return [*names, "ln_final.hook_normalized"]


BLOCK_SITES = (
    "hook_resid_pre",
    "ln1.hook_normalized",
    "attn.hook_q",
    "attn.hook_k",
    "attn.hook_v",
    "attn.hook_z",
    "hook_attn_out",
    "hook_resid_mid",
    "ln2.hook_normalized",
    "mlp.hook_post",
    "hook_mlp_out",
    "hook_resid_post",
)


def take(x: Tensor, positions: Int[Tensor, "B P"]) -> Tensor:
    """(B, T, ...) -> (B, P, ...): every row at its own positions."""
    rows = torch.arange(len(x), device=x.device).unsqueeze(1)
    return x[rows, positions]


def rms_norm(x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch D"]:
    """x / sqrt(mean(x^2) + 1e-5) over the last axis."""
    return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + 1e-5)


def sparsify(cfg: TransformerConfig, x: Float[Tensor, "*batch W"]) -> Float[Tensor, "*batch W"]:
    """AbsTopK, in place, at the configured share of channels; the identity where it is off."""
    if cfg.activation_density is None:
        return x
    return abs_topk_(x, kept_count(x.shape[-1], cfg.activation_density))
