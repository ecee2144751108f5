"""Modules of a graph: spectral clustering, and Louvain's method for directed modularity.

Splinters, connected pieces of few nodes, are labelled -1: a cut around one costs nothing, so they
would be taken for perfect modules.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array, csr_array, diags_array

from netseams.core import SettingError, seed_from
from netseams.evaluation.partitions import Labels, n_cut, n_nodes

_SPLINTER = 0.05
_RESTARTS = 10
_DENSE = 400
"""Nodes up to which all eigenvectors are worked out."""


def without_splinters(adjacency: csr_array) -> Int[np.ndarray, " kept"]:
    """Nodes of pieces that hold at least a twentieth of the nodes with an edge.

    Raises:
        SettingError: a graph without an edge, or of splinters alone.
    """
    from scipy.sparse.csgraph import connected_components

    _, piece = connected_components(adjacency, directed=True, connection="weak")
    sizes = np.bincount(piece)
    large = sizes >= max(2, _SPLINTER * sizes[sizes > 1].sum())
    if adjacency.nnz == 0 or not large.any():
        found = "splinters" if adjacency.nnz else "nodes without edges: all weights are zero"
        raise SettingError(f"a graph needs a connected piece to have modules, this one has {found}")
    return np.flatnonzero(large[piece])


def spectral_modules(adjacency: csr_array, k: int, seed: int = 0) -> Labels:
    """k modules with a small normalised cut (Shi and Malik's relaxation, as in arXiv 2103.03386).

    k-means on the k first eigenvectors of the random walk's Laplacian; of ten starts the one of
    the smallest cut counts.

    Raises:
        SettingError: more modules than the graph has, fewer than two, or no edge.
    """
    from scipy.cluster.vq import ClusterError, kmeans2

    nodes = without_splinters(adjacency)
    if not 2 <= k <= len(nodes):
        raise SettingError(f"{len(nodes)} connected nodes have 2 to as many modules, not {k}")
    piece = adjacency[nodes][:, nodes]
    both = (piece + piece.T).tocsr()
    points = _embedding(both, k, seed)
    best, best_cut = np.zeros(len(nodes), dtype=int), np.inf
    for start in range(_RESTARTS):
        draws = np.random.default_rng(seed_from("k-means", seed, start))
        first = points[_spread(points, k, draws)]
        try:
            _, found = kmeans2(points, first, iter=50, minit="matrix", missing="raise")
        except ClusterError:
            continue
        cut = n_cut(both, found)
        if cut < best_cut:
            best, best_cut = found.astype(int), cut
    if best_cut == np.inf:
        raise SettingError(f"the graph does not fall into {k} modules: ask for fewer")
    labels = np.full(n_nodes(adjacency), -1)
    labels[nodes] = best
    return labels


def louvain_modules(adjacency: csr_array, seed: int = 0) -> Labels:
    """Modules of high directed modularity (Leicht and Newman, arXiv 0709.4500).

    Louvain's method (arXiv 0803.0476): nodes move one by one to where the modularity gains most,
    modules become nodes, and again, until nothing gains. networkx has it too; on a dense network
    of a million edges it takes a minute, this a few seconds.

    Raises:
        SettingError: a graph without an edge.
    """
    nodes = without_splinters(adjacency)
    graph = adjacency[nodes][:, nodes].tocsr().astype(float)
    draws = np.random.default_rng(seed_from("louvain", seed))
    found = np.arange(len(nodes))
    while True:
        moved = _moved(graph, draws)
        n_modules = int(moved.max()) + 1
        if n_modules == n_nodes(graph):
            break
        found = moved[found]
        graph = _merged(graph, moved, n_modules)
    labels = np.full(n_nodes(adjacency), -1)
    labels[nodes] = found
    return labels


def _embedding(both: csr_array, k: int, seed: int) -> Float[np.ndarray, "n k"]:
    """Rows of the k first eigenvectors of D^-1 W: coordinates in which modules are clouds."""
    from scipy.sparse.linalg import eigsh

    n = n_nodes(both)
    root = 1 / np.sqrt(both.sum(axis=1))
    normal = diags_array(root) @ both @ diags_array(root)
    if n <= max(_DENSE, k + 1):
        _, vectors = np.linalg.eigh(normal.toarray())
        vectors = vectors[:, -k:]
    else:
        start = np.random.default_rng(seed_from("eigenvectors", seed)).random(n)
        _, vectors = eigsh(normal, k=k, which="LA", v0=start)
    return vectors * root[:, None]


def _spread(points: np.ndarray, k: int, draws: np.random.Generator) -> list[int]:
    """First centres far from each other (k-means++)."""
    chosen = [int(draws.integers(len(points)))]
    nearest = ((points - points[chosen[0]]) ** 2).sum(1)
    for _ in range(k - 1):
        total = nearest.sum()
        odds = nearest / total if total > 0 else np.full(len(points), 1 / len(points))
        chosen.append(int(draws.choice(len(points), p=odds)))
        nearest = np.minimum(nearest, ((points - points[chosen[-1]]) ** 2).sum(1))
    return chosen


def _moved(graph: csr_array, draws: np.random.Generator) -> Labels:
    """Nodes after moving one by one while the modularity gains; labels without gaps.

    A node that is its own module is taken out of it and put where
    w(i, c) - (out_i in_c + in_i out_c) / m is largest; w counts edges both ways.
    """
    n = n_nodes(graph)
    out, into = graph.sum(axis=1), graph.sum(axis=0)
    m = out.sum()
    both = (graph + graph.T).tocsr()
    labels = np.arange(n)
    out_of, into_of = out.copy(), into.copy()
    gained = True
    while gained:
        gained = False
        for i in draws.permutation(n):
            row = slice(both.indptr[i], both.indptr[i + 1])
            others, weights = both.indices[row], both.data[row]
            apart = others != i
            own = labels[i]
            out_of[own] -= out[i]
            into_of[own] -= into[i]
            pull = np.bincount(labels[others[apart]], weights[apart], minlength=n)
            gain = pull - (out[i] * into_of + into[i] * out_of) / m
            best = int(gain.argmax())
            if gain[best] <= gain[own] + 1e-12 * m:
                best = own
            labels[i] = best
            out_of[best] += out[i]
            into_of[best] += into[i]
            gained |= best != own
    return np.unique(labels, return_inverse=True)[1]


def _merged(graph: csr_array, labels: Labels, n_modules: int) -> csr_array:
    """The graph whose nodes are modules; edges inside one become its loop."""
    edges = graph.tocoo()
    ends = (labels[edges.row], labels[edges.col])
    return coo_array((edges.data, ends), shape=(n_modules, n_modules)).tocsr()
