"""Models on disk: one safetensors file whose header holds the config."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from netseams.core import FileFormatError
from netseams.models.config import TransformerConfig
from netseams.models.hooked_config import HookedConfig
from netseams.models.network import Network
from netseams.models.transformer import Transformer
from netseams.store import load_format, save_tensors

FORMAT = "netseams.model"
VERSION = "1"


def save_model(path: Path, model: Transformer) -> None:
    """Write weights and config, atomically.

    Raises:
        StorageError: no space, or the folder cannot be written.
    """
    header = {"format": FORMAT, "version": VERSION, "config": model.cfg.model_dump_json()}
    save_tensors(path, dict(model.state_dict()), header)


def read_model(path: Path) -> Transformer:
    """Read a model written by `save_model`.

    Raises:
        FileFormatError: missing, truncated, a pickle, of another format or version, or its
            tensors do not fit its config.
    """
    tensors, header = load_format(path, FORMAT, VERSION)
    config = TransformerConfig.parse_json(header.get("config", ""), str(path))
    check_tensors(path, shapes_of(config), tensors)
    model = Transformer(config)
    model.load_state_dict(tensors)
    return model


def check_tensors(
    path: Path, expected: Mapping[str, tuple[int, ...]], tensors: Mapping[str, Tensor]
) -> None:
    """Whether a file holds exactly the tensors of its config.

    Raises:
        FileFormatError: one is missing, of another shape, or not of the config.
    """
    for name, shape in expected.items():
        found = tensors.get(name)
        if found is None or tuple(found.shape) != shape:
            came = "nothing" if found is None else str(tuple(found.shape))
            raise FileFormatError(f"{path}: {name} should be {shape}, came {came}")
    extra = sorted(set(tensors) - set(expected))
    if extra:
        raise FileFormatError(f"{path} holds tensors that its config does not have: {extra[:3]}")


def shapes_of(config: TransformerConfig) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every tensor. Nothing is allocated: a file may claim any size."""
    with torch.device("meta"):
        model = Transformer(config)
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def model_fingerprint(model: Network) -> str:
    """16 hexadecimal digits of the SHA-256 over config and weights: the model's identity."""
    source = {"source"} if isinstance(model.cfg, HookedConfig) else None
    digest = hashlib.sha256(model.cfg.model_dump_json(exclude=source).encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().to(torch.float32).contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
