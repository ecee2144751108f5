"""Weight masks on a network whose true weights are known, and on ones that do no task."""

import dataclasses

import pytest
import torch

from netseams.circuits import load_circuit, save_circuit
from netseams.core import TaskError
from netseams.discovery import (
    METHODS,
    WeightMaskConfig,
    WeightMasks,
    WeightScores,
    drift_line,
    function_of,
    labels,
)
from netseams.interventions import redrawn_on_support, untrained_twin
from netseams.masks import ContinuousSparsification, HardConcrete, TopK
from netseams.planted import PLANTED
from planted import TRUE_EDGES, TRUE_NODES, planted_model, planted_task

TARGET = 0.02
LEARNED = [ContinuousSparsification(), HardConcrete(), TopK()]
WEIGHT_METHODS = [name for name in METHODS if METHODS[name]().granularity == "weights"]


def settings(relaxation, **changes) -> WeightMaskConfig:
    lr = 0.1 if relaxation.kind == "hard_concrete" else 0.03
    changes = {"steps": 200 if relaxation.kind == "topk" else 120, "snapshots": 12} | changes
    return WeightMaskConfig(relaxation=relaxation, lr=lr, **changes)


def edges_of(circuit) -> set[tuple[str, int, int]]:
    return {
        (name, *place) for name, mask in circuit.edges.items() for place in mask.nonzero().tolist()
    }


def f1(found: set, truth: set) -> float:
    return 2 * len(found & truth) / (len(found) + len(truth))


def test_every_method_is_registered_under_its_name():
    assert WEIGHT_METHODS == [
        "weight_masks", "hard_concrete_weights", "topk_weights", "magnitude", "saliency",
    ]  # fmt: skip
    for name in WEIGHT_METHODS:
        assert METHODS[name]().name == name


@pytest.mark.parametrize(
    ("relaxation", "objective", "seed"),
    [(relaxation, "labels", seed) for relaxation in LEARNED for seed in (0, 1)]
    + [(relaxation, "faithful", 0) for relaxation in LEARNED[:2]],
    ids=lambda x: getattr(x, "kind", str(x)),
)
def test_learned_masks_recover_exactly_the_planted_weights(relaxation, seed, objective):
    config = settings(relaxation, seed=seed, objective=objective)
    fitted = WeightMasks(config).fit(planted_model(), planted_task(), {}, (TARGET,))
    circuit = fitted.circuits_[TARGET]
    assert circuit is not None
    assert edges_of(circuit) == TRUE_EDGES
    touched = {site: set(m.nonzero().squeeze(1).tolist()) for site, m in circuit.nodes.items()}
    assert touched == TRUE_NODES | {"ln_final.hook_normalized": set()}  # no block weight ends there
    assert circuit.granularity == "weights"
    assert circuit.found_by["role"] == "kept"
    assert circuit.found_by["drift"]["verdict"] == "explanation"


@pytest.mark.parametrize("name", ["magnitude", "saliency"])
def test_rankings_without_training(name):
    fitted = METHODS[name]().fit(planted_model(), planted_task(), {}, (TARGET,))
    found = edges_of(fitted.circuits_[TARGET])
    assert found >= TRUE_EDGES
    assert f1(found, TRUE_EDGES) > 0.85  # by magnitude one noise weight comes before the last
    assert fitted.budget_.steps == 0


def test_magnitude_does_not_ask_for_the_sign():
    """All planted weights negated in pairs: the same function, the same ranking."""
    model = planted_model()
    with torch.no_grad():
        attn = model.blocks[0].attn
        for matrix in (attn.q, attn.k, attn.v, attn.out):
            matrix.weight.neg_()
    found = WeightScores().fit(model, planted_task(), {}, (TARGET,)).circuits_[TARGET]
    plain = WeightScores().fit(planted_model(), planted_task(), {}, (TARGET,)).circuits_[TARGET]
    assert edges_of(found) == edges_of(plain)


@pytest.mark.parametrize("unit", ["neurons", "nodes"])
def test_neurons_and_nodes_hold_all_their_weights(unit):
    model = planted_model()
    config = settings(HardConcrete(), unit=unit, price_start=1.0, price_end=30.0)
    circuit = WeightMasks(config).fit(model, planted_task(), {}, (TARGET,)).circuits_[TARGET]
    assert edges_of(circuit) >= TRUE_EDGES
    for name, mask in circuit.edges.items():
        weight = dict(model.named_parameters())[name].detach() != 0
        rows = mask.any(1, keepdim=True)
        columns = mask.any(0, keepdim=True) if unit == "nodes" else torch.ones_like(mask[:1])
        assert torch.equal(mask, weight & rows & columns)


def test_targets_are_met_by_the_weights_alone():
    """Scored by hand: weights outside the circuit set to zero in a copy of the network."""
    model, task = planted_model(), planted_task()
    fitted = WeightMasks(settings(TopK())).fit(model, task, {}, (TARGET, 0.6))
    tokens, answers = task.rows("select")
    for target, circuit in fitted.circuits_.items():
        copy = planted_model()
        with torch.no_grad():
            for name, parameter in copy.named_parameters():
                if name in circuit.edges:
                    parameter.mul_(circuit.edges[name])
            logits = copy(tokens)[:, -1, :2]
        loss = float(torch.nn.functional.cross_entropy(logits, answers[:, 0]))
        assert loss <= target
        assert loss == pytest.approx(fitted.losses_[target], rel=1e-4)


@pytest.mark.parametrize("control", [untrained_twin, redrawn_on_support])
def test_controls_without_the_path_never_reach_the_target(control):
    fitted = WeightMasks(settings(HardConcrete())).fit(
        control(planted_model(), 3), planted_task(), {}, (TARGET,)
    )
    assert fitted.circuits_[TARGET] is None
    assert fitted.drift_.verdict == "fine_tuning"


@pytest.mark.parametrize("name", WEIGHT_METHODS)
def test_the_model_is_left_alone_and_the_search_repeats(name):
    model = planted_model()
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    curves = []
    for _ in range(2):
        method = METHODS[name]()
        if "steps" in method.config.model_dump():
            method.config = method.config.model_copy(update={"steps": 8, "snapshots": 2})
        curves.append(method.fit(model, planted_task(), {}, (TARGET,)).curve_)
    assert curves[0] == curves[1]
    for n, parameter in model.named_parameters():
        assert torch.equal(parameter, before[n])
        assert parameter.requires_grad
        assert parameter.grad is None


def test_budget_counts_what_was_done():
    config = settings(TopK(), steps=10, snapshots=5, batch_size=16, bisections=3)
    fitted = WeightMasks(config).fit(planted_model(), planted_task(), {}, (0.7,))
    assert (fitted.budget_.steps, fitted.budget_.training_sequences) == (10, 160)
    assert 5 * 2 <= fitted.budget_.evaluations <= 5 * 2 + 3


def test_thresholding_is_recorded():
    """The first mask of continuous sparsification is half open: hard and soft loss differ."""
    config = settings(ContinuousSparsification(), steps=1, snapshots=1)
    fitted = WeightMasks(config).fit(planted_model(), planted_task(), {}, (TARGET,))
    point, everything = fitted.curve_
    assert point.gap == point.loss - point.soft_loss
    assert abs(point.gap) > 0.05
    assert (everything.gap, everything.n_units) == (0.0, max(p.n_units for p in fitted.curve_))


def test_where_all_gates_shut_at_once_their_order_is_still_used():
    """Copying the previous token: the loss is flat until it breaks, so no mask on the way does."""
    planted = PLANTED["copy_previous"]()
    (task,) = planted.tasks
    fitted = WeightMasks().fit(planted.model, task, {}, (0.05,))
    assert all(point.loss > 0.05 for point in fitted.curve_[:-1])
    circuit = fitted.circuits_[0.05]
    assert circuit is not None
    assert edges_of(circuit) == set(planted.truths[task.name].weights)


def test_circuits_of_weights_are_kept_on_disk(tmp_path):
    config = settings(HardConcrete(), steps=100, snapshots=25)
    fitted = WeightMasks(config).fit(planted_model(), planted_task(), {}, (TARGET,))
    circuit = fitted.circuits_[TARGET]
    save_circuit(tmp_path, circuit)
    again = load_circuit(tmp_path)
    assert again.granularity == "weights"
    assert edges_of(again) == edges_of(circuit) == TRUE_EDGES
    assert drift_line(again.found_by).startswith("explanation: the unmasked network does first_")
    assert drift_line({}) == ""


def wrong_labels():
    """The planted task with its answers turned round: what the network does not do."""
    task = planted_task()
    turned = {
        split: dataclasses.replace(
            rows, clean_targets=1 - rows.clean_targets, corrupt_targets=1 - rows.corrupt_targets
        )
        for split, rows in task.splits.items()
    }
    return dataclasses.replace(task, splits=turned)


@pytest.mark.parametrize(
    ("objective", "word"), [("labels", "fine_tuning"), ("faithful", "no_behaviour")]
)
def test_what_the_network_does_not_do_is_marked_or_refused(objective, word):
    config = settings(TopK(), objective=objective, steps=2, snapshots=1)
    fitted = WeightMasks(config).fit(planted_model(), wrong_labels(), {}, (TARGET,))
    assert fitted.drift_.verdict == word
    assert fitted.drift_.base_accuracy == 0.0
    assert fitted.drift_.threshold == 0.75
    assert fitted.drift_.base_loss > 3
    strict = WeightMasks(config.model_copy(update={"on_drift": "refuse"}))
    with pytest.raises(TaskError, match=f"{word}: the unmasked network does first_token with acc"):
        strict.fit(planted_model(), wrong_labels(), {}, (TARGET,))


def test_some_matrices_only():
    """Weights that no mask reaches stay, and count as kept."""
    model = planted_model()
    config = settings(HardConcrete(), matrices=("*.attn.*",), steps=100, snapshots=25)
    objective = labels(function_of(planted_task()))
    fitted = WeightMasks(config).fit_module(model, objective, (TARGET,))
    assert sorted(fitted.masks_[TARGET]) == [
        f"blocks.0.attn.{n}.weight" for n in ("k", "out", "q", "v")
    ]
    circuit = fitted.circuits_[TARGET]
    attention = {edge for edge in edges_of(circuit) if ".attn." in edge[0]}
    assert attention == TRUE_EDGES
    for name in ("blocks.0.mlp.up.weight", "blocks.0.mlp.down.weight"):
        assert torch.equal(circuit.edges[name], dict(model.named_parameters())[name] != 0)
