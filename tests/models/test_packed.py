"""Packed models: rounding is all that is lost, and nothing damaged is believed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from netseams.core import FileFormatError
from netseams.masks import keep_largest_
from netseams.models import Transformer, save_model
from netseams.models.packed import load_packed, save_packed
from netseams.store import load_tensors, save_tensors


@pytest.fixture
def half_empty(tiny_model: Transformer) -> Transformer:
    """One matrix at 5 %, one vector all zero, the others full."""
    keep_largest_(tiny_model.blocks[0].mlp.up.weight.data, 19)
    tiny_model.blocks[1].mlp.up.bias.data.zero_()
    return tiny_model


@pytest.fixture
def packed(tmp_path: Path, half_empty: Transformer) -> Path:
    save_packed(tmp_path / "model.packed", half_empty)
    return tmp_path / "model.packed"


def test_weights_come_back_rounded_by_numpy(packed: Path, half_empty: Transformer) -> None:
    found = load_packed(packed).state_dict()
    assert list(found) == list(half_empty.state_dict())
    for name, tensor in half_empty.state_dict().items():
        expected = tensor.numpy().astype(np.float16).astype(np.float32)
        np.testing.assert_array_equal(found[name].numpy(), expected)


def test_packing_again_changes_nothing(packed: Path, tmp_path: Path) -> None:
    save_packed(tmp_path / "again", load_packed(packed))
    assert (tmp_path / "again").read_bytes() == packed.read_bytes()


def test_a_sparse_matrix_takes_its_values_and_a_bit_an_entry(packed: Path) -> None:
    tensors, _ = load_tensors(packed)
    name = "blocks.0.mlp.up.weight"
    assert name not in tensors
    assert tensors[f"{name}.values"].shape == (19,)
    assert tensors[f"{name}.places"].numel() == 24 * 16 // 8
    assert tensors["blocks.1.mlp.up.weight"].dtype == torch.float16


def _drop(tensors: dict, header: dict) -> None:
    del tensors["embed.weight"]


def _short(tensors: dict, header: dict) -> None:
    tensors["blocks.0.mlp.up.weight.values"] = tensors["blocks.0.mlp.up.weight.values"][1:]


def _wide(tensors: dict, header: dict) -> None:
    tensors["embed.weight"] = tensors["embed.weight"].T


def _extra(tensors: dict, header: dict) -> None:
    tensors["spy"] = torch.ones(1)


def _newer(tensors: dict, header: dict) -> None:
    header["version"] = "2"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_drop, "embed.weight should be"),
        (_short, "18 values for 19"),
        (_wide, "embed.weight should be"),
        (_extra, "does not have"),
        (_newer, "this release reads 1"),
    ],
)
def test_a_damaged_file_is_refused(
    packed: Path, damage: Callable[[dict, dict], None], message: str
) -> None:
    tensors, header = load_tensors(packed)
    damage(tensors, header)
    save_tensors(packed, tensors, header)
    with pytest.raises(FileFormatError, match=message):
        load_packed(packed)


def test_another_format_is_refused(tmp_path: Path, tiny_model: Transformer) -> None:
    save_model(tmp_path / "model.safetensors", tiny_model)
    with pytest.raises(FileFormatError, match=r"is not a netseams\.packed file"):
        load_packed(tmp_path / "model.safetensors")
