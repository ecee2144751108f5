"""Hugging Face folders of GPT-2's shape: `config.json` and `model.safetensors`, both ways.

GPT-2 is a transformer with learned positions, LayerNorm with gain and bias, and a tied
unembedding. Its matrices are stored (in, out), queries, keys and values side by side.
"""

import json
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from netseams.core import Config, FileFormatError, SettingError
from netseams.models.config import Activation, TransformerConfig
from netseams.models.foreign import Checkpoint, assemble, our_config, read_foreign_config
from netseams.models.transformer import Transformer
from netseams.store import load_pickled_tensors, load_tensors, save_tensors, write_text

CONFIG_FILE, WEIGHTS_FILE, PICKLE_FILE = "config.json", "model.safetensors", "pytorch_model.bin"
_ACTIVATIONS: dict[str, Activation] = {
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu": "gelu",
    "relu": "relu",
}
_NO_EFFECT = frozenset({
    "_name_or_path", "architectures", "attn_pdrop", "bos_token_id", "dtype", "embd_pdrop",
    "eos_token_id", "gradient_checkpointing", "id2label", "initializer_range", "label2id", "n_ctx",
    "pad_token_id", "problem_type", "reorder_and_upcast_attn", "resid_pdrop", "return_dict",
    "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type",
    "summary_use_proj", "task_specific_params", "torch_dtype", "transformers_version", "use_cache",
    "output_attentions", "output_hidden_states", "is_encoder_decoder", "chunk_size_feed_forward",
})  # fmt: skip


class GPT2Config(Config):
    """The keys of a GPT-2 `config.json` that decide what is computed, with their defaults."""

    model_type: Literal["gpt2"]
    vocab_size: int = 50257
    n_positions: int = 1024
    n_embd: int = 768
    n_layer: int = 12
    n_head: int = 12
    n_inner: int | None = None
    activation_function: Literal["gelu_new", "gelu_pytorch_tanh", "gelu", "relu"] = "gelu_new"
    layer_norm_epsilon: float = 1e-5
    tie_word_embeddings: bool = True
    scale_attn_weights: Literal[True] = True
    scale_attn_by_inverse_layer_idx: Literal[False] = False
    add_cross_attention: Literal[False] = False


def load_gpt2(folder: Path) -> Transformer:
    """Read a folder of GPT-2's shape. A `pytorch_model.bin` goes through the restricted loader.

    Warns:
        UserWarning: the config has keys that we do not know.

    Raises:
        FileFormatError: a file is missing or damaged, holds code, states something that GPT-2
            has not, or its tensors do not fit.
    """
    path = folder / CONFIG_FILE
    theirs = read_foreign_config(path, GPT2Config, _NO_EFFECT)
    cfg = our_config(
        path,
        n_layers=theirs.n_layer,
        n_heads=theirs.n_head,
        d_model=theirs.n_embd,
        d_mlp=theirs.n_inner or 4 * theirs.n_embd,
        n_ctx=theirs.n_positions,
        d_vocab=theirs.vocab_size,
        norm="layer",
        norm_gain=True,
        norm_bias=True,
        norm_epsilon=theirs.layer_norm_epsilon,
        activation=_ACTIVATIONS[theirs.activation_function],
        tied_unembed=theirs.tie_word_embeddings,
    )
    found = _weights(folder)
    if cfg.tied_unembed:
        found.drop(["lm_head.weight"])
    for i in range(cfg.n_layers):  # masks that older releases of transformers stored
        found.drop([f"h.{i}.attn.bias", f"h.{i}.attn.masked_bias"])
    tensors: dict[str, Tensor] = {}
    for ours, theirs_name, shape in _table(cfg):
        tensor = found.take(theirs_name, *shape)
        if isinstance(ours, str):
            tensors[ours] = tensor.T if tensor.ndim == 2 and ours.startswith("blocks") else tensor
        else:
            parts = tensor.T.chunk(3) if tensor.ndim == 2 else tensor.chunk(3)
            tensors |= dict(zip(ours, parts, strict=True))
    found.finish()
    return assemble(cfg, tensors)


def save_gpt2(folder: Path, model: Transformer) -> None:
    """Write `config.json` and `model.safetensors` for `transformers.GPT2LMHeadModel`.

    Raises:
        SettingError: the model has options that GPT-2 has not; nothing is written.
        StorageError: no space, or the folder cannot be written.
    """
    cfg = model.cfg
    wanted = {
        "positions": "learned", "activation_density": None, "sinks": False, "bigram": False,
        "d_head": cfg.d_model // cfg.n_heads, "norm": "layer", "norm_gain": True,
        "norm_bias": True, "residual": "identity", "biases": True, "unembed_bias": False,
        "causal": True,
    }  # fmt: skip
    if other := [f"{n}={getattr(cfg, n)}" for n, v in wanted.items() if getattr(cfg, n) != v]:
        raise SettingError(
            f"GPT-2 cannot express {', '.join(other)}: save such a model with save_model"
        )
    ours = model.state_dict()
    tensors: dict[str, Tensor] = {}
    for names, theirs, _ in _table(cfg):
        tensor = ours[names] if isinstance(names, str) else torch.cat([ours[n] for n in names])
        turned = tensor.ndim == 2 and theirs.startswith("h.")
        name = theirs if theirs.startswith("lm_head") else f"transformer.{theirs}"
        tensors[name] = tensor.T if turned else tensor
    save_tensors(folder / WEIGHTS_FILE, tensors, {"format": "pt"})
    activations = {ours: theirs for theirs, ours in reversed(_ACTIVATIONS.items())}
    theirs = GPT2Config(
        model_type="gpt2",
        vocab_size=cfg.d_vocab,
        n_positions=cfg.n_ctx,
        n_embd=cfg.d_model,
        n_layer=cfg.n_layers,
        n_head=cfg.n_heads,
        n_inner=cfg.d_mlp,
        activation_function=activations[cfg.activation],  # pyright: ignore[reportArgumentType]
        layer_norm_epsilon=cfg.norm_epsilon,
        tie_word_embeddings=cfg.tied_unembed,
    )
    values = {
        "architectures": ["GPT2LMHeadModel"],
        "bos_token_id": None,  # the defaults are those of GPT-2's own vocabulary
        "eos_token_id": None,
        **theirs.model_dump(mode="json"),
    }
    write_text(folder / CONFIG_FILE, json.dumps(values, indent=2))


def _weights(folder: Path) -> Checkpoint:
    """The tensors of a folder, without the `transformer.` that some files have in front."""
    if (folder / WEIGHTS_FILE).exists():
        path = folder / WEIGHTS_FILE
        tensors, _ = load_tensors(path)
    elif (folder / PICKLE_FILE).exists():
        path = folder / PICKLE_FILE
        tensors = load_pickled_tensors(path)
    else:
        raise FileFormatError(
            f"{folder} holds neither {WEIGHTS_FILE} nor {PICKLE_FILE}: put one there "
            "(a checkpoint in several parts must be saved as one file)"
        )
    return Checkpoint(path, {n.removeprefix("transformer."): t for n, t in tensors.items()})


def _table(cfg: TransformerConfig) -> list[tuple[str | list[str], str, tuple[int, ...]]]:
    """Our name (or three), GPT-2's, and the shape in GPT-2's file."""
    d, m = cfg.d_model, cfg.d_mlp
    table: list[tuple[str | list[str], str, tuple[int, ...]]] = [
        ("embed.weight", "wte.weight", (cfg.d_vocab, d)),
        ("pos_embed.weight", "wpe.weight", (cfg.n_ctx, d)),
        ("ln_final.norm.gain", "ln_f.weight", (d,)),
        ("ln_final.norm.bias", "ln_f.bias", (d,)),
    ]
    if not cfg.tied_unembed:
        table.append(("unembed.weight", "lm_head.weight", (cfg.d_vocab, d)))
    for i in range(cfg.n_layers):
        b, h = f"blocks.{i}", f"h.{i}"
        for n in "12":
            table.append((f"{b}.ln{n}.norm.gain", f"{h}.ln_{n}.weight", (d,)))
            table.append((f"{b}.ln{n}.norm.bias", f"{h}.ln_{n}.bias", (d,)))
        for ours, theirs, rows, columns in (
            ([f"{b}.attn.{n}" for n in "qkv"], "attn.c_attn", d, 3 * d),
            (f"{b}.attn.out", "attn.c_proj", d, d),
            (f"{b}.mlp.up", "mlp.c_fc", d, m),
            (f"{b}.mlp.down", "mlp.c_proj", m, d),
        ):
            for kind, shape in (("weight", (rows, columns)), ("bias", (columns,))):
                names = ([f"{n}.{kind}" for n in ours] if isinstance(ours, list)
                         else f"{ours}.{kind}")  # fmt: skip
                table.append((names, f"{h}.{theirs}.{kind}", shape))
    return table
