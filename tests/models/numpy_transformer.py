"""The transformer once more, in numpy and with loops, to compare with."""

import math

import numpy as np
import torch

from netseams.models import Transformer

Array = np.ndarray
_erf = np.vectorize(math.erf)


def reference_logits(
    model: Transformer, tokens: torch.Tensor, edits: dict[str, Array] | None = None
) -> tuple[Array, dict[str, Array]]:
    """Logits (B, T, V) in double precision and every activation by site name.

    `edits` replaces activations, after they were recorded.
    """
    cfg = model.cfg
    w = {name: t.detach().double().numpy() for name, t in model.state_dict().items()}
    seen: dict[str, Array] = {}

    def at(name: str, x: Array) -> Array:
        seen[name] = x
        return x if edits is None or name not in edits else edits[name]

    def top(x: Array) -> Array:
        if cfg.activation_density is None:
            return x
        n_kept = max(1, round(x.shape[-1] * cfg.activation_density))
        kept = np.zeros_like(x)
        for row in np.ndindex(x.shape[:-1]):
            best = sorted(range(x.shape[-1]), key=lambda i: -abs(x[row][i]))[:n_kept]
            kept[row][best] = x[row][best]
        return kept

    def norm(x: Array) -> Array:
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5)

    def linear(name: str, x: Array) -> Array:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    ids = tokens.numpy()
    n_rows, length = ids.shape
    x = at("hook_embed", w["embed.weight"][ids])
    if cfg.positions == "learned":
        x = x + at("hook_pos_embed", w["pos_embed.weight"][None, :length])
    for i in range(cfg.n_layers):
        b = f"blocks.{i}"
        x = at(f"{b}.hook_resid_pre", x)
        read = at(f"{b}.ln1.hook_normalized", top(norm(x)))
        q, k, v = (
            at(
                f"{b}.attn.hook_{n}",
                top(linear(f"{b}.attn.{n}", read)).reshape(n_rows, length, cfg.n_heads, cfg.d_head),
            )
            for n in "qkv"
        )
        z = np.zeros_like(v)
        for row, head, t in np.ndindex(n_rows, cfg.n_heads, length):
            scores = [q[row, t, head] @ k[row, s, head] / math.sqrt(cfg.d_head)
                      for s in range(t + 1)]  # fmt: skip
            shares = np.exp(scores)
            total = shares.sum()
            if cfg.sinks:
                total += math.exp(w[f"{b}.attn.sink"][head])
            for s in range(t + 1):
                z[row, t, head] += shares[s] / total * v[row, s, head]
        z = at(f"{b}.attn.hook_z", z)
        write = top(linear(f"{b}.attn.out", z.reshape(n_rows, length, cfg.d_model)))
        x = at(f"{b}.hook_resid_mid", x + at(f"{b}.hook_attn_out", write))
        read = at(f"{b}.ln2.hook_normalized", top(norm(x)))
        hidden = linear(f"{b}.mlp.up", read)
        hidden = at(f"{b}.mlp.hook_post", top(hidden * 0.5 * (1 + _erf(hidden / math.sqrt(2)))))
        write = top(linear(f"{b}.mlp.down", hidden))
        x = at(f"{b}.hook_resid_post", x + at(f"{b}.hook_mlp_out", write))
    logits = at("ln_final.hook_normalized", top(norm(x))) @ w["unembed.weight"].T
    if cfg.bigram:
        logits = logits + w["bigram.weight"][ids]
    return logits, seen
