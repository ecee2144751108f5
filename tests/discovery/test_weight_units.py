"""Units, objectives and rankings against brute force; modules that are not ours."""

import pytest
import torch
from any_module import ConvNet, bright_or_dark, trained_conv_net
from torch import nn
from transformers.pytorch_utils import Conv1D

from netseams.core import SettingError
from netseams.discovery import (
    Function,
    WeightMaskConfig,
    WeightMasks,
    WeightScores,
    WeightScoresConfig,
    both,
    faithful,
    labels,
    necessity,
)
from netseams.discovery.masked import Masked
from netseams.discovery.objectives import Wishes
from netseams.discovery.units import Units
from netseams.discovery.weight_learner import MaskMeasure
from netseams.discovery.weight_scores import magnitude, saliency
from netseams.masks import HardConcrete
from netseams.models import Transformer, TransformerConfig, matrices_of, weight_matrices

UNITS = ["weights", "neurons", "nodes"]


def units_of(module, unit, patterns=None):
    return Units(weight_matrices(module, patterns), dict(module.named_parameters()), unit)


def test_only_linear_and_convolutional_weights_are_masked_by_default():
    assert [m.name for m in weight_matrices(ConvNet())] == [
        "first.weight", "second.weight", "head.weight",
    ]  # fmt: skip
    cfg = TransformerConfig(n_layers=2, n_heads=2, d_model=8, d_mlp=12, d_vocab=5, bigram=True)
    found = {m.name for m in weight_matrices(Transformer(cfg))}
    assert found == {m.parameter for m in matrices_of(cfg)}


def test_patterns_choose_among_all_matrices():
    cfg = TransformerConfig(n_layers=2, n_heads=2, d_model=8, d_mlp=12, d_vocab=5)
    found = [m.name for m in weight_matrices(Transformer(cfg), ("unembed.*", "blocks.1.mlp.*"))]
    assert found == ["blocks.1.mlp.up.weight", "blocks.1.mlp.down.weight", "unembed.weight"]
    with pytest.raises(SettingError, match=r"no matrix of this module is called 'block"):
        weight_matrices(Transformer(cfg), ("block.*",))


def test_tied_quantised_and_missing_weights_are_refused():
    tied = Transformer(TransformerConfig(n_layers=1, n_heads=1, d_model=4, tied_unembed=True))
    with pytest.raises(SettingError, match=r"embed\.weight is tied to another parameter"):
        weight_matrices(tied, ("embed.weight",))
    coarse = nn.Sequential(nn.Linear(3, 3))
    coarse[0].weight = nn.Parameter(torch.ones(3, 3, dtype=torch.int8), requires_grad=False)
    with pytest.raises(SettingError, match=r"0.weight is stored as torch.int8"):
        weight_matrices(coarse)
    with pytest.raises(SettingError, match="made of Embedding, LayerNorm, Sequential"):
        weight_matrices(nn.Sequential(nn.Embedding(3, 3), nn.LayerNorm(3)))


class Pair(nn.Module):
    """x -> 3 -> 4 -> 2, linear, with the second layer stored input first as in GPT-2."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.up = nn.Linear(3, 4)
        self.down = Conv1D(2, 4)
        with torch.no_grad():
            self.down.weight.normal_()
            self.up.weight[0, 1] = 0.0

    def forward(self, x):
        return self.down(torch.tanh(self.up(x)))


def pair_function(name="pair", sign=1.0) -> Function:
    draws = torch.Generator().manual_seed(3)
    rows = {}
    for split in ("mask_train", "select"):
        x = torch.randn(20, 3, generator=draws)
        rows[split] = (x, (sign * x[:, 0] > 0).long().unsqueeze(1))
    return Function(name, rows, lambda run, x: run(x).unsqueeze(1), 0.5)


def by_loops(module: Pair, unit: str, gates: list[float]) -> dict[str, torch.Tensor]:
    """Masks entry by entry: gates in the order up, down (or out, in of up, then of down)."""
    left = iter(gates)
    masks = {"up.weight": torch.zeros(4, 3), "down.weight": torch.zeros(4, 2)}
    if unit == "weights":
        for name, mask in masks.items():
            weight = dict(module.named_parameters())[name]
            for i in range(mask.shape[0]):
                for j in range(mask.shape[1]):
                    mask[i, j] = next(left) if weight[i, j] != 0 else 0.0
        return masks
    if unit == "neurons":
        for i in range(4):
            masks["up.weight"][i, :] = next(left)
        for j in range(2):
            masks["down.weight"][:, j] = next(left)
        return masks
    hidden, read = [next(left) for _ in range(4)], [next(left) for _ in range(3)]
    out, into = [next(left) for _ in range(2)], [next(left) for _ in range(4)]
    for i in range(4):
        masks["up.weight"][i] = torch.tensor([hidden[i] * r for r in read])
        masks["down.weight"][i] = torch.tensor([into[i] * o for o in out])
    return masks


@pytest.mark.parametrize("unit", UNITS)
def test_masks_are_those_written_out_entry_by_entry(unit):
    module = Pair()
    units = units_of(module, unit)
    assert units.n_gates == {"weights": 19, "neurons": 6, "nodes": 13}[unit]
    gates = torch.rand(units.n_gates, generator=torch.Generator().manual_seed(0))
    wanted = by_loops(module, unit, gates.tolist())
    for name, mask in units.masks(gates).items():
        assert torch.allclose(mask.expand_as(wanted[name]), wanted[name])


@pytest.mark.parametrize("unit", UNITS)
def test_removing_is_what_is_not_left(unit):
    module = Pair()
    units = units_of(module, unit)
    gates = torch.rand(units.n_gates, generator=torch.Generator().manual_seed(5)) > 0.6
    left, gone = units.kept(~gates), units.removed(gates)
    for name, weight in module.named_parameters():
        if name in gone:
            assert torch.equal(gone[name] | left[name], weight != 0)
            assert not bool((gone[name] & left[name]).any())


@pytest.mark.parametrize("unit", UNITS)
def test_losses_are_those_of_a_copy_with_its_weights_overwritten(unit):
    """All four objectives, written out with probabilities."""
    module, (f, g) = Pair(), (pair_function("f"), pair_function("g", -1.0))
    units = units_of(module, unit)
    masked = Masked(module, units)
    gates = (torch.rand(units.n_gates, generator=torch.Generator().manual_seed(2)) > 0.5).float()

    def probabilities(kept):
        copy = Pair()
        with torch.no_grad():
            for name, mask in by_loops(module, unit, kept.tolist()).items():
                dict(copy.named_parameters())[name].mul_(mask)
            return copy(inputs).softmax(-1)

    inputs, targets = f.rows["select"]
    base, only, without = (
        module(inputs).softmax(-1).detach(), probabilities(gates), probabilities(1 - gates)
    )  # fmt: skip
    right = only.gather(1, targets)
    wanted = {
        "labels": float(-right.log().mean()),
        "faithful": float((base * (base / only).log()).sum(-1).mean()),
        "suppressed": float((0.5 * (0.5 / without).log()).sum(-1).mean()),
    }
    inputs = g.rows["select"][0]
    base, without = module(inputs).softmax(-1).detach(), probabilities(1 - gates)
    wanted["maintained"] = float((base * (base / without).log()).sum(-1).mean())
    objectives = [
        (labels(f), wanted["labels"]),
        (faithful(f), wanted["faithful"]),
        (necessity(f, [g, g]), wanted["suppressed"] + wanted["maintained"]),
        (both(f, [g]), sum(wanted.values()) - wanted["labels"]),
    ]
    for objective, loss in objectives:
        wishes = Wishes(objective, masked.base)
        got = wishes.loss(masked.only(gates), masked.without(gates), "select")
        assert float(got) == pytest.approx(loss, rel=1e-4)


def test_necessity_needs_something_to_keep():
    with pytest.raises(SettingError, match="necessity needs other functions"):
        necessity(pair_function(), [])


def measured(module, unit, objective):
    units = units_of(module, unit)
    masked = Masked(module, units)
    wishes = Wishes(objective, masked.base)
    return masked, wishes, MaskMeasure(masked, wishes, units)


@pytest.mark.parametrize("unit", UNITS)
def test_magnitudes_are_sums_of_absolute_weights(unit):
    module = Pair()
    _, _, measure = measured(module, unit, labels(pair_function()))
    up, down = module.up.weight.detach().abs(), module.down.weight.detach().abs()
    wanted = {
        "weights": torch.cat([up[up != 0], down.flatten()]),
        "neurons": torch.cat([up.sum(1), down.sum(0)]),
        "nodes": torch.cat([up.sum(1), up.sum(0), down.sum(0), down.sum(1)]),
    }[unit]
    assert torch.allclose(magnitude(measure), wanted)


def test_saliency_is_weight_times_slope():
    module, function = Pair(), pair_function()
    masked, wishes, measure = measured(module, "weights", labels(function))
    inputs, targets = function.rows["mask_train"]
    nn.functional.cross_entropy(module(inputs), targets[:, 0]).backward()
    up, down = module.up.weight, module.down.weight
    slopes = [(p * p.grad).detach().abs() for p in (up, down)]
    wanted = torch.cat([slopes[0][up != 0], slopes[1].flatten()])
    assert torch.allclose(saliency(masked, wishes, measure, 256), wanted, atol=1e-6)


@pytest.mark.parametrize("unit", UNITS)
def test_saliency_of_removal_is_the_fall_of_the_loss(unit):
    """Finite differences at the whole network."""
    module = Pair()
    objective = necessity(pair_function(), [pair_function("g", -1.0)])
    masked, wishes, measure = measured(module, unit, objective)
    scores = saliency(masked, wishes, measure, 256)

    def loss(gates):
        return float(wishes.loss(masked.only(gates), masked.without(gates), "mask_train"))

    for i in range(measure.units.n_gates):
        step = torch.zeros(measure.units.n_gates)
        step[i] = 1e-2
        assert float(scores[i]) == pytest.approx(
            (loss(-step) - loss(step)) / 2e-2, rel=0.02, abs=3e-3
        )


def test_saliency_has_nothing_to_say_about_fidelity():
    with pytest.raises(SettingError, match="perfectly faithful to itself"):
        WeightScores(WeightScoresConfig(scoring="saliency")).fit_module(
            Pair(), faithful(pair_function()), (0.1,)
        )


@pytest.mark.parametrize("unit", UNITS)
def test_a_convolutional_network_is_masked_and_left_alone(unit):
    net, function = trained_conv_net(), bright_or_dark()
    net.train()
    net.norm.eval()
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    config = WeightMaskConfig(
        relaxation=HardConcrete(), lr=0.1, steps=60, snapshots=6, unit=unit, price_start=1.0,
        price_end=10.0,
    )  # fmt: skip
    fitted = WeightMasks(config).fit_module(net, labels(function), (0.3,))
    assert fitted.drift_.verdict == "explanation"
    masks = fitted.masks_[0.3]
    sizes = [int(mask.sum()) for mask in masks.values()]
    assert 0 < sum(sizes) < 0.6 * sum(mask.numel() for mask in masks.values())
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, state[name]), name
    assert (net.training, net.norm.training) == (True, False)
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    with torch.no_grad():
        for name, mask in masks.items():
            dict(net.named_parameters())[name].mul_(mask)
        inputs, targets = function.rows["select"]
        loss = float(nn.functional.cross_entropy(net.eval()(inputs), targets[:, 0]))
    assert loss == pytest.approx(fitted.losses_[0.3], rel=1e-4)
    assert loss <= 0.3


def test_a_failed_search_puts_everything_back():
    net = trained_conv_net(steps=1).train()
    with torch.no_grad():
        net.head.weight[0, 0] = torch.nan
    with pytest.raises(SettingError, match="logits that are not numbers on bright"):
        WeightMasks(WeightMaskConfig(steps=1)).fit_module(net, labels(bright_or_dark()), (0.3,))
    assert net.training
    assert net.norm.training


def test_inputs_may_come_by_name():
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, *, ids, scale):
            return self.layer(ids * scale)

    plain = pair_function()
    rows = {s: ({"ids": x, "scale": torch.ones(20, 1)}, y) for s, (x, y) in plain.rows.items()}
    function = Function("named", rows, lambda run, x: run(**x).unsqueeze(1), 0.5)
    fitted = WeightMasks(WeightMaskConfig(steps=4, snapshots=2)).fit_module(
        Named(), labels(function), (5.0,)
    )
    assert fitted.masks_[5.0] is not None


def test_logits_of_another_shape_are_refused():
    f = pair_function()
    flat = Function("flat", f.rows, lambda run, x: run(x), 0.5)
    with pytest.raises(SettingError, match=r"expected \(rows, answers, candidates\)"):
        WeightMasks(WeightMaskConfig(steps=1)).fit_module(Pair(), labels(flat), (0.3,))
