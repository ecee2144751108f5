"""What makes a run weight-sparse: exact counts, returning weights, and nothing at density 1."""

import itertools
import math

import pytest
import torch
from pydantic import ValidationError

from netseams.corpora import StringOps, StringOpsConfig
from netseams.models import TransformerConfig
from netseams.training import Dense, RunConfig, TrainConfig, WeightSparse
from netseams.training.loop import Trainer, limit_gradient
from netseams.training.schedules import density_at, lr_at

MODEL = TransformerConfig(n_layers=1, n_heads=2, d_model=16, d_mlp=32, n_ctx=14, d_vocab=19)


def run_config(sparsity, steps=30, **train) -> RunConfig:
    settings = {"steps": steps, "batch_size": 8, "lr": 1e-3} | train
    return RunConfig(
        corpus=StringOpsConfig(length=6),
        model=MODEL,
        train=TrainConfig(sparsity=sparsity, **settings),
    )


def trained(sparsity, **train):
    config = run_config(sparsity, **train)
    trainer = Trainer(config, StringOps(config.corpus))
    steps = []
    trainer.run(steps.append)
    return trainer, steps


@pytest.mark.parametrize("density", [0.1, 0.37])
@pytest.mark.parametrize("biases", [None, 1.0])
def test_every_matrix_keeps_exactly_its_count(density, biases):
    sparsity = WeightSparse(density=density, embed_density=0.5, bias_density=biases)
    trainer, _ = trained(sparsity)
    for name, parameter in trainer.model.named_parameters():
        share = 0.5 if "embed" in name else density
        if parameter.ndim < 2 and biases == 1.0:
            assert torch.count_nonzero(parameter) > round(parameter.numel() * density)
            continue
        expected = max(1, round(parameter.numel() * share))
        assert torch.count_nonzero(parameter) == expected, name


def test_density_one_equals_plain_training_to_the_bit():
    dense, _ = trained(Dense())
    full, _ = trained(WeightSparse(density=1.0, lr_rule="none"))
    for (name, a), b in zip(dense.model.named_parameters(), full.model.parameters(), strict=True):
        assert torch.equal(a, b), name


def test_dropped_weights_can_return():
    config = run_config(WeightSparse(density=0.2, anneal="none"), steps=40, lr=1e-2)
    trainer = Trainer(config, StringOps(config.corpus))
    supports = []
    weight = trainer.model.blocks[0].mlp.up.weight
    trainer.run(lambda _: supports.append((weight != 0).clone()))
    # Zeroed after the first step, and alive at the last: it came back on its own.
    assert (~supports[0] & supports[-1]).any()
    assert (supports[0] & ~supports[-1]).any()


def test_moments_of_dropped_weights_stay_dense():
    trainer, _ = trained(WeightSparse(density=0.1, anneal="none"))
    weight = trainer.model.blocks[0].mlp.up.weight
    moment = trainer.optimizer.state[weight]["exp_avg"]
    assert torch.count_nonzero(moment[weight == 0]) > 0


def test_density_falls_to_its_final_value_and_stays():
    config = run_config(WeightSparse(density=0.1, anneal="linear", anneal_end=0.5), steps=100)
    path = [density_at(step, config.train) for step in range(100)]
    assert all(later <= earlier for earlier, later in itertools.pairwise(path))
    assert path[-1] == pytest.approx(0.1)
    assert path[49] == pytest.approx(0.1)
    # A quarter of the way, by hand: (0.25 - 0.01) / (0.5 - 0.01) of 0.9 is gone.
    assert path[24] == pytest.approx(1 - 0.9 * 0.24 / 0.49)


def test_learning_rate_is_tied_to_density_as_in_the_paper():
    config = run_config(WeightSparse(density=0.25, anneal="none"), steps=100, warmup=0.1)
    plain = run_config(Dense(), steps=100, warmup=0.1)
    for step in (0, 5, 50, 99):
        assert lr_at(step, config.train) == pytest.approx(2 * lr_at(step, plain.train))
    assert lr_at(9, plain.train) == pytest.approx(1e-3)
    assert lr_at(4, plain.train) == pytest.approx(5e-4)


def test_learning_rate_of_the_released_script_ends_at_the_plain_one():
    rule = WeightSparse(density=0.25, anneal="none", lr_rule="relative_sqrt_l0")
    config, plain = run_config(rule), run_config(Dense())
    assert lr_at(20, config.train) == pytest.approx(lr_at(20, plain.train))


@pytest.mark.parametrize(
    ("rule", "scale", "expected"),
    [("clip_rms", 10.0, 1.0), ("clip_rms", 0.1, 0.1), ("normalize_rms", 0.1, 1.0)],
)
def test_gradient_rules_on_the_root_mean_square(rule, scale, expected):
    config = run_config(Dense(), gradient=rule)
    trainer = Trainer(config, StringOps(config.corpus))
    for parameter in trainer.model.parameters():
        parameter.grad = torch.full_like(parameter, scale)
    limit_gradient(trainer.model, config.train)
    grads = torch.cat([p.grad.flatten() for p in trainer.model.parameters()])
    assert float(grads.square().mean().sqrt()) == pytest.approx(expected, rel=1e-3)


def test_gradient_norm_is_clipped_to_one():
    config = run_config(Dense(), gradient="clip_norm")
    trainer = Trainer(config, StringOps(config.corpus))
    for parameter in trainer.model.parameters():
        parameter.grad = torch.full_like(parameter, 3.0)
    limit_gradient(trainer.model, config.train)
    norm = math.sqrt(sum(float(p.grad.square().sum()) for p in trainer.model.parameters()))
    assert norm == pytest.approx(1.0, rel=1e-4)


def test_arms_differ_in_one_field():
    dense = run_config(Dense()).model_dump()
    sparse = run_config(WeightSparse(density=0.3)).model_dump()
    differing = {key for key in dense["train"] if dense["train"][key] != sparse["train"][key]}
    assert differing == {"sparsity"}
    assert {key for key in dense if dense[key] != sparse[key]} == {"train"}


def test_a_density_below_one_weight_a_row_is_refused_with_the_arithmetic():
    with pytest.raises(ValidationError, match=r"at least 0\.0625"):
        run_config(WeightSparse(density=0.05))
