"""Data-free structure: do the weights fall into modules more than the same weights shuffled?"""

import math
from typing import Literal

import numpy as np

from netseams.core import Config, SettingError
from netseams.evaluation.modules import louvain_modules, spectral_modules
from netseams.evaluation.partitions import clusterability, directed_modularity, n_cut
from netseams.evaluation.weight_graph import Shuffle, WeightGraph


class AgainstShuffles(Config):
    """A number of a graph, beside that of the same graph with its weights shuffled."""

    value: float
    shuffled: tuple[float, ...]

    @property
    def null_mean(self) -> float:
        return math.fsum(self.shuffled) / len(self.shuffled)

    @property
    def null_sd(self) -> float:
        """With n - 1."""
        return float(np.std(self.shuffled, ddof=1))

    @property
    def z(self) -> float | None:
        """None where all shuffles give one value."""
        sd = self.null_sd
        return (self.value - self.null_mean) / sd if sd > 1e-12 else None

    def p(self, modular_is: Literal["low", "high"]) -> float:
        """(1 + shuffles at least as modular) / (1 + shuffles); `modular_is` `low` or `high`."""
        sign = {"low": -1, "high": 1}[modular_is]
        beyond = sum(sign * s >= sign * self.value for s in self.shuffled)
        return (1 + beyond) / (1 + len(self.shuffled))


class Structure(Config):
    """Modules of one weight graph. Each shuffle is clustered anew, so that what clustering finds
    in any graph is in the null."""

    n_nodes: int
    n_edges: int
    connected: float
    """Share of nodes outside splinters; only these count."""
    k: int
    shuffle: Shuffle
    n_cut: AgainstShuffles
    """Of k spectral modules; low is modular."""
    clusterability: AgainstShuffles
    """Of the same modules; high is modular."""
    modularity: AgainstShuffles
    """Directed, of Louvain's modules; high is modular."""
    n_louvain: int
    """Louvain's modules of the graph itself."""


def structure(
    graph: WeightGraph,
    k: int = 4,
    n_shuffles: int = 20,
    shuffle: Shuffle = "entries",
    seed: int = 0,
) -> Structure:
    """All measures of a graph against shuffles of its weights within layers.

    Training also makes magnitudes uneven across channels, which shuffling within a matrix
    destroys: hold the z of an untrained twin, and of the other arm, beside it.

    Args:
        k: spectral modules (arXiv 2103.03386 uses 4 and 12).

    Raises:
        SettingError: fewer than two shuffles, a graph without edges, or too many modules.
    """
    if n_shuffles < 2:
        raise SettingError(f"a null needs at least two shuffles, got {n_shuffles}")
    rows: list[tuple[float, float, float]] = []
    first, labels = graph.adjacency(), np.empty(0, dtype=int)
    for i in range(n_shuffles + 1):
        adjacency = first if i == 0 else graph.shuffled(seed + i, shuffle).adjacency()
        spectral = spectral_modules(adjacency, k, seed)
        louvain = louvain_modules(adjacency, seed)
        if i == 0:
            labels = louvain
        rows.append((n_cut(adjacency, spectral), clusterability(adjacency, spectral),
                     directed_modularity(adjacency, louvain)))  # fmt: skip
    cuts, shares, qs = (
        AgainstShuffles(value=values[0], shuffled=values[1:]) for values in zip(*rows, strict=True)
    )
    return Structure(
        n_nodes=graph.n_nodes,
        n_edges=int(first.nnz),
        connected=float((labels >= 0).mean()),
        k=k,
        shuffle=shuffle,
        n_cut=cuts,
        clusterability=shares,
        modularity=qs,
        n_louvain=int(labels.max()) + 1,
    )
