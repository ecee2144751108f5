"""A decoder-only transformer with named sites, to be read in one sitting (with `parts.py`).

Shape letters: B batch, T position, D d_model, H heads, K d_head, M d_mlp, V vocabulary,
P answer positions. By default RMSNorm carries no gain: it folds into the matrix that follows.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from netseams.core import SettingError, generator
from netseams.models.config import TransformerConfig
from netseams.models.network import Network
from netseams.models.parts import MLP, Attention, Hook, Read, Sites, settle, sparsify, take


class Block(nn.Module):
    """Reads the residual stream through a norm, writes back by adding, twice."""

    def __init__(self, cfg: TransformerConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.ln1 = Read(cfg, "ln1.hook_normalized")
        self.attn = Attention(cfg)
        self.ln2 = Read(cfg, "ln2.hook_normalized")
        self.mlp = MLP(cfg)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        at: Sites,
        name: str,
        answers: Int[Tensor, "B P"] | None = None,
        positions: Float[Tensor, "B T d_pos"] | None = None,
    ) -> Float[Tensor, "B _ D"]:
        cfg = self.cfg
        x = at(f"{name}.hook_resid_pre", x)
        read = at(f"{name}.ln1.hook_normalized", self.ln1(x, positions))
        write = sparsify(cfg, "hook_attn_out", self.attn(read, at, f"{name}.attn", answers))
        if answers is not None:
            x = take(x, answers)
            positions = None if positions is None else take(positions, answers)
        x = settle(cfg, "hook_resid_mid", x + at(f"{name}.hook_attn_out", write))
        x = at(f"{name}.hook_resid_mid", x)
        read = at(f"{name}.ln2.hook_normalized", self.ln2(x, positions))
        write = sparsify(cfg, "hook_mlp_out", self.mlp(read, at, f"{name}.mlp"))
        x = settle(cfg, "hook_resid_post", x + at(f"{name}.hook_mlp_out", write))
        return at(f"{name}.hook_resid_post", x)


class Transformer(Network):
    """tokens (B, T) -> logits (B, T, V)."""

    def __init__(self, cfg: TransformerConfig, seed: int = 0) -> None:
        super().__init__()
        self.cfg: TransformerConfig = cfg  # pyright: ignore[reportIncompatibleVariableOverride]
        self.embed = nn.Embedding(cfg.d_vocab, cfg.d_model)
        width = {"none": None, "learned": cfg.d_model, "concatenated": cfg.d_pos}[cfg.positions]
        self.pos_embed = None if width is None else nn.Embedding(cfg.n_ctx, width)
        self.blocks = nn.ModuleList(Block(cfg) for _ in range(cfg.n_layers))
        self.ln_final = Read(cfg, "ln_final.hook_normalized")
        self.unembed = nn.Linear(cfg.d_model, cfg.d_vocab, bias=cfg.unembed_bias)
        if cfg.tied_unembed:
            self.unembed.weight = self.embed.weight
            self.register_state_dict_post_hook(_leave_out_tied)
            self.register_load_state_dict_pre_hook(_put_back_tied)
        self.bigram = nn.Embedding(cfg.d_vocab, cfg.d_vocab) if cfg.bigram else None
        self._init_weights(seed)

    def _init_weights(self, seed: int) -> None:
        """GPT-2's scheme: N(0, 0.02), residual writes scaled by 1/sqrt(2 n_layers), gains 1."""
        draws = generator(seed, "init")
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if name.endswith(".gain"):
                    continue
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
        """Logits at every position, or only at `answers`, on the model's device.

        With `answers` the last block computes queries, its MLP and everything behind them at
        those positions alone, and its sites hold only them: P positions instead of T.

        Args:
            tokens: token ids, at most n_ctx positions, on any device, like `answers`.
            hooks: site name -> function of the activation, which returns its replacement.
            answers: per row, the positions whose logits are wanted.

        Raises:
            SettingError: more positions than n_ctx.
        """
        if tokens.shape[1] > self.cfg.n_ctx:
            raise SettingError(f"{tokens.shape[1]} positions, but n_ctx is {self.cfg.n_ctx}")
        tokens = tokens.to(self.device)
        answers = None if answers is None else answers.to(self.device)
        at = Sites(hooks)
        x, beside = at("hook_embed", self.embed(tokens)), None
        if self.pos_embed is not None:
            positions = self.pos_embed.weight[: tokens.shape[1]].unsqueeze(0)
            positions = at("hook_pos_embed", positions)
            if self.cfg.positions == "learned":
                x = x + positions
            else:
                beside = positions.expand(len(x), -1, -1)
        for i, block in enumerate(self.blocks):
            last = i == self.cfg.n_layers - 1
            x = block(x, at, f"blocks.{i}", answers if last else None, beside)
        if answers is not None:
            tokens = take(tokens, answers)
        read = at("ln_final.hook_normalized", self.ln_final(x))
        logits = self.unembed(read)
        return logits if self.bigram is None else logits + self.bigram(tokens)

    def site_names(self) -> list[str]:
        """Every name at which a hook can be placed, in forward order."""
        names = ["hook_embed"]
        if self.pos_embed is not None:
            names.append("hook_pos_embed")
        for i in range(self.cfg.n_layers):
            names += [f"blocks.{i}.{site}" for site in BLOCK_SITES]
        return [*names, "ln_final.hook_normalized"]

    def matrix(self, name: str) -> Float[Tensor, "out in"]:
        return self.get_parameter(name)


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


def _leave_out_tied(model: nn.Module, tensors: dict[str, Tensor], prefix: str, _: object) -> None:
    """A tied matrix is stored once: files of tensors cannot hold one memory under two names."""
    del tensors[f"{prefix}unembed.weight"]


def _put_back_tied(model: nn.Module, tensors: dict[str, Tensor], prefix: str, *_: Any) -> None:
    if f"{prefix}embed.weight" in tensors:
        tensors[f"{prefix}unembed.weight"] = tensors[f"{prefix}embed.weight"]
