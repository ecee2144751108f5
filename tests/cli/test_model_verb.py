"""`netseams model`, as seen at a terminal."""

import json
import pickle
from pathlib import Path

import pytest
import torch

from netseams.cli.main import run
from netseams.models import Transformer, TransformerConfig, model_fingerprint, save_model

LAYER = {"norm": "layer", "norm_gain": True, "norm_bias": True}


def test_shape_options_and_counts(
    tmp_path: Path, tiny_model: Transformer, capsys: pytest.CaptureFixture[str]
) -> None:
    with torch.no_grad():
        tiny_model.embed.weight[100:].zero_()
    save_model(tmp_path / "model.safetensors", tiny_model)
    assert run(["model", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "2 layers, 4 heads of 4, d_model 16, d_mlp 24, n_ctx 32, d_vocab 400" in said
    assert "options: positions=learned, sinks, bigram\n" in said
    assert f"fingerprint: {model_fingerprint(tiny_model)}" in said
    assert "  embed                6,912, not zero 2,112 (30.6 %)" in said
    assert f"parameters: {sum(p.numel() for p in tiny_model.parameters()):,}, " in said
    assert "note:" not in said


def test_options_of_others_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cfg = TransformerConfig(**LAYER, n_layers=1, biases=False, activation_density=0.5,
                            activation_sites=("attn.hook_q", "mlp.hook_post"))  # fmt: skip
    save_model(tmp_path / "m.safetensors", Transformer(cfg))
    assert run(["model", str(tmp_path / "m.safetensors")]) == 0
    said = capsys.readouterr().out
    assert "activation_density=0.5, activation_sites=attn.hook_q,mlp.hook_post, norm=layer" in said
    assert "no biases" in said


def test_unknown_keys_are_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from netseams.models import save_gpt2

    save_gpt2(tmp_path, Transformer(TransformerConfig(**LAYER, n_layers=1)))
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"rope_theta": 1e4}))
    assert run(["model", str(tmp_path)]) == 0
    assert "unknown keys ['rope_theta'] were not used" in capsys.readouterr().out


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "beeg_config.json").write_text("{}")
    (tmp_path / "final_model.pt").write_bytes(pickle.dumps(print))
    for source in (tmp_path, tmp_path / "nowhere", tmp_path / "beeg_config.json"):
        assert run(["model", str(source)]) == 2
        said = capsys.readouterr().err
        assert said.startswith("netseams: ")
        assert said.count("\n") == 1
