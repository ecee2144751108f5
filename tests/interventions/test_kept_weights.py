"""Running with only or without some weights, against copies overwritten by hand."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from netseams.circuits import Circuit, random_circuit
from netseams.core import SettingError, generator
from netseams.corpora import StringOps
from netseams.evaluation import agreement, next_token_rise, removal_scores, sufficiency
from netseams.interventions import kept_weights, with_weights
from netseams.models import Transformer, TransformerConfig, matrices_of
from planted import TRUE_EDGES, planted_model, planted_task


def true_circuit(model: Transformer) -> Circuit:
    edges = {
        m.parameter: torch.zeros_like(model.get_parameter(m.parameter), dtype=torch.bool)
        for m in matrices_of(model.cfg)
    }
    for name, target, source in TRUE_EDGES:
        edges[name][target, source] = True
    return Circuit.from_weights(model, edges, "first_token", "planted", {"method": "by hand"})


@pytest.fixture
def network(random_model: Callable[..., Transformer]) -> Transformer:
    return random_model(TransformerConfig(n_layers=2, n_heads=2, d_model=8, d_mlp=12, d_vocab=5))


def some_masks(model: Transformer, seed: int = 0) -> dict[str, torch.Tensor]:
    draws = torch.Generator().manual_seed(seed)
    return {
        m.parameter: torch.rand(model.get_parameter(m.parameter).shape, generator=draws) > 0.5
        for m in matrices_of(model.cfg)
    }


@pytest.mark.parametrize("how", ["only", "without"])
def test_the_rest_is_zero(network: Transformer, how) -> None:
    tokens, masks = torch.tensor([[0, 3, 1, 4]]), some_masks(network)
    got = with_weights(network, kept_weights(network, masks, how))(tokens)
    before = network(tokens).detach()
    copy = Transformer(network.cfg)
    copy.load_state_dict(network.state_dict())
    with torch.no_grad():
        for name, mask in masks.items():
            parameter = copy.get_parameter(name)
            for place in torch.cartesian_prod(*map(torch.arange, mask.shape)).tolist():
                if bool(mask[tuple(place)]) != (how == "only"):
                    parameter[tuple(place)] = 0.0
    assert torch.allclose(got, copy(tokens), atol=1e-6)
    assert torch.equal(network(tokens), before)


@pytest.mark.parametrize("how", ["only", "without"])
def test_what_is_left_out_can_be_drawn_anew(network: Transformer, how) -> None:
    name = "blocks.0.mlp.down.weight"  # 12 inputs a channel
    with torch.no_grad():
        network.get_parameter(name)[0, :4] = 0.0
    weight, mask = network.get_parameter(name).detach(), some_masks(network)[name]
    found = kept_weights(network, {name: mask}, how, "redrawn", seed=3)[name]
    lost = mask if how == "without" else ~mask
    assert torch.equal(found[~lost], weight[~lost])
    assert bool((found[lost & (weight != 0)] != weight[lost & (weight != 0)]).all())
    assert float(found[lost].abs().max()) <= 1 / math.sqrt(12)
    assert torch.equal(found == 0, weight == 0)
    again = kept_weights(network, {name: mask}, how, "redrawn", seed=3)[name]
    other = kept_weights(network, {name: mask}, how, "redrawn", seed=4)[name]
    assert torch.equal(found, again)
    assert not torch.equal(found, other)


def test_redrawn_weights_have_torchs_own_spread() -> None:
    layer = nn.Sequential(nn.Conv2d(8, 64, 3))
    mask = torch.ones(64, 8, 3, 3, dtype=torch.bool)
    found = kept_weights(layer, {"0.weight": mask}, "without", "redrawn")["0.weight"]
    assert float(found.std()) == pytest.approx(float(layer[0].weight.detach().std()), rel=0.05)


def test_masks_of_another_model_are_refused(network: Transformer) -> None:
    name = "blocks.0.mlp.up.weight"
    with pytest.raises(SettingError, match=r"has shape \(2, 2\), the weight \(12, 8\)"):
        kept_weights(network, {name: torch.ones(2, 2, dtype=torch.bool)}, "only")
    with pytest.raises(SettingError, match="no matrix of this module is called"):
        kept_weights(network, {"nowhere": torch.ones(2, 2, dtype=torch.bool)}, "only")


def test_the_planted_weights_suffice_and_are_needed() -> None:
    model, task = planted_model(), planted_task()
    circuit = true_circuit(model)
    assert (circuit.n_edges, circuit.n_nodes, circuit.granularity) == (4, 7, "weights")
    assert sufficiency(circuit, model, task, "zero", {}).accuracy == 1.0
    assert agreement(circuit, model, task, "zero", {}).same_answer == 1.0
    (without,) = removal_scores(circuit, model, [task], "zero", {})
    assert without.loss == pytest.approx(math.log(2), abs=0.05)  # the answer channel stays empty


def test_activations_stand_in_for_no_weight() -> None:
    model = planted_model()
    with pytest.raises(SettingError, match="a circuit of weights, which sets the others to zero"):
        sufficiency(true_circuit(model), model, planted_task(), "mean", {})


def test_a_random_circuit_has_as_many_weights_in_every_matrix() -> None:
    model = planted_model()
    circuit = true_circuit(model)
    drawn = random_circuit(circuit, model, 1)
    for name, mask in drawn.edges.items():
        assert int(mask.sum()) == int(circuit.edges[name].sum())
        assert bool((model.get_parameter(name)[mask] != 0).all())
    assert drawn.granularity == "weights"
    assert any(
        not torch.equal(random_circuit(circuit, model, seed).edges[n], drawn.edges[n])
        for seed in (2, 3)
        for n in drawn.edges
    )


def test_the_exclusive_part_is_of_weights() -> None:
    model = planted_model()
    circuit = true_circuit(model)
    edges = {name: mask.clone() for name, mask in circuit.edges.items()}
    edges["blocks.0.attn.q.weight"][:] = False
    fewer = Circuit.from_weights(model, edges, "first_token", "planted", {})
    left = circuit.without([fewer], model)
    assert {n for n, mask in left.edges.items() if bool(mask.any())} == {"blocks.0.attn.q.weight"}
    assert left.n_nodes == 2


def test_a_circuit_of_weights_needs_every_block_matrix() -> None:
    model = planted_model()
    edges = dict(true_circuit(model).edges)
    del edges["blocks.0.mlp.up.weight"]
    with pytest.raises(SettingError, match=r"blocks\.0\.mlp\.up\.weight is missing"):
        Circuit.from_weights(model, edges, "t", "c", {})
    edges["unembed.weight"] = torch.ones(3, 8, dtype=torch.bool)
    edges["blocks.0.mlp.up.weight"] = torch.zeros(6, 8, dtype=torch.bool)
    with pytest.raises(SettingError, match=r"unembed\.weight is not a block matrix"):
        Circuit.from_weights(model, edges, "t", "c", {})


def test_next_token_loss_without_the_weights(string_ops: StringOps) -> None:
    cfg = TransformerConfig(n_layers=1, n_heads=1, d_model=8, d_mlp=8, n_ctx=14, d_vocab=19)
    model = Transformer(cfg)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(30)
    whole = {
        m.parameter: torch.ones_like(model.get_parameter(m.parameter)) > 0 for m in matrices_of(cfg)
    }
    none = {name: ~mask for name, mask in whole.items()}
    circuits = [
        Circuit.from_weights(model, edges, "t", "string_ops", {}) for edges in (whole, none)
    ]
    without, same = (next_token_rise(circuit, model, string_ops, {}) for circuit in circuits)
    batch = string_ops.batch("test", 128, 14, generator("next token", string_ops.name))
    losses = []
    for keep in (0.0, 1.0):
        copy = Transformer(cfg)
        copy.load_state_dict(model.state_dict())
        with torch.no_grad():
            for name in whole:
                copy.get_parameter(name).mul_(keep)
            logits = copy(batch.inputs).flatten(0, 1)
        losses.append(float(nn.functional.cross_entropy(logits, batch.targets.flatten())))
    assert same == 0.0
    assert without == pytest.approx(losses[0] - losses[1], rel=1e-4)
    assert abs(without) > 0.01
