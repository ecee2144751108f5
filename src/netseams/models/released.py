"""Checkpoints of openai/circuit_sparsity (arXiv 2511.13653): `beeg_config.json`, `final_model.pt`.

Facts from the released `inference/gpt.py`: RMSNorm's epsilon is that of single precision,
LayerNorm's 1e-5; AbsTopK keeps int(afrac * width) channels, over all heads together; GELU is the
exact one. Keys of the config that say nothing about the function are left out.
"""

from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from netseams.core import Config, FileFormatError
from netseams.models.config import SparseSite, TransformerConfig
from netseams.models.foreign import Checkpoint, assemble, our_config, read_foreign_config
from netseams.models.transformer import Transformer
from netseams.store import load_pickled_tensors

CONFIG_FILE, WEIGHTS_FILE = "beeg_config.json", "final_model.pt"
_NO_EFFECT = frozenset({
    "dropout", "debug_nans", "tokenizer_name", "grad_checkpointing", "flash",
    "learnable_bigram_table", "dropout_cat_pos_emb", "sinusoidal_cat_pos_emb",
    "enable_sparse_kernels", "pfrac", "bigram_table_rank",
})  # fmt: skip
_SITES: dict[str, SparseSite] = {
    "attn_in": "ln1.hook_normalized",
    "attn_q": "attn.hook_q",
    "attn_k": "attn.hook_k",
    "attn_v": "attn.hook_v",
    "attn_out": "hook_attn_out",
    "resid_post_attn": "hook_resid_mid",
    "mlp_in": "ln2.hook_normalized",
    "mlp_neuron": "mlp.hook_post",
    "mlp_out": "hook_mlp_out",
    "resid_post_mlp": "hook_resid_post",
}


class ReleasedConfig(Config):
    """The keys of `beeg_config.json` that decide what is computed, with the release's defaults."""

    block_size: int = 1024
    vocab_size: int = 50304
    n_layer: int = 12
    n_head: int = 12
    d_head: int | None = None
    d_model: int = 768
    d_mlp: int | None = None
    n_mlp: int | None = None
    """Older name of `d_mlp`."""
    bias: bool = True
    ln_bias: bool = True
    rms_norm: bool = False
    residual_activation_type: Literal["identity", "relu"] = "identity"
    activation_type: Literal["gelu", "relu"] = "gelu"
    afrac: float | None = None
    afrac_loctypes: str = "attn_in,attn_out,mlp_in,mlp_out"
    tied_unembed: bool = True
    enable_bigram_table: bool = False
    d_pos_emb: int | None = Field(default=None, ge=1)
    sink: bool = False
    use_tied_aux_matrix: Literal[False] | None = None
    """A variant that the release no longer holds."""


def load_released(folder: Path) -> Transformer:
    """Read a released checkpoint. Its pickle goes through the restricted loader.

    A table of positions or a logit bias that is zero throughout is left out.

    Warns:
        UserWarning: the config has keys that we do not know.

    Raises:
        FileFormatError: a file is missing or damaged, holds code, or its tensors do not fit.
    """
    path = folder / CONFIG_FILE
    theirs = read_foreign_config(path, ReleasedConfig, _NO_EFFECT)
    found = Checkpoint(folder / WEIGHTS_FILE, load_pickled_tensors(folder / WEIGHTS_FILE))
    # Masks of the slow attention.
    found.drop(f"transformer.h.{i}.attn.bias" for i in range(theirs.n_layer))
    wide = theirs.d_pos_emb or theirs.d_model
    positions = found.take("transformer.wpe.weight", theirs.block_size, wide)
    bias = torch.zeros(0)
    if found.has("final_logits_bias"):
        bias = found.take("final_logits_bias", theirs.vocab_size)
    cfg = _translate(path, theirs, bool(positions.any()), bool(bias.any()))
    tensors = _outside_blocks(theirs, cfg, found)
    if cfg.positions != "none":
        tensors["pos_embed.weight"] = positions
    if cfg.unembed_bias:
        tensors["unembed.bias"] = bias
    for i in range(cfg.n_layers):
        block = _block(f"transformer.h.{i}", cfg, found)
        tensors |= {f"blocks.{i}.{name}": tensor for name, tensor in block.items()}
    found.finish()
    return assemble(cfg, tensors)


def _translate(
    path: Path, theirs: ReleasedConfig, has_positions: bool, has_bias: bool
) -> TransformerConfig:
    """Raises FileFormatError where the options are impossible."""
    if unknown := sorted(set(theirs.afrac_loctypes.split(",")) - {*_SITES, ""}):
        raise FileFormatError(f"{path}: afrac_loctypes {unknown} are not among {list(_SITES)}")
    sites = [ours for name, ours in _SITES.items() if name in theirs.afrac_loctypes.split(",")]
    sparse = {"activation_density": theirs.afrac, "activation_sites": sites,
              "activation_rounding": "down"}  # fmt: skip
    added = "learned" if has_positions else "none"
    return our_config(
        path,
        n_layers=theirs.n_layer,
        n_heads=theirs.n_head,
        d_model=theirs.d_model,
        d_mlp=theirs.n_mlp or theirs.d_mlp or 4 * theirs.d_model,
        n_ctx=theirs.block_size,
        d_vocab=theirs.vocab_size,
        positions=added if theirs.d_pos_emb is None else "concatenated",
        d_pos=theirs.d_pos_emb or 0,
        head_width=theirs.d_head,
        sinks=theirs.sink,
        bigram=theirs.enable_bigram_table,
        norm="rms" if theirs.rms_norm else "layer",
        norm_gain=True,
        norm_bias=theirs.ln_bias and not theirs.rms_norm,
        norm_epsilon=torch.finfo(torch.float32).eps if theirs.rms_norm else 1e-5,
        activation=theirs.activation_type,
        residual=theirs.residual_activation_type,
        biases=theirs.bias,
        tied_unembed=theirs.tied_unembed,
        unembed_bias=has_bias,
        **(sparse if theirs.afrac is not None and sites else {}),
    )


def _outside_blocks(
    theirs: ReleasedConfig, cfg: TransformerConfig, found: Checkpoint
) -> dict[str, Tensor]:
    v, d = cfg.d_vocab, cfg.d_model
    tensors = {"embed.weight": found.take("transformer.wte.weight", v, d)}
    unembed = found.take("lm_head.weight", v, d)
    if not theirs.tied_unembed:
        tensors["unembed.weight"] = unembed
    elif not torch.equal(unembed, tensors["embed.weight"]):
        raise FileFormatError(
            f"{found.path}: the config ties lm_head to wte, but the two differ: one is wrong"
        )
    if cfg.bigram:
        tensors["bigram.weight"] = found.take("bigram_table", v, v)
    return tensors | _norm("ln_final.norm", "transformer.ln_f", d, cfg, found)


def _norm(
    ours: str, theirs: str, width: int, cfg: TransformerConfig, found: Checkpoint
) -> dict[str, Tensor]:
    tensors = {f"{ours}.gain": found.take(f"{theirs}.weight", width)}
    if cfg.norm_bias:
        tensors[f"{ours}.bias"] = found.take(f"{theirs}.bias", width)
    return tensors


def _block(prefix: str, cfg: TransformerConfig, found: Checkpoint) -> dict[str, Tensor]:
    """The tensors of one block, by our names behind `blocks.{i}.`."""
    tensors: dict[str, Tensor] = {}
    for n in "12":
        tensors |= _norm(f"ln{n}.norm", f"{prefix}.ln_{n}", cfg.d_model, cfg, found)
        if cfg.d_pos:
            tensors |= _norm(f"ln{n}.pos", f"{prefix}.ln_p{n}", cfg.d_pos, cfg, found)
    joint = ("attn.c_attn", 3 * cfg.d_attn, cfg.d_read)
    for ours, (theirs, rows, columns) in {
        "joint": joint,
        "attn.out": ("attn.c_proj", cfg.d_model, cfg.d_attn),
        "mlp.up": ("mlp.c_fc", cfg.d_mlp, cfg.d_read),
        "mlp.down": ("mlp.c_proj", cfg.d_model, cfg.d_mlp),
    }.items():
        parts = {"weight": found.take(f"{prefix}.{theirs}.weight", rows, columns)}
        if cfg.biases:
            parts["bias"] = found.take(f"{prefix}.{theirs}.bias", rows)
        for kind, tensor in parts.items():
            if ours != "joint":
                tensors[f"{ours}.{kind}"] = tensor
                continue
            for letter, part in zip("qkv", tensor.split(cfg.d_attn), strict=True):
                tensors[f"attn.{letter}.{kind}"] = part
    if cfg.sinks:
        tensors["attn.sink"] = found.take(f"{prefix}.attn.attn_imp.sink_logit", cfg.n_heads)
    return tensors
