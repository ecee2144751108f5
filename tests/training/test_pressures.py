"""Every pressure against its formula by hand, and against the one contract of all."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from netseams.core import SettingError, generator
from netseams.corpora import Batch, StringOps, StringOpsConfig
from netseams.corpora.base import IGNORED
from netseams.models import Transformer, TransformerConfig
from netseams.training import (
    ActivityNoise,
    ActivityPrice,
    Adversarial,
    Clustered,
    Dense,
    Dropout,
    Local,
    RunConfig,
    TrainConfig,
    train,
)
from netseams.training.loop import Trainer
from netseams.training.pressures import PRESSURES, pressure_for
from netseams.training.pressures.adversarial import AdversarialPressure
from netseams.training.pressures.noise import ActivityNoisePressure, DropoutPressure

CORPUS = StringOps(StringOpsConfig(length=4))
CFG = TransformerConfig(
    n_layers=2, n_heads=4, d_model=16, d_mlp=24, n_ctx=CORPUS.n_positions, d_vocab=CORPUS.d_vocab
)
ARMS = (
    Dropout(p=0.3), ActivityNoise(scale=0.5), ActivityPrice(price=2.0), Adversarial(radius=0.5),
    Adversarial(radius=0.5, steps=3, share=1.0), Clustered(price=2.0, groups=4), Local(price=50.0),
)  # fmt: skip
by_kind = pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.kind)


def some_model() -> Transformer:
    model = Transformer(CFG, seed=1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3, generator=generator("weights", parameter.numel()))
    return model


def some_batch(rows: int = 16) -> Batch:
    return CORPUS.batch("train", rows, CORPUS.n_positions, generator("pressures"))


def plain_loss(model: Transformer, batch: Batch) -> Tensor:
    logits = model(batch.inputs).flatten(0, 1)
    return F.cross_entropy(logits, batch.targets.flatten(), ignore_index=IGNORED)


def run_of(arm, steps: int = 6) -> RunConfig:
    train_config = TrainConfig(steps=steps, batch_size=8, sparsity=arm, checkpoint_every=3)
    return RunConfig(corpus=StringOpsConfig(length=4), model=CFG, train=train_config)


def test_every_kind_is_tested() -> None:
    assert {arm.kind for arm in ARMS} == set(PRESSURES)


@by_kind
def test_the_same_seed_and_step_give_the_same_and_another_step_does_not(arm) -> None:
    model, batch = some_model(), some_batch()

    def grads(seed: int, step: int) -> list[Tensor]:
        pressure = pressure_for(model, arm, seed)
        assert pressure is not None
        model.zero_grad()
        value = pressure.backward(batch, step)
        assert math.isfinite(value)
        return [p.grad.clone() for p in model.parameters() if p.grad is not None]

    once, again, later = grads(0, 3), grads(0, 3), grads(0, 4)
    assert len(once) == len(list(model.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
    drawn = arm.kind in ("dropout", "activity_noise")
    assert drawn != all(torch.equal(a, b) for a, b in zip(once, later, strict=True))


@by_kind
def test_it_changes_training_and_a_run_goes_on_where_it_stopped(arm, tmp_path) -> None:
    whole = train(run_of(arm), tmp_path / "whole").load()
    dense = train(run_of(Dense()), tmp_path / "dense").load()
    assert not torch.equal(whole.embed.weight, dense.embed.weight)

    class Stop(Exception):
        pass

    def stop(step: int, total: int, word: str) -> None:
        if step == 4:
            raise Stop

    with pytest.raises(Stop):
        train(run_of(arm), tmp_path / "cut", stop)
    resumed = train(run_of(arm), tmp_path / "cut").load()
    for ours, theirs in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    "arm",
    [
        ActivityNoise(scale=1e-9), ActivityPrice(price=1e-12), Clustered(price=1e-12),
        Local(price=1e-12), Adversarial(radius=1e-12), Dropout(p=1e-12),
    ],
    ids=lambda arm: arm.kind,
)  # fmt: skip
def test_next_to_nothing_is_ordinary_training(arm) -> None:
    model, batch = some_model(), some_batch()
    expected = plain_loss(model, batch)
    expected.backward()
    theirs = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    pressure = pressure_for(model, arm, 0)
    assert pressure is not None
    assert pressure.backward(batch, 0) == pytest.approx(expected.item(), abs=1e-5)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, theirs[name], rtol=1e-3, atol=1e-5)


def test_what_is_left_by_dropout_keeps_its_mean() -> None:
    x = torch.full((40, 50, 20), 2.0)
    y = DropoutPressure(some_model(), Dropout(p=0.25), 0).disturbed(x, generator("drop"))
    assert y.unique().tolist() == pytest.approx([0.0, 2 / 0.75])
    assert float((y == 0).float().mean()) == pytest.approx(0.25, abs=0.01)
    assert float(y.mean()) == pytest.approx(2.0, abs=0.03)


def test_the_variance_of_noise_is_that_of_its_activity() -> None:
    x = torch.tensor([-4.0, 0.0, 1.0, 9.0]).expand(200, 200, 4)
    noisy = ActivityNoisePressure(some_model(), ActivityNoise(scale=0.5), 0)
    apart = noisy.disturbed(x, generator("noise")) - x
    variance = apart.double().var(dim=(0, 1)).tolist()
    assert variance == pytest.approx([0.25 * 4, 0.0, 0.25, 0.25 * 9], rel=0.03, abs=1e-3)


def test_the_price_of_activity_by_loops() -> None:
    model, batch = some_model(), some_batch(3)
    _, seen = model.run_with_cache(batch.inputs)
    costs: list[float] = []
    for i in range(2):
        for site, matrix in (("attn.hook_z", "attn.out"), ("mlp.hook_post", "mlp.down")):
            x = seen[f"blocks.{i}.{site}"].flatten(2).detach().numpy()
            w = model.get_parameter(f"blocks.{i}.{matrix}.weight").detach().numpy()
            total = 0.0
            for row in range(x.shape[0]):
                for position in range(x.shape[1]):
                    for output in range(w.shape[0]):
                        total += float(np.dot(w[output] ** 2, np.abs(x[row, position])))
            costs.append(total / (x.shape[0] * x.shape[1] * w.shape[0]))
    pressure = pressure_for(model, ActivityPrice(price=2.0), 0)
    assert pressure is not None
    expected = plain_loss(model, batch).item() + 2.0 * sum(costs) / 4
    assert pressure.backward(batch, 0) == pytest.approx(expected, rel=1e-5)


def test_the_price_between_groups_by_loops() -> None:
    model, batch = some_model(), some_batch(3)
    shares: list[float] = []
    for name, parameter in model.named_parameters():
        if not name.startswith("blocks.") or parameter.ndim != 2:
            continue
        w = parameter.detach().double().numpy() ** 2
        rows, columns = w.shape
        crossing = sum(
            w[i, j]
            for i in range(rows)
            for j in range(columns)
            if i // (rows // 4) != j // (columns // 4)
        )
        shares.append(crossing / w.sum())
    assert len(shares) == 12
    pressure = pressure_for(model, Clustered(price=3.0, groups=4), 0)
    assert pressure is not None
    expected = plain_loss(model, batch).item() + 3.0 * sum(shares) / 12
    assert pressure.backward(batch, 0) == pytest.approx(expected, rel=1e-5)


def test_the_price_of_distance_by_loops() -> None:
    model, batch = some_model(), some_batch(3)
    total, n = 0.0, 0
    for name, parameter in model.named_parameters():
        if not name.startswith("blocks.") or parameter.ndim != 2:
            continue
        w = parameter.detach().double().abs().numpy()
        for i in range(w.shape[0]):
            for j in range(w.shape[1]):
                total += w[i, j] * abs((i + 0.5) / w.shape[0] - (j + 0.5) / w.shape[1])
        n += w.size
    pressure = pressure_for(model, Local(price=7.0), 0)
    assert pressure is not None
    expected = plain_loss(model, batch).item() + 7.0 * total / n
    assert pressure.backward(batch, 0) == pytest.approx(expected, rel=1e-5)


def test_an_adversary_stays_within_its_radius_and_more_steps_do_more_harm() -> None:
    model, batch = some_model(), some_batch()
    plain = plain_loss(model, batch).item()
    unit = model.embed(batch.inputs).square().mean().sqrt().item()
    found = {}
    for steps in (1, 8):
        arm = Adversarial(radius=0.5, steps=steps, share=1.0)
        pressure = AdversarialPressure(model, arm, 0)
        moves: list[Tensor] = []
        keep = pressure.moved_loss

        def seeing(batch: Batch, move: Tensor, keep=keep, moves=moves) -> Tensor:
            moves.append(move.detach())
            return keep(batch, move)

        pressure.moved_loss = seeing  # type: ignore[method-assign]
        found[steps] = pressure.loss(batch, generator("unused")).item()
        assert len(moves) == steps + 1
        assert float(moves[0].abs().max()) == 0.0
        assert float(moves[-1].abs().max()) == pytest.approx(0.5 * unit, rel=1e-4)
    assert plain < found[1] < found[8]
    # A random move of the same size does less than one sign step.
    signs = torch.randn(moves[-1].shape, generator=generator("signs")).sign()
    random = keep(batch, 0.5 * unit * signs).item()
    assert random < found[1]


def test_groups_that_do_not_divide_are_refused_before_a_folder_is_trained(tmp_path) -> None:
    with pytest.raises(SettingError, match="4 heads cannot be cut into 3 equal groups"):
        train(run_of(Clustered(groups=3)), tmp_path / "run")


def test_a_loss_that_is_not_finite_teaches_nothing() -> None:
    trainer = Trainer(run_of(Dropout(p=0.5)), CORPUS)
    with torch.no_grad():
        trainer.model.embed.weight.fill_(torch.nan)
    from netseams.core import DivergedError

    with pytest.raises(DivergedError, match="seed 0"):
        trainer.run(lambda step: None)
    assert all(p.grad is None for p in trainer.model.parameters())
