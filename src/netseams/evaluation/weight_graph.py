"""A network as a graph of weights: nodes are channels, edges are magnitudes.

The norms' and biases' effects are not in it, nor are query-key products. Data are not either:
that is its strength and its limit.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array, csr_array

from netseams.core import SettingError, seed_from
from netseams.models import Transformer, matrices_of, sites_of

Shuffle = Literal["entries", "support"]
"""Deal the weights of every matrix out anew: over all places (arXiv 2103.03386), or over those
that are not zero, which keeps the wiring of a sparse network."""
STREAM = "stream"


@dataclass(frozen=True)
class Layer:
    """Magnitudes (out, in) of the weights that lead from one group of channels to another."""

    source: str
    target: str
    weight: Float[np.ndarray, "out in"]


@dataclass(frozen=True)
class WeightGraph:
    """Groups of channels, joined by layers. Nodes are numbered group after group."""

    widths: dict[str, int]
    layers: tuple[Layer, ...]
    group_of_site: dict[str, str]
    """Site of a model -> the group that its channels are in."""

    @property
    def n_nodes(self) -> int:
        return sum(self.widths.values())

    @property
    def groups(self) -> Int[np.ndarray, " n"]:
        """The number of its group, for every node."""
        return np.repeat(np.arange(len(self.widths)), list(self.widths.values()))

    def adjacency(self) -> csr_array:
        """Directed, (n, n) in scipy's CSR format: entry (i, j) is the weight from i to j.

        Raises:
            SettingError: a weight that is not finite.
        """
        starts = self._starts()
        rows, columns, values = [np.empty(0, int)], [np.empty(0, int)], [np.empty(0)]
        for layer in self.layers:
            if not np.isfinite(layer.weight).all():
                raise SettingError(
                    f"a graph needs finite weights; those from {layer.source} to {layer.target} "
                    "are not"
                )
            target, source = layer.weight.nonzero()
            rows.append(source + starts[layer.source])
            columns.append(target + starts[layer.target])
            values.append(layer.weight[target, source])
        entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
        return coo_array(entries, shape=(self.n_nodes, self.n_nodes)).tocsr()

    def shuffled(self, seed: int, how: Shuffle = "entries") -> "WeightGraph":
        """The graph with the weights of every layer dealt out anew."""
        draws = np.random.default_rng(seed_from("shuffled graph", seed))
        layers: list[Layer] = []
        for layer in self.layers:
            flat = layer.weight.flatten()
            places = np.arange(flat.size) if how == "entries" else flat.nonzero()[0]
            flat[places] = flat[draws.permutation(places)]
            layers.append(replace(layer, weight=flat.reshape(layer.weight.shape)))
        return replace(self, layers=tuple(layers))

    def pooled(
        self, by_site: Mapping[str, Float[np.ndarray, "R width"]]
    ) -> Float[np.ndarray, "R n"]:
        """Values of the channels of sites, summed over the channels that are one node here.

        Raises:
            SettingError: a site that is not in the graph, or no site.
        """
        unknown = sorted(set(by_site) - set(self.group_of_site))
        if unknown or not by_site:
            raise SettingError(
                f"values by site are needed, got {unknown[0] if unknown else 'none'}; "
                f"sites: {', '.join(self.group_of_site)}"
            )
        starts = self._starts()
        n_rows = len(next(iter(by_site.values())))
        total = np.zeros((n_rows, self.n_nodes))
        for site, values in by_site.items():
            start = starts[self.group_of_site[site]]
            total[:, start : start + values.shape[1]] += values
        return total

    def _starts(self) -> dict[str, int]:
        ends = np.cumsum(list(self.widths.values()))
        return {
            group: int(end) - width
            for (group, width), end in zip(self.widths.items(), ends, strict=True)
        }


def layered_graph(weights: Sequence[Float[np.ndarray, "out in"]]) -> WeightGraph:
    """The graph of a multilayer perceptron: groups `0`, `1`, ... from its inputs to its outputs.

    Raises:
        SettingError: no matrix, or matrices that do not fit each other.
    """
    if not weights:
        raise SettingError("a graph needs at least one weight matrix, got none")
    for before, after in itertools.pairwise(weights):
        if before.shape[0] != after.shape[1]:
            raise SettingError(
                f"a matrix of {before.shape[0]} outputs is followed by one of {after.shape[1]} "
                "inputs: give weights as (out, in), from inputs to outputs"
            )
    widths = {"0": weights[0].shape[1]}
    widths |= {str(i + 1): w.shape[0] for i, w in enumerate(weights)}
    layers = tuple(Layer(str(i), str(i + 1), np.abs(w)) for i, w in enumerate(weights))
    return WeightGraph(widths, layers, {group: group for group in widths})


def weight_graph(model: Transformer, joined: bool = True) -> WeightGraph:
    """The graph of a transformer's block matrices.

    Args:
        joined: let a channel of the residual stream be one node, whichever block reads or writes
            it, because identity paths join them. Else channels of every site are nodes of their
            own, as in circuits, and the graph falls into an attention and an MLP for every block,
            which any clustering finds.
    """
    sites, cfg = sites_of(model.cfg), model.cfg
    stream = ("hook_normalized", "hook_attn_out", "hook_mlp_out")
    group_of = {s.name: STREAM if joined and s.name.endswith(stream) else s.name for s in sites}
    widths: dict[str, int] = {}
    for site in sites:
        group = group_of[site.name]
        widths[group] = max(site.width, widths.get(group, 0))
    parameters = dict(model.named_parameters())
    layers: list[Layer] = []
    for m in matrices_of(cfg):
        weight = parameters[m.parameter].detach().abs().double().cpu().numpy()
        layers.append(Layer(group_of[m.source], group_of[m.target], weight))
    return WeightGraph(widths, tuple(layers), group_of)
