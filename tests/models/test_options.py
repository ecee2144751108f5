"""Options of other people's models: sites, matrices and files stay right."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy_transformer import reference_logits

from netseams.models import (
    Transformer,
    TransformerConfig,
    load_model,
    matrices_of,
    model_fingerprint,
    save_model,
    sites_of,
)
from netseams.store import save_tensors

WIDE = TransformerConfig(
    n_layers=2, n_heads=3, head_width=5, d_model=8, d_mlp=12, n_ctx=5, d_vocab=11,
    positions="concatenated", d_pos=4, sinks=True, norm="layer", norm_gain=True, norm_bias=True,
    activation="relu", tied_unembed=True, unembed_bias=True, residual="relu",
    activation_density=0.6, activation_sites=("ln1.hook_normalized", "attn.hook_v"),
    activation_rounding="down",
)  # fmt: skip
TOKENS = torch.randint(0, 11, (3, 5), generator=torch.Generator().manual_seed(1))
DEFAULT_TEXT = (
    '{"n_layers":2,"n_heads":8,"d_model":128,"d_mlp":512,"n_ctx":64,"d_vocab":1024,'
    '"positions":"learned","activation_density":null,"sinks":false,"bigram":false}'
)
"""As written before there were other options."""


@pytest.fixture
def model(random_model: Callable[..., Transformer]) -> Transformer:
    return random_model(WIDE).double()


def test_node_sites_have_the_shapes_of_the_forward_pass(model: Transformer) -> None:
    _, cache = model.run_with_cache(TOKENS)
    assert list(cache) == model.site_names()
    for site in sites_of(WIDE):
        assert tuple(cache[site.name].shape[2:]) == site.shape, site.name
        assert site.width == np.prod(site.shape)
    widths = {site.name: site.width for site in sites_of(WIDE)}
    assert widths["blocks.1.ln1.hook_normalized"] == widths["blocks.0.ln2.hook_normalized"] == 12
    assert widths["blocks.0.attn.hook_k"] == 15
    assert widths["blocks.1.hook_attn_out"] == widths["ln_final.hook_normalized"] == 8


def test_a_site_knows_what_its_abs_topk_keeps(model: Transformer) -> None:
    _, cache = model.run_with_cache(TOKENS)
    for site in sites_of(WIDE):
        if site.top is not None:
            live = (cache[site.name].flatten(2) != 0).sum(dim=2)
            assert (live == site.top).all(), site.name
    tops = [site.top for site in sites_of(WIDE)]
    assert tops == [7, None, None, 9, None, None, None, None] * 2 + [None]


def test_position_channels_are_the_last_of_a_read(model: Transformer) -> None:
    """They depend on the position alone."""
    site = "blocks.1.ln2.hook_normalized"
    (_, one), (_, two) = (model.run_with_cache(t, [site]) for t in (TOKENS, TOKENS.flip(0, 1)))
    assert torch.equal(one[site][..., 8:], two[site][..., 8:])
    assert not torch.isclose(one[site][..., :8], two[site][..., :8]).all()
    assert not torch.isclose(one[site][0, 0, 8:], one[site][0, 1, 8:]).all()


@pytest.mark.parametrize("name", Transformer(WIDE).site_names())
def test_a_replaced_activation_has_the_effect_worked_out_by_hand(
    model: Transformer, name: str
) -> None:
    plain, seen = reference_logits(model, TOKENS)
    draws = torch.Generator().manual_seed(2)
    other = torch.randn(seen[name].shape, generator=draws, dtype=torch.float64)
    expected, _ = reference_logits(model, TOKENS, {name: other.numpy()})
    found = model.run_with_hooks(TOKENS, {name: lambda x: other}).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert np.abs(found - plain).max() > 1e-3


def test_every_block_matrix_joins_two_sites_of_its_shape(model: Transformer) -> None:
    parameters = dict(model.named_parameters())
    widths = {site.name: site.width for site in sites_of(WIDE)}
    blocks = [n for n, p in parameters.items() if n.startswith("blocks") and p.ndim == 2]
    assert sorted(matrix.parameter for matrix in matrices_of(WIDE)) == sorted(blocks)
    for matrix in matrices_of(WIDE):
        assert parameters[matrix.parameter].shape == (widths[matrix.target], widths[matrix.source])


def test_the_text_of_a_default_config_is_that_of_older_files() -> None:
    assert TransformerConfig().model_dump_json() == DEFAULT_TEXT
    assert TransformerConfig.parse_json(DEFAULT_TEXT, "text") == TransformerConfig()
    # Digest and fingerprint as the release before these options gave them.
    assert TransformerConfig().digest() == "ffa5cbb2c0bb"
    assert model_fingerprint(Transformer(TransformerConfig(), 3)) == "2b1167c19f080533"


def test_older_files_load(tmp_path: Path) -> None:
    model = Transformer(TransformerConfig(), 3)
    header = {"format": "netseams.model", "version": "1", "config": DEFAULT_TEXT}
    save_tensors(tmp_path / "m.safetensors", dict(model.state_dict()), header)
    assert model_fingerprint(load_model(tmp_path / "m.safetensors")) == "2b1167c19f080533"
    names = [name for name in model.state_dict() if not name.startswith("blocks")]
    assert names == ["embed.weight", "pos_embed.weight", "unembed.weight"]


def test_every_option_survives_a_file(tmp_path: Path, model: Transformer) -> None:
    model = model.float()
    save_model(tmp_path / "m.safetensors", model)
    again = load_model(tmp_path / "m.safetensors")
    assert again.cfg == WIDE
    assert again.cfg.model_dump() == WIDE.model_dump()
    assert model_fingerprint(again) == model_fingerprint(model)
    with torch.no_grad():
        assert torch.equal(again(TOKENS), model(TOKENS))


@pytest.mark.parametrize(
    "option", [{"activation": "relu"}, {"norm": "layer"}, {"residual": "relu"},
               {"norm_epsilon": 1e-6}, {"activation_rounding": "down"}, {"norm": "none"},
               {"causal": False}],
)  # fmt: skip
def test_options_that_add_no_tensor_are_part_of_the_fingerprint(option: dict) -> None:
    plain = Transformer(TransformerConfig(), 3)
    other = Transformer(TransformerConfig(**option), 3)
    assert all(
        torch.equal(a, b) for a, b in zip(plain.parameters(), other.parameters(), strict=True)
    )
    assert model_fingerprint(other) != model_fingerprint(plain)


def test_a_tied_matrix_stays_one(tmp_path: Path, model: Transformer) -> None:
    """Through files, copies and changes of precision; and it is stored once."""
    save_model(tmp_path / "m.safetensors", model.float())
    for one in (model, load_model(tmp_path / "m.safetensors"), copy.deepcopy(model).double()):
        assert one.unembed.weight is one.embed.weight
        assert [n for n, _ in one.named_parameters() if "embed" in n] == [
            "embed.weight", "pos_embed.weight", "unembed.bias",
        ]  # fmt: skip
        assert "unembed.weight" not in one.state_dict()
    other = Transformer(WIDE, seed=9)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.unembed.weight, model.embed.weight)
    with pytest.raises(RuntimeError, match="Missing key"):
        other.load_state_dict({})
