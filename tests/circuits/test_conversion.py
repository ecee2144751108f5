"""Conversions between granularities, on networks small enough to do by hand."""

import torch

from netseams.circuits import (
    Circuit,
    channels_touched,
    links_of_channels,
    load_circuit,
    random_circuit,
    random_links,
    save_circuit,
    structural_links,
)
from netseams.core import generator
from netseams.models import ComponentGraph, Transformer, TransformerConfig, component_graph
from planted import TRUE_EDGES, TRUE_NODES, planted_model

TRUE_LINKS = {
    ("input", "a0.h0<q>"), ("input", "a0.h0<k>"), ("input", "a0.h0<v>"), ("a0.h0", "logits"),
}  # fmt: skip


def planted_nodes() -> dict[str, torch.Tensor]:
    masks = channels_touched(planted_model().cfg, [])
    for site, channels in TRUE_NODES.items():
        masks[site][list(channels)] = True
    return masks


def test_a_link_touches_both_of_its_components() -> None:
    cfg = TransformerConfig(n_layers=2, n_heads=2, d_model=8, d_mlp=12, n_ctx=6, d_vocab=11)
    nodes = channels_touched(cfg, [("a0.h1", "m1")])
    kept = {site: mask.nonzero().squeeze(1).tolist() for site, mask in nodes.items() if mask.any()}
    everything = list(range(8))
    assert kept == {
        "blocks.0.ln1.hook_normalized": everything,
        "blocks.0.attn.hook_q": [4, 5, 6, 7],
        "blocks.0.attn.hook_k": [4, 5, 6, 7],
        "blocks.0.attn.hook_v": [4, 5, 6, 7],
        "blocks.0.hook_attn_out": everything,
        "blocks.1.ln2.hook_normalized": everything,
        "blocks.1.mlp.hook_post": list(range(12)),
        "blocks.1.hook_mlp_out": everything,
    }
    nodes = channels_touched(cfg, [("input", "logits")])
    assert [site for site, mask in nodes.items() if mask.any()] == ["ln_final.hook_normalized"]


def test_planted_channels_have_the_planted_links() -> None:
    model = planted_model()
    circuit = Circuit.from_nodes(model, planted_nodes(), "t", "c", {})
    edges = {
        (matrix, *place) for matrix, mask in circuit.edges.items()
        for place in mask.nonzero().tolist()
    }  # fmt: skip
    assert edges == TRUE_EDGES
    assert links_of_channels(model, circuit.nodes, circuit.edges) == TRUE_LINKS


def test_without_one_kept_weight_its_link_is_gone() -> None:
    model = planted_model()
    circuit = Circuit.from_nodes(model, planted_nodes(), "t", "c", {})
    circuit.edges["blocks.0.attn.q.weight"][0, 2] = False
    links = links_of_channels(model, circuit.nodes, circuit.edges)
    assert links == TRUE_LINKS - {("input", "a0.h0<q>")}
    # Without the output weight nothing is on a path to the logits.
    circuit.edges["blocks.0.attn.out.weight"][3, 0] = False
    assert links_of_channels(model, circuit.nodes, circuit.edges) == frozenset()


def test_structure_of_the_planted_network() -> None:
    """Noise lives in channels 4..7, which neither the task's head nor the unembedding reads."""
    assert structural_links(planted_model()) == TRUE_LINKS


def test_structure_needs_a_product_that_is_not_zero() -> None:
    """The head writes along (1, 1) and the MLP reads along (1, -1): they share channels and yet
    are not joined. LayerNorm takes out the mean, so what writes along (1, 1) is read by nobody."""
    for norm in ("rms", "layer"):
        cfg = TransformerConfig(
            n_layers=1, n_heads=1, d_model=2, d_mlp=2, n_ctx=4, d_vocab=3, positions="none",
            norm=norm,
        )  # fmt: skip
        model = Transformer(cfg)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.zero_()
            block = model.blocks[0]
            model.embed.weight[:] = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]])
            block.attn.v.weight[:] = torch.eye(2)
            block.attn.out.weight[:] = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
            block.mlp.up.weight[:] = torch.tensor([[1.0, -1.0], [0.0, 0.0]])
            block.mlp.down.weight[:] = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
            model.unembed.weight[:] = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
        found = structural_links(model)
        always = {("input", "m0"), ("m0", "logits"), ("input", "logits")}
        head = {("input", "a0.h0<v>"), ("a0.h0", "logits")} if norm == "rms" else set()
        assert found == always | head
        everything = {site: torch.ones_like(mask) for site, mask in
                      channels_touched(cfg, []).items()}  # fmt: skip
        circuit = Circuit.from_nodes(model, everything, "t", "c", {})
        assert ("a0.h0", "m0") in links_of_channels(model, circuit.nodes, circuit.edges)


def test_links_survive_their_file(tmp_path) -> None:
    circuit = Circuit.from_links(planted_model(), TRUE_LINKS, "t", "c", {"method": "hand"})
    save_circuit(tmp_path, circuit)
    again = load_circuit(tmp_path)
    assert (again.granularity, again.links) == ("components", TRUE_LINKS)
    assert again.n_nodes == circuit.n_nodes


def test_the_exclusive_part_of_links() -> None:
    model = planted_model()
    whole = Circuit.from_links(model, TRUE_LINKS, "t", "c", {})
    part = Circuit.from_links(model, [("input", "a0.h0<q>")], "t", "c", {})
    assert whole.without([part], model).links == TRUE_LINKS - part.links


def test_random_links_are_as_many_and_connected() -> None:
    graph = ComponentGraph(3, 4)
    for seed, n_links in enumerate((1, 3, 10, 40, 150, graph.n_links)):
        mask = random_links(graph, n_links, generator(seed))
        assert torch.equal(mask, graph.on_paths(mask))
        assert 0 < int(mask.sum()) <= n_links
        if n_links >= 10:
            assert int(mask.sum()) >= 0.8 * n_links
    model = planted_model()
    circuit = Circuit.from_links(model, TRUE_LINKS, "t", "c", {})
    one, other, again = (random_circuit(circuit, model, seed).links for seed in (0, 1, 0))
    assert one == again
    assert {len(one), len(other)} <= {1, 2, 3, 4}
    assert component_graph(model.cfg).mask(one).any()
