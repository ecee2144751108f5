"""The probe on modules that are known to be robust or brittle, and its parts by hand."""

import copy
import math

import pytest
import torch

from netseams.core import generator
from netseams.evaluation.probe import (
    Calibrated,
    Drift,
    Retention,
    Specificity,
    area,
    calibrate,
    drawn_within,
    word_of_area,
)
from netseams.interventions import WeightNoise, untrained_twin
from netseams.masks import overlap
from netseams.models import Transformer
from netseams.planted import PLANTED


def test_the_strength_is_found_at_which_answers_have_moved_so_far() -> None:
    """Of what moves answers by strength squared, the strength is the root."""
    found = calibrate(lambda s: s, lambda s: s**2, 0.09)  # type: ignore[arg-type,return-value]
    assert isinstance(found, Calibrated)
    assert found.strength == pytest.approx(0.3, rel=0.03)
    assert found.kl == pytest.approx(0.09, rel=0.05)
    assert calibrate(lambda s: s, lambda s: 0.01 * s, 0.09) is None  # type: ignore[arg-type,return-value]
    assert calibrate(lambda s: s, lambda s: float(s > 1), 0.5) is None  # type: ignore[arg-type,return-value]


def test_drift_is_the_divergence_of_answers_by_loops() -> None:
    planted = PLANTED["two_modules"]()
    damaged = WeightNoise(planted.model, 1).of(0.3)
    total = 0.0
    for task in planted.tasks:
        tokens, _ = task.rows("report")
        answers = task.answers.expand(len(tokens), -1)
        p, q = (
            m(tokens, None, answers)[..., task.candidates].double().softmax(-1).detach()
            for m in (planted.model, damaged)
        )
        rows = [
            sum(float(a * math.log(a / b)) for a, b in zip(one, other, strict=True) if a > 0)
            for one, other in zip(p.flatten(0, 1), q.flatten(0, 1), strict=True)
        ]
        total += sum(rows) / len(rows)
    assert Drift(planted.model, planted.tasks)(damaged) == pytest.approx(total / 2, rel=1e-3)


def test_areas_by_hand() -> None:
    assert area({0.01: 1.0, 0.1: 0.5, 1.0: 0.0}) == pytest.approx(0.5)
    # Uneven steps: from .01 to .1 one decade at (1 + .5) / 2, then two at (.5 + 0) / 2.
    assert area({0.01: 1.0, 0.1: 0.5, 10.0: 0.0}) == pytest.approx((0.75 + 2 * 0.25) / 3)
    assert area({0.1: 0.25, 1.0: None}) == 0.25
    assert area({0.1: None}) is None
    words = [word_of_area(v) for v in (0.8, 0.79, 0.5, 0.49, None)]
    assert words == ["robust", "between", "between", "brittle", "no module"]


def test_shares_lie_between_nothing_and_all_and_need_a_module() -> None:
    assert Retention(before=2.0, after=1.0).share == 0.5
    assert Retention(before=2.0, after=3.0).share == 1.0
    assert Retention(before=2.0, after=-1.0).share == 0.0
    assert Retention(before=0.01, after=5.0).share is None
    assert Retention(before=0.3, after=0.3, chance=0.3).share is None  # random places do as much
    assert Retention(before=0.4, after=0.3, chance=0.3).share == pytest.approx(0.75)


def heads(model: Transformer, number: int) -> dict[str, torch.Tensor]:
    """The channels of one head of the only block."""
    own = torch.arange(model.cfg.d_attn) // model.cfg.d_head == number
    return {f"blocks.0.attn.hook_{letter}": own for letter in "qkv"}


def roomy(model: Transformer) -> Transformer:
    """The same function with twice as many channels in every head; the new ones are empty."""
    heads, old = model.cfg.n_heads, model.cfg.d_head
    wide = Transformer(model.cfg.model_copy(update={"head_width": 2 * old}))
    ours, theirs = dict(wide.named_parameters()), dict(model.named_parameters())
    with torch.no_grad():
        for name, parameter in ours.items():
            source = theirs[name]
            if parameter.shape == source.shape:
                parameter.copy_(source)
                continue
            parameter.zero_()
            if name.endswith("attn.out.weight"):
                parameter.unflatten(1, (heads, -1))[:, :, :old] = source.unflatten(1, (heads, -1))
            else:
                parameter.unflatten(0, (heads, -1))[:, :old] = source.unflatten(0, (heads, -1))
            if ".attn.q." in name:
                parameter.mul_(math.sqrt(2))  # scores are divided by the root of a head's width
    return wide


def with_a_brittle_head(model: Transformer, number: int, size: float) -> Transformer:
    """The same function, with what one head writes as a small difference of two large parts: a
    spare channel holds the same as a used one, and is taken off what was put on."""
    made = copy.deepcopy(model)
    width = model.cfg.d_head
    with torch.no_grad():
        out = made.get_parameter("blocks.0.attn.out.weight")
        value = made.get_parameter("blocks.0.attn.v.weight")
        for channel in range(number * width, number * width + width // 2):
            spare = channel + width // 2
            value[spare] = value[channel]
            much = size * out[:, channel]
            out[:, spare] = -much
            out[:, channel] += much
    return made


def test_brittle_and_robust_modules_of_one_network_are_told_apart() -> None:
    planted = PLANTED["two_modules"]()
    tasks, model = planted.tasks, with_a_brittle_head(roomy(planted.model), 1, size=10.0)
    tokens = torch.cat([task.rows("mask_train")[0] for task in tasks])
    torch.testing.assert_close(model(tokens), planted.model(tokens), atol=1e-2, rtol=1e-3)
    drift = Drift(model, tasks)
    areas: list[float] = []
    for number, own in enumerate(tasks):
        module = heads(model, number)
        before = Specificity(model, tasks, tokens)(module, own)
        shares: dict[float, float | None] = {}
        for nats in (0.1, 0.3):
            found: list[float] = []
            for seed in range(4):
                noise = WeightNoise(model, seed)
                at = calibrate(noise.of, drift, nats)
                if at is None:
                    continue
                after = Specificity(noise.of(at.strength), tasks, tokens)(module, own)
                share = Retention(before=before, after=after).share
                assert share is not None
                found.append(share)
            assert len(found) >= 3
            shares[nats] = sum(found) / len(found)
        value = area(shares)
        assert value is not None
        areas.append(value)
    assert word_of_area(areas[0]) == "robust"
    assert word_of_area(areas[1]) != "robust"
    assert areas[1] < areas[0] - 0.2, areas


def test_random_places_are_no_module() -> None:
    planted = PLANTED["two_modules"]()
    model, tasks = roomy(planted.model), planted.tasks
    tokens = torch.cat([task.rows("mask_train")[0] for task in tasks])
    module = heads(model, 0)
    everywhere = {site: torch.ones_like(mask) for site, mask in module.items()}
    specificity = Specificity(model, tasks, tokens)
    before = specificity(module, tasks[0])
    values: list[float] = []
    alike: list[float] = []
    for seed in range(16):
        random = drawn_within(module, everywhere, generator("random", seed))
        values.append(specificity(random, tasks[0]))
        found = overlap(module, random, everywhere).iou
        assert found is not None
        assert found.corrected is not None
        alike.append(found.corrected)
    assert before > 0.4
    assert abs(sum(values) / len(values)) < 0.2 * before
    assert abs(sum(alike) / len(alike)) < 0.06
    # A network that has no such module has none to keep.
    twin = untrained_twin(model, 0)
    before = Specificity(twin, tasks, tokens)(module, tasks[0])
    nothing = Retention(before=before, after=1.0)
    assert nothing.share is None


def test_places_stay_within_their_half() -> None:
    half = {"a": torch.tensor([True, True, False, False]), "b": torch.tensor([False, False])}
    module = {"a": torch.tensor([True, False, False, False]), "b": torch.tensor([False, False])}
    drawn = drawn_within(module, half, generator("half"))
    assert int(drawn["a"].sum()) == 1
    assert not drawn["a"][2:].any()
    assert not drawn["b"].any()
