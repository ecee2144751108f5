"""One door: files, folders, names on the hub."""

import json
import sys
from pathlib import Path

import pytest
import torch
from released_data import case, tensors_of, write_released

from netseams.core import FileFormatError, SettingError
from netseams.models import Transformer, load_model, model_fingerprint, save_model


def test_a_file_and_the_folder_of_a_run(tmp_path: Path, tiny_model: Transformer) -> None:
    save_model(tmp_path / "model.safetensors", tiny_model)
    for config in (None, {"corpus": {"kind": "string_ops"}, "model": {}}):
        if config is not None:
            (tmp_path / "config.json").write_text(json.dumps(config))
        for source in (tmp_path, str(tmp_path), tmp_path / "model.safetensors"):
            assert model_fingerprint(load_model(source)) == model_fingerprint(tiny_model)


def test_other_architectures_of_hugging_face_are_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(FileFormatError, match="'llama' model: of Hugging Face's, gpt2 can be read"):
        load_model(tmp_path)


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="holds no model that can be read: expected"):
        load_model(tmp_path)


@pytest.mark.parametrize("source", ["nowhere", "a/b/c", "./a/b", "/a/b", Path("owner/name")])
def test_what_is_no_name_on_the_hub_is_a_missing_file(source: str | Path) -> None:
    with pytest.raises(FileFormatError, match="cannot read"):
        load_model(source)


def test_a_name_is_downloaded_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the hub's client replaced by one that copies: pickles are asked for last."""
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub (extra hf) is missing")
    asked: list[list[str]] = []

    def snapshot_download(name: str, allow_patterns: list[str]) -> str:
        asked.append(allow_patterns)
        assert name == "owner/some.model-1"
        if "final_model.pt" in allow_patterns:
            write_released(tmp_path, case("plain")["config"], tensors_of(case("plain")))
        return str(tmp_path)

    monkeypatch.setattr(hub, "snapshot_download", snapshot_download)
    assert load_model("owner/some.model-1").cfg.d_vocab == 11
    assert len(asked) == 2
    assert not any(name.endswith((".pt", ".bin", ".py")) for name in asked[0])
    assert not any("*" in name or name.endswith(".py") for name in asked[1])


def test_an_unreachable_hub_says_which_files_to_bring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub (extra hf) is missing")
    real = hub.snapshot_download
    monkeypatch.setattr(  # the real client, told to stay on this machine, with an empty cache
        hub, "snapshot_download",
        lambda name, **more: real(name, cache_dir=tmp_path, local_files_only=True, **more),
    )  # fmt: skip
    with pytest.raises(FileFormatError, match="the hub cannot be reached") as caught:
        load_model("owner/name")
    said = str(caught.value)
    assert "config.json and model.safetensors" in said
    assert "beeg_config.json and final_model.pt" in said
    assert "\n" not in said


def test_a_name_that_the_hub_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub (extra hf) is missing")

    def refuse(name: str, **more: object) -> str:
        raise ValueError(f"404: {name}\nmany more lines")

    monkeypatch.setattr(hub, "snapshot_download", refuse)
    with pytest.raises(FileFormatError, match="the hub does not give it") as caught:
        load_model("owner/name")
    assert "\n" not in str(caught.value)


def test_without_the_hubs_client_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(SettingError, match=r"pip install 'netseams\[hf\]'"):
        load_model("owner/name")


def test_a_folder_here_comes_before_the_hub(
    tmp_path: Path, tiny_model: Transformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    save_model(tmp_path / "runs" / "first" / "model.safetensors", tiny_model)
    tokens = torch.tensor([[1, 2, 3]])
    assert torch.equal(load_model("runs/first")(tokens), tiny_model(tokens))
