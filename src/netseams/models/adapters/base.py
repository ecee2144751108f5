"""What an adapter says: where a family of models keeps its node sites and matrices."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from netseams.core import Registry
from netseams.models.nodes import Matrix, Site

Side = Literal["input", "output"]


@dataclass(frozen=True)
class Input:
    """An activation that enters a module, where no module gives exactly it."""

    module: str


@dataclass(frozen=True)
class Fused:
    """One of queries, keys and values out of a layer that computes all three.

    Args:
        order: `thirds` for [q, k, v], each of all heads (GPT-2); `heads` for q, k and v head
            after head (GPT-NeoX).
    """

    module: str
    part: Literal[0, 1, 2]
    order: Literal["thirds", "heads"]


@dataclass(frozen=True)
class Adapter:
    """Module paths of one family. Those of a block are relative to it, others to the base model.

    A plain string is a linear layer, whose output is the site; reads are outputs of norms, or
    `Input(...)` of what reads them.
    """

    blocks: str
    attn_read: str | Input
    q: str | Fused
    k: str | Fused
    v: str | Fused
    attn_write: str
    mlp_read: str | Input
    mlp_up: tuple[str, ...]
    """Layers from the read to the hidden channels: one, or gate and up."""
    mlp_write: str
    """Its input are the hidden channels behind the nonlinearity."""
    final_read: str
    """`{last}` stands for the number of the last block."""
    causal: bool = True


ADAPTERS: Registry[Adapter] = Registry("adapter for Hugging Face models of type")
"""Hugging Face's `model_type` -> its adapter. Register your own before loading a model."""


class Packed(NamedTuple):
    """Where one of queries, keys and values lies in the output of a fused layer."""

    unfolded: tuple[int, int, int]
    axis: int
    part: int

    def of(self, x: Tensor, dim: int) -> Tensor:
        """Its share of `x`, whose axis `dim` (not negative) is fused: (heads, width) there."""
        return x.unflatten(dim, self.unfolded).select(dim + self.axis, self.part)

    def put(self, x: Tensor, value: Tensor, dim: int) -> Tensor:
        """A copy of `x` with `value` in its place."""
        parts = list(x.unflatten(dim, self.unfolded).unbind(dim + self.axis))
        parts[self.part] = value
        return torch.stack(parts, dim + self.axis).flatten(dim, dim + 2)


@dataclass(frozen=True)
class Place:
    """Where a site is in the module tree of one model."""

    module: str
    side: Side
    shape: tuple[int, ...]
    """Of one position at the site."""
    packed: Packed | None = None


@dataclass(frozen=True)
class Weight:
    """Where the weights of a matrix are in one model."""

    module: str
    packed: Packed | None = None


@dataclass(frozen=True)
class Heads:
    """The attention heads of one model."""

    queries: int
    keys: int
    width: int


def lay_out(
    adapter: Adapter, root: str, n_layers: int, heads: Heads, d_model: int, d_mlp: int
) -> Iterator[tuple[Site, Place, list[tuple[Matrix, Weight]]]]:
    """Every site in forward order with its place, and the matrices that lead to it.

    Args:
        root: path of the base model in the whole, empty or with a dot at its end.
    """
    write = (d_model,)
    for i in range(n_layers):
        inside, b = f"{root}{adapter.blocks}.{i}.", f"blocks.{i}"
        ln1, ln2 = f"{b}.ln1.hook_normalized", f"{b}.ln2.hook_normalized"
        yield _site(ln1, write), _place(inside, adapter.attn_read, write), []
        for letter, layer in zip("qkv", (adapter.q, adapter.k, adapter.v), strict=True):
            shape = (heads.queries if letter == "q" else heads.keys, heads.width)
            site = _site(f"{b}.attn.hook_{letter}", shape)
            matrix = Matrix(f"{b}.attn.{letter}.weight", ln1, site.name)
            place = _place(inside, layer, shape, heads)
            yield site, place, [(matrix, Weight(place.module, place.packed))]
        v, hidden = f"{b}.attn.hook_v", f"{b}.mlp.hook_post"
        site, sharing = _site(f"{b}.hook_attn_out", write), heads.queries // heads.keys
        matrix = Matrix(
            f"{b}.attn.out.weight", v, site.name, sharing, heads.width if sharing > 1 else 1
        )
        place = _place(inside, adapter.attn_write, write)
        yield site, place, [(matrix, Weight(place.module))]
        yield _site(ln2, write), _place(inside, adapter.mlp_read, write), []
        names = ("up",) if len(adapter.mlp_up) == 1 else ("gate", "up")
        yield (
            _site(hidden, (d_mlp,)),
            Place(inside + adapter.mlp_write, "input", (d_mlp,)),
            [
                (Matrix(f"{b}.mlp.{name}.weight", ln2, hidden), Weight(inside + layer))
                for name, layer in zip(names, adapter.mlp_up, strict=True)
            ],
        )
        site = _site(f"{b}.hook_mlp_out", write)
        place = _place(inside, adapter.mlp_write, write)
        matrix = Matrix(f"{b}.mlp.down.weight", hidden, site.name)
        yield site, place, [(matrix, Weight(place.module))]
    final = adapter.final_read.replace("{last}", str(n_layers - 1))
    yield _site("ln_final.hook_normalized", write), _place(root, final, write), []


def _site(name: str, shape: tuple[int, ...]) -> Site:
    return Site(name, math.prod(shape), shape)


def _place(
    root: str, where: str | Input | Fused, shape: tuple[int, ...], heads: Heads | None = None
) -> Place:
    if isinstance(where, str):
        return Place(root + where, "output", shape)
    if isinstance(where, Input):
        return Place(root + where.module, "input", shape)
    assert heads is not None
    n, width = heads.queries, heads.width
    unfolded, axis = ((3, n, width), 0) if where.order == "thirds" else ((n, 3, width), 1)
    return Place(root + where.module, "output", shape, Packed(unfolded, axis, where.part))
