"""The learner finds a circuit that was set by hand: exactly its nodes, exactly its edges."""

from functools import cache

import pytest
import torch

from netseams.discovery import NodeMaskConfig, NodeMasks
from netseams.evaluation import score_network, sufficiency
from netseams.interventions import mean_activations, redrawn_on_support, untrained_twin
from netseams.planted.first_token import (
    first_token,
    first_token_corpus,
    first_token_model,
    first_token_task,
)

SEARCH = NodeMaskConfig(steps=300, batch_size=64, lr=0.02, price_start=1e-5, price_end=0.1)
TARGET = 0.02


def search(model, seed=0):
    config = SEARCH.model_copy(update={"seed": seed})
    return NodeMasks(config).fit(
        model, first_token_task(), mean_activations(model, first_token_corpus()), (TARGET,)
    )


@cache
def found_in_planted(seed=0):
    """One search for all tests that only look at what it found."""
    return search(first_token_model(), seed)


def test_the_planted_network_does_its_task():
    score = score_network(first_token_model(), first_token_task())
    assert score.accuracy == 1.0
    assert score.loss < 0.02


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_recovers_exactly_the_planted_nodes_and_edges(seed):
    circuit = found_in_planted(seed).circuits_[TARGET]
    assert circuit is not None
    nodes = {site: set(m.nonzero().squeeze(1).tolist()) for site, m in circuit.nodes.items()}
    truth = first_token().truths["first_token"]
    assert nodes == truth.nodes
    edges = {
        (name, target, source)
        for name, mask in circuit.edges.items()
        for target, source in mask.nonzero().tolist()
    }
    assert edges == truth.weights
    assert (circuit.n_nodes, circuit.n_edges) == (8, 4)


@pytest.mark.parametrize("control", [untrained_twin, redrawn_on_support])
def test_controls_never_reach_the_target(control):
    fitted = search(control(first_token_model(), 3))
    assert fitted.circuits_[TARGET] is None
    assert min(point.loss for point in fitted.curve_) > 0.3


def test_removing_any_planted_node_breaks_the_task():
    """The circuit is minimal: by hand, every part is on the only path."""
    model, task = first_token_model(), first_token_task()
    means = mean_activations(model, first_token_corpus())
    circuit = found_in_planted().circuits_[TARGET]
    for site, mask in circuit.nodes.items():
        for channel in mask.nonzero().squeeze(1).tolist():
            fewer = {name: m.clone() for name, m in circuit.nodes.items()}
            fewer[site][channel] = False
            smaller = type(circuit).from_nodes(model, fewer, "first_token", "planted", {})
            assert sufficiency(smaller, model, task, "mean", means).loss > 10 * TARGET


def test_search_is_deterministic_and_leaves_the_model_alone():
    model = first_token_model()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    first, second = found_in_planted(), search(model)
    assert first.curve_ == second.curve_
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name])
        assert parameter.requires_grad
        assert parameter.grad is None


def test_budget_is_recorded():
    fitted = found_in_planted()
    assert fitted.budget_.steps == SEARCH.steps
    assert fitted.budget_.training_sequences == SEARCH.steps * SEARCH.batch_size
    assert fitted.budget_.evaluations >= len(fitted.curve_)


def test_targets_are_met_on_the_select_split():
    model, task = first_token_model(), first_token_task()
    means = mean_activations(model, first_token_corpus())
    targets = (0.02, 0.8, 0.95)
    fitted = NodeMasks(SEARCH).fit(model, task, means, targets)
    sizes = []
    for target in targets:
        circuit = fitted.circuits_[target]
        tokens, answers = task.rows("select")
        keep = circuit.nodes

        def hook(mask, mean):
            return lambda x: torch.where(mask.view(x.shape[2:]), x, mean)

        hooks = {site: hook(mask, means[site]) for site, mask in keep.items()}
        with torch.no_grad():
            logits = model.run_with_hooks(tokens, hooks)[:, -1, :2]
        loss = torch.nn.functional.cross_entropy(logits, answers[:, 0])
        assert loss <= target
        sizes.append(circuit.n_nodes)
    assert sizes == sorted(sizes, reverse=True)
