"""Tensors on disk: safetensors only, so that reading a file never runs code."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from netseams.core import FileFormatError
from netseams.store.files import write_bytes

_KNOWN = (torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.int32,
          torch.uint8, torch.bool)  # fmt: skip


def save_tensors(path: Path, tensors: dict[str, Tensor], header: dict[str, str]) -> None:
    """Write tensors and a flat header of strings, atomically.

    Raises:
        StorageError: no space, or the folder cannot be written.
    """
    data = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_bytes(path, _in_order(save(data, metadata=header)))


def _in_order(data: bytes) -> bytes:
    """The same file with its header's strings sorted: safetensors writes them in a random order."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[end:]


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read every tensor and the header.

    Raises:
        FileFormatError: the file is missing, truncated, a pickle, or holds NaN or infinity.
    """
    _refuse_pickle(path)
    try:
        with safe_open(path, framework="pt") as handle:
            tensors = {name: handle.get_tensor(name).clone() for name in handle.keys()}  # noqa: SIM118
            header = dict(handle.metadata() or {})
    except SafetensorError as error:
        raise FileFormatError(
            f"{path} is not a readable safetensors file ({error}): it may be truncated; "
            "copy or make it again"
        ) from None
    for name, tensor in tensors.items():
        if tensor.dtype not in _KNOWN:
            raise FileFormatError(
                f"{path}: tensor {name!r} is {tensor.dtype}, which we never write"
            )
        check_finite(path, name, tensor)
    return tensors, header


def check_finite(path: Path, name: str, tensor: Tensor) -> None:
    """Confirm that a tensor holds numbers only.

    Raises:
        FileFormatError: NaN or infinity.
    """
    if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
        raise FileFormatError(f"{path}: tensor {name!r} holds NaN or infinity")


def load_format(path: Path, name: str, version: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """`load_tensors` of a file whose header must say that it is of one of our formats.

    Raises:
        FileFormatError: as `load_tensors`; it is of another format or version.
    """
    tensors, header = load_tensors(path)
    if header.get("format") != name:
        raise FileFormatError(
            f"{path} is not a {name} file (its format is {header.get('format')!r})"
        )
    if header.get("version") != version:
        raise FileFormatError(
            f"{path} has format version {header.get('version')!r}; this release reads {version}"
        )
    return tensors, header


def read_tensor_header(path: Path) -> dict[str, str]:
    """Read the header alone, without loading a tensor.

    Raises:
        FileFormatError: as `load_tensors`.
    """
    _refuse_pickle(path)
    try:
        with safe_open(path, framework="pt") as handle:
            return dict(handle.metadata() or {})
    except SafetensorError as error:
        raise FileFormatError(f"{path} is not a readable safetensors file ({error})") from None


def _refuse_pickle(path: Path) -> None:
    try:
        with path.open("rb") as handle:
            head = handle.read(9)
    except OSError as error:
        raise FileFormatError(f"cannot read {path}: {error.strerror}") from None
    # safetensors: eight bytes that give the length of a JSON header, then its brace.
    if head[8:] != b"{" and (head[:2] == b"PK" or head[:1] == b"\x80"):
        raise FileFormatError(
            f"{path} looks like a pickle, which could run code: expected safetensors, not opened"
        )
