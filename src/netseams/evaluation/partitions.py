"""How good a partition of a graph into modules is.

Graphs are adjacency matrices: entry (i, j) is the magnitude of the edge from i to j. Labels are
whole numbers from 0, one a node; nodes labelled -1 do not count, nor do their edges.
"""

import numpy as np
from jaxtyping import Int
from scipy.sparse import csr_array

from netseams.core import SettingError

Labels = Int[np.ndarray, " n"]
_Known = Int[np.ndarray, " labelled"]


def n_nodes(adjacency: csr_array) -> int:
    """Nodes of a graph."""
    return len(adjacency.indptr) - 1


def n_cut(adjacency: csr_array, labels: Labels) -> float:
    """Sum over modules of cut(module, rest) / vol(module), on magnitudes either way.

    0 for modules without an edge between them, k - 1 for k modules of a graph without structure
    (arXiv 2103.03386). Modules without an edge do not count.
    """
    piece, found = _labelled(adjacency, labels)
    mixing = _mixing(piece, found)
    mixing = mixing + mixing.T
    volume = mixing.sum(axis=1)
    there = volume > 0
    return float((1 - mixing.diagonal()[there] / volume[there]).sum())


def clusterability(adjacency: csr_array, labels: Labels) -> float:
    """C: sum of squared weights inside modules over that of all (arXiv 2409.15747, 2502.02470).

    1 without weights between modules, near 1/k for k equal modules drawn at random.
    """
    piece, found = _labelled(adjacency, labels)
    mixing = _mixing(piece.power(2), found)
    return float(mixing.diagonal().sum() / mixing.sum())


def directed_modularity(adjacency: csr_array, labels: Labels) -> float:
    """Q = 1/m sum over pairs in one module of (a_ij - out_i in_j / m) (arXiv 0709.4500)."""
    piece, found = _labelled(adjacency, labels)
    mixing = _mixing(piece, found) / piece.sum()
    return float(mixing.diagonal().sum() - mixing.sum(axis=1) @ mixing.sum(axis=0))


def _labelled(adjacency: csr_array, labels: Labels) -> tuple[csr_array, _Known]:
    """The part of a graph whose nodes have a label."""
    if len(labels) != n_nodes(adjacency):
        raise SettingError(f"a graph of {n_nodes(adjacency)} nodes got {len(labels)} labels")
    kept = np.flatnonzero(labels >= 0)
    piece = adjacency if len(kept) == len(labels) else adjacency[kept][:, kept]
    if piece.nnz == 0:
        raise SettingError("a graph without edges has no structure: all weights are zero")
    return piece, labels[kept]


def _mixing(piece: csr_array, labels: _Known) -> np.ndarray:
    """(modules, modules): total weight from one module to another."""
    n_modules = int(labels.max()) + 1
    edges = piece.tocoo()
    cells = labels[edges.row] * n_modules + labels[edges.col]
    totals = np.bincount(cells, edges.data, minlength=n_modules * n_modules)
    return totals.reshape(n_modules, n_modules)
