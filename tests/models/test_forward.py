from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy_transformer import reference_logits

from netseams.core import SettingError
from netseams.models import Transformer, TransformerConfig

OPTIONS = {
    "plain": {},
    "one layer": {"n_layers": 1},
    "three layers, one head": {"n_layers": 3, "n_heads": 1},
    "no positions": {"positions": "none"},
    "sinks": {"sinks": True},
    "bigram": {"bigram": True},
    "no norms": {"norm": "none"},
    "both ways": {"causal": False},
    "both ways, sinks": {"causal": False, "sinks": True},
    "a quarter of activations": {"activation_density": 0.25},
    "one activation": {"activation_density": 0.01},
    "positions beside": {"positions": "concatenated", "d_pos": 3},
    "wide heads": {"head_width": 5, "n_heads": 3},
    "layer norm": {"norm": "layer", "norm_gain": True, "norm_bias": True, "norm_epsilon": 0.01},
    "gain": {"norm_gain": True},
    "norm bias": {"norm_bias": True},
    "gelu by tanh": {"activation": "gelu_tanh"},
    "relu": {"activation": "relu"},
    "relu in the stream": {"residual": "relu"},
    "no biases": {"biases": False},
    "tied": {"tied_unembed": True},
    "unembed bias": {"unembed_bias": True},
    "some sites, rounded down": {
        "activation_density": 0.45,
        "activation_rounding": "down",
        "activation_sites": ("attn.hook_v", "hook_resid_mid", "mlp.hook_post", "hook_resid_post"),
    },
    "all of others": {
        "positions": "concatenated",
        "d_pos": 3,
        "head_width": 5,
        "sinks": True,
        "bigram": True,
        "norm": "layer",
        "norm_gain": True,
        "norm_bias": True,
        "activation": "relu",
        "residual": "relu",
        "tied_unembed": True,
        "unembed_bias": True,
        "activation_density": 0.4,
        "activation_rounding": "down",
        "biases": False,
    },
    "all": {"sinks": True, "bigram": True, "activation_density": 0.5, "positions": "none"},
}


def config(**options: object) -> TransformerConfig:
    small = {"n_layers": 2, "n_heads": 2, "d_model": 8, "d_mlp": 12, "n_ctx": 7, "d_vocab": 11}
    return TransformerConfig(**{**small, **options})


@pytest.fixture(params=OPTIONS.values(), ids=OPTIONS)
def model(request: pytest.FixtureRequest, random_model: Callable[..., Transformer]) -> Transformer:
    """In double precision, so that AbsTopK settles near-ties as the reference does."""
    return random_model(config(**request.param)).double()


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randint(0, 11, (3, 7), generator=torch.Generator().manual_seed(1))


def test_logits_are_those_of_the_formulas(model: Transformer, tokens: torch.Tensor) -> None:
    expected, _ = reference_logits(model, tokens)
    assert model(tokens).shape == (3, 7, 11)
    np.testing.assert_allclose(model(tokens).detach().numpy(), expected, atol=1e-9)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_single_precision_agrees(
    random_model: Callable[..., Transformer], tokens: torch.Tensor, options: dict
) -> None:
    model = random_model(config(**options))
    expected, _ = reference_logits(model, tokens)
    np.testing.assert_allclose(model(tokens).detach().numpy(), expected, atol=2e-5)


def test_every_activation_is_that_of_the_formulas(model: Transformer, tokens: torch.Tensor) -> None:
    _, expected = reference_logits(model, tokens)
    logits, cache = model.run_with_cache(tokens)
    assert list(cache) == model.site_names()
    assert set(cache) == set(expected)
    for name, activation in cache.items():
        np.testing.assert_allclose(activation.detach().numpy(), expected[name], atol=1e-9)
    assert torch.equal(logits, model(tokens))


@pytest.mark.parametrize(
    "answers",
    [[[6], [6], [6]], [[0], [3], [5]], [[2, 6], [6, 2], [0, 0]], [list(range(7))] * 3],
    ids=["last", "one each", "two each", "all"],
)
def test_answers_give_the_same_logits(
    model: Transformer, tokens: torch.Tensor, answers: list[list[int]]
) -> None:
    at = torch.tensor(answers)
    expected, _ = reference_logits(model, tokens)
    wanted = np.stack([row[positions] for row, positions in zip(expected, answers, strict=True)])
    found = model(tokens, answers=at)
    assert found.shape == (3, len(answers[0]), 11)
    np.testing.assert_allclose(found.detach().numpy(), wanted, atol=1e-9)


def test_sites_of_the_last_block_hold_answer_positions_only(
    model: Transformer, tokens: torch.Tensor
) -> None:
    answers = torch.tensor([[1, 6], [2, 5], [3, 3]])
    _, whole = model.run_with_cache(tokens)
    _, asked = model.run_with_cache(tokens, answers=answers)
    assert list(asked) == list(whole)
    last = f"blocks.{model.cfg.n_layers - 1}."
    late = ["attn.hook_q", "attn.hook_z", "hook_attn_out", "hook_resid_mid", "ln2.hook_normalized",
            "mlp.hook_post", "hook_mlp_out", "hook_resid_post"]  # fmt: skip
    sliced = {last + name for name in late} | {"ln_final.hook_normalized"}
    rows = torch.arange(3).unsqueeze(1)
    for name, activation in asked.items():
        expected = whole[name][rows, answers] if name in sliced else whole[name]
        torch.testing.assert_close(activation, expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("length", [1, 4, 7])
def test_shorter_inputs(model: Transformer, tokens: torch.Tensor, length: int) -> None:
    expected, _ = reference_logits(model, tokens[:, :length])
    np.testing.assert_allclose(model(tokens[:, :length]).detach().numpy(), expected, atol=1e-9)


def test_too_long_inputs_are_refused(model: Transformer) -> None:
    with pytest.raises(SettingError, match="8 positions, but n_ctx is 7"):
        model(torch.zeros(1, 8, dtype=torch.long))


@pytest.mark.parametrize("position", [1, 4, 6])
def test_a_later_token_changes_nothing_before_it_if_attention_is_causal(
    model: Transformer, tokens: torch.Tensor, position: int
) -> None:
    other = tokens.clone()
    other[:, position] = (other[:, position] + 1) % 11
    before, after = model(tokens), model(other)
    assert torch.equal(before[:, :position], after[:, :position]) == model.cfg.causal
    assert not torch.isclose(before[:, position], after[:, position]).all()


def test_rows_do_not_see_each_other(model: Transformer, tokens: torch.Tensor) -> None:
    for row in range(3):
        torch.testing.assert_close(
            model(tokens)[row : row + 1], model(tokens[row : row + 1]), atol=1e-12, rtol=0
        )


def test_the_sink_takes_weight_from_every_key(random_model: Callable[..., Transformer]) -> None:
    model = random_model(config(n_layers=1, sinks=True))
    with torch.no_grad():
        model.blocks[0].attn.sink.fill_(50.0)
    _, cache = model.run_with_cache(torch.tensor([[1, 2, 3]]))
    assert float(cache["blocks.0.attn.hook_z"].detach().abs().max()) < 1e-15


def test_gradients_reach_every_parameter(model: Transformer, tokens: torch.Tensor) -> None:
    model(tokens).logsumexp(-1).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert bool(torch.isfinite(parameter.grad).all()), name
        # A bias of keys shifts all scores of a query alike, which a softmax does not feel.
        if not name.endswith("attn.k.bias") or model.cfg.activation_density or model.cfg.sinks:
            assert float(parameter.grad.abs().max()) > 0, name


def test_a_seed_decides_the_initial_weights() -> None:
    one, same, other = (Transformer(config(), seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert all(not torch.equal(one[n], other[n]) for n in one if one[n].ndim > 1)


def test_initial_weights_follow_gpt2() -> None:
    model = Transformer(
        TransformerConfig(n_layers=8, d_model=64, d_mlp=256, d_vocab=400, sinks=True, bigram=True,
                          norm_gain=True, norm_bias=True, unembed_bias=True)
    )  # fmt: skip
    for name, parameter in model.named_parameters():
        if name.endswith(".gain"):
            assert (parameter == 1).all(), name
            continue
        if parameter.ndim < 2 or name.startswith("bigram"):
            assert not parameter.any(), name
            continue
        residual = name.endswith(("attn.out.weight", "mlp.down.weight"))
        expected = 0.02 / 4 if residual else 0.02  # 4 = sqrt(2 * 8 layers)
        assert float(parameter.detach().std()) == pytest.approx(expected, rel=0.05), name
        assert abs(float(parameter.detach().mean())) < expected / 10, name


@pytest.mark.parametrize(
    "wrong",
    [{"n_heads": 3}, {"n_layers": 0}, {"activation_density": 0.0}, {"activation_density": 1.1},
     {"positions": "rotary"}, {"d_vocab": 1}, {"dropout": 0.1}, {"d_pos": 3},
     {"d_pos": 0, "positions": "concatenated"}, {"activation_sites": ("attn.hook_z",)},
     {"activation_density": 0.1, "activation_rounding": "down"}, {"norm_epsilon": 0.0},
     {"head_width": 0}, {"activation": "silu"}],
)  # fmt: skip
def test_impossible_configs_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        config(**wrong)
