"""The component graph: attention heads and MLPs, joined by what one writes and another reads.

A source is what is added to the residual stream: `input` (embedding and learned positions),
`a1.h0` (a head), `m1` (an MLP). A target is a place where the stream is read: `a1.h0<q>`, `<k>`,
`<v>`, `m1`, `logits`. A link joins a source to every target that reads after it has written; the
attention of a layer writes before its MLP reads (arXiv 2304.14997; names as in the files of
arXiv 2403.17806). What no component writes is in no link: concatenated positions, which every
block reads beside the stream, the bias of `attn.out`, and the bigram table.
"""

import functools
import re
from collections.abc import Iterable

import torch
from jaxtyping import Bool
from torch import Tensor

from netseams.core import UnknownNameError
from netseams.models.config import TransformerConfig

Link = tuple[str, str]
"""A component edge, source and target: `("a0.h1", "m1")`, `("input", "a1.h0<q>")`,
`("m1", "logits")`. Names are those of EAP-IG and MIB files (arXiv 2403.17806, 2504.13151)."""

_SLOT = re.compile(r"<[qkv]>$")


def component_of(target: str) -> str:
    """The component that reads at `target`: `a1.h0` for `a1.h0<q>`."""
    return _SLOT.sub("", target)


class ComponentGraph:
    """All links of a model's components, in one fixed order: target after target, and for every
    target its sources in the order in which they write.

    Args:
        n_layers: blocks.
        n_heads: heads of a block.
    """

    def __init__(self, n_layers: int, n_heads: int) -> None:
        self.n_layers, self.n_heads = n_layers, n_heads
        sources, targets, n_sources = ["input"], [], {}

        def reads(target: str) -> None:
            targets.append(target)
            n_sources[target] = len(sources)

        for layer in range(n_layers):
            heads = [f"a{layer}.h{h}" for h in range(n_heads)]
            for slot in "qkv":
                for head in heads:
                    reads(f"{head}<{slot}>")
            sources += heads
            reads(f"m{layer}")
            sources.append(f"m{layer}")
        reads("logits")
        self.sources: tuple[str, ...] = tuple(sources)
        """In the order in which they write."""
        self.targets: tuple[str, ...] = tuple(targets)
        """In the order in which they read; the q of all heads of a layer, then k, then v."""
        self.n_sources: dict[str, int] = n_sources
        """Target -> how many of `sources`, from the first on, have written before it reads."""
        self.links: tuple[Link, ...] = tuple(
            (source, target) for target in targets for source in sources[: n_sources[target]]
        )
        self.index: dict[Link, int] = {link: i for i, link in enumerate(self.links)}
        self._first = {target: i for i, (_, target) in reversed(list(enumerate(self.links)))}

    @property
    def n_links(self) -> int:
        return len(self.links)

    def into(self, target: str) -> slice:
        """Where the links into `target` lie."""
        first = self._first[target]
        return slice(first, first + self.n_sources[target])

    def into_heads(self, layer: int, slot: str) -> slice:
        """Where the links into one slot of all heads of a layer lie: head after head."""
        first = self._first[f"a{layer}.h0<{slot}>"]
        return slice(first, first + self.n_heads * self.n_sources[f"a{layer}.h0<{slot}>"])

    def mask(self, links: Iterable[Link]) -> Bool[Tensor, " n_links"]:
        """True at `links`.

        Raises:
            UnknownNameError: one of them is no link of this graph.
        """
        mask = torch.zeros(self.n_links, dtype=torch.bool)
        for link in links:
            if link not in self.index:
                known = [f"{source}->{target}" for source, target in self.links]
                raise UnknownNameError("link", "->".join(link), known)
            mask[self.index[link]] = True
        return mask

    def links_in(self, mask: Bool[Tensor, " n_links"]) -> frozenset[Link]:
        """The links at which `mask` is true."""
        return frozenset(self.links[i] for i in mask.nonzero().squeeze(1).tolist())

    def on_paths(self, mask: Bool[Tensor, " n_links"]) -> Bool[Tensor, " n_links"]:
        """The links of `mask` that lie on a path from `input` to `logits`; the others dangle."""
        kept = [self.links[i] for i in mask.nonzero().squeeze(1).tolist()]
        fed = {"input"}
        for source, target in kept:  # in the order of reading
            if source in fed:
                fed.add(component_of(target))
        used = {"logits"}
        for source, target in reversed(kept):
            if component_of(target) in used:
                used.add(source)
        return self.mask((s, t) for s, t in kept if s in fed and component_of(t) in used)


@functools.lru_cache(maxsize=64)
def _graph(n_layers: int, n_heads: int) -> ComponentGraph:
    return ComponentGraph(n_layers, n_heads)


def component_graph(cfg: TransformerConfig) -> ComponentGraph:
    """The component graph of a shape; one object for equal shapes."""
    return _graph(cfg.n_layers, cfg.n_heads)
