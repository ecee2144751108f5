"""Shares by hand, findings of hand-made rows, and a whole small run."""

import pytest
import torch

from netseams.circuits import Circuit
from netseams.discovery import NodeMaskConfig
from netseams.experiments import run_experiment
from netseams.experiments.routing import CASES, Routing, RoutingConfig, inside
from netseams.experiments.routing_findings import excess_by_seed, routing_findings
from netseams.models import Transformer, TransformerConfig, matrices_of, sites_of
from netseams.training import Dense, TrainConfig
from netseams_recipes.emergent import known_parts


def test_the_share_inside_counts_channels_at_the_parts_sites_alone() -> None:
    cfg = TransformerConfig(n_layers=1, n_heads=2, d_model=4, d_mlp=6, n_ctx=4, d_vocab=5)
    model = Transformer(cfg)
    nodes = {s.name: torch.zeros(s.width, dtype=torch.bool) for s in sites_of(cfg)}
    nodes["blocks.0.mlp.hook_post"][:4] = True
    nodes["blocks.0.ln1.hook_normalized"][:] = True
    circuit = Circuit.from_nodes(model, nodes, "t", "c", {})
    own = {"blocks.0.mlp.hook_post": torch.tensor([True, True, True, False, False, False])}
    assert inside(circuit, own) == {"part_share": 0.5, "channels": 4, "inside": 0.75}
    assert inside(None, own) == {"part_share": 0.5, "channels": None, "inside": None}


def test_weights_and_links_are_held_against_the_same_part() -> None:
    cfg = TransformerConfig(n_layers=1, n_heads=2, d_model=4, d_mlp=6, n_ctx=4, d_vocab=5)
    model = Transformer(cfg)
    edges = {m.parameter: torch.zeros_like(model.matrix(m.parameter)).bool()
             for m in matrices_of(cfg)}  # fmt: skip
    edges["blocks.0.attn.q.weight"][0, :3] = True  # three weights into a channel of head 0
    edges["blocks.0.mlp.up.weight"][5, 0] = True  # one into the last neuron
    edges["blocks.0.attn.out.weight"][:] = True  # what writes is not counted
    head, neurons = torch.tensor([True, True, False, False]), torch.arange(6) < 3
    own = {f"blocks.0.attn.hook_{letter}": head for letter in "qkv"}
    own["blocks.0.mlp.hook_post"] = neurons
    weights = Circuit.from_weights(model, edges, "t", "c", {})
    assert inside(weights, own) == {"part_share": 0.5, "channels": 4, "inside": 0.75}
    links = [("input", "a0.h1<q>"), ("a0.h1", "logits"), ("a0.h0", "m0"), ("m0", "logits")]
    components = Circuit.from_links(model, links, "t", "c", {})
    assert inside(components, own) == {"part_share": 0.5, "channels": 2, "inside": 0.5}


def row(arm: str, seed: int, share: float | None, network: str = "trained") -> dict:
    return {
        "arm": arm, "seed": seed, "network": network, "task": "a", "method": "node_masks",
        "accuracy": 1.0, "floor": 0.5,
        "learned": True, "nodes": None if share is None else 9, "edges": 9, "best_loss": 0.1,
        "without_own": 0.5, "without_others": 1.0, "part_share": 0.25,
        "channels": None if share is None else 4, "inside": share,
    }  # fmt: skip


def test_excess_and_answer_are_paired_by_seed() -> None:
    rows = [row("dense", s, 0.25 + 0.01 * s) for s in range(8)]
    rows += [row("routed", s, 0.95) for s in range(8)]
    rows += [row("routed", 0, None, "untrained"), row("dense", 9, None)]
    assert excess_by_seed(rows, "routed") == {s: pytest.approx(0.7) for s in range(8)}
    found = routing_findings(Routing(), range(8), ["dense", "routed"], rows)
    # Routed minus dense: .70 - .01 s, with mean .665; all eight signs agree: p = 2 / 2^8.
    assert "routed minus dense: +0.6" in found.answer[0]
    assert "p 0.008" in found.answer[0]


@pytest.mark.slow
def test_a_small_run_leaves_a_row_for_every_network_and_task(tmp_path) -> None:
    run = known_parts("routed_strings")
    small = run.model.model_copy(update={"d_model": 32, "d_mlp": 32})
    arm = run.train.sparsity
    config = RoutingConfig(
        run=run.model_copy(update={"model": small, "train": TrainConfig(steps=3, batch_size=8)}),
        tasks=("reverse", "rotate"),
        arms={"dense": Dense(), "routed": arm},
        search=NodeMaskConfig(steps=4, batch_size=8, snapshots=2, bisections=1),
        also=("eap",),
        target=5.0,
    )
    found = run_experiment(Routing(), config, tmp_path)
    table = found.tables[0]
    assert [row[:2] for row in table.rows] == [
        [arm, network] for arm in ("dense", "routed") for network in CASES
    ]
    assert len(found.tables) == 4
    assert len(found.tables[-1].rows) == 2 * 2 * len(CASES)


def test_tasks_need_parts() -> None:
    run = known_parts("routed_strings")
    arms = {"dense": Dense(), "routed": run.train.sparsity}
    with pytest.raises(ValueError, match="5 tasks, but 4 groups"):
        RoutingConfig(run=run, tasks=("a", "b", "c", "d", "e"), arms=arms)
    with pytest.raises(ValueError, match="one of the arms must be routed"):
        RoutingConfig(run=run, tasks=("a",), arms={"dense": Dense(), "also": Dense()})
