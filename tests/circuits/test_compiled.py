"""A compiled circuit computes what its model computes with everything else held constant."""

import itertools
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from netseams.circuits import Circuit, CompiledCircuit
from netseams.core import CircuitMismatchError, SettingError, generator
from netseams.interventions.ablation import masked_hooks
from netseams.masks import keep_largest_, kept_count
from netseams.models import Transformer, TransformerConfig, sites_of

Options = tuple[Literal["none", "learned"], float | None, bool, bool]
OPTIONS: list[Options] = list(
    itertools.product(("none", "learned"), (None, 0.25), (False, True), (False, True))
)


LAYER = {"norm": "layer", "norm_gain": True, "norm_bias": True}
BESIDE = {"positions": "concatenated", "d_pos": 5}
OTHERS: dict[str, dict[str, Any]] = {
    "layer norm": LAYER,
    "positions beside": BESIDE,
    "positions beside, AbsTopK": BESIDE | {"activation_density": 0.3},
    "wide heads": {"head_width": 7, "sinks": True},
    "no biases": {"biases": False},
    "no norms": {"norm": "none"},
    "tied": {"tied_unembed": True, "unembed_bias": True},
    "gelu by tanh": {"activation": "gelu_tanh"},
    "relu in the stream": {"residual": "relu", "activation": "relu"},
    "AbsTopK in the stream": {
        "activation_density": 0.4,
        "activation_sites": ("hook_resid_mid", "mlp.hook_post", "hook_resid_post"),
    },
    "as csp_yolo2": BESIDE | {
        "norm_gain": True, "norm_epsilon": 1e-7, "sinks": True, "bigram": True,
        "activation_density": 0.25, "activation_rounding": "down",
        "activation_sites": ("ln1.hook_normalized", "attn.hook_q", "attn.hook_k", "attn.hook_v",
                             "hook_attn_out", "ln2.hook_normalized", "mlp.hook_post",
                             "hook_mlp_out"),
    },
    "as gpt2": LAYER | {"activation": "gelu_tanh", "tied_unembed": True},
}  # fmt: skip


def sparse_model(options: Options, seed: int = 0) -> Transformer:
    positions, activation_density, sinks, bigram = options
    return sparse_model_with(
        {"positions": positions, "activation_density": activation_density,
         "sinks": sinks, "bigram": bigram}, seed,
    )  # fmt: skip


def sparse_model_with(options: dict[str, Any], seed: int = 0) -> Transformer:
    """Random everywhere, also where initial values are zero; a fifth of every matrix is left."""
    shape = {"n_layers": 2, "n_heads": 4, "d_model": 24, "d_mlp": 40, "n_ctx": 12, "d_vocab": 50}
    model = Transformer(TransformerConfig(**shape, **options))
    draws = generator(seed, "weights")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0.0, 0.4, generator=draws)
            if parameter.ndim == 2 and name.startswith("blocks"):
                keep_largest_(parameter, kept_count(parameter.numel(), 0.2))
    return model


def random_nodes(model: Transformer, share: float, seed: int = 0) -> dict[str, Tensor]:
    draws = generator(seed, "nodes")
    return {s.name: torch.rand(s.width, generator=draws) < share for s in sites_of(model.cfg)}


def random_fill(model: Transformer, seed: int = 0) -> dict[str, Tensor]:
    draws = generator(seed, "fill")
    return {s.name: 0.5 * torch.randn(s.shape, generator=draws) for s in sites_of(model.cfg)}


def circuit_of(model: Transformer, nodes: dict[str, Tensor]) -> Circuit:
    return Circuit.from_nodes(model, nodes, "task", "corpus", {})


def random_tokens(model: Transformer) -> Tensor:
    return torch.randint(model.cfg.d_vocab, (5, 11), generator=generator("tokens"))


def assert_same_logits(
    model: Transformer, nodes: dict[str, Tensor], fill: dict[str, Tensor]
) -> None:
    compiled = CompiledCircuit(circuit_of(model, nodes), model, fill)
    tokens, hooks = random_tokens(model), masked_hooks(nodes, fill)
    answers = torch.tensor([[0, 10], [3, 4], [9, 9], [10, 1], [5, 6]])
    with torch.no_grad():
        for asked in (None, answers):
            expected = model.run_with_hooks(tokens, hooks, asked)
            torch.testing.assert_close(compiled(tokens, asked), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_equals_the_masked_model(options: Options, share: float) -> None:
    model = sparse_model(options)
    assert_same_logits(model, random_nodes(model, share), random_fill(model))


@pytest.mark.parametrize("options", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_equals_the_masked_model_with_options_of_others(
    options: dict[str, Any], share: float
) -> None:
    model = sparse_model_with(options)
    assert_same_logits(model, random_nodes(model, share), random_fill(model))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_equals_the_model_with_zeros_outside(options: Options) -> None:
    model = sparse_model(options)
    zeros = {name: torch.zeros_like(fill) for name, fill in random_fill(model).items()}
    assert_same_logits(model, random_nodes(model, 0.3), zeros)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("letter", ["q", "k", "v"])
def test_equals_the_masked_model_where_attention_is_partly_constant(
    options: Options, letter: str
) -> None:
    model = sparse_model(options)
    nodes = random_nodes(model, 0.7)
    for i in range(model.cfg.n_layers):
        nodes[f"blocks.{i}.attn.hook_{letter}"].zero_()
        nodes[f"blocks.{i}.attn.hook_v"][:6] = False  # a whole head passes constants
    assert_same_logits(model, nodes, random_fill(model))


def test_holds_fewer_parameters_than_the_model() -> None:
    model = sparse_model(("learned", None, True, False))
    compiled = CompiledCircuit(
        circuit_of(model, random_nodes(model, 0.2)), model, random_fill(model)
    )

    def n_block_parameters(module: torch.nn.Module) -> int:
        tensors = module.state_dict().items()
        inside = ("blocks.", "0/", "1/")
        return sum(x.numel() for name, x in tensors if name.startswith(inside))

    assert n_block_parameters(compiled) < n_block_parameters(model) / 3


def test_stands_alone() -> None:
    model = sparse_model(("learned", None, True, True))
    nodes, fill, tokens = random_nodes(model, 0.5), random_fill(model), random_tokens(model)
    compiled = CompiledCircuit(circuit_of(model, nodes), model, fill)
    before = compiled(tokens)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert torch.equal(compiled(tokens), before)
    assert not any(x.requires_grad for x in compiled.state_dict(keep_vars=True).values())


def test_running_it_twice_gives_the_same() -> None:
    model = sparse_model(("none", 0.25, True, False))
    compiled = CompiledCircuit(
        circuit_of(model, random_nodes(model, 0.5)), model, random_fill(model)
    )
    tokens = random_tokens(model)
    assert torch.equal(compiled(tokens), compiled(tokens))


def test_another_model_is_refused() -> None:
    options: Options = ("learned", None, False, False)
    model, other = sparse_model(options), sparse_model(options, seed=1)
    circuit = circuit_of(model, random_nodes(model, 0.5))
    with pytest.raises(CircuitMismatchError, match="belongs to model"):
        CompiledCircuit(circuit, other, random_fill(model))


def test_values_that_are_not_one_constant_a_channel_are_refused() -> None:
    model = sparse_model(("learned", None, False, False))
    circuit, fill = circuit_of(model, random_nodes(model, 0.5)), random_fill(model)
    site = "blocks.1.mlp.hook_post"
    with pytest.raises(SettingError, match=rf"40 constants for {site}"):
        CompiledCircuit(circuit, model, fill | {site: torch.zeros(5, 11, 40)})
    del fill[site]
    with pytest.raises(SettingError, match=rf"40 constants for {site}"):
        CompiledCircuit(circuit, model, fill)


def test_attention_that_sees_both_ways_is_refused() -> None:
    model = sparse_model_with({"causal": False})
    circuit = circuit_of(model, random_nodes(model, 0.5))
    with pytest.raises(SettingError, match="causal=False"):
        CompiledCircuit(circuit, model, random_fill(model))


def test_too_many_positions_are_refused() -> None:
    model = sparse_model(("learned", None, False, False))
    compiled = CompiledCircuit(
        circuit_of(model, random_nodes(model, 0.5)), model, random_fill(model)
    )
    with pytest.raises(SettingError, match="n_ctx is 12"):
        compiled(torch.zeros(1, 13, dtype=torch.long))
