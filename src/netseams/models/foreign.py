"""What the readers of other people's checkpoints share."""

import json
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from netseams.core import Config, FileFormatError
from netseams.models.config import TransformerConfig
from netseams.models.transformer import Transformer
from netseams.store import read_bytes

C = TypeVar("C", bound=Config)


class Checkpoint:
    """Named tensors of a file, each to be taken once and under its own name."""

    def __init__(self, path: Path, tensors: Mapping[str, Tensor]) -> None:
        self.path = path
        self._left = dict(tensors)

    def take(self, name: str, *shape: int) -> Tensor:
        """The tensor of that name, in single precision.

        Raises:
            FileFormatError: it is missing, of another shape, or not of numbers.
        """
        tensor = self._left.pop(name, None)
        if tensor is None or tuple(tensor.shape) != shape or not tensor.is_floating_point():
            came = "nothing" if tensor is None else f"{tuple(tensor.shape)} of {tensor.dtype}"
            raise FileFormatError(f"{self.path}: {name} should be {shape} of floats, came {came}")
        return tensor.to(torch.float32)

    def has(self, name: str) -> bool:
        return name in self._left

    def drop(self, names: Iterable[str]) -> None:
        """Leave out tensors that do not change the function, where they are."""
        for name in names:
            self._left.pop(name, None)

    def finish(self) -> None:
        """Confirm that nothing is left.

        Raises:
            FileFormatError: the file holds tensors that its config does not have.
        """
        if self._left:
            extra = sorted(self._left)
            raise FileFormatError(
                f"{self.path} holds {len(extra)} tensors that its config does not have: {extra[:3]}"
            )


def read_foreign_config(path: Path, kind: type[C], no_effect: frozenset[str]) -> C:
    """A config that others wrote: keys that `kind` has, the rest reported.

    Args:
        path: A JSON file.
        kind: What is read.
        no_effect: keys that others write and that do not change the function computed.

    Warns:
        UserWarning: other keys that we do not know.

    Raises:
        FileFormatError: the file is missing, not JSON, or a value is out of range.
    """
    values = read_json(path)
    unknown = sorted(values.keys() - kind.model_fields.keys() - no_effect)
    if unknown:
        warnings.warn(
            f"{path}: unknown keys {unknown} were not used; should one of them change what the "
            "model computes, the logits are wrong",
            UserWarning,
            stacklevel=2,
        )
    known = {name: value for name, value in values.items() if name in kind.model_fields}
    return kind.parse_json(json.dumps(known), str(path))


def read_json(path: Path) -> dict[str, Any]:
    """An object from a JSON file.

    Raises:
        FileFormatError: the file is missing, or holds something else.
    """
    try:
        values = json.loads(read_bytes(path))
    except ValueError:
        raise FileFormatError(f"{path} is not JSON: it may be truncated; copy it again") from None
    if not isinstance(values, dict):
        raise FileFormatError(f"{path} should hold an object, came {type(values).__name__}")
    return values


def our_config(path: Path, **options: Any) -> TransformerConfig:
    """A `TransformerConfig` from translated options.

    Raises:
        FileFormatError: the options that `path` states are impossible.
    """
    return TransformerConfig.parse_json(json.dumps(options), str(path))


def assemble(config: TransformerConfig, tensors: Mapping[str, Tensor]) -> Transformer:
    """The model with these weights, under our names. Copies, so that no two share memory."""
    with torch.device("meta"):
        model = Transformer(config)
    copies = {name: tensor.clone(memory_format=torch.contiguous_format)
              for name, tensor in tensors.items()}  # fmt: skip
    model.load_state_dict(copies, assign=True)
    if config.tied_unembed:  # assigning gave the two names a parameter each
        model.unembed.weight = model.embed.weight
    return model
