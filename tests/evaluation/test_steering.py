"""Steering: strength 0 is no steering, random directions are as long, and known answers."""

import numpy as np
import pytest
import torch
from test_hybrids import identity

from netseams.core import SettingError
from netseams.evaluation.bridge_measures import measure_bridges
from netseams.evaluation.steering import (
    Channel,
    Steering,
    SteeringConfig,
    choose_channel,
    direction_like,
    steering,
)
from netseams.models import Transformer, TransformerConfig
from netseams.models.bridge import Bridges, bridge_shape
from netseams.tasks import build_task
from netseams.training import RunConfig, TrainConfig
from netseams.training.bridge_config import BridgeConfig
from netseams.training.bridges import train_bridges
from netseams.training.loop import Trainer
from twins import wide_twin

CONFIG = TransformerConfig(n_layers=2, n_heads=4, d_model=16, d_mlp=24, n_ctx=14, d_vocab=19)


@pytest.fixture(scope="module")
def task(string_ops):
    return build_task("reverse", string_ops, 14)


@pytest.fixture
def pair(random_model):
    return random_model(CONFIG, 1), random_model(CONFIG.model_copy(update={"d_model": 24}), 2)


def probability(model: Transformer, task, tokens) -> float:
    """Of the corrupt answer where it differs, with a plain pass and numpy."""
    examples = task.splits["report"]
    with torch.no_grad():
        logits = model(tokens)[:, task.answers].double().numpy()
    p = np.exp(logits - logits.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    found = [
        p[n, i, task.candidates[examples.corrupt_targets[n, i]]]
        for n in range(len(tokens))
        for i in range(len(task.answers))
        if examples.clean_targets[n, i] != examples.corrupt_targets[n, i]
    ]
    return float(np.mean(found))


def test_strength_zero_is_the_untouched_network(pair, task):
    dense, sparse = pair
    bridges = Bridges(bridge_shape(dense.cfg, sparse.cfg))
    found = steering(bridges, dense, sparse, task, SteeringConfig(random_directions=2))
    plain = probability(dense, task, task.splits["report"].clean)
    assert found.steered[0] == pytest.approx(plain, rel=1e-4)
    assert {curve[0] for curve in (*found.random, found.all_channels)} == {found.steered[0]}
    assert found.steered[-1] != found.steered[0]
    assert found.goal == pytest.approx(
        probability(dense, task, task.splits["report"].corrupt), rel=1e-4
    )


def test_all_channels_through_identity_bridges_reach_the_goal(pair, task):
    dense, _ = pair
    found = steering(identity(dense), dense, dense, task, SteeringConfig(random_directions=1))
    # The whole difference of its own residual turns the clean input into the corrupt one.
    assert found.all_channels[-1] == pytest.approx(found.goal, rel=1e-3)


def test_one_channel_by_hand(pair, task):
    """Half strength, rebuilt from plain passes: difference x direction x RMS of the residual."""
    dense, sparse = pair
    bridges = Bridges(bridge_shape(dense.cfg, sparse.cfg), seed=4)
    config = SteeringConfig(strengths=(0.0, 0.5), random_directions=1)
    found = steering(bridges, dense, sparse, task, config)
    name = [f"blocks.{i}.hook_resid_{x}" for i in range(2) for x in ("pre", "mid")][
        found.channel.site
    ]
    read = name.replace("hook_resid_pre", "ln1.hook_normalized")
    read = read.replace("hook_resid_mid", "ln2.hook_normalized")
    examples = task.splits["report"]
    with torch.no_grad():
        _, clean = sparse.run_with_cache(examples.clean, [name, read])
        _, corrupt = sparse.run_with_cache(examples.corrupt, [read])
        c = found.channel.channel
        amount = (corrupt[read] - clean[read])[..., c] * clean[name].square().mean(-1).sqrt()
        added = amount.unsqueeze(-1) * bridges.decoders[found.channel.site].weight[:, c]
        hooked = _Hooked(dense, {name: lambda x: x + 0.5 * added})
        residual = dense.run_with_cache(examples.clean, [name])[1][name]
    assert found.steered[1] == pytest.approx(probability(hooked, task, examples.clean), rel=1e-4)
    size = added.square().mean().sqrt() / residual.square().mean().sqrt()
    assert found.relative_norm == pytest.approx(float(size), rel=1e-4)


class _Hooked:
    def __init__(self, model, hooks):
        self.model, self.hooks = model, hooks

    def __call__(self, tokens):
        return self.model(tokens, self.hooks)


def test_the_channel_is_the_one_that_differs_most(pair, task):
    _, sparse = pair
    examples = task.splits["select"]
    reads = [f"blocks.{i}.ln{j}.hook_normalized" for i in range(2) for j in (1, 2)]
    with torch.no_grad():
        _, clean = sparse.run_with_cache(examples.clean, reads)
        _, corrupt = sparse.run_with_cache(examples.corrupt, reads)
    table = np.array(
        [
            np.abs((corrupt[r] - clean[r])[:, task.answers].double().numpy()).mean((0, 1))
            for r in reads
        ]
    )
    site, channel = np.unravel_index(table.argmax(), table.shape)
    found = choose_channel(sparse, task)
    assert (found.site, found.channel) == (site, channel)
    assert found.difference == pytest.approx(table.max(), rel=1e-5)


def test_random_directions_are_as_long_and_differ():
    direction = torch.arange(1.0, 17.0)
    first, second = (direction_like(direction, 0, draw) for draw in (0, 1))
    assert float(first.norm()) == pytest.approx(float(direction.norm()), rel=1e-6)
    assert float(second.norm()) == pytest.approx(float(direction.norm()), rel=1e-6)
    cosine = float(first @ second / first.norm() / second.norm())
    assert abs(cosine) < 0.9
    assert torch.equal(first, direction_like(direction, 0, 0))


def test_a_control_is_brought_to_the_norm_asked_for(pair, task):
    dense, sparse = pair
    bridges = Bridges(bridge_shape(dense.cfg, sparse.cfg))
    config = SteeringConfig(strengths=(0.0, 0.5, 1.0), random_directions=1)
    free = steering(bridges, dense, sparse, task, config)
    half = steering(bridges, dense, sparse, task, config, free.relative_norm / 2)
    assert half.relative_norm == free.relative_norm / 2
    assert half.steered[2] == pytest.approx(free.steered[1], rel=1e-5)
    assert half.random[0][2] == pytest.approx(free.random[0][1], rel=1e-5)


def test_both_rescalings_differ_by_a_factor_of_norms(pair, task):
    dense, sparse = pair
    bridges = Bridges(bridge_shape(dense.cfg, sparse.cfg))
    sizes = [
        steering(
            bridges, dense, sparse, task, SteeringConfig(rescale=rule, random_directions=1)
        ).relative_norm
        for rule in ("sparse_rms", "rms_ratio")
    ]
    assert sizes[0] != pytest.approx(sizes[1], rel=0.01)


def test_area_by_hand():
    found = Steering(
        channel=Channel(site=0, channel=0, difference=1.0),
        strengths=(0.0, 0.5, 1.0),
        steered=(0.1, 0.3, 0.9),
        random=((0.1, 0.1, 0.3), (0.1, 0.2, 0.1)),
        all_channels=(0.1, 0.5, 0.9),
        relative_norm=0.2,
        goal=0.95,
    )
    # Rises over the start: 0, .2, .8 and 0, 0, .2 and 0, .1, 0; trapezoids of width 1/2.
    assert found.random_area == pytest.approx((0.05 + 0.05) / 2)
    assert found.area == pytest.approx(0.3 - 0.05)
    assert found.best_random_area == pytest.approx(0.05)


@pytest.mark.parametrize("strengths", [(0.5, 1.0), (0.0, 1.0, 0.5), (0.0,)])
def test_strengths_that_do_not_rise_from_zero_are_refused(strengths, pair, task):
    bridges = Bridges(bridge_shape(pair[0].cfg, pair[1].cfg))
    with pytest.raises(SettingError, match="rise from 0"):
        steering(bridges, *pair, task, SteeringConfig(strengths=strengths))


def test_everything_is_measured_beside_its_controls(string_ops, task, tmp_path):
    """One layer, learned a little, and its wide twin: ridge is exact, an untrained twin is not."""
    model = CONFIG.model_copy(update={"n_layers": 1})
    train = TrainConfig(steps=120, batch_size=32, lr=5e-3)
    trainer = Trainer(RunConfig(corpus=string_ops.config, model=model, train=train), string_ops)
    trainer.run(lambda _: None)
    pair = (trainer.model, wide_twin(trainer.model)[0])
    maps = TrainConfig(steps=5, batch_size=4, lr=1e-6)
    config = BridgeConfig(maps=maps, ridge=1e-6)
    found = train_bridges(config, *pair, string_ops, tmp_path / "maps")
    small = SteeringConfig(strengths=(0.0, 1.0), random_directions=2)
    measures = measure_bridges(found, string_ops, [task], small)
    assert len(measures.constant.hybrids) == 6
    assert measures.hybrids["ridge"].unfaithfulness == pytest.approx(0.0, abs=0.01)
    assert measures.hybrids["trained"].unfaithfulness == pytest.approx(0.0, abs=0.01)
    assert measures.hybrids["untrained"].unfaithfulness > 0.2
    steered = measures.steering[0]
    assert steered.untrained.relative_norm == steered.trained.relative_norm
    assert steered.trained.all_channels[-1] == pytest.approx(steered.trained.goal, rel=0.05)
    stored = (tmp_path / "maps" / "measures.json").read_text(encoding="utf-8")
    assert type(measures).parse_json(stored, "measures.json") == measures
    assert (tmp_path / "maps" / "controls" / "untrained" / "bridges.safetensors").exists()
