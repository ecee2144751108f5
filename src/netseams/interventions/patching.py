"""Exact patching of every single link, many links in one forward pass.

A patched run differs from the whole model's in nothing before its target, in one head up to the
target's own layer, and, since only answers count, in nothing but the answer positions behind the
last attention. So it starts at the target's layer from the streams of one ordinary run, computes
again only the head that reads, and runs the layers behind it for many links at a time.

Shape letters as in `links.py`; N patched runs at a time, of C sources into all H heads.
"""

from collections.abc import Callable, Iterator
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netseams.interventions.links import run_with_links, source_values
from netseams.interventions.reads import SourceValues, head_writes
from netseams.models import Transformer, component_graph
from netseams.models.parts import Attention, Sites, take
from netseams.models.transformer import Block

TOKENS_AT_ONCE = 8192
"""Positions that go through a block together: more of them leave the processor's caches."""

Patched = Iterator[tuple[Int[Tensor, " N"], Float[Tensor, "N B P V"]]]


def patch_every_link(
    model: Transformer,
    tokens: Int[Tensor, "B T"],
    ablated: SourceValues,
    answers: Int[Tensor, "B P"],
    measure: Callable[[Tensor], Tensor],
) -> Float[Tensor, " links"]:
    """One number for every link: `measure` of the run in which that link alone is ablated.

    In the order of `component_graph(model.cfg).links`, without gradients. Where AbsTopK ties the
    heads together every run is a whole one (`run_with_links`), which is slower.

    Args:
        ablated: from `ablated_values`, for these rows and answers.
        measure: logits at the answers, (N, B, P, V), to (N,).

    Raises:
        SettingError: the residual stream of this model is no sum of writes.
    """
    weight = model.embed.weight
    effects = weight.new_full((component_graph(model.cfg).n_links,), torch.nan)
    with torch.no_grad():
        if model.cfg.activation_density is None:
            runs = _FromTheTarget(model, tokens, ablated, answers).runs()
        else:
            runs = _whole_runs(model, tokens, ablated, answers)
        for links, logits in runs:
            effects[links] = measure(logits)
    return effects


def _whole_runs(
    model: Transformer, tokens: Tensor, ablated: SourceValues, answers: Tensor
) -> Patched:
    n_links = component_graph(model.cfg).n_links
    gates = ~torch.eye(n_links, dtype=torch.bool, device=tokens.device)
    for links in torch.arange(n_links).split(max(1, TOKENS_AT_ONCE // tokens.numel())):
        yield links, run_with_links(model, tokens, gates[links], ablated, answers)


class _FromTheTarget:
    def __init__(
        self, model: Transformer, tokens: Tensor, ablated: SourceValues, answers: Tensor
    ) -> None:
        self.model, self.answers, self.graph = model, answers, component_graph(model.cfg)
        self.blocks = cast("list[Block]", list(model.blocks))
        _, self.clean = model.run_with_cache(tokens, answers=answers)
        written = source_values(model, tokens, answers)
        self.apart = {s: (ablated[s] - x).expand_as(x) for s, x in written.items()}
        """Source -> what its ablation adds to a read."""
        self.beside: Tensor | None = None
        if model.cfg.positions == "concatenated":
            self.beside = self.clean["hook_pos_embed"].expand(len(tokens), -1, -1)
        self.bigram = 0.0 if model.bigram is None else model.bigram(take(tokens, answers))

    def runs(self) -> Patched:
        last = len(self.blocks) - 1
        apart = self.apart["input"].unsqueeze(0)
        for layer in range(len(self.blocks)):
            yield from self._into_heads(layer, apart)
            if layer == last:
                apart = _at(apart, self.answers)
            apart = self._with(apart, [f"a{layer}.h{h}" for h in range(self.graph.n_heads)])
            mid = self.clean[f"blocks.{layer}.hook_resid_mid"]
            for links, part in self._pieces(f"m{layer}", apart):
                yield links, self._behind(layer, mid + part, mid.expand_as(part))
            apart = self._with(apart, [f"m{layer}"])
        final = self.clean[f"blocks.{last}.hook_resid_post"]
        for links, part in self._pieces("logits", apart):
            yield links, self._logits(final + part)

    def _with(self, apart: Tensor, sources: list[str]) -> Float[Tensor, "S B _ D"]:
        return torch.cat([apart, torch.stack([self.apart[source] for source in sources])])

    def _pieces(self, target: str, apart: Tensor) -> Patched:
        """Links into one target, and what each of them adds to its read."""
        size = max(1, TOKENS_AT_ONCE // apart[0, ..., 0].numel())
        into = self.graph.into(target)
        return zip(torch.arange(into.start, into.stop).split(size), apart.split(size), strict=True)

    def _into_heads(self, layer: int, apart: Tensor) -> Patched:
        block, name, heads = self.blocks[layer], f"blocks.{layer}", self.graph.n_heads
        pre, mid = (self.clean[f"{name}.hook_resid_{place}"] for place in ("pre", "mid"))
        asked = self.answers if layer == len(self.blocks) - 1 else None
        # In the last block heads write at the answers only.
        tokens = pre[..., 0].numel() if asked is not None else heads * mid[..., 0].numel()
        sources = torch.arange(len(apart))
        for picked in sources.split(max(1, TOKENS_AT_ONCE // tokens)):
            x = (pre + apart[picked]).flatten(0, 1)
            read = block.ln1(x, self._beside_of(len(picked)))
            for slot in "qkv":
                change = self._changed_heads(block.attn, name, slot, read, len(picked), asked)
                stream = mid + change.unflatten(1, (len(picked), len(pre)))  # (H, C, B, T, D)
                first = self.graph.into_heads(layer, slot).start
                links = first + len(apart) * torch.arange(heads).unsqueeze(1) + picked
                stream = stream.flatten(0, 1)
                yield links.flatten(), self._behind(layer, stream, stream)

    def _changed_heads(
        self, attn: Attention, name: str, slot: str, read: Tensor, copies: int, asked: Tensor | None
    ) -> Float[Tensor, "H _ _ D"]:
        """What every head writes besides, if it alone reads `read` (C B, T, R) in one slot."""
        if slot == "q" and asked is not None:
            read = take(read, asked.repeat(copies, 1))
        mine = getattr(attn, slot)(read).unflatten(-1, (attn.cfg.n_heads, -1))
        q, k, v = (
            (mine if s == slot else self.clean[f"{name}.attn.hook_{s}"].repeat(copies, 1, 1, 1))
            .transpose(1, 2) for s in "qkv"
        )  # fmt: skip
        asked = None if asked is None else asked.repeat(copies, 1)
        z = attn._attend(q, k, v, asked).transpose(1, 2)
        return head_writes(attn, z - self.clean[f"{name}.attn.hook_z"].repeat(copies, 1, 1, 1))

    def _behind(self, layer: int, read: Tensor, stream: Tensor) -> Float[Tensor, "N B P V"]:
        """Run on from the middle of a block, whose MLP reads `read` (N, B, T, D)."""
        block, n, last = self.blocks[layer], len(read), len(self.blocks) - 1
        beside, answers, at = self._beside_of(n), self.answers.repeat(n, 1), Sites(None)
        here = beside
        if layer == last and beside is not None:
            here = take(beside, answers)
        x = stream.flatten(0, 1) + block.mlp(block.ln2(read.flatten(0, 1), here), at, "")
        for i in range(layer + 1, last + 1):
            x = self.blocks[i](x, at, "", answers if i == last else None, beside)
        return self._logits(x.unflatten(0, (n, -1)))

    def _logits(self, read: Tensor) -> Float[Tensor, "N B P V"]:
        read = self.model.ln_final(read.flatten(0, 1)).unflatten(0, read.shape[:2])
        return self.model.unembed(read) + self.bigram

    def _beside_of(self, copies: int) -> Tensor | None:
        return None if self.beside is None else self.beside.repeat(copies, 1, 1)


def _at(x: Float[Tensor, "S B T D"], positions: Int[Tensor, "B P"]) -> Float[Tensor, "S B P D"]:
    return torch.stack([take(part, positions) for part in x])
