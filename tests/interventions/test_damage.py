"""Damaged networks against their definitions."""

import pytest
import torch
import torch.nn.functional as F

from netseams.core import generator
from netseams.interventions import ActivationNoise, EmbeddingAttack, TowardsWeights, WeightNoise
from netseams.models import Transformer, TransformerConfig

CFG = TransformerConfig(n_layers=2, n_heads=2, d_model=16, d_mlp=24, n_ctx=8, d_vocab=11)
TOKENS = torch.randint(0, 11, (6, 8), generator=generator("tokens"))
ANSWERS = torch.tensor([[3, 7]]).expand(6, -1)


@pytest.fixture
def model(random_model) -> Transformer:
    made = random_model(CFG)
    with torch.no_grad():
        made.get_parameter("blocks.0.mlp.up.weight")[::2] = 0.0  # a sparse matrix
    return made


def test_no_strength_is_no_damage(model, random_model) -> None:
    whole = model(TOKENS, None, ANSWERS)
    for damage in (WeightNoise(model), ActivationNoise(model), EmbeddingAttack(model),
                   TowardsWeights(model, random_model(CFG, 1))):  # fmt: skip
        torch.testing.assert_close(damage.of(0.0)(TOKENS, None, ANSWERS), whole)


def test_weight_noise_is_relative_and_leaves_zeros_and_the_network_alone(model) -> None:
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    once, twice = (WeightNoise(model, 3).of(s) for s in (0.1, 0.2))
    for name, old in before.items():
        assert torch.equal(model.get_parameter(name), old)
        small, large = (d.get_parameter(name).detach() - old for d in (once, twice))  # type: ignore[union-attr]
        if not (name.startswith("blocks.") and old.ndim == 2):
            assert not small.any()
            continue
        assert not small[old == 0].any()
        torch.testing.assert_close(2 * small, large, atol=1e-6, rtol=1e-4)
        ratio = small[old != 0] / old[old != 0]
        assert float(ratio.std()) == pytest.approx(0.1, rel=0.25)


def test_activation_noise_has_the_size_of_its_site(model) -> None:
    clean, noisy = (
        m.run_with_cache(TOKENS, ["blocks.0.mlp.hook_post"])[1]["blocks.0.mlp.hook_post"]
        for m in (model, ActivationNoise(model, 1).of(0.5))
    )
    # A caller's hook comes after the noise. The first site's own input is not disturbed yet.
    z = "blocks.0.attn.hook_z"
    seen = [
        m.run_with_cache(TOKENS, [z])[1][z].detach()
        for m in (model, ActivationNoise(model, 1).of(0.5))
    ]
    apart = (seen[1] - seen[0]).square().mean().sqrt()
    assert float(apart) == pytest.approx(0.5 * float(seen[0].square().mean().sqrt()), rel=0.1)
    assert not torch.equal(clean, noisy)
    gone = ActivationNoise(model, 1).of(0.5)
    zero = {z: torch.zeros_like}
    x = gone.run_with_cache(TOKENS, ["blocks.0.hook_attn_out"])[1]["blocks.0.hook_attn_out"]
    out: list[torch.Tensor] = []
    gone(TOKENS, {**zero, "blocks.0.hook_attn_out": lambda y: out.append(y) or y})
    assert not torch.equal(x, out[0])
    bias = model.get_parameter("blocks.0.attn.out.bias")
    torch.testing.assert_close(out[0], bias.expand_as(out[0]))  # ablated after the noise


def test_an_attack_is_one_sign_step_against_the_networks_own_answers(model) -> None:
    site = "blocks.0.hook_resid_pre"
    attacked = EmbeddingAttack(model, steps=1).of(0.3)
    clean = model.run_with_cache(TOKENS, [site], ANSWERS)[1][site].detach()
    moved: list[torch.Tensor] = []
    logits = attacked(TOKENS, {site: lambda x: moved.append(x) or x}, ANSWERS)
    size = 0.3 * float(clean.square().mean().sqrt())
    apart = moved[0].detach() - clean
    assert float(apart.abs().max()) == pytest.approx(size, rel=1e-3)
    whole = model(TOKENS, None, ANSWERS).flatten(0, 1)
    own = whole.argmax(-1)
    losses = [F.cross_entropy(x, own).item() for x in (whole, logits.flatten(0, 1))]
    # A small move changes the loss by move * slope; the slope by differences, coordinate by
    # coordinate, has the sign of the move.
    assert losses[1] > losses[0]
    row, position, channel = 2, 1, 5
    step = torch.zeros_like(clean)
    step[row, position, channel] = 1e-3
    up = model(TOKENS, {site: lambda x: x + step}, ANSWERS).flatten(0, 1)
    slope = F.cross_entropy(up.double(), own) - F.cross_entropy(whole.double(), own)
    assert torch.sign(slope) == torch.sign(apart[row, position, channel])


def test_more_steps_find_more_within_the_same_radius(model) -> None:
    site = "blocks.0.hook_resid_pre"
    clean = model.run_with_cache(TOKENS, [site], ANSWERS)[1][site].detach()
    size = 0.3 * float(clean.square().mean().sqrt())
    own = model(TOKENS, None, ANSWERS).flatten(0, 1).argmax(-1)
    losses: list[float] = []
    for steps in (1, 6):
        attacked, moved = EmbeddingAttack(model, steps=steps).of(0.3), []
        logits = attacked(TOKENS, {site: lambda x, to=moved: to.append(x) or x}, ANSWERS)
        assert float((moved[0].detach() - clean).abs().max()) <= size * 1.001
        losses.append(F.cross_entropy(logits.flatten(0, 1), own).item())
        # The same inputs meet the same move again; others get one of their own.
        torch.testing.assert_close(attacked(TOKENS, None, ANSWERS), logits)
        alone = EmbeddingAttack(model, steps=steps).of(0.3)
        few = slice(0, 2)
        torch.testing.assert_close(
            attacked(TOKENS[few], None, ANSWERS[few]), alone(TOKENS[few], None, ANSWERS[few])
        )
    assert losses[1] > losses[0]


def test_half_way_to_other_weights(model, random_model) -> None:
    other = random_model(CFG, 1)
    half = TowardsWeights(model, other).of(0.5)
    for name, parameter in half.named_parameters():  # type: ignore[union-attr]
        mean = (model.get_parameter(name) + other.get_parameter(name)) / 2
        torch.testing.assert_close(parameter, mean)
