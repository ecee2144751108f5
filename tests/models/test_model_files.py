from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from netseams.core import FileFormatError
from netseams.models import (
    Transformer,
    TransformerConfig,
    load_model,
    model_fingerprint,
    save_model,
)
from netseams.store import load_tensors, save_tensors


@pytest.fixture
def saved(tmp_path: Path, tiny_model: Transformer) -> Path:
    save_model(tmp_path / "model.safetensors", tiny_model)
    return tmp_path / "model.safetensors"


def rewrite(path: Path, change: Callable[[dict, dict], None]) -> None:
    tensors, header = load_tensors(path)
    change(tensors, header)
    save_tensors(path, tensors, header)


@pytest.mark.parametrize(
    "options",
    [{}, {"sinks": True}, {"bigram": True}, {"positions": "none", "activation_density": 0.25}],
)
def test_a_round_trip_is_bit_identical(
    tmp_path: Path, random_model: Callable[..., Transformer], options: dict
) -> None:
    cfg = TransformerConfig(n_layers=2, n_heads=2, d_model=8, d_mlp=12, d_vocab=11, **options)
    model = random_model(cfg, seed=5)
    with torch.no_grad():
        model.blocks[0].attn.q.weight[0, :3] = torch.tensor([0.0, -0.0, 1e-42])
    save_model(tmp_path / "m.safetensors", model)
    again = load_model(tmp_path / "m.safetensors")
    assert again.cfg == cfg
    found = again.state_dict()
    assert found.keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert found[name].numpy().tobytes() == tensor.numpy().tobytes(), name
    tokens = torch.arange(11).unsqueeze(0)
    assert torch.equal(again(tokens), model(tokens))
    assert model_fingerprint(again) == model_fingerprint(model)


def test_saving_again_gives_the_same_bytes(saved: Path, tiny_model: Transformer) -> None:
    before = saved.read_bytes()
    for _ in range(8):
        save_model(saved, tiny_model)
        assert saved.read_bytes() == before


def drop(name: str) -> Callable[[dict, dict], None]:
    return lambda tensors, header: tensors.pop(name)


def put(name: str, tensor: torch.Tensor) -> Callable[[dict, dict], None]:
    return lambda tensors, header: tensors.update({name: tensor})


def head(**fields: str) -> Callable[[dict, dict], None]:
    return lambda tensors, header: header.update(fields)


WRONG = {
    "format": (head(format="netseams.circuit"), "not a netseams.model file"),
    "no format": (lambda tensors, header: header.pop("format"), "not a netseams.model file"),
    "version": (head(version="2"), "format version '2'; this release reads 1"),
    "no config": (lambda tensors, header: header.pop("config"), "not a valid TransformerConfig"),
    "config": (head(config='{"n_layers": "two"}'), "n_layers"),
    "unknown option": (head(config='{"dropout": 0.1}'), "dropout"),
    "config of another shape": (head(config='{"d_model": 128}'), "should be"),
    "missing": (drop("blocks.1.mlp.up.bias"), r"blocks\.1\.mlp\.up\.bias should be .*nothing"),
    "shape": (put("unembed.weight", torch.ones(400, 8)), r"unembed\.weight .*\(400, 8\)"),
    "flattened": (put("unembed.weight", torch.ones(6400)), r"unembed\.weight .*\(6400,\)"),
    "extra": (put("blocks.2.mlp.up.bias", torch.ones(24)), r"blocks\.2\.mlp\.up\.bias"),
    "NaN": (put("unembed.weight", torch.full((400, 16), float("nan"))), "NaN"),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG)
def test_a_file_that_does_not_fit_is_refused(
    saved: Path, change: Callable[[dict, dict], None], message: str
) -> None:
    rewrite(saved, change)
    with pytest.raises(FileFormatError, match=message) as caught:
        load_model(saved)
    assert str(saved) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(saved: Path, share: float) -> None:
    data = saved.read_bytes()
    saved.write_bytes(data[: int(share * len(data))])
    with pytest.raises(FileFormatError, match=r"model\.safetensors"):
        load_model(saved)


def test_a_pickled_model_is_refused(tmp_path: Path, tiny_model: Transformer) -> None:
    torch.save(tiny_model.state_dict(), tmp_path / "model.safetensors")
    with pytest.raises(FileFormatError, match="pickle"):
        load_model(tmp_path / "model.safetensors")


def test_the_fingerprint_belongs_to_the_weights(tiny_model: Transformer) -> None:
    first = model_fingerprint(tiny_model)
    assert len(first) == 16
    assert int(first, 16) >= 0
    assert model_fingerprint(tiny_model) == first
    for name, parameter in tiny_model.named_parameters():
        flat = parameter.data.view(-1)
        place = len(flat) // 2
        old = flat[place].clone()
        flat[place] = torch.nextafter(old, old + 1)
        assert model_fingerprint(tiny_model) != first, name
        flat[place] = old
    assert model_fingerprint(tiny_model) == first


def test_the_fingerprint_sees_swapped_tensors_and_options(
    random_model: Callable[..., Transformer],
) -> None:
    cfg = TransformerConfig(n_layers=1, n_heads=2, d_model=8, d_mlp=8, d_vocab=11)
    model = random_model(cfg)
    first = model_fingerprint(model)
    attn = model.blocks[0].attn
    attn.q.weight.data, attn.k.weight.data = attn.k.weight.data, attn.q.weight.data
    assert model_fingerprint(model) != first
    attn.q.weight.data, attn.k.weight.data = attn.k.weight.data, attn.q.weight.data
    sparse = Transformer(cfg.model_copy(update={"activation_density": 0.5}))
    sparse.load_state_dict(model.state_dict())
    assert model_fingerprint(sparse) != first
