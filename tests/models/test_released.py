"""Checkpoints of openai/circuit_sparsity, held against what its own code answers."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy_transformer import reference_logits
from released_data import case, expected, tensors_of, write_released

from netseams.core import FileFormatError
from netseams.models import Transformer, canonical_site, load_model, save_model

CASES = {case["name"]: case for case in expected()["cases"]}
TOKENS = torch.tensor(expected()["tokens"])
LARGEST = "as csp_yolo2"


def loaded(folder: Path, case: dict[str, Any]) -> Transformer:
    return load_model(write_released(folder, case["config"], tensors_of(case)))


@pytest.mark.parametrize("name", CASES)
def test_logits_are_those_of_the_release(tmp_path: Path, name: str) -> None:
    model = loaded(tmp_path, CASES[name])
    with torch.no_grad():
        found = model(TOKENS)
    np.testing.assert_allclose(found.numpy(), np.array(CASES[name]["logits"]), rtol=0, atol=1e-5)


def test_every_activation_is_that_of_the_release(tmp_path: Path) -> None:
    """Also that every name of the release's hooks is translated to the same place."""
    model = loaded(tmp_path, case(LARGEST))
    with torch.no_grad():
        _, cache = model.run_with_cache(TOKENS)
    theirs = case(LARGEST)["activations"]
    assert len(theirs) == 2 * 11 + 1
    for name, values in theirs.items():
        found = cache[canonical_site(name, model.cfg)].flatten().numpy()
        np.testing.assert_allclose(found, values, rtol=0, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("name", [LARGEST, "mixed 1", "d_head=5"])
def test_a_loaded_model_is_a_model_of_ours(tmp_path: Path, name: str) -> None:
    """It can be saved, answers at chosen positions, and follows the formulas."""
    model = loaded(tmp_path / "released", CASES[name])
    save_model(tmp_path / "ours.safetensors", model)
    again = load_model(tmp_path / "ours.safetensors")
    assert again.cfg == model.cfg
    answers = torch.tensor([[5, 1], [3, 3]])
    with torch.no_grad():
        assert torch.equal(again(TOKENS), model(TOKENS))
        asked = model(TOKENS, answers=answers)
    formulas, _ = reference_logits(model, TOKENS)
    rows = np.stack([row[at] for row, at in zip(formulas, answers.tolist(), strict=True)])
    np.testing.assert_allclose(asked.numpy(), rows, rtol=0, atol=1e-5)


def test_no_two_tensors_share_memory(tmp_path: Path) -> None:
    model = loaded(tmp_path, case("tied_unembed=True"))
    places = [p.untyped_storage().data_ptr() for p in model.parameters()]
    assert len(set(places)) == len(places)
    assert all(p.is_contiguous() and p.requires_grad for p in model.parameters())
    assert model.unembed.weight is model.embed.weight
    assert "unembed.weight" not in model.state_dict()


def test_what_is_zero_throughout_is_left_out(tmp_path: Path) -> None:
    tensors = tensors_of(case("plain"))
    tensors["transformer.wpe.weight"].zero_()
    model = load_model(write_released(tmp_path, case("plain")["config"], tensors))
    assert model.cfg.positions == "none"
    assert not model.cfg.unembed_bias
    tensors["final_logits_bias"][3] = 1.0
    model = load_model(write_released(tmp_path, case("plain")["config"], tensors))
    assert model.cfg.unembed_bias


def test_an_absent_logit_bias_and_stored_masks_are_fine(tmp_path: Path) -> None:
    """Older checkpoints lack the one; those saved with slow attention hold the others."""
    plain = case("plain")
    tensors = tensors_of(plain)
    del tensors["final_logits_bias"]
    tensors["transformer.h.1.attn.bias"] = torch.ones(1, 1, 6, 6).tril()
    model = load_model(write_released(tmp_path, plain["config"], tensors))
    with torch.no_grad():
        found = model(TOKENS).numpy()
    np.testing.assert_allclose(found, np.array(plain["logits"]), rtol=0, atol=1e-5)


def test_the_older_name_of_the_width_is_read(tmp_path: Path) -> None:
    config = dict(case("plain")["config"])
    config["n_mlp"] = config.pop("d_mlp")
    assert load_model(write_released(tmp_path, config, tensors_of(case("plain")))).cfg.d_mlp == 12


def test_unknown_keys_are_reported_and_idle_ones_are_not(tmp_path: Path) -> None:
    config = case("plain")["config"]
    idle = {"dropout": 0.1, "flash": False, "pfrac": 0.0625, "tokenizer_name": "tinypython_2k"}
    write_released(tmp_path, config | idle, tensors_of(case("plain")))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_model(tmp_path)
    write_released(tmp_path, config | {"rotary": True, "alibi": 1}, tensors_of(case("plain")))
    with pytest.warns(UserWarning, match=r"unknown keys \['alibi', 'rotary'\] were not used"):
        load_model(tmp_path)


Change = Callable[[dict[str, Any], dict[str, torch.Tensor]], object]
WRONG: dict[str, tuple[str, Change, str]] = {
    "missing": (
        LARGEST, lambda c, t: t.pop("transformer.h.1.attn.attn_imp.sink_logit"),
        r"h\.1\.attn\.attn_imp\.sink_logit should be \(2,\) of floats, came nothing",
    ),
    "no own norm of positions": (
        LARGEST, lambda c, t: t.pop("transformer.h.0.ln_p2.weight"),
        r"ln_p2\.weight should be \(3,\)",
    ),
    "extra": (
        "plain", lambda c, t: t.update({"transformer.h.2.ln_1.weight": torch.ones(8)}),
        r"1 tensors that its config does not have: \['transformer\.h\.2",
    ),
    "sinks that the config does not state": (
        LARGEST, lambda c, t: c.update(sink=False), "2 tensors that its config does not have",
    ),
    "shape": (
        "plain", lambda c, t: t.update({"transformer.h.0.mlp.c_fc.weight": torch.ones(8, 12)}),
        r"c_fc\.weight should be \(12, 8\) of floats, came \(8, 12\)",
    ),
    "integers": (
        "plain", lambda c, t: t.update({"transformer.ln_f.weight": torch.ones(8, dtype=torch.int)}),
        r"ln_f\.weight should be \(8,\) of floats, came \(8,\) of torch\.int32",
    ),
    "NaN": (
        "plain", lambda c, t: t["lm_head.weight"][0].fill_(float("nan")), "NaN or infinity",
    ),
    "tied and different": (
        "plain", lambda c, t: c.update(tied_unembed=True), "ties lm_head to wte",
    ),
    "a variant that is gone": (
        "plain", lambda c, t: c.update(use_tied_aux_matrix=True), "use_tied_aux_matrix",
    ),
    "an unknown activation": (
        "plain", lambda c, t: c.update(activation_type="silu"), "activation_type",
    ),
    "an unknown place of AbsTopK": (
        "plain", lambda c, t: c.update(afrac=0.5, afrac_loctypes="attn_in,attn_z"),
        r"afrac_loctypes \['attn_z'\] are not among",
    ),
    "AbsTopK that keeps nothing": (
        "plain", lambda c, t: c.update(afrac=0.1), "keeps none of the 8 channels",
    ),
    "heads that do not divide": (
        "plain", lambda c, t: c.update(n_head=3), "n_heads 3 must divide d_model 8",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "change", "message"), WRONG.values(), ids=WRONG)
def test_a_checkpoint_that_does_not_fit_is_refused(
    tmp_path: Path, name: str, change: Change, message: str
) -> None:
    config, tensors = dict(CASES[name]["config"]), tensors_of(CASES[name])
    change(config, tensors)
    write_released(tmp_path, config, tensors)
    with pytest.raises(FileFormatError, match=message) as caught:
        load_model(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"n_layer": "two"}'])
def test_a_config_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    write_released(tmp_path, {}, tensors_of(case("plain")))
    (tmp_path / "beeg_config.json").write_text(text)
    with pytest.raises(FileFormatError, match=r"beeg_config\.json"):
        load_model(tmp_path)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "beeg_config.json").write_text(json.dumps(case("plain")["config"]))
    with pytest.raises(FileFormatError, match=r"cannot read .*final_model\.pt"):
        load_model(tmp_path)
