"""Models in few bytes: half precision, and of sparse matrices only what is not zero.

For models that are shipped. Packing rounds, so a packed model is another model than the one it
was made from, with a fingerprint of its own; unpacking is exact.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from netseams.core import FileFormatError
from netseams.models.config import TransformerConfig
from netseams.models.files import shapes_of
from netseams.models.transformer import Transformer
from netseams.store import load_format, save_tensors

PACKED_FILE = "model.packed"
"""Its name in a folder."""
FORMAT = "netseams.packed"
VERSION = "1"
_SPARSE = 0.5
"""Below this density places and values take fewer bytes than all values."""


def save_packed(path: Path, model: Transformer) -> None:
    """Write `model`, its weights rounded to half precision, atomically.

    `NAME` holds a whole tensor; `NAME.values` the non-zero values of a sparse one in row-major
    order and `NAME.places` one bit an entry, most significant bit first.

    Raises:
        StorageError: no space, or the folder cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        half = tensor.detach().to(torch.float16)
        places = half != 0
        if float(places.float().mean()) >= _SPARSE:
            tensors[name] = half
            continue
        tensors[f"{name}.values"] = half[places]
        tensors[f"{name}.places"] = torch.from_numpy(np.packbits(places.numpy().reshape(-1)))
    header = {"format": FORMAT, "version": VERSION, "config": model.cfg.model_dump_json()}
    save_tensors(path, tensors, header)


def load_packed(path: Path) -> Transformer:
    """Read a model written by `save_packed`; its weights are float32 again.

    Raises:
        FileFormatError: missing, truncated, a pickle, of another format or version, or its
            tensors do not fit its config.
    """
    tensors, header = load_format(path, FORMAT, VERSION)
    config = TransformerConfig.parse_json(header.get("config", ""), str(path))
    whole = {name: _unpack(tensors, name, shape, path) for name, shape in shapes_of(config).items()}
    if tensors:
        raise FileFormatError(f"{path} holds tensors that its config does not have: {[*tensors]}")
    model = Transformer(config)
    model.load_state_dict(whole)
    return model


def _unpack(tensors: dict[str, Tensor], name: str, shape: tuple[int, ...], path: Path) -> Tensor:
    """Take one tensor out of the file's."""
    n = int(np.prod(shape))
    if name in tensors:
        found = tensors.pop(name)
        if tuple(found.shape) != shape:
            raise FileFormatError(f"{path}: {name} should be {shape}, came {tuple(found.shape)}")
        return found.to(torch.float32)
    values, places = tensors.pop(f"{name}.values", None), tensors.pop(f"{name}.places", None)
    if values is None or places is None or places.numel() != -(-n // 8):
        raise FileFormatError(f"{path}: {name} should be {shape}, came nothing that fits")
    kept = torch.from_numpy(np.unpackbits(places.numpy(), count=n).astype(bool))
    if int(kept.sum()) != values.numel():
        raise FileFormatError(f"{path}: {name} has {values.numel()} values for {int(kept.sum())}")
    flat = torch.zeros(n)
    flat[kept] = values.to(torch.float32)
    return flat.view(shape)
