"""Weights set one by one on named channels, with a record of which were set on purpose.

Networks made here have no norms and ReLU, so that what is worked out by hand holds up to rounding.
Beside the parts that are set, every one has noise channels in embedding and positions, one more
head a layer and more neurons: these read all channels and write to noise channels only, which
nobody but they reads.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import torch

from netseams.core import generator
from netseams.models import Transformer, TransformerConfig
from netseams.planted.base import WeightEdge, every_site

SHARP = 40.0
"""Score of a match before the softmax: others get e^-40 of its weight, which is none."""
_NOISE_CHANNELS, _NOISE_NEURONS = 3, 4

Pairs = Sequence[tuple[str, str]]


class Draft:
    """A network under construction.

    Args:
        channels: names of the residual channels; noise channels come behind them.
        n_heads: heads to be set in every layer; the noise head comes behind them.
        head_width: channels of a head.
        n_neurons: neurons to be set in every layer; noise neurons come behind them.
    """

    def __init__(
        self,
        channels: Sequence[str],
        d_vocab: int,
        n_ctx: int,
        n_layers: int = 1,
        n_heads: int = 1,
        head_width: int = 1,
        n_neurons: int = 0,
        causal: bool = True,
    ) -> None:
        self.index = {name: i for i, name in enumerate(channels)}
        self.cfg = TransformerConfig(
            n_layers=n_layers, n_heads=n_heads + 1, head_width=head_width, n_ctx=n_ctx,
            d_model=len(channels) + _NOISE_CHANNELS, d_mlp=n_neurons + _NOISE_NEURONS,
            d_vocab=d_vocab, norm="none", activation="relu", causal=causal,
        )  # fmt: skip
        self.model = Transformer(self.cfg)
        self.parameters = dict(self.model.named_parameters())
        for parameter in self.parameters.values():
            parameter.detach().zero_()
        self.weights: set[WeightEdge] = set()
        self._nodes: defaultdict[str, set[int]] = defaultdict(set)
        self._neurons = [0] * n_layers
        self._add_noise()

    @property
    def nodes(self) -> dict[str, frozenset[int]]:
        """Site -> channels that were set on purpose."""
        return every_site(self.cfg, self._nodes)

    def embed(self, token: int, channel: str, value: float = 1.0) -> None:
        """What a token writes."""
        self.parameters["embed.weight"].detach()[token, self.index[channel]] = value

    def place(self, position: int, channel: str, value: float = 1.0) -> None:
        """What a position writes."""
        self.parameters["pos_embed.weight"].detach()[position, self.index[channel]] = value

    def head(self, layer: int, head: int, match: Pairs, copy: Pairs, weak: Pairs = ()) -> None:
        """Attend from a query channel to a key channel, copy from a channel to another.

        Args:
            match: (query channel, key channel); 1 in both makes a score of `SHARP`.
            weak: the same with half the score.
            copy: (channel read, channel written to).
        """
        block, first = f"blocks.{layer}", head * self.cfg.d_head
        size = math.sqrt(SHARP * math.sqrt(self.cfg.d_head))
        keys = list(dict.fromkeys(key for _, key in (*match, *weak)))
        for query, key in (*match, *weak):
            strength = size if (query, key) in match else size / 2
            self._read(layer, "q", first + keys.index(key), query, strength)
            self._read(layer, "k", first + keys.index(key), key, size)
        read = list(dict.fromkeys(source for source, _ in copy))
        for source, target in copy:
            channel = first + read.index(source)
            self._read(layer, "v", channel, source, 1.0)
            self._set(f"{block}.attn.out.weight", self.index[target], channel, 1.0)
            self._nodes[f"{block}.hook_attn_out"].add(self.index[target])

    def neuron(
        self, layer: int, inputs: Mapping[str, float], bias: float, outputs: Mapping[str, float]
    ) -> None:
        """relu(inputs + bias), times `outputs`."""
        block, unit = f"blocks.{layer}", self._neurons[layer]
        self._neurons[layer] += 1
        self._nodes[f"{block}.mlp.hook_post"].add(unit)
        self.parameters[f"{block}.mlp.up.bias"].detach()[unit] = bias
        for name, value in inputs.items():
            self._set(f"{block}.mlp.up.weight", unit, self.index[name], value)
            self._nodes[f"{block}.ln2.hook_normalized"].add(self.index[name])
        for name, value in outputs.items():
            self._set(f"{block}.mlp.down.weight", self.index[name], unit, value)
            self._nodes[f"{block}.hook_mlp_out"].add(self.index[name])

    def unembed(self, token: int, channel: str, value: float) -> None:
        """What a channel adds to a logit."""
        self.parameters["unembed.weight"].detach()[token, self.index[channel]] = value
        self._nodes["ln_final.hook_normalized"].add(self.index[channel])

    def _read(self, layer: int, letter: str, channel: int, source: str, value: float) -> None:
        block = f"blocks.{layer}"
        self._set(f"{block}.attn.{letter}.weight", channel, self.index[source], value)
        self._nodes[f"{block}.ln1.hook_normalized"].add(self.index[source])
        self._nodes[f"{block}.attn.hook_{letter}"].add(channel)

    def _set(self, matrix: str, target: int, source: int, value: float) -> None:
        self.parameters[matrix].detach()[target, source] = value
        self.weights.add((matrix, target, source))

    def _add_noise(self) -> None:
        draws, d, p = generator("planted noise"), len(self.index), self.parameters

        def fill(name: str, rows: slice, columns: slice) -> None:
            part = p[name].detach()[rows, columns]
            part.copy_(torch.randn(part.shape, generator=draws) / math.sqrt(max(1, part.shape[1])))

        every, noise = slice(None), slice(d, None)
        fill("embed.weight", every, noise)
        fill("pos_embed.weight", every, noise)
        head = slice(self.cfg.d_attn - self.cfg.d_head, None)
        neurons = slice(self.cfg.d_mlp - _NOISE_NEURONS, None)
        for i in range(self.cfg.n_layers):
            for letter in "qkv":
                fill(f"blocks.{i}.attn.{letter}.weight", head, every)
            fill(f"blocks.{i}.attn.out.weight", noise, head)
            fill(f"blocks.{i}.mlp.up.weight", neurons, every)
            fill(f"blocks.{i}.mlp.down.weight", noise, neurons)
