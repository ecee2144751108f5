"""GPT-2 folders, held against `transformers` in both directions."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from netseams.core import FileFormatError, SettingError
from netseams.models import Transformer, TransformerConfig, load_model, save_gpt2
from netseams.store import load_tensors, save_tensors

transformers = pytest.importorskip("transformers", reason="transformers (extra hf) is missing")
TOKENS = torch.randint(0, 23, (3, 9), generator=torch.Generator().manual_seed(0))
SHAPE = {"n_embd": 16, "n_layer": 2, "n_head": 4, "vocab_size": 23, "n_positions": 9,
         "bos_token_id": None, "eos_token_id": None}  # fmt: skip
OPTIONS = {
    "gpt2": {},
    "untied": {"tie_word_embeddings": False},
    "exact gelu": {"activation_function": "gelu"},
    "gelu by tanh": {"activation_function": "gelu_pytorch_tanh"},
    "relu, narrow": {"activation_function": "relu", "n_inner": 24},
    "another epsilon": {"layer_norm_epsilon": 0.05},
}


@pytest.fixture(autouse=True)
def silence() -> None:
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


def theirs_of(options: dict[str, Any]) -> Any:
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**SHAPE, **options)).eval()
    draws = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.3, generator=draws)
    return model


@pytest.fixture(params=OPTIONS.values(), ids=OPTIONS)
def theirs(request: pytest.FixtureRequest) -> Any:
    return theirs_of(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    theirs_of({}).save_pretrained(tmp_path)
    return tmp_path


def assert_equal_logits(model: Transformer, theirs: Any) -> None:
    with torch.no_grad():
        expected = theirs(TOKENS).logits
        torch.testing.assert_close(model(TOKENS), expected, rtol=0, atol=1e-5)


def test_logits_are_those_of_transformers(tmp_path: Path, theirs: Any) -> None:
    theirs.save_pretrained(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no key of a usual config is unknown
        model = load_model(tmp_path)
    assert_equal_logits(model, theirs)
    assert all(p.is_contiguous() for p in model.parameters())


def test_transformers_reads_what_we_write(tmp_path: Path, theirs: Any) -> None:
    theirs.save_pretrained(tmp_path / "theirs")
    model = load_model(tmp_path / "theirs")
    save_gpt2(tmp_path / "ours", model)
    again, info = transformers.GPT2LMHeadModel.from_pretrained(
        tmp_path / "ours", output_loading_info=True
    )
    assert not any(info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert_equal_logits(model, again.eval())
    assert_equal_logits(load_model(tmp_path / "ours"), theirs)


def test_a_model_of_ours_goes_out(tmp_path: Path, random_model: Callable[..., Transformer]) -> None:
    cfg = TransformerConfig(
        n_layers=3, n_heads=2, d_model=8, d_mlp=12, n_ctx=9, d_vocab=23, norm="layer",
        norm_gain=True, norm_bias=True, activation="gelu_tanh",
    )  # fmt: skip
    model = random_model(cfg)
    save_gpt2(tmp_path, model)
    again = transformers.GPT2LMHeadModel.from_pretrained(tmp_path).eval()
    assert_equal_logits(model, again)
    assert load_model(tmp_path).cfg == cfg


@pytest.mark.parametrize("prefix", ["", "transformer."])
def test_a_pickled_checkpoint_of_older_releases(tmp_path: Path, prefix: str) -> None:
    theirs = theirs_of({})
    theirs.config.save_pretrained(tmp_path)
    tensors = {prefix + n.removeprefix("transformer."): t for n, t in theirs.state_dict().items()}
    tensors[f"{prefix}h.0.attn.bias"] = torch.ones(1, 1, 9, 9).tril()
    tensors[f"{prefix}h.0.attn.masked_bias"] = torch.tensor(-1e4)
    torch.save(tensors, tmp_path / "pytorch_model.bin")
    assert_equal_logits(load_model(tmp_path), theirs)


def test_what_gpt2_cannot_express_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    model = Transformer(TransformerConfig(sinks=True, bigram=True, norm_gain=True))
    with pytest.raises(SettingError) as caught:
        save_gpt2(tmp_path / "out", model)
    said = str(caught.value)
    assert "sinks=True, bigram=True, norm=rms, norm_bias=False" in said
    assert "norm_gain" not in said
    assert "\n" not in said
    assert not (tmp_path / "out").exists()


LAYER = {"norm": "layer", "norm_gain": True, "norm_bias": True}


@pytest.mark.parametrize(
    "option",
    [{"positions": "none"}, {"positions": "concatenated", "d_pos": 4}, {"head_width": 4},
     {"activation_density": 0.5}, {"residual": "relu"}, {"biases": False},
     {"unembed_bias": True}, {"causal": False}],
)  # fmt: skip
def test_every_other_option_is_refused(tmp_path: Path, option: dict[str, Any]) -> None:
    name = "d_head" if "head_width" in option else next(iter(option))
    with pytest.raises(SettingError, match=f"GPT-2 cannot express {name}="):
        save_gpt2(tmp_path, Transformer(TransformerConfig(**LAYER, **option)))


@pytest.mark.parametrize(
    ("key", "value"),
    [("scale_attn_by_inverse_layer_idx", True), ("scale_attn_weights", False),
     ("add_cross_attention", True), ("activation_function", "swish"), ("n_layer", "two")],
)  # fmt: skip
def test_a_config_that_states_something_else_is_refused(
    folder: Path, key: str, value: object
) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {key: value}))
    with pytest.raises(FileFormatError, match=key) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)


def test_unknown_keys_are_reported(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"rope_theta": 1e4}))
    with pytest.warns(UserWarning, match=r"unknown keys \['rope_theta'\]"):
        load_model(folder)


WRONG = {
    "missing": (lambda t: t.pop("transformer.h.1.mlp.c_fc.bias"), r"h\.1\.mlp\.c_fc\.bias should"),
    "extra": (lambda t: t.update({"score.weight": torch.ones(2)}), r"\['score\.weight'\]"),
    "shape": (
        lambda t: t.update({"transformer.h.0.mlp.c_fc.weight": torch.ones(64, 16)}),
        r"should be \(16, 64\) of floats, came \(64, 16\)",
    ),
    "NaN": (lambda t: t["transformer.wte.weight"][3].fill_(float("nan")), "NaN"),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG)
def test_weights_that_do_not_fit_are_refused(
    folder: Path, change: Callable[[dict[str, torch.Tensor]], object], message: str
) -> None:
    tensors, header = load_tensors(folder / "model.safetensors")
    change(tensors)
    save_tensors(folder / "model.safetensors", tensors, header)
    with pytest.raises(FileFormatError, match=message) as caught:
        load_model(folder)
    assert "\n" not in str(caught.value)


def test_no_weights_at_all(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(FileFormatError, match=r"neither model\.safetensors nor pytorch_model\.bin"):
        load_model(folder)
