"""The component graph against published counts and against rules written out by hand."""

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netseams.core import UnknownNameError
from netseams.models import ComponentGraph, TransformerConfig, component_graph, component_of


@pytest.mark.parametrize(
    ("n_layers", "n_heads", "n_links"),
    [(2, 4, 110), (4, 4, 479), (4, 8, 1519), (12, 12, 32_491), (4, 1, 77), (2, 1, 23)],
)
def test_as_many_links_as_other_tools_count(n_layers: int, n_heads: int, n_links: int) -> None:
    graph = ComponentGraph(n_layers, n_heads)
    assert graph.n_links == n_links
    # n_forward = 1 + L (H + 1), n_backward = L (3 H + 1) + 1 in EAP-IG
    assert len(graph.sources) == 1 + n_layers * (n_heads + 1)
    assert len(graph.targets) == n_layers * (3 * n_heads + 1) + 1


def moment(name: str, reading: bool) -> float:
    """When a component reads or writes: attention of layer l at l, its MLP half a layer later."""
    if name == "input":
        return -1.0
    if name == "logits":
        return 1e9
    time = float(name.split(".")[0][1:]) + (0.5 if name[0] == "m" else 0.0)
    return time if reading else time + 0.25


def test_a_link_is_there_where_the_source_writes_before_the_target_reads() -> None:
    graph = ComponentGraph(3, 2)
    wanted = {
        (source, target)
        for source in graph.sources
        for target in graph.targets
        if moment(source, False) < moment(target, True)
    }
    assert set(graph.links) == wanted
    assert ("a1.h0", "m1") in wanted
    assert ("a1.h0", "a1.h1<q>") not in wanted


def test_places_of_links() -> None:
    graph = ComponentGraph(2, 3)
    for target in graph.targets:
        assert {t for _, t in graph.links[graph.into(target)]} == {target}
    into_keys = graph.links[graph.into_heads(1, "k")]
    assert [t for _, t in into_keys] == [f"a1.h{h}<k>" for h in range(3) for _ in range(5)]
    assert [s for s, _ in into_keys[:5]] == list(graph.sources[:5])


def test_dangling_links_are_dropped() -> None:
    graph = ComponentGraph(2, 2)
    path = {("input", "a0.h1<v>"), ("a0.h1", "m1"), ("m1", "logits")}
    dead_end, from_nowhere = ("input", "m0"), ("a1.h0", "logits")
    also_dead = ("m0", "a1.h1<q>")
    kept = graph.on_paths(graph.mask({*path, dead_end, from_nowhere, also_dead}))
    assert graph.links_in(kept) == path
    everything = torch.ones(graph.n_links, dtype=torch.bool)
    assert bool(graph.on_paths(everything).all())


@given(st.integers(0, 10_000), st.floats(0.02, 0.5))
def test_what_is_on_a_path_by_reachability(seed: int, share: float) -> None:
    graph = ComponentGraph(3, 2)
    mask = torch.rand(graph.n_links, generator=torch.Generator().manual_seed(seed)) < share
    plain = nx.DiGraph()
    plain.add_nodes_from([*graph.sources, "logits"])
    plain.add_edges_from((s, component_of(t)) for s, t in graph.links_in(mask))
    fed = {"input", *nx.descendants(plain, "input")}
    used = {"logits", *nx.ancestors(plain, "logits")}
    wanted = {(s, t) for s, t in graph.links_in(mask) if s in fed and component_of(t) in used}
    assert graph.links_in(graph.on_paths(mask)) == wanted


def test_an_unknown_link_is_named() -> None:
    with pytest.raises(UnknownNameError, match=r"a9.h0->logits"):
        ComponentGraph(1, 1).mask([("a9.h0", "logits")])
    cfg = TransformerConfig()
    assert component_graph(cfg) is component_graph(cfg.model_copy(update={"d_mlp": 7}))
