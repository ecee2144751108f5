"""Partitions of graphs and the modules found in them, against small sums and networkx."""

import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from netseams.core import SettingError
from netseams.evaluation import (
    clusterability,
    directed_modularity,
    louvain_modules,
    n_cut,
    spectral_modules,
    without_splinters,
)

# Two pairs with edges of weight 3, and one of weight 1 from the first pair to the second.
PAIRS = csr_array(np.array([[0, 3, 0, 0], [0, 0, 1, 0], [0, 0, 0, 3], [0, 0, 0, 0]], dtype=float))
TWO = np.array([0, 0, 1, 1])


def test_a_graph_of_four_nodes_by_hand() -> None:
    # Either way every module has volume 3 + 3 + 1 and a cut of 1.
    assert n_cut(PAIRS, TWO) == pytest.approx(2 / 7)
    assert clusterability(PAIRS, TWO) == pytest.approx(18 / 19)
    # Module 0: out 4, in 3, inside 3; module 1: out 3, in 4, inside 3; m = 7.
    assert directed_modularity(PAIRS, TWO) == pytest.approx(6 / 7 - (4 * 3 + 3 * 4) / 49)
    one = np.zeros(4, dtype=int)
    assert n_cut(PAIRS, one) == pytest.approx(0.0)
    assert clusterability(PAIRS, one) == 1.0
    assert directed_modularity(PAIRS, one) == pytest.approx(0.0)


def test_nodes_without_a_label_do_not_count() -> None:
    wider = csr_array(np.pad(PAIRS.toarray(), (0, 2)) + np.diag([0, 0, 0, 5.0, 0], 1))
    labels = np.array([0, 0, 1, 1, -1, -1])
    for measure in (n_cut, clusterability, directed_modularity):
        assert measure(wider, labels) == pytest.approx(measure(PAIRS, TWO))


def digraph(weights: np.ndarray) -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_nodes_from(range(len(weights)))
    graph.add_weighted_edges_from((int(i), int(j), weights[i, j]) for i, j in np.argwhere(weights))
    return graph


matrices = st.integers(0, 10_000).map(
    lambda seed: (
        np.random.default_rng(seed).random((9, 9))
        * (np.random.default_rng(seed + 1).random((9, 9)) < 0.5)
    )
)


@given(matrices, st.lists(st.integers(0, 2), min_size=9, max_size=9), st.permutations(range(9)))
def test_measures_are_those_of_networkx_whatever_nodes_are_called(
    weights: np.ndarray, modules: list[int], order: list[int]
) -> None:
    labels = np.array(modules)
    graph, sets = digraph(weights), [set(np.flatnonzero(labels == k).tolist()) for k in range(3)]
    sets = [s for s in sets if s]
    expected = nx.community.modularity(graph, sets, weight="weight")
    found = csr_array(weights)
    assert directed_modularity(found, labels) == pytest.approx(expected)
    both = weights + weights.T
    cuts = [both[np.ix_(sorted(s), sorted(set(range(9)) - s))].sum() / both[sorted(s)].sum()
            for s in sets if both[sorted(s)].sum() > 0]  # fmt: skip
    assert n_cut(found, labels) == pytest.approx(sum(cuts))
    inside = sum((weights[np.ix_(sorted(s), sorted(s))] ** 2).sum() for s in sets)
    assert clusterability(found, labels) == pytest.approx(inside / (weights**2).sum())
    moved, renamed = csr_array(weights[np.ix_(order, order)]), 2 - labels[order]
    for measure in (n_cut, clusterability, directed_modularity):
        assert measure(moved, renamed) == pytest.approx(measure(found, labels))


@given(matrices)
def test_louvain_is_as_good_as_that_of_networkx(weights: np.ndarray) -> None:
    adjacency = csr_array(weights)
    if len(without_splinters(adjacency)) < 9:
        return
    ours = max(
        directed_modularity(adjacency, louvain_modules(adjacency, seed)) for seed in range(4)
    )
    graph = digraph(weights)
    theirs = max(
        nx.community.modularity(
            graph, nx.community.louvain_communities(graph, seed=seed), weight="weight"
        )
        for seed in range(4)
    )
    assert ours >= theirs - 0.02


def test_louvain_on_a_graph_whose_best_partition_is_known() -> None:
    """The karate club without weights: the best modularity of all partitions is .4198."""
    adjacency = csr_array(nx.to_numpy_array(nx.karate_club_graph(), weight=None))
    best = max(directed_modularity(adjacency, louvain_modules(adjacency, s)) for s in range(10))
    assert best == pytest.approx(0.4198, abs=5e-4)


def blocks(sizes: list[int], noise: float, seed: int = 0) -> tuple[csr_array, np.ndarray]:
    draws = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    same = labels[:, None] == labels[None, :]
    weights = draws.random((len(labels), len(labels))) * np.where(same, 1.0, noise)
    return csr_array(weights), labels


def same_partition(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(((a[:, None] == a) == (b[:, None] == b)).all())


@pytest.mark.parametrize("sizes", [[10, 10], [12, 20, 8], [300, 200]], ids=str)
def test_planted_blocks_are_found(sizes: list[int]) -> None:
    """With few nodes by all eigenvectors, with many by the first ones."""
    adjacency, truth = blocks(sizes, noise=0.05)
    assert same_partition(spectral_modules(adjacency, len(sizes)), truth)
    assert same_partition(louvain_modules(adjacency), truth)


@given(st.permutations(range(24)))
def test_the_order_of_nodes_does_not_matter(order: list[int]) -> None:
    adjacency, truth = blocks([8, 10, 6], noise=0.1)
    moved = csr_array(adjacency.toarray()[np.ix_(order, order)])
    for find in (lambda a: spectral_modules(a, 3), louvain_modules):
        assert same_partition(find(moved), truth[order])


def test_the_spectral_cut_is_near_the_best_of_all_bisections() -> None:
    adjacency, _ = blocks([5, 4], noise=0.6, seed=3)
    best = min(
        n_cut(adjacency, np.array([0, *rest]))
        for rest in itertools.product((0, 1), repeat=8)
        if any(rest)
    )
    found = n_cut(adjacency, spectral_modules(adjacency, 2))
    assert best - 1e-9 <= found < best + 0.05


def test_splinters_are_left_out() -> None:
    adjacency, truth = blocks([30, 20], noise=0.05)
    apart = np.zeros((53, 53))
    apart[:50, :50] = adjacency.toarray()
    apart[50, 51] = 9.0  # a pair of its own; node 52 is alone
    for labels in (spectral_modules(csr_array(apart), 2), louvain_modules(csr_array(apart))):
        assert (labels[50:] == -1).all()
        assert same_partition(labels[:50], truth)


@pytest.mark.parametrize("sizes", [[10, 20], [300, 250]], ids=str)
def test_modules_without_any_edge_between_them_are_no_splinters(sizes: list[int]) -> None:
    adjacency, truth = blocks(sizes, noise=0.0)
    for labels in (spectral_modules(adjacency, 2), louvain_modules(adjacency)):
        assert same_partition(labels, truth)
        assert n_cut(adjacency, labels) == pytest.approx(0.0)


def test_equal_seeds_give_equal_modules() -> None:
    adjacency, _ = blocks([250, 250], noise=0.9)
    assert (spectral_modules(adjacency, 3, 1) == spectral_modules(adjacency, 3, 1)).all()
    assert (louvain_modules(adjacency, 1) == louvain_modules(adjacency, 1)).all()


def test_graphs_that_have_no_modules() -> None:
    empty = csr_array(np.zeros((3, 3)))
    for find in (louvain_modules, without_splinters, lambda a: n_cut(a, np.zeros(3, dtype=int))):
        with pytest.raises(SettingError, match="all weights are zero"):
            find(empty)
    pairs = np.zeros((100, 100))
    pairs[np.arange(0, 100, 2), np.arange(1, 100, 2)] = 1.0
    with pytest.raises(SettingError, match="this one has splinters"):
        louvain_modules(csr_array(pairs))
    with pytest.raises(SettingError, match="4 connected nodes have 2 to as many"):
        spectral_modules(PAIRS, 5)
    with pytest.raises(SettingError, match="4 nodes got 3 labels"):
        n_cut(PAIRS, TWO[:3])
