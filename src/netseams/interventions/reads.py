"""Follow what every component writes to the residual stream, and change what each one reads.

All of it by hooks: the forward pass stays that of the model.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, cast

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from netseams.core import SettingError
from netseams.models import Hook, Transformer, TransformerConfig, component_graph
from netseams.models.config import SparseSite
from netseams.models.parts import Attention, Read, sparsify, take
from netseams.models.transformer import Block

SourceValues = Mapping[str, Tensor]
"""Source -> what it writes: (B, T, D), or what broadcasts to it. Where a run has answer positions,
the components of the last block write at those alone."""

Mix = Callable[[slice, Tensor, Tensor], Tensor]
"""(links, current (S, R, T, D), given (S, R, T, D)) -> (G, R, T, D): what the G targets of the
links read of the S sources, which write `current` now and for which `given` was handed in."""


def check_additive(cfg: TransformerConfig) -> None:
    """Confirm that the residual stream is the sum of what components write.

    Raises:
        SettingError: something bends the stream after an addition.
    """
    sites: tuple[SparseSite, ...] = ("hook_resid_mid", "hook_resid_post")
    bent = [f"AbsTopK at {site}" for site in sites if cfg.kept_at(site) is not None]
    if cfg.residual != "identity":
        bent.append("ReLU")
    if bent:
        raise SettingError(
            f"links need a residual stream that is the sum of its writes, but {bent[0]} bends it: "
            "search this model at another granularity"
        )


def head_writes(attn: Attention, z: Float[Tensor, "R T H K"]) -> Float[Tensor, "H R T D"]:
    """What every head adds through `attn.out`, before AbsTopK and without the bias."""
    weight = rearrange(attn.out.weight, "d (h k) -> h k d", k=attn.cfg.d_head)
    return torch.einsum("bthk,hkd->hbtd", z, weight)


class Streams(NamedTuple):
    """What has been written so far."""

    current: Float[Tensor, "S R T D"]
    given: Float[Tensor, "S R T D"]
    rest: Float[Tensor, "R T D"]
    """What no component writes: the biases of `attn.out`."""
    beside: Float[Tensor, "R T d_pos"] | None
    """Concatenated positions."""

    def at(self, positions: Int[Tensor, "R P"]) -> "Streams":
        """The same at some positions of every row."""
        rows = torch.arange(len(positions), device=positions.device).unsqueeze(1)
        beside = None if self.beside is None else take(self.beside, positions)
        return Streams(
            self.current[:, rows, positions], self.given[:, rows, positions],
            take(self.rest, positions), beside,
        )  # fmt: skip


class Reads:
    """Hooks for one forward pass.

    Args:
        answers: those of the forward pass.
        mix: makes what is read; None only looks on.
        given: handed to `mix`, source by source.
        embedded: (R, T, D) in the place of embedding plus learned positions.

    Raises:
        SettingError: the residual stream of this model is no sum of writes.
    """

    def __init__(
        self,
        model: Transformer,
        answers: Int[Tensor, "R P"] | None = None,
        mix: Mix | None = None,
        given: SourceValues | None = None,
        embedded: Float[Tensor, "R T D"] | None = None,
    ) -> None:
        check_additive(model.cfg)
        self.written: dict[str, Tensor] = {}
        """Source -> (R, T, D), or (R, P, D) in the last block; filled by the forward pass."""
        self._model, self._answers, self._mix = model, answers, mix
        self._given, self._embedded = given or {}, embedded
        self._graph = component_graph(model.cfg)
        self._positions: Tensor | None = None
        self._streams: Streams | None = None

    def hooks(self) -> dict[str, Hook]:
        """Site -> hook, for `Transformer.forward`."""
        hooks: dict[str, Hook] = {"blocks.0.hook_resid_pre": self._start}
        if self._model.cfg.positions == "concatenated":
            hooks["hook_pos_embed"] = self._keep_positions
        for i, block in enumerate(cast("list[Block]", self._model.blocks)):
            name, last = f"blocks.{i}", i == self._model.cfg.n_layers - 1
            if self._mix is not None:
                for slot in "qkv":
                    asking = last and slot == "q"
                    hooks[f"{name}.attn.hook_{slot}"] = self._head_reads(block, i, slot, asking)
                hooks[f"{name}.ln2.hook_normalized"] = self._one_read(block.ln2, f"m{i}")
            hooks |= self._attention_writes(block.attn, i, last)
            hooks[f"{name}.hook_mlp_out"] = self._mlp_writes(i)
        if self._mix is not None:
            hooks["ln_final.hook_normalized"] = self._one_read(self._model.ln_final, "logits")
        return hooks

    def _keep_positions(self, x: Tensor) -> Tensor:
        self._positions = x
        return x

    def _start(self, x: Tensor) -> Tensor:
        x = x if self._embedded is None else self._embedded
        nothing = x.new_zeros(0, *x.shape)
        beside = None if self._positions is None else self._positions.expand(len(x), -1, -1)
        self._streams = Streams(nothing, nothing, torch.zeros_like(x), beside)
        self._write({"input": x})
        return x

    @property
    def _now(self) -> Streams:
        assert self._streams is not None
        return self._streams

    def _write(self, writes: dict[str, Tensor]) -> None:
        self.written |= writes
        if self._mix is None:
            return
        given = [self._given[source].expand_as(x) for source, x in writes.items()]
        self._streams = self._now._replace(
            current=torch.cat([self._now.current, torch.stack(list(writes.values()))]),
            given=torch.cat([self._now.given, torch.stack(given)]),
        )

    def _read(self, read: Read, links: slice, streams: Streams) -> Float[Tensor, "G R T W"]:
        assert self._mix is not None
        x = self._mix(links, streams.current, streams.given) + streams.rest
        beside = streams.beside
        if beside is not None:
            beside = beside.expand(len(x), *beside.shape).flatten(0, 1)
        return read(x.flatten(0, 1), beside).unflatten(0, x.shape[:2])

    def _head_reads(self, block: Block, layer: int, slot: str, asking: bool) -> Hook:
        attn, links = block.attn, self._graph.into_heads(layer, slot)
        linear, site = getattr(attn, slot), cast(SparseSite, f"attn.hook_{slot}")

        def hook(x: Tensor) -> Tensor:
            asked = self._answers if asking else None
            streams = self._now if asked is None else self._now.at(asked)
            read = self._read(block.ln1, links, streams)
            weight = rearrange(linear.weight, "(h k) r -> h k r", k=attn.cfg.d_head)
            heads = torch.einsum("hbtr,hkr->bthk", read, weight).flatten(2)
            if linear.bias is not None:
                heads = heads + linear.bias
            return sparsify(attn.cfg, site, heads).view(x.shape)

        return hook

    def _attention_writes(self, attn: Attention, layer: int, last: bool) -> dict[str, Hook]:
        seen: list[Tensor] = []

        def heads(z: Tensor) -> Tensor:
            if last and self._answers is not None:
                self._streams = self._now.at(self._answers)
            seen.append(head_writes(attn, z))
            return z

        def all_of_them(x: Tensor) -> Tensor:
            writes, bias = seen.pop(), attn.out.bias
            if attn.cfg.kept_at("hook_attn_out") is not None:
                passed = (x != 0).to(x.dtype)
                writes, bias = writes * passed, None if bias is None else bias * passed
            if bias is not None:
                self._streams = self._now._replace(rest=self._now.rest + bias)
            self._write({f"a{layer}.h{h}": write for h, write in enumerate(writes)})
            return x

        name = f"blocks.{layer}"
        return {f"{name}.attn.hook_z": heads, f"{name}.hook_attn_out": all_of_them}

    def _one_read(self, read: Read, target: str) -> Hook:
        links = self._graph.into(target)
        return lambda _: self._read(read, links, self._now).squeeze(0)

    def _mlp_writes(self, layer: int) -> Hook:
        def hook(x: Tensor) -> Tensor:
            self._write({f"m{layer}": x})
            return x

        return hook
