"""Runs a circuit that netseams exported. It needs torch and safetensors only.

model = load("circuit.safetensors"); logits = model(tokens)  # ids (B, T) -> (B, T, V)
"""

import json
import warnings
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor, nn


class CutTransformer(nn.Module):
    """Token ids (B, T) -> logits (B, T, V), or (B, P, V) at the positions `answers` (B, P)."""

    def __init__(self, header: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        super().__init__()
        self.header, tensors = header, dict(tensors)
        for layer, shape in header["sparse"].items():
            parts = [tensors.pop(f"{layer}/{part}") for part in ("starts", "columns", "values")]
            with warnings.catch_warnings(action="ignore"):  # torch calls sparse matrices "beta"
                weight = torch.sparse_csr_tensor(*parts, size=shape, check_invariants=True)
            mkl = torch.backends.mkl.is_available()
            tensors[f"{layer}/weight"] = weight if mkl else weight.to_dense()
        for name, x in tensors.items():
            self.register_buffer(name, x)

    def forward(self, tokens: Tensor, answers: Tensor | None = None) -> Tensor:
        x, at, beside = F.embedding(tokens, self.get_buffer("embed")), None, None
        if self.header["positions"] != "none":
            positions = self.get_buffer("pos_embed")[: tokens.shape[1]]
            if self.header["positions"] == "learned":
                x = x + positions
            else:  # read beside the stream, never written to
                beside = positions.expand(len(x), -1, -1)
        for i, heads in enumerate(self.header["heads"]):
            at = answers if i == len(self.header["heads"]) - 1 else None
            x = self.settle(f"{i}/mid", self.attention(f"{i}", heads, x, at, beside))
            if at is not None and beside is not None:
                beside = beside[0][at]
            hidden = self.layer(f"{i}/up", self.read(f"{i}/ln2", x, beside), self.bend)
            x = self.settle(f"{i}/post", self.write(f"{i}/down", x, hidden))
        logits = self.layer("unembed", self.read("final", x))
        if not self.header["bigram"]:
            return logits
        asking = tokens if at is None else tokens.gather(1, at)
        return logits + F.embedding(asking, self.get_buffer("bigram"))

    def keep_largest(self, x: Tensor, k: int) -> Tensor:
        return x * (x.abs() >= x.abs().topk(k, dim=-1).values[..., -1:])

    def bend(self, x: Tensor) -> Tensor:
        if self.header["activation"] == "relu":
            return F.relu(x)
        return F.gelu(x, approximate="tanh" if self.header["activation"] == "gelu_tanh" else "none")

    def settle(self, name: str, x: Tensor) -> Tensor:
        x = F.relu(x) if self.header["residual"] == "relu" else x
        return self.keep_largest(x, self.header["top"][name]) if name in self.header["top"] else x

    def norm(self, name: str, x: Tensor) -> Tensor:
        gain, bias = (self._buffers.get(f"{name}/{part}") for part in ("gain", "bias"))
        epsilon = self.header["norm_epsilon"]
        if self.header["norm"] == "layer":
            return F.layer_norm(x, x.shape[-1:], gain, bias, epsilon)
        if self.header["norm"] == "rms":
            x = x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + epsilon)
        x = x if gain is None else x * gain
        return x if bias is None else x + bias

    def read(self, name: str, x: Tensor, beside: Tensor | None = None) -> Tensor:
        x = self.norm(name, x)
        if beside is not None:
            x = torch.cat([x, self.norm(f"{name}/pos", beside)], dim=-1)
        if name in self.header["top"]:
            x = self.keep_largest(x, self.header["top"][name])
        return x[..., self.get_buffer(f"{name}/channels")]

    def layer(self, name: str, x: Tensor, bend: Any = None) -> Tensor:
        weight, bias = self.get_buffer(f"{name}/weight"), self.get_buffer(f"{name}/bias")
        if name in self.header["sparse"] and weight.is_sparse_csr:
            y = torch.addmm(bias.unsqueeze(1), weight, x.flatten(0, -2).T)
            y = y.T.unflatten(0, x.shape[:-1])
        else:
            y = F.linear(x, weight, bias)
        y = y if bend is None else bend(y)
        if name not in self.header["top"]:
            return y
        y = self.keep_largest(y, self.header["top"][name])[..., self.get_buffer(f"{name}/rows")]
        return y * self.get_buffer(f"{name}/kept") + self.get_buffer(f"{name}/constant")

    def write(self, name: str, x: Tensor, source: Tensor) -> Tensor:
        target, constant = (self.get_buffer(f"{name}/{key}") for key in ("to", "shift"))
        added = self.layer(name, source)
        if len(target) == x.shape[-1]:  # also: torch's ONNX exporter gets a whole index_add wrong
            return x + constant + added
        return (x + constant).index_add_(-1, target, added)

    def attention(
        self, block: str, heads: int, x: Tensor, answers: Tensor | None, beside: Tensor | None
    ) -> Tensor:
        read = asking = self.read(f"{block}/ln1", x, beside)
        if answers is not None:
            rows = torch.arange(len(x), device=x.device).unsqueeze(1)
            asking, x = read[rows, answers], x[rows, answers]
        if not heads:
            return self.write(f"{block}/out", x, x[..., :0])
        q, k, v = (
            self.layer(f"{block}/{letter}", y).unflatten(-1, (heads, -1)).transpose(1, 2)
            for letter, y in (("q", asking), ("k", read), ("v", read))
        )
        keys = torch.arange(k.shape[2], device=x.device)
        seen = keys <= (keys.unsqueeze(1) if answers is None else answers[:, None, :, None])
        scale = self.header["scale"]
        if self.header["sinks"]:
            scores = (q @ k.mT * scale).masked_fill(~seen, -torch.inf)
            sink = self.get_buffer(f"{block}/sink").view(1, -1, 1, 1).expand(*scores.shape[:3], 1)
            z = torch.cat([scores, sink], dim=3).softmax(dim=3)[..., :-1] @ v
        else:
            z = F.scaled_dot_product_attention(q, k, v, attn_mask=seen, scale=scale)
        return self.write(f"{block}/out", x, z.transpose(1, 2).flatten(2))


def load(path: str) -> CutTransformer:
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["circuit"])
        return CutTransformer(header, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
