"""The transformer once more, in numpy and with loops, to compare with."""

import math

import numpy as np
import torch

from netseams.models import Transformer

Array = np.ndarray
_erf = np.vectorize(math.erf)
_ACTIVATIONS = {
    "gelu": lambda x: x * 0.5 * (1 + _erf(x / math.sqrt(2))),
    "gelu_tanh": lambda x: x * 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "relu": lambda x: np.where(x > 0, x, 0.0),
}


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

    def top(x: Array, site: str) -> Array:
        if cfg.activation_density is None or site not in cfg.activation_sites:
            return x
        n_kept = max(1, round(x.shape[-1] * cfg.activation_density))
        if cfg.activation_rounding == "down":
            n_kept = math.floor(x.shape[-1] * cfg.activation_density)
        kept = np.zeros_like(x)
        for row in np.ndindex(x.shape[:-1]):
            best = sorted(range(x.shape[-1]), key=lambda i: -abs(x[row][i]))[:n_kept]
            kept[row][best] = x[row][best]
        return kept

    def norm(name: str, x: Array) -> Array:
        if cfg.norm == "layer":
            x = x - x.mean(-1, keepdims=True)
        if cfg.norm != "none":
            x = x / np.sqrt((x**2).mean(-1, keepdims=True) + cfg.norm_epsilon)
        if cfg.norm_gain:
            x = x * w[f"{name}.gain"]
        return x + w[f"{name}.bias"] if cfg.norm_bias else x

    def read_by(name: str, x: Array) -> Array:
        read = norm(f"{name}.norm", x)
        if beside is not None:
            read = np.concatenate([read, norm(f"{name}.pos", beside)], axis=-1)
        return read

    def linear(name: str, x: Array) -> Array:
        y = x @ w[f"{name}.weight"].T
        return y + w[f"{name}.bias"] if cfg.biases else y

    def settle(x: Array, site: str) -> Array:
        return top(np.maximum(x, 0) if cfg.residual == "relu" else x, site)

    ids = tokens.numpy()
    n_rows, length = ids.shape
    d_head = cfg.head_width or cfg.d_model // cfg.n_heads
    beside = None
    x = at("hook_embed", w["embed.weight"][ids])
    if cfg.positions == "learned":
        x = x + at("hook_pos_embed", w["pos_embed.weight"][None, :length])
    if cfg.positions == "concatenated":
        beside = np.repeat(at("hook_pos_embed", w["pos_embed.weight"][None, :length]), n_rows, 0)
    for i in range(cfg.n_layers):
        b = f"blocks.{i}"
        x = at(f"{b}.hook_resid_pre", x)
        read = at(f"{b}.ln1.hook_normalized", top(read_by(f"{b}.ln1", x), "ln1.hook_normalized"))
        q, k, v = (
            at(
                f"{b}.attn.hook_{n}",
                top(linear(f"{b}.attn.{n}", read), f"attn.hook_{n}").reshape(
                    n_rows, length, cfg.n_heads, d_head
                ),
            )
            for n in "qkv"
        )
        z = np.zeros_like(v)
        for row, head, t in np.ndindex(n_rows, cfg.n_heads, length):
            scores = [q[row, t, head] @ k[row, s, head] / math.sqrt(d_head)
                      for s in range(t + 1 if cfg.causal else length)]  # fmt: skip
            shares = np.exp(scores)
            total = shares.sum()
            if cfg.sinks:
                total += math.exp(w[f"{b}.attn.sink"][head])
            for s in range(len(scores)):
                z[row, t, head] += shares[s] / total * v[row, s, head]
        z = at(f"{b}.attn.hook_z", z)
        write = top(linear(f"{b}.attn.out", z.reshape(n_rows, length, -1)), "hook_attn_out")
        x = settle(x + at(f"{b}.hook_attn_out", write), "hook_resid_mid")
        x = at(f"{b}.hook_resid_mid", x)
        read = at(f"{b}.ln2.hook_normalized", top(read_by(f"{b}.ln2", x), "ln2.hook_normalized"))
        hidden = linear(f"{b}.mlp.up", read)
        hidden = at(
            f"{b}.mlp.hook_post", top(_ACTIVATIONS[cfg.activation](hidden), "mlp.hook_post")
        )
        write = top(linear(f"{b}.mlp.down", hidden), "hook_mlp_out")
        x = settle(x + at(f"{b}.hook_mlp_out", write), "hook_resid_post")
        x = at(f"{b}.hook_resid_post", x)
    final = "ln_final.hook_normalized"
    read = at(final, top(norm("ln_final.norm", x), final))
    logits = read @ w["embed.weight" if cfg.tied_unembed else "unembed.weight"].T
    if cfg.unembed_bias:
        logits = logits + w["unembed.bias"]
    if cfg.bigram:
        logits = logits + w["bigram.weight"][ids]
    return logits, seen
