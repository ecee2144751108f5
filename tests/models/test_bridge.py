"""Maps between residual streams: sites, tails, refusals, files."""

import pytest
import torch

from netseams.core import FileFormatError, SettingError
from netseams.models import save_model
from netseams.models.bridge import (
    Bridges,
    BridgeShape,
    bridge_shape,
    bridge_sites,
    run_from,
    set_maps,
)
from netseams.models.bridge_files import load_bridges, save_bridges
from netseams.store import load_tensors, save_tensors
from twins import wide_twin


@pytest.fixture
def tokens(tiny_config):
    draws = torch.Generator().manual_seed(1)
    return torch.randint(0, tiny_config.d_vocab, (3, 20), generator=draws)


def test_sites_stand_before_every_attention_and_mlp(tiny_model):
    assert bridge_sites(2) == [
        "blocks.0.hook_resid_pre", "blocks.0.hook_resid_mid",
        "blocks.1.hook_resid_pre", "blocks.1.hook_resid_mid",
    ]  # fmt: skip
    assert set(bridge_sites(2)) < set(tiny_model.site_names())


def test_a_tail_from_the_untouched_residual_is_the_plain_pass(tiny_model, tokens):
    with torch.no_grad():
        plain, residuals = run_from(tiny_model, tokens)
        assert torch.equal(plain, tiny_model(tokens))
        for site in range(4):
            logits, later = run_from(tiny_model, tokens, site, residuals[site])
            assert torch.equal(logits, plain)
            assert sorted(later) == list(range(site, 4))


def test_a_tail_depends_on_nothing_before_its_site(tiny_model, tokens):
    other = tokens.flip(0)
    with torch.no_grad():
        wanted, residuals = run_from(tiny_model, tokens)
        bigram = tiny_model.bigram(tokens) - tiny_model.bigram(other)
        for site in range(4):
            logits, _ = run_from(tiny_model, other, site, residuals[site])
            # The table of bigrams reads the token itself, not the residual.
            torch.testing.assert_close(logits + bigram, wanted)


def test_the_wide_twin_is_a_twin_and_its_bridges_are_known(tiny_model, tokens):
    twin, up = wide_twin(tiny_model)
    with torch.no_grad():
        ours, residuals = run_from(tiny_model, tokens)
        theirs, wide = run_from(twin, tokens)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    for site in range(4):
        torch.testing.assert_close(residuals[site] @ up.T, wide[site], rtol=1e-4, atol=1e-4)


def test_abs_topk_keeps_a_share_behind_encoders_only():
    shape = BridgeShape(n_layers=1, d_dense=6, d_sparse=8, encoder_density=0.25)
    bridges = Bridges(shape)
    x = torch.randn(5, 3, 6, generator=torch.Generator().manual_seed(0))
    encoded = bridges.encode(1, x)
    linear = bridges.encoders[1](x)
    assert ((encoded != 0).sum(-1) == 2).all()
    largest = linear.abs().sort(-1).values[..., -2:]
    torch.testing.assert_close(encoded.abs().sort(-1).values[..., -2:], largest)
    assert (bridges.decode(0, linear) != 0).all()


@pytest.mark.parametrize(("field", "value"), [("n_layers", 3), ("d_vocab", 401)])
def test_networks_of_other_depth_or_vocabulary_are_refused(tiny_config, field, value):
    other = tiny_config.model_copy(update={field: value})
    with pytest.raises(SettingError, match="equally many") as error:
        bridge_shape(tiny_config, other)
    assert str(value) in str(error.value)
    assert "\n" not in str(error.value)


def test_bridges_of_another_width_are_refused(tiny_model):
    bridges = Bridges(BridgeShape(n_layers=2, d_dense=16, d_sparse=24))
    with pytest.raises(SettingError, match="widths 16 and 24 do not fit"):
        bridges.check(tiny_model, tiny_model)


def test_bridges_survive_a_file(tiny_model, tmp_path):
    twin, up = wide_twin(tiny_model)
    bridges = Bridges(bridge_shape(tiny_model.cfg, twin.cfg, 0.5), seed=3)
    weight, bias = up, torch.arange(32.0)
    set_maps(bridges, [(weight, bias)] * 4, [(weight.T / 2, bias[:16])] * 4)
    path = tmp_path / "bridges.safetensors"
    save_bridges(path, bridges, tiny_model, twin)
    again = load_bridges(path, tiny_model, twin)
    assert again.shape == bridges.shape
    ours = bridges.state_dict()
    assert all(torch.equal(ours[name], x) for name, x in again.state_dict().items())


def test_files_of_other_networks_or_kinds_are_refused(tiny_model, random_model, tmp_path):
    bridges = Bridges(bridge_shape(tiny_model.cfg, tiny_model.cfg))
    path = tmp_path / "bridges.safetensors"
    save_bridges(path, bridges, tiny_model, tiny_model)
    with pytest.raises(FileFormatError, match="made for the sparse network"):
        load_bridges(path, tiny_model, random_model(tiny_model.cfg, 5))
    save_model(tmp_path / "model.safetensors", tiny_model)
    with pytest.raises(FileFormatError, match=r"not a netseams\.bridges"):
        load_bridges(tmp_path / "model.safetensors", tiny_model, tiny_model)
    tensors, header = load_tensors(path)
    tensors["encoders.0.bias"] = torch.zeros(3)
    save_tensors(path, tensors, header)
    with pytest.raises(FileFormatError, match=r"encoders\.0\.bias should be \(16,\), came \(3,\)"):
        load_bridges(path, tiny_model, tiny_model)


def test_initial_maps_depend_on_the_seed_alone():
    shape = BridgeShape(n_layers=1, d_dense=4, d_sparse=5)
    first, same, other = (Bridges(shape, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["encoders.0.weight"], other["encoders.0.weight"])
