"""Dead channels: MLP neurons and attention channels that nothing enters, leaves or excites.

Structurally dead: no non-zero weight comes in, or none goes out; biases are not counted.
Functionally: never active on validation windows.
"""

from typing import Literal

import torch
from torch import Tensor

from netseams.core import Config, generator
from netseams.corpora import Corpus
from netseams.models import Transformer

ChannelKind = Literal["neuron", "query", "key", "value"]
_BATCH = 64
_SITES: dict[ChannelKind, str] = {
    "neuron": "mlp.hook_post",
    "query": "attn.hook_q",
    "key": "attn.hook_k",
    "value": "attn.hook_v",
}


class ChannelCount(Config):
    """Channels of one kind, over all blocks."""

    n: int
    no_incoming: int
    no_outgoing: int
    """A query meets nothing but its key, and a key its query: a query whose key has no incoming
    weight has no outgoing one, and the other way round."""
    dead: int
    """No incoming or no outgoing weight."""
    never_active: int
    """A neuron is active where its value is positive (GELU's input was), the others where
    theirs is not 0."""


def channel_counts(
    model: Transformer, corpus: Corpus, n_windows: int = 256
) -> dict[ChannelKind, ChannelCount]:
    """Count dead channels; `n_windows` validation windows, rounded up to batches of 64."""
    incoming, outgoing = _live_weights(model)
    active = _ever_active(model, corpus, n_windows)
    counts: dict[ChannelKind, ChannelCount] = {}
    for kind in _SITES:
        enters, leaves = incoming[kind], outgoing[kind]
        counts[kind] = ChannelCount(
            n=enters.numel(),
            no_incoming=int((~enters).sum()),
            no_outgoing=int((~leaves).sum()),
            dead=int((~(enters & leaves)).sum()),
            never_active=int((~active[kind]).sum()),
        )
    return counts


def _live_weights(
    model: Transformer,
) -> tuple[dict[ChannelKind, Tensor], dict[ChannelKind, Tensor]]:
    """Per kind, (n_layers, width): whether a channel has an incoming, an outgoing weight."""
    weights = {name: p.detach() != 0 for name, p in model.named_parameters() if p.ndim == 2}

    def live(matrix: str, axis: int) -> Tensor:
        layers = range(model.cfg.n_layers)
        return torch.stack([weights[f"blocks.{i}.{matrix}.weight"].any(axis) for i in layers])

    incoming: dict[ChannelKind, Tensor] = {
        "neuron": live("mlp.up", 1),
        "query": live("attn.q", 1),
        "key": live("attn.k", 1),
        "value": live("attn.v", 1),
    }
    outgoing: dict[ChannelKind, Tensor] = {
        "neuron": live("mlp.down", 0),
        "query": incoming["key"],
        "key": incoming["query"],
        "value": live("attn.out", 0),
    }
    return incoming, outgoing


def _ever_active(model: Transformer, corpus: Corpus, n_windows: int) -> dict[ChannelKind, Tensor]:
    """Per kind, (n_layers, width): whether a channel was active at any position."""
    layers = range(model.cfg.n_layers)
    names = [f"blocks.{i}.{site}" for i in layers for site in _SITES.values()]
    draws = generator("channels")
    seen: dict[str, Tensor] = {}
    with torch.no_grad():
        for _ in range(-(-n_windows // _BATCH)):
            inputs = corpus.batch("valid", _BATCH, model.cfg.n_ctx, draws).inputs
            for name, x in model.run_with_cache(inputs, names)[1].items():
                on = (x > 0 if name.endswith(_SITES["neuron"]) else x != 0).flatten(2)
                now = on.any(dim=(0, 1))
                seen[name] = seen[name] | now if name in seen else now
    return {
        kind: torch.stack([seen[f"blocks.{i}.{site}"] for i in layers])
        for kind, site in _SITES.items()
    }
