from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy_transformer import reference_logits

from netseams.core import UnknownNameError
from netseams.models import Transformer, TransformerConfig, matrices_of, sites_of

CONFIG = TransformerConfig(
    n_layers=2, n_heads=2, d_model=8, d_mlp=12, n_ctx=5, d_vocab=11,
    sinks=True, bigram=True, activation_density=0.5,
)  # fmt: skip
BATCH, LENGTH = 3, 5
STREAM, HEADS, HIDDEN = (BATCH, LENGTH, 8), (BATCH, LENGTH, 2, 4), (BATCH, LENGTH, 12)
BLOCK_SHAPES = {
    "hook_resid_pre": STREAM,
    "ln1.hook_normalized": STREAM,
    "attn.hook_q": HEADS,
    "attn.hook_k": HEADS,
    "attn.hook_v": HEADS,
    "attn.hook_z": HEADS,
    "hook_attn_out": STREAM,
    "hook_resid_mid": STREAM,
    "ln2.hook_normalized": STREAM,
    "mlp.hook_post": HIDDEN,
    "hook_mlp_out": STREAM,
    "hook_resid_post": STREAM,
}
SHAPES = {
    "hook_embed": STREAM,
    "hook_pos_embed": (1, LENGTH, 8),
    **{f"blocks.{i}.{name}": shape for i in (0, 1) for name, shape in BLOCK_SHAPES.items()},
    "ln_final.hook_normalized": STREAM,
}


@pytest.fixture
def model(random_model: Callable[..., Transformer]) -> Transformer:
    return random_model(CONFIG).double()


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randint(0, 11, (BATCH, LENGTH), generator=torch.Generator().manual_seed(1))


def test_every_site_is_cached_with_its_shape(model: Transformer, tokens: torch.Tensor) -> None:
    _, cache = model.run_with_cache(tokens)
    assert {name: tuple(x.shape) for name, x in cache.items()} == SHAPES
    assert list(cache) == list(SHAPES) == model.site_names()


def test_only_the_sites_asked_for_are_cached(model: Transformer, tokens: torch.Tensor) -> None:
    names = ["blocks.1.mlp.hook_post", "hook_embed"]
    _, cache = model.run_with_cache(tokens, names)
    assert set(cache) == set(names)


def test_without_positions_there_is_no_such_site(random_model) -> None:
    model = random_model(CONFIG.model_copy(update={"positions": "none"}))
    assert model.site_names() == [name for name in SHAPES if name != "hook_pos_embed"]


@pytest.mark.parametrize("name", SHAPES)
def test_a_replaced_activation_has_the_effect_worked_out_by_hand(
    model: Transformer, tokens: torch.Tensor, name: str
) -> None:
    draws = torch.Generator().manual_seed(2)
    other = torch.randn(SHAPES[name], generator=draws, dtype=torch.float64)
    plain, _ = reference_logits(model, tokens)
    expected, _ = reference_logits(model, tokens, {name: other.numpy()})
    found = model.run_with_hooks(tokens, {name: lambda x: other}).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert np.abs(found - plain).max() > 1e-3


def test_hooks_act_together_and_only_for_one_call(model: Transformer, tokens: torch.Tensor) -> None:
    before = model(tokens)
    names = ["blocks.0.attn.hook_v", "blocks.1.hook_mlp_out"]
    _, values = reference_logits(model, tokens)
    edits = {name: 0 * values[name] for name in names}
    expected, _ = reference_logits(model, tokens, edits)
    found = model.run_with_hooks(tokens, dict.fromkeys(names, torch.zeros_like))
    np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-9)
    assert torch.equal(model(tokens), before)


def test_a_hook_that_returns_its_input_changes_nothing(
    model: Transformer, tokens: torch.Tensor
) -> None:
    hooks = {name: (lambda x: x) for name in SHAPES}
    assert torch.equal(model.run_with_hooks(tokens, hooks), model(tokens))


def test_hooks_work_at_answer_positions(model: Transformer, tokens: torch.Tensor) -> None:
    answers = torch.tensor([[4, 1]] * BATCH)
    name = "blocks.1.hook_mlp_out"
    _, values = reference_logits(model, tokens)
    expected, _ = reference_logits(model, tokens, {name: 0 * values[name]})
    found = model.run_with_hooks(tokens, {name: torch.zeros_like}, answers)
    np.testing.assert_allclose(found.detach().numpy(), expected[:, [4, 1]], atol=1e-9)


@pytest.mark.parametrize("call", ["run_with_hooks", "run_with_cache"])
def test_unknown_sites_are_answered_with_near_ones(
    model: Transformer, tokens: torch.Tensor, call: str
) -> None:
    wrong = "blocks.0.mlp.hook_pos"
    argument = {wrong: torch.zeros_like} if call == "run_with_hooks" else [wrong]
    with pytest.raises(UnknownNameError) as caught:
        getattr(model, call)(tokens, argument)
    assert f"unknown site '{wrong}'" in str(caught.value)
    assert "did you mean 'blocks.0.mlp.hook_post'?" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_node_sites_are_the_eleven_widths_of_a_block_and_the_final_read() -> None:
    sites = sites_of(CONFIG)
    # 11 d_model nodes a layer at d_mlp = 4 d_model (arXiv 2511.13653, A.5), and the final read.
    wide = TransformerConfig(n_layers=3, n_heads=4, d_model=16, d_mlp=64)
    assert sum(site.width for site in sites_of(wide)) == 3 * 11 * 16 + 16
    for site in sites:
        assert site.shape == SHAPES[site.name][2:]
        assert site.width == np.prod(site.shape)
    assert [site.name for site in sites] == [
        name for name in SHAPES if name in {site.name for site in sites}
    ]


def test_every_block_matrix_joins_two_sites_of_its_shape(model: Transformer) -> None:
    parameters = dict(model.named_parameters())
    widths = {site.name: site.width for site in sites_of(CONFIG)}
    matrices = matrices_of(CONFIG)
    blocks = [n for n, p in parameters.items() if n.startswith("blocks") and p.ndim == 2]
    assert [matrix.parameter for matrix in matrices] == blocks
    for matrix in matrices:
        assert parameters[matrix.parameter].shape == (widths[matrix.target], widths[matrix.source])


@pytest.mark.parametrize("matrix", matrices_of(CONFIG), ids=lambda matrix: matrix.parameter)
def test_an_edge_carries_the_source_to_the_target(random_model, matrix) -> None:
    """One entry of a matrix decides what one source channel does to one target channel."""
    model = random_model(CONFIG.model_copy(update={"activation_density": None})).double()
    tokens = torch.tensor([[3, 1, 4, 1, 5]])
    out, source = 2, 5  # also head 0 channel 2, and head 1 channel 1
    with torch.no_grad():
        dict(model.named_parameters())[matrix.parameter][out, source] = 0.0

    def target(value: float) -> torch.Tensor:
        """The target's activation where the source channel is `value` in all positions."""
        seen: list[torch.Tensor] = []

        def edit(x: torch.Tensor) -> torch.Tensor:
            flat = x.flatten(2).clone()
            flat[..., source] = value
            return flat.view(x.shape)

        def watch(x: torch.Tensor) -> torch.Tensor:
            seen.append(x.detach().flatten(2))
            return x

        model.run_with_hooks(tokens, {matrix.source: edit, matrix.target: watch})
        return seen[0]

    moved = (target(0.0) - target(3.0)).abs().amax(dim=(0, 1))
    assert float(moved[out]) == 0.0
    assert int((moved > 1e-6).sum()) == len(moved) - 1
