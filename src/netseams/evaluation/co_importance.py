"""Does structure predict function: do channels of one module matter on the same inputs?"""

import numpy as np
from jaxtyping import Float, Int

from netseams.core import Config, SettingError, seed_from
from netseams.evaluation.partitions import Labels
from netseams.masks import AboveChance


class StructureFunction(Config):
    """Pairs of nodes: same module against co-importance."""

    correlation: AboveChance
    """Over all pairs: co-importance with being in one module (1 or 0); null: labels dealt out
    anew within groups, so that every module keeps as many nodes of every layer."""
    inside: float
    """Mean co-importance of pairs in one module."""
    across: float
    p: float
    """(1 + draws at least as high) / (1 + draws)."""
    n_nodes: int
    """With a label and with an importance that varies."""


def structure_predicts_function(
    labels: Labels,
    importance: Float[np.ndarray, "R nodes"],
    groups: Int[np.ndarray, " entries"],
    n_draws: int = 199,
    seed: int = 0,
) -> StructureFunction:
    """Correlation, over pairs of nodes, between structural and functional belonging together.

    Co-importance of two nodes is the Pearson correlation, over inputs, of what they are worth
    there. arXiv 2110.08058 asks the same of lesioned clusters.

    Args:
        labels: module of every node (`spectral_modules`, `louvain_modules`); -1 leaves one out.
        importance: what every node is worth on every input, such as the magnitude of
            `discovery.node_effects` of several tasks, pooled to the nodes of the graph
            (`WeightGraph.pooled`). Divide every input's by their sum: hard inputs, on which
            everything is worth more, make all nodes alike.
        groups: layer of every node (`WeightGraph.groups`).

    Raises:
        SettingError: lengths that differ, values that are not finite, fewer than two inputs, a
            single module, or nodes that are each a module.
    """
    n_rows, n = importance.shape
    if not len(labels) == len(groups) == n:
        raise SettingError(
            f"labels, importance and groups need one entry a node, got {len(labels)}, {n} and "
            f"{len(groups)}"
        )
    if n_rows < 2 or not np.isfinite(importance).all():
        raise SettingError("co-importance needs finite values on at least two inputs")
    spread = importance.std(axis=0)
    kept = (labels >= 0) & (spread > 1e-12 * max(1e-300, float(np.abs(importance).max())))
    labels, groups = np.unique(labels[kept], return_inverse=True)[1], groups[kept]
    profiles = importance[:, kept] - importance[:, kept].mean(axis=0)
    profiles = profiles / np.linalg.norm(profiles, axis=0)
    pairs = _Pairs(profiles)
    if not 0 < pairs.inside_count(labels) < pairs.count:
        raise SettingError(
            f"structure can predict nothing where {pairs.n} nodes are in "
            f"{len(np.unique(labels))} modules: give labels with at least two modules and one pair"
        )
    draws = np.random.default_rng(seed_from("co-importance", seed))
    value = pairs.correlation(labels)
    null = np.array([
        pairs.correlation(_dealt(labels, groups, draws)) for _ in range(n_draws)
    ])  # fmt: skip
    inside = pairs.inside_sum(labels) / pairs.inside_count(labels)
    across = (pairs.sum - pairs.inside_sum(labels)) / (pairs.count - pairs.inside_count(labels))
    return StructureFunction(
        correlation=AboveChance(
            value=value, null_mean=float(null.mean()), null_sd=float(null.std(ddof=1))
        ),
        inside=inside,
        across=across,
        p=float((1 + (null >= value).sum()) / (1 + n_draws)),
        n_nodes=pairs.n,
    )


class _Pairs:
    """Sums over all pairs of unit profiles (R, n), without a matrix of pairs."""

    def __init__(self, profiles: np.ndarray) -> None:
        self.profiles, self.n = profiles, profiles.shape[1]
        self.count = self.n * (self.n - 1) / 2
        total = profiles.sum(axis=1)
        self.sum = float(total @ total - self.n) / 2
        rows = profiles @ profiles.T  # its squares are those of all pairs
        self.squares = float((rows**2).sum() - self.n) / 2

    def inside_count(self, labels: np.ndarray) -> float:
        sizes = np.bincount(labels).astype(float)
        return float((sizes * (sizes - 1)).sum()) / 2

    def inside_sum(self, labels: np.ndarray) -> float:
        order = np.argsort(labels, kind="stable")
        starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
        totals = np.add.reduceat(self.profiles[:, order], starts, axis=1)
        return float((totals**2).sum() - self.n) / 2

    def correlation(self, labels: np.ndarray) -> float:
        """Pearson's, of co-importance with the indicator of one module."""
        share = self.inside_count(labels) / self.count
        mean = self.sum / self.count
        covariance = self.inside_sum(labels) / self.count - share * mean
        variance = (self.squares / self.count - mean**2) * share * (1 - share)
        return covariance / float(np.sqrt(variance)) if variance > 1e-18 else 0.0


def _dealt(labels: np.ndarray, groups: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """The labels of every group in another order."""
    dealt = labels.copy()
    for group in np.unique(groups):
        places = np.flatnonzero(groups == group)
        dealt[places] = labels[draws.permutation(places)]
    return dealt
