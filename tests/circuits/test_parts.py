"""Core and exclusive parts of circuits, whatever they are a choice of."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from netseams.circuits import (
    Circuit,
    Granularity,
    chosen_masks,
    core_part,
    edges_between,
    places_of,
)
from netseams.core import CircuitMismatchError, SettingError
from netseams.masks import exclusive, intersection, overlap, size, union
from netseams.models import Transformer, TransformerConfig, sites_of

CONFIG = TransformerConfig(n_layers=1, n_heads=2, d_model=4, d_mlp=6, n_ctx=4, d_vocab=5)
LINKS = [
    ("input", "a0.h0<q>"), ("input", "a0.h1<q>"), ("a0.h0", "m0"), ("a0.h1", "m0"),
    ("input", "logits"), ("m0", "logits"),
]  # fmt: skip


@pytest.fixture
def model(random_model: Callable[..., Transformer]) -> Transformer:
    model = random_model(CONFIG)
    with torch.no_grad():
        model.blocks[0].mlp.up.weight[0] = 0.0
    return model


def circuit(model: Transformer, granularity: Granularity, seed: int) -> Circuit:
    """A random half of everything."""
    draws = torch.Generator().manual_seed(seed)
    nodes = {s.name: torch.rand(s.width, generator=draws) < 0.5 for s in sites_of(CONFIG)}
    found = Circuit.from_nodes(model, nodes, f"task{seed}", "none", {})
    if granularity == "weights":
        edges = {n: m & (torch.rand(m.shape, generator=draws) < 0.5)
                 for n, m in found.edges.items()}  # fmt: skip
        return replace(found, granularity=granularity, edges=edges)
    if granularity == "components":
        picks = torch.rand(len(LINKS), generator=draws) < 0.5
        links = frozenset(x for x, on in zip(LINKS, picks.tolist(), strict=True) if on)
        return replace(found, granularity=granularity, links=links)
    return found


def places(circuit: Circuit) -> set:
    """The set, without tensors."""
    if circuit.granularity == "components":
        return set(circuit.links)
    masks = circuit.nodes if circuit.granularity == "nodes" else circuit.edges
    return {(n, *p) for n, m in masks.items() for p in m.nonzero().tolist()}


@pytest.mark.parametrize("granularity", ["nodes", "weights", "components"])
def test_masks_are_the_places_of_any_circuit(model: Transformer, granularity: Granularity) -> None:
    """Set algebra of masks, held against Python's sets."""
    three = [circuit(model, granularity, seed) for seed in (1, 2, 3)]
    sets, masks = [places(c) for c in three], [chosen_masks(c, LINKS) for c in three]
    assert [size(m) for m in masks] == [len(s) for s in sets]
    assert overlap(masks[0], masks[1]).intersection.value == len(sets[0] & sets[1])
    assert size(intersection(masks)) == len(set.intersection(*sets))
    assert size(union(masks)) == len(set.union(*sets))
    assert size(exclusive(masks[0], masks[1:])) == len(sets[0] - sets[1] - sets[2])


def test_core_and_exclusive_part_are_those_of_python_sets(model: Transformer) -> None:
    three = [circuit(model, "nodes", seed) for seed in (1, 2, 3)]
    sets = [places(c) for c in three]
    core = core_part(three, model)
    assert places(core) == set.intersection(*sets)
    assert core.task == "task1"
    assert [places(c) for c in three] == sets
    assert places(core_part(three[:1], model)) == sets[0]
    assert places(three[0].without(three[1:], model)) == sets[0] - sets[1] - sets[2]
    for part in (core, three[0].without(three[1:], model)):
        expected = edges_between(model, part.nodes)
        assert all(part.edges[name].equal(mask) for name, mask in expected.items())


def test_weights_that_are_zero_could_not_have_been_chosen(model: Transformer) -> None:
    within = places_of(circuit(model, "weights", 1), model)
    assert int(within["blocks.0.mlp.up.weight"].sum()) == 5 * 4
    assert bool(within["blocks.0.attn.q.weight"].all())
    nodes = places_of(circuit(model, "nodes", 1), model)
    assert sum(int(m.sum()) for m in nodes.values()) == sum(s.width for s in sites_of(CONFIG))


def test_links_are_grouped_by_what_they_lead_to(model: Transformer) -> None:
    found = chosen_masks(
        replace(circuit(model, "components", 1), links=frozenset(LINKS[1:3])), LINKS
    )
    assert {kind: mask.tolist() for kind, mask in found.items()} == {
        "m": [True, False], "a.h<q>": [False, True], "logits": [False, False],
    }  # fmt: skip


def test_what_cannot_be_compared(model: Transformer, random_model: Callable) -> None:
    nodes, weights = circuit(model, "nodes", 1), circuit(model, "weights", 1)
    other = circuit(random_model(CONFIG, 7), "nodes", 1)
    for pair in ([nodes, weights], [nodes, other]):
        with pytest.raises(CircuitMismatchError, match="within one model and granularity"):
            core_part(pair, model)
    with pytest.raises(CircuitMismatchError):
        places_of(other, model)
    with pytest.raises(SettingError, match="at least one"):
        core_part([], model)
    components = replace(circuit(model, "components", 1), links=frozenset(LINKS[:2]))
    with pytest.raises(SettingError, match="got none"):
        chosen_masks(components)
    with pytest.raises(SettingError, match="is not among them"):
        chosen_masks(components, LINKS[1:])
    with pytest.raises(SettingError, match="given to chosen_masks"):
        places_of(components, model)
