"""A wider network that computes the same function, by hand: its bridges are known exactly."""

import math

import torch
from torch import Tensor

from netseams.models import Transformer, TransformerConfig


def wide_twin(model: Transformer, seed: int = 0) -> tuple[Transformer, Tensor]:
    """A twin of twice the width, and the matrix (wide, narrow) that leads to its residual.

    Its residual is `up @ x` with up = sqrt(2) Q[:, :D] and Q a rotation, so that both have equal
    root mean squares and the norms commute with the map; heads and channels beyond those of
    `model` are zero.
    """
    cfg = model.cfg
    d, w = cfg.d_model, 2 * cfg.d_model
    wide = cfg.model_copy(update={"n_heads": 2 * cfg.n_heads, "d_model": w})
    twin = Transformer(TransformerConfig(**wide.model_dump()))
    draws = torch.Generator().manual_seed(seed)
    rotation = torch.linalg.qr(torch.randn(w, w, generator=draws, dtype=torch.float64)).Q
    up = math.sqrt(2) * rotation[:, :d]
    back = up.T / 2
    ours = {name: tensor.double() for name, tensor in model.state_dict().items()}
    with torch.no_grad():
        for name, parameter in twin.named_parameters():
            parameter.zero_()
            parameter.copy_(_carried(name, ours[name], up, back, parameter))
    return twin, up.float()


def _carried(name: str, x: Tensor, up: Tensor, back: Tensor, into: Tensor) -> Tensor:
    if name.startswith("bigram"):
        return x
    if name in ("embed.weight", "pos_embed.weight"):
        return x @ up.T
    if name == "unembed.weight":
        return x @ back
    out = torch.zeros(into.shape, dtype=torch.float64)
    if name.endswith(("attn.q.weight", "attn.k.weight", "attn.v.weight")):
        out[: len(x)] = x @ back
    elif name.endswith("mlp.up.weight"):
        out[:] = x @ back
    elif name.endswith("attn.out.weight"):
        out[:, : x.shape[1]] = up @ x
    elif name.endswith(("mlp.down.weight", "attn.out.bias", "mlp.down.bias")):
        out[:] = up @ x
    else:  # biases of q, k, v and of the neurons; sinks
        out[: len(x)] = x
    return out
