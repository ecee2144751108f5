"""Structure of networks: planted modules must stand out of shuffles, shuffled ones must not."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch

from netseams.core import SettingError
from netseams.evaluation import (
    AgainstShuffles,
    layered_graph,
    spectral_modules,
    structure,
    structure_predicts_function,
    weight_graph,
)
from netseams.models import Transformer, TransformerConfig, matrices_of, sites_of


def planted_layers(k: int = 3, width: int = 30, density: float = 1.0) -> list[np.ndarray]:
    """Three layers of `k` blocks: weights between blocks are a twentieth of those inside."""
    draws = np.random.default_rng(0)
    block = np.arange(width) * k // width
    inside = block[:, None] == block[None, :]
    return [
        draws.normal(size=(width, width)) * np.where(inside, 1.0, 0.05)
        * (draws.random((width, width)) < density)
        for _ in range(3)
    ]  # fmt: skip


@pytest.mark.parametrize(("how", "density"), [("entries", 1.0), ("entries", 0.4), ("support", 1.0)])
def test_planted_modules_stand_out_and_are_the_right_ones(how: str, density: float) -> None:
    graph = layered_graph(planted_layers(density=density))
    found = structure(graph, k=3, n_shuffles=12, shuffle=how)
    assert found.n_cut.value < 0.3
    assert found.n_cut.z < -10
    assert found.clusterability.value > 0.98 > max(found.clusterability.shuffled)
    assert found.clusterability.p("high") == 1 / 13
    assert found.modularity.z > 10
    assert found.n_louvain == 3
    assert found.n_cut.p("low") == found.modularity.p("high") == 1 / 13
    labels = spectral_modules(graph.adjacency(), 3)
    truth = np.tile(np.arange(30) * 3 // 30, 4)
    assert ((labels[:, None] == labels) == (truth[:, None] == truth)).all()


def test_shuffled_modules_do_not_stand_out() -> None:
    """Over several shuffles z scores are those of chance."""
    graph = layered_graph(planted_layers(width=24))
    zs = []
    for seed in range(1000, 1006):
        found = structure(graph.shuffled(seed), k=3, n_shuffles=12)
        zs.append((found.n_cut.z, found.clusterability.z, found.modularity.z))
    assert np.abs(np.mean(zs, axis=0)).max() < 1.2
    assert np.abs(zs).max() < 5


def test_a_shuffle_of_the_support_keeps_the_wiring() -> None:
    """Modules of wiring alone are there after magnitudes are dealt out anew, so z says nothing."""
    layers = [np.sign(w) * (np.abs(w) > 0.2) for w in planted_layers()]
    graph = layered_graph(layers)
    on_support = graph.shuffled(0, "support")
    for ours, theirs in zip(graph.layers, on_support.layers, strict=True):
        assert ((ours.weight != 0) == (theirs.weight != 0)).all()
    found = structure(graph, k=3, n_shuffles=3, shuffle="support")
    assert found.n_cut.z is None
    assert found.n_cut.p("low") == 1.0
    everywhere = graph.shuffled(0)
    for ours, theirs in zip(graph.layers, everywhere.layers, strict=True):
        assert np.sort(ours.weight, axis=None) == pytest.approx(np.sort(theirs.weight, axis=None))
        assert ((ours.weight != 0) != (theirs.weight != 0)).any()


def test_z_and_p_by_hand() -> None:
    found = AgainstShuffles(value=1.0, shuffled=(2.0, 3.0, 4.0, 1.0))
    assert found.null_mean == 2.5
    assert found.null_sd == pytest.approx((5 / 3) ** 0.5)
    assert found.z == pytest.approx(-1.5 / (5 / 3) ** 0.5)
    assert found.p("low") == 2 / 5
    assert found.p("high") == 1.0


CONFIG = TransformerConfig(n_layers=2, n_heads=2, d_model=6, d_mlp=10, n_ctx=4, d_vocab=5)


@pytest.mark.parametrize("positions", [False, True], ids=["plain", "concatenated positions"])
def test_every_weight_is_an_edge_between_its_channels(
    random_model: Callable[..., Transformer], positions: bool
) -> None:
    update = {"positions": "concatenated", "d_pos": 3} if positions else {}
    cfg = TransformerConfig(**{**CONFIG.model_dump(), **update})
    model = random_model(cfg)
    with torch.no_grad():
        model.blocks[1].mlp.up.weight[2:5] = 0.0
    graph = weight_graph(model)
    stream = cfg.d_read
    assert graph.n_nodes == stream + 2 * (3 * 6 + 10)
    adjacency = graph.adjacency().toarray()
    parameters = dict(model.named_parameters())
    start = {}
    at = 0
    for group, width in graph.widths.items():
        start[group], at = at, at + width
    expected = np.zeros_like(adjacency)
    for m in matrices_of(cfg):
        source, target = start[graph.group_of_site[m.source]], start[graph.group_of_site[m.target]]
        weight = parameters[m.parameter].detach().abs().numpy()
        for o, i in itertools.product(*map(range, weight.shape)):
            expected[source + i, target + o] += weight[o, i]
    assert adjacency == pytest.approx(expected)
    apart = weight_graph(model, joined=False)
    assert apart.n_nodes == sum(s.width for s in sites_of(cfg))
    assert apart.adjacency().sum() == pytest.approx(adjacency.sum())


def test_without_joined_streams_the_seams_are_those_of_blocks(
    random_model: Callable[..., Transformer],
) -> None:
    """An attention and an MLP a block, in any network: found, and no evidence of anything."""
    apart = structure(weight_graph(random_model(CONFIG), joined=False), k=4, n_shuffles=2)
    assert apart.n_cut.value == pytest.approx(0.0, abs=1e-9)
    assert apart.n_cut.z is None
    assert apart.connected == pytest.approx(104 / 110)  # the final read has no edge
    assert structure(weight_graph(random_model(CONFIG)), k=2, n_shuffles=2).n_cut.value > 0.1


def test_a_model_is_left_as_it_was(random_model: Callable[..., Transformer]) -> None:
    model = random_model(CONFIG)
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    graph = weight_graph(model)
    graph.shuffled(0)
    graph.shuffled(1, "support")
    assert all(p.equal(before[n]) and p.requires_grad for n, p in model.named_parameters())


def test_values_of_channels_are_summed_where_they_are_one_node(
    random_model: Callable[..., Transformer],
) -> None:
    graph = weight_graph(random_model(CONFIG))
    by_site = {s.name: np.ones((2, s.width)) for s in sites_of(CONFIG)}
    pooled = graph.pooled(by_site)
    assert pooled.shape == (2, graph.n_nodes)
    assert (pooled[:, :6] == 9).all()  # four a block and the final read
    assert (pooled[:, 6:] == 1).all()
    with pytest.raises(SettingError, match="got nowhere"):
        graph.pooled({"nowhere": np.ones((2, 3))})
    with pytest.raises(SettingError, match="got none"):
        graph.pooled({})


def test_graphs_that_cannot_be() -> None:
    with pytest.raises(SettingError, match="at least one weight matrix"):
        layered_graph([])
    with pytest.raises(SettingError, match="3 outputs is followed by one of 4 inputs"):
        layered_graph([np.ones((3, 2)), np.ones((2, 4))])
    with pytest.raises(SettingError, match="two shuffles"):
        structure(layered_graph([np.ones((3, 2))]), k=2, n_shuffles=1)
    with pytest.raises(SettingError, match="all weights are zero"):
        structure(layered_graph([np.zeros((3, 2))]), k=2)
    with pytest.raises(SettingError, match="finite weights; those from 0 to 1"):
        structure(layered_graph([np.array([[1.0, np.inf]])]), k=2)


# Structure and function.


def test_correlation_over_pairs_by_brute_force() -> None:
    draws = np.random.default_rng(0)
    importance, labels = draws.random((7, 12)), draws.integers(0, 3, 12)
    groups = np.repeat([0, 1], 6)
    found = structure_predicts_function(labels, importance, groups, n_draws=9)
    upper = np.triu_indices(12, 1)
    both = np.corrcoef(importance.T)[upper]
    same = (labels[:, None] == labels)[upper]
    assert found.correlation.value == pytest.approx(np.corrcoef(both, same)[0, 1])
    assert found.inside == pytest.approx(both[same].mean())
    assert found.across == pytest.approx(both[~same].mean())
    assert found.n_nodes == 12


def test_modules_that_matter_together_are_seen_and_others_are_not() -> None:
    draws = np.random.default_rng(1)
    labels, groups = np.tile(np.repeat([0, 1], 10), 3), np.repeat([0, 1, 2], 20)
    when = draws.random((40, 2))
    importance = when[:, labels] + 0.3 * draws.random((40, 60))
    found = structure_predicts_function(labels, importance, groups)
    assert found.correlation.z > 10
    assert found.p == 1 / 200
    assert found.inside > found.across + 0.5
    ps = [
        structure_predicts_function(draws.permutation(labels), importance, groups, 39, s).p
        for s in range(20)
    ]
    assert 0.25 < np.mean(ps) < 0.75


def test_a_layer_that_matters_together_is_no_module() -> None:
    """Labels that follow layers are as they were after dealing within layers."""
    draws = np.random.default_rng(2)
    groups = np.repeat([0, 1], 15)
    importance = draws.random((30, 2))[:, groups] + 0.2 * draws.random((30, 30))
    found = structure_predicts_function(groups, importance, groups, n_draws=19)
    assert found.correlation.value > 0.9
    assert found.correlation.excess == pytest.approx(0.0, abs=1e-9)
    assert found.p == 1.0


def test_nodes_without_label_or_variation_are_left_out() -> None:
    draws = np.random.default_rng(3)
    importance, labels = draws.random((9, 10)), np.repeat([0, 1], 5)
    groups = np.zeros(10, dtype=int)
    expected = structure_predicts_function(labels, importance, groups, 9)
    wider = np.concatenate([importance, np.ones((9, 1)), draws.random((9, 1))], axis=1)
    found = structure_predicts_function(
        np.array([*labels, 1, -1]), wider, np.zeros(12, dtype=int), 9
    )
    assert found.n_nodes == 10
    assert found.correlation.value == pytest.approx(expected.correlation.value)


def test_what_structure_cannot_predict() -> None:
    values, groups = np.random.default_rng(0).random((5, 4)), np.zeros(4, dtype=int)
    for labels in (np.zeros(4, dtype=int), np.arange(4)):
        with pytest.raises(SettingError, match="predict nothing"):
            structure_predicts_function(labels, values, groups)
    with pytest.raises(SettingError, match="one entry a node, got 3, 4 and 4"):
        structure_predicts_function(np.zeros(3, dtype=int), values, groups)
    values[0, 0] = np.nan
    with pytest.raises(SettingError, match="finite"):
        structure_predicts_function(np.array([0, 0, 1, 1]), values, groups)
