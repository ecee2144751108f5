"""What the learner's options do, one by one."""

from dataclasses import replace

import pytest
import torch

from netseams.core import SettingError
from netseams.corpora import StringOps, StringOpsConfig
from netseams.discovery import NodeMaskConfig, NodeMasks, fit_together
from netseams.discovery.layout import Layout
from netseams.discovery.learner import learning_rate, price_at, train_masks
from netseams.interventions import mean_activations
from netseams.models import Transformer, TransformerConfig
from netseams.planted.first_token import first_token_corpus, first_token_model, first_token_task
from netseams.tasks import Task, build_task, shuffled_twin

SHORT = NodeMaskConfig(
    steps=20, batch_size=16, lr=0.02, price_start=1e-4, price_end=0.05, snapshots=5, bisections=3
)


@pytest.fixture(scope="module")
def small() -> tuple[Transformer, Task, dict[str, torch.Tensor]]:
    corpus = StringOps(StringOpsConfig(length=6))
    cfg = TransformerConfig(n_layers=2, n_heads=2, d_model=16, d_mlp=24, n_ctx=14, d_vocab=19)
    model = Transformer(cfg)
    draws = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.4, generator=draws)
    return model, build_task("reverse", corpus, 14), mean_activations(model, corpus, 64)


def variants() -> list[NodeMaskConfig]:
    changes = [
        {},
        {"seed": 1},
        {"price_end": 0.2, "lr": 0.05},
        {"init": "attribution", "weight_decay": 0.1, "warmup": 0.2},
        {"patience": 3, "price_start": 0.3, "price_end": 0.3, "lr": 0.1},
    ]
    return [SHORT.model_copy(update=change) for change in changes]


@pytest.mark.parametrize("drop_below", [None, -0.05])
def test_masks_trained_together_are_those_trained_alone(small, drop_below) -> None:
    model, task, means = small
    configs = [config.model_copy(update={"drop_below": drop_below}) for config in variants()]
    together = train_masks(model, task, means, configs, 2.0)
    for config, found in zip(configs, together, strict=True):
        (alone,) = train_masks(model, task, means, [config], 2.0)
        assert (found.steps, found.training_sequences) == (alone.steps, alone.training_sequences)
        assert found.stopped == alone.stopped
        assert len(found.snapshots) == len(alone.snapshots)
        for ours, theirs in zip(found.snapshots, alone.snapshots, strict=True):
            assert torch.allclose(ours, theirs, atol=2e-5)
        assert found.losses == pytest.approx(alone.losses, abs=1e-4)
    assert together[-1].stopped == "no gate flipped for 3 steps"
    assert together[-1].steps < SHORT.steps == together[0].steps


def test_fitted_together_or_alone(small) -> None:
    model, task, means = small
    learners = [NodeMasks(config) for config in variants()[:3]]
    fit_together(learners, model, task, means, (2.2, 5.0))
    for learner in learners:
        alone = NodeMasks(learner.config).fit(model, task, means, (2.2, 5.0))
        sizes = [point.n_nodes for point in learner.curve_]
        assert sizes == [point.n_nodes for point in alone.curve_]
        assert [p.loss for p in learner.curve_] == pytest.approx(
            [p.loss for p in alone.curve_], abs=1e-4
        )
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_tasks_with_the_same_answers_are_trained_together(small) -> None:
    model, task, means = small
    other = shuffled_twin(task, 7)
    configs = [SHORT, SHORT.model_copy(update={"seed": 1})]
    for found, config, one in zip(
        train_masks(model, [task, other], means, configs, 2.0), configs, (task, other), strict=True
    ):
        (alone,) = train_masks(model, one, means, [config], 2.0)
        assert torch.allclose(found.scores, alone.scores, atol=2e-5)
        assert found.losses == pytest.approx(alone.losses, abs=1e-4)


def test_tasks_that_cannot_be_trained_together_are_refused(small) -> None:
    model, task, means = small
    other = replace(task, name="other", candidates=task.candidates[:3])
    with pytest.raises(SettingError, match="reverse and other cannot be trained together"):
        train_masks(model, [task, other], means, [SHORT, SHORT], 1.0)


def test_masks_that_cannot_be_trained_together_are_refused(small) -> None:
    other = SHORT.model_copy(update={"steps": 21})
    with pytest.raises(SettingError, match="one and the same steps"):
        train_masks(*small, [SHORT, other], 1.0)


def test_tied_queries_and_keys_go_together(small) -> None:
    model, task, means = small
    config = SHORT.model_copy(update={"tie_qk": True, "init": "attribution", "steps": 60})
    fitted = NodeMasks(config).fit(model, task, means, (2.5, 100.0))
    free = NodeMasks(config.model_copy(update={"tie_qk": False})).fit(model, task, means, (5.0,))
    circuits = [c for c in fitted.circuits_.values() if c is not None]
    assert circuits
    for circuit in circuits:
        for i in range(2):
            q, k = (circuit.nodes[f"blocks.{i}.attn.hook_{letter}"] for letter in "qk")
            assert torch.equal(q, k)
    assert fitted.curve_ != free.curve_


def test_a_tied_pair_is_two_nodes_on_one_gate() -> None:
    cfg = TransformerConfig(n_layers=2, n_heads=2, d_model=8, d_mlp=12, n_ctx=4, d_vocab=3)
    layout = Layout(cfg, tie_qk=True)
    assert layout.n_nodes == 2 * (7 * 8 + 12) + 8
    assert layout.n_gates == layout.n_nodes - 2 * 8
    nodes = layout.by_site(layout.nodes(torch.arange(layout.n_gates)))
    assert torch.equal(nodes["blocks.1.attn.hook_q"], nodes["blocks.1.attn.hook_k"])
    flat = torch.cat([part for name, part in nodes.items() if not name.endswith("hook_k")])
    assert len(flat.unique()) == layout.n_gates == len(flat)
    counts = layout.per_gate(torch.ones(layout.n_nodes))
    assert counts.sum() == layout.n_nodes
    assert int((counts == 2).sum()) == 2 * 8


def test_the_node_sites_are_those_of_the_release() -> None:
    """8 sites a block and the final read: 11 d_model a layer + d_model, 136,192 for the first."""
    cfg = TransformerConfig(n_layers=12, n_heads=128, d_model=1024, d_mlp=4096)
    assert Layout(cfg).n_nodes == 136_192


def test_rates_by_hand() -> None:
    config = NodeMaskConfig(steps=10, lr=1.0, warmup=0.2, lr_schedule="linear")
    rates = [learning_rate(config, step) for step in range(10)]
    assert rates == pytest.approx([0.5, 1.0, 1.0, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8])
    assert [learning_rate(NodeMaskConfig(lr=0.3), step) for step in (0, 249)] == [0.3, 0.3]
    ramp = NodeMaskConfig(steps=3, price_start=1e-4, price_end=1e-2)
    assert [price_at(ramp, step) for step in range(3)] == pytest.approx([1e-4, 1e-3, 1e-2])


def test_budgets_say_what_was_done() -> None:
    model, task = first_token_model(), first_token_task()
    means = mean_activations(model, first_token_corpus())
    config = NodeMaskConfig(
        steps=400, batch_size=32, lr=0.1, price_start=0.02, price_end=0.02, patience=10,
        init="attribution", bisections=2,
    )  # fmt: skip
    fitted = NodeMasks(config).fit(model, task, means, (0.5,))
    assert fitted.stopped_ == "no gate flipped for 10 steps"
    assert 10 < fitted.budget_.steps < 400
    # 64 pairs, both members of which count, went into the attribution.
    assert fitted.budget_.training_sequences == 128 + 32 * fitted.budget_.steps
    assert len(fitted.curve_) <= fitted.budget_.evaluations <= len(fitted.curve_) + 2
    assert fitted.budget_.calibrations == 0


def test_a_loss_past_use_ends_the_search(small) -> None:
    model, task, means = small
    (plain,) = train_masks(model, task, means, [SHORT], 0.01)
    config = SHORT.model_copy(update={"stop_past": 0.5})
    (never,) = train_masks(model, task, means, [config], 0.5 * min(plain.losses))
    assert (never.stopped, never.steps) == ("", SHORT.steps)  # it met no target: a control
    (trace,) = train_masks(model, task, means, [config], plain.losses[0])
    assert trace.stopped.endswith("is past use")
    assert trace.steps == SHORT.steps // SHORT.snapshots == 4
    assert len(trace.snapshots) == 1


def test_dropped_nodes_never_come_back(small) -> None:
    model, task, means = small
    config = SHORT.model_copy(update={"drop_below": -0.02, "steps": 60, "price_start": 1e-2})
    (trace,) = train_masks(model, task, means, [config], 5.0)
    dead = torch.zeros_like(trace.scores, dtype=torch.bool)
    for scores in trace.snapshots:
        assert not (dead & (scores > 0)).any()
        dead |= scores < -0.02
    assert dead.any()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_the_masks_of_a_cpu(small) -> None:
    model, task, means = small
    there = Transformer(model.cfg)
    there.load_state_dict(model.state_dict())
    there.cuda()
    moved = {name: mean.cuda() for name, mean in means.items()}
    config = SHORT.model_copy(update={"drop_below": -0.05})
    (ours,) = train_masks(model, task, means, [config], 5.0)
    (theirs,) = train_masks(there, task, moved, [config], 5.0)
    assert torch.allclose(ours.snapshots[0], theirs.snapshots[0].cpu(), atol=1e-3)
